"""A strict reader of Chrome trace events, written from the format's documentation: what a viewer would silently drop or
draw askew is an AssertionError here."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Track = tuple[str, str]
"""The first word of the process's name and the name of the thread."""


@dataclass
class Reading:
    """What a trace holds. Slices are events as they stand, by track; flows the slices that each passes, in order."""

    about: dict[str, Any]
    processes: list[str] = field(default_factory=list)  # their whole names, from the top
    slices: dict[Track, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    flows: dict[int, list[tuple[Track, dict[str, Any]]]] = field(default_factory=lambda: defaultdict(list))

    def of(self, process: str) -> list[dict[str, Any]]:
        """All slices of a process."""
        return [each for (owner, _), slices in self.slices.items() if owner == process for each in slices]


def read_trace(path: Path) -> Reading:
    """Reads a trace and checks all of it."""
    whole = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    assert whole["displayTimeUnit"] == "ms"
    reading = Reading(whole["otherData"])
    processes: dict[int, str] = {}
    threads: dict[int, tuple[int, str]] = {}
    flows: dict[int, list[str]] = defaultdict(list)
    last_us, before = 0.0, None
    for event in whole["traceEvents"]:
        phase, pid, tid = event["ph"], event["pid"], event["tid"]
        assert isinstance(pid, int) and isinstance(tid, int) and pid > 0 and tid > 0 and isinstance(event["name"], str)
        if phase == "M":
            assert not reading.slices, "a name comes after what it names"
            if event["name"] == "process_name":
                reading.processes.append(event["args"]["name"])
                processes[pid] = event["args"]["name"].split()[0].removesuffix(":")
            elif event["name"] == "thread_name":
                assert tid not in threads and tid not in processes, "two threads have one number"
                threads[tid] = pid, event["args"]["name"]
            else:
                assert event["name"] in ("process_sort_index", "thread_sort_index")
                assert isinstance(event["args"]["sort_index"], int)
            continue
        assert isinstance(event["ts"], float) and event["ts"] >= last_us, "events are in order of time"
        assert int(event["ts"] * 1000.0) == event["ts"] * 1000.0, "a reader cuts off below the nanosecond"
        last_us = event["ts"]
        owner, name = threads[tid]
        assert owner == pid, "a thread stays with its process"
        track = processes[pid], name
        if phase == "X":
            assert event["dur"] >= 0 and int(event["dur"] * 1000.0) == event["dur"] * 1000.0
            assert isinstance(event["args"], dict) and event["cat"]
            reading.slices[track].append(event)
            before = event
            continue
        assert phase in "stf" and event["bp"] == "e" and event["cat"] and before is not None
        assert (before["pid"], before["tid"], before["ts"]) == (pid, tid, event["ts"]), "a flow binds to what begins"
        flows[event["id"]].append(phase)
        reading.flows[event["id"]].append((track, before))
    for phases in flows.values():
        assert "".join(phases) == "s" + "t" * (len(phases) - 2) + "f", "a flow starts once and ends once"
    for slices in reading.slices.values():
        _check_nesting(slices)
    return reading


def _check_nesting(slices: list[dict[str, Any]]) -> None:
    """Any two slices of a track are apart, or one holds the other; they come in the order of their beginnings."""
    open_until: list[float] = []
    for each in slices:
        began, ended = each["ts"], each["ts"] + each["dur"]
        while open_until and open_until[-1] <= began:
            open_until.pop()
        assert not open_until or ended <= open_until[-1], f"{each['name']} at {began} us overlaps what it is not in"
        open_until.append(ended)


def _refuse(constant: str) -> float:
    raise AssertionError(f"{constant} is no JSON")
