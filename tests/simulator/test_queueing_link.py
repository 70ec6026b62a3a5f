"""Queueing theory through the real link class, at 5 sd with fixed seeds (false alarm under 1e-6 a comparison).

Each message comes from a device of its own, so that no window holds it; the wait is read from what the message reports.
Spreads come from independent replications of the same run.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import simpy

from channels.link.config import Link as LinkConfig
from simulator.link import Link, Message

BPS = 1e6
MEAN_BITS = 1e6
Floats = npt.NDArray[np.float64]


class HashedUniforms:
    def __init__(self, seed: int) -> None:
        self._seed = seed

    def uniform(self, *index: int) -> float:
        digest = hashlib.blake2b(repr((self._seed, *index)).encode(), digest_size=8).digest()
        return (int.from_bytes(digest) >> 11) * 2.0**-53


class Log:
    """Waits and sojourns of all messages, by device."""

    def __init__(self, count: int) -> None:
        self.put_s = np.zeros(count)
        self.began_s = np.full(count, np.nan)
        self.ended_s = np.full(count, np.nan)
        self.attempts = np.zeros(count)


def drive(arrivals_s: Floats, bits: Floats, seed: int = 0, **settings: object) -> tuple[Log, Link]:
    """Sends message k of bits[k] at arrivals_s[k], each from a device of its own, over a link without delay."""
    base: dict[str, object] = {
        "rate": {"kind": "constant", "bps": BPS},
        "delay": {"kind": "constant", "delay_s": 0.0},
        "header_bits": 0,
    }
    env = simpy.Environment()
    link = Link(env, LinkConfig.model_validate(base | settings), HashedUniforms(seed), "uplink", 0.0)
    log = Log(len(arrivals_s))

    def source() -> simpy.events.ProcessGenerator:
        for device, at_s in enumerate(arrivals_s):
            yield env.timeout(at_s - env.now)
            log.put_s[device] = env.now
            link.put(Message((device, 0, 0), round(bits[device]), delivered, began(device)))

    def began(device: int) -> Callable[[str], None]:
        def report(state: str) -> None:
            if state == "transmit":
                log.began_s[device] = env.now

        return report

    def delivered(message: Message) -> None:
        log.ended_s[message.index[0]] = env.now
        log.attempts[message.index[0]] = message.attempts

    env.process(source())
    env.run()
    return log, link


def poisson(generator: np.random.Generator, load: float, jobs: int) -> Floats:
    return np.cumsum(generator.exponential(MEAN_BITS / BPS / load, jobs))


def assert_mean(samples: list[float], expected: float) -> None:
    """The mean of independent replications is within 5 standard errors, and these within 10% of the mean."""
    error = np.std(samples, ddof=1) / math.sqrt(len(samples))
    assert error < 0.1 * expected
    assert abs(np.mean(samples) - expected) < 5 * error


SERVICES: dict[str, tuple[Callable[[np.random.Generator, int], Floats], float]] = {
    "M/M/1": (lambda generator, jobs: generator.exponential(MEAN_BITS, jobs), 2.0),
    "M/D/1": (lambda generator, jobs: np.full(jobs, MEAN_BITS), 1.0),
    "two-point": (lambda generator, jobs: generator.choice([0.25e6, 3.25e6], jobs, p=[0.75, 0.25]), 2.6875),
}
"""Packet sizes of mean 1 Mbit, and their second moment in Mbit^2."""


@pytest.mark.parametrize("load", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("law", SERVICES)
def test_mean_wait_is_pollaczek_khinchine(law: str, load: float) -> None:
    """W = lambda E[S^2] / (2 (1 - rho)): M/M/1, M/D/1 (half of it) and a two-point service."""
    draw, second_moment = SERVICES[law]
    waits = []
    for seed in range(20):
        generator = np.random.default_rng(seed)
        log, _ = drive(poisson(generator, load, 2000), draw(generator, 2000))
        waits.append(float(np.mean(log.began_s - log.put_s)))
    assert_mean(waits, load * second_moment / (2 * (1 - load)))


@pytest.mark.parametrize("law", SERVICES)
def test_processor_sharing_has_the_same_mean_sojourn_for_each_law(law: str) -> None:
    """E[T] = E[S] / (1 - rho), whatever the law of S."""
    sojourns = []
    for seed in range(20):
        generator = np.random.default_rng(seed)
        arrivals_s, bits = poisson(generator, 0.6, 2000), SERVICES[law][0](generator, 2000)
        log, _ = drive(arrivals_s, bits, sharing="processor")
        sojourns.append(float(np.mean(log.ended_s - log.put_s)))
    assert_mean(sojourns, 1 / (1 - 0.6))
