"""The two hosts of a real run and the interfaces between them: network namespaces without names.

Each host has `shaped0`, which the kernel shapes where the cell's rate is a token bucket, `free0`, which nothing shapes,
and `lo`; no other interface and no default route, so that no packet leaves. What a host sends comes out at a file
descriptor here. The namespaces live as long as the two processes that hold them, and these as long as this one.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Literal, Self

from kinds import ConfigError
from simulator.cell.cell import Cell
from simulator.testbed import host
from simulator.testbed.network.emulated_link import shaper
from simulator.testbed.plan import FREE, SHAPED, Side

Net = Literal["shaped", "free"]
SIDES: Final[tuple[Side, ...]] = ("edge", "cloud")
NETS: Final[tuple[Net, ...]] = ("shaped", "free")
_TUN: Final = Path("/dev/net/tun")
_WAIT_S: Final = 20.0
"""Longest wait for a host."""


class Namespaces:
    """The hosts of a cell, from construction to `close`. Raises ConfigError, one line, where none can be made here."""

    def __init__(self, cell: Cell) -> None:
        self._tools = {name: _tool(name) for name in ("unshare", "nsenter", "ip", "tc")}
        if not _TUN.exists():
            raise ConfigError(f"real: {_TUN} is missing here: the kernel has no TUN interfaces")
        self._user = [] if os.geteuid() == 0 else ["--user"]
        self._holders: dict[Side, subprocess.Popen[str]] = {}
        self.tuns: dict[tuple[Side, Net], int] = {}
        """The file descriptor at which the packets of each interface come out and go in."""
        with ExitStack() as undo:
            undo.callback(self.close)
            with ExitStack() as taken:
                for side, hands_over in [(side, taken.enter_context(self._hold(cell, side))) for side in SIDES]:
                    self._take(side, hands_over)
            undo.pop_all()

    def command(self, side: Side, argv: Sequence[str]) -> list[str]:
        """Returns the command that runs a program in a host; the process that it starts becomes the program."""
        user = [*self._user, "--preserve-credentials"] if self._user else []
        return [self._tools["nsenter"], f"--target={self._holders[side].pid}", *user, "--net", "--", *argv]

    def close(self) -> None:
        """Ends the hosts; nothing of them is left."""
        for tun in self.tuns.values():
            os.close(tun)
        self.tuns = {}
        for holder in self._holders.values():
            holder.kill()
            holder.communicate()
        self._holders = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hold(self, cell: Cell, side: Side) -> socket.socket:
        """Starts the process that holds a host; answers where it hands its interfaces over."""
        shapers = {"shaped": shaper(cell.uplink if side == "edge" else cell.downlink), "free": []}
        ours, theirs = socket.socketpair()
        addresses = {"shaped": getattr(SHAPED, side), "free": getattr(FREE, side)}
        made: list[host.Interface] = [(f"{net}0", f"{addresses[net]}/24", shapers[net]) for net in NETS]
        setup = self._tools["ip"], self._tools["tc"], theirs.fileno(), made
        apart = [self._tools["unshare"], *([*self._user, "--map-root-user"] if self._user else []), "--net", "--"]
        with theirs:
            self._holders[side] = subprocess.Popen(
                [*apart, sys.executable, "-I", "-S", host.__file__, json.dumps(setup)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                pass_fds=[theirs.fileno()],
            )
        return ours

    def _take(self, side: Side, hands_over: socket.socket) -> None:
        """Waits for a host's interfaces."""
        hands_over.settimeout(_WAIT_S)
        try:
            answer, tuns, *_ = socket.recv_fds(hands_over, 16, len(NETS), socket.MSG_CMSG_CLOEXEC)
        except TimeoutError:
            raise ConfigError(f"real: the {side}'s host was not there within {_WAIT_S:g} s") from None
        if not answer:
            raise ConfigError(_refused(self._holders[side].communicate()[1]))
        self.tuns |= {(side, net): tun for net, tun in zip(NETS, tuns, strict=True)}


def _tool(name: str) -> str:
    """Returns the path of a program of the system; some lie where only an administrator's shell looks."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        raise ConfigError(f"real: {name} is missing here: needs util-linux (unshare, nsenter) and iproute2 (ip, tc)")
    return found


def _refused(errors: str) -> str:
    """The complaint about a host that did not come to be, of what it wrote."""
    last = (errors.strip().splitlines() or ["no reason"])[-1].replace("unshare: unshare failed:", "unshare:")
    if last.startswith("unshare:"):
        return f"real: network namespaces are not permitted here ({last})"
    return f"real: a host could not be made here ({last})"
