"""The decoding plane: which tokens, without a clock.

A request's decoding is a tree of steps. The edge holds a `Branch` (committed text, drafts of the open round, the
scheme's state after each), the cloud a `CloudView` (committed text). Steps take such a value and return the next one:
draft, seal, verify, resolve. Each is a pure function of the value it starts from, so it may be remembered, repeated
after a loss, or taken on a branch that is later given up; when things happen is the timing plane's business.

What crosses the air is bytes: the cloud judges what `decode(payload)` says, the edge resolves what the reply says. The
measures beside a verdict (how far q is from p) are an observer's, who sees both ends; no step reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from channels.codec import wire
from models.acceptance import Verdict, inverse_cdf, verify
from models.interface import LoadedPair
from simulator.decoding.divergences import Floats, Measures, drawn_laws, measure, measure_unverified
from simulator.decoding.drafting import draft_once
from simulator.decoding.memory import ReplayedText, Tree
from simulator.decoding.nodes import Branch, CloudView, Drafted, Full, Sealed, Stale, Tokens, Undone, Verified, outcome
from simulator.schemes.draft_scheme import DraftScheme, Noise, Received, Scheme
from simulator.schemes.policy import Action, EdgeView


class Randomness(Protocol):
    """The randomness of one request."""

    def round(self, number: int) -> Noise:
        """That of one of its rounds, 1, 2, ..."""
        ...


@dataclass(frozen=True)
class Setting:
    """All that decides the tokens of one request, but its text and randomness."""

    pair: Callable[[], LoadedPair]
    scheme: Scheme
    format: wire.Format
    temperature: float
    room_bits: int | None = None
    """Of a scheme that sends partial rounds: the most that a part may take, bits; None: any."""


class Session:
    """Both ends of one request's decoding. Real passes run only for steps that its tree does not hold.

    With `remember` off nothing is hung on the tree: each step is taken anew.
    """

    def __init__(self, setting: Setting, tree: Tree, randomness: Randomness, *, remember: bool = True) -> None:
        self.scheme = setting.scheme
        self.format = setting.format
        self._room_bits = setting.room_bits
        self._tree = tree
        self._randomness = randomness
        self._remember = remember
        self.drafter = ReplayedText(lambda: setting.pair().drafter.open(setting.temperature))
        self.verifier = ReplayedText(lambda: setting.pair().verifier.open(setting.temperature))

    def edge(self) -> Branch:
        """The edge's side at the start."""
        return self._tree.edge

    def cloud(self, prompt: Tokens) -> CloudView:
        """The cloud's side once the prompt has arrived: nothing cached."""
        start = self._tree.cloud
        return start if start.committed == prompt else CloudView(1, prompt)

    def prefill(self, view: CloudView) -> CloudView:
        """Reads the committed text into the verifier's cache, all but the last token, which the next round feeds."""
        after = view.then_prefill or replace(view, cached=len(view.committed) - 1)
        self.verifier.skip(lambda: [(view.committed[:-1], 0)])  # no law is asked: it runs when the first one is
        if self._remember:
            view.then_prefill = after
        return after

    def draft(self, branch: Branch) -> tuple[Branch, Drafted | Full]:
        """One more draft, or `Full`. Whether it is drawn depends on q_1..q_n and d_1..d_{n-1} only, never on d_n."""
        if branch.then_draft is not None:
            self.drafter.skip(lambda: [(branch.context(), 1)])
            return branch.then_draft
        q = self.drafter.laws(branch.context(), 1)[0]
        noise = self._randomness.round(branch.round)
        drafted = draft_once(_drafting(self.scheme), self.format, self._room_bits, q, branch, noise)
        full = isinstance(drafted, Full)
        drafts = branch.drafts if isinstance(drafted, Full) else (*branch.drafts, drafted)
        after = Branch(branch.round, branch.committed, branch.state, drafts, full, cached=branch.length)
        if self._remember:
            branch.then_draft = after, drafted
        return after, drafted

    def compose(self, branch: Branch, remaining_tokens: int) -> Branch:
        """Drafts for as long as the scheme's policy says, with that many output tokens to come before this round."""
        if branch.then_compose is not None and branch.then_compose[0] == remaining_tokens:
            after = branch.then_compose[1]
            self.drafter.skip(after)
            return after
        policy, after = _drafting(self.scheme).policy(), branch
        while policy.next(EdgeView(len(after.drafts), after.full, remaining_tokens)) is Action.DRAFT:
            after, _ = self.draft(after)
        if self._remember:
            branch.then_compose = remaining_tokens, after
        return after

    def seal(self, branch: Branch) -> Sealed:
        """The payload of the open round; of a scheme that sends partial rounds, a part for each draft."""
        assert branch.drafts, "I9: a round sends at least one draft"
        if branch.then_seal is not None:
            return branch.then_seal
        drafts = [drafted.draft for drafted in branch.drafts]
        sealed = Sealed(
            branch.round, _drafting(self.scheme).encode_parts(drafts, self.format, branch.committed), branch
        )
        if self._remember:
            branch.then_seal = sealed
        return sealed

    def verify(self, view: CloudView, sealed: Sealed, arrived: int | None = None) -> tuple[CloudView, Verified | Stale]:
        """The cloud's judgement of a round, from its own text and decode(payload) alone. Raises CodecError.

        `arrived`: how many leading parts of the payload there are; all of them by default.
        """
        if sealed.round != view.round:
            return view, Stale()
        arrived = len(sealed.parts) if arrived is None else arrived
        known = outcome(sealed.then_verify, arrived)
        if known is not None:
            after, verified = known
            self.verifier.skip(known)
        else:
            self.drafter.catch_up()  # to where a live run has it, with the laws of this round in hand
            verified = self._judge(view, sealed, arrived)
            after = view.after(verified.committed)
            if self._remember:
                sealed.then_verify += ((arrived, (after, verified)),)
        self.verifier.crop(after.cached)
        return after, verified

    def decode_hosted(self, view: CloudView, drafts: int) -> tuple[CloudView, Verified]:
        """A round inside the cloud: so many drafts by the drafter there, none for a verifier on its own, and the
        verdict."""
        known = outcome(view.then_hosted, drafts)
        if known is not None:
            after, verified = known
            self._skip_hosted(after, verified)
        else:
            verified = self._decide(view, drafts)
            after = view.after(verified.committed)
            if self._remember:
                view.then_hosted += ((drafts, (after, verified)),)
        self.verifier.crop(after.cached)
        self.drafter.crop(after.cached)
        return after, verified

    def decode_alone(self, branch: Branch) -> tuple[Branch, Verified]:
        """One token by the drafter at the edge, which nobody verifies."""
        if branch.then_alone is not None:
            self.drafter.skip(lambda: [(branch.committed, 1)])
            self.verifier.skip(lambda: [(branch.committed, 1)])
            return branch.then_alone
        q, p = self.drafter.laws(branch.committed, 1), self.verifier.laws(branch.committed, 1)
        token = inverse_cdf(q[0], self._randomness.round(branch.round).draft(0))
        verified = Verified((), 0, b"", (token,), measure_unverified(p[0], q[0], token))
        committed = (*branch.committed, token)
        after = Branch(branch.round + 1, committed, branch.state, cached=len(committed) - 1)
        if self._remember:
            branch.then_alone = after, verified
        return after, verified

    def resolve(self, branch: Branch, reply: bytes) -> tuple[Branch, Undone]:
        """The edge's side after a reply: text, scheme state and drafter cache keep what stood. Raises CodecError."""
        remembered = outcome(branch.then_resolve, reply)
        if remembered is None:
            scheme = _drafting(self.scheme)
            verdict = scheme.decode_reply(reply, self.format)
            stood = tuple(drafted.draft.token for drafted in branch.drafts[: verdict.accepted])
            committed = (*branch.committed, *stood, verdict.token)
            state = scheme.settle([branch.state, *(drafted.state for drafted in branch.drafts)], verdict.accepted)
            cached = min(branch.cached, len(committed) - 1)
            after = Branch(branch.round + 1, committed, state, cached=cached)
            remembered = after, Undone((*stood, verdict.token), len(branch.drafts) - verdict.accepted)
            if self._remember:
                branch.then_resolve += ((reply, remembered),)
        self.drafter.crop(remembered[0].cached)
        return remembered

    def _skip_hosted(self, after: CloudView, verified: Verified) -> None:
        drafts = verified.drafts
        if drafts:
            before = verified.text_before(after)
            self.drafter.skip(lambda: [((*before, *drafts[:n]), 1) for n in range(len(drafts))])
        self.verifier.skip((after, verified))

    def _judge(self, view: CloudView, sealed: Sealed, arrived: int) -> Verified:
        scheme = _drafting(self.scheme)
        received = scheme.decode_parts([part.payload for part in sealed.parts[:arrived]], self.format, view.committed)
        p = self.verifier.laws((*view.committed, *received.drafts.tolist()), len(received.drafts) + 1)
        verdict = scheme.judge(p, received, self._randomness.round(view.round))
        committed = (*received.drafts[: verdict.accepted].tolist(), verdict.token)
        measures = self._observe(sealed.sent, received, p, verdict, committed)
        reply = scheme.encode_reply(verdict, self.format)
        return Verified(tuple(received.drafts.tolist()), verdict.accepted, reply, committed, measures)

    def _decide(self, view: CloudView, length: int) -> Verified:
        """A hosted round, live: drafts are drawn from q itself."""
        noise = self._randomness.round(view.round)
        drafts: list[int] = []
        laws: list[Floats] = []
        for n in range(length):
            laws.append(self.drafter.laws((*view.committed, *drafts), 1)[0])
            drafts.append(inverse_cdf(laws[-1], noise.draft(n)))
        p = self.verifier.laws((*view.committed, *drafts), len(drafts) + 1)
        q = np.array(laws) if laws else np.empty((0, p.shape[1]))
        verdict = verify(p, np.array(drafts, dtype=np.int64), q, noise.verdict(len(drafts)))
        committed = (*drafts[: verdict.accepted], verdict.token)
        judged = min(verdict.accepted + 1, len(drafts))
        measures = measure(p, q[:judged], q[:judged], np.zeros(judged), None, verdict, committed)
        reply = wire.encode_tokens(committed, self.format)
        return Verified(tuple(drafts), verdict.accepted, reply, committed, measures)

    def _observe(
        self, sent: Branch, received: Received, p: Floats, verdict: Verdict, committed: tuple[int, ...]
    ) -> Measures:
        """Sees both ends: checks I8, that what was received is what was sent, and measures the verified drafts."""
        heard = sent.drafts[: len(received.drafts)]
        tokens = [drafted.draft.token for drafted in heard]
        assert received.drafts.tolist() == tokens, "I8: the drafts received are not the drafts sent"
        for drafted, law in zip(heard, received.qhat, strict=True):
            ids, counts = drafted.draft.support, drafted.draft.counts
            same = np.count_nonzero(law) == len(ids) and np.array_equal(law[ids], counts / counts.sum())
            assert same, "I8: the qhat received is not the qhat sent"
        verified = min(verdict.accepted + 1, len(tokens))
        prefixes = [(*sent.committed, *tokens[:n]) for n in range(verified)]
        q = np.concatenate([self.drafter.known(prefix) for prefix in prefixes])
        slack = np.array([drafted.dropped_mass + drafted.covering_bound for drafted in heard[:verified]])
        return measure(p, q, received.qhat[:verified], slack, drawn_laws(heard[:verified], q), verdict, committed)


def _drafting(scheme: Scheme) -> DraftScheme:
    assert isinstance(scheme, DraftScheme), f"scheme {scheme.kind} drafts nothing"
    return scheme
