"""The cloud's side of one request's decoding: what it knows of the drafts is decode(payload), and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from channels.codec.wire import encode_count
from kinds.arrays import Floats, read_only
from simulator.decoding.divergences import Measurer
from simulator.decoding.nodes import NO_DRAFTS, CloudNode, Parts, Tokens, Verified, outcome
from simulator.decoding.setting import RequestParts
from simulator.schemes.acceptance import Received, received
from simulator.schemes.code import Packets
from simulator.schemes.draw import RoundUniforms
from simulator.schemes.scalars import decode_behind


class ReceivedPayload(NamedTuple):
    """A payload that is in the cloud: remembered with its outcome, or decoded."""

    node: CloudNode
    parts: Parts
    known: tuple[CloudNode, Verified] | None
    received: Received | None
    correction: Tokens = ()
    """The tokens of the correction that the payload began with."""


class CloudSession:
    """Real passes run only for steps that the node's tree does not hold."""

    def __init__(self, parts: RequestParts, meter: Measurer) -> None:
        self._setting = parts.draft_setting
        self._scheme = self._setting.scheme
        self._known = parts.tree.cloud
        self._verifier = parts.verifier
        self._uniforms = parts.uniforms
        self._meter = meter
        self._lookahead = parts.lookahead
        self._remember = parts.remember
        self._here: ReceivedPayload | None = None

    @property
    def received(self) -> Received:
        """The drafts of the payload received last, decoded, without those left out: the input of `verify`."""
        assert self._here is not None and self._here.received is not None, "I3: nothing was received that is not known"
        return self._here.received

    def start(self, prompt: Tokens) -> CloudNode:
        """The cloud's side once the prompt has arrived: nothing cached."""
        return self._known.of(prompt)

    def prefill(self, node: CloudNode) -> CloudNode:
        """Reads the committed text into the verifier's cache, all but the last token, which the next round feeds."""
        after = node.then_prefill or replace(node, cached=len(node.committed) - 1)
        self._verifier.skip(lambda: [(node.committed[:-1], 0)])  # it runs when the first distribution is wanted
        if self._remember:
            node.then_prefill = after
        return after

    def receive(self, node: CloudNode, parts: Parts) -> int:
        """Decodes the leading parts of a payload that have come; answers how many of their tokens are to be verified:
        the correction that was owed, and the drafts, but for those that the acceptance leaves out. () is no payload,
        and NO_DRAFTS one without drafts: the round commits a token of the verifier's own. Raises CodecError."""
        for known_parts, known in node.then_verify:
            if known_parts == parts:
                self._here = ReceivedPayload(node, parts, known, None)
                return node.owed + len(known[1].drafts)
        packets = self._scheme.packets_sharing(self._setting.packets, self._uniforms)
        correction = Tokens()
        if node.owed:
            assert parts, "I9: a correction is owed, and a round without a payload cannot tell it"
            token, found = decode_behind(b"".join(parts), packets, node.committed)
            correction, drafts = (token,), self._scheme.receive(found, packets.format)
        else:
            sent = parts not in ((), NO_DRAFTS)
            drafts = self._scheme.decode_parts(parts, packets, node.committed) if sent else _nothing(packets)
            drafts = drafts.first(self._scheme.families.acceptance.drafts_to_verify(drafts))
        self._here = ReceivedPayload(node, parts, None, drafts, correction)
        return len(correction) + len(drafts.drafts)

    def verify(self, node: CloudNode, parts: Parts) -> tuple[CloudNode, Verified]:
        """The verification of the round whose parts were received last."""
        here = self._here
        assert here is not None and here.node is node and here.parts is parts, (
            "I3: a payload is verified that is not here"
        )
        # Since the payload came, another device of the same text may have had the same verified: one step, taken once.
        known = here.known or outcome(node.then_verify, parts)
        if known is not None:
            self._skip(*known)
        else:
            assert here.received is not None
            known = self._verified(node, here.received, here.correction)
            if self._remember:
                node.then_verify += ((parts, known),)
        self._keep(*known)
        return known

    def _skip(self, after: CloudNode, verified: Verified) -> None:
        self._verifier.skip((after, verified))

    def _keep(self, after: CloudNode, verified: Verified) -> None:
        self._verifier.crop(after.cached)

    def _verified(self, node: CloudNode, decoded: Received, correction: Tokens) -> tuple[CloudNode, Verified]:
        drafts, text = tuple(decoded.drafts.tolist()), (*node.committed, *correction)
        p = self._verifier.distributions((*text, *drafts), len(drafts) + 1)
        uniforms = RoundUniforms(self._uniforms, node.round, len(text))
        verdict = self._scheme.families.acceptance.judge(along(p, drafts), decoded, uniforms)
        accepted = drafts[: verdict.accepted]
        if verdict.accepted == len(drafts) and self._lookahead.promises(text, drafts):
            known, step = accepted, 1
            reply = encode_count(len(drafts), self._setting.format)
            committed = known
        else:
            known, step = (*accepted, verdict.token) if verdict.drawn else accepted, self._lookahead.step(len(drafts))
            reply = self._scheme.families.reply.encode(
                verdict, p[len(accepted)], self._setting.packets, (*text, *accepted)
            )
            token = verdict.token if verdict.drawn else self._meter.correction(node.round, reply)
            committed = (*accepted, token)
        divergences = self._meter.measure(node.round, text, p, decoded, verdict, committed)
        after = node.after((*correction, *known), step, owed=not verdict.drawn)
        return after, Verified(drafts, verdict.accepted, reply, committed, divergences)


def _nothing(packets: Packets) -> Received:
    return received((), packets.format.vocabulary)


def along(p: Floats, line: Tokens) -> Callable[[Tokens], Floats]:
    """The rows of p [L+1, V] as the distribution after a prefix of a line of L drafts."""
    rows = read_only(p)

    def distribution_after(prefix: Tokens) -> Floats:
        assert prefix == line[: len(prefix)], "I12: a distribution is asked for after drafts that were not verified"
        distribution: Floats = rows[len(prefix)]
        return distribution

    return distribution_after
