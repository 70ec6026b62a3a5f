"""The relay, with socket pairs in place of interfaces: what it lets through, when, and what it notifies and notes."""

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cells import cell

from channels.uniforms import Uniforms
from simulator.cell.cell import Cell
from simulator.testbed import plan
from simulator.testbed.journal import Journal, PacketSent, read
from simulator.testbed.network.emulated_link import Relay
from simulator.testbed.network.namespaces import NETS, SIDES, Net
from simulator.testbed.packet_header import Datagram, MessageAddress, PacketHeader, PacketKind, SocketAddress
from simulator.testbed.plan import FREE, SHAPED, WARM_UP, Side

LATE_S = 0.5
"""By how much a loaded machine may be late here."""
LOSS = {"kind": "bernoulli", "probability": 0.5}
DEAF = {"kind": "selective_repeat", "timeout_s": 1.0, "ack_loss": LOSS}
PAYLOAD = PacketHeader(MessageAddress(PacketKind.PAYLOAD, 0, 2, 1), 0, 0)
REPLY = PacketHeader(MessageAddress(PacketKind.REPLY, 0, 2, 1), 0, 0)


HOSTS = {"shaped": SHAPED, "free": FREE}
AT_ONCE = {"kind": "constant", "bps": "inf"}


def of(delay_s: float = 0.0, ack_bits: int = 0, **changes: Any) -> Cell:
    arq = {"kind": "selective_repeat", "timeout_s": 1.0, "ack_bits": ack_bits}
    settings = {"rate": AT_ONCE, "delay": {"kind": "constant", "delay_s": delay_s}, "arq": arq} | changes
    given = cell(uplink=settings, downlink=settings)
    plan.check(given)
    return given


def packet(header: PacketHeader, content: bytes = b"", net: Net = "shaped", sender: Side = "edge") -> bytes:
    hosts = HOSTS[net]
    edge, cloud = SocketAddress.of(hosts.edge, plan.EDGE_PORT), SocketAddress.of(hosts.cloud, plan.CLOUD_PORT)
    source, target = (edge, cloud) if sender == "edge" else (cloud, edge)
    return Datagram(source, target, header.pack() + content).pack()


class RelayBench:
    """A relay in a thread of its own, between two hosts that are the test."""

    def __init__(self, folder: Path, given: Cell, seed: int | None = None) -> None:
        self.journal = folder / "relay.jsonl"
        self._kept = Journal(self.journal)
        names = [(side, net) for side in SIDES for net in NETS]
        pairs = {name: socket.socketpair(type=socket.SOCK_SEQPACKET) for name in names}
        self.hosts = {name: pair[0] for name, pair in pairs.items()}
        self._inner = [pair[1] for pair in pairs.values()]
        for each in self._inner:
            each.setblocking(False)
        control, self._say = os.pipe()
        relay = Relay(given, self._kept, [each.fileno() for each in self._inner], control, seed)
        self._thread = threading.Thread(target=relay.run)
        self._thread.start()
        self.zero_s = 0.0

    def start(self) -> None:
        self.zero_s = time.monotonic()
        os.write(self._say, f"start {self.zero_s}\n".encode())
        while not self._kept.running:
            time.sleep(0.001)

    def send(self, header: PacketHeader, content: bytes = b"", net: Net = "shaped", sender: Side = "edge") -> bytes:
        sent = packet(header, content, net, sender)
        self.hosts[sender, net].send(sent)
        return sent

    def got(self, side: Side, net: Net = "shaped", within_s: float = 1.0) -> bytes | None:
        host = self.hosts[side, net]
        return host.recv(1 << 16) if select.select([host], (), (), within_s)[0] else None

    def is_quiet(self) -> bool:
        """Whether no host receives anything for a while."""
        return not select.select(list(self.hosts.values()), (), (), 0.05)[0]

    def stop(self, last: bytes = b"stop\n") -> list[PacketSent]:
        os.write(self._say, last)
        self.close()
        return [each for each in read(self.journal) if isinstance(each, PacketSent)]

    def close(self) -> None:
        if self._say >= 0:
            os.close(self._say)
            self._say = -1
        self._thread.join(5)
        assert not self._thread.is_alive()
        self._kept.close()
        for each in (*self.hosts.values(), *self._inner):
            each.close()


Benches = Callable[..., RelayBench]


@pytest.fixture
def benches(tmp_path: Path) -> Iterator[Benches]:
    made: list[RelayBench] = []

    def make(given: Cell, started: bool = True, seed: int | None = None) -> RelayBench:
        made.append(RelayBench(tmp_path, given, seed))
        if started:
            made[-1].start()
        return made[-1]

    yield make
    for bench in made:
        bench.close()


def notice(header: PacketHeader, net: Net = "shaped", sender: Side = "edge") -> bytes:
    """What the sender of a packet receives when it has left."""
    sent = Datagram.unpack(packet(header, net=net, sender=sender))
    assert sent is not None
    content = header._replace(note=PacketKind.LEFT).pack()
    return Datagram(SocketAddress.of(SHAPED.relay, sent.target.port), sent.source, content).pack()


def test_a_packet_comes_through_as_it_is_once_it_has_left_and_travelled(benches: Benches) -> None:
    bench = benches(of(delay_s=0.05, rate={"kind": "constant", "bps": 8_000}))
    sent = bench.send(PAYLOAD, bytes(10))
    assert bench.got("edge") == notice(PAYLOAD)
    noticed_s = time.monotonic() - bench.zero_s
    assert bench.got("cloud") == sent
    arrived_s = time.monotonic() - bench.zero_s
    (aired,) = bench.stop()
    assert aired[:4] == (PAYLOAD.address, 0, 0, 400)
    assert aired.left_s == pytest.approx(aired.began_s + 0.05)
    assert aired.arrives_s == pytest.approx(aired.left_s + 0.05)
    assert aired.left_s <= noticed_s < aired.left_s + LATE_S
    assert aired.left_s + 0.05 <= arrived_s < aired.left_s + 0.05 + LATE_S


def test_packets_leave_one_after_the_other_each_way_for_itself(benches: Benches) -> None:
    bench = benches(of(rate={"kind": "constant", "bps": 2_000}))
    for fragment in range(4):
        bench.send(PAYLOAD._replace(fragment=fragment), bytes(10))
        bench.send(REPLY._replace(fragment=fragment), bytes(10), sender="cloud")
    for side in ("edge", "cloud"):
        assert all(bench.got(side) for _ in range(8))
    aired = bench.stop()
    for way in ("uplink", "downlink"):
        of_way = [each for each in aired if MessageAddress(*each.address).direction == way]
        assert [each.fragment for each in of_way] == [0, 1, 2, 3]
        left_s = [each.left_s for each in of_way]
        assert [after - before for before, after in pairwise(left_s)] == pytest.approx([0.2] * 3)
        assert [each.began_s for each in of_way[1:]] == left_s[:-1]


def test_what_the_simulator_loses_is_lost_and_its_sender_still_receives_its_notice(benches: Benches) -> None:
    given = of(loss=LOSS, arq=DEAF)
    bench, lost, deaf = benches(given), [], []
    for number in range(20):
        header, index = PAYLOAD._replace(fragment=number, attempt=number % 3), (0, 2, 1, number, number % 3)
        is_lost, is_deaf = (Uniforms.of(given.seed, "uplink").under(0, each).uniform(*index) < 0.5 for each in (1, 3))
        sent = bench.send(header)
        assert bench.got("edge") == notice(header)
        lost.append(is_lost)
        if not is_lost:
            assert bench.got("cloud") == sent
            ack = bench.send(header._replace(note=PacketKind.ACK), net="free", sender="cloud")
            deaf.append(is_deaf)
            assert is_deaf or bench.got("edge", "free") == ack
    assert 0 < sum(lost) < 20 and 0 < sum(deaf) < len(deaf)
    assert bench.is_quiet()
    assert [each.arrives_s is None for each in bench.stop()] == lost


def test_a_relay_of_a_seed_of_its_own_loses_by_that_and_tells_no_sender(benches: Benches) -> None:
    bench, seed = benches(of(loss=LOSS), seed=5), 5
    for number in range(20):
        bench.send(PAYLOAD._replace(fragment=number))
    expected = [Uniforms.of(seed, "uplink").under(0, 1).uniform(0, 2, 1, number, 0) < 0.5 for number in range(20)]
    for _ in range(20 - sum(expected)):
        assert bench.got("cloud")
    assert bench.is_quiet()
    assert [each.arrives_s is None for each in bench.stop()] == expected


def test_a_free_acknowledgement_takes_the_mean_delay_of_the_way_back_and_is_not_noted(benches: Benches) -> None:
    bench = benches(of(delay_s=0.05))
    ack = REPLY._replace(note=PacketKind.ACK)
    sent_s = time.monotonic()
    sent = bench.send(ack, net="free")
    assert bench.got("cloud", "free") == sent
    assert 0.05 <= time.monotonic() - sent_s < 0.05 + LATE_S
    assert bench.is_quiet()
    assert bench.stop() == []


def test_an_acknowledgement_that_costs_bits_takes_the_link_and_nobody_gets_a_notice_of_it(benches: Benches) -> None:
    bench = benches(of(ack_bits=480, rate={"kind": "constant", "bps": 48_000}))
    sent = bench.send(PAYLOAD._replace(fragment=3, attempt=2, note=PacketKind.ACK), bytes(20), sender="cloud")
    assert bench.got("edge") == sent
    assert bench.is_quiet()
    (aired,) = bench.stop()
    assert (*aired[:4], aired.note) == (PAYLOAD.address, 3, 2, 480, "ACK")
    assert aired.left_s - aired.began_s == pytest.approx(0.01)


@pytest.mark.parametrize("started", [False, True])
def test_the_warm_up_loses_nothing_and_nothing_of_it_is_noted(benches: Benches, started: bool) -> None:
    bench = benches(of(loss=LOSS | {"probability": 0.9}, arq=DEAF), started=started)
    for number in range(20):
        warm = PacketHeader(MessageAddress(PacketKind.PROMPT, 0, WARM_UP, 0), number, 0)
        sent = bench.send(warm)
        assert bench.got("edge") == notice(warm)
        assert bench.got("cloud") == sent
        ack = bench.send(warm._replace(note=PacketKind.ACK), net="free", sender="cloud")
        assert bench.got("edge", "free") == ack
    assert bench.stop() == []


def test_time_begins_anew_at_the_zero_of_the_run(benches: Benches) -> None:
    """The bucket has 400 bits at first and drips for an hour after that, in the warm-up as in the run."""
    bucket = {"kind": "token_bucket", "bps": 0.1, "burst_bits": 400}
    given = cell(uplink={"rate": bucket, "arq": "selective_repeat"})
    bench = benches(given, started=False)
    for number in (WARM_UP, 0):
        header = PacketHeader(MessageAddress(PacketKind.PROMPT, 0, number, 0), 0, 0)
        bench.send(header, bytes(10))
        assert bench.got("edge") == notice(header)
        bench.send(header, bytes(10))
        assert bench.got("edge", within_s=0.02) is None
        if number:
            bench.start()
    (aired,) = bench.stop()
    assert 0 <= aired.left_s < LATE_S


@pytest.mark.parametrize(
    "odd", ["tcp", "port", "address", "kind", "notice", "wrong way", "on free", "fragment", "short", "device"]
)
def test_what_is_none_of_ours_goes_no_further(benches: Benches, odd: str) -> None:
    bench = benches(of())
    plain = packet(PAYLOAD, b"content")
    net: Net = "free" if odd == "on free" else "shaped"
    bench.hosts["edge", net].send(
        {
            "tcp": plain[:9] + b"\x06" + plain[10:],
            "port": plain[:22] + b"\x00\x35" + plain[24:],
            "address": plain[:16] + bytes((10, 77, 0, 9)) + plain[20:],
            "kind": plain[:28] + b"\x7f" + plain[29:],
            "notice": packet(PAYLOAD._replace(note=PacketKind.LEFT)),
            "wrong way": packet(REPLY),
            "on free": packet(PAYLOAD, net="free"),
            "fragment": plain[:6] + b"\x20\x00" + plain[8:],
            "short": plain[:30],
            "device": packet(PAYLOAD._replace(address=PAYLOAD.address._replace(device=1)), b"content"),
        }[odd]
    )
    assert bench.is_quiet()
    assert bench.send(PAYLOAD) == bench.got("cloud")
    assert len(bench.stop()) == 1


def test_it_ends_when_its_control_lines_do(benches: Benches) -> None:
    bench = benches(of())
    bench.send(PAYLOAD)
    assert bench.got("cloud")
    assert len(bench.stop(last=b"")) == 1
