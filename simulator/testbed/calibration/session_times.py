"""What the two ends of a cell take on this machine beside their networks' passes: to draft and encode, and to judge.

Both ends of a request run in one loop, without a network, on a text that the cell itself does not see; each waits
before its work, as it does for the other in a run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import NamedTuple, Self

import numpy as np
from scipy.optimize import nnls

from channels.uniforms import Uniforms
from models.interface import CachedText, Laws, TokenTree
from simulator.cell.cell import Cell
from simulator.decoding.decoder import Decoder, RequestDecoding
from simulator.decoding.divergences import Unmeasured
from simulator.decoding.memory import Memory, ReplayedText
from simulator.schemes.draft_scheme import DraftScheme

WARM_ROUNDS = 6
"""That come first and are not counted: code is compiled, tables are made."""
LEAST_ROUNDS, ROUNDS = 12, 80


class MeasuredRound(NamedTuple):
    """Of one round, seconds beside passes."""

    laws: int
    """That the edge drew from."""
    drafts: int
    """That the cloud judged."""
    edge_s: float
    cloud_s: float
    whole: bool = False
    """Whether the edge was asked for all the drafts that a round may have."""


class SessionTimes(NamedTuple):
    """What a cell's fields of the same names say."""

    encode_s_per_draft: float
    judge_s: float
    decode_s_per_draft: float


def session_times(cell: Cell, budget_s: float, pause_s: float) -> SessionTimes:
    """Of a cell whose devices are all alike: the means over rounds of few drafts and of many, what the machine does
    beside them included, as it is in a run. The edge's is that of whole rounds, as it has no constant; the cloud's is a
    constant and a slope, neither below 0. `pause_s`: for how long a processor is idle before each end's
    work on a round, as it is where it waits for a verdict or a payload: what it then finds cold takes up to twice as
    long."""
    ever = _rounds(cell, pause_s)
    for _ in islice(ever, WARM_ROUNDS):
        pass
    rounds = _within(islice(ever, ROUNDS), budget_s)
    drafts = np.array([float(each.drafts) for each in rounds])
    cloud_s = np.array([each.cloud_s for each in rounds])
    judge_s, decode_s = nnls(np.column_stack([np.ones(len(drafts)), drafts]), cloud_s)[0]
    encode_s = float(np.mean([each.edge_s / each.laws for each in rounds if each.whole] or [0.0]))
    return SessionTimes(*(float(f"{seconds:.4g}") for seconds in (encode_s, judge_s, decode_s)))


def _within(rounds: Iterator[MeasuredRound], budget_s: float) -> list[MeasuredRound]:
    end_s = time.perf_counter() + budget_s
    found = []
    for each in rounds:
        found.append(each)
        if len(found) >= LEAST_ROUNDS and time.perf_counter() > end_s:
            break
    return found


def _rounds(cell: Cell, pause_s: float) -> Iterator[MeasuredRound]:
    """Of one request after another, without end. Of another seed, that is of other texts; no round ahead of its verdict
    costs more than one behind it."""
    ahead = {"scheme.depth": 0} if getattr(cell.scheme, "depth", 0) else {}
    other = cell.with_({"seed": cell.seed ^ 1, **ahead})
    decoder = Decoder(other, Memory())
    ask = next(other.workload.asks(0, Uniforms.of(other.seed, "users")))
    for number in count():
        prompt = decoder.prompt(0, number, ask)
        decoding = decoder.decoding(0, number, prompt, None, ask.output_tokens)
        if isinstance(other.scheme, DraftScheme):
            yield from _drafted(decoding, prompt.tokens, ask.output_tokens, pause_s)
        else:  # a cloud that decodes by itself waits for nothing between its rounds
            yield from _hosted(decoding, prompt.tokens, ask.output_tokens)


def _drafted(
    decoding: RequestDecoding, prompt: tuple[int, ...], output_tokens: int, pause_s: float
) -> Iterator[MeasuredRound]:
    at_edge, in_cloud, setting = _Watch(), _Watch(), decoding.setting
    decoding.drafter = _WatchedText(lambda: setting.pair().drafter.open(setting.temperature), at_edge)
    decoding.verifier = _WatchedText(lambda: setting.pair().verifier.open(setting.temperature), in_cloud)
    edge, cloud = decoding.edge(Unmeasured()), decoding.cloud(Unmeasured())
    node, there = edge.start, cloud.prefill(cloud.start(prompt))
    decoding.verifier.catch_up()
    most = decoding.draft_setting.scheme.max_drafts
    while len(node.committed) < len(prompt) + output_tokens:
        drafts = _asked(node.round, most)
        with at_edge:
            drafted = edge.compose(node, drafts)
            parts = edge.seal(drafted).parts
        time.sleep(pause_s)
        with in_cloud:
            new_tokens = cloud.receive(there, parts)
            judged = new_tokens - there.owed
            there, verified = cloud.verify(there, parts)
        time.sleep(pause_s)
        with at_edge:
            node, _ = edge.resolve(drafted, verified.reply)
        yield MeasuredRound(drafted.laws, judged, at_edge.taken_s(), in_cloud.taken_s(), drafts == most)


def _hosted(decoding: RequestDecoding, prompt: tuple[int, ...], output_tokens: int) -> Iterator[MeasuredRound]:
    watch, setting = _Watch(), decoding.setting
    decoding.drafter = _WatchedText(lambda: setting.pair().drafter.open(setting.temperature), watch)
    decoding.verifier = _WatchedText(lambda: setting.pair().verifier.open(setting.temperature), watch)
    session, most = decoding.hosted(), decoding.setting.scheme.drafts
    node = session.start(prompt)
    while len(node.committed) < len(prompt) + output_tokens:
        drafts = _asked(node.round, most)
        with watch:
            node, _ = session.decode(node, drafts)
        yield MeasuredRound(0, drafts, 0.0, watch.taken_s())


def _asked(round_number: int, most: int) -> int:
    """Drafts of a round: all that the scheme has, or one, or half of them, in turn."""
    return min(most, (most, 1, (most + 1) // 2)[round_number % 3])


class _Watch:
    """Runs while its block does, and stands still in passes."""

    def __init__(self) -> None:
        self._spent_s = 0.0

    def __enter__(self) -> Self:
        self._spent_s -= time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._spent_s += time.perf_counter()

    def leave_out(self, seconds: float) -> None:
        """Of a pass."""
        self._spent_s -= seconds

    def taken_s(self) -> float:
        """Since it was read last."""
        taken_s, self._spent_s = self._spent_s, 0.0
        return max(taken_s, 0.0)


class _WatchedText(ReplayedText):
    """A text whose passes a watch leaves out."""

    def __init__(self, open_text: Callable[[], CachedText], watch: _Watch) -> None:
        super().__init__(open_text)
        self._watch = watch

    def laws(self, tokens: tuple[int, ...], last: int) -> Laws:
        began_s = time.perf_counter()
        laws = super().laws(tokens, last)
        self._watch.leave_out(time.perf_counter() - began_s)
        return laws

    def tree_laws(self, tokens: tuple[int, ...], tree: TokenTree) -> Laws:
        began_s = time.perf_counter()
        laws = super().tree_laws(tokens, tree)
        self._watch.leave_out(time.perf_counter() - began_s)
        return laws
