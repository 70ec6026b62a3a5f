"""What a test gets back from the command line: a command typed, and a run that has ended well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Typed = Callable[..., tuple[int, str, str]]
"""Types `sqsim ARGUMENTS`: (exit status, stdout, stderr)."""


@dataclass(frozen=True)
class Finished:
    """A run that has ended well: its folder and what it said."""

    out: Path
    stdout: str
    stderr: str
