"""The study `round_tokens` beside loops over the distributions of `tables_pair`."""

import math
from statistics import fmean

import numpy as np
import pytest
from column_checks import alike, idle
from slow_drafts import drawn_by, kept_ids, lattice, threshold_after, verifiers_text
from tables_pair import P, Q, V, distribution_after

from channels.codec import wire
from channels.uniforms import Uniforms
from simulator import Cell
from simulator.decoding.memory import Memory
from simulator.results.study_columns import STUDY_KEYS, STUDY_METRICS
from simulator.studies import study

TEMPERATURE, ELL, L, PROMPT, OUTPUT, SEED = 0.8, 12, 3, 5, 7, 4
ENDS = {"kind": "composed", "quantizer": {"kind": "lattice", "resolution": ELL}, "max_drafts": L, "budget_bits": None}
KEPT: dict[str, object] = {
    "top_k": {"kind": "top_k", "k": 3},
    "all": "all",
    "conformal": {"kind": "conformal", "initial": 0.1, "step": 0.2, "target": 0.1, "carry": True},
}


def cell(kept: str) -> Cell:
    work = {"kind": "closed", "requests": 3, "prompt_tokens": PROMPT, "output_tokens": OUTPUT}
    models = {"pair": "tables_in_tests", "temperature": TEMPERATURE}
    return Cell.from_fields(
        {"models": models, "workload": work, "scheme": ENDS | {"sparsifier": KEPT[kept]}} | {"seed": SEED}
    )


def rows(kept: str) -> list[dict[str, float]]:
    return [dict(row) for row in study("round_tokens").ask(cell(kept), Memory(), None, None).rows]  # type: ignore[arg-type]


def slow_rounds(kept: str) -> list[tuple[list[float], list[float], list[float]]]:
    """Bits, and tokens by both verifications, of the first 1, 2, ... drafts of each round."""
    found, beta, packets = [], 0.1, cell(kept).scheme.packets(V)  # type: ignore[attr-defined]
    for number in range(3):
        for place, text in enumerate(verifiers_text(cell(kept), 0, number)):
            if place % L == 0:
                found.append(slow_round(kept, number, place, text, beta, packets))
            beta = threshold_after(beta, distribution_after(Q, text[-1], TEMPERATURE), 0.2, 0.1)
    return found


def slow_round(kept: str, number: int, place: int, before: list[int], beta: float, packets):  # type: ignore[no-untyped-def]
    text, drafts, rejection, block = [*before], list[wire.Draft](), [1.0], [1.0]
    alone = together = 1.0
    for n in range(L):
        p, q = (distribution_after(table, text[-1], TEMPERATURE) for table in (P, Q))
        ids = kept_ids(q, 3 if kept == "top_k" else V, beta if kept == "conformal" else None)
        counts = lattice([q[token] for token in ids], ELL)
        u = Uniforms.of(SEED, "draft").keyed(0, number).uniform(place + 1, n)
        token = ids[drawn_by(counts, u)]
        ratio = p[token] / (counts[ids.index(token)] / ELL)
        alone, together = alone * min(1.0, ratio), min(1.0, together * ratio)
        rejection.append(rejection[-1] + alone)
        block.append(block[-1] + together)
        drafts.append(wire.Draft(token, np.array(ids), np.array(counts)))
        beta = threshold_after(beta, q, 0.2, 0.1)
        text.append(token)
    bits = [packets.length_bits(drafts[:n], tuple(before)) for n in range(1, L + 1)]
    return bits, rejection[1:], block[1:]


@pytest.mark.parametrize("kept", KEPT)
def test_each_length_has_the_tokens_and_bits_that_loops_over_its_rounds_find(kept: str) -> None:
    slow = slow_rounds(kept)
    assert len(slow) == 3 * math.ceil(OUTPUT / L)
    for n, row in enumerate(rows(kept)):
        bits, rejection, block = (fmean(each[of][n] for each in slow) for of in range(3))
        assert row == pytest.approx({
            "vocabulary": V, "round_drafts": n + 1, "coded_bits_per_draft": bits / (n + 1),
            "rejection_tokens_per_round": rejection, "block_tokens_per_round": block,
            "block_gain": block / rejection - 1,
        })  # fmt: skip


def test_every_column_is_declared_and_none_can_be_taken_for_another() -> None:
    found = [row for kept in KEPT for row in rows(kept)]
    columns = {name: [row[name] for row in found] for name in found[0]}
    assert set(columns) <= {*STUDY_METRICS, *STUDY_KEYS}
    assert not alike(columns) and not idle(columns)


def test_a_round_of_one_draft_gains_nothing_and_longer_ones_no_less() -> None:
    gains = [row["block_gain"] for row in rows("all")]
    assert gains[0] == 0 and gains == sorted(gains) and gains[-1] > 0
