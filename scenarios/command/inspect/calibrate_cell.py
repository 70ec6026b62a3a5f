"""`sqsim calibrate --cell`: what the processes of a cell do on this machine, as a folder that its simulation reads."""

from __future__ import annotations

import argparse

from kinds import ConfigError
from scenarios.command.cell_file import read_cell
from scenarios.command.progress import Progress

OF_A_PAIR = ("pair", "batch", "new", "cached", "device")


def measured_cell(options: argparse.Namespace) -> str:
    """Measures, writes, and answers what to print. Raises ConfigError, one line."""
    from simulator.testbed.calibration.cell_calibration import CALIBRATED, Calibration, calibrate

    for name in OF_A_PAIR:
        if (value := getattr(options, name)) is not None:
            raise ConfigError(f"{name} = {value}: is of a pair; leave it out beside --cell, which says it all")
    if options.out.suffix or options.out.is_file():
        raise ConfigError(f"out = {options.out}: must be a folder, which is made where it is not there")
    cell = read_cell(options.cell, options.imports, trust=options.trust)
    with Progress(options.quiet) as progress:
        calibrate(cell, options.out, progress)
    settings = Calibration.of(options.out).settings
    lines = [f"  {name}: {_short(value)}" for name, value in settings.items()]
    return "\n".join([f"{options.out / CALIBRATED}: settings of {options.cell} as measured on this machine", *lines])


def _short(value: object) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {each}' for name, each in value.items())}}}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
