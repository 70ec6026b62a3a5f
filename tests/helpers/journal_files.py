"""Journals of a run, read back, changed, and written again."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from simulator.testbed.journal import (
    CloudRestarted,
    Event,
    MessagePut,
    MessageReceived,
    MessageTaken,
    PacketAired,
    PacketQueued,
    PassMade,
    RoundComputed,
    read,
)
from simulator.testbed.packet_header import MessageAddress, PacketKind

PYTHON_S = 2e-5
"""What a step takes that takes no time in the simulator."""
READ_AGAIN_S = 0.05
"""How long a restarted cloud reads the text again."""
TIMES = {"at_s", "began_s", "ended_s", "left_s", "arrives_s"}
Lines = dict[str, list[Event]]


def lines_of(folder: Path) -> Lines:
    """By process."""
    return {path.stem: list(read(path)) for path in sorted(folder.glob("*.jsonl"))}


def write(folder: Path, lines: Mapping[str, Iterable[Event]]) -> None:
    """In place of what was there."""
    for path in folder.glob("*.jsonl"):
        path.unlink()
    for process, events in lines.items():
        text = "".join(json.dumps([type(event).__name__, *event]) + "\n" for event in events)
        (folder / f"{process}.jsonl").write_text(text, encoding="utf-8")


def slowed(lines: Lines) -> Lines:
    """Where a process takes several steps at one instant, one comes after the other, and what they set off comes after
    them all. What the relay notes of an instant may be before the notes of those it is about."""
    slow: Lines = defaultdict(list)
    for process, events in lines.items():
        steps: Counter[float] = Counter()
        for event in events:
            if isinstance(event, PacketAired):
                slow[process].append(event)
                continue
            at_s = event.ended_s if isinstance(event, RoundComputed | PassMade) else event.at_s
            steps[at_s] += 1
            if isinstance(event, RoundComputed | PassMade):
                began_s = event.began_s + (steps[event.began_s] + 1) * PYTHON_S
                slow[process].append(event._replace(began_s=began_s, ended_s=at_s + steps[at_s] * PYTHON_S))
            else:
                slow[process].append(event._replace(at_s=at_s + steps[at_s] * PYTHON_S))
    return slow


class Restart:
    """The cloud is killed while it has round `number` of the one request, and all that it does from that round's
    submission on happens `later_s` later, in a cloud that has restarted with what `restored` says."""

    def __init__(self, lines: Lines, number: int, killed_s: float, later_s: float, restored: bytes) -> None:
        cloud, edge = lines["cloud_0"], lines["edge_0"]
        self.killed_s, self.later_s = killed_s, later_s
        self.payload = next(
            (each for each in edge if isinstance(each, MessagePut) and each.address.round == number), None
        )
        if self.payload is None:  # the cloud goes on by itself
            passes = [each for each in cloud if isinstance(each, PassMade)]
            self.from_s = next(each.ended_s for each in passes if each.shares[0][2] == number - 1)
        else:
            taken = [each for each in cloud if isinstance(each, MessageTaken)]
            self.from_s = next(each.at_s for each in taken if each.address == self.payload.address)

        def here(event: Event) -> bool:
            """It is on the air when the cloud is killed, and of a round before."""
            return isinstance(event, PacketAired) and event.began_s < killed_s and event.address.round < number

        was = {name: [each for each in events if _from_s(each) < killed_s] for name, events in lines.items()}
        again = {"cloud_0": self.from_s, "edge_0": killed_s, "relay": self.from_s}
        goes_on = {
            name: [_later(each, later_s) for each in lines[name] if _from_s(each) >= again[name] and not here(each)]
            for name in again
        }
        was["cloud_0"] = [each for each in was["cloud_0"] if _to_s(each) < killed_s]
        was["relay"] = [each if here(each) or _comes_s(each) < killed_s else _lost(each) for each in was["relay"]]
        again_s = self.from_s + later_s
        hello = self._crosses(MessageAddress(PacketKind.HELLO, 0, 0, 0), "01", killed_s + 0.2, killed_s + 0.25)
        restore = self._crosses(
            MessageAddress(PacketKind.RESTORE, 0, 0, number), restored.hex(), killed_s + 0.26, again_s - 0.1
        )
        sent = [hello, restore]
        if self.payload is not None:
            sent.append(self._crosses(self.payload.address, self.payload.content, killed_s + 0.27, again_s))
        read: list[Event] = [MessageTaken(restore[2].address, restore[2].at_s)]
        if self.payload is not None:
            began_s = restore[2].at_s
            read.append(PassMade(began_s, began_s + READ_AGAIN_S, ((0, 0, 0, 9, 0, True),)))
        self.lines: Lines = {
            "cloud_0": was["cloud_0"],
            "cloud_1": [*hello[0], restore[2], *read, *(each[2] for each in sent[2:]), *goes_on["cloud_0"]],
            "edge_0": [*was["edge_0"], hello[2], *(put for each in sent[1:] for put in each[0]), *goes_on["edge_0"]],
            "relay": [*was["relay"], *(each[1] for each in sent), *goes_on["relay"]],
            "supervisor": [CloudRestarted(0, True, killed_s), CloudRestarted(1, False, killed_s + 0.2)],
        }
        self.added_bits = sum(each[1].bits for each in sent)

    def _crosses(
        self, address: MessageAddress, content: str, at_s: float, comes_s: float
    ) -> tuple[list[Event], PacketAired, MessageReceived]:
        bits = 4 * len(content) + 320
        puts = [MessagePut(address, content, at_s), PacketQueued(address, 0, 0, bits, at_s)]
        return puts, PacketAired(address, 0, 0, bits, at_s, at_s + 0.005, comes_s), MessageReceived(address, comes_s)


def _to_s(event: Event) -> float:
    return event.at_s if not isinstance(event, RoundComputed | PassMade) else event.ended_s


def _from_s(event: Event) -> float:
    return event.began_s if isinstance(event, PacketAired | RoundComputed | PassMade) else event.at_s


def _comes_s(event: Event) -> float:
    return event.arrives_s if isinstance(event, PacketAired) and event.arrives_s is not None else 0.0


def _lost(event: Event) -> Event:
    return event._replace(arrives_s=None) if isinstance(event, PacketAired) else event


def _later(event: Event, later_s: float) -> Event:
    times = {name: getattr(event, name) for name in event._fields if name in TIMES}
    return event._replace(**{name: each + later_s for name, each in times.items() if each is not None})
