"""Losses that grow with the packet: independent bit errors, against (1 - p)^n."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.link.link_config import LinkConfig
from channels.link.losses import BitErrors
from channels.uniforms import Uniforms


@given(st.floats(0, 0.5), st.integers(1, 300))
def test_a_packet_is_lost_unless_each_of_its_bits_is_right(bit_error_rate: float, bits: int) -> None:
    exact = 1 - (1 - Fraction(bit_error_rate)) ** bits
    assert BitErrors(bit_error_rate=bit_error_rate).packet_loss(bits) == pytest.approx(float(exact), rel=1e-12)


def test_a_tiny_bit_error_rate_is_not_lost_in_rounding() -> None:
    """1 - (1 - 1e-18)^1000 is 1e-15 to a relative 1e-15; in float64 1 - 1e-18 is 1."""
    assert BitErrors(bit_error_rate=1e-18).packet_loss(1000) == pytest.approx(1e-15, rel=1e-12, abs=0)


@pytest.mark.parametrize("bits", [320, 1500, 12_000])
def test_packets_of_a_size_are_lost_at_the_rate_of_that_size(uniforms: Uniforms, bits: int) -> None:
    count, bit_error_rate = 20_000, 2e-4
    process = BitErrors(bit_error_rate=bit_error_rate).process(uniforms)
    share = sum(process.lost(0.0, bits, 1e5, (0, 0, k, 0, 0)) for k in range(count)) / count
    expected = 1 - (1 - bit_error_rate) ** bits
    assert abs(share - expected) < 5 * math.sqrt(expected * (1 - expected) / count)


def test_a_longer_packet_at_the_same_address_is_lost_wherever_a_shorter_one_is(uniforms: Uniforms) -> None:
    process = BitErrors(bit_error_rate=5e-4).process(uniforms)
    luck = [[process.lost(0.0, bits, 1e5, (0, 0, k, 0, 0)) for k in range(400)] for bits in (300, 1500, 6000)]
    assert all(a <= b <= c for a, b, c in zip(*luck, strict=True)) and sum(luck[0]) < sum(luck[1]) < sum(luck[2])


def test_the_mean_loss_is_that_of_a_packet_of_reference_or_none() -> None:
    assert BitErrors(bit_error_rate=1e-3).mean_loss is None
    mean = BitErrors(bit_error_rate=1 - 0.8 ** (1 / 1500), reference_bits=1500).mean_loss
    assert mean == pytest.approx(0.2)


def test_a_link_over_which_hardly_a_full_packet_gets_is_refused() -> None:
    """(1 - 1e-3)^12000 is 6e-6: a message would wait for ever."""
    loss = {"kind": "bit_errors", "bit_error_rate": 1e-3}
    with pytest.raises(ValidationError, match=r"loss.bit_error_rate = 0.001: fewer than 0.1% .* 12000 bits"):
        LinkConfig.model_validate({"loss": loss, "mtu_bits": 12_000})
    assert LinkConfig.model_validate({"loss": loss, "mtu_bits": 1500}).loss.kind == "bit_errors"
