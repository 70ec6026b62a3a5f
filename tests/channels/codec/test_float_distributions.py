"""Distributions as floats: what comes back is as near as the precision says, and hostile bytes are refused."""

import numpy as np
import pytest
from codec_strategies import distributions
from hostile import refused_or_itself, some_are_taken
from hypothesis import example, given
from hypothesis import strategies as st

from channels.codec import float_distributions, fp16
from channels.codec.wire import CodecError

PRECISIONS = st.sampled_from(["single", "half"])


@given(distributions(min_size=2), PRECISIONS)
def test_a_distribution_comes_back_as_near_as_its_precision_says(distribution, precision):
    content = float_distributions.encode(distribution, precision)
    numbers = float_distributions.decode(content, distribution.size, precision)
    assert len(content) == distribution.size * {"single": 4, "half": 2}[precision]
    assert float_distributions.encode(numbers, precision) == content
    apart = (numbers if precision == "single" else numbers / numbers.sum()) - distribution
    bound = 2.0**-24 if precision == "single" else fp16.covering_bound(distribution.size)
    assert max(apart[apart > 0].sum(), -apart[apart < 0].sum()) <= bound


@some_are_taken
@given(st.integers(2, 8), PRECISIONS, st.binary(max_size=40))
@example(2, "half", bytes.fromhex("34003a00"))
def test_hostile_bytes_raise_codec_errors_or_encode_back(vocabulary, precision, content):
    def decode(content):
        return float_distributions.decode(content, vocabulary, precision)

    refused_or_itself(content, decode, lambda distribution: float_distributions.encode(distribution, precision))


@pytest.mark.parametrize("number", [-0.25, -0.0, 1.5, np.inf, np.nan])
@pytest.mark.parametrize("precision", ["single", "half"])
def test_bytes_of_numbers_that_are_no_probabilities_are_refused(number, precision):
    content = np.array([0.5, number], dtype={"single": ">f4", "half": ">f2"}[precision]).tobytes()
    with pytest.raises(CodecError, match="outside 0 to 1"):
        float_distributions.decode(content, 2, precision)


def test_a_distribution_of_nothing_but_zeros_is_refused_both_ways():
    for distribution in (np.zeros(4), np.full(4, 1e-60)):
        with pytest.raises(CodecError, match="nothing but zeros"):
            float_distributions.encode(distribution, "single")
    with pytest.raises(CodecError, match="nothing but zeros"):
        float_distributions.decode(bytes(16), 4, "single")
