"""Spans of a run's requests, rounds, packets and passes, collected by an observer as they come about. Traces are read
off them, and so is the `timeline` of one request."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, isnan, nan
from typing import Final, NamedTuple, Protocol, runtime_checkable

from simulator.results.column_names import BREAKDOWN
from simulator.results.observer import END, ROUND, Airing, Doing, Observer, ServerPass, Spent, Unserved
from simulator.results.requests import BranchWork, HiddenRead, Request
from simulator.results.rounds import OpenRound, Round
from simulator.results.station import Clock

RequestKey = tuple[int, int]  # (device, request)
_AT_THE_EDGE: Final = ("draft_s", "encode_s")
_IN_A_PASS: Final = ("prefill_s", "verify_s", "cloud_decode_s")


class Span(NamedTuple):
    """A round, or its reply, was in this state, a column of BREAKDOWN."""

    state: str
    began_s: float
    ended_s: float


class Drafts(NamedTuple):
    """The drafts of a verified round and what became of them, as tokens. `parents`: of each draft the one that it
    follows, -1 for the text; `stood`: indices of those that are accepted."""

    tokens: tuple[int, ...] = ()
    parents: tuple[int, ...] = ()
    stood: tuple[int, ...] = ()
    committed: tuple[int, ...] = ()
    drawn_s: tuple[float, ...] = ()
    """Time at which each was drawn; () if the drafter's passes were not known beforehand."""
    q: tuple[float, ...] = ()
    """The drafter's own probability of each."""
    rejection: tuple[float, ...] = ()
    """TV(qhat, p), the probability with which it is rejected, of each up to the first rejected."""

    @property
    def depths(self) -> list[int]:
        """Returns the number of drafts from the text to each draft, itself included."""
        depths: list[int] = []
        for parent in self.parents:
            depths.append(1 if parent < 0 else depths[parent] + 1)
        return depths

    @property
    def results(self) -> list[str]:
        """Returns the fate of each draft: accepted, rejected or not verified. Of those of a tree that are not accepted
        no more is known."""
        if self.branches:
            return ["accepted" if place in self.stood else "not accepted" for place in range(len(self.tokens))]
        ends = (("accepted", len(self.stood)), ("rejected", len(self.rejection)), ("not verified", len(self.tokens)))
        return [next(result for result, end in ends if place < end) for place in range(len(self.tokens))]

    @property
    def branches(self) -> bool:
        return self.parents != tuple(range(-1, len(self.parents) - 1))


@dataclass(frozen=True, slots=True)
class RoundSpans:
    """Round from its first instant to its last, at which it was answered, flushed or cut off."""

    number: int
    record: Round
    ended_s: float
    doings: Sequence[Span]
    """States in order, without gap from the first to the end; those of a round drafted ahead go on in the cloud when it
    is waited for no more."""
    drafts: Drafts

    @property
    def answered(self) -> bool:
        return not isnan(self.record.answered_s)

    @property
    def edge_work(self) -> list[Span]:
        """Returns the work of the device's processor for the round."""
        return [span for span in self.doings if span.state in _AT_THE_EDGE or self._is_edge_prefill(span)]

    @property
    def served(self) -> list[Span]:
        """Returns the spans in which a server of the cloud ran for the round."""
        return [span for span in self.doings if span.state in _IN_A_PASS and not self._is_edge_prefill(span)]

    def served_in(self, ran: ServerPass, place: int) -> str:
        """The state that it was in while this pass ran, in which its session has this place."""
        if ran.reads[place]:
            return "prefill_s"
        decodes = any(span.state == "cloud_decode_s" and span.began_s == ran.began_s for span in self.doings)
        return "cloud_decode_s" if decodes else "verify_s"

    @property
    def drafted(self) -> int:
        """Number of drafts made for it, those of a flushed round included."""
        return int(self.record.flushed_drafts or self.record.drafted)

    def _is_edge_prefill(self, span: Span) -> bool:
        """True if the drafter reads the prompt, not the cloud: before anything is sent."""
        return span.state == "prefill_s" and not span.began_s >= self.record.sent_s


@dataclass(slots=True)
class RequestSpans:
    """Request from its arrival to its end (nan: it had none in the run)."""

    device: int
    number: int
    arrival_s: float
    finish_s: float = nan
    outcome: str = "in_flight"
    prompt: str = ""
    prompt_tokens: tuple[int, ...] = ()
    tokens: tuple[int, ...] = ()  # those that have reached the device
    spent: list[Spent] = field(default_factory=list)  # A partition of its time, in order (I11)
    hidden_draft_s: float = 0.0
    read: Sequence[HiddenRead] = ()
    prepared: Sequence[BranchWork] = ()
    rounds: list[RoundSpans] = field(default_factory=list)  # in the order in which they ended

    @property
    def end_s(self) -> float:
        """The end of the request; where it had none, up to where it was followed."""
        if not isnan(self.finish_s):
            return self.finish_s
        return max([self.arrival_s, *(spent.ended_s for spent in self.spent)])

    def take(self, request: Request) -> None:
        """Takes what is known of the request now."""
        self.outcome, self.finish_s = request.outcome, request.finish_s
        self.prompt, self.prompt_tokens = request.prompt.name, tuple(request.prompt.tokens)
        self.tokens, self.hidden_draft_s, self.read = tuple(request.tokens), request.hidden_draft_s, [*request.read]
        self.prepared = [*request.prepared]


@runtime_checkable
class Timed(Protocol):
    """Part of the plant that spans need."""

    env: Clock


class Spans(Observer):
    """Collects what happens, in time order; of one request only where `only` names it, with the passes it shared. With
    `most` it stops listening after so many calls; `cut_s` is that time, nan where nothing was cut."""

    def __init__(self, only: RequestKey | None = None, most: int | None = None) -> None:
        self.requests: dict[RequestKey, RequestSpans] = {}
        self.airings: list[Airing] = []
        self.passes: list[ServerPass] = []
        self.unserved: list[Unserved] = []
        self.cut_s = nan
        self._only = only
        self._most = most
        self._noted = 0
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
        stated = self._doings.setdefault(doing.address, [])
        while stated and stated[-1].from_s > doing.from_s:
            stated.pop()
        stated.append(doing)

    def on_spent(self, spent: Spent) -> None:
        if self._listens(spent.address[:2]):
            self.requests[spent.address[:2]].spent.append(spent)

    def on_drafts(self, request: Request, notes: OpenRound) -> None:
        key = request.device, request.number
        if not self._listens(key):
            return
        self.requests[key].take(request)
        stated = self._doings.pop((*key, notes.number), [])
        now_s = self._now_s
        drafts = _drafts(notes)
        self.requests[key].rounds.append(RoundSpans(notes.number, notes.close(), now_s, _spans(stated, now_s), drafts))

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
        """True if an event of this request is to be noted."""
        if not isnan(self.cut_s) or (self._only is not None and key != self._only):
            return False
        if self._noted == self._most:
            self.cut_s = self._now_s
            return False
        self._noted += 1
        return True


def _drafts(notes: OpenRound) -> Drafts:
    sent, verified = notes.sent, notes.verified
    tokens = tuple(each.draft.token for each in sent.drafts)
    drafts = Drafts(tokens, tuple(sent.parents), tuple(verified.stood), tuple(verified.committed))
    depths, ends_s, block = drafts.depths, notes.pass_ends_s, notes.drafts_per_pass
    known = max(depths, default=0) <= block * len(ends_s)
    return drafts._replace(
        drawn_s=tuple(ends_s[(depth - 1) // block] for depth in depths) if known else (),
        q=tuple(each.confidence for each in sent.drafts),
        rejection=tuple(each.tv_qhat for each in verified.divergences.drafts),
    )


def _spans(stated: Sequence[Doing], ended_s: float) -> list[Span]:
    ends_s = [*(doing.from_s for doing in stated[1:]), ended_s]
    spans = (Span(doing.state, doing.from_s, min(to_s, ended_s)) for doing, to_s in zip(stated, ends_s, strict=True))
    return [span for span in spans if span.ended_s > span.began_s]


UPLINK, DOWNLINK = "uplink", "downlink"


@dataclass(frozen=True)
class RoundTimeline:
    """A round, its packets each way, acknowledgements left out, and the passes that served it, in order of time."""

    spans: RoundSpans
    up: Sequence[Airing]
    down: Sequence[Airing]
    passes: Sequence[ServerPass]
    unserved: Sequence[Unserved]  # its packets that left a link's queue before their turn, while it was open

    @property
    def number(self) -> int:
        return self.spans.number

    @property
    def began_s(self) -> float:
        return self.spans.record.started_s

    def seconds(self, *states: str) -> float:
        """Returns the time that it spent in any of these states, in seconds."""
        return sum(span.ended_s - span.began_s for span in self.spans.doings if span.state in states)

    def first(self, *states: str) -> Span | None:
        """The first time that it was in one of these states."""
        return next((span for span in self.spans.doings if span.state in states), None)


@dataclass(frozen=True)
class Timeline:
    """Timeline of a request. `prompt` has the packets of its prompt, `prefills` the passes that read it for no round
    yet; `ending` those of the message by which the device ends it, `late` the passes, and `unheard` the packets, of a
    cloud that has not received that yet."""

    request: RequestSpans
    rounds: Sequence[RoundTimeline]
    prompt: Sequence[Airing]
    prefills: Sequence[ServerPass]
    unserved: Sequence[Unserved]  # packets of the prompt that left the queue before their turn
    ending: Sequence[Airing]
    late: Sequence[ServerPass]
    unheard: Sequence[Airing]

    def place_in(self, ran: ServerPass) -> int:
        """Returns the place of the request's session in a pass that it shared."""
        return ran.sessions.index((self.request.device, self.request.number))

    @property
    def latency_s(self) -> float:
        return self.request.end_s - self.request.arrival_s

    @property
    def first_token_s(self) -> float | None:
        """Time from arrival to the first token, None if there is no token."""
        ends_s = [each.spans.ended_s for each in self.rounds if each.spans.answered]
        return min(ends_s) - self.request.arrival_s if ends_s else None

    @cached_property
    def breakdown(self) -> dict[str, float]:
        spent = dict.fromkeys(BREAKDOWN, 0.0)
        for each in self.request.spent:
            spent[each.state] += each.ended_s - each.began_s
        return {state: seconds for state, seconds in spent.items() if seconds}

    def between(self, first: int, last: int) -> list[RoundTimeline]:
        return [each for each in self.rounds if first <= each.number <= last]


def timeline(spans: Spans, key: RequestKey) -> Timeline:
    """The timeline of (device, request) from what was collected. Raises KeyError where it never came."""
    request = spans.requests[key]
    airings = [each for each in spans.airings if each.address[:2] == key and not each.acknowledges]
    passes = [each for each in spans.passes if key in each.sessions]
    begun = {(span.began_s, round_.number) for round_ in request.rounds for span in round_.served}
    dropped = [each for each in spans.unserved if each.address[:2] == key and len(each.address) == 3]
    known = {0, *(round_.number for round_ in request.rounds)}
    rounds = [
        RoundTimeline(
            round_,
            [each for each in airings if _round_of(each, known) == round_.number and each.link.endswith(UPLINK)],
            [each for each in airings if each.round == round_.number and each.link.endswith(DOWNLINK)],
            [each for each in passes if (each.began_s, round_.number) in begun],
            [each for each in dropped if each.address[2] & ROUND == round_.number and each.left_s < round_.ended_s],
        )
        for round_ in sorted(request.rounds, key=lambda each: each.number)
    ]
    served = {id(each) for round_ in rounds for each in round_.passes}
    prompt = [each for each in airings if each.round == 0]
    others = [each for each in passes if id(each) not in served]
    ended_s = inf if isnan(request.finish_s) else request.finish_s
    prefills = [each for each in others if each.began_s < ended_s]
    late = [each for each in others if each.began_s >= ended_s]
    unheard = [each for each in airings if each.round not in known and each.link.endswith(DOWNLINK)]
    ending = [each for each in airings if each.address[2] == END]
    unserved = [each for each in dropped if each.address[2] == 0]
    return Timeline(request, rounds, prompt, prefills, unserved, ending, late, unheard)


def _round_of(airing: Airing, known: Collection[int]) -> int:
    """Returns the round that a packet belongs to: of branches of a round that never began, the one before it."""
    return airing.round - (airing.address[2] > ROUND and airing.round not in known)
