"""A run and its books, kept a second time: every moment, bit and token of small cells over `tables_pair`.

Tokens come from `slow_decoding`, durations from the cell's constant clocks, and what chance and queues decide from the
attempts and passes that an observer saw (`slow_times`). No table, ledger or station of the run is read.
"""

from collections.abc import Iterator
from math import inf, log1p
from typing import Final

from plants import AirWatch
from seen_requests import Following, FollowingAhead, RequestSeen, RoundSeen
from slow_times import Transfer
from tables_pair import END

from channels.uniforms import Uniforms
from simulator import Cell, CellResult, simulate
from simulator.decoding.memory import Memory
from simulator.results.observer import END as END_INDEX
from simulator.results.requests import Request
from simulator.results.rounds import OpenRound

LATER_S: Final = 60.0


class Witness(AirWatch):
    """Keeps all that an observer receives."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: dict[tuple[int, int, int], OpenRound] = {}

    def on_drafts(self, request: Request, notes: OpenRound) -> None:
        assert (request.device, request.number, notes.number) not in self.notes, "reported twice"
        self.notes[request.device, request.number, notes.number] = notes


class Account:
    """The books of one run of a cell."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.witness = Witness()
        self.result: CellResult = simulate(cell, self.witness, memory=Memory())
        self.over_s = self.witness.plant.env.now
        self._listen_on()
        self.devices = [each for each in cell.classes for _ in range(each.count)]
        self.requests = [seen for device in range(len(self.devices)) for seen in self._follow_device(device)]
        assert self.over_s == max(seen.finish_s for seen in self.requests)

    def _listen_on(self) -> None:
        """Past the end of the run, to hear how what was under way then went on; what began later is no part of it."""
        self.witness.plant.env.run(until=self.over_s + LATER_S)
        self.witness.airings = [each for each in self.witness.airings if each.began_s < self.over_s]
        self.witness.passes = [each for each in self.witness.passes if each.began_s < self.over_s]

    @property
    def rounds(self) -> list[RoundSeen]:
        return [round_ for seen in self.requests for round_ in seen.rounds]

    @property
    def answered(self) -> list[RequestSeen]:
        return [seen for seen in self.requests if seen.outcome == "answered"]

    @property
    def links(self) -> int:
        """Uplinks: one for all, and one of each class that has its own."""
        own = sum(each.uplink is not None for each in self.cell.fleet)
        return own + (own < len(self.cell.fleet) or not own)

    def messages(self, device: int, way: str) -> Iterator[tuple[RequestSeen, Transfer]]:
        """What a device and the cloud have sent each other on a way, in order."""
        for request in self.requests:
            if request.device == device:
                rounds = [*request.rounds, *request.late]
                carried = [each.up if way == "uplink" else each.down for each in rounds]
                ends = [request.prompt, request.end] if way == "uplink" else [None, None]
                yield from ((request, each) for each in [ends[0], *carried, ends[1]] if each is not None)

    def _follow_device(self, device: int) -> Iterator[RequestSeen]:
        work, free_s, arrival_s = self.cell.workload, 0.0, 0.0
        away = [(from_s, to_s) for who, from_s, to_s in getattr(work.absences, "away", ()) if who == device]
        for number in range(work.requests):
            if work.kind == "poisson":
                u = Uniforms.of(self.cell.seed, "users").uniform(device, number, 2)
                arrival_s -= log1p(-u) / work.rate_per_s
            elif number:
                arrival_s = free_s + work.think_s
                arrival_s = next((to_s for from_s, to_s in away if from_s <= arrival_s < to_s), arrival_s)
            end = (END,) if work.stop_at_eos else ()
            seen = RequestSeen(device, number, arrival_s, end_tokens=end, most_tokens=work.output_tokens)
            limits = [(arrival_s + (work.deadline_s or inf), "timed_out")]
            limits += [(from_s, "abandoned") for from_s, _ in away if from_s > arrival_s]
            saw = self.witness.airings, self.witness.passes
            following = FollowingAhead if self.devices[device].scheme.protocol == "ahead" else Following
            follower = following(self.cell, self.devices[device], *saw, seen)
            follower.follow(max(free_s, arrival_s))
            end_s, outcome = min(limits)
            if end_s < seen.finish_s or not seen.finish_s < inf:
                seen.cut(end_s, outcome)
                if max(free_s, arrival_s) < end_s:
                    seen.end = follower.message("uplink", END_INDEX, 0, end_s)
            free_s = max(free_s, seen.finish_s)
            yield seen
