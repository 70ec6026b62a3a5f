"""`sqsim edge`: listens for the one machine whose certificate it was given, and serves its runs, a process a device.

    python -m simulator.testbed.remote.edge_listener CONNECTION WHO CERTIFICATE PEER

is such a process. It shakes hands before it loads anything, so that a stranger costs no more than that.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from kinds import ConfigError
from kinds.mistakes import printable
from simulator.testbed.host import dies_with_parent
from simulator.testbed.processes import play
from simulator.testbed.remote.secure_frames import Identity, Peer

ALL: Final = "all"
"""Word in place of an address: every address of this machine."""
_MOST: Final = 16
"""Connections at once: as many as a run may have devices (`packet_header.MOST_DEVICES`)."""
_ROOT: Final = Path(__file__).parents[3]


def listen(host: str, port: int, identity: Identity) -> Iterator[str]:
    """Serves until it is interrupted; says what happens, a line each. Raises ConfigError, one line."""
    if sys.platform != "linux":
        raise ConfigError(f"edge: needs Linux, this is {sys.platform}")
    identity.tls(serves=True)  # refused now, if at all
    if host in ("0.0.0.0", "::", ""):
        raise ConfigError(f"listen = {host}: must be one address of this machine, or the word {ALL}")
    serving: list[subprocess.Popen[bytes]] = []
    try:
        with _server(host, port) as server:
            yield f"listening at {host}:{server.getsockname()[1]} for the machine of {identity.peer}; Ctrl-C ends it"
            while True:
                connection, (address, from_port, *_) = server.accept()
                serving = [each for each in serving if each.poll() is None]
                who = f"{address}:{from_port}"
                with connection:
                    if len(serving) < _MOST:
                        serving.append(_begin(connection, who, identity))
                        continue
                yield f"{who}: turned away, {_MOST} connections are open"
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted; nothing listens any more") from None
    finally:
        for each in serving:
            each.kill()
            each.wait()


def _server(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server(("" if host == ALL else host, port), family=family, backlog=_MOST)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"listen = {host}:{port}: {getattr(error, 'strerror', None) or error}") from None


def _begin(connection: socket.socket, who: str, identity: Identity) -> subprocess.Popen[bytes]:
    descriptor = connection.fileno()
    path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "simulator.testbed.remote.edge_listener", str(descriptor), who,
         *(str(each.absolute()) for each in identity)],
        stdin=subprocess.DEVNULL, pass_fds=[descriptor], env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )  # fmt: skip


def main(descriptor: str, who: str, certificate: str, peer: str) -> None:
    """The process of one connection."""
    dies_with_parent()
    with suppress(KeyboardInterrupt):
        try:
            play(_serve(socket.socket(fileno=int(descriptor)), who, Identity(Path(certificate), Path(peer))))
        except ConfigError as error:
            sys.exit(f"sqsim: edge: {printable(str(error))}")
        print(f"{who}: served", flush=True)


async def _serve(connection: socket.socket, who: str, identity: Identity) -> None:
    peer = await Peer.over(connection, identity, who, serves=True)
    from simulator.testbed.remote.remote_edge import serve  # here: only who is known is worth the seconds

    await peer.talk(serve(peer))


if __name__ == "__main__":
    main(*sys.argv[1:])
