"""Arrivals of requests: they come to devices, and every request has one end."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import simpy

from channels.uniforms import Uniforms
from simulator.cell.cell import Cell
from simulator.cell.workload import Ask
from simulator.decoding.decoder import Decoder
from simulator.results.ledger import Ledger
from simulator.results.observer import Doing, Observer, Spent, receives
from simulator.results.recorder import Recorder
from simulator.results.requests import Request
from simulator.results.rounds import OpenRound, Round
from simulator.timing.device import Device
from simulator.timing.event_loop import Last, at_last, later
from simulator.timing.invariants import check_request

Process = Generator[simpy.Event, object, None]


class RequestArrivals:
    """Brings the devices their requests, and is called when each ends."""

    def __init__(
        self,
        env: simpy.Environment,
        cell: Cell,
        decoder: Decoder,
        recorder: Recorder,
        uniforms: Uniforms,
        observer: Observer | None = None,
    ) -> None:
        self.live: dict[tuple[int, int], Request] = {}
        """Requests that have come and not ended, by device and number."""
        self.over = env.event()
        """Happens when all requests have come and ended, or the run is stopped."""
        self.absences = 0
        """How often a device has left."""
        self._env = env
        self._recorder = recorder
        self._classes = [each for each in cell.classes for _ in range(each.count)]
        self._total = cell.requests
        self._decoder = decoder
        self._uniforms = uniforms
        self._observer = observer
        self._asks: dict[int, Iterator[Ask]] = {}
        self._counts: dict[int, int] = {}
        self._texts: dict[int, tuple[int, ...]] = {}
        """By device that talks, its last request and what it has of the answer."""
        self._waiting: dict[int, Ask] = {}
        self._pending = 0
        self._ended = 0

    def stop(self) -> None:
        """Leaves in flight all that has not ended by the end of this instant."""
        at_last(self._env, Last.STOP, (), self._stop)

    def _stop(self, _: simpy.Event) -> None:
        if not self.over.triggered:
            self.over.succeed()

    def start(self, devices: Sequence[Device]) -> None:
        """Schedules the first request of each device, and its absences."""
        for device in devices:
            each = self._classes[device.number]
            self._asks[device.number] = each.asks(device.number, self._uniforms)
            self._counts[device.number] = 0
            self._env.process(self._come_and_go(device, each.absences(device.number, self._uniforms)))
            self._schedule_next(device)

    @property
    def answered(self) -> tuple[int, int]:
        """Requests that have ended, and the output tokens of those under way."""
        return self._ended, sum(request.answered_tokens for request in self.live.values())

    @property
    def open(self) -> bool:
        """True if requests come to some device whether or not earlier ones have ended."""
        return any(map(self._unasked, range(len(self._classes))))

    def _unasked(self, device: int) -> bool:
        return self._classes[device].workload.open

    def close(self) -> None:
        """The run is over: what is still there is recorded as in flight."""
        for request in self.live.values():
            request.cut_off(self._env.now)
            check_request(request)
            self._recorder.add(request)

    def ended(self, device: Device, request: Request) -> None:
        """A request of the device has ended; in a closed loop the next one follows."""
        self._pending -= 1
        del self.live[request.device, request.number]
        check_request(request)
        self._recorder.add(request)
        if self._classes[device.number].workload.talks:
            self._texts[device.number] = (*request.prompt.tokens, *request.tokens)
        self._ended += 1
        if self._observer is not None:
            self._observer.on_request(request, self._ended / self._total)
        if not self._unasked(device.number):
            self._schedule_next(device)
        if not self._pending:
            self.stop()

    def _schedule_next(self, device: Device) -> None:
        ask = next(self._asks[device.number], None)
        if ask is not None:
            self._pending += 1
            wait_s = ask.think_s if ask.at_s is None else max(0.0, ask.at_s - self._env.now)
            later(self._env, wait_s, partial(self._arrive, device, ask))

    def _arrive(self, device: Device, ask: Ask, _: simpy.Event | None = None) -> None:
        if device.away and not self._unasked(device.number):
            self._waiting[device.number] = ask  # a closed loop's user is away with the device
            return
        number = self._counts[device.number]
        self._counts[device.number] += 1
        request = Request(
            device.number,
            number,
            self._decoder.prompt(device.number, number, ask, self._texts.get(device.number, ())),
            ask.output_tokens,
            self._env.now,
            Ledger(self._env, _follower(self._observer, device.number, number)),
            self._decoder.end_tokens[device.number],
            None if self._observer is None else partial(_told, self._observer),
            turn=ask.turn,
        )
        self.live[device.number, number] = request
        deadline_s = self._classes[device.number].workload.deadline_s
        if deadline_s is not None:
            later(self._env, deadline_s, lambda _: device.abort(request, "timed_out"))
        if self._unasked(device.number):
            self._schedule_next(device)  # first: the run is over when nothing is to come and nothing is here
        device.submit(request)

    def _come_and_go(self, device: Device, times: Iterator[tuple[float, float]]) -> Process:
        for from_s, to_s in times:
            yield self._env.timeout(max(0.0, from_s - self._env.now))
            self.absences += 1
            device.leave()
            yield self._env.timeout(max(0.0, to_s - self._env.now))
            device.come_back()
            if device.number in self._waiting:
                self._arrive(device, self._waiting.pop(device.number))


@dataclass(frozen=True, slots=True)
class _Follower:
    """Reports to an observer what is entered in the ledger of one request."""

    observer: Observer
    device: int
    request: int

    def does(self, round_number: int, state: str, from_s: float) -> None:
        self.observer.on_doing(Doing((self.device, self.request, round_number), state, from_s))

    def spent(self, round_number: int, state: str, from_s: float, to_s: float) -> None:
        self.observer.on_spent(Spent((self.device, self.request, round_number), state, from_s, to_s))


def _follower(observer: Observer | None, device: int, number: int) -> _Follower | None:
    """Returns a follower for an observer that cares, None for any other."""
    if observer is None or not (receives(observer, Observer.on_doing) or receives(observer, Observer.on_spent)):
        return None
    return _Follower(observer, device, number)


def _told(observer: Observer, request: Request, round_: Round, notes: OpenRound) -> None:
    observer.on_round(request, round_)
    observer.on_drafts(request, notes)
