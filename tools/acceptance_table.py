"""Acceptance of a pair: the mean of sum_x min(p, q) over the verifier's own continuations of prompts, the ceiling of
what a codec can keep. At temperature 0 it is the share of positions where both prefer the same token."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from kinds.arrays import Floats
from models.interface import LoadedPair
from models.verification import inverse_cdf, total_variation

TEMPERATURES = (0.0, 0.5, 1.0)


class AcceptanceTable(TypedDict):
    """Acceptance over some text, by temperature, over all prompts and by their kind."""

    prompts: int
    prompt_tokens: int
    new_tokens: int
    seed: int
    temperatures: dict[str, float]
    by_kind: dict[str, dict[str, float]]


def acceptance_table(pair: LoadedPair, new_tokens: int = 64) -> AcceptanceTable:
    """Acceptance at each of TEMPERATURES on `new_tokens` sampled tokens after each prompt's first 64."""
    prompt_tokens, seed = 64, 0
    by_kind: dict[str, dict[str, list[float]]] = {}
    for temperature in TEMPERATURES:
        for index, prompt in enumerate(pair.prompts):
            uniforms = np.random.default_rng([seed, index]).random(new_tokens)
            values = _on_own_text(pair, prompt.tokens[:prompt_tokens], temperature, uniforms)
            by_kind.setdefault(prompt.kind, {}).setdefault(f"{temperature:g}", []).append(values)
    kinds = {kind: {t: round(float(np.mean(v)), 4) for t, v in rows.items()} for kind, rows in by_kind.items()}
    pooled = {
        f"{t:g}": round(float(np.mean([v for rows in by_kind.values() for v in rows[f"{t:g}"]])), 4)
        for t in TEMPERATURES
    }
    return AcceptanceTable(
        prompts=len(pair.prompts),
        prompt_tokens=prompt_tokens,
        new_tokens=new_tokens,
        seed=seed,
        temperatures=pooled,
        by_kind=kinds,
    )


def _on_own_text(pair: LoadedPair, prompt: tuple[int, ...], temperature: float, uniforms: Floats) -> float:
    """Mean of 1 - TV(p, q) along one continuation drawn from the verifier."""
    text, distributions = prompt, []
    opened = pair.verifier.open(temperature)
    for u in uniforms:
        distributions.append(opened.distributions(text, 1)[0])
        text += (inverse_cdf(distributions[-1], float(u)),)
    q = pair.drafter.open(temperature).distributions(text[:-1], len(uniforms))
    return float(1 - total_variation(np.array(distributions), q).mean())
