"""The simulated link against the kernel's: two hosts of a real run, its shaper between them, real UDP and TCP packets.

Slow (real time passes), and skipped with a reason where namespaces are not permitted. The shaper is modelled as what it
is, a token bucket; sizes count the IP and transport headers that it counts.
"""

import json
import os
import select
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import simpy
from cells import cell
from links import payload

from channels.uniforms import Uniforms
from simulator.testbed.network.namespaces import Namespaces
from simulator.timing.link import Link
from simulator.timing.messages import Message

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("namespaces")]

BPS = 200_000
UDP_BITS = 8 * (20 + 8)
TCP_BITS, TCP_SEGMENT_BITS = 8 * (20 + 32), 8 * 1448
SHAPED = cell(
    uplink={
        "rate": {"kind": "token_bucket", "bps": BPS, "burst_bits": 24_000},
        "mtu_bits": 12_000,
        "delay": {"kind": "constant", "delay_s": 0},
        "arq": {"kind": "selective_repeat", "window": 10_000, "timeout_s": 60, "timer_jitter": 0},
    },
    downlink={"rate": {"kind": "constant", "bps": "inf"}},
)
HOST = str(Path(__file__).with_name("link_twin_host.py"))


def measure(**plan: Any) -> npt.NDArray[np.float64]:
    """Plays a plan on the real link; a row of measurements per message."""
    with Namespaces(SHAPED) as hosts:
        for side in ("edge", "cloud"):  # a wire's packets, each shaped alone
            wire = ["ip", "link", "set", "dev", "shaped0", "mtu", "1500", "gso_max_segs", "1"]
            subprocess.run(hosts.command(side, wire), check=True)
        stopped, pipe = os.pipe()
        carrying = threading.Thread(
            target=carry, args=(hosts.tuns["edge", "shaped"], hosts.tuns["cloud", "shaped"], stopped)
        )
        carrying.start()
        far = subprocess.Popen(hosts.command("cloud", [sys.executable, HOST, "far"]), stdout=subprocess.PIPE)
        try:
            assert far.stdout is not None and far.stdout.readline() == b"ready\n"
            near = hosts.command("edge", [sys.executable, HOST, "near"])
            answer = subprocess.run(near, input=json.dumps(plan), capture_output=True, text=True, timeout=300)
        finally:
            far.kill()
            far.communicate()
            os.close(pipe)
            carrying.join()
            os.close(stopped)
    assert answer.returncode == 0, answer.stderr
    return np.array(json.loads(answer.stdout), dtype=np.float64)


def carry(edge: int, cloud: int, stopped: int) -> None:
    """Hands each packet that leaves one host to the other, at once, until the pipe is closed."""
    while stopped not in (ready := select.select([edge, cloud, stopped], (), ())[0]):
        for tun in ready:
            os.write(cloud if tun == edge else edge, os.read(tun, 1 << 16))


def predict(
    puts_s: npt.NDArray[np.float64], bits: list[int], header_bits: int, mtu_bits: int | None = None
) -> npt.NDArray[np.float64]:
    """When the simulated link delivers messages put at these instants, seconds."""
    env = simpy.Environment()
    config = SHAPED.uplink.model_copy(update={"header_bits": header_bits, "mtu_bits": mtu_bits})
    link = Link(env, config, Uniforms.of(0, "test"), "uplink", lambda device: 0.0)
    ends_s = np.zeros(len(bits))

    def deliver(message: Message) -> None:
        ends_s[message.index[2]] = env.now

    for number, at_s in enumerate(puts_s):
        message = Message((0, 0, number), payload(bits[number]), deliver)
        env.timeout(at_s).callbacks.append(lambda _, each=message: link.put(each))
    env.run()
    return ends_s


def median_error(real_s: npt.NDArray[np.float64], predicted_s: npt.NDArray[np.float64]) -> float:
    """The median of |real - predicted| / predicted over the messages that had to wait for the link at all."""
    waited = predicted_s > 0.005
    assert waited.sum() > 30
    return float(np.median(np.abs(real_s - predicted_s)[waited] / predicted_s[waited]))


def test_datagrams_through_a_shaper_arrive_when_predicted() -> None:
    """200 datagrams of 50 to 1,400 bytes at load 0.8, bursts and queues included."""
    generator = np.random.default_rng(1)
    sizes = generator.integers(50, 1400, 200)
    gaps_s = generator.exponential((sizes.mean() * 8 + UDP_BITS) / BPS / 0.8, 200)
    packets = [(float(at_s), int(size)) for at_s, size in zip(np.cumsum(gaps_s), sizes, strict=True)]
    sent_s, arrived_s = measure(packets=packets).T
    predicted_s = predict(sent_s, [8 * int(size) for size in sizes], UDP_BITS)
    assert median_error(arrived_s - sent_s, predicted_s - sent_s) < 0.05


def test_tcp_messages_through_a_shaper_arrive_when_predicted() -> None:
    """40 messages of 2 to 12 kB over one connection, cut at TCP's segment size."""
    sizes = np.random.default_rng(3).integers(2000, 12_000, 40)
    sent_s, arrived_s = measure(sizes=[int(size) for size in sizes]).T
    bits = [8 * (4 + int(size)) for size in sizes]
    predicted_s = predict(sent_s, bits, TCP_BITS, TCP_BITS + TCP_SEGMENT_BITS)
    assert median_error(arrived_s - sent_s, predicted_s - sent_s) < 0.05
