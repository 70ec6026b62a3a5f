"""Runs of cells with what the tables do not show: the tokens of every request, and the plant as the run left it."""

from __future__ import annotations

from dataclasses import dataclass
from unittest.mock import patch

from simulator import Cell, CellResult, simulate
from simulator import run as run_module
from simulator.decoding.decoder import Decoder
from simulator.decoding.memory import Memory
from simulator.results.requests import Request
from simulator.timing.plant import Plant


@dataclass(frozen=True)
class Ran:
    """A run by `simulate`, which has checked it. `requests` are in order of arrival."""

    plant: Plant
    requests: list[Request]
    result: CellResult


def ran(cell: Cell, memory: Memory | None = None) -> Ran:
    """Simulates a cell; by default nothing is remembered from earlier runs."""
    requests: list[Request] = []
    plants: list[Plant] = []
    request, build = Decoder.request, run_module.build

    def noted_request(self: Decoder, *args: object) -> Request:
        requests.append(request(self, *args))  # type: ignore[arg-type]
        return requests[-1]

    def noted_build(*args: object) -> Plant:
        plants.append(build(*args))  # type: ignore[arg-type]
        return plants[-1]

    with patch.object(Decoder, "request", noted_request), patch.object(run_module, "build", noted_build):
        result = simulate(cell, memory=memory or Memory())
    return Ran(plants[0], requests, result)
