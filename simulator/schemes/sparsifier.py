"""Sparsifiers choose the token ids of a draft distribution to keep, X_n of K-SQS, C-SQS and relatives (kinds:
`sparsifiers`; rules: `codec.sparsify`). What changes from draft to draft (a conformal threshold) is a `State`, handed
in and handed back, dropped with a rejected draft."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from kinds import Choice
from kinds.arrays import Floats, Ints
from kinds.mistakes import Rule
from simulator.schemes import answers

State = tuple[float, ...]
"""State that a scheme carries from one draft to the next; () for schemes that carry nothing."""


class Sparsifier(Choice, family=True):
    """Maps q, float64 [V], to the ids that are kept of it."""

    method_rules: ClassVar[Mapping[str, Rule]] = {"support": answers.ids, **answers.STATES}

    @property
    def fixed_size(self) -> int | None:
        """K, where it is the same for every draft, so that both ends know it; None where K_n varies."""
        return None

    @property
    def keeps_all(self) -> bool:
        """True if the whole vocabulary is kept, so that no subset needs to be sent."""
        return False

    @property
    def carries(self) -> bool:
        """True if a request may begin otherwise than the device's first one."""
        return type(self).entry is not Sparsifier.entry

    def entry(self, last: State | None) -> State:
        """The state before a request's first draft; `last` is how the device's request before ended, None at first."""
        return ()

    @abstractmethod
    def support(self, q: Floats, state: State) -> Ints:
        """The ids kept of q, float64 [V]: int64 [K], ascending, K >= 1."""

    def advance(self, q: Floats, state: State) -> State:
        """The state after a position with this distribution, whether or not its draft is later accepted."""
        return state

    def settle(self, chain: Sequence[State], accepted: int) -> State:
        """The state after a round: chain[n] is the state after n of its drafts, chain[-1] after all of them."""
        return chain[accepted]
