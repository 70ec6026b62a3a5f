"""Indexed random numbers: pure functions of seed, purpose and index, of the distributions they state."""

import math
import pickle
import struct
from hashlib import blake2b

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from channels.uniforms import Uniforms

INDICES = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=6).map(tuple)


def slowly(seed: int, purpose: str, index: tuple[int, ...]) -> float:
    """A uniform by its definition: 53 bits of BLAKE2b, keyed by seed and purpose, over the index as int64."""
    key = blake2b(f"{seed}/{purpose}".encode(), digest_size=32).digest()
    packed = b"".join(struct.pack("<q", part) for part in index)
    (digest,) = struct.unpack("<Q", blake2b(packed, digest_size=8, key=key).digest())
    return math.ldexp(digest // 2**11, -53)


@given(seed=st.integers(0, 2**62), purpose=st.text("a b\x00é🚀", max_size=20), index=INDICES)
def test_a_uniform_is_the_keyed_hash_of_its_index(seed: int, purpose: str, index: tuple[int, ...]) -> None:
    assert Uniforms.of(seed, purpose).uniform(*index) == slowly(seed, purpose, index)


def test_the_numbers_that_results_are_made_of_stay() -> None:
    draft = Uniforms.of(7, "draft")
    assert draft.uniform(1, 2) == 0.3446933878122663
    assert draft.keyed(3, 0).uniform(1, 2) == 0.3590568110850847
    assert draft.under(3, 0).uniform(1, 2) == 0.6596095351521736


@given(prefix=INDICES, index=INDICES)
def test_numbers_under_a_prefix_are_those_of_the_longer_index(prefix: tuple[int, ...], index: tuple[int, ...]) -> None:
    root = Uniforms.of(3, "test")
    assert root.under(*prefix).uniform(*index) == root.uniform(*prefix, *index)
    assert root.under(*prefix).keyed(*index) == root.keyed(*prefix, *index)
    assert root.under(*prefix).under(*index) == root.under(*prefix, *index)


def test_seeds_purposes_prefixes_and_keys_have_numbers_of_their_own() -> None:
    one = Uniforms.of(0, "draft")
    others = [Uniforms.of(1, "draft"), Uniforms.of(0, "verdict"), one.under(1), one.keyed(1), one.keyed(2), one.keyed()]
    assert len({source.uniform(5) for source in (one, *others)}) == 7
    assert one.uniform(1, 2) != one.uniform(2, 1)


def test_they_travel_to_another_process_as_they_are() -> None:
    source = Uniforms.of(0, "draft").under(1).keyed(2).under(3)
    assert pickle.loads(pickle.dumps(source)) == source
    assert pickle.loads(pickle.dumps(source)).uniform(4) == source.uniform(4)


def test_uniforms_are_uniform_and_neighbours_do_not_know_each_other() -> None:
    source, count = Uniforms.of(1, "test"), 40_000
    drawn = np.array([source.uniform(0, k) for k in range(count)])
    assert drawn.min() >= 0 and drawn.max() < 1
    assert abs(drawn.mean() - 0.5) < 5 / math.sqrt(12 * count)
    assert abs(((drawn[1:] - 0.5) * (drawn[:-1] - 0.5)).mean()) < 5 / (12 * math.sqrt(count))
    assert kolmogorov_distance(drawn, drawn) < 2.7 / math.sqrt(count)


def test_exponentials_are_of_unit_rate_and_decided_by_their_index_alone() -> None:
    source, count = Uniforms.of(1, "test"), 100_000
    drawn = source.exponentials(count, 4, 2)
    assert drawn.shape == (count,) and drawn.dtype == np.float64
    assert drawn.min() > 0
    np.testing.assert_array_equal(drawn, Uniforms.of(1, "test").under(4).exponentials(count, 2))
    assert abs(drawn.mean() - 1) < 5 / math.sqrt(count)
    assert kolmogorov_distance(drawn, 1 - np.exp(-drawn)) < 2.7 / math.sqrt(count)
    other = source.exponentials(count, 4, 3)
    assert abs(((drawn - 1) * (other - 1)).mean()) < 5 / math.sqrt(count)


def test_the_exponentials_that_both_ends_share_stay() -> None:
    drawn = Uniforms.of(7, "race").exponentials(3, 1, 2)
    assert drawn.tolist() == [0.47346669343842385, 0.0107788612361613, 1.117919892587336]
    assert Uniforms.of(7, "race").words(3, 1, 2).tolist() == [2805018966894576, 4455316637223671, 1472493322338859]


def test_a_longer_race_begins_like_a_shorter_one() -> None:
    source = Uniforms.of(7, "race")
    np.testing.assert_array_equal(source.exponentials(64, 9)[:10], source.exponentials(10, 9))


def kolmogorov_distance(drawn: np.ndarray, distribution: np.ndarray) -> float:
    """The largest distance between the empirical distribution and `distribution`, the distribution function at each
    draw. Over 2.7 / sqrt(n) with probability 2 exp(-2 2.7^2) < 1e-6."""
    order = np.argsort(drawn)
    steps = np.arange(len(drawn) + 1) / len(drawn)
    return float(max(np.abs(distribution[order] - steps[1:]).max(), np.abs(distribution[order] - steps[:-1]).max()))
