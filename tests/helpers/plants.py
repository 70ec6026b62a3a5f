"""Runs of cells with what the tables do not show: the tokens of every request, and the plant as the run left it."""

from dataclasses import dataclass

from cells import HEADER_BITS

from simulator import Cell, CellResult, simulate
from simulator.decoding.memory import Memory
from simulator.results.observer import Airing, Observer, ServerPass
from simulator.results.requests import Request
from simulator.timing.plant import Plant


class Watch(Observer):
    """Keeps the plant of a run and the requests that have ended. Tests that look further derive from it."""

    plant: Plant

    def __init__(self) -> None:
        self.ended: list[Request] = []

    def on_start(self, plant: object) -> None:
        assert isinstance(plant, Plant)
        self.plant = plant

    def on_request(self, request: Request, share: float) -> None:
        self.ended.append(request)


class AirWatch(Watch):
    """Keeps each attempt of a packet and each pass of the cloud too."""

    def __init__(self) -> None:
        super().__init__()
        self.airings: list[Airing] = []
        self.passes: list[ServerPass] = []

    def on_packet(self, airing: Airing) -> None:
        self.airings.append(airing)

    def on_pass(self, served: ServerPass) -> None:
        self.passes.append(served)

    @property
    def payload_bits(self) -> dict[str, int]:
        """What each link carried, default headers apart."""
        bits = {"uplink": 0, "downlink": 0}
        for each in self.airings:
            bits[each.link] += each.bits - HEADER_BITS
        return bits


@dataclass(frozen=True)
class Ran:
    """A run by `simulate`, which has checked it. `requests` are in order of arrival, at one instant by device."""

    plant: Plant
    requests: list[Request]
    result: CellResult

    @property
    def texts(self) -> dict[tuple[int, int], tuple[int, ...]]:
        """The output tokens, by device and request."""
        return {(each.device, each.number): tuple(each.tokens) for each in self.requests}


def ran(cell: Cell, memory: Memory | None = None, watch: Watch | None = None) -> Ran:
    """Simulates a cell; by default nothing is remembered from earlier runs."""
    watch = watch or Watch()
    result = simulate(cell, watch, memory=memory or Memory())
    requests = [*watch.ended, *watch.plant.arrivals.live.values()]
    return Ran(watch.plant, sorted(requests, key=lambda each: (each.arrival_s, each.device, each.number)), result)


def ran_once(cell: Cell) -> Ran:
    """The run of a cell, simulated once a session: for tests that only read it."""
    if cell.id not in _RAN:
        _RAN[cell.id] = ran(cell)
    return _RAN[cell.id]


_RAN: dict[str, Ran] = {}
