"""Coded ids, and ids that won a race whose words both ends hold: the distribution sums to one and costs what it states,
the dearest is known, and the contenders are those of an independent list."""

import contextlib
import math
from itertools import pairwise

import codec_prior
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.codec import wire
from channels.codec.coder import fixed_point
from channels.codec.coder.arithmetic import ENCODE, LARGEST_TOTAL, MEASURE, cost, machine, symbol, uniform, written
from channels.codec.context_coded.expected_tokens import candidates
from channels.codec.context_coded.prior_tables import find
from channels.codec.id_distribution import (
    ANOTHER,
    FLAT_SLOPE,
    MOST,
    REACH,
    RESOLUTION,
    SLOPE,
    Expected,
    bound_bits,
    code_ids,
    contenders,
    glance,
    score,
)
from channels.codec.prior_files import bundled_prior
from channels.codec.wire import Format, encode_coded_feedback, feedback_bits, ids_bits, largest_ids_bits
from channels.uniforms import WORD_BITS, Uniforms

SMALL = codec_prior.VOCABULARY
FORMATS = [
    Format(SMALL, 100, 8, prior=codec_prior.fingerprint()),
    Format(SMALL, 100, 1, prior=codec_prior.fingerprint()),
    Format(1024, 100, 5),
    Format(50_257, 100, 8),
    Format(2, 1, 3, prior=""),
    Format(1 << 20, 100, 1024, code="enumerative"),
]
NOTHING = np.empty(0, dtype=np.uint8)
V, SOTU = 60, 1024
BARE, KNOWN = Format(V, 1, 6, prior=""), Format(SOTU, 1, 6)


@pytest.mark.parametrize("prior", [codec_prior.fingerprint(), ""])
def test_the_distribution_of_an_id_sums_to_one(prior):
    format = Format(SMALL, 100, 8, prior=prior)
    context = codec_prior.texts(1, 40, 8)[0].astype(np.int64)
    costs = []
    for token in range(SMALL):
        io = machine(MEASURE)
        code_ids(io, NOTHING, format, np.append(context, token), context.size)
        costs.append(cost(io) / 2**32)
    assert sum(2.0**-each for each in costs) == pytest.approx(1.0, abs=1e-5)
    assert max(costs) <= bound_bits(format) + 1e-4


def test_likely_ids_cost_less_than_flat_ones_and_near_the_distribution_of_their_source():
    format, flat = FORMATS[0], Format(SMALL, 100, 8, prior="")
    distribution, stated, bits, even = codec_prior.markov(), 0.0, 0, 0
    for text in codec_prior.texts(20, 17, 77).tolist():
        stated -= sum(math.log2(distribution[before, after]) for before, after in pairwise(text[8:]))
        bits += ids_bits(text[9:], format, text[:9])
        even += ids_bits(text[9:], flat, text[:9])
    assert stated < bits < 0.8 * even
    assert even == 20 * math.ceil(8 * math.log2(SMALL) + math.log2(4 / 3))


@given(st.sampled_from(FORMATS), st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_the_dearest_id_of_a_support_is_found_without_coding_them_all(format, seed):
    rng = np.random.default_rng(seed)
    context = rng.integers(-1, format.vocabulary, rng.integers(0, 300)).tolist()
    ids = rng.integers(0, rng.choice([2, format.vocabulary]), rng.integers(1, min(format.max_drafts, 12) + 1)).tolist()
    support = np.unique(rng.integers(0, format.vocabulary, 25))
    lengths = [ids_bits([*ids[:-1], token], format, context) for token in support.tolist()]
    assert largest_ids_bits(ids[:-1], support, format, context) == max(lengths)


def test_the_token_of_a_coded_reply_costs_what_the_prior_states_and_less_than_a_flat_one():
    format, texts = FORMATS[0], codec_prior.texts(50, 12, 78).tolist()
    whole = sum(len(encode_coded_feedback(2, text[-1], format, text[:-1])) for text in texts)
    assert feedback_bits(format) == 12
    assert whole / len(texts) < 1.7


def race(seed, format):
    words = Uniforms.of(seed, "race")
    return lambda place: words.words(format.vocabulary, place)


def test_a_contender_may_not_come_as_another_id():
    """Written symbol by symbol: "another", then an id; a decoder takes it for all ids but the contenders."""
    form, run = Format(SOTU, 1, 1), race(1, KNOWN)
    ids, frequencies = contenders(expected((1, 2)), run(0), SLOPE)
    listed = int(frequencies.sum())
    for token, stands in (
        (int(ids[0]), False),
        (int(ids[-1]), False),
        (int(np.setdiff1d(np.arange(SOTU), ids)[0]), True),
    ):
        io, buffer = machine(ENCODE), np.zeros(16, dtype=np.uint8)
        symbol(io, buffer, listed, listed // ANOTHER + 1, listed + listed // ANOTHER + 1)
        uniform(io, buffer, token, SOTU)
        payload = written(io, buffer)
        if stands:
            assert wire.decode_ids(payload, form, (1, 2), run) == (token,)
            assert wire.encode_ids([token], form, (1, 2), run) == payload
        else:
            with pytest.raises(wire.CodecError):
                wire.decode_ids(payload, form, (1, 2), run)


def expected(context):
    """Returns what the prior for SOTU expects, as the module states."""
    tables = find(bundled_prior(SOTU), SOTU)
    listed = candidates(tables, np.array(context), RESOLUTION)
    return Expected(listed.ids, listed.weights, tables.unigram, listed.left_over)


def slow_contenders(weights, words, slope):
    """(id, frequency) in order, by the words of the module and Python's own integers."""
    scores = []
    for weight, word in zip(weights, words, strict=True):
        exponential = max(1, (53 << 32) - fixed_point.log2(2 * word + 1))
        scores.append(fixed_point.log2(weight) - fixed_point.log2(exponential))
    gaps = sorted((max(scores) - own, token) for token, own in enumerate(scores))
    listed = [(gap, token) for gap, token in gaps if gap <= REACH << 32][:MOST]
    return [(token, (fixed_point.exp2(gap * slope // 64) >> 10) + 1) for gap, token in listed]


@pytest.mark.parametrize("seed", range(4))
def test_the_contenders_are_those_of_an_independent_list(seed):
    context = tuple((Uniforms.of(seed, "text").words(20, 0) % SOTU).tolist())
    before, words = expected(context), Uniforms.of(seed, "race").words(SOTU, 0)
    weights = [(before.left_over * int(each) >> 30) + 1 for each in before.common]
    for token, weight in zip(before.ids.tolist(), before.weights.tolist(), strict=True):
        weights[token] = weight
    ids, frequencies = contenders(before, words, SLOPE)
    assert list(zip(ids.tolist(), frequencies.tolist(), strict=True)) == slow_contenders(weights, words.tolist(), SLOPE)
    assert 0 < ids.size < SOTU


def test_the_longest_list_of_the_likeliest_ids_fits_the_coder():
    most = MOST * ((fixed_point.exp2(0) >> 10) + 1)
    assert most + most // ANOTHER + 1 <= LARGEST_TOTAL


@given(
    weight=st.integers(1, 1 << 30),
    missing=st.builds(lambda bits, share: 1 + int(share * 2**bits), st.integers(0, WORD_BITS - 1), st.floats(0, 1)),
    below=st.integers(0, 1 << 35),
)
@settings(max_examples=3 * settings.default.max_examples)
def test_the_glance_never_overlooks_a_score(weight, missing, below):
    word = (1 << WORD_BITS) - missing
    shift, factor = glance(score(weight, word) - below)
    assert missing >> shift <= weight * factor < 1 << 62


def test_the_race_tells_most_of_an_id():
    """Winners of races on the prior's own distribution cost a fraction of -log2 of it; on a flat distribution nearly
    nothing is left."""
    raced = coded = bare = 0
    context = (3, 1, 4, 1, 5)
    before = expected(context)
    distribution = (before.left_over * before.common.astype(np.int64) >> 30) + 1.0
    distribution[before.ids] = before.weights
    count = 60
    for seed in range(count):
        run = race(seed, KNOWN)
        exponentials = Uniforms.of(seed, "race").exponentials(SOTU, 0)
        winner = int(np.argmin(exponentials / distribution))
        raced += ids_bits([winner], KNOWN, context, run)
        coded += ids_bits([winner], KNOWN, context)
        first = int(np.argmin(Uniforms.of(seed, "race").exponentials(V, 0)))
        bare += ids_bits([first], BARE, (), race(seed, BARE))
    number = math.log2(4 * 5)  # of a packet that is not full
    assert coded / count - number > 4
    assert raced / count - number < 0.45 * (coded / count - number)
    assert bare / count - number < 0.7 * math.log2(V)


def test_both_ends_must_hold_the_same_race():
    payload = wire.encode_ids([5, 17, 33], BARE, (), race(1, BARE))
    with contextlib.suppress(wire.CodecError):
        assert wire.decode_ids(payload, BARE, (), race(2, BARE)) != (5, 17, 33)


@pytest.mark.parametrize(("words", "own"), [
    (Uniforms.of(0, "race").words(5_000, 0), 0),
    (Uniforms.of(1, "race").words(5_000, 0), 700),
    (np.full(6_000, 1 << 51), 0),
    (np.full(6_000, (1 << WORD_BITS) - 5), 3),
    ((1 << WORD_BITS) - 1 - np.arange(6_000), 0),
    (np.append(np.full(5_000, 3), (1 << WORD_BITS) - 1 - np.arange(999)), 0),
    (np.arange(4 * MOST), 0),
])  # fmt: skip
def test_the_contenders_of_a_wide_race_are_those_of_all_its_ids(words, own):
    rng = np.random.default_rng(words.size)
    ids = rng.permutation(words.size)[:own].astype(np.int32)
    weights = rng.integers(1, 1 << 28, own).astype(np.int32)
    common = (rng.integers(1, 1 << 20, words.size) if own else np.zeros(words.size)).astype(np.int32)
    given = Expected(ids, weights, common, 1 << 29)
    known = dict(zip(ids.tolist(), weights.tolist(), strict=True))
    all_weights = [known.get(at, (int(each) >> 1) + 1) for at, each in enumerate(common)]
    words = words.copy()
    words.setflags(write=False)
    found = contenders(given, words, FLAT_SLOPE)
    assert list(zip(*map(np.ndarray.tolist, found), strict=True)) == slow_contenders(
        all_weights, words.tolist(), FLAT_SLOPE
    )
