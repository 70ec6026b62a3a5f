"""The connection to a remote edge: who is taken, what may be asked, and that each failure is one line at either end."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import time
import zlib
from collections.abc import Callable, Coroutine
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cells import cell
from certificates import identity, made_certificates

from kinds import ConfigError
from simulator.testbed.journal import CloudRestarted, Journal, RequestServed
from simulator.testbed.packet_header import MessageAddress, PacketKind
from simulator.testbed.remote import edge_gateway, edge_listener, remote_edge, secure_frames
from simulator.testbed.remote.edge_gateway import noted
from simulator.testbed.remote.remote_edge import ask, asked, same_versions, serve
from simulator.testbed.remote.secure_frames import Frame, Identity, Peer, RemoteEdge

Conversation = Callable[[Peer], Coroutine[None, None, None]]
SYNTHETIC = cell(models={"pair": {"kind": "synthetic", "size": 16, "entropy_bits": 2}})


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    made_certificates(folder, "cloud", "edge", "stranger")
    return folder


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a TCP connection over loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    return near, far


def said(*ends: Coroutine[Any, Any, object]) -> list[str]:
    """How each of these ends, all of them under way at once: "" or its one line."""

    async def play() -> list[object]:
        async with asyncio.timeout(20):
            return await asyncio.gather(*ends, return_exceptions=True)

    found = asyncio.run(play())
    assert all(each is None or isinstance(each, ConfigError) for each in found), found
    lines = ["" if each is None else str(each) for each in found]
    assert not any("\n" in line for line in lines)
    return lines


async def end(connection: socket.socket, known: Identity, who: str, conversation: Conversation) -> None:
    peer = await Peer.over(connection, known, who, serves=who == "CLOUD")
    await peer.talk(conversation(peer))


def met(keys: Path, cloud: Conversation, edge: Conversation) -> list[str]:
    """How both ends of a connection between the right machines end."""
    near, far = pair()
    return said(
        end(near, identity(keys, "cloud", "edge"), "EDGE", cloud),
        end(far, identity(keys, "edge", "cloud"), "CLOUD", edge),
    )


@pytest.mark.parametrize(
    ("cloud", "edge", "cloud_says", "edge_says"),
    [
        (("cloud", "stranger"), ("edge", "cloud"), "EDGE: its certificate is not that of", "CLOUD: "),
        (("stranger", "edge"), ("edge", "cloud"), "EDGE: ", "CLOUD: its certificate is not that of"),
        (("edge", "edge"), ("edge", "cloud"), "EDGE: ", "CLOUD: its certificate is not that of"),
    ],
    ids=["of the edge", "of the cloud", "the edge's own"],
)
def test_a_certificate_that_is_not_the_very_one_is_refused_at_the_end_that_sees_it(
    keys: Path, cloud: tuple[str, str], edge: tuple[str, str], cloud_says: str, edge_says: str
) -> None:
    near, far = pair()
    lines = said(
        end(near, identity(keys, *cloud), "EDGE", same_versions),
        end(far, identity(keys, *edge), "CLOUD", same_versions),
    )
    assert lines[0].startswith(cloud_says) and lines[1].startswith(edge_says), lines


def test_a_certificate_that_the_known_one_has_issued_is_another(keys: Path, tmp_path: Path) -> None:
    """Self-signed, the known one may issue others: OpenSSL takes them, the edge does not."""
    issued = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
              "/CN=issued", "-CA", str(keys / "cloud.crt"), "-CAkey", str(keys / "cloud.pem"),
              "-keyout", str(tmp_path / "issued.pem"), "-out", str(tmp_path / "issued.pem")]  # fmt: skip
    subprocess.run(issued, check=True, capture_output=True)
    near, far = pair()
    _, edge = said(
        end(near, Identity(tmp_path / "issued.pem", keys / "edge.crt"), "EDGE", same_versions),
        end(far, identity(keys, "edge", "cloud"), "CLOUD", same_versions),
    )
    assert edge == f"CLOUD: its certificate is not that of {keys / 'cloud.crt'}"


@pytest.mark.parametrize("serves", [True, False])
@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + bytes(600), b""])
def test_who_speaks_no_tls_is_named_on_one_line(keys: Path, serves: bool, garbage: bytes) -> None:
    near, far = pair()
    with near:
        near.sendall(garbage)
        near.shutdown(socket.SHUT_WR)
        (line,) = said(end(far, identity(keys, "edge", "cloud"), "CLOUD" if serves else "EDGE", same_versions))
    assert line.startswith(("CLOUD: no TLS", "EDGE: no TLS")), line
    assert far.fileno() < 0


def test_who_says_nothing_is_given_up(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secure_frames, "HANDSHAKE_S", 0.05)
    near, far = pair()
    with near:
        assert said(end(far, identity(keys, "edge", "cloud"), "CLOUD", same_versions)) == [
            "CLOUD: no TLS handshake within 0.05 s"
        ]


async def _other_version(peer: Peer) -> None:
    peer.send(Frame.VERSIONS, json.dumps(remote_edge.versions() | {"sqsim": "0.0.1"}).encode())
    await peer.expect(Frame.VERSIONS)
    await peer.expect(Frame.CELL)


async def _leave(peer: Peer) -> None:
    return


@pytest.mark.parametrize(
    ("says", "problem"),
    [
        (_other_version, r"sqsim 0\.0\.1 there, \S+ here: both ends must be the same sqsim"),
        (_leave, "ended the connection"),
    ],
)
def test_another_version_and_a_far_end_that_leaves_end_both_on_one_line(
    keys: Path, says: Conversation, problem: str
) -> None:
    cloud, edge = met(keys, says, serve)
    assert re.match(f"CLOUD: {problem}", edge), edge
    assert not cloud or re.match(f"EDGE: refuses: {problem}", cloud), cloud


def _sending(*frames: tuple[int, bytes]) -> Conversation:
    async def conversation(peer: Peer) -> None:
        for kind, content in frames:
            peer._writer.write(secure_frames._HEAD.pack(kind, len(content)) + content)
        await peer.expect(Frame.READY)

    return conversation


VERSIONS = (Frame.VERSIONS, json.dumps(remote_edge.versions()).encode())


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        ([(99, b"")], "what is no frame of ours (kind 99, 0 bytes)"),
        ([(Frame.READY, bytes(4097))], "what is no frame of ours (kind 3, 4097 bytes)"),
        ([(Frame.VERSIONS, b"[" * 4000)], "what is no JSON object"),
        ([(Frame.VERSIONS, b"\xff\x80\x04.")], "what is no JSON object"),
        ([(Frame.VERSIONS, b"{}")], "protocol None there"),
        ([(Frame.START, bytes(8))], "it said START where VERSIONS was due"),
        ([VERSIONS, (Frame.CELL, b"[]")], "what is no JSON object"),
        ([VERSIONS, (Frame.CELL, b"{}")], "imports: must be none"),
        ([VERSIONS, (Frame.STOP, b"")], "it said STOP where CELL was due"),
        ([(Frame.REFUSED, b"no\x1b[31m\nroom")], r"refuses: no\x1b[31m room"),
    ],
)
def test_what_a_far_end_may_not_say_ends_both_on_one_line(
    keys: Path, frames: list[tuple[int, bytes]], problem: str
) -> None:
    cloud, edge = met(keys, _sending(*frames), serve)
    assert problem in edge and cloud.startswith("EDGE: "), (cloud, edge)


def _asking(fields: dict[str, Any] | None = None, **given: object) -> bytes:
    pair = SYNTHETIC.models.pair.fingerprint
    plain = SYNTHETIC.to_fields("json") | (fields or {})
    return json.dumps({"device": 0, "pair": pair, "cell": plain} | given).encode()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (_asking({"imports": ["theirs.py"]}), "imports: must be none"),
        (_asking(cell=None), "imports: must be none"),
        (_asking({"models": {"pair": {"kind": "huggingface", "verifier": "/etc", "drafter": "/etc"}}}), "takes sotu"),
        (_asking({"models.pair": "replay"} | {"models": {}}), "takes sotu"),
        (_asking({"models": {"pair": {"kind": "sotu", "prompts": "/etc/passwd"}}}), "no file allowed"),
        (_asking({"uplink": {"rate": {"kind": "trace", "path": "rates.csv"}}}), "no file allowed"),
        (_asking({"edge": {"latency": {"kind": "profile", "file": "/dev/zero"}}}), "no file allowed"),
        (_asking({"nothing": 1}), "nothing"),
        (_asking({"cloud": {"servers": 3}}), "cloud.servers = 3: a real run needs 1"),
        (_asking(device=1), "device = 1: must be one of 1"),
        (_asking(device="0"), "device = 0: must be"),
        (_asking(pair="0" * 64), "its weights or prompts are others"),
    ],
)
def test_a_remote_edge_is_asked_for_no_code_no_file_and_no_other_pair(content: bytes, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        asked(content)
    assert problem in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_asked_is_the_cell() -> None:
    assert asked(ask(SYNTHETIC, 0)) == (SYNTHETIC, 0)


def _journal(*events: Any) -> bytes:
    kept = StringIO()
    journal = Journal(kept)
    journal.start(0.0)
    for event in events:
        journal.note(event)
    return kept.getvalue().encode()


OWN = RequestServed(1, 0, 0.5)


@pytest.mark.parametrize(
    "compressed",
    [
        b"nothing",
        zlib.compress(_journal(OWN))[:-3],
        zlib.compress(_journal(OWN._replace(device=2))),
        zlib.compress(_journal(CloudRestarted(0, True, 0.1))),
        zlib.compress(_journal(edge_gateway.MessageTaken(MessageAddress(PacketKind.REPLY, 0, 0, 1), 0.1))),
        zlib.compress(b'["RequestServed", 1]\n'),
        zlib.compress(b"[" * 100_000),
        zlib.compress(bytes(1 << 21)),
    ],
    ids=["no zlib", "cut", "another device's", "the cloud's", "about another", "a field short", "deep", "a bomb"],
)
def test_a_journal_that_no_such_device_notes_is_refused(compressed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_gateway, "_MOST_NOTED_BYTES", 1 << 20)
    assert noted(zlib.compress(_journal(OWN)), 1) == _journal(OWN).decode()
    with pytest.raises(ConfigError, match=r"^its journal is none of this device$"):
        noted(compressed, 1)


def test_another_clock_is_known_to_within_half_a_round_trip(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends read one clock here, so the one that says 500 s more is ahead by just that."""
    monkeypatch.setattr(secure_frames, "_APART_S", 0.0)
    found = []

    async def cloud(peer: Peer) -> None:
        began_s = time.monotonic()
        found.append((await peer.clock(), time.monotonic() - began_s))

    async def edge(peer: Peer) -> None:
        say = peer.send_seconds
        monkeypatch.setattr(peer, "send_seconds", lambda frame, at_s: say(frame, at_s + 500.0))
        await peer.expect(Frame.STOP)

    met(keys, cloud, edge)
    ((offset, took_s),) = found
    assert abs(offset.ahead_s - 500.0) <= offset.within_s < took_s / 2


def test_a_key_is_for_its_owner_alone_and_files_are_named(keys: Path, tmp_path: Path) -> None:
    known = identity(keys, "edge", "cloud")
    shared = tmp_path / "shared.pem"
    shared.write_bytes(known.certificate.read_bytes())
    shared.chmod(0o640)
    (tmp_path / "two.crt").write_bytes(2 * known.peer.read_bytes())
    for wrong, problem in (
        (Identity(shared, known.peer), r"holds a key that others may read; chmod 600 it"),
        (Identity(tmp_path / "none.pem", known.peer), r"must be a PEM file with a key .*\(No such file"),
        (Identity(known.certificate, tmp_path / "none.crt"), r"must be .* the other machine's certificate \(No such"),
        (Identity(known.certificate, tmp_path / "two.crt"), "must be .* the other machine's certificate$"),
        (Identity(known.certificate, Path(__file__)), "must be .* the other machine's certificate$"),
        (Identity(known.peer, known.peer), "holds a key|must be a PEM file with a key"),
    ):
        with pytest.raises(ConfigError, match=problem):
            wrong.tls(serves=True)


def test_a_listener_is_at_the_one_address_it_was_told_and_gone_when_it_is_closed(
    keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_listener, "_MOST", 0)
    known, before = identity(keys, "edge", "cloud"), set(os.listdir("/proc/self/fd"))
    for host, port, problem in (
        ("0.0.0.0", 0, "must be one address of this machine, or the word all"), ("::", 0, "must be one address"),
        ("203.0.113.1", 0, "Cannot assign requested address"), ("127.0.0.1", 70_000, "port must be"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=problem):
            next(edge_listener.listen(host, port, known))
    lines = edge_listener.listen("127.0.0.1", 0, known)
    at = next(lines).split()[2]
    edge = RemoteEdge(*(kind(part) for kind, part in zip((str, int), at.split(":"), strict=True)), known)
    with pytest.raises(ConfigError, match="Address already in use"):
        next(edge_listener.listen("127.0.0.1", edge.port, known))
    with edge.connection() as near:
        assert "turned away" in next(lines)
        assert near.recv(1) == b""
    lines.close()
    with pytest.raises(ConfigError, match=f"^edge = 127.0.0.1:{edge.port}: Connection refused$"):
        edge.connection()
    assert set(os.listdir("/proc/self/fd")) <= before
