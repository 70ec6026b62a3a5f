"""What stands in which column of a written tree, and in which bit: known to writer and reader."""

from __future__ import annotations

from typing import Final, NamedTuple

from kinds.arrays import Floats, Ints


class IntColumns(NamedTuple):
    """Whole numbers, int64 [n] each."""

    shape: Ints
    """How many there are of a thing, flags, places: what the others are read by."""
    tokens: Ints
    lengths: Ints
    """Of the strings of bytes behind the columns, no two of them the same."""
    drafts: Ints
    """[5, n] of all drafts, flat: place of the token in its support or UNSENT, K, support size, flags, length of the
    state."""
    supports: Ints
    """Of all drafts, as differences."""
    counts: Ints


class RealColumns(NamedTuple):
    """float64 [n] each."""

    reals: Floats
    measured: Floats
    """[4, n] of each judged round, flat."""
    drafts: Floats
    """[4, n] of all drafts, flat: confidence, dropped mass, TV by quantization, covering bound."""
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

    OVER_BUDGET: Final = 1
    OTHER_WEIGHTS: Final = 2
    """It was drawn by weights that are not its counts ..."""
    WHOLE_WEIGHTS: Final = 4
    """... but whole numbers too."""
