"""Turning points of a recommendation: the recommended setting and its rival once more, at other uplink rates, round
trips, acceptances, prompts, numbers of devices, and prices of a GPU, each changed by factors, all else kept and not
tuned again.

What the models decode does not depend on the link or on prices; for the others texts are decoded again, and they are
looked at only as far as the budget goes. Acceptance is AL of pairs known by it alone: AL - 1 is changed, and laid out
along the text by a Beta distribution of the pair's spread. Devices share TEXTS texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Final

import pandas as pd

from channels.link.delays import ConstantDelay
from channels.link.rates import ConstantRate
from kinds import ConfigError
from models.acceptance_mix import accepted_length
from models.power import PRICES
from models.published import OfAcceptance
from scenarios.findings.wording import between, passes
from simulator.cell.cell import Cell
from simulator.cell.settings import expand
from simulator.results.column_names import CURVE
from simulator.results.crossings import Crossing, crossing
from simulator.tuning.trials import Row, each_once

FACTORS: Final = (0.1, 0.3, 1.0, 3.0, 10.0)
ACCEPTED: Final = (0.25, 0.5, 1.0, 1.5, 2.0)
"""Factors of AL - 1, up to MOST_ACCEPTED of the drafts of a round."""
MOST_ACCEPTED: Final = 0.95
TEXTS: Final = 4
SEEDS: Final = 4
RATE, ROUND_TRIP, ACCEPTANCE = "uplink_rate_bps", "round_trip_s", "accepted_length"
PROMPT, DEVICES, PRICE = "prompt_tokens", "devices", "gpu_hour_usd"
_NAMES: Final = {
    RATE: "uplink rate",
    ROUND_TRIP: "delay there and back",
    ACCEPTANCE: "tokens a verify pass",
    PROMPT: "prompts",
    DEVICES: "devices",
    PRICE: "price of a GPU for an hour",
}
_FIRST, _SECOND = "first", "second"
_Value = Callable[[Cell], float]
_Trying = Callable[[Sequence[Cell]], Mapping[str, Row]]


@dataclass(frozen=True)
class Turn:
    """Point at which the first of two settings passes the second along `axis`, between `low` and `high`; `found` is
    None if neither is answered at two common values, or if it was not `looked` for."""

    axis: str
    low: float
    high: float
    found: Crossing | None
    looked: bool = True

    def text(self) -> str:
        """`uplink rate 2 kbit/s to 200 kbit/s: from 20 kbit/s on (14 kbit/s to 29 kbit/s)`."""
        where = "not known, requests go unanswered" if self.looked else "not looked for, the budget was spent"
        where = where if self.found is None else passes(self.found, self.axis)
        return f"{_NAMES[self.axis]} {between(self.low, self.high, self.axis)}: {where}"

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


def changed_texts(cell: Cell) -> Iterator[tuple[str, _Value, list[dict[str, object]]]]:
    """Yields changes, as `changed_links`, of the quantities for which texts are decoded again."""
    pair, workload = cell.models.pair, cell.workload
    if isinstance(pair, OfAcceptance):
        drafts, own = pair.figures.drafts, accepted_length(pair.along, pair.figures.drafts) - 1
        kept = pair.model_dump(include={"prompts", "prompt_tokens", "context", "stretch_tokens", "seed"})
        kept |= {"size": pair.vocabulary, "drafts": drafts, "concentration": pair.figures.concentration}
        lengths = dict.fromkeys(1 + min(own * factor, MOST_ACCEPTED * drafts) for factor in ACCEPTED)
        yield ACCEPTANCE, _accepted_length, [
            {"models.pair": {"kind": "acceptance", "accepted_length": length, **kept}} for length in lengths
        ]  # fmt: skip
    if cell.fleet or not hasattr(workload, "requests"):
        return
    if hasattr(pair, "prompt_tokens"):
        prompts = dict.fromkeys(max(1, round(workload.prompt_tokens * factor)) for factor in FACTORS)
        yield PROMPT, lambda cell: cell.workload.prompt_tokens, [
            {"workload.prompt_tokens": each, "models.pair.prompt_tokens": each} for each in prompts
        ]  # fmt: skip
    numbers = dict.fromkeys(max(1, round(workload.devices * factor)) for factor in FACTORS)
    yield DEVICES, lambda cell: cell.workload.devices, [
        {"workload.devices": each, "workload.distinct": workload.distinct or TEXTS} for each in numbers
    ]  # fmt: skip


def changed_prices(cell: Cell, metric: str) -> Iterator[tuple[str, _Value, list[dict[str, object]]]]:
    """Yields changes, as `changed_links`, of the rent. If rent is the whole price, it orders settings alike at any
    price."""
    price = _gpu_hour_usd(cell)
    if metric.endswith("_usd_per_million_tokens") and price > 0 and any(each.edge.usd_per_kwh for each in cell.classes):
        yield PRICE, _gpu_hour_usd, [{"cloud.usd_per_gpu_hour": price * factor} for factor in FACTORS]


def turns(
    first: Cell,
    second: Cell,
    metric: str,
    higher: bool,
    seeds: int,
    trying: _Trying,
    trials: float = inf,
) -> list[Turn]:
    """Returns the points at which the first setting becomes better than the second, along each quantity that can be
    changed. `trials` are left in the budget, of which a cell of more devices takes more; those of the link are tried in
    any case."""
    found: list[Turn] = []
    looked: dict[str, dict[tuple[str, int, float], Cell]] = {}
    for further, (axis, value, changes) in [
        *((False, each) for each in changed_links(first)),
        *((True, each) for each in (*changed_prices(first, metric), *changed_texts(first))),
    ]:
        at = {
            (name, seed, value(cell)): cell
            for name, setting in ((_FIRST, first), (_SECOND, second))
            for change in changes
            for seed in range(seeds)
            for cell in _allowed(setting, {**change, "seed": setting.seed + seed})
        }
        values = sorted({x for _, _, x in at})
        if len(values) < 2:
            continue
        needed = sum(max(1, cell.workload.devices // first.workload.devices) for cell in at.values())
        affordable = needed <= trials or not further
        found.append(Turn(axis, values[0], values[-1], None, looked=affordable))
        if affordable:
            trials -= needed if further else 0
            looked[axis] = at
    rows = trying(each_once(cell for at in looked.values() for cell in at.values())) if looked else {}
    lower, upper = (_SECOND, _FIRST) if higher else (_FIRST, _SECOND)
    for place, turn in enumerate(found):
        if not turn.looked:
            continue
        table = pd.DataFrame(
            [
                {CURVE: name, "seed": seed, turn.axis: x, metric: rows[cell.id][metric]}
                for (name, seed, x), cell in looked[turn.axis].items()
                if rows[cell.id]["answered"] == 1
            ],
            columns=[CURVE, "seed", turn.axis, metric],
        )
        found[place] = replace(turn, found=crossing(table, turn.axis, lower, upper, metric))
    return found


def _allowed(setting: Cell, change: Mapping[str, object]) -> list[Cell]:
    """The setting changed; [] where that is refused: a retransmission timeout of less than a round trip, a text longer
    than the pair's context, more requests than a memory holds."""
    try:
        return expand(setting, {}, change)
    except ConfigError:
        return []


def _gpu_hour_usd(cell: Cell) -> float:
    price = cell.cloud.usd_per_gpu_hour
    return PRICES[price].usd if isinstance(price, str) else price or 0.0


def _accepted_length(cell: Cell) -> float:
    assert isinstance(cell.models.pair, OfAcceptance)
    return cell.models.pair.figures.accepted_length


def _rate_bps(cell: Cell) -> float:
    assert isinstance(cell.uplink.rate, ConstantRate)
    return cell.uplink.rate.bps


def _round_trip_s(cell: Cell) -> float:
    assert isinstance(cell.uplink.delay, ConstantDelay) and isinstance(cell.downlink.delay, ConstantDelay)
    return cell.uplink.delay.delay_s + cell.downlink.delay.delay_s
