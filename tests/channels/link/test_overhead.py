"""Airtime of a packet beside its bits: it holds the link, and the packet's rate on the air knows nothing of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.link.link_config import LinkConfig
from channels.link.presets import PRESETS
from channels.link.rates import ConstantRate, Position
from channels.link.rayleigh import Rayleigh
from channels.link.recordings import Trace
from channels.uniforms import Uniforms

CURVES = Uniforms.of(0, "link")


@given(bits=st.lists(st.integers(0, 5000), min_size=1, max_size=8), overhead_s=st.floats(0.001, 3))
def test_each_packet_takes_its_overhead_and_its_bits(bits: list[int], overhead_s: float) -> None:
    link = LinkConfig(rate=ConstantRate(bps=1000), overhead_s=overhead_s)
    position = Position(0.0)
    for each in bits:
        position = link.curve(CURVES).finish(position, each)
    assert position.time_s == pytest.approx(sum(bits) / 1000 + len(bits) * overhead_s)


def test_overhead_runs_while_the_link_is_up_and_bits_wait_out_an_outage() -> None:
    """From 1 s: overhead to 1.5 s, half of the bits until the outage at 2 s, the rest from 4 s."""
    rate = Trace(points=((0.0, 1000.0), (2.0, 0.0), (4.0, 1000.0)))
    curve = LinkConfig(rate=rate, overhead_s=0.5).curve(CURVES)
    assert curve.finish(Position(1.0), 1000).time_s == 4.5
    assert curve.ready_s(Position(3.0), 1000) == 4.0 and curve.finish(Position(3.0), 1000).time_s == 5.5


def test_a_wifi_frame_of_1500_bytes_takes_some_650_us_and_an_empty_one_over_200() -> None:
    """DIFS 34, back-off 67.5, preamble 36, SIFS 16, acknowledgement 28 us; then 1538 bytes with the MAC header at 26
    Mbit/s: seven tenths of the air carry bits of a full frame, a ninth of it those of a bare header."""
    wifi = PRESETS["wifi"].uplink
    assert wifi.overhead_s == pytest.approx(181.5e-6)
    assert wifi.mtu_bits is not None
    full_s, empty_s = (
        wifi.curve(CURVES).finish(Position(0.0), bits).time_s for bits in (wifi.mtu_bits, wifi.header_bits)
    )
    assert full_s == pytest.approx(181.5e-6 + 12_304 / 26e6) and empty_s == pytest.approx(181.5e-6 + 624 / 26e6)


def test_overhead_hides_nothing_of_the_curve_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The horizon, and that changes are counted anew once a packet came through."""
    delayed = LinkConfig(rate=Rayleigh(bandwidth_hz=1e5, coherence_s=1e-3), overhead_s=0.5).curve(CURVES)
    monkeypatch.setattr("channels.link.step_curve.MOST_CHANGES", 2_000)
    position = Position(0.0)
    for _ in range(10):
        position = delayed.finish(position, 10_000)
        delayed.heard()
    assert position.time_s > 5.0
    delayed.bound("uplink.rate", position.time_s + 1.0)
    assert delayed.finish(position, 1e9).time_s == float("inf")
