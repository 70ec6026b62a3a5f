"""Who wins where: the map of who answers fastest, many schemes over links, and what each step gains on them."""

from itertools import pairwise

import numpy as np
import pandas as pd
import phase_tables
import pytest
from figures import AXIS, bars_of, curves_of, drawn, legend_of, names_beside, titles_of, widths_of, words_around
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

import plots
from plots.cell_figures import LOOKS
from simulator.results import acceptance_plane as plane
from simulator.results.acceptance_plane import SPEED, published
from simulator.results.intervals import summarise

DELAY = "uplink.delay.delay_s"


def answers() -> pd.DataFrame:
    """With answers that the cloud starts while the edge drafts two rounds ahead, at a prompt of 512 twice as fast."""
    table = phase_tables.table(rng=0.02).assign(**{"scheme.cloud_first": False, "scheme.depth": 0})
    begun = (table["scheme.kind"] == "coupled") & (table["workload.prompt_tokens"] == 512)
    table.loc[begun, ["scheme.cloud_first", "scheme.depth"]] = True, 2
    table.loc[begun, "latency_s"] /= 2
    return summarise(table).assign(curve="")


@pytest.fixture(scope="module")
def phases() -> Figure:
    return drawn("phase_map", answers(), DELAY)


def test_there_is_a_panel_a_pair_and_answer_and_one_per_token_each_with_a_cell_a_place(phases: Figure) -> None:
    assert len(phases.axes) == len(phase_tables.NAMES) * (len(phase_tables.ANSWERS) + 1)
    places = len(phase_tables.TRIPS) * len(phase_tables.PROMPTS)
    colours = {colour for colour, *_ in LOOKS.values()}
    for ax in phases.axes:
        cells = [patch for patch in ax.patches if to_hex(patch.get_facecolor()).upper() in colours and patch.fill]
        assert len(cells) == len(ax.texts) == places and {text.get_text() for text in ax.texts} <= {*"CID?", "I2*"}
    assert any(text.get_text() == "I2*" for ax in phases.axes for text in ax.texts)


def test_the_legend_of_the_map_has_the_marks_that_occur() -> None:
    table = answers().query("`models.pair.name` == @phase_tables.NAMES[0] and `workload.output_tokens` == 32")
    for rows in (table, table[table["scheme.kind"] != "coupled"], table[table["scheme.kind"] != "colocated"]):
        figure = drawn("phase_map", rows, DELAY)
        letters = {text.get_text()[0] for ax in figure.axes for text in ax.texts}
        labels = legend_of(figure)
        assert {label[0] for label in labels if label[1] == ":"} == letters
        frames = [patch for ax in figure.axes for patch in ax.patches if not patch.fill and patch.get_linewidth() > 1]
        assert ("beats co-located too" in labels) == bool(frames)


def test_regions_differ_in_lightness_hatch_and_letter_so_that_they_read_in_grey() -> None:
    light = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (to_rgb(each[0]) for each in LOOKS.values()))
    assert min(high - low for low, high in pairwise(light)) > 0.15
    assert len({hatch for _, hatch, _, _ in LOOKS.values()}) == len({letter for _, _, letter, _ in LOOKS.values()}) == 3


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


LABEL = "uplink.label"


def ladder() -> pd.DataFrame:
    """Two steps, ids and cloud-only decoding at two temperatures, and at 1 kbit/s with headers of two lengths."""
    steps = {
        "first": ("k_sqs", 0.08),
        "+ second": ("k_sqs", 0.06),
        "ids": ("coupled", 0.05),
        "cloud": ("cloud_only", 0.04),
    }
    places = [(0.0, 1e6, 320), (1.0, 1e6, 320), (1.0, 1e3, 320), (1.0, 1e3, 24)]
    return pd.DataFrame(
        {"curve": curve, "scheme.kind": kind, LABEL: f"{temperature} {bps} {bits}", "models.temperature": temperature,
         "uplink.rate.bps": bps, "uplink.header_bits": bits, DELAY: 0.01, "downlink.delay.delay_s": 0.01, "n": 3,
         "latency_per_token_s": seconds + bits / bps, "latency_per_token_s_ci95": 0.01}
        for temperature, bps, bits in places
        for curve, (kind, seconds) in steps.items()
    )  # fmt: skip


def test_a_ladder_has_a_panel_a_place_a_row_a_step_and_a_bar_a_length_of_headers() -> None:
    figure = drawn("ladder", ladder(), LABEL)
    assert titles_of(figure)[:3] == [
        "temperature 0, 20 ms, 1 Mbit/s", "temperature 1, 20 ms, 1 Mbit/s", "temperature 1, 20 ms, 1 kbit/s"
    ]  # fmt: skip
    near, _, thin, _ = figure.axes
    assert names_beside(near) == ["first", "+ second", "ids"]
    assert widths_of(near) == pytest.approx([0.08032, 0.06032, 0.05032])
    assert widths_of(thin) == pytest.approx([0.4, 0.38, 0.37, 0.104, 0.084, 0.074])
    full, hatched = bars_of(thin)
    assert {bar.get_hatch() for bar in full} == {""} and {bar.get_hatch() for bar in hatched} == {"////"}
    assert all(to_hex(bar.get_facecolor()) == "#ffffff" for bar in hatched)
    assert legend_of(figure) == ["cloud only", "headers of 320 bits", "headers of 24 bits"]
    assert near.lines[-1].get_xdata() == pytest.approx([0.04032] * 2)


def test_two_pairs_on_one_link_have_a_panel_each_with_their_names() -> None:
    rows, pair = ladder()[lambda rows: rows["uplink.rate.bps"] == 1e6], "models.pair.kind"
    both = [rows.assign(**{pair: "published"}), rows[:4].assign(**{pair: "smollm2", LABEL: "edits"})]
    assert titles_of(drawn("ladder", pd.concat(both, ignore_index=True), LABEL))[:3] == [
        "temperature 0, 20 ms, 1 Mbit/s\npublished", "temperature 1, 20 ms, 1 Mbit/s\npublished",
        "temperature 0, 20 ms, 1 Mbit/s\nSmolLM2",
    ]  # fmt: skip


def speeds() -> pd.DataFrame:
    """The answers at two speeds of the drafter."""
    rows = phase_tables.at_speeds(phase_tables.table(), 1.0, 2.8)
    return summarise(rows).assign(curve=lambda found: found["scheme.kind"])


@pytest.mark.usefixtures("few_predictions")
def test_the_acceptance_map_has_a_plane_a_speed_with_simulated_circles_and_a_dot_a_published_pair() -> None:
    figure = drawn("acceptance_map", speeds(), SPEED)
    slow, fast, below, _ = figure.axes
    for ax in (slow, fast):
        assert len(ax.texts) == len(plane.TRIPS_S) * len(plane.ACCEPTED)
        marks = {text.get_text().partition(" ")[2] for text in ax.texts}
        assert marks <= {"", "*", "1", "1*", "2", "2*", "p", "p*", "P", "P*"} and {"P*", "2"} <= marks
        circles = [line for line in ax.lines if line.get_marker() == "o"]
        assert len(circles) == len(phase_tables.NAMES) * len({*phase_tables.TRIPS} & {*plane.TRIPS_S})
    assert [line.get_marker() for line in below.lines].count("o") == len(published()) == len(names_beside(below))
    assert "Co-located speculation is predicted fastest in" in words_around(figure)


TABLES = {"phase_map": answers, "rivals": rivals, "both_ways": rivals, "ladder": ladder, "acceptance_map": speeds}


@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        ("phase_map", ["scheme.kind colocated coupled k_sqs dense"]),
        ("rivals", [DELAY, "payload_bits_per_token", "scheme.kind k_sqs cloud_only"]),
        ("acceptance_map", [SPEED, "scheme.kind coupled"]),
        ("ladder", ["uplink.header_bits", "scheme.kind k_sqs coupled"]),
        ("both_ways", ["reply_bits_per_token", "scheme.kind cloud_only k_sqs c_sqs half_dense edge_only"]),
    ],
)
def test_without_its_columns_or_what_it_compares_there_is_no_figure(name: str, lacking: list[str]) -> None:
    table, axis = TABLES[name](), {"phase_map": DELAY, "ladder": LABEL, "acceptance_map": SPEED}.get(name, AXIS)
    for column, *kinds in map(str.split, lacking):
        less = table[~table[column].isin(kinds)] if kinds else table.drop(columns=column)
        assert len(less) and plots.draw(name, less, axis) is None, (column, kinds)
