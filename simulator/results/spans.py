"""When everything happened: the spans of a run's requests, rounds, packets and passes, collected as an observer.

What a round does is told before it happens and may change until it has; the spans here are what came of it. Traces and
the timeline of a request are read off them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isnan, nan
from typing import Final, NamedTuple, Protocol, runtime_checkable

from simulator.results.observer import Airing, Doing, Observer, ServerPass, Spent, Unserved
from simulator.results.requests import Request
from simulator.results.rounds import OpenRound, Round
from simulator.results.station import Clock

RequestKey = tuple[int, int]
"""(device, request)."""
_AT_THE_EDGE: Final = ("draft_s", "encode_s")
_IN_A_PASS: Final = ("prefill_s", "verify_s", "cloud_decode_s")


class Span(NamedTuple):
    """A round, or its reply, was in this state, a column of BREAKDOWN."""

    state: str
    began_s: float
    ended_s: float


class Drafts(NamedTuple):
    """The drafts of a judged round and what became of them, as tokens. `parents`: of each draft the one that it
    follows, -1 for the text; `stood`: places of those that stand."""

    tokens: tuple[int, ...] = ()
    parents: tuple[int, ...] = ()
    stood: tuple[int, ...] = ()
    committed: tuple[int, ...] = ()

    @property
    def branches(self) -> bool:
        """Whether they are a tree."""
        return self.parents != tuple(range(-1, len(self.parents) - 1))


@dataclass(frozen=True, slots=True)
class RoundSpans:
    """One round from its first instant to its last: it was answered, flushed or cut off then."""

    number: int
    record: Round
    ended_s: float
    doings: Sequence[Span]
    """In order, without gap from the first to the end; those of a round drafted ahead go on in the cloud when it is
    waited for no more."""
    drafts: Drafts

    @property
    def answered(self) -> bool:
        return not isnan(self.record.answered_s)

    @property
    def edge_work(self) -> list[Span]:
        """What the device's processor did for it."""
        return [span for span in self.doings if span.state in _AT_THE_EDGE or self._is_edge_prefill(span)]

    @property
    def served(self) -> list[Span]:
        """When a server of the cloud ran for it."""
        return [span for span in self.doings if span.state in _IN_A_PASS and not self._is_edge_prefill(span)]

    def _is_edge_prefill(self, span: Span) -> bool:
        """Whether the drafter reads the prompt, not the cloud: before anything is sent."""
        return span.state == "prefill_s" and not span.began_s >= self.record.sent_s


@dataclass(slots=True)
class RequestSpans:
    """One request from its arrival to its end (nan: it had none in the run)."""

    device: int
    number: int
    arrival_s: float
    finish_s: float = nan
    outcome: str = "in_flight"
    prompt: str = ""
    prompt_tokens: int = 0
    tokens: tuple[int, ...] = ()
    """Those that have reached the device."""
    spent: list[Spent] = field(default_factory=list)
    """A partition of its time, in order (I11)."""
    hidden_draft_s: float = 0.0
    rounds: list[RoundSpans] = field(default_factory=list)
    """In the order in which they ended."""

    def take(self, request: Request) -> None:
        """What is known of the request now."""
        self.outcome, self.finish_s = request.outcome, request.finish_s
        self.prompt, self.prompt_tokens = request.prompt.name, len(request.prompt.tokens)
        self.tokens, self.hidden_draft_s = tuple(request.tokens), request.hidden_draft_s


@runtime_checkable
class Timed(Protocol):
    """All that is asked of the plant."""

    env: Clock


class Spans(Observer):
    """Collects what happens, in time order; of one request only where `only` names it, with the passes it shared.

    With `most` it stops listening after so many calls: what ended by then is all there. `cut_s` is that time, nan where
    nothing was cut.
    """

    def __init__(self, only: RequestKey | None = None, most: int | None = None) -> None:
        self.requests: dict[RequestKey, RequestSpans] = {}
        self.airings: list[Airing] = []
        self.passes: list[ServerPass] = []
        self.unserved: list[Unserved] = []
        self.cut_s = nan
        self._only = only
        self._most = most
        self._heard = 0
        self._doings: dict[tuple[int, int, int], list[Doing]] = {}
        self._clock: Clock | None = None

    def on_start(self, plant: object) -> None:
        assert isinstance(plant, Timed)
        self._clock = plant.env

    def on_doing(self, doing: Doing) -> None:
        key = doing.address[0], doing.address[1]
        if not self._listens(key):
            return
        if key not in self.requests:
            self.requests[key] = RequestSpans(*key, arrival_s=doing.from_s)
        said = self._doings.setdefault(doing.address, [])
        while said and said[-1].from_s > doing.from_s:
            said.pop()
        said.append(doing)

    def on_spent(self, spent: Spent) -> None:
        if self._listens(spent.address[:2]):
            self.requests[spent.address[:2]].spent.append(spent)

    def on_drafts(self, request: Request, notes: OpenRound) -> None:
        key = request.device, request.number
        if not self._listens(key):
            return
        self.requests[key].take(request)
        said = self._doings.pop((*key, notes.number), [])
        now_s, verdict = self._now_s, notes.verified
        tokens = tuple(each.draft.token for each in notes.sent.drafts)
        drafts = Drafts(tokens, tuple(notes.sent.parents), tuple(verdict.stood), tuple(verdict.committed))
        self.requests[key].rounds.append(RoundSpans(notes.number, notes.close(), now_s, _spans(said, now_s), drafts))

    def on_request(self, request: Request, share: float) -> None:
        key = request.device, request.number
        if self._listens(key):
            self.requests[key].take(request)

    def on_packet(self, airing: Airing) -> None:
        if self._listens(airing.address[:2]):
            self.airings.append(airing)

    def on_pass(self, served: ServerPass) -> None:
        if (self._only is None or self._only in served.sessions) and self._listens(self._only):
            self.passes.append(served)

    def on_unserved(self, gone: Unserved) -> None:
        if self._listens((gone.address[0], gone.address[1])):
            self.unserved.append(gone)

    @property
    def _now_s(self) -> float:
        assert self._clock is not None
        return self._clock.now

    def _listens(self, key: RequestKey | None) -> bool:
        """Whether it is to note one more thing, which is of this request."""
        if not isnan(self.cut_s) or (self._only is not None and key != self._only):
            return False
        if self._heard == self._most:
            self.cut_s = self._now_s
            return False
        self._heard += 1
        return True


def _spans(said: Sequence[Doing], ended_s: float) -> list[Span]:
    """What came of what was said of a round that ended then."""
    ends_s = [*(doing.from_s for doing in said[1:]), ended_s]
    spans = (Span(doing.state, doing.from_s, min(to_s, ended_s)) for doing, to_s in zip(said, ends_s, strict=True))
    return [span for span in spans if span.ended_s > span.began_s]
