"""The policy that maximises expected tokens a second from what an edge can see.

Rounds as a renewal-reward process. Whatever the edge decides on next, a round of n drafts under operating point r or a
stretch of m tokens that the cloud decodes by itself, is a cycle that takes T seconds and commits N tokens; after it the
edge decides anew. Over many cycles tokens a second tend to E[N] / E[T] (renewal-reward theorem), so the largest goodput
g* is that of the decision with the largest ratio, and g* is the one number at which max E[N - g* T] = 0: a second costs
g* tokens.

    round     E[N] = 1 + S_1 + ... + S_n,  S_j = a_1 ... a_j     T = n t_d + (h + n b_r) w + D + v
    stretch   N = m                                              T = (h + 16) w + D + m c

a_j: the chance that draft j is accepted if all before it are (`AcceptanceEstimate`, by operating point and position);
t_d: a drafter pass; b_r: bits of a draft; h: header bits; w = 1 / rate and D: the network's (`LinkTimes`, a forecast);
v, c: queue and service of a judgement and of a token of the cloud's (`CloudTimes`, from what replies tell and from the
times of streamed tokens). All are estimated from what came back, never from p.

Within a round the same argument, one draft at a time. Another draft is worth S_n a, the chance that it and all before
it are accepted, a now being the estimate for the very distribution q_{n+1} that the pass has shown; it costs b_r w
seconds, and t_d as well while its pass is still to be made. So: go on while S_n a > g* (cost). S_n falls with n, so the
first draft that does not pay ends the round, and with nothing to look at this stops where E[N] / E[T] is largest. It
depends on d_1..d_n and q_1..q_{n+1}, never on d_{n+1}: the text still follows the verifier (I12).

How long a stretch. All that remains, unless the link fades and drafting would win at the least w seen lately: the
edge must then ask again to find out, for s seconds each time. Asked every t seconds it loses s / t to asking; it
notices a change 3 t / 2 late (half a stretch, and the one that its finding comes down with), once in two coherence
times 2 tau, and misses a share m of the goodput meanwhile: t = sqrt(4 s tau / (3 m)), if that is less than 2 tau.

What it does to learn. The first `learning_rounds` rounds of each operating point, in turn and with lengths L, L / 2, L,
1 whatever comes back, then two stretches of eight tokens. From there on cycles are compared with acceptance one
standard deviation better than estimated, by the drafts verified so far: where drafting may well be best it is done, and
soon known; where it is not, what that costs is lost once. And now and then comes what was decided on least recently, if
it is thought to reach TRIED_SHARE of the best, and not before `trial_every` times as long as it takes has gone by since
the last such trial: that costs at most (1 / TRIED_SHARE - 1) / trial_every of the time, 1% by default. All else is by
forgetting: means are exponential (`running_estimates`).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from simulator.schemes.policies.goodput_rules import Exploring, LearningRounds, Now, TrialEvery, decide
from simulator.schemes.policies.learned import Learned
from simulator.schemes.policy import Action, EdgeView, Policy, PolicyState, SeenVerdict


class Goodput(Policy):
    """Draft length, operating point, or the cloud by itself: whatever promises most tokens a second."""

    kind: Literal["goodput"] = "goodput"
    looks_at_law: ClassVar[bool] = True
    hears_cloud: ClassVar[bool] = True
    decides_rounds: ClassVar[bool] = True
    learning_rounds: LearningRounds = 16
    trial_every: TrialEvery = 40

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        return decide(Now.of(view, Learned.at(view, state)), Exploring(self.learning_rounds, self.trial_every))

    def learn(self, result: SeenVerdict, state: PolicyState) -> PolicyState:
        return Learned.after(result, state).floats()
