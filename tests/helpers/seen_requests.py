"""One request of a run, seen from its arrival to its end: moments, messages, jobs, and what it did in between.

Durations come from the cell's constant clocks, and what chance and queues decide from the attempts and passes that an
observer saw.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, isnan, nan

from slow_decoding import SlowRequest, SlowRound
from slow_times import DOWNLINK, UPLINK, Stretch, Times, Transfer, Visit
from tables_pair import V

from channels.link.link_config import LinkConfig
from simulator import Cell
from simulator.cell.device_classes import Equipped
from simulator.results.observer import Airing, ServerPass

ID_BITS = (V - 1).bit_length()


@dataclass
class RoundSeen:
    """A round and its moments; nan where the request ended before."""

    decoded: SlowRound
    started_s: float
    sent_s: float = nan
    received_s: float = nan
    verified_s: float = nan
    answered_s: float = nan
    passes_end_s: list[float] = field(default_factory=list)
    """When each pass of the drafter at the edge ends, s."""
    up: Transfer | None = None
    down: Transfer | None = None
    """None of both: nothing crossed the air."""
    flushed_s: float = nan
    """When a verification result made it void."""

    @property
    def sent(self) -> bool:
        """Whether its payload was, and it is not void."""
        return not isnan(self.sent_s) and isnan(self.flushed_s)

    @property
    def flushed_drafts(self) -> int:
        """Made of a void round."""
        return min(self.passes_by(inf), len(self.decoded.drafts)) if not isnan(self.flushed_s) else 0

    @property
    def flushed_bits(self) -> int:
        """Put on the uplink for a void round."""
        return self.up.bits(self.flushed_s) if self.up and not isnan(self.flushed_s) else 0

    def passes_by(self, end_s: float) -> int:
        """The number of passes of the drafter that were over when the request ended."""
        return sum(each <= end_s and not each > self.flushed_s for each in self.passes_end_s)


@dataclass
class RequestSeen:
    """A request from its arrival to its end."""

    device: int
    number: int
    arrival_s: float
    outcome: str = "answered"
    finish_s: float = nan
    rounds: list[RoundSeen] = field(default_factory=list)
    end_tokens: tuple[int, ...] = ()
    most_tokens: int = 0
    times: Times = field(default_factory=Times)
    prompt: Transfer | None = None
    end: Transfer | None = None
    """The device's word that it gives up."""
    late: list[RoundSeen] = field(default_factory=list)
    """What the cloud went on with until then."""
    jobs: list[Visit] = field(default_factory=list)
    work: list[tuple[float, float]] = field(default_factory=list)
    """When the device's processor was at it."""
    hidden_s: float = 0.0
    """The time, s, that the device's processor was at it while an older round's verification result was out."""

    @property
    def told_s(self) -> float:
        """When the cloud knew of its end."""
        return self.finish_s if self.end is None else self.end.delivered_s

    @property
    def answers_s(self) -> list[float]:
        """When the rounds were answered that were."""
        return [each.answered_s for each in self.rounds if each.answered_s <= self.finish_s]

    @property
    def committed(self) -> list[int]:
        """All tokens that were answered, those past the end of the answer included."""
        return [token for each in self.rounds if each.answered_s <= self.finish_s for token in each.decoded.committed]

    @property
    def tokens(self) -> list[int]:
        tokens = self.committed[: self.most_tokens]
        ends = [place for place, token in enumerate(tokens) if token in self.end_tokens]
        return tokens[: ends[0] + 1] if ends else tokens

    @property
    def busy_s(self) -> float:
        return sum(min(to_s, self.finish_s) - from_s for from_s, to_s in self.work if from_s < self.finish_s)

    @cached_property
    def spent(self) -> dict[str, float]:
        return self.times.spent(self.arrival_s, self.finish_s)

    def cut(self, end_s: float, outcome: str) -> None:
        """It has ended before its answer: what was still to come has not been."""
        self.finish_s, self.outcome = end_s, outcome
        self.late = [each for each in self.rounds if each.started_s >= end_s and each.up is None]
        self.rounds = [each for each in self.rounds if each.started_s < end_s]
        for each in self.rounds:
            for moment in ("sent_s", "received_s", "verified_s", "answered_s"):
                if not getattr(each, moment) <= end_s:
                    setattr(each, moment, nan)


def lines(
    config: LinkConfig, seen: Iterable[tuple[RequestSeen, Transfer]], down: bool
) -> Iterator[tuple[float, float, bool]]:
    """The packets of a device's messages on a link, in order: from when to when each was in line or on the air, s,
    attempt by attempt, and whether it went out, or still may. What goes `down` is wanted until the cloud knows of the
    end."""
    free_s = 0.0
    for request, transfer in seen:
        over_s = inf if transfer is request.end else request.told_s if down else request.finish_s
        withdrawn_s = min(inf if transfer.delivered_s <= over_s else over_s, transfer.withdrawn_s)
        for packet in range(len(transfer.sizes)):
            since_s = transfer.put_s + config.access_s
            if config.arq.window_packets == 1:
                since_s = max(since_s, free_s)
            if since_s >= withdrawn_s:
                continue
            for each in transfer.attempts(packet):
                yield since_s, each.left_s, True
                since_s = each.left_s + config.arq.timeout_s
            if transfer.arrives_s(packet) == inf and since_s < withdrawn_s:
                yield since_s, withdrawn_s, withdrawn_s == inf
            free_s = min(transfer.arrives_s(packet) + transfer.back_s, withdrawn_s)


@dataclass
class Following:
    """One request, followed through its protocol to its answer, or to where nothing more of it was seen."""

    cell: Cell
    device: Equipped
    airings: Sequence[Airing]
    passes: Sequence[ServerPass]
    seen: RequestSeen

    def follow(self, start_s: float) -> None:
        seen = self.seen
        self._round(Stretch(1, "edge_queue_s", seen.arrival_s, start_s))
        self.decoding = SlowRequest(self.cell, seen.device, seen.number, self.device.scheme)
        key = (seen.device, seen.number)
        self.jobs = [each for each in self.passes if key in each.sessions]
        getattr(self, f"_{self.device.scheme.protocol}")(start_s)

    def _round(self, *stretches: Stretch) -> None:
        self.seen.times.stretches += [each for each in stretches if each.from_s < each.to_s]

    def message(self, way: str, round_: int, bits: int, put_s: float) -> Transfer:
        links = {"uplink": (self.device.uplink, self.device.downlink)}
        config, other = links.get(way, (self.device.downlink, self.device.uplink))
        address = (self.seen.device, self.seen.number, round_)
        airings = [each for each in self.airings if each.link.endswith(way) and each.address == address]
        return Transfer(config, bits, put_s, airings, other.delay.mean_s)

    def _prompt(self, start_s: float) -> float:
        """When it is in the cloud."""
        work = self.cell.workload
        if work.prompt_at_cloud:
            return start_s
        bits = 8 * ((work.prompt_tokens * ID_BITS + 1 + 7) // 8)
        self.seen.prompt = self.message("uplink", 0, bits, start_s)
        return self.seen.prompt.delivered_s

    def _job(self, submitted_s: float) -> Visit:
        served = next(iter(self.jobs[len(self.seen.jobs) :]), None)
        visit = Visit((self.seen.device, self.seen.number), submitted_s, served)
        self.seen.jobs.append(visit)
        return visit

    def _passes_s(self, round_: RoundSeen, from_s: float) -> float:
        """The drafter's passes of a round at the edge; when they are over."""
        for number, work in enumerate(round_.decoded.passes):
            to_s = from_s + self.device.edge.latency.pass_s([work])
            state = "draft_s" if number or work[1] else "prefill_s"
            self._round(Stretch(round_.decoded.number, state, from_s, to_s))
            self.seen.work.append((from_s, to_s))
            round_.passes_end_s.append(to_s)
            from_s = to_s
        return from_s

    def _sent(self, decoded: SlowRound, start_s: float) -> RoundSeen:
        """A round drafted, encoded and put on the uplink, from then on."""
        round_ = RoundSeen(decoded, start_s)
        self.seen.rounds.append(round_)
        drafted_s = self._passes_s(round_, start_s)
        round_.sent_s = drafted_s + self.device.edge.encode_s_per_draft * len(decoded.drafts)
        self._round(Stretch(decoded.number, "encode_s", drafted_s, round_.sent_s))
        self.seen.work.append((drafted_s, round_.sent_s))
        round_.up = self.message("uplink", decoded.number, decoded.payload_bits, round_.sent_s)
        round_.received_s = round_.up.delivered_s
        return round_

    def _speculate(self, start_s: float) -> None:
        seen, prompt_s = self.seen, self._prompt(start_s)
        prefill = self._job(prompt_s)
        now_s = start_s
        for decoded in self.decoding.rounds():
            number = decoded.number
            round_ = self._sent(decoded, now_s)
            assert round_.up is not None
            self._round(*_behind_prompt(round_.up.stretches(number, UPLINK), prompt_s))
            self._round(Stretch(number, "prompt_uplink_s", round_.received_s, prompt_s))
            early = prefill.stretches(number, "prefill_s")
            self._round(*(each._replace(from_s=max(each.from_s, round_.received_s)) for each in early))
            if not round_.received_s < inf or not prefill.done_s < inf:
                break
            assert prefill.served is not None
            job = prefill  # whose pass verifies the round too, if that was there before it began
            if number > 1 or round_.received_s > prefill.served.began_s:
                job = self._job(max(round_.received_s, prefill.done_s))
                self._round(*job.stretches(number, "verify_s"))
            if not self._replied(round_, job.done_s):
                break
            now_s = round_.answered_s
        seen.finish_s = seen.rounds[-1].answered_s

    def _replied(self, round_: RoundSeen, put_s: float) -> bool:
        """The reply goes down; whether it was seen to arrive."""
        round_.verified_s = put_s
        if put_s == inf:
            return False
        down = round_.down = self.message("downlink", round_.decoded.number, round_.decoded.reply_bits, put_s)
        self._round(*down.stretches(round_.decoded.number, DOWNLINK, reply=True))
        earlier_s = [each.answered_s for each in self.seen.rounds[:-1]]
        round_.answered_s = max([down.delivered_s, *earlier_s])
        return round_.answered_s < inf

    def _stream(self, start_s: float) -> None:
        seen, now_s = self.seen, self._prompt(start_s)
        self._round(Stretch(1, "prompt_uplink_s", start_s, now_s))
        for decoded in self.decoding.rounds():
            round_ = RoundSeen(decoded, start_s if decoded.number == 1 else now_s, now_s, now_s)
            seen.rounds.append(round_)
            job = self._job(now_s)
            self._round(*job.stretches(decoded.number, "cloud_decode_s" if len(seen.jobs) > 1 else "prefill_s"))
            if not self._replied(round_, job.done_s) and job.done_s == inf:
                break
            now_s = job.done_s
        seen.finish_s = seen.rounds[-1].answered_s

    def _local(self, start_s: float) -> None:
        now_s = start_s
        for decoded in self.decoding.rounds():
            round_ = RoundSeen(decoded, now_s)
            self.seen.rounds.append(round_)
            now_s = self._passes_s(round_, now_s)
            round_.sent_s = round_.received_s = round_.verified_s = round_.answered_s = now_s
        self.seen.finish_s = now_s


def _behind_prompt(stretches: list[Stretch], prompt_s: float) -> Iterator[Stretch]:
    """Queueing for the uplink is waiting for the prompt, until that is in the cloud."""
    for each in stretches:
        if each.state == "uplink_queue_s":
            yield each._replace(state="prompt_uplink_s", to_s=min(each.to_s, prompt_s))
            each = each._replace(from_s=max(each.from_s, prompt_s))
        yield each


@dataclass
class FollowingAhead(Following):
    """Chain after chain of rounds: all of one stand but the last, whose verification result voids those drafted on
    it."""

    def _ahead(self, start_s: float) -> None:
        """A chain of rounds that stand but for the last, then those drafted on that one for nothing, then the next.
        The prompt is in the cloud."""
        seen, chain = self.seen, list[RoundSeen]()
        free_s, judged_s, ready_s = start_s, self._job(self._prompt(start_s)).done_s, nan
        for decoded in self.decoding.rounds():
            round_ = self._sent(decoded, self._may_begin(chain, free_s))
            free_s = round_.sent_s
            self._hide(chain, round_, inf)
            number, ready_s = decoded.number, max(round_.received_s, judged_s)
            assert round_.up is not None
            self._round(*round_.up.stretches(number, UPLINK))
            self._round(Stretch(number, "cloud_queue_s" if chain else "prefill_s", round_.received_s, ready_s))
            job = self._job(ready_s)
            self._round(*job.stretches(number, "verify_s"))
            judged_s = job.done_s
            assert self._replied(round_, judged_s), "this cell's requests are all answered"
            chain.append(round_)
            if not decoded.stood:
                self._void(chain, decoded.void, free_s)
                free_s, chain = round_.answered_s, []
        seen.finish_s = free_s

    def _may_begin(self, chain: Sequence[RoundSeen], free_s: float) -> float:
        """When the round after these may be drafted: only so many verification results may be out."""
        out = len(chain) - self.device.scheme.depth - 1
        return max(free_s, chain[out].answered_s) if out >= 0 else free_s

    def _hide(self, chain: Sequence[RoundSeen], round_: RoundSeen, until_s: float) -> None:
        """The processor's work on a round, until then, is hidden while verification results on these are out."""
        if chain:
            hidden_s = min(round_.sent_s, chain[-1].answered_s, until_s) - round_.started_s
            self.seen.hidden_s += max(0.0, hidden_s)

    def _void(self, chain: Sequence[RoundSeen], void: Sequence[SlowRound], free_s: float) -> None:
        """Drafted on the last of these until its verification result comes."""
        seen, flushed_s, before = self.seen, chain[-1].answered_s, list(chain)
        stretches, work = list(seen.times.stretches), len(seen.work)
        for decoded in void:
            start_s = self._may_begin(before, free_s)
            if start_s >= flushed_s:
                break
            round_ = self._sent(decoded, start_s)
            self._hide(chain, round_, flushed_s)
            free_s, round_.flushed_s = round_.sent_s, flushed_s
            assert round_.up is not None
            round_.up.withdrawn_s = flushed_s
            if not round_.received_s <= flushed_s:
                round_.received_s = nan
            if not round_.sent_s <= flushed_s:
                round_.sent_s, round_.up = nan, None
            before.append(round_)
        seen.times.stretches = stretches  # nobody waits for them
        seen.work[work:] = [(from_s, min(to_s, flushed_s)) for from_s, to_s in seen.work[work:] if from_s < flushed_s]
