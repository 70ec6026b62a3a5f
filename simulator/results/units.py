"""Units, read from the last word of a column's or field's name, and quantities as a person writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import PurePath

_UNITS = {
    "s": "s", "bits": "bit", "bps": "bit/s", "tokens": "tokens", "db": "dB", "hz": "Hz", "bytes": "byte", "ratio": "",
    "per_s": "1/s", "j": "J", "w": "W", "usd": "USD", "m": "m", "dbm": "dBm",
}  # fmt: skip
PREFIXED = ("s", "bit/s", "Hz", "J", "W")
"""Units that are written with an engineering prefix: ms, kbit/s, GHz."""
_TWO_WORDS = ("per_million_tokens", "per_gpu_hour", "per_device_month")
"""Quantities per which a number may be, in more than one word."""
_SPELLED = {"tv": "TV", "snr": "SNR", "out": "outage", "kv": "KV", "mtu": "MTU", "usd": "USD", "j": "J"}
_SYMBOLS = {"max_drafts": "L", "k": "K", "resolution": "ell", "initial": "beta_1", "step": "eta", "target": "alpha"}
_TITLES = {"padded_to_bits": "padding multiple", "edge.latency.speed": "drafter's speed"}
_FILES = ("path", "prompts")
"""Fields that name a file."""
MOST = 10_000
"""Numbers in one unit with others stay below it."""
_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))


def unit(name: str) -> str:
    """The unit of a column or field (`latency_per_token_s` -> `s`); empty for a plain number."""
    name = name.rsplit(".", 1)[-1]
    for ending in _TWO_WORDS:
        name = name.replace(ending, "per_one")
    words = name.split("_")
    if len(words) < 2 and words[0] != "bps":
        return ""
    if words[-2:] == ["per", "s"]:
        return "1/s"
    if len(words) > 2 and words[-2] == "per":  # bits_per_token: bits, of which there are so many a token
        return _UNITS.get(words[-3], "")
    return _UNITS.get(words[-1], "")


def quantity(value: object, name: str, digits: int = 3) -> str:
    """`value` of the field `name` with its unit, in engineering prefixes: 32000.0 of `rate.bps` -> `32 kbit/s`. A file
    goes by its name alone."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return PurePath(str(value)).stem if names_file(name) else str(value)
    if not math.isfinite(value):
        return "inf" if value > 0 else str(value)
    symbol = unit(name)
    if symbol in PREFIXED:
        factor, prefix = prefix_of(value, digits)
        return f"{_digits(value / factor, digits)} {prefix}{symbol}"
    return f"{_digits(value, digits)} {symbol}".rstrip()


def names_file(name: str) -> bool:
    """True if the values of a field are names of files."""
    return name.rsplit(".", 1)[-1] in _FILES


def prefix_of(value: float, digits: int = 3) -> tuple[float, str]:
    """The engineering prefix that fits `value` once rounded to `digits`: 999.9 -> (1000, "k")."""
    rounded = abs(float(f"{value:.{digits}g}"))
    if rounded == 0:
        return 1.0, ""
    return next(((factor, prefix) for factor, prefix in _PREFIXES if rounded >= factor * 0.999999), _PREFIXES[-1])


def prefix_of_all(values: Sequence[float]) -> tuple[float, str]:
    """Returns one engineering prefix for positive values: that of the smallest, or a larger one that keeps all below
    MOST."""
    if not values:
        return 1.0, ""
    first = _PREFIXES.index(prefix_of(min(values)))
    fit = [(factor, prefix) for factor, prefix in _PREFIXES[: first + 1] if max(values) < MOST * factor]
    return fit[-1] if fit else _PREFIXES[0]


def one_unit(values: Sequence[float], name: str) -> tuple[float, str]:
    """The unit of all these values of a metric in one table, and what they are divided by for it."""
    known = unit(name)
    if known not in PREFIXED:
        return 1.0, known
    factor, prefix = prefix_of_all([value for value in values if math.isfinite(value) and value > 0])
    return factor, prefix + known


def symbol(name: str) -> str:
    """The papers' symbol of a field, the last word of its name where they have none: `scheme.max_drafts` -> `L`."""
    word = name.rsplit(".", 1)[-1]
    return _SYMBOLS.get(word, word)


def title(name: str) -> str:
    """A column's name in words: `uplink.rate.bps` -> `uplink rate`, `uplink.rate.mean_snr_db` -> `uplink mean SNR`."""
    if name in _TITLES:
        return _TITLES[name]
    words = name.removesuffix(".value").split(".")  # of an amount that is fixed
    if words[0] == "fleet" and words[-1] == "count":  # of devices of a class
        words = words[1:2]
    if words[-1] == "bps":
        words = words[:-1]
    elif len(words) == 3 and (words[1] == "rate" or words[2].removesuffix("_s").endswith(words[1])):
        # The link says more than the part: a cell has two rates, and `loss mean loss` says it twice.
        words = [words[0], words[2]]
    elif len(words) > 1:
        words = words[-2:] if words[0] not in ("models", "workload", "scheme") else words[-1:]
    text = " ".join(words)
    for suffix in ("_s", "_bits", "_bps", "_db"):
        text = text.removesuffix(suffix)
    return " ".join(_SPELLED.get(word, word) for word in text.replace("_", " ").split())


def _digits(value: float, digits: int) -> str:
    rounded = f"{value:.{digits}g}"
    return f"{value:,.0f}" if abs(float(rounded)) >= 10**digits else rounded


def state_name(state: str) -> str:
    """A part of the breakdown in words: `cloud_queue_s` -> `cloud queue`."""
    return state.removesuffix("_s").replace("_", " ")
