"""Does sparsification buy anything over a well-coded lattice? Bits a draft against rejections, beside a lower bound.

    sqsim run sparse_or_coded            or            python -m scenarios.sparse_or_coded

Every scheme meets the same distributions along the verifier's own text, has one code (context-modelled, the drafted id
coded at -log2 qhat) and its settings chosen on the other seeds: K or threshold with the resolution for the sparse, the
resolution for the dense lattice and for the scalar quantizer, which rounds each probability by itself. The bound and
what it bounds: `simulator.results.rate_bounds`.
"""

from __future__ import annotations

from scenarios import Answer, Quick, Scenario, script
from scenarios.command import rate_questions as asked
from simulator.results.rate_findings import RoundTime

DENSE, SCALAR = [2, 3, 5, 10, 18, 32, 60, 110, 200], [3, 6, 12, 24, 45, 90, 180]
K = {1: 1, 2: 4, 3: 6, 4: 8, 6: 10, 8: 14, 12: 20, 16: 30, 24: 40, 32: 60, 64: 110, 96: 200}  # each with its resolution
BETA = {0.3: 3, 0.15: 5, 0.08: 8, 0.05: 10, 0.03: 12, 0.02: 16, 0.012: 24, 0.007: 32, 0.004: 60, 0.002: 110, 0.001: 200}
TARGET = {0.15: 0.45, 0.05: 0.3, 0.03: 0.25, 0.012: 0.16, 0.007: 0.13, 0.004: 0.09, 0.002: 0.06, 0.001: 0.04}
MADE = {"kind": "acceptance", "accepted_length": 2.7, "drafts": 3}
PAIRS = ["smollm2", {**MADE, "size": 128_256}, {**MADE, "size": 151_936}]


def schemes(every: int = 1) -> list[dict[str, object]]:
    """Each family's settings, or every so many of them from the coarsest on; ids by both of their codes."""
    kept: list[tuple[object, str, int]] = [("all", "lattice", ell) for ell in DENSE[::every]]
    kept += [("all", "cubic", ell) for ell in SCALAR[::every]]
    kept += [({"kind": "top_k", "k": k}, "lattice", ell) for k, ell in [*K.items()][::every]]
    kept += [({"kind": "threshold", "beta": beta}, "lattice", ell) for beta, ell in [*BETA.items()][::every]]
    moving = {"kind": "conformal", "step": 0.01, "carry": True}
    for beta, target in [*TARGET.items()][::every]:
        kept.append(({**moving, "initial": beta, "target": target}, "lattice", BETA[beta]))
    one = {"kind": "composed", "code": {"kind": "recoded", "token": "coded"}, "max_drafts": 1, "budget_bits": None}
    sent: list[dict[str, object]] = [{"kind": "coupled", "token": by, "max_drafts": 1} for by in ("raced", "coded")]
    return [{**one, "sparsifier": by, "quantizer": {"kind": rule, "resolution": ell}} for by, rule, ell in kept] + sent


SCENARIO = Scenario(
    name="sparse_or_coded",
    summary="Does sparsification save bits over a well-coded dense lattice at equal rejection, and what bounds both?",
    minutes=8,
    base={"workload.requests": 3, "workload.prompt_tokens": 32, "workload.output_tokens": 14},
    grid={"models.pair": PAIRS, "models.temperature": [0.5, 1.0, 1.4], "scheme": schemes()},
    axis="models.temperature",
    seeds=8,
    quick=Quick({"workload.requests": 1, "workload.output_tokens": 12},
                {"models.pair": ["sotu", PAIRS[1]], "models.temperature": [1.0], "scheme": schemes(3)}, seeds=8),
    study="rates",
    assumed=asked.MADE_PAIRS,
    headlines=(),
    tables=(asked.EqualRejection(), asked.ComputedTimes(RoundTime(0.015, 0.025, 0.05), (10e3, 100e3))),
    figures=("rates",),
    findings=(asked.WhatBreaksIt(), asked.SharedPays(), asked.StrongerModel(), asked.BelowEveryPoint(),
              Answer([asked.SparsePays()])),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
