"""The edge's side of one request's decoding: draft, seal, resolve, each a pure function of the node it starts from. It
sees replies as bytes and nothing else; when things happen is the timing plane's business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from channels.codec.wire import CodecError, encode_count
from kinds.arrays import Floats
from simulator.decoding.divergences import Measurer
from simulator.decoding.drafting import draft_once, round_packets
from simulator.decoding.nodes import (
    NO_DRAFTS,
    Drafted,
    EdgeNode,
    Full,
    Parts,
    Payload,
    Tokens,
    outcome,
    sum_drafts,
)
from simulator.decoding.setting import RequestParts
from simulator.schemes.draw import Place
from simulator.schemes.sparsifier import State


class Foreseen(NamedTuple):
    """Outcome of a round that is out: so many accepted drafts, then this token; and the drafts of the next round."""

    accepted: int
    token: int
    drafts: int


class EdgeSession:
    """Real passes run only for steps that the node's tree does not hold."""

    def __init__(self, parts: RequestParts, meter: Measurer) -> None:
        self.start = parts.tree.edge
        self._setting = parts.draft_setting
        self._scheme = self._setting.scheme
        self._drafter = parts.drafter
        self._guesser = parts.guesser
        self._uniforms = parts.uniforms
        self._meter = meter
        self._lookahead = parts.lookahead
        self._remember = parts.remember
        self._looked: tuple[EdgeNode, Floats] | None = None

    def on_rung(self, node: EdgeNode, rung: int) -> EdgeNode:
        """The open round under this operating point of the scheme, before its first draft."""
        assert not node.drafts, "I12: a round changes its rung between its drafts"
        known = outcome(node.then_rung, rung)
        if known is not None:
            return known
        state = self._scheme.on_rung(node.state, rung)
        if state == node.state:
            return node
        after = replace(node, state=state)
        if self._remember:
            node.then_rung += ((rung, after),)
        return after

    def read(self, node: EdgeNode, tokens: int) -> EdgeNode:
        """The edge's side once the drafter has read the first `tokens` of the committed text, before a draft."""
        assert not node.drafts, "I10: a text is read behind drafts"
        self._drafter.skip(lambda: [(node.committed[:tokens], 0)])  # it runs when the first distribution is wanted
        after = outcome(node.then_read, tokens)
        if after is None:
            after = replace(node, cached=tokens)
            if self._remember:
                node.then_read += ((tokens, after),)
        return after

    def look(self, node: EdgeNode) -> Floats:
        """q_n [V] of the draft that would come next; `draft` or `stop` must follow. Distributions are too large to
        keep, so its pass is made whatever is remembered."""
        distribution: Floats = self._drafter.distributions(node.context(), 1)[0]
        self._looked = node, distribution
        return distribution

    def stop(self, node: EdgeNode) -> EdgeNode:
        """Closes the round to further drafts; nothing is drawn from the distribution just looked at."""
        assert self._looked_at(node) is not None, "I12: a stop without a look"
        after = node.then_stop or replace(node, full=True, cached=node.length)
        if self._remember:
            node.then_stop = after
        return after

    def draft(self, node: EdgeNode) -> tuple[EdgeNode, Drafted | Full]:
        """Draws another draft, or returns `Full`. The choice to draw depends on q_1..q_n and d_1..d_{n-1} only, never
        on d_n."""
        q = self._looked_at(node)
        if node.then_draft is not None:
            if q is None:
                self._drafter.skip(lambda: [(node.context(), 1)])
            return node.then_draft
        if q is None:
            q = self._drafter.distributions(node.context(), 1)[0]
        drafted = draft_once(self._setting, q, node, self._uniforms)
        full = isinstance(drafted, Full)
        drafts = node.drafts if isinstance(drafted, Full) else (*node.drafts, drafted)
        after = replace(node, drafts=drafts, full=full, cached=node.length)
        if self._remember:
            node.then_draft = after, drafted
        return after, drafted

    def compose(self, node: EdgeNode, drafts: int) -> EdgeNode:
        """A whole round at once: that many drafts, in a tree levels of them, fewer where the budget is full."""
        for known_drafts, known in node.then_compose:
            if known_drafts == drafts:
                self._drafter.skip(known)
                return known
        after = self._composed(node, drafts)
        if self._remember:
            node.then_compose += ((drafts, after),)
        return after

    def seal(self, node: EdgeNode, sealed: Parts = ()) -> Payload:
        """The payload of the open round; of a partial one whose first parts went out before, these and the others."""
        assert node.drafts or node.full, "I9: a round is sent for which no draft was asked"
        self._meter.sent(node)
        if node.then_seal is not None:
            return node.then_seal
        drafts = [drafted.draft for drafted in node.drafts[len(sealed) :]]
        packets = round_packets(self._setting, node, self._uniforms)
        context = node.context()[: len(node.committed) + len(sealed)]
        parts = (*sealed, *self._scheme.encode_parts(drafts, packets, context)) if node.drafts else NO_DRAFTS
        payload = Payload(parts, len(node.drafts), sum_drafts(node.drafts))
        if self._remember:
            node.then_seal = payload
        return payload

    def successor(self, node: EdgeNode) -> EdgeNode | None:
        """The round after this one, which was just drafted, as it may be drafted now, on all of its drafts; None where
        it must wait."""
        return self._successor(node)

    def resolve(self, node: EdgeNode, reply: bytes) -> tuple[EdgeNode, Tokens]:
        """The edge's side after a reply, and the tokens it commits. After an all-accepted reply to a round with a
        promised successor, that is the successor, and the cache stays as it is. Raises CodecError."""
        known = outcome(node.then_resolve, reply)
        if known is None:
            known = self._resolved(node, reply)
            if self._remember:
                node.then_resolve += ((reply, known),)
        if known[0].round - node.round < self._lookahead.step(len(node.drafts)):
            self._drafter.release(len(known[0].committed))
        else:
            self._keep(node, known[0])
        return known

    def guesses(self, node: EdgeNode, accepted: int, width: int) -> Tokens:
        """The `width` tokens, or fewer, that the drafter holds likeliest behind the first `accepted` drafts of a round
        that does not end there with the next one: its next choices, or its first ones behind all drafts. They depend on
        its distribution, that draft, and random numbers of their own."""
        text, known = node.context()[: len(node.committed) + accepted], outcome(node.guesses, (accepted, width))
        if known is not None:
            self._guesser.skip(lambda: [(text, 1)])
        else:
            q = self._guesser.distributions(text, 1)[0]
            other = node.drafts[accepted].draft.token if accepted < len(node.drafts) else None
            place = Place(node.round, accepted, len(text))
            known = self._scheme.families.draw.next_choices(
                q, other, width, self._uniforms if self._setting.temperature else None, place
            )
            if self._remember:
                node.guesses += (((accepted, width), known),)
        self._guesser.crop(len(text))
        return known

    def foresee(self, began: EdgeNode, node: EdgeNode, outcomes: Sequence[Foreseen]) -> list[EdgeNode]:
        """Returns the rounds that would follow a drafted one, which began as `began`, for some outcomes of it, each
        with so many drafts. The drafter's passes are those of an edge that waits, and its cache is then as before."""
        found = dict[Foreseen, EdgeNode]()
        for each in sorted(outcomes, key=lambda each: -each.accepted):  # no pass is over drafts that are cached
            found[each] = self.compose(self._foreseen(node, each.accepted, each.token), each.drafts)
        self._drafter.rewind(began.cached)
        self._drafter.skip(node)
        return [found[each] for each in outcomes]

    def _foreseen(self, node: EdgeNode, accepted: int, token: int) -> EdgeNode:
        known = outcome(node.foreseen, (accepted, token))
        if known is None:
            known = self._following(node, self._path_to(node, accepted), token)
            taken = [after for _, (after, _) in node.then_resolve if after.committed == known.committed]
            known = taken[0] if taken else known
            if self._remember:
                node.foreseen += (((accepted, token), known),)
        return known

    def verified(self, node: EdgeNode, sent: int) -> int:
        """Returns the number of a round's `sent` leading drafts that the cloud verifies once they have arrived. Both
        ends hold the rule and what it looks at, so no reply needs to report it."""
        acceptance = self._scheme.families.acceptance
        if not acceptance.cuts:
            return sent
        drafts = [drafted.draft for drafted in node.drafts[:sent]]
        return acceptance.drafts_to_verify(self._scheme.receive(drafts, self._setting.format))

    def _composed(self, node: EdgeNode, drafts: int) -> EdgeNode:
        while len(node.drafts) < drafts and not node.full:
            node, _ = self.draft(node)
        return node

    def _keep(self, node: EdgeNode, after: EdgeNode) -> None:
        self._drafter.crop(after.cached)

    def _promises(self, node: EdgeNode) -> bool:
        """True if both ends know that the round has a successor, should its first path be accepted."""
        return self._lookahead.promises(node.committed, node.along(self._first_path(node)))

    def _successor(self, node: EdgeNode) -> EdgeNode | None:
        if not self._promises(node):
            return None
        after = node.then_succeed
        if after is None:
            path = self._first_path(node)
            text = (*node.committed, *node.along(path))
            cached = min(self._cached(node, path), len(text) - 1)
            after = EdgeNode(node.round + 1, text, self._settled(node, path), cached=cached)
            if self._remember:
                node.then_succeed = after
        return after

    def _resolved(self, node: EdgeNode, reply: bytes) -> tuple[EdgeNode, Tokens]:
        successor, first = self._successor(node), self._first_path(node)
        if successor is not None and reply == encode_count(first[-1] + 1, self._setting.format):
            return successor, successor.committed[len(node.committed) :]
        reply_of = self._scheme.families.reply
        verdict = reply_of.decode(reply, node.sent(self._uniforms), self._setting.packets)
        if verdict.accepted > len(node.drafts):
            raise CodecError(f"reply to round {node.round}: draft {verdict.accepted} of {len(node.drafts)}")
        path = self._path_to(node, verdict.accepted)
        if successor is not None and path == first:
            raise CodecError(
                f"reply to round {node.round}: has a token, though all drafts are accepted and a round follows"
            )
        owes = reply_of.edge_corrects and verdict.accepted < len(node.drafts)
        after = outcome(node.foreseen, (verdict.accepted, verdict.token))
        after = after or self._following(node, path, verdict.token, owes=owes)
        return after, (*node.along(path), verdict.token)

    def _following(self, node: EdgeNode, path: Sequence[int], token: int, *, owes: bool = False) -> EdgeNode:
        """The round after one of which this path is accepted, and this token follows it."""
        text, cached = (*node.committed, *node.along(path), token), self._cached(node, path)
        number, state = node.round + self._lookahead.step(len(node.drafts)), self._settled(node, path)
        return EdgeNode(number, text, state, cached=min(cached, len(text) - 1), owes=owes)

    # The drafts of a round along a path, by their indices.

    def _first_path(self, node: EdgeNode) -> Sequence[int]:
        """The drafts that a successor builds on."""
        return range(len(node.drafts))

    def _path_to(self, node: EdgeNode, accepted: int) -> Sequence[int]:
        """The drafts that the cloud has accepted, by the number in its reply."""
        return range(accepted)

    def _settled(self, node: EdgeNode, path: Sequence[int]) -> State:
        """The scheme's state after a round of which this path is accepted."""
        return self._scheme.settle([node.state, *(drafted.state for drafted in node.drafts)], len(path))

    def _cached(self, node: EdgeNode, path: Sequence[int]) -> int:
        """The leading tokens of the text with this path, and more, that the drafter's cache holds."""
        return node.cached

    def _looked_at(self, node: EdgeNode) -> Floats | None:
        return self._looked[1] if self._looked is not None and self._looked[0] is node else None
