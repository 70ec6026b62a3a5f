"""The code `recoded`: exact, never worse than its modes, close to its own model, shorter where the prior knows.

Counts of the lattice go by `walk`, those of other quantizers by `sized_walk`; what holds of both is asked of both.
"""

import math
from dataclasses import replace

import codec_prior
import numpy as np
import pytest
import slow_packets
from codec_strategies import drafts, random_draft
from hostile import refused_or_itself, some_are_taken
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.codec import heads, packet
from channels.codec.coder.arithmetic import (
    ENCODE,
    FAILED,
    MEASURE,
    POSITION,
    RANGE,
    bit,
    finish,
    machine,
    reader,
    uniform,
    written,
)
from channels.codec.coder.fixed_point import bit_length
from channels.codec.context_coded import prior_tables, sized_walk
from channels.codec.context_coded.expected_tokens import best_first, candidates
from channels.codec.context_coded.network import INPUTS
from channels.codec.context_coded.walk import WalkSetting, code_draft
from channels.codec.enumerative import cost, shift_of, stated_bits
from channels.codec.heads import ALL_SHARES, DEAREST_HEAD_BITS, SHARES
from channels.codec.quantizers import quantizer
from channels.codec.wire import CodecError, Draft, Format, bound_bits, decode, encode, largest_length_bits, length_bits
from tools import build_prior

V = codec_prior.VOCABULARY
TOKENS = ("flat", "coded", "unsent")
POINTS = [(8, 0.0, 64), (64, 0.0, 100), (0, 0.01, 100), (0, 0.0005, 1000), (1, 0.0, 1), (0, 1e-6, 5000)]
"""The lattice's: (top k or 0, threshold, resolution)."""
RESOLUTIONS = {"dual": 100, "cubic": 100, "logarithmic": 33}
SIZED = [(name, (size, 0.0, ell)) for name, ell in RESOLUTIONS.items() for size in (1, 8, 64)]
"""The other quantizers', which keep so many of the likeliest."""
SPOKEN = [*(("lattice", point) for point in POINTS), *SIZED]


def spoken(seed, point, number, token="coded", name="lattice"):
    """A format with the small prior, drafts drawn along the source as an edge would, and their context."""
    rng = np.random.default_rng(seed)
    text = codec_prior.texts(1, 40, seed + 1)[0].tolist()
    format = Format(V, point[2], 8, code="recoded", prior=codec_prior.fingerprint(), token=token, quantizer=name)
    last, sent = text[-1], []
    for _ in range(number):
        distribution = codec_prior.markov()[last]
        top = np.argsort(-distribution, kind="stable").astype(np.int32)
        if name == "lattice":
            support, counts = build_prior.quantized(top, distribution[top].astype(np.float32), point)
        else:
            support = np.sort(top[: point[0]]).astype(np.int64)
            counts = quantizer(name, point[2]).quantize(distribution[support])
        last = int(rng.choice(support, p=counts / counts.sum()))
        sent.append(Draft(last if token != "unsent" else -1, support, counts))
    return format, tuple(sent), tuple(text)


def without_prior(format):
    return replace(format, code="enumerative", prior="")


@pytest.mark.parametrize(("name", "point"), SPOKEN)
def test_decode_returns_what_an_edge_encodes_and_the_prior_makes_it_shorter(name, point):
    recoded = stated = 0
    for seed, token in enumerate(TOKENS * 2):
        format, sent, context = spoken(seed, point, 1 + seed % 4, token, name)
        payload = encode(sent, format, context)
        assert decode(payload, format, context) == sent
        assert len(payload) == -(-length_bits(sent, format, context) // 8)
        recoded += length_bits(sent, format, context)
        stated += length_bits(sent, without_prior(format))
    assert recoded < (1.0 if point == POINTS[5] else 0.9) * stated


@pytest.mark.parametrize(("name", "point"), [each for each in SPOKEN if each[0] != "dual"])
def test_a_decoder_written_from_the_page_reads_the_same(name, point):
    read = 0
    for seed, token in enumerate(TOKENS):
        format, sent, context = spoken(seed, point, 1 + seed, token, name)
        found = slow_packets.decode(encode(sent, format, context), format, context)
        if found is not None:
            assert found == [(each.token, dict(zip(each.support, each.counts, strict=True))) for each in sent]
            read += 1
    assert read or point[0] == 1, "no packet in the mode recoded"


@st.composite
def any_packets(draw, names=("lattice", *RESOLUTIONS)):
    """Random drafts, unlike anything the prior expects, under any recoded format, with any context."""
    name = draw(st.sampled_from(names))
    bound = draw(st.sampled_from(["variable", "fixed"])) if name == "lattice" else "variable"
    format = Format(
        V, draw(st.integers(1, 5000) if name == "lattice" else st.integers(2, 1024)), draw(st.integers(1, 32)),
        code="recoded", support=bound, support_size=draw(st.integers(1, V)) if bound == "fixed" else None,
        token=draw(st.sampled_from(TOKENS)), quantizer=name,
        prior=draw(st.sampled_from([codec_prior.fingerprint(), ""])),
    )  # fmt: skip
    number, one = (
        draw(st.integers(1, min(format.max_drafts, 4))),
        drafts(format) if name == "lattice" else sized(format),
    )
    context = tuple(draw(st.lists(st.integers(0, V - 1), max_size=20)))
    return format, tuple(draw(one) for _ in range(number)), context


@st.composite
def sized(draw, format):
    """A draft of a quantizer other than the lattice, of few ids or of all."""
    rng, size = np.random.default_rng(draw(st.integers(0, 2**32 - 1))), draw(st.sampled_from([1, 2, 7, 40, V - 1, V]))
    support = np.sort(rng.choice(V, size, replace=False))
    counts = quantizer(format.quantizer, format.resolution).quantize(
        rng.dirichlet(np.full(size, rng.choice([0.1, 9.0])))
    )
    return Draft(-1 if format.token == "unsent" else int(rng.choice(support[counts > 0])), support, counts)


@given(any_packets())
def test_any_drafts_come_back_whatever_the_context_and_no_longer_than_a_mode_alone_and_the_head(one):
    format, sent, context = one
    payload, bits = encode(sent, format, context), length_bits(sent, format, context)
    assert decode(payload, format, context) == sent
    assert len(payload) == -(-bits // 8)
    supports = ("variable", "dense") if format.quantizer == "lattice" else ("variable",)
    alone = [replace(without_prior(format), support=support, support_size=None) for support in supports]
    assert bits <= min(length_bits(sent, mode) for mode in alone) + DEAREST_HEAD_BITS
    assert bits <= bound_bits([draft.support.size for draft in sent], format)


def test_the_dearest_head_is_that_of_the_rarest_mode_and_two_bits():
    assert -math.log2(min(share for _, share in SHARES.values()) / ALL_SHARES) + 2 == DEAREST_HEAD_BITS


@given(any_packets([*RESOLUTIONS]))
def test_the_cost_that_chooses_the_mode_is_what_enumerative_states(one):
    format, sent, _ = one
    plain = replace(without_prior(format), max_drafts=1, token="unsent")
    for draft in sent:
        stated = stated_bits([Draft(-1, draft.support, draft.counts)], plain)
        assert cost(draft.counts.size, shift_of(draft.counts, format), format, "variable") / 2**32 == pytest.approx(
            stated, abs=1e-3
        )


@pytest.mark.parametrize("most", [1, 2, 3, 4, 9])
def test_every_number_of_drafts_has_a_share_of_its_own(most):
    ends = sorted(heads._share_of(number, most) for number in range(1, most + 1))
    total = ends[0][2]
    assert [begin for begin, _, _ in ends] == [0, *np.cumsum([size for _, size, _ in ends])[:-1]]
    assert sum(size for _, size, _ in ends) == total
    assert heads._share_of(1, most)[1] * 2 >= total or most < 3


def ideal_bits(sent, format, context):
    """Bits of one draft under the code's own model, in floating point, and as coded; None where it has a tail."""
    tables, ell = prior_tables.find(format.prior, V), format.resolution
    listed = candidates(tables, np.array(context), ell).ids.tolist()
    if not set(sent.support.tolist()) <= set(listed):
        return None
    trace = np.zeros((4000, INPUTS + 2), np.int32)
    setting = WalkSetting(tables, ell, format.largest_support, trace=trace)
    io = machine(MEASURE)
    arrays = sent.support.copy(), sent.counts.copy()
    code_draft(io, np.empty(0, np.uint8), setting, np.array(context), *[np.empty(0, np.int64)] * 2, *arrays)
    net, seen = tables.network, trace[1 : 1 + trace[0, 0]]
    units = np.maximum(seen[:, :INPUTS] @ net.first + net.first_bias, 0) / 2.0**18
    heads = seen[:, INPUTS]
    logits = (units * net.second[heads]).sum(1) / 2.0**11 + net.second_bias[heads] / 2.0**18
    no = np.clip(1 / (1 + np.exp(logits)), 4 / 65536, 65532 / 65536)  # the model's probabilities have 16 bits
    ideal, left = -np.log2(np.where(seen[:, -1] == 1, 1 - no, no)).sum(), ell
    for token in sorted(sent.support.tolist(), key=listed.index):
        count = int(sent.counts[sent.support == token][0])
        least = 1 << (count.bit_length() - 1)
        reach, half = min(least, left - least + 1), least // 2
        if reach > half > 0:
            reach = half if count < least + half else reach - half
        ideal += math.log2(reach)
        left -= count
    return ideal, 8 * int(io[POSITION]) + 56 - math.log2(int(io[RANGE]))


def test_measured_bits_are_the_ideal_of_the_codes_own_model():
    compared = []
    for seed in range(60):
        format, sent, context = spoken(seed, POINTS[seed % 3], 1)
        if (bits := ideal_bits(sent[0], format, context)) is not None:
            compared.append(bits)
    assert len(compared) >= 10
    ideal, coded = np.array(compared).T
    assert coded.sum() == pytest.approx(ideal.sum(), rel=0.005)
    assert np.abs(coded - ideal).max() <= 1.0


@given(any_packets())
def test_largest_length_is_exact_at_the_dearest_token_and_exceeded_by_none(one):
    format, sent, context = one
    last = sent[-1]
    tokens = (
        [-1] if format.token == "unsent" else [*last.support[:20].tolist(), int(last.support[last.counts.argmin()])]
    )
    lengths = [length_bits([*sent[:-1], Draft(t, last.support, last.counts)], format, context) for t in tokens]
    assert largest_length_bits(sent[:-1], last.support, last.counts, format, context) == max(lengths)


@some_are_taken
@given(st.sampled_from(SPOKEN), st.integers(0, 99), st.data())
def test_damaged_packets_and_other_contexts_are_refused_or_encode_to_themselves(speech, seed, data):
    format, sent, context = spoken(seed, speech[1], 1 + seed % 3, name=speech[0])
    payload = encode(sent, format, context)
    flip = data.draw(st.integers(0, 8 * len(payload) - 1))
    flipped = (int.from_bytes(payload, "big") ^ 1 << flip).to_bytes(len(payload), "big")
    for damaged in (flipped, payload[:-1], payload + b"\0", payload[1:], data.draw(st.binary(max_size=30))):
        refused_or_itself(damaged, decode, encode, format, context)
    for other in ((), context[:-1], (*context, 5), (-1,) * 3):
        refused_or_itself(payload, decode, encode, format, other)
    assert decode(payload, format, context) == sent


@given(st.lists(st.integers(1, (1 << 31) - 1) | st.integers(1, 9), max_size=60), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_largest_weights_come_first_and_the_earliest_among_equals(weights, random):
    seats, order = random.sample(range(200), len(weights)), random.sample(range(200), 200)
    given_ = (np.array(each, np.int32) for each in (seats, weights, order))
    best, sums = best_first(*given_)
    rows = sorted(zip(weights, seats, strict=True), key=lambda row: (-row[0], order[row[1]]))
    assert list(zip(sums.tolist(), best.tolist(), strict=True)) == rows


def test_bits_are_counted_as_python_counts_them():
    for number in (each for power in range(63) for each in (1 << power, (1 << power) - 1, (2 << power) - 1)):
        assert bit_length(number) == number.bit_length()


def in_mode(sent, format, context, mode):
    """The packet in a mode, whether or not it serves these drafts best."""
    buffer = np.zeros(4000, np.uint8)
    return written(packet.write(machine(ENCODE), buffer, packet.chain(sent, format, context), format, mode), buffer)


@pytest.mark.parametrize("mode", SHARES)
def test_a_packet_in_a_mode_that_does_not_serve_it_best_is_refused(mode):
    refused = 0
    for seed in range(12):
        format, sent, context = spoken(seed, POINTS[seed % 4], 2)
        if seed % 2:  # nothing that the prior expects
            rng = np.random.default_rng(seed)
            sent = tuple(random_draft(rng, format, 0.5) for _ in range(2))
        payload = in_mode(sent, format, context, mode)
        if payload == encode(sent, format, context):
            assert decode(payload, format, context) == sent
            continue
        refused += 1
        with pytest.raises(CodecError, match="serves these drafts best"):
            decode(payload, format, context)
    assert refused > 0


@pytest.mark.parametrize("name", RESOLUTIONS)
def test_a_packet_of_another_quantizer_in_a_mode_that_does_not_serve_it_best_is_refused(name):
    format, sent, context = spoken(0, (8, 0.0, RESOLUTIONS[name]), 2, name=name)
    rng = np.random.default_rng(1)
    others = [np.sort(rng.choice(V, draft.counts.size, replace=False)) for draft in sent]
    far = tuple(Draft(int(ids[0]), ids, draft.counts) for ids, draft in zip(others, sent, strict=True))
    for drafts_, mode in ((sent, "variable"), (far, "recoded")):
        with pytest.raises(CodecError, match="serves these drafts best"):
            decode(in_mode(drafts_, format, context, mode), format, context)


@pytest.mark.parametrize("prior", [codec_prior.fingerprint(), ""])
def test_more_ids_than_a_fixed_support_holds_are_refused_in_every_mode(prior):
    """A dense packet has no K_n, so its bytes can hold more; here it would be the mode that serves best."""
    rng = np.random.default_rng(4)
    larger = Format(V, 887, 1, code="recoded", support="fixed", support_size=221, token="flat", prior=prior)
    smaller = replace(larger, support_size=219)
    found = 0
    for _ in range(20):
        support = np.sort(rng.choice(V, 220, replace=False))
        counts = 1 + rng.multinomial(887 - 220, np.ones(220) / 220)
        draft = Draft(int(support[0]), support, counts)
        payload = encode([draft], larger)
        assert decode(payload, larger) == (draft,)
        with pytest.raises(CodecError):
            decode(payload, smaller)
        dense = in_mode([draft], smaller, (), "dense")
        found += dense == payload
        with pytest.raises(CodecError):
            decode(dense, smaller)
    assert found > 0


@pytest.mark.parametrize("made", [list, np.array, lambda ids: np.array(ids, np.uint16), lambda ids: ids[:1] + ids[1:]])
@pytest.mark.parametrize("length", [0, 1, 40])
def test_any_sequence_of_ids_is_a_context(made, length):
    format, sent, context = spoken(0, POINTS[0], 2)
    payload = encode(sent, format, context[:length])
    assert encode(sent, format, made(context[:length])) == payload
    assert decode(payload, format, made(context[:length])) == sent
    assert length_bits(sent, format, made(context[:length])) == length_bits(sent, format, context[:length])


@pytest.mark.parametrize(
    "context", [(1.0, 2.0), ("a",), np.zeros((2, 2), int), (1 << 70,), (None,), (1, V), (1, -2), (1, 1 << 40)]
)
def test_what_is_no_sequence_of_ids_below_the_vocabulary_is_no_context(context):
    format, sent, known = spoken(0, POINTS[0], 2)
    payload = encode(sent, format, known)
    for call in (lambda: encode(sent, format, context), lambda: decode(payload, format, context)):
        with pytest.raises(CodecError, match="context"):
            call()


GOLDEN_PRIOR = "f767c707678c70d8"
GOLDEN = {
    Format(1024, 100, 8, code="recoded", token="coded", prior=GOLDEN_PRIOR): "e805af53f6bea4e7ec66f200",
    Format(
        1024, 64, 4, code="recoded", token="flat", support="fixed", support_size=8, prior=GOLDEN_PRIOR
    ): "e8d52ecda31f3f0e4cede8f8",
    Format(1024, 100, 8, code="recoded", token="unsent", prior=""): "402d7a9fb5f5669bc60fc0",
}


GOLDEN |= {
    Format(1024, 33, 8, quantizer=name, prior=GOLDEN_PRIOR): golden
    for name, golden in (
        ("dual", "71d31ec112854377f6835770433910"),
        ("cubic", "71d31ec112852fc3afe6d3fd33b123de"),
        ("logarithmic", "71d31ec11285448cd5521fc080e31c9b"),
    )
}


@pytest.mark.parametrize(("format", "golden"), GOLDEN.items())
def test_bytes_on_the_wire_do_not_change(format, golden):
    ell, support = format.resolution, np.array([260, 262, 301, 777])
    if format.quantizer == "lattice":
        tokens = (-1, -1) if format.token == "unsent" else (301, 305)
        distributions = (support, np.array([ell - 10, 1, 6, 3])), (np.array([305]), np.array([ell]))
    else:
        tokens, counts = (301, 262), quantizer(format.quantizer, ell).quantize(np.array([0.5, 0.05, 0.3, 0.15]))
        distributions = (support, counts), (support, counts)
    sent = tuple(Draft(token, *distribution) for token, distribution in zip(tokens, distributions, strict=True))
    context = (17, 400, 260, 17, 400)
    assert encode(sent, format, context).hex() == golden
    assert decode(bytes.fromhex(golden), format, context) == sent


def test_a_prior_that_is_not_there_is_refused():
    rng = np.random.default_rng(0)
    format = Format(V, 8, 2, code="recoded", prior="0" * 16, token="flat")
    with pytest.raises(CodecError, match="no such file"):
        encode([random_draft(rng, format, 0.5)], format)
    with pytest.raises(CodecError, match="only the code recoded"):
        Format(V, 8, 2, prior="0" * 16, code="enumerative", token="flat")


def test_a_machine_that_ends_at_once_is_an_empty_packet():
    assert written(machine(ENCODE), np.empty(0, np.uint8)) == b""
    io, buffer = reader(b"")
    assert finish(io, buffer) == 0 and io[FAILED] == 0


@pytest.mark.parametrize("most", [2, 300, 1 << 20])
def test_every_size_is_read_back_and_a_draft_befores_only_by_its_bit(most):
    for size in {1, 2, most // 2, most - 1, most}:
        for before in (0, 2, size):
            io, buffer = machine(ENCODE), np.zeros(16, np.uint8)
            sized_walk._code_size(io, buffer, size, before, most)
            back, buffer = reader(written(io, buffer))
            assert sized_walk._code_size(back, buffer, 0, before, most) == size
            assert not back[FAILED]


def test_a_size_like_the_draft_befores_that_is_stated_anew_is_refused():
    io, buffer = machine(ENCODE), np.zeros(16, np.uint8)
    bit(io, buffer, 0, sized_walk.EVEN)
    uniform(io, buffer, 1, (300).bit_length())  # 2 or 3
    uniform(io, buffer, 0, 2)
    back, buffer = reader(written(io, buffer))
    assert sized_walk._code_size(back, buffer, 0, 2, 300) == 2
    assert back[FAILED]
