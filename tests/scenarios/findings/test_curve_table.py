"""The one table of a run: who is ranked with whom, what marks say, one unit, and its other forms."""

import csv
import math

import pandas as pd
import pytest

from scenarios.findings.curve_table import capacity_table, cost_table, curve_table
from scenarios.findings.text_table import TableEntry, TextTable, written
from simulator.results.intervals import summarise_curves

AXIS = "uplink.rate.bps"
TIME = "latency_per_token_s"


def cells(times: dict[str, float], noise: float = 0.0, seeds: int = 4, **columns: object) -> pd.DataFrame:
    """Each curve's seconds at 1 kbit/s, and half of them at 10 kbit/s; `noise` moves every other curve's seeds."""
    rows = [
        {
            "cell": f"{curve} {rate} {seed}", "curve": curve, "scheme.kind": curve.split()[0], AXIS: rate, "seed": seed,
            "answered": 1.0, TIME: time * 1e3 / rate * (1 + 0.01 * seed + (noise * (-1) ** seed if place % 2 else 0)),
        }
        for place, (curve, time) in enumerate(times.items())
        for rate in (1e3, 1e4)
        for seed in range(seeds)
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def made(table: pd.DataFrame, metric: str = TIME) -> TextTable:
    found = curve_table(summarise_curves(table), table, AXIS, metric)
    assert found is not None
    return found


def rows(table: TextTable) -> dict[str, list[str]]:
    return {
        name: [f"{each.text} {each.marks}".rstrip() for each in row]
        for group in table.groups
        for name, row in group.rows
    }


def test_rows_begin_with_the_lowest_by_the_names_of_figures_in_milliseconds():
    found = made(cells({"k_sqs k=8": 0.06, "cloud_only": 11.1}))
    assert found.corner == "ms per token, by uplink rate" and list(found.columns) == ["1 kbit/s", "10 kbit/s"]
    assert [*rows(found)] == ["K-SQS, K = 8", "cloud only"]
    assert rows(found)["K-SQS, K = 8"][0].startswith("60.9 ±") and rows(found)["K-SQS, K = 8"][0].endswith(" *")
    assert rows(found)["cloud only"][0].startswith("11,300 ±") and "•" not in "".join(found.legend)


def test_of_a_metric_of_which_more_is_better_the_highest_is_first():
    table = cells({"k_sqs": 0.06, "cloud_only": 11.1}).rename(columns={TIME: "tokens_per_s"})
    found = made(table, "tokens_per_s")
    assert [*rows(found)] == ["cloud only", "K-SQS"] and found.legend[0] == "* highest"
    assert all(entry.endswith("*") for entry in rows(found)["cloud only"]) and "*" not in rows(found)["K-SQS"][0]


def test_what_the_seeds_cannot_tell_from_the_lowest_has_a_mark_and_what_would_have_shown_stands_below():
    found = made(cells({"k_sqs": 0.06, "dense": 0.061, "cloud_only": 0.2}, noise=0.3))
    marks = {name: [each.split()[-1] for each in row] for name, row in rows(found).items()}
    assert marks["K-SQS"] == ["*", "*"] and marks["dense lattice (Q-S)"] == ["•", "•"]
    assert marks["cloud only"] not in (["*", "*"], ["•", "•"])
    assert any(line.startswith("• no difference seen from it (a difference above ") for line in found.legend)
    assert "± 95% over 4 seeds" in found.legend


def test_of_one_seed_there_is_no_interval_and_nobody_is_marked_as_alike():
    found = made(cells({"k_sqs": 0.06, "dense": 0.061}, seeds=1))
    assert "one seed: no interval" in found.legend and "•" not in str(rows(found)) and "±" not in str(rows(found))


def test_the_lossy_stand_last_and_are_not_ranked():
    table = cells({"edge_only": 0.01, "k_sqs": 0.06})
    found = made(table.assign(lossy=table["scheme.kind"] == "edge_only"))
    assert [*rows(found)] == ["K-SQS", "edge only (lossy)"]
    assert [row[0].endswith("*") for row in rows(found).values()] == [True, False]
    assert "lossy: text is not the verifier's, not ranked" in found.legend


def test_what_left_requests_unanswered_is_not_ranked_and_says_so_where_it_stands():
    table = cells({"k_sqs": 0.05, "cloud_only": 0.06, "dense": 0.07})
    table.loc[table["curve"] == "k_sqs", "answered"] = 0.9
    table.loc[table["curve"] == "dense", ["answered", TIME]] = [0.0, math.nan]
    found = made(table)
    assert rows(found)["cloud only"][0].endswith("*") and rows(found)["K-SQS"][0].endswith("†")
    assert rows(found)["dense lattice (Q-S)"] == ["none †", "none †"]
    assert "† 10% to 100% of requests unanswered and in no number: not ranked" in found.legend


def test_an_overloaded_setting_is_marked():
    table = cells({"k_sqs": 0.05, "cloud_only": 0.06})
    summary = summarise_curves(table)
    found = curve_table(summary, table, AXIS, TIME, (summary["curve"] == "k_sqs") & (summary[AXIS] == 1e3))
    assert [entry.endswith("*‡") for entry in rows(found)["K-SQS"]] == [True, False]
    assert "‡ overloaded: more comes than is served" in found.legend


def test_schemes_are_ranked_with_those_of_their_setting():
    """That of temperature 1 is no rival of those at temperature 0."""
    cold = cells({"k_sqs label=cold": 0.01, "cloud_only label=cold": 0.02}, **{"uplink.label": "cold"})
    warm = cells({"k_sqs label=warm": 0.05, "cloud_only label=warm": 0.04}, **{"uplink.label": "warm"})
    found = made(pd.concat([cold, warm], ignore_index=True))
    assert [group.name for group in found.groups] == ["cold", "warm"] and found.legend[0] == "* lowest of its group"
    for group, first in zip(found.groups, ("K-SQS", "cloud only"), strict=True):
        assert next(name for name, _ in group.rows) == first
        assert [entry.marks for _, row in group.rows for entry in row] == ["*", "*", "", ""]


def test_a_table_without_a_number_is_none():
    nothing = cells({"k_sqs": math.nan, "dense": math.nan})
    assert curve_table(summarise_curves(nothing), nothing, AXIS, TIME) is None


def test_what_is_supported_is_ranked_from_the_most_and_says_where_the_search_ended():
    found = pd.DataFrame(
        {
            "curve": ["k_sqs", "cloud_only", "dense"], "scheme.kind": ["k_sqs", "cloud_only", "dense"], AXIS: 1e5,
            "capacity": [12.0, 300.0, 290.0], "bounded": [True, False, True], "n": 3, "capacity_least": [10, 290, 280],
            "capacity_most": [14, 310, 300], "within": 0.02, "first_limit": "ttft_s", "limited_by": "cloud",
        }
    )  # fmt: skip
    table = capacity_table(found, AXIS, "workload.devices", "ttft_s <= 1 s")
    assert rows(table) == {
        "cloud only": ["300+ (290–310) *"], "dense lattice (Q-S)": ["290 (280–300)"], "K-SQS": ["12 (10–14)"],
    }  # fmt: skip
    assert table.legend[0] == "* most" and "+ the search ended there" in table.legend


def test_a_capacity_has_the_dollars_of_a_device_month_with_the_load_at_which_servers_are_held():
    found = pd.DataFrame(
        {
            "curve": ["k_sqs", "k_sqs", "dense", "dense"], "scheme.kind": ["k_sqs", "k_sqs", "dense", "dense"],
            AXIS: [1e5, 1e6] * 2, "capacity": [12.0, 30.0, 0.0, 0.0], "bounded": True, "n": 1,
            "capacity_least": [12, 30, 0, 0], "capacity_most": [12, 30, 0, 0], "within": 0.02,
            "first_limit": "ttft_s", "limited_by": "cloud", "cloud_busy": [0.5, 0.8, 0.1, 0.1],
            "busy_usd_per_device_month": [100.0, 64.0, 1.0, 1.0], "held_usd_per_device_month": [200.0, 80.0, 9.0, 9.0],
        }
    )  # fmt: skip
    table = capacity_table(found, AXIS, "workload.devices", "ttft_s <= 1 s")
    assert table.columns[2:] == ["USD/device-month busy", "held", "at cloud busy"] and table.beside == 3
    assert rows(table) == {
        "K-SQS": ["12 *", "30 *", "64.0..100", "80.0..200", "50%..80%"],
        "dense lattice (Q-S)": ["0", "0", "-", "-", "-"],
    }
    assert "Assumed: 730 h of use a month; " in table.legend[-1]
    alone = capacity_table(found.drop(columns="held_usd_per_device_month"), AXIS, "workload.devices", "ttft_s <= 1 s")
    assert alone.columns[2:] == ["USD/device-month busy"]


@pytest.mark.parametrize("value", ["a|b", "*bold*", "<script>", "a_b", "back\\slash"])
def test_names_are_inert_in_markdown(value):
    table = TextTable.of("", ["", value], [[value, "1"]])
    shown = written(table, "markdown")
    assert shown.splitlines()[0].count("|") - shown.splitlines()[0].count("\\|") == 3
    assert "<script" not in shown.replace("\\<script", "") and "*bold" not in shown.replace("\\*bold", "")


def test_latex_is_escaped_with_the_rules_of_booktabs_and_csv_reads_back():
    table = TextTable("", "a & b", ["50%", "x_1"], TextTable.of("", ["", ""], []).groups, ("* lowest",))
    assert written(table, "latex").splitlines()[:3] == [
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r"a \& b & 50\% & x\_1 \\",
    ]
    entry = TableEntry("1,234", "5.6", "*•")
    group = table.groups[0]
    full = TextTable("", "", ["rate"], (type(group)("", [("a, b", [entry])]),))
    assert [*csv.reader(written(full, "csv").splitlines())] == [
        ["", "rate", "rate ±", "rate mark"],
        ["a, b", "1234", "5.6", "*•"],
    ]
    assert r"a, b & 1,234 $\pm$5.6\rlap{\textsuperscript{*$\bullet$}} \\" in written(full, "latex").splitlines()


def test_the_one_column_of_numbers_has_a_head_of_its_own_for_a_program():
    table = cells({"k_sqs": 0.06, "cloud_only": 0.2})
    table = table[table[AXIS] == 1e3]
    found = curve_table(summarise_curves(table), table, None, TIME)
    assert found is not None
    head, *_ = csv.reader(written(found, "csv").splitlines())
    assert head == ["scheme", "ms per token", "ms per token ±", "ms per token mark"]
    assert written(found, "markdown").startswith("| scheme | ms per token |")
    assert written(found, "latex").splitlines()[2] == r"scheme & ms per token \\"


def test_joules_and_dollars_stand_beside_each_other_with_intervals_and_what_is_unknown_is_a_band():
    """By hand: 2 J of the processor, of which a fifth is sure, and 1 J of the radio, of which half is; 6 and 7 USD."""
    table = cells({"k_sqs": 0.06, "cloud_only": 0.2})
    drafts = table["curve"] == "k_sqs"
    table["edge_j_per_token"], table["radio_j_per_token"] = drafts * 2.0, 1.0
    table["battery_j_per_token"] = table["edge_j_per_token"] + table["radio_j_per_token"]
    table["busy_usd_per_million_tokens"], table["held_usd_per_million_tokens"] = 6.0 + 0.1 * table["seed"], 7.0
    shares = {"edge.power.least_share": 0.2, "uplink.radio.least_share": 0.5}
    banded = cost_table(summarise_curves(table.assign(**shares)), AXIS)
    assert banded is not None and banded.corner == "a token costs, uplink rate 10 kbit/s"
    assert banded.columns == ["battery J", "radio J", "USD/M busy", "USD/M held"]
    assert rows(banded) == {
        "K-SQS": ["0.900..3.00", "0.500..1.00", "6.15 ±0.21", "7.00"],
        "cloud only": ["0.500..1.00", "0.500..1.00", "6.15 ±0.21", "7.00"],
    }
    assert banded.legend == ["from..to: watts are known as a band, seeds apart"]
    loaded = cost_table(summarise_curves(table.assign(cloud_busy=0.25)), AXIS)
    assert loaded.columns[3:] == ["USD/M held", "at cloud busy"] and rows(loaded)["K-SQS"][3:] == ["7.00", "25%"]
    sure = cost_table(summarise_curves(table.assign(battery_j_per_token=3.0 + 0.1 * table["seed"])), AXIS)
    assert sure is not None and rows(sure)["K-SQS"][0] == "3.15 ±0.21" and not sure.legend
    assert cost_table(summarise_curves(cells({"k_sqs": 0.06})), AXIS) is None
