"""The scenarios by name. A new one is a module with a `SCENARIO` in it, and its name here."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Sequence
from pathlib import Path

from kinds import ConfigError, meant
from scenarios.command.scenario import Scenario

NAMES: tuple[str, ...] = (
    "latency_vs_bandwidth", "latency_at_70b", "who_drafts", "ladder", "paper", "bandwidth_by_temperature", "resampling",
    "conformal", "thresholds", "lattices", "sparse_or_coded", "blocks", "phase_map", "features", "low_bandwidth",
    "rivals", "languages", "lossy_uplink", "adaptive", "traces", "batching", "base_station", "gateway", "fleet",
    "conversations", "capacity", "pareto", "validation",
)  # fmt: skip
FORMER = {
    "ahead": "`scheme.depth` of any scenario", "break_even": "phase_map", "capacity_at_70b": "capacity",
    "cloud_first": "`scheme.cloud_first` of any scenario", "codes": "lattices", "conformal_time": "conformal",
    "fading": "lossy_uplink", "outage": "lossy_uplink", "scaling": "phase_map", "trees": "rivals",
}  # fmt: skip
"""Scenarios of earlier versions, each with what asks its question now."""
LISTS = ("devices", "models", "clocks", "powers", "links", "schemes", "policies")
"""Lists that `sqsim list` shows besides the scenarios; `inspect.listing` has the text."""


def scenario(name: str, others: Sequence[str] = ()) -> Scenario:
    """The scenario called `name`. Raises ConfigError with the nearest names, those of `others` included."""
    if name not in NAMES:
        hint = f"; now {FORMER[name]}" if name in FORMER else meant(name, (*NAMES, *others))
        raise ConfigError(f"scenario = {name!r}: no such scenario, `sqsim list` shows all{hint}")
    found = importlib.import_module(f"scenarios.{name}").SCENARIO
    assert isinstance(found, Scenario) and found.name == name, f"scenarios.{name} holds no scenario of that name"
    return found


def outline(name: str) -> tuple[float, str]:
    """Minutes and summary of a scenario, read from its file where they are plain there: importing all of them takes
    longer than a list should."""
    tree = ast.parse((Path(__file__).parents[1] / f"{name}.py").read_text(encoding="utf-8"))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
    made = next(call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Scenario")
    plain = {word.arg: word.value.value for word in made.keywords if isinstance(word.value, ast.Constant)}
    minutes, summary = plain.get("minutes"), plain.get("summary")
    if isinstance(minutes, int | float) and isinstance(summary, str):
        return minutes, summary
    found = scenario(name)
    return found.minutes, found.summary
