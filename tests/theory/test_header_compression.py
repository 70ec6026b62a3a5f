"""What compressed headers take and lose: in closed form, by a compressor of real bytes, and as a link charges them."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest
import simpy
from cells import cell, link
from hypothesis import given, settings
from hypothesis import strategies as st
from links import payload
from plants import AirWatch, ran

from channels.link.headers import NETWORK_FIELDS, OWN_FIELDS, UDP_FIELDS, Network, stack_bits
from channels.link.link_config import LinkConfig
from channels.link.presets import PRESETS
from channels.link.rohc import Rohc, RohcFlow
from channels.link.schc import KINDS, NETWORK_ACTIONS, Schc, SchcRule
from channels.uniforms import Uniforms
from kinds import ConfigError
from simulator.protocols.machine import MessageKind
from simulator.results.observer import END, Airing
from simulator.testbed.packet_header import MessageAddress, PacketHeader, PacketKind
from simulator.timing.link import Link
from simulator.timing.messages import Message, unheard

# Static context header compression, beside a compressor of real bytes.

NARROW = (SchcRule(request=3, round=5, fragment=2), SchcRule(request=16, round=7, fragment=8))
"""Rules that leave packets without one."""


def bits_of(fields: dict[str, tuple[int, int]]) -> str:
    """Fields of (value, length) as they stand in a header."""
    return "".join(f"{value:0{length}b}" for value, length in fields.values())


def real_header(network: Network, own: PacketHeader, content_bytes: int) -> dict[str, tuple[int, int]]:
    """IP, UDP and ours of one packet of device 5, by field: its value and its bits."""
    lengths = {**NETWORK_FIELDS[network], **{f"udp {name}": bits for name, bits in UDP_FIELDS.items()}, **OWN_FIELDS}
    values = dict.fromkeys(lengths, 0) | {
        "version": 6 if network == "ipv6" else 4, "header length": 5, "next header": 17, "protocol": 17,
        "hop limit": 63, "time to live": 63, "source": 0x0A4D0001, "destination": 0x0A4D0002, "flags": 2,
        "source prefix": 0x20010DB8 << 32, "destination interface": 5, "header checksum": 0xBEEF,
        "total length": 40 + content_bytes, "payload length": 20 + content_bytes, "udp length": 20 + content_bytes,
        "udp source port": 5005, "udp destination port": 4000, "udp checksum": 0x1234,
    }  # fmt: skip
    packed, place = int.from_bytes(own.pack(), "big"), 96
    for name, length in OWN_FIELDS.items():
        place -= length
        values[name] = packed >> place & (1 << length) - 1
    return {name: (values[name], length) for name, length in lengths.items()}


def compressed(config: Schc, header: dict[str, tuple[int, int]], rule: SchcRule) -> str | None:
    """The ID and the residue of a packet in bits, by RFC 8724, section 7.3; None: the rule does not match."""
    target = real_header(config.network, PacketHeader(MessageAddress(PacketKind.PAYLOAD, 5, 0, 0), 0, 0), 0)
    told_by_id = {"last", "kind", "named kind"}
    ignored = {"hop limit", "time to live", "identification", "attempt"}
    computed = {name for name, action in NETWORK_ACTIONS[config.network].items() if action == "computed"}
    residue = f"{0:0{config.rule_id_bits}b}" if config.rule_id_bits else ""
    for name, (value, length) in header.items():
        if name in told_by_id | ignored | computed | {"udp length"}:
            continue
        if name == "udp checksum":
            residue += "" if config.l2_check_bits >= 16 else f"{value:016b}"
        elif name in SchcRule.model_fields:
            sent = getattr(rule, name)
            if value >> sent != target[name][0] >> sent:
                return None
            residue += f"{value:0{length}b}"[length - sent :]
        elif value != target[name][0]:
            return None
    return residue


@settings(max_examples=3 * settings.default.max_examples)
@given(
    network=st.sampled_from(["ipv4", "ipv6"]),
    rules=st.sampled_from([Schc().rules, NARROW, ()]),
    word_bits=st.sampled_from([1, 8]),
    rule_id_bits=st.sampled_from([0, 7, 8]),
    check_bits=st.sampled_from([8, 15, 16, 32]),
    request=st.integers(0, 20) | st.integers(0, 65_535),
    round_=st.integers(0, 300) | st.integers(0, 65_535),
    fragment=st.integers(0, 255),
    attempt=st.integers(0, 9),
)
def test_a_link_charges_the_bits_that_a_compressor_of_real_headers_leaves(
    network: Network, rules: tuple[SchcRule, ...], word_bits: Any, rule_id_bits: int, check_bits: int, request: int,
    round_: int, fragment: int, attempt: int,
) -> None:  # fmt: skip
    config = Schc(network=network, rules=rules, word_bits=word_bits, rule_id_bits=rule_id_bits,
                  l2_check_bits=check_bits)  # fmt: skip
    own = PacketHeader(MessageAddress(PacketKind.PAYLOAD, 5, request, round_), fragment, attempt, last=bool(fragment))
    header = real_header(network, own, 33)
    assert len(bits_of(header)) == stack_bits(network)
    found = [compressed(config, header, rule) for rule in rules]
    sent = next((each for each in found if each is not None), "0" * rule_id_bits + bits_of(header))
    padding = "0" * (-len(sent) % word_bits)
    made = LinkConfig(header_bits=stack_bits(network) + 72, headers=config)
    ((bits, charged),) = made.packets_of((5, request, round_), 264, (264,), fragment)
    assert charged == bits - 264 == 72 + len(sent + padding)
    assert made.least_header_bits <= charged <= made.largest_header_bits


def test_each_kind_of_message_has_a_number_and_rules_of_its_own() -> None:
    """Those that are simulated only, and those of real processes only, too."""
    numbers = {(each.name, int(each)) for kinds in (MessageKind, PacketKind) for each in kinds}
    assert len(numbers) == len({name for name, _ in numbers}) == len({number for _, number in numbers}) <= KINDS
    assert Schc(rule_id_bits=7).least_bits(320) == 24
    with pytest.raises(ConfigError, match="rule_id_bits = 6: must be 0 or 7 or more, for 79 IDs"):
        cell(uplink=link(1e5, headers={"kind": "schc", "rule_id_bits": 6}))


def test_a_frame_of_no_round_has_the_header_of_round_0() -> None:
    made = LinkConfig(headers=Schc(rules=NARROW))
    assert made.packets_of((0, 1, 2 + (1 << 32)), 0) == made.packets_of((0, 1, 2), 0) == [(24, 24)]
    assert made.packets_of((0, 1, END), 0) == made.packets_of((0, 1, -7), 0) == made.packets_of((0, 1, 0), 0)
    assert made.packets_of((0, 1, 200 + (1 << 32)), 0) == made.packets_of((0, 1, 200), 0) == [(328, 328)]


def test_i7_what_is_charged_is_8_bits_a_byte_and_the_header_of_each_packet() -> None:
    """Both ways, header by header: from round 4, request 2 or packet 4 on by the second rule, from round 8 by none."""
    headers = {"kind": "schc", "rules": [{"request": 1, "round": 2, "fragment": 2}, {"request": 4, "round": 3,
               "fragment": 6}]}  # fmt: skip
    way = {"mtu_bits": 400, "header_bits": 352, "headers": headers, "loss": {"kind": "bernoulli", "probability": 0.2}}
    asked = {"kind": "closed", "requests": 3, "prompt_tokens": 30, "output_tokens": 30}
    on_air = AirWatch()
    run = ran(cell(workload=asked, uplink=link(1e6, **way), downlink=link(1e7, **way)), watch=on_air)
    config = LinkConfig.model_validate(way)
    seen = set()
    for each in on_air.airings:
        _, request, round_ = each.address
        round_ = max(0, round_)
        narrow = request < 2 and round_ < 4 and each.fragment < 4
        wide = request < 16 and round_ < 8 and each.fragment < 64
        expected = 32 + (16 if narrow else 24 if wide else 328)
        assert each.header_bits == expected <= config.largest_header_bits
        assert each.bits - expected <= 400 - expected
        seen.add(expected)
    assert seen == {48, 56, 360}
    rounds, firsts = run.result.rounds, {(each.link, each.address, each.fragment): each for each in on_air.airings}
    for way_name, column in (("uplink", "payload_bits"), ("downlink", "reply_bits")):
        carried = sum(each.bits - (each.header_bits or 0) for key, each in firsts.items() if key[0] == way_name
                      and each.address[2] > 0)  # fmt: skip
        assert carried == rounds[column].sum()
    uplink = run.plant.links[0]
    assert uplink.bits_sent == sum(each.bits for each in on_air.airings if each.link == "uplink")


def test_the_presets_compress_480_bits_to_what_their_rules_leave() -> None:
    """LoRaWAN: 13 bytes of frame, whose FPort is the ID, and 2 of residue; NB-IoT: an ID and as much."""
    for name, frame in (("lora_sf7_schc", 104), ("lora_sf12_schc", 104), ("nb_iot_schc", 8)):
        link_ = PRESETS[name].uplink
        assert link_.packets_of((3, 15, 255), 80, (80,), 15) == [(80 + frame + 16, frame + 16)]
        assert link_.packets_of((3, 16, 255), 80) == [(80 + frame + 24, frame + 24)]
        assert link_.packets_of((3, 300, 255), 80) == [(80 + frame + 40, frame + 40)]
        assert link_.header_bits == (frame - 8 if name == "nb_iot_schc" else frame) + 480


LEAP = 14
"""Four bits of a number tell it up to so far above the last one (from -1 on, RFC 3095, sections 4.5.1 and 5.7)."""

# Robust header compression, beside a count of its octets, a chain of states, and a link.


def test_header_types_have_the_octets_of_rfc_3095() -> None:
    """IR: type, profile, CRC; static: 10 or 36 of IP, 4 of UDP; dynamic: 6 or 3, and checksum and number. IR-DYN:
    without the static ones. UO-0: one, and the checksum. Ours, and what the link layer adds, go as they are."""
    four, six = Rohc(), Rohc(network="ipv6")
    assert four.type_bits(320, "IR") == 8 * (3 + 10 + 4 + 6 + 4) + 96
    assert four.type_bits(320, "IR-DYN") == 8 * (3 + 6 + 4) + 96
    assert four.type_bits(320, "UO-0") == 8 * (1 + 2) + 96 == Rohc(udp_checksum=False).type_bits(320, "UO-0") + 16
    assert six.type_bits(480, "IR") == 8 * (3 + 36 + 4 + 3 + 4) + 96
    assert six.type_bits(480, "IR-DYN") == 8 * (3 + 3 + 4) + 96
    assert six.type_bits(500, "UO-0") == 20 + 8 * (1 + 2) + 96


def sent_over(config: Rohc, lost: set[int], packets: int) -> list[bool]:
    """Of each attempt whether it was restored; False where it was lost."""
    flow = RohcFlow(config, 320)
    return [number not in lost and flow.restores(number) for number, _ in (flow.join() for _ in range(packets))]


def test_a_flow_bears_13_losses_in_a_row_and_without_its_first_packets_nothing() -> None:
    long_ = Rohc(refresh_packets=100, dynamic_refresh_packets=40)
    assert all(sent_over(long_, set(range(10, 10 + LEAP - 1)), 40)[10 + LEAP - 1 :])
    damaged = sent_over(long_, set(range(10, 10 + LEAP)), 60)
    assert not any(damaged[10:40]) and all(damaged[40:])  # the dynamic part comes again, and with it the number
    nothing = sent_over(long_, {0, 1, 2}, 120)
    assert not any(nothing[:100]) and all(nothing[100:])
    assert all(sent_over(long_, {0, 1}, 99)[2:])


def expected(config: Rohc, loss: float, packets: int) -> tuple[float, float]:
    """The mean header bits of a flow's first so many attempts, and the mean share of them that come through and are not
    restored: a chain over (whether a context is there, how far above the last number restored the next one is)."""
    bits = unrestored = 0.0
    states = {(False, packets + 1): 1.0}
    for number in range(packets):
        made = config.packet_type(number)
        bits += config.type_bits(320, made)
        after: dict[tuple[bool, int], float] = {}
        for (static, above), chance in states.items():
            done = made == "IR" or (static and (made == "IR-DYN" or above <= LEAP))
            unrestored += 0 if done else chance * (1 - loss)
            for key, part in (((static, above + 1), loss), ((True, 1) if done else (static, above + 1), 1 - loss)):
                after[key] = after.get(key, 0.0) + chance * part
        states = after
    return bits / packets, unrestored / packets


class Aired:
    """Keeps what a link says of its packets."""

    def __init__(self) -> None:
        self.airings: list[Airing] = []

    def on_packet(self, airing: Airing) -> None:
        self.airings.append(airing)

    def on_unserved(self, _: object) -> None:
        raise AssertionError("nothing is withdrawn here")


@pytest.mark.parametrize("loss", [0.0, 0.3, 0.7])
def test_mean_bits_and_losses_of_context_are_those_of_the_chain(loss: float) -> None:
    """Over a link with independent losses, each packet sent until it is restored: 120 flows of 60 attempts."""
    config = Rohc(refresh_packets=40, dynamic_refresh_packets=25)
    flows, packets = 120, 60
    lossy = {"kind": "bernoulli", "probability": loss} if loss else "none"
    made = LinkConfig.model_validate(
        {"rate": {"kind": "constant", "bps": 1e9}, "loss": lossy,
         "headers": config, "sharing": "own", "arq": {"kind": "stop_and_wait", "timeout_s": 0.1, "timer_jitter": 0}}
    )  # fmt: skip
    env, seen = simpy.Environment(), Aired()
    over = Link(env, made, Uniforms.of(3, "headers"), "uplink", lambda _: 0.0, seen)  # type: ignore[arg-type]
    for flow in range(flows):
        for round_ in range(packets):
            over.put(Message((flow, 0, round_), payload(64), unheard))
    env.run(until=packets * 0.101 + 1)
    by_flow: dict[int, list[Airing]] = {flow: [] for flow in range(flows)}
    for each in seen.airings:
        if len(by_flow[each.address[0]]) < packets:
            by_flow[each.address[0]].append(each)
    assert {len(each) for each in by_flow.values()} == {packets}
    mean_bits, mean_unrestored = expected(config, loss, packets)
    bits = [each.header_bits for flow in by_flow.values() for each in flow]
    assert np.mean(np.asarray(bits, dtype=float)) == pytest.approx(mean_bits, rel=1e-12)
    shares = np.array([np.mean([not each.restored for each in flow]) for flow in by_flow.values()])
    if loss == 0:
        assert not shares.any() and mean_unrestored == 0
    else:
        assert abs(shares.mean() - mean_unrestored) < 5 * shares.std(ddof=1) / sqrt(flows)
        assert over.unrestored >= shares.sum() * packets > 0
    assert over.sent == over.delivered + over.lost + over.dropped + over.in_flight  # I1


def test_a_packet_that_cannot_be_restored_is_sent_again_until_a_refresh_and_said_to_be_lost() -> None:
    """The first three attempts carry the context, and all are lost: the next comes through in vain, and so on, until
    attempt 11 is a refresh."""
    env, seen = simpy.Environment(), Aired()
    made = LinkConfig.model_validate(
        {"loss": {"kind": "none"}, "headers": {"kind": "rohc", "refresh_packets": 10},
         "arq": {"kind": "stop_and_wait", "timeout_s": 0.1, "timer_jitter": 0}}
    )  # fmt: skip
    over = Link(env, made, Uniforms.of(0, "headers"), "uplink", lambda _: 0.01, seen)  # type: ignore[arg-type]
    lost = over.senders[0].transmitter.loss
    over.senders[0].transmitter.loss = type(
        "First", (), {"lost": lambda self, now_s, bits, rate_bps, index: index[4] < 3, "memoryless": True}
    )()
    assert lost is not None
    over.put(Message((0, 0, 1), payload(64), unheard))
    env.run(until=5)
    assert [each.lost for each in seen.airings] == [True] * 10 + [False]
    assert [each.restored for each in seen.airings] == [True] * 3 + [False] * 7 + [True]
    assert (over.sent, over.lost, over.unrestored, over.delivered) == (11, 10, 7, 1)
    assert [each.bits - 64 for each in seen.airings] == [312] * 3 + [120] * 7 + [312]


# Mode O: feedback on the reverse link.

OPTIMISTIC = {"kind": "rohc", "mode": "optimistic", "refresh_packets": 10, "dynamic_refresh_packets": 5}


def with_feedback(lost: Any, packets: int, **fields: Any) -> tuple[list[Airing], Link, Link]:
    """So many packets of one device, each sent until it is acknowledged, over a link whose far end answers by another
    of 10 kbit/s; `lost`: by the number of the attempt."""
    env, seen = simpy.Environment(), Aired()
    made = LinkConfig.model_validate(
        {"headers": OPTIMISTIC | fields, "arq": {"kind": "stop_and_wait", "timeout_s": 0.2, "timer_jitter": 0}}
    )
    up, down = (
        Link(env, config, Uniforms.of(0, name), name, lambda _: 0.02, seen)  # type: ignore[arg-type]
        for config, name in ((made, "uplink"), (LinkConfig.model_validate({"rate": {"kind": "constant", "bps": 1e4}}),
                             "downlink"))
    )  # fmt: skip
    up.reverse, down.reverse = lambda _: down, lambda _: up
    count = iter(range(1_000))
    loss = {"lost": lambda self, now_s, bits, rate_bps, index: next(count) in lost, "memoryless": True}
    up.senders[0].transmitter.loss = type("ByNumber", (), loss)()
    for round_ in range(packets):
        up.put(Message((0, 0, round_), payload(64), unheard))
    env.run(until=60)
    return [each for each in seen.airings if each.link == "uplink"], up, down


def test_once_a_context_is_confirmed_nothing_is_refreshed_unasked() -> None:
    """The answer to the first packet is back, 24 bits at 10 kbit/s, 2.4 ms after its acknowledgement: so the second
    attempt is IR too, and none after it, where mode U has IR and IR-DYN again and again."""
    airings, up, down = with_feedback(set(), 40)
    assert [each.header_bits for each in airings] == [312, 312] + [120] * 38
    assert up.unrestored == 0 and down.bits_sent == 2 * 24 == 24 * down.delivered


def test_what_the_far_end_lacks_is_sent_again_when_it_says_so() -> None:
    """Without the first three the fourth comes in vain, and is answered: the next is IR. A run of 14 losses is repaired
    by IR-DYN."""
    airings, up, down = with_feedback({0, 1, 2}, 3)
    assert [each.header_bits for each in airings[:6]] == [312] * 3 + [120, 312, 312]
    assert [each.restored for each in airings[:5]] == [True] * 3 + [False, True] and up.unrestored == 1
    long_ = set(range(10, 24))
    airings, up, down = with_feedback(long_, 14, repeats=1)
    assert [each.header_bits for each in airings[22:27]] == [120] * 3 + [200, 120]
    assert [not each.restored for each in airings].count(True) == up.unrestored == 1
    assert down.delivered * 24 == down.bits_sent


def test_feedback_needs_a_device_that_listens() -> None:
    listens = {"headers": OPTIMISTIC, "listens": {"kind": "after_sending"}}
    with pytest.raises(
        ConfigError, match=r"^uplink\.headers\.mode and downlink\.headers\.mode: must be unidirectional"
    ):
        cell(uplink=link(1e4, arq={"kind": "stop_and_wait", "timeout_s": 5.0}), downlink=link(1e5, **listens))
