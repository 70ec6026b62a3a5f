"""`sqsim calibrate`: this machine's passes of a pair as tables that the clock `profile` reads, one for the edge's model
and one for the cloud's, and how well the other clocks would do."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import yaml

from kinds import ConfigError
from kinds.files import atomically
from models.calibration import Axes, fitted_affine, fitted_roofline, measure, relative_errors
from models.interface import LanguageModel
from models.latency.latency import Latency
from models.latency.pass_table import TimedPass, csv_text
from scenarios.command.cell_file import read_cell
from scenarios.command.engine_files.measured_cell import measured_cell
from scenarios.command.progress_bar import ProgressBar
from scenarios.command.run.typed_settings import parse_settings, typed_pair
from scenarios.findings.wording import counted
from simulator.cell.cell import Cell
from simulator.cell.imported_files import load_imports
from simulator.cell.settings import changed, validated

Role = Literal["drafter", "verifier"]
PLACES: dict[Role, str] = {"drafter": "edge", "verifier": "cloud"}
NEW, CACHED = (1, 2, 4, 8, 16, 32, 64, 128), (0, 64, 256, 1024)
QUICK_NEW, QUICK_CACHED = (1, 2, 4, 8, 16, 64), (0, 64, 256)
BATCHES: dict[tuple[Role, bool], tuple[int, ...]] = {
    ("drafter", False): (1,), ("verifier", False): (1, 2, 4, 8, 16),
    ("drafter", True): (1,), ("verifier", True): (1, 4),
}  # fmt: skip
"""Sequences of a pass, by the model and whether quickly: a device decodes one text at a time."""
ROUNDS, QUICK_ROUNDS = 5, 3
OF_A_PAIR = ("pair", "batch", "new", "cached", "device")
"""Options that --cell leaves nothing to say about."""


def run(options: argparse.Namespace) -> str:
    """Measures, writes, and answers what to print. Raises ConfigError, one line."""
    if options.measured or options.edge_measured:
        return _read_cell(options)
    if options.set:
        raise ConfigError(f"set = {options.set[0]}: is of a cell that is made --from files; leave it out")
    if options.cell is not None:
        return _measured_cell(options)
    if options.pair is None:
        raise ConfigError("pair: a PAIR must be given, or --cell FILE.yaml, or --from FILE")
    roles: list[Role] = [role for role in PLACES if options.model in ("both", role)]
    plans = {role: _axes(options, role) for role in roles}
    if not 1 <= options.threads <= 1024:
        raise ConfigError(f"threads = {options.threads}: must be from 1 to 1024")
    if not options.out.parent.is_dir():
        raise ConfigError(f"out = {options.out}: {options.out.parent} is no folder")
    if options.out.suffix != ".csv":
        raise ConfigError(f"out = {options.out}: must end in .csv")
    load_imports(options.imports)
    pair = typed_pair(options.pair, options.device)
    pair.prepare()
    loaded = pair.load()
    lines = []
    with ProgressBar(options.quiet) as progress:
        for role, axes in plans.items():
            path = options.out if len(roles) == 1 else options.out.with_suffix(f".{role}.csv")
            model = loaded.drafter if role == "drafter" else loaded.verifier
            fitting = axes.within(min(pair.context_tokens, model.context_tokens))
            rounds = QUICK_ROUNDS if options.quick else ROUNDS
            rows = _measured(model, fitting, rounds, options.threads, progress.part(role))
            text = csv_text(rows)
            atomically(path, partial(Path.write_text, data=text, encoding="utf-8"))
            lines.append("\n".join(_report(path, f"{pair.kind}_{role}", role, model, rows)))
    return "\n\n".join(lines)


def _measured_cell(options: argparse.Namespace) -> str:
    for name in OF_A_PAIR:
        if (value := getattr(options, name)) is not None:
            raise ConfigError(f"{name} = {value}: is of a pair; leave it out beside --cell, which says it all")
    if options.out.suffix or options.out.is_file():
        raise ConfigError(f"out = {options.out}: must be a folder, which is made where it is not there")
    from simulator.testbed.calibration import cell_calibration  # here: it loads torch

    cell = read_cell(options.cell, options.imports, trust=options.trust)
    with ProgressBar(options.quiet) as progress:
        progress(0, 1, "passes, then all else")
        cell_calibration.calibrate(cell, options.out)
        progress(1, 1, "passes, then all else")
    settings = cell_calibration.Calibration.of(options.out).settings
    lines = [f"  {name}: {_short(value)}" for name, value in settings.items()]
    return "\n".join(
        [f"{options.out / cell_calibration.CALIBRATED}: settings of {options.cell} as measured on this machine", *lines]
    )


def _read_cell(options: argparse.Namespace) -> str:
    for name in ("cell", *OF_A_PAIR):
        if (value := getattr(options, name)) is not None:
            raise ConfigError(f"{name} = {value}: nothing is measured here beside --from; leave it out")
    if options.out.suffix != ".yaml":
        raise ConfigError(f"out = {options.out}: must end in .yaml")
    measured = measured_cell(options.measured, options.edge_measured)
    settings = measured.whole(parse_settings(options.set))
    cell = validated(Cell, changed(Cell, settings))
    atomically(options.out, partial(Path.write_text, data=cell.to_yaml(), encoding="utf-8"))
    lines = [f"  {name}: {_short(value)}" for name, value in settings.items() if name != "sources"]
    return "\n".join([f"{options.out}: a cell from {counted(len(measured.files), 'file')}", *lines, *cell.sources])


def _short(value: object) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {each}' for name, each in value.items())}}}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _measured(model: LanguageModel, axes: Axes, rounds: int, threads: int, progress: object) -> list[TimedPass]:
    from models.pass_times import timer_of  # here and below: it loads torch

    timer = timer_of(model, threads)
    most = timer.most_sequences
    batch = axes.batch if most is None else tuple(each for each in axes.batch if each <= most)
    if not batch:
        raise ConfigError(f"batch = {axes.batch[0]}: this pair's models run {most} sequence at a time")
    points = axes._replace(batch=batch).points
    assert callable(progress)
    return measure(timer, points, rounds, lambda done, total: progress(done, total, "passes"))


def _report(path: Path, name: str, role: Role, model: LanguageModel, rows: list[TimedPass]) -> Iterator[str]:
    from models.pass_times import size_of_model

    alone, longest = rows[0], rows[-1]
    yield (
        f"{path}: {len(rows)} passes of the {role}, {1e3 * alone.seconds:.3g} ms for {_work(alone)} "
        f"to {1e3 * longest.seconds:.3g} ms for {_work(longest)}"
    )
    yield f"  {PLACES[role]}.latency: {{kind: profile, file: {path}}}"
    yield from _fit("affine", fitted_affine(rows), rows, role)
    size = size_of_model(model, name)
    if size is not None:
        yield from _fit("roofline", fitted_roofline(rows, size), rows, role)


def _fit(name: str, clock: Latency, rows: list[TimedPass], role: Role) -> Iterator[str]:
    errors = relative_errors(clock, rows)
    worst = int(np.abs(errors).argmax())
    yield (
        f"  {name} fitted to it: median error {100 * float(np.median(np.abs(errors))):.1f}%, "
        f"worst {100 * errors[worst]:+.0f}% at {_work(rows[worst])}"
    )
    fields = {"kind": clock.kind, **clock.model_dump(mode="json", exclude_defaults=True)}
    flow = yaml.safe_dump(fields, default_flow_style=True, sort_keys=False, width=10_000).strip()
    yield f"  {PLACES[role]}.latency: {flow}"


def _work(row: TimedPass) -> str:
    each = f"{row.new_tokens} new on {row.cached_tokens} cached tokens"
    return each if row.batch == 1 else f"{row.batch} x {each}"


def _axes(options: argparse.Namespace, role: Role) -> Axes:
    batch = _numbers("batch", options.batch, 1) or BATCHES[role, options.quick]
    new = _numbers("new", options.new, 1) or (QUICK_NEW if options.quick else NEW)
    cached = _numbers("cached", options.cached, 0) or (QUICK_CACHED if options.quick else CACHED)
    return Axes(batch, new, cached)


def _numbers(name: str, text: str | None, least: int) -> tuple[int, ...]:
    if text is None:
        return ()
    try:
        found = tuple(sorted({int(word) for word in text.split(",")}))
    except ValueError:
        found = ()
    if not found or not least <= found[0] <= found[-1] <= 1 << 20:
        raise ConfigError(f"{name} = {text!r}: whole numbers from {least} with commas between them")
    return found
