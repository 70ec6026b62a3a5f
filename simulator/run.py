"""One cell, simulated: the plant is built from its configuration, run to the end, checked, and read off."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import simpy

from channels.link.config import Link as LinkConfig
from channels.uniforms import Uniforms
from simulator.cell.cell import Cell
from simulator.decoding.memory import Memory
from simulator.decoding.requests import Decoder
from simulator.results.metrics import summarise
from simulator.results.records import Recorder
from simulator.timing.cloud import Cloud
from simulator.timing.device import Device
from simulator.timing.later import later
from simulator.timing.link import Link
from simulator.timing.plant import Plant
from simulator.timing.serving import Network
from simulator.timing.users import Users

GC_THRESHOLDS = (50_000, 20, 100)
"""Of the garbage collector, in a run."""
MEMORY = Memory()
"""What this process has decoded so far."""


@dataclass(frozen=True)
class CellResult:
    """What one cell gave: `summary` holds `results.METRICS` and BREAKDOWN as seconds per output token.

    The tables' rows are in the order in which requests ended.
    """

    summary: dict[str, float]
    requests: pd.DataFrame
    rounds: pd.DataFrame


def simulate(
    cell: Cell,
    memory: Memory | None = None,
    rounds_to: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> CellResult:
    """Runs a cell until each request has its end. Raises ConfigError for what only the loaded pair can tell.

    `memory` holds what is decoded already; by default this process's own. A remembered run equals a live one.
    `rounds_to`: a parquet file that takes the rounds as they end, in place of the result's table. `progress` hears
    which share of the requests has ended, at each percent.
    """
    recorder = Recorder(cell.id, rounds_to)
    plant = build(cell, MEMORY if memory is None else memory, recorder, progress)
    run(plant, cell.workload.horizon_s)
    plant.users.close()
    plant.check()
    requests, rounds = recorder.close()
    return CellResult(summarise(requests, recorder, plant), requests, rounds)


def build(cell: Cell, memory: Memory, recorder: Recorder, progress: Callable[[float], None] | None = None) -> Plant:
    """The cloud, links, devices and users of a cell, at time 0."""
    env = simpy.Environment()
    cloud = Cloud(env, cell.cloud, Uniforms.of(cell.seed, "cloud failures"))
    decoder = Decoder(cell, memory)
    users = Users(env, cell.workload, decoder, recorder, Uniforms.of(cell.seed, "users"), progress)
    links: dict[tuple[str, LinkConfig, int], Link] = {}
    devices: list[Device] = []
    for place in range(len(cell.classes)):
        each = cell.classes[place]
        uplink, downlink = (_link(env, cell, links, way, place) for way in ("uplink", "downlink"))
        network = Network(env, uplink, downlink, cloud)
        devices += [
            Device(number, network, each.edge, cell.workload.prompt_at_cloud, decoder.session, users.ended)
            for number in range(len(devices), len(devices) + each.count)
        ]
    users.start(devices)
    return Plant(env, cloud, list(links.values()), devices, users)


def run(plant: Plant, horizon_s: float) -> None:
    """Runs until every request has ended, or to the horizon, what happens at that instant included.

    What exists at the start (models, remembered trees) is kept out of the garbage collector's rounds meanwhile, and
    those are few: a run makes next to no cycles, and its live objects are many.
    """
    later(plant.env, horizon_s, partial(_close, plant))
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        plant.env.run(plant.users.over)
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _close(plant: Plant, _: simpy.Event) -> None:
    """Stops the run as soon as nothing more happens at this instant."""
    if plant.env.peek() > plant.env.now:
        plant.users.stop()
    else:
        later(plant.env, 0.0, partial(_close, plant))


def _link(
    env: simpy.Environment, cell: Cell, links: dict[tuple[str, LinkConfig, int], Link], way: str, place: int
) -> Link:
    """The link of a class of devices: one of its own where the class says so, else the cell's."""
    config: LinkConfig = getattr(cell.classes[place], way)
    own = cell.fleet and getattr(cell.fleet[place], way) is not None
    key = (way, config, place if own else -1)
    if key not in links:
        name, luck = (f"{cell.fleet[place].name} {way}", f"{way} of class {place}") if own else (way, way)
        reverse = "downlink" if way == "uplink" else "uplink"
        back_s = [getattr(each, reverse).delay.mean_s for each in cell.classes for _ in range(each.count)]
        links[key] = Link(env, config, Uniforms.of(cell.seed, luck), name, back_s.__getitem__)
    return links[key]
