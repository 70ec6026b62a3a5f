"""Heat maps and figures by name: the numbers of the table stand in the cells, and are read in grey."""

from __future__ import annotations

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

import plots
from plots.bar_figures import PANELS
from plots.cell_figures import Factorial, factorial
from plots.cells import Cells, Scale
from simulator.results.columns import CI_SUFFIX, READING_S

SECONDS = {"cloud_only": 1.0, "dense": 3.0, "k_sqs": 0.9, "edge_only": 0.01}
KS, ELLS, TEMPERATURES, RATES = (2, 8, 32), (10, 100), (0.5, 1.0), (1e3, 1e6)


def latency(k: int, ell: int, temperature: float, rate: float) -> float:
    return temperature * (0.02 + abs(math.log2(k) - 3) * 0.01 + math.log10(ell) * k / rate)


def settings() -> pd.DataFrame:
    """A full factorial; the draft length was chosen: it follows from the others."""
    rows = [
        {
            "scheme.kind": "k_sqs", "curve": "k_sqs", "scheme.k": k, "scheme.resolution": ell, "n": 3,
            "models.temperature": t, "uplink.rate.bps": bps, "scheme.max_drafts": 1 if bps < 1e4 else 2 + (t < 1),
            "latency_per_token_s": latency(k, ell, t, bps), "latency_per_token_s_ci95": 0.001,
        }
        for k, ell, t, bps in itertools.product(KS, ELLS, TEMPERATURES, RATES)
    ]  # fmt: skip
    return pd.DataFrame(rows).sample(frac=1, random_state=0, ignore_index=True)


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
    Cells([[scale.colour(value) for value in values[0]]], [["x"] * 40], [""], [""] * 40).draw(ax)
    weights = np.array([0.2126, 0.7152, 0.0722])
    grounds = [float(np.dot(to_rgb(p.get_facecolor()), weights)) for p in ax.patches]
    inks = [float(np.dot(to_rgb(t.get_color()), weights)) for t in ax.texts]
    assert len(grounds) == 40 and all(a > b for a, b in itertools.pairwise(grounds))
    assert min(abs(ground - ink) for ground, ink in zip(grounds, inks, strict=True)) > 0.45


@pytest.mark.parametrize("values", [[1.0, 1.0], [0.0, 5.0], [math.nan, 2.0], [math.nan, math.nan]])
def test_equal_zero_and_missing_values_have_a_colour(values: list[float]) -> None:
    ax = Figure().add_subplot()
    scale = Scale.of(values)
    Cells([[scale.colour(value) for value in values]], [["a", "b"]], [""], ["", ""]).draw(ax)
    assert len(ax.patches) == 2
    for value, patch in zip(values, ax.patches, strict=True):
        assert (to_rgb(patch.get_facecolor()) == (1, 1, 1)) == math.isnan(value)


def test_a_factorial_is_drawn_from_what_was_chosen() -> None:
    table = settings()
    assert factorial(table) == Factorial("scheme.k", "scheme.resolution", "models.temperature", "uplink.rate.bps")
    one_rate = table[table["uplink.rate.bps"] == 1e3]
    assert factorial(one_rate) == Factorial("scheme.k", "scheme.resolution", "models.temperature", None)
    assert factorial(table[table["scheme.k"] == 2]) is None
    length = table.assign(**{"scheme.resolution": 10, "scheme.max_drafts": table["scheme.resolution"]})
    found = factorial(length)
    assert found is not None and {found.rows, found.columns} == {"scheme.k", "scheme.max_drafts"}


def seeds(noise: float = 0.0) -> pd.DataFrame:
    """The cells of the same: latencies of three seeds whose geometric mean is the summary's, K = 2 apart by `noise`."""
    table = settings()
    shares = {0: 1.0, 1: 0.9, 2: 1 / 0.9}
    return pd.concat([
        table.assign(seed=seed, latency_per_token_s=table["latency_per_token_s"] * share
                     * np.where(table["scheme.k"] == 2, (1.0, 1 + noise, 1 / (1 + noise))[seed], 1.0))
        for seed, share in shares.items()
    ])  # fmt: skip


def pictured(cells: pd.DataFrame | None, table: pd.DataFrame | None = None) -> Figure:
    return drawn("heatmap", settings() if table is None else table, None, cells=cells)


@pytest.mark.parametrize("cells", [None, seeds()])
def test_each_cell_of_the_heat_map_is_its_setting_over_the_lowest_of_its_panel(cells: pd.DataFrame | None) -> None:
    figure = pictured(cells)
    panels = [(rate, t) for rate in RATES for t in TEMPERATURES]
    *axes, bar = figure.axes
    for ax, (rate, t) in zip(axes, panels, strict=True):
        wanted = np.array([[latency(k, ell, t, rate) for ell in ELLS] for k in KS])
        length = 1 if rate < 1e4 else 2 + (t < 1)
        for (row, column), text in texts(ax).items():
            value, drafts = text.split("\n")
            assert float(value) == pytest.approx(wanted[row, column] / wanted.min(), abs=6e-3) and int(drafts) == length
        assert frames(ax) == [divmod(int(np.argmin(wanted)), len(ELLS))]
        assert names_beside(axes[0]) == ["2", "8", "32"]
        assert f"1.00 is {1e3 * wanted.min():.3g} ms" in ax.get_title(loc="left")
    titles = [ax.get_title(loc="left").split("\n")[0] for ax in axes]
    assert titles == [f"temperature {t}, uplink rate {r}" for r in ("1 kbit/s", "1 Mbit/s") for t in ("0.5", "1")]
    assert bar.get_ylabel() == "times the lowest of its panel" and bar.get_ylim()[0] == 1.0
    of_one_length = pictured(cells, settings().assign(**{"scheme.max_drafts": 4}))
    assert all("\n" not in text for ax in of_one_length.axes[:-1] for text in texts(ax).values())


def test_settings_that_are_not_distinguishable_from_the_lowest_are_dashed() -> None:
    """Latencies of K = 2 vary by more than what it is above the best, those of K = 32 by a factor of all settings."""
    for noise, tied in ((0.0, False), (0.9, True)):
        *axes, _ = pictured(seeds(noise)).axes
        found = {place for ax in axes for place in frames(ax, dashed=True)}
        assert found <= {(0, 0), (0, 1)} and bool(found) == tied
    assert "not distinguishable" in words_around(pictured(seeds(0.9)))
    assert "distinguishable" not in words_around(pictured(None))


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


def test_what_is_no_factorial_has_no_heat_map_and_a_number_is_no_name() -> None:
    table, numbered = settings(), by_name().assign(**{"uplink.label": [1.0] * 4 + [2.0] * 4})
    assert plots.draw("heatmap", table[table["scheme.k"] == 2], None) is None
    assert plots.draw("heatmap", by_name(), "uplink.label") is None
    assert plots.draw("heatmap", table.assign(latency_per_token_s=math.nan), None) is None
    for name in ("groups", "useful"):
        assert plots.draw(name, numbered, "uplink.label") is None and plots.draw(name, numbered, None) is None


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
