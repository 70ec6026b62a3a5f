"""The exact output distribution of a cell through the shipped simulator, by running it once for each path of its draws.

What is random in the tokens are the draws of drafts, the acceptances, and the corrections. Each is asked for where the
shipped code makes it, and answered with the midpoint of one of the intervals that this file works out by itself; the
run goes on with real passes, links, losses and clocks, and ends with a text. Losses are functions of place, time and
bits, so that a path is the draws alone.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal
from unittest.mock import patch

import numpy as np
import pytest
from cells import cell
from plants import Watch

from channels.codec.wire import Draft
from channels.uniforms import Uniforms
from kinds.arrays import Floats, Ints
from models.interface import LoadedPair, Pair, Prompt
from models.synthetic import MarkovModel
from models.verification import DistributionAfter, Verdict
from simulator.cell.cell import Cell
from simulator.checking.exact import Distribution, distance, verifier_distribution
from simulator.checking.paths import ScriptedNumbers
from simulator.decoding.memory import Memory
from simulator.run import recorder_of, run
from simulator.schemes.acceptance import Received, Rejection
from simulator.schemes.draw import Draw, Place, Proposal, RequestUniforms
from simulator.timing.plant import build

Rows = tuple[tuple[float, ...], ...]


class Written(Pair):
    """A pair whose next-token distributions are written down: row x follows token x."""

    summary: ClassVar[str] = "two tables of the test's own"
    kind: Literal["written_in_tests"] = "written_in_tests"
    q: Rows
    p: Rows

    @cached_property
    def vocabulary(self) -> int:
        return len(self.q)

    @cached_property
    def context_tokens(self) -> int:
        return 512

    @cached_property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.q} {self.p}".encode()).hexdigest()

    def load(self) -> LoadedPair:
        models = (MarkovModel.from_table(np.array(rows)) for rows in (self.q, self.p))
        return LoadedPair(*models, (Prompt("written", "tests", (0, 0)),))


class Paths:
    """Walks through all paths: `choose` takes one way at each fork, another one in the next run."""

    def __init__(self) -> None:
        self._taken: list[int] = []
        self._ways: list[int] = []
        self._depth = 0
        self.weight = 1.0

    def __iter__(self) -> Iterator[None]:
        while True:
            self._depth, self.weight = 0, 1.0
            yield
            while self._taken and self._taken[-1] + 1 == self._ways[-1]:
                self._taken.pop()
                self._ways.pop()
            if not self._taken:
                return
            self._taken[-1] += 1

    def choose(self, weights: Sequence[float]) -> int:
        """The way of this run among those of positive weight."""
        ways = [way for way, weight in enumerate(weights) if weight > 0]
        if self._depth == len(self._taken):
            self._taken.append(0)
            self._ways.append(len(ways))
        assert self._ways[self._depth] == len(ways), "the same draws led elsewhere"
        way = ways[self._taken[self._depth]]
        self._depth += 1
        self.weight *= weights[way]
        return way

    def drawn(self, weights: Floats | Ints) -> float:
        """A uniform number that leads to one token."""
        chances = np.asarray(weights) / np.sum(weights)
        token = self.choose(chances.tolist())
        return float(chances[:token].sum() + chances[token] / 2)

    def verified(self, distribution_after: DistributionAfter, heard: Received) -> list[float]:
        """Uniform numbers that lead to one verification result."""
        line, numbers = tuple(heard.drafts.tolist()), list[float]()
        for n, token in enumerate(line):
            p, qhat = distribution_after(line[:n]), heard.qhat[n]
            ratio = min(1.0, float(p[token] / qhat[token]))
            if self.choose((ratio, 1 - ratio)):
                rest = [0.5] * (len(line) - n - 1)
                return [*numbers, (1 + ratio) / 2, *rest, self.drawn(np.maximum(p - qhat, 0.0))]
            numbers.append(ratio / 2)
        return [*numbers, self.drawn(distribution_after(line))]


@dataclass
class Simulated:
    """The exact distribution of a cell's one request, and what happened on the way there."""

    made: Cell
    distribution: Distribution = field(default_factory=lambda: defaultdict(float))
    paths: int = 0
    cut: int = 0
    """Rounds of which the cloud heard some drafts and not others."""
    full: int = 0
    """Rounds with a pass from which nothing was drawn."""
    begun: set[int] = field(default_factory=set)
    """How many tokens the cloud has decoded before the first draft, by path."""

    def __post_init__(self) -> None:
        paths, made = Paths(), self.made
        with _scripted(paths):
            for _ in paths:
                watch = Watch()
                plant = build(made, Memory(), recorder_of(made, None), watch)
                watch.on_start(plant)
                run(plant, made.workload.horizon_s)
                plant.check()
                (request,) = watch.ended
                assert sum(request.spent) == pytest.approx(request.latency_s, rel=1e-9), "I11"
                self.distribution[tuple(request.tokens)] += paths.weight
                self.paths += 1
                self.cut += sum(each.verified == each.accepted < each.drafted for each in request.rounds)
                self.begun.add(next((n for n, each in enumerate(request.rounds) if each.drafted), len(request.rounds)))
                self.full += sum(each.edge_passes > each.drafted for each in request.rounds)
        assert sum(self.distribution.values()) == pytest.approx(1.0, abs=1e-12)


@contextmanager
def _scripted(paths: Paths) -> Iterator[None]:
    draw, judge = Draw.draw, Rejection.judge

    def drawn(
        self: Draw, proposal: Proposal, q: Floats, uniforms: RequestUniforms, place: Place
    ) -> tuple[Draft, Floats | Ints]:
        return draw(self, proposal, q, _numbers([paths.drawn(self.weights(proposal, q))]), place)

    def verified(self, distribution_after, received, uniforms) -> Verdict:
        request = _numbers(paths.verified(distribution_after, received))
        return judge(self, distribution_after, received, uniforms._replace(request=request))

    with patch.object(Draw, "draw", drawn), patch.object(Rejection, "judge", verified):
        yield


def _numbers(given: list[float]) -> RequestUniforms:
    script = ScriptedNumbers(given)
    return RequestUniforms(script, script, Uniforms.of(0, "shared"))


def written_cell(scheme: dict[str, Any], q: Rows, p: Rows, tokens: int, **fields: Any) -> Cell:
    """One request for so many tokens; `fields` replace parts of `cells.cell`."""
    pair = {"kind": "written_in_tests", "q": q, "p": p}
    asked = {"kind": "closed", "requests": 1, "prompt_tokens": 2, "output_tokens": tokens}
    return cell(scheme, models={"pair": pair}, workload=asked, **fields)


def bend(made: Cell) -> float:
    """How far the distribution of a written cell's answer is from the verifier's, in total variation."""
    simulated = Simulated(made)
    assert simulated.cut, "nothing is lost and nothing tested"
    p = np.array(made.models.pair.p)  # type: ignore[attr-defined]
    return distance(simulated.distribution, verifier_distribution((0,), made.workload.output_tokens, p))
