"""What a user runs: each module is a scenario, a question with a base cell, a grid and figures; `command` runs them.

All that a scenario of your own needs is here.
"""

from scenarios.command.cli import script
from scenarios.command.questions import Below, Finding, PaysFrom, Versus
from scenarios.command.scenario import Best, Quick, Scenario

__all__ = ["Below", "Best", "Finding", "PaysFrom", "Quick", "Scenario", "Versus", "script"]
