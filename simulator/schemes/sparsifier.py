"""Which token ids of a draft distribution are kept, X_n of K-SQS, C-SQS and relatives (rules: `codec.sparsify`). What
changes from draft to draft (a conformal threshold) is a `State`, handed in and handed back, dropped with a rejected
draft."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from channels.codec import sparsify
from channels.codec.conformal import Conformal, Rollback, RunningQuantile
from kinds import Choice, Part
from kinds.arrays import Floats, Ints
from kinds.mistakes import Rule
from kinds.tunable import Tunable
from simulator.schemes import answers

State = tuple[float, ...]
"""What a scheme carries from one draft to the next; () for schemes that carry nothing."""
SupportSize = Annotated[
    int,
    Field(ge=1, description="K, tokens kept of each draft distribution; at most the vocabulary"),
    Tunable(1, 2, 4, 8, 16, 32),
]


class Sparsifier(Choice, family=True):
    """Maps q, float64 [V], to the ids that are kept of it."""

    method_rules: ClassVar[Mapping[str, Rule]] = {"support": answers.ids, **answers.STATES}

    @property
    def fixed_size(self) -> int | None:
        """K, where it is the same for every draft, so that both ends know it; None where K_n varies."""
        return None

    @property
    def keeps_all(self) -> bool:
        """Whether the whole vocabulary is kept, so that no subset needs to be sent."""
        return False

    @property
    def carries(self) -> bool:
        """Whether a request may begin otherwise than the device's first one."""
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


class KeepAll(Sparsifier):
    """The whole vocabulary."""

    kind: Literal["all"] = "all"

    @property
    def keeps_all(self) -> bool:
        return True

    def support(self, q: Floats, state: State) -> Ints:
        return sparsify.All().support(q)


class KeepTopK(Sparsifier):
    """The k most probable tokens; both ends know K, so it is not sent."""

    kind: Literal["top_k"] = "top_k"
    k: SupportSize = 8

    @property
    def fixed_size(self) -> int:
        return self.k

    def support(self, q: Floats, state: State) -> Ints:
        return sparsify.TopK(self.k).support(q)


class KeepTopP(Sparsifier):
    """The fewest most probable tokens that hold at least `mass` (nucleus)."""

    kind: Literal["top_p"] = "top_p"
    mass: Annotated[float, Tunable(0.5, 0.8, 0.9, 0.95, 0.99)] = Field(
        0.9, gt=0, le=1, description="probability that the kept tokens hold at least"
    )

    def support(self, q: Floats, state: State) -> Ints:
        return sparsify.TopP(self.mass).support(q)


class KeepMinP(Sparsifier):
    """Every token at least `ratio` times as probable as the most probable one."""

    kind: Literal["min_p"] = "min_p"
    ratio: Annotated[float, Tunable(0.3, 0.1, 0.05, 0.02, 0.01)] = Field(
        0.05, ge=0, le=1, description="least probability kept, as a share of the largest"
    )

    def support(self, q: Floats, state: State) -> Ints:
        return sparsify.MinP(self.ratio).support(q)


class KeepAbove(Sparsifier):
    """Every token at least as probable as a threshold that stays."""

    kind: Literal["threshold"] = "threshold"
    beta: Annotated[float, Tunable(0.3, 0.1, 0.03, 0.01, 0.003)] = Field(
        0.05, le=1, allow_inf_nan=False, description="least probability kept"
    )

    def support(self, q: Floats, state: State) -> Ints:
        return sparsify.Threshold(self.beta).support(q)


class KeepByEntropy(Sparsifier):
    """The most probable tokens, as many as `scale` times the perplexity of the distribution: a flat distribution keeps
    more."""

    kind: Literal["entropy_k"] = "entropy_k"
    scale: Annotated[float, Tunable(0.25, 0.5, 1.0, 2.0, 4.0)] = Field(
        1.0, gt=0, allow_inf_nan=False, description="tokens kept, as a multiple of 2^entropy"
    )

    def support(self, q: Floats, state: State) -> Ints:
        return sparsify.EntropyK(self.scale).support(q)


class ConformalFields(Part):
    """What a threshold that online conformal prediction moves is given."""

    target: Annotated[float, Tunable(5e-4, 5e-3, 5e-2)] = Field(
        5e-4, ge=0, le=1, description="alpha, long-run dropped mass aimed at"
    )
    step: Annotated[float, Tunable(1e-3, 1e-2)] = Field(
        1e-3, gt=0, allow_inf_nan=False, description="eta, step of the threshold per draft"
    )
    initial: Annotated[float, Tunable(0.3, 0.1, 0.03, 0.01)] = Field(
        0.1, le=1, allow_inf_nan=False, description="beta_1, the first threshold"
    )
    rollback: Rollback = Field("through_rejection", description="which updates of a round outlive its feedback")
    k_max: int | None = Field(None, ge=1, description="most tokens sent of a distribution; null for no cap")
    carry: bool = Field(True, description="a device's next request goes on from the threshold of its last")


class KeepConformal(ConformalFields, Sparsifier):
    """Every token above a threshold that online conformal prediction moves (SQS-SD, section III-B).

    The state is (beta_n,). It moves with alpha_n of the uncapped set; `k_max` and the budget act on what is sent only.
    """

    kind: Literal["conformal"] = "conformal"

    @cached_property
    def rule(self) -> Conformal:
        """How the threshold moves."""
        return Conformal(self.target, self.step, self.initial, self.rollback, self.k_max)

    @property
    def carries(self) -> bool:
        return self.carry

    def entry(self, last: State | None) -> State:
        return last if self.carry and last is not None else (self.initial,)

    def support(self, q: Floats, state: State) -> Ints:
        return self.rule.support(q, state[0])

    def advance(self, q: Floats, state: State) -> State:
        return (self.rule.next(state[0], self.rule.dropped_mass(q, state[0])),)

    def settle(self, chain: Sequence[State], accepted: int) -> State:
        return (self.rule.after_feedback([beta for (beta,) in chain], accepted, len(chain) - 1),)


class KeepRunningQuantile(Sparsifier):
    """Every token above a quantile of the thresholds that the last distributions would have borne (`codec.conformal`).

    The state is those thresholds, oldest first: of accepted drafts only, a rejected one takes its own along.
    """

    kind: Literal["running_quantile"] = "running_quantile"
    target: Annotated[float, Tunable(0.02, 0.05, 0.1, 0.2, 0.4)] = Field(
        0.1, ge=0, le=1, description="the most mass that a distribution may drop to bear a threshold"
    )
    initial: float = Field(0.05, le=1, allow_inf_nan=False, description="the first draft's threshold")
    window: int = Field(32, ge=1, le=1024, description="distributions that it looks back on")
    level: float = Field(0.5, gt=0, le=1, description="which quantile over the window: 0.5 is the median")
    carry: bool = Field(True, description="a device's next request goes on from the window of its last")

    @cached_property
    def rule(self) -> RunningQuantile:
        """How the threshold follows."""
        return RunningQuantile(self.target, self.initial, self.window, self.level)

    @property
    def carries(self) -> bool:
        return self.carry

    def entry(self, last: State | None) -> State:
        return last if self.carry and last is not None else ()

    def support(self, q: Floats, state: State) -> Ints:
        return self.rule.support(q, state)

    def advance(self, q: Floats, state: State) -> State:
        return self.rule.next(state, q)
