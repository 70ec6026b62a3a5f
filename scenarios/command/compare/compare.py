"""`sqsim compare A B`: what changed from one result directory to another beyond noise.

    sqsim compare results/before results/after
    sqsim compare results/before results/after --control holm --all
    sqsim compare results/before results/after --json

Settings that only one of them has are named. Of those in both, a metric is told where it differs by more than noise
(`simulator.results.changes`). Versions, commits and dates come from the manifests.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from scenarios.command.cell_file import add_import, load_own

CONTROLS = {
    "bh": "Benjamini-Hochberg: of those told, at most 5% are false alarms on average",
    "holm": "Holm: the probability of any false alarm among them is at most 5%",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `sqsim compare`."""
    parser.add_argument("before", type=Path, metavar="A", help="a result directory")
    parser.add_argument("after", type=Path, metavar="B", help="another")
    control = "how false alarms are held down: " + "; ".join(f"{name}, {means}" for name, means in CONTROLS.items())
    parser.add_argument("--control", choices=CONTROLS, default="bh", help=control.replace("%", "%%"))
    add_import(parser, "metrics, schemes, ...")
    parser.add_argument("--all", action="store_true", help="a line for every change and every setting of one alone")
    parser.add_argument("--json", action="store_true", help="the same, and every change that is none, for a program")


def run(options: argparse.Namespace) -> str:
    """Returns what to print. Raises ConfigError, one line, where A or B is no finished result directory."""
    from scenarios.command.compare.comparison import compare
    from scenarios.command.result_folder import ResultFolder

    load_own(options.imports, [options.before, options.after])
    found = compare(ResultFolder.read(options.before), ResultFolder.read(options.after), options.control)
    if options.json:
        return json.dumps(found.plain(), indent=1, allow_nan=False)
    return found.text(everything=options.all)
