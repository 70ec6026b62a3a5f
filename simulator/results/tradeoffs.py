"""Settings as points in the plane of two costs, such as bits and rejections: which family is lower at equal cost.

Of a family's settings, those that no other of it beats in both costs are its front. Its curve joins neighbours of the
front by straight lines; they can be had, since drafts that take one setting with some probability and the other
otherwise pay the mixture of both. Beyond the dearest setting the curve stays level, short of the cheapest there is
none. A family with a second parameter is several, of which each seed takes the one that served the other seeds best.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from kinds.arrays import Floats, Ints
from simulator.results.column_names import CURVE
from simulator.results.intervals import names_by_difference
from simulator.results.plain_columns import numbered
from simulator.results.units import symbol

PLACES: Final = 65
"""Number of places, at equal steps of the logarithm, at which curves are compared over a range."""
LOW, HIGH = "from", "to"
"""Columns of a comparison: the range."""


@dataclass(frozen=True, eq=False)
class TradeoffCurve:
    """Loss of a family at each cost."""

    cost: Floats  # [n] ascending
    loss: Floats  # [n]
    dearest: float
    """The largest cost of any of its settings, on the front or not."""

    @classmethod
    def of(cls, cost: Floats, loss: Floats) -> TradeoffCurve:
        """The front of settings with these costs and losses, float64 [m], m >= 1."""
        kept = undominated(cost, loss)
        return cls(cost[kept], loss[kept], float(cost.max()))

    def at(self, cost: Floats) -> Floats:
        """The loss at these costs, nan short of the cheapest setting."""
        found: Floats = np.interp(cost, self.cost, self.loss, left=math.nan)
        return found


def undominated(cost: Floats, loss: Floats) -> Ints:
    """The places, by ascending cost, of settings that none is better than or equal to in both; of equals the first."""
    order = np.lexsort((loss, cost))
    least = np.minimum.accumulate(loss[order])
    kept: Ints = order[np.concatenate([[True], loss[order][1:] < least[:-1]])]
    return kept


def named(table: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """The family of each row, by these columns: a kind by itself, a field as `eta=0.01`, where rows of one first kind
    differ in it; nothing of what a row, or the table, has not."""

    def word(name: str, value: object) -> str:
        return str(value) if name.endswith(".kind") else f"{symbol(name)}={value:.4g}"

    first, *others = [columns[0], *(name for name in columns[1:] if name in table.columns)]
    return names_by_difference(table, first, others, lambda values: values.dropna().nunique(), word)


def at_equal(table: pd.DataFrame, cost: str, loss: str, by: str) -> pd.DataFrame:
    """Returns the `loss` of each family at equal `cost`: a row per value of `by`, seed and family.

    `table`: a row per setting and seed, families in CURVE. `loss` is the geometric mean over the range of costs, from
    LOW to HIGH, that all families reach on that seed's texts; where there is no such range the seed is left out.
    """
    rows = []
    for value, part in table.dropna(subset=[cost, loss]).groupby(by, sort=True):
        for seed, texts in part.groupby("seed", sort=True):
            curves = {
                str(name): TradeoffCurve.of(family[cost].to_numpy(), family[loss].to_numpy())
                for name, family in texts.groupby(CURVE, sort=False)
            }
            low = max(curve.cost[0] for curve in curves.values())
            high = min(curve.dearest for curve in curves.values())
            if low >= high:
                continue
            places = np.geomspace(low, high, PLACES)
            places[0] = low  # to the last bit, or the curve that begins there has no value
            for name, curve in curves.items():
                mean = np.trapezoid(np.log(curve.at(places)), dx=1 / (PLACES - 1))
                rows.append({by: value, CURVE: name, "seed": seed, loss: math.exp(mean), LOW: low, HIGH: high})
    return pd.DataFrame(rows, columns=[by, CURVE, "seed", loss, LOW, HIGH])


def with_chosen(equal: pd.DataFrame, loss: str, by: str, kind: str) -> pd.DataFrame:
    """Returns the rows of `at_equal` with the families of one kind, the first word of their names, as one family of
    that name: for each seed the one of least mean over the other seeds. A seed that is alone chooses for itself."""
    mine = equal[CURVE].str.split().str[0] == kind
    found = [equal[~mine]]
    for _, part in equal[mine].groupby(by, sort=False):
        for seed in part["seed"].unique():
            others = part[part["seed"] != seed] if part["seed"].nunique() > 1 else part
            best = others.groupby(CURVE, sort=False)[loss].mean().idxmin()
            found.append(part[(part["seed"] == seed) & (part[CURVE] == best)].assign(**{CURVE: kind}))
    together: pd.DataFrame = pd.concat(found, ignore_index=True)
    return together


BITS, REJECTED, ADDED = "coded_bits_per_draft", "rejection_probability", "added_rejection"
SETUP: Final = "setup"
SPARSE, DENSE, SCALAR, SHARED = "sparse", "static dense lattice", "scalar", "ids"
_KEPT, _QUANTIZER = "scheme.sparsifier.kind", "scheme.quantizer.kind"
FAMILY_SETTING: Final = "setting"


def families(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of the study `rates` with CURVE, the family (`sparse top_k`, DENSE, `scalar`, `ids`),
    SETUP, vocabulary and temperature, and what tells settings apart."""
    kept = table[_KEPT] if _KEPT in table.columns else pd.Series(math.nan, index=table.index)
    rule = table[_QUANTIZER] if _QUANTIZER in table.columns else pd.Series(math.nan, index=table.index)
    names = [
        SHARED if kind == "coupled" else f"{SPARSE} {kept}" if kept != "all" else DENSE if rule == "lattice" else SCALAR
        for kind, kept, rule in zip(table["scheme.kind"], kept, rule, strict=True)
    ]
    setups = [
        f"V={vocabulary:,.0f}, T={temperature:g}"
        for vocabulary, temperature in zip(table["vocabulary"], table["models.temperature"], strict=True)
    ]
    (settings,) = numbered([table], [name for name in table.columns if name.startswith("scheme.")])
    names_of = pd.DataFrame({CURVE: names, SETUP: setups, FAMILY_SETTING: settings}, index=table.index)
    return pd.concat([table.drop(columns=[*names_of.columns], errors="ignore"), names_of], axis=1)
