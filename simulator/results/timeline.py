"""One request in order of time: its prompt, and of each round what was done, sent and served for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, isnan

from simulator.results.columns import BREAKDOWN
from simulator.results.observer import END, SECOND, Airing, ServerPass, Unserved
from simulator.results.spans import RequestKey, RequestSpans, RoundSpans, Span, Spans

UPLINK, DOWNLINK = "uplink", "downlink"


@dataclass(frozen=True)
class RoundTimeline:
    """A round, its packets each way, acknowledgements left out, and the passes that served it, in order of time."""

    spans: RoundSpans
    up: Sequence[Airing]
    down: Sequence[Airing]
    passes: Sequence[ServerPass]
    unserved: Sequence[Unserved]
    """Its packets that left a link's queue before their turn, while it was open."""

    @property
    def number(self) -> int:
        return self.spans.number

    @property
    def began_s(self) -> float:
        return self.spans.record.started_s

    def seconds(self, *states: str) -> float:
        """For how long it was in any of these states."""
        return sum(span.ended_s - span.began_s for span in self.spans.doings if span.state in states)

    def first(self, *states: str) -> Span | None:
        """The first time that it was in one of these states."""
        return next((span for span in self.spans.doings if span.state in states), None)


@dataclass(frozen=True)
class Timeline:
    """Of one request. `prompt` has the packets of its prompt, `prefills` the passes that read it for no round yet;
    `ending` those of the message by which the device ends it, `late` the passes, and `unheard` the packets, of a cloud
    that has not heard of that yet."""

    request: RequestSpans
    rounds: Sequence[RoundTimeline]
    prompt: Sequence[Airing]
    prefills: Sequence[ServerPass]
    unserved: Sequence[Unserved]
    """Packets of the prompt that left the queue before their turn."""
    ending: Sequence[Airing]
    late: Sequence[ServerPass]
    unheard: Sequence[Airing]

    @property
    def end_s(self) -> float:
        """Of the request; where it had none, up to where it was followed."""
        request = self.request
        if not isnan(request.finish_s):
            return request.finish_s
        return max([request.arrival_s, *(spent.ended_s for spent in request.spent)])

    @property
    def latency_s(self) -> float:
        """From arrival to end."""
        return self.end_s - self.request.arrival_s

    @property
    def first_token_s(self) -> float | None:
        """From arrival to the first token, where there is one."""
        ends_s = [each.spans.ended_s for each in self.rounds if each.spans.answered]
        return min(ends_s) - self.request.arrival_s if ends_s else None

    @cached_property
    def breakdown(self) -> dict[str, float]:
        """Seconds of the request by state, those that it was in."""
        spent = dict.fromkeys(BREAKDOWN, 0.0)
        for each in self.request.spent:
            spent[each.state] += each.ended_s - each.began_s
        return {state: seconds for state, seconds in spent.items() if seconds}

    def between(self, first: int, last: int) -> list[RoundTimeline]:
        """The rounds with these numbers."""
        return [each for each in self.rounds if first <= each.number <= last]


def timeline(spans: Spans, key: RequestKey) -> Timeline:
    """The timeline of (device, request) from what was collected. Raises KeyError where it never came."""
    request = spans.requests[key]
    airings = [each for each in spans.airings if each.address[:2] == key and not each.acknowledges]
    passes = [each for each in spans.passes if key in each.sessions]
    begun = {(span.began_s, round_.number) for round_ in request.rounds for span in round_.served}
    dropped = [each for each in spans.unserved if each.address[:2] == key and len(each.address) == 3]
    rounds = [
        RoundTimeline(
            round_,
            [each for each in airings if each.round == round_.number and each.link.endswith(UPLINK)],
            [each for each in airings if each.round == round_.number and each.link.endswith(DOWNLINK)],
            [each for each in passes if (each.began_s, round_.number) in begun],
            [each for each in dropped if each.address[2] % SECOND == round_.number and each.left_s < round_.ended_s],
        )
        for round_ in sorted(request.rounds, key=lambda each: each.number)
    ]
    served = {id(each) for round_ in rounds for each in round_.passes}
    prompt = [each for each in airings if each.round == 0]
    others = [each for each in passes if id(each) not in served]
    ended_s = inf if isnan(request.finish_s) else request.finish_s
    prefills = [each for each in others if each.began_s < ended_s]
    late = [each for each in others if each.began_s >= ended_s]
    known = {0, *(round_.number for round_ in rounds)}
    unheard = [each for each in airings if each.round not in known and each.link.endswith(DOWNLINK)]
    ending = [each for each in airings if each.address[2] == END]
    unserved = [each for each in dropped if each.address[2] == 0]
    return Timeline(request, rounds, prompt, prefills, unserved, ending, late, unheard)
