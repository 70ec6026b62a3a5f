"""The `sqsim` command: the one place that parses arguments and prints. Heavy imports wait until they are needed.

Results go to files, a summary to stdout, progress and errors to stderr. Exit status: 0 done, 2 a user's mistake (one
line), 1 a defect of ours or a check that failed, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from kinds import ConfigError
from kinds.mistakes import printable, shown, users_mistake
from scenarios.command.cell_file import add_import, load_own, note_typed
from scenarios.command.compare import compare
from scenarios.command.inspect import cache, calibrate, check, codec_options, explain
from scenarios.command.recommend import recommend
from scenarios.command.registry import LISTS, NAMES, outline, scenario
from scenarios.command.report import report
from scenarios.command.run import real_run
from scenarios.command.run.run_options import RunOptions, add_shared
from scenarios.command.run.run_plan import Changes, plan_around, plan_of
from scenarios.command.scenario import Scenario

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
    """argparse, with its errors on one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"sqsim: {message}; see `{self.prog} --help`\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line `sqsim ARGUMENTS`; returns its exit status."""
    started_s = time.time()
    parser = _parser()
    if "_ARGCOMPLETE" in os.environ:  # a shell asks
        from scenarios.command.completion import complete

        complete(parser)
    return _guarded(parser.parse_args(_typed(parser, arguments), argparse.Namespace(started_s=started_s)))


def script(given: Scenario, arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs `given`, registered or not, with the arguments of `sqsim run`, and exits. For a scenario run as a script."""
    parser = Parser(description=given.summary)
    _script_options(parser)
    options = parser.parse_args(_typed(parser, arguments), argparse.Namespace(started_s=time.time()))
    options.command, options.name, options.config, options.given = "run", given.name, None, given
    sys.exit(_guarded(options))


def _typed(parser: Parser, arguments: Sequence[str] | None) -> list[str]:
    """What was typed. Exits where it is no text: no table and no manifest could hold it."""
    typed = sys.argv[1:] if arguments is None else list(arguments)
    for each in typed:
        if any("\ud800" <= letter <= "\udfff" for letter in each):
            parser.error(f"argument {shown(each)}: must be UTF-8 text")
    return typed


def _guarded(options: argparse.Namespace) -> int:
    """The command, with every expected failure as one line on stderr."""
    try:
        answer = COMMANDS[options.command].run(options)
        for text in answer if isinstance(answer, Iterator) else () if answer is None else (answer,):
            _say(text)
        note_typed(getattr(options, "imports", ()))
        sys.stdout.flush()
    except ConfigError as error:
        return _failed(str(error), error.status, verbose=getattr(options, "verbose", False))
    except KeyboardInterrupt as error:
        told = "interrupted; what is finished is kept, and the same command goes on from there"
        return _failed(str(error) or told, 130)
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


def _say(text: object, *, aside: bool = False) -> None:
    """Prints an answer, or something beside it on stderr; a name that holds what a terminal obeys is shown escaped."""
    print(printable(str(text), kept="\n\u00a0"), file=sys.stderr if aside else sys.stdout, flush=True)


def _parser() -> Parser:
    parser = Parser(
        prog="sqsim",
        description="Simulates edge-cloud speculative decoding over a thin uplink.",
        epilog="Start with: sqsim list; sqsim run latency_vs_bandwidth --quick",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.add_options(commands.add_parser(name, help=command.summary))
    return parser


def _list_options(listing: argparse.ArgumentParser) -> None:
    listing.add_argument("name", nargs="?", metavar="NAME", help=f"a scenario, or {', '.join(LISTS)}")
    listing.add_argument("field", nargs="?", metavar="FIELD", help="of a scenario: this field and those below it alone")


def _completion_options(completion: argparse.ArgumentParser) -> None:
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell")


def _plot_options(plot: argparse.ArgumentParser) -> None:
    add = plot.add_argument
    add("folders", nargs="+", type=Path, metavar="DIR", help="a result directory; of several, curves in one figure")
    add("--format", action="append", default=[], choices=("svg", "png", "pdf"), dest="formats",
        help="of the files; may be given again (default: svg and png); for LaTeX: pdf, fonts embedded")  # fmt: skip
    add("--width", type=_inches, metavar="INCHES", help="of each figure, such as 3.5, a column of a paper")
    add("--labels", type=Path, metavar="FILE.yaml", help="your names of curves, schemes, fields, axes: `k_sqs: Ours`")
    add("--figure", action="append", default=[], dest="figures", metavar="NAME", help="only this; may be given again")
    add_import(plot, "figures, metrics, ...")
    add("--no-title", action="store_false", dest="titled", help="without the title")
    add("--no-caption", action="store_false", dest="captioned", help="without the lines on pair, clock and seeds")
    add("--out", type=Path, metavar="DIR", help="where figures go (default: DIR/figures)")


def _run_options(run: argparse.ArgumentParser) -> None:
    add = run.add_argument
    add("name", nargs="?", metavar="NAME", help="a scenario; `sqsim list` shows them")
    add("--config", type=Path, metavar="FILE.yaml", help="one cell from a file, instead of a scenario")
    _script_options(run, cell=True)


def _script_options(run: argparse.ArgumentParser, *, cell: bool = False) -> None:
    add_shared(
        run,
        set="change a field in every cell; V is YAML",
        grid="sweep a field; replaces or adds an axis",
        seeds="how many seeds (default: the scenario's)",
        precision="add seeds until the headline's half-widths are below this share",
        quick="a small version of the scenario, within a minute",
        workers=None,
        cluster=None,
        out="where results go (default: results/NAME)",
        overwrite=None,
        quiet=None,
    )
    add = run.add_argument
    add("--trace", action="store_true", help="write cells/ID.trace.json too, for https://ui.perfetto.dev")
    add("--dry-run", action="store_true", help="say how many cells, how long, and what is there already; run nothing")
    add("-v", "--verbose", action="store_true", help="say that before the run too, and where a mistake was found")
    add_import(run, cell=cell)


def _list(options: argparse.Namespace) -> str:
    if options.name in LISTS and options.field is not None:
        raise ConfigError(f"field = {options.field!r}: {options.name} has none, only a scenario has fields")
    if options.name in LISTS:
        from scenarios.command.inspect import catalogue

        return catalogue.LISTS[options.name]()
    if options.name is not None:
        from scenarios.command.inspect.scenario_page import page

        return page(scenario(options.name), options.field)
    width = max(map(len, NAMES))
    each = ((name, *outline(name)) for name in NAMES)
    return "\n".join(f"{name:<{width}}  about {minutes:g} min  {summary}" for name, minutes, summary in each)


def _run(options: argparse.Namespace) -> str | None:
    if (options.name is None) == (options.config is None):
        raise ConfigError("run: give a scenario's name or --config FILE, one of the two")
    given: Scenario | None = None
    if options.config is not None:
        plan = plan_around(options.config, _changes(options))
    else:
        given = getattr(options, "given", None) or scenario(options.name)
        plan = plan_of(given, _changes(options))
    run_options = RunOptions.typed(options, plan.scenario.name + ("_quick" if options.quick else ""))
    for warning in plan.warnings:
        _say(f"sqsim: {warning}", aside=True)
    if options.dry_run or options.verbose:
        from scenarios.command.run.dry_run import dry_run

        _say(dry_run(plan, run_options, given), aside=not options.dry_run)
        if options.dry_run:
            return None
    from scenarios.command.run.running import run  # here, so that the mistakes above are answered at once

    return run(plan, run_options)


def _completion(options: argparse.Namespace) -> None:
    from scenarios.command.completion import code

    print(code(options.shell))  # as it is: a shell reads it


def _changes(options: argparse.Namespace) -> Changes:
    from scenarios.command.run.typed_settings import parse_axes, parse_settings

    return Changes(
        parse_settings(options.set), parse_axes(options.grid), options.seeds, options.precision, options.quick,
        tuple(options.imports), getattr(options, "trust", False),
    )  # fmt: skip


def _inches(text: str) -> float:
    """A width that a figure can have."""
    try:
        width = float(text)
    except ValueError:
        width = 0.0
    if not 2 <= width <= 40:
        raise argparse.ArgumentTypeError(f"{text!r}: inches, from 2 to 40")
    return width


def _plot(options: argparse.Namespace) -> Iterator[Path]:
    from plots.page import Page
    from scenarios.command.report.drawing import PlotOptions, read_labels, redraw

    load_own(options.imports, options.folders)
    labels = read_labels(options.labels) if options.labels is not None else {}
    page = Page(labels, options.width, options.titled, options.captioned)
    requested = PlotOptions(page, options.formats or PlotOptions.formats, options.figures, options.out)
    yield from redraw(options.folders, requested, lambda line: _say(f"sqsim: {line}", aside=True))


class Command(NamedTuple):
    """A command: its line in the help, its arguments, and what runs it and returns what to print."""

    summary: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], str | Path | Iterator[str | Path] | None]


COMMANDS: Final = {
    "list": Command("the scenarios; with a name, its grid and every field it can change", _list_options, _list),
    "run": Command("run a scenario, or one cell from a file", _run_options, _run),
    "recommend": Command(
        "the best scheme and parameters for a link, pair, hardware and load", recommend.add_options, recommend.run
    ),
    "compare": Command("two result directories: what changed beyond noise", compare.add_options, compare.run),
    "report": Command("a result directory as one self-contained page", report.add_options, report.run),
    "explain": Command("one request of a cell: what happened when, and a figure", explain.add_options, explain.run),
    "real": Command("a cell as real processes on this machine, over a shaped link", real_run.add_options, real_run.run),
    "check": Command(
        "a scheme, or a part of one, of your own: does it keep the verifier's text?", check.add_options, check.run
    ),
    "plot": Command("draw result directories again, without simulating", _plot_options, _plot),
    "codec": Command(
        "one distribution on the wire: bits, bytes out, bytes in", codec_options.add_options, codec_options.run
    ),
    "calibrate": Command(
        "measure a pair's passes on this machine into tables for clocks", calibrate.add_options, calibrate.run
    ),
    "cache": Command("recorded rounds: show, export, import, clear", cache.add_options, cache.run),
    "completion": Command(
        'completion for your shell: eval "$(sqsim completion bash)"', _completion_options, _completion
    ),
}
