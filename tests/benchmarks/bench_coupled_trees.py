"""What lists of ids are worth where both ends race: hits and bits by rank, and latency beside `coupled` and K-SQS.

    pytest -s tests/benchmarks/bench_coupled_trees.py

The first table is of texts that the verifier's race writes after the pair's prompts: how often its winner is the
drafter's k-th arrival; what the k-th id costs after the ids before it, one by one; what a set of the first k costs. The
second has each scheme at the best of its shapes, chosen on the same texts: tokens and payload bits a round, and ms a
token over rates. Round trip 40 ms, 6 ms a pass of the drafter, 43 ms one of the verifier, of whatever size.
`SQSIM_SCALE=full` has the pair smollm2 too, in half an hour.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pytest
from timed_cells import CLOCKS, narrow, uplink

from channels.codec.coder.arithmetic import MEASURE, cost, machine
from channels.codec.draft import Format, latest
from channels.codec.id_distribution import code_raced_set
from channels.uniforms import Uniforms
from kinds.arrays import Ints
from models.interface import Pair
from models.verification import arrivals, race
from simulator import simulate
from simulator.decoding.memory import Memory

PAIRS = ("sotu", "smollm2") if os.environ.get("SQSIM_SCALE") == "full" else ("sotu",)
TEXTS, TOKENS, RANKS = 24, 24, 8
RATES_BPS = (1e3, 3e3, 10e3, 100e3)
HEADERS_BITS = (320, 96)
SHAPES: dict[str, list[dict[str, object]]] = {
    "coupled": [{"kind": "coupled", "max_drafts": drafts} for drafts in (1, 2, 3, 4, 6)],
    "coupled_tree": [
        {"kind": "coupled_tree", "nodes": nodes, "max_drafts": levels}
        for nodes in (4, 8, 12, 16, 24)
        for levels in (2, 3, 4)
    ],
    "k_sqs, paper's code": [
        {"kind": "k_sqs", "code": "enumerative", "k": k, "resolution": ell, "max_drafts": drafts, "budget_bits": None}
        for k, ell in ((2, 16), (4, 16), (4, 100), (8, 100))
        for drafts in (1, 2, 3, 4)
    ],
}


class RacedToken(NamedTuple):
    """A position of a text: its words, who arrived first on q, and who won on p."""

    context: Ints
    words: Ints
    arrived: tuple[int, ...]
    winner: int


def raced_tokens(kind: str) -> Iterator[RacedToken]:
    pair = Pair.of(kind).load()
    for number in range(TEXTS):
        drafter, verifier, shared = pair.drafter.open(1.0), pair.verifier.open(1.0), Uniforms.of(number, "shared")
        text = pair.prompts[number % len(pair.prompts)].tokens[:40]
        for _ in range(TOKENS):
            q, p = (model.distributions(text, 1)[0] for model in (drafter, verifier))
            exponentials = shared.exponentials(pair.vocabulary, len(text))
            winner = race(p, exponentials)
            words, known = shared.words(pair.vocabulary, len(text)), latest(text, 128, pair.vocabulary)
            yield RacedToken(known, words, arrivals(q, exponentials, RANKS), winner)
            text = (*text, winner)


def bits(format: Format, at: RacedToken, gone: Sequence[int], ids: Sequence[int]) -> float:
    io = machine(MEASURE)
    found = np.array(sorted(ids))
    code_raced_set(io, np.empty(0, np.uint8), format, at.context, at.words, np.array(gone, np.int64), found)
    return cost(io) / 2**32


@pytest.mark.parametrize("kind", PAIRS)
def test_hits_and_bits_by_rank(kind: str) -> None:
    import models.zoo  # noqa: F401, registers the pairs

    tokens, format = list(raced_tokens(kind)), Format(Pair.of(kind).vocabulary, 1, 1)
    print(f"\n{kind}, {len(tokens)} positions: by rank k")
    hit = np.array([[at.winner == each for each in at.arrived] for at in tokens]).mean(axis=0)
    alone = np.array([[bits(format, at, at.arrived[:k], at.arrived[k : k + 1]) for k in range(RANKS)] for at in tokens])
    sets = np.array([[bits(format, at, (), at.arrived[: k + 1]) for k in range(RANKS)] for at in tokens])
    ordered, together = alone.mean(axis=0), sets.mean(axis=0)
    for name, row in (
        ("P(the winner is the k-th)", hit),
        ("P(it is among the first k)", hit.cumsum()),
        ("bits of the k-th id", ordered),
        ("bits of the first k, a set", together),
        ("which saves, bits", ordered.cumsum() - together),
    ):
        print(f"{name:28}" + "".join(f"{each:8.3f}" if name.startswith("P") else f"{each:8.1f}" for each in row))


@pytest.mark.parametrize("kind", PAIRS)
def test_coupled_trees_beside_coupled_and_k_sqs(kind: str) -> None:
    import models.zoo  # noqa: F401, registers the pairs

    memory, places = Memory(), [(header, bps) for header in HEADERS_BITS for bps in RATES_BPS]
    print(f"\n{kind}: ms a token at bit/s / header bits; tokens and bits a round at {RATES_BPS[2]:g} bit/s")
    names = [f"{bps / 1e3:g}k/{header}" for header, bps in places]
    print(f"{'':22}{''.join(f'{name:>10}' for name in names)}  tokens    bits")
    best = dict[str, list[float]]()
    for name, shapes in SHAPES.items():
        found = [[run(kind, each, bps, header, memory) for header, bps in places] for each in shapes]
        best[name] = [min(each[place][0] for each in found) for place in range(len(places))]
        middle = min(each[2] for each in found)
        print(f"{name:22}{''.join(f'{each:10.1f}' for each in best[name])}{middle[1]:8.2f}{middle[2]:8.1f}", flush=True)
    for name in ("coupled", "k_sqs, paper's code"):
        shares = (one / other for one, other in zip(best["coupled_tree"], best[name], strict=True))
        print(f"{f'over {name}':22}{''.join(f'{each:10.2f}' for each in shares)}")


def run(kind: str, scheme: dict[str, object], bps: float, header_bits: int, memory: Memory) -> tuple[float, ...]:
    """ms a token, tokens a round, payload bits a round."""
    made = narrow(kind, scheme, uplink(bps, header_bits), 6, **CLOCKS)
    result = simulate(made, memory=memory)
    summary = result.summary
    tokens, payload_bits = 1 + summary["accepted_per_round"], float(result.rounds["payload_bits"].mean())
    return 1e3 * summary["latency_per_token_s"], tokens, payload_bits
