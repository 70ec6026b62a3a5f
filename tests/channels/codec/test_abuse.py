"""Every byte string is refused with CodecError or encodes back to itself; nothing else, no hang, bounded memory.

Random, truncated, extended and bit-flipped payloads under twenty formats, with and without context. A thousand of each
kind here; a million in all with `pytest -m slow tests/channels/codec/test_abuse.py`.
"""

import time
import tracemalloc

import codec_prior
import numpy as np
import pytest
from codec_strategies import random_draft

from channels.codec.wire import CodecError, Format, decode, encode

KINDS = ("random", "truncated", "extended", "flipped")
WORST_DECODE_S = 0.020
LARGEST_MEMORY = 32 << 20


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


def damaged(kind, payload, rng):
    """One damaged payload."""
    if kind == "random":
        return rng.bytes(int(rng.integers(0, 2 * len(payload) + 4)))
    if kind == "truncated":
        return payload[: int(rng.integers(0, len(payload) + 1))]
    if kind == "extended":
        return payload + rng.bytes(int(rng.integers(1, 5)))
    flipped = bytearray(payload)
    for _ in range(int(rng.integers(1, 4))):
        if flipped:
            flipped[int(rng.integers(len(flipped)))] ^= 1 << int(rng.integers(8))
    return bytes(flipped)


def attack(index, number):
    """`number` payloads of each kind under format `index`: how many were accepted, and the slowest decode (CPU)."""
    format = list(all_formats())[index]
    rng = np.random.default_rng(index)
    accepted, slowest = 0, 0.0
    for n in range(number):
        if n % 20 == 0:
            context = tuple(rng.integers(0, format.vocabulary, int(rng.integers(0, 40))).tolist()) if n % 40 else ()
            share = min(1.0, 30 / format.largest_support)
            sent = [random_draft(rng, format, share) for _ in range(int(rng.integers(1, format.max_drafts + 1)))]
            payload = encode(sent, format, context)
            assert decode(payload, format, context) == tuple(sent)
        for kind in KINDS:
            bytes_in = damaged(kind, payload, rng)
            start = time.thread_time()
            try:
                found = decode(bytes_in, format, context)
            except CodecError:
                found = None
            slowest = max(slowest, time.thread_time() - start)
            if found is not None:
                accepted += 1
                assert encode(found, format, context) == bytes_in
    return accepted, slowest


@pytest.mark.parametrize("index", FORMATS)
def test_damaged_payloads_are_refused_or_encode_to_themselves(index):
    attack(index, 2)  # compiles
    _, slowest = attack(index, 50)
    assert slowest < WORST_DECODE_S


@pytest.mark.slow
@pytest.mark.parametrize("index", FORMATS)
def test_a_million_damaged_payloads(index):
    attack(index, 2)
    _, slowest = attack(index, 12_500)
    assert slowest < WORST_DECODE_S


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
