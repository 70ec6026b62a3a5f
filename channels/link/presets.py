"""Links with a name: figures from standards, each cited. `uplink: nb_iot.uplink` in a cell, or with fields changed
`uplink: {preset: nb_iot.uplink, header_bits: 0}`; what is written out is the full link.

Rates are those of the standard; where it leaves a figure open (access waits, losses) ours is marked (I): change it.
Sizes of headers are those of the link layer plus what this project adds (96 bits of session, round, fragment and
check; 320 with IPv4 and UDP).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from channels.link.arq import SelectiveRepeat, StopAndWait
from channels.link.delays import ConstantDelay, Jitter
from channels.link.link_config import LinkConfig
from channels.link.losses import Bernoulli, NoLoss
from channels.link.markov import MarkovPerMessage
from channels.link.rates import ConstantRate
from channels.link.shaping import DutyCycle
from channels.link.sharing import Fifo, Own
from channels.link.timers import JacobsonTimer


@dataclass(frozen=True)
class Preset:
    """Both directions of a link, and where the figures come from."""

    uplink: LinkConfig
    downlink: LinkConfig
    source: str


_GEO_S, _LEO_S, _IRIDIUM_S = 0.27073, 0.012885, 0.1
_LORA_EU868 = {7: (5_470, 222), 8: (3_125, 222), 9: (1_760, 115), 10: (980, 51), 11: (440, 51), 12: (250, 51)}
"""Bits per second and largest payload in bytes of each spreading factor at 125 kHz, DR5 down to DR0."""
_ADAPTIVE = JacobsonTimer()

NB_IOT = Preset(
    uplink=LinkConfig(
        rate=ConstantRate(bps=16_900),
        delay=ConstantDelay(delay_s=0.01),
        access_s=0.3,
        mtu_bits=1_000,
        header_bits=96,
        arq=StopAndWait(timeout_s=0.2),
    ),
    downlink=LinkConfig(
        rate=ConstantRate(bps=26_000),
        delay=ConstantDelay(delay_s=0.01),
        mtu_bits=680,
        header_bits=96,
        arq=StopAndWait(),
    ),
    source="3GPP Release 13 category NB1: single tone of 15 kHz 16.9 kbit/s up and about 26 kbit/s down sustained; "
    "transport blocks of at most 1000 bits up, 680 down (TS 36.213). Random access about 0.3 s, delays (I).",
)
LTE_CELL_EDGE = Preset(
    uplink=LinkConfig(
        rate=ConstantRate(bps=300_000),
        loss=Bernoulli(probability=0.001),
        delay=Jitter(delay_s=0.01, jitter_s=0.005),
        access_s=0.01,
        mtu_bits=12_000,
        arq=SelectiveRepeat(timeout_s=0.2, timer=_ADAPTIVE, backoff=2),
    ),
    downlink=LinkConfig(
        rate=ConstantRate(bps=600_000),
        loss=Bernoulli(probability=0.001),
        delay=Jitter(delay_s=0.01, jitter_s=0.005),
        mtu_bits=12_000,
        arq=SelectiveRepeat(timeout_s=0.2, timer=_ADAPTIVE, backoff=2),
    ),
    source="ITU-R M.2134 cell edge, base coverage urban: 0.03 bit/s/Hz up and 0.06 down, over 10 MHz; user plane 10 "
    "ms. Grant 10 ms, jitter, residual loss 0.1% (I).",
)
_WIFI_EITHER_WAY = LinkConfig(
    rate=ConstantRate(bps=26e6),
    loss=Bernoulli(probability=0.001),
    delay=Jitter(delay_s=0.001, jitter_s=0.001),
    mtu_bits=12_000,
    arq=SelectiveRepeat(timeout_s=0.05, timer=JacobsonTimer(min_s=0.01), backoff=2),
)
WIFI = Preset(
    uplink=_WIFI_EITHER_WAY,
    downlink=_WIFI_EITHER_WAY,
    source="IEEE 802.11n, 20 MHz, one stream, MCS 3: 26 Mbit/s. Contention as 1 ms of mean jitter, residual loss (I).",
)
SATELLITE_GEO = Preset(
    uplink=LinkConfig(
        rate=ConstantRate(bps=100_000),
        delay=ConstantDelay(delay_s=_GEO_S),
        mtu_bits=12_000,
        arq=SelectiveRepeat(timeout_s=1.0, window=64, timer=_ADAPTIVE, backoff=2),
    ),
    downlink=LinkConfig(
        rate=ConstantRate(bps=1e6),
        delay=ConstantDelay(delay_s=_GEO_S),
        mtu_bits=12_000,
        arq=SelectiveRepeat(timeout_s=1.0, window=64, timer=_ADAPTIVE, backoff=2),
    ),
    source="3GPP TR 38.821: transparent GEO, 541.46 ms at most for the round trip; TS 22.261, table 7.4.2-1, "
    "pedestrian: 100 kbit/s up, 1 Mbit/s down.",
)
SATELLITE_LEO = Preset(
    uplink=LinkConfig(
        rate=ConstantRate(bps=100_000),
        delay=ConstantDelay(delay_s=_LEO_S),
        mtu_bits=12_000,
        arq=SelectiveRepeat(timer=_ADAPTIVE, backoff=2),
    ),
    downlink=LinkConfig(
        rate=ConstantRate(bps=1e6),
        delay=ConstantDelay(delay_s=_LEO_S),
        mtu_bits=12_000,
        arq=SelectiveRepeat(timer=_ADAPTIVE, backoff=2),
    ),
    source="3GPP TR 38.821: transparent LEO at 600 km, 25.77 ms at most for the round trip; TS 22.261, table 7.4.2-1, "
    "pedestrian: 100 kbit/s up, 1 Mbit/s down.",
)
IRIDIUM_SBD = Preset(
    uplink=LinkConfig(
        rate=ConstantRate(bps=2_400),
        delay=ConstantDelay(delay_s=_IRIDIUM_S),
        access_s=4.5,
        mtu_bits=340 * 8,
        header_bits=96,
        arq=StopAndWait(timeout_s=1.0),
        sharing=Own(),
    ),
    downlink=LinkConfig(
        rate=ConstantRate(bps=2_400),
        delay=ConstantDelay(delay_s=_IRIDIUM_S),
        mtu_bits=270 * 8,
        header_bits=96,
        arq=StopAndWait(timeout_s=1.0),
        sharing=Own(),
    ),
    source="Iridium Short Burst Data: 2.4 kbit/s channel, messages of at most 340 bytes up and 270 down (9602 modem); "
    "about 5 s for one of 70 bytes (NAL Research), of which 0.23 s on the air; the rest is the wait for a session. "
    "Down without such a wait, as if in the open session; 0.1 s of satellites and gateway (I).",
)
Q_S = Preset(
    uplink=LinkConfig(
        rate=MarkovPerMessage(),
        loss=NoLoss(),
        delay=ConstantDelay(delay_s=0),
        header_bits=0,
        arq=StopAndWait(),
        sharing=Own(),
    ),
    downlink=LinkConfig(
        rate=ConstantRate(bps=inf), delay=ConstantDelay(delay_s=0), header_bits=0, arq=StopAndWait(), sharing=Fifo()
    ),
    source="arXiv 2507.00605: 2 or 6 Mbit/s, redrawn each round with one half; no propagation, no headers, "
    "free downlink.",
)


def _lora(factor: int) -> Preset:
    """LoRaWAN in Europe at a spreading factor of 7 to 12."""
    bps, payload_bytes = _LORA_EU868[factor]
    frame_bits = 13 * 8
    mtu_bits, header_bits, arq = frame_bits + payload_bytes * 8, frame_bits + 96, StopAndWait(timeout_s=1.1)
    return Preset(
        uplink=LinkConfig(
            rate=DutyCycle(bps=bps, duty=0.01),
            loss=Bernoulli(probability=0.01),
            delay=ConstantDelay(delay_s=0.001),
            mtu_bits=mtu_bits,
            header_bits=header_bits,
            arq=arq,
            sharing=Own(),
        ),
        downlink=LinkConfig(
            rate=ConstantRate(bps=bps),
            delay=ConstantDelay(delay_s=1.0),
            mtu_bits=mtu_bits,
            header_bits=header_bits,
            arq=arq,
        ),
        source=f"LoRaWAN Regional Parameters EU868: DR{12 - factor} = SF{factor} at 125 kHz, {bps} bit/s, at most "
        f"{payload_bytes} bytes behind 13 of header, RX1 window 1 s after the uplink (the downlink's delay); duty "
        "cycle 1%, ETSI EN 300 220. Loss 1%; a device that always listens (class C), and a gateway without a duty "
        "cycle of its own (I).",
    )


PRESETS = {
    "nb_iot": NB_IOT,
    **{f"lora_sf{factor}": _lora(factor) for factor in _LORA_EU868},
    "lte_cell_edge": LTE_CELL_EDGE,
    "wifi": WIFI,
    "satellite_geo": SATELLITE_GEO,
    "satellite_leo": SATELLITE_LEO,
    "iridium_sbd": IRIDIUM_SBD,
    "q_s": Q_S,
}
"""The links with a name."""

for _name, _preset in PRESETS.items():
    LinkConfig.presets[f"{_name}.uplink"] = _preset.uplink
    LinkConfig.presets[f"{_name}.downlink"] = _preset.downlink
