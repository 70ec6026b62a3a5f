"""The programs of both hosts of a link that the simulated one is held against. Both read one monotonic clock.

Run in a host as `python link_twin_host.py near`, with a plan in JSON on stdin: answers measured times in JSON on
stdout. The far end is this same file in the other host, as `python link_twin_host.py far`.
"""

import json
import os
import select
import socket
import struct
import sys
import time
from typing import Any

FAR, PORT = "10.77.0.2", 5000
STAMP = struct.Struct("!Id")


def serve() -> None:
    """The far end: acknowledges datagrams and messages over TCP, with the time at which each has arrived."""
    listener = socket.create_server((FAR, PORT))
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((FAR, PORT))
    print("ready", flush=True)
    while listener not in select.select([listener, datagrams], [], [])[0]:
        data, sender = datagrams.recvfrom(65536)
        datagrams.sendto(STAMP.pack(STAMP.unpack_from(data)[0], time.monotonic()), sender)
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while header := connection.recv(4, socket.MSG_WAITALL):
        connection.recv(struct.unpack("!I", header)[0], socket.MSG_WAITALL)
        connection.sendall(struct.pack("!d", time.monotonic()))


def send_open(packets: list[tuple[float, int]]) -> list[tuple[float, float]]:
    """Datagrams at planned times, waiting for nothing. Answers (sent_s, arrived_s) each."""
    near, start_s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), time.monotonic() + 0.05
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    near.connect((FAR, PORT))
    sent_s, arrived_s = [], dict[int, float]()
    for number, (at_s, payload_bytes) in enumerate(packets):
        while (wait_s := start_s + at_s - time.monotonic()) > 0:
            if select.select([near], [], [], wait_s)[0]:
                arrived_s.update([STAMP.unpack(near.recv(64))])
        sent_s.append(time.monotonic())
        near.send(STAMP.pack(number, 0.0).ljust(payload_bytes, b"x"))
    while len(arrived_s) < len(sent_s):
        assert select.select([near], [], [], 30)[0], "a datagram is missing"
        arrived_s.update([STAMP.unpack(near.recv(64))])
    return [(sent - start_s, arrived_s[number] - start_s) for number, sent in enumerate(sent_s)]


def send_tcp(sizes: list[int]) -> list[tuple[float, float]]:
    """One message at a time over one connection. Answers (sent_s, arrived_s) each."""
    connection = socket.create_connection((FAR, PORT))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    start_s, results = time.monotonic(), []
    for payload_bytes in sizes:
        sent_s = time.monotonic()
        connection.sendall(struct.pack("!I", payload_bytes) + os.urandom(payload_bytes))
        (arrived_s,) = struct.unpack("!d", connection.recv(8, socket.MSG_WAITALL))
        results.append((sent_s - start_s, arrived_s - start_s))
    return results


if __name__ == "__main__":
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))  # a busy machine must not be read as a slow link
    if sys.argv[1:] == ["far"]:
        serve()
    else:
        plan: dict[str, Any] = json.load(sys.stdin)
        print(json.dumps(send_open(plan["packets"]) if "packets" in plan else send_tcp(plan["sizes"])))
