"""What a packet of the enumerative code states: by enumeration of all it chooses among, and beside its real length."""

import itertools
import math

import numpy as np
import pytest
from codec_strategies import extreme_packets, packets
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.codec.enumerative import stated_bits
from channels.codec.quantizers import Logarithmic, quantizer
from channels.codec.wire import Draft, Format, decode, encode, length_bits

V, ELL, K = 6, 5, 3
SUPPORT = np.array([0, 2, 5])


def distributions_of(counts_of):
    """All (support, counts) of K of V ids, counts by all vectors on K ids that `counts_of` says."""
    vectors = [counts for counts in itertools.product(range(ELL + 1), repeat=K) if counts_of(counts)]
    return list(itertools.product(itertools.combinations(range(V), K), vectors))


@pytest.mark.parametrize(
    ("fields", "counts", "choices"),
    [
        # the size, 1..min(V, ell), then a subset and its counts, all positive
        ({}, [1, 1, 3], ELL * len(distributions_of(lambda counts: sum(counts) == ELL and min(counts) > 0))),
        ({"resolution": 9}, [1, 2, 6], V * math.comb(V, K) * math.comb(8, 2)),
        # a fixed size is not sent, zeros are
        ({"support": "fixed", "support_size": K}, [1, 1, 3], len(distributions_of(lambda counts: sum(counts) == ELL))),
        ({"support": "dense"}, [1, 1, 3], sum(sum(c) == ELL for c in itertools.product(range(ELL + 1), repeat=V))),
        # the dual lattice: the shift below K, then the points of that shift; shift 2 of 5 leaves 3 units
        ({"quantizer": "dual"}, [2, 5, 8], V * K * len(distributions_of(lambda counts: sum(counts) == ELL - 2))),
        (
            {"quantizer": "dual"},
            [1, 1, 3],
            V * K * len(distributions_of(lambda counts: sum(counts) == ELL and min(counts) > 0)),
        ),
        # levels 1..ell, each by itself
        ({"quantizer": "cubic"}, [1, 1, 3], V * len(distributions_of(lambda counts: min(counts) > 0))),
        (
            {"quantizer": "logarithmic"},
            Logarithmic(ELL).table()[[1, 4, 5]].tolist(),
            V * len(distributions_of(lambda counts: min(counts) > 0)),
        ),
    ],
)
def test_choices_are_counted_one_by_one(fields, counts, choices):
    format = Format(V, max_drafts=4, code="enumerative", token="unsent", **{"resolution": ELL} | fields)
    draft = Draft(-1, SUPPORT, np.array(counts))
    assert stated_bits([draft], format) == pytest.approx(math.log2(4 * choices), abs=1e-9)
    assert stated_bits([draft, draft], format) == pytest.approx(math.log2(4 * choices**2), abs=1e-9)
    assert decode(encode([draft], format), format) == (draft,)


@pytest.mark.parametrize(("token", "choices"), [("flat", V), ("coded", ELL / 3), ("unsent", 1)])
def test_the_drafted_id_is_one_of_all_or_one_of_the_units(token, choices):
    format = Format(V, ELL, 1, code="enumerative", token=token)
    draft = Draft(-1 if token == "unsent" else 5, SUPPORT, np.array([1, 1, 3]))
    distribution = ELL * math.comb(V, K) * math.comb(ELL - 1, K - 1)
    assert stated_bits([draft], format) == pytest.approx(math.log2(distribution * choices), abs=1e-9)


@settings(max_examples=3 * settings.default.max_examples)
@given(packets() | extreme_packets())
def test_no_packet_is_two_bits_longer_than_it_states(packet):
    """But for the coder's rounding of a share, which adds up over millions of bits."""
    format, drafts = packet
    if format.code == "enumerative":
        stated = stated_bits(drafts, format)
        assert length_bits(drafts, format) - stated < 2 + 2e-6 * stated
    else:
        with pytest.raises(ValueError, match="code = 'recoded': states no count"):
            stated_bits(drafts, format)


@settings(max_examples=50)
@given(
    st.sampled_from(["lattice", "dual", "cubic", "logarithmic"]),
    st.integers(1, 256),
    st.sampled_from([10, 100, 1000]),
    st.integers(0, 2**32 - 1),
)
def test_of_any_ids_a_packet_is_within_two_bits_of_what_it_states(name, size, resolution, seed):
    rng = np.random.default_rng(seed)
    counts = quantizer(name, resolution).quantize(rng.dirichlet(np.full(size, 0.5)))
    support = np.sort(rng.choice(150_000, size, replace=False))
    draft = Draft(int(support[counts.argmax()]), support, counts)
    format = Format(150_000, resolution, 1, code="enumerative", quantizer=name)
    assert abs(length_bits([draft], format) - stated_bits([draft], format)) < 2


def test_a_support_refilled_with_the_lowest_ids_costs_less_than_it_states():
    filled = Format(3_000, 100, 1, code="enumerative", support="fixed", support_size=400, token="flat")
    draft = Draft(2_999, np.array([1_500, 2_999]), np.array([40, 60]))
    assert length_bits([draft], filled) < stated_bits([draft], filled) - 2
