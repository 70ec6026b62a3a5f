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

from models.files import read_prompts
from models.smollm2 import SmolLM2
from models.smollm2_files import verifier_folder
from models.smollm2_network import assemble, network
from models.training.smollm2_data import keep_freed_memory, tokenizer_of
from models.training.smollm2_teacher import Teacher, write

NEW_TOKENS = 64
SAMPLES = {0.0: 1, 0.5: 4, 1.0: 8}
"""Temperatures, and how many continuations of each prompt are drawn."""
Table = dict[str, dict[str, float]]


def evaluate(weights: Path, seed: int = 0) -> Table:
    """{temperature: {kind: acceptance}}, with `ordinary`, the mean of all kinds but addresses."""
    keep_freed_memory()
    torch.set_num_threads(1)
    folder = verifier_folder()
    teacher, tokenizer = Teacher(folder), tokenizer_of(folder)
    drafter = network(assemble(load_file(weights), teacher.exact)).eval()
    prompts = read_prompts(SmolLM2.texts, lambda text: list(tokenizer.encode(text).ids))
    table: Table = {}
    for temperature, samples in SAMPLES.items():
        texts = [list(prompt.tokens) for prompt in prompts for _ in range(samples)]
        shares = np.array(list(_shares(teacher, drafter, texts, temperature, seed))).reshape(-1, samples).mean(axis=1)
        kinds = np.array([prompt.kind for prompt in prompts])
        row = {kind: round(float(shares[kinds == kind].mean()), 4) for kind in sorted(set(kinds))}
        row["ordinary"] = round(float(np.mean([value for kind, value in row.items() if kind != "address"])), 4)
        table[f"{temperature:g}"] = row
        print(f"temperature {temperature:g}: {row}", flush=True)
    return table


@torch.inference_mode()
def _shares(
    teacher: Teacher, drafter: torch.nn.Module, prompts: list[list[int]], temperature: float, seed: int
) -> Iterator[float]:
    """The mean acceptance over the continuation of each prompt."""
    length = max(map(len, prompts)) + NEW_TOKENS
    heat = max(temperature, 1e-4)  # so cold that samples are the likeliest tokens
    windows, hidden = write(teacher, prompts, [0] * len(prompts), [heat] * len(prompts), length, seed)
    for prompt, tokens, states in zip(prompts, windows.tokens, hidden, strict=True):
        span = slice(len(prompt) - 1, len(prompt) - 1 + NEW_TOKENS)
        judged = states[span].float() @ teacher.exact.T
        drafted = drafter(input_ids=tokens[None, : span.stop].long()).logits[0, span]
        if temperature == 0:
            yield float((judged.argmax(-1) == drafted.argmax(-1)).float().mean())
        else:
            p, q = (judged / temperature).softmax(-1), (drafted / temperature).softmax(-1)
            yield float(torch.minimum(p, q).sum(-1).mean())
