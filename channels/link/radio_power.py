"""What a device's radio draws while it sends and while it receives, each figure with its source.

Of the radio alone, between its first bit and its last: what it draws while it listens for nothing, wakes or keeps a
connection is no part of it. (U): not read in the source by us, check it before you build on it.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

RadioName = Literal["nb_iot", "lora_13dbm", "lora_20dbm", "lte_1mbps", "wifi_1mbps"]


class Radio(NamedTuple):
    """Watts."""

    transmit_w: float
    receive_w: float
    source: str


_HUANG = "Huang et al. 2012, MobiSys, 4G LTE power model, base and slope at"
_SX1276 = "Semtech SX1276 data sheet at 3.3 V: 10.8 mA in, and out"

RADIOS: Final[dict[RadioName, Radio]] = {
    "nb_iot": Radio(0.5, 0.08, "3GPP TR 45.820, energy model of cellular IoT at 23 dBm (U)"),
    "lora_13dbm": Radio(0.0957, 0.0356, f"{_SX1276} 29 mA at 13 dBm (U)"),
    "lora_20dbm": Radio(0.396, 0.0356, f"{_SX1276} 120 mA at 20 dBm (U)"),
    "lte_1mbps": Radio(1.726, 1.340, f"{_HUANG} 1 Mbit/s: 1,288 mW, 438 a Mbit/s up, 52 down (U)"),
    "wifi_1mbps": Radio(0.416, 0.270, f"{_HUANG} 1 Mbit/s, Wi-Fi: 133 mW, 283 a Mbit/s up, 137 down (U)"),
}
