"""What a replay of journals stands on: a clock that is set to each moment, and the complaint where a run was not what
the simulator would have done."""

from __future__ import annotations

from dataclasses import dataclass

from kinds import ConfigError


class RealRunError(ConfigError):
    """A real run that has decoded or sent something else than the simulator, or has not come to its end: on one line,
    device, request, round, and what differs."""


@dataclass(slots=True)
class ReplayClock:
    """Seconds since the run's zero."""

    now: float = 0.0


_SHOWN = 24
"""Bytes of each of two contents that differ."""


def differs(where: str, what: str, real: object, decoded: object) -> RealRunError:
    """The complaint about something of a round."""
    return RealRunError(f"{where}: {what} = {_shown(real)}: must be {_shown(decoded)}, as decoded again")


def _shown(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    return f"{len(value)} bytes {value[:_SHOWN].hex()}{'...' if len(value) > _SHOWN else ''}"


def check_bytes(where: str, what: str, real: bytes, decoded: bytes) -> None:
    """Raises RealRunError where bytes differ, and tells the first that does."""
    if real != decoded:
        pairs = enumerate(zip(real, decoded, strict=False))
        place = next((place for place, (one, other) in pairs if one != other), min(len(real), len(decoded)))
        start = max(0, place - 2)
        told = f"{what} of {len(real)} bytes differs from byte {place} on"
        raise differs(where, told, real[start:].hex()[: 2 * _SHOWN], decoded[start:].hex()[: 2 * _SHOWN])
