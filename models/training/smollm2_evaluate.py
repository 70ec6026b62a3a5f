"""Acceptance of the drafter on the verifier's own continuations of the bundled prompts, by kind and temperature.

Acceptance is the mean of sum_x min(p(x), q(x)) over the positions of the continuations: the probability that a draft
from q is accepted. At temperature 0 it is the share of positions where both prefer the same token. The verifier writes
and judges in bfloat16 (its laws are within a total variation of .01 of float32), the drafter runs as it ships.
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
from models.prompt_files import read_prompts
from models.training.smollm2_data import keep_freed_memory, tokenizer_of
from models.training.smollm2_teacher import Teacher, write

NEW_TOKENS = 64
SAMPLES = {0.0: 1, 0.5: 2, 1.0: 4}
"""Temperatures, and how many continuations of each prompt are drawn."""
Table = dict[str, dict[str, float]]


def evaluate(weights: Path, scratch: Path, seed: int = 0) -> Table:
    """{temperature: {kind: acceptance}}, with `ordinary`, the mean of all kinds but addresses.

    The continuations do not depend on the drafter; they are kept in `scratch` and read from there the next time.
    """
    keep_freed_memory()
    torch.set_num_threads(1)
    folder = verifier_folder()
    tokenizer = tokenizer_of(folder)
    embedding = load_file(folder / "model.safetensors")["model.embed_tokens.weight"]
    drafter = network(assemble(load_file(weights), embedding)).eval()
    prompts = read_prompts(SmolLM2.texts, lambda text: list(tokenizer.encode(text).ids))
    kinds = np.array([prompt.kind for prompt in prompts])
    table: Table = {}
    for temperature, samples in SAMPLES.items():
        texts = [list(prompt.tokens) for prompt in prompts for _ in range(samples)]
        path = scratch / f"continuations-{temperature:g}-{seed}-{sha256(SmolLM2.texts)[:12]}.safetensors"
        if not path.exists():
            _continue(texts, temperature, seed, path)
        shares = np.array(list(_shares(load_file(path), drafter, embedding, texts, temperature)))
        means = shares.reshape(-1, samples).mean(axis=1)
        row = {kind: round(float(means[kinds == kind].mean()), 4) for kind in sorted(set(kinds.tolist()))}
        row["ordinary"] = round(float(means[kinds != "address"].mean()), 4)
        table[f"{temperature:g}"] = row
        print(f"temperature {temperature:g}: {row}", flush=True)
    return table


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
        judged = states[span].float() @ embedding.T
        drafted = drafter(input_ids=tokens[None, : span.stop].long()).logits[0, span]
        if temperature == 0:
            yield float((judged.argmax(-1) == drafted.argmax(-1)).float().mean())
        else:
            p, q = (judged / temperature).softmax(-1), (drafted / temperature).softmax(-1)
            yield float(torch.minimum(p, q).sum(-1).mean())
