"""What a run may use, and what it may replace."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
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
    started_s: float = field(default_factory=time.time)
    """When the command began, in seconds since 1970."""

    def crew(self) -> Crew:
        """Who does the work. Raises ConfigError where the cluster cannot be reached."""
        return crew_of(self.workers, self.cluster)
