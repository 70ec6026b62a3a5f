"""What a table by draft position says of rejections: measured, expected, bounded, and where the bound's slack lies.

Its rows are those of the study `positions`, with a curve. Means are over all verified drafts of a curve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulator.results.columns import CURVE

BEYOND = 5.0
"""Standard deviations, a false alarm in 2 million: rejections less the sum of TV(qhat, p) are a martingale."""
LEAST_VARIANCE = 1e-6
"""Where all TV are 0 but for rounding."""
BOUND = "rejection_bound"
"""On what is expected, per draft."""
BOUND_NOTE = "a rate may lie above it by chance; a bound above 1 says nothing: shown as 1"


def capped(bound: float) -> float:
    """A bound on a probability as it is shown."""
    return min(1.0, bound)


@dataclass(frozen=True)
class Rejections:
    """Of one curve, means over its verified drafts. `deviations`: of all its rejections from the sum of TV(qhat, p)."""

    measured: float
    expected: float
    bound: float
    triangle: float
    """TV(q, p) + TV(q, qhat) less TV(qhat, p): the two need not add up."""
    overlap: float
    """alpha + quantization less TV(q, qhat): likewise."""
    covering: float
    """The covering bound less the quantization that took place."""
    drafts: int
    deviations: float
    farthest: float
    """Of a single cell, in standard deviations."""

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Rejections:
        drafts = rows["verified_drafts"].to_numpy(dtype=float)

        def mean(*added: str, less: tuple[str, ...] = ()) -> float:
            value = sum(rows[name].fillna(0.0) for name in added) - sum(rows[name].fillna(0.0) for name in less)
            return float(np.average(value, weights=drafts))

        cells = rows.drop_duplicates("cell")
        z, sd = cells["rejections_z"].to_numpy(dtype=float), cells["rejections_sd"].to_numpy(dtype=float)
        return cls(
            measured=mean("resampling_per_draft"),
            expected=mean("tv_qhat"),
            bound=mean("rejection_bound"),
            triangle=mean("tv_mismatch", "tv_compression", less=("tv_qhat",)),
            overlap=mean("dropped_mass", "tv_quantization", less=("tv_compression",)),
            covering=mean("covering_bound", less=("tv_quantization",)),
            drafts=int(drafts.sum()),
            deviations=float((z * sd).sum() / np.sqrt((sd**2).sum())) if sd.any() else 0.0,
            farthest=float(np.abs(z).max()),
        )


def beside_bound(table: pd.DataFrame) -> str:
    """Rate, expectation and bound of each curve; "" of nothing."""
    told = _each(table, lambda found: f"{found.measured:.2f}, {found.expected:.2f}, {capped(found.bound):.3g}")
    heading = "Rejected of the drafts verified, expected (mean TV(qhat, p)), bound on what is expected (1 where larger)"
    return f"{heading}: {told}" if told else ""


def slack(table: pd.DataFrame) -> str:
    """Where the slack of each curve's bound lies; "" of nothing."""
    told = _each(
        table,
        lambda found: (
            f"{found.bound - found.expected:.3g} = {found.triangle:.2f} + {found.overlap:.2f} + {found.covering:.3g}"
        ),
    )
    meaning = "TV(q, p) and TV(q, qhat) not adding up + alpha and quantization not adding up + covering bound unused"
    return f"Slack of the bound = {meaning}: {told}" if told else ""


def martingale(table: pd.DataFrame) -> str:
    """How far rejections are from the sum of their probabilities; "" of nothing."""
    found = [Rejections.of(rows) for _, rows in _curves(table)]
    if not found:
        return ""
    cells, drafts = table["cell"].nunique(), sum(each.drafts for each in found)
    farthest, over_seeds = max(each.farthest for each in found), max(abs(each.deviations) for each in found)
    return (
        f"Rejections less the sum of TV(qhat, p): at most {farthest:.2g} sd in each of {cells} cells, {over_seeds:.2g} "
        f"over all seeds of a curve; TV(qhat, p) <= TV(q, p) + alpha + covering bound asserted of {drafts:,} drafts"
    )


def beyond_chance(sums: pd.DataFrame, curves: Mapping[str, str], copies: Mapping[str, int]) -> str:
    """The curves of which a cell's rejections are more than BEYOND standard deviations from the sum of TV(qhat, p) over
    its verified drafts, each with its farthest cell; "" where none is.

    sums: by cell, the columns verified, unjudged, accepted and tv_qhat added up over its rounds. curves: the name of
    each cell's curve. copies: of the cells to look at, how many requests share text and random numbers.
    """
    farthest = dict[str, tuple[float, str]]()
    for cell, row in sums[(sums["verified"] > 0) & sums.index.isin([*copies])].iterrows():
        curve, expected = curves[str(cell)], row["tv_qhat"]
        rejected = row["verified"] + row["unjudged"] - row["accepted"]
        variance = max(LEAST_VARIANCE, expected * (1 - expected / row["verified"]))  # the sum of TV (1 - TV), at most
        apart = abs(rejected - expected) / np.sqrt(copies[str(cell)] * variance)
        if apart > max(BEYOND, farthest.get(curve, (0.0, ""))[0]):
            rates = f"{rejected / row['verified']:.2f} a verified draft, expected {expected / row['verified']:.2f}"
            farthest[curve] = apart, f"{curve} {rates} ({apart:.2g} sd)"
    if not farthest:
        return ""
    why = "drafts are not accepted as in speculative sampling, or not drawn from qhat"
    told = "; ".join(line for _, line in farthest.values())
    return f"Rejections differ from the sum of TV(qhat, p) beyond chance ({why}): {told}"


def how_often(table: pd.DataFrame) -> str:
    """The range over curves of what is rejected, and what is expected, at the first and the last position."""
    told = []
    table = table[table["verified_drafts"] > 0]
    for position in dict.fromkeys((table["position"].min(), table["position"].max())):
        found = [Rejections.of(rows) for _, rows in _curves(table[table["position"] == position])]
        if found:
            measured, expected = [each.measured for each in found], [each.expected for each in found]
            told.append(
                f"{min(measured):.0%} to {max(measured):.0%} at position {position:.0f} (expected, {min(expected):.0%} "
                f"to {max(expected):.0%})"
            )
    return f"rejected of the drafts verified: {', '.join(told)}" if told else ""


def loosest(table: pd.DataFrame) -> str:
    """Which term is the largest part of the slack of each curve's bound."""
    terms: dict[str, list[str]] = {}
    for curve, rows in _curves(table):
        found = Rejections.of(rows)
        named = {
            "TV(q, p) and TV(q, qhat) do not add up": found.triangle,
            "dropped mass and quantization do not add up": found.overlap,
            "the covering bound is not used": found.covering,
        }
        terms.setdefault(max(named, key=lambda name: named[name]), []).append(curve)
    told = [f"{term} ({', '.join(curves)})" for term, curves in terms.items()]
    return f"the bound is loose mostly because {', '.join(told)}" if told else ""


def _each(table: pd.DataFrame, told: Callable[[Rejections], str]) -> str:
    return "; ".join(f"{curve} {told(Rejections.of(rows))}" for curve, rows in _curves(table))


def _curves(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    reached = table[table["verified_drafts"] > 0]
    return [(str(curve), rows) for curve, rows in reached.groupby(CURVE, sort=False)]
