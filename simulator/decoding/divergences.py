"""Distances between q, qhat, p and the output, as measured by an observer who sees both ends of a request. It makes no
pass and decides nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from channels.codec.wire import UNSENT
from kinds.arrays import Floats
from kinds.mistakes import is_foreign
from models.verification import (
    AnyDistribution,
    SparseDistribution,
    TreeVerdict,
    Verdict,
    dense,
    distance,
    total_variation,
)
from simulator.decoding.memory import ReplayedText
from simulator.decoding.nodes import Drafted, EdgeNode, Tokens, TreeNode
from simulator.decoding.setting import DraftSetting
from simulator.results.column_names import LOSSLESS_TV
from simulator.results.rounds import Divergences
from simulator.schemes.acceptance import Acceptance, Received, on_support
from simulator.schemes.code import Code
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.draw import RequestUniforms, RoundUniforms
from simulator.schemes.enumeration import VerifiedRound
from simulator.schemes.reply import DistributionReply
from simulator.schemes.sparsifier import State

AnyVerdict = Verdict | TreeVerdict
ROUNDING = 1e-9
"""Total variations are sums over the vocabulary, exact but for this."""


class Measurer:
    """Stands beside a session: it learns what is sent, and answers what is measured of a verified round. This one
    stands at an end that runs by itself, so it measures nothing."""

    def sent(self, node: EdgeNode) -> None:
        """The edge sends the open round of this node."""

    def correction(self, round_number: int, reply: bytes) -> int:
        """Returns the token that the edge draws on receipt of this reply to a round; UNSENT if not known here."""
        return UNSENT

    def measure(
        self, round_number: int, text: Tokens, p: Floats, decoded: Received, verdict: AnyVerdict, committed: Tokens
    ) -> Divergences:
        """The divergences of a round behind a text, given p after the text and each draft: [L + 1, V] in a line,
        [N + 1, V] in a tree."""
        return Divergences()


class DivergenceMeter(Measurer):
    """Stands beside the two sessions of a request, and checks what was received against what was sent (I8)."""

    def __init__(self, drafter: ReplayedText, setting: DraftSetting, uniforms: RequestUniforms) -> None:
        self._drafter = drafter
        self._setting = setting
        self._scheme = setting.scheme
        self._uniforms = uniforms
        self._sent: dict[int, dict[Tokens, EdgeNode]] = {}
        """The rounds that may still be verified, by their number and the text before them."""

    def sent(self, node: EdgeNode) -> None:
        sent = self._sent.setdefault(node.round, {})
        sent.pop(node.committed, None)
        sent[node.committed] = node

    def correction(self, round_number: int, reply: bytes) -> int:
        *_, node = self._sent[round_number].values()
        sent = node.sent(self._uniforms)
        return self._scheme.families.reply.decode(reply, sent, self._setting.packets).token

    def measure(
        self, round_number: int, text: Tokens, p: Floats, decoded: Received, verdict: AnyVerdict, committed: Tokens
    ) -> Divergences:
        if isinstance(verdict, TreeVerdict):
            if decoded.drafts.size:
                return self._measure_tree(round_number, text, p, decoded, verdict, committed)
            verdict = Verdict(0, verdict.token)
        acceptance, uniforms = self._scheme.families.acceptance, RoundUniforms(self._uniforms, round_number, len(text))
        round_ = VerifiedRound(acceptance, p, decoded, verdict.accepted, uniforms)
        if not decoded.drafts.size:
            none = list[Floats]()
            return diverge(p, none, none, np.empty(0), acceptance, verdict, committed, tv_outputs(round_, none, none))
        sent = self._as_sent(round_number, text)
        arrived = sent.drafts[: len(decoded.drafts)]
        check_received(arrived, decoded, self._scheme.families.code)
        arrived = arrived[: verdict.accepted + 1]
        drafted = sent.context()
        q = [self._drafter.known(drafted[: len(text) + n])[0] for n in range(len(arrived))]
        slack = np.array([drafted.dropped_mass + drafted.covering_bound for drafted in arrived])
        if acceptance.races:
            states = [sent.state, *(drafted.state for drafted in arrived)]
            raced = [raced_distribution(self._scheme, *each) for each in zip(q, states, arrived, strict=False)]
            return diverge(p, q, raced, slack, acceptance, verdict, committed, tv_outputs(round_, raced, raced))
        qhat: Sequence[AnyDistribution] = [on_support(drafted.draft, p.shape[1]) for drafted in arrived]
        drawn = drawn_distributions(arrived, qhat, p.shape[1])
        outputs = tv_outputs(round_, qhat, drawn, self._corrected(p[: len(arrived)]))
        return diverge(p, q, qhat, slack, acceptance, verdict, committed, outputs)

    def _measure_tree(
        self, round_number: int, text: Tokens, p: Floats, decoded: Received, verdict: TreeVerdict, committed: Tokens
    ) -> Divergences:
        """A position is verified: a distribution whose children were verified, the root's and those along the
        path that is accepted, each by its first child. It is accepted where any of the children is, so that
        TV(qhat, p), the chance that the first is rejected, and the bound on it are bounds on what its siblings have
        left to reject.
        """
        acceptance, sent = self._scheme.families.acceptance, self._as_sent(round_number, text)
        assert isinstance(sent, TreeNode), "I3: a tree is verified that was not sent"
        check_received(sent.drafts, decoded, self._scheme.families.code)
        reached = (-1, *verdict.path)
        distributions = [(node, children[0]) for node in reached if (children := sent.tree.children(node))]
        texts = [(*sent.committed, *sent.tree.along(sent.tree.path_to(node))) for node, _ in distributions]
        q = [self._drafter.known(text)[0] for text in texts]
        firsts = [first for _, first in distributions]
        judged = [sent.drafts[first] for first in firsts]
        slack = np.array([drafted.dropped_mass + drafted.covering_bound for drafted in judged])
        line = Verdict(len(verdict.path), verdict.token)
        along = p[[node + 1 for node in reached]]
        qhat: Sequence[AnyDistribution] = [decoded.distributions[first] for first in firsts]
        if acceptance.races:
            states = [sent.state if node < 0 else sent.drafts[node].state for node, _ in distributions]
            each = zip(q, states, judged, strict=True)
            qhat = [raced_distribution(self._scheme, *one) for one in each]
        return diverge(along, q, qhat, slack, acceptance, line, committed, np.zeros(len(along)))

    def _as_sent(self, round_number: int, text: Tokens) -> EdgeNode:
        """The open round as it was sent; all passes that drafted it are made."""
        assert text in self._sent.get(round_number, ()), "I3: a round is verified that was not sent"
        self._sent = {number: sent for number, sent in self._sent.items() if number >= round_number}
        self._drafter.catch_up()
        return self._sent[round_number][text]

    def _corrected(self, p: Floats) -> Floats | None:
        """Returns the distributions with which drafts would be corrected, rows like p [n, V]; None if they are p."""
        reply, packets = self._scheme.families.reply, self._setting.packets
        if not isinstance(reply, DistributionReply):
            return None
        return np.array([reply.received_distribution(distribution, packets) for distribution in p])


def check_received(arrived: Sequence[Drafted], decoded: Received, code: Code) -> None:
    """Raises AssertionError (I8) where the cloud has decoded something else than these drafts."""
    tokens = [drafted.draft.token for drafted in arrived]
    assert decoded.drafts.tolist() == tokens, "I8: the drafts received are not the drafts sent"
    for drafted, distribution in zip(arrived if code.carries_law else (), decoded.distributions, strict=False):
        ids, qhat = drafted.draft.support, drafted.draft.counts / drafted.draft.counts.sum()
        if code.only_scalars:
            ids, qhat = ids[ids == drafted.draft.token], qhat[ids == drafted.draft.token]
        if isinstance(distribution, SparseDistribution):
            same = np.array_equal(distribution.ids, ids) and np.array_equal(distribution.probabilities, qhat)
        else:
            same = np.count_nonzero(distribution) == len(ids) and np.array_equal(distribution[ids], qhat)
        assert same, "I8: the qhat received is not the qhat sent"


def diverge(
    p: Floats,
    q: Sequence[Floats],
    qhat: Sequence[AnyDistribution],
    slack: Floats,
    acceptance: Acceptance,
    verdict: Verdict,
    committed: tuple[int, ...],
    outputs: Floats,
) -> Divergences:
    """p [L+1, V]; q, qhat: of the n drafts up to the first rejected; slack [n] = alpha_n + covering bound, which
    by the triangle inequality is all that qhat may add to TV(q, p). `outputs`: of each position reached, TV(output, p),
    nan where that is not known."""
    scratch = np.empty(p.shape[1])
    mismatch = np.array([distance(target, one, scratch) for target, one in zip(p, q, strict=False)])
    from_qhat, moved = mismatch, np.zeros(len(q))
    if qhat is not q:
        from_qhat = np.array([distance(target, one, scratch) for target, one in zip(p, qhat, strict=False)])
        moved = np.array([distance(own, one, scratch) for own, one in zip(q, qhat, strict=True)])
    assert (from_qhat <= mismatch + slack + ROUNDING).all(), "TV(qhat, p) exceeds TV(q, p) + alpha + covering bound"
    bound = acceptance.rejection_bound(mismatch, slack)
    positions = np.arange(len(committed))
    nll = float(-np.log(p[positions, list(committed)]).sum())
    off = float(outputs[: len(committed)].sum())
    return Divergences.of(np.array([mismatch, from_qhat, bound, moved]), tv_output=off, nll=nll)


def tv_outputs(
    round_: VerifiedRound,
    qhat: Sequence[AnyDistribution],
    drawn: Sequence[AnyDistribution],
    corrected: Floats | None = None,
) -> Floats:
    """TV(output, p) of each position of a round that was reached: as its acceptance states it, else as enumeration
    finds it, else nan. qhat, drawn: of the n drafts up to the first rejected, what they are verified by and drawn from;
    `corrected` [n, V]: what corrections are made with, None where that is p."""
    p, acceptance = round_.p[: round_.accepted + 1], round_.acceptance
    if drawn is qhat and corrected is None and acceptance.lossless and not is_foreign(type(acceptance).__module__):
        return np.zeros(len(p))
    lacking = len(p) - len(qhat)  # the bonus, where nothing is rejected
    rows = _padded(qhat, lacking, p.shape[1])
    drawn_rows = rows if drawn is qhat else _padded(drawn, lacking, p.shape[1])
    corrected_rows = None if corrected is None else np.concatenate([corrected, p[len(corrected) :]])
    stated = acceptance.output_distribution(p, rows, drawn_rows, corrected_rows)
    if stated is not None:
        return np.zeros(len(p)) if stated is p else total_variation(stated, p)
    found = [round_.output(n, row) for n, row in enumerate(drawn_rows)]
    off = [
        np.nan if distribution is None else float(total_variation(distribution, p[n]))
        for n, distribution in enumerate(found)
    ]
    return np.array([0.0 if each <= LOSSLESS_TV else each for each in off])  # which is less than FINEST leaves open


def _padded(distributions: Sequence[AnyDistribution], lacking: int, vocabulary: int) -> Floats:
    """The distributions as rows [n, V], and so many of zeros."""
    rows = np.zeros((len(distributions) + lacking, vocabulary))
    for row, distribution in zip(rows, distributions, strict=False):
        row[:] = dense(distribution)
    return rows


def diverge_unverified(p: Floats, q: Floats, token: int) -> Divergences:
    """The divergences of an unverified token drawn from q [V], against p [V]; inf where p is 0."""
    with np.errstate(divide="ignore"):
        return Divergences(tv_output=float(total_variation(q, p)), nll=float(-np.log(p[token])))


def drawn_distributions(
    drafts: Sequence[Drafted], qhat: Sequence[AnyDistribution], vocabulary: int
) -> Sequence[AnyDistribution]:
    """The distributions that these drafts were drawn from; `qhat` itself where each was drawn from the very counts that
    it was sent with."""
    if all(each.other_weights is None for each in drafts):
        return qhat
    return [SparseDistribution(vocabulary, each.draft.support, each.weights / each.weights.sum()) for each in drafts]


def raced_distribution(scheme: DraftScheme, q: Floats, state: State, drafted: Drafted) -> Floats:
    """The distribution [V] that a draft of which only the id is sent was drawn from."""
    proposal = scheme.propose(q, state, drafted.support_size)
    weights = scheme.families.draw.weights(proposal, q)
    distribution = np.zeros_like(q)
    distribution[proposal.ids if weights.size < q.size else slice(None)] = weights / weights.sum()
    return distribution
