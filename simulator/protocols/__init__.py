"""Protocols that serve a request: a pair of machines each, at the edge and in the cloud, without I/O or a clock.

`machine` is the seam: the events that a machine takes and the commands that it answers with. A protocol of yours is one
file and one line in PROTOCOLS; a scheme names the one it needs. It then runs simulated (`timing.request_process`), for
real (`testbed`), and decoded beforehand (`predecode`).
"""

from typing import Final, NamedTuple

from kinds import ConfigError
from simulator.cell.scheme import Scheme
from simulator.protocols.ahead import AheadCloud, AheadEdge
from simulator.protocols.cloud_first import (
    CloudFirstAheadCloud,
    CloudFirstAheadEdge,
    CloudFirstCloud,
    CloudFirstEdge,
)
from simulator.protocols.local import LocalEdge
from simulator.protocols.machine import CloudMachine, EdgeMachine, Need
from simulator.protocols.prepared import CloudFirstPreparedEdge, PreparedEdge
from simulator.protocols.sent_ahead import (
    CloudFirstSentAheadCloud,
    CloudFirstSentAheadEdge,
    SentAheadCloud,
    SentAheadEdge,
)
from simulator.protocols.speculate import SpeculateCloud, SpeculateEdge
from simulator.protocols.stream import StreamCloud, StreamEdge


class Protocol(NamedTuple):
    """The two ends of a request; `cloud` is None where there is no far end."""

    edge: type[EdgeMachine]
    cloud: type[CloudMachine] | None


PROTOCOLS: Final[dict[str, Protocol]] = {
    "speculate": Protocol(SpeculateEdge, SpeculateCloud),
    "ahead": Protocol(AheadEdge, AheadCloud),
    "prepared": Protocol(PreparedEdge, SpeculateCloud),
    "sent_ahead": Protocol(SentAheadEdge, SentAheadCloud),
    "cloud_first": Protocol(CloudFirstEdge, CloudFirstCloud),
    "cloud_first_ahead": Protocol(CloudFirstAheadEdge, CloudFirstAheadCloud),
    "cloud_first_prepared": Protocol(CloudFirstPreparedEdge, CloudFirstCloud),
    "cloud_first_sent_ahead": Protocol(CloudFirstSentAheadEdge, CloudFirstSentAheadCloud),
    "stream": Protocol(StreamEdge, StreamCloud),
    "local": Protocol(LocalEdge, None),
}


def protocol_of(scheme: Scheme) -> Protocol:
    """The protocol that serves a scheme's requests. Raises ConfigError where there is none of its name."""
    protocol = PROTOCOLS.get(scheme.protocol)
    if protocol is None:
        raise ConfigError(f"scheme = {scheme.kind}: protocol {scheme.protocol!r}; there are {', '.join(PROTOCOLS)}")
    return protocol


def lacking(scheme: Scheme, offered: frozenset[Need]) -> list[Need]:
    """Returns the needs of this scheme's requests that a driver's offer does not meet."""
    needs = protocol_of(scheme).edge.needs(scheme)
    return [need for need in Need if need in needs - offered]
