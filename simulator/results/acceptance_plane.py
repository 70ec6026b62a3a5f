"""Does drafting at the edge pay, by how many of four drafts a round accepts and how far away the cloud is? The closed
forms of `phase_prediction`, an edge that sends ids in its best serving mode and at its best draft length; where
published pairs lie; and the cells that were simulated.

Prepared rounds are among the modes at temperature 0, where a guess behind a rejection is right with probability c:
NEXT_CHOICE, and at the ends of its band. How often it is right above 0 is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Final, NamedTuple

import pandas as pd

from models.acceptance_mix import AlongText, fit_accepted_length, keep
from models.branch_counts import Geometric
from models.published import KnownAcceptance, Published
from models.published_figures import AT_0_AND_1, KEPT_LEAST, PRESETS
from models.published_figures import NEXT_CHOICE as NEXT_CHOICE
from models.published_figures import NEXT_CHOICE_LEAST as NEXT_CHOICE_LEAST
from models.published_figures import NEXT_CHOICE_MOST as NEXT_CHOICE_MOST
from simulator.results.column_names import CURVE
from simulator.results.display_names import serving_mark, serving_mode
from simulator.results.phase_prediction import (
    Deployment,
    Outcomes,
    Rounds,
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
    Mode,
    foreseen,
    mapped,
    one_more,
    pair_of,
    place_of,
)

DRAFTS: Final = 4
"""Drafts of the round whose accepted ones are counted."""
ACCEPTED: Final = tuple(0.25 * each for each in range(2, 16))
TRIPS_S: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
SPEED: Final = "edge.latency.speed"
BRANCHES: Final = 4
"""Branches that the edge prepares, as `scheme.prepared` is tuned."""


_MODES: Final = [
    Mode(depth, starts, branches, at_cloud)
    for depth, branches, at_cloud in (
        (0, 0, False),
        (1, 0, False),
        (2, 0, False),
        (0, BRANCHES, False),
        (0, BRANCHES, True),
    )
    for starts in (False, True)
]
MODES: Final = {serving_mode(each.fields): each for each in _MODES}
MARKS: Final = {serving_mode(each.fields): serving_mark(each.fields) for each in _MODES}


class Length(NamedTuple):
    """Rounds of L drafts, and s_{L+1}."""

    rounds: Rounds
    survives: float

    def outcomes(self, mode: Mode, next_choice: float) -> Outcomes | None:
        """Returns the branches behind them; None without any."""
        if not mode.branches:
            return None
        widths = Geometric().widths(self.rounds.drafts, mode.branches)
        return Outcomes(widths, next_choice, self.survives, mode.at_cloud)


class Predicted(NamedTuple):
    """The times of an answer over cloud-only decoding's, by the closed forms. `least` and `most` are the edge's at the
    ends of the band of c."""

    edge: float
    mode: str
    colocated: float
    least: float
    most: float


def accepted(along: AlongText) -> float:
    """Accepted drafts a round of DRAFTS."""
    return float(along.survival(DRAFTS).sum())


def rounds_along(along: AlongText) -> list[Length]:
    """Returns the rounds of each draft length that is chosen among."""
    survival = [tuple(along.survival(drafts).tolist()) for drafts in (*LENGTHS, LENGTHS[-1] + 1)]
    return [Length(Rounds(each), one_more(each, longer)) for each, longer in pairwise(survival)]


def predict(
    place: Deployment, lengths: Sequence[Length], bits_a_draft: float, next_choice: float | None = NEXT_CHOICE
) -> Predicted:
    """Returns the predictions of each mode at the best of these lengths, the edge in its best mode. `next_choice` is c,
    None where it is not known: no rounds are prepared then."""
    alone_s = cloud_only(place).latency_s

    def over(mode: Mode, share: float) -> float:
        forms = (drafting(mode.starts, mode.depth, each.outcomes(mode, share)) for each in lengths)
        times = (form(place, each.rounds, bits_a_draft) for form, each in zip(forms, lengths, strict=True))
        return min(each.latency_s for each in times) / alone_s

    best = {name: over(mode, 0.0) for name, mode in MODES.items() if not mode.branches}
    ends = [min(best.values())] * 2
    if next_choice is not None:
        prepared = {name: mode for name, mode in MODES.items() if mode.branches}
        ends = [
            min(ends[0], *(over(mode, share) for mode in prepared.values()))
            for share in (NEXT_CHOICE_MOST, NEXT_CHOICE_LEAST)
        ]
        best |= {name: over(mode, next_choice) for name, mode in prepared.items()}
    mode = min(best, key=lambda each: best[each])
    near = min(colocated(place, each.rounds).latency_s for each in lengths)
    return Predicted(best[mode], mode, near / alone_s, *ends)


def plane(row: pd.Series[float]) -> Sequence[Sequence[Predicted]]:
    """Returns the predictions with the machines, links and lengths of a row of ids, [TRIPS_S, ACCEPTED]."""
    return _plane(place_of(row), float(row[BITS]), TRIPS_S, ACCEPTED)


@cache
def _plane(
    here: Deployment, bits_a_draft: float, trips_s: Sequence[float], columns: Sequence[float]
) -> Sequence[Sequence[Predicted]]:
    """Computed once for a finding, a table and a figure: a plane takes seconds."""
    places = [replace(here, up_delay_s=trip_s / 2, down_delay_s=trip_s / 2) for trip_s in trips_s]
    return tuple(tuple(predict(place, _of_accepted(each), bits_a_draft) for each in columns) for place in places)


def pays_from(over: Sequence[float]) -> float | None:
    """The accepted drafts from which on an edge takes less than cloud-only decoding, of its times over that one's at
    ACCEPTED, between them by a straight line; None where it does not at the most."""
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
    rows = table.iloc[:0]
    if SPEED in table.columns:
        rows = mapped(table)
        rows = rows.loc[foreseen(rows.assign(**{"scheme.prepared": 0})).index]  # in any mode
    return rows if {*_PLACE, SPEED, BITS} <= {*rows.columns} else pd.DataFrame(columns=[SPEED, KIND, BITS, *_PLACE])


@cache
def _of_accepted(each: float) -> Sequence[Length]:
    return rounds_along(KnownAcceptance(accepted_length=1 + each, drafts=DRAFTS).along)
