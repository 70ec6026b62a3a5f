"""The paper's count and Q-S's, against the tables of REFERENCE.md."""

import math

import pytest

from channels.codec.paper_counts import dense_bits, lattice_bits, paper_bits, size_bits, subset_bits

PAPER = {1: 15.62, 2: 36.89, 3: 56.60, 5: 93.31, 10: 176.33, 20: 323.31, 50: 698.91, 100: 1231.65, 320: 3116.88}
QS = {2: 47, 4: 74, 8: 126, 12: 175, 16: 222, 24: 312, 100: 1054, 240: 2209, 720: 5467, 1280: 8658}


@pytest.mark.parametrize(("size", "bits"), PAPER.items())
def test_paper_count_at_v_50257_resolution_100(size, bits):
    assert paper_bits(50257, size, 100) == pytest.approx(bits, abs=0.005)
    assert subset_bits(50257, size) + lattice_bits(size, 100) == pytest.approx(bits, abs=0.005)
    assert paper_bits(50257, size, 100, varies=True) == pytest.approx(bits + 16, abs=0.005)
    assert size_bits(50257) == 16


@pytest.mark.parametrize(("resolution", "bits"), QS.items())
def test_dense_count_is_qs_code_at_v_50272_without_its_flat_16_bits_for_the_id(resolution, bits):
    assert math.ceil(dense_bits(50272, resolution)) + 16 == bits
    assert dense_bits(50257, 100) == pytest.approx(1037.08, abs=0.005)


def test_more_ids_than_the_vocabulary_are_refused():
    with pytest.raises(ValueError, match="must have"):
        paper_bits(10, 11, 100)


def test_a_size_takes_the_fewest_bits_that_tell_v_sizes_apart():
    assert all(2 ** (size_bits(v) - 1) < v <= 2 ** size_bits(v) for v in range(2, 99))
