"""What is reported to a loss of a packet: when its last bit left, its bits, the mean rate at which it went out, its
index."""

from __future__ import annotations

from math import inf

from links import Bench

Told = tuple[float, int, float, tuple[int, ...]]


class Ear:
    """A loss that loses nothing and notes what is reported to it."""

    def __init__(self) -> None:
        self.told: list[Told] = []

    def lost(self, now_s: float, bits: int, rate_bps: float, index: tuple[int, int, int, int, int]) -> bool:
        self.told.append((round(now_s, 9), bits, round(rate_bps, 6), index))
        return False


def told(second_s: float = 0.0, **changes: object) -> list[Told]:
    """What is reported to the loss process of 1,000 bits of device 0 at 0 s and 400 of device 1 at `second_s`, over 1
    kbit/s with headers of 100 bits."""
    loss, acknowledgements = Ear(), Ear()
    bench = Bench(loss, acknowledgements, header_bits=100, **changes)  # type: ignore[arg-type]
    bench.put(0.0, 0, 1000)
    bench.put(second_s, 1, 400)
    bench.run()
    # an acknowledgement is a header, and told of the packet that it answers
    assert acknowledgements.told == [(now_s, 100, rate_bps, index) for now_s, _, rate_bps, index in loss.told]
    return loss.told


def test_a_packet_that_waited_its_turn_went_out_at_the_rate_of_the_link() -> None:
    assert told() == [(1.1, 1100, 1000, (0, 0, 0, 0, 0)), (1.6, 500, 1000, (1, 0, 0, 0, 0))]


def test_packets_that_share_the_link_go_out_at_the_rate_that_each_had() -> None:
    first, second = told(0.25, sharing="processor")
    assert first == (1.25, 500, 500, (1, 0, 0, 0, 0))
    assert second == (1.6, 1100, round(1100 / 1.6, 6), (0, 0, 0, 0, 0))


def test_silence_before_the_first_bit_is_no_airtime() -> None:
    _, second = told(rate={"kind": "duty_cycle", "bps": 1000, "duty": 0.1})
    assert second == (1.1 + 9.9 + 0.5, 500, 1000, (1, 0, 0, 0, 0))


def test_an_outage_on_the_way_lowers_the_mean_rate() -> None:
    behind = {"kind": "constant", "bps": 1000}
    first, _ = told(rate={"kind": "scheduled_outages", "rate": behind, "outages_s": [(1, 2)]})
    assert first == (2.1, 1100, round(1100 / 2.1, 6), (0, 0, 0, 0, 0))


def test_a_link_of_infinite_rate_takes_no_time() -> None:
    assert [rate_bps for _, _, rate_bps, _ in told(rate={"kind": "constant", "bps": inf})] == [inf, inf]


def test_overhead_beside_the_bits_is_no_part_of_their_rate() -> None:
    assert [rate_bps for _, _, rate_bps, _ in told(overhead_s=0.25)] == [1000, 1000]
