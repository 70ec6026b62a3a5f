"""`sqsim report DIR`: a result directory as one page that needs nothing else, to read, keep and send.

    sqsim report results/paper
    sqsim report results/paper --out paper.html

Question, answer, figures, results in a table that sorts, what the metrics mean, parameters, manifest, and how to get
the same again. The page loads nothing: style, script and figures are in it. Without scripts all but sorting works.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from kinds.files import atomically
from kinds.mistakes import printable
from scenarios.command.cell_file import add_import, load_own

PAGE = "report.html"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The arguments of `sqsim report`."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="a result directory")
    add_import(parser, "figures, metrics, schemes, ...")
    parser.add_argument("--out", type=Path, metavar="FILE.html", help=f"where the page goes (default: DIR/{PAGE})")


def run(options: argparse.Namespace) -> Path:
    """Writes the page; returns where. Raises ConfigError, one line, where DIR is no finished result directory."""
    from scenarios.command.report.report_page import page
    from scenarios.command.result_folder import ResultFolder
    from simulator.results.result_directory import record

    load_own(options.imports, [options.folder])
    text = page(ResultFolder.read(options.folder), lambda line: print(f"sqsim: {printable(line)}", file=sys.stderr))
    out: Path = options.out or options.folder / PAGE
    out.parent.mkdir(parents=True, exist_ok=True)
    atomically(out, partial(Path.write_text, data=text, encoding="utf-8"))  # a link there is replaced, not followed
    record(options.folder, [out])
    return out
