"""The decodings of a cell: each request's prompt, random numbers and root node, over the pair that decides tokens; and
those in one place, of the baselines: a verifier or a co-located pair in the cloud, or the edge alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final

import numpy as np

from channels.codec import wire
from channels.uniforms import Uniforms
from kinds import ConfigError
from kinds.arrays import Floats
from kinds.files import by_content
from models.interface import Prompt
from models.pair_cards import card_of, load
from models.verification import inverse_cdf
from simulator.cell.cell import Cell
from simulator.cell.device_classes import Equipped
from simulator.cell.workload import Ask
from simulator.decoding.cloud_session import CloudSession, along
from simulator.decoding.divergences import DivergenceMeter, Measurer, diverge, diverge_unverified
from simulator.decoding.edge_session import EdgeSession
from simulator.decoding.lookahead import SYNCHRONOUS, Lookahead
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import CloudNode, EdgeNode, Root, Tokens, Tree, Verified, outcome
from simulator.decoding.round_keys import origin
from simulator.decoding.setting import DraftSetting, RequestParts, Setting
from simulator.decoding.tree_sessions import TreeCloudSession, TreeEdgeSession
from simulator.schemes.acceptance import Acceptance, Received
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.draw import RequestUniforms, RoundUniforms
from simulator.schemes.hosted import Colocated
from simulator.schemes.sparsifier import State

REMEMBERED_TOKENS: Final = 4_096
"""The longest prompt whose decodings are remembered. A tree has the whole text at each round, 8 bytes a token and side:
of longer prompts a sweep's would fill the memory, and each cell decodes them anew."""


class KeyedUniforms(RequestUniforms):
    """Keyed when first asked for: a request that is remembered to its end never asks."""

    def __init__(self, streams: Mapping[str, Uniforms], index: tuple[int, ...]) -> None:
        self.__dict__["_made_from"] = streams, index

    def __getattr__(self, purpose: str) -> Uniforms:
        streams, index = self.__dict__["_made_from"]
        if purpose not in streams:
            raise AttributeError(purpose)
        keyed: Uniforms = self.__dict__.setdefault(purpose, streams[purpose].keyed(*index))
        return keyed


class RequestDecoding(RequestParts):
    """Decoding of a request, from which a protocol takes the sides that it has."""

    @cached_property
    def format(self) -> wire.Format:
        """The format of prompts and replies."""
        return self.setting.format

    @cached_property
    def meter(self) -> Measurer:
        """The measurer beside both sides; another one may be put in its place before a side is made."""
        return DivergenceMeter(self.drafter, self.draft_setting, self.uniforms)

    def edge(self) -> EdgeSession:
        """The side that drafts."""
        branches = self.draft_setting.scheme.branches
        return (TreeEdgeSession if branches else EdgeSession)(self, self.meter)

    def cloud(self) -> CloudSession:
        """The side that verifies."""
        branches = self.draft_setting.scheme.branches
        return (TreeCloudSession if branches else CloudSession)(self, self.meter)

    def hosted(self) -> HostedSession:
        """Returns a session with both sides in the cloud."""
        return HostedSession(self)

    def local(self) -> LocalSession:
        """The drafter alone at the edge."""
        return LocalSession(self)


class Decoder:
    """Knows the texts of a cell, and makes the decoding of each request. Models are loaded by the first pass."""

    def __init__(self, cell: Cell, memory: Memory) -> None:
        self._cell = cell
        self._memory = memory
        settings = [_setting(cell, each) for each in cell.classes]
        described = [(each, _description(cell, each), origin(cell, each.scheme)) for each in settings]
        self._settings = [one for one, each in zip(described, cell.classes, strict=True) for _ in range(each.count)]
        """The setting of each device, the description of it, and how its trees are named on disk."""
        self._distinct = [each.workload.distinct for each in cell.classes for _ in range(each.count)]
        self._streams = {purpose: Uniforms.of(cell.seed, purpose) for purpose in ("draft", "verdict", "shared")}
        card = card_of(cell.models.pair)
        self._prompts: list[Sequence[Prompt]] = []
        """The prompts of each device."""
        self.end_tokens: list[tuple[int, ...]] = []
        """The tokens that end an answer of each device, where answers may end early."""
        for each in cell.classes:
            self._prompts += [_prompts(card.prompts, each)] * each.count
            self.end_tokens += [card.end_tokens if each.workload.stop_at_eos else ()] * each.count
            if each.workload.stop_at_eos and not card.end_tokens:
                raise ConfigError(f"workload.stop_at_eos = True: the pair {cell.models.pair.kind} has no end token")

    def prompt(self, device: int, number: int, ask: Ask, before: Tokens = ()) -> Prompt:
        """The prompt of request `number` of a device; of a later turn, all of the conversation: the text `before` and
        what is new. Prompts go round, and each seed goes on where the one before it ended, so that many seeds of few
        requests see as many prompts as few seeds of many."""
        total, prompts = self._cell.requests, self._prompts[device]
        place = self._cell.seed * min(total, self._distinct[device] or total) + self._place(device, number)
        new = prompts[place % len(prompts)].first(ask.prompt_tokens)
        return new if ask.turn == 1 else Prompt(new.name, new.kind, (*before, *new.tokens))

    def decoding(
        self, device: int, number: int, prompt: Prompt, state: State | None, output_tokens: int = 0
    ) -> RequestDecoding:
        """The decoding of a request to a device whose scheme was left in `state`. The length of the answer decides
        tokens where rounds are drafted ahead, and is part of the root then only."""
        (setting, description, stored), index = self._settings[device], self._index(device, number)
        entry = setting.scheme.entry(state) if isinstance(setting.scheme, DraftScheme) else ()
        root: Root = description, (self._cell.seed, *index), entry, prompt.tokens
        uniforms = KeyedUniforms(self._streams, index)
        lookahead = SYNCHRONOUS
        if isinstance(setting.scheme, DraftScheme) and setting.scheme.depth:
            end_tokens = self.end_tokens[device]
            lookahead = Lookahead(setting.scheme.depth, len(prompt.tokens) + output_tokens, end_tokens)
            root = f"{description} {lookahead}", *root[1:]
        if len(prompt.tokens) > REMEMBERED_TOKENS:
            tree = Tree(prompt.tokens, entry)
            return RequestDecoding(setting, tree, uniforms, lookahead=lookahead, remember=False)
        return RequestDecoding(setting, self._memory.tree(root, stored), uniforms, lookahead=lookahead)

    def _place(self, device: int, number: int) -> int:
        """Returns the number of a request's text among the cell's: along the devices' first requests, then their
        second."""
        place = device + number * self._cell.workload.devices
        return place % (self._distinct[device] or place + 1)

    def _index(self, device: int, number: int) -> tuple[int, int]:
        if self._distinct[device] is None:
            return device, number
        return -1, self._place(device, number)


def _prompts(prompts: Sequence[Prompt], each: Equipped) -> Sequence[Prompt]:
    """Returns the prompts of a pair that a class of devices uses. Raises ConfigError if one is too short, or if there
    is none of a kind."""
    known = dict.fromkeys(prompt.kind for prompt in prompts)
    for kind in each.prompts or ():
        if kind not in known:
            raise ConfigError(f"{each.name}prompts = {kind}: must be kinds of the pair's prompts: {', '.join(known)}")
    found = [prompt for prompt in prompts if each.prompts is None or prompt.kind in each.prompts]
    longest, wanted = min(len(prompt.tokens) for prompt in found), each.workload.longest_piece
    if wanted > longest:
        of = each.name if each.own_workload else ""
        field = "text_tokens" if each.workload.talks and wanted > each.workload.prompt_tokens else "prompt_tokens"
        raise ConfigError(
            f"{of}workload.{field} = {wanted}: must be at most the length of the pair's shortest prompt, "
            f"{longest} tokens"
        )
    return found


def _description(cell: Cell, setting: Setting) -> str:
    """Returns the properties that all requests of a class of devices share and that decide their tokens, files by their
    content; the choices made during decoding come on top. The policy and the end that begins are no part of it: the
    tree records the choice made, never the chooser."""
    described = {
        "plane": 1,
        "pair": cell.models.pair.fingerprint,
        "temperature": cell.models.temperature,
        "scheme": setting.scheme.model_dump(
            exclude={"policy", "features", "cloud_first", "prepared", "prepared_at", "fan_out"}
        ),
        "room_bits": setting.room_bits,
        "imports": cell.imports_digest,
    }
    return json.dumps(described, sort_keys=True, default=by_content)


def _setting(cell: Cell, each: Equipped) -> Setting:
    pair, temperature = cell.models.pair, cell.models.temperature
    if not isinstance(each.scheme, DraftScheme):
        return Setting(lambda: load(pair), each.scheme, pair.vocabulary, temperature)
    room_bits = each.uplink.room_bits if each.scheme.partial else None
    return DraftSetting(lambda: load(pair), each.scheme, pair.vocabulary, temperature, room_bits)


class HostedSession:
    """Decodes inside the cloud, drafts and all, round after round."""

    def __init__(self, parts: RequestParts) -> None:
        self._format = parts.setting.format
        self._known = parts.tree.cloud
        self._drafter = parts.drafter
        self._verifier = parts.verifier
        self._uniforms = parts.uniforms
        self._remember = parts.remember
        self._scheme = scheme = parts.setting.scheme
        self._acceptance = Acceptance.of(scheme.acceptance if isinstance(scheme, Colocated) else "rejection")

    def start(self, prompt: Tokens) -> CloudNode:
        """The cloud's side once the prompt has arrived: nothing cached."""
        return self._known.of(prompt)

    def foreseen_drafts(self, node: CloudNode, most: int) -> int:
        """Returns the number of drafts, 0 to `most`, of the next round, which `decode` is then asked for."""
        return self._scheme.foreseen_drafts(node.committed, most)

    def decode(self, node: CloudNode, drafts: int) -> tuple[CloudNode, Verified]:
        """A round: so many drafts by the drafter there, none for a verifier on its own, and the verification result."""
        known = outcome(node.then_host, drafts)
        if known is not None:
            self._skip(*known)
        else:
            verified = self._decide(node, drafts)
            known = node.after(verified.committed), verified
            if self._remember:
                node.then_host += ((drafts, known),)
        self._verifier.crop(known[0].cached)
        self._drafter.crop(known[0].cached)
        return known

    def _skip(self, after: CloudNode, verified: Verified) -> None:
        drafts = verified.drafts
        if drafts:
            before = verified.text_before(after)
            self._drafter.skip(lambda: [((*before, *drafts[:n]), 1) for n in range(len(drafts))])
        self._verifier.skip((after, verified))

    def _decide(self, node: CloudNode, length: int) -> Verified:
        """A round, live: drafts are drawn from q itself."""
        drafts: list[int] = []
        distributions: list[Floats] = []
        for n in range(length):
            distributions.append(self._drafter.distributions((*node.committed, *drafts), 1)[0])
            drafts.append(inverse_cdf(distributions[-1], self._uniforms.draft.uniform(node.round, n)))
        p = self._verifier.distributions((*node.committed, *drafts), len(drafts) + 1)
        received = Received(np.array(drafts, dtype=np.int64), distributions, p.shape[1])
        uniforms = RoundUniforms(self._uniforms, node.round, len(node.committed))
        result = self._acceptance.judge(along(p, tuple(drafts)), received, uniforms)
        committed = (*drafts[: result.accepted], result.token)
        rows = distributions[: result.accepted + 1]
        divergences = diverge(p, rows, rows, np.zeros(len(rows)), self._acceptance, result, committed, np.zeros(len(p)))
        return Verified(
            tuple(drafts), result.accepted, wire.encode_tokens(committed, self._format), committed, divergences
        )


class LocalSession:
    """Decodes at the edge alone: the drafter token by token, and nobody verifies."""

    def __init__(self, parts: RequestParts) -> None:
        self.start = parts.tree.edge
        self._drafter = parts.drafter
        self._verifier = parts.verifier
        self._uniforms = parts.uniforms
        self._remember = parts.remember

    def decode(self, node: EdgeNode) -> tuple[EdgeNode, Verified]:
        """Decodes a token. The verifier's distribution is for an observer alone, who measures the drafter's distance
        from it."""
        if node.then_decode is not None:
            self._drafter.skip(lambda: [(node.committed, 1)])
            self._verifier.skip(lambda: [(node.committed, 1)])
            return node.then_decode
        q, p = self._drafter.distributions(node.committed, 1), self._verifier.distributions(node.committed, 1)
        token = inverse_cdf(q[0], self._uniforms.draft.uniform(node.round, 0))
        verified = Verified((), 0, b"", (token,), diverge_unverified(p[0], q[0], token))
        committed = (*node.committed, token)
        after = EdgeNode(node.round + 1, committed, node.state, cached=len(committed) - 1)
        if self._remember:
            node.then_decode = after, verified
        return after, verified
