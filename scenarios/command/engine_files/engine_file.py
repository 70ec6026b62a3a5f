"""Measurements in a file of an engine, a benchmark or a data set, in one form for all formats. A format is a `Reader`,
a function that answers None for a file of another format, in a module of its own, and a line in READERS
(`measured_cell`)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Final

from kinds import ConfigError
from kinds.files import parse_json, read_text, sha256

_DAY = re.compile(r"^\[?(20\d\d-[01]\d-[0-3]\d)[ T]", re.MULTILINE)
MOST_CHARACTERS: Final = 4000
"""Most characters of a line of a log or metrics page that are read."""


@dataclass(frozen=True)
class MeasuredRounds:
    """Acceptance as a server measured it, of its own drafter: survival by position, or AL, tokens a verify pass with
    its bonus; `drafts` is None where the file does not tell how many drafts a round had."""

    drafts: int | None
    survival: tuple[float, ...] = ()
    accepted_length: float = 1.0

    @property
    def tokens(self) -> float:
        """AL, whichever of the two is known."""
        return 1 + sum(self.survival) if self.survival else self.accepted_length

    @property
    def fields(self) -> dict[str, object]:
        """Returns the rounds as the pair `acceptance` takes them."""
        if self.survival:
            return {"survival": [float(f"{each:.6g}") for each in self.survival]}
        return {"accepted_length": float(f"{self.accepted_length:.6g}"), "drafts": self.drafts}


@dataclass(frozen=True)
class Measurements:
    """Measurements of a file. Seconds are means: `step_s` of an engine step, from one output of a request to its next;
    `token_s` of a token, where several come in a step; `reading_s` of a prompt of which `read_tokens` were computed;
    `draft_s` of one pass of the drafter alone. Tokens are means a request; `trace`: each request has its own arrival
    and lengths. `running`: requests in a step."""

    what: str
    rounds: MeasuredRounds | None = None
    plain: bool = False
    """True if the file shows that nothing is drafted there."""
    step_s: float | None = None
    token_s: float | None = None
    reading_s: float | None = None
    read_tokens: float | None = None
    draft_s: float | None = None
    prompt_tokens: float | None = None
    output_tokens: float | None = None
    trace: bool = False
    running: float | None = None
    date: str = ""
    unknown: Sequence[str] = ()

    @property
    def rounds_of_known_drafts(self) -> MeasuredRounds | None:
        """`rounds`, where the file says how many drafts one had."""
        return self.rounds if self.rounds and self.rounds.drafts else None


@dataclass(frozen=True)
class EngineFile:
    """A file that a reader looks into, read once."""

    path: Path

    @cached_property
    def text(self) -> str:
        """Raises ConfigError where it cannot be read, or is no text."""
        return read_text(self.path)

    @cached_property
    def lines(self) -> list[str]:
        """Lines of the file, none longer than MOST_CHARACTERS."""
        return [line[:MOST_CHARACTERS] for line in self.text.split("\n")]

    @cached_property
    def objects(self) -> list[dict[str, object]]:
        """The JSON objects that it holds: one, or one a line; [] where it is none. Raises ConfigError for damaged
        JSON."""
        if not self.text.lstrip().startswith("{"):
            return []
        rows = [(number, line) for number, line in enumerate(self.text.split("\n"), 1) if line.strip()]
        if len(rows) > 1 and not rows[0][1].rstrip().endswith("}"):
            found = [parse_json(self.text, str(self.path))]
        else:
            found = [parse_json(line, f"{self.path}, line {number}") for number, line in rows]
        return [each for each in found if isinstance(each, dict)]

    def number(self, value: object, name: str, most: float = 1e12) -> float:
        """A number of the file that must be one, from 0 to `most`. Raises ConfigError that says where."""
        try:
            found = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
        except (ValueError, OverflowError):
            found = math.nan
        if not 0 <= found <= most:
            raise ConfigError(f"{self.path}: {name} = {str(value)[:40]!r}: must be a number from 0 to {most:g}")
        return found

    def origin(self, measured: Measurements) -> str:
        """`vLLM metrics, metrics.txt (2026-11-29, sha256 0123456789ab)`: the date is that in the file, or that of the
        file."""
        day = measured.date or (found[1] if (found := _DAY.search(self.text[:100_000])) else "")
        modified = datetime.fromtimestamp(self.path.stat().st_mtime, UTC).date().isoformat()
        when = day or f"file of {modified}"
        return f"{measured.what}, {self.path.name} ({when}, sha256 {sha256(self.path)[:12]})"


Reader = Callable[[EngineFile], Measurements | None]


def ratio(part: float | None, whole: float | None) -> float | None:
    """Returns their ratio; None if one is not known, or the whole is 0."""
    return part / whole if part is not None and whole else None


def survival_of(path: Path, accepted: Sequence[float], rounds: float) -> MeasuredRounds:
    """Acceptance from how often a draft at each position was accepted, in so many rounds. Positions at which none ever
    was are left out. Raises ConfigError where none was at the first, or more than there were rounds."""
    shares: list[float] = []
    for count in accepted:
        share = min(count / rounds, *shares[-1:], math.inf)
        if share > 1.001 or not share > 0:
            break
        shares.append(min(share, 1.0))
    if not shares:
        raise ConfigError(f"{path}: accepted drafts at the first position: must be above 0 and at most one a round")
    return MeasuredRounds(len(shares), tuple(shares))
