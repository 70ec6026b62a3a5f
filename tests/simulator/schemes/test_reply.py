"""Replies: what the edge makes of the bytes is what the cloud said, whoever draws the correction; and hostile bytes."""

from typing import Literal

import numpy as np
import pytest
from cells import cell
from codec_strategies import distributions
from hostile import refused_or_holds
from hypothesis import given
from hypothesis import strategies as st

from channels.codec import wire
from channels.codec.lattice import quantize
from kinds import ConfigError
from models.verification import UNDRAWN, Verdict, inverse_cdf
from simulator import simulate
from simulator.schemes.acceptance import Rejection, SplitRejection, received
from simulator.schemes.draw import RequestUniforms, RoundUniforms
from simulator.schemes.policy import Action, CloudDecodes, EdgeView, Policy, PolicyState
from simulator.schemes.reply import DistributionReply, Reply, SentRound, TokenReply
from simulator.schemes.scalars import ScalarPackets

UNIFORMS = RequestUniforms.of(3)
REPLIES: dict[str, Reply] = {
    "token": TokenReply(),
    "single": DistributionReply(),
    "half": DistributionReply(precision="half"),
}
ELL = 8


def packets(vocabulary: int) -> ScalarPackets:
    return ScalarPackets(wire.Format(vocabulary, ELL, max_drafts=4))


@st.composite
def rounds(draw: st.DrawFn) -> tuple[SentRound, np.ndarray, int]:
    """A round that was sent, the distribution p where it ended, and how many of its drafts were accepted."""
    p = draw(distributions(min_size=2, max_size=12))
    drafts = []
    for _ in range(draw(st.integers(1, 4))):
        counts = quantize(draw(distributions(p.size, p.size)), ELL)
        drafts.append(wire.Draft(int(draw(st.sampled_from(np.flatnonzero(counts)))), np.arange(p.size), counts))
    number = draw(st.integers(1, 99))
    return SentRound(number, drafts, (0, 1), UNIFORMS), p, draw(st.integers(0, len(drafts)))


@pytest.mark.parametrize("name", REPLIES)
@given(case=rounds())
def test_the_edge_hears_what_the_cloud_said_and_draws_what_it_left_open(name, case):
    sent, p, accepted = case
    reply, known = REPLIES[name], packets(p.size)
    context = (*sent.context, *(draft.token for draft in sent.drafts[:accepted]))
    drawn = not reply.edge_corrects or accepted == len(sent.drafts)
    result = Verdict(accepted, int(p.argmax()) if drawn else UNDRAWN)
    heard = reply.decode(reply.encode(result, p, known, context), sent, known)
    if drawn:
        assert heard == result
        return
    assert isinstance(reply, DistributionReply)
    qhat = np.zeros(p.size)
    qhat[sent.drafts[accepted].support] = sent.drafts[accepted].counts / sent.drafts[accepted].counts.sum()
    distribution = reply.received_distribution(p, known)
    assert distribution.sum() == pytest.approx(1.0, abs=2.0**-24 if reply.lossless else 1e-12)
    residual = np.maximum(distribution - qhat, 0)
    u = UNIFORMS.verdict.uniform(sent.number, len(sent.drafts))
    assert heard == Verdict(accepted, inverse_cdf(residual if residual.any() else distribution, u))
    assert p[heard.token] > 0


@pytest.mark.parametrize("name", REPLIES)
@given(case=rounds(), content=st.binary(max_size=60))
def test_hostile_bytes_raise_codec_errors_and_nothing_else(name, case, content):
    sent, p, _ = case

    def holds(heard: Verdict) -> None:
        assert 0 <= heard.token < p.size and (name == "token" or heard.accepted <= len(sent.drafts))

    refused_or_holds(content, lambda given: REPLIES[name].decode(given, sent, packets(p.size)), holds)
    result = Verdict(len(sent.drafts), int(p.argmax()))
    context = (*sent.context, *(draft.token for draft in sent.drafts))
    true = REPLIES[name].encode(result, p, packets(p.size), context)
    assert refused_or_holds(true, lambda given: REPLIES[name].decode(given, sent, packets(p.size)), holds)


@given(rounds())
def test_whoever_knows_the_scalars_alone_judges_as_whoever_knows_all(case: tuple[SentRound, np.ndarray, int]) -> None:
    """The same drafts are accepted, and the same bonus follows; a correction is what the edge draws of a distribution
    sent in full."""
    sent, exact, _ = case
    p, known = exact.astype(np.float32).astype(np.float64), packets(exact.size)
    whole = received(sent.drafts, p.size)
    message = received(known.decode(known.encode(sent.drafts, ()), ()), p.size, ELL)
    assert (np.count_nonzero(message.qhat, axis=1) == 1).all()
    mine, theirs = (
        rule.judge(lambda _: p, heard, RoundUniforms(UNIFORMS, sent.number, 2))
        for rule, heard in ((Rejection(), whole), (SplitRejection(), message))
    )
    assert mine.accepted == theirs.accepted
    if theirs.drawn:
        assert mine == theirs
    else:
        reply = DistributionReply()
        assert reply.decode(reply.encode(theirs, p, known, sent.context), sent, known) == mine


class LetsTheCloud(Policy):
    """Leaves a round to the cloud, and says so to nobody beforehand."""

    kind: Literal["lets_the_cloud_in_tests"] = "lets_the_cloud_in_tests"

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        return CloudDecodes(1), state


def test_a_policy_that_lets_the_cloud_decode_is_told_when_it_does() -> None:
    split = {"kind": "composed", "code": "scalars", "acceptance": "split_rejection", "reply": "law"}
    with pytest.raises(ConfigError, match="policy 'lets_the_cloud_in_tests': lets the cloud decode by itself, which"):
        simulate(cell({**split, "policy": "lets_the_cloud_in_tests"}))
