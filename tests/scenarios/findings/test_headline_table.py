"""The headline table: what may be ranked is, what may not is named beside the number, and units can be read."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from scenarios.command.report.report_table import every_metric
from scenarios.findings.headline_table import headline
from scenarios.findings.sentences.lowest import lowest

AXIS = "uplink.rate.bps"
Values = dict[str, tuple[float, ...]]


def table(latency: Values, answered: Values | None = None, half: float = 0.001, **columns: object) -> pd.DataFrame:
    """A summary of three seeds: each curve at 1 kbit/s, 10 kbit/s, ... ."""
    rows = [
        {
            "curve": curve, AXIS: 10.0 ** (3 + place), "n": 3, "latency_per_token_s": value,
            "latency_per_token_s_ci95": half * (1 if value == value else value),
            "answered": (answered or {}).get(curve, (1.0,) * len(values))[place],
        }
        for curve, values in latency.items()
        for place, value in enumerate(values)
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def rows_of(text: str) -> dict[str, list[str]]:
    return {line.split("  ")[0]: line.split("  ") for line in text.splitlines()}


def entries(text: str, row: str) -> list[str]:
    return [entry.strip() for entry in rows_of(text)[row][1:] if entry.strip()]


@pytest.mark.parametrize("charged", ["busy", "held"])
def test_a_price_names_the_time_that_was_charged_for_in_tables_findings_and_the_report(charged):
    metric = f"{charged}_usd_per_million_tokens"
    priced = table({"a": (0.04, 0.04), "b": (0.05, 0.05)}).assign(**{metric: [6.66, 3.33, 1360.0, 1361.0], "seed": 0})
    line = f"{charged} USD per million tokens"
    assert headline(priced, AXIS, metric).startswith(f"{line} (USD), ")
    assert lowest(priced, AXIS, metric).startswith(f"{line} over uplink rate: ")
    assert line in [column.heading for column in every_metric(priced, AXIS).columns]


def test_a_mean_without_the_unanswered_requests_says_so_and_has_no_star():
    text = headline(table({"a": (0.05, 0.05), "b": (0.04, 0.04)}, {"a": (0.9, 1.0), "b": (0.9996, 1.0)}), AXIS)
    assert entries(text, "1 kbit/s") == ["50.0 ±1.0 (10% unanswered)", "40.0 ±1.0 (<0.1% unanswered)"]
    assert entries(text, "10 kbit/s") == ["50.0 ±1.0", "40.0 ±1.0*"]
    text = headline(table({"dense": (0.0479,), "k_sqs": (0.0435,)}, {"k_sqs": (0.83,)}), AXIS)
    assert entries(text, "1 kbit/s") == ["47.9 ±1.0*", "43.5 ±1.0 (17% unanswered)"]
    assert "UNANSWERED requests are in no number here" in text and "not ranked" in text


def test_of_a_metric_of_which_more_is_better_the_highest_has_the_star():
    text = headline(table({"a": (0.05,), "b": (0.04,)}).assign(tokens_per_s=[20.0, 25.0]), AXIS, "tokens_per_s")
    assert entries(text, "1 kbit/s") == ["20.0", "25.0*"] and "* highest mean" in text


def test_the_star_is_among_the_lossless_and_a_scheme_of_which_nothing_was_answered_keeps_its_column():
    text = headline(
        table({"edge_only": (0.005,), "dense": (0.06,), "k_sqs": (0.05,)}, lossy=[True, False, False]), AXIS
    )
    assert entries(text, "1 kbit/s") == ["5.00 ±1.00", "60.0 ±1.0", "50.0 ±1.0*"]
    assert "edge_only (lossy)" in text and "* lowest mean of the lossless" in text
    alone = headline(table({"edge_only": (0.005,), "s_q": (0.06,)}, lossy=True), AXIS)
    assert "5.00 ±1.00*" in alone and "of the lossless" not in alone
    found = table({"dense": (math.nan, math.nan), "k_sqs": (0.04, 0.03)}, {"dense": (0.0, 0.0)})
    text = headline(found, AXIS)
    assert entries(text, "1 kbit/s") == ["none answered", "40.0 ±1.0*"]
    assert "dense" in text.splitlines()[-3]
    assert headline(found[found["curve"] == "dense"], AXIS) == "latency per token: no request was answered"


def test_what_is_the_same_in_every_seed_has_no_interval_and_an_entry_of_fewer_seeds_says_how_many():
    alike = table({"a": (0.05,), "b": (0.04,)}, half=math.nan)
    text = headline(alike, AXIS)
    assert "the same in each of 3 seeds, no interval" in text and "±" not in text.splitlines()[-1]
    alike.loc[0, "latency_per_token_s_ci95"] = 0.002
    text = headline(alike, AXIS)
    assert "(no ±: the same in each)" in text and entries(text, "1 kbit/s") == ["50.0 ±2.0", "40.0*"]
    found = table({"a": (0.05,), "b": (0.04,)}).assign(latency_per_token_s_n=[2.0, math.nan])
    assert entries(headline(found, AXIS), "1 kbit/s") == ["50.0 ±1.0 (2 seeds)", "40.0 ±1.0*"]


@pytest.mark.parametrize(
    ("latency", "row", "line"),
    [
        ({"a": (0.05, 0.02), "b": (4.0, 0.5)}, "1 kbit/s", ["50.0 ±1.0*", "4,000 ±1"]),
        ({"a": (40.0, 0.05), "b": (1637.637, 0.02)}, "1 kbit/s (s)", ["40.0 ±0.0*", "1,638 ±0"]),
        ({"a": (40.0, 0.05), "b": (1637.637, 0.02)}, "10 kbit/s (ms)", ["50.0 ±1.0", "20.0 ±1.0*"]),
        ({"a": (0.05, 0.02), "b": (1637.637, 16.0)}, "1 kbit/s", ["50.0 ±1.0*", "1,638 ±0"]),
    ],
)
def test_units_are_one_if_it_can_be_read_else_each_rows_else_each_columns(latency, row, line):
    text = headline(table(latency), AXIS)
    assert entries(text, row) == line
    assert ("(ms)" in text.splitlines()[0]) == (max(latency["b"]) < 10)
    assert ("a (ms)" in text and "b (s)" in text) == (latency["b"][1] == 16.0)
