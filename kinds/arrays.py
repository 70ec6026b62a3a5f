"""The array types that everybody speaks of, one name each. Shapes and meaning stand where an array does."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
"""Distributions and other real numbers."""
Ints = npt.NDArray[np.int64]
"""Token ids, counts, tables: the type of every number that both ends of the air must agree on."""
Int32s = npt.NDArray[np.int32]
"""Values of the codec's network, its inputs and weights."""
Bytes = npt.NDArray[np.uint8]
Array = TypeVar("Array", bound=npt.NDArray[np.generic])


def read_only(array: Array) -> Array:
    """Returns a view of an array through which nobody can write: for arrays that are handed to a user's method, and
    read again after it."""
    view = array.view()
    view.setflags(write=False)
    return view
