"""Journals of a run, read back, changed, and written again."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from simulator.testbed.journal import Event, PacketSent, PassMade, RoundComputed, TextRead, read

PYTHON_S = 2e-5
"""What a step takes that takes no time in the simulator."""
Lines = dict[str, list[Event]]


def lines_of(folder: Path) -> Lines:
    """By process."""
    return {path.stem: list(read(path)) for path in sorted(folder.glob("*.jsonl"))}


def write(folder: Path, lines: Mapping[str, Iterable[Event]]) -> None:
    """In place of what was there."""
    for path in folder.glob("*.jsonl"):
        path.unlink()
    for process, events in lines.items():
        text = "".join(json.dumps([type(event).__name__, *event]) + "\n" for event in events)
        (folder / f"{process}.jsonl").write_text(text, encoding="utf-8")


def slowed(lines: Lines) -> Lines:
    """Where a process takes several steps at one instant, one comes after the other, and what they set off comes after
    them all. What the relay notes of an instant may be before the notes of those it is about."""
    slow: Lines = defaultdict(list)
    for process, events in lines.items():
        steps: Counter[float] = Counter()
        for event in events:
            if isinstance(event, PacketSent):
                slow[process].append(event)
                continue
            lasts = isinstance(event, RoundComputed | TextRead | PassMade)
            at_s = event.ended_s if lasts else event.at_s
            steps[at_s] += 1
            if lasts:
                began_s = event.began_s + (steps[event.began_s] + 1) * PYTHON_S
                slow[process].append(event._replace(began_s=began_s, ended_s=at_s + steps[at_s] * PYTHON_S))
            else:
                slow[process].append(event._replace(at_s=at_s + steps[at_s] * PYTHON_S))
    return slow
