"""Devices that share a base station: what each of their packets meets, and that each leaves once."""

import math
from math import isnan
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from served_links import Sent, gone, opened

from channels.link.base_station import BaseStation, BlockBits
from channels.link.scheduled import Scheduled
from channels.link.sharing import Sharing
from channels.uniforms import Uniforms

STEADY: dict[str, Any] = {
    "surroundings": "umi", "distance_m": 15, "shadow": False, "antennas": 1, "target_dbm": None, "overhead": 0,
    "extra_loss_db": 40, "coherence_s": 1e6,
}  # fmt: skip
"""One fade for ever, all blocks for all, and line of sight."""
AT_ONCE: dict[str, Any] = {"kind": "scheduled", "request_period_s": 0, "grant_s": 0, "error_rate": 0}
OFTEN: dict[str, Any] = {"kind": "scheduled", "request_period_s": 0.001, "grant_s": 0.003, "error_rate": 0}
"""A scheduling request in each slot: the phase of its period tells nothing."""


def steady(**fields: Any) -> BlockBits:
    return BaseStation.model_validate(STEADY | fields).curve(Uniforms.of(1, "fades"))


def test_a_request_gets_a_blind_grant_whose_report_gets_the_rest() -> None:
    """The packet comes at 0.5 ms: request in slot 1, blind grant of a block in slot 5, report, grant in slot 9, which
    is all sent; one that comes before slot 9 is in that slot's report, and goes in slot 13; one that comes when nothing
    is known any more asks anew."""
    curve = steady()
    block = int(curve.block_bits(0, 0))
    packets = [Sent(0.0005, 3 * block), Sent(0.0085, 2 * block), Sent(0.0145, block)]
    left = gone(opened({**OFTEN, "blind_bits": block}, curve), packets)
    assert [(left[packet].began_s, left[packet].left_s) for packet in packets] == [
        (pytest.approx(0.005), pytest.approx(0.010)),
        (pytest.approx(0.013), pytest.approx(0.014)),
        (pytest.approx(0.019), pytest.approx(0.020)),
    ]


def test_a_device_whose_reports_are_all_granted_asks_anew_at_once() -> None:
    """Three whole slots, by a blind grant of three: slots 5 to 7, whose reports of what is left say no more than what
    was granted meanwhile. What comes at 7.5 ms is asked for in slot 8, before the first report is read, and goes in
    slot 12."""
    curve = steady()
    whole = int(50 * curve.block_bits(0, 0))
    packets = [Sent(0.0005, 3 * whole), Sent(0.0075, 100)]
    left = gone(opened({**OFTEN, "blind_bits": 3 * whole}, curve), packets)
    assert [left[packet].left_s for packet in packets] == [pytest.approx(0.008), pytest.approx(0.013)]


def test_slots_of_the_other_way_are_passed_over() -> None:
    """Time division DDDSU at 30 kHz: the uplink has slot 4 of 5, from 2 ms, 4.5 ms, ... on."""
    curve = steady(pattern="00001", subcarrier_hz=30_000)
    packets = [Sent(0.0, 10), Sent(0.00201, 10), Sent(0.0069999999999, 10)]
    left = gone(opened(AT_ONCE, curve), packets)
    assert [left[packet].left_s for packet in packets] == [pytest.approx(each) for each in (0.0025, 0.005, 0.0075)]
    assert [curve.slot_from(curve.begin_s(slot)) for slot in range(7)] == list(range(7))


def test_what_fails_is_sent_again_after_a_round_trip_and_what_came_behind_it_waits() -> None:
    """Both attempts fail, 8 ms apart, by a rate that no field takes; the next packet, whose own are a slot behind, may
    not overtake."""
    sharing = Scheduled.model_validate(AT_ONCE | {"attempts": 2, "harq_s": 0.007}).model_copy(
        update={"error_rate": 1.0}
    )
    packets = [Sent(0.0005, 100), Sent(0.0015, 100), Sent(0.0005, 100, device=1)]
    left = gone(opened(sharing, steady()), packets)
    assert [left[packet].left_s for packet in packets] == [pytest.approx(each) for each in (0.010, 0.011, 0.010)]
    assert all(each.failed for each in left.values())


def test_configured_grants_need_no_request_and_are_blocks_that_no_other_gets() -> None:
    """Every slot has a block for the device: it sends in the next one, where one that asks waits for 4 ms more."""
    curve = steady()
    block = int(curve.block_bits(0, 0))
    own = {**OFTEN, "configured_period_s": 0.001, "configured_blocks": 2}
    left = gone(opened(own, curve), [packet := Sent(0.0005, 2 * block)])
    assert left[packet].left_s == pytest.approx(0.002)
    packets = [Sent(0.0, block, 0), Sent(0.0005, 300 * int(curve.block_bits(1, 0)), 1)]
    left = gone(opened({**own, "configured_blocks": 20}, curve), packets)
    # 20 in each of slots 1 to 4, and then the 10 beside both devices' own too, of which it reported in slot 1
    assert left[packets[1]].left_s == pytest.approx(0.013)
    with pytest.raises(ValueError, match=r"configured_blocks = 10: 5 devices take 50 of 50 blocks of a slot"):
        Scheduled(configured_period_s=0.001, configured_blocks=10).check(5, BaseStation())
    Scheduled(configured_period_s=0.005, configured_blocks=10).check(20, BaseStation())


def test_proportional_fairness_serves_who_has_had_less() -> None:
    """Fades for ever: one that comes later with half as much is through first, which in its turn it would not be."""
    curve = steady()
    bits = int(50 * curve.block_bits(0, 0))
    packets = [Sent(0.0, 10 * bits, 0), Sent(0.0045, 5 * bits, 1)]
    left = gone(opened(AT_ONCE, curve), packets)
    assert left[packets[1]].left_s < left[packets[0]].left_s


def slow_cell(sharing: Scheduled, curve: BlockBits, uniforms: Uniforms, packets: list[Sent]) -> dict[Sent, float]:
    """When each packet has left, by going through all slots one after the other, idle ones too, with the base station's
    whole view of each device written out. Requests, no configured grants."""
    devices = sorted({packet.device for packet in packets})
    every, phase = curve.slots_in(sharing.request_period_s), uniforms.uniform(0)
    queue: dict[int, list[Sent]] = {device: [p for p in packets if p.device == device] for device in devices}
    unsent = {packet: max(1, packet.bits) for packet in packets}
    pieces, left_s = dict.fromkeys(packets, 0), dict[Sent, float]()
    known, granted, mean = (dict.fromkeys(devices, 0.0) for _ in range(3))
    news: list[tuple[float, int, int, float]] = []  # usable from, device, bits, granted when they were true
    again: list[tuple[float, int, int, int, list[Sent]]] = []  # usable from, attempt, device, blocks, packets
    turns: list[int] = []
    slot = 0
    while len(left_s) < len(packets):
        begin_s, end_s = curve.begin_s(slot), curve.end_s(slot)
        here = {d: [p for p in queue[d] if p.at_s <= begin_s and unsent[p]] for d in devices}
        for _, device, bits, before in sorted(n for n in news if n[0] <= begin_s + 1e-9):
            known[device] = max(0.0, bits - (granted[device] - before))
            turns = [d for d in turns if d != device or known[d]] + [device] * (
                known[device] > 0 and device not in turns
            )
        news = [each for each in news if each[0] > begin_s + 1e-9]
        for device in devices:  # a request is in this slot, so it is for what comes before it
            told = any(bits > granted[d] - before for _, d, bits, before in news if d == device) or known[device]
            if slot % every == (int(phase * every) + device) % every and here[device] and not told:
                news.append((end_s + sharing.grant_s, device, sharing.blind_bits, granted[device]))
        free = most = curve.blocks
        air: list[tuple[int, int, int, list[Sent]]] = []
        for each in sorted((a for a in again if a[0] <= begin_s + 1e-9), key=lambda a: (a[0], a[2])):
            if each[3] <= free or free == most:
                again.remove(each)
                air.append(each[1:])
                free -= each[3]
        order = list(turns)
        if sharing.order == "proportional_fair":
            order.sort(key=lambda d: -curve.block_bits(d, slot) / max(mean[d], 1e-9))
        got = dict.fromkeys(devices, 0)
        for device in order:
            if free <= 0:
                break
            bits = curve.block_bits(device, slot)
            blocks = min(free, curve.most_blocks(device), math.ceil(known[device] / bits))
            free -= blocks
            room = holds = max(1, int(blocks * bits + 1e-6))
            carried = []
            for packet in here[device]:
                taken = min(room, unsent[packet])
                if taken:
                    unsent[packet] -= taken
                    room -= taken
                    pieces[packet] += 1
                    carried.append(packet)
            granted[device] += holds
            known[device] = max(0.0, known[device] - holds)
            got[device] = holds - room
            turns.remove(device)
            turns += [device] * (known[device] > 0)
            lacks = sum(unsent[packet] for packet in queue[device] if packet.at_s <= begin_s)
            if lacks:
                news.append((end_s + sharing.grant_s, device, lacks, granted[device]))
            if carried:
                air.append((0, device, blocks, carried))
        for device in devices:
            mean[device] = mean[device] * (1 - 1 / sharing.memory_slots) + got[device] / sharing.memory_slots
        for attempt, device, blocks, carried in air:
            if uniforms.uniform(1, device, slot, attempt) < sharing.error_rate and attempt + 1 < sharing.attempts:
                again.append((end_s + sharing.harq_s, attempt + 1, device, blocks, carried))
                continue
            for packet in carried:
                pieces[packet] -= 1
        for device in devices:
            while queue[device] and not unsent[queue[device][0]] and not pieces[queue[device][0]]:
                left_s[queue[device].pop(0)] = end_s
        slot += 1
    return left_s


@pytest.mark.parametrize("order", ["round_robin", "proportional_fair"])
@settings(max_examples=15, deadline=None)
@given(
    packets=st.lists(
        st.builds(Sent, st.floats(1e-5, 0.05), st.integers(1, 4_000), st.integers(0, 3)), min_size=1, max_size=12
    ),
    seed=st.integers(0, 99),
    pattern=st.sampled_from(["1", "00101"]),
)
@example(packets=[Sent(0.01953125, 296), Sent(0.0390625, 1)], seed=37, pattern="00101")  # news of less than was granted
def test_passing_over_idle_slots_changes_nothing(order: str, packets: list[Sent], seed: int, pattern: str) -> None:
    packets.sort(key=lambda packet: packet.at_s)
    radio = BaseStation(blocks=6, distance_m=400, extra_loss_db=5, coherence_s=0.005, pattern=pattern)
    sharing = Scheduled.model_validate({"order": order, "request_period_s": 0.004, "error_rate": 0.3, "attempts": 3})
    server = sharing.opener(Uniforms.of(seed, "sharing"))(curve := radio.curve(Uniforms.of(seed, "fades")), 0.0)
    left = gone(server, packets)
    assert {packet: each.left_s for packet, each in left.items()} == slow_cell(
        sharing, curve, Uniforms.of(seed, "sharing"), packets
    )


SHARINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "asks": ({"kind": "scheduled"}, {}),
    "in turn, mostly lost": ({"kind": "scheduled", "order": "round_robin", "error_rate": 0.7, "attempts": 2}, {}),
    "known": (AT_ONCE | {"grant_s": 0.003, "error_rate": 0.3}, {"pattern": "1110000000"}),
    "configured": ({"kind": "scheduled", "configured_period_s": 0.004, "blind_bits": 1}, {"pattern": "00101"}),
    "far": ({"kind": "scheduled", "request_period_s": 0.002}, {"distance_m": 600, "extra_loss_db": 10, "blocks": 6}),
}


@pytest.mark.parametrize("name", SHARINGS)
@settings(max_examples=20, deadline=None)
@given(
    packets=st.lists(
        st.builds(Sent, st.floats(0.0, 0.1), st.integers(0, 9_000), st.integers(0, 4)), min_size=1, max_size=20
    ),
    withdrawn=st.lists(st.tuples(st.floats(0.0, 0.2), st.integers(0, 19)), max_size=4),
    seed=st.integers(0, 99),
)
def test_each_packet_leaves_once_or_is_withdrawn_and_those_of_a_device_in_their_order(
    name: str, packets: list[Sent], withdrawn: list[tuple[float, int]], seed: int
) -> None:
    sharing, rate = SHARINGS[name]
    opener = Sharing.of(sharing).opener(Uniforms.of(seed, "sharing"))
    server = opener(BaseStation.model_validate(rate).curve(Uniforms.of(seed, "fades")), 0.0)
    packets.sort(key=lambda packet: packet.at_s)
    out = [(time_s, packets[place % len(packets)]) for time_s, place in withdrawn]
    left = gone(server, packets, withdrawn=out)
    assert left.keys() == set(packets)
    assert not server.present and not server.waiting
    for device in range(5):
        sent = [left[packet] for packet in packets if packet.device == device and not isnan(left[packet].began_s)]
        assert [each.left_s for each in sent] == sorted(each.left_s for each in sent)
        assert all(each.began_s <= each.left_s for each in sent)
    assert all(packet.at_s <= each.began_s + 1e-9 for packet, each in left.items() if not isnan(each.began_s))


def test_a_device_meets_the_same_fades_whoever_else_is_there() -> None:
    """Its numbers have its own name: positions, shadows and fades do not move when others come."""
    alone, crowd = (BaseStation().curve(Uniforms.of(3, "fades")) for _ in range(2))
    crowded = [crowd.block_bits(device, slot) for slot in (0, 40, 900) for device in (2, 0, 7)]
    assert crowded[2::3] == [alone.block_bits(7, slot) for slot in (0, 40, 900)]
