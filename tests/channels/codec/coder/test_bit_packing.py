"""Numbers as bits of a fixed width, against Python's own binary digits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.codec.coder.bit_packing import from_bits, to_bits


@given(st.integers(1, 40), st.data())
def test_bits_are_the_binary_digits_and_come_back(width, data):
    numbers = data.draw(st.lists(st.integers(0, 2**width - 1), max_size=30))
    bits = to_bits(numbers, width)
    assert "".join(map(str, bits)) == "".join(f"{number:0{width}b}" for number in numbers)
    assert from_bits(np.append(bits, [1, 0, 1]).astype(np.uint8), width, len(numbers)).tolist() == numbers


def test_what_is_no_whole_number_has_no_bits():
    with pytest.raises(TypeError):
        to_bits([1.5], 4)
