"""`sqsim explain cells/ID.yaml`: one request of a cell, simulated again with an observer, as a timeline in the
terminal."""

from __future__ import annotations

import argparse

from channels.uniforms import Uniforms
from kinds import ConfigError
from scenarios.command.cell_file import read_cell
from scenarios.command.inspect.timeline_text import story
from simulator import Cell, simulate
from simulator.cell.device_classes import Equipped
from simulator.results.spans import Spans, Timeline, timeline
from simulator.schemes.draft_scheme import DraftScheme
from simulator.sweeps.tracing import speller_of


def run(options: argparse.Namespace) -> str:
    """The timeline as text. Raises ConfigError, one line."""
    cell = read_cell(options.cell, options.imports, trust=options.trust)
    key = options.device, options.request
    _require_request(cell, *key)
    made = _simulated(cell, *key)
    if options.rounds is not None and not made.between(*options.rounds):
        there = f"this request has {len(made.rounds)}"
        raise ConfigError(f"rounds = {options.rounds[0]}-{options.rounds[1]}: {there}")
    its = _class_of(cell, options.device)
    edge_corrects = isinstance(its.scheme, DraftScheme) and its.scheme.families.reply.edge_corrects
    return "\n".join(story(made, speller_of(cell), options.rounds, _heading(cell, its), edge_corrects=edge_corrects))


def _class_of(cell: Cell, device: int) -> Equipped:
    return next(each for each in cell.classes if device in each.devices)


def _require_request(cell: Cell, device: int, number: int) -> None:
    devices = cell.workload.devices
    if not 0 <= device < devices:
        raise ConfigError(f"device = {device}: the cell has {devices}, numbered from 0 to {devices - 1}")
    asks = sum(1 for _ in _class_of(cell, device).asks(device, Uniforms.of(cell.seed, "users")))
    if not 0 <= number < asks:
        there = f"{asks}, numbered from 0 to {asks - 1}" if asks else "none"
        raise ConfigError(f"request = {number}: device {device} has {there}; all {devices} have {cell.requests}")


def _simulated(cell: Cell, device: int, number: int) -> Timeline:
    spans = Spans(only=(device, number))
    simulate(cell, spans)
    if (device, number) not in spans.requests:
        raise ConfigError(f"request = {number}: had not come to device {device} when the run ended")
    return timeline(spans, (device, number))


def _heading(cell: Cell, each: Equipped) -> str:
    devices = cell.workload.devices
    alone = "alone" if devices == 1 else f"among {devices} devices"
    of = f"class {each.called}, " if each.called else ""
    return f"Scheme {each.scheme.kind}, {of}pair {cell.models.pair.kind}, {alone}, seed {cell.seed}."
