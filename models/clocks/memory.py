"""What a clock's model takes of its device's memory, where the clock stands for named hardware: weights, and the keys
and values of each cached token (2 numbers a layer and unit of `kv_width`)."""

from __future__ import annotations

from dataclasses import dataclass

from models.clocks.latency import Latency
from models.clocks.profile import PROFILES, Profile
from models.clocks.roofline import Roofline


@dataclass(frozen=True)
class Footprint:
    """Of a model on devices of known memory, all that share its layers together."""

    model: str
    device: str
    gpus: int
    device_bytes: float
    weights_bytes: float
    token_bytes: float
    """Keys and values of one token."""


def footprint(latency: Latency) -> Footprint | None:
    """None for a clock that says nothing of its memory: only a roofline on a device with `memory_bytes` does, and a
    profile by name, of which model and device are known."""
    if isinstance(latency, Profile) and latency.name is not None:
        latency = PROFILES[latency.name].clock
    if not isinstance(latency, Roofline) or latency.device.memory_bytes is None:
        return None
    size = latency.size
    return Footprint(
        model=size.name,
        device=latency.device.name,
        gpus=latency.gpus,
        device_bytes=latency.gpus * latency.device.memory_bytes,
        weights_bytes=latency.bytes_per_parameter * size.parameters,
        token_bytes=latency.bytes_per_kv * 2 * size.layers * size.kv_width * latency.kv_copies,
    )
