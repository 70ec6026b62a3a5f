"""When does the conformal threshold's guarantee say something? Its running mean of dropped mass beside both bounds.

Requests of 4,096 tokens in all, over which `carry` keeps the threshold; no budget and no cap on the support, since the
theorem is about what the threshold alone drops. A bound exceeds the target by a constant over the number of kept
updates, so the length at which it reaches a level is computed, whether or not the table goes so far.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import pandas as pd

from scenarios import Claim, Quick, Scenario, asks, script
from scenarios.findings.claims import ruled
from scenarios.findings.wording import listed
from simulator.results.column_names import CURVE
from simulator.results.display_names import DisplayNames
from simulator.results.intervals import interval

FREE = {"budget_bits": None, "max_drafts": 3}
CARRIED = {"kind": "c_sqs", **FREE, "carry": True}
STEPS, STARTS = (1e-3, 1e-2, 1e-1), (0.1, 0.01)
REQUEST_TOKENS = 128

FIXED = "scheme.sparsifier.beta"
"""The column of a threshold that stays."""


class Guarantee:
    """Curve with bounds, at the last length that all its cells have reached; means over cells."""

    def __init__(self, rows: pd.DataFrame) -> None:
        last = _last(rows)
        first, means = last.iloc[0], last.mean(numeric_only=True)
        self.name, self.rollback = DisplayNames().threshold(first.to_dict()), str(first["scheme.rollback"])
        self.initial, self.target = float(first["scheme.initial"]), float(first["scheme.target"])
        self.tokens = int(first["tokens"])
        # How many runs of the threshold there were by then.
        self.runs = 1.0 if first["scheme.carry"] else max(1.0, first["tokens"] / first["workload.output_tokens"])
        self.kept, self.dropped = float(means["kept_updates"]), float(means["kept_dropped_mass"])
        self.verified_dropped = float(means["verified_dropped_mass"])
        self.ratio = interval((last["one_sided_bound"] / last["kept_dropped_mass"]).to_numpy(dtype=float))
        self.one_sided, self.papers = float(means["one_sided_bound"]), float(means["papers_bound"])

    def tokens_to(self, level: float, bound: float) -> str:
        """Returns the number of tokens from which on a bound that is `bound` at the last length is at most `level`."""
        if level <= self.target or (self.runs > 1 and bound > level):
            return "never"
        updates = (bound - self.target) * self.kept / self.runs / (level - self.target)
        return f"{math.ceil(updates * self.tokens / self.kept):,}"


@asks("kept_dropped_mass")
def promised(table: pd.DataFrame, axis: str | None) -> str:
    """Does the mean of the dropped mass keep to its bound, and how close does it come?"""
    found = guarantees(table)
    kept = int(table.groupby("cell")["kept_updates"].max().sum())
    heading = (
        f"Mean dropped mass after {_all(each.tokens for each in found)} tokens (one-sided bound; the target is "
        f"{_all(each.target for each in found)})"
    )
    line = listed(heading, [f"{each.name}: {each.dropped:.3g} ({each.one_sided:.3g})" for each in found])
    return line and f"{line}; both bounds asserted after each of {kept:,} kept updates"


@asks("one_sided_bound")
def meaningful(table: pd.DataFrame, axis: str | None) -> str:
    """From which length on does the guarantee say anything?"""
    found, fixed = guarantees(table), fixed_means(table)
    clauses = []
    for each in found:
        below = fixed.get(each.initial)
        beats = "" if below is None else f", {each.tokens_to(below, each.one_sided)}"
        one, papers = (each.tokens_to(1.0, bound) for bound in (each.one_sided, each.papers))
        clauses.append(f"{each.name}: {one} ({papers}){beats}, {each.tokens_to(2 * each.target, each.one_sided)}")
    dropped = " and ".join(f"{mean:.2g} at {beta:g}" for beta, mean in fixed.items())
    beaten = f", below what a threshold that stays at β₁ drops ({dropped})" if fixed else ""
    return listed(
        f"Tokens until the one-sided bound (the papers') is below 1{beaten}, within twice the target", clauses
    )


@asks("one_sided_bound")
def says_something(table: pd.DataFrame, axis: str | None) -> str:
    """After how many tokens does the guarantee say anything, and how far is its bound from what is dropped?"""
    found = guarantees(table)
    if not found:
        return ""
    below = _from_to(each.tokens_to(1.0, each.one_sided) for each in found)
    line = f"the bound says something after {below} tokens"
    if not (ratios := [each.ratio for each in found if each.dropped > 0]):
        return line
    most = max(ratios, key=lambda each: each.mean)
    half = f" ± {most.half_width:.2g}" if most.half_width > 0 else ""
    after = _all(each.tokens for each in found)
    return f"{line}; after {after} it is at most {most.mean:.2f}{half} times the dropped mass"


@asks("kept_dropped_mass")
def keeps_to_bound(table: pd.DataFrame, axis: str | None) -> str:
    """Is the mean of the dropped mass within the papers' bound, and from which length on does that say anything?"""
    found = [each for each in guarantees(table) if each.runs == 1]
    if not found:
        return ""
    rows = table[table["papers_bound"].notna()]
    slowest = max(found, key=lambda each: each.papers)
    line = (
        f"{slowest.name}: {slowest.dropped:.3g} within {slowest.papers:.3g} after {slowest.tokens:,} tokens; that bound"
    )
    line += f" is below 1 from {slowest.tokens_to(1.0, slowest.papers)} tokens on, within twice the target from "
    line += slowest.tokens_to(2 * slowest.target, slowest.papers)
    return ruled(
        bool((rows["kept_dropped_mass"] <= rows["papers_bound"]).all()), f"{line}; checked at {len(rows):,} lengths"
    )


def _from_to(tokens: Iterable[str]) -> str:
    """Returns the range, `3 to 113`, and `never` if some never do."""
    found = [*tokens]
    numbers = sorted({int(each.replace(",", "")) for each in found if each != "never"})
    words = [" to ".join(dict.fromkeys(f"{each:,}" for each in (numbers[0], numbers[-1])))] if numbers else []
    return " or ".join([*words, *(["never"] if "never" in found else [])])


@asks("verified_dropped_mass")
def covered(table: pd.DataFrame, axis: str | None) -> str:
    """Which drafts is the guarantee about, by what a rejection undoes?"""
    names = DisplayNames()
    last = {each.rollback: each for each in guarantees(table) if each.rollback != "through_rejection"}
    clauses = [
        f"{names.word(rollback)} {each.verified_dropped:.3g} of verified drafts against {each.dropped:.3g} of kept "
        f"ones and their bound {each.one_sided:.3g}"
        for rollback, each in last.items()
    ]
    meaning = "Verified drafts are those that can be rejected, kept ones those of the guarantee: by through rejection"
    return f"{meaning} they are the same, {', '.join(clauses)}" if clauses else ""


def guarantees(table: pd.DataFrame) -> list[Guarantee]:
    """The guarantee of each curve with bounds, in order of appearance."""
    bounded = table[table["one_sided_bound"].notna()]
    return [Guarantee(rows) for _, rows in bounded.groupby(CURVE, sort=False)]


def fixed_means(table: pd.DataFrame) -> dict[float, float]:
    """Returns the mass that a fixed threshold drops, mean at the last length, by the threshold."""
    if FIXED not in table.columns:
        return {}
    rows = table[table["one_sided_bound"].isna() & table[FIXED].notna()]
    means = {float(beta): _last(rows[rows[FIXED] == beta])["kept_dropped_mass"].mean() for beta in rows[FIXED].unique()}
    return {beta: float(mean) for beta, mean in means.items()}


def _last(rows: pd.DataFrame) -> pd.DataFrame:
    shortest = rows.groupby("cell")["tokens"].max().min()
    last: pd.DataFrame = rows[rows["tokens"] == shortest]
    return last


def _all(values: Iterable[float]) -> str:
    return " or ".join(dict.fromkeys(f"{value:,.10g}" for value in values))


SCENARIO = Scenario(
    name="conformal",
    summary="After how many tokens does the conformal threshold's guarantee say anything, and how far off is it?",
    minutes=5,
    study="convergence",
    base={
        "models.pair": "sotu",
        "workload.requests": 4096 // REQUEST_TOKENS,
        "workload.output_tokens": REQUEST_TOKENS,
        "uplink.rate.bps": 10e6,
    },
    grid={
        "scheme": [
            *({**CARRIED, "step": step, "initial": start} for start in STARTS for step in STEPS),
            {**CARRIED, "step": 1e-2, "rollback": "accepted_only"},
            {**CARRIED, "step": 1e-2, "rollback": "none"},
            {**CARRIED, "step": 1e-2, "carry": False},
            *({"kind": "composed", "sparsifier": {"kind": "threshold", "beta": beta}, **FREE} for beta in STARTS),
        ],
    },
    axis="tokens",
    seeds=2,
    quick=Quick(base={"workload.requests": 2}, seeds=1),
    headlines=(),
    figures=("convergence",),
    answer=says_something,
    findings=(
        promised,
        meaningful,
        covered,
    ),
    claims=(
        Claim(
            "the mean dropped mass is at most α + (|β₁| + 1 + η α) / (η N)",
            "SQS-SD, theorem 2",
            keeps_to_bound,
        ),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
