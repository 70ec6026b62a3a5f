"""`sqsim report DIR`: a result directory as one page that needs nothing else, to read, keep and send.

    sqsim report results/paper
    sqsim report results/paper --out paper.html

Question, answer, figures, results in a table that sorts, what the metrics mean, parameters, manifest, and how to get
the same again. The page loads nothing: style, script and figures are in it. Without scripts all but sorting works.
The words around what is reported are in `templates/`.
"""

from __future__ import annotations

import argparse
import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final, cast

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from kinds.files import atomically
from scenarios.command.cell_file import load_own
from scenarios.command.options import PAGE
from scenarios.command.progress_bar import aside
from scenarios.command.registry import NAMES, scenario
from scenarios.command.report.report_figures import figures
from scenarios.command.report.report_table import (
    ReportTable,
    comparisons,
    definitions,
    every_metric,
    parameters,
    results,
)
from scenarios.command.result_folder import ResultFolder
from scenarios.findings import findings_file
from scenarios.findings.question import PREFIX as ANSWER
from scenarios.findings.wording import DISTINGUISHABLE
from simulator.results.columns import SEARCHED
from simulator.results.result_directory import record

TEMPLATES: Final = Path(__file__).parent / "templates"
_TOLD = ("command", "date", "sqsim", "commit", "python", "host", "wall_s", "deterministic", "identity")
"""What the page shows of a manifest, in this order; then its libraries."""


def run(options: argparse.Namespace) -> Path:
    """Writes the page; returns where. Raises ConfigError, one line, where DIR is no finished result directory."""
    load_own(options.imports, [options.folder])
    text = page(ResultFolder.read(options.folder), aside)
    out: Path = options.out or options.folder / PAGE
    out.parent.mkdir(parents=True, exist_ok=True)
    atomically(out, partial(Path.write_text, data=text, encoding="utf-8"))  # a link there is replaced, not followed
    record(options.folder, [out])
    return out


def page(folder: ResultFolder, warn: Callable[[str], None]) -> str:
    """The report of a result directory, HTML; a line for each figure that is not in it though it is the scenario's.

    Raises ConfigError where a file of it cannot be read.
    """
    found = findings_file.read(folder.path)
    numbers = cast("list[Mapping[str, object]]", found.get("findings") or [])
    name, (summary, axis) = folder.note.scenario, folder.curved_summary
    varying, base = parameters(folder.cells)
    hidden = [name for name in folder.note.hidden if name in summary.columns and name not in (axis, *SEARCHED)]
    chosen = hidden if folder.chose else []
    tables = [
        results(summary, axis, [str(each.get("metric")) for each in numbers], chosen),
        every_metric(summary, axis),
    ]
    sentences = _sentences(folder.note.findings, numbers)
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    environment = Environment(
        loader=PackageLoader("scenarios.command.report", "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("report.html").render(
        script=Markup(script),
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
        scenario=name,
        question=found.get("question") or (scenario(name).summary if name in NAMES else ""),
        answers=[(line.removeprefix(ANSWER).strip(), behind) for line, behind in sentences if line.startswith(ANSWER)],
        findings=[(line, behind) for line, behind in sentences if not line.startswith(ANSWER)],
        distinguishable=DISTINGUISHABLE,
        remarks=found.get("remarks") or [],
        figures=[(each, Markup(each.svg)) for each in figures(folder, warn)],
        tables=tables,
        definitions=definitions(tables),
        varying=varying,
        base=base,
        manifest=_manifest(folder),
        cells=len(set(folder.cells["cell"])),
        seeds=folder.cells["seed"].nunique(),
        commands=_commands(folder),
        changed=str(folder.manifest.get("commit") or "").endswith("+"),
    )


def _sentences(lines: Sequence[str], found: Sequence[Mapping[str, object]]) -> list[tuple[str, ReportTable | None]]:
    """Each sentence, with its numbers where there are some."""
    numbers = {str(each.get("line")): each.get("comparisons") for each in found}
    return [
        (line, comparisons(f"finding-{place}", given) if isinstance(given := numbers.get(line), list) else None)
        for place, line in enumerate(lines)
    ]


def _manifest(folder: ResultFolder) -> list[tuple[str, str]]:
    manifest = folder.manifest
    lines = [(name, str(manifest[name])) for name in _TOLD if manifest.get(name) is not None]
    return lines + [(name, str(version)) for name, version in folder.libraries.items()]


def _commands(folder: ResultFolder) -> list[tuple[str, str]]:
    """(what it does, what to type)."""
    manifest, name = folder.manifest, folder.note.scenario
    cell = folder.cells["cell"].iloc[0]
    imports = json.loads(str(folder.cells.get("imports", pd.Series(["[]"])).iloc[0]))
    beside = "".join(f" --import {path}" for path in imports)
    commit = str(manifest.get("commit") or "").removesuffix("+")
    requested = str(manifest.get("command") or (f"sqsim run {name}" if name in NAMES else ""))
    lines = [
        ("the code that made it", f"git checkout {commit}" if commit else ""),
        ("the same run", requested),
        ("one of its cells alone", f"sqsim run --config {folder.path}/cells/{cell}.yaml{beside}"),
        ("its figures and this page", f"sqsim plot {folder.path}; sqsim report {folder.path}"),
        ("whether another run differs by more than noise", f"sqsim compare {folder.path} OTHER"),
    ]
    return [(what, typed) for what, typed in lines if typed]
