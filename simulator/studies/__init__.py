"""Studies: questions that can be asked of a run, a `Study` each. One of yours is a class here, and a line below; its
numbers are declared in `results.study_columns`."""

from __future__ import annotations

import importlib

from kinds import ConfigError
from simulator.studies.study import Study, StudyResult

__all__ = ["SIMULATION", "STUDIES", "Study", "StudyResult", "study"]

SIMULATION = "simulation"
_DECLARED = {
    SIMULATION: ("study.Simulation", "the requests of a cell, served over its network"),
    "laws": (
        "bits_and_rejections.BitsAndRejections",
        "bits and rejections of a scheme on the distributions along the verifier's own text, without a network",
    ),
    "rates": (
        "rates.Rates", "the same bits and rejections beside lower bounds, and beside a context model that knew p",
    ),
    "round_tokens": (
        "round_tokens.RoundTokens",
        "tokens a round by rejection and by block verification of the same drafts, and their bits, by its length",
    ),
    "convergence": (
        "convergence.Convergence",
        "the running mean of the dropped mass along a text, beside the bounds of the conformal threshold",
    ),
    "positions": (
        "positions.Positions",
        "rejections at each draft position of a round, beside their probability and the terms of its bound",
    ),
    "real": (
        "real_runs.RealRun",
        "the cell as real processes on this machine, over a shaped link, in real time, and how far a simulation is off",
    ),
    "real_independent": (
        "real_runs.IndependentRun",
        "the same, where the link draws its own losses, delays and rates, and tells no sender when a packet has left",
    ),
    "real_alone": ("real_runs.RealAlone", "the same real processes, and no simulation beside them"),
    "validation": (
        "real_runs.Validation",
        "the cell as real processes on this machine, and simulated under clocks measured there",
    ),
}  # fmt: skip
"""The class of each study, which is loaded once it is asked for, and the question."""
STUDIES: dict[str, str] = {name: question for name, (_, question) in _DECLARED.items()}


def study(name: str) -> Study:
    """The study of that name. Raises ConfigError where there is none."""
    if name not in STUDIES:
        raise ConfigError(f"study = {name!r}: must be one of {', '.join(STUDIES)}")
    module, made = _DECLARED[name][0].split(".")
    found = getattr(importlib.import_module(f"simulator.studies.{module}"), made)()
    assert isinstance(found, Study), f"simulator.studies.{module}.{made} is no study"
    return found
