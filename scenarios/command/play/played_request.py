"""Request of a trace for the page, in milliseconds since its arrival: the actions of device, links and cloud, the
growth of its text, and the load of others on the same links and in the same passes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from kinds import ConfigError
from simulator.results.trace import read_head

Key = tuple[int, int]  # (device, request)
T = TypeVar("T")
US_PER_MS: Final = 1e3
_AGAIN: Final = "`sqsim run ... --trace` writes one"


class LaneWork(NamedTuple):
    """Work of a processor; `own`: True if it is for this request."""

    began: float
    ended: float
    name: str
    own: bool


class PlayedPacket(NamedTuple):
    """An attempt of a packet: its first bit and its last on the air, and when it arrives, None where it is lost."""

    began: float
    ended: float
    name: str
    own: bool
    arrives: float | None
    bits: int


class PlayedDraft(NamedTuple):
    """A draft; None for what is not known: when it was drawn, q, and the probability with which it is rejected."""

    text: str
    drawn: float | None
    result: str
    q: float | None
    rejection: float | None


class PlayedRound(NamedTuple):
    """A round; of its tokens only those that belong to the answer, each with where it comes from."""

    number: int
    began: float
    ended: float
    verified: float | None
    answered: bool
    drafted: int
    accepted: int
    drafts: list[PlayedDraft]
    committed: list[tuple[str, str]]


@dataclass
class Lane:
    """A request under one scheme."""

    scheme: str
    settings: Mapping[str, str]
    device: int
    request: int
    prompt: str
    prompt_text: str
    outcome: str
    end: float
    edge: list[LaneWork] = field(default_factory=list)
    up: list[PlayedPacket] = field(default_factory=list)
    down: list[PlayedPacket] = field(default_factory=list)
    cloud: list[LaneWork] = field(default_factory=list)
    rounds: list[PlayedRound] = field(default_factory=list)
    branches: bool = False
    """True if the drafts of some round are a tree."""
    alone: bool = False
    """True if the load of others is left out."""
    cut: float | None = None
    """Time from which on the lane is incomplete; None if it is complete."""

    def fitted(self, most_bytes: int) -> Lane:
        """The lane in no more bytes than these: without what others did, then only up to a time, which it says."""
        lane = self
        if lane.bytes > most_bytes:
            lane = replace(lane._only(lambda each: each.own), alone=True)
        while (size := lane.bytes) > most_bytes:
            lane = lane._until(0.95 * (lane.cut or lane.end) * most_bytes / size)
        return lane

    @property
    def bytes(self) -> int:
        """Returns its length as JSON, in bytes."""
        return len(json.dumps(asdict(self)))

    def _until(self, cut: float) -> Lane:
        rounds = [each for each in self.rounds if each.began < cut]
        return replace(self._only(lambda each: each.began < cut), rounds=rounds, cut=round(cut, 3))

    def _only(self, kept: Callable[[LaneWork | PlayedPacket], bool]) -> Lane:
        """The lane with what of device, links and cloud is `kept`."""
        edge, cloud = ([*filter(kept, part)] for part in (self.edge, self.cloud))
        up, down = ([*filter(kept, part)] for part in (self.up, self.down))
        return replace(self, edge=edge, cloud=cloud, up=up, down=down)

    @property
    def tokens(self) -> list[str]:
        return [text for each in self.rounds for text, _ in each.committed]

    @property
    def bits_up(self) -> int:
        return sum(each.bits for each in self.up if each.own)


class TraceFile:
    """A trace, read once. Raises ConfigError, one line, where the file is none, or one of an older version."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.about = read_head(path)
            whole = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
            self._events: list[dict[str, Any]] = [each for each in whole["traceEvents"] if each["ph"] in "XM"]
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}; {_AGAIN}") from None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ConfigError(f"{path}: not a whole trace; {_AGAIN}") from None
        if "scheme" not in self.about:
            raise ConfigError(f"{path}: a trace of an older version, which says of no scheme; {_AGAIN}")

    @cached_property
    def _processes(self) -> dict[int, str]:
        return {x["pid"]: str(x["args"]["name"]) for x in self._events if x["name"] == "process_name"}

    def _of(self, category: str) -> Iterator[dict[str, Any]]:
        return (each for each in self._events if each.get("cat") == category)

    @cached_property
    def _requests(self) -> dict[Key, dict[str, Any]]:
        return {_key(each["args"]): each for each in self._of("request")}

    @property
    def keys(self) -> list[Key]:
        """The requests in it, (device, number), in the order of their numbers."""
        return self._read(lambda: sorted(self._requests, key=lambda key: (key[1], key[0])))

    def lane(self, key: Key) -> Lane:
        """A request of the trace. Raises ConfigError where it has no such request."""
        if key not in (keys := self.keys):
            some = ", ".join(f"{device}:{number}" for device, number in keys[:4]) or "no request"
            some += f" and {len(keys) - 4} others" if len(keys) > 4 else ""
            raise ConfigError(f"request = {key[0]}:{key[1]}: {self.path.name} has {some}")
        return self._read(lambda: self._lane(key))

    def _read(self, reading: Callable[[], T]) -> T:
        try:
            return reading()
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            raise ConfigError(f"{self.path}: not a trace as this version writes it; {_AGAIN}") from None

    def _lane(self, key: Key) -> Lane:
        request = self._requests[key]
        began, args = float(request["ts"]), request["args"]
        ended = began + float(request["dur"])
        lane = Lane(
            scheme=str(self.about["scheme"]),
            settings={name: _setting(self.about[name]) for name in SETTINGS if name in self.about},
            device=key[0],
            request=key[1],
            prompt=str(args["prompt"]),
            prompt_text=str(args.get("prompt_text", "")),
            outcome=str(args["outcome"]),
            end=_ms(ended - began),
        )
        for each in self._events:
            if each["ph"] == "X" and each["ts"] <= ended and each["ts"] + each["dur"] >= began:
                self._put(each, lane, key, began)
        rounds = [each for each in self._of("round") if _key(each["args"]) == key]
        lane.rounds = _rounds(rounds, began, int(args["output_tokens"]))
        lane.branches = any("parents" in each["args"] for each in rounds)
        for packets in (lane.up, lane.down):  # a link on which the request sends nothing shows nothing of it
            if not any(each.own for each in packets):
                packets.clear()
        cut_s = self.about.get("cut_at_s")
        if cut_s is not None and (lane.outcome == "in_flight" or float(cut_s) * 1e6 <= ended):
            lane.cut = min(_ms(float(cut_s) * 1e6 - began), lane.end)
        return lane

    def _put(self, each: dict[str, Any], lane: Lane, key: Key, began: float) -> None:
        """Puts a slice where it belongs, if it is of the request's device, of a link or of the cloud."""
        args, process, category = each["args"], self._processes[each["pid"]], each["cat"]
        work = LaneWork(_ms(each["ts"] - began), _ms(each["ts"] + each["dur"] - began), str(each["name"]), False)
        if category in ("edge", "flushed") and args["device"] == key[0] and each["dur"]:
            lane.edge.append(work._replace(own=_key(args) == key))
        elif "sessions" in args:
            lane.cloud.append(work._replace(own=key in map(_key, args["sessions"])))
        elif "arrives_us" in args:
            arrives = None if args["arrives_us"] is None else _ms(float(args["arrives_us"]) - began)
            packet = PlayedPacket(work.began, work.ended, work.name, _key(args) == key, arrives, int(args["bits"]))
            (lane.down if "downlink" in process else lane.up).append(packet)


SETTINGS: Final = ("uplink", "downlink", "pair", "temperature", "seed", "devices")
"""Entries of a trace's head besides the scheme."""


def _rounds(slices: Iterable[dict[str, Any]], began: float, output_tokens: int) -> list[PlayedRound]:
    rounds, left = list[PlayedRound](), output_tokens
    for each in sorted(slices, key=lambda each: (each["ts"] + each["dur"], each["args"]["round"])):
        args = each["args"]
        answered = "," not in each["name"]
        texts = _texts(args, "token")[:left] if answered else []
        left -= len(texts)
        alone = not args["payload_bits"] and not args["reply_bits"]
        rounds.append(
            PlayedRound(
                number=int(args["round"]),
                began=_ms(each["ts"] - began),
                ended=_ms(each["ts"] + each["dur"] - began),
                verified=None if args["verified_us"] is None else _ms(float(args["verified_us"]) - began),
                answered=answered,
                drafted=int(args["drafted"]),
                accepted=int(args["accepted"]),
                drafts=list(_drafts(args, began)),
                committed=[
                    (text, "accepted" if place < args["accepted"] else "drafted" if alone else "verifier")
                    for place, text in enumerate(texts)
                ],
            )
        )
    return rounds


def _drafts(args: Mapping[str, Any], began: float) -> Iterator[PlayedDraft]:
    texts, results = _texts(args, "draft"), args.get("results", [])
    drawn, q, rejection = (args.get(name, []) for name in ("drawn_us", "q", "rejection"))
    for place, text in enumerate(texts):
        at_us = _at(drawn, place)
        drawn_ms = None if at_us is None else _ms(at_us - began)
        yield PlayedDraft(text, drawn_ms, str(results[place]), _at(q, place), _at(rejection, place))


def _texts(args: Mapping[str, Any], what: str) -> list[str]:
    """The texts of drafts or tokens; their ids, where the trace has no texts."""
    texts = args.get(f"{what}_texts")
    return [str(each) for each in texts] if texts is not None else [f" {token}" for token in args[f"{what}s"]]


def _at(numbers: Sequence[float], place: int) -> float | None:
    return float(numbers[place]) if place < len(numbers) else None


def _key(args: Mapping[str, Any]) -> Key:
    return int(args["device"]), int(args["request"])


def _setting(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _ms(us: float) -> float:
    return round(us / US_PER_MS, 3)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")
