"""Latency against joules and dollars: a front a load, bars for what is uncertain, marks that tell in grey."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

import plots
from plots.style import SCHEMES

LOAD = "workload.devices"
COSTS = {"cloud_only": (0.03, 0.0, 40.0), "colocated": (0.01, 0.0, 12.0), "k_sqs": (0.02, 0.5, 8.0),
         "edge_only": (0.005, 0.9, 0.0)}  # fmt: skip


def summary() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "curve": kind, "scheme.kind": kind, LOAD: load, "n": 8, "lossy": kind == "edge_only",
            "cloud.usd_per_gpu_hour": "a100_specialist_2026", "edge.power.least_share": 0.2,
            "latency_per_token_s": seconds * load**0.2, "latency_per_token_s_ci95": 0.1 * seconds,
            "edge_j_per_token": edge, "radio_j_per_token": 0.2, "cloud_busy_j_per_token": cloud / load,
            "busy_usd_per_million_tokens": cloud / load,
        }
        for kind, (seconds, edge, cloud) in COSTS.items()
        for load in (1, 16, 64)
    )  # fmt: skip


def steps(ax: Axes) -> list[tuple[list[float], list[float]]]:
    """The fronts, without the edges of the panel that they are drawn to."""
    found = [line for line in ax.lines if line.get_drawstyle() == "steps-post"]
    return [([*np.asarray(line.get_xdata())[1:-1]], [*np.asarray(line.get_ydata())[1:-1]]) for line in found]


def test_a_front_a_load_joins_the_lossless_that_none_beats_in_the_panel() -> None:
    figure = plots.draw("fronts", summary(), LOAD)
    assert figure is not None
    joules, dollars = figure.axes
    assert len(steps(joules)) == len(steps(dollars)) == 3
    x, y = steps(joules)[0]
    assert (x, y) == (pytest.approx([0.2]), pytest.approx([10.0])), "co-located beats all others in both"
    assert steps(dollars)[0][1] == pytest.approx([20.0, 10.0])
    assert len({str(line.get_linestyle()) for line in joules.lines if line.get_drawstyle() == "steps-post"}) == 3


def test_marks_grow_with_the_load_and_differ_in_shape() -> None:
    figure = plots.draw("fronts", summary(), LOAD)
    assert figure is not None
    marked = [line for line in figure.axes[0].lines if line.get_marker() == SCHEMES["k_sqs"][1]]
    sizes = [line.get_markersize() for line in marked]
    assert sizes == sorted(sizes) and len({*sizes}) == 3
    assert (
        len({str(line.get_marker()) for line in figure.axes[0].lines if line.get_marker() not in ("None", "", None)})
        == 4
    )


def test_bars_reach_over_the_band_of_watts() -> None:
    figure = plots.draw("fronts", summary(), LOAD)
    assert figure is not None
    ends = [segment[:, 0] for each in figure.axes[0].collections for segment in each.get_segments()]  # type: ignore[attr-defined]
    assert any(np.allclose(sorted(end), [0.2 + 0.2 * 0.5, 0.7]) for end in ends)


@pytest.mark.parametrize("column", ["edge_j_per_token", "cloud.usd_per_gpu_hour"])
def test_without_joules_or_a_price_there_is_no_figure(column: str) -> None:
    assert plots.draw("fronts", summary().drop(columns=column), LOAD) is None
    assert plots.draw("fronts", summary(), None) is None


def test_schemes_that_hide_each_other_are_named() -> None:
    table = summary()
    twin = table[table["scheme.kind"] == "k_sqs"].assign(**{"scheme.kind": "dense", "curve": "dense"})
    figure = plots.draw("fronts", pd.concat([table, twin], ignore_index=True), LOAD)
    assert figure is not None
    assert any(
        "hides the others: K-SQS, dense lattice (Q-S)." in " ".join(text.get_text().split()) for text in figure.texts
    )
