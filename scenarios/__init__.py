"""Scenarios to run: each module is one, a question with a base cell, a grid and figures. All that a scenario of your
own needs is here, and is loaded when it is asked for, so that `sqsim list` need not wait."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scenarios.command.cli import script
    from scenarios.command.scenario import Also, Quick, Scenario, Tune
    from scenarios.findings.claims import Claim
    from scenarios.findings.question import LATENCY, OwnQuestion, Table, asks
    from scenarios.findings.sentences.below import Below, Costs, PaysFrom
    from scenarios.findings.sentences.equal_cost import AtEqual
    from scenarios.findings.sentences.limits import LimitMetFirst
    from scenarios.findings.sentences.lowest import Lowest
    from scenarios.findings.sentences.one_breath import FastestOfAll, PaysAtTheEdge, SupportsMost

__all__ = [
    "LATENCY", "Also", "AtEqual", "Below", "Claim", "Costs", "FastestOfAll", "LimitMetFirst", "Lowest", "OwnQuestion",
    "PaysAtTheEdge", "PaysFrom", "Quick", "Scenario", "SupportsMost", "Table", "Tune", "asks", "script",
]  # fmt: skip
_SENTENCES = ("lowest", "below", "limits", "equal_cost", "one_breath")
_MODULES = (
    "command.cli", "command.scenario", "findings.claims", "findings.question",
    *(f"findings.sentences.{name}" for name in _SENTENCES),
)  # fmt: skip


def __getattr__(name: str) -> object:
    if name in __all__:
        for module in _MODULES:
            found = vars(importlib.import_module(f"scenarios.{module}"))
            if name in found:
                return found[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
