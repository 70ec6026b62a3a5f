"""The look shared by all figures: colours, markers, axes with units, and how a figure is written to disk.

Colours are those of Okabe and Ito (2008), told apart by colour-blind readers. A scheme keeps its colour and marker in
every figure; a scheme not listed takes the next free ones, in order of appearance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    EngFormatter,
    FixedLocator,
    Formatter,
    FuncFormatter,
    LogLocator,
    NullFormatter,
    NullLocator,
    StrMethodFormatter,
)

from simulator.results.columns import CURVE
from simulator.results.units import PREFIXED, title, unit

matplotlib.rcParams.update(
    {
        "font.size": 10,
        "axes.unicode_minus": False,  # as in the printed tables
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#dddddd",
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "svg.hashsalt": "sqsim",
        "svg.fonttype": "path",
        "figure.dpi": 100,
        "savefig.dpi": 150,
    }
)

SCHEMES: dict[str, tuple[str, str]] = {
    "cloud_only": ("#000000", "s"),
    "dense": ("#0072B2", "o"),
    "k_sqs": ("#D55E00", "^"),
    "c_sqs": ("#009E73", "D"),
    "half_dense": ("#56B4E9", "P"),
    "half_top_k": ("#E69F00", "X"),
    "s_q": ("#CC79A7", "v"),
    "colocated": ("#8C6BB1", "p"),
    "edge_only": ("#A6761D", "h"),
}
_SPARE_COLOURS = ("#B2182B", "#3F3F91", "#7F7F7F", "#01665E", "#F0A3B0", "#8A8A00")
_SPARE_MARKERS = ("*", "<", ">", "d", "8", "H")
_DASHES: tuple[object, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (3, 1, 1, 1, 1, 1)))
_LOG_FROM = 20.0
"""Values that span this ratio or more are drawn on a logarithmic scale."""


@dataclass(frozen=True)
class Look:
    """How one curve is drawn."""

    colour: str
    marker: str
    dashes: object = "-"


def looks(summary: pd.DataFrame) -> dict[str, Look]:
    """A look for each curve of the table: colour and marker by scheme, dashes among curves of one scheme.

    Where all are of one scheme, each has a colour and a marker of its own.
    """
    if summary["scheme.kind"].nunique() == 1:
        names = list(dict.fromkeys(summary[CURVE].astype(str)))
        first = SCHEMES.get(str(summary["scheme.kind"].iloc[0]), (_SPARE_COLOURS[0], _SPARE_MARKERS[0]))
        others = [look for look in SCHEMES.values() if look != first]
        return {name: Look(*([first, *others][place % len(SCHEMES)])) for place, name in enumerate(names)}
    found: dict[str, Look] = {}
    styles = dict(SCHEMES)
    seen: dict[str, int] = {}
    pairs = zip(summary[CURVE].astype(str), summary["scheme.kind"].astype(str), strict=True)
    for curve, kind in dict(pairs).items():
        if kind not in styles:
            spare = len(styles) - len(SCHEMES)
            styles[kind] = (
                _SPARE_COLOURS[spare % len(_SPARE_COLOURS)],
                _SPARE_MARKERS[spare % len(_SPARE_MARKERS)],
            )
        rank = seen[kind] = seen.get(kind, -1) + 1
        found[curve] = Look(*styles[kind], dashes=_DASHES[rank % len(_DASHES)])
    return found


def curves(summary: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """(curve, its rows), in order of appearance."""
    return [(str(curve), rows) for curve, rows in summary.groupby(CURVE, sort=False)]


def place(values: Iterable[float]) -> npt.NDArray[np.float64]:
    """Where values stand on an axis: themselves, and inf a step beyond the largest finite one."""
    given = np.asarray(list(values), dtype=np.float64)
    finite = given[np.isfinite(given)]
    if finite.size == given.size or finite.size == 0:
        return given
    high, low = float(finite.max()), float(finite.min())
    beyond = high * 10 ** max(0.5, math.log10(high / low) / 6) if low > 0 else high + 0.1 * (high - low or 1.0)
    return np.where(np.isfinite(given), given, beyond)


def swept(ax: Axes, name: str, values: Sequence[float]) -> None:
    """Labels the horizontal axis as the swept column `name` with its unit, logarithmic where the values span far."""
    places = place(sorted(set(values)))
    ax.set_xlabel(_label(title(name), name))
    logarithmic = places.size > 1 and places.min() > 0 and places.max() / places.min() >= _LOG_FROM
    if logarithmic:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(FixedLocator(_decades(places)))
        ax.xaxis.set_minor_formatter(NullFormatter())
    elif places.size <= 6:
        ax.xaxis.set_major_locator(FixedLocator(list(places)))
    endless = float(places.max()) if any(math.isinf(value) for value in values) else None
    if endless is not None:
        finite = [at for at in (_decades(places[:-1]) if logarithmic else places[:-1]) if at <= places[-2] * 1.001]
        ax.xaxis.set_major_locator(FixedLocator([*finite, endless]))
        ax.xaxis.set_minor_locator(NullLocator())
    ticks = _ticks(name)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, place: "∞" if x == endless else ticks(x, place)))


def upright(ax: Axes, name: str, values: Sequence[float], label: str | None = None) -> None:
    """Labels the vertical axis as metric `name` with its unit; logarithmic where positive values span far."""
    ax.set_ylabel(_label(label or title(name), name))
    finite = [value for value in values if math.isfinite(value)]
    if finite and min(finite) > 0 and max(finite) / min(finite) >= _LOG_FROM:
        ax.set_yscale("log")
        ax.set_ylim(min(finite) * 0.8, max(finite) * 1.25)
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_minor_formatter(NullFormatter())
    else:
        ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter(_ticks(name))


def level(ax: Axes, name: str, label: str) -> None:
    """Labels the horizontal axis as metric `name`, from 0, where bars lie along it."""
    ax.set_xlabel(_label(label, name))
    ax.set_xlim(left=0)
    ax.xaxis.set_major_formatter(_ticks(name))


def outside_legend(figure: Figure, ax: Axes, title: str | None = None) -> None:
    """A legend to the right of the axes, where it hides nothing."""
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), title=title, borderaxespad=0.0, alignment="left")


def write(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Writes the figure as svg and png, without dates, so that equal tables give equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.svg", folder / f"{name}.png"]
    figure.savefig(paths[0], metadata={"Date": None}, bbox_inches="tight")
    figure.savefig(paths[1], metadata={"Software": None}, bbox_inches="tight")
    return paths


def write_small(figure: Figure, path: Path) -> None:
    """Writes the figure as svg with text as text, without dates."""
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")


def _decades(places: npt.NDArray[np.float64]) -> list[float]:
    low, high = math.floor(math.log10(places.min()) + 1e-9), math.ceil(math.log10(places.max()) - 1e-9)
    return [10.0**power for power in range(low, high + 1)]


def _label(text: str, name: str) -> str:
    """The axis label: units that take prefixes (s, bit/s) stand at the ticks, others in the label."""
    symbol = unit(name)
    return f"{text} ({symbol})" if symbol and symbol not in PREFIXED else text


def _ticks(name: str) -> Formatter:
    symbol = unit(name)
    return EngFormatter(symbol) if symbol in PREFIXED else StrMethodFormatter("{x:,.10g}")
