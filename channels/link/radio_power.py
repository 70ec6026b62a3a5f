"""Power of a device's radio in each of its states, each figure with its source.

Idle, it listens for its page now and then (`idle_w`). A packet makes it connect (`promotion_s` at `promotion_w`); while
it sends or receives it draws `transmit_w` or `receive_w` and some joules for each bit; then it stays connected and
listens, less and less often (connected DRX), until it gives the connection up: the steps of `tail`. These are the
states of Huang et al. 2012 (MobiSys, sections 3 and 4), with mean watts in place of the cycles of DRX.

The figures are of the radio alone. A state without a figure counts as nothing, so that what follows is a lower bound.
(U): not read in the source by us, check it before you build on it; (P): read there; (D): derived from it.
"""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from kinds import Part

RadioName = Literal["nb_iot", "lora_13dbm", "lora_20dbm", "lte", "wifi"]
RADIO_NEEDED: Final = "{transmit_w: 1.3, receive_w: 1.3, tail: [[1.06, 11.6]]}"


class Connection(NamedTuple):
    """Cost of a connection: `set_up_j` joules once, and `watts` from the first packet until `tail_s` after the last,
    with or without a packet on the air. One with an endless tail ends with the others."""

    watts: float
    tail_s: float
    set_up_j: float


class OnAir(NamedTuple):
    """Cost of a packet on the air beyond the connection: watts for as long as it lasts, and joules for each bit."""

    watts: float
    j_per_bit: float = 0.0


_Watts = Annotated[float, Field(ge=0, le=1e4, allow_inf_nan=False)]


class Radio(Part):
    """The states of a radio: watts, joules a bit and seconds."""

    name: str = Field("given", min_length=1, description="what `sqsim list powers` calls it")
    transmit_w: _Watts = Field(description="while it sends, the connection included")
    receive_w: _Watts = Field(description="while it receives, likewise")
    transmit_j_per_bit: float = Field(0.0, ge=0, le=1, description="and for each bit sent")
    receive_j_per_bit: float = Field(0.0, ge=0, le=1, description="and for each bit received")
    promotion_s: float = Field(0.0, ge=0, le=1e4, description="how long it takes to connect; the packet does not wait")
    promotion_w: _Watts = Field(0.0, description="meanwhile")
    tail: tuple[tuple[float, float], ...] = Field(
        (),
        description="steps [watts, until_s]: what a connection without a packet on the air draws, up to so many "
        "seconds after the last; the last step ends it",
    )
    idle_w: _Watts = Field(0.0, description="between two connections: it listens for its page")
    least_share: float = Field(1.0, gt=0, le=1, description="all is known to lie between this share of it and all")
    source: str = Field("user", description="where the figures come from")

    @model_validator(mode="after")
    def _steps_follow(self) -> Self:
        if any(not (0 <= watts <= 1e4 and until_s < 1e6) for watts, until_s in self.tail) or any(
            one >= other for (_, one), (_, other) in pairwise([(0.0, 0.0), *self.tail])
        ):
            raise ValueError("tail: must be steps [watts, until_s], the first after 0 s, each later than the last")
        if not self.tail and (self.idle_w or self.promotion_w):
            raise ValueError("tail: must be given where idle_w or promotion_w is, or nothing says when it is idle")
        return self

    @property
    def promotion_j(self) -> float:
        """Joules to connect."""
        return self.promotion_s * self.promotion_w

    @property
    def tail_s(self) -> float:
        """Time after its last packet until it is idle."""
        return self.tail[-1][1] if self.tail else 0.0

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The tail as connections that draw on top of each other, the longest first; to listen when idle has no end."""
        below = [(self.idle_w, inf, 0.0), *((*step, 0.0) for step in reversed(self.tail))]
        steps = [
            Connection(watts - under, until_s, self.promotion_j if until_s == self.tail_s else 0.0)
            for (under, *_), (watts, until_s, _) in pairwise(below)
        ]
        return (*steps, *([Connection(*below[0])] if self.idle_w else []))

    def on_air(self, sends: bool) -> OnAir:
        """The draw of a packet that the device sends, or receives, beyond the connection's."""
        watts = (self.transmit_w if sends else self.receive_w) - (self.tail[0][0] if self.tail else self.idle_w)
        return OnAir(watts, self.transmit_j_per_bit if sends else self.receive_j_per_bit)

    def tail_j(self, gap_s: float = inf) -> float:
        """Joules of the tail in a gap of so long between two packets."""
        steps = pairwise([(0.0, 0.0), *self.tail])
        return sum(watts * max(0.0, min(gap_s, until_s) - from_s) for (_, from_s), (watts, until_s) in steps)

    def packet_j(self, air_s: float, bits: float, gap_s: float | None = None, *, sends: bool = True) -> float:
        """Joules of one packet alone, promotion + transfer + tail; of each of equal ones `gap_s` apart, whose next
        finds the radio connected, or idle and listening for the rest of the gap."""
        draw = self.on_air(sends)
        level_w = self.tail[0][0] if self.tail else self.idle_w
        joules = (draw.watts + level_w) * air_s + draw.j_per_bit * bits + self.tail_j(inf if gap_s is None else gap_s)
        if gap_s is None or gap_s > self.tail_s:
            joules += self.promotion_j + self.idle_w * (0.0 if gap_s is None else gap_s - self.tail_s)
        return joules


_HUANG = "Huang et al. 2012, MobiSys, power model of"
_SX1276 = "Semtech SX1276 data sheet at 3.3 V: 10.8 mA in, and out"
_LTE = (
    f"{_HUANG} 4G LTE: 1,288 mW and 438.39 mW a Mbit/s up, 51.97 down; connected 1,060 mW, until 11.576 s after "
    "the last packet; 0.2601 s at 1,210.7 mW to connect (U: as three others repeat them)"
)
_NARAYANAN = "Narayanan et al. 2021, SIGCOMM, a phone in the United States"
_FITTED = (
    "lines fitted by us to power over rate (P: github.com/SIGCOMM21-5G/artifact, MN-Transfer_combined.csv, {}), less "
    "2.19 to 2.63 W of screen and system (D: from the shares of the radio that digests repeat); connected"
)
_NO_SET_UP = "to connect and to listen when idle: no figure"


def _radio(name: str, transmit_w: float, receive_w: float, source: str, **more: object) -> tuple[str, Radio]:
    fields = {"name": name, "transmit_w": transmit_w, "receive_w": receive_w, "source": source, **more}
    return name, Radio.model_validate(fields)


RADIOS: Final[dict[str, Radio]] = dict((
    _radio("nb_iot", 0.5, 0.08, "3GPP TR 45.820, cellular IoT at 23 dBm (U); asleep in between (I)"),
    _radio("lora_13dbm", 0.0957, 0.0356, f"{_SX1276} 29 mA at 13 dBm (U); asleep in between, as class A is"),
    _radio("lora_20dbm", 0.396, 0.0356, f"{_SX1276} 120 mA at 20 dBm (U); asleep in between, as class A is"),
    _radio(
        "lte", 1.28804, 1.28804, _LTE, transmit_j_per_bit=0.43839e-6, receive_j_per_bit=0.05197e-6,
        promotion_s=0.2601, promotion_w=1.2107, tail=[[1.060, 11.576]],
    ),
    _radio(
        "lte_drx", 1.28804, 1.28804,
        f"{_LTE}; of that 0.1 s without DRX, as while it sends (I), 1 ms in 20 at 1,680.2 mW for 0.02 s, then 1 in "
        "40.1; idle, 43.2 ms in 1,280.2 at 594.3 mW (U)",
        transmit_j_per_bit=0.43839e-6, receive_j_per_bit=0.05197e-6, promotion_s=0.2601, promotion_w=1.2107,
        tail=[[1.28804, 0.1], [1.0910, 0.12], [1.0755, 11.576]], idle_w=0.02005,
    ),
    _radio(
        "lte_2021", 0.74, 0.65,
        f"{_NARAYANAN}, 4G: {_FITTED.format('LTE')} 178 mW (U) for 10.2 s (P: RRC-Probe there); {_NO_SET_UP}",
        transmit_j_per_bit=76.7e-9, receive_j_per_bit=11.5e-9, tail=[[0.178, 10.2]], least_share=0.32,
    ),
    _radio(
        "nr_nsa_low_band", 1.01, 0.87,
        f"{_NARAYANAN}, 5G NR low-band beside LTE: {_FITTED.format('NSALow')} 249 mW (U) for 10.2 s (P: RRC-Probe "
        f"there); {_NO_SET_UP}",
        transmit_j_per_bit=32.2e-9, receive_j_per_bit=11.5e-9, tail=[[0.249, 10.2]], least_share=0.49,
    ),
    _radio(
        "nr_nsa_mmwave", 3.47, 3.05,
        f"{_NARAYANAN}, 5G NR mmWave beside LTE: {_FITTED.format('mmwave')} 1,092 mW (U) for 11.2 s (P: RRC-Probe "
        f"there); {_NO_SET_UP}",
        transmit_j_per_bit=8.88e-9, receive_j_per_bit=1.73e-9, tail=[[1.092, 11.2]], least_share=0.85,
    ),
    _radio(
        "wifi", 0.13286, 0.13286,
        f"{_HUANG} Wi-Fi: 132.86 mW and 283.17 mW a Mbit/s up, 137.01 down (U: as two others repeat them); connected "
        "119.3 mW, until 0.238 s after the last packet, 0.0791 s at 124.4 mW to wake (U)",
        transmit_j_per_bit=0.28317e-6, receive_j_per_bit=0.13701e-6, promotion_s=0.0791, promotion_w=0.1244,
        tail=[[0.1193, 0.2381]],
    ),
))  # fmt: skip
