"""Which cells can be run for real, and what each process of a run is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Final, NamedTuple, Self

from channels.link.link_config import LinkConfig
from channels.link.rates import ConstantRate
from channels.link.shaping import TokenBucket
from channels.uniforms import Uniforms
from kinds import ConfigError
from simulator.cell.cell import Cell
from simulator.cell.cloud_config import CloudConfig
from simulator.cell.downtime import NoDowntime, ScheduledDowntime
from simulator.cell.scheme import Scheme
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.mirrored import Mirrored
from simulator.testbed.letters import LEAST_HEADER_BITS, MOST, Way

WAYS: Final[tuple[Way, Way]] = ("uplink", "downlink")
MOST_FILLING_S: Final = 60.0
"""Of the kernel's bucket: a run waits for it."""
CELL: Final = "cell.yaml"
PLAN: Final = "plan.json"
EDGE_PORT: Final = 5000
"""Of device 0; the others follow."""
CLOUD_PORT: Final = 4000
WARM_UP: Final = MOST
"""The number of the request that each device is asked before the run's zero: nothing of it is noted."""
WARM_UP_TOKENS: Final = 12
SERVED: Final = ("speculate", "ahead", "stream")
"""The protocols that `ends` speaks."""
_LARGEST_BITS: Final = 8 * 60_000
"""Of a packet."""


class Hosts(NamedTuple):
    """Addresses of one interface, the same network at both ends."""

    edge: str
    cloud: str
    air: str
    """Whose name the relay writes under when it tells a sender that a packet has left."""


AIR: Final = Hosts("10.77.0.1", "10.77.0.2", "10.77.0.3")
"""Of the interfaces that are shaped."""
FREE: Final = Hosts("10.78.0.1", "10.78.0.2", "10.78.0.3")
"""Of those that take what takes no capacity in the cell: acknowledgements of `ack_bits` 0."""


class Window(NamedTuple):
    """From when to when, seconds since the run's zero."""

    from_s: float
    to_s: float


@dataclass(frozen=True)
class Faults:
    """What is done to a run."""

    cloud_down: tuple[Window, ...] = ()
    """The cloud's process is killed, and begun anew."""
    link_down: tuple[Window, ...] = ()
    """Nothing comes through, either way."""


@dataclass(frozen=True)
class Plan:
    """Of one run: a folder that holds the cell, the plan, and all journals."""

    folder: Path
    faults: Faults = Faults()

    def write(self, cell: Cell) -> None:
        """Leaves all that a process has to know in the folder."""
        (self.folder / CELL).write_text(cell.to_yaml(), encoding="utf-8")
        (self.folder / PLAN).write_text(json.dumps(asdict(self.faults)), encoding="utf-8")

    @classmethod
    def of(cls, folder: Path) -> Self:
        """As it was written there."""
        told = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        return cls(folder, Faults(**{name: tuple(Window(*each) for each in told[name]) for name in told}))

    @cached_property
    def cell(self) -> Cell:
        """The cell that is run."""
        return Cell.from_yaml(self.folder / CELL)

    def journal(self, process: str) -> Path:
        """The journal of "edge N", "cloud E" (for each time that it has begun) or "relay"."""
        return self.folder / f"{process.replace(' ', '_')}.jsonl"


def check_faults(cell: Cell, faults: Faults) -> None:
    """Raises ConfigError where the cell's cloud cannot go on as before after a kill."""
    scheme = cell.scheme
    if faults.cloud_down and isinstance(scheme, DraftScheme) and scheme.families.reply.edge_corrects:
        told = "must be none: its replies are laws, whose last bits are others where a text is read again at once"
        raise ConfigError(f"cloud.failures = {cell.cloud.failures.kind} (scheme {scheme.kind}): {told}")


def faults_of(cell: Cell) -> Faults:
    """Those that the cell states."""
    times = cell.cloud.failures.times(0, Uniforms.of(cell.seed, "cloud failures"))
    return Faults(cloud_down=tuple(Window(*each) for each in times))


def link(cell: Cell, way: Way) -> LinkConfig:
    """The cell's link of a way."""
    return cell.uplink if way == "uplink" else cell.downlink


def by_kernel(config: LinkConfig) -> bool:
    """Whether the kernel's token bucket shapes the link; if not, the relay does, by the rate's own curve."""
    return isinstance(config.rate, TokenBucket) and config.rate.peak_bps == inf and config.mtu_bits is not None


def filled_s(config: LinkConfig) -> float:
    """How long the kernel's bucket takes to fill."""
    return config.rate.burst_bits / config.rate.bps if isinstance(config.rate, TokenBucket) else 0.0


def unshaped(config: LinkConfig) -> bool:
    """Whether the link takes no time at all."""
    return isinstance(config.rate, ConstantRate) and config.rate.bps == inf


def check(cell: Cell) -> None:
    """Raises ConfigError, one line, where a cell has something that two processes on this machine cannot be."""
    for field, value, allowed in _refusals(cell):
        raise ConfigError(f"{field} = {value}: a real run needs {allowed}")


def _refusals(cell: Cell) -> Iterator[tuple[str, object, str]]:
    """Each with its field, its value, and what is allowed."""
    yield from _of_devices(cell)
    yield from _of_cloud(cell.cloud)
    yield from _of_scheme(cell.scheme)
    for way, back in zip(WAYS, reversed(WAYS), strict=True):
        ack_bits, header_bits = link(cell, way).arq.ack_bits, link(cell, back).header_bits
        if 0 < ack_bits < header_bits:
            yield f"{way}.arq.ack_bits", ack_bits, f"0, or {back}.header_bits or more, {header_bits}"
        yield from ((f"{way}.{field}", value, allowed) for field, value, allowed in _of_link(link(cell, way)))


def _of_devices(cell: Cell) -> Iterator[tuple[str, object, str]]:
    workload, scheme = cell.workload, cell.scheme
    if cell.fleet:
        yield "fleet", f"{len(cell.fleet)} classes", "devices that are all alike: leave it out"
    if workload.devices > 16:
        yield "workload.devices", workload.devices, "at most 16, each is a process here"
    if workload.total > MOST - 1:
        yield "workload.requests", workload.total, f"at most {MOST - 1} in all"
    step = 1 + scheme.depth if isinstance(scheme, DraftScheme) else 1
    if step * (output_tokens := workload.longest[1]) > MOST:
        yield "workload.output_tokens", output_tokens, f"at most {MOST // step}, a round's number takes two bytes"
    if workload.prompt_at_cloud:
        yield "workload.prompt_at_cloud", True, "false: the cloud hears of a request by its prompt"
    if not workload.all_are_awaited:
        yield "workload", workload.kind, "deadline_s null, horizon_s and absences left as they are: all is answered"
    if cell.edge.concurrency > 1:
        yield "edge.concurrency", cell.edge.concurrency, "1"


def _of_cloud(cloud: CloudConfig) -> Iterator[tuple[str, object, str]]:
    if cloud.servers > 1:
        yield "cloud.servers", cloud.servers, "1"
    if cloud.admission.evicts:
        yield "cloud.admission", cloud.admission.kind, "whole_request: this machine's memory holds all"
    if cloud.kv_tokens not in (None, "memory"):
        yield "cloud.kv_tokens", cloud.kv_tokens, "null or memory: this machine's memory holds all"
    if cloud.token_budget is not None:
        yield "cloud.token_budget", cloud.token_budget, "null: a pass is not cut"
    if not isinstance(cloud.failures, NoDowntime | ScheduledDowntime):
        yield "cloud.failures", cloud.failures.kind, "none, or scheduled: the process is killed and begun anew"
    elif any(to_s == inf for _, to_s in cloud.failures.times(0, Uniforms.of(0, ""))):
        yield "cloud.failures", cloud.failures.kind, "a cloud that comes back"


def _of_scheme(scheme: Scheme) -> Iterator[tuple[str, object, str]]:
    if scheme.protocol not in SERVED:
        served = ", ".join(SERVED)
        yield "scheme", f"{scheme.kind}, protocol {scheme.protocol}", f"one that crosses the air by {served}"
    if isinstance(scheme, Mirrored) or scheme.sends_parts:
        yield "scheme", scheme.kind, "one whose payload goes out at once and whole"
    if isinstance(scheme, DraftScheme) and scheme.families.policy.plan(1) is None:
        yield "scheme.policy", scheme.families.policy.kind, "one that plans each round"


def _of_link(config: LinkConfig) -> Iterator[tuple[str, object, str]]:
    for field, default in (("access_s", 0.0), ("idle_after_s", None), ("overhead_s", 0.0), ("half_duplex", None),
                           ("buffer_packets", None)):  # fmt: skip
        if (value := getattr(config, field)) != default:
            yield field, value, f"{default}"
    if config.listens.windows_s:
        yield "listens", config.listens.kind, "always"
    if config.sharing.kind != "fifo":
        yield "sharing", config.sharing.kind, "fifo, the interface's queue"
    if config.header_bits % 8 or config.header_bits < LEAST_HEADER_BITS:
        yield "header_bits", config.header_bits, f"whole bytes, {LEAST_HEADER_BITS} bits or more: IPv4, UDP, 12 of ours"
    ack_bits = config.arq.ack_bits
    if ack_bits and (ack_bits % 8 or not LEAST_HEADER_BITS <= ack_bits <= _LARGEST_BITS):
        yield "arq.ack_bits", ack_bits, f"0, or whole bytes, {LEAST_HEADER_BITS} to {_LARGEST_BITS} bits"
    if config.mtu_bits is not None and (config.mtu_bits % 8 or config.mtu_bits > _LARGEST_BITS):
        yield "mtu_bits", config.mtu_bits, f"whole bytes, {_LARGEST_BITS} bits or fewer, or null"
    if isinstance(config.rate, TokenBucket):
        if config.mtu_bits is None or config.rate.burst_bits < config.mtu_bits:
            yield "rate.burst_bits", config.rate.burst_bits, "mtu_bits or more: the kernel's bucket must hold a packet"
        if filled_s(config) > MOST_FILLING_S:
            yield "rate.burst_bits", config.rate.burst_bits, f"a bucket that fills within {MOST_FILLING_S:g} s"
        if config.rate.peak_bps != inf:
            yield "rate.peak_bps", config.rate.peak_bps, "inf"
