"""Links with a name: figures from standards, each cited. `uplink: nb_iot.uplink` in a cell, or with fields changed
`uplink: {preset: nb_iot.uplink, header_bits: 0}`; what is written out is the full link.

Rates are those of the standard; where it leaves a figure open (access waits, losses) ours is marked (I): change it. A
figure that we have from others and could not read in its source is marked (U).
Sizes of headers are those of the link layer plus what this project adds (96 bits of session, round, fragment and
check; 320 with IPv4 and UDP). The sources of LoRa and NB-IoT say what static context header compression (SCHC, RFC
8724) would leave of IPv6, UDP and ours, to set as `header_bits`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from channels.link.arq import SelectiveRepeat, StopAndWait
from channels.link.delays import ConstantDelay, Jitter
from channels.link.link_config import LinkConfig
from channels.link.listening import AfterSending
from channels.link.losses import Bernoulli
from channels.link.rates import ConstantRate
from channels.link.retransmission_timeout import JacobsonTimer
from channels.link.shaping import LoRa
from channels.link.sharing import Own

Fields = dict[str, object]


@dataclass(frozen=True)
class Preset:
    """Preset of a link in both directions, with the source of its figures."""

    uplink: LinkConfig
    downlink: LinkConfig
    source: str


def _preset(source: str, both: Fields, up: Fields | None = None, down: Fields | None = None) -> Preset:
    """A preset whose directions share the fields `both`."""
    uplink, downlink = (LinkConfig.model_validate(both | (own or {})) for own in (up, down))
    return Preset(uplink, downlink, source)


_GEO_S, _LEO_S, _IRIDIUM_S = 0.27073, 0.012885, 0.1
_LORA_EU868_BYTES = {7: 222, 8: 222, 9: 115, 10: 51, 11: 51, 12: 51}
"""Largest payload of each spreading factor at 125 kHz, DR5 down to DR0."""
_ADAPTIVE = JacobsonTimer()
_LTE_STATUS_BITS, _NR_STATUS_BITS = 32, 40
"""Bits that an acknowledgement takes on the reverse link: an RLC STATUS PDU that acknowledges one number (D/C 1, CPT 3,
ACK_SN 10 or 12, E1 1 bits, in whole bytes: TS 36.322 and 38.322, 6.2) behind a MAC subheader of two bytes (U)."""
_SIFS_S, _SLOT_S = 16e-6, 9e-6
_WIFI_S = {
    "DIFS": _SIFS_S + 2 * _SLOT_S,
    "mean back-off, CWmin 15": 7.5 * _SLOT_S,
    "HT-mixed preamble, one stream": 36e-6,
    "SIFS before the acknowledgement": _SIFS_S,
    "acknowledgement, 14 bytes at 24 Mbit/s": 28e-6,
}
"""Time of a frame on the air besides its bits."""
_WIFI_MAC_BITS = 8 * (26 + 8 + 4)
"""QoS MAC header, LLC and SNAP, frame check sequence."""

NB_IOT = _preset(
    both={"delay": ConstantDelay(delay_s=0.01), "half_duplex": "device", "header_bits": 96},
    up={
        "rate": ConstantRate(bps=16_900),
        "access_s": 0.1,
        "idle_access_s": 0.3,
        "idle_after_s": 20,
        "mtu_bits": 1_000,
        "arq": StopAndWait(timeout_s=0.2, ack_bits=_LTE_STATUS_BITS),
    },
    down={"rate": ConstantRate(bps=26_000), "mtu_bits": 680, "arq": StopAndWait(ack_bits=_LTE_STATUS_BITS)},
    source="3GPP Release 13 category NB1, half-duplex FDD: single tone of 15 kHz 16.9 kbit/s up and about 26 kbit/s "
    "down sustained, the gaps of one HARQ process included (U); transport blocks of at most 1000 bits up, 680 down (TS "
    "36.213). A connected device asks for a grant by random access, as Release 13 has no other scheduling request (TS "
    "36.321, 5.4.4): preambles every 80 ms of 6 ms, response from 4 ms on, Msg3 12 ms after it and 8 ms long, uplink 8 "
    "ms after its NPDCCH (TS 36.213, 16.3 and 16.5; U): 0.1 s in all (I). From idle 0.3 s, connection 20 s after the "
    "last packet up gone, delays (I). SCHC leaves header_bits: 24 of IPv6, UDP and ours: an ID of 8 bits (RFC 9391, "
    "5.2.3) and 16 of request, round and fragment (I); blocks have a CRC, so UDP's is not sent (RFC 8724, 10.11).",
)
_LTE_EITHER_WAY = {
    "loss": Bernoulli(probability=0.001),
    "mtu_bits": 12_000,
    "arq": SelectiveRepeat(timeout_s=0.2, timer=_ADAPTIVE, backoff=2, ack_bits=_LTE_STATUS_BITS),
}
LTE_CELL_EDGE = _preset(
    both=_LTE_EITHER_WAY | {"delay": Jitter(delay_s=0.01, jitter_s=0.005)},
    up={"rate": ConstantRate(bps=300_000), "access_s": 0.01, "idle_access_s": 0.1, "idle_after_s": 10},
    down={"rate": ConstantRate(bps=600_000)},
    source="ITU-R M.2134 cell edge, base coverage urban: 0.03 bit/s/Hz up and 0.06 down, over 10 MHz; user plane 10 "
    "ms, control plane 100 ms from idle (U). A message that finds its device connected waits 10 ms for a scheduling "
    "request every 10 ms and its grant; connection 10 s after the last packet up gone, jitter, residual loss 0.1% (I).",
)
_LTE_GRANT_S = {
    "mean wait for the next scheduling request, one every 10 ms": 5e-3,
    "scheduling request": 1e-3,
    "base station reads it and decides": 3e-3,
    "grant": 1e-3,
}
_LTE_PATH_S = {"sender processes": 3e-3, "receiver decodes": 3e-3, "core network": 1e-3}
LTE = _preset(
    both=_LTE_EITHER_WAY | {"delay": Jitter(delay_s=sum(_LTE_PATH_S.values()), jitter_s=0.005)},
    up={
        "rate": ConstantRate(bps=14e6),
        "access_s": sum(_LTE_GRANT_S.values()),
        "idle_access_s": 0.1,
        "idle_after_s": 10,
    },
    down={"rate": ConstantRate(bps=22e6)},
    source="What a cell carries for all of its users: ITU-R M.2134, mean of base coverage urban, 1.4 bit/s/Hz up and "
    "2.2 down, over 10 MHz (U). A message that finds its device connected waits 10 ms for its grant: 5 for the "
    "next of the scheduling requests, one every 10 ms, 1 of request, 3 of the base station, 1 of grant; then 3 "
    "of the device and 3 of the base station, as on the way down (3GPP TR 36.912, annex B.2, and TR 36.881, 5.2; "
    "U), and 1 of the core network (Holma and Toskala, LTE for UMTS, user plane latency: 20 ms there and back "
    "without retransmission; U). 5 ms of mean jitter (I) holds HARQ, 8 ms for one block in ten, and what a "
    "loaded cell queues. Control plane 100 ms from idle (U); connection 10 s after the last packet up gone, "
    "residual loss 0.1% (I). The cloud is at the operator's edge: a farther one adds its path.",
)
WIFI = _preset(
    both={
        "rate": ConstantRate(bps=26e6),
        "loss": Bernoulli(probability=0.001),
        "delay": Jitter(delay_s=0.001, jitter_s=0.001),
        "overhead_s": sum(_WIFI_S.values()),
        "mtu_bits": 12_000 + _WIFI_MAC_BITS,
        "header_bits": 320 + _WIFI_MAC_BITS,
        "arq": SelectiveRepeat(timeout_s=0.05, timer=JacobsonTimer(min_s=0.01), backoff=2),
    },
    source="IEEE 802.11n at 5 GHz, 20 MHz, one stream, MCS 3: 26 Mbit/s, each way as if on a channel of its own (I). A "
    "frame takes 181.5 us beside its bits: DIFS 34, back-off of 7.5 slots of 9 us in the mean, HT-mixed preamble 36, "
    "SIFS 16 and acknowledgement 28 (preamble and acknowledgement U), counted before the frame; no aggregation, no "
    "collisions. 1 ms and 1 ms of mean jitter behind the access point, residual loss (I).",
)
_SATELLITE_ARQ = SelectiveRepeat(timer=_ADAPTIVE, backoff=2, ack_bits=_NR_STATUS_BITS)
SATELLITE_GEO = _preset(
    both={
        "delay": ConstantDelay(delay_s=_GEO_S),
        "mtu_bits": 12_000,
        "arq": _SATELLITE_ARQ.model_copy(update={"timeout_s": 1.0, "window": 64}),
    },
    up={"rate": ConstantRate(bps=100_000)},
    down={"rate": ConstantRate(bps=1e6)},
    source="3GPP TR 38.821: transparent GEO, 541.46 ms at most for the round trip (U); TS 22.261, table 7.4.2-1, "
    "pedestrian: 100 kbit/s up, 1 Mbit/s down (U). Capacity is assigned for good: no wait for a grant (I).",
)
SATELLITE_LEO = _preset(
    both={"delay": ConstantDelay(delay_s=_LEO_S), "mtu_bits": 12_000, "arq": _SATELLITE_ARQ},
    up={"rate": ConstantRate(bps=100_000)},
    down={"rate": ConstantRate(bps=1e6)},
    source="3GPP TR 38.821: transparent LEO at 600 km, 25.77 ms at most for the round trip (U); TS 22.261, table "
    "7.4.2-1, pedestrian: 100 kbit/s up, 1 Mbit/s down (U). Capacity is assigned for good: no wait for a grant (I).",
)
IRIDIUM_SBD = _preset(
    both={
        "rate": ConstantRate(bps=2_400),
        "delay": ConstantDelay(delay_s=_IRIDIUM_S),
        "header_bits": 96,
        "arq": StopAndWait(timeout_s=1.0),
        "sharing": Own(),
    },
    up={"access_s": 4.5, "mtu_bits": 340 * 8},
    down={"listens": AfterSending(delays_s=(_IRIDIUM_S,)), "mtu_bits": 270 * 8},
    source="Iridium Short Burst Data: 2.4 kbit/s channel, messages of at most 340 bytes up and 270 down (9602 modem); "
    "about 5 s for one of 70 bytes, and a message down is handed over right after one up or an empty mailbox check "
    "(NAL Research, SBD); of the 5 s 0.23 s are on the air, the rest is the wait for a session (I). A session fetches "
    "what the gateway holds when the message up has reached it; 0.1 s of satellites and gateway (I).",
)


_LORA_FRAME_BITS = 13 * 8


def _lora(factor: int) -> Preset:
    """LoRaWAN class A in Europe at a spreading factor of 7 to 12, each device with a link of its own."""
    payload_bytes = _LORA_EU868_BYTES[factor]
    return _preset(
        both={
            "loss": Bernoulli(probability=0.01),
            "delay": ConstantDelay(delay_s=0.001),
            "mtu_bits": _LORA_FRAME_BITS + payload_bytes * 8,
            "header_bits": _LORA_FRAME_BITS + 96,
        },
        up={
            "rate": LoRa(spreading_factor=factor, duty=0.01),
            "arq": StopAndWait(timeout_s=3, timer_jitter=2 / 3),
            "sharing": Own(),
        },
        down={
            "rate": LoRa(spreading_factor=factor, crc=False, duty=1),
            "listens": AfterSending(delays_s=(1, 2)),
            "arq": StopAndWait(timeout_s=0.1, timer_jitter=0),
        },
        source=f"LoRaWAN Regional Parameters EU868: DR{12 - factor} = SF{factor} at 125 kHz, at most {payload_bytes} "
        "bytes behind 13 of header; time on air by Semtech's formula (SX1276 data sheet, 4.1.1.7; U), preamble of 8 "
        "symbols, explicit header, code rate 4/5, check bits up alone. Class A (L2 1.0.4, section 3.3): one frame down "
        "for each frame up, 1 s or 2 s after its end; without an answer it is sent again 1 to 3 s after that "
        "(RETRANSMIT_TIMEOUT). Duty cycle 1%, ETSI EN 300 220. Loss 1%, the second window at the rate of the first; a "
        "gateway that hears while it sends, without a duty cycle of its own (I). SCHC leaves header_bits: 120 of the "
        "frame's header, IPv6, UDP and ours: 13 bytes, whose FPort is the ID (RFC 9011, 5.1), and 16 bits of request, "
        "round and fragment (I).",
    )


PRESETS: dict[str, Preset] = {}
"""The links with a name."""


def register(presets: Mapping[str, Preset]) -> None:
    """Gives links their names."""
    PRESETS.update(presets)
    for name, both in presets.items():
        LinkConfig.presets[f"{name}.uplink"] = both.uplink
        LinkConfig.presets[f"{name}.downlink"] = both.downlink


register(
    {
        "nb_iot": NB_IOT,
        **{f"lora_sf{factor}": _lora(factor) for factor in _LORA_EU868_BYTES},
        "lte": LTE,
        "lte_cell_edge": LTE_CELL_EDGE,
        "wifi": WIFI,
        "satellite_geo": SATELLITE_GEO,
        "satellite_leo": SATELLITE_LEO,
        "iridium_sbd": IRIDIUM_SBD,
    }
)
