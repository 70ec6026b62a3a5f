"""The scenarios by name. A new one is a module with a `SCENARIO` in it, and its name here."""

from __future__ import annotations

import difflib
import importlib

from kinds import ConfigError
from scenarios.command.scenario import Scenario

NAMES: tuple[str, ...] = (
    "latency_vs_bandwidth",
    "paper",
    "bandwidth_by_temperature",
    "resampling",
    "conformal",
    "conformal_time",
    "thresholds",
    "lattices",
    "scaling",
    "low_bandwidth",
    "interactions",
    "languages",
    "codes",
    "lossy_uplink",
    "fading",
    "traces",
    "batching",
    "outage",
    "capacity",
)


def scenario(name: str) -> Scenario:
    """The scenario called `name`. Raises ConfigError with the near misses."""
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1) or NAMES
        raise ConfigError(
            f"scenario = {name!r}: no such scenario; did you mean {' or '.join(near)}? `sqsim list` shows all"
        )
    found = importlib.import_module(f"scenarios.{name}").SCENARIO
    assert isinstance(found, Scenario) and found.name == name, f"scenarios.{name} holds no scenario of that name"
    return found
