"""Bits a draft of drafters that the prior was fitted to and of some that it was not, beside the paper's count.

    pytest -s tests/benchmarks/bench_codec_bits.py

After the same texts, which the bundled pair wrote by speculative decoding of prompts that nothing was fitted to, each
drafter drafts ROUND tokens from its own qhat. The prior was made from the verifier and the second drafter that was
shipped (git, SECOND_DRAFTER). Left out of it: the bundled one, which is the third; the first, as it was and with a head
for all of V; and the verifier without two of its layers.
All numbers are bits a draft without the drafted id's own -log2 qhat; `paper` is log2 C(V, K) + log2 C(ell + K - 1, K -
1) (+ ceil(log2 V) for thresholds) at the K before zero counts are dropped. `one`: packets of one draft, of up to 8.
Other random numbers move a ratio by some 5% of it.
"""

import itertools
import math
import subprocess
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from channels.codec.paper_counts import paper_bits
from channels.codec.wire import Draft, Format, length_bits
from models.interface import LanguageModel, LoadedPair, Pair
from models.shared_passes import AT_A_TIME, together
from models.verification import verify
from tools import build_prior

R = TypeVar("R")
ROUND, ROUNDS = 5, 84
BARS = dict(zip(build_prior.POINTS, ((0.48, 0.45), (0.27, 0.26), (0.47, 0.45), (0.55, 0.52)), strict=True))
"""What is asked and what is aimed at, of the paper's count, on drafters left out."""
FIRST_DRAFTER = "37d3c4e:models/weights/smollm2/drafter.safetensors"
SECOND_DRAFTER = "e3a7ef3:models/weights/smollm2/drafter.safetensors"
ROOT = Path(__file__).parents[2]
Point = tuple[int, float, int]
Packet = tuple[tuple[int, ...], tuple[Draft, ...], tuple[int, ...]]
"""Context, drafts, and the sizes of their supports before zero counts are dropped."""


@pytest.mark.parametrize(
    "name", ["bundled", "first", "first, all of V", "second", "verifier", "verifier, 28 of 30 layers"]
)
def test_bits_of_a_drafters_distributions(name, ratio):
    drafter = drafters().get(name)
    if drafter is None:
        pytest.skip("git's history is not here")
    table(name, pair().vocabulary, packets(drafter(), contexts()), ratio)


@cache
def pair() -> LoadedPair:
    import models.zoo  # noqa: F401, registers the pairs

    return Pair.of("smollm2").load()


@cache
def contexts() -> list[tuple[int, ...]]:
    """ROUNDS texts after which a round starts, along speculative decoding of the prompts."""
    prompts, rounds = pair().prompts, -(-ROUNDS // len(pair().prompts))
    calls = [partial(committed, place, prompt.tokens, rounds) for place, prompt in enumerate(prompts)]
    return list(itertools.chain(*side_by_side(calls)))[:ROUNDS]


def side_by_side(calls: Sequence[Callable[[], R]]) -> list[R]:
    """What the calls return, in their order; passes of several texts are made as one, which gives the same bytes."""
    found = dict(together(calls, AT_A_TIME))
    for each in found.values():
        if isinstance(each, Exception):
            raise each
    return [found[place] for place in range(len(calls))]  # type: ignore[misc]


def committed(place: int, text: tuple[int, ...], rounds: int) -> list[tuple[int, ...]]:
    """The text before each round of a prompt."""
    rng, texts = np.random.default_rng((1, place)), []
    edge, cloud = pair().drafter.open(1.0), pair().verifier.open(1.0)
    for _ in range(rounds):
        texts.append(text)
        distributions, drafts = [], []
        for _ in range(ROUND):
            distributions.append(edge.distributions((*text, *drafts), 1)[0])
            drafts.append(int(rng.choice(pair().vocabulary, p=distributions[-1])))
        p = cloud.distributions((*text, *drafts), ROUND + 1)
        result = verify(p, np.array(drafts), np.array(distributions), rng.random(ROUND + 1))
        text = (*text, *drafts[: result.accepted], result.token)
    return texts


def drafters():
    """Name -> what makes the drafter."""
    found = {
        "bundled": lambda: pair().drafter,
        "verifier": lambda: pair().verifier,
        "verifier, 28 of 30 layers": lambda: without(pair().verifier, (10, 20)),
    }
    if first := from_git("show", FIRST_DRAFTER):
        found |= {"first": lambda: former_drafter(first, True), "first, all of V": lambda: former_drafter(first, False)}
    if second := from_git("show", SECOND_DRAFTER):
        found["second"] = lambda: former_drafter(second, True)
    return found


def without(model: LanguageModel, layers: tuple[int, ...]) -> LanguageModel:
    """The model with some of its layers passed over."""
    from models.transformer import TransformerModel

    network = deepcopy(model.network)
    for layer in sorted(layers, reverse=True):
        del network.model.layers[layer]
    for place, layer in enumerate(network.model.layers):
        layer.self_attn.layer_idx = place
    network.config.num_hidden_layers -= len(layers)
    return TransformerModel(network, "shallow", "cpu")


def former_drafter(weights: bytes, cut: bool) -> LanguageModel:
    """A drafter that was shipped before; `cut`: to its own vocabulary."""
    import torch
    from safetensors.torch import load, load_file

    from models.bundled.smollm2_drafter import assemble, network
    from models.bundled.smollm2_wheel import verifier_folder
    from models.transformer import TransformerModel

    embedding, factored = load_file(verifier_folder() / "model.safetensors")["model.embed_tokens.weight"], load(weights)
    if not cut:
        factored["vocabulary"] = torch.arange(len(embedding), dtype=torch.int32)
    return TransformerModel(network(assemble(factored, embedding)), "former", "cpu")


def from_git(*command: str) -> bytes:
    """What git answers; nothing where it cannot."""
    return subprocess.run(["git", "-C", str(ROOT), *command], capture_output=True).stdout


def packets(drafter: LanguageModel, texts: list[tuple[int, ...]]) -> dict[Point, list[Packet]]:
    """What an edge would send under each point."""
    sent = side_by_side([partial(drafted, drafter, place, text) for place, text in enumerate(texts)])
    return {point: [each[point] for each in sent] for point in build_prior.POINTS}


def drafted(drafter: LanguageModel, place: int, text: tuple[int, ...]) -> dict[Point, Packet]:
    """The same after one text."""
    rng, edge, found = np.random.default_rng((2, place)), drafter.open(1.0), {}
    for point in build_prior.POINTS:
        drafts, sizes = list[Draft](), list[int]()
        for _ in range(ROUND):
            q = edge.distributions((*text, *(draft.token for draft in drafts)), 1)[0]
            support, counts, size = quantized(q, point)
            drafts.append(Draft(int(rng.choice(support, p=counts / point[2])), support, counts))
            sizes.append(size)
        found[point] = text, tuple(drafts), tuple(sizes)
    return found


def quantized(q: np.ndarray, point: Point) -> tuple[np.ndarray, np.ndarray, int]:
    """(support, counts, size before zero counts are dropped)."""
    size, threshold, _ = point
    top = np.argsort(-q, kind="stable")[:2048].astype(np.int32)
    support, counts = build_prior.quantized(top, q[top].astype(np.float32), point)
    return support, counts, size or max(1, int((q >= threshold).sum()))


def table(title: str, vocabulary: int, found: dict[Point, list[Packet]], ratio: Callable[..., None]) -> None:
    print(f"\n{title}: {sum(len(p) for p in found.values()) * ROUND // len(found)} laws a line, V = {vocabulary}")
    header = ("point", "K", "paper", "enumerative", "now", "of paper", "one", "of paper", "bars")
    print("".join(f"{name:>12}" for name in header))
    for point, sent in found.items():
        paper = np.mean([paper_bits(vocabulary, k, point[2], not point[0]) for _, _, ks in sent for k in ks])
        ks = np.mean([k for _, _, ks in sent for k in ks])
        now, one = mean_bits(sent, point[2], vocabulary, "recoded")
        bits = paper, mean_bits(sent, point[2], vocabulary, "enumerative")[0], now
        name = f"K={point[0]}" if point[0] else f"q>={point[1]:g}"
        cells = [f"{name}, {point[2]}", f"{ks:.1f}", *(f"{each:.1f}" for each in bits), f"{now / paper:.1%}"]
        cells += [f"{one:.1f}", f"{one / paper:.1%}", "{:.0%} {:.0%}".format(*BARS[point])]
        print("".join(f"{cell:>12}" for cell in cells))
        ratio(f"recoded / paper's count: {title}, {name}", now / paper, at_most=BARS[point][0], meaning="bits a draft")


def mean_bits(sent: list[Packet], resolution: int, vocabulary: int, code: str) -> tuple[float, float]:
    """Bits a draft in packets of ROUND and of one, the drafted ids' own -log2 qhat taken off."""
    whole, alone = (Format(vocabulary, resolution, most, code=code, token="coded") for most in (ROUND, 8))
    total, ones, number = 0.0, 0.0, 0
    for context, drafts, _ in sent:
        tokens = sum(math.log2(d.counts.sum() / d.counts[d.support.searchsorted(d.token)]) for d in drafts)
        total += length_bits(drafts, whole, context) - tokens
        for place, draft in enumerate(drafts):
            ones += length_bits([draft], alone, (*context, *(each.token for each in drafts[:place])))
        ones -= tokens
        number += len(drafts)
    return total / number, ones / number
