"""Units come from names; quantities read as a person writes them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.results import BREAKDOWN, METRICS
from simulator.results.units import prefix_of_all, quantity, title, unit


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("latency_per_token_s", "s"), ("tokens_per_s", "1/s"), ("payload_bits_per_token", "bit"),
        ("uplink.rate.bps", "bit/s"),
        ("cloud_s_per_token", "s"), ("scheme.k", ""), ("models.temperature", ""), ("workload.prompt_tokens", "tokens"),
        ("resampling_per_token", ""), ("edge.encode_s_per_draft", "s"), ("uplink.rate.mean_snr_db", "dB"),
        ("edge_j_per_token", "J"), ("uplink.power_w", "W"), ("cloud.usd_per_gpu_hour", "USD"),
        ("held_usd_per_million_tokens", "USD"), ("held_usd_per_device_month", "USD"),
    ],
)  # fmt: skip
def test_the_unit_is_in_the_name(name: str, symbol: str) -> None:
    assert unit(name) == symbol


def test_every_time_of_the_tables_is_in_seconds() -> None:
    assert all(
        unit(name) == "s" for name in (*BREAKDOWN, *METRICS) if name.endswith("_s") and not name.endswith("per_s")
    )


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        (1e3, "rate.bps", "1 kbit/s"), (999.9, "rate.bps", "1 kbit/s"), (2.5e6, "rate.bps", "2.5 Mbit/s"),
        (0, "rate.bps", "0 bit/s"),
        (math.inf, "rate.bps", "inf"), (0.0123, "x_s", "12.3 ms"), (75.0, "x_s", "75 s"), (8, "scheme.k", "8"),
        (12345, "x_bits", "12,345 bit"), (0.05, "probability", "0.05"), ("dense", "kind", "dense"),
        ("/home/me/french.jsonl", "models.pair.prompts", "french"), ("my.up", "uplink.rate.path", "my"),
        ("a/b", "uplink.label", "a/b"), (24, "models.pair.prompts", "24"),
        (True, "stop", "True"), (0.0123, "edge_j_per_token", "12.3 mJ"),
        (2.5, "busy_usd_per_million_tokens", "2.5 USD"),
    ],
)  # fmt: skip
def test_quantities_carry_prefix_and_unit(value: object, name: str, text: str) -> None:
    assert quantity(value, name) == text


@given(st.floats(1e-8, 1e11))
def test_a_written_rate_is_within_half_a_percent(rate: float) -> None:
    number, symbol = quantity(rate, "rate.bps").split()
    factor = {"n": 1e-9, "µ": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}.get(symbol.removesuffix("bit/s"), 1.0)
    assert float(number.replace(",", "")) * factor == pytest.approx(rate, rel=5.1e-3)


def test_titles_are_words() -> None:
    named = {
        "uplink.rate.bps": "uplink rate",
        "uplink.rate.mean_out_s": "uplink mean outage",
        "uplink.rate.mean_snr_db": "uplink mean SNR",
        "models.temperature": "temperature",
        "latency_per_token_s": "latency per token",
        "fleet.meters.count": "meters",
    }
    assert {name: title(name) for name in named} == named


@pytest.mark.parametrize(
    ("values", "prefix"),
    [([0.0053], "m"), ([0.021, 8.7], "m"), ([0.093, 236.0], ""), ([4e-4, 2.0], "m"), ([1e9, 5e15], "G"), ([], "")],
)
def test_one_prefix_for_many_is_that_of_the_least_unless_the_most_could_not_be_read(
    values: list[float], prefix: str
) -> None:
    assert prefix_of_all(values)[1] == prefix
