"""Figures of a result directory, drawn from its summary table: one directory's, or those of several in one."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

import plots
from kinds import ConfigError
from kinds.yaml_file import read_yaml
from plots.page import Page
from scenarios.command.cell_file import load_own
from scenarios.command.progress_bar import aside
from scenarios.command.result_folder import read_curved_cells, read_summary
from simulator.results.columns import CHOSEN, CURVE, SETTING
from simulator.results.display_names import DIRECTORY, curve_of, words_of
from simulator.results.result_directory import MANIFEST, own_folder, record

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class PlotOptions:
    """Options of `sqsim plot`."""

    page: Page = field(default_factory=Page)
    formats: Sequence[str] = ("svg", "png")
    figures: Sequence[str] = ()
    """Figures to draw; (): all that the scenario has."""
    out: Path | None = None


def run(options: argparse.Namespace) -> Iterator[Path]:
    """`sqsim plot`: yields the files as they are written. Raises ConfigError, one line, as `redraw` does."""
    load_own(options.imports, options.folders)
    labels = read_labels(options.labels) if options.labels is not None else {}
    page = Page(labels, options.width, options.titled, options.captioned)
    requested = PlotOptions(page, options.formats or PlotOptions.formats, options.figures, options.out)
    yield from redraw(options.folders, requested, aside)


def redraw(folders: Sequence[Path], requested: PlotOptions, warn: Callable[[str], None]) -> Iterator[Path]:
    """Draws the figures of a result directory again, or those of several in one; the files as they are written. Labels
    of what is not there are warned of. Raises ConfigError where a directory holds no summary, several have no axis in
    common, or there is nothing to draw."""
    plots.check(requested.figures)
    table, axis, figures = _together(folders) if len(folders) > 1 else read_summary(folders[0])
    cells = read_curved_cells(folders[0], table) if len(folders) == 1 else None
    if unknown := _unknown(requested.page.labels, [*folders, *_names(folders)], table):
        warn(f"labels of nothing in these figures: {', '.join(unknown)}")
    wanted = requested.figures or known_figures(figures, warn)
    within = "figures" if len(folders) == 1 else f"figures/with_{'_and_'.join(_names(folders)[1:])}"
    to = requested.out or own_folder(folders[0], within)
    wrote = list[Path]()
    try:
        for name, figure in drawn(table, axis, wanted, requested.page, cells):
            paths = plots.save(figure, to, name, requested.formats, requested.page)
            wrote += paths
            yield from paths
    except KeyError as error:
        raise ConfigError(f"{folders[0]}: its summary lacks a column that a figure needs, {error.args[0]}") from None
    record(folders[0], wrote)
    for folder in folders if wrote else ():
        if not (folder / MANIFEST).exists():
            warn(f"{folder}: has no {MANIFEST}, its tables are drawn as they are")
    if not wrote:
        raise ConfigError(f"{folders[0]}: its table has nothing for {', '.join(wanted)}")


def figures_of(folder: Path) -> Iterator[tuple[str, Figure]]:
    """The figures of a result directory by their names. Raises ConfigError where it holds no summary."""
    summary, axis, figures = read_summary(folder)
    return drawn(summary, axis, figures, cells=read_curved_cells(folder, summary))


def known_figures(names: Sequence[str], warn: Callable[[str], None]) -> list[str]:
    """Returns the scenario's figures that exist, and warns in a line about each that does not."""
    for name in names:
        if name not in plots.FIGURES:
            warn(f"figure {name}: is not drawn, nothing here adds it; load the file that does with --import FILE.py")
    return [name for name in names if name in plots.FIGURES]


def draw_all(
    summary: pd.DataFrame, axis: str | None, figures: Sequence[str], folder: Path, cells: pd.DataFrame | None = None
) -> Iterator[Path]:
    """Draws `figures` of a summary with curves into `folder`; `cells`: its cells, with curves too."""
    for name, figure in drawn(summary, axis, figures, cells=cells):
        yield from plots.save(figure, folder, name)


def drawn(
    summary: pd.DataFrame,
    axis: str | None,
    figures: Sequence[str],
    page: Page | None = None,
    cells: pd.DataFrame | None = None,
) -> Iterator[tuple[str, Figure]]:
    """`figures` of a summary with curves by their names, without those that the table has nothing for. Of schemes that
    chose for themselves they show what was chosen, plots.BESIDE also what the grid gave."""
    plots.check(figures)
    chosen = summary[summary[SETTING] == CHOSEN] if SETTING in summary.columns else summary
    for name in figures:
        figure = plots.draw(name, summary if name in plots.BESIDE else chosen, axis, page, cells)
        if figure is not None:
            yield name, figure


def read_labels(path: Path) -> dict[str, str]:
    """The labels of a YAML file, {name in the tables: name in the figures}."""
    given = read_yaml(path, "labels")
    if not isinstance(given, dict):
        raise ConfigError(f"labels = {path}: lines such as `k_sqs: Ours`, a name of the tables and one for the figures")
    return {str(name): str(label) for name, label in given.items()}


def _unknown(labels: Mapping[str, str], names: Sequence[object], table: pd.DataFrame) -> list[str]:
    curves = [str(curve) for curve in dict.fromkeys(table[CURVE])]
    known = {*curves, *map(str, names), *map(str, table.columns)}
    for scheme, fields in map(words_of, curves):
        known |= {scheme, *fields, *fields.values()}
    for name in table.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]]:
        known |= set(map(str, table[name].unique()))
    return [label for label in labels if label not in known]


def _together(folders: Sequence[Path]) -> tuple[pd.DataFrame, str | None, Sequence[str]]:
    """The summaries of several directories in one, their curves distinguished by the directory's name."""
    parts = []
    for folder, name in zip(folders, _names(folders), strict=True):
        table, axis, figures = read_summary(folder)
        named = [curve_of(scheme, {DIRECTORY: name, **fields}) for scheme, fields in map(words_of, table[CURVE])]
        parts.append((table.assign(**{CURVE: named}), axis, figures))
    axes = [axis for _, axis, _ in parts]
    if len(set(axes)) > 1:
        text = ", ".join(f"{folder}: {axis}" for folder, axis in zip(folders, axes, strict=True))
        raise ConfigError(f"one figure of several directories needs one axis; they have {text}")
    table = pd.concat([part for part, _, _ in parts], ignore_index=True)
    if SETTING in table.columns:
        table[SETTING] = table[SETTING].fillna(CHOSEN)
    figures = [
        name for name in dict.fromkeys(name for _, _, each in parts for name in each) if name not in plots.OF_ONE
    ]
    if not figures:
        raise ConfigError(f"figures {', '.join(parts[0][2])}: each of one directory; give one")
    return table, axes[0], figures


def _names(folders: Sequence[Path]) -> list[str]:
    """Returns names that tell the directories apart: as many of the last parts of their paths as that takes."""
    paths = [folder.resolve() for folder in folders]
    if len(set(paths)) < len(paths):
        raise ConfigError(f"a directory is given twice: {', '.join(map(str, folders))}")
    for depth in range(1, max(len(path.parts) for path in paths)):
        names = ["_".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            break
    return names
