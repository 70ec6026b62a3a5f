"""State of a policy that maximises goodput, and the values that it reads off a view and a verification result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from math import ceil, isnan, nan
from operator import attrgetter
from typing import Any, Final, Self

from simulator.schemes.policies.running_estimates import AcceptanceEstimate, LinkTimes, RunningMean
from simulator.schemes.policy import EdgeView, PolicyState, SeenVerdict

POSITIONS: Final = 8
"""Draft positions with an acceptance of their own."""
NO_DISTRIBUTION: Final = -1.0
"""Number in place of a bin."""
FIRST_BITS: Final = 100.0
"""A draft's bits before any was sent."""
FIRST_HEADER_BITS: Final = 320.0
"""Bits of a message's headers before any was seen; what a link compresses shows with the first answers."""
PASS_MEMORY: Final = 64.0
CLOUD_MEMORY: Final = 24.0
"""Answers over which what the cloud takes is remembered."""


@dataclass(slots=True)
class Learned:
    """Knowledge of the link, the cloud, the pair and the round under way; `floats` and `of` make it a state."""

    rungs: int
    acceptance: AcceptanceEstimate
    bits: list[RunningMean]
    """[operating point]: payload bits of a draft."""
    tried: list[float]
    """[operating point, then the cloud]: at which decision it was last chosen."""
    link: LinkTimes = field(default_factory=LinkTimes)
    verify: RunningMean = field(default_factory=RunningMean)
    """The mean time of the cloud to verify a round, queueing included, s. It is not tied to `decode`: a round that
    comes amid others' passes waits for one to end, while the tokens of a stretch go from pass to pass."""
    decode: RunningMean = field(default_factory=RunningMean)
    """The mean time of the cloud from one token that it decodes by itself to the next, s."""
    header: RunningMean = field(default_factory=RunningMean)
    """Bits on the air beside a round's payload."""
    pass_s: RunningMean = field(default_factory=RunningMean)
    """The mean time of a pass of the drafter, s."""
    decisions: float = 0.0
    """Number of rounds, or of stretches of the cloud's own, that were decided on."""
    price: float = 0.0
    """Tokens that a second was worth when the round was opened: the best goodput to be had."""
    survival: float = 1.0
    """The chance that all drafts of the open round are accepted."""
    rung: float = 0.0
    target: float = 0.0
    """The length of a round that is there to learn from; 0 where the gain decides."""
    scheduled: float = 0.0
    """True if the last decision was made whatever the link showed."""
    trial_s: float = 0.0
    """Time of the last action that was taken to learn from it."""
    asked_s: float = nan
    """Time at which a pass was requested."""
    round_asked_s: float = nan
    """Time at which a round was decided on at once."""
    block: float = 1.0
    """The drafts of a pass, as that was."""
    timed_s: float = nan
    """Up to when answers have been read for their times."""
    acked_bits: float = 0.0
    row_asked_s: float = nan
    """Time at which the cloud's last stretch was requested, until its request is seen to have been acknowledged."""
    row_is_new: float = 0.0
    """True if the first token of a stretch is still to come."""
    bins: list[float] = field(default_factory=list)
    """[draft of the open round]: the bin of its distribution, or NO_DISTRIBUTION."""

    @classmethod
    def empty(cls, rungs: int) -> Self:
        """Returns the knowledge before anything was seen."""
        made = [RunningMean() for _ in range(rungs)]
        return cls(rungs, AcceptanceEstimate.empty(rungs, POSITIONS), made, [-1.0] * (rungs + 1))

    @classmethod
    def at(cls, view: EdgeView, state: PolicyState) -> Self:
        """Returns the knowledge in a state, with the news of a view."""
        learned = cls.of(state, view.rungs)
        learned.see(view)
        return learned

    @classmethod
    def after(cls, result: SeenVerdict, state: PolicyState) -> Self:
        """Returns the knowledge in a state, with the news of a verification result."""
        learned = cls.of(state, int(state[0]))
        learned.learn(result)
        return learned

    def floats(self) -> PolicyState:
        """Returns all of it as a state, the number of operating points first."""
        return (float(self.rungs), *_numbers([*_PARTS[Learned](self)[1:]], []))

    @classmethod
    def of(cls, state: PolicyState, rungs: int) -> Self:
        """The inverse of `floats`; `empty` of no state, or of one that was left under another number of operating
        points."""
        empty = cls.empty(rungs)
        if not state or int(state[0]) != rungs:
            return empty
        left = iter(state[1:])
        parts = _filled([*_PARTS[Learned](empty)[1:-1]], left)
        return cls(*[rungs, *parts, list(left)])

    def draft_bits(self, rung: int) -> float:
        """Payload bits of one more draft."""
        return self.bits[rung].known(FIRST_BITS)

    @property
    def header_bits(self) -> float:
        """Bits on the air with every message, besides its content."""
        return self.header.known(FIRST_HEADER_BITS)

    def see(self, view: EdgeView) -> None:
        """Takes from a view what is new in it: a pass that has ended, a round or a stretch that was answered."""
        if not isnan(self.asked_s):
            drafts_before = len(view.drafts) - (view.distribution is None)
            if drafts_before % view.drafts_per_pass == 0:  # else it was made with one before it
                self.pass_s.observe(view.now_s - self.asked_s, PASS_MEMORY)
            self.asked_s = nan
        while len(self.bins) < len(view.drafts):  # drawn unseen: a round's first, or all
            self.survival *= self.acceptance.estimate(int(self.rung), len(self.bins), None)
            self.bins.append(NO_DISTRIBUTION)
        if not self.decode.weight:
            for seen in view.verdicts:
                if not seen.drafted and not seen.payload_bits:  # of an answer that the cloud has begun
                    self.decode.observe(seen.answered_s - seen.sent_s, CLOUD_MEMORY)
        answered_s = view.verdicts[-1].answered_s if view.verdicts else nan
        if not isnan(self.row_asked_s) or answered_s != self.timed_s:
            self._time(view)
            self.timed_s, self.row_asked_s = answered_s, nan

    def _time(self, view: EdgeView) -> None:
        """Learns times from the last answer. After a stretch the acknowledgement of its request tells of the link, even
        if that went out behind the prompt; of a round the answer does, but of a request's first, which has waited for
        the prompt and its prefill."""
        on_air, self.acked_bits = view.link.acked_bits - self.acked_bits, float(view.link.acked_bits)
        last = view.verdicts[-1] if view.verdicts else None
        if not isnan(self.row_asked_s):
            if on_air > 0 and not isnan(view.link.round_trip_s):
                self.link.observe(self.row_asked_s, on_air, view.link.round_trip_s, bool(self.scheduled))
        elif last is not None and last.drafted:
            served_s = view.cloud.queue_s + view.cloud.serve_s
            if not isnan(served_s):
                self.verify.observe(served_s, CLOUD_MEMORY)
            if len(view.verdicts) > 1 and on_air > 0:
                self.header.observe(max(0.0, on_air - last.payload_bits), PASS_MEMORY)
                network_s = last.answered_s - last.sent_s - (0.0 if isnan(served_s) else served_s)
                self.link.observe(last.sent_s, on_air, network_s, bool(self.scheduled))

    def learn(self, result: SeenVerdict) -> None:
        """Takes what a verification result says of acceptance, bits and the time between two tokens of the cloud's."""
        if result.drafted:
            if not isnan(self.round_asked_s):
                passes = ceil(result.drafted / self.block)
                self.pass_s.observe((result.sent_s - self.round_asked_s) / passes, PASS_MEMORY)
            bins = [None if bin_ == NO_DISTRIBUTION else int(bin_) for bin_ in self.bins]
            self.acceptance.observe(result.rung, bins, result.drafted, result.accepted)
            self.bits[result.rung].observe(result.payload_bits / result.drafted, PASS_MEMORY)
        elif self.row_is_new:
            self.row_is_new = 0.0
        else:
            self.decode.observe(result.answered_s - result.sent_s, CLOUD_MEMORY)
        self.bins = []
        self.survival = 1.0
        self.asked_s = self.round_asked_s = nan


_PARTS: Final = {
    kind: attrgetter(*(each.name for each in fields(kind)))
    for kind in (Learned, AcceptanceEstimate, LinkTimes, RunningMean)
}


def _numbers(value: Any, found: list[float]) -> list[float]:
    for each in value if isinstance(value, list) else _PARTS[type(value)](value):
        if type(each) is float:
            found.append(each)
        else:
            _numbers(each, found)
    return found


def _filled(value: Any, numbers: Iterator[float]) -> Any:
    """A list or dataclass of the same shape, made of the next numbers."""
    parts = value if isinstance(value, list) else _PARTS[type(value)](value)
    made = [next(numbers) if type(each) is float else _filled(each, numbers) for each in parts]
    return made if isinstance(value, list) else type(value)(*made)
