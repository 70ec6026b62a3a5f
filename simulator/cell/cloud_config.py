"""The cloud as a user describes it: servers, how jobs reach them, how they share passes, memory, and failures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from kinds import Choice, Part
from models.clocks.datasheets import DEVICES, SIZES
from models.clocks.latency import Latency
from models.clocks.roofline import Roofline
from simulator.cell.downtime import Downtime, NoDowntime


class Batching(Choice, family=True):
    """Which waiting jobs share a pass, and from when on a pass may begin."""

    chunked: ClassVar[bool] = False
    """Whether a job may be split over passes, so that a long prefill does not hold up the others."""

    cap: int = Field(16, ge=1, description="most jobs of one pass")

    def ready_s(self, waiting: int, oldest_s: float) -> float:
        """When a free server with `waiting` >= 1 jobs, the oldest there since `oldest_s`, may begin a pass."""
        return oldest_s


class NoBatching(Batching):
    """One job a pass."""

    kind: Literal["none"] = "none"
    cap: Literal[1] = Field(1, description="always 1")


class BatchWaiting(Batching):
    """A free server takes what waits, up to the cap, and never waits for more."""

    kind: Literal["waiting"] = "waiting"


class SizeOrWindow(Batching):
    """A free server waits until the cap is reached or the oldest job has waited for the window."""

    kind: Literal["window"] = "window"
    window_s: float = Field(0.02, ge=0, allow_inf_nan=False, description="longest wait of the oldest job for company")

    def ready_s(self, waiting: int, oldest_s: float) -> float:
        return oldest_s if waiting >= self.cap else oldest_s + self.window_s


class Continuous(Batching):
    """Pass after pass, jobs come and go between them; prefills are cut so that a pass keeps to the token budget.

    Verification and decoding go first, prefills fill what is left of `cloud.token_budget`.
    """

    chunked: ClassVar[bool] = True
    kind: Literal["continuous"] = "continuous"
    cap: int = Field(64, ge=1, description="most jobs of one pass")


class Routing(Choice, family=True):
    """Which server a job goes to. Only `shared` has one queue and one cache memory for all."""

    pooled: ClassVar[bool] = False

    @abstractmethod
    def choose(self, loads: Sequence[int], home: int | None, turn: int) -> int:
        """The place in `loads` (jobs at each server that is up) for the cloud's job number `turn`; `home` is the place
        of the server that holds the session's cache, if that server is up."""


class Shared(Routing):
    """One queue before all servers, and any server reaches any cache: the idealized pool."""

    pooled: ClassVar[bool] = True
    kind: Literal["shared"] = "shared"

    def choose(self, loads: Sequence[int], home: int | None, turn: int) -> int:
        return 0


class RoundRobin(Routing):
    """Each server in turn, wherever the cache is: what it lacks is computed again."""

    kind: Literal["round_robin"] = "round_robin"

    def choose(self, loads: Sequence[int], home: int | None, turn: int) -> int:
        return turn % len(loads)


class ShortestQueue(Routing):
    """The server with the fewest jobs, the lowest number among equals, wherever the cache is."""

    kind: Literal["shortest_queue"] = "shortest_queue"

    def choose(self, loads: Sequence[int], home: int | None, turn: int) -> int:
        return _shortest(loads)


class Affinity(Routing):
    """The server that holds the session's cache; a new session joins the shortest queue."""

    kind: Literal["affinity"] = "affinity"

    def choose(self, loads: Sequence[int], home: int | None, turn: int) -> int:
        return _shortest(loads) if home is None else home


def _shortest(loads: Sequence[int]) -> int:
    return min(range(len(loads)), key=loads.__getitem__)


class CloudConfig(Part):
    """The verifier's servers."""

    servers: int = Field(1, ge=1, le=10_000, description="each with a copy of the verifier: a GPU, or `latency.gpus`")
    routing: Routing = Field(Shared(), description="which server a job goes to")
    batching: Batching = Field(BatchWaiting(), description="how waiting jobs share a pass")
    token_budget: int | None = Field(
        None, ge=1, description="most new tokens of one pass; a single longer job goes alone; null for no limit"
    )
    kv_tokens: int | None = Field(
        None, ge=1, description="tokens whose keys and values a server's memory holds; null for no limit"
    )
    failures: Downtime = Field(
        NoDowntime(), description="when servers are down: a crash loses their pass and their caches"
    )
    latency: Latency = Field(
        Roofline(size=SIZES["opt_13b"], device=DEVICES["a100_80gb_sxm"]), description="time of a verifier pass"
    )
    drafter_latency: Latency = Field(
        Roofline(size=SIZES["opt_125m"], device=DEVICES["a100_80gb_sxm"]),
        description="time of a drafter pass in the cloud, for schemes that draft there",
    )

    @model_validator(mode="after")
    def _failures_of_servers(self) -> Self:
        self.failures.check_numbers("failures", "server", self.servers)
        return self
