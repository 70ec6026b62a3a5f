"""The hosts of a real run: what is in them, how the kernel shapes them, and that nothing of them is left."""

import multiprocessing
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from cells import cell

from channels.link.rates import Position
from channels.uniforms import Uniforms
from kinds import ConfigError
from simulator.cell.cell import Cell
from simulator.testbed.network import namespaces
from simulator.testbed.network.emulated_link import shaper
from simulator.testbed.network.namespaces import SIDES, Namespaces
from simulator.testbed.plan import Side, link

BUCKET: dict[str, Any] = {"kind": "token_bucket", "bps": 200_000, "burst_bits": 12_000}
SHAPED = {"rate": BUCKET, "mtu_bits": 8_000, "arq": "selective_repeat"}
BURST = """
import socket, struct, sys, time
host, target, count, length = sys.argv[1:]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as edge:
    edge.bind((host, 5000))
    for _ in range(int(count)):
        edge.sendto(struct.pack("!d", time.monotonic()).ljust(int(length)), (target, 4000))
"""
PYTHON = [sys.executable, "-I", "-S", "-c"]


def of(**changes: Any) -> Cell:
    """Alike both ways, but for a longer header down."""
    return cell(uplink=SHAPED | changes, downlink=SHAPED | {"header_bits": 520} | changes)


@pytest.fixture(scope="module")
def hosts() -> Iterator[Namespaces]:
    try:
        made = Namespaces(of())
    except ConfigError as error:
        pytest.skip(str(error))
    with made:
        yield made


def printed_in(hosts: Namespaces, side: Side, *argv: str) -> str:
    return subprocess.run(hosts.command(side, argv), capture_output=True, text=True, check=True).stdout


def net_of(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/net")


def in_net(net: str) -> list[int]:
    """All processes in a network namespace."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(each / "ns/net") == net:
                found.append(int(each.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("side", SIDES)
def test_a_host_has_its_two_interfaces_and_no_way_out(hosts: Namespaces, side: Side) -> None:
    links = printed_in(hosts, side, "ip", "-oneline", "link").splitlines()
    assert sorted(line.split()[1] for line in links) == ["free0:", "lo:", "shaped0:"]
    last = 1 if side == "edge" else 2
    addresses = {tuple(line.split()[1:4]) for line in printed_in(hosts, side, "ip", "-oneline", "address").splitlines()}
    assert {("shaped0", "inet", f"10.77.0.{last}/24"), ("free0", "inet", f"10.78.0.{last}/24")} <= addresses
    assert not any(family == "inet6" and name != "lo" for name, family, _ in addresses)
    routes = printed_in(hosts, side, "ip", "route").splitlines()
    assert [route.split()[:3] for route in routes] == [
        ["10.77.0.0/24", "dev", "shaped0"],
        ["10.78.0.0/24", "dev", "free0"],
    ]


def test_interfaces_are_silent_and_a_program_in_a_host_is_the_process_that_was_started(hosts: Namespaces) -> None:
    assert not select.select(list(hosts.tuns.values()), (), (), 0.1)[0]
    with subprocess.Popen(
        hosts.command("edge", [*PYTHON, "import os; print(os.getpid())"]), stdout=subprocess.PIPE, text=True
    ) as process:
        assert int(process.communicate()[0]) == process.pid


@pytest.mark.parametrize("side", SIDES)
def test_the_kernel_lets_packets_out_as_the_token_bucket_does(hosts: Namespaces, side: Side) -> None:
    """48 packets at once, of which the bucket holds some 6: the last leaves after some 0.4 s."""
    given = link(of(), "uplink" if side == "edge" else "downlink")
    count, header_bits = 48, given.header_bits
    length = (2_000 - 320) // 8
    bits = 8 * (length - 12) + header_bits
    ends = ("10.77.0.1", "10.77.0.2") if side == "edge" else ("10.77.0.2", "10.77.0.1")
    tun, left_s, sent_s = hosts.tuns[side, "shaped"], [], []
    with subprocess.Popen(hosts.command(side, [*PYTHON, BURST, *ends, str(count), str(length)])):
        while len(left_s) < count and select.select([tun], (), (), 5)[0]:
            packet = os.read(tun, 1 << 16)
            left_s.append(time.monotonic())
            sent_s.append(struct.unpack_from("!d", packet, 28)[0])
    assert len(left_s) == count
    curve, position, expected_s = given.rate.curve(Uniforms.of(0, "any")), Position(sent_s[0]), []
    for at_s in sent_s:
        if position.time_s < at_s:
            position = curve.idle(position, at_s)
        position = curve.finish(position, bits)
        expected_s.append(position.time_s)
    late_s = [left - due for left, due in zip(left_s, expected_s, strict=True)]
    assert min(late_s) > -0.002
    assert min(late_s[-10:]) < 0.05 * (expected_s[-1] - sent_s[0])


def test_a_closed_port_is_not_answered_at_the_cost_of_the_link(hosts: Namespaces) -> None:
    with subprocess.Popen(hosts.command("edge", [*PYTHON, BURST, "10.77.0.1", "10.77.0.2", "1", "20"])):
        assert select.select([hosts.tuns["edge", "shaped"]], (), (), 5)[0]
    os.write(hosts.tuns["cloud", "shaped"], os.read(hosts.tuns["edge", "shaped"], 1 << 16))
    assert not select.select([hosts.tuns["cloud", "shaped"]], (), (), 0.1)[0]


def test_nothing_is_left_after_close(hosts: Namespaces) -> None:
    before = [name for _, name in socket.if_nameindex()]
    with Namespaces(of()) as made:
        holders = [_holder(made, side) for side in SIDES]
        nets = [net_of(pid) for pid in holders]
        tuns = list(made.tuns.values())
        assert len({*nets, net_of(os.getpid())}) == 3
    assert not any(in_net(net) for net in nets)
    assert not any(Path(f"/proc/{pid}").exists() for pid in holders)
    assert not any(_is_tun(tun) for tun in tuns)
    assert [name for _, name in socket.if_nameindex()] == before
    made.close()


def test_nothing_is_left_when_the_process_that_made_it_is_killed(hosts: Namespaces) -> None:
    ours, theirs = multiprocessing.Pipe()
    maker = multiprocessing.get_context("fork").Process(target=_make_and_wait, args=(theirs,))
    maker.start()
    assert ours.poll(10)
    nets = ours.recv()
    assert all(in_net(net) for net in nets)
    os.kill(maker.pid or 0, signal.SIGKILL)
    maker.join()
    until_s = time.monotonic() + 5
    while any(in_net(net) for net in nets) and time.monotonic() < until_s:
        time.sleep(0.01)
    assert not any(in_net(net) for net in nets)


def _make_and_wait(pipe: Connection) -> None:
    with Namespaces(of()) as made:
        pipe.send([net_of(_holder(made, side)) for side in SIDES])
        time.sleep(60)


def test_without_being_root_each_host_has_a_user_namespace_too(
    hosts: Namespaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    try:
        made = Namespaces(of())
    except ConfigError as error:
        pytest.skip(str(error))
    with made:
        assert "shaped0" in printed_in(made, "cloud", "ip", "-oneline", "link")
        assert printed_in(made, "cloud", "readlink", "/proc/self/ns/user").strip() != os.readlink("/proc/self/ns/user")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of all folders of programs, with a stand-in for each program that is needed."""
    for name in ("unshare", "nsenter", "ip", "tc"):
        _stand_in(tmp_path / name, "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(namespaces, "_TUN", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("does", "problem"),
    [
        (
            "echo 'unshare: unshare failed: Operation not permitted' >&2; exit 1",
            "network namespaces are not permitted here (unshare: Operation not permitted)",
        ),
        ("exit 0", "a host could not be made here (no reason)"),
    ],
)
def test_a_host_that_does_not_come_to_be_is_named_on_one_line(tools: Path, does: str, problem: str) -> None:
    _stand_in(tools / "unshare", does)
    with pytest.raises(ConfigError) as caught:
        Namespaces(of())
    assert str(caught.value) == f"real: {problem}"


@pytest.mark.parametrize("name", ["unshare", "nsenter", "ip", "tc", "tun"])
def test_what_is_missing_is_named(tools: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda asked, path=None: None if asked == name else found(asked, path=path))
    if name == "tun":
        monkeypatch.setattr(namespaces, "_TUN", tools / "tun")
    with pytest.raises(ConfigError, match=f"^real: .*{name} is missing here: [^\n]*$"):
        Namespaces(of())


def test_a_tool_that_refuses_is_quoted_and_nothing_is_left(
    hosts: Namespaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stand_in(tmp_path / "tc", "echo 'RTNETLINK answers: No such file' >&2; exit 2")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    opened = set(os.listdir("/proc/self/fd"))
    with pytest.raises(
        ConfigError, match=r"^real: a host could not be made here \(tc: RTNETLINK answers: No such file\)$"
    ):
        Namespaces(of())
    assert set(os.listdir("/proc/self/fd")) <= opened


def test_a_link_that_the_kernel_shapes_has_its_whole_header_counted_and_all_others_are_left_to_the_relay() -> None:
    bucket = ["tbf", "rate", "200000bit", "burst", "1500b", "limit", "15001500b"]
    assert shaper(link(of(), "uplink")) == ["root", "handle", "1:", *bucket]
    assert shaper(link(of(), "downlink")) == ["root", "handle", "1:", "stab", "overhead", "25", *bucket]
    for rate in ({"kind": "constant"}, BUCKET | {"peak_bps": 1e6}):
        assert shaper(link(of(rate=rate), "uplink")) == []


def _holder(made: Namespaces, side: Side) -> int:
    (target,) = (part for part in made.command(side, []) if part.startswith("--target="))
    return int(target.removeprefix("--target="))


def _is_tun(descriptor: int) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}") == "/dev/net/tun"
    except OSError:
        return False


def _stand_in(path: Path, does: str) -> None:
    path.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
    path.chmod(0o755)
