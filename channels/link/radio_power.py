"""What a device's radio draws while it sends, while it receives and, where it keeps a connection, in between; each
figure with its source.

These figures are of the radio alone. A radio without a `connection` here draws something in between too, of which we
have no figure: what it takes to listen for nothing, to wake or to stay connected is no part of it. (U): not read in the
source by us, check it before you build on it.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

RadioName = Literal["nb_iot", "lora_13dbm", "lora_20dbm", "lte", "wifi"]


class Connection(NamedTuple):
    """What it costs to be connected: `set_up_j` joules once, and `watts` from the first packet until `tail_s` after the
    last, with or without a packet on the air."""

    watts: float
    tail_s: float
    set_up_j: float


class OnAir(NamedTuple):
    """What a packet on the air costs beyond the connection: watts for as long as it lasts, and joules for each bit."""

    watts: float
    j_per_bit: float = 0.0


class Radio(NamedTuple):
    """Watts with a packet on the air, the connection's included, and joules for each of its bits."""

    transmit_w: float
    receive_w: float
    source: str
    transmit_j_per_bit: float = 0.0
    receive_j_per_bit: float = 0.0
    connection: Connection | None = None

    def on_air(self, sends: bool) -> OnAir:
        """The draw of a packet that the device sends, or receives."""
        watts = (self.transmit_w if sends else self.receive_w) - (self.connection.watts if self.connection else 0.0)
        return OnAir(watts, self.transmit_j_per_bit if sends else self.receive_j_per_bit)


_HUANG = "Huang et al. 2012, MobiSys, power model of"
_SX1276 = "Semtech SX1276 data sheet at 3.3 V: 10.8 mA in, and out"

RADIOS: Final[dict[RadioName, Radio]] = {
    "nb_iot": Radio(0.5, 0.08, "3GPP TR 45.820, cellular IoT at 23 dBm (U); asleep in between (I)"),
    "lora_13dbm": Radio(0.0957, 0.0356, f"{_SX1276} 29 mA at 13 dBm (U); asleep in between, as class A is"),
    "lora_20dbm": Radio(0.396, 0.0356, f"{_SX1276} 120 mA at 20 dBm (U); asleep in between, as class A is"),
    "lte": Radio(
        1.28804, 1.28804,
        f"{_HUANG} 4G LTE: 1,288 mW and 438.39 mW a Mbit/s up, 51.97 down; connected 1,060 mW, until 11.576 s after "
        "the last packet; 0.2601 s at 1,210.7 mW to connect (U: as three others repeat them)",
        0.43839e-6, 0.05197e-6, Connection(1.060, 11.576, 0.2601 * 1.2107),
    ),
    "wifi": Radio(
        0.13286, 0.13286,
        f"{_HUANG} Wi-Fi: 132.86 mW and 283.17 mW a Mbit/s up, 137.01 down (U: as two others repeat them); connected "
        "119.3 mW, until 0.238 s after the last packet, 0.0791 s at 124.4 mW to wake (U)",
        0.28317e-6, 0.13701e-6, Connection(0.1193, 0.2381, 0.0791 * 0.1244),
    ),
}  # fmt: skip
