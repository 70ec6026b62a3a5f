"""QUIC without a clock: its window beside RFC 9438's closed form, and a sender beside a twin that looks back."""

from math import cbrt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.link.arq import Arq, Packet
from channels.link.cubic import CubicWindow
from channels.link.quic import QuicSender


def sender(**fields: Any) -> QuicSender[Packet]:
    machine = Arq.of({"kind": "quic"} | fields).sender()
    assert isinstance(machine, QuicSender)
    return machine


def offered(machine: QuicSender[Packet], count: int, now_s: float = 0.0) -> list[Packet]:
    """So many packets, those that go at once on the air."""
    packets = [Packet(1) for _ in range(count)]
    for packet in packets:
        if machine.offer(packet):
            leave(machine, packet, now_s)
    return packets


def leave(machine: QuicSender[Packet], packet: Packet, now_s: float) -> None:
    machine.on_join(packet, now_s)
    machine.on_send(packet, now_s)


@pytest.mark.parametrize(("most", "rtt_s"), [(100.0, 0.1), (200.0, 0.3), (40.0, 0.05)])
def test_after_a_loss_the_window_follows_the_cubic_or_reno_whichever_is_larger(most: float, rtt_s: float) -> None:
    """W(t) = C (t - K)^3 + W_max and W_est(t) = beta W_max + 3 (1 - beta) / (1 + beta) t / RTT, a packet a round trip
    from W_max on (RFC 9438, 4.2 and 4.3)."""
    window, c, beta = CubicWindow(most), 0.4, 0.7
    window.on_loss()
    assert window.packets == window.threshold == beta * most
    plateau_s, slope = cbrt(most * (1 - beta) / c), 3 * (1 - beta) / (1 + beta) / rtt_s
    level_s = most * (1 - beta) / slope
    t_s = 0.0
    while t_s < 2 * plateau_s:
        window.on_ack(7.0 + t_s, rtt_s)
        t_s += rtt_s / window.packets
        reno = beta * most + slope * min(t_s, level_s) + max(0.0, t_s - level_s) / rtt_s
        cubic = c * (t_s - plateau_s) ** 3 + most
        assert window.packets == pytest.approx(max(reno, cubic), rel=0.03), f"at {t_s} s"


def test_a_loss_below_the_last_one_leaves_room_for_others() -> None:
    """Fast convergence: W_max is (1 + beta) / 2 of the window, and K follows from it."""
    window, most = CubicWindow(100.0), 70 * 0.85
    window.on_loss()
    window.on_loss()
    t_s = 0.0
    while t_s < cbrt((most - 49) / 0.4):
        window.on_ack(t_s, 0.2)
        t_s += 0.2 / window.packets
    assert window.packets == pytest.approx(most, rel=0.01)


def test_slow_start_doubles_a_round_trip() -> None:
    window = CubicWindow(10.0)
    for expected in (20, 40, 80):
        for _ in range(int(window.packets)):
            window.on_ack(0.0, 1.0)
        assert window.packets == expected


def test_a_packet_is_lost_once_one_sent_three_later_is_acknowledged_and_goes_first() -> None:
    machine = sender()
    packets = offered(machine, 10)
    assert [machine.on_ack(each, 1.0) for each in packets[1:3]] == [[], []]
    assert not packets[0].attempt and machine.window == 11, "full before the first"
    assert machine.on_ack(packets[3], 1.0) == [packets[0]]
    assert packets[0].attempt == 1 and machine.window == pytest.approx(0.7 * 11)


def test_a_packet_is_lost_that_is_older_than_nine_eighths_of_a_round_trip() -> None:
    machine = sender()
    first, second = offered(machine, 2)
    assert machine.on_ack(second, 1.0) == []
    assert machine.alarm_s == 9 / 8
    assert not machine.on_alarm(1.1) and machine.on_alarm(9 / 8) == [first]
    assert machine.window == 7


def test_a_window_that_holds_nothing_back_does_not_grow_and_rests() -> None:
    machine = sender()
    for turn in range(50):
        (packet,) = offered(machine, 1, float(turn))
        machine.on_ack(packet, turn + 0.1)
    assert machine.window == 10
    packets = offered(machine, 40, 50.0)
    for packet in packets[:10]:
        machine.on_ack(packet, 50.1)
    assert machine.window == 20
    machine.forget(packets)
    offered(machine, 1, 60.0)
    assert machine.window == 10, "after a pause of a timeout"


@pytest.mark.parametrize(("timeouts", "window"), [(0.99, 20), (1.01, 10)])
def test_a_window_rests_after_a_pause_of_one_timeout_and_no_sooner(timeouts: float, window: int) -> None:
    machine = sender()
    packets = offered(machine, 40)
    for packet in packets[:10]:
        machine.on_ack(packet, 0.1)
    assert machine.window == 20
    machine.forget(packets)
    offered(machine, 1, timeouts * machine.timeout_s)
    assert machine.window == window


def test_quic_probes_in_silence_and_keeps_its_window_once() -> None:
    machine = sender(timeout_s=0.75, max_ack_delay_s=0.25)
    packets = offered(machine, 10)
    assert machine.on_alarm(1.0) == [packets[0]] and machine.window == 10
    leave(machine, packets[0], 1.0)
    assert machine.alarm_s == 3.0, "twice the timeout, what an acknowledgement may be late included"
    assert machine.on_alarm(3.0)[0] is packets[1] and machine.window == 2


@pytest.mark.parametrize(("attempt", "round_trip_s"), [(0, 1.1), (1, 0.1)])
def test_an_acknowledgement_of_a_probe_ends_the_back_off_and_shows_a_round_trip(
    attempt: int, round_trip_s: float
) -> None:
    """RFC 9002, 5.1 and 6.2.1: of whichever attempt it is, since each has a number of its own."""
    machine = sender(timeout_s=0.75, max_ack_delay_s=0.25)
    (packet,) = offered(machine, 1)
    assert machine.on_alarm(1.0) == [packet]
    leave(machine, packet, 1.0)
    assert machine.timeout_s == 2.0
    machine.on_ack(packet, 1.1, attempt)
    assert machine.timeout_s == pytest.approx(round_trip_s + 4 * round_trip_s / 2 + 0.25)


def test_no_silence_is_longer_than_the_longest_timeout() -> None:
    machine = sender(timeout_s=0.75, timeout_max_s=40)
    waits_s, now_s = list[float](), 0.0
    offered(machine, 1)
    for _ in range(1_100):  # twice to the power of so many is no float
        waits_s.append(machine.alarm_s - now_s)
        now_s = machine.alarm_s
        for packet in machine.on_alarm(now_s):
            leave(machine, packet, now_s)
    assert waits_s[3] > waits_s[0] and 40 - 1e-9 < waits_s[-1] < 40.03, "and what an acknowledgement may be late"


def test_what_still_waits_in_the_queue_is_not_sent_again() -> None:
    machine = sender(timeout_s=0.975)
    packet = Packet(1)
    machine.offer(packet)
    machine.on_join(packet, 0.0)
    assert machine.on_alarm(1.0) == [] and packet.attempt == 0 and machine.window == 10
    assert machine.alarm_s == 2.0
    later = offered(machine, 4, 1.5)
    assert not any(list(machine.on_ack(each, 9.0)) for each in later) and packet.attempt == 0, "overtaken, not lost"


class Twin:
    """RFC 9002, 5.1, 6.1 and 7.3, by a search of all attempts each time; the window is always full."""

    def __init__(self) -> None:
        self.attempts: list[dict[str, Any]] = []
        self.window, self.recovered, self.rtts = CubicWindow(10.0), 0, list[float]()

    @property
    def smoothed_s(self) -> float:
        smoothed_s = self.rtts[0] if self.rtts else 0.0
        for rtt_s in self.rtts[1:]:
            smoothed_s = 7 / 8 * smoothed_s + rtt_s / 8
        return smoothed_s

    def send(self, packet: Packet, now_s: float) -> None:
        self.attempts.append({"packet": packet, "sent_s": now_s, "fate": None})

    def ack(self, packet: Packet, now_s: float) -> None:
        flying = [n for n, each in enumerate(self.attempts) if each["fate"] is None]
        (number,) = [n for n in flying if self.attempts[n]["packet"] is packet]
        was_full = len(flying) >= int(self.window.packets + 1e-9)
        newest = max((n for n, each in enumerate(self.attempts) if each["fate"] == "acknowledged"), default=-1)
        self.attempts[number]["fate"] = "acknowledged"
        if number > newest:
            self.rtts.append(now_s - self.attempts[number]["sent_s"])
        if was_full and number >= self.recovered:
            self.window.on_ack(now_s, self.smoothed_s)
        self.look(now_s)

    def look(self, now_s: float) -> None:
        old_s = 9 / 8 * max([self.smoothed_s, 0.001, *self.rtts[-1:]])
        heard = [n for n, each in enumerate(self.attempts) if each["fate"] == "acknowledged"]
        lost = [
            n for n, each in enumerate(self.attempts)
            if each["fate"] is None and n < max(heard, default=-1)
            and (max(heard) - n >= 3 or now_s - each["sent_s"] >= old_s - 1e-9)
        ]  # fmt: skip
        for n in lost:
            self.attempts[n]["fate"] = "lost"
        if any(n >= self.recovered for n in lost):
            self.window.on_loss()
            self.recovered = len(self.attempts)


@settings(max_examples=2 * settings.default.max_examples)
@given(fates=st.lists(st.tuples(st.integers(0, 11), st.sampled_from([0.03, 0.11, 0.4])), max_size=40))
def test_a_sender_under_load_does_what_the_twin_says(fates: list[tuple[int, float]]) -> None:
    """Always a hundred packets wait; one of those under way is acknowledged at a time, whichever."""
    machine, twin, now_s = sender(timeout_s=1e6), Twin(), 0.0
    flying = list[Packet]()
    packets = [Packet(1) for _ in range(400)]

    def go(going: Any) -> None:
        for packet in going:
            leave(machine, packet, now_s)
            twin.send(packet, now_s)
            flying.append(packet)

    go([packet for packet in packets if machine.offer(packet)])
    for place, later_s in fates:
        now_s += later_s
        packet = flying.pop(place % len(flying))
        before = {each: each.attempt for each in flying}
        going = machine.on_ack(packet, now_s)
        twin.ack(packet, now_s)
        for each in [each for each in flying if each.attempt > before[each]]:
            flying.remove(each)
        assert machine.window == pytest.approx(twin.window.packets)
        lost = [each["packet"] for each in twin.attempts if each["fate"] is None]
        assert lost == flying
        go(going)
        assert len(flying) == max(1, int(twin.window.packets + 1e-9), len(lost))
