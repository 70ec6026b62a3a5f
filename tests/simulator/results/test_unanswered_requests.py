"""Requests that were not answered: which numbers lack them, and which settings are compared with nothing."""

import math

import pandas as pd
import pytest

from simulator.results.metrics import METRICS
from simulator.results.unanswered_requests import complete, had_it_answered, of_answered, percent, share, unanswered

AXIS = "uplink.rate.bps"


def table() -> pd.DataFrame:
    """Two curves at two rates and two seeds; in one seed at 1 kbit/s `dense` leaves a request unanswered."""
    rows = [
        {
            "curve": curve, AXIS: rate, "seed": seed, "latency_per_token_s": 0.1, "resampling_per_draft": 0.5,
            "answered": 0.8 if (curve, rate, seed) == ("dense", 1e3, 1) else 1.0,
        }
        for curve in ("dense", "k_sqs")
        for rate in (1e3, 1e4)
        for seed in (0, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_setting_lacks_requests_where_any_of_its_seeds_does() -> None:
    found = table()
    assert found[unanswered(found)][["curve", AXIS, "seed"]].values.tolist() == [["dense", 1e3, 0], ["dense", 1e3, 1]]
    assert not unanswered(found.drop(columns="answered")).any()


def test_numbers_of_time_go_where_requests_are_lacking_and_no_others() -> None:
    found = complete(table())
    assert found["latency_per_token_s"].isna().tolist() == [True] * 2 + [False] * 6
    assert found["resampling_per_draft"].notna().all()
    whole = table().assign(answered=1.0)
    assert complete(whole) is whole


def test_had_a_curve_answered_its_numbers_stay_and_where_it_has_none_it_is_fastest() -> None:
    found = table()
    assert had_it_answered(found, "dense")["latency_per_token_s"].tolist() == [0.1] * 8
    assert had_it_answered(found, "k_sqs")["latency_per_token_s"].isna().sum() == 2
    found.loc[:1, ["latency_per_token_s", "answered"]] = [math.nan, 0.0]
    assert had_it_answered(found, "dense")["latency_per_token_s"].tolist() == [0.05] * 2 + [0.1] * 6


def test_a_metric_says_that_it_is_of_answered_requests_where_it_is_and_nowhere_else() -> None:
    said = {name for name, metric in METRICS.items() if "over answered requests" in metric.meaning}
    assert said == set(filter(of_answered, METRICS)) >= {"latency_per_token_s", "ttft_s", "tpot_p95_s"}


@pytest.mark.parametrize(
    ("part", "line"), [(0.17, "17%"), (0.04, "4.0%"), (1e-5, "<0.1%"), (0.9999, "99.9%"), (1.0, "100%"), (0.1, "10%")]
)
def test_a_share_never_reads_as_none_or_all_unless_it_is(part: float, line: str) -> None:
    assert percent(part) == line


def test_where_no_request_is_asked_none_is_unanswered() -> None:
    assert share(pd.Series({"answered": math.nan})) == 0 == share(pd.Series({"n": 1.0}))
