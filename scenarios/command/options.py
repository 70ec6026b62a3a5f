"""Arguments of every command, in one place. No slow module is imported, so that `--help` answers at once."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from kinds import ConfigError
from scenarios.command.registry import LISTS

if TYPE_CHECKING:
    from simulator.sweeps.worker_pools import WorkerPool

ROLES: Final = ("drafter", "verifier")
"""The models of a pair."""
RECORDING: Final = ".sqr"
"""The suffix of a file of recorded rounds."""
PAGE: Final = "report.html"
RACE: Final = "race.html"
PLAYED: Final = "play.html"


def _share(text: str) -> float:
    """`2%` or `0.02`."""
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: a share such as 2% or 0.02") from None


def _inches(text: str) -> float:
    try:
        width = float(text)
    except ValueError:
        width = 0.0
    if not 2 <= width <= 40:
        raise argparse.ArgumentTypeError(f"{text!r}: inches, from 2 to 40")
    return width


def _request(text: str) -> tuple[int, int]:
    """`2:0`."""
    device, _, number = text.partition(":")
    if not (device.isascii() and device.isdigit() and number.isascii() and number.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r}: device and request such as 2:0, both numbered from 0")
    return int(device), int(number)


def _rounds(text: str) -> tuple[int, int]:
    """`4-9`, or `4`."""
    first, _, last = text.partition("-")
    try:
        found = int(first), int(last or first)
    except ValueError:
        found = 0, 0
    if not 1 <= found[0] <= found[1]:
        raise argparse.ArgumentTypeError(f"{text!r}: rounds such as 4-9, counted from 1")
    return found


SHARED: Final[dict[str, dict[str, Any]]] = {
    "--set": {"action": "append", "default": [], "metavar": "A.B=V"},
    "--grid": {"action": "append", "default": [], "metavar": "A.B=V1,V2"},
    "--seeds": {"type": int, "metavar": "N"},
    "--precision": {"type": _share, "metavar": "P%"},
    "--quick": {"action": "store_true"},
    "--workers": {"type": int, "metavar": "N", "help": "processes (default: one a core)"},
    "--cluster": {"metavar": "ADDRESS", "help": "run on a Dask cluster instead (extra `cluster`)"},
    "--out": {"type": Path, "metavar": "DIR"},
    "--overwrite": {"action": "store_true", "help": "run again, and replace the results in DIR"},
    "--quiet": {"action": "store_true", "help": "no progress on stderr"},
    "--format": {
        "choices": ("text", "csv", "markdown", "latex"),
        "default": "text",
        "help": "csv, markdown, latex: the table alone (default: %(default)s)",
    },
}


def _add_shared(parser: argparse.ArgumentParser, **helps: str | None) -> None:
    """Adds shared options by their names, each with its help in this command; None: the help that all have."""
    for name, text in helps.items():
        parser.add_argument(f"--{name}", **SHARED[f"--{name}"] | ({} if text is None else {"help": text}))


def _add_import(parser: argparse.ArgumentParser, what: str = "schemes, losses, ...", *, cell: bool = False) -> None:
    """Adds `--import` to a command, and `--trust` to one that reads a cell from a file."""
    add = parser.add_argument
    add("--import", action="append", default=[], type=Path, dest="imports", metavar="FILE.py",
        help=f"load a file that registers {what} of your own")  # fmt: skip
    if cell:
        add("--trust", action="store_true", help="run the Python files that a cell's file names in its imports")


def _add_measured(parser: argparse.ArgumentParser) -> None:
    """Adds the files of engines and benchmarks that a cell's numbers are read from."""
    add = parser.add_argument
    add("--from", action="append", default=[], type=Path, dest="measured", metavar="FILE",
        help="take acceptance, passes and lengths from what a server left: a metrics page or log of vLLM, SGLang, "
        "llama.cpp, a benchmark's JSON, prompts, a trace; may be given again")  # fmt: skip
    add("--edge-from", action="append", default=[], type=Path, dest="edge_measured", metavar="FILE",
        help="the device's time of a draft, from its drafter's log or metrics")  # fmt: skip


@dataclass(frozen=True)
class RunOptions:
    """Options of a run: its directory, its workers, and what it may replace."""

    out: Path
    workers: int
    cluster: str | None = None
    overwrite: bool = False
    quiet: bool = False
    trace: bool = False
    started_s: float = field(default_factory=time.time)
    """Time at which the command began, in seconds since 1970."""
    form: str = "text"
    """Format of the printed table, as typed after `--format`."""
    details: bool = False
    """True if all that is known is printed."""
    before_cpu_s: float = 0.0
    """CPU seconds that this process and its workers had taken when the command began."""

    @classmethod
    def typed(cls, options: argparse.Namespace, name: str) -> Self:
        """Reads the options of a command, whose results go to `results/NAME` where nothing else was typed. Raises
        ConfigError for less than one worker."""
        workers = getattr(options, "workers", 1)
        if workers is not None and workers < 1:
            raise ConfigError(f"workers = {workers}: should be greater than or equal to 1")
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return cls(
            options.out or Path("results") / name, workers or cores,
            getattr(options, "cluster", None), options.overwrite, options.quiet, getattr(options, "trace", False),
            options.started_s, getattr(options, "format", "text"), getattr(options, "details", False),
        )  # fmt: skip

    def pool(self) -> WorkerPool:
        """Returns who does the work. Raises ConfigError where the cluster cannot be reached."""
        from simulator.sweeps import worker_pools

        return worker_pools.pool_of(self.workers, self.cluster)


def listing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"a scenario, or {', '.join(LISTS)}")
    parser.add_argument(
        "field",
        nargs="?",
        metavar="FIELD",
        help="of a scenario: this field and those below it, or all of a pattern: 'uplink.*'; of links, schemes, "
        "policies: this one",
    )


def run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="a scenario; `sqsim list` shows them")
    parser.add_argument("--config", type=Path, metavar="FILE.yaml", help="one cell from a file, instead of a scenario")
    script(parser, cell=True)


def script(parser: argparse.ArgumentParser, *, cell: bool = False) -> None:
    """Adds the options of `sqsim run` that a scenario run as a script has too."""
    _add_shared(
        parser,
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
    add = parser.add_argument
    add("--metric", metavar="NAME",
        help="what table, choice of settings and answer are of, such as battery_j_per_token")  # fmt: skip
    add("--details", action="store_true", help="print all findings, settings chosen, costs and remarks too")
    _add_shared(parser, format=None)
    add("--name", action="append", default=[], dest="labelled", metavar="NAME={...}",
        help="one more scheme, under your name: 'mine={kind: k_sqs, k: 4}'; in a file: label: mine")  # fmt: skip
    add("--trace", action="store_true", help="write cells/ID.trace.json too, for https://ui.perfetto.dev")
    add("-v", "--verbose", action="store_true", help="say where a mistake was found")
    _add_import(parser, cell=cell)


def capacity(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--config", type=Path, metavar="FILE.yaml", help="a cell: all of it but its number of devices")
    _add_measured(parser)
    add("--devices-up-to", type=int, metavar="N", help="where the search ends (default: 512)")
    script(parser, cell=True)


def recommend(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--link", metavar="PRESET", help="a link with a name, both ways: nb_iot, wifi, satellite_leo, ...")
    add("--devices", type=int, metavar="N", help="how many devices share link and cloud (default: 1)")
    add("--config", type=Path, metavar="FILE.yaml", help="a cell to start from: all of it but its scheme")
    _add_measured(parser)
    add("--metric", "--aim", default="latency_per_token_s", metavar="NAME",
        help="what is to be best, such as battery_j_per_token (default: %(default)s)")  # fmt: skip
    add("--without", action="append", default=[], metavar="KIND", help="not this scheme; may be given again")
    add("--lossy", action="store_true",
        help="also schemes whose text departs from the verifier's distribution, ranked apart")  # fmt: skip
    add("--ttft", type=float, metavar="S", help="your limit: the longest time to first token, in seconds")
    add("--tpot", type=float, metavar="S", help="your limit: the longest time per output token after the first")
    add("--budget", type=int, metavar="N",
        help="trials of the race, runs of one setting on one seed (default: 3000; with --quick: 300)")  # fmt: skip
    add("--details", action="store_true", help="also how the race went, what else was found, and what is assumed")
    add("--json", action="store_true", help="one JSON document instead of text")
    _add_shared(
        parser,
        set="a field of every setting: pair, rate, hardware, ..",
        grid="values to try of a field, or of `scheme`",
        precision="how near to the best is enough (default: 2%%)",
        seeds="seeds that the best of each kind are shown on (default: 24)",
        quick="fewer trials, settings and seeds",
        workers=None,
        cluster=None,
        out="default: results/recommend",
        overwrite="race again, and replace the results in DIR",
        quiet=None,
    )
    add("-v", "--verbose", action="store_true", help="say where a mistake was found")
    _add_import(parser, cell=True)
    parser.set_defaults(precision=0.02)


def compare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("before", type=Path, metavar="A", help="a result directory")
    add("after", type=Path, metavar="B", help="another")
    _add_import(parser, "metrics, schemes, ...")
    add("--all", action="store_true", help="a line for every change and every setting of one alone")
    add("--json", action="store_true", help="the same, and every change that is none, for a program")


def report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="a result directory")
    _add_import(parser, "figures, metrics, schemes, ...")
    parser.add_argument("--out", type=Path, metavar="FILE.html", help=f"where the page goes (default: DIR/{PAGE})")
    parser.add_argument(
        "--race", action="store_true", help="a short page to send instead: does drafting on the device beat cloud-only "
        f"decoding? (default: DIR/{RACE})",
    )  # fmt: skip


def table(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="a result directory")
    _add_shared(parser, format="(default: %(default)s)")


def explain(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("cell", type=Path, metavar="CELL.yaml", help="a cell, such as cells/ID.yaml of any result directory")
    add("--request", type=int, default=0, metavar="N", help="which of the device's requests, from 0 on (default: 0)")
    add("--device", type=int, default=0, metavar="D", help="whose, from 0 on (default: 0)")
    add("--rounds", type=_rounds, metavar="A-B", help="only these rounds")
    _add_import(parser, cell=True)


def play(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("traces", nargs="+", type=Path, metavar="TRACE",
        help="a trace, cells/ID.trace.json, that `sqsim run --trace` writes; several play side by side; or a result "
        "directory, whose schemes do")  # fmt: skip
    add("--request", type=_request, metavar="D:N", help="of device D the request N (default: the first)")
    add("--out", type=Path, metavar="FILE.html", help=f"where the page goes (default: {PLAYED} beside the trace)")


def real(parser: argparse.ArgumentParser) -> None:
    text = "a cell, such as cells/ID.yaml of any result directory"
    parser.add_argument("cell", type=Path, metavar="CELL.yaml", help=text)
    _add_shared(
        parser,
        set="change a field of the cell; V is YAML",
        seeds="how many seeds, from the cell's own on (default: 1)",
        out="where results go (default: results/NAME_real)",
        overwrite=None,
        quiet=None,
    )
    text = "no simulation beside it, which takes a minute or two to measure this machine before and after"
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--alone", action="store_true", help=text)
    text = "a link that draws its own losses, delays and rates, and tells no sender when a packet has left"
    either.add_argument("--independent", action="store_true", help=text)
    _add_import(parser, cell=True)


def check(parser: argparse.ArgumentParser) -> None:
    text = "registers schemes, sparsifiers, quantizers, codes, draws, policies, acceptances, replies of your own"
    parser.add_argument("file", type=Path, metavar="FILE.py", help=text)


def schema(parser: argparse.ArgumentParser) -> None:
    _add_import(parser)


def plot(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", type=Path, metavar="DIR", help="a result directory")
    add("--format", action="append", default=[], choices=("svg", "png", "pdf"), dest="formats",
        help="of the files; may be given again (default: svg and png); for LaTeX: pdf, fonts embedded")  # fmt: skip
    add("--width", type=_inches, metavar="INCHES", help="of each figure, such as 3.5, a column of a paper")
    add("--labels", type=Path, metavar="FILE.yaml", help="your names of curves, schemes, fields, axes: `k_sqs: Ours`")
    add("--figure", action="append", default=[], dest="figures", metavar="NAME", help="only this; may be given again")
    _add_import(parser, "figures, metrics, ...")
    add("--no-title", action="store_false", dest="titled", help="without the title")
    add("--no-caption", action="store_false", dest="captioned", help="without the lines on pair, clock and seeds")
    add("--out", type=Path, metavar="DIR", help="where figures go (default: DIR/figures)")


def codec(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    cost = actions.add_parser("cost", help="bits under every scheme and code, the paper's count beside them")
    encode = actions.add_parser("encode", help="the bytes of a packet with this one draft, as hex digits")
    decode = actions.add_parser("decode", help="a packet back into a table")
    for action in (cost, encode):
        action.add_argument(
            "distribution", type=Path, metavar="DISTRIBUTION", help=".npy, float [V], or text with a probability a line"
        )
    decode.add_argument("payload", metavar="PAYLOAD", help="a file of bytes, or hex digits")
    decode.add_argument("--vocabulary", type=int, required=True, metavar="V", help="tokens of the vocabulary")
    scheme = "a kind or {kind: ..., ...}"
    cost.add_argument("--scheme", action="append", default=[], help=f"{scheme}; may be given again; default: all")
    for action in (encode, decode):
        action.add_argument("--scheme", default="k_sqs", help=f"{scheme} (default: k_sqs)")
    for action in (cost, encode, decode):
        action.add_argument("--code", choices=("enumerative", "recoded"), help="in place of the scheme's own")
        action.add_argument("--context", default="", metavar="ID,ID,...", help="token ids that both ends hold")
        _add_import(action, "schemes")
    encode.add_argument("--token", type=int, metavar="ID", help="the drafted id (default: the likeliest)")
    encode.add_argument("--out", type=Path, metavar="FILE", help="write the bytes there as well")


def calibrate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("pair", metavar="PAIR", nargs="?", help="a kind of pair, or {kind: huggingface, drafter: ..., verifier: ...}")
    add("--cell", type=Path, metavar="FILE.yaml",
        help="in place of a pair: what the processes of this cell do here, their passes and all else")  # fmt: skip
    _add_measured(parser)
    _add_shared(parser, set="with --from: a field of the cell, in place of what files tell; V is YAML")
    add("--out", type=Path, required=True, metavar="FILE.csv",
        help="the table; of both models: FILE.drafter.csv, FILE.verifier.csv; of --cell its folder; of --from a cell, "
        "FILE.yaml")  # fmt: skip
    add("--model", choices=("both", *ROLES), default="both", help="which of the pair (default: both)")
    add("--quick", action="store_true", help="fewer passes: sequences 1 and 4, up to 64 new and 256 cached tokens")
    add("--device", choices=("auto", "cpu", "cuda"), help="where they run, for pairs that can be elsewhere")
    add("--threads", type=int, default=1, metavar="N", help="torch threads (default: 1, as the simulator decodes)")
    for name, what in (("batch", "sequences"), ("new", "new tokens"), ("cached", "cached tokens")):
        add(f"--{name}", metavar="N,N,...", help=f"measure these numbers of {what}")
    add("--quiet", action="store_true", help="no progress on stderr")
    _add_import(parser, cell=True)


def cache(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", metavar="[ACTION]", help="what to do; without it: what there is, by pair"
    )
    export = actions.add_parser("export", help="write recorded rounds to a file, for a machine without the weights")
    take = actions.add_parser("import", help="take over a file that was exported, once all of it is checked")
    clear = actions.add_parser(
        "clear", help="forget recorded rounds and compiled code; they are made again when they are needed"
    )
    for action in (export, take):
        action.add_argument(
            "file", type=Path, metavar=f"FILE{RECORDING}", help="rounds and what is known of their pairs"
        )
    for action in (export, clear):
        action.add_argument("--pair", metavar="NAME|FINGERPRINT",
                         help="only of this: a kind, a model's name, or the first digits of a fingerprint")  # fmt: skip
