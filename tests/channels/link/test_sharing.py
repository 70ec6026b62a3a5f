"""Transmitters without a clock: who is served by what the link grants, and that nothing of it is thrown away."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served_links import Sent, gone, opened

from channels.link.mahimahi import MahimahiCurve
from channels.link.rates import Curve, Rate
from channels.uniforms import Uniforms

SATURABLE: dict[str, Any] = {
    "constant": {"kind": "constant", "bps": 3e4},
    "trace": {"kind": "trace", "points": ((0, 1e5), (0.5, 0), (1.25, 3e4)), "period_s": 2.0},
    "mahimahi": {"kind": "mahimahi"},
    "rayleigh": {"kind": "rayleigh"},
    "outages": {"kind": "random_outages", "rate": {"kind": "mahimahi"}, "mean_up_s": 1.5, "mean_out_s": 1.0},
}
DISCIPLINES = ("fifo", "round_robin", "processor")


def departures_s(sharing: str, curve: Curve, packets: Sequence[Sent]) -> list[float]:
    """When each packet leaves: what comes at the instant of a departure comes first, as the worst of all orders."""
    left = gone(opened(sharing, curve), packets)
    return [left[packet].left_s for packet in packets]


def test_what_a_departure_leaves_of_an_opportunity_goes_to_the_others_that_share_the_link() -> None:
    """A stamp each second, 12,000 bits: three small packets go with the first one, shared or in turn."""
    packets = [Sent(0.1, bits, device) for device, bits in enumerate((1000, 1500, 2000))]
    for sharing in DISCIPLINES:
        assert departures_s(sharing, MahimahiCurve((1000,)), packets) == [1.0, 1.0, 1.0]


def test_an_opportunity_is_shared_in_equal_parts() -> None:
    """12,000 bits a second among three of 3,000, 6,000 and 12,000: first 3,000 each and then 1,500 for each of two, who
    lack 1,500 and 7,500 of the next 12,000."""
    packets = [Sent(0.1, bits, device) for device, bits in enumerate((3000, 6000, 12_000))]
    assert departures_s("processor", MahimahiCurve((1000,)), packets) == [1.0, 2.0, 2.0]


@pytest.mark.parametrize("sharing", DISCIPLINES)
@pytest.mark.parametrize("late_s", [0.003, 0.003 - 1e-13])
def test_a_packet_that_comes_at_the_millisecond_of_an_opportunity_is_too_late_for_it(
    sharing: str, late_s: float
) -> None:
    """Also where two leave with that opportunity and it comes between them."""
    packets = [Sent(0.001, 1000, 0), Sent(0.0012, 1000, 1), Sent(late_s, 1000, 2)]
    assert departures_s(sharing, MahimahiCurve((3,)), packets) == [0.003, 0.003, 0.006]


@pytest.mark.parametrize("kind", SATURABLE)
@settings(max_examples=25, deadline=None)
@given(
    packets=st.lists(
        st.builds(Sent, st.floats(0.0, 3.0), st.integers(1, 40_000), st.integers(0, 3)), min_size=1, max_size=12
    )
)
def test_a_busy_link_carries_the_same_bits_in_the_same_time_however_they_share_it(
    kind: str, packets: list[Sent]
) -> None:
    """Work conservation: the first packet is so long that the link is busy to the end, and the end is the same. All
    bits fill whole opportunities, so that one thrown away shows."""
    packets = [Sent(0.0, 1_800_000 - sum(packet.bits for packet in packets) % 12_000, 9), *packets]
    curve = [Rate.of(SATURABLE[kind]).curve(Uniforms.of(3, "test")) for _ in DISCIPLINES]
    ends_s = [max(departures_s(*each, packets)) for each in zip(DISCIPLINES, curve, strict=True)]
    assert ends_s == pytest.approx([ends_s[0]] * 3, abs=1e-9)


def test_packets_that_join_as_others_leave_are_all_started() -> None:
    """Two that come at the very instant of a departure wait for it, and then both share the link."""
    packets = [Sent(0.0, 1000, 0), Sent(1.0, 1000, 1), Sent(1.0, 1000, 2)]
    curve = Rate.of({"kind": "constant", "bps": 1000}).curve(Uniforms.of(0, "test"))
    assert departures_s("processor", curve, packets) == [1.0, 3.0, 3.0]
