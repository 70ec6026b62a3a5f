"""Job of a server for a session: it brings its cache up to a text, in a pass that it may share with others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import nan
from typing import Literal

from simulator.results.station import Customer

SessionKey = tuple[int, int]
"""(device, request)."""
JobState = Literal["queue", "prefill", "serve"]
"""A job waits, or is in a pass: one that reads text into its cache, or one over what is new to its session only."""


@dataclass(slots=True, eq=False, kw_only=True)
class Job:
    """Sequence's share of a pass, or of several passes where prefills are cut.

    `text_tokens`: length of the text to run over, cached tokens included. `report` is called when a pass of it begins
    and when it waits (again), `done` once, at the end.
    """

    session: SessionKey
    text_tokens: int
    read_tokens: int
    """Leading tokens that are only read into the cache: all of a prefill; of a verification those that were cached
    before, which are read again where the cache was lost."""
    request_tokens: int
    """The most that its session's request will ever have cached (`cell.cloud_config.request_tokens`)."""
    report: Callable[[JobState], None]
    done: Callable[[], object]
    cloud_drafts: int = 0
    """Drafts that the cloud's own drafter makes for it before the pass."""
    verified_drafts: int | None = None
    """Drafts that are read and verified beside the pass; None where no round is: a prompt."""
    number: int = 0
    """Place among the session's jobs."""
    batch: int = 0
    """Jobs in the last pass that it was in, itself included."""
    passes: int = 0
    """The passes that it was in so far."""
    visit: Customer | None = None
    waits_since_s: float = nan
    """Time at which it came, or was put back."""
    queue_s: float = 0.0
    """Time for which it has waited, until its latest pass began."""
    serve_s: float = 0.0
    """Time that it was in passes that have ended."""
    withdrawn: bool = False

    def extend(self, text_tokens: int, verified_drafts: int | None) -> None:
        """Has the job, which waits, run over more of its session's text, in its place of the queue."""
        assert text_tokens <= self.request_tokens, "a session's text outgrows its request"
        self.text_tokens, self.verified_drafts = text_tokens, verified_drafts


@dataclass(slots=True, eq=False)
class Share:
    """A job in a pass: the tokens it runs there, on top of those cached."""

    job: Job
    new_tokens: int
    cached_tokens: int
    completes: bool
    """True if nothing of the job is left after the pass."""
    state: JobState
    """State of the job in the pass: a prefill, if any of its tokens are only read."""

    @property
    def drafting(self) -> list[tuple[int, int]]:
        """The passes of the cloud's drafter for a share that has some, (new, cached) tokens each. Where it drafts, the
        first reads what the verifier's cache lacks of the text before the drafts, each later one the draft before."""
        drafts = self.job.cloud_drafts
        if not self.completes:
            return [(self.new_tokens, self.cached_tokens)]
        text_tokens = self.job.text_tokens - drafts
        cached_tokens = min(self.cached_tokens, text_tokens - 1)
        return [(text_tokens - cached_tokens, cached_tokens), *((1, text_tokens + n) for n in range(drafts - 1))]


class Server:
    """Server of one GPU, with the pass it runs, if any.

    A pass ends in two steps. First its `shares` are taken back and their owners called, who may submit the next job at
    once; the server is still `busy` then. Only after that is it released, and what they submitted may share its next
    pass.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.busy = False
        self.shares: list[Share] = []
        self.since_s = 0.0
