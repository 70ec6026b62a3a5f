"""What is said after the cloud has begun anew."""

from __future__ import annotations

import pytest
from hostile import refused_or_itself, some_are_taken
from hypothesis import example, given
from hypothesis import strategies as st

from channels.codec import wire
from channels.codec.wire import CodecError
from simulator.schemes.hosted import CloudOnly
from simulator.testbed.endpoints.restoration import RestoredRequest, pack_hello, unpack_hello
from simulator.testbed.packet_header import MOST

VOCABULARIES = (2, 64, 257, 50_000)


def wire_format(vocabulary: int) -> wire.Format:
    return CloudOnly().format(vocabulary)


@st.composite
def restored(draw: st.DrawFn) -> tuple[RestoredRequest, wire.Format]:
    vocabulary = draw(st.sampled_from(VOCABULARIES))
    tokens = draw(st.lists(st.integers(0, vocabulary - 1), min_size=1, max_size=40))
    told = RestoredRequest(
        draw(st.integers(1, MOST)), draw(st.booleans()), draw(st.integers(1, len(tokens))), tuple(tokens)
    )
    return told, wire_format(vocabulary)


@given(restored())
def test_what_is_unpacked_is_what_was_packed(one: tuple[RestoredRequest, wire.Format]) -> None:
    told, format = one
    assert RestoredRequest.unpack(told.pack(format), format) == told


@some_are_taken
@given(st.binary(max_size=24), st.sampled_from(VOCABULARIES))
@example(RestoredRequest(1, True, 1, (5,)).pack(wire_format(64)), 64)
def test_bytes_are_refused_or_are_those_of_what_they_say(content: bytes, vocabulary: int) -> None:
    format = wire_format(vocabulary)
    refused_or_itself(content, lambda packed: RestoredRequest.unpack(packed, format), lambda told: told.pack(format))


def test_the_cloud_goes_on_with_nothing_cached() -> None:
    node = RestoredRequest(4, True, 2, (5, 6, 7)).node
    assert (node.round, node.committed, node.cached, node.owed) == (4, (5, 6, 7), 0, True)


def test_a_hello_tells_its_epoch() -> None:
    assert [unpack_hello(pack_hello(epoch)) for epoch in (1, 255)] == [1, 255]
    with pytest.raises(CodecError):
        unpack_hello(b"")
