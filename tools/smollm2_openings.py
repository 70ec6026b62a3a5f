"""Short openings that the verifier continues: a sentence or less of many kinds of text, in several languages.

Each kind is a file of templates beside this one, `openings/KIND.txt`, one a line; `{slot}` is filled from
`openings/fillings.txt`, so that a few hundred lines give millions of different starts. All of our own writing; the
prompts under `models/prompts` share no sentence with them. A further kind is one more file and its share below.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).with_name("openings")
SHARES = {
    "news": 0.13,
    "story": 0.13,
    "question": 0.09,
    "code": 0.205,
    "prose": 0.08,
    "dialogue": 0.06,
    "recipe": 0.04,
    "essay": 0.04,
    "list": 0.035,
    "letter": 0.03,
    "instructions": 0.03,
    "encyclopedia": 0.03,
    "speech": 0.02,
    "maths": 0.02,
    "poem": 0.01,
    "french": 0.01,
    "german": 0.01,
    "spanish": 0.01,
    "italian": 0.01,
    "russian": 0.01,
}
"""Frequency of each kind of opening."""
ASKED = ("question", "instructions")  # the kinds that a user of the chat writes
SYSTEM = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"


def _lines(name: str) -> list[str]:
    """The lines of a file; `\\n` in them is a new line."""
    lines = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line.replace(r"\n", "\n") for line in lines]


FAMILIES = {kind: _lines(kind) for kind in SHARES}
FILLINGS = {slot: words.split(", ") for slot, words in (line.split(": ") for line in _lines("fillings"))}
"""Texts that each {slot} of a template may become."""


def opening(rng: np.random.Generator) -> str:
    """Returns an opening; one in four follows the document separator, as at the start of a page."""
    text = _one_of(str(rng.choice(list(SHARES), p=list(SHARES.values()))), rng)
    return f"<|endoftext|>{text}" if rng.random() < 0.25 else text


def chat(rng: np.random.Generator) -> str:
    """The start of a conversation: half leave the user's message to the verifier, half ask one of ASKED."""
    start = (SYSTEM if rng.random() < 0.5 else "") + "<|im_start|>user\n"
    if rng.random() < 0.5:
        return start
    return f"{start}{_one_of(str(rng.choice(ASKED)), rng).rstrip()}<|im_end|>\n<|im_start|>assistant\n"


def _one_of(kind: str, rng: np.random.Generator) -> str:
    family = FAMILIES[kind]
    return _fill(family[int(rng.integers(len(family)))], rng)


def _fill(template: str, rng: np.random.Generator) -> str:
    """The template with each {slot} filled; {Slot} begins with a capital, {SLOT} is all capitals, `\\{` is a brace."""

    def one(slot: re.Match[str]) -> str:
        options = FILLINGS[slot[1].lower()]
        word = options[int(rng.integers(len(options)))]
        return word.upper() if slot[1].isupper() else word[:1].upper() + word[1:] if slot[1][0].isupper() else word

    return re.sub(r"(?<!\\){(\w+)}", one, template).replace(r"\{", "{")
