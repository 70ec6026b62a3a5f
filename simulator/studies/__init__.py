"""What can be asked of a cell: a `Study` each, in a module of its name. The first is to simulate it.

A study of yours is one file here with a `STUDY` in it, and one line below; its numbers are declared in
`results.study_columns`.
"""

from __future__ import annotations

import importlib

from kinds import ConfigError
from simulator.studies.study import Study, StudyResult

__all__ = ["SIMULATION", "STUDIES", "Study", "StudyResult", "study"]

SIMULATION = "simulation"
STUDIES: dict[str, str] = {
    SIMULATION: "the requests of a cell, served over its network",
    "laws": "bits and rejections of a scheme on the distributions along the verifier's own text, without a network",
    "rates": "the same bits and rejections beside lower bounds, and beside a context model that knew p",
    "convergence": "the running mean of the dropped mass along a text, beside the bounds of the conformal threshold",
    "positions": "rejections at each draft position of a round, beside their probability and the terms of its bound",
    "real": "the cell as real processes on this machine, over a shaped link, in real time",
    "validation": "the cell as real processes on this machine, and simulated under clocks measured there",
    "sparsifying_time": "wall time of sparsifying a draft's distribution, beside the softmax that made it",
}
"""Name of the study, whose module it is, and what it asks."""


def study(name: str) -> Study:
    """The study of that name. Raises ConfigError where there is none."""
    if name not in STUDIES:
        raise ConfigError(f"study = {name!r}: must be one of {', '.join(STUDIES)}")
    found = importlib.import_module(f"simulator.studies.{name}").STUDY
    assert isinstance(found, Study), f"simulator.studies.{name} holds no study"
    return found
