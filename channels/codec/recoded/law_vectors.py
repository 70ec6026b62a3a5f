"""Where the vectors of ids start, where all that is known of a language is a drafter's laws: ids that follow the same
ids are alike. The leading singular vectors of the table of sqrt(q(x | w)), summed over the texts. Only priors are built
with it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.linalg import svds

from channels.codec.recoded.context_model import WIDTH
from kinds.arrays import Int32s


def law_vectors(
    texts: Int32s, top: Int32s, probabilities: npt.NDArray[np.floating], vocabulary: int, seed: int
) -> npt.NDArray[np.float32]:
    """A vector for each id, float32 [V, WIDTH], from laws after each token of `texts` [N, T]: ids `top` [N, T, M] with
    their probabilities [N, T, M]. Of fewer than WIDTH ids the last entries are 0."""
    last = np.broadcast_to(texts[:, :, None], top.shape).reshape(-1)
    shares = probabilities.reshape(-1).astype(np.float64)
    table = coo_array((shares, (top.reshape(-1), last)), (vocabulary, vocabulary)).tocsr()
    table.data = np.sqrt(table.data)
    size = min(WIDTH, vocabulary - 1)
    left, values, _ = svds(table, k=size, random_state=seed)
    vectors = np.zeros((vocabulary, WIDTH), np.float32)
    vectors[:, :size] = left * values
    return vectors
