"""I12 under the policy that maximises goodput, and under an oracle that knows more than any edge: by enumeration."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from cells import cell

from models.verification import total_variation
from simulator import simulate
from simulator.checking.exact import PAIR, Enumeration, P, V, distance, verifier_distribution
from simulator.decoding.decoder import Foresight
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import EdgeNode
from simulator.decoding.setting import DraftSetting
from simulator.schemes import Foreseeing, Rungs
from simulator.schemes.foreseeing import GoodputTold
from simulator.schemes.policies.goodput import Goodput
from simulator.schemes.policies.learned import Learned
from simulator.schemes.policy import Action, EdgeView, PolicyState

pytestmark = pytest.mark.usefixtures("called_once")

TOKENS = 3
EXACT = verifier_distribution((1, 2), TOKENS)
SETTINGS = [
    {"sparsifier": {"kind": "top_k", "k": k}, "quantizer": {"kind": "lattice", "resolution": ell}}
    for k, ell in ((1, 1), (3, 5))
]
HEARD: list[float] = []


def taught(decode_s: float, bps: float) -> PolicyState:
    """All is known, and it is time to decide by gain: sharp distributions (bin 3) promise twice what flat ones do (bin
    2), and with as many bits a draft must promise something between to be drawn."""
    learned = Learned.empty(2)
    learned.decisions, learned.acceptance.expected = 1000.0, [100.0] * 8
    learned.acceptance.observed, learned.acceptance.looked = [70.0] * 3 + [140.0] * 5, [1.0] * 8
    for mean, value in ((learned.bits[0], 80.0), (learned.bits[1], 52.0), (learned.header, 100.0)):
        mean.observe(value, 1)
    learned.pass_s.observe(0.006, 1)
    learned.cloud.observe_verification(0.04)
    learned.cloud.decode.observe(decode_s, 1)
    learned.link.observe(-1.0, 1e9, 0.04 + 1e9 / bps, False)
    learned.link.least_s, learned.link.mean, learned.link.last = 0.04, 1 / bps, 1 / bps
    return learned.floats()


class Taught(Goodput):
    """The policy of a device that has learned; what the cloud takes decides whether it is ever left to decode."""

    kind: Literal["taught_in_tests"] = "taught_in_tests"  # type: ignore[assignment]
    decode_s: float = 5.0
    bps: float = 1e3

    def entry(self, last: PolicyState | None) -> PolicyState:
        return taught(self.decode_s, self.bps)


class TaughtTold(GoodputTold):
    """The oracle likewise."""

    kind: Literal["taught_told_in_tests"] = "taught_told_in_tests"  # type: ignore[assignment]
    decode_s: float = 5.0

    def entry(self, last: PolicyState | None) -> PolicyState:
        return taught(self.decode_s, 1e3)


class Noting(GoodputTold):
    """Writes down what is reported to it of each round's first draft."""

    kind: Literal["noting_in_tests"] = "noting_in_tests"  # type: ignore[assignment]

    def next(self, view: EdgeView, rejected: tuple[float, ...], state: PolicyState) -> tuple[Action, PolicyState]:
        HEARD.append(rejected[0])
        return super().next(view, rejected, state)


def enumerated(scheme: Rungs | Foreseeing) -> Enumeration:
    enumeration = Enumeration(scheme, TOKENS)
    distribution = enumeration.distribution()
    assert enumeration.rounds + enumeration.alone >= 2 and sum(distribution.values()) == pytest.approx(1.0, abs=1e-12)
    assert distance(distribution, EXACT) < 1e-12
    return enumeration


def rungs(policy: Goodput) -> Rungs:
    return Rungs.model_validate({"settings": SETTINGS, "max_drafts": 2, "policy": policy})


def test_i12_while_it_learns() -> None:
    assert enumerated(rungs(Goodput(learning_rounds=1))).rungs == {0, 1}


def test_i12_where_distributions_end_rounds_and_where_the_cloud_is_left_to_itself() -> None:
    """The claim is empty unless some rounds are ended by a distribution, some are not, and some tokens are the cloud's
    own."""
    looking = enumerated(rungs(Taught()))
    assert looking.stopped > 0 and looking.second_drafts > 0
    assert enumerated(rungs(Taught(decode_s=0.01))).alone > 0


@pytest.mark.parametrize("decode_s", [0.01, 5.0])
def test_i12_under_an_oracle(decode_s: float) -> None:
    oracle = TaughtTold(decode_s=decode_s)
    told = enumerated(Foreseeing.model_validate({"settings": SETTINGS, "max_drafts": 2, "oracle": oracle}))
    assert (told.alone if decode_s < 1 else told.second_drafts) > 0


def test_an_oracle_is_told_the_probability_of_rejection_of_each_rung_and_then_of_its_own() -> None:
    scheme = Foreseeing.model_validate({"settings": SETTINGS})
    foresight = Foresight(DraftSetting(lambda: PAIR, scheme, V, 1.0))
    qhat = np.array([[1.0, 0.0, 0.0, 0.0], [3 / 5, 1 / 5, 1 / 5, 0.0]])  # of (.55 .15 .2 .1), which follows token 2
    told = foresight.rejected(EdgeNode(1, (1, 2), scheme.entry(None)), 0)
    assert told == pytest.approx([float(total_variation(each, P[2])) for each in qhat])


def test_drafts_are_rejected_as_often_as_the_oracle_was_told() -> None:
    """What an observer measures of each verified draft is what was reported before it was drawn, draft by draft."""
    HEARD.clear()
    scheme = {"kind": "oracle", "max_drafts": 1, "settings": [{}], "oracle": "noting_in_tests"}
    rounds = simulate(cell(scheme), memory=Memory()).rounds
    drafted = rounds[rounds["drafted"] > 0]
    assert len(drafted) > 10 and drafted["tv_qhat"].to_numpy() == pytest.approx(np.array(HEARD)[: len(drafted)])
    assert (rounds["tv_output"] == 0).all()
