"""Request to the service, from its arrival to its last token."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from models.interface import Prompt
from simulator.results.ledger import Ledger, SpentTime
from simulator.results.rounds import OpenRound, Round, TimedRounds


class HiddenRead(NamedTuple):
    """The edge's drafter reads so many tokens of the text."""

    began_s: float
    ended_s: float
    tokens: int


class BranchWork(NamedTuple):
    """Work of the edge's processor for prepared branches: `draft`, a pass over so many tokens, or `encode`, so many
    drafts."""

    began_s: float
    ended_s: float
    tokens: int
    does: str


@dataclass(slots=True)
class Request:
    """Request with its outcome (in_flight, answered, timed_out, abandoned) and the account of its time."""

    device: int
    number: int
    prompt: Prompt
    output_tokens: int
    arrival_s: float
    ledger: Ledger
    end_tokens: tuple[int, ...] = ()
    """The answer ends with the first of any of these that comes before `output_tokens`."""
    on_round: Callable[[Request, Round, OpenRound], None] | None = None
    """Receiver of each round that has closed, and of the notes on it."""
    write_up: Callable[[], None] | None = None
    """Opens the round under way with what it has come to, where whoever serves the request takes no notes of it before
    it closes."""
    turn: int = 1
    """Number of the turn in its conversation, from 1."""
    held: tuple[int, int] = (0, 0)
    """Leading tokens of the prompt that were held as the conversation so far: by the cloud, and in the drafter's
    cache."""
    tokens: list[int] = field(default_factory=list)
    rounds: list[Round] | TimedRounds = field(default_factory=list)
    """Closed rounds, in order."""
    states: list[tuple[float, ...]] = field(default_factory=list)
    """The scheme's before the first draft of each of them."""
    came_s: list[float] = field(default_factory=list)
    """Times at which tokens reached the device: once a round, all of its tokens together."""
    open: dict[int, OpenRound] = field(default_factory=dict)
    """Rounds under way, by their number, in order."""
    tail_tokens: int = 0
    outcome: str = "in_flight"
    first_token_s: float = math.nan
    finish_s: float = math.nan
    hidden_draft_s: float = 0.0
    """Drafting, encoding and reading behind what was still out; outside the breakdown."""
    read: list[HiddenRead] = field(default_factory=list)
    """Texts that its drafter has read after the cloud decoded them, as far as that was hidden."""
    prepared: list[BranchWork] = field(default_factory=list)
    """Work for branches, hidden or not."""

    @property
    def remaining_tokens(self) -> int:
        """Output tokens still to come, at most; none behind an end token."""
        if self.tokens and self.tokens[-1] in self.end_tokens:
            return 0
        return self.output_tokens - len(self.tokens)

    def begin_round(self, number: int, now_s: float) -> OpenRound:
        """Opens round 1, 2, ... for notes; after the request's end, for notes that nobody keeps."""
        opened = OpenRound(number, now_s)
        if self.outcome == "in_flight":
            self.open[number] = opened
        return opened

    def notes(self, number: int) -> OpenRound:
        """Returns the notes on a round under way. If it is not under way, as the cloud goes on until it learns that the
        request has ended, these are notes that nobody keeps."""
        return self.open[number] if self.outcome == "in_flight" else OpenRound(number, math.nan)

    def close_round(self, number: int, tokens: tuple[int, ...], now_s: float) -> None:
        """The round's tokens have reached the device; those past the end of the answer are cut and counted (I9)."""
        self.open[number].answered_s = now_s
        self._close(number)
        kept = within(tokens, self.remaining_tokens, self.end_tokens)
        self.take_tokens(kept, len(tokens) - len(kept), now_s)
        self.ledger.close(number)

    def take_tokens(self, tokens: tuple[int, ...], tail_tokens: int, now_s: float) -> None:
        """A round's tokens are at the device by that time: those up to the end of the answer, and how many past it."""
        if not self.tokens:
            self.first_token_s = now_s
        self.tokens.extend(tokens)
        self.came_s.append(now_s)
        self.tail_tokens += tail_tokens

    def flush_round(self, number: int, drafts: int, on_air_bits: int, now_s: float) -> None:
        """The round was drafted ahead on drafts that were not accepted (`OpenRound.flush`)."""
        notes = self.open[number]
        notes.stop(now_s)
        notes.flush(drafts, on_air_bits)
        self._close(number)
        self.ledger.close(number)

    def end(self, outcome: str, now_s: float) -> None:
        """The request is answered, timed_out or abandoned; rounds under way are cut off."""
        assert self.outcome == "in_flight", f"I1: request {self.device}/{self.number} ends twice"
        self.outcome = outcome
        self.finish_s = now_s
        self.cut_off(now_s)
        self.ledger.end()

    def cut_off(self, now_s: float) -> None:
        """Closes the rounds under way as they stand now."""
        if self.write_up is not None:
            self.write_up()
        for number, notes in list(self.open.items()):
            notes.stop(now_s)
            self._close(number)

    def _close(self, number: int) -> None:
        notes = self.open.pop(number)
        closed = notes.close()
        self.rounds.append(closed)
        self.states.append(notes.sent.state)
        if self.on_round is not None:
            self.on_round(self, closed, notes)

    @property
    def answered_tokens(self) -> int:
        """Output tokens that have reached the device."""
        return len(self.tokens)

    @property
    def closed_rounds(self) -> int:
        return len(self.rounds)

    @property
    def latency_s(self) -> float:
        return self.finish_s - self.arrival_s

    @property
    def ttft_s(self) -> float:
        """Time to the first token."""
        return self.first_token_s - self.arrival_s

    @property
    def tpot_s(self) -> float:
        """Time per output token after the first."""
        return (self.finish_s - self.first_token_s) / max(1, len(self.tokens) - 1)

    @property
    def spent(self) -> SpentTime:
        """Seconds by the columns of BREAKDOWN."""
        return self.ledger.spent


def within(tokens: tuple[int, ...], remaining_tokens: int, end_tokens: Sequence[int]) -> tuple[int, ...]:
    """The tokens of a round up to the end of the answer."""
    kept = tokens[:remaining_tokens]
    if not end_tokens:
        return kept
    last = next((place for place, token in enumerate(kept) if token in end_tokens), len(kept))
    return kept[: last + 1]


def holds_any(tokens: Sequence[int], end_tokens: Sequence[int]) -> bool:
    """True if an answer ends within these tokens."""
    return any(token in end_tokens for token in tokens)
