"""A trace as a file: JSON that Perfetto opens, an event a line. What it is of, and whether it is cut, stands first."""

from __future__ import annotations

import json
from math import isnan
from pathlib import Path
from typing import Any, Final

from kinds.files import atomically
from simulator.results.spans import Spans
from simulator.results.trace import MOST_HEARD, Trace, trace

SUFFIX: Final = ".trace.json"
_HEAD_BYTES: Final = 4096
"""What stands before the events is shorter."""
_END: Final = "\n]}\n"


def trace_path(folder: Path, cell: str) -> Path:
    """Where the trace of a cell is, beside its YAML file in `folder`."""
    return folder / f"{cell}{SUFFIX}"


def tracer() -> Spans:
    """An observer for a run that is to be written as a trace."""
    return Spans(most=MOST_HEARD)


def write_trace(spans: Spans, cell: str, path: Path) -> None:
    """Writes the trace of what was heard of a cell, whole or not at all; the same run gives the same bytes."""
    made = trace(spans)
    atomically(path, lambda unfinished: _write(made, cell, unfinished))


def cut_at_s(path: Path) -> float | None:
    """When a trace file stops telling, in simulated seconds; None where it has the whole run. Raises ValueError where
    it is none of ours, or itself cut off."""
    with path.open("rb") as file:
        first, _, _ = file.read(_HEAD_BYTES).partition(b"\n")
        file.seek(max(0, path.stat().st_size - len(_END)))
        end = file.read()
    try:
        found = json.loads(first.removesuffix(b",") + b"}")["otherData"]["cut_at_s"]
        if end != _END.encode():
            raise ValueError("no end")
        return None if found is None else float(found)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no whole trace") from error


def is_trace(path: Path) -> bool:
    """Whether a whole trace of ours is there."""
    try:
        cut_at_s(path)
    except (OSError, ValueError):
        return False
    return True


def _write(made: Trace, cell: str, path: Path) -> None:
    about: dict[str, Any] = {
        "cell": cell,
        "clock": "simulated time, microseconds",
        "cut_at_s": None if isnan(made.cut_s) else made.cut_s,
        "most_heard": MOST_HEARD,
    }
    with path.open("w", encoding="utf-8") as file:
        file.write(f'{{"otherData":{_compact(about)},\n"displayTimeUnit":"ms",\n"traceEvents":[\n')
        file.write(",\n".join(map(_compact, made.events)))
        file.write(_END)


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
