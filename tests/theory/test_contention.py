"""Contention beside closed forms: Bianchi's saturated DCF, pure and slotted ALOHA, capture under Rayleigh fading.

Statistical checks allow 5 standard deviations: a false alarm in 1.7 million.
"""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Any

import pytest
from served_links import Sent, gone, opened

from channels.link.contention import Csma
from channels.link.rates import ConstantCurve
from channels.link.sharing import Sharing
from channels.uniforms import Uniforms


def bianchi(stations: int, window: int, doublings: int) -> tuple[float, float]:
    """The probabilities that a station sends in a slot, and that its frame collides (JSAC 18(3), equations 7 and 9)."""
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        geometric = sum((2 * p) ** k for k in range(doublings))
        tau = 2 / (1 + window + p * window * geometric)
        low, high = (p, high) if p < 1 - (1 - tau) ** (stations - 1) else (low, p)
    return tau, p


@pytest.mark.parametrize("stations", [1, 5, 20])
def test_saturated_stations_get_through_as_in_bianchis_chain(stations: int) -> None:
    """Windows of 32 to 1,024 (m = 5), frames of 20 slots behind a gap of 3: the share of the time that carries
    payload is Ps Ptr T / ((1 - Ptr) slot + Ptr (T + gap)), for collisions take as long. The chain takes collisions as
    independent, which the paper's own simulations match closely; 2% are allowed beside 5 standard deviations."""
    slot_s, gap_s, frame_s, until_s = 1e-3, 3e-3, 20e-3, 80.0
    sharing = Csma(slot_s=slot_s, gap_s=gap_s, window_min=32, window_max=1024, attempts=255)
    server = opened(sharing, ConstantCurve(1e6))
    left = gone(
        [server],
        [Sent(0, 20_000, device) for device in range(stations)],
        until_s=until_s,
        follows=lambda packet, now_s: Sent(now_s, packet.bits, packet.device),
    )
    assert not any(each.failed for each in left.values())
    tau, _ = bianchi(stations, 32, 5)
    busy = 1 - (1 - tau) ** stations
    one = stations * tau * (1 - tau) ** (stations - 1)
    expected = one * frame_s / ((1 - busy) * slot_s + busy * (frame_s + gap_s))
    assert len(left) * frame_s / until_s == pytest.approx(expected, rel=0.02 + 5 * 0.5 / sqrt(len(left)))


def test_frames_are_lost_after_their_last_collision() -> None:
    """Two stations with a window of one slot always collide: both are lost, and the third frame is alone then."""
    server = opened(
        {"kind": "csma", "window_min": 1, "window_max": 1, "attempts": 3, "gap_s": 0.01}, ConstantCurve(1e4)
    )
    left = gone([server], [Sent(0, 1000, device) for device in (0, 0, 1)])
    assert [(each.failed, each.left_s) for each in left.values()] == [
        (True, pytest.approx(3 * 0.1 + 2 * 0.01)),
        (True, pytest.approx(3 * 0.1 + 2 * 0.01)),
        (False, pytest.approx(4 * 0.1 + 3 * 0.01)),
    ]


def aloha_success(sharing: dict[str, Any], load: float, frames: int = 4000) -> float:
    """The share of frames of 1 s that get through when so many begin a second, each of a device of its own."""
    uniform = Uniforms.of(8, "arrivals").uniform
    time_s, packets = 0.0, []
    for number in range(frames):
        time_s -= log(1 - uniform(number)) / load
        packets.append(Sent(time_s, 1000, number % 16))
    opener = Sharing.of({"kind": "aloha", **sharing}).opener(Uniforms.of(1, "sharing"))
    servers = [opener(ConstantCurve(1000), 0.0) for _ in range(16)]
    left = gone(servers, packets)
    return sum(not each.failed for each in left.values()) / frames


PLAIN: dict[str, Any] = {"capture_db": None, "fading": False}


@pytest.mark.parametrize(
    "sharing, load, success",
    [
        (PLAIN, 0.25, exp(-2 * 0.25)),
        (PLAIN, 0.5, exp(-2 * 0.5)),
        ({**PLAIN, "channels": 8}, 2.0, exp(-2 * 2.0 / 8)),
        ({**PLAIN, "slot_s": 1.0}, 0.5, exp(-0.5)),
        ({**PLAIN, "capture_db": 6.0}, 0.5, exp(-2 * 0.5)),
        ({"capture_db": 0.0}, 0.5, exp(-2 * 0.5 / 2)),
        ({"capture_db": 6.0}, 0.5, exp(-2 * 0.5 * 10**0.6 / (1 + 10**0.6))),
    ],
)  # fmt: skip
def test_aloha_gets_through_what_its_closed_form_says(sharing: dict[str, Any], load: float, success: float) -> None:
    """Pure G exp(-2 G) and slotted G exp(-G) of Poisson frames; alike in power none captures. Under Rayleigh fading one
    that n overlap is z times as strong as all of them with probability (1 + z)^-n, which over Poisson(2 G) of them is
    exp(-2 G z / (1 + z)). Neighbours share their collisions, so a frame counts as half an independent one."""
    frames = 4000
    spread = sqrt(success * (1 - success) * 2 / frames)
    assert aloha_success(sharing, load, frames) == pytest.approx(success, abs=5 * spread)


def test_near_devices_capture_and_far_ones_pay() -> None:
    """With distances over a factor of 10 more get through than where all are as far, and fewer than if all captured."""
    assert aloha_success({**PLAIN, "capture_db": 6.0, "reach": 10.0}, 0.5) > exp(-1) + 0.05
