"""Bits of a draft beside its rejection probability, along the verifier's own text as in the study `laws`, schemes of
shared randomness too: what the code takes, lower bounds (`studies.rate_bounds`), and what a context model that knew p
would."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from scipy.special import gammaln

from kinds import ConfigError
from kinds.arrays import Floats, Ints
from models.verification import entropy_bits
from simulator.cell.cell import Cell
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.draw import Proposal
from simulator.schemes.quantizer import LatticeCounts
from simulator.studies.bits_and_rejections import drafts_of, texts_id, texts_of
from simulator.studies.rate_bounds import LeastBits, covering_bits, match_probability
from simulator.studies.study import Study, StudyResult, drafts_from_distribution
from simulator.studies.verifier_texts import VerifierText

CONCENTRATIONS: Final[Floats] = np.geomspace(0.5, 2.0**16, 18)  # of the Polya distributions tried
_SMOOTHED = 1e-3  # share of the uniform distribution in what the oracle knows


_Measured = tuple[dict[str, float], Floats]
"""Measures of one draft, by the names of the columns; and the bits of its counts under the oracle, of each
concentration [C]."""


class Rates(Study):
    """Study with one row: over the drafts of all texts."""

    def shares(self, cell: Cell) -> str:
        return texts_id(cell)

    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> StudyResult:
        scheme = _asked(cell)
        texts = texts_of(cell, memory)
        drafts, counts = zip(*_drafts(cell.seed, scheme, texts), strict=True)
        means = {name: float(np.mean([draft[name] for draft in drafts])) for name in drafts[0]}
        weights = [len(text.tokens) for text in texts]
        rejected, raced = means["rejection_probability"], scheme.families.acceptance.races
        mismatch = float(np.concatenate([text.mismatch for text in texts]).mean())
        entropy = np.concatenate([text.entropy for text in texts])
        vocabulary = texts[0].p.shape[1]
        least = LeastBits.over([text.least_bits for text in texts], weights).at(rejected)
        near = LeastBits.over([text.least_bits_near for text in texts], weights).at(means["tv_compression"])
        oracle = means["draw_bits_per_draft"] + float(np.mean(counts, axis=0).min())
        sizes = np.maximum(np.rint(2.0**entropy), 1).astype(int)
        described = float(np.mean([covering_bits(int(size), means["tv_compression"]) for size in sizes]))
        return StudyResult([{
            "vocabulary": vocabulary,
            **means,
            "tv_mismatch": mismatch,
            "added_rejection": rejected - mismatch,
            "least_bits_per_draft": math.nan if raced else least,
            "least_bits_at_compression": math.nan if raced else near,
            "oracle_bits_per_draft": oracle,
            "covering_bits_per_draft": math.nan if raced else described,
        }])  # fmt: skip


def _asked(cell: Cell) -> DraftScheme:
    """The one scheme of a cell: one that draws from what it sends, or races and sends ids. Raises ConfigError."""
    scheme = cell.scheme
    if not cell.fleet and isinstance(scheme, DraftScheme) and scheme.families.acceptance.races and not scheme.branches:
        if scheme.sends_distributions:
            raise ConfigError(f"scheme = {scheme.kind!r}: races and sends its distribution; must send ids alone")
        return scheme
    return drafts_from_distribution(cell)


def _drafts(seed: int, scheme: DraftScheme, texts: Sequence[VerifierText]) -> Iterator[_Measured]:
    for packets, proposal, draft, text, place in drafts_of(seed, scheme, texts):
        q, p = text.q[place], text.p[place]
        bits = packets.length_bits([draft], text.before(place))
        races = scheme.families.acceptance.races
        yield _raced(bits, q, p) if races else _sent(bits, scheme, proposal, q, p)


def _raced(bits: float, q: Floats, p: Floats) -> _Measured:
    both = q > 0
    apart = float((q[both] * np.log2(q[both] / _smooth(p)[both])).sum())
    counts = np.full(len(CONCENTRATIONS), apart)
    return _columns(bits, 1.0 - match_probability(q, p), 1.0, 0.0, 0.0), counts


def _sent(bits: float, scheme: DraftScheme, proposal: Proposal, q: Floats, p: Floats) -> _Measured:
    ids, counts = proposal.ids[proposal.counts > 0], proposal.counts[proposal.counts > 0]
    qhat = counts / counts.sum()
    summing = isinstance(scheme.families.quantizer, LatticeCounts)
    oracle = polya_bits(counts, _smooth(p)[ids]) if summing else np.full(len(CONCENTRATIONS), math.nan)
    rejected, moved = (float(np.maximum(qhat - other[ids], 0.0).sum()) for other in (p, q))
    return _columns(bits, rejected, float(ids.size), moved, entropy_bits(qhat)), oracle


def _columns(bits: float, rejected: float, size: float, moved: float, drawn: float) -> dict[str, float]:
    return {
        "coded_bits_per_draft": bits,
        "rejection_probability": rejected,
        "coded_size": size,
        "tv_compression": moved,
        "draw_bits_per_draft": drawn,
    }


def _smooth(p: Floats) -> Floats:
    smoothed: Floats = (1 - _SMOOTHED) * p + _SMOOTHED / len(p)
    return smoothed


def polya_bits(counts: Ints, p: Floats) -> Floats:
    """-log2 of the probability of the positive counts [K], of all counts that sum to as much, under the Polya
    (Dirichlet-multinomial) distribution about p [K], for each of CONCENTRATIONS."""
    total = counts.sum()
    choices = gammaln(total + 1) - gammaln(counts + 1).sum()
    shares = CONCENTRATIONS[:, None] * p
    urns = (gammaln(shares + counts) - gammaln(shares)).sum(axis=1)
    log: Floats = choices + gammaln(CONCENTRATIONS) - gammaln(CONCENTRATIONS + total) + urns
    return -log / math.log(2)
