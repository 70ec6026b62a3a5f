"""`sqsim real CELL.yaml`: a cell as real processes of this machine, over a shaped link, with a simulation's tables.

sqsim real results/paper/cells/ID.yaml --out results/real
sqsim compare results/paper results/real
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from scenarios.command.cell_file import add_import
from scenarios.command.run.run_plan import Changes, plan_around

STUDY = "real"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The arguments of `sqsim real`."""
    add = parser.add_argument
    add("cell", type=Path, metavar="CELL.yaml", help="a cell, such as cells/ID.yaml of any result directory")
    add("--set", action="append", default=[], metavar="A.B=V", help="change a field of the cell; V is YAML")
    add("--seeds", type=int, metavar="N", help="how many seeds, from the cell's own on (default: 1)")
    add("--out", type=Path, metavar="DIR", help="where results go (default: results/NAME_real)")
    add("--overwrite", action="store_true", help="run again, and replace the results in DIR")
    add("--quiet", action="store_true", help="no progress on stderr")
    add_import(parser, cell=True)


def run(options: argparse.Namespace) -> str:
    """Runs it in real time, and answers what to print. Raises ConfigError, one line."""
    from scenarios.command.run.means import Means
    from scenarios.command.run.running import run as run_plan
    from scenarios.command.run.typed_settings import parse_settings
    from simulator.testbed.plan import check

    settings = parse_settings(options.set)
    changes = Changes(settings, seeds=options.seeds, imports=tuple(options.imports), trust=options.trust)
    plan = plan_around(options.cell, changes)
    for cell in plan.cells:
        check(cell)
    plan = replace(plan, name=f"{plan.name}_real", study=STUDY, assumed=_assumed())
    out = options.out or Path("results") / plan.name
    return run_plan(plan, Means(out, 1, overwrite=options.overwrite, quiet=options.quiet, started_s=options.started_s))


def _assumed() -> str:
    """What a reader of the table must know."""
    return (
        "real processes of this machine in real time: passes and coding take what they take here, not what the cell's "
        "clocks say; another run has other times and the same tokens"
    )
