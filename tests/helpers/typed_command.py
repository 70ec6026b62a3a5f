"""What a test gets back from the command line: a command typed, a run that has ended well, and a note of it changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from simulator.results.result_directory import record

Typed = Callable[..., tuple[int, str, str]]
"""Types `sqsim ARGUMENTS`: (exit status, stdout, stderr)."""


@dataclass(frozen=True)
class Finished:
    """A run that has ended well: its folder and what it said."""

    out: Path
    stdout: str
    stderr: str


def noted(folder: Path, **fields: object) -> None:
    """Gives a result directory's scenario.json other fields, and the checksum that goes with them."""
    path = folder / "scenario.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    record(folder, [path])
