"""What the verifier's own distribution would save, if the packet of a draft's counts could be read with it (Wyner-Ziv).

    pytest -s tests/benchmarks/bench_side_information.py

Bits a draft of support and counts, as the questions of the walk of `channels.codec.context_coded` cost them, under a
network fitted anew for each set of evidence: what the prior says of a candidate; and p beside it, as its weight, rank
and the order of the list. Fitted on one half of the prompts, told of the other. Both columns take a K that is known,
and no packet's header.

The edge cannot compute p, so its packet cannot be that short: the second column is what coding without it may come to
at best (Slepian and Wolf), for blocks without end and a rate that the edge would have to guess. What stands against it:
`ids`, the drafted ids by the prior ahead of the distributions, for without d_1..d_{n-1} the cloud has no p_n, in place
of `drawn`, -log2 qhat(d); and a checksum. `hashed` is what one can build: tokens that the prior finds dear are sent as
a hash that the cloud reads as the token of largest p with it, the length of the hash and what is dear at their best.
Its figure is what a round of ROUND drafts saves, the whole payload charged where a token is read wrong, checksum and
ids left out: below 0 it loses. It loses at every point: p ranks a dear token at 2^4 to 2^6 on average and at 2^10 to
2^12 once in a hundred, and the hash must be long enough for that one, where the prior's code is as long as each token
needs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
import torch
from speculated_texts import speculated
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from channels.codec import prior_files
from channels.codec.context_coded import build_prior, prior_tables
from channels.codec.context_coded.expected_tokens import UNIT, candidates
from channels.codec.wire import Format, ids_bits
from models.interface import LoadedPair, Pair

PAIR, ROUND, ROUNDS, STEPS = "smollm2", 5, 126, 2_500
POINTS = ((3, 0.0, 16), (8, 0.0, 64), (64, 0.0, 100))
HEADS, TAIL, FINENESS, SHARE = 24, 12, 64, 0.6
"""Heads of the network and where those of the tail begin; candidates weigh 1 / (FINENESS ell); the share of p."""


class Position(NamedTuple):
    """Where a draft stands: its prompt, the text and the drafts before it, the drafted id, q's top and p [V]."""

    prompt: int
    context: tuple[int, ...]
    number: int
    token: int
    top: np.ndarray
    q: np.ndarray
    p: np.ndarray


class Asked(NamedTuple):
    """The questions about one draft's counts, and what is coded besides."""

    inputs: np.ndarray
    heads: np.ndarray
    answers: np.ndarray
    fixed_bits: float
    weights: np.ndarray
    """Of the candidates, whose first questions are the first."""
    ids: np.ndarray
    tail: np.ndarray
    """Ids of the support that are no candidates, and what telling them costs."""
    tail_bits: float


def positions(pair: LoadedPair) -> Iterator[Position]:
    """Rounds along speculative decoding of the pair's prompts."""
    for each in speculated(pair, ROUNDS, ROUND):
        for n, q in enumerate(each.q):
            top = np.argsort(-q, kind="stable")[:2048].astype(np.int32)
            known = (*each.text, *each.drafts[:n])
            yield Position(each.prompt, known, n, each.drafts[n], top, q[top].astype(np.float32), each.p[n])


def counts_of(at: Position, point: tuple[int, float, int]) -> tuple[np.ndarray, np.ndarray]:
    return build_prior.quantized(at.top, at.q, point)


def ask(
    at: Position, point: tuple[int, float, int], tables: prior_tables.Tables, before: np.ndarray, with_p: bool
) -> Asked:
    """The walk of `recoded`, in floats."""
    size, _, ell = point
    support, counts = counts_of(at, point)
    listed = candidates(tables, np.array(at.context[-256:], dtype=np.int64), ell)
    ids, weights = listed.ids, listed.weights / UNIT
    told = np.stack([listed.occurred, listed.followed]).clip(0, 4)
    unigram, left_over = tables.unigram / UNIT, listed.left_over / UNIT
    if with_p:
        more = np.setdiff1d(np.flatnonzero(at.p >= 1 / (FINENESS * ell)), ids)
        ids, weights = np.append(ids, more), np.append(weights, left_over * unigram[more])
        told = np.concatenate([told, np.zeros((2, more.size), dtype=int)], axis=1)
    key = (1 - SHARE) * weights + SHARE * at.p[ids] if with_p else weights
    order = np.argsort(-key, kind="stable")
    place = support.searchsorted(ids[order]).clip(0, support.size - 1)
    found = np.where(support[place] == ids[order], counts[place], 0)
    left = ell - np.append(0, found.cumsum()[:-1])
    order = order[left > 0]
    ids, weights, key, told, number = ids[order], weights[order], key[order], told[:, order], order.size
    found, left = found[:number], left[:number]
    columns = [
        log2(weights), log2(unigram[ids]), *told, log2(np.arange(1, number + 1)), remaining(weights),
        np.isin(ids, before) * 2.0 - 1 if at.number else np.zeros(number), np.full(number, log2(left_over)),
        np.full(number, math.log2(ell)), np.full(number, math.log2(size)), np.full(number, float(not at.number)),
        log2(left / ell), log2(np.append(0, (found > 0).cumsum()[:-1]) + 1),
    ]  # fmt: skip
    if with_p:
        own = at.p[ids]
        columns += [log2(own), remaining(key), log2(1 + (own[None, :] > own[:, None]).sum(1))]
    inputs = np.stack(columns, axis=1).astype(np.float32)
    rows, heads, answers, fixed_bits = [inputs], [np.zeros(number, dtype=int)], [found > 0], 0.0

    def number_of(row: np.ndarray, first: int, value: int, largest: int) -> float:
        level = 1
        while 1 << level <= largest:
            rows.append(row[None])
            heads.append(np.array([first + level]))
            answers.append(np.array([value >> level > 0]))
            if not value >> level:
                break
            level += 1
        least = 1 << (level - 1)
        return math.log2(min(least, largest - least + 1))

    for n in np.flatnonzero(found):
        fixed_bits += number_of(inputs[n], 0, int(found[n]), int(left[n]))
    rest, tail, tail_bits = ell - int(found.sum()), np.setdiff1d(support, ids), 0.0
    if rest:
        fixed_bits += number_of(inputs[-1], TAIL, tail.size, rest) + math.log2(math.comb(rest - 1, tail.size - 1))
        free = 1 - unigram[ids].sum() / unigram.sum()
        tail_bits = float(-np.log2(unigram[tail] / unigram.sum() / free).sum()) - math.lgamma(tail.size + 1) / math.log(
            2
        )
    whole = np.concatenate(rows), np.concatenate(heads), np.concatenate(answers).astype(np.float32)
    return Asked(*whole, fixed_bits + tail_bits, weights, ids, tail, tail_bits)


def log2(x: np.ndarray | float) -> np.ndarray:
    return np.log2(np.maximum(x, 1e-9))


def remaining(weights: np.ndarray) -> np.ndarray:
    """log2 of the weight of all from each on."""
    return log2(np.maximum(max(1.0, weights.sum()) - np.append(0, weights.cumsum()[:-1]), 1e-3))


class Network(torch.nn.Module):
    """One hidden layer, all heads on it, as in `channels.codec.context_coded.network`."""

    def __init__(self, inputs: int, units: int = 48) -> None:
        super().__init__()
        self.first = torch.nn.Linear(inputs, units)
        self.second, self.bias = torch.nn.Embedding(HEADS, units), torch.nn.Embedding(HEADS, 1)
        torch.nn.init.normal_(self.second.weight, 0, units**-0.5)
        torch.nn.init.zeros_(self.bias.weight)

    def forward(self, inputs: torch.Tensor, heads: torch.Tensor) -> torch.Tensor:
        return (torch.relu(self.first(inputs / 8)) * self.second(heads)).sum(1) + self.bias(heads)[:, 0]


def fitted(asked: list[Asked]) -> Network:
    inputs, heads, answers = (torch.tensor(np.concatenate([each[n] for each in asked])) for n in range(3))
    torch.manual_seed(0)
    network = Network(inputs.shape[1])
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        batch = torch.randint(0, len(inputs), (2048,))
        loss = bce(network(inputs[batch], heads[batch]), answers[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network


@torch.no_grad()
def costs(network: Network, asked: Asked) -> np.ndarray:
    """Bits of each question."""
    logits = network(torch.tensor(asked.inputs), torch.tensor(asked.heads))
    return bce(logits, torch.tensor(asked.answers), reduction="none").numpy() / math.log(2)


def hashed(found: list[tuple[Position, Asked, np.ndarray]], point: tuple[int, float, int]) -> float:
    """What a round saves at best, of (position, questions, their bits)."""
    whole, best = np.mean([bits.sum() + asked.fixed_bits for _, asked, bits in found]), -math.inf
    for least in (1e-1, 1e-2, 1e-3, 1e-4, 0.0):
        dear_bits, ranks = 0.0, list[np.ndarray]()
        for at, asked, bits in found:
            support, _ = counts_of(at, point)
            dear = asked.weights < least
            dear_bits += bits[: dear.size][dear].sum() + asked.tail_bits
            told = np.append(asked.ids[dear & np.isin(asked.ids, support)], asked.tail)
            others = at.p.copy()
            others[asked.ids[~dear]] = -1
            ranks.append((others[None, :] > at.p[told][:, None]).sum(1))
        sizes = np.bincount([each.size for each in ranks]) / len(ranks)
        number_bits = -(sizes[sizes > 0] * np.log2(sizes[sizes > 0])).sum()
        for length in range(2, 21):
            read = np.array([np.prod((1 - 2.0**-length) ** each) for each in ranks])
            fails = 1 - np.mean(read.reshape(-1, ROUND).prod(axis=1))
            hash_bits = number_bits + length * np.mean([each.size for each in ranks])
            best = max(best, ROUND * (dear_bits / len(found) - hash_bits) - fails * ROUND * whole)
    return float(best)


def test_what_the_verifiers_law_would_save() -> None:
    import models.zoo  # noqa: F401, registers the pairs

    pair = Pair.of(PAIR).load()
    fingerprint = prior_files.bundled_prior(pair.vocabulary)
    if not fingerprint:
        pytest.skip(f"no prior for {PAIR}")
    torch.set_num_threads(1)
    tables, found = prior_tables.find(fingerprint, pair.vocabulary), list(positions(pair))
    told = [at for at in found if at.prompt % 2]
    networks = {}
    asked = {(with_p, point): questions(found, point, tables, with_p) for with_p in (False, True) for point in POINTS}
    for with_p in (False, True):
        fit = [each for point in POINTS for at, each in asked[with_p, point] if at.prompt % 2 == 0]
        networks[with_p] = fitted(fit)
    plain = Format(pair.vocabulary, 100, ROUND)
    rounds = [told[n : n + ROUND] for n in range(0, len(told), ROUND)]
    ids = [ids_bits([at.token for at in each], plain, each[0].context) / ROUND for each in rounds]
    print(f"\n{PAIR}, {len(told)} laws; ids by the prior {np.mean(ids):.2f} bits a draft")
    print("".join(f"{name:>14}" for name in ("point", "prior", "prior and p", "drawn", "hashed")))
    for point in POINTS:
        one, other = (
            [(at, each, costs(networks[with_p], each)) for at, each in asked[with_p, point] if at.prompt % 2]
            for with_p in (False, True)
        )
        means = [np.mean([bits.sum() + each.fixed_bits for _, each, bits in way]) for way in (one, other)]
        drawn = np.mean([entropy(counts_of(at, point)[1]) for at in told])
        figures = (*(f"{each:.2f}" for each in (*means, drawn)), f"{hashed(one, point):.1f}")
        print("".join(f"{cell:>14}" for cell in (f"K={point[0]}, {point[2]}", *figures)))


def questions(
    found: list[Position], point: tuple[int, float, int], tables: prior_tables.Tables, with_p: bool
) -> list[tuple[Position, Asked]]:
    """Of each draft, the support of the one before it in its round beside it."""
    before = [counts_of(found[max(0, n - 1)], point)[0] for n in range(len(found))]
    return [(at, ask(at, point, tables, last, with_p)) for at, last in zip(found, before, strict=True)]


def entropy(counts: np.ndarray) -> float:
    """Bits of an id drawn by the counts."""
    law = counts / counts.sum()
    return float(-(law * np.log2(law)).sum())
