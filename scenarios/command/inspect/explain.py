"""`sqsim explain cells/ID.yaml`: one request of a cell, simulated again with an observer, as a timeline in the
terminal."""

from __future__ import annotations

import argparse

from channels.uniforms import Uniforms
from kinds import ConfigError
from scenarios.command.cell_file import read_cell
from scenarios.command.inspect.timeline_text import story
from simulator import simulate
from simulator.results.spans import Spans, timeline
from simulator.schemes.draft_scheme import DraftScheme
from simulator.sweeps.tracing import speller_of


def run(options: argparse.Namespace) -> str:
    """The timeline as text. Raises ConfigError, one line."""
    cell = read_cell(options.cell, options.imports, trust=options.trust)
    device, number, devices = options.device, options.request, cell.workload.devices
    if not 0 <= device < devices:
        raise ConfigError(f"device = {device}: the cell has {devices}, numbered from 0 to {devices - 1}")
    its = next(each for each in cell.classes if device in each.devices)
    asks = sum(1 for _ in its.asks(device, Uniforms.of(cell.seed, "users")))
    if not 0 <= number < asks:
        there = f"{asks}, numbered from 0 to {asks - 1}" if asks else "none"
        raise ConfigError(f"request = {number}: device {device} has {there}; all {devices} have {cell.requests}")
    spans = Spans(only=(device, number))
    simulate(cell, spans)
    if (device, number) not in spans.requests:
        raise ConfigError(f"request = {number}: had not come to device {device} when the run ended")
    made = timeline(spans, (device, number))
    if options.rounds is not None and not made.between(*options.rounds):
        there = f"this request has {len(made.rounds)}"
        raise ConfigError(f"rounds = {options.rounds[0]}-{options.rounds[1]}: {there}")
    alone = "alone" if devices == 1 else f"among {devices} devices"
    of = f"class {its.called}, " if its.called else ""
    heading = f"Scheme {its.scheme.kind}, {of}pair {cell.models.pair.kind}, {alone}, seed {cell.seed}."
    edge_corrects = isinstance(its.scheme, DraftScheme) and its.scheme.families.reply.edge_corrects
    return "\n".join(story(made, speller_of(cell), options.rounds, heading, edge_corrects=edge_corrects))
