"""What a message does on a link, instant by instant, against timelines worked out by hand."""

import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from links import TIMER_S, Bench, Scripted

from channels.link.link_config import LinkConfig
from channels.link.shaping import LoRa
from simulator.timing.messages import Message

FIRST_LOST, SECOND_LOST = Scripted((0, 0, 0, 0)), Scripted((0, 0, 1, 0))
"""The first attempt of the first packet of device 0, or of the second packet of its message."""
PAIR = {"kind": "selective_repeat", "window": 2, "timeout_s": 3.0}
STRAIGHT, BEHIND = "0 transmit, 1 propagation, 1.1 deliver", "0 queue, 1 transmit, 2 propagation, 2.1 deliver"


def patient(delay_s: float, timeout_s: float) -> dict[str, Any]:
    return {"delay": {"kind": "constant", "delay_s": delay_s}, "arq": {"kind": "stop_and_wait", "timeout_s": timeout_s}}


def limited(attempts: int, pause_s: float) -> dict[str, Any]:
    """So many attempts in a row, then a pause."""
    limits = {"max_attempts": attempts, "timeout_max_s": pause_s}
    return {"arq": {"kind": "stop_and_wait", "timeout_s": TIMER_S, **limits}}


def outages(bps: float, *spans_s: tuple[float, float]) -> dict[str, Any]:
    changes = {0.0: bps} | {at_s: rate for from_s, to_s in spans_s for at_s, rate in ((from_s, 0.0), (to_s, bps))}
    return {"rate": {"kind": "trace", "points": tuple(changes.items())}}


@dataclass
class Timeline:
    """`puts`: (at_s, device, bits); a device's messages are numbered in order. `logs`: by device and number, what the
    message does from which instant on, s. `sent`: its attempts, and their bits. `withdrawn_s`: when the first one
    is."""

    link: dict[str, Any]
    puts: list[tuple[float, int, int]]
    logs: dict[tuple[int, int], str]
    sent: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    withdrawn_s: float | None = None


IDLING: dict[str, Any] = {"access_s": 0.25, "idle_access_s": 2.0, "idle_after_s": 10.0}
AT_ONCE = IDLING | {"arq": {"kind": "selective_repeat", "timeout_s": 99}}
CONNECTED = "0 queue, 2 transmit, 3 propagation, 3.1 deliver"
ONE, TWO = (0, 0, 1000), (0, 1, 1000)
LORA = LoRa(duty=0.25)
TIMELINES = {
    "it is transmitted, travels and is delivered": Timeline({}, [ONE], {(0, 0): STRAIGHT}, {(0, 0): (1, 1000)}),
    "propagation does not hold the link: the next starts when the last bit has left, not when it is in": Timeline(
        patient(5.0, 10.2), [ONE, TWO], {(1, 0): "0 queue, 1 transmit, 2 propagation, 7 deliver"}
    ),
    "a loss waits for its timer and lets the others pass": Timeline(
        {"lost": FIRST_LOST}, [ONE, (0, 1, 2000)],
        {(0, 0): "0 transmit, 1 timeout_wait, 1.5 queue, 3 retransmit, 4 propagation, 4.1 deliver",
         (1, 0): "0 queue, 1 transmit, 3 propagation, 3.1 deliver"},
    ),
    "a lost acknowledgement costs a repeat and delivers once": Timeline(
        {"deaf": FIRST_LOST}, [ONE, ONE],
        {(0, 0): STRAIGHT, (0, 1): "0 queue, 2.7 transmit, 3.7 propagation, 3.8 deliver"},
        {(0, 0): (2, 2000), (0, 1): (1, 1000)},
    ),
    "a packet that comes twice, at 1.1 s and at 2.6 s, does not stand for another, which comes at 3.8 s": Timeline(
        {"deaf": FIRST_LOST, "mtu_bits": 1000}, [(0, 0, 2000)],
        {(0, 0): "0 transmit, 1 propagation, 1.1 timeout_wait, 1.5 queue, 1.5 retransmit, 2.5 propagation, "
                 "2.7 transmit, 3.7 propagation, 3.8 deliver"},
    ),
    "it does what its oldest unacknowledged packet does: the second is in and acknowledged long before": Timeline(
        {"lost": FIRST_LOST, "mtu_bits": 1000, "arq": PAIR}, [(0, 0, 2000)],
        {(0, 0): "0 transmit, 1 timeout_wait, 4 queue, 4 retransmit, 5 propagation, 5.1 deliver"}, {(0, 0): (3, 3000)},
    ),
    "after an acknowledgement it follows its next packet": Timeline(
        {"lost": SECOND_LOST, "mtu_bits": 1000, "arq": PAIR}, [(0, 0, 2000)],
        {(0, 0): "0 transmit, 1 propagation, 1.2 transmit, 2 timeout_wait, 5 queue, 5 retransmit, 6 propagation, "
                 "6.1 deliver"},
    ),
    "a grant comes before the queue and counts as waiting": Timeline(
        {"access_s": 0.25}, [ONE, (0.5, 1, 1000)],
        {(0, 0): "0 queue, 0.25 transmit, 1.25 propagation, 1.35 deliver",
         (1, 0): "0.5 queue, 1.25 transmit, 2.25 propagation, 2.35 deliver"},
    ),
    "a connection first, then a grant for each message; 10 s after its last bit a device idles": Timeline(
        IDLING, [ONE, (5, 0, 1000), (16.25, 0, 1000)],
        {(0, 0): CONNECTED, (0, 1): "5 queue, 5.25 transmit, 6.25 propagation, 6.35 deliver",
         (0, 2): "16.25 queue, 18.25 transmit, 19.25 propagation, 19.35 deliver"},
    ),
    "just before the connection ends it is still there": Timeline(
        IDLING, [ONE, (12.75, 0, 1000)], {(0, 1): "12.75 queue, 13 transmit, 14 propagation, 14.1 deliver"}
    ),
    "messages put while a device connects wait for the same connection, in order": Timeline(
        AT_ONCE, [(0, 0, 8), (0.5, 0, 8), (1.9, 0, 8)],
        {(0, 0): "0 queue, 2 transmit, 2.008 propagation, 2.108 deliver",
         (0, 1): "0.5 queue, 2.008 transmit, 2.016 propagation, 2.116 deliver",
         (0, 2): "1.9 queue, 2.15 transmit, 2.158 propagation, 2.258 deliver"},
    ),
    "each device has a connection of its own": Timeline(
        IDLING, [ONE, (3, 1, 8)], {(1, 0): "3 queue, 5 transmit, 5.008 propagation, 5.108 deliver"}
    ),
    "11 s on the air, longer than it may be silent: it does not idle meanwhile": Timeline(
        AT_ONCE, [(0, 0, 11_000), (13.5, 0, 8)],
        {(0, 1): "13.5 queue, 13.75 transmit, 13.758 propagation, 13.858 deliver"},
    ),
    "a device whose packets still wait is not idle: the first is on the air from 2 s to 22 s": Timeline(
        AT_ONCE, [(0, 0, 20_000), (14, 0, 1000)], {(0, 1): "14 queue, 22 transmit, 23 propagation, 23.1 deliver"}
    ),
    "without a time to idle each message waits as long": Timeline(
        {"access_s": 0.25, "idle_access_s": 2.0}, [(0, 0, 8), (100, 0, 8)],
        {(0, 0): "0 queue, 0.25 transmit, 0.258 propagation, 0.358 deliver",
         (0, 1): "100 queue, 100.25 transmit, 100.258 propagation, 100.358 deliver"},
    ),
    "a connected device with no wait says once that it queues": Timeline(
        IDLING | {"access_s": 0}, [ONE, (2.5, 0, 1000)],
        {(0, 0): CONNECTED, (0, 1): "2.5 queue, 3.2 transmit, 4.2 propagation, 4.3 deliver"},
    ),
    "airtime beside the bits holds the link": Timeline(
        {"overhead_s": 0.25}, [ONE, (0.5, 1, 1000)],
        {(0, 0): "0 transmit, 1.25 propagation, 1.35 deliver",
         (1, 0): "0.5 queue, 1.25 transmit, 2.5 propagation, 2.6 deliver"},
    ),
    "an acknowledgement at the very instant of the timer wins": Timeline(
        patient(2.0, 4.0) | {"back_s": {0: 2.0}}, [(number, 0, 1000) for number in range(5)],
        {(0, 0): "0 transmit, 1 propagation, 3 deliver"} | {
            (0, n): f"{n} queue, {5 * n} transmit, {5 * n + 1} propagation, {5 * n + 3} deliver" for n in range(1, 5)
        },
        {(0, number): (1, 1000) for number in range(5)},
    ),
    "a packet that arrives as its repeat is due is neither lost nor doubled": Timeline(
        patient(2.0, 2.0), [ONE], {(0, 0): "0 transmit, 1 propagation, 3 deliver"}, {(0, 0): (2, 2000)}
    ),
    "each device hears after the delay of its own way back, device 1 after 3 s": Timeline(
        {"back_s": {1: 3.0}, "arq": {"kind": "stop_and_wait", "timeout_s": 5.0}}, [ONE, ONE, TWO, TWO],
        {(0, 0): STRAIGHT, (1, 0): BEHIND, (0, 1): "0 queue, 2 transmit, 3 propagation, 3.1 deliver",
         (1, 1): "0 queue, 5.1 transmit, 6.1 propagation, 6.2 deliver"},
    ),
    "a full buffer drops the newest, which is not charged, and its timer brings it back": Timeline(
        {"buffer_packets": 1}, [ONE, TWO, (0, 2, 1000)],
        {(0, 0): STRAIGHT, (1, 0): BEHIND,
         (2, 0): "0 timeout_wait, 1 queue, 2 retransmit, 3 propagation, 3.1 deliver"}, {(2, 0): (1, 1000)},
    ),
    "after two attempts in a row it pauses for 10 s, and lets the device's next message go first": Timeline(
        {"lost": Scripted((0, 0, 0, 0), (0, 0, 0, 1)), **limited(2, 10)}, [ONE, ONE],
        {(0, 0): "0 transmit, 1 timeout_wait, 1.5 queue, 1.5 retransmit, 2.5 timeout_wait, 13 queue, 13 retransmit, "
                 "14 propagation, 14.1 deliver",
         (0, 1): "0 queue, 3 transmit, 4 propagation, 4.1 deliver"},
    ),
    "a packet whose pause ends waits for its turn in the window": Timeline(
        {"lost": FIRST_LOST, **limited(1, 2)}, [ONE, (3, 0, 1000)],
        {(0, 0): "0 transmit, 1 timeout_wait, 4.2 queue, 4.2 retransmit, 5.2 propagation, 5.3 deliver",
         (0, 1): "3 transmit, 4 propagation, 4.1 deliver"},
    ),
    "one that is in but unacknowledged holds up none after it": Timeline(
        {"deaf": FIRST_LOST, **limited(1, 60)}, [ONE, ONE],
        {(0, 0): STRAIGHT, (0, 1): "0 queue, 1.5 transmit, 2.5 propagation, 2.6 deliver"}, {(0, 0): (2, 2000)},
    ),
    "withdrawn in a pause it is not sent again": Timeline(
        {"lost": FIRST_LOST, **limited(1, 10)}, [ONE, ONE],
        {(0, 0): "0 transmit, 1 timeout_wait", (0, 1): "0 queue, 1.5 transmit, 2.5 propagation, 2.6 deliver"},
        {(0, 0): (1, 1000)}, withdrawn_s=5.0,
    ),
    **{
        f"withdrawn on the air it is heard of no more and frees the link ({sharing})": Timeline(
            {"sharing": sharing, "mtu_bits": 1000, "arq": PAIR | {"window": 3, "timeout_s": TIMER_S}},
            [(0, 0, 3000), ONE],
            {(0, 0): "0 transmit",
             (0, 1): "0 queue, 0.5 transmit, 4 propagation, 4.1 deliver" if sharing == "processor" else BEHIND},
            withdrawn_s=0.5,
        )
        for sharing in ("fifo", "round_robin", "processor", "own")
    },
    "devices take turns by packet": Timeline(
        {"sharing": "round_robin", "mtu_bits": 1000, "arq": PAIR | {"window": 8, "timeout_s": TIMER_S}},
        [(0, 0, 4000), (0.5, 1, 1000), (0.6, 2, 2000)],
        {(0, 0): "0 transmit, 1 propagation, 1.2 transmit, 2 propagation, 2.2 queue, 4 transmit, 5 propagation, "
                 "5.2 queue, 6 transmit, 7 propagation, 7.1 deliver",
         (1, 0): "0.5 queue, 2 transmit, 3 propagation, 3.1 deliver",
         (2, 0): "0.6 queue, 3 transmit, 4 propagation, 4.2 queue, 5 transmit, 6 propagation, 6.1 deliver"},
    ),
    "a shared link serves all at once: the short one has half of it for .8 s": Timeline(
        {"sharing": "processor"}, [(0, 0, 2000), (1, 1, 400)],
        {(0, 0): "0 transmit, 2.4 propagation, 2.5 deliver", (1, 0): "1 transmit, 1.8 propagation, 1.9 deliver"},
    ),
    "links of their own keep devices apart": Timeline(
        {"sharing": "own"}, [(0, device, 1000) for device in range(3)], {(device, 0): STRAIGHT for device in range(3)}
    ),
    "an infinite rate costs propagation alone": Timeline(
        {"back_s": {0: 0.0}, "rate": {"kind": "constant", "bps": "inf"}, "mtu_bits": 500}, [(1, 0, 1000)],
        {(0, 0): "1 transmit, 1 propagation, 1.2 deliver"},
    ),
    "owed silence is waiting: at a duty of 1/4, 210.176 ms on the air, three times as long silence, then the next": (
        Timeline(
            {"rate": LORA}, [ONE, TWO],
            {(0, 0): "0 transmit, 0.210176 propagation, 0.310176 deliver",
             (1, 0): "0 queue, 0.840704 transmit, 1.05088 propagation, 1.15088 deliver"},
        )
    ),
    "an outage before a packet is waiting and within it is airtime": Timeline(
        outages(1000, (0, 2), (2.5, 4)), [ONE], {(0, 0): "0 queue, 2 transmit, 4.5 propagation, 4.6 deliver"}
    ),
    "an empty packet that meets an outage is on the air for no time": Timeline(
        outages(1000, (1, 3)), [(1.5, 0, 0)], {(0, 0): "1.5 queue, 3 transmit, 3 propagation, 3.1 deliver"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TIMELINES)
def test_a_message_does_what_its_timeline_says(name: str) -> None:
    """What is dropped is not charged."""
    line, bench = TIMELINES[name], Bench(**TIMELINES[name].link)
    messages = dict[tuple[int, int], Message]()
    for at_s, device, bits in line.puts:
        key = device, sum(each == device for each, _ in messages)
        messages[key] = bench.put(at_s, device, bits, key[1])
    if line.withdrawn_s is not None:
        bench.env.timeout(line.withdrawn_s).callbacks.append(lambda _: bench.withdraw(messages[0, 0]))
    bench.run()
    logs = {key: ", ".join(f"{at_s:g} {state}" for at_s, state in bench.log[key]) for key in line.logs}
    assert logs == line.logs
    assert {key: (messages[key].attempts, messages[key].sent_bits) for key in line.sent} == line.sent
    assert bench.link.bits_sent == sum(each.sent_bits for each in messages.values())
    devices = {device for device, _ in messages}
    assert bench.link.station.servers == (len(devices) if line.link.get("sharing") == "own" else 1)


def test_a_link_that_waits_is_taken_and_an_empty_packet_is_on_the_air_for_its_overhead_alone() -> None:
    """A rate of 0 for ever; a silence that is owed. Bit errors spare a packet without bits."""
    for rate, until_s, log in (
        ({"kind": "constant", "bps": 0}, 1e6, [(0, "queue")]),
        (LORA, 1.05, [(0, "transmit"), (LORA.airtime_s(1000), "propagation"), (LORA.airtime_s(1000) + 0.1, "deliver")]),
    ):
        bench = Bench(rate=rate)
        for device in range(2):
            bench.put(0.0, device=device, bits=1000)
        bench.env.run(until=until_s)
        assert bench.log[0, 0] == log and bench.link.station.busy_fraction(until_s) == pytest.approx(1.0)
    for fields, air_s in (({"overhead_s": 0.3}, 0.9), (outages(1000, (0, 3)), 0.0)):
        bench = Bench(loss={"kind": "bit_errors", "bit_error_rate": 0.5}, **fields)
        for at_s in (0.1, 0.7, 1.9):
            bench.put(at_s, device=0, bits=0, number=int(10 * at_s))
        bench.run()
        assert (bench.link.delivered, bench.link.lost) == (3, 0) and bench.link.air_s == pytest.approx(air_s)


@pytest.mark.parametrize("arq", ["stop_and_wait", "selective_repeat"])
def test_a_round_trip_is_shown_of_packets_that_were_sent_once(arq: str) -> None:
    """Karn's rule: the acknowledgement of a packet sent twice says nothing of how long a packet takes."""
    bench = Bench(Scripted((0, 0, 0, 0), (0, 2, 0, 0)), arq={"kind": arq, "timeout_s": 0.5})
    seen = []
    for number in range(4):
        bench.put(2.0 * number, 0, 80 * (number + 1), number)
    for until_s in (1.9, 3.9, 5.9, 7.9):
        bench.env.run(until_s)
        seen.append((bench.link.seen_by(0).round_trip_s, bench.link.seen_by(0).timeouts))
    trips_s = [trip_s for trip_s, _ in seen]
    assert math.isnan(trips_s[0]) and trips_s[1:] == pytest.approx([0.16 + 0.2, 0.16 + 0.2, 0.32 + 0.2])
    assert [timeouts for _, timeouts in seen] == [1, 1, 2, 2]


@given(
    gaps_s=st.lists(st.floats(0, 30), min_size=1, max_size=12),
    access_s=st.floats(0, 5),
    idle_access_s=st.floats(0, 5),
    idle_after_s=st.floats(0, 20),
)
def test_grants_keep_the_order_of_messages_and_no_wait_is_longer_than_the_longest(
    gaps_s: list[float], access_s: float, idle_access_s: float, idle_after_s: float
) -> None:
    fields: dict[str, Any] = {"access_s": access_s, "idle_access_s": idle_access_s, "idle_after_s": idle_after_s}
    bench, now_s, granted_s = Bench(), 0.0, -float("inf")
    sender = bench.link.sender(0)
    for gap_s in gaps_s:
        now_s += gap_s
        sender.arq.left_s = granted_s
        wait_s = sender.access_s(LinkConfig(**fields), now_s)
        assert 0 <= wait_s <= max(access_s, idle_access_s) + 1e-9
        assert now_s + wait_s >= granted_s - 1e-9
        granted_s = now_s + wait_s
