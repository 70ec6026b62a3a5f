"""A UDP socket in an event loop. It never blocks: what the kernel has no room for yet waits here, in order."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

from simulator.testbed.host import MTU_BYTES
from simulator.testbed.packet_header import IP_UDP_BYTES

HostPort = tuple[str, int]
"""An IPv4 address and a port."""
DatagramReceiver = Callable[[bytes, HostPort], None]
"""Called with each datagram and its sender's address."""
BUFFER_BYTES: Final = 1 << 26
"""Bytes that the kernel may hold for one socket in either direction: a wide window before a slow link."""
LARGEST_BYTES: Final = MTU_BYTES - IP_UDP_BYTES
"""The most that a datagram carries through the interfaces in one piece: the relay takes no fragments of IP."""
_AT_ONCE: Final = 64
"""Datagrams read before others in the loop have their turn."""
# Linux's SO_SNDBUFFORCE and SO_RCVBUFFORCE, which Python does not name: past the host's limits, for those who may.
_BUFFERS: Final = ((socket.SO_SNDBUF, 32), (socket.SO_RCVBUF, 33))


class DatagramSocket(Protocol):
    """Socket by which an endpoint sends its datagrams."""

    def send(self, datagram: bytes, to: HostPort, failed: Callable[[], None]) -> None:
        """Takes on a datagram; `failed` is called where it is refused."""
        ...

    def close(self) -> None:
        """Receives and sends nothing more."""
        ...


class UdpSocket:
    """Socket in the running loop. `receive` is called with each datagram, whoever sent it, and with its sender's
    address."""

    def __init__(self, at: HostPort, receive: DatagramReceiver) -> None:
        """Binds it, and receives from now on. Raises OSError where there is no such interface, or the port is taken."""
        self._receive = receive
        self._waiting: deque[Callable[[], bool]] = deque()
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        for buffer, forced in _BUFFERS:
            self._socket.setsockopt(socket.SOL_SOCKET, buffer, BUFFER_BYTES)
            with suppress(PermissionError):
                self._socket.setsockopt(socket.SOL_SOCKET, forced, BUFFER_BYTES)
        self._socket.bind(at)
        self._loop.add_reader(self._socket, self._read)

    def send(self, datagram: bytes, to: HostPort, failed: Callable[[], None]) -> None:
        """Hands a datagram to the kernel, at once or when it has room; `failed` is called where it refuses it."""
        go = partial(self._go, datagram, to, failed)
        if self._waiting:
            self._waiting.append(go)
        elif not go():
            self._waiting.append(go)
            self._loop.add_writer(self._socket, self._write)

    def close(self) -> None:
        """Receives and sends nothing more; what still waits is dropped."""
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._waiting.clear()
        self._socket.close()

    def _go(self, datagram: bytes, to: HostPort, failed: Callable[[], None]) -> bool:
        """True if the kernel has answered for it; False: it has no room."""
        try:
            self._socket.sendto(datagram, to)
        except BlockingIOError:
            return False
        except OSError:
            failed()
        return True

    def _write(self) -> None:
        while self._waiting and self._waiting[0]():
            self._waiting.popleft()
        if not self._waiting:
            self._loop.remove_writer(self._socket)

    def _read(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                datagram, sender = self._socket.recvfrom(LARGEST_BYTES)
            except OSError:  # nothing more, or an error of one that was sent, for which no notice will come either
                return
            self._receive(datagram, sender)
            if self._socket.fileno() < 0:  # closed by what it received
                return
