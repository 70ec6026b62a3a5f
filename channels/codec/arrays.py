"""The codec's array types, one name each. Shapes and meaning stand where an array does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
"""Token ids, counts, tables: the type of every number that both ends must agree on."""
Int32s = npt.NDArray[np.int32]
"""What the network reads and weighs with."""
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
"""Distributions, before they are quantized."""
