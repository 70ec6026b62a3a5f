"""The figure of a recommendation: the recommended at the top, each kind at what it reaches and at its share over it."""

from __future__ import annotations

import pandas as pd
import pytest

import plots

TABLE = pd.DataFrame(
    {
        "curve": ["k_sqs k=8", "cloud_only", "s_q k=8"],
        "scheme.kind": ["k_sqs", "cloud_only", "s_q"],
        "metric": "latency_per_token_s",
        "better": "lower",
        "latency_per_token_s": [0.010, 0.020, 0.009],
        "latency_per_token_s_ci95": [0.001, float("nan"), 0.001],
        "margin": [0.0, 1.0, -0.1],
        "margin_low": [float("nan"), 0.8, -0.14],
        "margin_high": [float("nan"), 1.22, -0.05],
        "lossy": [False, False, True],
        "n": 5,
    }
)


def test_the_recommended_stands_at_the_top_and_each_at_its_values() -> None:
    figure = plots.draw("recommendation", TABLE, None)
    assert figure is not None
    reached, margin = figure.axes
    assert [label.get_text() for label in reached.get_yticklabels()] == [
        "K-SQS, K = 8",
        "cloud only",
        "S-Q, K = 8 (lossy)",
    ]
    assert reached.get_ylim()[0] > reached.get_ylim()[1]  # the first row is the uppermost
    for ax, name in ((reached, "latency_per_token_s"), (margin, "margin")):
        points = [each.lines[0].get_xydata()[0] for each in ax.containers]
        assert [tuple(point) for point in points] == [(value, place) for place, value in enumerate(TABLE[name])]
    assert any("Lower is better" in text.get_text() for text in figure.texts)


def test_margins_of_several_decades_are_ratios_on_a_logarithmic_axis_with_all_of_each_in_sight() -> None:
    far = TABLE.assign(margin=[0.0, 240.0, -0.1], margin_low=[float("nan"), 230.0, -0.14])
    figure = plots.draw("recommendation", far.assign(margin_high=[float("nan"), 250.0, -0.05]), None)
    assert figure is not None
    ax = figure.axes[1]
    low, high = ax.get_xlim()
    assert ax.get_xscale() == "log" and low < 0.9 < 251 < high and ax.get_xlabel() == "times the recommended"
    assert ax.xaxis.get_major_formatter()(10.0, 0) == "10\N{MULTIPLICATION SIGN}"


def test_a_metric_of_which_more_is_better_says_so() -> None:
    figure = plots.draw("recommendation", TABLE.assign(better="higher"), None)
    assert figure is not None and any("Higher is better" in text.get_text() for text in figure.texts)


@pytest.mark.parametrize("lacking", ["metric", "better", "margin"])
def test_a_table_that_no_recommendation_has_made_has_no_such_figure(lacking: str) -> None:
    assert plots.draw("recommendation", TABLE.drop(columns=lacking), None) is None
