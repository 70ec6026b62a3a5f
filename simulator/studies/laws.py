"""What a scheme sends, and how often it would be rejected, on the laws along the verifier's own text.

Every draft has a packet of its own, and all drafts before it stood: one number a draft, exact where a simulation counts
events. P(reject | reached) = TV(qhat, p) is `tv_qhat`, the expected resampling rate. All schemes meet the same laws, so
what tells them apart is their own. No network, no budget, no draft length.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from channels.codec import paper_counts
from channels.uniforms import Uniforms
from kinds import ConfigError
from models.verification import total_variation
from simulator.cell.cell import Cell
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.draw import Place, Proposal, RequestUniforms
from simulator.schemes.quantizer import OnWire
from simulator.studies.study import Answer, Study
from simulator.studies.verifier_texts import VerifierText, verifier_texts


class _Draft(NamedTuple):
    """What is measured of one draft, under the names of the columns."""

    support_size: float
    coded_size: float
    dropped_mass: float
    tv_quantization: float
    covering_bound: float
    tv_mismatch: float
    tv_qhat: float
    rejection_bound: float
    coded_bits_per_draft: float
    paper_bits_per_draft: float


class Laws(Study):
    """One row: means over the drafts of all texts."""

    def shares(self, cell: Cell) -> str:
        """Cells that differ only in scheme and network meet the same texts."""
        return _texts_id(cell)

    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> Answer:
        scheme = cell.scheme
        if not isinstance(scheme, DraftScheme) or not scheme.families.code.carries_law or not scheme.lossless:
            raise ConfigError(f"scheme = {scheme.kind!r}: has no distribution that is sent and drawn from")
        measured = np.array([draft for text in _LAST.of(cell) for draft in _drafts(cell, scheme, text)])
        return Answer([dict(zip(_Draft._fields, measured.mean(axis=0).tolist(), strict=True))])


def _drafts(cell: Cell, scheme: DraftScheme, text: VerifierText) -> Iterator[_Draft]:
    """Those of one text, in order; the scheme's state runs along it and every draft stands."""
    state, vocabulary = scheme.entry(None), text.p.shape[1]
    packets = scheme.packets(vocabulary)
    uniforms = RequestUniforms(*(Uniforms.of(cell.seed, purpose) for purpose in ("draft", "verdict", "shared")))
    for place, (p, q) in enumerate(zip(text.p, text.q, strict=True)):
        context = (*text.prompt, *text.tokens[:place])
        proposal = scheme.propose(q, state)
        draft, _ = scheme.draw_token(proposal, q, uniforms, Place(place + 1, 0, len(context)))
        qhat = np.zeros(vocabulary)
        qhat[proposal.ids] = proposal.counts / proposal.counts.sum()
        mismatch = float(total_variation(q, p))
        slack = proposal.dropped_mass + proposal.covering_bound
        yield _checked(
            _Draft(
                support_size=float(proposal.ids.size),
                coded_size=float(np.count_nonzero(proposal.counts)),
                dropped_mass=proposal.dropped_mass,
                tv_quantization=proposal.tv_quantization,
                covering_bound=proposal.covering_bound,
                tv_mismatch=mismatch,
                tv_qhat=float(total_variation(qhat, p)),
                rejection_bound=float(_bound(scheme, mismatch, slack)),
                coded_bits_per_draft=packets.length_bits([draft], context),
                paper_bits_per_draft=_paper_bits(scheme, proposal, vocabulary),
            )
        )
        state = proposal.state


def _bound(scheme: DraftScheme, mismatch: float, slack: float) -> float:
    (bound,) = scheme.families.acceptance.rejection_bound(np.array([mismatch]), np.array([slack])).tolist()
    return float(bound)


def _checked(draft: _Draft) -> _Draft:
    """The two inequalities that hold for every draft, whatever the laws."""
    assert draft.tv_quantization <= draft.covering_bound + 1e-9, "a quantizer moved a law by more than its bound"
    assert draft.tv_qhat <= draft.rejection_bound + 1e-9, "TV(qhat, p) exceeds TV(q, p) + alpha + covering bound"
    return draft


def _paper_bits(scheme: DraftScheme, proposal: Proposal, vocabulary: int) -> float:
    """nan of a quantizer without codewords (halves)."""
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


class _Texts:
    """Those that were asked for last in this process."""

    def __init__(self) -> None:
        self._id = ""
        self._texts: list[VerifierText] = []

    def of(self, cell: Cell) -> list[VerifierText]:
        if self._id != _texts_id(cell):
            self._texts = []
            self._texts, self._id = verifier_texts(cell), _texts_id(cell)
        return self._texts


_LAST = _Texts()


def _texts_id(cell: Cell) -> str:
    fields = cell.model_dump(mode="json", include={"models", "workload", "seed"})
    return json.dumps(fields, sort_keys=True)


STUDY = Laws()
