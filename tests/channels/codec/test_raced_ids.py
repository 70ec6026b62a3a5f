"""Ids that won a race whose words both ends hold: round trips, hostile bytes, an independent list, what it saves."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
from hostile import refused_or_itself, some_are_taken
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channels.codec import wire
from channels.codec.coder import fixed_point
from channels.codec.coder.arithmetic import ENCODE, LARGEST_TOTAL, finish, machine, symbol, uniform
from channels.codec.context_coded.expected_tokens import candidates
from channels.codec.context_coded.prior_tables import find
from channels.codec.id_distribution import ANOTHER, MOST, REACH, RESOLUTION, SLOPE, Expected, contenders, score, within
from channels.codec.prior_files import bundled_prior
from channels.uniforms import WORD_BITS, Uniforms

V, SOTU = 60, 1024
BARE = wire.Format(V, 1, 6, prior="")
KNOWN = wire.Format(SOTU, 1, 6)


def race(seed: int, format: wire.Format) -> wire.Race:
    words = Uniforms.of(seed, "race")
    return lambda place: words.words(format.vocabulary, place)


@st.composite
def packets(draw: st.DrawFn) -> tuple[wire.Format, list[int], list[int], wire.Race]:
    """A format, ids, what came before them, and their races: those of a distribution with the winners in it, or any
    ids."""
    form = draw(st.sampled_from([BARE, KNOWN]))
    ids = st.integers(0, form.vocabulary - 1)
    tokens = draw(st.lists(ids, min_size=1, max_size=form.max_drafts))
    context = draw(st.lists(st.one_of(ids, st.just(-1)), max_size=12))
    return form, tokens, context, race(draw(st.integers(0, 50)), form)


@given(packets())
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read_and_as_long_as_measured(
    packet: tuple[wire.Format, list[int], list[int], wire.Race],
) -> None:
    form, tokens, context, run = packet
    payload = wire.encode_ids(tokens, form, context, run)
    assert wire.decode_ids(payload, form, context, run) == tuple(tokens)
    bits = wire.ids_bits(tokens, form, context, run)
    assert len(payload) == math.ceil(bits / 8)
    assert bits <= wire.largest_raced_bits(tokens[:-1], form, context, run)
    assert bits <= wire.bound_ids_bits(len(tokens), form, raced=True)


@some_are_taken
@given(payload=st.binary(max_size=9), form=st.sampled_from([BARE, KNOWN]), seed=st.integers(0, 5))
@example(payload=bytes.fromhex("d91780"), form=BARE, seed=0)
@settings(max_examples=120, deadline=None)
def test_bytes_that_no_encoder_makes_are_refused_and_no_others(payload: bytes, form: wire.Format, seed: int) -> None:
    run, context = race(seed, form), (3, 1, 4)
    refused_or_itself(payload, wire.decode_ids, wire.encode_ids, form, context, run)


def test_a_contender_may_not_come_as_another_id() -> None:
    """Written symbol by symbol: "another", then an id; a decoder takes it for all ids but the contenders."""
    form, run = wire.Format(SOTU, 1, 1), race(1, KNOWN)
    ids, frequencies = contenders(expected((1, 2)), run(0), SLOPE)
    listed = int(frequencies.sum())
    for token, stands in ((int(ids[0]), False), (int(ids[-1]), False), (next_outside(ids), True)):
        io, buffer = machine(ENCODE), np.zeros(16, dtype=np.uint8)
        symbol(io, buffer, listed, listed // ANOTHER + 1, listed + listed // ANOTHER + 1)
        uniform(io, buffer, token, SOTU)
        payload = buffer[: finish(io, buffer)].tobytes()
        if stands:
            assert wire.decode_ids(payload, form, (1, 2), run) == (token,)
            assert wire.encode_ids([token], form, (1, 2), run) == payload
        else:
            with pytest.raises(wire.CodecError):
                wire.decode_ids(payload, form, (1, 2), run)


def expected(context: tuple[int, ...]) -> Expected:
    """Returns what the prior for SOTU expects, as the module says."""
    tables = find(bundled_prior(SOTU), SOTU)
    listed = candidates(tables, np.array(context), RESOLUTION)
    return Expected(listed.ids, listed.weights, tables.unigram, listed.left_over)


def next_outside(ids: np.ndarray) -> int:
    return int(np.setdiff1d(np.arange(SOTU), ids)[0])


def slow_contenders(weights: list[int], words: list[int], slope: int) -> list[tuple[int, int]]:
    """(id, frequency) in order, by the words of the module and Python's own integers."""
    scores = []
    for weight, word in zip(weights, words, strict=True):
        exponential = max(1, (53 << 32) - fixed_point.log2(2 * word + 1))
        scores.append(fixed_point.log2(weight) - fixed_point.log2(exponential))
    gaps = sorted((max(scores) - own, token) for token, own in enumerate(scores))
    listed = [(gap, token) for gap, token in gaps if gap <= REACH << 32][:MOST]
    return [(token, (fixed_point.exp2(gap * slope // 64) >> 10) + 1) for gap, token in listed]


@pytest.mark.parametrize("seed", range(4))
def test_the_contenders_are_those_of_an_independent_list(seed: int) -> None:
    context = tuple((Uniforms.of(seed, "text").words(20, 0) % SOTU).tolist())
    before, words = expected(context), Uniforms.of(seed, "race").words(SOTU, 0)
    weights = [(before.left_over * int(each) >> 30) + 1 for each in before.common]
    for token, weight in zip(before.ids.tolist(), before.weights.tolist(), strict=True):
        weights[token] = weight
    ids, frequencies = contenders(before, words, SLOPE)
    assert list(zip(ids.tolist(), frequencies.tolist(), strict=True)) == slow_contenders(weights, words.tolist(), SLOPE)
    assert 0 < ids.size < SOTU


def test_the_longest_list_of_the_likeliest_ids_fits_the_coder() -> None:
    most = MOST * ((fixed_point.exp2(0) >> 10) + 1)
    assert most + most // ANOTHER + 1 <= LARGEST_TOTAL


@given(
    weight=st.integers(1, 1 << 30),
    missing=st.builds(lambda bits, share: 1 + int(share * 2**bits), st.integers(0, WORD_BITS - 1), st.floats(0, 1)),
    below=st.integers(0, 1 << 31),
)
@settings(max_examples=300, deadline=None)
def test_the_glance_never_overlooks_a_score(weight: int, missing: int, below: int) -> None:
    word = (1 << WORD_BITS) - missing
    assert within(weight, word, score(weight, word) - below)


def test_the_bytes_stay() -> None:
    payload = wire.encode_ids([5, 17, 999], KNOWN, (1, 2, 3), race(7, KNOWN))
    assert payload.hex() == "e634483d7af3bc"
    assert wire.encode_ids([5, 17, 59], BARE, (1, 2, 3), race(7, BARE)).hex() == "e5ee2f26"


def test_the_race_tells_most_of_an_id() -> None:
    """Winners of races on the prior's own distribution cost a fraction of -log2 of it; on a flat distribution nearly
    nothing is left."""
    raced = coded = bare = 0
    context = (3, 1, 4, 1, 5)
    before = expected(context)
    distribution = (before.left_over * before.common >> 30) + 1.0
    distribution[before.ids] = before.weights
    count = 60
    for seed in range(count):
        run = race(seed, KNOWN)
        exponentials = Uniforms.of(seed, "race").exponentials(SOTU, 0)
        winner = int(np.argmin(exponentials / distribution))
        raced += wire.ids_bits([winner], KNOWN, context, run)
        coded += wire.ids_bits([winner], KNOWN, context)
        first = int(np.argmin(Uniforms.of(seed, "race").exponentials(V, 0)))
        bare += wire.ids_bits([first], BARE, (), race(seed, BARE))
    number = math.log2(4 * 5)  # of a packet that is not full
    assert coded / count - number > 4
    assert raced / count - number < 0.45 * (coded / count - number)
    assert bare / count - number < 0.7 * math.log2(V)


def test_both_ends_must_hold_the_same_race() -> None:
    payload = wire.encode_ids([5, 17, 33], BARE, (), race(1, BARE))
    with contextlib.suppress(wire.CodecError):
        assert wire.decode_ids(payload, BARE, (), race(2, BARE)) != (5, 17, 33)
