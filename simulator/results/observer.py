"""Who watches a run: `simulate(cell, observer)` tells it what happens. It may read all it is handed and change nothing.

An observer of yours derives from `Observer` and answers the calls that it cares about; what a run does, and every
table, is the same with and without one. `plant` is the timing plane's `Plant`, for those who look further.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from simulator.results.requests import Request
from simulator.results.rounds import OpenRound, Round


class Airing(NamedTuple):
    """One attempt of a packet: when its first bit went out and its last, and what became of it.

    `arrives_s` is nan where it is lost; a packet that a full buffer drops has no airing.
    """

    link: str
    address: tuple[int, int, int]
    """(device, request, round) of its message; round 0 is the prompt."""
    fragment: int
    """Below 0: an acknowledgement that takes capacity, of a packet that came the other way."""
    attempt: int
    bits: int
    began_s: float
    left_s: float
    arrives_s: float


class ServerPass(NamedTuple):
    """One pass of a server of the cloud: over which sessions, with how many (new, cached) tokens each."""

    server: int
    began_s: float
    ended_s: float
    sessions: Sequence[tuple[int, int]]
    work: Sequence[tuple[int, int]]


class Observer:
    """Hears nothing of what it does not override."""

    def on_start(self, plant: object) -> None:
        """All is built, and nothing has happened."""

    def on_round(self, request: Request, round_: Round) -> None:
        """A round has closed."""

    def on_drafts(self, request: Request, notes: OpenRound) -> None:
        """The drafts of the round that has just closed, in its notes: `sent` has what the edge knows of each,
        `verified` what is measured of those that were judged."""

    def on_request(self, request: Request, share: float) -> None:
        """A request has ended; `share` of those to come have."""

    def on_packet(self, airing: Airing) -> None:
        """An attempt of a packet has left its sender."""

    def on_pass(self, served: ServerPass) -> None:
        """A pass has ended."""


class Together(Observer):
    """Several who watch one run, each told of everything, in this order."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def on_start(self, plant: object) -> None:
        for each in self._observers:
            each.on_start(plant)

    def on_round(self, request: Request, round_: Round) -> None:
        for each in self._observers:
            each.on_round(request, round_)

    def on_drafts(self, request: Request, notes: OpenRound) -> None:
        for each in self._observers:
            each.on_drafts(request, notes)

    def on_request(self, request: Request, share: float) -> None:
        for each in self._observers:
            each.on_request(request, share)

    def on_packet(self, airing: Airing) -> None:
        for each in self._observers:
            each.on_packet(airing)

    def on_pass(self, served: ServerPass) -> None:
        for each in self._observers:
            each.on_pass(served)
