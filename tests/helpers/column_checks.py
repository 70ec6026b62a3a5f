"""What holds for the tests of every table: each column has an expected value of its own, and no two are alike."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np

from kinds.arrays import Floats

RELATIVE, ABSOLUTE = 1e-9, 1e-11
"""How far a value may be from what is expected: sums are taken in another order."""
APART = 1e-6
"""How far at least two columns differ somewhere: beyond doubt more than roundings."""


def names_differ(declared: Iterable[str], expected: Iterable[str]) -> set[str]:
    """Columns without an expected value, and expected values of no column."""
    return set(declared) ^ set(expected)


def same(values: Sequence[float], expected: Sequence[float], where: str = "") -> None:
    """Raises AssertionError where they differ, nan counting as a value."""
    given, wanted = np.asarray(values, dtype=float), np.asarray(expected, dtype=float)
    np.testing.assert_allclose(given, wanted, rtol=RELATIVE, atol=ABSOLUTE, err_msg=where)


def alike(columns: Mapping[str, Sequence[float]]) -> list[tuple[str, str]]:
    """Pairs of columns that nothing tells apart: swapped, they would go unnoticed."""
    arrays = {name: np.asarray(values, dtype=float) for name, values in columns.items()}
    return [(one, other) for one, other in combinations(arrays, 2) if not _apart(arrays[one], arrays[other])]


def idle(columns: Mapping[str, Sequence[float]]) -> list[str]:
    """Columns that are 0 or nan wherever they are looked at."""
    return [name for name, values in columns.items() if not np.nan_to_num(np.asarray(values, dtype=float)).any()]


def _apart(one: Floats, other: Floats) -> bool:
    if (np.isnan(one) != np.isnan(other)).any():
        return True
    return bool((np.abs(one - other) > APART * np.maximum(1.0, np.abs(one))).any())
