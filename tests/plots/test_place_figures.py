"""Who wins where: the break-even map, the map of who answers fastest, many schemes over links."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import phase_tables
import pytest
from figures import AXIS, curves_of, drawn, legend_of, names_beside, titles_of, words_around
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

import plots
from plots.phase_map_figure import LOOKS
from simulator.results.columns import BREAKDOWN
from simulator.results.intervals import summarise

DELAY = "uplink.delay.delay_s"
T, TRIPS = 0.04, (0.005, 0.02, 0.32)
ACCEPTED = {"llama_1b_70b": 3.0, "vicuna_68m_13b": 0.4}


def setting(kind: str, accepted: float, trip: float, **fields: Any) -> dict[str, object]:
    """Rounds of 50 ms and a round trip against T a token."""
    alone = kind == "cloud_only"
    per_token_s = T if alone else (0.05 + trip) / (1 + accepted)
    return {
        "scheme.kind": kind, "curve": f"{kind} {fields}", "n": 2, "models.pair.kind": "published", DELAY: trip / 2,
        "downlink.delay.delay_s": trip / 2, "uplink.rate.bps": 1e6, "cloud.latency.kind": "affine",
        "workload.devices": 1, "accepted_per_round": math.nan if alone else accepted, "tpot_s": per_token_s,
        "latency_per_token_s": per_token_s, "latency_s": 100 * per_token_s, "tail_tokens": 0.0,
        "cloud_s_per_token": T if alone else T / (1 + accepted), **dict.fromkeys(BREAKDOWN, 0.0),
        "cloud_decode_s" if alone else "verify_s": per_token_s, **fields,
    }  # fmt: skip


def settings(load: bool = False) -> pd.DataFrame:
    """Two pairs at three round-trip times; with `load` also a clock that serves 1, 10 and 100 devices."""
    rows = [
        setting(kind, accepted, trip, **{"models.pair.name": name})
        for name, accepted in ACCEPTED.items()
        for kind in ("cloud_only", "dense", "k_sqs")
        for trip in TRIPS
    ]
    shared = {"models.pair.name": "llama_1b_70b", "cloud.latency.kind": "roofline"}
    if load:
        rows += [
            setting(kind, 2.0, 0.01, **shared, **{"workload.devices": devices})
            for kind in ("cloud_only", "colocated")
            for devices in (1, 10, 100)
        ]
    return pd.DataFrame(rows)


def cells_of(table: pd.DataFrame, spread: float) -> pd.DataFrame:
    """Three seeds whose times of schemes that draft are apart by that share."""
    parts = []
    for seed in range(3):
        factor = np.where(table["scheme.kind"] == "cloud_only", 1.0, (1 + spread) ** (seed - 1))
        stages = {name: table[name] * factor for name in (*BREAKDOWN, "tpot_s", "latency_s", "latency_per_token_s")}
        parts.append(table.assign(seed=seed, **stages))
    return pd.concat(parts, ignore_index=True)


def test_each_pair_has_a_map_of_the_fastest_edge_schemes_time_over_cloud_only_framed_where_it_is_faster() -> None:
    table = settings()
    faster = table["scheme.kind"] == "k_sqs"
    table.loc[faster, ["tpot_s", "latency_per_token_s", "latency_s", "verify_s"]] *= 0.99
    figure = drawn("break_even", table, DELAY, cells=cells_of(table, 0.001))
    assert titles_of(figure) == ["Llama-3.2-1B / Llama-3.3-70B", "Vicuna-68M / Vicuna-13B"]
    for ax, accepted in zip(figure.axes, ACCEPTED.values(), strict=True):
        ratios = [0.99 * (0.05 + trip) / (1 + accepted) / T for trip in TRIPS]
        assert [text.get_text() for text in ax.texts] == [f"{ratio:.2f}\nK-SQS" for ratio in ratios]
        framed = [patch for patch in ax.patches if not patch.get_fill() and to_hex(patch.get_edgecolor()) == "#000000"]
        assert len(framed) == sum(ratio < 1 for ratio in ratios)
        assert [tick.get_text() for tick in ax.get_xticklabels()] == ["5 ms", "20 ms", "320 ms"]
        assert names_beside(ax) == ["40 ms, 1 Mbit/s"]


def test_what_the_seeds_leave_open_has_a_question_mark_and_no_frame() -> None:
    table = settings()
    figure = drawn("break_even", table, DELAY, cells=cells_of(table, 2.0))
    assert all(text.get_text().partition("\n")[0].endswith(" ?") for ax in figure.axes for text in ax.texts)
    assert not any(not patch.get_fill() for ax in figure.axes for patch in ax.patches)
    assert "they leave open which is faster" in words_around(figure)
    alone = drawn("break_even", table, DELAY)
    assert "leave open" not in words_around(alone)
    assert not any("?" in text.get_text() for ax in alone.axes for text in ax.texts)


def test_the_clouds_time_over_devices_has_a_panel_where_a_clock_serves_several() -> None:
    *maps, load = drawn("break_even", settings(load=True), DELAY).axes
    lines = {name: each.lines[0].get_ydata() for name, each in curves_of(load).items()}
    np.testing.assert_allclose(lines["cloud_only roofline"], [T] * 3)
    np.testing.assert_allclose(lines["colocated roofline"], [T / 3] * 3)
    assert len([ax for ax in maps if ax.texts]) == 2


def answers() -> pd.DataFrame:
    """With answers that the cloud begins, at a prompt of 512 twice as fast as the edge's."""
    table = phase_tables.table(rng=0.02)
    begun = table[(table["scheme.kind"] == "coupled") & (table["workload.prompt_tokens"] == 512)]
    begun = begun.assign(**{"scheme.cloud_first": True, "latency_s": begun["latency_s"] / 2, "curve": "first"})
    return summarise(pd.concat([table, begun])).assign(curve="")


@pytest.fixture(scope="module")
def phases() -> Figure:
    return drawn("phase_map", answers(), DELAY)


def test_there_is_a_panel_a_pair_and_answer_and_one_per_token_each_with_a_cell_a_place(phases: Figure) -> None:
    assert len(phases.axes) == len(phase_tables.NAMES) * (len(phase_tables.ANSWERS) + 1)
    places = len(phase_tables.TRIPS) * len(phase_tables.PROMPTS)
    colours = {colour for colour, *_ in LOOKS.values()}
    for ax in phases.axes:
        cells = [patch for patch in ax.patches if to_hex(patch.get_facecolor()).upper() in colours and patch.fill]
        assert len(cells) == len(ax.texts) == places and {text.get_text() for text in ax.texts} <= {*"CFID?"}
    assert any(text.get_text() == "F" for ax in phases.axes for text in ax.texts)


def test_the_legend_of_the_map_has_the_marks_that_occur() -> None:
    table = answers()
    for rows in (table, table[table["scheme.kind"] != "coupled"], table[table["scheme.kind"] != "colocated"]):
        figure = drawn("phase_map", rows, DELAY)
        letters = {text.get_text() for ax in figure.axes for text in ax.texts}
        labels = legend_of(figure)
        assert {label[0] for label in labels if label[1] == ":"} == letters
        frames = [patch for ax in figure.axes for patch in ax.patches if not patch.fill and patch.get_linewidth() > 1]
        assert ("beats co-located too" in labels) == bool(frames)


def test_regions_differ_in_lightness_hatch_and_letter_so_that_they_read_in_grey() -> None:
    light = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (to_rgb(each[0]) for each in LOOKS.values()))
    assert min(high - low for low, high in pairwise(light)) > 0.15
    assert len({hatch for _, hatch, _, _ in LOOKS.values()}) == len({letter for _, _, letter, _ in LOOKS.values()}) == 4


SECONDS = {
    "cloud_only": (0.5, 0.4, 0.4), "dense": (9.0, 2.0, 0.7), "k_sqs code=enumerative": (4.0, 1.2, 0.9),
    "c_sqs": (3.0, 1.5, 0.8), "half_dense": (99.0, 20.0, 5.0), "edge_only": (0.1, 0.1, 0.1),
}  # fmt: skip
UP = dict(zip(SECONDS, (0.0, 600.0, 80.0, 30.0, 2e4, 0.0), strict=True))


def rivals() -> pd.DataFrame:
    """At 300 ms all take a second more, but for `edge_only`."""
    return pd.DataFrame(
        {"curve": f"{curve} delay_s={delay}", "scheme.kind": curve.split()[0], AXIS: rate, DELAY: delay, "n": 2,
         "scheme.code": "enumerative" if "code" in curve else None, "lossy": curve == "edge_only",
         "latency_per_token_s": seconds + (delay > 0.1 and curve != "edge_only"),
         "payload_bits_per_token": UP[curve] * (1 + (rate > 1e4)),
         "reply_bits_per_token": 10.0 * (curve != "edge_only")}
        for curve, along in SECONDS.items()
        for rate, seconds in zip((1e3, 1e4, 1e5), along, strict=True)
        for delay in (0.005, 0.3)
    )  # fmt: skip


def rivals_cells() -> pd.DataFrame:
    """Three seeds, each of another speed that all schemes share, so that what is paired has no interval."""
    times = {0: 0.5, 1: 1.0, 2: 2.0}
    parts = [
        rivals().assign(seed=seed, latency_per_token_s=lambda rows, factor=factor: factor * rows["latency_per_token_s"])
        for seed, factor in times.items()
    ]
    return pd.concat(parts, ignore_index=True)


def test_the_five_best_stand_out_over_the_papers_paired_by_seed() -> None:
    table = rivals()
    figure = drawn("rivals", table, cells=rivals_cells())
    near, far = (curves_of(ax) for ax in figure.axes)
    assert list(near) == list(far) == ["cloud_only", "dense", "c_sqs", "half_dense"]
    for curves, delay in ((near, 0.005), (far, 0.3)):
        seconds = table[table[DELAY] == delay].set_index("curve")["latency_per_token_s"]
        theirs = seconds[f"k_sqs code=enumerative delay_s={delay}"]
        for name, container in curves.items():
            wanted = seconds[f"{name} delay_s={delay}"].to_numpy() / theirs.to_numpy()
            np.testing.assert_allclose(container.lines[0].get_ydata(), wanted)
            for cap in container.lines[1]:  # the seeds' own speeds cancel: they agree, and there is no interval
                assert np.isnan(np.asarray(cap.get_ydata(), dtype=float)).all()
    assert figure.axes[0].get_yscale() == "log" and titles_of(figure) == ["one way 5 ms", "one way 300 ms"]
    assert legend_of(figure) == [
        "cloud only", "dense lattice (Q-S)", "C-SQS", "dense fp16", "K-SQS, code enumerative: the paper's", "lossy",
    ]  # fmt: skip
    assert "Ratios are paired by seed" in words_around(figure)


def test_without_the_papers_the_line_at_1_is_cloud_only_decoding() -> None:
    table = rivals()
    table = table[table["scheme.kind"] != "k_sqs"]
    figure = drawn("rivals", table)
    near = curves_of(figure.axes[0])
    assert list(near) == ["dense", "c_sqs", "half_dense"]
    np.testing.assert_allclose(near["dense"].lines[0].get_ydata(), [9.0 / 0.5, 2.0 / 0.4, 0.7 / 0.4])
    assert "cloud only" in legend_of(figure) and "over cloud only's" in words_around(figure)


def test_of_many_rivals_the_others_are_a_band_and_lossy_ones_are_dashed() -> None:
    table = rivals()
    more = [table[table["curve"].str.startswith("dense ")].assign(
        **{"curve": lambda rows, n=n: rows["curve"].str.replace("dense", f"other{n}"), "scheme.kind": f"other{n}",
           "latency_per_token_s": lambda rows, n=n: rows["latency_per_token_s"] + n}) for n in (1, 2, 3)]  # fmt: skip
    figure = drawn("rivals", pd.concat([table, *more], ignore_index=True))
    assert len(curves_of(figure.axes[0])) == 5
    (band,) = [each for each in figure.axes[0].collections if isinstance(each, FillBetweenPolyCollection)]
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx(99.0 / 4.0) and heights.min() == pytest.approx(12.0 / 4.0)
    thin = [line for line in figure.axes[0].lines if line.get_linewidth() < 1 and line.get_linestyle() == "--"]
    assert len(thin) == 1 and "2 other lossless" in legend_of(figure)


def test_bits_both_ways_have_a_row_a_scheme_by_what_it_sends_up_and_0_at_the_edge() -> None:
    up, down = drawn("both_ways", rivals()).axes
    names = ["edge only (lossy)", "cloud only", "C-SQS", "K-SQS, code enumerative", "dense lattice (Q-S)", "dense fp16"]
    assert names_beside(up) == names
    marks, ranges = up.lines[1::2], up.lines[::2]
    at = {name: float(np.asarray(line.get_xdata())[0]) for name, line in zip(names, marks, strict=True)}
    assert at["dense lattice (Q-S)"] == pytest.approx((600 * 600 * 1200) ** (1 / 3))
    assert at["edge only (lossy)"] == at["cloud only"] == pytest.approx(10.0)  # a third of the least above 0
    assert up.xaxis.get_major_formatter()(10.0, 0) == "0" and down.get_xscale() == "log"
    assert [list(np.asarray(line.get_xdata())) for line in ranges][4] == [600.0, 1200.0]
    assert marks[0].get_markerfacecolor() == "white"


TABLES = {"break_even": settings, "phase_map": answers, "rivals": rivals, "both_ways": rivals}


@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        ("break_even", ["tpot_s", "accepted_per_round", "verify_s", "scheme.kind cloud_only"]),
        ("phase_map", ["scheme.kind colocated coupled k_sqs dense"]),
        ("rivals", [DELAY, "payload_bits_per_token", "scheme.kind k_sqs cloud_only"]),
        ("both_ways", ["reply_bits_per_token", "scheme.kind cloud_only k_sqs c_sqs half_dense edge_only"]),
    ],
)
def test_without_its_columns_or_what_it_compares_there_is_no_figure(name: str, lacking: list[str]) -> None:
    table, axis = TABLES[name](), DELAY if name in ("break_even", "phase_map") else AXIS
    for column, *kinds in map(str.split, lacking):
        less = table[~table[column].isin(kinds)] if kinds else table.drop(columns=column)
        assert len(less) and plots.draw(name, less, axis) is None, (column, kinds)
