"""Questions about break-even with cloud-only decoding: the plane of x and A, round-trip times, the cloud's time."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from simulator.results.break_even_findings import Limit


@dataclass(frozen=True)
class SignHolds:
    """Does the sign of A - x name who is faster, and how far is (x + 1) T / (A + 1) from the measured time?"""

    metric: str = "tpot_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.break_even_findings import agreement

        found = agreement(table, axis)
        return "" if found is None else found.told()


@dataclass(frozen=True)
class WinsBelow:
    """Below which round-trip time is the kind `scheme` faster than cloud-only decoding, for each pair and target, at
    each rate?"""

    scheme: str
    metric: str = "tpot_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.break_even_findings import RATE, limits
        from simulator.results.units import quantity

        told = []
        found = limits(table, [self.scheme])
        for rate in dict.fromkeys(limit.rate_bps for limit in found):
            here = [limit for limit in found if limit.rate_bps == rate]
            pairs = dict.fromkeys(limit.pair for limit in here)
            targets = " / ".join(dict.fromkeys(quantity(limit.target_s, self.metric, 2) for limit in here))
            said = "; ".join(f"{pair} {_along_targets(here, pair)}" for pair in pairs)
            told.append(f"at {quantity(rate, RATE)} and T = {targets}: {said}")
        heading = f"{self.scheme} is faster than the cloud alone below a round-trip time of, "
        return heading + " | ".join(told) if told else ""


@dataclass(frozen=True)
class WinsWhere:
    """At how many places of the map is each scheme the fastest, and where does the kind `scheme` bear the longest
    round-trip time?"""

    scheme: str
    metric: str = "tpot_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.break_even_findings import limits, wins

        counts, places = wins(table)
        if not counts:
            return ""
        each = ", ".join(f"{kind} {number}" for kind, number in counts.items())
        said = f"fastest by time per token, of {places} pairs, targets, rates and round-trip times: {each}"
        return ". ".join(filter(None, (said, self._furthest(limits(table, [self.scheme])))))

    def _furthest(self, found: list[Limit]) -> str:
        from simulator.results.break_even_findings import RATE, furthest
        from simulator.results.units import quantity

        best = furthest(found)
        if best is None:
            return f"{self.scheme} wins nowhere" if found else ""
        nowhere = sum(limit.at_s == 0 for limit in found)
        where = f"{best.pair} at T = {quantity(best.target_s, self.metric, 2)} and {quantity(best.rate_bps, RATE)}"
        none = f"; with {nowhere} of {len(found)} pairs, targets and rates it never wins" if nowhere else ""
        return f"Of the longest round trip {self.scheme} wins with {where} ({best.told(spread=True)}){none}"


@dataclass(frozen=True)
class CloudTime:
    """Up to which number of devices does each scheme take less of the cloud's time a token than cloud-only decoding?"""

    metric: str = "cloud_s_per_token"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.break_even_findings import cloud_time

        told = "; ".join(cloud_time(table))
        return f"Less of the cloud's time a token than cloud_only, by devices (A against x_gpu), {told}" if told else ""


@dataclass(frozen=True)
class BreakEven:
    """A and x of every place of the map, who is faster, and below which round-trip time; printed for one `scheme`."""

    scheme: str
    name: str = "break_even"

    def rows(self, cells: pd.DataFrame) -> pd.DataFrame:
        """`standings`, with the limit of each row's pair, target, rate and scheme, and the ends of its interval."""
        from simulator.results.break_even_findings import limits, standings

        found = standings(cells)
        if found.empty:
            return found
        by_place = _by_place(limits(cells))
        mine = [by_place.get(_place(row)) for _, row in found.iterrows()]
        at = [float("nan") if each is None else each.at_s for each in mine]
        ends = [(float("nan"),) * 2 if each is None else each.ends_s for each in mine]
        return found.assign(
            wins_below_s=at, wins_below_s_low=[low for low, _ in ends], wins_below_s_high=[high for _, high in ends]
        )

    def printed(self, cells: pd.DataFrame) -> str:
        """A row per pair, target and rate, a column per round-trip time."""
        from scenarios.command.aligned_columns import WIDTH, aligned
        from simulator.results.break_even_findings import PLACE, RATE, SCHEME, limits, standings
        from simulator.results.break_even_plane import ACCEPTED, RTT, TARGET, X
        from simulator.results.units import quantity

        found = standings(cells)
        found = found[found[SCHEME] == self.scheme] if len(found) else found
        if found.empty:
            return ""
        trips = sorted(found[RTT].dropna().unique())
        below = _by_place(limits(cells, [self.scheme]))
        body = []
        for (pair, _, rate), part in found.groupby(list(PLACE), sort=False):
            signs = {"yes": ">", "no": "<", "unclear": "~"}
            here = {row[RTT]: f"{row[ACCEPTED]:.2f} {signs[row['faster']]} {row[X]:.2f}" for _, row in part.iterrows()}
            limit = below.get(_place(part.iloc[0]))
            body.append(
                [f"{pair}, {quantity(float(part[TARGET].mean()), TARGET)}, {quantity(rate, RATE)}",
                 *(here.get(trip, "-") for trip in trips), "-" if limit is None else limit.told(spread=True)]
            )  # fmt: skip
        heading = (
            f"A and x of {self.scheme}: > where it is measured to be faster than cloud_only, < where slower, ~ where "
            "the seeds cannot tell; by round-trip time, and the one below which it wins"
        )
        columns = ["pair, T, rate", *(quantity(trip, RTT) for trip in trips), "wins below"]
        return f"{textwrap.fill(heading, WIDTH)}\n\n{aligned(columns, body)}"


def _along_targets(found: list[Limit], pair: str) -> str:
    return " / ".join(limit.told() for limit in found if limit.pair == pair)


def _by_place(found: list[Limit]) -> dict[tuple[str, ...], Limit]:
    return {(each.pair, f"{each.target_s:.3g}", f"{each.rate_bps:g}", each.scheme): each for each in found}


def _place(row: pd.Series[float]) -> tuple[str, ...]:
    """Of a row of `standings`, as in `_by_place`."""
    from simulator.results.break_even_findings import RATE, SCHEME
    from simulator.results.break_even_plane import PAIR, TARGET

    return str(row[PAIR]), f"{row[TARGET]:.3g}", f"{row[RATE]:g}", str(row[SCHEME])
