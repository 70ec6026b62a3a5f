"""The upper limit of drafting by looking: an oracle, which knows the chance of acceptance of every draft, decides."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.schemes.families import Families
from simulator.schemes.oracle import Oracle
from simulator.schemes.policies.goodput_rules import Exploring, LearningRounds, Now, TrialEvery, decide
from simulator.schemes.policies.learned import Learned
from simulator.schemes.policy import Action, EdgeView, PolicyState, SeenVerdict
from simulator.schemes.rungs import RungScheme


class GoodputTold(Oracle):
    """As the policy `goodput`, with the true chance of acceptance in place of its estimate for the next draft; those
    after it, the link and the cloud it has to learn likewise."""

    kind: Literal["goodput_told"] = "goodput_told"
    learning_rounds: LearningRounds = 16
    trial_every: TrialEvery = 40

    def next(self, view: EdgeView, rejected: tuple[float, ...], state: PolicyState) -> tuple[Action, PolicyState]:
        now = Now.of(view, Learned.at(view, state), tuple(1.0 - each for each in rejected))
        return decide(now, Exploring(self.learning_rounds, self.trial_every))

    def learn(self, result: SeenVerdict, state: PolicyState) -> PolicyState:
        return Learned.after(result, state).floats()


class Foreseeing(RungScheme):
    """As `rungs`, but decided by an oracle that knows what no edge can: a limit, no scheme that could be built."""

    kind: Literal["oracle"] = "oracle"
    oracle: Oracle = Field(GoodputTold(), description="what decides; it knows how likely the next draft is rejected")

    def made_of(self) -> Families:
        return self.parts(self.oracle)
