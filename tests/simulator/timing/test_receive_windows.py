"""Devices that hear only after they have sent: windows, empty frames, and what streaming then costs."""

from collections.abc import Callable
from typing import Any

import pytest
from cells import cell, link
from hypothesis import given, settings
from hypothesis import strategies as st
from links import Given, Scripted
from plants import AirWatch, ran
from two_ways import TwoWays

from channels.link.link_config import LinkConfig, answer_s
from channels.link.shaping import LoRa
from simulator.results.observer import Airing

POLL_BITS = 100
WINDOW = {"kind": "selective_repeat", "window": 8, "timeout_s": 9, "timer_jitter": 0}


def class_a(devices: int = 1, delays_s: tuple[float, ...] = (1, 2), **up: Any) -> TwoWays:
    """1 kbit/s; an empty frame takes 0.1 s."""
    listens = {"kind": "after_sending", "delays_s": delays_s}
    ways = TwoWays({"header_bits": POLL_BITS, "sharing": "own", **up}, {"listens": listens})
    ways.windows.add(range(devices), ways.up, ways.down)
    return ways


Happens = Callable[[TwoWays], None]


def up(at_s: float, bits: int = 904, number: int = 0, device: int = 0) -> Happens:
    return lambda ways: ways.put(ways.up, at_s, device, bits, number) and None


def down(at_s: float, number: int = 0, device: int = 0, bits: int = 496) -> Happens:
    return lambda ways: ways.put(ways.down, at_s, device, bits, number) and None


def awaits(ways: TwoWays) -> None:
    ways.at(0, lambda: ways.windows.awaits(0, 0, None))


def awaits_answer(ways: TwoWays) -> None:
    """In answer to a frame that is put now."""
    message = ways.put(ways.up, 0, 0, 904)
    ways.at(0.0, lambda: ways.windows.awaits(0, 0, message))


def has_all(at_s: float) -> Happens:
    return lambda ways: ways.at(at_s, lambda: ways.windows.has_all(0))


SLOW_WAY = {"delay": {"kind": "constant", "delay_s": 0.7}}
TWICE: dict[str, Any] = {"loss": Given(by=Scripted((0, 0, 0, 0))),
                         "arq": {"kind": "stop_and_wait", "timeout_s": 4, "timer_jitter": 0}}  # fmt: skip
TIMELINES: dict[str, tuple[dict[str, Any], list[Happens], list[tuple[str, int, int, float, float]]]] = {
    "a packet down waits for the first window after a frame up": (
        {}, [down(0.5), up(1)], [("uplink", 0, 0, 1, 2.004), ("downlink", 0, 0, 3.004, 3.5)]
    ),
    "what comes after the first window waits for the second, and then for the next frame": (
        {}, [up(0), down(2.5), down(4, 1), up(10, number=1)],
        [("uplink", 0, 0, 0, 1.004), ("downlink", 0, 0, 3.004, 3.5),
         ("uplink", 0, 1, 10, 11.004), ("downlink", 0, 1, 12.004, 12.5)],
    ),
    "one frame up brings one frame down": (
        {}, [down(0), down(0, 1), up(0)], [("uplink", 0, 0, 0, 1.004), ("downlink", 0, 0, 2.004, 2.5)]
    ),
    "a device that awaits more sends an empty frame at once, and one for each frame down": (
        {}, [awaits, down(1.5), down(2.2, 1), has_all(4.2)],
        [("uplink", 0, -1, 0, 0.1), ("downlink", 0, 0, 2.1, 2.596), ("uplink", 0, -2, 2.596, 2.696),
         ("downlink", 0, 1, 3.696, 4.192), ("uplink", 0, -3, 4.192, 4.292)],
    ),
    "no empty frame goes before the message that is to be answered": (
        {}, [awaits_answer, down(1.5), has_all(2.5)],
        [("uplink", 0, 0, 0, 1.004), ("downlink", 0, 0, 2.004, 2.5)],
    ),
    "a device sends nothing while it listens, until the second window has passed or a frame has come in the first": (
        {"arq": WINDOW}, [up(0), up(0, number=1), up(0, number=2), down(3.1)],
        [("uplink", 0, 0, 0, 1.004), ("uplink", 0, 1, 3.004, 4.008), ("downlink", 0, 0, 5.008, 5.504),
         ("uplink", 0, 2, 5.504, 6.508)],
    ),
    "the second window of a frame that was answered is none of the next frame": (
        {}, [up(0, 0), down(0, bits=96), up(1.2, 400, 1), down(1.8, 1, bits=96)],
        [("uplink", 0, 0, 0, 0.1), ("downlink", 0, 0, 1.1, 1.196), ("uplink", 0, 1, 1.2, 1.7),
         ("downlink", 0, 1, 2.7, 2.796)],
    ),
    "the network knows of no window after a frame that it has not received": (
        TWICE, [up(0), down(0)],
        [("uplink", 0, 0, 0, 1.004), ("uplink", 0, 0, 5.004, 6.008), ("downlink", 0, 0, 7.008, 7.504)],
    ),
    "a gateway that is busy in the first window answers in the second": (
        {}, [up(0), down(0), up(0, device=1), down(0, device=1)],
        [("uplink", 0, 0, 0, 1.004), ("uplink", 1, 0, 0, 1.004), ("downlink", 0, 0, 2.004, 2.5),
         ("downlink", 1, 0, 3.004, 3.5)],
    ),
    "a window before the frame has reached the network is of no use": (
        SLOW_WAY | {"delays_s": (0.3, 0.9)}, [up(0), down(0)],
        [("uplink", 0, 0, 0, 1.004), ("downlink", 0, 0, 1.904, 2.4)],
    ),
    "a device whose frame arrives at 1.704 s, after its only window at 1.504 s, asks again at 2.004 s": (
        SLOW_WAY | {"delays_s": (0.5,)}, [awaits_answer], [("uplink", 0, 0, 0, 1.004), ("uplink", 0, -1, 2.004, 2.104)]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TIMELINES)
def test_frames_go_up_and_down_as_the_timeline_says(name: str) -> None:
    fields, happens, frames = TIMELINES[name]
    ways = class_a(devices=2, **fields)
    for each in happens:
        each(ways)
    assert ways.run(until_s=frames[-1][-1] + 0.005) == frames
    sent_s = [left_s - began_s for link, _, _, began_s, left_s in frames if link == "uplink"]
    assert (ways.up.sent, ways.up.bits_sent) == (len(sent_s), round(1000 * sum(sent_s))), "I7: at 1 kbit/s"


def test_windows_that_pass_in_vain_bring_the_next_empty_frame_under_the_duty_cycle() -> None:
    """46 ms on the air owe 0.4 s of silence, which ends before the second window; at 0.01 they owe 4.6 s."""
    air_s = LoRa().airtime_s(POLL_BITS)
    for duty, second_s in ((0.1, air_s + 2.0), (0.01, 100 * air_s)):
        ways = class_a(rate=LoRa(duty=duty))
        awaits(ways)
        began = [began_s for _, _, _, began_s, _ in ways.run(until_s=second_s + 1)]
        assert began == pytest.approx([0, second_s])


def test_an_acknowledgement_comes_back_in_the_first_window() -> None:
    """The first window is open 1 s after the last bit; then the way back."""
    up = LinkConfig.model_validate({"delay": {"kind": "constant", "delay_s": 0.25}})
    down = LinkConfig.model_validate({"listens": "after_sending", "delay": {"kind": "constant", "delay_s": 0.5}})
    assert answer_s(up, down) == 0.75 + 0.5 and answer_s(down, up) == 0.25
    ways = class_a()
    ways.put(ways.up, 0, 0, 904)
    ways.run()
    assert ways.up.seen_by(0).round_trip_s == pytest.approx(1.004 + 1)


def streaming(delays_s: tuple[float, ...], scheme: object, loss: float) -> tuple[list[Airing], list[Airing], float]:
    """The attempts up and down of a cell of two devices, and the uplink bits a token of its summary."""
    lossy = {"kind": "bernoulli", "probability": loss}
    asked = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 8, "devices": 2}
    arq = {"kind": "stop_and_wait", "timeout_s": 5}
    up = link(2e4, loss=lossy, arq=arq, mtu_bits=1000, sharing="own")
    listens = {"kind": "after_sending", "delays_s": delays_s}
    made = cell(scheme, workload=asked, uplink=up, downlink=link(2e4, loss=lossy, listens=listens))
    air = AirWatch()
    run = ran(made, watch=air)
    assert (run.result.requests["outcome"] == "answered").all()
    per_token = run.result.summary["uplink_bits_per_token"] * run.result.requests["output_tokens"].sum()
    ways = [[each for each in air.airings if each.link == way] for way in ("uplink", "downlink")]
    return ways[0], ways[1], float(per_token)


@settings(max_examples=12, deadline=None)
@given(
    delays_s=st.sampled_from([(1.0, 2.0), (0.05,), (0.02, 0.3, 5.0)]),
    scheme=st.sampled_from(["cloud_only", "k_sqs", "coupled"]),
    loss=st.sampled_from([0.0, 0.3]),
)
def test_each_frame_down_begins_in_a_window_of_a_frame_up_of_its_own(
    delays_s: tuple[float, ...], scheme: object, loss: float
) -> None:
    up, down, bits = streaming(delays_s, scheme, loss)
    answered = set()
    for frame in down:
        (opened,) = (
            number
            for number, sent in enumerate(up)
            if sent.address[0] == frame.address[0]
            and any(frame.began_s == pytest.approx(sent.left_s + delay_s, abs=1e-9) for delay_s in delays_s)
        )
        assert opened not in answered and up[opened].arrives_s <= frame.began_s
        answered.add(opened)
    assert bits == sum(frame.bits for frame in up)  # I7
    for device in range(2):
        sent = [frame for frame in up if frame.address[0] == device]
        heard = [frame for frame in down if frame.address[0] == device]
        for frame in sent:
            assert all(frame.left_s <= other.began_s or other.left_s <= frame.began_s for other in heard)


def test_a_stream_costs_a_frame_up_for_each_frame_down() -> None:
    """Without losses: the prompt's frame and an empty one for each later token."""
    up, down, _ = streaming((1.0, 2.0), "cloud_only", 0.0)
    empty = [frame for frame in up if frame.address[2] < 0]
    assert len(down) == 2 * 2 * 8 and len(up) == len(down) and len(empty) == len(down) - 4
    assert {frame.bits for frame in empty} == {320}


def test_no_empty_frame_begins_once_the_reply_is_here_that_it_would_ask_for() -> None:
    """Nor at that very instant, where it has waited for the device to have received the reply."""
    asked = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 14, "devices": 3}
    arq = {"kind": "stop_and_wait", "timeout_s": 1.0, "ack_loss": {"kind": "bernoulli", "probability": 0.3}}
    up, down = link(2e4, arq=arq, sharing="own"), link(2e4, listens={"kind": "after_sending", "delays_s": (0.06, 0.12)})
    for seed in range(1, 4):  # of which the second has such a frame
        air = AirWatch()
        ran(cell("coupled", workload=asked, uplink=up, downlink=down, seed=seed), watch=air)
        last: dict[int, Airing] = {}
        for frame in sorted(air.airings, key=lambda each: (each.began_s, each.link)):
            reply = last.get(frame.address[0])
            if reply is not None and frame.link == "uplink" and reply.link == "downlink":
                assert frame.round >= 0 or frame.attempt or frame.began_s < reply.arrives_s - 1e-9
            last[frame.address[0]] = frame


def test_parts_that_wait_for_windows_are_waited_for() -> None:
    """Between two parts lie two seconds, in which the far end gives nothing up."""
    listens = {"kind": "after_sending", "delays_s": [1, 2]}
    arq = {"kind": "stop_and_wait", "timeout_s": 4}
    made = cell(
        {"kind": "k_sqs", "partial": True, "max_drafts": 3},
        workload={"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 6},
        uplink=link(1e5, arq=arq, sharing="own"),
        downlink=link(1e5, arq=arq, sharing="own", listens=listens),
    )
    rounds = ran(made).result.rounds
    assert (rounds["verified"] + rounds["accepted"] > 0).all()
    assert (rounds["drafted"] > 1).any()
    assert (rounds["uplink_attempts"] == rounds["drafted"]).all()
    assert (rounds["received_s"] - rounds["sent_s"] > 2.0 * (rounds["drafted"] - 1)).all()
