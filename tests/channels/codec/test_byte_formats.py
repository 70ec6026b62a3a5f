"""Every byte format: what is encoded comes back from as many bytes as are stated, and all other bytes are refused or
encode to themselves. Packets of distributions are attacked in `test_abuse` and `test_tree_packet`."""

import math
from collections.abc import Callable
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

import codec_prior
import numpy as np
import pytest
from codec_strategies import distributions, extreme_packets, packets
from hostile import refused_or_itself
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.codec import draft_scalars, float_distributions, fp16, id_tree, wire
from channels.codec.coder.bit_packing import from_bits, to_bits
from channels.codec.fixed_width import (
    LEAST_S,
    MOST_COUNT,
    MOST_S,
    Branch,
    Status,
    decode_branches,
    decode_request,
    decode_status,
    encode_branches,
    encode_request,
    encode_status,
)
from channels.codec.id_tree import IdTree, IdTreeFormat
from channels.codec.tree_shape import TreeGrowth, TreeShape
from channels.codec.wire import CodecError, Draft, Format
from channels.uniforms import Uniforms

SMALL, SOTU = codec_prior.VOCABULARY, 1024
FLAT = st.builds(Format, st.integers(2, 200_000), st.integers(1, 1 << 20), st.integers(1, 32))
BUNDLED = Format(SOTU, 100, 20)
RACED = [Format(60, 1, 6, prior=""), Format(SOTU, 1, 6)]


@cache
def coded():
    """Formats of coded ids, two of them with the small prior."""
    return [
        Format(SMALL, 100, 8, prior=codec_prior.fingerprint()),
        Format(SMALL, 100, 1, prior=codec_prior.fingerprint()),
        BUNDLED,
        Format(50_257, 100, 8),
        Format(2, 1, 3, prior=""),
        Format(1 << 20, 100, 1024, code="enumerative"),
    ]


class Case(NamedTuple):
    """A value, both directions of its format, the stated length in bits, and a bound that is known before."""

    value: Any
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    bits: int | None = None
    bound_bits: float = math.inf


def reply(format, accepted, token):
    return Case(
        (accepted, token),
        lambda sent: wire.encode_feedback(*sent, format),
        lambda payload: wire.decode_feedback(payload, format),
        wire.feedback_bits(format),
    )


def branches(format, sent):
    return Case(
        tuple(sent), lambda sent: encode_branches(sent, format), lambda content: decode_branches(content, format)
    )


def coded_reply(format, committed, drafts, accepted, token):
    return Case(
        (accepted, token),
        lambda sent: wire.encode_coded_feedback(*sent, format, [*committed, *drafts[: sent[0]]]),
        lambda payload: wire.decode_coded_feedback(payload, drafts, format, committed),
    )


def prompt(format, tokens):
    return Case(
        tuple(tokens),
        lambda sent: wire.encode_tokens(sent, format),
        lambda payload: wire.decode_tokens(payload, format),
        wire.tokens_bits(len(tokens), format),
        len(tokens) * (format.vocabulary - 1).bit_length() + 1,
    )


def scalars(format, pairs):
    return Case(
        tuple(Draft(token, np.array([token]), np.array([count])) for token, count in pairs),
        lambda sent: draft_scalars.encode(sent, format),
        lambda payload: draft_scalars.decode(payload, format),
        draft_scalars.packet_bits(len(pairs), format),
    )


def token(format, number):
    return Case(
        number,
        lambda sent: draft_scalars.encode_token(sent, format),
        lambda payload: draft_scalars.decode_token(payload, format),
        8 * -(-(format.vocabulary - 1).bit_length() // 8),
    )


def floats(distribution, precision):
    def encode(numbers):
        return float_distributions.encode(numbers, precision)

    def decode(content):
        return tuple(float_distributions.decode(content, len(distribution), precision).tolist())

    content = encode(np.array(distribution))
    bits = 8 * len(distribution) * {"single": 4, "half": 2}[precision]
    return Case(decode(content), lambda numbers: encode(np.array(numbers)), decode, bits)


def halves(form, drafts):
    return Case(
        drafts,
        lambda sent: fp16.encode(sent, form),
        lambda payload: fp16.decode(payload, form),
        8 * form.length_bytes(len(drafts)),
    )


def ids(format, tokens, context, race=None):
    bound = wire.bound_ids_bits(len(tokens), format, raced=race is not None)
    if race is not None:
        bound = min(bound, wire.largest_raced_bits(tokens[:-1], format, context, race))
    return Case(
        tuple(tokens),
        lambda sent: wire.encode_ids(sent, format, context, race),
        lambda payload: wire.decode_ids(payload, format, context, race),
        wire.ids_bits(tokens, format, context, race),
        bound,
    )


def id_trees(format, tree, context, run):
    return Case(
        tree,
        lambda sent: id_tree.encode(sent, format, context, run),
        lambda payload: id_tree.decode(payload, format, context, run),
        id_tree.tree_bits(tree, format, context, run),
    )


def race(format, seed):
    words = Uniforms.of(seed, "race")
    return lambda place: words.words(format.vocabulary, place)


def packet(format, drafts):
    return Case(
        drafts,
        lambda sent: wire.encode(sent, format),
        lambda payload: wire.decode(payload, format),
        wire.length_bits(drafts, format),
        wire.bound_bits([draft.support.size for draft in drafts], format),
    )


@st.composite
def branch_messages(draw):
    format = draw(FLAT)
    outcome = st.integers(0, format.max_drafts), st.integers(0, format.vocabulary - 1)
    sent = st.builds(Branch, *outcome, st.binary(max_size=9))
    return branches(format, draw(st.lists(sent, min_size=1, max_size=5)))


@st.composite
def replies(draw):
    format = draw(FLAT)
    return reply(format, draw(st.integers(0, format.max_drafts)), draw(st.integers(0, format.vocabulary - 1)))


@st.composite
def coded_replies(draw):
    format = draw(st.sampled_from(coded()))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    committed = rng.integers(0, format.vocabulary, draw(st.integers(0, 300))).tolist()
    drafts = rng.integers(0, format.vocabulary, draw(st.integers(0, min(format.max_drafts, 40)))).tolist()
    return coded_reply(
        format, committed, drafts, draw(st.integers(0, len(drafts))), int(rng.integers(format.vocabulary))
    )


@st.composite
def scalar_packets(draw):
    format = draw(FLAT)
    pairs = st.tuples(st.integers(0, format.vocabulary - 1), st.integers(1, format.resolution))
    return scalars(format, draw(st.lists(pairs, min_size=1, max_size=format.max_drafts)))


@st.composite
def half_packets(draw):
    vocabulary = draw(st.integers(2, 300))
    size = draw(st.integers(1, vocabulary))
    rng, drafts = np.random.default_rng(draw(st.integers(0, 2**32))), []
    for _ in range(draw(st.integers(1, 4))):
        support = np.sort(rng.choice(vocabulary, size, replace=False))
        counts = fp16.quantize(rng.dirichlet(np.full(size, draw(st.sampled_from([0.001, 0.1, 1.0])))))
        drafts.append(Draft(int(rng.choice(support[counts > 0])), support, counts))
    return halves(fp16.Fp16Format(vocabulary, size, draw(st.integers(4, 9))), tuple(drafts))


@st.composite
def id_packets(draw, raced):
    """Ids: likely ones, repeated ones and any, after a context that may have gaps."""
    format = draw(st.sampled_from(RACED if raced else coded()))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    context = rng.integers(-1, format.vocabulary, draw(st.integers(0, 300))).tolist()
    number = draw(st.integers(1, min(format.max_drafts, 12)))
    tokens = rng.integers(0, draw(st.sampled_from([2, format.vocabulary])), number).tolist()
    return ids(format, tokens, context, race(format, draw(st.integers(0, 50))) if raced else None)


TREES = [
    *(TreeShape.full(widths) for widths in ((1, 1, 1), (3, 2), (2, 2, 1))),
    TreeShape.likeliest_nodes((0.4, 0.2, 0.1), 7, 3),
]


@st.composite
def raced_trees(draw):
    """Trees of any ids, whole or cut."""
    vocabulary = draw(st.sampled_from([3, 60, SOTU]))
    form = Format(vocabulary, 1, 1, prior=None if vocabulary == SOTU else "")
    shapes = tuple(draw(st.lists(st.sampled_from(TREES), min_size=1, max_size=3, unique=True)))
    format, rng = IdTreeFormat(form, shapes), np.random.default_rng(draw(st.integers(0, 999)))
    number = draw(st.integers(0, len(shapes) - 1))
    growth, nodes = TreeGrowth(shapes[number]), []
    for _ in range(draw(st.integers(1, shapes[number].distributions))):
        if growth.next is None:
            break
        ids = iter(rng.permutation(vocabulary).tolist())
        nodes += [token for run in growth.alike(vocabulary) for token in sorted(islice(ids, run))]
        growth.grow(vocabulary)
    context = rng.integers(-1, vocabulary, draw(st.integers(0, 300))).tolist()
    return id_trees(format, IdTree(tuple(nodes), number), context, race(form, draw(st.integers(0, 50))))


def tokens_below(format, most):
    return st.lists(st.integers(0, format.vocabulary - 1), max_size=most)


class ByteFormat(NamedTuple):
    """Cases of a format, and one with bytes that it takes although nobody sent them."""

    cases: st.SearchStrategy[Case]
    example: Case
    taken: bytes


COUNTS = st.integers(1, MOST_COUNT).map(lambda n: Case(n, encode_request, decode_request, 16))
STATUSES = st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(1, 255)).map(
    lambda levels: Case(decode_status(bytes(levels)), encode_status, decode_status, 24)
)
BYTE_FORMATS = {
    "reply": ByteFormat(replies(), reply(Format(50, 10, 6), 0, 0), b"\x00\x01"),
    "branches": ByteFormat(
        branch_messages(), branches(Format(50, 10, 6), [Branch(0, 0, b"")]), b"\x02\x00\x01\x00\x01\xff\x00\x02"
    ),
    "coded_reply": ByteFormat(coded_replies(), coded_reply(BUNDLED, [1, 0, 1], [1], 0, 1), b"\x18"),
    "prompt": ByteFormat(
        FLAT.flatmap(lambda form: tokens_below(form, 60).map(lambda tokens: prompt(form, tokens))),
        prompt(Format(3, 10, 4), []),
        b"\x60",
    ),
    "count": ByteFormat(COUNTS, Case(1, encode_request, decode_request), b"\x01\x2c"),
    "status": ByteFormat(STATUSES, Case(Status(0.0, 0.0, 1), encode_status, decode_status), b"\x00\x38\x03"),
    "scalars": ByteFormat(scalar_packets(), scalars(Format(3, 3, 2), [(1, 1)]), b"\x18"),
    "token": ByteFormat(
        FLAT.flatmap(lambda form: st.integers(0, form.vocabulary - 1).map(lambda number: token(form, number))),
        token(Format(3, 3, 2), 0),
        b"\x01",
    ),
    "floats": ByteFormat(
        st.builds(floats, distributions(min_size=2), st.sampled_from(["single", "half"])),
        floats([0.5, 0.5], "half"),
        bytes.fromhex("34003a00"),
    ),
    "halves": ByteFormat(
        half_packets(),
        halves(fp16.Fp16Format(2, 1, 2), (Draft(0, np.array([0]), np.array([1])),)),
        bytes.fromhex("003c00"),
    ),
    "ids": ByteFormat(id_packets(raced=False), ids(Format(2, 1, 3, prior=""), [0], []), b"\x20"),
    "raced_ids": ByteFormat(
        id_packets(raced=True), ids(RACED[0], [0], (3, 1, 4), race(RACED[0], 0)), bytes.fromhex("d91780")
    ),
    "id_trees": ByteFormat(
        raced_trees(),
        id_trees(IdTreeFormat(RACED[0], (TREES[1],)), IdTree((4, 17, 30)), (3, 1, 4), race(RACED[0], 0)),
        bytes.fromhex("d91780"),
    ),
    "packet": ByteFormat(
        (packets() | extreme_packets()).map(lambda sent: packet(*sent)),
        packet(Format(3, 2, 2, code="enumerative", token="flat"), (Draft(0, np.array([0]), np.array([2])),)),
        b"\x20",
    ),
}


@pytest.mark.parametrize("name", BYTE_FORMATS)
def test_what_is_encoded_comes_back_and_all_other_bytes_are_refused_or_encode_to_themselves(name):
    form, taken = BYTE_FORMATS[name], []

    @settings(max_examples=25 if name == "packet" else 80, deadline=None)  # test_abuse has 4,000 more of packets
    @given(form.cases, st.binary(max_size=40), st.integers(0, 2**32 - 1))
    def attack(case, junk, place):
        payload = case.encode(case.value)
        assert case.decode(payload) == case.value
        assert case.bits is None or len(payload) == -(-case.bits // 8)
        assert (8 * len(payload) if case.bits is None else case.bits) <= case.bound_bits
        flipped = bytearray(payload or b"\0")
        flipped[place // 8 % len(flipped)] ^= 1 << place % 8
        for hostile in (payload[:-1], payload[1:], payload + b"\0", b"\0" + payload, bytes(flipped), junk):
            taken.append(refused_or_itself(hostile, case.decode, case.encode, beside=payload))

    attack()
    assert refused_or_itself(form.taken, form.example.decode, form.example.encode)
    assert not all(taken)


@pytest.mark.parametrize(
    ("example", "number"),
    [
        (reply(Format(50, 10, 6), 0, 0), 7 * 50),
        (scalars(Format(3, 3, 2), [(0, 1)]), 9 + 81),
        # one id (3 supports, 1 token each) or two ids (3 supports, 2 tokens each): 9 drafts; packets of one or two
        (BYTE_FORMATS["packet"].example, 9 + 81),
        # resolution 2: one id (6 ways, 1 token) or two ids (15 ways, counts 1+1, 2 tokens), filled up in one way
        pytest.param(
            packet(
                Format(6, 2, 1, support="fixed", support_size=3, code="enumerative", token="flat"),
                (Draft(5, np.array([5]), np.array([2])),),
            ),
            6 + 15 * 2,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_every_value_of_a_small_format_has_bytes_of_its_own_and_the_rest_is_refused(example, number):
    found = set()
    for content in (number.to_bytes(size, "big") for size in range(3) for number in range(256**size)):
        try:
            value = example.decode(content)
        except CodecError:
            continue
        assert example.encode(value) == content
        found.add(value)
    assert len(found) == number


@pytest.mark.parametrize("length", [0xFFFE, 0xFFFF, 0x10000, 196_612])
def test_a_branch_may_be_as_long_as_a_float_distribution_over_a_large_vocabulary(length):
    sent = (Branch(2, 3, bytes(length)), Branch(0, 0, b"\x01"))
    content = encode_branches(sent, Format(50, 10, 6))
    assert decode_branches(content, Format(50, 10, 6)) == sent
    assert len(content) == 1 + 2 * 2 + 2 + 4 * (length >= 0xFFFF) + length + 1


GOLDEN = {
    "3280": lambda: wire.encode_coded_feedback(0, 17, Format(SOTU, 100, 8), (5, 17, 300)),
    "fffc": lambda: wire.encode_coded_feedback(8, 1023, Format(SOTU, 100, 8, prior=""), ()),
    "ff7d20": lambda: wire.encode_coded_feedback(20, 3, Format(SOTU, 100, 20, prior=""), ()),
    "012c": lambda: encode_request(300),
    "0200170002abcd0000": lambda: encode_branches([Branch(2, 3, b"\xab\xcd"), Branch(0, 0, b"")], Format(50, 10, 6)),
    "003803": lambda: encode_status(Status(0.0, 0.02, 3)),  # 1 + 254 ln(20) / ln(10^6) = 56.08
    "01ff01": lambda: encode_status(Status(1e-3, 1e3, 1)),
    "02571440": lambda: wire.encode_ids((17, 300, 5, 17, 900), Format(SOTU, 100, 5), (5, 17, 300, 5)),
    "d007ff": lambda: wire.encode_ids((1, 1023), Format(SOTU, 100, 5, prior="")),
    "db6d30538efb93a3d3a0": lambda: wire.encode_ids((49151, 0, 11), Format(49_152, 100, 8), (1, 2)),
    "e634483d7af3bc": lambda: wire.encode_ids([5, 17, 999], RACED[1], (1, 2, 3), race(RACED[1], 7)),
    "5dc28ca0d712d28688": lambda: id_tree.encode(
        IdTree((5, 17, 300, 999, 1, 2)),
        IdTreeFormat(RACED[1], (TreeShape.full((2, 2)), TREES[3])),
        (1, 2, 3),
        race(RACED[1], 7),
    ),
    "e5ee2f26": lambda: wire.encode_ids([5, 17, 59], RACED[0], (1, 2, 3), race(RACED[0], 7)),
}


@pytest.mark.parametrize("golden", GOLDEN)
def test_bytes_on_the_wire_do_not_change(golden):
    assert GOLDEN[golden]().hex() == golden


REPLIES = Format(50, 10, 6)
ONE = Draft(1, np.array([1]), np.array([1]))
TOO_MANY_ACCEPTED = wire.encode_coded_feedback(3, 7, BUNDLED, [1, 2, 3, 4])
NO_PROBABILITIES = [
    (np.array([0.5, number], {"single": ">f4", "half": ">f2"}[precision]).tobytes(), 2, precision)
    for number in (-0.25, -0.0, 1.5, np.inf, np.nan)
    for precision in ("single", "half")
]
REFUSED = [
    ("accepted", wire.encode_feedback, [(-1, 0, REPLIES), (7, 0, REPLIES)]),
    ("accepted", wire.encode_count, [(-1, REPLIES), (7, REPLIES)]),
    ("accepted", wire.encode_coded_feedback, [(-1, 0, BUNDLED, []), (21, 0, BUNDLED, [])]),
    ("3 drafts are accepted, 2 were", wire.decode_coded_feedback, [(TOO_MANY_ACCEPTED, [2, 3], BUNDLED, [1])]),
    ("token", wire.encode_feedback, [(0, -1, REPLIES), (0, 50, REPLIES)]),
    ("token", wire.encode_tokens, [([0, -1], REPLIES), ([0, 50], REPLIES)]),
    ("token", draft_scalars.encode_token, [(-1, REPLIES), (50, REPLIES)]),
    ("token", wire.encode_coded_feedback, [(0, -1, BUNDLED, []), (0, SOTU, BUNDLED, [])]),
    ("accepted", encode_branches, [([Branch(7, 0, b"")], REPLIES)]),
    ("branches: must be within", encode_branches, [([], REPLIES), ([Branch(0, 0, b"")] * 256, REPLIES)]),
    ("must be in its short form", decode_branches, [(bytes.fromhex("020017ffff00000002abcd0000"), REPLIES)]),
    ("tokens = ", encode_request, [(-1,), (0,), (MOST_COUNT + 1,)]),
    ("drafts: a packet holds", draft_scalars.encode, [([], REPLIES), ([ONE] * 7, REPLIES)]),
    ("token", draft_scalars.encode, [([Draft(n, np.array([abs(n)]), np.array([1]))], REPLIES) for n in (-1, 50)]),
    ("11 is above the resolution, 10", draft_scalars.encode, [([Draft(1, ONE.support, np.array([11]))], REPLIES)]),
    ("ids|tokens", wire.encode_ids, [(sent, BUNDLED) for sent in ((), (1,) * 21, (SOTU,), (-1,), (0.5,))]),
    ("ids|tokens", wire.ids_bits, [(sent, BUNDLED) for sent in ((), (1,) * 21, (SOTU,), (-1,), (0.5,))]),
    ("context", wire.decode_ids, [(b"", BUNDLED, context) for context in ([SOTU], [-2], [0.5])]),
    ("support", wire.largest_ids_bits, [([1], np.array(each, np.int64), BUNDLED) for each in ([], [SOTU], [-1])]),
    ("outside 0 to 1", float_distributions.decode, NO_PROBABILITIES),
    ("nothing but zeros", float_distributions.encode, [(np.zeros(4), "single"), (np.full(4, 1e-60), "single")]),
    ("nothing but zeros", float_distributions.decode, [(bytes(16), 4, "single")]),
]


@pytest.mark.parametrize(("message", "call", "given_values"), REFUSED)
def test_what_a_format_cannot_carry_is_refused_by_name(message, call, given_values):
    for values in given_values:
        with pytest.raises(CodecError, match=message):
            call(*values)


@given(FLAT)
def test_a_count_alone_is_one_byte_of_its_own(format):
    counts = {wire.encode_count(accepted, format) for accepted in range(format.max_drafts + 1)}
    assert len(counts) == format.max_drafts + 1 and {len(each) for each in counts} == {1}


@given(*[st.one_of(st.just(0.0), st.floats(1e-6, 1e5))] * 2, st.integers(1, 10_000))
def test_a_status_is_within_half_a_step_of_the_truth(queue_s, serve_s, batch):
    """Half of 5.6% in ratio, from 1 ms to 1,000 s; less is 0, more is 1,000 s."""
    status = decode_status(encode_status(Status(queue_s, serve_s, batch)))
    for true_s, reported_s in ((queue_s, status.queue_s), (serve_s, status.serve_s)):
        shown_s = 0.0 if true_s < LEAST_S else min(true_s, MOST_S)
        assert reported_s == pytest.approx(shown_s, rel=0.0276)
    assert status.batch == min(batch, 255)


@given(distributions(min_size=2), st.sampled_from(["single", "half"]))
def test_a_distribution_comes_back_as_near_as_its_precision_states(distribution, precision):
    numbers = np.array(floats(distribution, precision).value)
    apart = (numbers if precision == "single" else numbers / numbers.sum()) - distribution
    bound = 2.0**-24 if precision == "single" else fp16.covering_bound(distribution.size)
    assert max(apart[apart > 0].sum(), -apart[apart < 0].sum()) <= bound


@pytest.mark.parametrize("distribution", [[0.0, 0.0], [-0.1, 1.1], [np.nan, 1.0], [1.5], [[0.5, 0.5]]])
def test_what_is_no_distribution_has_no_halves(distribution):
    with pytest.raises(ValueError, match="probabilities"):
        fp16.quantize(np.array(distribution))


def test_a_scalar_is_that_of_the_drafted_id_alone():
    form = Format(50, 10, 2)
    whole = Draft(7, np.array([3, 7, 9]), np.array([2, 5, 3]))
    assert draft_scalars.packet_bits(1, form) == 6 + 4 + 1
    assert draft_scalars.decode(draft_scalars.encode([whole], form), form) == scalars(form, [(7, 5)]).value


@given(st.integers(1, 40), st.data())
def test_bits_are_the_binary_digits_and_come_back(width, data):
    numbers = data.draw(st.lists(st.integers(0, 2**width - 1), max_size=30))
    bits = to_bits(numbers, width)
    assert "".join(map(str, bits)) == "".join(f"{number:0{width}b}" for number in numbers)
    assert from_bits(np.append(bits, [1, 0, 1]).astype(np.uint8), width, len(numbers)).tolist() == numbers
    with pytest.raises(TypeError):
        to_bits([1.5], width)
