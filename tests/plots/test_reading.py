"""What keeps a figure from misleading: intervals above 0, panels, marks, captions, names, ticks; and how it fits a
page, whole and under the user's settings of matplotlib."""

import itertools
import math
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from figures import AXIS, GENERAL, drawn, ends_of, legend_of, names_beside, summary, words_around
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from PIL import Image

import plots
from plots.axes import swept, written
from plots.facets import MOST, panels
from plots.lines import split
from plots.page import Page
from plots.style import looks, styled
from plots.whiskers import ends


def panels_of(figure: Figure) -> list[Axes]:
    return [ax for ax in figure.axes if ax.axison]


@pytest.mark.parametrize("half", [0.1, 1.0, 10.0])
def test_an_interval_of_a_positive_mean_never_reaches_0_on_a_logarithmic_axis(half: float) -> None:
    low, high = ends([1.0], [half], logarithmic=True)
    assert 0 < low[0] < 1 < high[0] and low[0] * high[0] == pytest.approx(1.0)
    assert ends([1.0], [half], logarithmic=False)[0][0] == max(0.0, 1 - half)
    for none in (0.0, math.nan):  # nothing varies, or one seed: there is no interval
        assert np.isnan(ends([1.0], [none], logarithmic=True)).all()


def test_what_needs_far_more_time_has_a_panel_of_its_own_and_the_caption_says_so() -> None:
    table = summary()
    table.loc[table["scheme.kind"] == "dense", "latency_per_token_s"] *= 1600
    figure = drawn("latency", table)
    above, below = panels_of(figure)
    assert [container.get_label() for container in above.containers] == ["dense"]
    assert len(below.containers) == 3 and below.get_ylim()[1] < 1.0 < above.get_ylim()[1]
    assert "Upper panel" in words_around(figure) and "Upper panel" not in words_around(drawn("latency", summary()))
    assert split({"a": 1.0, "b": 15.0, "c": 1600.0}) == [["c"], ["a", "b"]]
    assert split({"a": 1.0, "b": 50.0, "c": 60.0}) == [["a", "b", "c"]]  # most of them are no exception


def test_more_than_seven_curves_have_a_panel_for_each_value_of_the_second_axis() -> None:
    parts = [summary().assign(curve=lambda t, s=s: t["curve"] + f" coherence_s={s}") for s in ("0.02", "1")]
    figure = drawn("latency", pd.concat(parts))
    assert [ax.get_title(loc="left") for ax in panels_of(figure)] == ["coherence 20 ms", "coherence 1 s"]
    assert sorted(ends_of(figure)) == ["C-SQS", "K-SQS", "cloud only", "dense lattice (Q-S)"], "beside the last panel"
    first, second = ([c.lines[0] for c in ax.containers] for ax in panels_of(figure))
    assert [(a.get_color(), a.get_linestyle()) for a in first] == [(b.get_color(), b.get_linestyle()) for b in second]
    assert len(panels_of(drawn("latency", parts[0]))) == 1


def test_panels_are_made_until_none_has_more_than_seven_curves() -> None:
    names = [f"k_sqs k={k} loss={loss} cap={cap}" for k in range(5) for loss in "ab" for cap in "xyz"]
    made = panels(names)
    assert all(len(members) <= MOST for _, members in made) and len(made) == 6
    assert sorted(name for _, members in made for name in members) == sorted(names)
    assert [rest for _, members in panels([f"s{i}" for i in range(11)]) for rest in members.values()] == [
        f"s{i}" for i in range(11)
    ]
    assert len(panels([f"s{i}" for i in range(10)])) == 1, "schemes are read beside each other"
    moved = [f"coupled loss={how} delay_s={delay_s:g}" for how in "abc" for delay_s in (0.01, 0.1, 1)]
    assert [{*fields} for fields, _ in panels(moved)] == [{"delay_s"}] * 3, "panels of numbers, curves of names"


def test_curves_of_equal_values_are_named() -> None:
    table = summary(schemes=["cloud_only", "dense", "k_sqs", "c_sqs", "s_q"])
    same = table["scheme.kind"] == "k_sqs"
    other = table["scheme.kind"] == "c_sqs"
    table.loc[same, "latency_per_token_s"] = table.loc[other, "latency_per_token_s"].to_numpy()
    figure = drawn("latency", table)
    assert "Equal everywhere: K-SQS and C-SQS." in words_around(figure)


@pytest.mark.parametrize("column", ["lossy", "tv_output"])
def test_a_lossy_scheme_is_named_so_with_dashes_and_open_markers(column: str) -> None:
    table = summary(schemes=["k_sqs", "edge_only"])
    table[column] = (table["scheme.kind"] == "edge_only") * (True if column == "lossy" else 0.3)
    figure = drawn("latency", table)
    assert sorted(ends_of(figure)) == ["K-SQS", "edge only (lossy)"]
    assert "does not follow the verifier's distribution" in words_around(figure)
    look = looks(table)
    assert look["edge_only"].face == "white" and look["edge_only"].dashes != "-" and look["k_sqs"].dashes == "-"
    (ax,) = drawn("bits", table).axes
    assert names_beside(ax) == ["K-SQS", "edge only (lossy)"]


def test_policies_of_one_scheme_have_a_colour_and_a_marker_each_and_its_own_settings_share_them() -> None:
    kinds = {"a": "goodput", "a L=2": "goodput", "b": "fixed_length"}
    rows = [summary(schemes=["rungs"]).assign(curve=name, **{"scheme.policy.kind": of}) for name, of in kinds.items()]
    look = looks(pd.concat([summary(schemes=["k_sqs"]), *rows]))
    assert look["a"].colour == look["a L=2"].colour and look["a"].dashes != look["a L=2"].dashes
    assert look["a"].colour != look["b"].colour and look["a"].marker != look["b"].marker


def test_points_of_unanswered_requests_are_hollow_and_the_legend_says_so() -> None:
    table = summary().assign(answered=1.0)
    assert not drawn("latency", table).legends
    table.loc[(table["scheme.kind"] == "dense") & (table[AXIS] == 1e3), "answered"] = 0.83
    figure = drawn("latency", table)
    (ax,) = figure.axes
    (hollow,) = [line for line in ax.lines if line.get_markerfacecolor() == "white"]
    assert list(hollow.get_xdata()) == [1e3] and list(hollow.get_ydata()) == [pytest.approx(0.530001)]
    assert legend_of(figure) == ["not all answered"]
    assert "Times are of the answered requests alone" in words_around(figure)
    assert "of the answered requests" not in words_around(drawn("bits", table))  # bits and tokens are of all


def test_every_figure_says_whose_numbers_they_are_their_seeds_and_which_way_is_better() -> None:
    table, page = summary(), Page(base="Pair SmolLM2. Round trip 20 ms.")
    for name in GENERAL:
        line = words_around(drawn(name, table, page=page))
        assert "Pair SmolLM2. Round trip 20 ms. Means" in line and "over 3 seeds" in line, name
        assert "is better" in line or "not at one load" in line, name
    drawn_at = words_around(drawn("latency", table, page=page))
    assert "20 ms. Means and 95% intervals over 3 seeds. Lower is better." in drawn_at
    assert "One seed, no intervals." in words_around(drawn("latency", table.assign(n=1)))


@pytest.mark.parametrize(
    ("curve", "shown", "labels"),
    [
        ("k_sqs", "K-SQS", {}),
        ("dense L=4", "dense lattice (Q-S), L = 4", {}),
        ("c_sqs initial=0.1 carry=True", r"C-SQS, $\beta_1$ = 0.1, carry", {}),
        ("mine coherence_s=0.02 loss=gilbert_elliott", "mine, coherence 20 ms, loss in bursts", {}),
        ("k_sqs label=thin uplink 1 kbit/s", "K-SQS, thin uplink 1 kbit/s", {}),
        ("k_sqs k=8", "Ours, K = 8", {"k_sqs": "Ours"}),
        ("k_sqs k=8", "Best", {"k_sqs": "Ours", "k_sqs k=8": "Best"}),
    ],
)
def test_a_curve_has_the_papers_words_unless_the_user_has_others(
    curve: str, shown: str, labels: dict[str, str]
) -> None:
    assert Page(labels=labels).curve(curve) == shown


def test_ticks_stand_at_the_values_that_were_simulated_and_no_label_touches_another() -> None:
    values = [1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7]
    for width in (1.5, 3.0, 9.0):
        ax = Figure().add_subplot()
        swept(ax, AXIS, values, width)
        assert list(ax.get_xticks()) == values
        low, high = np.log10(ax.get_xlim())
        kept = [
            (math.log10(x), t.get_text()) for x, t in zip(values, ax.get_xticklabels(), strict=True) if t.get_text()
        ]
        for (one, text), (other, _) in itertools.pairwise(kept):
            assert (other - one) / (high - low) * width > len(text) * 0.05
        assert {"1k", "10M"} <= {text for _, text in kept} and (width < 9 or len(kept) == len(values))


def test_seconds_are_never_kiloseconds() -> None:
    assert [written(value, "x_s") for value in (0.0004, 0.02, 1.5, 1637.6, 0)] == [
        "400 µs", "20 ms", "1.5 s", "1,640 s", "0"
    ]  # fmt: skip
    assert written(32e3, "rate.bps") == "32 kbit/s" and written(math.inf, "rate.bps") == "∞"


@pytest.mark.parametrize(("name", "width"), [*((name, 3.5) for name in GENERAL), ("latency", 7.0)])
def test_a_figure_is_exactly_as_wide_as_asked_and_nothing_is_cut_off_or_overlaps(name: str, width: float) -> None:
    table = summary().assign(**{"models.pair.kind": "smollm2"})
    figure = drawn(name, table, page=Page(width_in=width))
    assert figure.get_size_inches()[0] == width
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    around, inside = (
        [artist.get_tightbbox(canvas.get_renderer()) for artist in artists]
        for artists in ((*figure.texts, *figure.legends), figure.axes)
    )
    for box in (*around, *inside):
        assert box.x0 >= -1 and box.y0 >= -1
        assert box.x1 <= figure.bbox.width + 1 and box.y1 <= figure.bbox.height + 1
    for one, other in (*itertools.combinations(around, 2), *itertools.product(around, inside)):
        overlap = Bbox.intersection(one, other)
        assert overlap is None or min(overlap.width, overlap.height) < 2


def test_title_and_caption_can_be_left_to_the_paper_and_labels_are_the_users() -> None:
    labels = {"k_sqs": "Ours", AXIS: "Uplink", "latency_per_token_s": "Latency"}
    full = drawn("latency", summary())
    bare = drawn("latency", summary(), page=Page(labels=labels, titled=False, captioned=False))
    assert words_around(full).startswith("Latency per token")
    assert "uplink rate (bit/s) latency per output token" in words_around(full)
    assert [text.get_text() for text in bare.texts] == ["Uplink (bit/s)", "Latency"] and "Ours" in ends_of(bare)
    assert bare.get_size_inches()[1] < full.get_size_inches()[1]


def test_the_style_sheet_lies_beneath_what_the_user_has_set() -> None:
    assert matplotlib.rcParams["axes.grid"] is False  # and drawing leaves nothing behind
    with matplotlib.rc_context({"font.size": 13.0, "axes.spines.top": True}):
        set_ = drawn("latency", summary())
        assert matplotlib.rcParams["font.size"] == 13.0
    plain = drawn("latency", summary())
    sizes = [figure.axes[0].get_xticklabels()[0].get_fontsize() for figure in (set_, plain)]
    assert sizes[0] == pytest.approx(1.3 * sizes[1])
    assert plain.axes[0].spines["top"].get_visible() is False
    assert matplotlib.rcParams["axes.grid"] is False


def test_a_matplotlibrc_is_respected_even_where_it_says_what_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "matplotlibrc").write_text("axes.grid: False\npdf.fonttype: 3\n")
    monkeypatch.setattr(matplotlib, "matplotlib_fname", lambda: str(tmp_path / "matplotlibrc"))
    with styled(Page(width_in=3.5)):
        rc = matplotlib.rcParams
        assert (rc["axes.grid"], rc["pdf.fonttype"], rc["font.size"]) == (False, 3, 8.0)


def test_letters_are_embedded_in_pdf_as_truetype_and_files_are_the_same_again(tmp_path: Path) -> None:
    page = Page(width_in=3.5)
    first, second = (
        plots.save(drawn("latency", summary(), page=page), tmp_path / each, "x", plots.FORMATS, page) for each in "ab"
    )
    assert [path.suffix for path in first] == [".svg", ".png", ".pdf"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    pdf = first[2].read_bytes()
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf and b"CreationDate" not in pdf
    with Image.open(first[1]) as image:
        assert image.width == round(3.5 * 300)


@pytest.mark.parametrize("name", [pytest.param("latency", marks=pytest.mark.slow), "resampling"])
def test_a_figure_laid_out_once_is_the_one_that_matplotlib_draws_twice(name: str, tmp_path: Path) -> None:
    written = plots.save(drawn(name, summary()), tmp_path / "once", "x", plots.FORMATS)
    figure, nothing = drawn(name, summary()), dict.fromkeys(("CreationDate", "Creator", "Producer"))
    for path, metadata in zip(written, ({"Date": None}, {"Software": None}, nothing), strict=True):
        with styled(Page()):
            figure.savefig(tmp_path / path.name, metadata=metadata)
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.suffix


def test_the_finding_is_the_title_above_the_words_for_what_is_drawn() -> None:
    figure = drawn("latency", summary(), page=Page(finding="K-SQS is faster from 10 kbit/s on"))
    assert words_around(figure).startswith("K-SQS is faster from 10 kbit/s on Latency per token against uplink rate")
    bare = drawn("latency", summary(), page=Page(finding="K-SQS is faster", titled=False))
    assert "faster" not in words_around(bare)
