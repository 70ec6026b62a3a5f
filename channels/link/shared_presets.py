"""Links with a name whose devices share the air as a base station's scheduler gives it out.

Marked as those of `presets`: (U) a figure from others that we could not read in its source, (I) ours. Each `far` cell
has all of its devices at the edge, behind a wall of 20 dB (I).
"""

from __future__ import annotations

from typing import Any

from channels.link.arq import SelectiveRepeat
from channels.link.base_station import BaseStation
from channels.link.delays import ConstantDelay
from channels.link.link_config import LinkConfig
from channels.link.presets import Preset, register
from channels.link.retransmission_timeout import JacobsonTimer
from channels.link.scheduled import Scheduled

_WALL_DB = 20.0
_WALK_M_S = 3 / 3.6
_FADES = "a fade lasts 0.423 over the Doppler shift at 3 km/h (Rappaport, Wireless Communications, 5.4; U)"
_PLACED = (
    "Positions, path loss and shadows by TR 38.901, no layers beside the first, interference of a level (I); the rate "
    "stated is all blocks at CQI 15."
)


def _cell(
    radio: dict[str, Any], up: dict[str, Any], down: dict[str, Any], idle_access_s: float, delay_s: float, source: str
) -> tuple[Preset, Preset]:
    """A cell with its devices spread over it, and one with all at its edge. `radio`: fields of the rate that both ways
    share; `up`, `down`: further ones of rate and sharing."""
    coherence_s = round(0.423 * 299_792_458 / (_WALK_M_S * radio["frequency_hz"]), 4)
    both = {
        "delay": ConstantDelay(delay_s=delay_s),
        "mtu_bits": 12_000,
        "arq": SelectiveRepeat(timeout_s=0.2, timer=JacobsonTimer(), backoff=2, ack_bits=40),
    }
    text = f"{source} {_PLACED} Control plane {1e3 * idle_access_s:g} ms from idle (U), 10 s after the last packet."
    presets = []
    for far, about in ((False, text), (True, "As the cell, all at its edge behind a wall of 20 dB (I).")):
        place = {"distance_m": radio["radius_m"]} if far else {}
        loss_db = radio["extra_loss_db"] + far * _WALL_DB
        uplink, downlink = (
            LinkConfig.model_validate(
                {
                    **both,
                    **({"idle_access_s": idle_access_s, "idle_after_s": 10} if way is up else {}),
                    "rate": BaseStation.model_validate(
                        radio | way["rate"] | place | {"extra_loss_db": loss_db, "coherence_s": coherence_s}
                    ),
                    "sharing": Scheduled.model_validate(way["sharing"]),
                }
            )
            for way in (up, down)
        )
        presets.append(Preset(uplink, downlink, about))
    return presets[0], presets[1]


LTE_CELL = _cell(
    radio={"surroundings": "uma", "frequency_hz": 2e9, "radius_m": 289, "blocks": 50, "extra_loss_db": -15},
    up={
        "rate": {"overhead": 1 - 12 / 14 * 46 / 50},
        "sharing": {"request_period_s": 0.01, "grant_s": 0.007, "harq_s": 0.007, "attempts": 4},
    },
    down={
        "rate": {"overhead": 0.25, "power_dbm": 46, "target_dbm": None, "noise_figure_db": 9, "interference_db": 30},
        "sharing": {"request_period_s": 0, "grant_s": 0.001, "harq_s": 0.007, "attempts": 4},
    },
    idle_access_s=0.1,
    delay_s=0.004,
    source="LTE, 10 MHz at 2 GHz, sites 500 m apart: 50 blocks in slots of 1 ms; up 2 symbols of 14 are pilots and 4 "
    "blocks control (I), down a quarter (I). Device 23 dBm, base station 46 dBm, 15 dBi, noise figures 9 and 5 dB (TR "
    "36.942; U), P0 -80 dBm and alpha 0.8 (I), two antennas. A scheduling request every 10 ms (I); 3 ms until the base "
    "station has decided, 1 of grant, 3 of the device (TR 36.912, B.2; U). HARQ: a tenth fails, again after 8 ms, 4 "
    f"attempts (U); {_FADES}; 3 ms to decode and 1 of core network (I).",
)
NR_CELL = _cell(
    radio={
        "surroundings": "uma", "frequency_hz": 3.5e9, "radius_m": 289, "blocks": 273, "subcarrier_hz": 30_000,
        "extra_loss_db": -23,
    },
    up={
        "rate": {"pattern": "00001", "overhead": 0.08},
        "sharing": {"request_period_s": 0.01, "grant_s": 0.0015, "harq_s": 0.0015, "attempts": 4},
    },
    down={
        "rate": {"pattern": "11100", "overhead": 0.14, "power_dbm": 51, "target_dbm": None, "noise_figure_db": 7,
                 "interference_db": 30},
        "sharing": {"request_period_s": 0, "grant_s": 0.0005, "harq_s": 0.0015, "attempts": 4},
    },
    idle_access_s=0.02,
    delay_s=0.0015,
    source="5G NR, 100 MHz at 3.5 GHz, sites 500 m apart: 273 blocks at 30 kHz (TS 38.101-1, 5.3.2), slots of 0.5 ms "
    "as DDDSU, the special one unused (I); overhead 8% and 14% (TS 38.306, 4.1.2). Device 23 dBm, base station 44 dBm "
    "in 20 MHz, noise figures 7 and 5 dB (ITU-R M.2412, 4 GHz; U), a beam of 23 dBi (I), P0 -80 dBm and alpha 0.8 (I). "
    "A scheduling request every 10 ms (I), 1.5 ms to its grant and slot (I); HARQ: a tenth fails, 4 attempts, next "
    f"uplink slot after 1.5 ms (I); {_FADES}; 0.5 ms to decode and 1 of core network (I).",
)  # fmt: skip

register(
    {
        "lte_cell": LTE_CELL[0],
        "lte_cell_far": LTE_CELL[1],
        "nr_cell": NR_CELL[0],
        "nr_cell_far": NR_CELL[1],
    }
)
