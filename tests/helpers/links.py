"""A link alone on a bench, with losses by script, and a log of what its messages say."""

from typing import Any, Literal

import pytest
import simpy

from channels.link.link_config import LinkConfig
from channels.link.losses import Loss, LossProcess, NoLoss
from channels.uniforms import Uniforms
from simulator.results.ledger import Course
from simulator.timing.link import Link
from simulator.timing.messages import Message

TIMER_S = 0.5


def payload(*parts_bits: int) -> tuple[bytes, ...]:
    """The content of a message whose parts have these lengths in bits; the first byte of each tells its place."""
    assert all(bits % 8 == 0 for bits in parts_bits), f"a payload of {parts_bits} bits is no bytes"
    return tuple(bytes([number]).ljust(bits // 8, b".")[: bits // 8] for number, bits in enumerate(parts_bits))


def follow(log: list[tuple[float, str]], course: Course) -> None:
    """Notes states that replace what was reported for later; one that goes on is no new one."""
    while log and log[-1][0] > course[0][0]:
        log.pop()
    for from_s, state in course:
        if not log or log[-1][1] != state:
            log.append((from_s, state))


class Given(Loss):
    """Any loss process, by hand."""

    kind: Literal["given_in_tests"] = "given_in_tests"
    by: Any

    def process(self, uniforms: Uniforms) -> LossProcess:
        process: LossProcess = self.by
        return process


class Scripted:
    """A loss (or acknowledgement loss) that follows a script of packets lost, by (device, round, fragment, attempt)."""

    def __init__(self, *lost: tuple[int, int, int, int]) -> None:
        self._lost = set(lost)

    def lost(self, now_s: float, bits: int, rate_bps: float, index: tuple[int, int, int, int, int]) -> bool:
        return (index[0], *index[2:]) in self._lost


class Bench:
    """A link of 1 kbit/s, 0.1 s each way, without headers, its timers exact, and a log of all that its messages say."""

    def __init__(
        self,
        lost: LossProcess | None = None,
        deaf: LossProcess | None = None,
        back_s: dict[int, float] | None = None,
        **changes: object,
    ) -> None:
        settings: dict[str, Any] = {
            "rate": {"kind": "constant", "bps": 1000},
            "delay": {"kind": "constant", "delay_s": 0.1},
            "header_bits": 0,
            "arq": {"kind": "stop_and_wait", "timeout_s": TIMER_S},
        }
        self.env = simpy.Environment()
        self.log: dict[tuple[int, int], list[tuple[float, str]]] = {}
        settings |= {"loss": Given(by=lost) if lost else NoLoss()} | changes
        settings["arq"] = {"timer_jitter": 0, **settings["arq"]}
        if deaf:
            settings["arq"] = {**settings["arq"], "ack_loss": Given(by=deaf)}
        config = LinkConfig.model_validate(settings)
        back_s = {} if back_s is None else back_s
        self.link = Link(self.env, config, Uniforms.of(0, "test"), "uplink", lambda device: back_s.get(device, 0.1))

    def put(self, at_s: float, device: int, bits: int, number: int = 0) -> Message:
        """Puts a message of that many bits, whole bytes, on the link at that time."""
        log = self.log.setdefault((device, number), [])
        message = Message(
            index=(device, 0, number),
            content=payload(bits),
            to=lambda m: log.append((round(self.env.now, 9), "deliver")),
            report=lambda m, course: follow(log, [(round(from_s, 9), state) for from_s, state in course]),
        )
        self.env.timeout(at_s).callbacks.append(lambda _: self.link.put(message))
        return message

    def withdraw(self, message: Message) -> None:
        """Withdraws a message now; what it was to do later, it does not."""
        self.link.withdraw(message)
        log = self.log[message.index[0], message.index[2]]
        log[:] = [each for each in log if each[0] <= self.env.now]

    def run(self) -> None:
        self.env.run()
        assert self.link.in_flight == 0
        assert self.link.sent == self.link.delivered + self.link.lost + self.link.dropped
        assert self.link.station.area == pytest.approx(self.link.station.sojourn_s, abs=1e-9)
