"""Tokens a round by rejection and by block verification of the same drafts: rounds that begin along the verifier's own
text, drafted and encoded by the scheme. Both are exact given the drafts (`models.verification.reach_by_rejection`,
`reach_by_block`), so that no verification is drawn. No network and no budget."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from channels.codec.wire import Draft
from channels.uniforms import Uniforms
from kinds.arrays import Floats
from models.interface import CachedText
from models.pair_cards import load
from models.verification import chances_of, reach_by_block, reach_by_rejection
from simulator.cell.cell import Cell
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.draw import Place, RequestUniforms
from simulator.schemes.sparsifier import State
from simulator.studies.bits_and_rejections import texts_id, texts_of
from simulator.studies.study import Study, StudyResult, drafts_from_distribution


class _Round(NamedTuple):
    """Bits and expected tokens of the first n drafts of a round, n = 1..L, each [L]: the bits are of their packet."""

    bits: Floats
    rejection: Floats
    block: Floats


class RoundTokens(Study):
    """A row a length of a round, 1 to L: a shorter round is the beginning of a longer one."""

    def shares(self, cell: Cell) -> str:
        return texts_id(cell)

    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> StudyResult:
        scheme = drafts_from_distribution(cell)
        bits, rejection, block = np.mean([*_rounds(cell, scheme, memory)], axis=0)
        lengths = np.arange(1, scheme.max_drafts + 1)
        columns = {
            "round_drafts": lengths,
            "coded_bits_per_draft": bits / lengths,
            "rejection_tokens_per_round": rejection,
            "block_tokens_per_round": block,
            "block_gain": block / rejection - 1.0,
        }
        rows = zip(*(values.tolist() for values in columns.values()), strict=True)
        vocabulary = cell.models.pair.vocabulary
        return StudyResult([{"vocabulary": vocabulary, **dict(zip(columns, row, strict=True))} for row in rows])


def _rounds(cell: Cell, scheme: DraftScheme, memory: Memory) -> Iterator[_Round]:
    """Rounds that begin at each L-th place of each text, in the state that the text up to there leaves."""
    pair, packets = load(cell.models.pair), scheme.packets(cell.models.pair.vocabulary)
    drafter, verifier = (model.open(cell.models.temperature) for model in (pair.drafter, pair.verifier))
    left: dict[int, State] = {}
    purposes = [Uniforms.of(cell.seed, purpose) for purpose in ("draft", "verdict", "shared")]
    for text in texts_of(cell, memory):
        state = scheme.entry(left.get(text.device))
        uniforms = RequestUniforms(*(each.keyed(text.device, text.number) for each in purposes))
        for place, q in enumerate(text.q):
            if place % scheme.max_drafts == 0:
                before = text.before(place)
                drafts = _drafted(scheme, drafter, before, state, uniforms, place + 1)
                written = (*before, *(draft.token for draft in drafts[:-1]))
                received = scheme.receive(drafts, packets.format)
                p = verifier.distributions(written, len(drafts))
                target = p[np.arange(len(drafts)), received.drafts]
                ratios = target / chances_of(received.drafts, received.distributions)
                bits = [packets.length_bits(drafts[:n], before) for n in range(1, len(drafts) + 1)]
                accepted = [1.0 + np.cumsum(reach(ratios)) for reach in (reach_by_rejection, reach_by_block)]
                yield _Round(np.array(bits, dtype=float), *accepted)
            state = scheme.advance(q, state)
        left[text.device] = state


def _drafted(
    scheme: DraftScheme, drafter: CachedText, text: tuple[int, ...], state: State, uniforms: RequestUniforms,
    number: int,
) -> list[Draft]:  # fmt: skip
    """The L drafts behind a text of the round of this number."""
    drafts: list[Draft] = []
    for n in range(scheme.max_drafts):
        (q,) = drafter.distributions(text, 1)
        proposal = scheme.propose(q, state)
        draft, _ = scheme.draw_token(proposal, q, uniforms, Place(number, n, len(text)))
        drafts.append(draft)
        text, state = (*text, draft.token), proposal.state
    return drafts
