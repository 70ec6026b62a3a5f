"""What a clock's model takes of its device's memory, where the clock stands for named hardware: weights, and the keys
and values of each cached token (2 numbers a layer and unit of `kv_width`)."""

from __future__ import annotations

from dataclasses import dataclass

from models.latency.latency import Latency
from models.latency.profile import PROFILES, Profile
from models.latency.roofline import Roofline


@dataclass(frozen=True)
class Footprint:
    """The memory of a model on devices of known memory, all that share its layers together."""

    model: str
    device: str
    gpus: int
    device_bytes: float
    weights_bytes: float
    token_bytes: float  # keys and values of one token


def footprint(latency: Latency) -> Footprint | None:
    """None for a clock that says nothing of its memory: only a roofline on a device with `memory_bytes` does, and a
    profile by name, of which model and device are known."""
    clock = _roofline(latency)
    if clock is None or clock.device.memory_bytes is None:
        return None
    size = clock.size
    return Footprint(
        model=size.name,
        device=clock.device.name,
        gpus=clock.gpus,
        device_bytes=clock.gpus * clock.device.memory_bytes,
        weights_bytes=clock.bytes_per_parameter * size.parameters,
        token_bytes=clock.bytes_per_kv * 2 * size.layers * size.kv_width * clock.kv_copies,
    )


def weight_bytes(latency: Latency) -> float | None:
    """A weight of the model that the clock is of, mean over all of them; None for a clock that does not tell."""
    found = _roofline(latency)
    return None if found is None else found.bytes_per_parameter


def _roofline(latency: Latency) -> Roofline | None:
    """The clock itself, or that of the model and device which a profile by name is of."""
    if isinstance(latency, Profile) and latency.name is not None:
        return PROFILES[latency.name].clock
    return latency if isinstance(latency, Roofline) else None
