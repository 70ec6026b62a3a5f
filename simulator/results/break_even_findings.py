"""What a table says of break-even: whether A - x names the winner, up to which round-trip time a scheme wins with which
pair and target, and up to which load it saves the cloud's time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from simulator.results.break_even_plane import (
    ACCEPTED,
    CLOUD_TIME,
    CLOUD_X,
    DEVICES,
    OPPONENT,
    PAIR,
    PREDICTED,
    RTT,
    TARGET,
    TIME,
    X,
    clocks,
    map_and_load,
    pairs,
    plane,
    round_trips_s,
)
from simulator.results.columns import CHOSEN, CURVE, SETTING
from simulator.results.crossings import Crossing, crossing
from simulator.results.findings import lowest_of_kinds
from simulator.results.intervals import paired_values
from simulator.results.units import quantity

RATE: Final = "uplink.rate.bps"
CLOCK: Final = "clock"
PLACE: Final = (PAIR, CLOCK, RATE)
"""Where round-trip times are searched: a pair, a target and a rate."""
CLEAR: Final = 0.1
"""From this |A - x| on its sign has to name the winner: nearer, the ends of the answers decide."""
SCHEME: Final = "scheme.kind"
MEANS: Final = (ACCEPTED, X, TARGET, TIME, PREDICTED, "scheme.max_drafts")
"""What `standings` gives the means of."""


@dataclass(frozen=True)
class Agreement:
    """Of settings, means over seeds: how often A - x and the measured times name different winners, and how far the
    predicted time per token is from the measured at most, as a share of it."""

    settings: int
    near: int
    """With |A - x| <= CLEAR."""
    missed_near: int
    missed_clear: int
    largest_error: float

    def told(self) -> str:
        """One sentence."""
        missed = f"{self.missed_near + self.missed_clear} of {self.settings:,} settings"
        near = f"; of {self.near} within {CLEAR:g} of 0 it misses {self.missed_near}, of others {self.missed_clear}"
        said = f"all {self.settings:,} settings" if not self.missed_near + self.missed_clear else f"all but {missed}"
        off = f"(x + 1) T / (A + 1) is at most {100 * self.largest_error:.1f}% off the measured time per token"
        return f"The sign of A - x names the faster in {said}{near if self.near else ''}; {off}"


def agreement(table: pd.DataFrame, axis: str | None) -> Agreement | None:
    """Over each setting of the map; None without any."""
    rows = plane(map_and_load(table)[0])
    if rows.empty:
        return None
    by = [CURVE, *([axis] if axis is not None else [])]
    means = rows.groupby(by, sort=False)[[ACCEPTED, X, TIME, TARGET, PREDICTED]].mean()
    margin = means[ACCEPTED] - means[X]
    missed = (margin > 0) != (means[TIME] < means[TARGET])
    near = margin.abs() <= CLEAR
    error = (means[PREDICTED] / means[TIME] - 1).abs().max()
    return Agreement(len(means), int(near.sum()), int((missed & near).sum()), int((missed & ~near).sum()), float(error))


def standings(table: pd.DataFrame) -> pd.DataFrame:
    """A row per place of the map and kind of scheme, means over seeds: A, x, T, the measured and the predicted time per
    token, what it is over T less 1 with the ends of its 95% interval, and whether it is `faster`: yes, no, or unclear.
    """
    rows, found = plane(_chosen(map_and_load(table)[0])), []
    if rows.empty:
        return rows
    kept = [name for name in (CURVE, RATE, RTT, SCHEME, PAIR, *MEANS) if name in rows.columns]
    rows = rows[kept].assign(**{CLOCK: clocks(rows)})
    for place, part in rows.groupby([*PLACE, RTT, SCHEME], sort=False, dropna=False):
        one = part[part[CURVE] == part.groupby(CURVE, sort=False)[TIME].mean().idxmin()]
        less = paired_values(TIME, one[TIME].to_numpy(dtype=float), one[TARGET].to_numpy(dtype=float))
        means = {name: float(one[name].mean()) for name in MEANS if name in kept}
        faster = ("yes" if less.size < 0 else "no") if less.separable or less.n == 1 else "unclear"
        where = dict(zip([*PLACE, RTT, SCHEME], place, strict=True))
        ends = {"over_target": less.size, "over_target_low": less.low, "over_target_high": less.high}
        found.append({**where, **means, **ends, "faster": faster})
    return pd.DataFrame(found)


@dataclass(frozen=True)
class Limit:
    """Below which round-trip time a kind of scheme is faster than cloud-only decoding, with a pair, a target of T
    seconds a token, and a rate; `range_s` are the least and the largest round-trip time that were simulated."""

    scheme: str
    pair: str
    target_s: float
    rate_bps: float
    found: Crossing
    range_s: tuple[float, float]

    @property
    def at_s(self) -> float:
        """The round-trip time; 0 where it wins nowhere, inf where everywhere, nan where seeds disagree or it crosses
        more than once."""
        found = self.found
        if found.log10_at.n and not found.rising:
            return float(10**found.log10_at.mean)
        alone = {math.inf: found.below, 0.0: found.above, math.nan: found.often + found.log10_at.n}
        return max(alone, key=lambda at: alone[at])

    @property
    def ends_s(self) -> tuple[float, float]:
        """Of its 95% interval, nan where there is none."""
        at, half = self.found.log10_at.mean, self.found.log10_at.half_width
        low, high = float(10 ** (at - half)), float(10 ** (at + half))
        return (low, high) if 0 < self.at_s < math.inf else (math.nan, math.nan)

    def told(self, spread: bool = False) -> str:
        """`38 ms`, with `spread` `38 ms (36 to 40)`; `over 320 ms`, `none from 5 ms`."""
        if math.isnan(self.at_s):
            return self.found.told(RTT)
        least, most = (quantity(end, RTT) for end in self.range_s)
        if not 0 < self.at_s < math.inf:
            return f"over {most}" if self.at_s else f"none from {least}"
        low, high = self.ends_s
        ends = "" if math.isnan(low) or not spread else f" ({quantity(low, RTT, 2)} to {quantity(high, RTT, 2)})"
        return quantity(self.at_s, RTT, 2) + ends


def limits(table: pd.DataFrame, kinds: Sequence[str] = ()) -> list[Limit]:
    """Of each place of the map and each of `kinds`, by default all that draft, in order of appearance."""
    shown, found = _placed(table), []
    for place, rows in shown.groupby(list(PLACE), sort=False):
        pair, rate = str(place[0]), float(str(place[2]))
        part = lowest_of_kinds(rows, RTT, TIME)
        target = float(part.loc[part[SCHEME] == OPPONENT, TIME].mean())
        where = f" with {pair}, {quantity(target, TIME)} a token, {quantity(rate, RATE)}"
        part = part.assign(**{CURVE: part[SCHEME] + where})
        for kind in kinds or [each for each in part[SCHEME].unique() if each != OPPONENT]:
            crossed = crossing(part, RTT, f"{kind}{where}", f"{OPPONENT}{where}", TIME)
            if crossed is not None:
                ends = float(part[RTT].min()), float(part[RTT].max())
                found.append(Limit(str(kind), pair, target, rate, crossed, ends))
    return found


def furthest(found: Sequence[Limit]) -> Limit | None:
    """The limit with the largest round-trip time, the first of equals; None where there is no win at all."""
    winning = [limit for limit in found if limit.at_s > 0]
    return max(winning, key=lambda limit: limit.at_s, default=None)


def wins(table: pd.DataFrame) -> tuple[dict[str, int], int]:
    """How many places of the map each kind of scheme is the fastest at, by its mean, and how many there are."""
    shown = _placed(table)
    means = shown.groupby([*PLACE, RTT, SCHEME], sort=False, dropna=False)[TIME].mean().reset_index()
    best = means.loc[means.groupby([*PLACE, RTT], sort=False, dropna=False)[TIME].idxmin(), SCHEME]
    return {str(kind): int(number) for kind, number in best.value_counts().items()}, len(best)


def cloud_time(table: pd.DataFrame) -> Iterator[str]:
    """Of each clock that serves several numbers of devices, a clause: up to how many devices each scheme that verifies
    drafts takes less of the cloud's time a token than cloud-only decoding, and A and x_gpu at both ends."""
    for clock, rows in _by_clock(_chosen(map_and_load(table)[1])):
        told = []
        for kind in [each for each in rows[SCHEME].unique() if each != OPPONENT]:
            part = lowest_of_kinds(rows[rows[SCHEME].isin([kind, OPPONENT])], DEVICES, CLOUD_TIME)
            found = crossing(part, DEVICES, str(kind), OPPONENT, CLOUD_TIME)
            means = plane(part).groupby(DEVICES)[[ACCEPTED, CLOUD_X]].mean()
            if found is not None and len(means):
                ends = ", ".join(
                    f"A {means.loc[at, ACCEPTED]:.2f} against {means.loc[at, CLOUD_X]:.2f} at {at:,.0f}"
                    for at in (means.index.min(), means.index.max())
                )
                told.append(f"{kind} {found.told(DEVICES)} ({ends})")
        if told:
            yield f"{clock}: {', '.join(told)}"


def _placed(table: pd.DataFrame) -> pd.DataFrame:
    """The map's rows with the columns of their place, and little else; empty of a table without cloud-only decoding."""
    shown = _chosen(map_and_load(table)[0])
    if not {RATE, TIME} <= {*shown.columns} or not {OPPONENT} < {*shown[SCHEME]}:
        return pd.DataFrame(columns=[*PLACE, RTT, SCHEME, TIME])
    kept = shown[[CURVE, "seed", SCHEME, RATE, TIME]].copy()
    kept[RTT], kept[PAIR], kept[CLOCK] = round_trips_s(shown), pairs(shown), clocks(shown)
    return kept


def _by_clock(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    if table.empty or OPPONENT not in {*table[SCHEME]}:
        return
    for clock, rows in table.groupby(clocks(table), sort=False):
        yield str(clock), rows


def _chosen(table: pd.DataFrame) -> pd.DataFrame:
    """What schemes chose for themselves, where they did."""
    return table[table[SETTING] == CHOSEN] if SETTING in table.columns else table
