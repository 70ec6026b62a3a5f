"""What a user runs: each module is a scenario, a question with a base cell, a grid and figures; `command` runs them.

All that a scenario of your own needs is here.
"""

from scenarios.command.cli import script
from scenarios.command.factorial_questions import BestMoves, OneSetting, Shares, Variance
from scenarios.command.group_questions import Differences, Levels
from scenarios.command.questions import Below, Finding, PaysFrom, Versus
from scenarios.command.scenario import Best, Quick, Scenario
from scenarios.command.tradeoff_questions import AtEqual, DenseOvertakes, KeepsItsWord, LeastWithin
from scenarios.command.usefulness_questions import Beating, Fastest, Reading

__all__ = [
    "AtEqual", "Beating", "Below", "Best", "BestMoves", "DenseOvertakes", "Differences", "Fastest", "Finding",
    "KeepsItsWord", "LeastWithin", "Levels", "OneSetting", "PaysFrom", "Quick", "Reading", "Scenario", "Shares",
    "Variance", "Versus", "script",
]  # fmt: skip
