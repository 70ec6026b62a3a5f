"""The `sqsim` command: the one place that parses arguments and prints. Heavy imports wait until they are needed.

Results go to files, a summary to stdout, progress and errors to stderr. Exit status: 0 done, 2 a user's mistake (one
line), 1 a defect of ours or a check that failed, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import sys
import textwrap
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from kinds import ConfigError, meant
from kinds.mistakes import Escaped, printable, shown, users_mistake
from scenarios.command import options
from scenarios.command.options import RunOptions
from scenarios.command.progress_bar import aside
from scenarios.command.registry import LISTS, NAMES, outline, scenario
from scenarios.command.scenario import Scenario

if TYPE_CHECKING:
    from scenarios.command.run.run_plan import Changes, RunPlan

Printed = str | Path | Iterator[str | Path] | None
"""Output of a command; an iterator for a command that goes on, as it comes."""
Run = Callable[[argparse.Namespace], Printed]
TRACEBACK = "SQSIM_TRACEBACK"
"""Set, the environment variable has a mistake reported with the way to it, for those who look into a class of
theirs."""


class _Version(argparse.Action):
    """Prints name and version; looks the version up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"sqsim {version('sqsim')}")
        parser.exit()


class Parser(argparse.ArgumentParser):
    """argparse, with its errors on one line, and what was probably meant."""

    def error(self, message: str) -> NoReturn:
        hint = ""
        if found := _NO_CHOICE.search(message):
            hint = meant(found[1], found[2].replace("'", "").split(", "))
        elif found := _NO_OPTION.match(message):
            hint = meant(found[1], self.options())
        self.exit(2, f"sqsim: {message}; see `{self.prog} --help`{hint}\n")

    def options(self) -> list[str]:
        """The names of its options."""
        return sorted({*_OPTION.findall(self.format_usage())})

    def parse_all(self, typed: Sequence[str], started_s: float) -> argparse.Namespace:
        """Parses a whole command line; what is no option of its command is answered by that command's parser."""
        found, left = self.parse_known_args(typed, argparse.Namespace(started_s=started_s))
        if left:
            parser = getattr(found, "parser", self)
            parser.error(f"unrecognized arguments: {' '.join(left)}")
        return found


_NO_CHOICE: Final = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)")
_NO_OPTION: Final = re.compile(r"unrecognized arguments: (--[\w-]+)")
_OPTION: Final = re.compile(r"--[a-z][a-z-]*")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line `sqsim ARGUMENTS`; returns its exit status."""
    started_s = time.time()
    parser = _parser()
    options = parser.parse_all(_typed(parser, arguments), started_s)
    if options.command is None:
        parser.print_help()
        return 0
    return _guarded(options)


def script(given: Scenario, arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs `given`, registered or not, with the arguments of `sqsim run`, and exits. For a scenario run as a script."""
    parser = Parser(description=given.summary)
    options.script(parser)
    typed = parser.parse_all(_typed(parser, arguments), time.time())
    typed.command, typed.name, typed.config, typed.given = "run", given.name, None, given
    sys.exit(_guarded(typed))


def _typed(parser: Parser, arguments: Sequence[str] | None) -> list[str]:
    """Returns the typed arguments. Exits if they are no text: no table and no manifest could hold them."""
    typed = sys.argv[1:] if arguments is None else list(arguments)
    for each in typed:
        if any("\ud800" <= letter <= "\udfff" for letter in each):
            parser.error(f"argument {shown(each)}: must be UTF-8 text")
    return typed


def _guarded(options: argparse.Namespace) -> int:
    try:
        answer = COMMANDS[options.command].run(options)
        for text in answer if isinstance(answer, Iterator) else () if answer is None else (answer,):
            print(text if isinstance(text, Escaped) else _kept(str(text)), flush=True)
        if imports := getattr(options, "imports", ()):
            from scenarios.command.cell_file import note_typed

            note_typed(imports)
        sys.stdout.flush()
    except ConfigError as error:
        return _failed(str(error), error.status, verbose=getattr(options, "verbose", False))
    except KeyboardInterrupt as error:
        kept = "interrupted; what is finished is kept, and the same command goes on from there"
        return _failed(str(error) or kept, 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}" if error.filename else str(error), 2)
    except Exception as error:
        if (mistake := users_mistake(error)) is None:
            raise
        return _failed(str(mistake), 2)
    return 0


def _failed(message: str, status: int, *, verbose: bool = False) -> int:
    if verbose or os.environ.get(TRACEBACK):
        traceback.print_exc()
    print("sqsim: " + printable(" ".join(message.split())), file=sys.stderr)
    return status


def _kept(text: str) -> str:
    """An answer as a terminal takes it: what it would obey in a name is shown escaped, lines stay."""
    return printable(text, kept="\n\u00a0")


def _parser() -> Parser:
    parser = Parser(
        prog="sqsim",
        description="Simulates edge-cloud speculative decoding over a thin uplink.",
        epilog="Start with: sqsim list; sqsim run latency_vs_bandwidth --quick",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, command in COMMANDS.items():
        of_command = commands.add_parser(name, help=command.summary)
        of_command.set_defaults(parser=of_command)
        command.add_options(of_command)
    return parser


def _list(options: argparse.Namespace) -> str:
    if options.name in LISTS:
        from scenarios.command.inspect import listing

        one = options.field
        return listing.LISTS[options.name]() if one is None else listing.source(options.name, one)
    if options.name is not None:
        from scenarios.command.inspect import listing

        return listing.page(scenario(options.name, LISTS), options.field)
    from scenarios.findings.text_table import screen_width

    width = max(map(len, NAMES))
    each = (
        (f"{name:<{width}}  about {minutes:>2g} min  ", summary)
        for name in NAMES
        for minutes, summary in [outline(name)]
    )
    return "\n".join(
        textwrap.fill(summary, screen_width(), initial_indent=head, subsequent_indent=" " * len(head))
        for head, summary in each
    )


def _run(options: argparse.Namespace) -> str:
    if (options.name is None) == (options.config is None):
        raise ConfigError("run: give a scenario's name or --config FILE, one of the two")
    given = None if options.config is not None else getattr(options, "given", None) or scenario(options.name)
    from scenarios.command.run.run_plan import plan_around, plan_of  # here: all names are known by now

    changes = _changes(options)
    return _ran(plan_around(options.config, changes) if given is None else plan_of(given, changes), options)


def _capacity(options: argparse.Namespace) -> str:
    from scenarios.command.run.devices_supported import around, assumed_limits
    from scenarios.command.run.run_plan import plan_of

    given, changes, notes = around(options.config, (options.measured, options.edge_measured), _changes(options))
    if options.devices_up_to is not None:
        changes = replace(changes, settings={**changes.settings, "objective.high": options.devices_up_to})
    plan = plan_of(given, changes)
    if plan.objective is not None and (options.config or options.measured):
        notes += assumed_limits(plan.objective, plan.cells, {*changes.settings, *changes.grid})
    plan = replace(plan, notes=[*plan.notes, *notes])
    return _ran(plan, options)


def _changes(options: argparse.Namespace) -> Changes:
    from scenarios.command.run.run_plan import Changes  # here: all names are known by now
    from scenarios.command.run.typed_settings import parse_axes, parse_names, parse_settings

    return Changes(
        parse_settings(options.set), parse_axes(options.grid), options.seeds, options.precision, options.quick,
        tuple(options.imports), getattr(options, "trust", False), parse_names(options.labelled),
        options.metric,
    )  # fmt: skip


def _ran(plan: RunPlan, options: argparse.Namespace) -> str:
    run_options = RunOptions.typed(options, plan.scenario.name + ("_quick" if options.quick else ""))
    for warning in plan.warnings:
        aside(warning)
    from scenarios.command.run.running import run  # here, so that the mistakes above are answered at once

    return run(plan, run_options)


def _schema(options: argparse.Namespace) -> str:
    from kinds.json_schema import PartSchema
    from simulator import Cell
    from simulator.cell.imported_files import load_imports

    load_imports(options.imports)
    return json.dumps({"$schema": PartSchema.schema_dialect, **Cell.model_json_schema()}, indent=1, allow_nan=False)


def _module(name: str, function: str = "run") -> Run:
    """Returns a function of a module of this package, which is loaded when it is called: `--help` answers at once."""

    def run(options: argparse.Namespace) -> Printed:
        answer: Printed = getattr(importlib.import_module(f"scenarios.command.{name}"), function)(options)
        return answer

    return run


def _report(options: argparse.Namespace) -> Printed:
    return _module("report.race_page" if options.race else "report.report_page")(options)


class Command(NamedTuple):
    """A command: its line in the help, its arguments, and what runs it and returns what to print."""

    summary: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Run


COMMANDS: Final = {
    "list": Command("the scenarios; with a name, its grid and every field it can change", options.listing, _list),
    "run": Command("run a scenario, or one cell from a file", options.run, _run),
    "recommend": Command(
        "the best scheme and parameters for a link, pair, hardware and load", options.recommend,
        _module("recommend.recommending"),
    ),
    "capacity": Command("how many devices a cell supports within its limits", options.capacity, _capacity),
    "compare": Command(
        "two result directories: what changed beyond noise", options.compare, _module("compare.comparison")
    ),
    "report": Command("a result directory as one self-contained page", options.report, _report),
    "table": Command(
        "the table of a result directory, as text, CSV, Markdown or LaTeX", options.table,
        _module("report.finished_table"),
    ),
    "explain": Command(
        "one request of a cell: what happened when, and a figure", options.explain, _module("inspect.explain")
    ),
    "play": Command(
        "one request as a moving picture, from the traces of `run --trace`", options.play, _module("play.play_page")
    ),
    "real": Command(
        "a cell as real processes on this machine, over a shaped link", options.real, _module("run.running", "real")
    ),
    "check": Command(
        "a scheme, or a part of one, of your own: does it keep the verifier's text?", options.check,
        _module("inspect.check"),
    ),
    "schema": Command("the JSON schema of a cell, by which an editor completes its YAML", options.schema, _schema),
    "plot": Command("draw result directories again, without simulating", options.plot, _module("report.drawing")),
    "codec": Command(
        "one distribution on the wire: bits, bytes out, bytes in", options.codec, _module("inspect.codec")
    ),
    "calibrate": Command(
        "measure a pair's passes on this machine into tables for clocks", options.calibrate,
        _module("inspect.calibrate"),
    ),
    "cache": Command("recorded rounds: show, export, import, clear", options.cache, _module("inspect.cache")),
}  # fmt: skip
