"""Frames between the machine of a real run and that of its remote edge, over TLS, one connection per device.

A frame is its kind (1 byte), the length of its content (4 bytes, big-endian) and the content: JSON, numbers, text, or a
packet as a UDP datagram carries it (`packet_header`); no code and no pickle, and no more than a limit of its kind.
TLS 1.3 alone, and each end takes no certificate but the very one that it was given of the other: names and authorities
have no say. Packets take the same connection, since there is no DTLS in the standard library and a datagram
that nobody vouches for is none to take: what the network between the machines loses, TCP sends again, later.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from enum import IntEnum
from pathlib import Path
from typing import Final, NamedTuple, Self

from kinds import ConfigError
from kinds.files import read_text

CONNECT_S: Final = 10.0
HANDSHAKE_S: Final = 30.0
"""Longest TLS handshake: the far end's process may have to begin first."""
SILENT_S: Final = 20
"""The kernel gives a connection up whose far end answers nothing for so long, whatever was sent."""
_HEAD: Final = struct.Struct("!BI")
_SECONDS: Final = struct.Struct("!d")
_ROUND_TRIPS: Final = 16
_APART_S: Final = 0.01
_LONGEST_TEXT: Final = 500
_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class Frame(IntEnum):
    """Kinds of frames. "Up" is from the edge."""

    VERSIONS = 1
    """First frame both ways: JSON that describes the sender."""
    CELL = 2
    """Down: JSON, the cell, the device, and the fingerprint of the pair."""
    READY = 3
    """Up: the models are loaded, and a request has warmed them up."""
    START = 4
    """Down: the run's zero, seconds by the edge's monotonic clock."""
    DONE = 5
    """Up: all requests have their answers."""
    STOP = 6
    """Down: the run is over."""
    JOURNAL = 7
    """Up, last: the device's journal, by zlib."""
    REFUSED = 8
    """Last frame both ways: the reason, in one line."""
    ASK_TIME = 9
    TIME = 10
    """Frame both ways: seconds by the sender's monotonic clock, when it was asked."""
    SHAPED = 11
    """Frame both ways: a packet over the interface that is shaped."""
    FREE = 12
    """Frame both ways: a packet over the other interface."""


def _most_bytes(frame: int) -> int:
    """Returns the largest size of a frame's content, in bytes."""
    most = {Frame.CELL: 1 << 20, Frame.SHAPED: 1 << 16, Frame.FREE: 1 << 16, Frame.JOURNAL: 1 << 26}
    return most.get(Frame(frame), 1 << 12)


class Identity(NamedTuple):
    """The files by which two machines know each other."""

    certificate: Path
    """PEM: this machine's private key, and its certificate."""
    peer: Path
    """PEM: the other's certificate."""

    def tls(self, *, serves: bool) -> ssl.SSLContext:
        """Raises ConfigError where a file is none of that, or others than its owner may read the key."""
        if self.certificate.exists() and self.certificate.stat().st_mode & 0o077:
            raise ConfigError(f"certificate = {self.certificate}: holds a key that others may read; chmod 600 it")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if serves else ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False  # `_is` compares the whole certificate
        context.verify_mode = ssl.CERT_REQUIRED
        file, what = self.certificate, "a PEM file with a key without a password, and its certificate"
        try:
            context.load_cert_chain(file, password="")
            file, what = self.peer, "a PEM file with the other machine's certificate"
            context.load_verify_locations(file)
            self._is(b"")
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            why = f" ({error.strerror})" if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else ""
            raise ConfigError(f"{file}: must be {what}{why}") from None
        return context

    def _is(self, certificate: bytes | None) -> bool:
        """True if this (DER) is the very certificate of the other machine. Raises ValueError if its file has none or
        several."""
        (pem,) = _PEM.findall(read_text(self.peer, 1 << 16))
        return ssl.PEM_cert_to_DER_cert(pem) == certificate


class RemoteEdge(NamedTuple):
    """Address at which another machine listens (`sqsim edge`), and its identity."""

    host: str
    port: int
    identity: Identity

    @property
    def words(self) -> tuple[str, ...]:
        """Returns the words for the command line of a gateway: its name, and the two files."""
        return f"{self.host}:{self.port}", *(str(path.absolute()) for path in self.identity)

    def connection(self) -> socket.socket:
        """Raises ConfigError where nobody is there."""
        try:
            return socket.create_connection((self.host, self.port), CONNECT_S)
        except OSError as error:
            raise ConfigError(f"edge = {self.host}:{self.port}: {error.strerror or error}") from None


class ClockOffset(NamedTuple):
    """Offset of the far end's monotonic clock ahead of this one's, in seconds, and its uncertainty."""

    ahead_s: float
    within_s: float


class Peer:
    """The far end of a connection, from the handshake on."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, who: str) -> None:
        self.who = who
        self.packets: dict[Frame, Callable[[bytes], None]] = {}
        """Who takes the packets of SHAPED and FREE; before there is one they are dropped."""
        self._reader, self._writer = reader, writer
        self._said: asyncio.Queue[tuple[Frame, bytes]] = asyncio.Queue()
        self._parting = self._refused = False

    @classmethod
    async def over(cls, connection: socket.socket, identity: Identity, who: str, *, serves: bool) -> Self:
        """Shakes hands. Raises ConfigError where the far end is not the one with that certificate."""
        for option, value in ((socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3),
                              (socket.TCP_USER_TIMEOUT, 1000 * SILENT_S)):  # fmt: skip
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setblocking(False)
        loop, reader, tls = asyncio.get_running_loop(), asyncio.StreamReader(), identity.tls(serves=serves)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            if serves:
                transport, _ = await loop.connect_accepted_socket(
                    lambda: protocol, connection, ssl=tls, ssl_handshake_timeout=HANDSHAKE_S
                )
            else:
                transport, _ = await loop.create_connection(
                    lambda: protocol, sock=connection, ssl=tls, server_hostname="edge",
                    ssl_handshake_timeout=HANDSHAKE_S,
                )  # fmt: skip
        except OSError as error:
            connection.close()
            raise ConfigError(f"{who}: {_handshake_problem(error, identity)}") from None
        if not identity._is(transport.get_extra_info("ssl_object").getpeercert(True)):
            transport.abort()
            raise ConfigError(f"{who}: its certificate is not that of {identity.peer}")
        return cls(reader, asyncio.StreamWriter(transport, protocol, reader, loop), who)

    def send(self, frame: Frame, content: bytes = b"") -> None:
        """Never blocks. Raises ConfigError for content that no frame of this kind takes."""
        if len(content) > (most := _most_bytes(frame)):
            raise ConfigError(f"{frame.name} of {len(content)} bytes: must have at most {most}")
        self._parting |= frame is Frame.JOURNAL
        self._writer.write(_HEAD.pack(frame, len(content)) + content)

    def send_seconds(self, frame: Frame, at_s: float) -> None:
        """A time."""
        self.send(frame, _SECONDS.pack(at_s))

    async def expect(self, frame: Frame) -> bytes:
        """The content of the next frame but packets. Raises ConfigError where it is of another kind."""
        said, content = await self._said.get()
        if said is not frame:
            raise ConfigError(f"it said {said.name} where {frame.name} was due")
        return content

    async def expect_seconds(self, frame: Frame) -> float:
        """A time that it says. Raises ConfigError."""
        content = await self.expect(frame)
        if len(content) != _SECONDS.size or not abs(at_s := _SECONDS.unpack(content)[0]) < 1e12:
            raise ConfigError(f"it said {frame.name} without a time")
        return float(at_s)

    async def clock(self) -> ClockOffset:
        """Measured as NTP does (RFC 5905, section 8): of some round trips the shortest says most, and its answer was
        given at some moment of it, so half of it is the largest error."""
        found = []
        for _ in range(_ROUND_TRIPS):
            sent_s = time.monotonic()
            self.send(Frame.ASK_TIME)
            there_s, back_s = await self.expect_seconds(Frame.TIME), time.monotonic()
            found.append(ClockOffset(there_s - (sent_s + back_s) / 2, (back_s - sent_s) / 2))
            await asyncio.sleep(_APART_S)
        return min(found, key=lambda each: each.within_s)

    async def talk(self, conversation: Coroutine[None, None, None]) -> None:
        """Carries the conversation out while the far end is heard, and closes the connection. Raises ConfigError, in
        one line with the far end's name, where either fails; the far end is then told why."""
        problem: ConfigError | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                hearing = tasks.create_task(self._hear())
                await conversation
                hearing.cancel()
        except BaseExceptionGroup as group:
            first = group.exceptions[0]
            if not isinstance(first, ConfigError):
                raise first from None
            problem = first
            if not self._refused:
                self.send(Frame.REFUSED, _one_line(str(first)).encode())
        finally:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()
        if problem is not None:
            raise ConfigError(f"{self.who}: {problem}") from None

    async def _hear(self) -> None:
        """Takes in frame after frame. Raises ConfigError where the far end ends, fails, or says what is none."""
        try:
            while True:
                self._take(*await self._frame())
        except (asyncio.IncompleteReadError, ConnectionError):
            if not self._parting:
                raise ConfigError(
                    "ended the connection; where that is the first that it did, its --peer must be this machine's "
                    "certificate"
                ) from None
            self._said.put_nowait((Frame.STOP, b""))
        except OSError as error:
            timed_out = isinstance(error, TimeoutError)
            raise ConfigError(f"has not answered for {SILENT_S} s" if timed_out else _reason(error)) from None

    async def _frame(self) -> tuple[Frame, bytes]:
        kind, length = _HEAD.unpack(await self._reader.readexactly(_HEAD.size))
        if kind not in set(Frame) or length > _most_bytes(kind):
            raise ConfigError(f"it said what is no frame of ours (kind {kind}, {length} bytes)")
        return Frame(kind), await self._reader.readexactly(length)

    def _take(self, frame: Frame, content: bytes) -> None:
        if frame in (Frame.SHAPED, Frame.FREE):
            if take := self.packets.get(frame):
                take(content)
        elif frame is Frame.ASK_TIME:
            self.send_seconds(Frame.TIME, time.monotonic())
        elif frame is Frame.REFUSED:
            self._refused = True
            raise ConfigError(f"refuses: {_one_line(content.decode(errors='replace'))}")
        else:
            self._said.put_nowait((frame, content))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_TEXT]


def _reason(error: OSError) -> str:
    return (error.reason if isinstance(error, ssl.SSLError) else error.strerror) or "it ended the connection"


def _handshake_problem(error: OSError, identity: Identity) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not that of {identity.peer} ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"no TLS that is expected here ({error.reason})"
    if isinstance(error, ConnectionAbortedError):
        return f"no TLS handshake within {HANDSHAKE_S:g} s"
    return f"no TLS handshake: {_reason(error)}"
