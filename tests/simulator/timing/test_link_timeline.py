"""What a message does on a link, instant by instant, against timelines worked out by hand."""

from __future__ import annotations

import math

import pytest
from links import TIMER_S, Bench, Scripted

from simulator.timing.messages import STATES


def test_a_message_queues_transmits_travels_and_is_delivered() -> None:
    bench = Bench()
    bench.put(0.0, device=0, bits=1000)
    bench.run()
    assert bench.log[0, 0] == [(0, "transmit"), (1.0, "propagation"), (1.1, "deliver")]


def test_propagation_does_not_hold_the_link() -> None:
    """The second message starts when the last bit of the first has left, not when it has arrived."""
    bench = Bench(delay={"kind": "constant", "delay_s": 5.0}, arq={"kind": "stop_and_wait", "timeout_s": 10.2})
    bench.put(0.0, device=0, bits=1000)
    bench.put(0.0, device=1, bits=1000)
    bench.run()
    assert bench.log[1, 0] == [(0, "queue"), (1.0, "transmit"), (2.0, "propagation"), (7.0, "deliver")]


def test_a_loss_waits_for_its_timer_and_lets_the_others_pass() -> None:
    bench = Bench(lost=Scripted((0, 0, 0, 0)))
    bench.put(0.0, device=0, bits=1000)
    bench.put(0.0, device=1, bits=2000)
    bench.run()
    first = [(0, "transmit"), (1.0, "timeout_wait"), (1.5, "queue"), (3.0, "retransmit")]
    assert bench.log[0, 0] == [*first, (4.0, "propagation"), (4.1, "deliver")]
    assert bench.log[1, 0] == [(0, "queue"), (1.0, "transmit"), (3.0, "propagation"), (3.1, "deliver")]


def test_a_lost_acknowledgement_costs_a_repeat_and_delivers_once() -> None:
    bench = Bench(deaf=Scripted((0, 0, 0, 0)))
    message = bench.put(0.0, device=0, bits=1000)
    bench.put(0.0, device=0, bits=1000, number=1)
    bench.run()
    assert bench.log[0, 0] == [(0, "transmit"), (1.0, "propagation"), (1.1, "deliver")]
    assert bench.log[0, 1] == [(0, "queue"), (2.7, "transmit"), (3.7, "propagation"), (3.8, "deliver")]
    assert (message.attempts, message.sent_bits, bench.link.delivered) == (2, 2000, 3)


def test_a_packet_that_comes_twice_does_not_stand_for_another() -> None:
    """Packet 0 is in at 1.1 s and, its acknowledgement lost, again at 2.6 s; packet 1 only at 3.8 s."""
    bench = Bench(deaf=Scripted((0, 0, 0, 0)), mtu_bits=1000)
    bench.put(0.0, device=0, bits=2000)
    bench.run()
    repeat = [(1.1, "timeout_wait"), (1.5, "queue"), (1.5, "retransmit"), (2.5, "propagation")]
    tail = [(2.7, "transmit"), (3.7, "propagation"), (3.8, "deliver")]
    assert bench.log[0, 0] == [(0, "transmit"), (1.0, "propagation"), *repeat, *tail]


def test_a_message_does_what_its_oldest_unacknowledged_packet_does() -> None:
    """Two packets under selective repeat; the first is lost, the second is in and acknowledged long before."""
    bench = Bench(
        lost=Scripted((0, 0, 0, 0)), mtu_bits=1000, arq={"kind": "selective_repeat", "window": 2, "timeout_s": 3.0}
    )
    message = bench.put(0.0, device=0, bits=2000)
    bench.run()
    first = [(0, "transmit"), (1.0, "timeout_wait"), (4.0, "queue"), (4.0, "retransmit")]
    assert bench.log[0, 0] == [*first, (5.0, "propagation"), (5.1, "deliver")]
    assert (message.attempts, message.sent_bits) == (3, 3000)


def test_after_an_acknowledgement_the_message_follows_its_next_packet() -> None:
    bench = Bench(
        lost=Scripted((0, 0, 1, 0)), mtu_bits=1000, arq={"kind": "selective_repeat", "window": 2, "timeout_s": 3.0}
    )
    bench.put(0.0, device=0, bits=2000)
    bench.run()
    head = [(0, "transmit"), (1.0, "propagation"), (1.2, "transmit"), (2.0, "timeout_wait")]
    tail = [(5.0, "queue"), (5.0, "retransmit"), (6.0, "propagation"), (6.1, "deliver")]
    assert bench.log[0, 0] == head + tail


def test_a_grant_comes_before_the_queue_and_counts_as_waiting() -> None:
    bench = Bench(access_s=0.25)
    bench.put(0.0, device=0, bits=1000)
    bench.put(0.5, device=1, bits=1000)
    bench.run()
    assert bench.log[0, 0] == [(0, "queue"), (0.25, "transmit"), (1.25, "propagation"), (1.35, "deliver")]
    assert bench.log[1, 0] == [(0.5, "queue"), (1.25, "transmit"), (2.25, "propagation"), (2.35, "deliver")]


def test_an_acknowledgement_at_the_very_instant_of_the_timer_wins() -> None:
    """Integer times: the round trip is exactly the timeout, and no packet is repeated."""
    link = {"delay": {"kind": "constant", "delay_s": 2.0}, "arq": {"kind": "stop_and_wait", "timeout_s": 4.0}}
    bench = Bench(back_s={0: 2.0}, **link)
    messages = [bench.put(float(k), device=0, bits=1000, number=k) for k in range(5)]
    bench.run()
    assert [message.attempts for message in messages] == [1] * 5
    assert [bench.log[0, k][-1] for k in range(5)] == [(5.0 * k + 3.0, "deliver") for k in range(5)]


def test_each_device_hears_after_the_delay_of_its_own_way_back() -> None:
    """On one link, the second packet of device 1 waits for an acknowledgement that takes 3 s."""
    bench = Bench(back_s={1: 3.0}, arq={"kind": "stop_and_wait", "timeout_s": 5.0})
    for device in (0, 1):
        for number in (0, 1):
            bench.put(0.0, device=device, bits=1000, number=number)
    bench.run()
    ends = {key: log[-1][0] for key, log in bench.log.items()}
    assert ends == {(0, 0): 1.1, (1, 0): 2.1, (0, 1): 3.1, (1, 1): 6.2}


def test_a_packet_that_arrives_as_its_repeat_is_due_is_neither_lost_nor_doubled() -> None:
    """Integer times: the timer fires at the instant of arrival; the message is delivered once."""
    bench = Bench(delay={"kind": "constant", "delay_s": 2.0}, arq={"kind": "stop_and_wait", "timeout_s": 2.0})
    bench.put(0.0, device=0, bits=1000)
    bench.run()
    assert [entry for entry in bench.log[0, 0] if entry[1] == "deliver"] == [(3.0, "deliver")]
    assert bench.link.delivered == 2


def test_a_full_buffer_drops_the_newest_and_its_timer_brings_it_back() -> None:
    bench = Bench(buffer_packets=1)
    for device in range(3):
        bench.put(0.0, device=device, bits=1000)
    bench.run()
    assert (bench.link.dropped, bench.link.bits_sent) == (2, 3000)  # what is dropped is not charged
    head = [(0, "timeout_wait"), (1.0, "queue")]
    assert bench.log[2, 0] == [*head, (2.0, "retransmit"), (3.0, "propagation"), (3.1, "deliver")]


def test_a_sender_pauses_after_its_last_attempt_in_a_row() -> None:
    """Attempts 0 and 1 are lost: attempt 2 waits for 10 s, and lets the device's next message go first."""
    arq = {"kind": "stop_and_wait", "timeout_s": TIMER_S, "max_attempts": 2, "timeout_max_s": 10}
    bench = Bench(lost=Scripted((0, 0, 0, 0), (0, 0, 0, 1)), arq=arq)
    bench.put(0.0, device=0, bits=1000)
    bench.put(0.0, device=0, bits=1000, number=1)
    bench.run()
    first = [(0, "transmit"), (1.0, "timeout_wait")]
    second = [(1.5, "queue"), (1.5, "retransmit"), (2.5, "timeout_wait")]
    third = [(13.0, "queue"), (13.0, "retransmit"), (14.0, "propagation"), (14.1, "deliver")]
    assert bench.log[0, 0] == [*first, *second, *third]
    assert bench.log[0, 1] == [(0, "queue"), (3.0, "transmit"), (4.0, "propagation"), (4.1, "deliver")]


def test_a_packet_whose_pause_ends_waits_for_its_turn_in_the_window() -> None:
    arq = {"kind": "stop_and_wait", "timeout_s": TIMER_S, "max_attempts": 1, "timeout_max_s": 2}
    bench = Bench(lost=Scripted((0, 0, 0, 0)), arq=arq)
    bench.put(0.0, device=0, bits=1000)
    bench.put(3.0, device=0, bits=1000, number=1)
    bench.run()
    assert bench.log[0, 0][-3:] == [(4.2, "retransmit"), (5.2, "propagation"), (5.3, "deliver")]
    assert bench.log[0, 1][-1] == (4.1, "deliver")


def test_a_message_that_is_in_but_unacknowledged_holds_up_none_after_it() -> None:
    arq = {"kind": "stop_and_wait", "timeout_s": TIMER_S, "max_attempts": 1, "timeout_max_s": 60}
    bench = Bench(deaf=Scripted((0, 0, 0, 0)), arq=arq)
    first = bench.put(0.0, device=0, bits=1000)
    bench.put(0.0, device=0, bits=1000, number=1)
    bench.run()
    assert bench.log[0, 0][-1] == (1.1, "deliver") and first.attempts == 2
    assert bench.log[0, 1][-1] == (2.6, "deliver")


def test_a_message_withdrawn_in_a_pause_is_not_sent_again() -> None:
    arq = {"kind": "stop_and_wait", "timeout_s": TIMER_S, "max_attempts": 1, "timeout_max_s": 10}
    bench = Bench(lost=Scripted((0, 0, 0, 0)), arq=arq)
    message = bench.put(0.0, device=0, bits=1000)
    bench.put(0.0, device=0, bits=1000, number=1)
    bench.env.timeout(5.0).callbacks.append(lambda _: bench.link.withdraw(message))
    bench.run()
    assert (message.attempts, bench.log[0, 1][-1]) == (1, (2.6, "deliver"))


@pytest.mark.parametrize("sharing", ["fifo", "round_robin", "processor", "own"])
def test_a_withdrawn_message_is_heard_of_no_more_and_frees_the_link(sharing: str) -> None:
    bench = Bench(sharing=sharing, mtu_bits=1000, arq={"kind": "selective_repeat", "window": 3, "timeout_s": TIMER_S})
    message = bench.put(0.0, device=0, bits=3000)
    bench.put(0.0, device=0, bits=1000, number=1)
    bench.env.timeout(0.5).callbacks.append(lambda _: bench.link.withdraw(message))
    bench.run()
    assert [state for _, state in bench.log[0, 0]] == ["transmit"]
    assert bench.log[0, 1][-1] == (4.1 if sharing == "processor" else 2.1, "deliver")


def test_devices_take_turns_by_packet() -> None:
    arq = {"kind": "selective_repeat", "window": 8, "timeout_s": TIMER_S}
    bench = Bench(sharing="round_robin", mtu_bits=1000, arq=arq)
    bench.put(0.0, device=0, bits=4000)
    bench.put(0.5, device=1, bits=1000)
    bench.put(0.6, device=2, bits=2000)
    bench.run()
    assert bench.log[1, 0][1] == (2.0, "transmit")
    ends = {device: bench.log[device, 0][-1][0] for device in range(3)}
    assert ends == {0: 7.1, 1: 3.1, 2: 6.1}


def test_a_shared_link_serves_all_at_once() -> None:
    """2000 bits from 0 s, 400 from 1 s: the short one has half the link for .8 s, the long one ends at 2.4 s."""
    bench = Bench(sharing="processor")
    bench.put(0.0, device=0, bits=2000)
    bench.put(1.0, device=1, bits=400)
    bench.run()
    assert bench.log[0, 0][-1] == (2.5, "deliver")
    assert bench.log[1, 0][-1] == (1.9, "deliver")


def test_a_link_of_their_own_keeps_devices_apart() -> None:
    bench = Bench(sharing="own")
    for device in range(3):
        bench.put(0.0, device=device, bits=1000)
    bench.run()
    assert [bench.log[device, 0][-1] for device in range(3)] == [(1.1, "deliver")] * 3
    assert bench.link.station.servers == 3


def test_an_infinite_rate_costs_propagation_alone() -> None:
    bench = Bench(back_s={0: 0.0}, rate={"kind": "constant", "bps": "inf"}, mtu_bits=100)
    bench.put(1.0, device=0, bits=1000)
    bench.run()
    assert bench.log[0, 0][-1] == (2.0, "deliver")


def test_a_rate_of_zero_waits_for_ever() -> None:
    bench = Bench(rate={"kind": "constant", "bps": 0})
    bench.put(0.0, device=0, bits=1000)
    bench.env.run(until=1e6)
    assert bench.log[0, 0] == [(0, "queue")]
    assert bench.link.in_flight == 1
    assert bench.link.station.busy_fraction(1e6) == pytest.approx(1.0)


def test_owed_silence_is_waiting_and_not_airtime() -> None:
    """A duty of 1/4 at 1 kbit/s: 1 s on the air, 3 s of silence, then the next; the link is taken all the time."""
    bench = Bench(rate={"kind": "duty_cycle", "bps": 1000, "duty": 0.25})
    for device in range(2):
        bench.put(0.0, device=device, bits=1000)
    bench.run()
    assert bench.log[1, 0] == [(0, "queue"), (4.0, "transmit"), (5.0, "propagation"), (5.1, "deliver")]
    assert bench.link.station.busy_fraction(5.0) == pytest.approx(1.0)


def test_an_outage_before_a_packet_is_waiting_and_within_it_is_airtime() -> None:
    outages = {"kind": "scheduled_outages", "rate": {"kind": "constant", "bps": 1000}, "outages_s": ((0, 2), (2.5, 4))}
    bench = Bench(rate=outages)
    bench.put(0.0, device=0, bits=1000)
    bench.run()
    assert bench.log[0, 0] == [(0, "queue"), (2.0, "transmit"), (4.5, "propagation"), (4.6, "deliver")]


def test_states_are_the_documented_ones() -> None:
    assert STATES == ("queue", "transmit", "retransmit", "propagation", "timeout_wait")


def test_at_an_infinite_rate_what_comes_as_an_outage_begins_waits_and_is_counted() -> None:
    rate = {"kind": "scheduled_outages", "rate": {"kind": "constant", "bps": float("inf")}, "outages_s": [[1.0, 3.0]]}
    bench = Bench(rate=rate)
    message = bench.put(1.0, device=0, bits=1000)
    bench.run()
    assert bench.log[0, 0] == [(1.0, "queue"), (3.0, "transmit"), (3.0, "propagation"), (3.1, "deliver")]
    assert (message.delivered_bits, bench.link.bits_sent) == (1000, 1000)


def test_an_empty_packet_that_meets_an_outage_is_on_the_air_for_no_time() -> None:
    rate = {"kind": "trace", "points": [[0.0, 1000.0], [1.0, 0.0], [3.0, 1000.0]]}
    bench = Bench(rate=rate)
    bench.put(1.5, device=0, bits=0)
    bench.run()
    assert bench.log[0, 0][-1] == (3.1, "deliver") and bench.link.air_s == 0.0


def test_an_empty_packet_is_airtime_alone_and_block_errors_spare_it() -> None:
    bench = Bench(overhead_s=0.3, loss={"kind": "block_errors", "snr_db": 3.0})
    for at_s in (0.1, 0.7, 1.9):
        bench.put(at_s, device=0, bits=0, number=int(10 * at_s))
    bench.run()
    assert (bench.link.delivered, bench.link.lost) == (3, 0) and bench.link.air_s == pytest.approx(0.9)


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
