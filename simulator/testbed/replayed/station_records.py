"""What processors and servers of a real run saw: busy times and queues, as stations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from simulator.cell.cell import Cell
from simulator.results.station import Clock, Station
from simulator.testbed.journal import CloudRestarted, Event, JobSubmitted, PassMade, RequestEnded, RoundDrafted

_Job = tuple[int, int, int]
"""(device, request, round)."""


def edge_stations(cell: Cell, events: Iterable[Event], clock: Clock) -> list[Station]:
    """The processor of each device."""
    stations = [Station(clock, f"edge {number}") for number in range(cell.workload.devices)]
    for event in events:
        if isinstance(event, RoundDrafted) and event.began_s <= clock.now:
            stations[event.device].book((event.began_s, event.began_s, event.ended_s))
    return stations


def server_station(cell: Cell, events: Sequence[Event], clock: Clock) -> Station:
    """The cloud: each job from its submission to the end of its pass. One that gets none leaves when the cloud is
    killed, or its request is over."""
    station = Station(clock, "cloud", cell.cloud.servers)
    for submitted_s, job, passed in _jobs(events):
        if submitted_s > clock.now:
            continue
        if passed is None:
            left_s = _given_up_s(events, submitted_s, job)
            station.book((submitted_s, left_s, left_s))
        else:
            began_s = max(submitted_s, passed.began_s)
            station.book((submitted_s, began_s, max(began_s, passed.ended_s)))
    return station


def _jobs(events: Iterable[Event]) -> list[tuple[float, _Job, PassMade | None]]:
    """When each was submitted, and its pass."""
    waiting: dict[_Job, float] = {}
    jobs: list[tuple[float, _Job, PassMade | None]] = []
    told = [each for each in events if isinstance(each, JobSubmitted | PassMade)]
    for event in sorted(told, key=lambda each: each.at_s if isinstance(each, JobSubmitted) else each.ended_s):
        if isinstance(event, JobSubmitted):
            job = event.device, event.request, event.round
            if job in waiting:
                jobs.append((waiting[job], job, None))
            waiting[job] = event.at_s
        else:
            shared = [(share[0], share[1], share[2]) for share in event.shares]
            jobs += [(waiting.pop(job, event.began_s), job, event) for job in shared]
    return jobs + [(submitted_s, job, None) for job, submitted_s in waiting.items()]


def _given_up_s(events: Iterable[Event], submitted_s: float, job: _Job) -> float:
    ends = (
        each.at_s
        for each in events
        if (isinstance(each, CloudRestarted) and each.down)
        or (isinstance(each, RequestEnded) and (each.device, each.request) == job[:2])
    )
    return min((at_s for at_s in ends if at_s >= submitted_s), default=inf)


def service_s(events: Iterable[Event], over_s: float) -> float:
    """Server-seconds of passes up to then."""
    passes = (each for each in events if isinstance(each, PassMade) and each.began_s <= over_s)
    return sum(min(over_s, each.ended_s) - each.began_s for each in passes)


def round_passes(events: Iterable[Event], over_s: float) -> int:
    """Shares of passes up to then that judge a round or decode a token; round 0 is a prefill."""
    passes = (each for each in events if isinstance(each, PassMade) and each.began_s <= over_s)
    return sum(number > 0 for each in passes for _, _, number, *_ in each.shares)
