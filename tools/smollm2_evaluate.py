"""Acceptance of the drafter on the verifier's own continuations of the bundled prompts, by kind and temperature.

Acceptance is the mean of sum_x min(p(x), q(x)) over the positions of the continuations: the probability that a draft
from q is accepted. At temperature 0 it is the share of positions where both prefer the same token. The verifier writes
and judges in bfloat16 (its distributions are within a total variation of .01 of float32), the drafter runs as it ships.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from kinds.files import sha256
from models.bundled.smollm2 import SmolLM2
from models.bundled.smollm2_drafter import Weights, assemble, network
from models.bundled.smollm2_wheel import verifier_folder
from models.prompt_files import KINDS, LANGUAGES, read_prompts
from tools.smollm2_data import keep_freed_memory, tokenizer_of
from tools.smollm2_openings import SHARES
from tools.smollm2_teacher import Teacher, write

NEW_TOKENS = 64
SAMPLES = {0.0: 1, 0.5: 2, 1.0: 4}  # temperatures, and how many continuations of each prompt are drawn
TEXTS = (SmolLM2.texts, KINDS, *sorted(LANGUAGES.glob("*.jsonl")))
Row = dict[str, float]


def evaluate(weights: Path, scratch: Path, seed: int = 0) -> dict[str, Row]:
    """{temperature: {kind, language or group: acceptance}}; see `groups`.

    The continuations do not depend on the drafter; they are kept in `scratch` and read from there the next time.
    """
    keep_freed_memory()
    torch.set_num_threads(1)
    folder = verifier_folder()
    tokenizer = tokenizer_of(folder)
    embedding = load_file(folder / "model.safetensors")["model.embed_tokens.weight"]
    drafter = network(assemble(load_file(weights), embedding)).eval()
    table: dict[str, Row] = {}
    for temperature, samples in SAMPLES.items():
        shares: dict[str, list[float]] = {}
        for texts in TEXTS:
            prompts = read_prompts(texts, lambda text: list(tokenizer.encode(text).ids))
            repeated = [list(prompt.tokens) for prompt in prompts for _ in range(samples)]
            path = scratch / f"continuations-{temperature:g}-{seed}-{sha256(texts)[:12]}.safetensors"
            if not path.exists():
                _continue(repeated, temperature, seed, path)
            measured = np.array(list(_shares(load_file(path), drafter, embedding, repeated, temperature)))
            for prompt, mean in zip(prompts, measured.reshape(-1, samples).mean(axis=1), strict=True):
                shares.setdefault(texts.stem if texts.parent == LANGUAGES else prompt.kind, []).append(float(mean))
        table[f"{temperature:g}"] = groups({kind: float(np.mean(each)) for kind, each in shares.items()})
        print(f"temperature {temperature:g}: {table[f'{temperature:g}']}", flush=True)
    return table


def groups(kinds: Row) -> Row:
    """The kinds' acceptances and their means: `ordinary` (news, questions, stories), `other kinds` that targets were
    written for, kinds `left out` of the targets, `languages` beside English."""
    languages = {path.stem for path in LANGUAGES.glob("*.jsonl")} - {"english", "python"}
    ordinary = {"news", "question", "story"}
    members = {
        "ordinary": ordinary,
        "other kinds": kinds.keys() & SHARES.keys() - ordinary - languages,
        "left out": kinds.keys() - SHARES.keys() - {"address", "english", "python"},
        "languages": languages,
    }
    means = {group: float(np.mean([kinds[kind] for kind in each])) for group, each in members.items()}
    return {name: round(value, 4) for name, value in {**kinds, **means}.items()}


def _continue(prompts: list[list[int]], temperature: float, seed: int, path: Path) -> None:
    """Writes the verifier's continuation of each prompt by NEW_TOKENS or more."""
    path.parent.mkdir(parents=True, exist_ok=True)
    length = max(map(len, prompts)) + NEW_TOKENS
    heat = max(temperature, 1e-4)  # so cold that samples are the likeliest tokens
    teacher = Teacher(verifier_folder())
    windows, hidden = write(teacher, prompts, [0] * len(prompts), [heat] * len(prompts), length, seed)
    windows.save(path, hidden)


@torch.inference_mode()
def _shares(
    written: Weights, drafter: torch.nn.Module, embedding: torch.Tensor, prompts: list[list[int]], temperature: float
) -> Iterator[float]:
    """The mean acceptance over the continuation of each prompt."""
    for prompt, tokens, states in zip(prompts, written["tokens"], written["hidden"], strict=True):
        span = slice(len(prompt) - 1, len(prompt) - 1 + NEW_TOKENS)
        verified = states[span].float() @ embedding.T
        drafted = drafter(input_ids=tokens[None, : span.stop].long()).logits[0, span]
        if temperature == 0:
            yield float((verified.argmax(-1) == drafted.argmax(-1)).float().mean())
        else:
            p, q = (verified / temperature).softmax(-1), (drafted / temperature).softmax(-1)
            yield float(torch.minimum(p, q).sum(-1).mean())
