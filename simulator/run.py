"""One cell, simulated: the plant is built from its configuration, run to the end, checked, and read off."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import simpy

from channels.link.config import Link as LinkConfig
from simulator.cloud import Cloud
from simulator.config import Cell
from simulator.edge import Device
from simulator.invariants import check
from simulator.link import Link
from simulator.memory import Memory
from simulator.metrics import summarise
from simulator.records import requests_table, rounds_table
from simulator.serving import Plant
from simulator.sessions import Decoder
from simulator.streams import source
from simulator.workload import ClosedLoop

MEMORY = Memory()
"""What this process has decoded so far."""


@dataclass(frozen=True)
class CellResult:
    """What one cell gave: `summary` holds `results.METRICS` and BREAKDOWN as seconds per output token."""

    summary: dict[str, float]
    requests: pd.DataFrame
    rounds: pd.DataFrame


def simulate(cell: Cell, memory: Memory | None = None) -> CellResult:
    """Runs a cell to the end of its last request. Raises ConfigError for what only the loaded pair can tell.

    `memory` holds what is decoded already; by default this process's own. A remembered run equals a live one.
    """
    decoder = Decoder(cell, MEMORY if memory is None else memory)
    env = simpy.Environment()
    plant = build(env, cell)
    devices = [Device(plant, cell.edge, cell.workload.prompt_at_cloud, n) for n in range(cell.workload.devices)]
    users = [ClosedLoop(env, cell.workload, device, decoder) for device in devices]
    env.run()
    requests = [request for user in users for request in user.requests]
    check(plant, devices, requests)
    requests_frame, rounds_frame = requests_table(requests), rounds_table(requests)
    return CellResult(summarise(requests_frame, rounds_frame, plant, devices), requests_frame, rounds_frame)


def build(env: simpy.Environment, cell: Cell) -> Plant:
    """The links and the cloud that all devices of a cell share."""

    def link(name: str, config: LinkConfig, reverse: LinkConfig) -> Link:
        return Link(env, config, source(cell.seed, name), name, reverse.delay.mean_s)

    return Plant(
        env=env,
        uplink=link("uplink", cell.uplink, cell.downlink),
        downlink=link("downlink", cell.downlink, cell.uplink),
        cloud=Cloud(env, cell.cloud),
    )
