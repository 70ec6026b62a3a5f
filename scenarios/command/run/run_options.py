"""What several commands take from the command line: options that are declared once, and what they say of a run."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from kinds import ConfigError

if TYPE_CHECKING:
    from simulator.sweeps.worker_pools import WorkerPool


def share(text: str) -> float:
    """`2%` or `0.02`."""
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: a share such as 2% or 0.02") from None


SHARED: Final[dict[str, dict[str, Any]]] = {
    "--set": {"action": "append", "default": [], "metavar": "A.B=V"},
    "--grid": {"action": "append", "default": [], "metavar": "A.B=V1,V2"},
    "--seeds": {"type": int, "metavar": "N"},
    "--precision": {"type": share, "metavar": "P%"},
    "--quick": {"action": "store_true"},
    "--workers": {"type": int, "metavar": "N", "help": "processes (default: one a core)"},
    "--cluster": {"metavar": "ADDRESS", "help": "run on a Dask cluster instead (extra `cluster`)"},
    "--out": {"type": Path, "metavar": "DIR"},
    "--overwrite": {"action": "store_true", "help": "run again, and replace the results in DIR"},
    "--quiet": {"action": "store_true", "help": "no progress on stderr"},
}


def add_shared(parser: argparse.ArgumentParser, **helps: str | None) -> None:
    """Adds shared options by their names, each with its help in this command; None: the help that all have."""
    for name, text in helps.items():
        parser.add_argument(f"--{name}", **SHARED[f"--{name}"] | ({} if text is None else {"help": text}))


@dataclass(frozen=True)
class RunOptions:
    """Where a run writes, who works for it, and what it may replace."""

    out: Path
    workers: int
    cluster: str | None = None
    overwrite: bool = False
    quiet: bool = False
    trace: bool = False
    started_s: float = field(default_factory=time.time)
    """When the command began, in seconds since 1970."""

    @classmethod
    def typed(cls, options: argparse.Namespace, name: str) -> Self:
        """Reads the options of a command, whose results go to `results/NAME` where nothing else was typed.

        Raises ConfigError for less than one worker.
        """
        workers = getattr(options, "workers", 1)
        if workers is not None and workers < 1:
            raise ConfigError(f"workers = {workers}: should be greater than or equal to 1")
        return cls(
            options.out or Path("results") / name, workers or _cores(),
            getattr(options, "cluster", None), options.overwrite, options.quiet, getattr(options, "trace", False),
            options.started_s,
        )  # fmt: skip

    def pool(self) -> WorkerPool:
        """Returns who does the work. Raises ConfigError where the cluster cannot be reached."""
        from simulator.sweeps import worker_pools

        return worker_pools.pool_of(self.workers, self.cluster)


def _cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
