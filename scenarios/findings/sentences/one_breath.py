"""Answers of one breath, which several scenarios give: clauses separated by `; `, what matters most first; the last are
dropped where they are more than `wording.MOST_WORDS` together. Of many places or curves the best is chosen on the seeds
that it is shown on, so a number at best is a little too good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from scenarios.findings.comparisons import LowestAt, PairedCurves, Place, ranked_places
from scenarios.findings.question import LATENCY, Named, of_setting
from scenarios.findings.sentences.limits import supporting_most
from scenarios.findings.text_table import rows_along
from scenarios.findings.wording import (
    Finding,
    called,
    less_or_more,
    limits_in_words,
    over_run,
    percent,
    ratio,
    rows_of,
    runs,
)
from simulator.results.column_names import CURVE
from simulator.results.energy import MONTH_H
from simulator.results.lossy_schemes import ranked
from simulator.results.run_totals import CHARGED
from simulator.results.unanswered_requests import percent as share_of_time
from simulator.results.units import quantity, title, unit

IN_CLOUD = ("cloud_only", "colocated", "colocated_lookup")
"""Kinds of schemes whose tokens come about in the cloud alone."""


@dataclass(frozen=True)
class FastestOfAll(Named):
    """Which scheme is lowest in `metric` at every place, or at most places, and what do those that draft at the edge
    take at best, against the faster of `cloud`?"""

    what: str
    """Plural name of the places: `uplink rates`."""
    metric: str = LATENCY
    by: str | None = None
    cloud: Sequence[str] = IN_CLOUD
    over: str | None = None
    """A column in place of the axis."""

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        found = ranked_places(table, self.over or axis, self.by, self.metric)
        clauses = [fastest_clause(found, self.what), at_the_edge(found, self.cloud)]
        line = "; ".join(filter(None, clauses))
        heading = f"{title(self.metric)}: " if line and unit(self.metric) != "s" else ""
        return Finding(heading + line, rows_of(clauses))


@dataclass(frozen=True)
class SupportsMost(Named):
    """Which scheme supports most devices at the limits of the search, how many, and how many does the best support that
    drafts at the edge?"""

    metric: str = "capacity"
    cloud: Sequence[str] = IN_CLOUD

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        if "capacity" not in table.columns:
            return ""
        rows = ranked(of_setting(table))
        found = [supporting_most(part) or ["none"] for _, part in rows_along(rows, axis)]
        names = Counter(name for curves in found for name in curves)
        if not names:
            return ""
        best, often = names.most_common(1)[0]
        within = f"within {limits_in_words(str(rows['objective'].iloc[0]))}"
        if best == "none":
            return f"no scheme supports a device {within}"
        line = f"{called(best)} supports most devices {within}"
        if any(len(curves) > 1 for curves in found if best in curves):
            line = f"no scheme is seen to support more devices {within} than {called(best)}"
        line += f"{all_of(often, len(found), 'uplink rates')}, {_devices(rows[rows[CURVE] == best])}"
        if rows[CURVE].nunique() == 1:
            line = f"{called(best)} supports {_devices(rows)} devices {within}"
        line += _paid(rows[rows[CURVE] == best], axis)
        edge = rows[~rows["scheme.kind"].isin(self.cloud)]
        if best in set(edge[CURVE]) or edge.empty:
            return line
        second = str(edge.groupby(CURVE, sort=False)["capacity"].max().astype(float).idxmax())
        return f"{line}; the best at the edge {_devices(edge[edge[CURVE] == second])}, {called(second)}"


@dataclass(frozen=True)
class PaysAtTheEdge(Named):
    """At how many places, a value of the axis and of the column `by` each, is some scheme of `kinds` seen below
    `against`, and which of them is seen there at most values of the axis; and which scheme is fastest of all? Where it
    is seen at none, how near is the nearest?"""

    kinds: Sequence[str]
    against: str
    what: str
    by: str | None = None
    metric: str = LATENCY

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        rows = ranked(of_setting(table))
        if axis is None or rows.empty:
            return ""
        there = ranked_places(table, axis, self.by, self.metric)
        held = [each for place in there for each in place.all_of(self.kinds, self.against)]
        if not held:
            return ""
        number, seen = (len({each.place.where for each in some}) for some in (held, [x for x in held if x.less.lower]))
        near = min(held, key=lambda each: each.less.found.mean)
        where = f"; nearest {called(near.first)} at {near.place.where}: {percent(near.less)}"
        if seen:
            where = f": {_where_most(held, axis)}"
        line = f"edge drafting beats {called(self.against)} at {seen or 'none'} of {number} {self.what}"
        fastest = fastest_clause(there, self.what)
        return Finding(f"{line}{where}; {fastest}", [*held, *rows_of([fastest])])


def _where_most(held: Sequence[PairedCurves], axis: str) -> str:
    """`from 30 kbit/s on with K-SQS (LTE)`: the places of one group at which one curve is seen below, of the curve and
    the group with most of them."""
    counts = Counter((each.place.setting, each.first) for each in held if each.less.lower)
    setting, curve = most = counts.most_common(1)[0][0]
    here = [each for each in held if (each.place.setting, each.first) == most]
    values = [each.place.at for each in here]
    where = ", ".join(over_run(values, run, axis) for run in runs([each.less.lower for each in here]))
    return f"{where} with {called(curve)}{setting and f' ({setting})'}"


def fastest_clause(found: Sequence[Place], what: str) -> str:
    """`cloud only is fastest at all 9 uplink rates`, or at how many of them; `no scheme is seen to beat it at any`
    where differences from others are not seen everywhere."""
    rivals = [place for place in found if place.rows[CURVE].nunique() > 1]
    each_at = [place.lowest() for place in rivals]
    if not each_at:
        return ""
    metric, rows = rivals[0].metric, [row for each in each_at for row in each.rows]
    lossless = " lossless" if any(place.lossless for place in found) else ""
    most, _, _ = _in_words(metric)
    best = _most_often(each_at)
    there = [each for each in each_at if best in each.tied]
    number = f"{len(each_at)} {what}"
    if len(there) < len(each_at):
        others = [each for each in each_at if best not in each.tied]
        rest = _most_often(others)
        more = sum(rest in each.tied for each in others)
        others_at = f"{called(rest)} at {more} others"
        line = f"no{lossless} scheme is seen to beat {called(best)} at {len(there)} of {number}, {others_at}"
        return Finding(line, rows)
    if all(each.tied == (best,) for each in each_at):
        of = " of the lossless" if lossless else ""
        return Finding(f"{called(best)} is {most}{of}{all_of(len(each_at), len(each_at), what)}", rows)
    every = "" if len(each_at) == 1 else f" at any of {len(each_at)} {what}"
    return Finding(f"no{lossless} scheme is seen to beat {called(best)}{every}", rows)


def all_of(some: int, number: int, what: str) -> str:
    """Returns ` at all 9 uplink rates`, ` at 3 of 9 uplink rates` or ` at both uplink rates`; "" for a single one."""
    if number == 1:
        return ""
    return (
        f" at {some} of {number} {what}"
        if some < number
        else f" at {'both' if number == 2 else f'all {number}'} {what}"
    )


def at_the_edge(found: Sequence[Place], cloud: Sequence[str]) -> str:
    """`edge drafting takes at least 2.3 times (1.9 to 2.7) as long`, against the faster of the schemes `cloud`; or at
    how many places it is faster, and by how much at most."""
    gains = [gain for place in found if (gain := place.against_best(cloud)) is not None]
    if not gains:
        return ""
    best = min(gains, key=lambda gain: gain.less.size)
    _, more, as_long = _in_words(best.place.metric)
    faster = sum(gain.lower for gain in gains)
    if faster:
        line = f"edge drafting is {more}" + (f" at {faster} of {len(gains)}" if len(gains) > 1 else "")
        return Finding(f"{line}, at most {percent(best.less)}", gains)
    if not best.less.separable and best.less.n > 1:
        return Finding(f"edge drafting takes at best {less_or_more(best.less)}, no difference seen", gains)
    return Finding(f"edge drafting takes at least {ratio(best.less)} {as_long}", gains)


def _in_words(metric: str) -> tuple[str, str, str]:
    """Returns the words for the least of the metric, for less of it, and, of a multiple, for more."""
    return ("fastest", "faster", "as long") if unit(metric) == "s" else ("lowest", "lower", "as much")


def _devices(rows: pd.DataFrame) -> str:
    """`up to 352 (seeds 340 to 360)`, `at least 512`: the most that a curve supports, and the range of its seeds, each
    alone."""
    row = rows.iloc[int(rows["capacity"].argmax())]
    number = f"{'up to' if row['bounded'] else 'at least'} {int(row['capacity']):,}"
    least, most = (int(row[name]) for name in ("capacity_least", "capacity_most"))
    if int(rows["seed"].nunique()) == 1:
        return f"{number} (one seed)"
    return f"{number} (seeds {least:,} to {most:,})"


def _paid(rows: pd.DataFrame, axis: str | None) -> str:
    """Returns `, at 33.1 USD busy, 41.2 USD held (80% load) a device-month of 730 h`, where a curve supports most; ""
    without a price."""
    row = rows.iloc[int(rows["capacity"].argmax())]
    there = rows if axis is None else rows[rows[axis] == row[axis]]
    names = {charged: f"{charged}_usd_per_device_month" for charged in CHARGED}
    paid = [
        f"{quantity(float(there[name].mean()), name)} {charged}"
        + (f" ({share_of_time(float(there['cloud_busy'].mean()))} load)" if charged == "held" else "")
        for charged, name in names.items()
        if name in there.columns and there[name].notna().any()
    ]
    return f", at {', '.join(paid)} a device-month of {MONTH_H:g} h" if paid else ""


def _most_often(found: Sequence[LowestAt]) -> str:
    """The curve that most often is the lowest or has no difference seen from it; of equals the one oftener lowest."""
    tied, first = Counter(name for each in found for name in each.tied), Counter(each.lowest for each in found)
    return max(tied, key=lambda name: (tied[name], first[name]))
