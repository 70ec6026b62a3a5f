"""The printed tables: within 100 columns, nothing lost, ranges where the axis matters."""

import numpy as np
import pandas as pd
import pytest

from scenarios.command.report.report_table import DEFINITIONS, results
from scenarios.command.run.base_line import base_line
from scenarios.command.run.printed_tables import (
    costs,
    fullest,
    none_supported,
    overloads,
    refused_rivals,
    stands_for,
    unmet,
    unsettled,
)
from simulator.cell.cell import Cell
from simulator.sweeps.search import Objective

AXIS = "uplink.rate.bps"


def summary(schemes: int = 4, rates: tuple[float, ...] = (1e3, 1e6), seeds: int = 3) -> pd.DataFrame:
    rows = [
        {
            "curve": f"scheme_{s} k=16", AXIS: rate, "n": seeds,
            "latency_per_token_s": 0.02 * (s + 1) + 10 / rate,
            "latency_per_token_s_ci95": 0.001 if seeds > 1 else np.nan,
            "payload_bits_per_token": 100.0 * s or np.nan, "payload_bits_per_token_ci95": 2.0,
            "draft_length": 5.0 + (rate > 1e4) * s, "draft_length_ci95": np.nan,
        }
        for s in range(schemes)
        for rate in rates
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_base_line_has_the_uplinks_rate_where_there_is_one_and_none_where_it_is_swept():
    cells = [Cell.from_fields({"uplink.rate.bps": rate}) for rate in (1e4, 1e6)]
    assert "Round trip 40 ms. Uplink 10 kbit/s. Prompts of" in base_line(cells[:1], "", timed=True)
    assert "plink" not in base_line(cells, "", timed=True) + base_line(cells[:1], "", timed=False)


def test_costs_are_single_numbers_unless_the_axis_changes_them_and_have_what_there_is_alone():
    rows = {line[:8]: line.split()[2:] for line in costs(summary(3)).text().splitlines() if line.startswith("scheme_")}
    assert rows["scheme_0"] == ["-", "5.00"]
    assert rows["scheme_2"] == ["200", "±2", "5.00..7.00"]
    plain = summary(2).assign(payload_bits_per_draft=60.0, slo_attainment=np.nan)
    assert "a draft" in costs(plain).columns and not {"speed-up", "SLO met"} & {*costs(plain).columns}
    text = costs(plain.assign(speedup=[1.0, 1.0, 0.8, 1.25], slo_attainment=0.75, goodput_tokens_per_s=12.0)).text()
    rows = {line[:8]: line.split() for line in text.splitlines() if line.startswith("scheme_")}
    assert rows["scheme_1"][-3:] == ["0.800..1.25", "0.750", "12.0"]
    assert "speed-up over cloud_only" in " ".join(text.split()) and "met the objective" in " ".join(text.split())


def test_the_clocks_and_the_pair_are_named_whatever_they_are_that_of_a_drafter_in_the_cloud_too():
    fields = {"models": {"pair": "synthetic"}, "edge": {"latency": {"kind": "constant", "per_pass_s": 0.03}}}
    cells = [Cell.from_fields(fields), Cell.from_fields({**fields, "edge": {"latency": "affine"}})]
    timed = "Timed as 30 ms a pass or 20 ms base + 100 µs a token drafts; OPT-13B on A100 verifies. "
    assert timed in base_line(cells, "", timed=True) and stands_for(cells)[0].startswith("Tokens: synthetic: ")
    shared = Cell.from_fields({**fields, "cloud": {"latency": {"kind": "roofline", "gpus": 2}}})
    assert "OPT-13B on 2 A100 verifies" in base_line([shared], "", timed=True)
    # Which is another than that of the edge, and by default of another size.
    text = base_line([Cell.from_fields({"scheme": "colocated"})], "", timed=True)
    assert "Timed as OPT-13B on A100 verifies; OPT-125M on A100 drafts in the cloud." in text
    assert "in the cloud" not in base_line([Cell()], "", timed=True)


def on_a_phone(scheme: str, drafter: str, verifier: str, **pair: object) -> list[str]:
    """What is printed of acceptance as published, drafts being made on a phone."""
    cell = Cell.from_fields(
        {
            "models": {"pair": {"kind": "published", **pair}, "temperature": 1.0 if "kept" in pair else 0.0},
            "scheme": scheme,
            "edge": {"latency": {"kind": "profile", "name": drafter, "beyond": "extend"}},
            "cloud": {"latency": {"kind": "profile", "name": verifier, "beyond": "hold"}},
        }
    )
    return stands_for([cell])


def test_a_clock_of_other_weights_than_the_acceptance_is_reported():
    phone = (
        "Precision: drafting is timed with 0.92 bytes a weight (Llama-3.2-1B, 4-bit groupwise, OnePlus 12 processor, "
        "ExecuTorch), acceptance was measured with 2; what the rounding changes of "
        "acceptance is in no number here."
    )
    lines = on_a_phone("k_sqs", "oneplus12_llama_1b", "h100x4_70b")
    assert phone in lines and len([line for line in lines if line.startswith("Precision")]) == 1
    (fp8,) = (line for line in on_a_phone("cloud_only", "oneplus12_llama_1b", "h100x2_70b_fp8") if "Precision" in line)
    assert fp8.startswith("Precision: verifying is timed with 1 bytes a weight (Llama-3.3-70B, FP8, ")
    assert "Precision" not in " ".join(stands_for([Cell()]))


def test_a_comparison_on_texts_that_do_not_repeat_says_that_prompt_lookup_is_refused_there():
    made, real = (
        [
            Cell.from_fields({"models": {"pair": pair, "temperature": 0}, "scheme": kind})
            for kind in ("coupled", "k_sqs")
        ]
        for pair in ({"kind": "published"}, "sotu")
    )
    assert refused_rivals([*made, *real]) == [
        "Assumed: prompt lookup is no rival on pairs of kind published, which refuse it: their texts do not repeat as "
        "real ones do"
    ]
    assert refused_rivals(real) == refused_rivals(made[:1]) == []


def test_acceptance_that_is_scaled_or_partly_assumed_is_reported():
    (tokens, *_) = on_a_phone("k_sqs", "oneplus12_llama_1b", "h100x4_70b", kept=0.72)
    assert "acceptance scaled from temperature 0 to 1 by 0.72 of AL - 1 (from 0 to 1 published models keep " in tokens
    (tokens, *_) = on_a_phone("k_sqs", "oneplus12_llama_1b", "h100x4_70b", name="vicuna_68m_7b")
    assumed = (
        "; acceptance of vicuna_68m_7b was measured on one task, Spec-Bench; the source leaves open, and is assumed: 5"
    )
    assert "scaled" not in tokens and assumed in tokens


@pytest.mark.parametrize(("clock", "counted"), [("a100x4_70b", False), ("gpu80gbx2_70b", True)])
def test_an_engines_step_is_reported_and_where_the_clock_holds_it_already(clock, counted):
    fields = {"cloud": {"latency": {"kind": "profile", "name": clock, "beyond": "hold"}, "step_s": 0.0015}}
    (line,) = (line for line in stands_for([Cell.from_fields(fields)]) if line.startswith("Engine"))
    assert line.startswith("Engine: 1.5 ms more a pass than Llama-")
    assert line.endswith(" (cloud.step_s).") and ("holds its step" in line) == counted


def test_blocks_of_drafts_are_reported_with_what_they_assume_wherever_a_scheme_drafts_in_them():
    fields = {"edge": {"drafts_per_pass": 15}, "cloud": {"drafts_per_pass": 4}}
    for scheme, end, line in (
        ("k_sqs", "edge", ", 15 drafts a pass drafts; OPT-13B"),
        ("colocated", "cloud", ", 4 drafts a pass drafts in the"),
    ):
        cells = [Cell.from_fields({**fields, "scheme": scheme})]
        assert line in base_line(cells, "", timed=True)
        assert stands_for(cells)[1].startswith(f"Blocks: several drafts a pass ({end}.drafts_per_pass)")
    for scheme in ("cloud_only", "edge_only"):
        assert len(stands_for([Cell.from_fields({**fields, "scheme": scheme})])) == 1


def stations(table: pd.DataFrame) -> pd.DataFrame:
    """Uplink and cloud both busy in the first row, the uplink alone in the third."""
    queues = {"uplink_queue": [3.0, 0.1, 4.0, 0.1], "cloud_queue": [7.0, 0.1, 9.0, 0.1], "downlink_queue": 0.0}
    busy = {"uplink_busy": [0.99, 0.5, 0.96, 0.5], "cloud_busy": [0.97, 0.5, 0.5, 0.5], "downlink_busy": 0.1}
    return table.assign(**queues, **busy)


def test_an_overloaded_setting_is_reported_with_the_busy_station_whose_queue_is_longest():
    table = stations(summary(2)).assign(overloaded=[1.0, 0.0, 0.5, 0.0])
    assert overloads(table, AXIS) == [
        "Overloaded: scheme_0 k=16, uplink rate at 1 kbit/s (cloud)",
        "Overloaded: scheme_1 k=16, uplink rate at 1 kbit/s (uplink)",
    ]
    assert overloads(table.assign(overloaded=0.0, uplink_busy=0.5, cloud_busy=0.5), AXIS) == []


def test_a_closed_loop_that_keeps_a_station_busy_is_busy_and_not_overloaded():
    one, many = (stations(summary(2)).assign(overloaded=over, **{"workload.kind": "closed"}) for over in (0.0, 1.0))
    busy = (
        "Busy for 95% of the time or more: scheme_0 k=16, uplink rate at 1 kbit/s (cloud); scheme_1 k=16, uplink rate"
    )
    assert overloads(one, AXIS) == [f"{busy} at 1 kbit/s (uplink)"]
    assert overloads(many.assign(overloaded=0.125), AXIS) == overloads(one, AXIS)  # in one seed of eight
    (line,) = overloads(many, AXIS)
    assert line.startswith("Busy") and "everywhere (uplink)" in line  # devices in a line: no more comes than is served
    assert all(line.startswith("Overloaded") for line in overloads(many.assign(**{"workload.kind": "poisson"}), AXIS))


def test_the_station_that_limits_is_the_searchs_and_the_one_overloaded_is_the_fullest():
    table = stations(summary(2)).assign(overloaded=1.0, **searched(5, True, "ttft_s"))
    named = [fullest(row) for _, row in table.iterrows()]
    assert named == ["cloud", "uplink", "uplink", "uplink"]
    (overloaded,) = [line for line in overloads(table, AXIS) if "scheme_0" in line]
    assert f"at 1 kbit/s ({named[0]})" in overloaded
    nearly = {"uplink_busy": 0.79, "uplink_queue": 20, "cloud_busy": 0.94, "cloud_queue": 19}
    assert fullest(pd.Series(nearly | {"downlink_busy": 0.1, "downlink_queue": 1})) == "cloud"  # busy in some seeds


def test_a_bound_above_one_is_shown_as_one_beside_what_it_bounds():
    bound = {"rejection_bound": [123.0, 0.4, 0.358, 0.358], "tv_qhat": [0.5, 0.39, 0.35, 0.35]}
    text = costs(summary(2).assign(**bound, rejection_bound_ci95=0.01, tv_qhat_ci95=np.nan)).text()
    rows = {line[:8]: line.split() for line in text.splitlines() if line.startswith("scheme_")}
    assert rows["scheme_0"][-2:] == ["0.390..0.500", "0.400..1"] and "123" not in text
    assert rows["scheme_1"][-3:] == ["0.350", "0.358", "±0.010"]
    words = " ".join(text.split())
    assert "TV(qhat, p)" in words and "may lie above it by" in words and "shown as 1" in words


def test_where_a_lossy_scheme_is_there_the_table_of_costs_marks_it_and_says_how_far_off_it_is():
    table = summary(2).assign(lossy=[True, True, False, False], tv_output=[0.3, 0.3, 0.0, 0.0], tv_output_ci95=0.01)
    lines = costs(table).text().splitlines()
    rows = {line.split("  ")[0]: line.split() for line in lines if line.startswith("scheme_")}
    assert rows["scheme_0 k=16 (lossy)"][-2:] == ["0.300", "±0.010"] and "scheme_1 k=16" in rows
    assert "TV output" not in costs(table.assign(lossy=False, tv_output=0.0)).text()


def searched(capacity: object, bounded: object, limit: object) -> dict[str, object]:
    """Columns of a search, in which every seed bears what their mean does."""
    alone = {"capacity_least": capacity, "capacity_most": capacity}
    return {"capacity": capacity, "bounded": bounded, "first_limit": limit, **alone}


def test_why_a_curve_supports_none_is_reported_with_the_limit_that_fails():
    limits = ["tpot_p95_s", "ttft_s", "tpot_p95_s and ttft_s", ""]
    table = summary(2).assign(**searched([7, 1200, 0, 64], [True, True, True, False], limits))
    table = table.assign(answered=1.0, ttft_s=0.5, tpot_p95_s=[0.1, 0.1, 0.13, 0.1])
    (line,) = none_supported(table, AXIS, Objective({"tpot_p95_s": 0.1, "ttft_s": 1.0}, high=64))
    why = "tpot_p95_s is 130 ms, 30% above the limit of 100 ms"
    assert line == f"scheme_1 k=16 supports none: with 1 device at uplink rate 1 kbit/s {why}"


def test_why_none_is_borne_is_reported_of_every_limit_that_fails():
    row = pd.Series({"answered": 0.75, "tpot_p95_s": 0.35, "ttft_s": np.nan})
    assert list(unmet(row, Objective({"tpot_p95_s": 0.1, "ttft_s": 1.0}))) == [
        "only 0.75 of the requests are answered",
        "tpot_p95_s is 350 ms, 3.5 times the limit of 100 ms",
        "ttft_s has no value",
    ]
    assert list(unmet(row, Objective({"tpot_p95_s": 0.35}))) == ["only 0.75 of the requests are answered"]


def test_a_curve_shown_mostly_before_its_threshold_settled_is_reported():
    table = summary(3).assign(unsettled_share=[np.nan, np.nan, 0.83, 0.83, 0.4, 0.9])
    assert unsettled(table) == [
        "Not settled, share of drafts made before the threshold was (unsettled_share): scheme_1 k=16 83%, scheme_2 "
        "k=16 at 1 of 2 90%"
    ]
    assert not unsettled(table.assign(unsettled_share=0.2)) and not unsettled(summary(3))


def test_a_report_tells_the_speedup_with_the_ends_of_its_interval():
    rows = summary(2).assign(speedup=[1.0, 1.0, 0.8, 1.25], speedup_low=[np.nan] * 2 + [0.7, 1.1], speedup_high=1.5)
    table = results(rows, AXIS, [])
    place = table.keys.index("speedup")
    words = [row[place - 1].text for _, row in table.groups[0].rows]
    assert words == ["1", "1", "0.8 (0.7 to 1.5)", "1.25 (1.1 to 1.5)"]
    assert "paired by seed" in DEFINITIONS["speedup"] and "speedup" not in results(summary(2), AXIS, []).keys
