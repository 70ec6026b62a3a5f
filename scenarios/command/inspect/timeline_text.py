"""The timeline of one request as a person reads it in a terminal: who did what when, round by round. Returns lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from models.interface import Speller
from scenarios.findings.text_table import TextTable, screen_width
from scenarios.findings.wording import counted
from simulator.results.observer import JOINS, Airing, ServerPass, Unserved
from simulator.results.spans import RoundSpans, RoundTimeline, Timeline
from simulator.results.units import state_name

LONG_S: Final = 1000.0
"""Length from which on a request's times are written in seconds."""
TIED: Final = "\u00a0"
"""Space between a number and its unit, until lines are filled."""
_MOST_SPELLED: Final = 44
SMALL: Final = 0.05
_BAR: Final = 40
"""Characters of a bar for all of the time."""
FIRST, LAST = 4, 2
"""Rounds at either end that are shown of a long request."""
MOST_PACKETS: Final = 4
"""Attempts of a message that are shown one by one."""
_ENDS: Final = {
    "answered": "answered",
    "timed_out": "timed out: its user waited no longer",
    "abandoned": "abandoned: its device was away",
    "in_flight": "still in flight at the end of the run",
}
_SERVED: Final = {"prefill_s": "reads the text", "cloud_decode_s": "decodes", "verify_s": "verifies"}
_CUT_OFF: Final = {"timed_out": "the request timed out", "abandoned": "the device left", "in_flight": "the run ended"}


@dataclass(frozen=True)
class StoryLine:
    """Event of the story: its time, who acted, and the action."""

    at_s: float
    who: str
    what: str


def story(
    made: Timeline,
    speller: Speller | None,
    rounds: tuple[int, int] | None,
    heading: str,
    *,
    edge_corrects: bool = False,
) -> list[str]:
    """The lines. `rounds`: only those from the first of these numbers to the last. `heading`: what is served and how,
    for the heading. `edge_corrects`: what replaces a rejected draft is known at the edge, once the reply is there."""
    return _Story(made, speller, edge_corrects=edge_corrects).written(rounds, heading)


class _Story:
    """Writes how one request was served. `speller` writes its tokens; without one, they go by their ids."""

    def __init__(self, made: Timeline, speller: Speller | None, *, edge_corrects: bool) -> None:
        self._made, self._speller, self._edge_corrects = made, speller, edge_corrects
        self._width = screen_width()
        self.unit = "ms" if made.latency_s < LONG_S else "s"

    def written(self, rounds: tuple[int, int] | None, heading: str) -> list[str]:
        lines = [*self._heading(heading), "", *self.lines(rounds), *self._end()]
        return "\n".join(lines).replace(TIED, " ").split("\n")

    def _heading(self, heading: str) -> list[str]:
        request = self._made.request
        name = f"Request {request.number} of device {request.device}"
        size = f"{counted(len(request.prompt_tokens), 'prompt token')}, {counted(len(request.tokens), 'output token')}"
        text = f"{name}: {size}, {_ENDS[request.outcome]} after {self.duration(self._made.latency_s)}. {heading}"
        unit = f"Times in {self.unit} since it came, {request.arrival_s:.6g} s after the run began."
        return [*textwrap.wrap(text, self._width), unit]

    def _end(self) -> list[str]:
        request = self._made.request
        line = f"{_ENDS[request.outcome].split(':')[0]}, {counted(len(request.tokens), 'token')}"
        if request.tokens:
            line += f", {self.duration(self._made.latency_s / len(request.tokens))} a token"
        if self._made.first_token_s is not None:
            line += f", the first after {self.duration(self._made.first_token_s)}"
        if request.hidden_draft_s:
            behind = "reading was hidden behind the cloud's decoding" if request.read else ""
            behind = behind or "drafting was hidden behind verifications under way"
            line += f"; {self.duration(request.hidden_draft_s)} of {behind}"
        spoken = self.spelled(request.tokens, 4 * self._width) if self._speller is not None and request.tokens else ""
        text = [f"  {each}" for each in textwrap.wrap(spoken, self._width - 2)]
        return ["", *self._breakdown(), "", *textwrap.wrap(f"Request: {line}.", self._width), *text]

    def _breakdown(self) -> list[str]:
        parts = sorted(self._made.breakdown.items(), key=lambda item: -item[1])
        total_s = sum(self._made.breakdown.values())
        if not total_s:
            return ["Its time: none."]
        named = [(state_name(state), seconds, seconds / total_s) for state, seconds in parts]
        rows = [[name, self.time(seconds), f"{share:.1%}", "#" * round(_BAR * share)] for name, seconds, share in named]
        rows.append(["together", self.time(total_s), "100.0%", ""])
        head = ["Where its time went", self.unit, "share", ""]
        table = TextTable.of("", head, [[*row[:3], row[3].ljust(_BAR)] for row in rows])
        return [line.rstrip() for line in table.text().splitlines()]

    def lines(self, rounds: tuple[int, int] | None) -> Iterator[str]:
        """Yields the rounds requested; where none are, a long request is cut to its beginning and its end."""
        if self._made.prompt or self._made.prefills or self._made.request.read:
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
        text = f"... {len(left_out)} rounds left out; --rounds {first}-{last} shows them"
        return [*all_[:FIRST], text, *all_[-LAST:]]

    def _written(self, line: StoryLine) -> str:
        at = self.time(line.at_s - self._made.request.arrival_s)
        head = f"{at:>10}  {line.who:<8}  "
        return textwrap.fill(line.what, self._width, initial_indent=head, subsequent_indent=" " * len(head))

    def _round_heading(self, each: RoundTimeline) -> str:
        record, ended = each.spans.record, ""
        behind = [
            other.number
            for other in self._made.rounds
            if other.number < each.number and other.spans.ended_s > each.began_s
        ]
        how = "drafted ahead of the verification of {}" if each.spans.edge_work else "begun with {} on the way"
        numbers = f"round {behind[0]}" if len(behind) == 1 else f"rounds {behind[0]} to {behind[-1]}" if behind else ""
        ahead = f", {how.format(numbers)}" if behind else ""
        if record.flushed:
            ended = ", wasted: drafts that it was drafted on were not accepted"
        elif not each.spans.answered:
            ended = f", cut off: {_CUT_OFF.get(self._made.request.outcome, 'the answer was complete')}"
        return textwrap.fill(f"round {each.number}{ahead}{ended}", self._width, subsequent_indent="    ")

    # What happened.

    def _prompt(self) -> Iterator[StoryLine]:
        if self._made.prompt:
            tokens = counted(len(self._made.request.prompt_tokens), "token")
            yield from self._message("uplink", f"prompt of {tokens}", self._made.prompt[0].joined_s, self._made.prompt)
        yield from _unserved(self._made.unserved)
        for each in self._made.prefills:
            yield self._pass(each, "reads the prompt")
        for read in self._made.request.read:
            lasted = self.duration(read.ended_s - read.began_s)
            what = f"reads {counted(read.tokens, 'token')} in {lasted}, while the cloud decodes"
            yield StoryLine(read.began_s, "edge", what)

    def _after(self) -> Iterator[StoryLine]:
        made = self._made
        if made.ending:
            yield from self._message("uplink", "tells the cloud of its end", made.ending[0].joined_s, made.ending)
        for each in made.late[:MOST_PACKETS]:
            yield self._pass(each, "works on, for nobody")
        if (more := len(made.late) - MOST_PACKETS) > 0:
            yield StoryLine(made.late[MOST_PACKETS].began_s, "cloud", f"works on for nobody, passes: {more} more")
        if made.unheard:
            text = f"{counted(len(made.unheard), 'packet')} down, for nobody"
            yield StoryLine(made.unheard[0].joined_s, "downlink", text)

    def _round(self, each: RoundTimeline) -> Iterator[StoryLine]:
        spans, record = each.spans, each.spans.record
        lines = [*self._edge(each)]
        join, up = ([sent for sent in each.up if (sent.address[2] >= JOINS) == joins] for joins in (True, False))
        if join:
            lines += self._message("uplink", "joins: the edge has read, and drafts from now on", join[0].joined_s, join)
        if up:
            lines += self._message("uplink", _sized("payload", record.payload_bits), record.sent_s, up)
        elif not record.flushed and each.first("uplink_queue_s") is not None and not spans.answered:
            waits = each.first("uplink_queue_s")
            assert waits is not None
            lines.append(StoryLine(waits.began_s, "uplink", "waits for the uplink, and never has its turn"))
        lines += [self._pass(ran, _SERVED[spans.served_in(ran, self._made.place_in(ran))]) for ran in each.passes]
        if record.stale:
            lines.append(StoryLine(record.received_s, "cloud", "drops the payload undecoded"))
        lines += _unserved(each.unserved)
        if spans.drafts.committed and (each.passes or each.down):
            lines.append(StoryLine(record.verified_s, "verified", self._result(spans)))
        if each.down:
            lines += self._message("downlink", _sized("reply", record.reply_bits), each.down[0].joined_s, each.down)
        yield from sorted(lines, key=lambda line: line.at_s)
        yield StoryLine(spans.ended_s, "edge", self._resolved(each))
        yield StoryLine(spans.ended_s, "", self._charged(each))

    def _edge(self, each: RoundTimeline) -> Iterator[StoryLine]:
        spans = each.spans
        waits = [span for span in spans.doings if span.state == "edge_queue_s"]
        if waits:
            waited = self.duration(each.seconds("edge_queue_s"))
            yield StoryLine(waits[0].began_s, "edge", f"waits {waited} for its processor, or by its policy")
        work = spans.edge_work
        if not work:
            return
        read = sum(span.ended_s - span.began_s for span in work if span.state == "prefill_s")
        drafting, encoding = each.seconds("draft_s"), each.seconds("encode_s")
        text = [f"reads the prompt in {self.duration(read)}"] if read else []
        if spans.drafted:
            text.append(f"drafts {self.drafts(spans, spans.drafted)} in {self.duration(drafting)}")
        elif drafting:
            doing = "decodes a token" if spans.answered and not each.up else "drafts"
            text.append(f"{doing} for {self.duration(drafting)}")
        text += [f"encodes in {self.duration(encoding)}"] if encoding else []
        yield StoryLine(work[0].began_s, "edge", ", ".join(text))

    def _message(self, link: str, what: str, at_s: float, sent: Sequence[Airing]) -> Iterator[StoryLine]:
        """A message on a link, ready at that time: in one line where all went well, or there are many packets. It may
        have waited for access before it joined the link's queue."""
        packets = len({(each.address, each.fragment) for each in sent})
        lost = sum(each.lost for each in sent)
        if len(sent) == 1 and not lost:
            yield StoryLine(at_s, link, f"{what}: {self.airing(sent[0], at_s)}")
        elif len(sent) > MOST_PACKETS:
            bits, again = sum(each.bits for each in sent), len(sent) - packets
            text = f"{what}: {counted(packets, 'packet')}, {again} sent again, {lost} lost, {bits} bits on the air"
            arrived = [each.arrives_s for each in sent if not each.lost]
            last = f", the last there at {self.time(max(arrived) - self._made.request.arrival_s)}" if arrived else ""
            yield StoryLine(at_s, link, text + last)
        else:
            yield StoryLine(at_s, link, f"{what} in {counted(packets, 'packet')}")
            for each in sent:
                name = f"packet {each.fragment + 1}" + (f", attempt {each.attempt + 1}" if each.attempt else "")
                yield StoryLine(each.began_s, link, f"{name}: {self.airing(each, each.joined_s)}")

    def _pass(self, ran: ServerPass, does: str) -> StoryLine:
        place = self._made.place_in(ran)
        new, cached = ran.work[place]
        waited_s = ran.began_s - ran.waited_since_s[place]
        queued = f"queues for {self.duration(waited_s)}, then " if waited_s > 0 else ""
        others = len(ran.sessions) - 1
        shared = f", in a pass shared with {counted(others, 'other session')}" if others else ""
        lasted = self.duration(ran.ended_s - ran.began_s)
        text = f"{queued}server {ran.server} {does}: {counted(new, 'new token')} on {cached} cached, {lasted}{shared}"
        return StoryLine(ran.waited_since_s[place] if queued else ran.began_s, "cloud", text)

    def _resolved(self, each: RoundTimeline) -> str:
        spans = each.spans
        if spans.record.flushed:
            return f"drops the round, {counted(int(spans.record.flushed_drafts), 'draft')} wasted"
        if not spans.answered:
            return "the round ends here, unanswered"
        committed, request = spans.drafts.committed, self._made.request
        before = [other.spans for other in self._made.rounds if other.number < each.number and other.spans.answered]
        past = sum(len(other.drafts.committed) for other in (*before, spans)) - len(request.tokens)
        cut = f", {past} of them past the end of the answer" if past > 0 and request.outcome == "answered" else ""
        corrected = self._edge_corrects and spans.record.accepted < spans.record.drafted
        drawn = f"resamples {self.spelled(committed[-1:])}, and " if corrected else ""
        return f"{drawn}takes {counted(len(committed), 'token')}{cut}: {self.spelled(committed, self._width // 2)}"

    def _charged(self, each: RoundTimeline) -> str:
        """Returns the shares of the request's time that are charged to this round."""
        spent: dict[str, float] = {}
        for part in self._made.request.spent:
            if part.address[2] == each.number:
                spent[part.state] = spent.get(part.state, 0.0) + part.ended_s - part.began_s
        if not spent:
            return "cost no time: older rounds were waited for meanwhile"
        parts = sorted(spent.items(), key=lambda item: -item[1])
        return "cost " + ", ".join(self.part(state, seconds) for state, seconds in parts)

    # Words: times in one unit, tokens as text or ids, verification results, attempts of packets.

    def time(self, since_s: float) -> str:
        """A time, in the unit; a very small one with more digits."""
        number = since_s * (1e3 if self.unit == "ms" else 1.0)
        return f"{number:.3f}" if 0 < number < SMALL else f"{number:,.1f}"

    def duration(self, seconds: float) -> str:
        return f"{self.time(seconds)}{TIED}{self.unit}"

    def spelled(self, tokens: Sequence[int], most: int = _MOST_SPELLED) -> str:
        """Tokens as text in quotes, or ids; the end of a long one is left out."""
        text = " ".join(map(str, tokens)) if self._speller is None else repr(self._speller(tokens))
        return text if len(text) <= most else text[: most - 3] + "..."

    def drafts(self, spans: RoundSpans, number: int) -> str:
        drafts = spans.drafts
        if not drafts.tokens:
            return counted(number, "token")
        shape = f" as a tree, {max(drafts.depths)} deep" if drafts.branches else ""
        return f"{counted(number, 'token')}{shape} ({self.spelled(drafts.tokens)})"

    def _result(self, spans: RoundSpans) -> str:
        drafts, record = spans.drafts, spans.record
        drafted, accepted = int(record.drafted), int(record.accepted)
        last = self.spelled(drafts.committed[-1:])
        if not drafted:
            return f"token {last}"
        ends_with_draft = len(drafts.committed) == accepted
        if ends_with_draft:
            return f"{_all_drafts(accepted)} accepted; no token more, the next round builds on them"
        if drafts.branches and not accepted:
            return f"none of the tree's {drafted} drafts accepted; {last} resampled instead"
        if drafts.branches:
            path = self.spelled([drafts.tokens[place] for place in drafts.stood])
            return f"{accepted} of the tree's {drafted} drafts accepted, the path {path}; {last} after it"
        if accepted == drafted:
            return f"{_all_drafts(drafted)} accepted, and {last} as a bonus"
        rejected = f" {self.spelled(drafts.tokens[accepted : accepted + 1])}" if drafts.tokens else ""
        kept = f"{accepted} of {counted(drafted, 'draft')} accepted;{rejected} rejected"
        return f"{kept}, the edge resamples" if self._edge_corrects else f"{kept}, {last} resampled instead"

    def airing(self, sent: Airing, since_s: float) -> str:
        """Returns the text of one attempt, from when it was ready on."""
        waited_s = sent.began_s - since_s
        waited = f"waits {self.duration(waited_s)}, " if waited_s > 0 else ""
        text = f"{waited}{sent.bits:,} bits on the air for {self.duration(sent.left_s - sent.began_s)}"
        if sent.lost:
            return f"{text}, LOST"
        return f"{text}, there {self.duration(sent.arrives_s - sent.left_s)} later"

    def part(self, state: str, seconds: float) -> str:
        return f"{state_name(state)} {self.duration(seconds)}"


def _unserved(gone: Sequence[Unserved]) -> Iterator[StoryLine]:
    full = [each for each in gone if each.left_s == each.joined_s]
    for each in full[:MOST_PACKETS]:
        yield StoryLine(each.left_s, each.station, "a packet finds the buffer full and is DROPPED")
    if len(full) > MOST_PACKETS:
        yield StoryLine(full[-1].left_s, full[-1].station, f"... {counted(len(full), 'packet')} DROPPED so by now")
    for each in (each for each in gone if each.left_s > each.joined_s):
        yield StoryLine(each.left_s, each.station, "a packet that waits is cancelled: nobody wants it any more")


def _sized(what: str, bits: float) -> str:
    return f"{what} of {counted(int(bits), 'bit')}" if bits else what


def _all_drafts(number: int) -> str:
    return "the one draft" if number == 1 else f"all {number} drafts"
