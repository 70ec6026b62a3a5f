"""Latency per token along the swept axis, a panel for each model pair, a curve for each scheme."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots.style import Look, curves, looks, place, swept, upright
from simulator.results.columns import CI_SUFFIX, CURVE
from simulator.results.units import title

METRIC = "latency_per_token_s"
COLUMNS = 4


def draw(summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """Panels by what a curve's name says beyond its scheme, all on one scale; None without an axis."""
    if axis is None:
        return None
    shown = summary[summary[METRIC].notna()]
    kinds, names = shown["scheme.kind"].astype(str), shown[CURVE].astype(str)
    rest = [name.removeprefix(kind).strip() for name, kind in zip(names, kinds, strict=True)]
    shown = shown.assign(panel=rest, curve=kinds)
    look = looks(shown)
    panels = list(shown.groupby("panel", sort=False))
    rows = math.ceil(len(panels) / COLUMNS)
    figure = Figure(figsize=(2.9 * COLUMNS, 0.8 + 2.3 * rows), layout="constrained")
    axes = figure.subplots(rows, COLUMNS, squeeze=False, sharey=True, sharex=True)
    for ax, (name, part) in zip(axes.flat, panels, strict=False):
        _panel(ax, part, axis, look)
        ax.set_title(_short(str(name)), fontsize=9)
    for ax in axes.flat[len(panels) :]:
        ax.set_visible(False)
    for ax in axes[:, 0]:
        upright(ax, METRIC, shown[METRIC].tolist(), "latency per token")
    for ax in axes.flat:
        swept(ax, axis, shown[axis].tolist())
        ax.set_xlabel("")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.suptitle(f"Latency per token against {title(axis)}, by model pair", x=0.01, ha="left", fontsize=12)
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, axis: str, look: dict[str, Look]) -> None:
    for curve, part in curves(rows):
        ordered = part.sort_values(axis)
        style = look[curve]
        ax.errorbar(
            place(ordered[axis]), ordered[METRIC].to_numpy(dtype=float),
            yerr=ordered[METRIC + CI_SUFFIX].fillna(0.0).to_numpy(dtype=float), color=style.colour,
            marker=style.marker, markersize=3.5, linestyle=style.dashes, linewidth=1.2, capsize=2, label=curve,
        )  # fmt: skip


def _short(name: str) -> str:
    """`pair=sotu drafter=10k verifier=1m` -> `sotu 10k, 1m`: values alone where their names say nothing more."""
    words = [word.partition("=") for word in name.split()]
    said = [value if field in ("pair", "drafter", "verifier") else f"{field} {value}" for field, _, value in words]
    return " ".join(said[:1]) + (" " + ", ".join(said[1:]) if said[1:] else "")
