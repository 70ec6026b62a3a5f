"""How a request is served, one file a protocol: an edge process and a cloud handler, each with a state of its own, and
between them messages that carry bytes. A protocol of yours is a file here, a line in PROTOCOLS and one in
`cell.scheme.ProtocolName`; a scheme names the one it needs."""

from collections.abc import Callable, Mapping

from simulator.cell.scheme import ProtocolName
from simulator.timing.device import Exchange
from simulator.timing.protocols.ahead import Ahead
from simulator.timing.protocols.local import Local
from simulator.timing.protocols.site import Site
from simulator.timing.protocols.speculate import Speculate
from simulator.timing.protocols.stream import Stream

PROTOCOLS: Mapping[ProtocolName, Callable[[Site], Exchange]] = {
    "speculate": Speculate,
    "ahead": Ahead,
    "stream": Stream,
    "local": Local,
}
