"""The sessions of a cell: each request's prompt, randomness and root node, over the pair that decides the tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from channels.uniforms import Uniforms
from kinds import ConfigError
from models.interface import LoadedPair, Pair
from simulator.cell.cell import Cell
from simulator.cell.workload import Ask
from simulator.decoding.divergences import Floats
from simulator.decoding.memory import Memory, Root
from simulator.decoding.session import Session, Setting
from simulator.results.ledger import Ledger
from simulator.results.records import Request
from simulator.schemes.draft_scheme import DraftScheme, Scheme, State


@cache
def load(pair: Pair) -> LoadedPair:
    """The pair's models, read once a process."""
    return pair.load()


@dataclass(frozen=True)
class RoundNoise:
    """The uniforms of round t: draft n reads index (t, n), and so do the verdict on it and the correction, apart."""

    drafts: Uniforms
    verdicts: Uniforms
    number: int

    def draft(self, n: int) -> float:
        return self.drafts.uniform(self.number, n)

    def verdict(self, drafts: int) -> Floats:
        return np.array([self.verdicts.uniform(self.number, n) for n in range(drafts + 1)])


@dataclass(frozen=True)
class RequestNoise:
    """The randomness of one request of one device. A request that is remembered to its end never asks for it."""

    drafts: Uniforms
    verdicts: Uniforms
    index: tuple[int, ...]

    def round(self, number: int) -> RoundNoise:
        return RoundNoise(*self._own, number)

    @cached_property
    def _own(self) -> tuple[Uniforms, Uniforms]:
        return self.drafts.keyed(*self.index), self.verdicts.keyed(*self.index)


class Decoder:
    """Makes the requests of a cell and their sessions."""

    def __init__(self, cell: Cell, memory: Memory) -> None:
        self._cell = cell
        self._memory = memory
        pair = cell.models.pair
        settings = [
            Setting(
                lambda: load(pair),
                each.scheme,
                each.scheme.format(pair.vocabulary),
                cell.models.temperature,
                each.uplink.room_bits if isinstance(each.scheme, DraftScheme) and each.scheme.partial else None,
            )
            for each in cell.classes
        ]
        self._settings = [
            setting for setting, each in zip(settings, cell.classes, strict=True) for _ in range(each.count)
        ]
        self._described: dict[tuple[Scheme, int | None], str] = {}
        self._drafts, self._verdicts = Uniforms.of(cell.seed, "draft"), Uniforms.of(cell.seed, "verdict")
        self._prompts = load(pair).prompts
        self._end_token = load(pair).end_token if cell.workload.stop_at_eos else None
        if cell.workload.stop_at_eos and self._end_token is None:
            raise ConfigError(f"workload.stop_at_eos = True: the pair {pair.kind} has no end token")
        longest, wanted = min(len(prompt.tokens) for prompt in self._prompts), cell.workload.longest[0]
        if wanted > longest:
            raise ConfigError(
                f"workload.prompt_tokens = {wanted}: must be at most the length of the pair's shortest prompt, "
                f"{longest} tokens"
            )

    def request(self, device: int, number: int, ask: Ask, now_s: float, ledger: Ledger) -> Request:
        """Request `number` of a device; prompts go round."""
        prompt = self._prompts[self._place(device, number) % len(self._prompts)].first(ask.prompt_tokens)
        return Request(device, number, prompt, ask.output_tokens, now_s, ledger, self._end_token)

    def session(self, request: Request, state: State | None) -> Session:
        """The decoding of a request by a device whose scheme was left in `state`."""
        setting = self._settings[request.device]
        index = self._index(request)
        noise = RequestNoise(self._drafts, self._verdicts, index)
        scheme = setting.scheme
        entry = scheme.entry(state) if isinstance(scheme, DraftScheme) else ()
        tree = self._memory.tree(self._root(request, setting, entry))
        return Session(setting, tree, noise)

    def _place(self, device: int, number: int) -> int:
        """Which of the cell's texts this is: they are numbered along the devices' first requests, then their second."""
        place = device + number * self._cell.workload.devices
        return place % (self._cell.workload.distinct or place + 1)

    def _index(self, request: Request) -> tuple[int, int]:
        if self._cell.workload.distinct is None:
            return request.device, request.number
        return -1, self._place(request.device, request.number)

    def _root(self, request: Request, setting: Setting, entry: State) -> Root:
        return self._cell_root(setting), (self._cell.seed, *self._index(request)), entry, request.prompt.tokens

    def _cell_root(self, setting: Setting) -> str:
        """What all requests of a class of devices have in common."""
        key = setting.scheme, setting.room_bits
        if key not in self._described:
            cell = self._cell
            described = {
                "plane": 1,
                "pair": cell.models.pair.fingerprint,
                "temperature": cell.models.temperature,
                "scheme": setting.scheme.model_dump(mode="json"),
                "room_bits": setting.room_bits,
                "imports": cell.imports_digest,
            }
            self._described[key] = json.dumps(described, sort_keys=True)
        return self._described[key]
