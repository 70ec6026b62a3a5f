"""The half-precision baseline: exact on the wire, refuses everything else, and within its covering bound."""

import numpy as np
import pytest
from hostile import refused_or_itself
from hypothesis import given
from hypothesis import strategies as st

from channels.codec.fp16 import Fp16Format, covering_bound, decode, encode, quantize
from channels.codec.wire import Draft


@st.composite
def packets(draw):
    vocabulary = draw(st.integers(2, 300))
    size = draw(st.integers(1, vocabulary))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    drafts = []
    for _ in range(draw(st.integers(1, 4))):
        support = np.sort(generator.choice(vocabulary, size, replace=False))
        counts = quantize(generator.dirichlet(np.full(size, draw(st.sampled_from([0.001, 0.1, 1.0])))))
        token = int(generator.choice(support[counts > 0]))
        drafts.append(Draft(token, support, counts))
    return tuple(drafts), Fp16Format(vocabulary, size, draw(st.integers(4, 9)))


@given(packets())
def test_decode_inverts_encode(packet):
    drafts, form = packet
    payload = encode(drafts, form)
    assert decode(payload, form) == drafts
    assert len(payload) == form.length_bytes(len(drafts))


@given(packets(), st.data())
def test_damaged_packets_are_refused_or_are_packets(packet, data):
    drafts, form = packet
    sent = encode(drafts, form)
    payload = bytearray(sent)
    place = data.draw(st.integers(0, 8 * len(payload) - 1))
    payload[place // 8] ^= 1 << place % 8
    damaged = bytes(payload)[: data.draw(st.integers(0, len(payload)))] + data.draw(st.binary(max_size=3))
    refused_or_itself(damaged, decode, encode, form)
    assert decode(sent, form) == drafts


@given(st.integers(1, 2000), st.integers(0, 2**32), st.sampled_from([0.001, 0.05, 1.0]))
def test_halves_stay_within_the_covering_bound(size, seed, concentration):
    distribution = np.random.default_rng(seed).dirichlet(np.full(size, concentration))
    units = quantize(distribution)
    assert np.abs(distribution - units / units.sum()).sum() / 2 <= covering_bound(size) + 1e-12


def test_length_of_a_dense_packet_is_what_a_reader_expects():
    assert Fp16Format(49_152, 49_152, 8).length_bytes(1) == 2 + 2 * 49_152
    assert Fp16Format(49_152, 8, 8).length_bytes(1) == 18 + 16


@pytest.mark.parametrize("distribution", [[0.0, 0.0], [-0.1, 1.1], [np.nan, 1.0], [1.5], [[0.5, 0.5]]])
def test_what_is_no_distribution_has_no_halves(distribution):
    with pytest.raises(ValueError, match="probabilities"):
        quantize(np.array(distribution))
