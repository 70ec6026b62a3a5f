"""A device of a real run on a machine of its own: what it may be asked, and how it answers.

It takes a run that names no file and no Python code, of a pair that comes with sqsim, and only from sqsim of its own
version and code. Its drafter, its coding and its repeats are those of the local edge (`endpoints.edge_device`); its
packets go through the connection, and its journal follows when the run is over. It writes no file.
"""

from __future__ import annotations

import asyncio
import json
import platform
import time
import zlib
from importlib.metadata import version
from io import StringIO
from typing import Final

from kinds import ConfigError
from kinds.files import no_files
from simulator.cell.cell import Cell, prepare_pairs
from simulator.decoding.round_keys import CODE_DIGITS, made_by
from simulator.run import COLLECTOR
from simulator.testbed import plan
from simulator.testbed.endpoints.edge_device import EdgeDevice
from simulator.testbed.journal import Journal
from simulator.testbed.packet_header import RealMessage
from simulator.testbed.plan import CLOUD_PORT, FREE, SHAPED
from simulator.testbed.remote.secure_frames import Frame, Peer
from simulator.testbed.transport.endpoint import Endpoint
from simulator.testbed.transport.sockets import DatagramReceiver, HostPort

PROTOCOL: Final = 1
"""The version of what both machines say to each other."""
PAIRS: Final = ("sotu", "smollm2", "synthetic")
"""Pairs that come with sqsim, or are made from a seed."""


def versions() -> dict[str, str]:
    """Returns the versions that must be the same at both ends, or texts would differ."""
    libraries = ("sqsim", "torch", "transformers", "tokenizers", "numpy", "numba", "scipy")
    found = {name: version(name).partition("+")[0] for name in libraries}  # behind the +: for which hardware
    python = ".".join(platform.python_version_tuple()[:2])
    return {"protocol": str(PROTOCOL), **found, "Python": python, "code": made_by()[:CODE_DIGITS]}


async def same_versions(peer: Peer) -> None:
    """Says what is here, and hears what is there. Raises ConfigError with the first that differs."""
    ours = versions()
    peer.send(Frame.VERSIONS, json.dumps(ours).encode())
    theirs = _json(await peer.expect(Frame.VERSIONS))
    for name, value in ours.items():
        if (there := theirs.get(name)) != value:
            raise ConfigError(f"{name} {str(there)[:40]} there, {value} here: both ends must be the same sqsim")


def ask(cell: Cell, device: int) -> bytes:
    """The content of a CELL."""
    pair = cell.models.pair.fingerprint
    return json.dumps({"device": device, "pair": pair, "cell": cell.to_fields("json")}).encode()


def asked(content: bytes) -> tuple[Cell, int]:
    """The cell and the device of a CELL. Raises ConfigError."""
    given = _json(content)
    cell, device = taken(given.get("cell")), given.get("device")
    if not isinstance(device, int) or not 0 <= device < cell.workload.devices:
        raise ConfigError(f"device = {str(device)[:40]}: must be one of {cell.workload.devices}")
    prepare_pairs([cell])
    if cell.models.pair.fingerprint != given.get("pair"):
        raise ConfigError(f"models.pair = {cell.models.pair.kind}: its weights or prompts are others there than here")
    return cell, device


def taken(fields: object) -> Cell:
    """The cell with these fields, where a remote edge takes it. Raises ConfigError, before any file is looked for."""
    if not isinstance(fields, dict) or fields.get("imports"):
        raise ConfigError("imports: must be none, a remote edge takes no Python code")
    models = fields.get("models")
    pair = models.get("pair") if isinstance(models, dict) else None
    kind = pair.get("kind") if isinstance(pair, dict) else None
    if kind not in PAIRS:
        raise ConfigError(f"models.pair = {str(kind)[:40]}: a remote edge takes {', '.join(PAIRS)}")
    with no_files():
        cell = Cell.from_fields(fields)
    plan.check(cell)
    return cell


async def serve(peer: Peer) -> None:
    """Serves one device of one run, from the handshake to its journal. Raises ConfigError."""
    await same_versions(peer)
    cell, device = asked(await peer.expect(Frame.CELL))
    noted = StringIO()
    journal = Journal(noted)

    def receive(message: RealMessage) -> None:
        end.receive(message)

    def through_peer(at: HostPort, receive: DatagramReceiver) -> TunnelledSocket:
        return TunnelledSocket(peer, at, receive)

    endpoint = Endpoint(cell, "edge", device, journal, receive, sockets=through_peer)
    end = EdgeDevice(cell, device, journal, endpoint)
    try:
        endpoint.open()
        await end.warm_up()
        with COLLECTOR.seldom():
            peer.send(Frame.READY)
            zero_s = await peer.expect_seconds(Frame.START)
            journal.start(zero_s)
            await asyncio.sleep(zero_s - time.monotonic())
            await end.work()
        peer.send(Frame.DONE)
        await peer.expect(Frame.STOP)
        peer.send(Frame.JOURNAL, zlib.compress(noted.getvalue().encode()))
        await peer.expect(Frame.STOP)  # it has it, and has gone
    finally:
        end.close()
        endpoint.close()


class TunnelledSocket:
    """Replacement of one of a device's UDP sockets: its datagrams go through the connection."""

    def __init__(self, peer: Peer, at: HostPort, receive: DatagramReceiver) -> None:
        self._peer = peer
        self._frame, cloud = (Frame.SHAPED, SHAPED.cloud) if at[0] == SHAPED.edge else (Frame.FREE, FREE.cloud)
        peer.packets[self._frame] = lambda packet: receive(packet, (cloud, CLOUD_PORT))

    def send(self, datagram: bytes, to: HostPort, failed: object) -> None:
        """Hands a datagram to the connection."""
        self._peer.send(self._frame, datagram)

    def close(self) -> None:
        """Receives nothing more."""
        self._peer.packets.pop(self._frame, None)


def _json(content: bytes) -> dict[str, object]:
    """Raises ConfigError where it is no JSON object."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ConfigError("it said what is no JSON object")
    return found
