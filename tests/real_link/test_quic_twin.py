"""The simulated link and its repeats against QUIC (RFC 9000, 9002), as another project has it: aioquic, without I/O.

Both carry the same rounds over a link of the same rate, delay and share of losses. QUIC's timers, acknowledgements,
probes and congestion window are its own; so is the link here, with its own random numbers, and nothing tells a sender
when a packet has left. Slow, and skipped where aioquic is not installed (`pip install aioquic`, BSD-3-Clause).
"""

import datetime
import heapq
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import pytest

from simulator import Cell, simulate
from simulator.decoding.memory import Memory

pytest.importorskip("aioquic", reason="aioquic is not installed")
pytestmark = pytest.mark.slow

DELAY_S, DOWN_BPS, LOSS, SEEDS, LINKS = 0.02, 1e6, 0.1, 4, 16
IP_UDP_BYTES, HEADER_BITS = 28, 480
"""What a datagram has around it; and with QUIC's own header, stream frame and tag, as counted here, a packet."""
SETTLED_S = 5.0
"""By then both ends have shaken hands and said what they had to say."""
MEMORY = Memory()
CELLS: dict[str, tuple[float, dict[str, Any]]] = {
    "K-SQS, 20k": (20e3, {"kind": "k_sqs", "max_drafts": 4}),
    "dense, 200k": (200e3, {"kind": "dense", "max_drafts": 4}),
}


class SentRound(NamedTuple):
    """What the ends do in a round: seconds at the edge, bytes up, seconds in the cloud, bytes down."""

    edge_s: float
    up_bytes: int
    cloud_s: float
    down_bytes: int


def simulated(
    name: str, loss: float, timeout_s: float = 0.2, kind: str = "selective_repeat"
) -> tuple[float, list[SentRound]]:
    """The mean time of a round on the network, s, over seeds; and the rounds of the last seed. A prompt goes out while
    the edge drafts, and the first round of a request waits for it: those are left out."""
    bps, scheme = CELLS[name]
    arq = {"kind": kind, "timeout_s": timeout_s, "ack_bits": HEADER_BITS}
    losses = {"kind": "bernoulli", "probability": loss} if loss else "none"
    fields: dict[str, Any] = {"models.pair": {"kind": "synthetic", "size": 1000}, "scheme": scheme}
    fields |= {"workload.requests": 10, "workload.output_tokens": 64}
    for way, rate in (("uplink", bps), ("downlink", DOWN_BPS)):
        link = {"rate.bps": rate, "loss": losses, "header_bits": HEADER_BITS, "arq": arq, "mtu_bits": 10_000}
        link["delay"] = {"kind": "constant", "delay_s": DELAY_S}
        fields |= {f"{way}.{field}": value for field, value in link.items()}
    found_s = []
    for seed in range(SEEDS if loss else 1):
        table = simulate(Cell().with_(fields | {"seed": seed}), memory=MEMORY).rounds
        rounds = table[table["round"] > 1].sort_values(["request", "round"])
        cloud_s = rounds["verified_s"] - rounds["received_s"]
        found_s.append(float((rounds["answered_s"] - rounds["sent_s"] - cloud_s).mean()))
    columns = rounds["sent_s"] - rounds["started_s"], rounds["payload_bits"] / 8, cloud_s, rounds["reply_bits"] / 8
    made = [SentRound(edge_s, int(up), cloud, int(down)) for edge_s, up, cloud, down in zip(*columns, strict=True)]
    return float(np.mean(found_s)), made


class Clock:
    """Calls in the order of their times."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def at(self, time_s: float, then: Callable[[], None]) -> None:
        heapq.heappush(self._due, (max(time_s, self.now_s), next(self._order), then))

    def run(self, until: Callable[[], bool]) -> None:
        while not until():
            self.now_s, _, then = heapq.heappop(self._due)
            then()


class Wire:
    """One way: a queue of datagrams at a rate, a delay, and losses of its own once it `loses`."""

    def __init__(self, clock: Clock, bps: float, loss: float, luck: random.Random) -> None:
        self._clock, self._bps, self._loss, self._luck = clock, bps, loss, luck
        self._free_s = 0.0
        self.loses = False

    def send(self, datagram: bytes, receive: Callable[[bytes], None]) -> None:
        bits = 8 * (len(datagram) + IP_UDP_BYTES)
        self._free_s = max(self._free_s, self._clock.now_s) + bits / self._bps
        if not (self.loses and self._luck.random() < self._loss):
            self._clock.at(self._free_s + DELAY_S, partial(receive, datagram))


class QuicEnd:
    """One end: each message on a stream of its own. `got` is called with each that is complete."""

    def __init__(self, clock: Clock, connection: Any, wire: Wire) -> None:
        self._clock, self._connection, self._wire = clock, connection, wire
        self._streams: defaultdict[int, bytes] = defaultdict(bytes)
        self._timer_s: float | None = None
        self.far: QuicEnd
        self.got: Callable[[bytes], None]
        self.is_up = False

    def put(self, content: bytes) -> None:
        stream = self._connection.get_next_available_stream_id(is_unidirectional=True)
        self._connection.send_stream_data(stream, content, True)
        self.flush()

    def receive(self, datagram: bytes) -> None:
        self._connection.receive_datagram(datagram, ("far", 1), self._clock.now_s)
        self.flush()

    def flush(self) -> None:
        from aioquic.quic import events

        while (event := self._connection.next_event()) is not None:
            assert not isinstance(event, events.ConnectionTerminated), event
            self.is_up |= isinstance(event, events.HandshakeCompleted)
            if isinstance(event, events.StreamDataReceived):
                self._streams[event.stream_id] += event.data
                if event.end_stream:
                    self._clock.at(self._clock.now_s, partial(self.got, self._streams.pop(event.stream_id)))
        for datagram, _ in self._connection.datagrams_to_send(self._clock.now_s):
            self._wire.send(datagram, self.far.receive)
        timer_s = self._connection.get_timer()
        if timer_s is not None and timer_s != self._timer_s:
            self._timer_s = timer_s
            self._clock.at(timer_s, partial(self._expire, timer_s))

    def _expire(self, timer_s: float) -> None:
        if timer_s == self._timer_s == self._connection.get_timer():
            self._timer_s = None
            self._connection.handle_timer(self._clock.now_s)
            self.flush()


@cache
def certificate() -> tuple[Any, Any]:
    """One that the cloud signs itself, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    began = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(began).not_valid_after(began + datetime.timedelta(days=36_500))
    return made.sign(key, hashes.SHA256()), key


def over_quic(rounds: Sequence[SentRound], bps: float, loss: float, seed: int) -> float:
    """The mean time of a round on the network, s."""
    from aioquic.quic.configuration import QuicConfiguration
    from aioquic.quic.connection import QuicConnection

    clock, luck, (signed, key) = Clock(), random.Random(seed), certificate()
    wires = Wire(clock, bps, loss, luck), Wire(clock, DOWN_BPS, loss, luck)
    same: dict[str, Any] = {"idle_timeout": 36_000.0, "alpn_protocols": ["rounds"]}
    near = QuicConnection(configuration=QuicConfiguration(is_client=True, verify_mode=0, **same))
    near.connect(("far", 1), now=0.0)
    far = QuicConnection(
        configuration=QuicConfiguration(is_client=False, certificate=signed, private_key=key, **same),
        original_destination_connection_id=near.original_destination_connection_id,
    )
    edge, cloud = QuicEnd(clock, near, wires[0]), QuicEnd(clock, far, wires[1])
    edge.far, cloud.far = cloud, edge
    edge.flush()
    clock.at(SETTLED_S, lambda: None)
    clock.run(lambda: clock.now_s >= SETTLED_S)
    assert edge.is_up and cloud.is_up
    for wire in wires:
        wire.loses = True
    took_s, left, sent_s = list[float](), iter(rounds), 0.0
    current = next(left)

    def begin() -> None:
        clock.at(clock.now_s + current.edge_s, send)

    def send() -> None:
        nonlocal sent_s
        sent_s = clock.now_s
        edge.put(bytes(current.up_bytes))

    def verify(_: bytes) -> None:
        clock.at(clock.now_s + current.cloud_s, lambda: cloud.put(bytes(current.down_bytes)))

    def resolve(_: bytes) -> None:
        nonlocal current
        took_s.append(clock.now_s - sent_s - current.cloud_s)
        if len(took_s) < len(rounds):
            current = next(left)
            begin()

    cloud.got, edge.got = verify, resolve
    begin()
    clock.run(lambda: len(took_s) == len(rounds))
    return float(np.mean(took_s))


@pytest.mark.parametrize("name", CELLS)
def test_a_round_takes_as_long_over_quic_where_nothing_is_lost(name: str) -> None:
    mean_s, rounds = simulated(name, 0.0)
    assert over_quic(rounds, CELLS[name][0], 0.0, 0) == pytest.approx(mean_s, rel=0.01)


@pytest.mark.parametrize("name", CELLS)
def test_where_packets_are_lost_quic_is_within_the_timeouts_that_one_would_choose(name: str) -> None:
    """A tenth each way: more than with a timer of 50 ms, a little over the round trip; less than with the default, 200
    ms; a tenth off the link's own `quic` at most."""
    early_s, rounds = simulated(name, LOSS, 0.05)
    late_s, _ = simulated(name, LOSS)
    quic_s, _ = simulated(name, LOSS, 1.0, "quic")
    found_s = [over_quic(rounds, CELLS[name][0], LOSS, seed) for seed in range(LINKS)]
    print(f"{name}: {early_s:.4f} {np.mean(found_s):.4f} {late_s:.4f} s, sd {np.std(found_s):.4f}")
    assert early_s < np.mean(found_s) < late_s
    assert np.mean(found_s) == pytest.approx(quic_s, rel=0.1)
