"""Conformal sparsification against its alternatives: who rejects least at equal bits, and who needs fewest bits.

Each family is swept over its one parameter, which makes it a curve of bits and expected rejections. C-SQS is swept over
its first threshold: at the paper's step and target, and at larger steps with a target near what that threshold drops at
first. Of its steps each seed takes the one that served the other seeds best.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from scenarios import AtEqual, Quick, Scenario, asks, script
from scenarios.findings.comparisons import PairedCurves, places
from scenarios.findings.wording import Finding, less_or_more
from simulator.results.column_names import CURVE
from simulator.results.intervals import Difference

LEAST = [0.3, 0.2, 0.13, 0.08, 0.05, 0.032, 0.02, 0.012, 0.0075, 0.0045, 0.0025, 0.0013]
DROPPED = [0.54, 0.5, 0.44, 0.38, 0.32, 0.27, 0.22, 0.18, 0.145, 0.115, 0.09, 0.065]
SWEPT: dict[str, tuple[str, list[float], dict[str, object]]] = {
    "top_k": ("k", [1, 2, 3, 4, 6, 10, 16, 28, 48], {}),
    "threshold": ("beta", LEAST, {}),
    "top_p": ("mass", [0.05, 0.25, 0.4, 0.55, 0.7, 0.8, 0.88, 0.94], {}),
    "min_p": ("ratio", [0.9, 0.5, 0.25, 0.12, 0.06, 0.03, 0.015, 0.006], {}),
    "entropy_k": ("scale", [0.01, 0.04, 0.1, 0.2, 0.4, 0.8, 1.5, 3], {}),
    "running_quantile": ("target", DROPPED, {"carry": True}),
}
KEPT = [{"kind": kind, name: value, **rest} for kind, (name, values, rest) in SWEPT.items() for value in values]
C_SQS = [{"kind": "conformal", "step": 1e-3, "target": 5e-4, "initial": beta} for beta in LEAST]
C_SQS += [
    {"kind": "conformal", "step": step, "target": target, "initial": beta, "carry": True}
    for step in (0.01, 0.03)
    for beta, target in zip(LEAST, DROPPED, strict=True)
]
BITS, REJECTED = "coded_bits_per_draft", "tv_qhat"
FAMILY = ("scheme.sparsifier.kind", "scheme.sparsifier.step")
REJECTS = AtEqual(REJECTED, BITS, FAMILY, by="models.temperature", choosing="conformal")
COSTS = replace(REJECTS, metric=BITS, cost=REJECTED)
PAPER = replace(REJECTS, cost="paper_bits_per_draft")
OURS = "conformal"
GAP = replace(COSTS, pair=("conformal", "threshold"))


@asks(REJECTED)
def beats_fixed(table: pd.DataFrame, axis: str | None) -> str:
    """Does the conformal threshold reject less than a fixed one at equal bits, and than which of the others?"""
    equal = REJECTS.compared(table)
    rows: list[PairedCurves] = []
    for place in places(equal, REJECTS.by, REJECTED):
        rows += [place.of(OURS, str(other)) for other in dict.fromkeys(place.rows[CURVE]) if other != OURS]
    found: dict[str, list[Difference]] = {}
    for row in rows:
        if row.less.n:
            found.setdefault(row.second, []).append(row.less)
    fixed = found.pop("threshold", [])
    if not fixed:
        return ""
    lower, higher = ([each for each in fixed if each.separable and each.lower is sign] for sign in (True, False))
    worst = max(higher or lower, key=lambda each: abs(each.size), default=None)
    worst = worst or max(fixed, key=lambda each: each.size)
    beaten = sum(any(one.lower for one in each) and all(one.found.mean < 0 or not one.separable for one in each)
                 for each in found.values())  # fmt: skip
    line = f"at equal bits the conformal threshold rejects at worst {less_or_more(worst)} than a fixed one"
    return Finding(f"{line}; it beats {beaten} of {len(found)} others" if found else line, rows)


SCENARIO = Scenario(
    name="thresholds",
    summary="Does a conformal threshold beat a fixed one, top-k, top-p, min-p, an adaptive K or a running quantile?",
    minutes=4,
    pairs=("smollm2", "sotu"),
    base={"workload.requests": 6, "workload.output_tokens": 24, "scheme": {"kind": "composed", "max_drafts": 1}},
    grid={"models.temperature": [0.5, 0.8, 1.1], "scheme.sparsifier": [*KEPT, *C_SQS]},
    axis="models.temperature",
    seeds=8,
    quick=Quick(base={"workload.requests": 2, "workload.output_tokens": 8}, seeds=3),
    study="laws",
    headlines=(),
    tables=[replace(each, choosing=None).table for each in (REJECTS, COSTS)],
    figures=("tradeoff",),
    answer=beats_fixed,
    findings=(
        REJECTS,
        COSTS,
        PAPER,
        GAP,
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
