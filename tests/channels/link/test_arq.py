"""The sender without a clock: its window, its timers, and exactly-once delivery under any fate of its packets."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.link.arq import Arq, Expiry, Packet, Sender
from channels.link.link_config import LinkConfig
from channels.link.retransmission_timeout import TimerJitter
from channels.uniforms import Uniforms


def sender(kind: str = "stop_and_wait", **fields: Any) -> Sender[Packet]:
    return Arq.of({"kind": kind} | fields).sender()


def test_a_timer_that_an_acknowledgement_or_a_repeat_overtook_is_stale() -> None:
    machine, packet = sender(), Packet(1)
    machine.offer(packet)
    assert machine.on_timeout(packet, 0) is Expiry.RESEND
    assert packet.attempt == 1
    assert machine.on_timeout(packet, 0) is Expiry.STALE
    machine.on_ack(packet, 1.0)
    assert machine.on_timeout(packet, 1) is Expiry.STALE


def test_there_is_a_pause_after_so_many_attempts_in_a_row() -> None:
    machine, packet = sender(max_attempts=2), Packet(1)
    machine.offer(packet)
    expiries = [machine.on_timeout(packet, attempt) for attempt in range(5)]
    resend, pause = Expiry.RESEND, Expiry.PAUSE
    assert expiries == [resend, pause, resend, pause, resend]
    assert machine.on_timeout(packet, 3) is Expiry.STALE


def test_jacobson_and_karn_follow_a_sequence_computed_by_hand() -> None:
    """RFC 6298 with alpha 1/8, beta 1/4, K 4: samples .5 .7 .5, two expiries, an ambiguous ack, a sample .5."""
    timer = {"kind": "jacobson", "min_s": 0, "granularity_s": 0}
    machine = sender(timeout_s=1.0, timer=timer, backoff=2)
    assert machine.timeout_s == 1.0
    for sample_s, timeout_s in ((0.5, 1.5), (0.7, 1.475), (0.5, 1.259375)):
        packet = Packet(1)
        machine.offer(packet)
        machine.on_send(packet, 10.0)
        machine.on_ack(packet, 10.0 + sample_s)
        assert machine.timeout_s == pytest.approx(timeout_s)
    repeated = Packet(1)
    machine.offer(repeated)
    assert machine.on_send(repeated, 20.0) == pytest.approx(1.259375)
    machine.on_timeout(repeated, 0)
    assert machine.on_send(repeated, 22.0) == pytest.approx(2.51875)
    machine.on_timeout(repeated, 1)
    assert machine.on_send(repeated, 25.0) == pytest.approx(5.0375)
    machine.on_ack(repeated, 25.5)
    fresh = Packet(1)
    machine.offer(fresh)
    assert machine.on_send(fresh, 30.0) == pytest.approx(5.0375)
    machine.on_ack(fresh, 30.5)
    assert machine.timeout_s == pytest.approx(1.094140625)


def test_the_adaptive_timeout_keeps_its_bounds() -> None:
    timer = {"kind": "jacobson", "min_s": 0.2, "max_s": 3.0}
    machine = sender(timer=timer)
    for sample_s, timeout_s in ((0.01, 0.2), (5.0, 3.0)):
        packet = Packet(1)
        machine.offer(packet)
        machine.on_send(packet, 0.0)
        machine.on_ack(packet, sample_s)
        assert machine.timeout_s == timeout_s


def test_back_off_doubles_up_to_its_limit() -> None:
    machine, packet = sender(timeout_s=1.0, backoff=2, timeout_max_s=5), Packet(1)
    machine.offer(packet)
    timeouts = [machine.on_send(packet, 0.0)]
    for attempt in range(4):
        machine.on_timeout(packet, attempt)
        timeouts.append(machine.on_send(packet, 0.0))
    assert timeouts == [1, 2, 4, 5, 5]


@given(st.floats(0, 1), st.lists(st.integers(0, 1 << 40), min_size=5, max_size=5))
def test_jitter_draws_a_wait_out_by_at_most_its_share_the_same_at_each_asking(share: float, index: list[int]) -> None:
    jitter = TimerJitter(share, Uniforms.of(1, "test"))
    wait_s = jitter.wait_s(0.2, *index)
    assert 0.2 <= wait_s <= 0.2 * (1 + share)
    assert TimerJitter(0.0, Uniforms.of(1, "test")).wait_s(0.1 + 0.2, *index) == 0.1 + 0.2
    assert wait_s == TimerJitter(share, Uniforms.of(1, "test")).wait_s(0.2, *index)


STEADY = {"kind": "constant", "bps": 1.01e5}
FAST = {"kind": "constant", "bps": 1e8}


@pytest.mark.parametrize(
    ("rate", "arq", "window"),
    [
        (STEADY, {}, 76),  # 1.01e5 x (0.02 + 0.02 + 0.2) / 320, rounded up
        (STEADY, {"timeout_s": 1.0}, 329),
        ({"kind": "random_outages", "rate": STEADY}, {}, 76),
        ({"kind": "token_bucket", "bps": 1e4, "peak_bps": 1.01e5}, {}, 76),
        ({"kind": "constant", "bps": 1e3}, {}, 16),
        (FAST, {}, 2048),
        ({"kind": "constant", "bps": math.inf}, {}, 2048),
        ({"kind": "rayleigh"}, {}, 2048),
        (FAST, {"window": 5}, 5),
        (FAST, {"kind": "stop_and_wait"}, 1),
    ],
)
def test_a_window_that_is_not_given_holds_what_the_link_does_in_a_round_trip_and_its_timer(
    rate: dict[str, Any], arq: dict[str, Any], window: int
) -> None:
    link = LinkConfig.model_validate({"rate": rate, "arq": {"kind": "selective_repeat", **arq}})
    machine: Sender[Packet] = link.arq.sender(link.window_packets(0.02))
    assert sum(machine.offer(Packet(1)) for _ in range(3000)) == window


@settings(max_examples=3 * settings.default.max_examples)
@given(window=st.integers(1, 40), data=st.data())
def test_the_sender_lets_go_what_a_plain_list_of_all_packets_says(window: int, data: st.DataObject) -> None:
    """The twin keeps each packet that was ever offered and looks through all of them."""
    machine, offered, going = sender("selective_repeat", window=window), list[Packet](), list[Packet]()

    def twin() -> list[Packet]:
        """Those that may go: fewer than a window of packets were let go from the oldest unacknowledged one on."""
        opened = []
        for packet in offered:
            first = next((place for place, each in enumerate(going) if not each.acked), len(going))
            if packet not in going and not packet.acked and len(going) - first < window:
                going.append(packet)
                opened.append(packet)
        return opened

    for move in data.draw(st.lists(st.sampled_from(["offer", "offer", "ack", "forget"]), max_size=60)):
        if move == "offer":
            offered.append(Packet(1))
            assert machine.offer(offered[-1]) == (twin() == [offered[-1]])
        elif move == "ack" and going:
            packet = data.draw(st.sampled_from(going))
            assert packet.acked or list(machine.on_ack(packet, 1.0)) == twin()
        elif move == "forget" and offered:
            unwanted = data.draw(st.lists(st.sampled_from(offered), max_size=4))
            assert list(machine.forget(unwanted)) == twin()
            assert all(packet.acked for packet in unwanted)


def test_a_long_queue_is_cleared_away_as_it_goes() -> None:
    machine, packets = sender("selective_repeat", window=2048), [Packet(1) for _ in range(30_000)]
    for packet in packets:
        machine.offer(packet)
    for packet in packets:
        machine.on_ack(packet, 1.0)
        assert len(machine.under_way) <= 2048
    assert machine.under_way == machine.held == []


def test_a_packet_that_pauses_lets_others_go_and_comes_back_in_turn() -> None:
    machine = sender(max_attempts=1)
    first, second, third = (Packet(1) for _ in range(3))
    assert [machine.offer(packet) for packet in (first, second, third)] == [True, False, False]
    assert machine.on_timeout(first, 0) is Expiry.PAUSE
    assert list(machine.suspend(first)) == [second]
    assert not machine.offer(first)
    assert list(machine.on_ack(second, 1.0)) == [third]
    assert list(machine.on_ack(first, 1.5)) == []  # late, while it waits for its turn: it needs none any more
    assert list(machine.on_ack(third, 2.0)) == []
