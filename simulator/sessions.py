"""The sessions of a cell: each request's prompt, randomness and root node, over the pair that decides the tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import numpy as np

from kinds import ConfigError
from models.interface import LoadedPair, Pair
from simulator.config import Cell
from simulator.decoding import Session, Setting
from simulator.ledger import Ledger
from simulator.measures import Floats
from simulator.memory import Memory, Node, root
from simulator.records import Request
from simulator.schemes.base import DraftScheme, State
from simulator.streams import Source, source


@cache
def load(pair: Pair) -> LoadedPair:
    """The pair's models, read once a process."""
    return pair.load()


@dataclass(frozen=True)
class RoundNoise:
    """The uniforms of round t: draft n reads index (t, n), and so do the verdict on it and the correction, apart."""

    drafts: Source
    verdicts: Source
    number: int

    def draft(self, n: int) -> float:
        return self.drafts.uniform(self.number, n)

    def verdict(self, drafts: int) -> Floats:
        return np.array([self.verdicts.uniform(self.number, n) for n in range(drafts + 1)])


@dataclass(frozen=True)
class RequestNoise:
    """The randomness of one request of one device."""

    drafts: Source
    verdicts: Source

    def round(self, number: int) -> RoundNoise:
        return RoundNoise(self.drafts, self.verdicts, number)


class Decoder:
    """Makes the sessions of a cell's requests."""

    def __init__(self, cell: Cell, memory: Memory) -> None:
        self._cell = cell
        self._memory = memory
        pair, scheme = cell.models.pair, cell.scheme
        self._setting = Setting(lambda: load(pair), scheme, scheme.format(pair.vocabulary), cell.models.temperature)
        self._drafts, self._verdicts = source(cell.seed, "draft"), source(cell.seed, "verdict")
        self._prompts = load(pair).prompts
        longest = min(len(prompt.tokens) for prompt in self._prompts)
        if cell.workload.prompt_tokens > longest:
            raise ConfigError(
                f"workload.prompt_tokens = {cell.workload.prompt_tokens}: must be at most the length of the pair's "
                f"shortest prompt, {longest} tokens"
            )

    def request(self, device: int, number: int, now_s: float, ledger: Ledger) -> Request:
        """Request `number` of a device; prompts go round."""
        workload = self._cell.workload
        prompt = self._prompts[(device * workload.requests + number) % len(self._prompts)]
        return Request(device, number, prompt.first(workload.prompt_tokens), workload.output_tokens, now_s, ledger)

    def session(self, request: Request, state: State | None) -> Session:
        """The decoding of a request by a device whose scheme was left in `state`."""
        index = (request.device, request.number)
        noise = RequestNoise(self._drafts.within(*index), self._verdicts.within(*index))
        return Session(self._setting, request.prompt.tokens, noise, self._memory, self._root(request, state))

    def _root(self, request: Request, state: State | None) -> Node:
        cell, scheme = self._cell, self._cell.scheme
        entry = scheme.entry(state) if isinstance(scheme, DraftScheme) else ()
        described = {
            "plane": 1,
            "pair": cell.models.pair.fingerprint,
            "temperature": cell.models.temperature,
            "scheme": scheme.model_dump(mode="json"),
            "index": (cell.seed, request.device, request.number),
            "entry": entry,
            "prompt": request.prompt.tokens,
            "imports": cell.imports_digest,
        }
        return root(json.dumps(described, sort_keys=True))
