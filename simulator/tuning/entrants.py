"""Who enters a race: of each place its own setting, an even sample, and what a search finds from the best of those.

The search has seeds of its own. So who enters does not depend on the seeds of the race, and what the race promises of
n settings (`simulator.tuning.race`) holds of those that enter, be they sampled or found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulator.tuning import heats
from simulator.tuning.alternatives import Alternatives, Values
from simulator.tuning.heats import TimeLimit, Try
from simulator.tuning.trials import FIRST_SEED, Aim, CommonSeeds, Course, each_once

if TYPE_CHECKING:
    from simulator.cell.cell import Cell

SEARCH_SEED: Final = 2 * FIRST_SEED
"""The first of the search: none of a race."""
SEARCH_SEEDS: Final = 2
SEARCH_STEPS: Final = 3
STEADY: Final = 0.8
"""Of what a cell took before: where it takes no less, that is what a cell takes."""


@dataclass(frozen=True)
class Entrants:
    """The settings that race, `sampled` of which are of the sample; `searched`: whether there was time to look for
    others, or none are left."""

    settings: Sequence[Cell]
    sampled: int
    searched: bool


def samples(places: Sequence[Alternatives], most: int) -> list[list[Values]]:
    """Of each place so many settings, its own first, that they are `most` together: as many of each as of any other, or
    all it has; one at least."""
    sizes, share = [place.number() for place in places], 1
    while share < max(sizes) and sum(min(size, share + 1) for size in sizes) <= most:
        share += 1
    return [place.sample(share) for place in places]


def sampled(places: Sequence[Alternatives], most: int) -> list[Cell]:
    """The cells of `samples`, each once."""
    return _cells(places, samples(places, most))


def entrants(places: Sequence[Alternatives], most: int, aim: Aim, trying: Try, limit: TimeLimit) -> Entrants:
    """As many as there is time for a first look of. Where there is time for more than that of `most`, also what a
    search finds from the best of each place."""
    _time(places, trying, limit)
    whole = sampled(places, most)
    if limit.cells < len(whole) * heats.LOOKS[0]:
        fewer = sampled(places, int(limit.cells / heats.LOOKS[0]))
        return Entrants(fewer, len(fewer), False)
    found = samples(places, most)
    partly = [at for at, place in enumerate(places) if len(found[at]) < place.number()]
    if limit.cells < len(whole) * (heats.LOOKS[0] + SEARCH_SEEDS):
        return Entrants(whole, len(whole), not partly)
    searches = {
        at: Course(CommonSeeds(places[at], aim, first=SEARCH_SEED).searched(found[at], SEARCH_SEEDS, SEARCH_STEPS))
        for at in partly
    }
    while wanted := each_once(cell for search in searches.values() for cell in search.wanted):
        rows = trying(wanted, "search from the best of each kind")
        for search in searches.values():
            search.hear(rows)
    for at, search in searches.items():
        (ranked,) = search.ended
        found[at] += [each for each in ranked if each not in found[at]]
    return Entrants(_cells(places, found), len(whole), True)


def _time(places: Sequence[Alternatives], trying: Try, limit: TimeLimit) -> None:
    """Tells the limit how long a cell takes, of one of each place, again and again while it takes ever less: at first
    workers start, models are loaded, code is compiled."""
    before_s = float("inf")
    each = [CommonSeeds(place, Aim("")) for place in places]
    for seeds in range(1, heats.LOOKS[0] + 1):
        trying(each_once(cell for one in each for cell in one.cells([one.place.own], seeds)), "")
        if limit.cost_s > STEADY * before_s:
            break
        before_s = limit.cost_s


def _cells(places: Sequence[Alternatives], settings: Sequence[Sequence[Values]]) -> list[Cell]:
    """The cells of the settings of each place; a place's sample has none that its parts refuse."""
    cells = (place.at(each) for place, mine in zip(places, settings, strict=True) for each in mine)
    return each_once(cell for cell in cells if cell is not None)
