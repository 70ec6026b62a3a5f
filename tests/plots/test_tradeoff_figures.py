"""Bits against rejections: the figures show the table's settings, who is on the front, and the gap at equal bits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import plots

TEMPERATURE, KIND, STEP = "models.temperature", "scheme.sparsifier.kind", "scheme.sparsifier.step"
BITS, REJECTED = "coded_bits_per_draft", "tv_qhat"
MOVING = [rf"conformal threshold, $\eta$ = {step}" for step in (0.001, 0.01)]
FAMILIES = {("threshold", np.nan): 1.0, ("top_k", np.nan): 1.2, ("conformal", 1e-3): 1.0, ("conformal", 1e-2): 1.1}


def families() -> pd.DataFrame:
    """Rejections of so many times 10 / bits, at two temperatures."""
    return pd.DataFrame(
        [
            {TEMPERATURE: at, KIND: kind, STEP: step, BITS: bits, REJECTED: factor * 10 / bits, "curve": "x",
             "scheme.kind": "composed"}
            for at in (0.5, 1.0)
            for (kind, step), factor in FAMILIES.items()
            for bits in (20.0, 80.0, 40.0)
        ]
    )  # fmt: skip


def drawn(name: str, table: pd.DataFrame, axis: str | None = None) -> Figure:
    figure = plots.draw(name, table, axis)
    assert figure is not None
    return figure


def test_each_family_is_a_curve_by_bits_in_a_panel_of_each_temperature() -> None:
    figure = drawn("tradeoff", families(), TEMPERATURE)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["temperature 0.5", "temperature 1", "", ""]
    upper, lower = figure.axes[0], figure.axes[2]
    lines = {str(line.get_label()): line for line in upper.lines}
    assert list(lines) == ["fixed threshold", "top-K", *MOVING]
    np.testing.assert_allclose(lines["top-K"].get_xydata(), [[20, 0.6], [40, 0.3], [80, 0.15]])
    gaps = {str(line.get_label()): line.get_ydata() for line in lower.lines}
    np.testing.assert_allclose(gaps["top-K"], [0.2, 0.2, 0.2])
    np.testing.assert_allclose(gaps["fixed threshold"], 0.0, atol=1e-12)
    np.testing.assert_allclose(gaps[MOVING[1]], 0.1)


def test_kinds_differ_in_colour_and_marker_and_families_of_one_kind_in_their_dashes() -> None:
    lines = {str(line.get_label()): line for line in drawn("tradeoff", families(), TEMPERATURE).axes[0].lines}
    looks = {name: (to_hex(line.get_color()), line.get_marker()) for name, line in lines.items()}
    assert looks[MOVING[0]] == looks[MOVING[1]] and len(set(looks.values())) == 3
    assert lines[MOVING[0]].get_linestyle() != lines[MOVING[1]].get_linestyle()


def test_without_an_axis_or_these_columns_there_is_no_tradeoff_figure() -> None:
    assert plots.draw("tradeoff", families(), None) is None
    assert plots.draw("tradeoff", families().drop(columns=BITS), TEMPERATURE) is None


POINTS = [  # vocabulary, quantizer, kept, bits, rejected, on the front
    (1024.0, "lattice", "top_k", 20.0, 0.6, True),
    (1024.0, "dual", "top_k", 40.0, 0.5, True),
    (1024.0, "cubic", "top_k", 50.0, 0.55, False),
    (1024.0, "lattice", "all", 400.0, 0.4, True),
    (49152.0, "lattice", "top_k", 30.0, 0.7, True),
    (49152.0, "halves", "top_k", 300.0, 0.7, False),
]


def lattices() -> pd.DataFrame:
    names = ["vocabulary", "scheme.quantizer.kind", KIND, BITS, REJECTED, "front"]
    return pd.DataFrame(POINTS, columns=names).assign(curve="x")


def test_each_setting_is_a_point_filled_where_it_is_on_the_front_which_is_drawn() -> None:
    figure = drawn("pareto", lattices())
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["V = 1,024", "V = 49,152"]
    for ax, (_, rows) in zip(figure.axes, lattices().groupby("vocabulary"), strict=True):
        front, *points = ax.lines
        kept = rows[rows["front"]].sort_values(BITS)
        np.testing.assert_allclose(front.get_xydata(), kept[[BITS, REJECTED]])
        shown = {tuple(np.ravel(point.get_xydata())): to_hex(point.get_markerfacecolor()) for point in points}
        assert len(shown) == len(rows)
        for _, row in rows.iterrows():
            assert (shown[row[BITS], row[REJECTED]] != "#ffffff") == row["front"]


def test_markers_tell_quantizers_apart_without_colour_and_dense_packets_from_sparse() -> None:
    figure = drawn("pareto", lattices())
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["lattice", "dual lattice", "cubic lattice", "fp16", "dense lattice", "front"]
    markers = [handle.get_marker() for handle in legend.legend_handles[:-1]]
    assert len(set(markers)) == len(markers)


@pytest.mark.parametrize("column", ["vocabulary", BITS, "scheme.quantizer.kind"])
def test_without_its_columns_there_is_no_pareto_figure(column: str) -> None:
    assert plots.draw("pareto", lattices().drop(columns=column), None) is None
