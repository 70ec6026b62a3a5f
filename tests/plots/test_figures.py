"""Figures show the table's numbers, with units, the same colours everywhere, on any swept axis."""

import itertools
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from figures import (
    AXIS,
    GENERAL,
    bars_of,
    curves_of,
    drawn,
    ends_of,
    legend_of,
    names_beside,
    summary,
    titles_of,
    widths_of,
    words_around,
)
from matplotlib._constrained_layout import do_constrained_layout
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

import plots
from plots import breakdown_figures
from plots.axes import place
from plots.breakdown_figures import COLOURS
from plots.lines import UNBOUNDED, _with_a_course
from plots.style import SCHEMES, looks
from simulator.results.column_names import BREAKDOWN
from simulator.results.intervals import summarise_curves

BITS = ("cloud_only", "dense", "k_sqs", "c_sqs")
FIVE = (*BITS, "s_q")
PROMPTS = "workload.prompt_tokens"


def test_the_latency_curves_are_the_means_with_their_intervals_on_the_scale_of_the_axis() -> None:
    for rates, reach in (((1e3, 1e4, 1e6), (math.exp(-0.1), math.exp(0.1))), ((1e4, 1.2e4), (0.9, 1.1))):
        table = summary(rates=rates, schemes=FIVE)
        curves = curves_of(*drawn("latency", table).axes)
        assert list(curves) == [*FIVE]
        for kind, container in curves.items():
            rows = table[table["scheme.kind"] == kind]
            line, caps, _ = container.lines
            assert list(line.get_xdata()) == list(rows[AXIS])
            np.testing.assert_allclose(line.get_ydata(), rows["latency_per_token_s"])
            for cap, times in zip(caps, reach, strict=True):
                np.testing.assert_allclose(cap.get_ydata(), times * rows["latency_per_token_s"])


def beside_cloud() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Summary and cells of three seeds: `dense` passes cloud-only decoding at 10 kbit/s, 1.1 and 0.9 of its time a
    decade to both sides; `colocated` takes 0.3 of it, in one seed more."""
    rates, shares = (1e3, 1e4, 1e5), {"cloud_only": (1.0,) * 3, "dense": (1.1, 1.0, 1 / 1.1), "colocated": (0.3,) * 3}
    cells = pd.DataFrame(
        {"scheme.kind": kind, "curve": kind, AXIS: rate, "seed": seed,
         "latency_per_token_s": 0.05 * (1 + seed) * share * (1.1 if (kind, seed) == ("colocated", 2) else 1.0)}
        for kind, along in shares.items() for rate, share in zip(rates, along, strict=True) for seed in range(3)
    )  # fmt: skip
    return summarise_curves(cells), cells


def test_where_a_scheme_comes_near_cloud_only_decoding_its_ratio_is_drawn_with_its_interval_over_seeds() -> None:
    table, cells = beside_cloud()
    figure = drawn("latency", table)
    (ax,) = figure.axes
    ratio = curves_of(ax)["dense"]
    np.testing.assert_allclose(ratio.lines[0].get_ydata(), [1.1, 1.0, 1 / 1.1])
    below = curves_of(ax)["colocated"]
    np.testing.assert_allclose(below.lines[0].get_ydata(), [0.3 * 1.1 ** (1 / 3)] * 3)
    wide = [each[:, 1] for part in ax.collections for each in part.get_segments() if len(each) and np.ptp(each[:, 1])]  # type: ignore[attr-defined]
    assert len(wide) == 3 and all(low < 0.3 * 1.1 ** (1 / 3) < high for low, high in wide)
    assert ends_of(figure) == ["co-located speculation", "dense lattice (Q-S)", "cloud only"], "by their heights"
    alone_ms = 1e3 * cells[cells["scheme.kind"] == "cloud_only"]["latency_per_token_s"].mean()
    assert f"The line at 1: cloud only, {alone_ms:g} ms" in words_around(figure)
    assert "paired by seed" in words_around(figure)


def test_where_no_scheme_comes_near_cloud_only_decoding_or_one_is_not_compared_with_it_times_are_drawn() -> None:
    table, _ = beside_cloud()
    far = table[table["scheme.kind"] != "dense"]
    apart = table.assign(speedup=table["speedup"].where(table["scheme.kind"] != "colocated"))
    for each in (far, table.drop(columns="speedup"), apart):
        assert "cloud only" not in words_around(drawn("latency", each))


def by_turns() -> pd.DataFrame:
    """Cells of three seeds: at two turns and two prompts `coupled` takes 0.9 and 1.2 of cloud-only decoding's time,
    `colocated` 0.3."""
    prompts, shares = (1_024, 8_192), {"cloud_only": (1.0, 1.0), "colocated": (0.3, 0.3), "coupled": (0.9, 1.2)}
    return pd.DataFrame(
        {"scheme.kind": kind, "curve": f"{kind} counted_turn={turn}", "workload.counted_turn": turn, PROMPTS: prompt,
         "seed": seed, "latency_per_token_s": 0.05 * turn * (1 + seed) * share}
        for turn in (1, 4) for kind, along in shares.items() for prompt, share in zip(prompts, along, strict=True)
        for seed in range(3)
    )  # fmt: skip


def test_few_schemes_at_few_values_of_the_axis_are_bars_with_their_numbers_a_panel_a_set_up() -> None:
    figure = drawn("latency", summarise_curves(by_turns()), PROMPTS)
    assert titles_of(figure) == ["counted turn 1", "counted turn 4"]
    assert names_beside(figure.axes[0]) == ["1,024", "8,192"]
    for ax in figure.axes:
        assert widths_of(ax) == pytest.approx([0.3, 0.3, 0.9, 1.2])
        assert sorted(text.get_text() for text in ax.texts) == ["0.3", "0.3", "0.9", "1.2"]
        assert [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == ":"] == [1.0]
    assert legend_of(figure) == ["co-located speculation", "coupled (ids only)", "cloud only"]
    full, hatched = bars_of(figure.axes[0])
    assert {bar.get_hatch() for bar in full} == {""} and {bar.get_hatch() for bar in hatched} == {"////"}


def test_more_values_of_the_axis_are_curves() -> None:
    cells = by_turns()
    more = [cells.assign(**{PROMPTS: times * cells[PROMPTS]}) for times in (1, 2, 4)]
    assert not any(map(bars_of, drawn("latency", summarise_curves(pd.concat(more)), PROMPTS).axes))


def test_one_scheme_along_a_load_is_drawn_over_its_own_time_at_the_least_load_paired_by_seed() -> None:
    load, orders = "workload.devices", {"in turn": (1.0, 1.2, 1.5), "own blocks": (2.0, 2.0, 2.0)}
    cells = pd.DataFrame(
        {"scheme.kind": "k_sqs", "curve": f"k_sqs label={order}", "uplink.label": order, load: devices, "seed": seed,
         "latency_per_token_s": 0.04 * (1 + seed) * share}
        for order, along in orders.items() for devices, share in zip((1, 8, 64), along, strict=True)
        for seed in range(3)
    )  # fmt: skip
    figure = drawn("latency", summarise_curves(cells), load, cells=cells)
    for order, along in orders.items():
        drawn_at = curves_of(*figure.axes)[f"k_sqs label={order}"].lines[0].get_ydata()
        np.testing.assert_allclose(drawn_at, np.array(along) / along[0])
    assert "over that with 1 device" in words_around(figure) and "paired by seed" in words_around(figure)
    two = cells.assign(**{"scheme.kind": ["k_sqs", "dense"] * 9})
    assert "over that" not in words_around(drawn("latency", summarise_curves(two), load, cells=two))


@pytest.mark.parametrize("name", ["latency", "tails", "breakdown"])
def test_of_classes_of_devices_each_is_drawn_and_not_all_together_and_their_number_is_no_length(name: str) -> None:
    classes, axis = ("all devices", "phones", "meters"), "fleet.meters.count"
    parts = [summary((1, 50, 100, 200), axis=axis).assign(
        **{"class": each, "curve": lambda rows, each=each: rows["curve"] + f" class={each}"}) for each in classes
    ]  # fmt: skip
    figure = drawn(name, pd.concat(parts, ignore_index=True), axis)
    assert "all devices" not in f"{titles_of(figure)} {words_around(figure)}"
    assert "number of meters" in f"{titles_of(figure)} {words_around(figure)}"


def test_steady_and_fading_rates_are_not_on_one_line() -> None:
    axis = "uplink.rate.mean_bps"
    table = summary(axis=axis).assign(**{"uplink.rate.kind": ["constant", "rayleigh"] * 8}, setting="chosen")
    fixed = table[table["curve"] == "k_sqs"].assign(curve="k_sqs L=4", setting="fixed")
    figure = drawn("latency", pd.concat([table, fixed]), axis)
    assert titles_of(figure) == ["rate constant", "rate rayleigh"]
    for ax, rates in zip(figure.axes, ([1e3, 1e5], [1e4, 1e6]), strict=True):
        assert all(list(each.lines[0].get_xdata()) == rates for each in curves_of(ax).values())
        assert [list(line.get_xdata()) for line in ax.lines if line.get_zorder() == 1] == [rates], "one setting for all"


def test_a_ratio_far_above_is_cut_and_its_name_stands_at_the_top() -> None:
    _, cells = beside_cloud()
    slow = cells[cells["scheme.kind"] == "dense"].assign(
        **{"scheme.kind": "half_dense", "curve": "half_dense", "latency_per_token_s": 9.0}
    )
    figure = drawn("latency", summarise_curves(pd.concat([cells, slow], ignore_index=True)))
    assert figure.axes[0].get_ylim()[1] < 4 and ends_of(figure)[-1] == "dense fp16"


def test_up_to_four_curves_have_bands_and_more_have_bars() -> None:
    for schemes, banded in (([*BITS], True), ([*FIVE], False)):
        (ax,) = drawn("latency", summary(schemes=schemes)).axes
        assert len(ax.collections) == len(schemes)  # bands, or whiskers
        assert all(isinstance(each, FillBetweenPolyCollection) == banded for each in ax.collections)


def test_latency_over_decades_is_log_log_and_every_interval_is_inside_the_axes() -> None:
    figure = drawn("latency", summary())
    (ax,) = figure.axes
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    low, high = ax.get_ylim()
    assert low < 0.9 * 0.03 and high > 1.1 * 0.53
    figure.canvas.draw()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1k", "10k", "100k", "1M"]
    assert "uplink rate (bit/s)" in words_around(figure)
    assert all(name.endswith("s") for name in names_beside(ax))


def stacked(ax: Axes) -> np.ndarray:
    """The lengths of the stacked bars, a row."""
    widths: np.ndarray = np.sum([[bar.get_width() for bar in group] for group in bars_of(ax)], axis=0)
    return widths


def test_the_breakdown_stacks_to_the_latency_at_lowest_middle_and_highest_value() -> None:
    table = summary(rates=(1e3, 1e4, 1e5, 1e6, 1e7))
    figure = drawn("breakdown", table)
    assert titles_of(figure) == ["uplink rate 1 kbit/s", "100 kbit/s", "10 Mbit/s"]
    for ax, rate in zip(figure.axes, (1e3, 1e5, 1e7), strict=True):
        np.testing.assert_allclose(stacked(ax), table[table[AXIS] == rate]["latency_per_token_s"])


@pytest.mark.parametrize("schemes", [3, 4])
def test_one_setting_for_all_is_dotted_where_few_have_one(schemes: int) -> None:
    kinds = ["dense", "k_sqs", "c_sqs", "s_q"][:schemes]
    table = pd.concat([summary(schemes=kinds).assign(setting=setting) for setting in ("chosen", "fixed")])
    assert ("dotted: one setting for all" in words_around(drawn("latency", table))) == (schemes == 3)


def test_in_the_breakdown_a_curve_has_one_place_in_all_panels_even_where_it_is_missing() -> None:
    table = summary()
    figure = drawn("breakdown", table[(table["curve"] != "dense") | (table[AXIS] != table[AXIS].max())])
    assert names_beside(figure.axes[0]) == ["cloud only", "dense lattice (Q-S)", "K-SQS", "C-SQS"]
    for ax, rate, there in ((figure.axes[0], table[AXIS].min(), 1), (figure.axes[-1], table[AXIS].max(), 0)):
        expected = table[table[AXIS] == rate]["latency_per_token_s"].to_numpy().copy()
        expected[1] *= there
        np.testing.assert_allclose(stacked(ax), expected)
    assert [t.get_text() for t in figure.axes[-1].texts][1] == "none"
    assert plots.draw("breakdown", table.assign(**dict.fromkeys(BREAKDOWN, math.nan)), AXIS) is None


def test_a_bar_that_dwarfs_the_others_is_cut_in_the_breakdown_and_bits_are_dots_on_a_logarithmic_axis() -> None:
    table = summary(rates=(1e4,))
    (ax,) = drawn("bits", table, None).axes
    assert ax.get_xscale() == "linear" and ax.get_xlim()[0] == 0 and len(bars_of(ax)) == 1
    huge = table["scheme.kind"] == "dense"
    table.loc[huge, ["uplink_transmit_s", "payload_bits_per_token"]] = 1e3, 1e6
    (ax,) = drawn("breakdown", table.drop(columns="capacity"), None).axes
    others = table[~huge]["latency_per_token_s"].max()
    assert others < ax.get_xlim()[1] < 1.4 * others
    assert max(bar.get_x() + bar.get_width() for bar in ax.patches) < 1.001 * others
    assert [text.get_text() for text in ax.texts if "→" in text.get_text()] == ["1,000 s →"]
    (ax,) = drawn("bits", table, None).axes
    assert ax.get_xscale() == "log" and not ax.patches
    dots = [each for each in ax.containers if isinstance(each, type(next(iter(curves_of(ax).values()))))]
    assert [float(each.lines[0].get_xdata()[0]) for each in dots] == [1e6, 100.0, 150.0]


def test_a_bar_of_a_search_tells_its_devices_and_one_that_supports_none_is_no_bar() -> None:
    table = summary(rates=(1e4,)).assign(capacity=[3, 0, 2000, 7])
    figure = drawn("breakdown", table, None)
    (ax,) = figure.axes
    assert [text.get_text().partition(" ms, ")[2] for text in ax.texts][::2] == ["3 devices", "2,000 devices"]
    assert ax.texts[1].get_text() == "supports no device" and stacked(ax)[1] == 0
    assert "not at one load" in words_around(figure) and "is better" not in words_around(figure)


def test_of_many_set_ups_the_breakdown_has_the_one_with_the_most_values_and_counts_the_others() -> None:
    table = summary(rates=(1e3, 1e5, 1e7))
    faded = summary(rates=(2e3, 2e4)).assign(curve=lambda rows: rows["curve"] + " rate=rayleigh")
    figure = drawn("breakdown", pd.concat([faded, table], ignore_index=True))
    assert titles_of(figure) == ["uplink rate 1 kbit/s", "100 kbit/s", "10 Mbit/s"]
    assert "Not drawn: 1 other set-ups." in words_around(figure)


def test_every_part_of_the_breakdown_has_a_look_of_its_own_and_is_known_without_colours() -> None:
    assert sorted(COLOURS) == sorted(BREAKDOWN)
    assert len({colour for colour, _, _ in COLOURS.values()}) == len(COLOURS)
    grey = {
        name: 0.2126 * r + 0.7152 * g + 0.0722 * b for name, (c, _, _) in COLOURS.items() for r, g, b in [to_rgb(c)]
    }
    for (one, (_, hatch, _)), (other, (_, second, _)) in itertools.combinations(COLOURS.items(), 2):
        assert set(hatch) != set(second) or abs(grey[one] - grey[other]) > 0.08, (one, other)


def test_a_state_without_a_colour_is_drawn_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breakdown_figures, "BREAKDOWN", (*BREAKDOWN, "thinking_s"))
    table = summary(rates=(1e4,)).assign(thinking_s=0.05)
    figure = drawn("breakdown", table, None)
    np.testing.assert_allclose(stacked(figure.axes[0]), table["latency_per_token_s"] + 0.05)
    assert "thinking" in legend_of(figure)


def test_bits_are_bars_where_the_axis_leaves_them_and_curves_where_it_does_not() -> None:
    table = summary()
    assert widths_of(*drawn("bits", table).axes) == [500.0, 100.0, 150.0]
    table["payload_bits_per_token"] *= np.log10(table[AXIS])
    curves = curves_of(*drawn("bits", table).axes)
    np.testing.assert_allclose(curves["k_sqs"].lines[0].get_ydata(), [300, 400, 500, 600])


def test_bits_are_those_of_a_draft_where_the_axis_moves_the_length_of_a_round() -> None:
    """What a code costs then does not look as if it changed with the rate: only the length that was chosen does."""
    table = summary().assign(payload_bits_per_draft=40.0, draft_length=4.0)
    assert "per token" in words_around(drawn("bits", table))
    length = np.where(table[AXIS] > 1e4, 8.0, 2.0)
    moved = table.assign(draft_length=length, payload_bits_per_token=table["payload_bits_per_token"] * length)
    figure = drawn("bits", moved)
    assert widths_of(*figure.axes) == [40.0] * 3
    assert "Payload bits per draft" in words_around(figure)
    assert "the length of a round changes" in words_around(figure)
    curves = curves_of(*drawn("bits", moved.assign(payload_bits_per_draft=10 * length)).axes)
    np.testing.assert_allclose(curves["k_sqs"].lines[0].get_ydata(), [20, 20, 80, 80])


def chosen_along() -> pd.DataFrame:
    """What two schemes send and have rejected where they chose another setting from 100 kbit/s on; K-SQS chose none."""
    table = summary(schemes=["dense", "k_sqs"]).assign(setting="chosen", draft_length=4.0, payload_bits_per_draft=40.0)
    other = (table["scheme.kind"] == "dense") & (table[AXIS] >= 1e5)
    table.loc[other, "draft_length"] = 2.0
    table.loc[other, "payload_bits_per_draft"] = 80.0
    table.loc[other, ["resampling_per_draft", "rejection_bound"]] = 0.1, 0.15
    return table


def test_where_the_rate_is_no_factor_bits_and_rejections_have_a_row_a_scheme_at_the_middle_rate() -> None:
    figure = drawn("bits", chosen_along())
    assert widths_of(*figure.axes) == [80.0, 40.0], "dense chose another setting there"
    assert "at uplink rate 100 kbit/s" in words_around(figure)
    figure = drawn("resampling", chosen_along())
    assert sorted(widths_of(*figure.axes)) == [0.15, 0.3] and "at uplink rate 100 kbit/s" in words_around(figure)
    given = drawn("resampling", chosen_along().drop(columns="setting"))
    assert len(given.axes) == 2, "nothing was chosen: the axis itself changes it, a panel a curve"
    warm = chosen_along().rename(columns={AXIS: "models.temperature"})
    assert len(drawn("resampling", warm, "models.temperature").axes) == 2, "a temperature is a factor"


def test_many_curves_of_constants_have_a_panel_a_field_with_a_row_a_scheme() -> None:
    parts = [chosen_along().assign(curve=lambda rows, n=n: rows["curve"] + f" distance=0.{n}") for n in range(1, 8)]
    for name in ("bits", "resampling"):
        figure = drawn(name, pd.concat(parts, ignore_index=True))
        assert titles_of(figure)[:7] == [f"distance 0.{n}" for n in range(1, 8)]
        assert names_beside(figure.axes[0]) == ["dense lattice (Q-S)", "K-SQS"]
        marks = [each.lines[0] for ax in figure.axes[:7] for each in curves_of(ax).values()]
        assert {mark.get_fillstyle() for mark in marks} == {"full"}, "a scheme looks the same in all panels"


def rates_of(figure: Figure) -> dict[str, list[float]]:
    """What the rows of a resampling figure show: bars, dots, diamonds."""
    (ax,) = figure.axes
    dots = [each.lines[0] for each in ax.containers if not isinstance(each, type(bars_of(ax)[0]))]
    diamonds = [line for line in ax.lines if line.get_marker() == "D"]
    measured, expected = ([float(line.get_xdata()[0]) for line in lines] for lines in (dots, diamonds))
    return {"bound": widths_of(ax), "measured": measured, "expected": expected}


def test_resampling_stands_beside_what_is_expected_and_its_bound_for_every_scheme_that_drafts() -> None:
    figure = drawn("resampling", summary().assign(tv_qhat=0.25))
    assert rates_of(figure) == {"bound": [0.3] * 3, "measured": [0.2] * 3, "expected": [0.25] * 3}
    assert names_beside(figure.axes[0]) == ["dense lattice (Q-S)", "K-SQS", "C-SQS"]
    coupled = drawn("resampling", summary(schemes=["dense", "coupled"]).assign(tv_qhat=0.25))
    np.testing.assert_array_equal(rates_of(coupled)["expected"], [0.25, np.nan])  # TV is not what is expected of it


def test_a_bound_above_one_is_none_in_a_row_and_ends_at_one_along_an_axis() -> None:
    table = summary().assign(tv_qhat=0.25)
    table.loc[table["scheme.kind"] == "dense", "rejection_bound"] = 123.4
    bars = drawn("resampling", table)
    assert rates_of(bars)["bound"] == [0.0, 0.3, 0.3]
    assert [text.get_text() for text in bars.axes[0].texts] == ["no bound"]
    assert "above 1 says nothing" in words_around(bars)
    table["rejection_bound"] *= np.log10(table[AXIS])  # now it moves: a panel a curve
    lines = drawn("resampling", table)
    for ax in lines.axes:
        (bound,) = [line for line in ax.lines if line.get_linestyle() == "--"]
        assert np.max(bound.get_ydata()) <= 1.0
    keys = [figure.legends[0].legend_handles[-1] for figure in (bars, lines)]
    assert keys[0].get_hatch() == bars.axes[0].patches[0].get_hatch() and keys[1].get_linestyle() == "--"


def test_a_scheme_looks_the_same_whatever_else_is_shown_and_others_get_free_looks() -> None:
    alone, crowd = looks(summary(schemes=["c_sqs"])), looks(summary(schemes=["mine", "c_sqs", "yours", "dense"]))
    assert alone["c_sqs"] == crowd["c_sqs"]
    assert len({look.colour for look in crowd.values()}) == 4
    assert crowd["mine"].colour not in {colour for colour, _ in SCHEMES.values()}
    line = curves_of(*drawn("latency", summary(schemes=["mine", "c_sqs"])).axes)["c_sqs"].lines[0]
    assert to_hex(line.get_color()) == SCHEMES["c_sqs"][0].lower()


def test_where_all_curves_are_of_one_scheme_each_has_a_colour_and_the_first_the_schemes() -> None:
    table = pd.concat([summary(schemes=["k_sqs"]).assign(curve=f"k_sqs cap={n}") for n in range(6)])
    given = list(looks(table).values())
    assert len({look.colour for look in given}) == len({look.marker for look in given}) == 6
    assert given[0] == looks(summary())["k_sqs"]
    assert not {look.colour for look in given[1:]} & {colour for colour, _ in SCHEMES.values()}


def test_tails_are_the_median_above_the_99th_percentile_on_one_scale() -> None:
    table = summary()
    median, high = drawn("tails", table).axes
    rows = table[table["scheme.kind"] == "dense"]
    for ax, quantile in ((median, "p50"), (high, "p99")):
        np.testing.assert_allclose(curves_of(ax)["dense"].lines[0].get_ydata(), rows[f"latency_per_token_{quantile}_s"])
    assert median.get_ylim() == high.get_ylim()
    assert [ax.get_title(loc="left") for ax in (median, high)] == ["median", "99th percentile"]
    table = summary(rates=(1e4,))
    wanted = [factor * value for factor in (0.9, 2.0) for value in table["latency_per_token_s"]]
    assert widths_of(*drawn("tails", table, None).axes) == pytest.approx(wanted)


def test_tails_of_many_curves_have_a_column_a_value_in_which_a_scheme_looks_the_same() -> None:
    table = pd.concat([summary(schemes=["dense", "k_sqs", "c_sqs", "cloud_only"]).assign(
        curve=lambda rows, n=n: rows["curve"] + f" cap={n}") for n in (1, 2)])  # fmt: skip
    figure = drawn("tails", table)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["median, cap 1", "median, cap 2", "99th percentile, cap 1", "99th percentile, cap 2"]
    colours = [
        {name.split()[0]: each.lines[0].get_color() for name, each in curves_of(ax).items()} for ax in figure.axes
    ]
    assert all(each == colours[0] for each in colours) and len(set(colours[0].values())) == 4


def marked(ax: Axes, face: str) -> list[list[float]]:
    """The heights of points whose marker has this face."""
    return [list(line.get_ydata()) for line in ax.lines if line.get_markerfacecolor() == face]  # type: ignore[arg-type]


def test_capacity_has_ranges_over_seeds_from_0_on_open_markers_for_another_limit_and_arrows_for_lower_bounds() -> None:
    table = summary().assign(capacity_least=lambda rows: rows["capacity"] - 2, capacity_most=40, seeds_of_none=0)
    table.loc[table["scheme.kind"] == "c_sqs", "seeds_of_none"] = 1
    figure = drawn("capacity", table)
    (ax,) = figure.axes
    found = {kind: list(rows["capacity"]) for kind, rows in table.groupby("scheme.kind")}
    assert list(curves_of(ax)["dense"].lines[0].get_ydata()) == found["dense"]
    assert marked(ax, "white") == [found["cloud_only"]] and ax.get_ylim()[0] == 0 < 40 < ax.get_ylim()[1]
    arrows = [list(line.get_ydata()) for line in ax.lines if line.get_marker() == UNBOUNDED["marker"]]
    assert arrows == [found["dense"]]
    ends = {
        tuple(round(float(y)) for y in segment[:, 1])
        for each in ax.collections
        for segment in each.get_segments()  # type: ignore[attr-defined]
        if len(segment)
    }
    assert {(number - 2, 40) for kind in ("dense", "k_sqs") for number in found[kind]} | {(0, 40)} <= ends
    text = words_around(figure)
    assert "Objective: TTFT at most 1 s." in text and "Higher is better" in text
    assert "first with more devices is TTFT; at open markers it is TPOT p95." in text
    assert "Bars: from the least to the most devices that one seed alone supports" in text
    assert legend_of(figure)[-2:] == ["TPOT p95 fails first", "more were not tried"]
    alike = drawn("capacity", table[table["scheme.kind"].isin(["k_sqs", "c_sqs"])])
    assert not marked(alike.axes[0], "white") and "open markers" not in words_around(alike)
    assert plots.draw("capacity", table.drop(columns="capacity"), AXIS) is None


def test_capacity_without_a_swept_axis_has_a_row_a_scheme_with_its_number() -> None:
    table = summary(rates=(1e4,)).assign(capacity_least=2, capacity_most=20, seeds_of_none=0)
    figure = drawn("capacity", table, None)
    (ax,) = figure.axes
    assert names_beside(ax) == ["cloud only", "dense lattice (Q-S)", "K-SQS", "C-SQS"]
    assert widths_of(ax) == [10, 11, 12, 13]
    assert [text.get_text() for text in ax.texts] == ["10", "11, more were not tried", "12", "13"]
    assert [to_hex(bar.get_facecolor()) == "#ffffff" for bar in ax.patches] == [True, False, False, False]
    assert legend_of(figure) == ["TPOT p95 fails first"]


@pytest.mark.parametrize("axis", ["models.temperature", "scheme.k", "uplink.loss.probability", "uplink.delay.delay_s"])
def test_any_numeric_axis_will_do(axis: str) -> None:
    table = summary(rates=(0.0, 0.5, 1.0), axis=axis)
    if axis == "models.temperature":  # all figures have their axis from one place
        assert all(drawn(name, table, axis).axes for name in GENERAL)
    assert set(GENERAL) <= set(plots.FIGURES)
    (ax,) = drawn("latency", table, axis).axes
    assert ax.get_xscale() == "linear" and ax.get_xlim()[0] <= 0 <= 1 <= ax.get_xlim()[1]


def test_curves_need_an_axis_of_numbers_and_bars_do_not() -> None:
    table = summary().assign(**{AXIS: [f"link {rate:g}" for rate in summary()[AXIS]]})
    for name in ("latency", "tails", "capacity"):
        assert plots.draw(name, table, AXIS) is None, name
    for name in ("bits", "resampling", "breakdown"):
        assert drawn(name, table)
    assert plots.draw("bits", table.assign(payload_bits_per_token=range(1, 17)), AXIS) is None


def test_an_infinite_rate_stands_beyond_the_largest_finite_one() -> None:
    figure = drawn("latency", summary(rates=(3e4, 1e5, 3e6, math.inf)))
    figure.canvas.draw()
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["30k", "100k", "3M", "∞"]
    assert place([1e3, math.inf, 1e5])[1] > 1e5


def test_one_seed_draws_without_intervals() -> None:
    table = summary()
    table[[name for name in table.columns if name.endswith("_ci95")]] = np.nan
    for name in GENERAL:
        figure = drawn(name, table)
        for path in (path for ax in figure.axes for mark in ax.collections for path in mark.get_paths()):
            points = np.unique(path.vertices[np.isfinite(path.vertices).all(axis=1)], axis=0)
            assert len(points) == len(np.unique(points[:, 0])), "a band or a whisker has a height"


def test_a_panel_of_one_value_of_the_axis_is_left_out_and_reported() -> None:
    facets = [({"label": name}, {f"k_sqs label={name}": "k_sqs"}) for name in ("one", "other")]
    best = pd.DataFrame({"curve": ["k_sqs label=one"] * 2 + ["k_sqs label=other"], "rate": [1.0, 2.0, 1.0]})
    kept, left = _with_a_course(facets, best, "rate")
    assert list(kept) == facets[:1] and left == ["other"]
    assert _with_a_course(facets, best[best["rate"] == 1.0], "rate") == (facets, []), "unless none has a course"


def varied(table: pd.DataFrame) -> pd.DataFrame:
    """Bounds on rejections that change along the axis: a panel a curve."""
    return table.assign(rejection_bound=table["rejection_bound"] * np.linspace(0.5, 1.5, len(table)))


def test_the_last_bits_of_a_layout_do_not_show_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The solver's depend on addresses in memory, and so on the process."""
    table = varied(summary())

    def written(folder: str) -> bytes:
        return plots.save(drawn("resampling", table), tmp_path / folder, "resampling", ["svg"])[0].read_bytes()

    def moved(figure: Figure, **given: Any) -> None:
        do_constrained_layout(figure, **given)
        for ax in figure.axes:
            ax._set_position(Bbox(np.nextafter(ax.get_position(original=True).get_points(), 2)), which="original")

    as_it_is = written("one")
    monkeypatch.setattr("matplotlib.layout_engine.do_constrained_layout", moved)
    assert written("other") == as_it_is


DRAWING = """
import sys, pandas as pd, plots
table = pd.read_csv(sys.argv[1])
for name in plots.FIGURES:
    if figure := plots.draw(name, table, "uplink.rate.bps"):
        plots.save(figure, __import__("pathlib").Path(sys.argv[2]), name)
"""


@pytest.mark.slow
def test_two_processes_draw_the_same_files(tmp_path: Path) -> None:
    varied(summary()).to_csv(tmp_path / "summary.csv", index=False)
    for folder in ("a", "b", "c"):
        subprocess.run([sys.executable, "-c", DRAWING, tmp_path / "summary.csv", tmp_path / folder], check=True)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert {f"{name}.svg" for name in GENERAL} <= set(names)
    for name in names:
        assert len({(tmp_path / folder / name).read_bytes() for folder in ("a", "b", "c")}) == 1, name


def test_nothing_is_imported_to_draw_before_something_is_drawn() -> None:
    code = "import plots, sys; sys.exit('matplotlib' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
