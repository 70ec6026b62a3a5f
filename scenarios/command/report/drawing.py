"""Figures of a result directory, drawn from its summary table."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

import plots
from kinds import ConfigError
from kinds.yaml_file import read_yaml
from plots.page import Page
from scenarios.command.cell_file import load_own
from scenarios.command.progress_bar import aside
from scenarios.command.result_folder import Note, read_curved_cells, read_summary
from scenarios.findings import findings_file
from scenarios.findings.question import of_setting
from simulator.results.column_names import CURVE
from simulator.results.display_names import words_of
from simulator.results.result_directory import MANIFEST, own_folder, record

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def run(options: argparse.Namespace) -> Iterator[Path]:
    """`sqsim plot`: draws the figures of a result directory again; yields the files as they are written. Labels of what
    is not there are warned of. Raises ConfigError, one line, where it holds no summary, or there is nothing to draw."""
    folder: Path = options.folder
    load_own(options.imports, [folder])
    labels = read_labels(options.labels) if options.labels is not None else {}
    plots.check(options.figures)
    table, axis, figures = read_summary(folder)
    cells = read_curved_cells(folder, table)
    if unknown := _unknown(labels, table):
        aside(f"labels of nothing in these figures: {', '.join(unknown)}")
    wanted = options.figures or known_figures(figures, aside)
    to = options.out or own_folder(folder, "figures")
    wrote = list[Path]()
    try:
        said = said_of(folder)
        page = Page(labels, options.width, options.titled, options.captioned, said["answer"], said["base"])
        for name, figure in drawn(table, axis, wanted, page, cells):
            paths = plots.save(figure, to, name, options.formats or ("svg", "png"), page)
            wrote += paths
            yield from paths
    except KeyError as error:
        raise ConfigError(f"{folder}: its summary lacks a column that a figure needs, {error.args[0]}") from None
    record(folder, wrote)
    if wrote and not (folder / MANIFEST).exists():
        aside(f"{folder}: has no {MANIFEST}, its tables are drawn as they are")
    if not wrote:
        raise ConfigError(f"{folder}: its table has nothing for {', '.join(wanted)}")


def figures_of(folder: Path, finding: str) -> Iterator[tuple[str, Figure]]:
    """The figures of a result directory by their names; the first one's title is the `finding`. Raises ConfigError
    where it holds no summary."""
    summary, axis, figures = read_summary(folder)
    page = Page(base=said_of(folder)["base"], finding=finding)
    return drawn(summary, axis, figures, page, read_curved_cells(folder, summary))


def said_of(folder: Path) -> dict[str, str]:
    """Returns the `base` line and the `answer` that a run wrote into its directory; "" of what is not there."""
    found = findings_file.read(folder)
    return {name: str(found.get(name) or "") for name in ("base", "answer")}


def known_figures(names: Sequence[str], warn: Callable[[str], None]) -> list[str]:
    """Returns the scenario's figures that exist, and warns in a line about each that does not."""
    for name in names:
        if name not in plots.FIGURES:
            warn(f"figure {name}: is not drawn, nothing here adds it; load the file that does with --import FILE.py")
    return [name for name in names if name in plots.FIGURES]


def draw_all(
    summary: pd.DataFrame, axis: str | None, note: Note, folder: Path, cells: pd.DataFrame | None = None,
    finding: str = "", base: str = "",
) -> Iterator[Path]:  # fmt: skip
    """Draws the figures of a summary with curves into `folder`; `cells`: its cells, with curves too; `finding`: title
    of the first figure; `base`: whose numbers they are."""
    for name, figure in drawn(summary, axis, note.figures, Page(base=base, finding=finding), cells):
        yield from plots.save(figure, folder, name)


def drawn(
    summary: pd.DataFrame,
    axis: str | None,
    figures: Sequence[str],
    page: Page | None = None,
    cells: pd.DataFrame | None = None,
) -> Iterator[tuple[str, Figure]]:
    """`figures` of a summary with curves by their names, without those that the table has nothing for. Of schemes that
    chose for themselves they show what was chosen, plots.BESIDE also what the grid gave. The first one's title is the
    page's finding."""
    plots.check(figures)
    for name in figures:
        on = page if page is None or name == figures[0] else replace(page, finding="")
        figure = plots.draw(name, summary if name in plots.BESIDE else of_setting(summary), axis, on, cells)
        if figure is not None:
            yield name, figure


def read_labels(path: Path) -> dict[str, str]:
    """The labels of a YAML file, {name in the tables: name in the figures}."""
    given = read_yaml(path, "labels")
    if not isinstance(given, dict):
        raise ConfigError(f"labels = {path}: lines such as `k_sqs: Ours`, a name of the tables and one for the figures")
    return {str(name): str(label) for name, label in given.items()}


def _unknown(labels: Mapping[str, str], table: pd.DataFrame) -> list[str]:
    curves = [str(curve) for curve in dict.fromkeys(table[CURVE])]
    known = {*curves, *map(str, table.columns)}
    for scheme, fields in map(words_of, curves):
        known |= {scheme, *fields, *fields.values()}
    for name in table.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]]:
        known |= set(map(str, table[name].unique()))
    return [label for label in labels if label not in known]
