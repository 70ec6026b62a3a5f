"""`sqsim real CELL.yaml`: a cell as real processes of this machine, over a shaped link, with a simulation's tables.

sqsim real results/paper/cells/ID.yaml --out results/real
sqsim compare results/paper results/real
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from scenarios.command.cell_file import add_import
from scenarios.command.run.run_options import RunOptions, add_shared
from scenarios.command.run.run_plan import Changes, plan_around

STUDY = "real"
ASSUMED = (
    "real processes of this machine in real time: passes and coding take what they take here, not what the cell's "
    "clocks say; another run has other times and the same tokens"
)
"""What a reader of the table must know."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `sqsim real`."""
    text = "a cell, such as cells/ID.yaml of any result directory"
    parser.add_argument("cell", type=Path, metavar="CELL.yaml", help=text)
    add_shared(
        parser,
        set="change a field of the cell; V is YAML",
        seeds="how many seeds, from the cell's own on (default: 1)",
        out="where results go (default: results/NAME_real)",
        overwrite=None,
        quiet=None,
    )
    add_import(parser, cell=True)


def run(options: argparse.Namespace) -> str:
    """Runs it in real time; returns what to print. Raises ConfigError, one line."""
    from scenarios.command.run.running import run as run_plan
    from scenarios.command.run.typed_settings import parse_settings
    from simulator.testbed.plan import check

    settings = parse_settings(options.set)
    changes = Changes(settings, seeds=options.seeds, imports=tuple(options.imports), trust=options.trust)
    plan = plan_around(options.cell, changes)
    for cell in plan.cells:
        check(cell)
    real = replace(plan.scenario, name=f"{plan.scenario.name}_real", study=STUDY, assumed=ASSUMED)
    return run_plan(replace(plan, scenario=real), RunOptions.typed(options, real.name))
