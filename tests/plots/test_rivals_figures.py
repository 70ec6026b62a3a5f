"""Many schemes in a figure: who is lowest somewhere stands out, the others do not; and their bits both ways."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import plots
from plots.style import SCHEMES

AXIS, DELAY = "uplink.rate.bps", "uplink.delay.delay_s"
RATES = (1e3, 1e4, 1e5)
SECONDS = {
    "cloud_only": (0.5, 0.4, 0.4), "dense": (9.0, 2.0, 0.7), "k_sqs code=enumerative": (4.0, 1.2, 0.9),
    "c_sqs": (3.0, 1.5, 0.8), "half_dense": (99.0, 20.0, 5.0), "edge_only": (0.1, 0.1, 0.1),
}  # fmt: skip
UP = {
    "cloud_only": 0.0,
    "dense": 600.0,
    "k_sqs code=enumerative": 80.0,
    "c_sqs": 30.0,
    "half_dense": 2e4,
    "edge_only": 0.0,
}


def summary() -> pd.DataFrame:
    """At 300 ms all take a second more, but for `edge_only`."""
    return pd.DataFrame(
        {"curve": f"{curve} delay_s={delay}", "scheme.kind": curve.split()[0], AXIS: rate, DELAY: delay, "n": 2,
         "scheme.code": "enumerative" if "code" in curve else None, "lossy": curve == "edge_only",
         "latency_per_token_s": seconds + (delay > 0.1 and curve != "edge_only"),
         "payload_bits_per_token": UP[curve] * (1 + (rate > 1e4)),
         "reply_bits_per_token": 10.0 * (curve != "edge_only")}
        for curve, along in SECONDS.items()
        for rate, seconds in zip(RATES, along, strict=True)
        for delay in (0.005, 0.3)
    )  # fmt: skip


def drawn(name: str, table: pd.DataFrame) -> Figure:
    figure = plots.draw(name, table, AXIS)
    assert figure is not None
    return figure


def coloured(ax: Axes) -> dict[str, list[float]]:
    """{colour: the rates at which there is a mark} of lines with marks."""
    found = {}
    for line in ax.lines:
        if line.get_marker() not in ("None", "", None):
            x = np.asarray(line.get_xdata())[np.asarray(line.get_markevery())]
            found[to_hex(str(line.get_color())).upper()] = [float(each) for each in x]
    return found


def test_both_envelopes_stand_out_with_marks_where_each_is_the_lowest() -> None:
    near, far = drawn("rivals", summary()).axes
    for ax in (near, far):
        assert coloured(ax) == {
            SCHEMES["cloud_only"][0]: [1e3, 1e4, 1e5], SCHEMES["c_sqs"][0]: [1e3], SCHEMES["dense"][0]: [1e5],
        } | ({SCHEMES["k_sqs"][0]: [1e4]})  # fmt: skip
    assert {text.get_text() for text in near.texts} == {
        "cloud only", "C-SQS", "dense lattice (Q-S)", "K-SQS, code enumerative",
    }  # fmt: skip
    names = {text.get_text(): text.get_va() for text in near.texts}
    assert {names.pop("cloud only"), *names.values()} == {"top", "bottom"} and {*names.values()} == {"bottom"}
    assert (near.get_title("left"), far.get_title("left")) == ("one way 5 ms", "one way 300 ms")


def test_the_others_are_thin_lossy_ones_dashed_and_the_papers_dotted() -> None:
    table = summary()
    table.loc[table["scheme.kind"] == "k_sqs", "latency_per_token_s"] += 5.0
    figure = drawn("rivals", table)
    plain = [line for line in figure.axes[0].lines if line.get_marker() in ("None", "")]
    assert len(plain) == 3 and all(line.get_linewidth() < 1.2 for line in plain)
    looks = {(to_hex(str(line.get_color())), line.get_linestyle() == "-") for line in plain}
    assert looks == {("#9a9a9a", True), ("#9a9a9a", False), ("#000000", False)}
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "other lossless", "lossy", "K-SQS, code enumerative: the paper's",
    ]  # fmt: skip


@pytest.mark.parametrize("missing", [DELAY, "payload_bits_per_token"])
def test_nothing_is_drawn_of_a_table_without_delays_or_bits(missing: str) -> None:
    assert plots.draw("rivals", summary().drop(columns=missing), AXIS) is None


def test_bits_both_ways_have_a_mark_a_scheme_and_0_at_the_edge() -> None:
    figure = drawn("both_ways", summary())
    (ax,) = figure.axes
    marks = {str(line.get_marker()): line for line in ax.lines if line.get_marker() not in ("None", "")}
    assert len(marks) == len(SECONDS)
    dense = marks[SCHEMES["dense"][1]]
    assert float(np.asarray(dense.get_xdata())[0]) == pytest.approx((600 * 600 * 1200) ** (1 / 3))
    cloud, edge = marks[SCHEMES["cloud_only"][1]], marks[SCHEMES["edge_only"][1]]
    for each in (cloud, edge):  # a third of the least that is above 0
        assert float(np.asarray(each.get_xdata())[0]) == pytest.approx(10.0)
    assert ax.xaxis.get_major_formatter()(10.0, 0) == "0"
    assert edge.get_markerfacecolor() == "white" and np.asarray(edge.get_ydata())[0] < np.asarray(cloud.get_ydata())[0]
    assert plots.draw("both_ways", summary()[lambda rows: rows["scheme.kind"] == "dense"], AXIS) is None
