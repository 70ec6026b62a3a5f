"""What a receiver knows of the text before a packet, as codes with a prior read it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from channels.codec.draft import CodecError
from kinds.arrays import Ints


def latest(context: Sequence[int], window: int, vocabulary: int) -> Ints:
    """The last `window` ids of a context, integers [at most window]; -1 is a token that the receiver lacks.

    Raises CodecError where the context is no sequence of ids below V.
    """
    known = np.asarray(context[-window:])
    if known.ndim != 1 or (known.size and known.dtype.kind not in "iu"):
        raise CodecError(f"context: {known.dtype} {known.shape}, must be a sequence of ids below {vocabulary}")
    if known.size and not -1 <= known.min() <= known.max() < vocabulary:
        raise CodecError(f"context: holds {known.min()} to {known.max()}, must be ids below {vocabulary}")
    return known.astype(np.int64)
