"""Probability of rejection at each draft position, beside the bound on it: TV(q, p), dropped mass and covering bound.

The probability is exact, TV(qhat, p) given the text before the draft, and its mean over the drafts verified has a
smaller interval than the count of rejections. The bound is asserted of each draft, and that rejections are as many as
TV(qhat, p) says, within 5 standard deviations. `sotu` has texts long enough for intervals of 5% at the last position.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pandas as pd

from scenarios import Claim, Quick, Scenario, asks, script
from scenarios.findings.claims import ruled
from scenarios.findings.wording import called, listed
from simulator.results.column_names import CURVE
from simulator.results.intervals import interval

FREE = {"budget_bits": None, "max_drafts": 4}
SCHEMES = [
    {"kind": "dense", **FREE},
    *({"kind": "k_sqs", "k": k, **FREE} for k in (3, 32)),
    *({"kind": "c_sqs", "initial": beta, **FREE} for beta in (0.1, 0.01)),
]


class Rejections:
    """Means of one curve over its verified drafts."""

    def __init__(self, rows: pd.DataFrame) -> None:
        weights = rows["verified_drafts"].to_numpy(dtype=float)

        def mean(*added: str, less: str = "") -> float:
            value = rows[[*added]].fillna(0.0).sum(axis=1) - (rows[less].fillna(0.0) if less else 0.0)
            return float(np.average(value, weights=weights))

        self.measured, self.expected, self.bound = map(mean, ("resampling_per_draft", "tv_qhat", "rejection_bound"))
        self.drafts = int(weights.sum())
        # What the bound adds though it need not: TV(q, p) + TV(q, qhat), alpha + quantization, the covering bound.
        self.triangle = mean("tv_mismatch", "tv_compression", less="tv_qhat")
        self.overlap = mean("dropped_mass", "tv_quantization", less="tv_compression")
        self.covering = mean("covering_bound", less="tv_quantization")
        # Standard deviations that rejections are from the sum of TV(qhat, p): all of them, and the farthest cell's.
        cells = rows.drop_duplicates("cell")
        z, sd = cells["rejections_z"].to_numpy(dtype=float), cells["rejections_sd"].to_numpy(dtype=float)
        self.deviations = float((z * sd).sum() / np.sqrt((sd**2).sum())) if sd.any() else 0.0
        self.farthest = float(np.abs(z).max())

    @property
    def loosest(self) -> str:
        """The term that is the largest part of the bound's slack."""
        terms = {
            "triangle inequality": self.triangle,
            "mass plus quantization": self.overlap,
            "covering bound": self.covering,
        }
        return max(terms, key=lambda term: terms[term])


@asks("resampling_per_draft")
def beside_bound(table: pd.DataFrame, axis: str | None) -> str:
    """How often is a draft rejected, and what does the bound say?"""
    heading = "Rejected of the drafts verified, expected (mean TV(qhat, p)), bound on what is expected (1 where larger)"
    return _each(heading, table, lambda each: f"{each.measured:.2f}, {each.expected:.2f}, {min(1.0, each.bound):.3g}")


@asks("rejection_slack")
def slack(table: pd.DataFrame, axis: str | None) -> str:
    """By how much does the bound exceed the probability of rejection, and why?"""
    meaning = "TV(q, p) and TV(q, qhat) not adding up + alpha and quantization not adding up + covering bound unused"
    return _each(
        f"Slack of the bound = {meaning}",
        table,
        lambda each: (
            f"{each.bound - each.expected:.3g} = {each.triangle:.2f} + {each.overlap:.2f} + {each.covering:.3g}"
        ),
    )


@asks("rejections_z")
def martingale(table: pd.DataFrame, axis: str | None) -> str:
    """Are there as many rejections as their probabilities say?"""
    found = [each for _, each in _curves(table)]
    if not found:
        return ""
    cells, drafts = table["cell"].nunique(), sum(each.drafts for each in found)
    farthest, over_seeds = max(each.farthest for each in found), max(abs(each.deviations) for each in found)
    return (
        f"Rejections less the sum of TV(qhat, p): at most {farthest:.2g} sd in each of {cells} cells, {over_seeds:.2g} "
        f"over all seeds of a curve; TV(qhat, p) <= TV(q, p) + alpha + covering bound asserted of {drafts:,} drafts"
    )


@asks("tv_qhat")
def how_often(table: pd.DataFrame, axis: str | None) -> str:
    """How probable is a rejection at the first and the last position, over the curves, and how wide is its interval at
    most?"""
    clauses, table = list[str](), table[table["verified_drafts"] > 0]
    for position in dict.fromkeys((table["position"].min(), table["position"].max())):
        here = table[table["position"] == position]
        expected = [each.expected for _, each in _curves(here)]
        if expected:
            halves = [interval(rows["tv_qhat"].to_numpy(float)).half_width for _, rows in here.groupby(CURVE)]
            spread = f" (± {max(halves):.2g})" if not clauses and not np.isnan(halves).any() else ""
            clauses.append(f"{min(expected):.2f} to {max(expected):.2f}{spread} at position {position:.0f}")
    return f"drafts are rejected with probability {', '.join(clauses)}" if clauses else ""


@asks("tv_qhat")
def how_often_and_why(table: pd.DataFrame, axis: str | None) -> str:
    """How often is a draft rejected at the first and the last position, over the curves, and what makes most bounds
    loose?"""
    often, terms = how_often.report(table, axis), Counter(each.loosest for _, each in _curves(table))
    if not terms:
        return often
    [(term, _)] = terms.most_common(1)
    return f"{often}; the bound's loosest term: {term}"


@asks("tv_qhat")
def bounded(table: pd.DataFrame, axis: str | None) -> str:
    """Is the probability of rejection within the bound, and how far?"""
    found = dict(_curves(table))
    if not found:
        return ""
    spread = max(interval(rows["tv_qhat"].to_numpy(float)).half_width for _, rows in table.groupby([CURVE, "position"]))
    each = [f"{called(name)} {one.expected:.2f} within {one.bound:.3g}" for name, one in found.items()]
    drafts = sum(one.drafts for one in found.values())
    line = (
        f"probability and mean bound {', '.join(each)} (± {spread:.2g} at most); asserted of each of {drafts:,} drafts"
    )
    return ruled(all(one.expected <= one.bound for one in found.values()), line)


def _each(heading: str, table: pd.DataFrame, words: Callable[[Rejections], str]) -> str:
    return listed(heading, [f"{called(curve)} {words(each)}" for curve, each in _curves(table)])


def _curves(table: pd.DataFrame) -> list[tuple[str, Rejections]]:
    reached = table[table["verified_drafts"] > 0]
    return [(str(curve), Rejections(rows)) for curve, rows in reached.groupby(CURVE, sort=False)]


SCENARIO = Scenario(
    name="resampling",
    summary="How often is a draft resampled at each position of a round, and which term makes the bound loose?",
    minutes=3,
    study="positions",
    base={
        "models.pair": "sotu",
        "workload.requests": 10,
        "workload.output_tokens": 256,
        "uplink.rate.bps": 10e6,
    },
    grid={"scheme": SCHEMES},
    axis="position",
    seeds=8,
    quick=Quick(
        base={"workload.requests": 2, "workload.output_tokens": 12},
        grid={"scheme": SCHEMES[::2]},
        seeds=2,
    ),
    headlines=("tv_qhat", "resampling_per_draft", "rejection_bound"),
    figures=("positions",),
    answer=how_often_and_why,
    findings=(
        beside_bound,
        slack,
        martingale,
    ),
    claims=(Claim("a draft is rejected with at most TV(q, p) + α + K / (4 ℓ)", "SQS-SD, theorem 1", bounded),),
)

if __name__ == "__main__":
    script(SCENARIO)
