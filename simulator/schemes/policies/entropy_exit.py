"""Stop where the drafter is unsure, by its distribution's entropy, under a budget of the device's joules per token.

After GELATO (arXiv 2605.10124), of which only the abstract is known here: an early exit by entropy, and a Lyapunov
budget of energy. Its equations are not known here; these are the textbook's (drift plus penalty, Neely 2010). A virtual
queue holds the joules drawn beyond the budget of b joules per token. After a round of E joules and N tokens

    Z' = max(0, Z + E - b N),        and a draft is drawn where its distribution's entropy is at most h - Z / V bits:

what a draft is worth, the bits by which the drafter is surer than h, times V, against the queue. If Z > V h, no draft
is; the cloud then decodes as many tokens by itself, at no joules of the processor, as bring the queue back. So a round
begins with Z <= V h, and over all N tokens, where a round, a prompt's reading included, takes E_max joules at most,

    joules / N <= b + (V h + E_max) / N.

Joules are the watts of `edge.power` times the seconds for which the device read its prompt, drafted and encoded: all
that its processor takes (`edge_j_per_token`), but for idle watts. Without a budget this is the exit by entropy of SVIP
(arXiv 2411.18462). The papers that stop on the probability of the token drawn last (DISCO, arXiv 2405.04304; Kangaroo,
arXiv 2404.18911) bend the output distribution where they drop it; here the distribution is judged before the draw.
"""

from __future__ import annotations

from math import ceil, inf
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kinds.tunable import Tunable
from models.verification import entropy_bits
from simulator.schemes.policy import DRAFT, SEND, Action, CloudDecodes, EdgeView, Policy, PolicyState, SeenVerdict


class EntropyExit(Policy):
    """Stops at a flat distribution, within a budget of joules.

    The pass that showed the distribution was made for nothing. Its state: Z, J; then of the open round when it began,
    s, the device's watts, and the tokens still to come."""

    looks_at_law: ClassVar[bool] = True
    kind: Literal["entropy_exit"] = "entropy_exit"
    threshold_bits: Annotated[float, Tunable(0.5, 1.0, 2.0, 4.0)] = Field(
        2.0, ge=0, le=64, description="h, the most entropy to draw by while the budget is kept"
    )
    joules_per_token: float = Field(
        inf, gt=0, description="b, the budget of the device's processor at work, without its radio; inf: none"
    )
    joules_per_bit: float = Field(
        1.0, gt=0, le=1e6, description="V, the joules beyond the budget that lower the threshold by a bit"
    )

    @property
    def counts_joules(self) -> bool:
        return self.joules_per_token < inf

    def entry(self, last: PolicyState | None) -> PolicyState:
        return (0.0,) * 4 if last is None else last

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        queue_j = state[0]
        if view.distribution is not None:
            sure = entropy_bits(view.distribution) <= self.threshold_bits - queue_j / self.joules_per_bit
            return (DRAFT if sure else SEND), state
        if view.drafts:
            return DRAFT, state
        beyond_j = queue_j - self.joules_per_bit * self.threshold_bits
        tokens = min(view.remaining_tokens, ceil(beyond_j / self.joules_per_token))
        begun = (queue_j, view.now_s, view.watts, view.remaining_tokens)
        return (CloudDecodes(tokens) if beyond_j > 0 else DRAFT), begun

    def learn(self, result: SeenVerdict, state: PolicyState) -> PolicyState:
        if not self.counts_joules:
            return state
        queue_j, begun_s, watts, remaining = state
        joules = watts * (result.sent_s - begun_s) if result.drafted else 0.0
        tokens = min(result.accepted + 1.0, remaining)
        return (max(0.0, queue_j + joules - self.joules_per_token * tokens), *state[1:])
