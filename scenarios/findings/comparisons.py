"""The comparisons that sentences, tables and answers are made of: two curves at one place, paired by seed.

A place holds the rows that may be compared: those of one group at one value of the axis. A row of the table of
comparisons has its place, both curves, the paired difference with its interval, and so whether it is seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from kinds.arrays import Bools
from scenarios.findings.question import curves_of, in_words, of_setting, parts
from scenarios.findings.text_table import rows_along
from scenarios.findings.wording import counted
from simulator.results.column_names import CURVE
from simulator.results.intervals import Difference, geometric_means, paired
from simulator.results.lossy_schemes import ranked, unranked
from simulator.results.plain_values import Plain, plain
from simulator.results.units import quantity, title, unit


@dataclass(frozen=True)
class PairedCurves:
    """The curve `first` against `second` at a place, or two values of the axis of one curve."""

    place: Place
    first: str
    second: str
    less: Difference
    sides: tuple[Bools, Bools]
    """The place's rows of each side."""

    def numbers(self, columns: Sequence[str]) -> dict[str, Plain]:
        """The comparison for a program, its place by those of `columns` that both sides share; {} of no seed."""
        if not self.less.n:
            return {}
        rows, (one, other), less = self.place.rows, self.sides, self.less
        seeds, values = rows["seed"], rows[less.metric].astype(float)
        both = seeds.isin({*seeds[one]} & {*seeds[other]}).to_numpy()
        shared = {name: {*map(plain, rows[name][one | other].tolist())} for name in columns if name in rows.columns}
        found = {
            "first_mean": values[one & both].mean(), "second_mean": values[other & both].mean(),
            "relative": less.relative, "difference": less.size, "low": less.low, "high": less.high,
            "n": less.n, "separable": less.separable if less.n > 1 else None,
        }  # fmt: skip
        return {
            "metric": less.metric, "unit": unit(less.metric), "first": self.first, "second": self.second,
            "where": {name: next(iter(each)) for name, each in shared.items() if len(each) == 1},
            **{name: plain(value) for name, value in found.items()},
        }  # fmt: skip

    @property
    def lower(self) -> bool:
        """True if the first is seen below the second, or is below it in the only seed."""
        return self.less.lower or (self.less.n == 1 and self.less.size < 0)


@dataclass(frozen=True)
class LowestAt:
    """Outcome at one place: the lowest curve, those not distinguishable from it, and the best of the others; `rows`:
    the lowest against each other."""

    at: object
    lowest: str
    tied: tuple[str, ...]
    following: str | None
    mean: float
    """The arithmetic mean of the lowest."""
    rows: tuple[PairedCurves, ...]

    @property
    def margin(self) -> Difference | None:
        """The lowest against the next; None if every curve is in `tied`, or there is one alone."""
        return next((each.less for each in self.rows if each.second == self.following), None)

    @property
    def unclear(self) -> list[Difference]:
        """The lowest against each of the others in `tied`."""
        return [each.less for each in self.rows if each.second in self.tied]


@dataclass(frozen=True)
class Place:
    """The rows of one group at one value of the axis that have a number of `metric`. `group`: its name in words, `loss
    0.1: `; "" if there is one alone."""

    metric: str
    rows: pd.DataFrame
    axis: str | None = None
    at: object = None
    group: str = ""
    lossless: bool = False
    """True if lossy schemes were left out of the rows."""

    @property
    def where(self) -> str:
        """`1 kbit/s, LTE`: the place by itself; "" if it is all there is."""
        return ", ".join(filter(None, ("" if self.axis is None else place_in_words(self.at, self.axis), self.setting)))

    @property
    def setting(self) -> str:
        """`LTE`: the group by itself."""
        return self.group.removesuffix(": ").removeprefix("uplink ").removeprefix("label ")

    def of(self, first: str, second: str) -> PairedCurves:
        """Compares two curves."""
        curves = self.rows[CURVE]
        return replace(self.paired(curves == first, curves == second), first=first, second=second)

    def paired(self, first: pd.Series[bool], second: pd.Series[bool]) -> PairedCurves:
        """Compares some rows with others."""
        one, other = (mask.to_numpy(dtype=bool) for mask in (first, second))
        mine, theirs = (" or ".join(map(str, self.rows[CURVE][mask].unique())) for mask in (one, other))
        return PairedCurves(self, mine, theirs, paired(self.rows, self.metric, first, second), (one, other))

    def all_of(self, kinds: Sequence[str], against: str) -> list[PairedCurves]:
        """Compares each curve of `kinds` with that of the scheme `against`; [] if that is not here."""
        theirs = curves_of(self.rows, against)
        found = [self.of(curve, theirs[0]) for curve in curves_of(self.rows, *kinds)] if theirs else []
        return [each for each in found if each.less.n]

    def against_best(self, kinds: Sequence[str]) -> PairedCurves | None:
        """Compares the lowest curve of other kinds with the lowest of `kinds`; None if either is not here."""
        theirs = self.rows["scheme.kind"].isin(kinds)
        return self.best_of(~theirs, theirs)

    def best_of(self, first: pd.Series[bool], second: pd.Series[bool]) -> PairedCurves | None:
        """Compares the lowest curve of some rows with the lowest of others; None if no seed has both."""
        means = [geometric_means(self.rows[mask], CURVE, self.metric) for mask in (first, second)]
        if any(each.empty for each in means):
            return None
        found = self.of(*(str(each.idxmin()) for each in means))
        return found if found.less.n else None

    def lowest(self) -> LowestAt:
        """Compares the curve of least geometric mean with each other one."""
        means = geometric_means(self.rows, CURVE, self.metric).sort_values(kind="stable")
        first, *others = [str(curve) for curve in means.index]
        rows = tuple(self.of(first, other) for other in others)
        behind = [row.second for row in rows if row.less.separable or (row.less.n == 1 and row.less.size != 0)]
        tied = tuple(sorted({first, *others} - {*behind}))
        mean = float(self.rows.loc[self.rows[CURVE] == first, self.metric].mean())
        return LowestAt(self.at, first, tied, behind[0] if behind else None, mean, rows)


def places(
    table: pd.DataFrame, axis: str | None, metric: str, group: str = "", *, lossless: bool = False
) -> list[Place]:
    """The places of one group of rows, the axis ascending."""
    found = [(at, here) for at, here in rows_along(table[table[metric].notna()], axis) if len(here)]
    values = [at if at is None or isinstance(at, str) else float(str(at)) for at, _ in found]
    return [Place(metric, here, axis, at, group, lossless) for at, (_, here) in zip(values, found, strict=True)]


def ranked_places(table: pd.DataFrame, axis: str | None, by: str | None, metric: str) -> list[Place]:
    """The places of a table of cells by groups of the column `by`, without the rows of lossy schemes; curves are named
    without their value of `by`."""
    rows = of_setting(table)
    lossless = bool(unranked(rows))
    rows = ranked(rows)
    named = parts(rows[rows[metric].notna()], by, plain=True)
    return [each for name, part in named for each in places(part, axis, metric, name, lossless=lossless)]


def lowest_of_kinds(cells: pd.DataFrame, axis: str | None, metric: str) -> pd.DataFrame:
    """Returns, at each value of `axis`, the rows of that curve of each kind of scheme whose geometric mean is least,
    under the kind's name. Of several curves it is taken by chance too: a kind with more of them is a little
    favoured."""
    where = ["scheme.kind"] if axis is None else [axis, "scheme.kind"]
    kept = []
    for _, rows in cells[cells[metric].notna()].groupby(where, sort=False):
        kept.append(rows[rows[CURVE] == geometric_means(rows, CURVE, metric).idxmin()])
    found = pd.concat(kept) if kept else cells.head(0)
    return found.assign(**{CURVE: found["scheme.kind"]})


def place_in_words(value: object, axis: str) -> str:
    """`1 kbit/s`, `16 devices`, `mean loss 0.2`: a value of the axis that stands alone."""
    if title(axis) == "devices":
        return counted(int(float(str(value))), "device")
    if isinstance(value, float) and math.isinf(value):
        return f"an unlimited {title(axis)}"
    return in_words(value, axis) if unit(axis) or isinstance(value, str) else f"{title(axis)} {quantity(value, axis)}"
