"""Drafting at the edge: propose, test the budget, and only then draw.

A draft's payload must not depend on whether it is sent: the budget is tested before d_n is drawn, against the largest
length that any token of its support could cost, and a drawn draft is always sent. Dropping a draft because its own
token is dear would bend the output distribution. Of a partial round, so would a draft that is received or not by its
own length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from channels.codec import wire
from kinds.arrays import Floats, Ints
from simulator.decoding.nodes import Drafted, EdgeNode, Full
from simulator.decoding.setting import DraftSetting
from simulator.schemes.code import Packets
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.draw import Place, Proposal, RequestUniforms
from simulator.schemes.scalars import BehindCorrection
from simulator.schemes.sparsifier import State


def round_packets(setting: DraftSetting, node: EdgeNode, uniforms: RequestUniforms) -> Packets:
    """Returns the writer of the open round's payload."""
    scheme = setting.scheme
    packets = scheme.packets_on(scheme.packets_sharing(setting.packets, uniforms), node.state)
    return BehindCorrection(packets, node.committed[-1]) if node.owes else packets


def draft_once(setting: DraftSetting, q: Floats, node: EdgeNode, uniforms: RequestUniforms) -> Drafted | Full:
    """Draft n of a round from its distribution q [V]: propose, test the budget and the room, and only then draw.
    Answers `Full` where q is 0: the drafter has no draft."""
    if not q.any():
        return Full()
    state = node.drafts[-1].state if node.drafts else node.state
    offer = propose_within(setting, q, node, node.drafts, state, uniforms)
    if isinstance(offer, Full):
        return offer
    place = Place(node.round, len(node.drafts), node.length)
    draft, weights = setting.scheme.draw_token(offer.proposal, q, uniforms, place)
    return offer.drafted(q, draft, weights)


class Offer(NamedTuple):
    """A proposal that is sent, whatever is drawn from it."""

    proposal: Proposal
    over_budget: bool

    def drafted(self, q: Floats, draft: wire.Draft, weights: Floats | Ints) -> Drafted:
        """Returns the draft as drawn by these weights [K]."""
        proposal, by_counts = self.proposal, weights is draft.counts or np.array_equal(weights, draft.counts)
        return Drafted(
            draft=draft,
            other_weights=None if by_counts else weights.astype(np.float64),
            confidence=float(q[draft.token]),
            support_size=len(proposal.ids),
            dropped_mass=proposal.dropped_mass,
            tv_quantization=proposal.tv_quantization,
            covering_bound=proposal.covering_bound,
            over_budget=self.over_budget,
            state=proposal.state,
        )


def propose_within(
    setting: DraftSetting,
    q: Floats,
    node: EdgeNode,
    drafts: Sequence[Drafted],
    state: State,
    uniforms: RequestUniforms,
) -> Offer | Full:
    """Returns the part of q [V] to be sent in this round behind these drafts, if budget and room hold it for every
    possible draw.

    A first distribution that exceeds either with one id left is sent all the same, and alone; of a format in which
    fewer ids save nothing, with all of them.
    """
    scheme, packets = setting.scheme, round_packets(setting, node, uniforms)
    sent = [drafted.draft for drafted in drafts]
    proposal = scheme.propose(q, state)
    over_budget = False

    def fits(proposal: Proposal) -> bool:
        return scheme.fits(sent, proposal, packets, node.committed, setting.room_bits)

    def bits(proposal: Proposal) -> int:
        return packets.largest_bits((), proposal.ids, proposal.counts, node.committed)

    if sent and drafts[0].over_budget:
        return Full()
    if not fits(proposal):
        if sent:
            return Full()
        shorter = longest_prefix(scheme, q, state, proposal, fits)
        over_budget = not fits(shorter)
        if not over_budget or bits(shorter) < bits(proposal):
            proposal = shorter
    return Offer(proposal, over_budget)


def longest_prefix(
    scheme: DraftScheme, q: Floats, state: State, whole: Proposal, fits: Callable[[Proposal], bool]
) -> Proposal:
    """Returns the proposal of a first draft that exceeds the budget: as many of its top-probability ids as fit, one id
    if none do."""
    low, high = 1, len(whole.ids)  # the whole does not fit; one id is sent whatever it costs
    while high - low > 1:
        middle = (low + high) // 2
        if fits(scheme.propose(q, state, middle)):
            low = middle
        else:
            high = middle
    return scheme.propose(q, state, low)
