"""What a run may use, and what it may replace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simulator.sweeps.crews import Crew, crew_of


@dataclass(frozen=True)
class Means:
    """As asked for on the command line."""

    out: Path
    workers: int
    cluster: str | None = None
    overwrite: bool = False
    quiet: bool = False
    trace: bool = False

    def crew(self) -> Crew:
        """Who does the work. Raises ConfigError where the cluster cannot be reached."""
        return crew_of(self.workers, self.cluster)
