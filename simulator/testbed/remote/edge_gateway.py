"""The process in the edge's host of a real run that stands for a device on another machine:

    python -m simulator.testbed.remote.edge_gateway FOLDER DEVICE CONNECTION HOST CERTIFICATE PEER

The remote device's packets enter the link here, from the sockets that the local device would have, and what arrives
here goes to it: the run's own link begins where that between the machines ends. CONNECTION is the file descriptor of a
connection that was made outside the host, which has no way out.
"""

from __future__ import annotations

import socket
import sys
import zlib
from functools import partial
from pathlib import Path
from typing import Final

from kinds import ConfigError
from simulator.cell.cell import Cell
from simulator.testbed.host import dies_with_parent
from simulator.testbed.journal import (
    MessageCancelled,
    MessagePut,
    MessageReceived,
    MessageTaken,
    PacketAcknowledged,
    PacketQueued,
    RequestArrived,
    RequestEnded,
    RequestServed,
    RoundComputed,
    TextRead,
    UplinkSeen,
    journal_path,
    parsed,
)
from simulator.testbed.plan import CELL
from simulator.testbed.processes import DONE, READY, obey, play
from simulator.testbed.remote.remote_edge import ask, same_versions
from simulator.testbed.remote.secure_frames import Frame, Identity, Peer
from simulator.testbed.transport.endpoint import EndpointAddresses
from simulator.testbed.transport.sockets import HostPort, UdpSocket

CLOCK: Final = ".clock"
"""The suffix of a file beside a remote device's journal: to within how many seconds its clock was known."""
_MOST_NOTED_BYTES: Final = 1 << 28
_NOTED_BY_EDGES: Final = (
    RequestArrived, RequestServed, RequestEnded, RoundComputed, TextRead, UplinkSeen, MessagePut, PacketQueued,
    PacketAcknowledged, MessageReceived, MessageTaken, MessageCancelled,
)  # fmt: skip


def main(folder: str, device: str, connection: str, who: str, certificate: str, peer: str) -> None:
    """The process."""
    dies_with_parent()
    identity = Identity(Path(certificate), Path(peer))
    play(_run(Path(folder), int(device), socket.socket(fileno=int(connection)), who, identity))


async def _run(folder: Path, device: int, connection: socket.socket, who: str, identity: Identity) -> None:
    peer = await Peer.over(connection, identity, who, serves=False)
    await peer.talk(_serve(folder, device, peer))


async def _serve(folder: Path, device: int, peer: Peer) -> None:
    cell = Cell.from_yaml(folder / CELL)
    await same_versions(peer)
    gateways = Gateways(peer, EndpointAddresses.real("edge", device, cell.workload.devices), device)
    try:
        peer.send(Frame.CELL, ask(cell, device))
        await peer.expect(Frame.READY)
        before = await peer.clock()

        async def start(zero_s: str) -> None:
            peer.send_seconds(Frame.START, float(zero_s) + before.ahead_s)
            await peer.expect(Frame.DONE)
            print(DONE, flush=True)

        print(READY, flush=True)
        await obey(start=start)
    finally:
        gateways.close()
    after = await peer.clock()
    within_s = max(before.within_s, abs(after.ahead_s - before.ahead_s) + after.within_s)
    path = journal_path(folder, f"edge {device}")
    path.with_suffix(CLOCK).write_text(repr(within_s))
    peer.send(Frame.STOP)
    path.write_text(noted(await peer.expect(Frame.JOURNAL), device))


def noted(compressed: bytes, device: int) -> str:
    """The journal of a remote device, its times by its clock. Raises ConfigError for what no edge device notes."""
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(compressed, _MOST_NOTED_BYTES).decode()
        if not unpacking.eof:
            raise ValueError
        for line in text.splitlines():
            event = parsed(line)
            about: object = getattr(event, "address", event)
            if not isinstance(event, _NOTED_BY_EDGES) or getattr(about, "device", None) != device:
                raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError, zlib.error):
        raise ConfigError("its journal is none of this device") from None
    return text


class Gateways:
    """The sockets of a remote device in the edge's host."""

    def __init__(self, peer: Peer, addresses: EndpointAddresses, device: int) -> None:
        far = addresses.far[device]
        self._sockets = []
        for frame, own, cloud in (
            (Frame.SHAPED, addresses.own.shaped, far.shaped), (Frame.FREE, addresses.own.free, far.free),
        ):  # fmt: skip

            def down(packet: bytes, sender: HostPort, frame: Frame = frame) -> None:
                if addresses.accepts(device, sender):
                    peer.send(frame, packet)

            made = UdpSocket(own, down)
            self._sockets.append(made)
            peer.packets[frame] = partial(made.send, to=cloud, failed=_refused)

    def close(self) -> None:
        """Closes the sockets: no more packets enter the link."""
        for each in self._sockets:
            each.close()


def _refused() -> None:
    raise ConfigError("a packet of it is none that this machine's kernel sends")


if __name__ == "__main__":
    main(*sys.argv[1:])
