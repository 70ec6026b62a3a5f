"""Numbers as people write them, in the unit of their field: `10k`, `10 kbit/s`, `50ms`, `2 MiB`, `10%`.

A field's unit is in its name (`results.units`). Bits are `b` or `bit`, bytes `B`; `k` is a thousand, `Ki` 1,024. A
prefix stands alone where it cannot be misread: `10k` of `bps`, never `10m` of seconds, which might be minutes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from kinds import ConfigError
from kinds.mistakes import shown
from simulator.results.units import unit

_NUMBER: Final = re.compile(r"([-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(\S*(?: \S+)*)")
_LARGE: Final = {"k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
_BINARY: Final = {f"{prefix}i": 1024**power for power, prefix in enumerate(("K", "M", "G", "T"), 1)}


@dataclass(frozen=True)
class Unit:
    """Unit with the endings that its numbers may have, and the worth of each."""

    endings: Mapping[str, Fraction]
    examples: str


def _with_prefixes(
    spelled: Mapping[str, int | Fraction], prefixes: Mapping[str, int], alone: Iterable[str], examples: str
) -> Unit:
    """A unit of these spellings, each with or without a prefix; those of `alone` also without the unit."""
    endings = {prefix: Fraction(_LARGE[prefix]) for prefix in alone}
    for name, worth in spelled.items():
        endings |= {prefix + name: Fraction(factor) * worth for prefix, factor in {"": 1, **prefixes}.items()}
    return Unit(endings, examples)


_SECONDS: Final[Mapping[str, int | Fraction]] = {
    "s": 1, "ms": Fraction(1, 10**3), "us": Fraction(1, 10**6), "µs": Fraction(1, 10**6), "μs": Fraction(1, 10**6),
    "ns": Fraction(1, 10**9), "min": 60, "h": 3600,
}  # fmt: skip
_BITS: Final = {"b": 1, "bit": 1, "bits": 1, "B": 8, "byte": 8, "bytes": 8}
_BYTES: Final = {name: Fraction(bits, 8) for name, bits in _BITS.items()}
_BIT_RATES: Final = {**{f"{name}/s": bits for name, bits in _BITS.items()}, "bps": 1}
_BYTE_RATES: Final = {name: Fraction(bits, 8) for name, bits in _BIT_RATES.items()}
_SIZES: Final = {**_LARGE, **_BINARY}

UNITS: Final[Mapping[str, Unit]] = {
    "s": _with_prefixes(_SECONDS, {}, (), "50ms or 2 min"),
    "bit": _with_prefixes(_BITS, _SIZES, _LARGE, "10k, 1500 B or 2 MiB"),
    "byte": _with_prefixes(_BYTES, _SIZES, _LARGE, "2 or 2 MiB"),
    "bit/s": _with_prefixes(_BIT_RATES, _SIZES, _LARGE, "10k or 10 kbit/s"),
    "byte/s": _with_prefixes(_BYTE_RATES, _SIZES, _LARGE, "68G or 68 GB/s"),
    "FLOP/s": _with_prefixes({"FLOPS": 1, "FLOP/s": 1, "flops": 1}, _LARGE, _LARGE, "10T or 10 TFLOPS"),
    "Hz": _with_prefixes({"Hz": 1}, _LARGE, _LARGE, "15 kHz"),
    "W": _with_prefixes({"W": 1, "mW": Fraction(1, 1000)}, {"k": 1000}, (), "15 W or 500 mW"),
    "dB": _with_prefixes({"dB": 1, "db": 1}, {}, (), "3 dB"),
    "tokens": _with_prefixes({"tokens": 1, "token": 1}, {}, ("k", "K", "M"), "10k"),
    "1/s": _with_prefixes({"/s": 1, "1/s": 1, "/min": Fraction(1, 60), "/h": Fraction(1, 3600)}, {}, (), "2/min"),
    "": _with_prefixes({"%": Fraction(1, 100)}, {}, ("k", "K", "M", "G"), "10k or 10%"),
}
"""Units, by the unit of a field."""


def number(typed: str, field: str) -> int | float | str:
    """Returns the value of `typed` in the unit of `field`, whose dotted name may stand before it; a whole number as
    int.

    If the field has no unit, text that is no number comes back as it is. Raises ConfigError if it cannot be in the
    unit.
    """
    symbol = unit_of(field)
    found = _NUMBER.fullmatch(typed.strip())
    worth = None if found is None else ({"": Fraction(1)} | dict(UNITS[symbol].endings)).get(found[2])
    if found is not None and worth is not None:
        if _beyond_floats(found[1]):
            raise ConfigError(f"{field} = {shown(typed)}: must be a number that a float can hold, at most 1e200")
        value = Fraction(found[1]) * worth
        return int(value) if value.denominator == 1 else float(value)
    if symbol and typed.strip().lstrip("+-.").lower() not in ("inf", "nan", "infinity"):
        raise ConfigError(f"{field} = {shown(typed)}: must be a number of {symbol}, such as {UNITS[symbol].examples}")
    return typed


def _beyond_floats(digits: str) -> bool:
    """True if a number is so large, or so near 0, that as a fraction it could have any number of digits."""
    size, mantissa = abs(float(digits)), re.split("[eE]", digits)[0]
    return size > 1e200 or (size == 0 and any(each.isdigit() and int(each) for each in mantissa))


def unit_of(field: str) -> str:
    """The unit of a field, those of a device's peak figures included."""
    for ending, symbol in (("bytes_per_s", "byte/s"), ("flops_per_s", "FLOP/s")):
        if field.endswith(ending):
            return symbol
    return unit(field) if unit(field) in UNITS else ""
