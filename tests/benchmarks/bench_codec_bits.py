"""Bits a draft under every code at identical qhat, and what each part of the prior adds, on prompts it never saw.

    pytest -s tests/benchmarks/bench_codec_bits.py

An edge drafts ROUND tokens from qhat after committed text that the pair wrote by speculative decoding. All numbers are
bits a draft without the drafted id; `paper` is log2 C(V, K) + log2 C(ell + K - 1, K - 1) (+ ceil(log2 V) for
thresholds) at the K before zero counts are dropped. The columns between keep the network as it is and blank what it
reads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest

from channels.codec import prior_files
from channels.codec.paper_counts import paper_bits
from channels.codec.recoded import build_prior, prior_tables
from channels.codec.wire import Draft, Format, length_bits
from models.interface import LoadedPair, Pair
from models.verification import verify

ROUND, LAWS = 5, 2_000
BARS = dict(zip(build_prior.POINTS, (0.45, 0.26, 0.45, 0.52), strict=True))
PAIR = "smollm2"


def test_bits_of_the_drafters_laws():
    pair = load(PAIR)
    table("drafter, along its own drafting", pair.vocabulary, packets(pair, LAWS // ROUND))


def test_bits_of_the_verifiers_laws():
    pair = load(PAIR)
    table("verifier, after the same texts", pair.vocabulary, verifier_packets(pair, LAWS // ROUND))


def load(kind: str) -> LoadedPair:
    import models.zoo  # noqa: F401, registers the pairs

    if not prior_files.bundled_prior(Pair.of(kind).vocabulary):
        pytest.skip(f"no prior for {kind}")
    return Pair.of(kind).load()


def committed(pair: LoadedPair, rounds: int) -> Iterator[tuple[int, ...]]:
    """Texts after which a round starts: `rounds` of them, along speculative decoding of the pair's prompts."""
    rng = np.random.default_rng(1)
    each = -(-rounds // len(pair.prompts))
    for prompt in pair.prompts:
        edge, cloud, text = pair.drafter.open(1.0), pair.verifier.open(1.0), prompt.tokens
        for _ in range(min(each, rounds)):
            rounds -= 1
            yield text
            laws, drafts = [], []
            for _ in range(ROUND):
                laws.append(edge.laws((*text, *drafts), 1)[0])
                drafts.append(int(rng.choice(pair.vocabulary, p=laws[-1])))
            p = cloud.laws((*text, *drafts), ROUND + 1)
            verdict = verify(p, np.array(drafts), np.array(laws), rng.random(ROUND + 1))
            text = (*text, *drafts[: verdict.accepted], verdict.token)


Packet = tuple[tuple[int, ...], tuple[Draft, ...], tuple[int, ...]]
"""Context, drafts, and the sizes of their supports before zero counts are dropped."""


def packets(pair: LoadedPair, rounds: int) -> dict[tuple[int, float, int], list[Packet]]:
    """What an edge would send under each point."""
    rng = np.random.default_rng(2)
    found: dict[tuple[int, float, int], list[Packet]] = {point: [] for point in build_prior.POINTS}
    edge = pair.drafter.open(1.0)
    for text in committed(pair, rounds):
        for point in build_prior.POINTS:
            drafts, sizes = [], []
            for _ in range(ROUND):
                q = edge.laws((*text, *(draft.token for draft in drafts)), 1)[0]
                support, counts, size = quantized(q, point)
                drafts.append(Draft(int(rng.choice(support, p=counts / point[2])), support, counts))
                sizes.append(size)
            found[point].append((text, tuple(drafts), tuple(sizes)))
    return found


def verifier_packets(pair: LoadedPair, rounds: int) -> dict[tuple[int, float, int], list[Packet]]:
    """The verifier's own laws along its own samples, as if it drafted."""
    swapped = LoadedPair(pair.verifier, pair.verifier, pair.prompts[:: max(1, len(pair.prompts) // 8)])
    return packets(swapped, rounds // 10)


def quantized(q: np.ndarray, point: tuple[int, float, int]) -> tuple[np.ndarray, np.ndarray, int]:
    """(support, counts, size before zero counts are dropped)."""
    size, threshold, _ = point
    top = np.argsort(-q, kind="stable")[:2048].astype(np.int32)
    support, counts = build_prior.quantized(top, q[top].astype(np.float32), point)
    return support, counts, size or max(1, int((q >= threshold).sum()))


def table(title: str, vocabulary: int, found: dict[tuple[int, float, int], list[Packet]]) -> None:
    whole = prior_files.bundled_prior(vocabulary)
    parts = {"unigram": part(whole, vocabulary, rows=False), "rows": whole}
    print(f"\n{title}: {sum(len(p) for p in found.values()) * ROUND // len(found)} laws a line, V = {vocabulary}")
    header = ("point", "K", "paper", "enumerative", "unigram", "+ context", "rows", "+ context", "of paper", "bar")
    print("".join(f"{name:>13}" for name in header))
    for point, sent in found.items():
        paper = np.mean([paper_bits(vocabulary, k, point[2], not point[0]) for _, _, ks in sent for k in ks])
        ks = np.mean([k for _, _, ks in sent for k in ks])
        plain = Format(vocabulary, point[2], ROUND, code="enumerative", token="coded")
        columns = [mean_bits(sent, plain, True)]
        for fingerprint in parts.values():
            form = Format(vocabulary, point[2], ROUND, code="recoded", token="coded", prior=fingerprint, **fixed(point))
            columns += [mean_bits(sent, form, False), mean_bits(sent, form, True)]
        name = f"K={point[0]}" if point[0] else f"q>={point[1]:g}"
        cells = [f"{name}, {point[2]}", f"{ks:.1f}", *(f"{bits:.1f}" for bits in (paper, *columns))]
        print("".join(f"{cell:>13}" for cell in (*cells, f"{columns[-1] / paper:.1%}", f"{BARS[point]:.0%}")))


def fixed(point: tuple[int, float, int]) -> dict[str, object]:
    return {"support": "fixed", "support_size": point[0]} if point[0] else {}


def mean_bits(sent: list[Packet], format: Format, with_context: bool) -> float:
    """Bits a draft, the drafted ids' own -log2 qhat taken off. Without context: only the last token of it."""
    total = 0.0
    for context, drafts, _ in sent:
        total += length_bits(drafts, format, context if with_context else context[-1:])
        total -= sum(math.log2(d.counts.sum() / d.counts[d.support.searchsorted(d.token)]) for d in drafts)
    return total / (len(sent) * ROUND)


def part(fingerprint: str, vocabulary: int, rows: bool) -> str:
    """A prior that keeps the unigram and the network, and the rows only if told."""
    stored = prior_tables.unpack(prior_files.read_prior(fingerprint, vocabulary))
    if not rows:
        stored = stored._replace(
            lengths=np.zeros_like(stored.lengths), row_ids=stored.row_ids[:0], row_weights=stored.row_weights[:0]
        )
    folder = Path(mkdtemp())
    prior_files.FOLDERS.append(folder)
    return prior_files.store_prior(prior_tables.pack(stored), vocabulary, folder).stem.partition("-")[2]
