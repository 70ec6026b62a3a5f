"""Values of tables as JSON has them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

Plain = float | int | str | bool | None | Mapping[str, "Plain"] | Sequence["Plain"]
"""Value that JSON holds."""


def plain(value: object) -> Plain:
    """A value of a table as JSON takes it: nothing for nan, `inf` in words."""
    if value is None or value is pd.NA:
        return None
    if hasattr(value, "item"):  # numpy's scalars
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value if isinstance(value, bool | int | float) else str(value)
