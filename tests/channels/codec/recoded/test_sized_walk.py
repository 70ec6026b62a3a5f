"""The code `recoded` for quantizers other than the lattice: exact, never much longer than `enumerative`, shorter where
the prior knows, and in the mode that costs least."""

from dataclasses import replace

import codec_prior
import numpy as np
import pytest
import slow_packets
from hostile import refused_or_itself
from hypothesis import given
from hypothesis import strategies as st

from channels.codec import packet
from channels.codec.coder.arithmetic import DECODE, ENCODE, FAILED, bit, finish, machine, start, uniform
from channels.codec.enumerative import cost
from channels.codec.packet_head import DEAREST_HEAD_BITS
from channels.codec.quantizers import quantizer
from channels.codec.recoded import sized_walk
from channels.codec.stated_counts import stated_bits
from channels.codec.wire import CodecError, Draft, Format, bound_bits, decode, encode, largest_length_bits, length_bits

V = codec_prior.VOCABULARY
NAMES = ("dual", "cubic", "logarithmic")
RESOLUTION = {"dual": 100, "cubic": 100, "logarithmic": 33}
TOKENS = ("flat", "coded", "unsent")


def spoken(seed, name, size, number, token="coded"):
    """A format with the small prior, drafts of the `size` likeliest along the source, and their context."""
    rng = np.random.default_rng(seed)
    text = codec_prior.texts(1, 40, seed + 1)[0].tolist()
    format = Format(V, RESOLUTION[name], 8, token=token, quantizer=name, prior=codec_prior.fingerprint())
    last, sent = text[-1], []
    for _ in range(number):
        law = codec_prior.markov()[last]
        support = np.sort(np.argsort(-law, kind="stable")[:size])
        counts = quantizer(name, format.resolution).quantize(law[support])
        last = int(rng.choice(support, p=counts / counts.sum()))
        sent.append(Draft(-1 if token == "unsent" else last, support, counts))
    return format, tuple(sent), tuple(text)


def without_prior(format):
    return replace(format, code="enumerative", prior="")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 8, 64])
def test_decode_returns_what_an_edge_encodes_and_the_prior_makes_it_shorter(name, size):
    recoded = stated = 0
    for seed, token in enumerate(TOKENS * 2):
        format, sent, context = spoken(seed, name, size, 1 + seed % 4, token)
        payload = encode(sent, format, context)
        assert decode(payload, format, context) == sent
        assert len(payload) == -(-length_bits(sent, format, context) // 8)
        recoded += length_bits(sent, format, context)
        stated += length_bits(sent, without_prior(format))
    assert recoded < 0.9 * stated


@pytest.mark.parametrize("name", ["cubic", "logarithmic"])
def test_a_decoder_written_from_the_page_reads_the_same(name):
    read = 0
    for size, token in zip((1, 8, 64), TOKENS, strict=True):
        format, sent, context = spoken(size, name, size, 3, token)
        found = slow_packets.decode(encode(sent, format, context), format, context)
        if found is not None:
            assert found == [(each.token, dict(zip(each.support, each.counts, strict=True))) for each in sent]
            read += 1
    assert read >= 2


@st.composite
def any_packets(draw):
    """Random drafts, unlike anything the prior expects, up to all of V, under any such format, with any context."""
    name = draw(st.sampled_from(NAMES))
    format = Format(
        V,
        draw(st.integers(2, 1024)),
        draw(st.integers(1, 9)),
        token=draw(st.sampled_from(TOKENS)),
        quantizer=name,
        prior=draw(st.sampled_from([codec_prior.fingerprint(), ""])),
    )
    rng, sent = np.random.default_rng(draw(st.integers(0, 2**32 - 1))), []
    sizes = draw(st.lists(st.sampled_from([1, 2, 2, 7, 40, V - 1, V]), min_size=1, max_size=min(format.max_drafts, 4)))
    for size in sizes:
        support = np.sort(rng.choice(V, size, replace=False))
        counts = quantizer(name, format.resolution).quantize(rng.dirichlet(np.full(size, rng.choice([0.1, 9.0]))))
        token = -1 if format.token == "unsent" else int(rng.choice(support[counts > 0]))
        sent.append(Draft(token, support, counts))
    return format, tuple(sent), tuple(draw(st.lists(st.integers(0, V - 1), max_size=20)))


@given(any_packets())
def test_any_drafts_come_back_in_no_more_bits_than_enumerative_and_the_head(one):
    format, sent, context = one
    payload, bits = encode(sent, format, context), length_bits(sent, format, context)
    assert decode(payload, format, context) == sent
    assert len(payload) == -(-bits // 8)
    assert bits <= length_bits(sent, without_prior(format)) + DEAREST_HEAD_BITS
    assert bits <= bound_bits([draft.support.size for draft in sent], format)


@given(any_packets())
def test_the_cost_that_chooses_the_mode_is_what_enumerative_states(one):
    format, sent, _ = one
    plain = replace(without_prior(format), max_drafts=1, token="unsent")
    for draft in sent:
        stated = stated_bits([Draft(-1, draft.support, draft.counts)], plain)
        assert cost(draft.counts, format, "variable") / 2**32 == pytest.approx(stated, abs=1e-3)


@given(any_packets())
def test_largest_length_is_exact_at_the_dearest_token_and_exceeded_by_none(one):
    format, sent, context = one
    last = sent[-1]
    dearest = int(last.support[last.counts.argmin()])
    tokens = [-1] if format.token == "unsent" else [*last.support[:9].tolist(), dearest]
    lengths = [length_bits([*sent[:-1], Draft(t, last.support, last.counts)], format, context) for t in tokens]
    assert largest_length_bits(sent[:-1], last.support, last.counts, format, context) == max(lengths)


@given(st.sampled_from(NAMES), st.integers(0, 99), st.data())
def test_damaged_packets_are_refused_or_encode_to_themselves(name, seed, data):
    format, sent, context = spoken(seed, name, 1 + seed % 9, 1 + seed % 3)
    payload = encode(sent, format, context)
    flip = data.draw(st.integers(0, 8 * len(payload) - 1))
    flipped = (int.from_bytes(payload, "big") ^ 1 << flip).to_bytes(len(payload), "big")
    for damaged in (flipped, payload[:-1], payload + b"\0", payload[1:], data.draw(st.binary(max_size=30))):
        refused_or_itself(damaged, decode, encode, format, context)
    refused_or_itself(payload, decode, encode, format, context[:-1])
    assert decode(payload, format, context) == sent


@pytest.mark.parametrize("name", NAMES)
def test_a_packet_in_a_mode_that_does_not_serve_it_best_is_refused(name):
    format, sent, context = spoken(0, name, 8, 2)
    rng = np.random.default_rng(1)
    others = [np.sort(rng.choice(V, draft.counts.size, replace=False)) for draft in sent]
    far = tuple(Draft(int(ids[0]), ids, draft.counts) for ids, draft in zip(others, sent, strict=True))
    for drafts, mode in ((sent, "variable"), (far, "recoded")):
        buffer = np.zeros(4000, np.uint8)
        io = packet.write(machine(ENCODE), buffer, drafts, format, context, mode)
        with pytest.raises(CodecError, match="serves these drafts best"):
            decode(buffer[: finish(io, buffer)].tobytes(), format, context)


@pytest.mark.parametrize("most", [2, 300, 1 << 20])
def test_every_size_is_read_back_and_a_draft_befores_only_by_its_bit(most):
    for size in {1, 2, most // 2, most - 1, most}:
        for before in (0, 2, size):
            buffer = np.zeros(16, np.uint8)
            io = machine(ENCODE)
            sized_walk._code_size(io, buffer, size, before, most)
            back, buffer = machine(DECODE), buffer[: finish(io, buffer)]
            start(back, buffer)
            assert sized_walk._code_size(back, buffer, 0, before, most) == size
            assert not back[FAILED]


def test_a_size_like_the_draft_befores_that_is_told_anew_is_refused():
    io, buffer = machine(ENCODE), np.zeros(16, np.uint8)
    bit(io, buffer, 0, sized_walk.EVEN)
    uniform(io, buffer, 1, (300).bit_length())  # 2 or 3
    uniform(io, buffer, 0, 2)
    back, buffer = machine(DECODE), buffer[: finish(io, buffer)]
    start(back, buffer)
    assert sized_walk._code_size(back, buffer, 0, 2, 300) == 2
    assert back[FAILED]


GOLDEN = {
    "dual": "71d31ec112854377f6835770433910",
    "cubic": "71d31ec112852fc3afe6d3fd33b123de",
    "logarithmic": "71d31ec11285448cd5521fc080e31c9b",
}


@pytest.mark.parametrize(("name", "golden"), GOLDEN.items())
def test_bytes_on_the_wire_do_not_change(name, golden):
    format = Format(1024, 33, 8, quantizer=name, prior="f767c707678c70d8")
    law = np.array([0.5, 0.05, 0.3, 0.15])
    support, counts = np.array([260, 262, 301, 777]), quantizer(name, 33).quantize(law)
    sent = (Draft(301, support, counts), Draft(262, support, counts))
    context = (17, 400, 260, 17, 400)
    assert encode(sent, format, context).hex() == golden
    assert decode(bytes.fromhex(golden), format, context) == sent
