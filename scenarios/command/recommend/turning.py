"""Where a recommendation turns: the recommended setting and its rival once more, at other uplink rates and round trips.

Each quantity is changed by the factors of FACTORS, all else kept, as far as the retransmission timeout allows it;
settings are not tuned again there. What the models decode does not depend on the link, so that no pass is made twice;
queues and retransmissions are simulated anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from channels.link.delays import ConstantDelay
from channels.link.rates import ConstantRate
from kinds import ConfigError
from scenarios.findings.wording import between, passes
from simulator.cell.cell import Cell
from simulator.cell.settings import expand
from simulator.results.columns import CURVE
from simulator.results.comparison_log import recording
from simulator.results.crossings import Crossing, crossing
from simulator.tuning.trials import Row

FACTORS: Final = (0.1, 0.3, 1.0, 3.0, 10.0)
SEEDS: Final = 4
RATE, ROUND_TRIP = "uplink_rate_bps", "round_trip_s"
MOST_CELLS: Final = 2 * SEEDS * (2 * len(FACTORS) - 1)
"""Simulated to find where an answer turns."""
_FIRST, _SECOND = "first", "second"
_Value = Callable[[Cell], float]
_Trying = Callable[[Sequence[Cell]], Mapping[str, Row]]


@dataclass(frozen=True)
class Turn:
    """Where the first of two settings passes the second along `axis`, between `low` and `high`; `found` is None where
    neither is answered at two values in common."""

    axis: str
    low: float
    high: float
    found: Crossing | None

    def text(self) -> str:
        """`uplink rate (2 kbit/s to 200 kbit/s): from 20 kbit/s on (14 kbit/s to 29 kbit/s)`."""
        name = {RATE: "uplink rate", ROUND_TRIP: "delay there and back"}[self.axis]
        where = "not known, requests go unanswered" if self.found is None else passes(self.found, self.axis)
        return f"{name} {between(self.low, self.high, self.axis)}: {where}"

    def plain(self) -> dict[str, object]:
        """The same for programs; where the seeds do not cross, `at` is null."""
        found = self.found
        crosses = found is not None and found.log10_at.n > 0
        return {
            "axis": self.axis, "low": self.low, "high": self.high, "where": self.text().partition(": ")[2],
            "at": found.at if found is not None and crosses else None,
        }  # fmt: skip


def changed_links(cell: Cell) -> Iterator[tuple[str, _Value, list[dict[str, object]]]]:
    """(axis, its value in a cell, what is changed for each factor), of the quantities that are constants here and the
    same for all devices."""
    if cell.fleet:
        return
    up, down = cell.uplink, cell.downlink
    if isinstance(up.rate, ConstantRate) and 0 < up.rate.bps < float("inf"):
        yield RATE, _rate_bps, [{"uplink.rate.bps": up.rate.bps * factor} for factor in FACTORS]
    if isinstance(up.delay, ConstantDelay) and isinstance(down.delay, ConstantDelay) and _round_trip_s(cell) > 0:
        yield ROUND_TRIP, _round_trip_s, [
            {"uplink.delay.delay_s": up.delay.delay_s * each, "downlink.delay.delay_s": down.delay.delay_s * each}
            for each in FACTORS
        ]  # fmt: skip


def turns(first: Cell, second: Cell, metric: str, higher: bool, seeds: int, trying: _Trying) -> list[Turn]:
    """Where the first setting is better than the second, along each quantity that can be changed."""
    found = []
    for axis, value, changes in changed_links(first):
        at = {
            (name, seed, value(cell)): cell
            for name, setting in ((_FIRST, first), (_SECOND, second))
            for change in changes
            for seed in range(seeds)
            for cell in _allowed(setting, {**change, "seed": setting.seed + seed})
        }
        rows = trying(list(at.values()))
        table = pd.DataFrame(
            [
                {CURVE: name, "seed": seed, axis: x, metric: rows[cell.id][metric]}
                for (name, seed, x), cell in at.items()
                if rows[cell.id]["answered"] == 1
            ],
            columns=[CURVE, "seed", axis, metric],
        )
        lower, upper = (_SECOND, _FIRST) if higher else (_FIRST, _SECOND)
        with recording(()):  # it is reported as a place, and compared nowhere else
            there = crossing(table, axis, lower, upper, metric)
        values = sorted({x for _, _, x in at})
        found.append(Turn(axis, values[0], values[-1], there))
    return found


def _allowed(setting: Cell, change: Mapping[str, object]) -> list[Cell]:
    """The setting changed; [] where its retransmission timeout would be less than a round trip, which is refused."""
    try:
        return expand(setting, {}, change)
    except ConfigError:
        return []


def _rate_bps(cell: Cell) -> float:
    assert isinstance(cell.uplink.rate, ConstantRate)
    return cell.uplink.rate.bps


def _round_trip_s(cell: Cell) -> float:
    assert isinstance(cell.uplink.delay, ConstantDelay) and isinstance(cell.downlink.delay, ConstantDelay)
    return cell.uplink.delay.delay_s + cell.downlink.delay.delay_s
