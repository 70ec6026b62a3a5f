"""The timeline of one request as a person reads it in a terminal: who did what when, round by round. Returns lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from models.interface import Speller
from scenarios.command.inspect.timeline_words import TIED, Words, counted, told_breakdown
from scenarios.findings.aligned_columns import WIDTH
from simulator.results.observer import Airing, ServerPass, Unserved
from simulator.results.timeline import RoundTimeline, Timeline

FIRST, LAST = 4, 2
"""Rounds at either end that are told of a long request."""
MOST_PACKETS: Final = 4
"""Attempts of a message that are told one by one."""
_ENDS: Final = {
    "answered": "answered",
    "timed_out": "timed out: its user waited no longer",
    "abandoned": "abandoned: its device was away",
    "in_flight": "still in flight at the end of the run",
}
_CUT_OFF: Final = {
    "timed_out": "the request timed out",
    "abandoned": "the device left",
    "in_flight": "the run ended",
}


@dataclass(frozen=True)
class Line:
    """At a time, someone did something."""

    at_s: float
    who: str
    what: str


def story(made: Timeline, speller: Speller | None, rounds: tuple[int, int] | None, told_of: str) -> list[str]:
    """The lines. `rounds`: only those from the first of these numbers to the last. `told_of`: what is served and how,
    for the heading."""
    words = Words(speller, made.latency_s)
    writer = _Writer(made, words)
    lines = [*_heading(made, told_of, words), "", *writer.lines(rounds), *_end(made, words)]
    return "\n".join(lines).replace(TIED, " ").split("\n")


def _heading(made: Timeline, told_of: str, words: Words) -> list[str]:
    request = made.request
    name = f"Request {request.number} of device {request.device}"
    size = f"{counted(request.prompt_tokens, 'prompt token')}, {counted(len(request.tokens), 'output token')}"
    text = f"{name}: {size}, {_ENDS[request.outcome]} after {words.duration(made.latency_s)}. {told_of}"
    unit = f"Times in {words.unit} since it came, {request.arrival_s:.6g} s after the run began."
    return [*textwrap.wrap(text, WIDTH), unit]


def _end(made: Timeline, words: Words) -> list[str]:
    request = made.request
    line = f"{_ENDS[request.outcome].split(':')[0]}, {counted(len(request.tokens), 'token')}"
    if request.tokens:
        line += f", {words.duration(made.latency_s / len(request.tokens))} a token"
    if made.first_token_s is not None:
        line += f", the first after {words.duration(made.first_token_s)}"
    if request.hidden_draft_s:
        line += f"; {words.duration(request.hidden_draft_s)} of drafting hid behind verdicts that were out"
    text = textwrap.wrap(words.spelled(request.tokens, 4 * WIDTH), WIDTH - 2) if words.speaks and request.tokens else []
    return ["", *told_breakdown(made, words), "", *textwrap.wrap(f"Request: {line}.", WIDTH), *(f"  {x}" for x in text)]


class _Writer:
    """Writes prompt and rounds."""

    def __init__(self, made: Timeline, words: Words) -> None:
        self._made = made
        self._words = words

    def lines(self, rounds: tuple[int, int] | None) -> Iterator[str]:
        """Of the rounds asked for; of a long request, unless they are, its beginning and its end."""
        if self._made.prompt or self._made.prefills:
            yield "prompt"
            yield from map(self._written, self._prompt())
        for each in self._chosen(rounds):
            if isinstance(each, str):
                yield each
            else:
                yield self._round_heading(each)
                yield from map(self._written, self._round(each))
        if self._made.ending or self._made.late:
            yield "after its end"
            yield from map(self._written, self._after())

    def _chosen(self, rounds: tuple[int, int] | None) -> Sequence[RoundTimeline | str]:
        all_ = self._made.rounds
        if rounds is not None:
            return self._made.between(*rounds)
        if len(all_) <= FIRST + LAST + 1:
            return all_
        left_out = all_[FIRST:-LAST]
        first, last = left_out[0].number, left_out[-1].number
        told = f"... {len(left_out)} rounds left out; --rounds {first}-{last} shows them"
        return [*all_[:FIRST], told, *all_[-LAST:]]

    def _written(self, line: Line) -> str:
        at = self._words.time(line.at_s - self._made.request.arrival_s)
        head = f"{at:>10}  {line.who:<8}  "
        return textwrap.fill(line.what, WIDTH, initial_indent=head, subsequent_indent=" " * len(head))

    def _round_heading(self, each: RoundTimeline) -> str:
        record, ended = each.spans.record, ""
        behind = [
            other.number
            for other in self._made.rounds
            if other.number < each.number and other.spans.ended_s > each.began_s
        ]
        how = "drafted ahead of the verdict on {}" if each.spans.edge_work else "begun with {} on the way"
        ahead = f", {how.format(_numbers(behind))}" if behind else ""
        if record.flushed:
            ended = ", in vain: drafts that it was drafted on did not stand"
        elif not each.spans.answered:
            ended = f", cut off: {_CUT_OFF.get(self._made.request.outcome, 'the answer was complete')}"
        return textwrap.fill(f"round {each.number}{ahead}{ended}", WIDTH, subsequent_indent="    ")

    # What happened.

    def _prompt(self) -> Iterator[Line]:
        if self._made.prompt:
            tokens = counted(self._made.request.prompt_tokens, "token")
            yield from self._message("uplink", f"prompt of {tokens}", self._made.prompt[0].joined_s, self._made.prompt)
        yield from _unserved(self._made.unserved)
        for each in self._made.prefills:
            yield self._pass(each, "reads the prompt")

    def _after(self) -> Iterator[Line]:
        made = self._made
        if made.ending:
            yield from self._message("uplink", "tells the cloud of its end", made.ending[0].joined_s, made.ending)
        for each in made.late[:MOST_PACKETS]:
            yield self._pass(each, "works on, for nobody")
        if (more := len(made.late) - MOST_PACKETS) > 0:
            yield Line(made.late[MOST_PACKETS].began_s, "cloud", f"works on for nobody, passes: {more} more")
        if made.unheard:
            told = f"{counted(len(made.unheard), 'packet')} down, for nobody"
            yield Line(made.unheard[0].joined_s, "downlink", told)

    def _round(self, each: RoundTimeline) -> Iterator[Line]:
        spans, record, words = each.spans, each.spans.record, self._words
        lines = [*self._edge(each)]
        if each.up:
            what = f"payload of {counted(int(record.payload_bits), 'bit')}" if record.payload_bits else "payload"
            lines += self._message("uplink", what, record.sent_s, each.up)
        elif not record.flushed and each.first("uplink_queue_s") is not None and not spans.answered:
            waits = each.first("uplink_queue_s")
            assert waits is not None
            lines.append(Line(waits.began_s, "uplink", "waits for the uplink, and never has its turn"))
        lines += [self._pass(ran, self._served(each, ran)) for ran in each.passes]
        if record.stale:
            lines.append(Line(record.received_s, "cloud", "drops the payload undecoded"))
        if record.asked:
            lines.append(Line(max(ran.ended_s for ran in each.passes[:1]), "cloud", "asks for the whole payload"))
        lines += _unserved(each.unserved)
        if spans.drafts.committed and (each.passes or each.down):
            lines.append(Line(record.verified_s, "verdict", words.verdict(spans)))
        if each.down:
            what = f"reply of {counted(int(record.reply_bits), 'bit')}"
            lines += self._message("downlink", what, each.down[0].joined_s, each.down)
        yield from sorted(lines, key=lambda line: line.at_s)
        yield Line(spans.ended_s, "edge", self._resolved(each))
        yield Line(spans.ended_s, "", self._charged(each))

    def _edge(self, each: RoundTimeline) -> Iterator[Line]:
        """What the device does for a round."""
        spans, record, words = each.spans, each.spans.record, self._words
        waits = [span for span in spans.doings if span.state == "edge_queue_s"]
        if waits:
            waited = words.duration(each.seconds("edge_queue_s"))
            yield Line(waits[0].began_s, "edge", f"waits {waited} for its processor, or by its policy")
        work = spans.edge_work
        if not work:
            return
        read = sum(span.ended_s - span.began_s for span in work if span.state == "prefill_s")
        drafting, encoding = each.seconds("draft_s"), each.seconds("encode_s")
        told = [f"reads the prompt in {words.duration(read)}"] if read else []
        drafts = int(record.flushed_drafts or record.drafted)
        if drafts:
            told.append(f"drafts {words.drafts(spans, drafts)} in {words.duration(drafting)}")
        elif drafting:
            doing = "decodes a token" if spans.answered and not each.up else "drafts"
            told.append(f"{doing} for {words.duration(drafting)}")
        told += [f"encodes in {words.duration(encoding)}"] if encoding else []
        yield Line(work[0].began_s, "edge", ", ".join(told))

    def _message(self, way: str, what: str, at_s: float, sent: Sequence[Airing]) -> Iterator[Line]:
        """A message on a link: in one line where all went well, or there are many packets."""
        words, packets = self._words, len({(each.address, each.fragment) for each in sent})
        lost = sum(each.lost for each in sent)
        if len(sent) == 1 and not lost:
            yield Line(at_s, way, f"{what}: {words.airing(sent[0], at_s)}")
        elif len(sent) > MOST_PACKETS:
            bits, again = sum(each.bits for each in sent), len(sent) - packets
            told = f"{what}: {counted(packets, 'packet')}, {again} sent again, {lost} lost, {bits} bits on the air"
            arrived = [each.arrives_s for each in sent if not each.lost]
            last = f", the last there at {words.time(max(arrived) - self._made.request.arrival_s)}" if arrived else ""
            yield Line(at_s, way, told + last)
        else:
            yield Line(at_s, way, f"{what} in {counted(packets, 'packet')}")
            for each in sent:
                name = f"packet {each.fragment + 1}" + (f", attempt {each.attempt + 1}" if each.attempt else "")
                yield Line(each.began_s, way, f"{name}: {words.airing(each, each.joined_s)}")

    def _served(self, each: RoundTimeline, ran: ServerPass) -> str:
        place = ran.sessions.index((self._made.request.device, self._made.request.number))
        if ran.reads[place]:
            return "reads the text"
        decodes = any(span.state == "cloud_decode_s" and span.began_s == ran.began_s for span in each.spans.doings)
        return "decodes" if decodes else "verifies"

    def _pass(self, ran: ServerPass, does: str) -> Line:
        words = self._words
        place = ran.sessions.index((self._made.request.device, self._made.request.number))
        new, cached = ran.work[place]
        waited_s = ran.began_s - ran.waited_since_s[place]
        queued = f"queues for {words.duration(waited_s)}, then " if waited_s > 0 else ""
        others = len(ran.sessions) - 1
        shared = f", in a pass shared with {counted(others, 'other session')}" if others else ""
        lasted = words.duration(ran.ended_s - ran.began_s)
        told = f"{queued}server {ran.server} {does}: {counted(new, 'new token')} on {cached} cached, {lasted}{shared}"
        told += "; the server crashes, and the pass is lost" if ran.lost else ""
        return Line(ran.waited_since_s[place] if queued else ran.began_s, "cloud", told)

    def _resolved(self, each: RoundTimeline) -> str:
        spans = each.spans
        if spans.record.flushed:
            return f"drops the round, {counted(int(spans.record.flushed_drafts), 'draft')} made in vain"
        if not spans.answered:
            return "the round ends here, unanswered"
        committed, request = spans.drafts.committed, self._made.request
        before = [other.spans for other in self._made.rounds if other.number < each.number and other.spans.answered]
        past = sum(len(other.drafts.committed) for other in (*before, spans)) - len(request.tokens)
        cut = f", {past} of them past the end of the answer" if past > 0 and request.outcome == "answered" else ""
        return f"takes {counted(len(committed), 'token')}{cut}: {self._words.spelled(committed, WIDTH // 2)}"

    def _charged(self, each: RoundTimeline) -> str:
        """What of the request's time was this round's."""
        spent: dict[str, float] = {}
        for part in self._made.request.spent:
            if part.address[2] == each.number:
                spent[part.state] = spent.get(part.state, 0.0) + part.ended_s - part.began_s
        if not spent:
            return "cost no time: older rounds were waited for meanwhile"
        parts = sorted(spent.items(), key=lambda item: -item[1])
        return "cost " + ", ".join(self._words.part(state, seconds) for state, seconds in parts)


def _unserved(gone: Sequence[Unserved]) -> Iterator[Line]:
    """Packets that never had their turn."""
    full = [each for each in gone if each.left_s == each.joined_s]
    for each in full[:MOST_PACKETS]:
        yield Line(each.left_s, each.station, "a packet finds the buffer full and is DROPPED")
    if len(full) > MOST_PACKETS:
        yield Line(full[-1].left_s, full[-1].station, f"... {counted(len(full), 'packet')} DROPPED so by now")
    for each in (each for each in gone if each.left_s > each.joined_s):
        yield Line(each.left_s, each.station, "a packet that waits is withdrawn: nobody wants it any more")


def _numbers(rounds: Sequence[int]) -> str:
    return f"round {rounds[0]}" if len(rounds) == 1 else f"rounds {rounds[0]} to {rounds[-1]}"
