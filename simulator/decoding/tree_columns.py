"""What stands in which column of a written tree, and in which bit: known to writer and reader.

The numbers of a draft, a payload's sums and a judged round are those that their classes declare, in that order, so that
a new one is written and read without a word here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple, get_type_hints

from kinds.arrays import Floats, Ints
from simulator.decoding.nodes import Drafted

LARGEST_WEIGHT: Final = 1 << 53
"""Of whole numbers among the weights: floats hold them exactly."""


class IntColumns(NamedTuple):
    """Whole numbers, int64 [n] each."""

    shape: Ints
    """How many there are of a thing, flags, places: what the others are read by."""
    tokens: Ints
    lengths: Ints
    """Of the strings of bytes behind the columns, no two of them the same."""
    drafts: Ints
    """[4 + w, n] of all drafts, flat: place of the token in its support or UNSENT, K, flags, length of the state, and
    the w whole numbers of `Drafted`."""
    supports: Ints
    """Of all drafts, as differences."""
    counts: Ints


class RealColumns(NamedTuple):
    """float64 [n] each."""

    reals: Floats
    measured: Floats
    """[m, n] of each judged round, flat: its `DraftDivergences`."""
    drafts: Floats
    """[r, n] of all drafts, flat: the r real numbers of `Drafted`."""
    states: Floats
    """Of all drafts."""
    weights: Floats
    """What drafts were drawn by, of those that were not drawn by their counts."""


class NodeFlag:
    """Bits."""

    TREE: Final = 1
    FULL: Final = 2
    OWES: Final = 4
    ASKED: Final = 8
    MORE_TEXT: Final = 16
    """Its text begins with its base's, and what is told is what comes after."""
    MORE_DRAFTS: Final = 32
    """So do its drafts."""
    SAME_STATE: Final = 64


class DraftFlag:
    """Bits."""

    OTHER_WEIGHTS: Final = 1
    """It was drawn by weights that are not its counts ..."""
    WHOLE_WEIGHTS: Final = 2
    """... but whole numbers too."""


class Declared(NamedTuple):
    """The numbers that a class declares, in order."""

    whole: Mapping[str, type]
    """int or bool, by name."""
    real: tuple[str, ...]
    """Of type float."""


def declared(kind: type, *others: str) -> Declared:
    """Of a class: its fields but for `others`, which are written otherwise. Raises TypeError where one is no number."""
    return _declared(kind, others)


@cache
def _declared(kind: type, others: tuple[str, ...]) -> Declared:
    types = {name: type_ for name, type_ in get_type_hints(kind).items() if name not in others}
    for name, type_ in types.items():
        if type_ not in (int, bool, float):
            raise TypeError(f"{kind.__name__}.{name} is {type_}: only int, bool and float are kept on disk")
    whole = {name: type_ for name, type_ in types.items() if type_ is not float}
    return Declared(whole, tuple(name for name in types if name not in whole))


DRAFT: Final = declared(Drafted, "draft", "drawn_from", "state")
