"""What a user runs: each module is a scenario, a question with a base cell, a grid and figures; `command` runs them.

All that a scenario of your own needs is here.
"""

from scenarios.command.adaptive_questions import AgainstBetter, AgainstLimit
from scenarios.command.ahead_questions import AheadGains, ClosedForm, SharedCell
from scenarios.command.answers import Answer, BearsMost, Costs, Instead, LimitMetFirst, Lowest, Ranges, Swaps
from scenarios.command.break_even_questions import BreakEven, CloudTime, SignHolds, WinsBelow, WinsWhere
from scenarios.command.cli import script
from scenarios.command.factorial_questions import BestMoves, MattersMost, OneSetting, Shares, Variance
from scenarios.command.front_questions import Fronts, OnFront, PricesMatter, WattsStand
from scenarios.command.group_questions import Differences, InEveryGroup, Levels
from scenarios.command.phase_questions import EdgeWins, OutsideChecks, PhaseBorders, PredictorHolds
from scenarios.command.questions import Below, Finding, PaysFirst, PaysFrom, Versus
from scenarios.command.rival_questions import BestAgainst, BothWays, Winners
from scenarios.command.scenario import Also, Quick, Scenario, Tune
from scenarios.command.tradeoff_questions import AgainstOthers, AtEqual, DenseOvertakes, KeepsItsWord, LeastWithin
from scenarios.command.tree_questions import TreeGains, TreesPay, TreesPayWhere
from scenarios.command.usefulness_questions import Beating, Fastest, OfUse, Reading

__all__ = [
    "AgainstBetter", "AgainstLimit", "AgainstOthers", "AheadGains", "Also", "Answer", "AtEqual", "BearsMost",
    "Beating", "Below", "BestAgainst", "BestMoves", "BothWays", "BreakEven", "ClosedForm", "CloudTime", "Costs",
    "DenseOvertakes", "Differences", "EdgeWins", "Fastest", "Finding", "Fronts", "InEveryGroup", "Instead",
    "KeepsItsWord", "LeastWithin", "Levels", "LimitMetFirst", "Lowest", "MattersMost", "OfUse", "OnFront",
    "OneSetting", "OutsideChecks", "PaysFirst", "PaysFrom", "PhaseBorders", "PredictorHolds", "PricesMatter",
    "Quick", "Ranges", "Reading", "Scenario", "SharedCell", "Shares", "SignHolds", "Swaps", "TreeGains",
    "TreesPay", "TreesPayWhere", "Tune", "Variance", "Versus", "WattsStand", "Winners", "WinsBelow",
    "WinsWhere", "script",
]  # fmt: skip
