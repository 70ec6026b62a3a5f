"""Bits that one base station's resource blocks carry for each of its devices, slot by slot.

The mean signal-to-noise ratio of a device in a resource block follows from where it is: path loss, line of sight and
log-normal shadowing of 3GPP TR 38.901 (tables 7.4.1-1 and 7.4.2-1: urban macro UMa, urban micro UMi), power control (TS
38.213, 7.1.1, without its corrections) and thermal noise. Rayleigh block fading gives the ratio of the moment, alike in
all blocks, and the table of channel quality indicators (TS 36.213, table 7.2.3-1; TS 38.214, table 5.2.2.1-2: 64QAM)
the bits of a block. Left out: frequency-selective fades, interference from other cells that comes and goes, several
layers, and 256QAM. A device moves no farther than a fade.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from math import ceil, exp, hypot, log1p, log10, sqrt
from typing import ClassVar, Final, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from channels.link.rates import ROUNDING_S, Curve, Position, Rate
from channels.link.rayleigh import SHORTEST_FADE_S
from channels.uniforms import Uniforms

EFFICIENCIES: Final = (
    0.1523, 0.2344, 0.3770, 0.6016, 0.8770, 1.1758, 1.4766, 1.9141, 2.4063, 2.7305, 3.3223, 3.9023, 4.5234, 5.1152,
    5.5547,
)  # fmt: skip
"""Bits a symbol of CQI 1 to 15 (TS 36.213, table 7.2.3-1)."""
CQI_SNR_DB: Final = (
    -6.7, -4.7, -2.3, 0.2, 2.4, 4.3, 5.9, 8.1, 10.3, 11.7, 14.1, 16.3, 18.7, 21.0, 22.7,
)  # fmt: skip
"""Ratios from which on each is used with a tenth of its blocks lost: in use among LTE simulators, not in a standard."""
_CQI_SNR: Final = tuple(10 ** (db / 10) for db in CQI_SNR_DB)
_CARRIERS, _SYMBOLS = 12, 14
"""Subcarriers and symbols of a resource block in a slot, normal cyclic prefix."""
_DEVICE_M: Final = 1.5
_LIGHT_M_S: Final = 299_792_458.0
_NOISE_DBM_HZ: Final = -174.0
_WHERE, _SIGHT, _SHADOW, _FADES = range(4)
"""The random numbers of a device."""


class _Surroundings(NamedTuple):
    """TR 38.901, tables 7.2-1, 7.4.1-1 and 7.4.2-1; dB, metres and GHz, logarithms to base 10."""

    height_m: float
    """Height of the base station."""
    nearest_m: float
    sight: tuple[float, float, float]
    """Path loss in line of sight: at 1 m and 1 GHz, by distance, and by the break point that 40 log d then starts
    from."""
    none: tuple[float, float, float]
    """Path loss without it: at 1 m and 1 GHz, by distance and by frequency; a device is 1.5 m high."""
    shadow_db: tuple[float, float]
    """Shadowing without line of sight, and in it."""
    sight_m: float
    """Distance over which line of sight is lost."""


SURROUNDINGS: Final = {
    "uma": _Surroundings(25, 35, (28.0, 22.0, 9.0), (13.54, 39.08, 20.0), (6.0, 4.0), 63),
    "umi": _Surroundings(10, 10, (32.4, 21.0, 9.5), (22.4, 35.3, 21.3), (7.82, 4.0), 36),
}


def path_loss_db(surroundings: str, distance_m: float, frequency_hz: float, in_sight: bool) -> float:
    """The path loss over this distance on the ground to a device 1.5 m high, dB (TR 38.901, table 7.4.1-1)."""
    place = SURROUNDINGS[surroundings]
    apart_m, decades = hypot(distance_m, place.height_m - _DEVICE_M), log10(frequency_hz / 1e9)
    at_1_m, slope, bend = place.sight
    break_m = 4 * (place.height_m - 1) * (_DEVICE_M - 1) * frequency_hz / _LIGHT_M_S
    if distance_m <= break_m:
        sight_db = at_1_m + slope * log10(apart_m) + 20 * decades
    else:
        bend_db = bend * log10(break_m**2 + (place.height_m - _DEVICE_M) ** 2)
        sight_db = at_1_m + 40 * log10(apart_m) + 20 * decades - bend_db
    if in_sight:
        return sight_db
    at_1_m, slope, by_frequency = place.none
    return max(sight_db, at_1_m + slope * log10(apart_m) + by_frequency * decades)


def sight_probability(surroundings: str, distance_m: float) -> float:
    """Returns the probability that a device 1.5 m high is in line of sight over this distance on the ground (TR 38.901,
    table 7.4.2-1)."""
    near_m, decay_m = 18.0, SURROUNDINGS[surroundings].sight_m
    if distance_m <= near_m:
        return 1.0
    return near_m / distance_m + exp(-distance_m / decay_m) * (1 - near_m / distance_m)


def efficiency(snr: float) -> float:
    """Bits a symbol at this ratio, a factor: that of the CQI; below the first in proportion, as if it were repeated."""
    cqi = bisect_right(_CQI_SNR, snr)
    return EFFICIENCIES[cqi - 1] if cqi else EFFICIENCIES[0] * snr / _CQI_SNR[0]


class BaseStation(Rate):
    """Resource blocks whose bits depend on device and slot: of one base station, given out by sharing `scheduled`."""

    kind: Literal["base_station"] = "base_station"
    in_slots: ClassVar[bool] = True
    surroundings: Literal["uma", "umi"] = Field("uma", description="Urban macro or micro, TR 38.901.")
    frequency_hz: float = Field(2e9, ge=5e8, le=1e11, description="Carrier frequency, Hz (TR 38.901: 0.5 to 100 GHz).")
    radius_m: float = Field(
        289.0, gt=0, le=5_000, description="Devices are spread evenly over the ground to this distance, metres."
    )
    distance_m: float | None = Field(
        None, gt=0, le=5_000, description="All devices are at this distance, metres; null: spread over the cell."
    )
    shadow: bool = Field(True, description="Whether each device has a log-normal shadow of its own.")
    extra_loss_db: float = Field(0.0, ge=-80, le=80, description="Walls, body and cables less the antennas' gains, dB.")
    blocks: int = Field(50, ge=1, le=275, description="Resource blocks of 12 subcarriers (LTE, 10 MHz: 50).")
    subcarrier_hz: Literal[15_000, 30_000, 60_000, 120_000, 240_000] = Field(
        15_000, description="Subcarrier spacing, Hz; a slot of 14 symbols lasts 1 ms at 15 kHz, half as long at 30, ..."
    )
    pattern: str = Field(
        "1",
        pattern="^[01]*1[01]*$",
        max_length=1_000,
        description="Which slots carry this way, over and over (time division: 00001 for the uplink of DDDSU).",
    )
    overhead: float = Field(
        0.08,
        ge=0,
        lt=1,
        description="Share of a block's symbols for pilots and control (TS 38.306, 4.1.2: 0.08 up and 0.14 down below "
        "6 GHz, 0.10 and 0.18 above).",
    )
    power_dbm: float = Field(23.0, ge=-40, le=80, description="The sender's highest power, dBm.")
    target_dbm: float | None = Field(
        -80.0,
        ge=-202,
        le=24,
        description="Power control: power of a block of 180 kHz at no path loss, P0, dBm; null: all of it, spread over "
        "all blocks, as a base station does.",
    )
    compensated: float = Field(0.8, ge=0, le=1, description="Share alpha of the path loss that power control adds.")
    noise_figure_db: float = Field(5.0, ge=0, le=30, description="The receiver's, dB.")
    interference_db: float = Field(3.0, ge=0, le=60, description="By how much other cells raise the noise, dB.")
    antennas: int = Field(2, ge=1, le=64, description="Receiving antennas whose fades are apart, combined (MRC).")
    coherence_s: float = Field(
        0.02, ge=SHORTEST_FADE_S, allow_inf_nan=False, description="Time that one fade lasts, seconds."
    )

    @model_validator(mode="after")
    def _devices_are_far_enough(self) -> Self:
        nearest_m = SURROUNDINGS[self.surroundings].nearest_m
        for field, value in (("radius_m", self.radius_m), ("distance_m", self.distance_m)):
            if value is not None and value < nearest_m:
                raise ValueError(f"{field} = {value:g}: must be at least {nearest_m:g} m in {self.surroundings}")
        return self

    @property
    def slot_s(self) -> float:
        """Duration of a slot, in seconds."""
        return 15 / self.subcarrier_hz

    @property
    def fastest_bps(self) -> float:
        """Rate of all blocks of all its slots at the highest CQI, over whole patterns."""
        share = self.pattern.count("1") / len(self.pattern)
        return self.blocks * self._bits(EFFICIENCIES[-1]) * share / self.slot_s

    def curve(self, uniforms: Uniforms) -> BlockBits:
        return BlockBits(self, uniforms)

    def _bits(self, efficiency: float) -> float:
        return efficiency * _CARRIERS * _SYMBOLS * (1 - self.overhead)


class BlockBits(Curve):
    """The bits of a resource block by device and slot, a pure function of both. Slots are those that carry this way,
    numbered from 0."""

    def __init__(self, rate: BaseStation, uniforms: Uniforms) -> None:
        self.blocks = rate.blocks
        self._rate = rate
        self._places = self._uniforms = uniforms
        self._offsets = [place for place, mark in enumerate(rate.pattern) if mark == "1"]
        self._devices: dict[int, tuple[float, int, Uniforms]] = {}
        self._fades: dict[int, tuple[int, float]] = {}

    def place(self, uniforms: Uniforms) -> None:
        self._places = uniforms

    def begin_s(self, slot: int) -> float:
        """Returns the beginning of a slot, in seconds."""
        turn, place = divmod(slot, len(self._offsets))
        return (turn * len(self._rate.pattern) + self._offsets[place]) * self._rate.slot_s

    def end_s(self, slot: int) -> float:
        """Returns the end of a slot, in seconds."""
        turn, place = divmod(slot, len(self._offsets))
        return (turn * len(self._rate.pattern) + self._offsets[place] + 1) * self._rate.slot_s

    def slot_from(self, time_s: float) -> int:
        """The first slot that begins at that time or later."""
        turn, place = divmod(ceil((time_s - ROUNDING_S) / self._rate.slot_s), len(self._rate.pattern))
        return turn * len(self._offsets) + bisect_left(self._offsets, place)

    def slots_in(self, period_s: float) -> int:
        """Returns the number of slots in a period, at least 1."""
        every_s = self._rate.slot_s * len(self._rate.pattern) / len(self._offsets)
        return max(1, round(period_s / every_s))

    def snr(self, device: int) -> float:
        """The mean ratio of one antenna in a block of a device, as a factor."""
        return self._placed(device)[0]

    def most_blocks(self, device: int) -> int:
        """Returns the number of blocks for which a device's power is enough, at least 1."""
        return self._placed(device)[1]

    def block_bits(self, device: int, slot: int) -> float:
        """Returns the bits that a block carries for a device in a slot."""
        fade = int((self.begin_s(slot) + ROUNDING_S) / self._rate.coherence_s)
        known = self._fades.get(device)
        if known is None or known[0] != fade:
            snr, _, uniforms = self._placed(device)
            gain = -sum(log1p(-uniforms.uniform(fade, antenna)) for antenna in range(self._rate.antennas))
            known = self._fades[device] = fade, self._rate._bits(efficiency(snr * gain))
        return known[1]

    def _placed(self, device: int) -> tuple[float, int, Uniforms]:
        if device not in self._devices:
            rate = self._rate
            loss_db = rate.extra_loss_db + _position_loss_db(rate, self._places.under(device))
            most_dbm, blocks = rate.power_dbm, rate.blocks
            if rate.target_dbm is None:
                block_dbm = most_dbm - 10 * log10(blocks)
            else:
                wide_db = 10 * log10(rate.subcarrier_hz / 15_000)
                block_dbm = min(most_dbm, rate.target_dbm + wide_db + rate.compensated * loss_db)
                blocks = min(blocks, int(10 ** ((most_dbm - block_dbm) / 10) + 1e-9))
            noise_dbm = _NOISE_DBM_HZ + 10 * log10(_CARRIERS * rate.subcarrier_hz)
            snr_db = block_dbm - loss_db - noise_dbm - rate.noise_figure_db - rate.interference_db
            self._devices[device] = 10 ** (snr_db / 10), blocks, self._uniforms.under(device, _FADES)
        return self._devices[device]

    def served_bits(self, t0_s: float, t1_s: float) -> float:
        raise AssertionError("I5: what a base station carries, its scheduler decides")

    def finish(self, position: Position, bits: float) -> Position:
        raise AssertionError("I5: what a base station carries, its scheduler decides")


def _position_loss_db(rate: BaseStation, uniforms: Uniforms) -> float:
    """Path loss and shadow of a device, dB."""
    place = SURROUNDINGS[rate.surroundings]
    distance_m = rate.distance_m
    if distance_m is None:
        near, far = place.nearest_m**2, rate.radius_m**2
        distance_m = sqrt(near + uniforms.uniform(_WHERE) * (far - near))
    in_sight = uniforms.uniform(_SIGHT) < sight_probability(rate.surroundings, distance_m)
    shadow_db = place.shadow_db[in_sight] * uniforms.normal(_SHADOW) if rate.shadow else 0.0
    return path_loss_db(rate.surroundings, distance_m, rate.frequency_hz, in_sight) + shadow_db
