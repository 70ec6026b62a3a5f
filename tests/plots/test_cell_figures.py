"""Heat maps and figures by name: the numbers of the table stand in the cells, and are read in grey."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from figures import curves_of, drawn, names_beside, words_around
from goodput_cells import goodput_cells
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from paper_cells import paper_cells

import plots
from plots.bar_figures import PANELS
from plots.cells import Cell, Scale, draw_cells
from simulator.results.column_names import CI_SUFFIX, READING_S

SECONDS = {"cloud_only": 1.0, "dense": 3.0, "k_sqs": 0.9, "edge_only": 0.01}


def by_name() -> pd.DataFrame:
    """Three schemes and edge_only on two links of the user's naming."""
    rows = []
    for (place, link), kind in itertools.product(enumerate(("thin", "/home/me/wide.path")), SECONDS):
        drafts = kind in ("dense", "k_sqs")
        metrics = {
            "latency_per_token_s": SECONDS[kind] / (1 + place),
            "tv_output": 0.3 if kind == "edge_only" else 0.0 if drafts else np.nan,
            "resampling_per_draft": 0.4 if drafts else np.nan,
            "support_size": {"dense": 5e4, "k_sqs": 8.0}.get(kind, np.nan),
            "dropped_mass": {"dense": 0.0, "k_sqs": 0.3}.get(kind, np.nan),
            "payload_bits_per_token": {"dense": 900.0, "k_sqs": 100.0}.get(kind, 0.0),
        }  # fmt: skip
        spread = {name + CI_SUFFIX: 0.1 * value for name, value in metrics.items()}
        rows.append({"scheme.kind": kind, "curve": kind, "uplink.label": link, "n": 3, **metrics, **spread})
    return pd.DataFrame(rows)


def texts(ax: Axes) -> dict[tuple[int, int], str]:
    """What is written in each cell, (row, column)."""
    return {
        (round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in ax.texts if not t.get_rotation()
    }


def frames(ax: Axes, *, dashed: bool = False) -> list[tuple[int, int]]:
    """The cells with a black frame, (row, column), whole or dashed."""
    return [
        (round(p.get_y() + 0.45), round(p.get_x() + 0.45))
        for p in ax.patches
        if isinstance(p, Rectangle) and not p.get_fill() and to_hex(p.get_edgecolor()) == "#000000"
        and (p.get_linestyle() != "solid") == dashed
    ]  # fmt: skip


def test_text_and_ground_of_every_cell_are_far_apart_in_grey_and_darker_is_more() -> None:
    values = np.geomspace(0.001, 10, 40)[None, :]
    ax = Figure().add_subplot()
    scale = Scale.of(values)
    draw_cells(ax, [[Cell(scale.colour(value), "x") for value in values[0]]], [""], [""] * 40)
    weights = np.array([0.2126, 0.7152, 0.0722])
    grounds = [float(np.dot(to_rgb(p.get_facecolor()), weights)) for p in ax.patches]
    inks = [float(np.dot(to_rgb(t.get_color()), weights)) for t in ax.texts]
    assert len(grounds) == 40 and all(a > b for a, b in itertools.pairwise(grounds))
    assert min(abs(ground - ink) for ground, ink in zip(grounds, inks, strict=True)) > 0.45


@pytest.mark.parametrize("values", [[1.0, 1.0], [0.0, 5.0], [math.nan, 2.0], [math.nan, math.nan]])
def test_equal_zero_and_missing_values_have_a_colour(values: list[float]) -> None:
    ax = Figure().add_subplot()
    scale = Scale.of(values)
    cells = [Cell(scale.colour(value), text) for value, text in zip(values, "ab", strict=True)]
    draw_cells(ax, [cells], [""], ["", ""])
    assert len(ax.patches) == 2
    for value, patch in zip(values, ax.patches, strict=True):
        assert (to_rgb(patch.get_facecolor()) == (1, 1, 1)) == math.isnan(value)


def test_groups_show_each_scheme_in_each_row_with_its_interval() -> None:
    table = by_name()
    figure = drawn("groups", table, "uplink.label")
    assert len(figure.axes) == len(PANELS)
    for ax, metric in zip(figure.axes, PANELS, strict=True):
        rows = table[table["scheme.kind"] == "k_sqs"]
        line = curves_of(ax)["k_sqs"].lines[0]
        np.testing.assert_allclose(line.get_xdata(), rows[metric])
        assert [round(y) for y in line.get_ydata()] == [0, 1]
    assert names_beside(figure.axes[0]) == ["thin", "/home/me/wide.path"]
    assert figure.axes[1].get_xscale() == "log" and figure.axes[2].get_xscale() == "linear"


def test_files_of_prompts_differ_by_language() -> None:
    table = by_name().rename(columns={"uplink.label": "models.pair.prompts"})
    assert words_around(drawn("groups", table, "models.pair.prompts")).startswith("Each scheme by language")
    assert words_around(drawn("groups", by_name(), "uplink.label")).startswith("Each scheme by uplink label")


def test_the_table_of_use_frames_the_best_that_keeps_the_distribution_and_stars_what_a_reader_can_follow() -> None:
    (ax,) = drawn("useful", by_name(), "uplink.label").axes
    shown = texts(ax)
    assert shown[0, 0] == "1 s" and shown[0, 1] == "3 s" and shown[1, 2] == "450 ms" and shown[0, 3] == "10 ms*"
    assert READING_S == 0.2 and sorted(frames(ax)) == [(0, 2), (1, 2)]
    bold = {place for t, place in zip(ax.texts, shown, strict=True) if t.get_fontweight() == "bold"}
    assert bold == {(0, 2), (0, 3), (1, 2), (1, 3)}
    assert [t.get_text() for t in ax.get_xticklabels()] == [
        "cloud\nonly", "dense\nlattice\n(Q-S)", "K-SQS", "edge only\n(lossy)"
    ]  # fmt: skip


def test_goodput_has_a_panel_a_device_with_the_best_scheme_and_its_rivals_in_each_cell() -> None:
    cells = goodput_cells()
    figure = drawn("goodput", cells, None, cells=cells)
    panels = [ax for ax in figure.axes if ax.texts]
    assert [ax.get_title(loc="left") for ax in panels] == ["Jetson AGX Orin drafts", "OnePlus 12 drafts"]
    assert names_beside(panels[0]) == ["2 s", "1 s", "500 ms", "200 ms"]
    orin, phone = map(texts, panels)
    assert orin[0, 0].splitlines()[0] == "co-located 8+" and "edge 2.2, cloud 0" in orin[0, 0]
    assert orin[3, 0] == "none", "the first token is too late"
    assert "edge 0, cloud 0" in phone[0, 0]
    assert (
        plots.draw("goodput", cells, None) is None and plots.draw("goodput", cells, None, cells=cells[["seed"]]) is None
    )


def test_the_map_of_the_fastest_has_a_panel_a_code_and_dashes_what_is_not_distinguishable() -> None:
    cells = paper_cells()
    figure = drawn("fastest", cells, "models.temperature", cells=cells)
    papers, fair = figure.axes
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "sotu, bits as the papers count",
        "sotu, tuned and coded",
    ]
    assert names_beside(papers) == ["1.4", "0"] and texts(papers)[1, 0] == "K-SQS\n25% less"
    assert frames(papers, dashed=True) == [(0, 0), (0, 1), (0, 2)] and not frames(fair, dashed=True)
    assert words_around(figure).startswith("Seen fastest, of 12 places: K-SQS at 9")
    assert plots.draw("fastest", cells, None) is None


def test_the_papers_experiments_are_their_own_schemes_at_the_middle_rate() -> None:
    cells = paper_cells()
    rows = cells[cells["seed"] == 0].assign(n=1)
    figure = drawn("experiments", rows, "models.temperature")
    assert figure.axes[0].get_title(loc="left") == "latency per token" and len(figure.axes) == 3
    assert set(curves_of(figure.axes[0])) == set(cells["label"][cells["scheme.code"] == "enumerative"])
    assert plots.draw("experiments", rows, "uplink.rate.bps") is None
