"""Bits of a scheme, and its probability of rejection, on the distributions along the verifier's own text: every draft
in a packet of its own, all drafts before it accepted. P(reject | reached) = TV(qhat, p) is `tv_qhat`. No network, no
budget, no draft length."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np

from channels.codec import paper_counts
from channels.codec.enumerative import stated_bits
from channels.codec.wire import Draft
from channels.uniforms import Uniforms
from simulator.cell.cell import Cell
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer
from simulator.schemes.code import Packets, WirePackets
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.draw import Place, Proposal, RequestUniforms
from simulator.schemes.quantizer import OnWire
from simulator.schemes.sparsifier import State
from simulator.studies.study import Study, StudyResult, drafts_from_distribution
from simulator.studies.verifier_texts import VerifierText, verifier_texts

_LARGEST: Final = dict.fromkeys(("largest_bound_share", "largest_excess_bits", "largest_saving_bits"), np.max)
"""The largest over all drafts; of the others the mean."""
_LONGER_BITS = 2  # no packet may be this much longer than it states


class BitsAndRejections(Study):
    """Study with one row: over the drafts of all texts."""

    def shares(self, cell: Cell) -> str:
        return texts_id(cell)

    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> StudyResult:
        scheme = drafts_from_distribution(cell)
        made = drafts_of(cell.seed, scheme, texts_of(cell, memory))
        drafts = [_measured(scheme, *each) for each in made]
        columns = zip(drafts[0], np.array([[*draft.values()] for draft in drafts], dtype=float).T, strict=True)
        return StudyResult([{name: float(_LARGEST.get(name, np.mean)(values)) for name, values in columns}])


def drafts_of(
    seed: int, scheme: DraftScheme, texts: Sequence[VerifierText]
) -> Iterator[tuple[Packets, Proposal, Draft, VerifierText, int]]:
    """The draft at each place of each text, in order, with the packets that would carry it and what it was drawn from;
    a device's scheme starts a text from what its text before has left."""
    packets = scheme.packets(texts[0].p.shape[1])
    left: dict[int, State] = {}
    purposes = [Uniforms.of(seed, purpose) for purpose in ("draft", "verdict", "shared")]
    for text in texts:
        state = scheme.entry(left.get(text.device))
        uniforms = RequestUniforms(*(each.keyed(text.device, text.number) for each in purposes))
        own = scheme.packets_sharing(packets, uniforms)
        for place, q in enumerate(text.q):
            proposal = scheme.propose(q, state)
            position = len(text.prompt) + place
            draft, _ = scheme.draw_token(proposal, q, uniforms, Place(place + 1, 0, position))
            yield own, proposal, draft, text, place
            state = proposal.state
        left[text.device] = state


def _measured(
    scheme: DraftScheme, packets: Packets, proposal: Proposal, draft: Draft, text: VerifierText, place: int
) -> dict[str, float]:
    moved, bound, vocabulary = proposal.tv_quantization, proposal.covering_bound, packets.format.vocabulary
    bits, stated = packets.length_bits([draft], text.before(place)), _stated_bits(packets, draft)
    assert not bits - stated > _LONGER_BITS, "a packet is longer than it states"
    mismatch = float(text.mismatch[place])
    (rejection_bound,) = scheme.families.acceptance.rejection_bound(
        np.array([mismatch]), np.array([proposal.dropped_mass + bound])
    )
    qhat = proposal.counts / proposal.counts.sum()  # [K]: all of the distribution that may exceed p
    tv_qhat = float(np.maximum(qhat - text.p[place, proposal.ids], 0.0).sum())
    assert moved <= bound + 1e-9, "a quantizer moved a distribution by more than its bound"
    assert tv_qhat <= float(rejection_bound) + 1e-9, "TV(qhat, p) exceeds TV(q, p) + alpha + covering bound"
    return {
        "vocabulary": vocabulary,
        "support_size": float(proposal.ids.size),
        "coded_size": float(draft.support.size),
        "dropped_mass": proposal.dropped_mass,
        "tv_quantization": moved,
        "covering_bound": bound,
        "largest_bound_share": moved / bound if bound else 0.0,
        "tv_mismatch": mismatch,
        "tv_qhat": tv_qhat,
        "rejection_bound": float(rejection_bound),
        "coded_bits_per_draft": bits,
        "largest_excess_bits": bits - stated,
        "largest_saving_bits": stated - bits,
        "paper_bits_per_draft": _paper_bits(scheme, proposal, vocabulary),
    }


def _stated_bits(packets: Packets, draft: Draft) -> float:
    """nan of a code that states no count."""
    if isinstance(packets, WirePackets) and packets.format.code == "enumerative":
        return stated_bits([draft], packets.format)
    return math.nan


def _paper_bits(scheme: DraftScheme, proposal: Proposal, vocabulary: int) -> float:
    families, size = scheme.families, proposal.ids.size
    if not isinstance(families.quantizer, OnWire):
        return math.nan
    id_bits = paper_counts.size_bits(vocabulary)
    varies = not families.sparsifier.keeps_all and families.sparsifier.fixed_size is None
    codewords = _log2_codewords(families.quantizer, size)
    return paper_counts.subset_bits(vocabulary, size) + codewords + id_bits * (1 + varies)


@lru_cache(maxsize=1 << 14)
def _log2_codewords(quantizer: OnWire, size: int) -> float:
    return math.log2(quantizer.rule.codewords(size))


_TEXTS: WeakKeyDictionary[Memory, dict[str, list[VerifierText]]] = WeakKeyDictionary()
"""The texts of the runs that share a memory; they go with it."""


def texts_of(cell: Cell, memory: Memory) -> list[VerifierText]:
    """Made for the first cell that asks, kept for the others."""
    known = _TEXTS.setdefault(memory, {})
    name = texts_id(cell)
    if name not in known:
        known[name] = verifier_texts(cell)
    return known[name]


def texts_id(cell: Cell) -> str:
    """Cells with the same one meet the same texts."""
    fields = cell.model_dump(mode="json", include={"models", "workload", "seed"})
    return json.dumps(fields, sort_keys=True)
