"""Hypothesis strategies for the codec: distributions, formats, packets. Named after what they make."""

import numpy as np
from hypothesis import strategies as st

from channels.codec.draft import LARGEST_DRAFTS, LARGEST_VOCABULARY, UNSENT, Draft, Format
from channels.codec.lattice import LARGEST_RESOLUTION
from channels.codec.quantizers import quantizer


@st.composite
def distributions(draw, min_size=1, max_size=40):
    """A distribution with ties, zeros, near-deterministic and half-multiple entries: float64 [K], sum 1."""
    size = draw(st.integers(min_size, max_size))
    weights = draw(
        st.one_of(
            st.lists(st.integers(0, 6), min_size=size, max_size=size),
            st.lists(st.floats(1e-12, 1.0), min_size=size, max_size=size),
            st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.5, 1e-9]), min_size=size, max_size=size),
        )
    )
    values = np.asarray(weights, dtype=np.float64)
    values[draw(st.integers(0, size - 1))] += 1.0
    return values / values.sum()


@st.composite
def formats(draw, max_vocabulary=400, max_resolution=60, supports=("variable", "fixed", "dense")):
    """A format of any kind."""
    vocabulary = draw(st.integers(2, max_vocabulary))
    support = draw(st.sampled_from(supports))
    return Format(
        vocabulary,
        draw(st.integers(1, max_resolution)),
        draw(st.integers(1, 32)),
        code="enumerative",
        support=support,
        support_size=draw(st.integers(1, vocabulary)) if support == "fixed" else None,
        token=draw(st.sampled_from(["flat", "coded", "unsent"])),
    )


@st.composite
def sizes(draw, least, most):
    """An integer within bounds, small and large ones alike."""
    return min(most, least - 1 + 2 ** draw(st.integers(0, most.bit_length())) + draw(st.integers(0, 3)))


@st.composite
def extreme_formats(draw, priors):
    """A format of any code, support, token and quantizer, up to the largest sizes. priors: {vocabulary: name}."""
    quantizer = draw(st.sampled_from(["lattice", "dual", "cubic", "logarithmic"]))
    code = draw(st.sampled_from(["enumerative", "recoded"]))
    prior = draw(st.sampled_from([*priors, None])) if code == "recoded" else None
    support = draw(st.sampled_from(["variable", "fixed", "dense"])) if quantizer == "lattice" else "variable"
    vocabulary = prior or draw(sizes(2, LARGEST_VOCABULARY))
    return Format(
        vocabulary,
        draw(sizes(2, 1024 if quantizer == "logarithmic" else LARGEST_RESOLUTION)),
        draw(sizes(1, LARGEST_DRAFTS)),
        code=code,
        support=support,
        support_size=draw(sizes(1, vocabulary)) if support == "fixed" else None,
        token=draw(st.sampled_from(["flat", "coded", "unsent"])),
        quantizer=quantizer,
        prior=priors.get(prior, ""),
    )


@st.composite
def extreme_packets(draw):
    """A format of any kind without a prior, up to large sizes, and drafts of few ids that it carries."""
    format = draw(extreme_formats({}).filter(lambda format: format.support != "dense" or format.resolution < 1 << 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return format, tuple(sparse_draft(rng, format) for _ in range(draw(st.integers(1, min(3, format.max_drafts)))))


def sparse_draft(rng, format):
    """A draft of at most ten ids, peaked or flat, that a format of any quantizer carries; its token any of them."""
    size = int(rng.integers(1, min(10, format.largest_support) + 1))
    support = np.sort(rng.choice(format.vocabulary, size, replace=False))
    distribution = rng.dirichlet(np.full(size, rng.choice([0.01, 0.3, 100.0]))) + 1e-12
    counts = quantizer(format.quantizer, format.resolution).quantize(distribution)
    token = UNSENT if format.token == "unsent" else int(rng.choice(support[counts > 0]))
    return Draft(token, support, counts)


@st.composite
def packets(draw, max_drafts=5, **sizes):
    """A format and drafts it carries."""
    format = draw(formats(**sizes))
    number = draw(st.integers(1, min(format.max_drafts, max_drafts)))
    return format, tuple(draw(drafts(format)) for _ in range(number))


@st.composite
def drafts(draw, format):
    """One draft that the format carries: a random support, every count positive."""
    seed, share = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([0.0, 0.02, 0.3, 1.0]))
    return random_draft(np.random.default_rng(seed), format, share)


def random_draft(rng, format, share):
    """A draft with about `share` of the largest support, counts a random composition."""
    size = max(1, round(share * format.largest_support))
    support = np.sort(rng.choice(format.vocabulary, size, replace=False)).astype(np.int64)
    ends = np.sort(rng.choice(format.resolution - 1, size - 1, replace=False)) + 1
    counts = np.diff(ends, prepend=0, append=format.resolution).astype(np.int64)
    return Draft(UNSENT if format.token == "unsent" else int(rng.choice(support)), support, counts)


DAMAGE = ("random", "truncated", "extended", "flipped")


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
