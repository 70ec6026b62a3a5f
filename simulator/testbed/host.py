"""Host of a real run: a process that holds a network namespace of its own, with its interfaces.

`namespaces` starts it by the path of this file, inside the new namespace: it needs the standard library only, so that
it is there at once. It makes the interfaces that it is asked for, hands their file descriptors over, and waits for
the end of its standard input; the namespace goes with it.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

MTU_BYTES: Final = 65_000
_QUEUE_PACKETS: Final = 1 << 16
"""Packets of all devices between two reads of the relay: what is more is lost without a notice."""
_PR_SET_PDEATHSIG: Final = 1
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN: Final = 0x0001
_IFF_NO_PI: Final = 0x1000
_IPV6: Final = Path("/proc/sys/net/ipv6/conf")


Interface = tuple[str, str, list[str]]
"""Interface to make: its name, its address with the length of its network, and the arguments of `tc qdisc` after the
device, none if nothing shapes it."""


def dies_with_parent() -> None:
    """Has the kernel kill this process when its parent ends, however that ends; ends it where the parent is gone."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the parent is gone")


def main(ip: str, tc: str, hands_over: int, interfaces: list[Interface]) -> None:
    """Makes the interfaces by the programs `ip` and `tc`, hands them over in order through the socket of this file
    descriptor, reports that it is ready, and holds the namespace until stdin ends."""
    dies_with_parent()
    _run([ip, "link", "set", "lo", "up"])
    # A port that nobody has open would be answered through the shaper, at the cost of what is being measured.
    _run([ip, "rule", "add", "ipproto", "icmp", "blackhole", "priority", "0"])
    for name in ("all", "default"):
        _without_ipv6(name)
    tuns = [_interface(ip, tc, *each) for each in interfaces]
    with socket.socket(fileno=hands_over) as parent:
        socket.send_fds(parent, [b"ready"], tuns)
    for tun in tuns:
        os.close(tun)
    sys.stdin.read()


def _interface(ip: str, tc: str, name: str, address: str, shaper: list[str]) -> int:
    """Makes an interface; answers the file descriptor at which its packets come and go."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    _without_ipv6(name)
    _run([ip, "link", "set", name, "mtu", str(MTU_BYTES), "txqueuelen", str(_QUEUE_PACKETS), "multicast", "off"])
    _run([ip, "address", "add", address, "dev", name])
    if shaper:
        _run([tc, "qdisc", "add", "dev", name, *shaper])
    _run([ip, "link", "set", name, "up"])
    return tun


def _without_ipv6(name: str) -> None:
    with suppress(OSError):  # not there, or not to be written in a container: the relay carries none of it anyway
        (_IPV6 / name / "disable_ipv6").write_text("1")


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{os.path.basename(command[0])}: {' '.join(done.stderr.split())}")


if __name__ == "__main__":
    try:
        main(*json.loads(sys.argv[1]))
    except OSError as error:
        sys.exit(f"{error.filename or 'interface'}: {error.strerror}")
