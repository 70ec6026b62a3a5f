"""Speed of the codec at V = 50,257, beside one softmax of the same vector in the same run; time against K.

    pytest -s tests/benchmarks/bench_codec_speed.py

Each number is the least of several repetitions, so that a busy machine counts for little. Distributions are Zipf-like;
where there is a prior, its own distribution after real tokens, every weight times a lognormal.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from channels.codec import prior_files
from channels.codec.context_coded.expected_tokens import candidates
from channels.codec.context_coded.prior_tables import find
from channels.codec.lattice import quantize
from channels.codec.sparsify import Threshold, TopK
from channels.codec.wire import Draft, Format, decode, encode

V = 50_257
REPEATS = 30


def microseconds(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """The least wall time of a call; the first, which may compile, is not counted."""
    call()
    least = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        least = min(least, time.perf_counter() - start)
    return least * 1e6


def zipf(vocabulary: int, seed: int, exponent: float = 1.1) -> np.ndarray:
    """A distribution on random ids, float64 [V]."""
    q = np.random.default_rng(seed).permutation(np.arange(1, vocabulary + 1) ** -exponent)
    return q / q.sum()


def softmax_us() -> float:
    logits = np.log(zipf(V, 0))

    def softmax() -> np.ndarray:
        weights = np.exp(logits - logits.max())
        return weights / weights.sum()

    return microseconds(softmax)


def draft(vocabulary: int, size: int, resolution: int, seed: int = 0) -> Draft:
    q = zipf(vocabulary, seed)
    support = TopK(size).support(q)
    counts = quantize(q[support], resolution)
    return Draft(int(support[counts.argmax()]), support, counts)


def likely(format: Format, size: int, context: tuple[int, ...], rng: np.random.Generator) -> Draft:
    """A draft as the prior half expects it: its own distribution after the context, each weight times a lognormal."""
    listed = candidates(find(format.prior or "", format.vocabulary), np.array(context), format.resolution)
    q = np.full(format.vocabulary, 1e-7)
    q[listed.ids] = listed.weights / (1 << 30) * np.exp(rng.normal(size=listed.ids.size))
    support = TopK(size).support(q)
    counts = quantize(q[support], format.resolution)
    return Draft(int(support[counts.argmax()]), support, counts)


def timed(name: str, format: Format, size: int, bar: float, ratio: Callable[..., None]) -> None:
    context = tuple(np.random.default_rng(0).integers(0, format.vocabulary, 200).tolist())
    drafts = [draft(format.vocabulary, size, format.resolution, seed) for seed in range(4)]
    if format.prior:
        drafts, rng = [], np.random.default_rng(1)
        context = tuple(find(format.prior, format.vocabulary).order[rng.geometric(0.01, 200)].tolist())
        for _ in range(4):
            drafts.append(likely(format, size, (*context, *(one.token for one in drafts)), rng))
    payload = encode(drafts, format, context)
    into = microseconds(lambda: encode(drafts, format, context)) / len(drafts)
    back = microseconds(lambda: decode(payload, format, context)) / len(drafts)
    print(f"{name:<44}{into:>10.1f}{back:>10.1f}{bar:>10.0f}")
    ratio(f"codec: {name}", max(into, back), at_most=bar, meaning="us a draft, the slower way")


def test_encode_and_decode(ratio):
    print(f"\none softmax of {V:,} float64: {softmax_us():.0f} us")
    print(f"{'us a draft':<44}{'encode':>10}{'decode':>10}{'bar':>10}")
    for size, resolution, bar in ((8, 64, 50), (64, 100, 50), (1024, 1000, 500)):
        timed(
            f"enumerative, K = {size}, ell = {resolution}",
            Format(V, resolution, 8, code="enumerative"),
            size,
            bar,
            ratio,
        )
    dense = Format(V, 1000, 8, code="enumerative", support="dense")
    timed("enumerative, dense, ell = 1000", dense, V, 2000, ratio)
    for vocabulary in (49_152, 1_024):
        if prior := prior_files.bundled_prior(vocabulary):
            for size, resolution, bar in ((8, 64, 15), (64, 100, 50), (1024, 1000, 500)):
                form = Format(vocabulary, resolution, 8, code="recoded", token="coded", prior=prior)
                timed(f"recoded, V = {vocabulary}, K = {size}, ell = {resolution}", form, size, bar, ratio)


def test_quantize_and_supports(ratio):
    q = zipf(V, 1)
    print(f"\none softmax: {softmax_us():.0f} us")
    for size in (8, 64):
        kept = q[TopK(size).support(q)]
        quantize_us = microseconds(lambda kept=kept: quantize(kept, 100))
        print(f"quantize K = {size:<5} {quantize_us:8.1f} us (bar 20)")
        ratio(f"codec: quantize, K = {size}", quantize_us, at_most=20, meaning="us a distribution")
        beside = microseconds(lambda size=size: TopK(size).support(q)) / microseconds(
            lambda size=size: np.argpartition(q, V - size)
        )
        print(f"TopK({size}).support: {beside:.2f} of np.argpartition (bar 1.2)")
        ratio(f"codec: TopK({size}).support / np.argpartition", beside, at_most=1.2, meaning="time of a distribution")
    beside = microseconds(lambda: Threshold(1e-3).support(q)) / microseconds(lambda: np.flatnonzero(q >= 1e-3))
    print(f"Threshold.support: {beside:.2f} of np.flatnonzero (bar 1.2)")
    ratio("codec: Threshold.support / np.flatnonzero", beside, at_most=1.2, meaning="time of a distribution")


def test_time_against_k(ratio):
    """No worse than K log V: the time over K log2 V of the largest K is at most that of K = 64, twice allowed."""
    sizes = [2**n for n in range(16)]
    per = {}
    print(f"\n{'K':>8}{'encode us':>12}{'decode us':>12}{'us / (K log2 V)':>18}")
    for size in sizes:
        rng = np.random.default_rng(size)
        support = np.sort(rng.choice(V, size, replace=False))
        counts = rng.multinomial(size, np.full(size, 1 / size)) + 1
        one = Draft(int(support[0]), support, counts)
        format = Format(V, 2 * size, 1, code="enumerative")
        payload = encode([one], format)
        into = microseconds(lambda one=one, format=format: encode([one], format), 10)
        back = microseconds(lambda payload=payload, format=format: decode(payload, format), 10)
        per[size] = back / size
        print(f"{size:>8}{into:>12.1f}{back:>12.1f}{back / (size * np.log2(V)):>18.4f}")
    ratio(
        f"codec: decode per K log V, K = {sizes[-1]} / K = 64",
        per[sizes[-1]] / per[64],
        at_most=2,
        meaning="time of a draft",
    )
