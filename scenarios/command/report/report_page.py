"""`sqsim report DIR`: a result directory as one page that needs nothing else, to read, keep and send.

The first screen has question, answer, what they hold for, the figure, and a ranked table; a slider moves both along the
axis, and begins where the answer is. Without scripts the figure is the drawn one and the table stays there. The words
around what is reported are in `templates/`.
"""

from __future__ import annotations

import argparse
import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import pandas as pd
from markupsafe import Markup

from scenarios.command.cell_file import load_own
from scenarios.command.options import PAGE
from scenarios.command.progress_bar import aside
from scenarios.command.report.at_each_value import Compared
from scenarios.command.report.interactive_figure import Plots, library, plain, plots_of, set_up_of, sign_of
from scenarios.command.report.ranked_table import base_line, ranking, ranking_note
from scenarios.command.report.report_figures import ReportFigure, figures
from scenarios.command.report.report_table import (
    comparisons,
    definitions,
    every_metric,
    parameters,
    results,
)
from scenarios.command.result_folder import ResultFolder
from scenarios.command.self_contained_page import digest, environment, in_a_script, write_page
from scenarios.findings import findings_file
from scenarios.findings.wording import DISTINGUISHABLE
from simulator.results.column_names import SEARCHED
from simulator.results.result_directory import intact, listed

TEMPLATES: Final = Path(__file__).parent / "templates"
_FROM_MANIFEST = (
    "command", "date", "sqsim", "commit", "python", "host", "wall_s", "cpu_s", "deterministic", "identity"
)  # fmt: skip
"""Entries of a manifest that the page shows, in this order; then its libraries."""


_FOR_TABLES: Final = 600_000
"""Bytes of the page that figures leave to tables."""


def run(options: argparse.Namespace) -> Path:
    """Writes the page; returns where. Raises ConfigError, one line, where DIR is no finished result directory."""
    load_own(options.imports, [options.folder])
    text = page(ResultFolder.read(options.folder), aside)
    return write_page(options.out or options.folder / PAGE, text, options.folder)


def page(folder: ResultFolder, warn: Callable[[str], None]) -> str:
    """The report of a result directory, HTML; a line for each figure that is not in it though it is the scenario's.
    Raises ConfigError where a file of it cannot be read."""
    found = findings_file.read(folder.path)
    numbers = cast("list[Mapping[str, object]]", found.get("findings") or [])
    name, (summary, axis) = folder.note.scenario, folder.curved_summary
    varying, base = parameters(folder.cells)
    hidden = [name for name in folder.note.hidden if name in summary.columns and name not in (axis, *SEARCHED)]
    chosen = hidden if folder.chose else []
    asked = [str(each.get("metric")) for each in numbers]
    made = results(summary, axis, asked, chosen), every_metric(summary, axis)
    tables = [table for table in made if table is not None]
    sentences = [(str(each["line"]), comparisons(each.get("comparisons"))) for each in numbers]
    behind_answer = comparisons(found.get("answer_comparisons"))
    compared = Compared(folder, asked, str(found.get("answer") or ""))
    ranked, plotted = ranking(compared), plots_of(compared)
    written = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("report_plots.js", "report.js"))
    scripts = [*([library()] if plotted else []), *written]
    drawn = list(_fitting(figures(folder, warn), MOST_BYTES - _FOR_TABLES - sum(map(len, scripts)), warn))
    template = environment("scenarios.command.report").get_template("report.html")
    rest: dict[str, object] = {
        "scripts": [Markup(script) for script in scripts],
        "script_hashes": [digest(script) for script in scripts],
        "scenario": name,
        "question": found.get("question") or "",
        "answer": found.get("answer") or "",
        "behind_answer": behind_answer,
        "base_line": base_line(str(found.get("base") or ""), folder.manifest),
        "ranking": ranked,
        "ranking_note": ranking_note(ranked, compared),
        "axis": "" if compared.axis is None else compared.names.axis(compared.axis),
        "at": compared.at,
        "opened": compared.opened,
        "groups": compared.groups,
        "curves": compared.curves,
        "signs": [sign_of(curve) for curve in compared.curves],
        "sign": sign_of,
        "set_ups": [set_up_of(compared, curve) for curve in compared.curves],
        "plots": plotted,
        "plots_json": in_a_script(json.dumps(_plots_data(compared, plotted), separators=(",", ":"))) if plotted else "",
        "findings": sentences,
        "distinguishable": DISTINGUISHABLE,
        "remarks": found.get("remarks") or [],
        "details": findings_file.tables_of(found)[1],
        "figures": drawn,
        "request_commands": _request_commands(folder),
        "tables": tables,
        "meanings": definitions([*tables, *filter(None, [behind_answer, *(table for _, table in sentences)])]),
        "varying": varying,
        "base": base,
        "manifest": _manifest(folder),
        "cells": len(set(folder.cells["cell"])),
        "seeds": folder.cells["seed"].nunique(),
        "commands": _commands(folder),
        "changed": str(folder.manifest.get("commit") or "").endswith("+"),
    }
    room = MOST_BYTES - len(template.render(downloads=[], **rest).encode())
    return template.render(downloads=list(downloads(folder.path, room)), **rest)


def _fitting(
    given: Iterable[ReportFigure], room: int, warn: Callable[[str], None]
) -> Iterator[tuple[ReportFigure, Markup]]:
    for each in given:
        room -= len(each.svg)
        if room > 0:
            yield each, Markup(each.svg)
        else:
            warn(f"figures/{each.name}.svg: {len(each.svg) / 1e6:.1f} MB, left out, the page would grow too large")
            room += len(each.svg)


def _plots_data(compared: Compared, plotted: Plots) -> Mapping[str, object]:
    curves = [
        {
            "name": f"{curve.name}{curve.mark}", "set_up": set_up_of(compared, curve), "lossy": curve.look.lossy,
            "light": curve.colours[0], "dark": curve.colours[1],
            "groups": [place for place, group in enumerate(compared.groups) if curve in group.curves],
            "settings": {at: compared.settings(row) for at, row in compared.rows[curve.key].items()},
        }
        for curve in compared.curves
    ]  # fmt: skip
    views = [
        {"label": plain(view.label), "scale": view.scale, "ratio": view.ratio, "points": view.points}
        for view in plotted.views
    ]
    place = {"at": compared.at, "stand": plotted.stand, "beside": plotted.beside}
    return {"curves": curves, **place, "views": views, "templates": plotted.templates}


def _manifest(folder: ResultFolder) -> list[tuple[str, str]]:
    manifest = folder.manifest
    lines = [(name, str(manifest[name])) for name in _FROM_MANIFEST if manifest.get(name) is not None]
    return lines + [(name, str(version)) for name, version in folder.libraries.items()]


def _request_commands(folder: ResultFolder) -> list[tuple[str, str]]:
    """Returns pairs of what shows one request, and the command to type."""
    cell = f"{folder.path}/cells/{folder.cells['cell'].iloc[0]}.yaml"
    traced = any((folder.path / "cells").glob("*.trace.json"))
    lines = [("a request of a run, as a timeline", f"sqsim explain {cell} --request 0")]
    if not traced:
        lines.append(("the runs with traces", f"sqsim run --config {cell} --trace --out traced"))
    return [*lines, ("a run as a moving picture", f"sqsim play {folder.path if traced else 'traced'}")]


def _commands(folder: ResultFolder) -> list[tuple[str, str]]:
    """Returns pairs of what a command does, and the command to type."""
    manifest, cell = folder.manifest, folder.cells["cell"].iloc[0]
    imports = json.loads(str(folder.cells.get("imports", pd.Series(["[]"])).iloc[0]))
    beside = "".join(f" --import {path}" for path in imports)
    commit = str(manifest.get("commit") or "").removesuffix("+")
    lines = [
        ("the code that made it", f"git checkout {commit}" if commit else ""),
        ("the same run", str(manifest.get("command") or "")),
        ("one of its cells alone", f"sqsim run --config {folder.path}/cells/{cell}.yaml{beside}"),
        ("its figures and this page", f"sqsim plot {folder.path}; sqsim report {folder.path}"),
        ("whether another run differs by more than noise", f"sqsim compare {folder.path} OTHER"),
    ]
    return [(what, typed) for what, typed in lines if typed]


MOST_BYTES: Final = 2_900_000
"""A page stays below this."""
_MOST_EACH, _MOST_OF_ALL = 200_000, 400_000
_KINDS: Final = {".csv": "text/csv", ".json": "application/json"}
_BY_PATH: Final = (*_KINDS, ".parquet")
_FIRST: Final = ("capacity.csv", "chosen_and_fixed.csv", "summary.csv", "findings.json", "cells.csv")


@dataclass(frozen=True)
class Download:
    """File to download; `link` is a data URL, "" if the file is not in the page."""

    name: str
    path: str
    size: str
    link: str


def downloads(folder: Path, room: int) -> Iterator[Download]:
    """The tables that the directory lists, as they were written; in at most `room` bytes of links."""
    room = min(room, _MOST_OF_ALL)
    names = [name for name in listed(folder) if "/" not in name and name.endswith(_BY_PATH)]
    names.sort(key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    for name in names:
        path = folder / name
        if not path.is_file() or not intact(folder, name, listed(folder)[name]):
            continue
        size = path.stat().st_size
        link, kind = "", _KINDS.get(path.suffix)
        if kind is not None and size <= min(_MOST_EACH, room * 3 // 4):
            link = f"data:{kind};base64,{b64encode(path.read_bytes()).decode()}"
            room -= len(link)
        yield Download(name, str(path), f"{size / 1000:,.0f} kB", link)
