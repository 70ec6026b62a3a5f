"""Does drafting at the edge pay, by how many of four drafts a round accepts and how far away the cloud is? The closed
forms of `phase_prediction`, an edge that sends ids in its best serving mode and at its best draft length; where
published pairs lie; and the cells that were simulated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Final, NamedTuple

import pandas as pd

from models.acceptance_mix import AlongText, fit_accepted_length, keep
from models.published import KnownAcceptance, Published
from models.published_figures import AT_0_AND_1, KEPT_LEAST, PRESETS
from simulator.results.columns import CURVE
from simulator.results.display_names import SERVING, serving_mode
from simulator.results.phase_prediction import (
    Deployment,
    Rounds,
    Times,
    cloud_only,
    colocated,
    drafting,
)
from simulator.results.phase_regions import (
    BITS,
    COLOCATED,
    IDS,
    KIND,
    LENGTHS,
    OPPONENT,
    RTT,
    WHOLE,
    foreseen,
    mapped,
    pair_of,
    place_of,
)

DRAFTS: Final = 4
"""Drafts of the round whose accepted ones are counted."""
ACCEPTED: Final = tuple(0.25 * each for each in range(2, 16))
TRIPS_S: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
SPEED: Final = "edge.latency.speed"
_STARTS_AND_DEPTHS: Final = ((False, 0), (True, 0), (False, 1), (False, 2), (True, 1), (True, 2))
MODES: Final[dict[str, Callable[[Deployment, Rounds, float], Times]]] = {
    serving_mode(dict(zip(SERVING, (depth, starts, False, 0, "edge"), strict=True))): drafting(starts, depth)
    for starts, depth in _STARTS_AND_DEPTHS
}
"""The closed form of each serving mode."""


class Predicted(NamedTuple):
    """The times of an answer over cloud-only decoding's, by the closed forms."""

    edge: float
    mode: str
    colocated: float


def accepted(along: AlongText) -> float:
    """Accepted drafts a round of DRAFTS."""
    return float(along.survival(DRAFTS).sum())


def rounds_along(along: AlongText) -> list[Rounds]:
    """Rounds of each draft length that is chosen among."""
    return [Rounds(tuple(along.survival(drafts).tolist())) for drafts in LENGTHS]


def predict(place: Deployment, rounds: Sequence[Rounds], bits_a_draft: float) -> Predicted:
    """Returns the predictions of each mode at the best of these rounds, the edge in its best serving mode."""
    alone_s = cloud_only(place).latency_s
    best = {mode: min(form(place, each, bits_a_draft).latency_s for each in rounds) for mode, form in MODES.items()}
    mode = min(best, key=lambda each: best[each])
    near = min(colocated(place, each).latency_s for each in rounds)
    return Predicted(best[mode] / alone_s, mode, near / alone_s)


def plane(row: pd.Series[float]) -> list[list[Predicted]]:
    """Returns the predictions with the machines, links and lengths of a row of ids, [TRIPS_S, ACCEPTED]."""
    here, bits = place_of(row), float(row[BITS])
    places = [replace(here, up_delay_s=trip_s / 2, down_delay_s=trip_s / 2) for trip_s in TRIPS_S]
    return [[predict(place, _of_accepted(each), bits) for each in ACCEPTED] for place in places]


def pays_from(predicted_at: Sequence[Predicted]) -> float | None:
    """The accepted drafts from which on an edge is faster than cloud-only decoding, between ACCEPTED by a straight
    line; None where it is not faster at the most."""
    over = [each.edge for each in predicted_at]
    if over[-1] >= 1:
        return None
    slower = max((place for place, each in enumerate(over) if each >= 1), default=-1)
    if slower < 0:
        return ACCEPTED[0]
    share = (over[slower] - 1) / (over[slower] - over[slower + 1])
    return ACCEPTED[slower] + share * (ACCEPTED[slower + 1] - ACCEPTED[slower])


def sending_ids(table: pd.DataFrame) -> pd.DataFrame:
    """A row of ids for each speed of the drafter at which most places were simulated."""
    rows = _known(table)
    rows = rows[rows[KIND].isin(IDS) & rows[BITS].notna()]
    if rows.empty:
        return rows
    places = rows.drop_duplicates([SPEED, *_PLACE]).groupby(SPEED).size()
    return rows[rows[SPEED].isin(places.index[places == places.max()])].drop_duplicates(SPEED).sort_values(SPEED)


def simulated(table: pd.DataFrame) -> pd.DataFrame:
    """A row per simulated place and speed: the pair's accepted drafts, the curve of cloud-only decoding and that of the
    edge scheme of the least mean time, the ratio of their means, and the index of the rows."""
    found = []
    for _, rows in _known(table).groupby([SPEED, *_PLACE], sort=False):
        alone = rows[rows[KIND].eq(OPPONENT)]
        edge = rows[~rows[KIND].isin((OPPONENT, COLOCATED))].groupby(CURVE, sort=False)[WHOLE].mean()
        if len(alone) and len(edge):
            first = rows.iloc[0]
            found.append(
                {SPEED: first[SPEED], RTT: first[RTT], "accepted": accepted(pair_of(first).along),
                 "edge": str(edge.idxmin()), "alone": str(alone[CURVE].iloc[0]),
                 "ratio": edge.min() / alone[WHOLE].mean(), "rows": rows.index}
            )  # fmt: skip
    return pd.DataFrame(found, columns=[SPEED, RTT, "accepted", "edge", "alone", "ratio", "rows"])


@cache
def published() -> pd.DataFrame:
    """A row per published pair: its name and task, the accepted drafts at the temperature that it was measured at, and
    at temperatures 0 and 1. What was not measured at 1 is KEPT_LEAST of AL - 1, the least that models keep there."""
    found = []
    for name, figures in PRESETS.items():
        pair = Published(name=name)
        ends = [accepted(pair.along)]
        if figures.temperature == 0:
            ends.append(accepted(keep(pair.along, figures.drafts, KEPT_LEAST)))
        elif (both := AT_0_AND_1.get(figures.verifier.rpartition("/")[2])) is not None:
            fitted = fit_accepted_length(both[0], figures.drafts, figures.concentration, pair.stretch_tokens)
            ends.append(accepted(fitted))
        found.append({"name": name, "task": figures.task, "accepted": ends[0], "low": min(ends), "high": max(ends)})
    return pd.DataFrame(found).sort_values("accepted", ignore_index=True)


_PLACE: Final = ["models.pair.name", "models.temperature", RTT]


def _known(table: pd.DataFrame) -> pd.DataFrame:
    rows = foreseen(mapped(table)) if SPEED in table.columns else table.iloc[:0]
    return rows if {*_PLACE, SPEED, BITS} <= {*rows.columns} else pd.DataFrame(columns=[SPEED, KIND, BITS, *_PLACE])


@cache
def _of_accepted(each: float) -> Sequence[Rounds]:
    return rounds_along(KnownAcceptance(accepted_length=1 + each, drafts=DRAFTS).along)
