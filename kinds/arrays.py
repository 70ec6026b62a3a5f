"""The array types that everybody speaks of, one name each. Shapes and meaning stand where an array does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
"""Distributions and other real numbers."""
Ints = npt.NDArray[np.int64]
"""Token ids, counts, tables: the type of every number that both ends of the air must agree on."""
Int32s = npt.NDArray[np.int32]
"""What the codec's network reads and weighs with."""
Bytes = npt.NDArray[np.uint8]
