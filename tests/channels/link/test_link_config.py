"""The link as a user describes it: packets, presets, and what is refused."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.link.arq import Arq
from channels.link.delays import Delay, Jitter
from channels.link.link_config import LinkConfig, check_both_ways, check_round_trip
from channels.link.listening import AfterSending, Listening
from channels.link.losses import Loss
from channels.link.presets import PRESETS
from channels.link.rates import ConstantRate, Position, Rate
from channels.link.sharing import Sharing
from channels.uniforms import Uniforms
from kinds import Choice, ConfigError, Part


@given(payload_bits=st.integers(0, 10_000), header_bits=st.integers(0, 400), room_bits=st.integers(1, 3000))
def test_packets_carry_the_payload_and_a_header_each(payload_bits: int, header_bits: int, room_bits: int) -> None:
    link = LinkConfig(header_bits=header_bits, mtu_bits=header_bits + room_bits)
    sizes, headers = zip(*link.packets_of(payload_bits), strict=True)
    assert set(headers) == {header_bits}
    assert sum(sizes) == payload_bits + header_bits * len(sizes)
    assert len(sizes) == max(1, -(-payload_bits // room_bits))
    assert max(sizes) <= header_bits + room_bits


def test_parts_behind_the_first_may_have_a_shorter_header() -> None:
    shared = LinkConfig(header_bits=320, part_header_bits=16)
    assert shared.packets_of(0, [40, 50]) == [(360, 320), (66, 16)]
    assert shared.packets_of(0, [40, 0], 3) == [(56, 16), (16, 16)]
    assert LinkConfig().packets_of(0, [40], 3) == [(360, 320)] and shared.packets_of(100) == [(420, 320)]
    with pytest.raises(ValidationError, match="part_header_bits = 336: must be at most header_bits, 320"):
        LinkConfig(header_bits=320, part_header_bits=336)


def test_without_an_mtu_a_message_is_one_packet() -> None:
    assert LinkConfig(header_bits=320).packets_of(100_000) == [(100_320, 320)]


def test_what_few_links_have_is_written_only_where_they_have_it() -> None:
    written = PRESETS["lora_sf7"].downlink.model_dump()
    assert written["listens"] == {"kind": "after_sending", "delays_s": (1.0, 2.0)} and "overhead_s" not in written
    assert PRESETS["nb_iot"].uplink.model_dump()["half_duplex"] == "device"
    labelled = LinkConfig.model_validate({"preset": "nb_iot.uplink", "label": "NB-IoT"})
    assert labelled.label == "NB-IoT" == labelled.model_dump()["label"]
    assert LinkConfig.model_validate(labelled.model_dump()) == labelled != PRESETS["nb_iot"].uplink


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_link_by_name_with_a_source_and_survives_its_own_writing(name: str) -> None:
    preset = PRESETS[name]
    assert LinkConfig.model_validate(f"{name}.uplink") == preset.uplink
    assert LinkConfig.model_validate({"preset": f"{name}.downlink", "buffer_packets": 1}).buffer_packets == 1
    assert len(preset.source) > 20
    check_both_ways("uplink", preset.uplink, "downlink", preset.downlink)
    for link in (preset.uplink, preset.downlink):
        assert LinkConfig.model_validate_json(link.model_dump_json()) == link
        assert LinkConfig.model_validate(link.model_dump()) == link


def test_a_lora_device_is_silent_for_99_times_as_long_as_it_sends_and_slower_factors_carry_less() -> None:
    """A bare header of 25 bytes: by the bit rates of the regional parameters alone, 5,470 bit/s down to 250, it would
    take 37 ms and 0.8 s."""
    ladder = [PRESETS[f"lora_sf{factor}"] for factor in range(7, 13)]
    airtimes_s: list[float] = []
    for payload_bytes, preset in zip((222, 222, 115, 51, 51, 51), ladder, strict=True):
        assert preset.uplink.mtu_bits == preset.downlink.mtu_bits == (13 + payload_bytes) * 8
        curve, down = (way.rate.curve(Uniforms.of(0, "link")) for way in (preset.uplink, preset.downlink))
        sent = curve.finish(Position(0.0), preset.uplink.header_bits)
        airtimes_s.append(sent.time_s)
        assert curve.ready_s(sent, 1_000) == pytest.approx(100 * sent.time_s)
        after = down.finish(Position(0.0), 1_000)
        assert down.ready_s(after, 1_000) == after.time_s <= curve.finish(Position(0.0), 1_000).time_s
    assert airtimes_s == sorted(airtimes_s)
    assert (airtimes_s[0], airtimes_s[-1]) == (pytest.approx(0.0617, abs=1e-4), pytest.approx(1.4828, abs=1e-4))


def test_lora_listens_after_sending_and_cellular_devices_ask_once_for_a_connection() -> None:
    for factor in range(7, 13):
        preset = PRESETS[f"lora_sf{factor}"]
        assert preset.downlink.listens == AfterSending(delays_s=(1, 2)) and preset.downlink.delay.mean_s < 0.01
        assert preset.uplink.arq.timeout_s == 2 + 1 and 3 * (1 + preset.uplink.arq.timer_jitter) == pytest.approx(2 + 3)
    for name in ("nb_iot", "lte", "lte_cell_edge"):
        link = PRESETS[name].uplink
        assert 0 < 2 * link.access_s < link.idle_access_s and link.idle_after_s is not None and link.idle_after_s >= 10


@pytest.mark.parametrize("name", ["lte", "lte_cell_edge"])
def test_an_lte_uplink_of_another_rate_keeps_its_grant_and_its_jitter(name: str) -> None:
    link = LinkConfig.model_validate({"preset": f"{name}.uplink", "rate": {"kind": "constant", "bps": 1e6}})
    assert isinstance(link.rate, ConstantRate) and link.rate.bps == 1e6
    assert isinstance(link.delay, Jitter) and (link.access_s, link.delay.jitter_s) == (pytest.approx(0.01), 0.005)


def test_only_nb_iot_is_half_duplex() -> None:
    scopes = {name: (preset.uplink.half_duplex, preset.downlink.half_duplex) for name, preset in PRESETS.items()}
    assert scopes.pop("nb_iot") == ("device", "device")
    assert set(scopes.values()) == {(None, None)}


def test_a_short_burst_of_70_bytes_takes_five_seconds() -> None:
    link = PRESETS["iridium_sbd"].uplink
    assert isinstance(link.rate, ConstantRate)
    ((bits, _),) = link.packets_of(70 * 8 - link.header_bits)
    assert link.access_s + bits / link.rate.bps + link.delay.mean_s == pytest.approx(5, abs=0.25)
    assert [len(link.packets_of(bits)) for bits in (340 * 8 - link.header_bits, 340 * 8)] == [1, 2]


@pytest.mark.parametrize(
    ("arq", "answer_s", "message"),
    [
        ({"timeout_s": 0.2}, 0.18, r"uplink\.arq\.timeout_s = 0\.2: .* 0\.21 s"),
        # after its first sample it would send each packet again for nothing
        (
            {"timer": {"kind": "jacobson", "min_s": 1e-5, "max_s": 0.1}},
            0.08,
            r"uplink\.arq\.timer\.max_s = 0\.1: .* one round trip, 0\.11 s",
        ),
    ],
)
def test_a_timer_that_is_or_learns_to_be_shorter_than_a_round_trip_is_refused(
    arq: dict[str, Any], answer_s: float, message: str
) -> None:
    link = LinkConfig(arq=Arq.of({"kind": "selective_repeat"} | arq))
    check_round_trip("uplink", link, answer_s)
    with pytest.raises(ConfigError, match=message):
        check_round_trip("uplink", link, answer_s + 0.01)


@pytest.mark.parametrize(
    ("family", "fields", "field"),
    [
        (LinkConfig, {"access_s": -1}, "access_s"),
        (LinkConfig, {"header_bits": 2**53}, "header_bits"),
        (LinkConfig, {"header_bits": -1}, "header_bits"),
        (LinkConfig, {"header_bits": 320, "mtu_bits": 320}, "mtu_bits"),
        (LinkConfig, {"buffer_packets": -1}, "buffer_packets"),
        (LinkConfig, {"sharing": "processor", "rate": "token_bucket"}, "time alone"),
        (LinkConfig, {"preset": "carrier_pigeon"}, "carrier_pigeon"),
        (LinkConfig, {"speed": 1}, "speed"),
        (Rate, {"kind": "constant", "bps": -1}, "bps"),
        (Rate, {"kind": "constant", "bps": math.nan}, "bps"),
        (Rate, {"kind": "trace", "points": ()}, "points"),
        (Rate, {"kind": "trace", "points": ((0, 0),), "period_s": 1}, "all its rates are 0"),
        (Rate, {"kind": "trace", "points": ((0, 1), (2, 1)), "period_s": 2}, "period_s"),
        (Rate, {"kind": "mahimahi", "path": "/no/such/file"}, "path"),
        (Rate, {"kind": "rayleigh", "coherence_s": 0}, "coherence_s"),
        (Rate, {"kind": "rayleigh", "coherence_s": 1e-9}, "coherence_s"),
        (Rate, {"kind": "rayleigh", "bandwidth_hz": 1e-3}, "bandwidth_hz"),
        (Rate, {"kind": "random_outages", "mean_up_s": 1e-9}, "mean_up_s"),
        (Rate, {"kind": "random_outages", "mean_out_s": 1e-9}, "mean_out_s"),
        (Rate, {"kind": "trace", "period_s": 1e-9}, "period_s"),
        (Rate, {"kind": "token_bucket", "bps": 10, "peak_bps": 5}, "peak_bps"),
        (Rate, {"kind": "lora", "duty": 0}, "duty"),
        (Rate, {"kind": "random_outages", "rate": "token_bucket"}, "time alone"),
        (Rate, {"kind": "base_station", "pattern": "000"}, "pattern"),
        (Rate, {"kind": "base_station", "subcarrier_hz": 20}, "subcarrier_hz"),
        (Rate, {"kind": "base_station", "distance_m": 20}, "distance_m = 20: must be at least 35 m in uma"),
        (Sharing, {"kind": "scheduled", "error_rate": 1}, "error_rate"),
        (LinkConfig, {"rate": "base_station"}, "sharing.kind: must be scheduled where rate is base_station"),
        (LinkConfig, {"sharing": "scheduled"}, "rate.kind: must be base_station where rate is constant"),
        (
            LinkConfig,
            {"rate": "base_station", "sharing": "scheduled", "overhead_s": 0.1},
            "overhead_s needs packets that are sent one at a time",
        ),
        # one packet at a time
        (
            LinkConfig,
            {"half_duplex": "device", "sharing": "processor"},
            "half_duplex needs packets that are sent one at",
        ),
        (LinkConfig, {"half_duplex": "device", "rate": "lora"}, "half_duplex needs a rate that depends on time al"),
        (LinkConfig, {"half_duplex": "device", "listens": "after_sending"}, "half_duplex is implied"),
        (
            LinkConfig,
            {"overhead_s": 0.1, "sharing": "processor"},
            "overhead_s needs packets that are sent one at a time",
        ),
        (LinkConfig, {"overhead_s": 0.1, "rate": "token_bucket"}, "overhead_s needs a rate that depends on time alone"),
        (LinkConfig, {"half_duplex": "tuesday"}, "half_duplex"),
        (LinkConfig, {"arq": {"kind": "quic", "max_attempts": 3}}, "max_attempts"),
        (LinkConfig, {"arq": {"kind": "quic", "timer_jitter": 0.1}}, "timer_jitter"),
        # windows come after the frame, and one after the other
        *(
            (LinkConfig, {"listens": {"kind": "after_sending", "delays_s": each}}, "delays_s")
            for each in ((), (0.0, 1.0), (2.0, 1.0), (1.0, math.inf))
        ),
        (Loss, {"kind": "bernoulli", "probability": 1}, "probability"),
        (Loss, {"kind": "bernoulli", "probability": -0.1}, "probability"),
        (Loss, {"kind": "gilbert_elliott", "to_bad": 1.5}, "at most 1"),
        (Loss, {"kind": "gilbert_elliott", "to_good": 0}, "to_good"),
        (Loss, {"kind": "gilbert_elliott", "per": "second", "to_good": 1e9}, "to_good"),
        (Loss, {"kind": "gilbert_elliott", "per": "minute"}, "per"),
        (Delay, {"kind": "constant", "delay_s": -1}, "delay_s"),
        (Delay, {"kind": "jitter", "jitter_s": math.inf}, "jitter_s"),
        (Arq, {"kind": "stop_and_wait", "timeout_s": 0}, "timeout_s"),
        (Arq, {"kind": "stop_and_wait", "backoff": 0.5}, "backoff"),
        (Arq, {"kind": "stop_and_wait", "max_attempts": 0}, "max_attempts"),
        (Arq, {"kind": "stop_and_wait", "timer_jitter": -0.1}, "timer_jitter"),
        (Arq, {"kind": "stop_and_wait", "timer_jitter": 1.1}, "timer_jitter"),
        (Arq, {"kind": "stop_and_wait", "window": 2}, "window"),
        (Arq, {"kind": "selective_repeat", "window": 0}, "window"),
        (Arq, {"kind": "selective_repeat", "timer": {"kind": "jacobson", "min_s": 9, "max_s": 1}}, "min_s"),
    ],
)
def test_nonsense_is_refused_by_name(family: type[Part], fields: dict[str, Any], field: str) -> None:
    part = family.kinds[fields["kind"]] if issubclass(family, Choice) else family
    with pytest.raises(ValidationError, match=field):
        part.model_validate(fields)


def test_each_field_has_a_default_and_a_description() -> None:
    parts: list[type[Part]] = [
        LinkConfig,
        *Rate.kinds.values(),
        *Arq.kinds.values(),
        *Sharing.kinds.values(),
        *Listening.kinds.values(),
    ]
    for part in parts:
        for name, field in part.model_fields.items():
            assert not field.is_required()
            assert name == "kind" or field.description, f"{part.__name__}.{name}"
    assert LinkConfig().rate == ConstantRate(bps=100_000)


def test_a_part_may_travel_until_its_timeout_or_where_packets_overtake_each_other_for_the_mean_delay() -> None:
    assert LinkConfig(arq=Arq.of({"kind": "stop_and_wait", "timeout_s": 0.7})).longest_travel_s == 0.7
    jitter = {"kind": "jitter", "delay_s": 0.1, "jitter_s": 0.05}
    with pytest.raises(ValidationError, match=r"reassembly_s = 0.1 must be null where packets keep their order"):
        LinkConfig.model_validate({"delay": jitter, "reassembly_s": 0.1})
    reordering = LinkConfig.model_validate({"delay": jitter | {"reorder": True}, "reassembly_s": 0.2})
    assert reordering.longest_travel_s == 0.2
    with pytest.raises(ValidationError, match=r"reassembly_s = 0.1 must be at least the mean delay, 0.15 s"):
        LinkConfig.model_validate({"delay": jitter | {"reorder": True}, "reassembly_s": 0.1})


def test_windows_that_acknowledge_leave_no_room_for_acknowledgements_as_packets() -> None:
    up = LinkConfig.model_validate({"arq": {"kind": "stop_and_wait", "ack_bits": 8, "timeout_s": 3}})
    with pytest.raises(ConfigError, match=r"uplink.arq.ack_bits = 8: must be 0 where downlink listens after sending"):
        check_both_ways("uplink", up, "downlink", LinkConfig(listens=AfterSending(delays_s=(1, 2))))
