"""What decides with knowledge that no edge can have: an upper limit for policies, and no policy itself.

An oracle decides when a policy would, and knows, beside what an edge sees, with what probability the next draft is
rejected: TV(qhat_n, p_n), under each operating point before a round's first draft, else under the round's own. It is a
function of d_1..d_{n-1} and never of d_n, so the text follows the verifier all the same (I12). The verifier's passes
for that take no time.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from kinds.mistakes import Rule
from simulator.schemes import answers
from simulator.schemes.policy import Action, Decider, EdgeView, PolicyState, checked_action


class Oracle(Decider, family=True):
    """Decides what the edge does next, and knows what no edge can."""

    method_rules: ClassVar[Mapping[str, Rule]] = {
        "next": lambda answer, view, _rejected, _state: checked_action(answer, view),
        "learn": answers.state,
    }
    hears_cloud: ClassVar[bool] = True

    @abstractmethod
    def next(self, view: EdgeView, rejected: tuple[float, ...], state: PolicyState) -> tuple[Action, PolicyState]:
        """As `Policy.next`; `rejected`: by operating point, the probability that the next draft, once all before it are
        accepted, is not. Of another operating point than the open round's it is nan."""
