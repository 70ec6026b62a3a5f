"""Does sparsification buy anything over a well-coded lattice? Bits a draft against rejections, beside a lower bound.

    sqsim run sparse_or_coded            or            python -m scenarios.sparse_or_coded

Every scheme meets the same distributions along the verifier's own text, has one code (context-modelled, the drafted id
coded at -log2 qhat) and its settings chosen on the other seeds: K, threshold and resolution together for the sparse,
the resolution for the dense lattice and for the scalar quantizer, which rounds each probability by itself. The bound
and what it bounds: `simulator.results.rate_bounds`.
"""

from __future__ import annotations

from typing import TypeVar

from scenarios import Answer, Quick, Scenario, script
from scenarios.command.rate_questions import (
    BelowEveryPoint,
    ComputedTimes,
    EqualRejection,
    SharedPays,
    SparsePays,
    StrongerModel,
    WhatBreaksIt,
)  # fmt: skip
from simulator.results.rate_findings import RoundTime

DENSE = [2, 3, 5, 10, 18, 32, 60, 110, 200]
SCALAR = [3, 6, 12, 24, 45, 90, 180]
TOP_K = [(1, 1), (2, 4), (3, 6), (4, 8), (6, 10), (8, 14), (12, 20), (16, 30), (24, 40), (32, 60), (64, 110), (96, 200)]
LEAST = [(0.3, 3), (0.15, 5), (0.08, 8), (0.05, 10), (0.03, 12), (0.02, 16), (0.012, 24), (0.007, 32), (0.004, 60),
         (0.002, 110), (0.001, 200)]  # fmt: skip
MOVED = [(0.15, 5, 0.45), (0.05, 10, 0.3), (0.03, 12, 0.25), (0.012, 24, 0.16), (0.007, 32, 0.13), (0.004, 60, 0.09),
         (0.002, 110, 0.06), (0.001, 200, 0.04)]  # fmt: skip
Setting = TypeVar("Setting")
MADE = {"kind": "acceptance", "accepted_length": 2.7, "drafts": 3}
PAIRS = ["smollm2", {**MADE, "size": 128_256}, {**MADE, "size": 151_936}]


def schemes(every: int = 1) -> list[dict[str, object]]:
    """Each family's settings, or every so many of them from the coarsest on."""
    kept: list[tuple[object, object, int]] = [("all", "lattice", ell) for ell in _thinned(DENSE, every)]
    kept += [("all", "cubic", ell) for ell in _thinned(SCALAR, every)]
    kept += [({"kind": "top_k", "k": k}, "lattice", ell) for k, ell in _thinned(TOP_K, every)]
    kept += [({"kind": "threshold", "beta": beta}, "lattice", ell) for beta, ell in _thinned(LEAST, every)]
    kept += [
        ({"kind": "conformal", "initial": beta, "step": 0.01, "target": target, "carry": True}, "lattice", ell)
        for beta, ell, target in _thinned(MOVED, every)
    ]
    sent: list[dict[str, object]] = [
        {"kind": "composed", "sparsifier": sparsifier, "quantizer": {"kind": rule, "resolution": ell},
         "code": {"kind": "recoded", "token": "coded"}, "max_drafts": 1, "budget_bits": None}
        for sparsifier, rule, ell in kept
    ]  # fmt: skip
    sent += [{"kind": "coupled", "token": token, "max_drafts": 1} for token in ("raced", "coded")]
    return sent


def _thinned(settings: list[Setting], every: int) -> list[Setting]:
    return settings[::every]


SCENARIO = Scenario(
    name="sparse_or_coded",
    summary="Does sparsification save bits over a well-coded dense lattice at equal rejection, and what bounds both?",
    minutes=12,
    base={"workload.requests": 3, "workload.prompt_tokens": 32, "workload.output_tokens": 14},
    grid={"models.pair": PAIRS, "models.temperature": [0.5, 1.0, 1.4], "scheme": schemes()},
    axis="models.temperature",
    seeds=8,
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 12},
        grid={"models.pair": ["sotu", PAIRS[1]], "models.temperature": [1.0], "scheme": schemes(3)},
        seeds=8,
    ),
    study="rates",
    assumed="pairs of V = 128,256 and 151,936 have distributions of SmolLM2's shape, stretched, and 2.7 tokens a round "
    "of 3 drafts at every temperature (71% of Llama-3.3-70B's AL - 1, as pairs keep from temperature 0 to 1); no "
    "tables of language exist for them, so the code knows the text and nothing else",
    headlines=(),
    tables=(EqualRejection(), ComputedTimes(RoundTime(0.015, 0.025, 0.05), (10e3, 100e3))),
    figures=("rates",),
    findings=(
        WhatBreaksIt(),
        ByOtherMeasures(),
        SharedPays(),
        StrongerModel(),
        BelowEveryPoint(),
        Answer([SparsePays()]),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
