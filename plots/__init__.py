"""Figures from result tables. One figure a file, one shared style; nothing here simulates.

Each figure is a function draw(summary, axis) -> Figure in a module of its own, registered below by its name. `summary`
is the table of `summary.csv` with a `curve` column that names each curve; `axis` is the swept column, None where
nothing was swept. matplotlib is imported when a figure is drawn, not before.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from kinds import ConfigError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FIGURES: dict[str, str] = {
    "latency": "latency per token along the swept axis, a curve a scheme",
    "tails": "median and 99th percentile of the latency per token",
    "pairs": "latency per token along the swept axis, a panel a model pair",
    "capacity": "devices that a cell bears, a curve a scheme",
    "breakdown": "where the time goes, at three values of the swept axis",
    "bits": "payload bits per token",
    "resampling": "resampling rate beside its bound",
    "heatmap": "latency of every setting of a full factorial",
    "best_setting": "where the best setting of a full factorial moves",
    "groups": "rejections, support, bits and latency by a swept name",
    "useful": "latency of every scheme on every link, and which can be read along",
    "tradeoff": "bits against expected resampling, a curve a family of settings",
    "pareto": "bits against expected resampling, a point a setting, and the front of them",
    "convergence": "the conformal threshold's mean dropped mass along a text, beside its bounds",
    "sparsifying_time": "time to choose the kept tokens against the vocabulary, in softmaxes",
    "positions": "resampling rate at each draft position, beside the terms of its bound",
}
"""Name of the figure, whose module is `NAME_figure`, and what it shows."""
BESIDE = ("latency",)
"""Figures that also draw the curves of the setting `fixed`, beside those that each scheme chose."""


def check(names: Iterable[str]) -> None:
    """Raises ConfigError where a name is no figure's."""
    for name in names:
        if name not in FIGURES:
            raise ConfigError(f"figure = {name!r}: must be one of {', '.join(FIGURES)}")


def draw(name: str, summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """Figure `name` of a summary table; None where the table has nothing to show in it."""
    module = importlib.import_module(f"plots.{name}_figure")
    figure: Figure | None = module.draw(summary, axis)
    return figure


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Writes `name`.svg and `name`.png under `folder`; the same table gives the same bytes."""
    from plots.style import write

    return write(figure, folder, name)


def save_small(figure: Figure, path: Path) -> None:
    """Writes one svg whose text is text, a fifth as large; fonts are then the reader's."""
    from plots.style import write_small

    write_small(figure, path)
