"""What it is worth that the cloud holds the drafter too: bits, cloud seconds and latency of `mirrored` beside K-SQS.

    pytest -s tests/benchmarks/bench_mirrored.py

Both commit the same text where K and ell are the same. Ids and a checksum cost the same whatever K and ell are, so
`mirrored` may keep nearly all of q. Each scheme at its own best number of drafts, for each rate; clocks are the
defaults (OPT-13B on an A100, its drafter OPT-125M beside it), headers 40 bytes, and 5. The second table says how often
the cloud's counts differ from the edge's: passes of one drafter that are cut otherwise, and logits off by some drift.
`SQSIM_SCALE=full` has the pair smollm2 too.
"""

from __future__ import annotations

import itertools
import os

import numpy as np
import pytest
from timed_cells import narrow, uplink

from channels.codec import prior_files
from channels.codec.lattice import quantize
from channels.codec.sparsify import TopK
from models.interface import Pair
from simulator import simulate
from simulator.decoding.memory import Memory

PAIRS = ("sotu", "smollm2") if os.environ.get("SQSIM_SCALE") == "full" else ("sotu",)
RATES_BPS = (1e3, 3e3, 10e3, 100e3)
HEADERS_BITS = (320, 40)
DRAFTS = (1, 2, 4, 8)
FINE = {"sparsifier": {"kind": "top_k", "k": 512}, "quantizer": {"kind": "lattice", "resolution": 4096}}
SCHEMES: dict[str, dict[str, object]] = {
    "k_sqs, paper's count": {"kind": "k_sqs", "code": "enumerative", "token": "flat"},
    "k_sqs, recoded": {"kind": "k_sqs"},
    "coupled, flat": {"kind": "coupled", "token": "flat"},
    "coupled, raced": {"kind": "coupled", "token": "raced"},
    "mirrored, flat": {"kind": "mirrored", "ids": "flat"},
    "mirrored, prior": {"kind": "mirrored", "ids": "prior"},
    "mirrored, distribution": {"kind": "mirrored", "ids": "law"},
    "mirrored, prior, fine": {"kind": "mirrored", "ids": "prior", **FINE},
    "mirrored, distribution, fine": {"kind": "mirrored", "ids": "law", **FINE},
}


@pytest.mark.parametrize("pair", PAIRS)
def test_mirrored_beside_k_sqs(pair: str) -> None:
    import models.zoo  # noqa: F401, registers the pairs

    if not prior_files.bundled_prior(Pair.of(pair).vocabulary):
        pytest.skip(f"no prior for {pair}")
    memory = Memory()
    header = "".join(f"{f'{bps / 1e3:g}k/{bits}':>10}" for bits in HEADERS_BITS for bps in RATES_BPS)
    print(
        f"\n{pair}: ms a token at bit/s / header bits, bits a draft and cloud ms a token at 4 drafts, rounds asked for"
    )
    print(f"{'':24}{header}{'bits':>8}{'cloud':>8}{'asked':>8}")
    for name, scheme in SCHEMES.items():
        best: dict[tuple[int, float], float] = {}
        for drafts, bits, bps in itertools.product(DRAFTS, HEADERS_BITS, RATES_BPS):
            summary = simulate(narrow(pair, {**scheme, "max_drafts": drafts}, uplink(bps, bits)), memory=memory).summary
            at = bits, bps
            best[at] = min(best.get(at, 1e9), 1e3 * summary["latency_per_token_s"])
            if drafts == 4:
                told = summary
        columns = "".join(f"{best[bits, bps]:10.1f}" for bits in HEADERS_BITS for bps in RATES_BPS)
        told_bits, cloud_ms = told["payload_bits_per_draft"], 1e3 * told["cloud_s_per_token"]
        print(f"{name:24}{columns}{told_bits:8.1f}{cloud_ms:8.2f}{told['asked_per_round']:8.3f}", flush=True)


ROUND, ROUNDS = 5, 1_000
POINTS = ((3, 16), (8, 64), (8, 100), (64, 100), (512, 4096))
DRIFTS = (1e-5, 1e-4, 1e-3, 1e-2)


@pytest.mark.parametrize("kind", PAIRS)
def test_how_often_the_clouds_counts_differ(kind: str) -> None:
    """The rounds have five drafts: the edge's passes run draft by draft, the cloud's over a round at once."""
    import models.zoo  # noqa: F401, registers the pairs

    pair, rng, rounds = Pair.of(kind).load(), np.random.default_rng(0), 0
    differ = {(point, drift): 0 for point in POINTS for drift in (0.0, *DRIFTS)}
    for prompt in itertools.cycle(pair.prompts):
        edge, cloud, text = pair.drafter.open(1.0), pair.drafter.open(1.0), prompt.tokens[:64]
        for _ in range(min(12, ROUNDS - rounds)):
            rounds += 1
            distributions, drafts = [], []
            for _ in range(ROUND):
                distributions.append(edge.distributions((*text, *drafts), 1)[0])
                drafts.append(int(rng.choice(pair.vocabulary, p=distributions[-1])))
            drifted = {
                drift: distributions * np.exp(drift * rng.standard_normal((ROUND, pair.vocabulary))) for drift in DRIFTS
            }
            drifted[0.0] = cloud.distributions((*text, *drafts), ROUND + 1)[:-1]
            for point, drift in differ:
                differ[point, drift] += any(
                    counts(a, *point) != counts(b, *point) for a, b in zip(distributions, drifted[drift], strict=True)
                )
            text = (*text, *drafts[: int(rng.integers(1, ROUND + 1))])
        if rounds == ROUNDS:
            break
    print(f"\n{kind}: of {rounds} rounds of {ROUND} drafts, those in which counts differ, by drift")
    print("".join(f"{name:>14}" for name in ("K, ell", "passes cut", *DRIFTS)))
    for point in POINTS:
        row = (f"{differ[point, drift] / rounds:.2%}" for drift in (0.0, *DRIFTS))
        print("".join(f"{each:>14}" for each in (f"{point[0]}, {point[1]}", *row)))


def counts(q: np.ndarray, k: int, resolution: int) -> bytes:
    support = TopK(k).support(q)
    numbers = quantize(q[support], resolution)
    return support[numbers > 0].tobytes() + numbers[numbers > 0].tobytes()
