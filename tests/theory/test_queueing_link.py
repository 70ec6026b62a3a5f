"""Queueing theory through the real link class, at 5 sd with fixed seeds (false alarm under 1e-6 a comparison).

Each message comes from a device of its own, so that no window holds it; the wait is read from what the message reports.
Spreads come from independent replications of the same run.
"""

import math

import numpy as np
import numpy.typing as npt
import pytest
import simpy
from links import payload

from channels.link.link_config import LinkConfig
from channels.uniforms import Uniforms
from simulator.results.ledger import Course
from simulator.timing.link import Link
from simulator.timing.messages import Message, Report

BPS = 8e4
MEAN_BITS = 8e4
"""10,000 bytes on average, a second on the air: rounding to whole bytes moves no moment by a part in 10^6."""
Floats = npt.NDArray[np.float64]


class Log:
    """Waits and sojourns of all messages, by device."""

    def __init__(self, count: int) -> None:
        self.put_s = np.zeros(count)
        self.began_s = np.full(count, np.nan)
        self.ended_s = np.full(count, np.nan)


def drive(arrivals_s: Floats, bits: Floats, seed: int = 0, **settings: object) -> tuple[Log, Link]:
    """Sends message k of bits[k], whole bytes, at arrivals_s[k], each from a device of its own, over a link without
    delay."""
    base: dict[str, object] = {
        "rate": {"kind": "constant", "bps": BPS},
        "delay": {"kind": "constant", "delay_s": 0.0},
        "header_bits": 0,
    }
    env = simpy.Environment()
    link = Link(
        env, LinkConfig.model_validate(base | settings), Uniforms.of(seed, "test"), "uplink", lambda device: 0.0
    )
    log = Log(len(arrivals_s))

    def source() -> simpy.events.ProcessGenerator:
        for device, at_s in enumerate(arrivals_s):
            yield env.timeout(at_s - env.now)
            log.put_s[device] = env.now
            link.put(Message((device, 0, 0), payload(int(bits[device])), delivered, began(device)))

    def began(device: int) -> Report:
        def report(_: Message, course: Course) -> None:
            for from_s, state in course:
                if state == "transmit":
                    log.began_s[device] = from_s

        return report

    def delivered(message: Message) -> None:
        log.ended_s[message.index[0]] = env.now

    env.process(source())
    env.run()
    return log, link


def poisson(generator: np.random.Generator, load: float, jobs: int) -> Floats:
    return np.cumsum(generator.exponential(MEAN_BITS / BPS / load, jobs))


def exponential(generator: np.random.Generator, shape: int | tuple[int, int]) -> Floats:
    """Sizes in bits, rounded to whole bytes, of mean MEAN_BITS."""
    return 8 * np.round(generator.exponential(MEAN_BITS / 8, shape))


@pytest.mark.parametrize("sharing", ["fifo", "round_robin"])
def test_each_wait_follows_lindleys_recursion(sharing: str) -> None:
    """An independent twin, wait by wait: W' = max(0, W + S - A). With one packet a device, turns are first come."""
    generator = np.random.default_rng(5)
    arrivals_s, bits = poisson(generator, 0.9, 3000), exponential(generator, 3000)
    log, _ = drive(arrivals_s, bits, sharing=sharing)
    wait_s = 0.0
    for k in range(3000):
        if k:
            wait_s = max(0.0, wait_s + bits[k - 1] / BPS - (arrivals_s[k] - arrivals_s[k - 1]))
        assert log.began_s[k] - log.put_s[k] == pytest.approx(wait_s, abs=1e-8)


def test_processor_sharing_follows_a_slow_twin() -> None:
    """Sojourn by sojourn against a loop that hands each of the n present a share of 1/n until the next event."""
    generator = np.random.default_rng(6)
    arrivals_s, bits = poisson(generator, 0.9, 300), exponential(generator, 300)
    log, _ = drive(arrivals_s, bits, sharing="processor")
    left = dict[int, float]()
    ends_s, now_s, upcoming = np.zeros(300), 0.0, 0
    while upcoming < 300 or left:
        arrival_s = arrivals_s[upcoming] if upcoming < 300 else np.inf
        first = min(left, key=left.__getitem__, default=None)
        departure_s = now_s + left[first] * len(left) / BPS if first is not None else np.inf
        next_s = min(arrival_s, departure_s)
        left = {k: rest - (next_s - now_s) * BPS / len(left) for k, rest in left.items()}
        now_s = next_s
        if departure_s <= arrival_s and first is not None:
            ends_s[first] = now_s
            del left[first]
        else:
            left[upcoming] = bits[upcoming]
            upcoming += 1
    np.testing.assert_allclose(log.ended_s, ends_s, rtol=0, atol=1e-6)


def stream(count: int, bits: int, seed: int = 0, **settings: object) -> tuple[float, Link]:
    """Seconds until the last of `count` messages of one device, all there at 0 s, is acknowledged."""
    env = simpy.Environment()
    config = LinkConfig.model_validate({"header_bits": 0} | settings)
    link = Link(env, config, Uniforms.of(seed, "test"), "uplink", lambda device: config.delay.mean_s)
    for k in range(count):
        link.put(Message((0, 0, k), payload(bits), lambda message: None))
    env.run()
    assert link.delivered == link.sent - link.lost
    return float(env.now), link  # the last acknowledgement is the last event


@pytest.mark.parametrize("probability", [0.0, 0.2, 0.5])
def test_stop_and_wait_goodput(probability: float) -> None:
    """(1-p) L / (L/R + RTT) with the timer at one cycle; the number of cycles is negative binomial."""
    count, bits, bps, delay_s = 4000, 1000, 1e4, 0.15
    duration_s, _ = stream(
        count,
        bits,
        seed=11,
        rate={"kind": "constant", "bps": bps},
        delay={"kind": "constant", "delay_s": delay_s},
        arq={"kind": "stop_and_wait", "timeout_s": 2 * delay_s, "timer_jitter": 0},
        loss={"kind": "bernoulli", "probability": probability},
    )
    cycle_s = bits / bps + 2 * delay_s
    sd_s = cycle_s * math.sqrt(count * probability) / (1 - probability)
    assert abs(duration_s - count * cycle_s / (1 - probability)) <= 5 * sd_s + 1e-6


@pytest.mark.parametrize("delay_s", [0.01, 1.0, 30.0])
def test_selective_repeat_fills_the_link_when_its_window_covers_the_pipe(delay_s: float) -> None:
    """W L / R >= L / R + RTT: the link is never idle, whatever the delay; a smaller window leaves W per cycle."""
    count, bits, bps = 5000, 1000, 1e4
    cycle_s = bits / bps + 2 * delay_s
    window = math.ceil(cycle_s * bps / bits)
    shared = {"rate": {"kind": "constant", "bps": bps}, "delay": {"kind": "constant", "delay_s": delay_s}}
    arq = {"kind": "selective_repeat", "timeout_s": 2 * delay_s + 1e-6}
    full_s, link = stream(count, bits, arq=arq | {"window": window}, **shared)
    assert full_s == pytest.approx(count * bits / bps + 2 * delay_s)
    assert link.sent == count
    if window > 2:
        half_s, _ = stream(count, bits, arq=arq | {"window": window // 2}, **shared)
        assert half_s > 1.9 * full_s - cycle_s
