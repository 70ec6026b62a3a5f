"""Every byte string is refused with CodecError or encodes back to itself; nothing else, bounded work and memory.

Random, truncated, extended and bit-flipped payloads under twenty formats, with and without context. A thousand of each
kind here; a million in all with `pytest -m slow tests/channels/codec/test_abuse.py`.
"""

import tracemalloc
from contextlib import contextmanager

import codec_prior
import numpy as np
import pytest
from codec_strategies import DAMAGE, damaged, extreme_formats, random_draft
from hostile import refused_or_itself, some_are_taken
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channels.codec import packet
from channels.codec.coder import arithmetic
from channels.codec.coder.arithmetic import CODE, DECODE, FAILED, INVALID, POSITION, RANGE, machine
from channels.codec.coder.subsets import code_composition, code_subset
from channels.codec.context_coded.expected_tokens import candidates
from channels.codec.context_coded.network import INPUTS
from channels.codec.context_coded.prior_tables import find
from channels.codec.context_coded.walk import LEVELS, WalkSetting, code_draft, code_ranks
from channels.codec.enumerative import code_counts, factorials
from channels.codec.wire import CodecError, Format, decode, encode

LARGEST_MEMORY = 32 << 20
PRIORS = {codec_prior.VOCABULARY: codec_prior.fingerprint(), 1024: None}
PAST_THE_END = 6
"""Most bytes that one step of the coder shifts in: an interval of 2^48 narrowed to one."""


def all_formats():
    """Twenty formats: both codes, all supports and tokens, small and large vocabularies and resolutions."""
    small, prior = codec_prior.VOCABULARY, codec_prior.fingerprint()
    for token in ("flat", "coded", "unsent"):
        yield Format(small, 64, 8, code="recoded", token=token, prior=prior)
        yield Format(small, 1000, 32, code="recoded", token=token, prior=prior)
        yield Format(50_257, 100, 8, token=token, code="enumerative")
        yield Format(1_024, 100, 8, support="dense", token=token, code="enumerative")
    yield Format(small, 100, 8, code="recoded", support="fixed", support_size=8, token="coded", prior=prior)
    yield Format(50_257, 100, 8, code="recoded", token="coded", prior="")
    yield Format(50_257, 64, 8, support="fixed", support_size=8, code="enumerative", token="flat")
    yield Format(300, 64, 4, support="fixed", support_size=300, token="coded", code="enumerative")
    yield Format(2, 1, 1, code="enumerative", token="flat")
    yield Format(200_000, 5_000, 4, token="coded", code="enumerative")
    yield Format(50_257, 1_000, 2, support="dense", token="coded", code="enumerative")
    yield Format(3, 5_000, 8, token="unsent", code="enumerative")


FORMATS = list(range(20))
HARDLY_ANY = (0, 1, 2, 3, 5, 14, 16)
"""Those under which damage seldom leaves another packet: an id must be in its support, a whole byte says one bit."""


@contextmanager
def coders():
    """The coders of the packets read or written meanwhile."""
    found = []

    def watched(mode):
        found.append(machine(mode))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch:
        for module in (packet, arithmetic):
            patch.setattr(module, "machine", watched)
        yield found


def attack(payload, format, context, sent=None):
    """Whether a payload is taken that was not sent; no more of it is read than there is."""
    with coders() as found:
        taken = refused_or_itself(payload, decode, encode, format, context, beside=sent)
    assert found[0][POSITION] <= len(payload) + PAST_THE_END
    return taken


def attack_format(index, number):
    """How many of `number` payloads of each kind are taken under format `index`."""
    format = list(all_formats())[index]
    rng, taken = np.random.default_rng(index), 0
    for n in range(number):
        if n % 20 == 0:
            context = tuple(rng.integers(0, format.vocabulary, int(rng.integers(0, 40))).tolist()) if n % 40 else ()
            share = min(1.0, 30 / format.largest_support)
            sent = [random_draft(rng, format, share) for _ in range(int(rng.integers(1, format.max_drafts + 1)))]
            payload = encode(sent, format, context)
            assert decode(payload, format, context) == tuple(sent)
        for kind in DAMAGE:
            taken += attack(damaged(kind, payload, rng), format, context, payload)
    return taken


@pytest.mark.parametrize("number", [50, pytest.param(12_500, marks=pytest.mark.slow)])
@pytest.mark.parametrize("index", FORMATS)
def test_damaged_payloads_are_refused_or_encode_to_themselves(index, number):
    assert attack_format(index, number) > 0 or index in HARDLY_ANY


@pytest.mark.parametrize("index", FORMATS)
def test_decoding_a_megabyte_of_garbage_takes_little_time_and_memory(index):
    format = list(all_formats())[index]
    payload = np.random.default_rng(index).bytes(1 << 20)
    with pytest.raises(CodecError):
        decode(payload, format)
    tracemalloc.start()
    with pytest.raises(CodecError):
        decode(payload, format)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < LARGEST_MEMORY


@some_are_taken
@settings(max_examples=3 * settings.default.max_examples)
@example(Format(1024, 100, 1, code="enumerative", token="unsent", quantizer="cubic"), b"\xff" * 8)
@example(Format(1024, 100, 1, code="enumerative", token="unsent", quantizer="logarithmic"), b"\xff" * 8)
@example(Format(1024, 1 << 20, 255, code="enumerative", token="unsent", support="dense"), b"\x01" * 4)
@example(Format(49_152, 1 << 20, 255, code="enumerative", token="coded"), b"\xfe" * 4)
@example(Format(3, 2, 2, code="enumerative", token="flat"), b"\x20")
@given(extreme_formats(PRIORS), st.binary(max_size=40))
def test_junk_under_any_format_is_refused_and_read_no_further_than_its_end(format, payload):
    attack(payload, format, (1,))


@pytest.mark.parametrize("support", ["variable", "fixed", "dense"])
@pytest.mark.parametrize("most", [1, 40, packet.MOST_ROOM_BYTES])
def test_a_large_packet_is_written_once_and_once_more_where_its_room_was_too_small(support, most, monkeypatch):
    size = 2_000 if support == "fixed" else None
    format = Format(9_000, 1 << 14, 20, code="enumerative", support=support, support_size=size, token="flat")
    rng = np.random.default_rng(0)
    sent = [random_draft(rng, format, 0.2) for _ in range(20)]
    expected = encode(sent, format)
    assert len(expected) > 20_000
    monkeypatch.setattr(packet, "MOST_ROOM_BYTES", most)
    with coders() as found:
        assert encode(sent, format) == expected
    assert len(found) == (1 if most == packet.MOST_ROOM_BYTES > len(expected) else 2)
    assert decode(expected, format) == tuple(sent)


def failed_machine():
    """A decoder that has failed, mid-packet, in a state that junk can lead to."""
    io = machine(DECODE)
    io[FAILED], io[RANGE], io[CODE] = INVALID, 1 << 50, (1 << 50) + 12_345
    return io


def steps_after_failure(read):
    """How far a failed decoder still moved."""
    io, buffer = failed_machine(), np.zeros(1 << 16, np.uint8)
    read(io, buffer)
    return int(io[POSITION])


@pytest.mark.parametrize("name", ["lattice", "dual", "cubic", "logarithmic"])
def test_counts_are_read_no_further_once_the_decoder_has_failed(name):
    format = Format(300, 1000, 1, code="enumerative", quantizer=name)
    counts = np.zeros(200, np.int64)
    moved = steps_after_failure(lambda io, buffer: code_counts(io, buffer, factorials(format), counts, format))
    assert moved <= PAST_THE_END


def test_positions_and_places_are_read_no_further_once_the_decoder_has_failed():
    table, tables = factorials(Format(300, 1000, 1, code="enumerative")), find(codec_prior.fingerprint(), 300)
    room = np.zeros(200, np.int64)
    listed = candidates(tables, np.array([1]), 100)
    passed = np.sort(tables.rank[listed.ids])
    weights = np.append(np.cumsum(tables.unigram[tables.order[passed]][::-1])[::-1], 0)
    for read in (
        lambda io, buffer: code_subset(io, buffer, table, room[:50], 300),
        lambda io, buffer: code_subset(io, buffer, table, room, 300),
        lambda io, buffer: code_composition(io, buffer, table, room, 1000),
        lambda io, buffer: code_ranks(io, buffer, tables, passed, weights, room[:50]),
    ):
        assert steps_after_failure(read) == 0


def test_a_draft_is_read_no_further_once_the_decoder_has_failed():
    tables, none = find(codec_prior.fingerprint(), 300), np.empty(0, np.int64)
    setting = WalkSetting(tables, 1000, 300, trace=np.zeros((100, INPUTS + 2), np.int32))
    support, counts = np.zeros(300, np.int64), np.zeros(300, np.int64)
    moved = steps_after_failure(
        lambda io, buffer: code_draft(io, buffer, setting, np.array([1]), none, none, support, counts)
    )
    assert moved <= PAST_THE_END
    assert setting.trace[0, 0] <= 2 * LEVELS, "one candidate's questions, and the tail's"
