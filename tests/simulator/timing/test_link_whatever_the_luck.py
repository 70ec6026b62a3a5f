"""Whatever the link and the luck: each message is delivered once, its states tile its time, and the counts add up."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import simpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from links import follow, payload

from channels.link.link_config import LinkConfig
from channels.uniforms import Uniforms
from simulator.results.ledger import Course
from simulator.timing.link import Link
from simulator.timing.messages import STATES, Message


@dataclass
class Story:
    """All that one message said, and when."""

    env: simpy.Environment
    told_s: float
    """When its sender is through with it."""
    states: list[tuple[float, str]] = field(default_factory=list)
    delivered: list[tuple[float, int]] = field(default_factory=list)

    def on_report(self, _: Message, course: Course) -> None:
        follow(self.states, course)

    def on_deliver(self, message: Message) -> None:
        parts = len(message.arrived)
        assert message.arrived == message.content[:parts]
        assert all(packet.arrived for packet in message.packets[: parts if message.in_parts else None])
        self.states = [each for each in self.states if each[0] <= self.env.now]
        self.delivered.append((self.env.now, parts))


RATES = st.sampled_from(
    [
        {"kind": "constant", "bps": 1000},
        {"kind": "constant", "bps": "inf"},
        {"kind": "trace", "points": ((0, 2000), (1, 0)), "period_s": 2},
        {"kind": "trace", "points": ((0, 500), (2, 0), (4, 500), (6, 0), (7, 500))},
    ]
)
SCHEDULED = {"kind": "scheduled", "request_period_s": 1.0, "error_rate": 0.4, "attempts": 2}
LOSSES = st.sampled_from([{"kind": "none"}, {"kind": "bernoulli", "probability": 0.5}, {"kind": "gilbert_elliott"}])
DELAYS = st.sampled_from(
    [
        {"kind": "constant", "delay_s": 0},
        {"kind": "constant", "delay_s": 2},
        {"kind": "jitter", "delay_s": 0.5, "jitter_s": 1, "reorder": True},
    ]
)
ARQS = st.fixed_dictionaries(
    {
        "kind": st.just("selective_repeat"),
        "window": st.integers(1, 4),
        "timeout_s": st.sampled_from([1.0, 4.0]),
        "ack_loss": LOSSES,
        "ack_bits": st.sampled_from([0, 0, 104]),
        "timer": st.sampled_from(["fixed", "jacobson"]),
        "backoff": st.sampled_from([1.0, 2.0]),
        "max_attempts": st.sampled_from([None, None, 1, 2, 3]),
        "timeout_max_s": st.sampled_from([8.0, 60.0]),
    }
)
QUIC = st.fixed_dictionaries(
    {
        "kind": st.just("quic"),
        "initial_window": st.integers(1, 4),
        "timeout_s": st.sampled_from([1.0, 4.0]),
        "ack_loss": LOSSES,
        "ack_bits": st.sampled_from([0, 0, 104]),
    }
)
LINKS = (
    st.fixed_dictionaries(
        {
            "rate": RATES,
            "loss": LOSSES,
            "delay": DELAYS,
            "arq": ARQS | QUIC,
            "access_s": st.sampled_from([0.0, 1.0]),
            "mtu_bits": st.sampled_from([None, 704]),
            "sharing": st.sampled_from(["fifo", "round_robin", "processor", "own", SCHEDULED]),
            "buffer_packets": st.sampled_from([None, 0, 2]),
            "reassembly_s": st.sampled_from([None, 2.0, 5.0]),
        }
    )
    .map(lambda link: link if link["delay"]["kind"] == "jitter" else link | {"reassembly_s": None})
    .map(lambda link: link | {"rate": {"kind": "base_station", "blocks": 1}} if link["sharing"] == SCHEDULED else link)
)
WHOLE = st.tuples(st.integers(0, 250).map(lambda size: 8 * size))
PARTS = st.lists(st.integers(0, 47).map(lambda size: 8 * size), min_size=2, max_size=5).map(tuple)
GAPS = st.sampled_from([None, None, 0, 1, 3])
PUTS = st.lists(st.tuples(st.integers(0, 10), st.integers(0, 3), WHOLE | PARTS, GAPS), min_size=1, max_size=8)
MOST_EVENTS = 20_000
Puts = list[tuple[int, int, tuple[int, ...], int | None]]


def put(link: Link, message: Message, _: simpy.Event) -> None:
    link.put(message)


def add(link: Link, message: Message, part: bytes, last: bool, _: simpy.Event) -> None:
    link.add(message, part, ends=last)


def run(link_fields: dict[str, Any], puts: Puts, seed: int) -> tuple[Link, list[Story]]:
    """Puts (at_s, device, bits of each part, gap_s) in whole seconds, so that ties abound; counts are checked after
    each event. With a gap a message grows by a part after each, and every other one ends with a bare word.
    Acknowledgements that cost bits go back over a link of the same kind."""
    env = simpy.Environment()
    link, back = (
        Link(env, LinkConfig.model_validate(link_fields), Uniforms.of(seed, name), name, lambda device: 1.0)
        for name in ("test", "back")
    )
    link.reverse = lambda device: back
    stories = []
    for number, (at_s, device, parts_bits, gap_s) in enumerate(puts):
        first, *others = payload(*(parts_bits if gap_s is None else (min(max(8, bits), 376) for bits in parts_bits)))
        growth = [] if gap_s is None else [*others, *([b""] if number % 2 or not others else [])]
        story = Story(env, float(at_s + len(growth) * (gap_s or 0)))
        stories.append(story)
        content = (first,) if growth else (first, *others)
        message = Message((device, 0, number), content, story.on_deliver, story.on_report, open=bool(growth))
        env.timeout(at_s).callbacks.append(partial(put, link, message))
        for place, part in enumerate(growth, 1):
            last = place == len(growth)
            env.timeout(at_s + place * (gap_s or 0)).callbacks.append(partial(add, link, message, part, last))
    for _ in range(MOST_EVENTS):
        if env.peek() == float("inf"):
            break
        env.step()
        for way in (link, back):
            assert way.sent == way.delivered + way.lost + way.dropped + way.in_flight
    for way in (link, back):
        assert way.in_flight == 0
        assert way.station.area == pytest.approx(way.station.sojourn_s, rel=1e-9, abs=1e-9)
    return link, stories


@settings(max_examples=4 * settings.default.max_examples, suppress_health_check=[HealthCheck.too_slow])
@given(link_fields=LINKS, puts=PUTS, seed=st.integers(0, 1000))
def test_each_message_is_delivered_once_and_its_states_tile_its_time(
    link_fields: dict[str, Any], puts: Puts, seed: int
) -> None:
    """Also where a sender pauses after so many attempts in a row."""
    _, stories = run(link_fields, puts, seed)
    for story in stories:
        [(delivered_s, prefix)] = story.delivered
        assert prefix >= 1
        if delivered_s < story.told_s:
            assert not story.states
            continue
        assert story.states[0][0] == story.told_s
        assert {state for _, state in story.states} <= set(STATES)
        assert story.states[-1][0] <= delivered_s
        assert all(before[1] != after[1] for before, after in zip(story.states, story.states[1:], strict=False))


@pytest.mark.parametrize("sharing", ["fifo", "round_robin", "own"])
def test_the_same_packets_are_lost_whatever_the_rate(sharing: str) -> None:
    """Common random numbers: cells that differ only in bandwidth repeat the same packets."""
    puts: Puts = [(at_s, device, (904,), None) for at_s in range(10) for device in range(4)]
    attempts = []
    for bps in (300, 1e4, "inf"):
        fields = {
            "rate": {"kind": "constant", "bps": bps},
            "loss": {"kind": "bernoulli", "probability": 0.4},
            "mtu_bits": 700,
            "arq": {"kind": "selective_repeat", "timeout_s": 3},
            "sharing": sharing,
        }
        link, _ = run(fields, puts, seed=2)
        attempts.append((link.sent, link.lost, link.bits_sent))
    assert attempts[0] == attempts[1] == attempts[2]
    assert attempts[0][1] > 20
