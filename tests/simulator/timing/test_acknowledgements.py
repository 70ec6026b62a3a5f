"""Acknowledgements: those that ride on a reply, and those that take capacity on the way back."""

from typing import Any

import pytest
from cells import cell, link
from heard import Looking
from links import TIMER_S, Bench, Given, Scripted
from plants import Ran, ran
from two_ways import TwoWays

DEAF = Looking(places=(0,))
"""No first acknowledgement of a message of one packet gets through."""
PATIENT = {"kind": "stop_and_wait", "timeout_s": 5.0, "timer_jitter": 0}
WHEN = ["started_s", "sent_s", "received_s", "verified_s", "answered_s"]


def spoken(scheme: object = "k_sqs", **ways: dict[str, Any]) -> Ran:
    """A run over links of one packet at a time, whose timers run for much longer than a round."""
    links: dict[str, Any] = {"uplink": link(1e5, arq=PATIENT), "downlink": link(1e7, arq=PATIENT)}
    asked = {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 24}
    asked["prompt_at_cloud"] = scheme != "cloud_only"  # nothing but its own acknowledgement lets a payload follow it
    return ran(cell(scheme, workload=asked, **links | ways))


@pytest.mark.parametrize(("way", "bps"), [("uplink", 1e5), ("downlink", 1e7)])
def test_what_comes_next_acknowledges_what_it_answers(way: str, bps: float) -> None:
    """A reply acknowledges its payload, the payload drafted on it the reply: no round waits for a timer of 5 s."""
    quiet, deaf = spoken(), spoken(**{way: link(bps, arq=PATIENT | {"ack_loss": DEAF})})
    assert deaf.result.rounds[WHEN].equals(quiet.result.rounds[WHEN])
    assert len(deaf.result.rounds) > 3
    assert all(each.sent <= len(deaf.result.rounds) + 1 for each in deaf.plant.links)


def test_the_first_token_of_a_stream_acknowledges_the_prompt() -> None:
    deaf = {"kind": "stop_and_wait", "timeout_s": 0.1, "timer_jitter": 0, "ack_loss": DEAF}
    run = spoken("cloud_only", uplink=link(1e5, arq=deaf), downlink=link(1e7, arq="selective_repeat"))
    assert run.plant.uplinks[0].sent == 1


def test_a_reply_frees_the_window_and_is_no_sample_of_the_round_trip() -> None:
    jacobson = {"kind": "stop_and_wait", "timeout_s": 5.0, "timer": {"kind": "jacobson", "min_s": 0.01}}
    bench = Bench(deaf=Scripted((0, 0, 0, 0)), arq=jacobson)
    first = bench.put(0.0, device=0, bits=1000)
    bench.put(0.0, device=0, bits=1000, number=1)
    bench.env.run(until=3.0)
    sender = bench.link.sender(0).arq
    before, seen = sender.timeout_s, bench.link.seen_by(0)
    bench.link.acknowledge([first])
    after = bench.link.seen_by(0)
    assert sender.timeout_s == before == 5.0
    assert (after.acked_bits - seen.acked_bits, seen.unacked_packets - after.unacked_packets) == (1000, 1)
    assert after.round_trip_s != after.round_trip_s and after.timeouts == 0
    bench.run()
    assert bench.log[0, 1] == [(0, "queue"), (3.0, "transmit"), (4.0, "propagation"), (4.1, "deliver")]
    assert (first.attempts, bench.link.delivered) == (1, 2)


def test_a_repeat_that_still_waits_when_the_reply_comes_is_not_sent() -> None:
    bench = Bench(deaf=Scripted((0, 0, 0, 0)))
    first = bench.put(0.0, device=0, bits=1000)
    bench.put(0.0, device=1, bits=2000)
    bench.env.timeout(2.0).callbacks.append(lambda _: bench.link.acknowledge([first]))
    bench.run()
    assert (first.attempts, bench.link.dropped) == (1, 1)


def both(
    ack_bits: int, lost: Scripted | None = None, up: Scripted | None = None, mtu_bits: int | None = None, **back: object
) -> TwoWays:
    """Both directions at 1 kbit/s, 0.1 s each, no headers; `ack_bits` and `mtu_bits` are the uplink's."""
    arq = {"kind": "selective_repeat" if up else "stop_and_wait", "timeout_s": TIMER_S, "timer_jitter": 0}
    uplink = {"arq": arq | {"ack_bits": ack_bits}, "loss": Given(by=up or Scripted()), "mtu_bits": mtu_bits}
    downlink = {"loss": Given(by=lost or Scripted()), "arq": arq} | back
    return TwoWays(uplink, downlink, delay={"kind": "constant", "delay_s": 0.1})


def test_an_acknowledgement_takes_its_time_on_the_way_back() -> None:
    """In at 1.1 s, on the downlink to 1.2 s, back at 1.3 s: then the next one goes."""
    ways = both(ack_bits=100)
    ways.put(ways.up, 0.0, 0, 1000)
    ways.put(ways.up, 0.0, 0, 1000, number=1)
    ways.run()
    assert ways.delivered == {("uplink", 0, 0): 1.1, ("uplink", 0, 1): 2.4}
    assert (ways.down.sent, ways.down.bits_sent, ways.up.bits_sent) == (2, 200, 2000)
    assert ways.down.station.busy_fraction(2.0) == pytest.approx(0.1)


def test_an_acknowledgement_queues_behind_what_is_there_and_before_what_comes() -> None:
    """The downlink is taken from 1.05 s to 1.25 s; the acknowledgement goes to 1.35 s, back at 1.45 s."""
    ways = both(ack_bits=100, arq="selective_repeat")
    ways.put(ways.up, 0.0, 0, 1000)
    ways.put(ways.up, 0.0, 0, 1000, number=1)
    ways.put(ways.down, 1.05, 0, 200, number=7)
    ways.put(ways.down, 1.2, 0, 504, number=8)
    ways.run()
    down = {("downlink", 0, 7): 1.35, ("downlink", 0, 8): 1.954}
    assert ways.delivered == {("uplink", 0, 0): 1.1, ("uplink", 0, 1): 2.55} | down


@pytest.mark.parametrize("how", ["lost", "dropped"])
def test_an_acknowledgement_that_fails_on_the_way_back_costs_a_repeat(how: str) -> None:
    """Lost on the downlink like any packet, or dropped by its full buffer: the timer of 0.5 s runs from 1 s on."""
    ways = both(100, Scripted((0, 0, -1, 0))) if how == "lost" else both(100, buffer_packets=0)
    first = ways.put(ways.up, 0.0, 0, 1000)
    if how == "dropped":
        ways.put(ways.down, 1.0, 0, 1000, number=7)
    ways.run()
    assert first.attempts == 2
    assert (ways.down.lost, ways.down.dropped) == ((1, 0) if how == "lost" else (0, 1))
    assert ways.delivered["uplink", 0, 0] == 1.1


def test_an_acknowledgement_of_its_own_reports_that_a_partial_round_ends_early() -> None:
    """The second of eight parts of 80 bits is lost. The third is in at 0.34 s; its acknowledgement takes 16 ms of the
    downlink, the message that no more are awaited another 16: it is in at 0.472 s, while the sixth goes out."""
    ways = both(ack_bits=16, up=Scripted((0, 0, 1, 0)))
    message = ways.put(ways.up, 0.0, 0, [80] * 8)
    ways.run()
    assert ways.delivered == {("uplink", 0, 0): 0.34}
    assert (message.attempts, ways.up.dropped, ways.down.bits_sent) == (6, 2, 6 * 16)


@pytest.mark.parametrize(("ack_bits", "packets", "in_s"), [(16, 4, 1.148), (0, 0, 1.1)])
def test_a_whole_message_is_acknowledged_packet_by_packet_and_free_acknowledgements_leave_the_downlink_alone(
    ack_bits: int, packets: int, in_s: float
) -> None:
    ways = both(ack_bits, mtu_bits=100)
    ways.put(ways.up, 0.0, 0, 400)
    ways.run()
    assert (ways.up.sent, ways.down.sent, ways.down.bits_sent) == (4, packets, packets * 16)
    assert ways.delivered == {("uplink", 0, 0): in_s}


def test_i1_and_i7_hold_with_acknowledgements_that_cost_bits() -> None:
    """Each packet that comes one way puts one acknowledgement on the other: charged are bytes, headers, and those."""
    dear = {"kind": "selective_repeat", "timeout_s": 5.0, "timer_jitter": 0, "ack_bits": 112}
    free = spoken(uplink=link(1e5, arq=dear | {"ack_bits": 0}), downlink=link(1e7, arq=dear | {"ack_bits": 0}))
    run = spoken(uplink=link(1e5, arq=dear), downlink=link(1e7, arq=dear))
    ways, bare = run.plant.links, free.plant.links
    for here, there in ((0, 1), (1, 0)):
        acknowledgements = ways[here].sent - bare[here].sent
        assert ways[here].bits_sent == bare[here].bits_sent + 112 * acknowledgements
        assert bare[there].sent - 1 <= acknowledgements <= bare[there].sent, "the last is under way at the end"
    assert run.result.rounds["payload_bits"].equals(free.result.rounds["payload_bits"])
