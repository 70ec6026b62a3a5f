"""Plan of a real run: the cells that can be run, and the settings that each process reads."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Final, Literal, NamedTuple

from channels.link.link_config import LinkConfig
from channels.link.shaping import TokenBucket
from kinds import ConfigError
from simulator.cell.cell import Cell, memory_holds_all
from simulator.cell.scheme import Scheme
from simulator.protocols import PROTOCOLS, lacking
from simulator.protocols.machine import Need
from simulator.schemes.draft_scheme import DraftScheme
from simulator.testbed.packet_header import LEAST_HEADER_BITS, MOST, MOST_DEVICES, Direction

Side = Literal["edge", "cloud"]
DIRECTIONS: Final[tuple[Direction, Direction]] = ("uplink", "downlink")
MOST_FILLING_S: Final = 60.0
"""The longest that the kernel's bucket may take to fill: a run waits for it."""
CELL: Final = "cell.yaml"
"""The file of a run's folder from which its processes read the cell."""
INDEPENDENT: Final = "independent"
"""A file of that folder: the relay draws its own random numbers, and tells no sender when a packet has left."""
EDGE_PORT: Final = 5000
"""The port of device 0; the others follow."""
CLOUD_PORT: Final = 4000
WARM_UP: Final = MOST
"""The number of the request that each device serves before the run's zero: nothing of it is noted."""
WARM_UP_TOKENS: Final = 12
OFFERED: Final = frozenset({Need.LOOKAHEAD, Need.CLOUD_FIRST})
"""Needs that the real drivers meet besides those that every driver meets."""
_INSTEAD: Final = {
    Need.LOOKS: "one that plans each round",
    Need.PARTS: "one whose payload goes out at once and whole",
}
_LARGEST_BITS: Final = 8 * 60_000
"""The largest packet."""


class NetAddresses(NamedTuple):
    """Addresses of one interface, the same network at both ends."""

    edge: str
    cloud: str
    relay: str
    """The source of the relay's notices that a packet has left."""


SHAPED: Final = NetAddresses("10.77.0.1", "10.77.0.2", "10.77.0.3")
"""The interfaces that are shaped."""
FREE: Final = NetAddresses("10.78.0.1", "10.78.0.2", "10.78.0.3")
"""The interfaces for what takes no capacity in the cell: acknowledgements of `ack_bits` 0."""


def link(cell: Cell, direction: Direction) -> LinkConfig:
    """The cell's link in a direction."""
    return cell.uplink if direction == "uplink" else cell.downlink


def filled_s(config: LinkConfig) -> float:
    """Returns the time that the kernel's bucket takes to fill."""
    return config.rate.burst_bits / config.rate.bps if isinstance(config.rate, TokenBucket) else 0.0


def check(cell: Cell) -> None:
    """Raises ConfigError, one line, where a cell has something that two processes on this machine cannot be."""
    for field, value, allowed in _refusals(cell):
        raise ConfigError(f"{field} = {value}: a real run needs {allowed}")


def _refusals(cell: Cell) -> Iterator[tuple[str, object, str]]:
    """Yields each refused field with its value and the values allowed."""
    yield from _of_devices(cell)
    yield from _of_cloud(cell)
    yield from _of_scheme(cell.scheme)
    for direction, back in zip(DIRECTIONS, reversed(DIRECTIONS), strict=True):
        ack_bits, header_bits = link(cell, direction).arq.ack_bits, link(cell, back).header_bits
        if 0 < ack_bits < header_bits:
            yield f"{direction}.arq.ack_bits", ack_bits, f"0, or {back}.header_bits or more, {header_bits}"
        yield from (
            (f"{direction}.{field}", value, allowed) for field, value, allowed in _of_link(link(cell, direction))
        )


def _of_devices(cell: Cell) -> Iterator[tuple[str, object, str]]:
    workload, scheme = cell.workload, cell.scheme
    if cell.fleet:
        yield "fleet", f"{len(cell.fleet)} classes", "devices that are all alike: leave it out"
    if workload.devices > MOST_DEVICES:
        yield "workload.devices", workload.devices, f"at most {MOST_DEVICES}, each is a process here"
    if workload.total > MOST - 1:
        yield "workload.requests", workload.total, f"at most {MOST - 1} in all"
    step = 1 + scheme.depth if isinstance(scheme, DraftScheme) else 1
    if step * (output_tokens := workload.longest[1]) > MOST:
        yield "workload.output_tokens", output_tokens, f"at most {MOST // step}, a round's number takes two bytes"
    if workload.prompt_at_cloud:
        yield "workload.prompt_at_cloud", True, "false: the cloud learns of a request by its prompt"
    if workload.talks:
        yield "workload", workload.kind, "one whose requests stand alone: nothing is kept from turn to turn here"
    if not workload.all_are_awaited:
        yield "workload", workload.kind, "deadline_s null, horizon_s and absences left as they are: all is answered"
    if cell.edge.drafts_per_pass > 1:
        yield "edge.drafts_per_pass", cell.edge.drafts_per_pass, "1: its models make a draft a pass"
    if cell.edge.concurrency > 1:
        yield "edge.concurrency", cell.edge.concurrency, "1"
    if cell.edge.gateway is not None:
        yield "edge.gateway", cell.edge.gateway.kind, "null: each device here has a drafter of its own"


def _of_cloud(cell: Cell) -> Iterator[tuple[str, object, str]]:
    cloud = cell.cloud
    if cloud.servers > 1:
        yield "cloud.servers", cloud.servers, "1"
    if not memory_holds_all(cell):
        yield "cloud.kv_tokens", cloud.kv_tokens, "null: this machine's memory holds all"
    if cloud.drafts_per_pass > 1:
        yield "cloud.drafts_per_pass", cloud.drafts_per_pass, "1: its models make a draft a pass"
    if cloud.token_budget is not None:
        yield "cloud.token_budget", cloud.token_budget, "null: a pass is not cut"


def _of_scheme(scheme: Scheme) -> Iterator[tuple[str, object, str]]:
    """Refusals by what the protocol's machines declare that they need."""
    protocol = PROTOCOLS.get(scheme.protocol)
    if protocol is None or protocol.cloud is None:
        served = ", ".join(name for name, each in PROTOCOLS.items() if each.cloud)
        yield "scheme", f"{scheme.kind}, protocol {scheme.protocol}", f"one that crosses the air by {served}"
        return
    for need in lacking(scheme, OFFERED):
        allowed = _INSTEAD.get(need, f"one that does without {need.value}")
        if need is Need.LOOKS and isinstance(scheme, DraftScheme):
            yield "scheme.policy", scheme.families.policy.kind, allowed
        else:
            yield "scheme", scheme.kind, allowed


def _of_link(config: LinkConfig) -> Iterator[tuple[str, object, str]]:
    for field, default in (("access_s", 0.0), ("idle_after_s", None), ("overhead_s", 0.0), ("half_duplex", None),
                           ("buffer_packets", None)):  # fmt: skip
        if (value := getattr(config, field)) != default:
            yield field, value, f"{default}"
    if config.arq.follows_network:
        yield "arq", config.arq.kind, "stop_and_wait or selective_repeat: its timers run from when a packet has left"
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
