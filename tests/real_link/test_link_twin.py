"""The simulated link against a real one: network namespaces, `tc tbf`, `iptables` losses, real UDP and TCP packets.

Slow (real time passes), and skipped with a reason where namespaces, shapers or packet filters are not permitted. The
shaper is modelled as what it is, a token bucket; sizes count the Ethernet, IP and transport headers that it counts.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import simpy
from links import Given, payload

from channels.link.link_config import LinkConfig
from channels.uniforms import Uniforms
from simulator.timing.link import Link
from simulator.timing.messages import Message

pytestmark = pytest.mark.slow

BPS, BURST_BITS = 200_000, 24_000
UDP_BITS = 8 * (14 + 20 + 8)
TCP_BITS, TCP_SEGMENT_BITS = 8 * (14 + 20 + 32), 8 * 1448
HOST = Path(__file__).with_name("link_twin_host.py")


def permitted(loss: float) -> str | None:
    """Why the real link cannot be built here; None when it can."""
    for tool in ("unshare", "ip", "tc") + (("iptables",) if loss else ()):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    script = "ip link add a0 type veth peer name a1 && tc qdisc add dev a0 root tbf rate 1mbit burst 3000b latency 1s"
    if loss:
        script += " && iptables -A INPUT -m statistic --mode random --probability 0.5 -j DROP"
    trial = subprocess.run(["unshare", "--net", "sh", "-c", script], capture_output=True, text=True)
    return None if trial.returncode == 0 else f"not permitted here: {trial.stderr.strip()[-100:]}"


def measure(play: str, loss: float = 0.0, **plan: Any) -> npt.NDArray[np.float64]:
    """Plays a plan on the real link; a row of measurements per message."""
    reason = permitted(loss)
    if reason:
        pytest.skip(reason)
    text = json.dumps({"play": play, "loss": loss, "bps": BPS, "burst_bits": BURST_BITS} | plan)
    command = ["unshare", "--net", sys.executable, str(HOST)]
    answer = subprocess.run(command, input=text, capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stderr
    return np.array(json.loads(answer.stdout), dtype=np.float64)


class ReplayedLosses:
    """The losses of the real run: all attempts of a message but its last."""

    def __init__(self, attempts: list[int]) -> None:
        self._attempts = attempts

    def lost(self, now_s: float, bits: int, rate_bps: float, index: tuple[int, int, int, int, int]) -> bool:
        return index[4] + 1 < self._attempts[index[2]]


def predict(
    puts_s: npt.NDArray[np.float64], bits: list[int], header_bits: int, attempts: list[int] | None = None, **more: Any
) -> npt.NDArray[np.float64]:
    """When the simulated link delivers messages put at these instants, seconds."""
    env = simpy.Environment()
    settings: dict[str, Any] = {
        "rate": {"kind": "token_bucket", "bps": BPS, "burst_bits": BURST_BITS},
        "delay": {"kind": "constant", "delay_s": 0},
        "header_bits": header_bits,
        "arq": {"kind": "selective_repeat", "window": 10_000, "timeout_s": 60, "timer_jitter": 0},
    }
    if attempts:
        settings["loss"] = Given(by=ReplayedLosses(attempts))
    link = Link(env, LinkConfig.model_validate(settings | more), Uniforms.of(0, "test"), "uplink", lambda device: 0.0)
    ends_s = np.zeros(len(bits))

    def deliver(message: Message) -> None:
        ends_s[message.index[2]] = env.now

    def source() -> simpy.events.ProcessGenerator:
        for number, at_s in enumerate(puts_s):
            yield env.timeout(max(0.0, at_s - env.now))
            link.put(Message((0, 0, number), payload(bits[number]), deliver))

    env.process(source())
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
    sent_s, arrived_s = measure("open", packets=packets).T
    predicted_s = predict(sent_s, [8 * int(size) for size in sizes], UDP_BITS)
    error = median_error(arrived_s - sent_s, predicted_s - sent_s)
    print(f"UDP, open: median error {error:.2%}")
    assert error < 0.05


def test_stop_and_wait_over_a_lossy_shaper_completes_when_predicted() -> None:
    """120 datagrams, 20% lost by the packet filter; the simulator is told which, and must find the times."""
    probability = 0.2
    sizes = np.random.default_rng(2).integers(600, 1400, 120)
    bits = [8 * int(size) for size in sizes]
    rows = measure("stop_and_wait", probability, sizes=[int(size) for size in sizes], timeout_s=0.05)
    put_s, arrived_s, attempts = rows.T
    sd = math.sqrt(probability) / (1 - probability) / math.sqrt(len(sizes))
    assert abs(attempts.mean() - 1 / (1 - probability)) < 5 * sd
    arq = {"kind": "selective_repeat", "window": 10_000, "timeout_s": 0.05, "timer_jitter": 0}
    predicted_s = predict(put_s, bits, UDP_BITS, [int(count) for count in attempts], arq=arq)
    error = median_error(arrived_s - put_s, predicted_s - put_s)
    print(f"UDP, stop and wait, 20% loss: median error {error:.2%}")
    assert error < 0.05


def test_tcp_messages_through_a_shaper_arrive_when_predicted() -> None:
    """40 messages of 2 to 12 kB over one connection, cut at TCP's segment size."""
    sizes = np.random.default_rng(3).integers(2000, 12_000, 40)
    sent_s, arrived_s = measure("tcp", sizes=[int(size) for size in sizes]).T
    bits = [8 * (4 + int(size)) for size in sizes]
    predicted_s = predict(sent_s, bits, TCP_BITS, mtu_bits=TCP_BITS + TCP_SEGMENT_BITS)
    error = median_error(arrived_s - sent_s, predicted_s - sent_s)
    print(f"TCP: median error {error:.2%}")
    assert error < 0.05
