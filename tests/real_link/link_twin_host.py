"""A real link for the simulated one to be held against: two network namespaces, a veth pair, `tc tbf`, `iptables`.

Run as `unshare --net python link_twin_host.py` with a plan in JSON on stdin; answers measured times in JSON on stdout.
The far end is this same file in a namespace of its own. Both ends read one monotonic clock.
"""

from __future__ import annotations

import array
import fcntl
import json
import os
import select
import socket
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

NEAR, FAR, PORT = "10.77.0.1", "10.77.0.2", 5000
STAMP = struct.Struct("!Id")


def shell(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True)


def main() -> None:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))  # a busy machine must not be read as a slow link
    if sys.argv[1:] == ["far"]:
        return far_end()
    plan: dict[str, Any] = json.load(sys.stdin)
    peer = build(plan)
    try:
        play = {"open": send_open, "stop_and_wait": send_stop_and_wait, "tcp": send_tcp}[plan["play"]]
        print(json.dumps(play(plan)))
    finally:
        peer.terminate()


def build(plan: dict[str, Any]) -> subprocess.Popen[str]:
    """The two namespaces, the shaper on the way out, and losses on the way in at the far end."""
    Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
    peer = subprocess.Popen(
        ["unshare", "--net", sys.executable, __file__, "far"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert peer.stdin is not None and peer.stdout is not None
    assert peer.stdout.readline() == "born\n"
    shell("ip link add near0 type veth peer name far0")
    shell("ip link set dev near0 gso_max_segs 1")
    shell(f"ip link set far0 netns {peer.pid}")
    shell(f"ip addr add {NEAR}/24 dev near0")
    shell("ip link set near0 up")
    peer.stdin.write(json.dumps(plan) + "\n")
    peer.stdin.flush()
    assert peer.stdout.readline() == "ready\n"
    with socket.create_connection((FAR, PORT), 5):
        pass
    shell(f"tc qdisc add dev near0 root tbf rate {plan['bps']}bit burst {plan['burst_bits'] // 8}b latency 600s")
    return peer


def far_end() -> None:
    """Configures its side, then serves one plan: acknowledges datagrams, or times TCP messages."""
    print("born", flush=True)
    plan = json.loads(sys.stdin.readline())
    Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
    shell(f"ip addr add {FAR}/24 dev far0")
    shell("ip link set far0 up")
    listener = socket.create_server((FAR, PORT), backlog=4)
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((FAR, PORT))
    if plan["loss"]:
        shell(f"iptables -A INPUT -p udp -m statistic --mode random --probability {plan['loss']} -j DROP")
    print("ready", flush=True)
    listener.accept()[0].close()
    serve_tcp(listener) if plan["play"] == "tcp" else serve_udp(datagrams)


def serve_udp(datagrams: socket.socket) -> None:
    while True:
        data, sender = datagrams.recvfrom(65536)
        datagrams.sendto(STAMP.pack(STAMP.unpack_from(data)[0], time.monotonic()), sender)


def serve_tcp(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while header := connection.recv(4, socket.MSG_WAITALL):
        connection.recv(struct.unpack("!I", header)[0], socket.MSG_WAITALL)
        connection.sendall(struct.pack("!d", time.monotonic()))


def udp() -> socket.socket:
    near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    near.connect((FAR, PORT))
    return near


def send_open(plan: dict[str, Any]) -> list[tuple[float, float]]:
    """Datagrams at planned times, waiting for nothing. Answers (sent_s, arrived_s) each."""
    near, start_s = udp(), time.monotonic() + 0.05
    sent_s, arrived_s = [], dict[int, float]()
    for number, (at_s, payload_bytes) in enumerate(plan["packets"]):
        while (wait_s := start_s + at_s - time.monotonic()) > 0:
            if select.select([near], [], [], wait_s)[0]:
                arrived_s.update([STAMP.unpack(near.recv(64))])
        sent_s.append(time.monotonic())
        near.send(STAMP.pack(number, 0.0).ljust(payload_bytes, b"x"))
    while len(arrived_s) < len(sent_s):
        assert select.select([near], [], [], 30)[0], "a datagram is missing"
        arrived_s.update([STAMP.unpack(near.recv(64))])
    return [(sent - start_s, arrived_s[number] - start_s) for number, sent in enumerate(sent_s)]


def send_stop_and_wait(plan: dict[str, Any]) -> list[tuple[float, float, int]]:
    """One datagram at a time, again after each timeout. Answers (put_s, acknowledged arrival_s, attempts) each.

    The timer runs from the moment the datagram has left the shaper's queue, as the simulated one does.
    """
    near, start_s, results = udp(), time.monotonic(), []
    for number, payload_bytes in enumerate(plan["sizes"]):
        put_s, attempts = time.monotonic(), 0
        while True:
            attempts += 1
            near.send(STAMP.pack(number, 0.0).ljust(payload_bytes, b"x"))
            await_departure(near)
            answer = await_answer(near, number, time.monotonic() + plan["timeout_s"])
            if answer is not None:
                break
        results.append((put_s - start_s, answer - start_s, attempts))
    return results


def await_departure(near: socket.socket) -> None:
    unsent = array.array("i", [1])
    while unsent[0]:
        fcntl.ioctl(near, termios.TIOCOUTQ, unsent)
        time.sleep(0.0002)


def await_answer(near: socket.socket, number: int, due_s: float) -> float | None:
    while (wait_s := due_s - time.monotonic()) > 0:
        if select.select([near], [], [], wait_s)[0]:
            answered, arrived_s = STAMP.unpack(near.recv(64))
            if answered == number:
                return float(arrived_s)
    return None


def send_tcp(plan: dict[str, Any]) -> list[tuple[float, float]]:
    """One message at a time over one connection. Answers (sent_s, arrived_s) each."""
    connection = socket.create_connection((FAR, PORT))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    start_s, results = time.monotonic(), []
    for payload_bytes in plan["sizes"]:
        sent_s = time.monotonic()
        connection.sendall(struct.pack("!I", payload_bytes) + os.urandom(payload_bytes))
        (arrived_s,) = struct.unpack("!d", connection.recv(8, socket.MSG_WAITALL))
        results.append((sent_s - start_s, arrived_s - start_s))
    return results


if __name__ == "__main__":
    main()
