"""Speed of the codec at V = 50,257, beside one softmax of the same vector in the same run; time against K.

    pytest -s tests/benchmarks/bench_codec_speed.py

Each number is the least of several repetitions, so that a busy machine counts for little. Distributions are Zipf-like;
Each number is the least of several repetitions, so that a busy machine counts for little. Distributions are Zipf-like;
where there is a prior, its own distribution after real tokens, every weight times a lognormal. `one more` is what a
budget asks before each draft, the length with one draft more. The prior of V = 131,072 is that of 49,152, with ids
behind it that it hardly expects.
"""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from channels.codec import prior_files
from channels.codec.context_coded.context_model import WIDTH
from channels.codec.context_coded.expected_tokens import candidates
from channels.codec.context_coded.prior_tables import LARGEST_OCTAVES, find, pack, unpack
from channels.codec.lattice import quantize
from channels.codec.sparsify import Threshold, TopK
from channels.codec.wire import Draft, Format, decode, decode_ids, encode, encode_ids, largest_length_bits
from channels.uniforms import Uniforms

V, WIDE = 50_257, 131_072
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


def packet_of_four(format: Format, size: int) -> tuple[list[Draft], tuple[int, ...]]:
    """Four drafts and the text before them."""
    if not format.prior:
        context = tuple(np.random.default_rng(0).integers(0, format.vocabulary, 200).tolist())
        return [draft(format.vocabulary, size, format.resolution, seed) for seed in range(4)], context
    drafts, rng = list[Draft](), np.random.default_rng(1)
    context = tuple(find(format.prior, format.vocabulary).order[rng.geometric(0.01, 200)].tolist())
    for _ in range(4):
        drafts.append(likely(format, size, (*context, *(one.token for one in drafts)), rng))
    return drafts, context


def timed(name: str, format: Format, size: int, bar: float, ratio: Callable[..., None]) -> None:
    drafts, context = packet_of_four(format, size)
    payload = encode(drafts, format, context)
    into = microseconds(lambda: encode(drafts, format, context)) / len(drafts)
    back = microseconds(lambda: decode(payload, format, context)) / len(drafts)
    print(f"{name:<44}{into:>10.1f}{back:>10.1f}{bar:>10.0f}")
    ratio(f"codec: {name}", max(into, back), at_most=bar, meaning="us a draft, the slower way")


def wide_prior() -> str:
    """The fingerprint of a prior for WIDE ids."""
    stored = unpack(prior_files.read_prior(prior_files.bundled_prior(49_152), 49_152))
    more = WIDE - 49_152
    longer = stored._replace(
        unigram=np.append(stored.unigram, np.full(more, LARGEST_OCTAVES, np.uint8)),
        lengths=np.append(stored.lengths, np.zeros(more, np.uint16)),
        vectors=np.append(stored.vectors, np.zeros((more, WIDTH), np.int8), axis=0),
    )
    folder = Path(tempfile.mkdtemp())
    prior_files.FOLDERS.append(folder)
    return prior_files.store_prior(pack(longer), WIDE, folder).stem.partition("-")[2]


def test_a_draft_with_a_prior(ratio):
    print(f"\n{'us a draft':<34}{'encode':>10}{'decode':>10}{'one more':>10}")
    for vocabulary in (1_024, 49_152, WIDE):
        prior = wide_prior() if vocabulary == WIDE else prior_files.bundled_prior(vocabulary)
        for size, resolution in ((8, 64), (64, 100)):
            format = Format(vocabulary, resolution, 8, prior=prior)
            drafts, context = packet_of_four(format, size)
            payload, last = encode(drafts, format, context), drafts[-1]
            into = microseconds(partial(encode, drafts, format, context)) / len(drafts)
            back = microseconds(partial(decode, payload, format, context)) / len(drafts)
            asked = drafts[:-1], last.support, last.counts, format, context
            more = microseconds(partial(largest_length_bits, *asked)) / len(drafts)
            name = f"V = {vocabulary:,}, K = {size}"
            print(f"{name:<34}{into:>10.1f}{back:>10.1f}{more:>10.1f}")
            ratio(f"codec: recoded, one more, {name}", more, meaning="us a draft of the length with one draft more")


def test_ids_that_won_a_race(ratio):
    print(f"\n{'us an id':<34}{'encode':>10}{'decode':>10}")
    for prior in (prior_files.bundled_prior(49_152), ""):
        format, shared = Format(49_152, 1, 4, prior=prior), Uniforms.of(1, "race")
        words = [shared.words(format.vocabulary, place) for place in range(4)]
        context = tuple(np.random.default_rng(0).geometric(0.01, 200).tolist())
        ids = [int(each.argmax()) for each in words]
        race = words.__getitem__
        payload = encode_ids(ids, format, context, race)
        into = microseconds(partial(encode_ids, ids, format, context, race)) / len(ids)
        back = microseconds(partial(decode_ids, payload, format, context, race)) / len(ids)
        name = f"V = 49,152, {'a' if prior else 'no'} prior"
        print(f"{name:<34}{into:>10.1f}{back:>10.1f}")
        ratio(f"codec: raced ids, {name}", max(into, back), at_most=300, meaning="us an id, the slower way")


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
            for size, resolution, bar in ((8, 64, 25), (64, 100, 60), (1024, 1000, 500)):
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
