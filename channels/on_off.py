"""Things that are there and away by turns: a link that is out at times, a device that leaves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from math import log1p
from typing import Final

from channels.uniforms import Uniforms

Window = tuple[float, float]
"""(start_s, end_s): a time away."""
SHORTEST_S: Final = 1e-3
"""Mean length of a random time there or away, at least: what comes and goes faster takes longer to run than to live."""
MOST_CHANGES: Final = 2_000_000
"""Changes of a rate that packets may wait through until one of them is acknowledged: some seconds of computing."""
MOST_IDLE_CHANGES: Final = 20_000_000
"""Changes of a rate or a loss that may pass meanwhile while nobody sends."""


def exponential_windows(mean_there_s: float, mean_away_s: float, uniforms: Uniforms) -> Iterator[Window]:
    """The windows, for ever, of a thing that is there at 0 s, and there and away for exponential times.

    Before window k = 0, 1, ... it is there for a time that the number at (k, 0) decides, and away for that at (k, 1).
    A window may be empty where its length is lost in rounding.
    """
    end_s = 0.0
    for number in count():
        start_s = end_s - mean_there_s * log1p(-uniforms.uniform(number, 0))
        end_s = start_s - mean_away_s * log1p(-uniforms.uniform(number, 1))
        yield start_s, end_s


def require_in_order(field: str, windows: Iterable[Window]) -> None:
    """Raises ValueError that names the field and the first window that is empty, early, or not apart from the last."""
    before_s = -1.0
    for start_s, end_s in windows:
        if start_s < 0 or not before_s < start_s < end_s:
            raise ValueError(f"{field} must hold times start < end, in order and apart; see ({start_s}, {end_s})")
        before_s = end_s
