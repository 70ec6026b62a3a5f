"""Numbers as people write them, in the unit of their field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinds import ConfigError
from simulator.cell.quantities import UNITS, number, unit_of


@pytest.mark.parametrize(
    ("field", "typed", "value"),
    [
        ("rate.bps", "10k", 10_000), ("rate.bps", "10 kbit/s", 10_000), ("rate.bps", "1.5 Mbps", 1_500_000),
        ("rate.bps", "1 kB/s", 8_000), ("rate.bps", "1e4", 10_000), ("rate.bps", "-3", -3), ("peak_bps", "1Mi", None),
        ("delay_s", "50ms", 0.05), ("delay_s", "35 ms", 0.035), ("delay_s", "2 min", 120), ("delay_s", "20 µs", 2e-5),
        ("delay_s", "10m", None), ("delay_s", "10k", None), ("delay_s", "10 bit", None), ("delay_s", "soon", None),
        ("mtu_bits", "1500 B", 12_000), ("mtu_bits", "2 MiB", 2**24), ("mtu_bits", "12k", 12_000),
        ("mtu_bits", "1 ms", None), ("bytes_per_kv", "8 bit", 1), ("bytes_per_s", "68 GB/s", 68 * 10**9),
        ("flops_per_s", "42.5 TFLOPS", 42_500_000_000_000), ("bandwidth_hz", "15 kHz", 15_000),
        ("mean_snr_db", "-3 dB", -3), ("mean_snr_db", "3 dBm", None), ("rate_per_s", "3/min", 0.05),
        ("kv_tokens", "100k", 100_000), ("devices", "10k", 10_000), ("probability", "10%", 0.1),
        ("power_w", "80 mW", 0.08), ("busy_w", "1.5 kW", 1_500), ("busy_w", "5 J", None),
    ],
)  # fmt: skip
def test_a_quantity_is_worth_its_number_in_the_fields_unit_or_is_refused(field, typed, value):
    if value is not None:
        assert number(typed, f"uplink.{field}") == value
        return
    with pytest.raises(ConfigError, match=rf"uplink\.{field} = '{typed}': must be a number of {unit_of(field)}"):
        number(typed, f"uplink.{field}")


def test_what_is_no_number_of_a_plain_field_is_left_to_the_field() -> None:
    assert number("many", "workload.devices") == "many"
    assert number("inf", "uplink.rate.bps") == "inf"


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12))
def test_a_number_in_milliseconds_is_the_nearest_float_to_its_thousandth(value: float) -> None:
    assert number(f"{value!r} s", "delay_s") == value
    assert float(number(f"{value!r}ms", "delay_s")) == pytest.approx(value / 1000, rel=1e-15, abs=0)


def test_every_unit_reads_its_own_examples() -> None:
    fields = {"s": "x_s", "bit": "x_bits", "byte": "x_bytes", "bit/s": "x_bps", "byte/s": "x_bytes_per_s", "Hz": "x_hz",
              "FLOP/s": "x_flops_per_s", "W": "x_w", "dB": "x_db", "tokens": "x_tokens", "1/s": "x_per_s",
              "": "x"}  # fmt: skip
    assert fields.keys() == UNITS.keys()
    for symbol, field in fields.items():
        assert unit_of(field) == symbol
        for example in UNITS[symbol].examples.replace(" or ", ", ").split(", "):
            assert not isinstance(number(example, field), str)
