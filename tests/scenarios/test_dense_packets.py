"""Where a dense packet becomes the shorter one: the reference value, a scan, and real packets on both sides of it."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from channels.codec.paper_counts import dense_bits, paper_bits
from channels.codec.wire import Draft, Format, length_bits
from scenarios.lattices import shorter_from_counts, shorter_from_size


def test_dense_beats_sparse_from_81_tokens_of_50257_at_a_resolution_of_100() -> None:
    """REFERENCE value."""
    assert shorter_from_size(50_257, 100) == 81


@pytest.mark.parametrize("vocabulary", [8, 64, 1_024])
@pytest.mark.parametrize("resolution", [1, 3, 20, 300])
def test_the_least_size_is_that_of_a_scan(vocabulary: int, resolution: int) -> None:
    longer = [
        size
        for size in range(1, vocabulary // 2 + 1)
        if paper_bits(vocabulary, size, resolution) > dense_bits(vocabulary, resolution)
    ]
    assert shorter_from_size(vocabulary, resolution) == (longer[0] if longer else None)


@pytest.mark.parametrize("vocabulary", [3, 6, 40, 1_024])
@pytest.mark.parametrize("resolution", [1, 2, 5, 12, 30])
def test_the_least_number_of_counts_is_that_of_integers(vocabulary: int, resolution: int) -> None:
    """(numbers of ids) (subsets) (positive counts), each alike, against all compositions of ell over V."""
    most = min(vocabulary, resolution)
    dense = math.comb(resolution + vocabulary - 1, resolution)
    longer = [
        size
        for size in range(1, most + 1)
        if most * math.comb(vocabulary, size) * positive_counts(size, resolution) > dense
    ]
    assert shorter_from_counts(vocabulary, resolution) == (longer[0] if longer else None)


@cache
def positive_counts(size: int, total: int) -> int:
    """Vectors of so many positive counts with this sum, by their last."""
    if size == 1:
        return int(total > 0)
    return sum(positive_counts(size - 1, total - last) for last in range(1, total))


def bits(vocabulary: int, resolution: int, size: int, support: str, positive: int | None = None) -> int:
    """Of a packet of random ids, all of which have a count where `positive` says how many."""
    rng = np.random.default_rng(size)
    ids = np.sort(rng.choice(vocabulary, positive or min(size, resolution), replace=False))
    counts = np.diff(np.sort(rng.choice(resolution - 1, ids.size - 1, replace=False)) + 1, prepend=0, append=resolution)
    known = {"support_size": size} if support == "fixed" else {}
    format = Format(vocabulary, resolution, 1, code="enumerative", support=support, token="flat", **known)  # type: ignore[arg-type]
    return length_bits([Draft(int(ids[0]), ids, counts)], format)


@pytest.mark.parametrize(("vocabulary", "resolution"), [(50_257, 100), (1_024, 100), (150_000, 30)])
def test_real_packets_of_a_known_size_cross_there(vocabulary: int, resolution: int) -> None:
    size = shorter_from_size(vocabulary, resolution)
    assert size is not None
    dense = bits(vocabulary, resolution, resolution // 2, "dense")
    sparse = {of: bits(vocabulary, resolution, of, "fixed", min(of, resolution)) for of in (size - 1, size)}
    assert sparse[size - 1] <= dense + 1 and sparse[size] >= dense
    assert sparse[size] - sparse[size - 1] > 3, "a step is worth more than the packets' roundings"


@pytest.mark.parametrize(("vocabulary", "resolution"), [(50_257, 100), (1_024, 100)])
def test_real_packets_of_ids_with_a_count_cross_there(vocabulary: int, resolution: int) -> None:
    size = shorter_from_counts(vocabulary, resolution)
    assert size is not None
    dense = bits(vocabulary, resolution, size, "dense")
    below, there = (bits(vocabulary, resolution, of, "variable", of) for of in (size - 1, size))
    assert below <= dense + 1 and there >= dense


def test_where_nothing_is_longer_there_is_no_size() -> None:
    assert shorter_from_counts(4, 1) is None
    assert shorter_from_size(2, 100) is None
