"""Figures from result tables, in one shared style; nothing here simulates.

Each is a function draw(summary, axis, page) -> Figure, registered below by its name: `summary` is the table of
`summary.csv` with a `curve` column, `axis` the swept column, None where nothing was swept. Those of FROM_CELLS also get
the table of cells. matplotlib is imported when a figure is drawn, not before.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kinds import ConfigError
from kinds.mistakes import printable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from plots.page import Page

Draw = Callable[["pd.DataFrame", "str | None", "Page"], "Figure | None"]
"""Draws a figure: draw(summary, axis, page), None where the summary has nothing to show in it."""
FIGURES: dict[str, str] = {
    "latency": "latency per token along the swept axis, a curve a scheme",
    "tails": "median and 99th percentile of the latency per token",
    "first_token": "time to first token along the swept axis, the highest percentile asked for or the mean",
    "capacity": "devices that a cell bears, a curve a scheme",
    "goodput": "requests per second within limits on both times, and the best scheme, a panel a device",
    "fastest": "the fastest kind of scheme by temperature and rate, and by how much, a panel a pair and code",
    "experiments": "latency, probability of rejection and bits by temperature, as the papers count bits",
    "breakdown": "where the time goes, at up to three values of the swept axis",
    "bits": "payload bits per token, or per draft where the axis moves the length of a round",
    "resampling": "resampling rate beside its bound",
    "ladder": "latency per token of each step, a bar a length of headers, a panel a temperature and link",
    "groups": "rejections, support, bits and latency by a swept name",
    "rivals": "latency per token of many schemes over one's, a panel a delay, those lowest somewhere in colour",
    "both_ways": "payload bits a token up against reply bits down, a mark a scheme",
    "useful": "latency of every scheme on every link, and which can be read along",
    "tradeoff": "bits against expected resampling, a curve a family of settings",
    "pareto": "bits against expected resampling, a point a setting, and the front of them",
    "fronts": "latency against a device's joules and against dollars, a marker a scheme, and the front of each load",
    "rates": "bits of a draft over the rejections that compression adds, a curve a family, above a lower bound",
    "blocks": "tokens a round gained by block verification over rejection, against bits of a draft",
    "convergence": "the conformal threshold's mean dropped mass along a text, beside its bounds",
    "phase_map": "who answers fastest, by round-trip time and prompt, a panel a pair and an answer's length",
    "acceptance_map": "an edge's time over cloud-only decoding's by the closed form, by accepted drafts and round trip",
    "positions": "resampling rate at each draft position, beside the terms of its bound",
    "validation": "where the time of a token goes in the real system, beside the simulated one",
    "recommendation": "the best setting of each kind of scheme, and by what share each is off the recommended",
}
"""Name of the figure and what it shows."""
_IN = {
    "line_figures": ("latency", "experiments", "tails", "first_token", "capacity", "convergence"),
    "bar_figures": ("bits", "ladder", "groups", "both_ways", "recommendation"),
    "breakdown_figures": ("breakdown", "validation"),
    "rejection_figures": ("resampling", "positions"),
    "cell_figures": ("useful", "phase_map", "acceptance_map", "goodput", "fastest"),
    "front_figures": ("rivals", "fronts"),
    "tradeoff_figures": ("tradeoff", "pareto", "rates", "blocks"),
}
"""The files of the figures: NAME is `draw_NAME` there, a declaration of what one of the drawers (`lines`, `bars`,
`cells`, `scatter`) draws."""
_OWN: dict[str, Draw] = {}
BESIDE = ("latency", "capacity")
"""Figures that also draw the curves of the setting `fixed`, beside those that each scheme chose."""

FROM_CELLS = ("latency", "rivals", "tradeoff", "goodput", "fastest")
"""Figures that compare seed by seed: draw(summary, axis, page, cells), cells with curves, None where there are none."""
FORMATS = ("svg", "png", "pdf")


def register(name: str, shows: str, draw: Draw) -> None:
    """Adds a figure of a user's own, for a file that `--import` loads: its name, what it shows, and who draws it."""
    FIGURES[name] = shows
    _OWN[name] = draw


def check(names: Iterable[str]) -> None:
    """Raises ConfigError where a name is no figure's."""
    for name in names:
        if name not in FIGURES:
            raise ConfigError(f"figure = {name!r}: must be one of {', '.join(FIGURES)}")


def draw(
    name: str, summary: pd.DataFrame, axis: str | None, page: Page | None = None, cells: pd.DataFrame | None = None
) -> Figure | None:
    """Figure `name` of a summary table; None where the table has nothing to show in it. Without a page: a screen's.
    `cells`: the table of cells with curves, for figures that compare seed by seed."""
    from plots.page import Page
    from plots.style import styled
    from simulator.results.column_names import ALL_CLASSES, CLASS
    from simulator.results.csv_file import with_texts

    page = page or Page()
    page = replace(page, finding=_plain(page.finding), base=_plain(page.base))
    if CLASS in summary.columns:  # what all together do may fall while each class rises
        summary = summary[summary[CLASS] != ALL_CLASSES]
    more = () if name in _OWN or name not in FROM_CELLS else (None if cells is None else with_texts(cells, _plain),)
    with styled(page):
        return _drawing(name)(with_texts(summary, _plain), axis, page, *more)


def _drawing(name: str) -> Callable[..., Figure | None]:
    if name in _OWN:
        return _OWN[name]
    module = next(each for each, names in _IN.items() if name in names)
    drawing: Callable[..., Figure | None] = getattr(importlib.import_module(f"plots.{module}"), f"draw_{name}")
    return drawing


def _plain(text: str) -> str:
    """Escapes in a name what matplotlib would read as mathematics, and what no font has."""
    return printable(text).replace("$", r"\$")


def save(
    figure: Figure, folder: Path, name: str, formats: Sequence[str] = ("svg", "png"), page: Page | None = None
) -> list[Path]:
    """Writes `name`.svg and `name`.png, or other formats, under `folder`; the same table gives the same bytes."""
    from plots.page import Page
    from plots.style import write

    return write(figure, folder, name, formats, page or Page())
