"""Question which curve is lowest where on the swept axis, by how much, and where that cannot be distinguished: each is
compared, seed by seed, with the one of least geometric mean. Neighbouring values with the same outcome make one
clause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd

from scenarios.findings.comparisons import LowestAt, lowest_of_kinds, places
from scenarios.findings.curve_table import settings_apart
from scenarios.findings.question import LATENCY, Named, left_out, of_setting, parts, without
from scenarios.findings.wording import (
    Finding,
    at,
    called,
    counted,
    joined,
    listed,
    no_difference,
    over_run,
    rows_of,
    sizes,
    with_interval,
)
from simulator.results.column_names import CURVE
from simulator.results.intervals import Difference, interval
from simulator.results.lossy_schemes import UNKNOWN, lossy_curves, marks, ranked
from simulator.results.units import title

OFF = "tv_output"


@dataclass(frozen=True)
class Lowest(Named):
    """Which curve is lowest in `metric`, leaving out the schemes `without` and the lossy, for each value of the column
    `by`? Of some `kinds` of schemes each goes by that of its curves which is lowest there."""

    metric: str = LATENCY
    kinds: Sequence[str] = ()
    without: Sequence[str] = ()
    by: str | None = None
    over: str | None = None
    """A column in place of the axis."""

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        rows, axis = of_setting(table), self.over or axis
        if self.kinds:
            rows = lowest_of_kinds(rows[rows["scheme.kind"].isin(self.kinds)], axis, self.metric)
        there = [(name, ranked(part)) for name, part in parts(without(rows, self.without), self.by, plain=True)]
        clauses = [
            (name, lowest_where(part, axis, self.metric, name)) for name, part in there if part[CURVE].nunique() > 1
        ]
        heading = [_heading(axis, self.metric), left_out(rows, self.without)]
        named = [Finding(name + line, rows_of([line])) for name, line in clauses if line]
        return listed(", ".join(filter(None, heading)), named, " | ")


def outcomes(cells: pd.DataFrame, axis: str | None, metric: str = LATENCY, group: str = "") -> list[LowestAt]:
    """The lowest at each value of `axis`, ascending, from a table of cells with curves."""
    return [place.lowest() for place in places(cells, axis, metric, group)]


def lowest(cells: pd.DataFrame, axis: str | None, metric: str = LATENCY) -> str:
    """The outcomes as one sentence, a clause for each stretch of the axis over which they agree; "" where none."""
    return listed(_heading(axis, metric), [lowest_where(cells, axis, metric)])


def lowest_where(cells: pd.DataFrame, axis: str | None, metric: str, group: str = "") -> str:
    """`lowest` without its heading. `group`: its name in words, as a `Place` has it."""
    found = outcomes(cells, axis, metric, group)
    outcome, clauses = [(each.tied, each.following is None) for each in found], []
    for _, alike in groupby(range(len(found)), key=outcome.__getitem__):
        run = list(alike)
        where = "" if axis is None else over_run([each.at for each in found], run, axis)
        clauses.append(f"{where} {_clause([found[place] for place in run])}".lstrip())
    return Finding("; ".join(clauses), [row for each in found for row in each.rows])


def _heading(axis: str | None, metric: str) -> str:
    return title(metric) + ("" if axis is None else f" over {title(axis)}")


NOT_RUN = "The question needs schemes or values that were not run"


def lowest_of_what_ran(cells: pd.DataFrame, axis: str | None, metric: str = LATENCY) -> str:
    """Returns the answer of a run that lacks what its scenario's question compares, in one breath: the lowest
    curve of those that ran or, of a single curve, its lowest value of the axis, and how many cannot be told from it."""
    rows = ranked(of_setting(cells))
    rows = rows[rows[metric].notna()] if metric in rows.columns else rows.head(0)
    if axis is not None and rows[CURVE].nunique() == 1:
        places = [f"{called(curve)}{at(value, axis)}" for curve, value in zip(rows[CURVE], rows[axis], strict=True)]
        rows, axis = rows.assign(**{CURVE: places}), None
    if axis is not None and not pd.api.types.is_numeric_dtype(rows[axis]):
        return NOT_RUN
    found, others = outcomes(rows, axis, metric), rows[CURVE].nunique() - 1
    if not found or not others:
        return NOT_RUN
    best = min(found, key=lambda each: each.mean)
    here = rows[rows[CURVE].eq(best.lowest) & (True if axis is None else rows[axis] == best.at)]
    where = "" if axis is None else at(best.at, axis)
    mean = with_interval(interval(here[metric].to_numpy(float)), metric)
    tied = len(best.tied) - 1
    unclear = f"; {tied} of {counted(others, 'other')} not distinguishable" if tied else ""
    return f"{NOT_RUN}; of what ran, {called(best.lowest)}{where} is lowest: {mean}{unclear}"


def _clause(stretch: list[LowestAt]) -> str:
    tied = stretch[0].tied
    if len(tied) > 1:
        names = joined([called(each) for each in tied])
        unclear = (less for outcome in stretch for less in outcome.unclear)
        return no_difference(unclear, between=f"between {names}")
    margins = [(outcome.following, outcome.margin) for outcome in stretch if outcome.margin is not None]
    if not margins:
        return f"{called(tied[0])} alone"
    less = [margin for _, margin in margins]
    names = joined(tuple(dict.fromkeys(called(name) for name, _ in margins)))
    least, most = (pick(abs(each.size) for each in less) for pick in (min, max))
    by = sizes(less[:1] if np.isclose(least, most, rtol=0.05) else less, 2)
    one_seed = all(margin.n == 1 for margin in less)
    return f"{called(tied[0])} is lowest, {by} below the next ({names})" + (
        "; one seed, no interval" if one_seed else ""
    )


def lossy_apart(cells: pd.DataFrame, axis: str | None, metric: str | None) -> str:
    """A clause for each lossy curve: how far off its text is, and what it gains; "" without one. `metric`: what it
    gains in; None where cells bear different loads, and are not to be compared."""
    clauses, lossy = [], lossy_curves(cells)
    settings = [rows for _, rows, _ in settings_apart(cells, axis)] if lossy else []
    for curve in lossy:
        clause = called(curve)
        if OFF in cells.columns:
            off = interval(cells[cells[CURVE] == curve].groupby("seed")[OFF].mean().to_numpy())
            clause += f", {title(OFF)} {with_interval(off, OFF) if off.n else 'not known'}"
        rivals = next(rows for rows in settings if (rows[CURVE] == curve).any())
        there = [] if metric is None else places(rivals, axis, metric)
        found = [each.best_of(each.rows[CURVE] == curve, ~each.rows[CURVE].isin(lossy)) for each in there]
        gains = sorted((each for each in found if each is not None), key=lambda gain: gain.less.size)
        if metric is not None and gains:
            ends = _above_or_below(gains[0].less, gains[-1].less)
            clause += f", {title(metric)} {ends} the lowest of the lossless"
        clauses.append(Finding(clause, gains))
    unknown = UNKNOWN in marks(cells).values()
    return listed(f"{'Lossy or not known to be lossless' if unknown else 'Lossy'}, ranked apart", clauses)


def _above_or_below(least: Difference, most: Difference) -> str:
    """Returns the range of two gains: `75% to 99.9% below`, `10% below to 3% above`."""
    sides = ["below" if gain.size < 0 else "above" for gain in (least, most)]
    if sides[0] != sides[1]:
        return " to ".join(f"{sizes([gain])} {side}" for gain, side in zip((least, most), sides, strict=True))
    return f"{sizes([least, most])} {sides[0]}"
