"""A half-remembered request makes the passes of a live one, one by one: same texts, same crops, same laws asked."""

from __future__ import annotations

import random
from typing import Any

import pytest

from channels.uniforms import Uniforms
from models.interface import CachedText, LanguageModel, Laws, LoadedPair
from simulator import Cell
from simulator.decoding.decoder import RequestNoise, load
from simulator.decoding.memory import Tree
from simulator.decoding.session import Session, Setting
from simulator.schemes.draft_scheme import DraftScheme

Calls = list[tuple[Any, ...]]
TOKENS = 20
SCHEMES: dict[str, object] = {
    "k_sqs": "k_sqs",
    "c_sqs": {"kind": "c_sqs", "initial": 0.05},
    "full": {"kind": "k_sqs", "k": 4, "budget_bits": 60},
    "parts": {"kind": "k_sqs", "k": 4, "partial": True, "max_drafts": 6},
}


class Watched:
    """A text that notes what is asked of it."""

    def __init__(self, text: CachedText, calls: Calls) -> None:
        self._text = text
        self._calls = calls

    @property
    def cached(self) -> tuple[int, ...]:
        return self._text.cached

    def laws(self, tokens: tuple[int, ...], last: int) -> Laws:
        self._calls.append((tokens, last))
        return self._text.laws(tokens, last)

    def crop(self, length: int) -> None:
        self._calls.append((length,))
        self._text.crop(length)


class Watching:
    """A model whose texts note what is asked of them."""

    def __init__(self, model: LanguageModel, calls: Calls) -> None:
        self._model = model
        self._calls = calls

    def open(self, temperature: float) -> Watched:
        return Watched(self._model.open(temperature), self._calls)


class Bench:
    """Sessions of one request of a scheme."""

    def __init__(self, fields: object) -> None:
        cell = Cell.from_fields({"models": {"pair": "synthetic"}, "scheme": fields})
        scheme = cell.classes[0].scheme
        assert isinstance(scheme, DraftScheme)
        self.pair = load(cell.models.pair)
        self.scheme, self.format = scheme, scheme.format(cell.models.pair.vocabulary)
        self.prompt = self.pair.prompts[0].first(6).tokens
        self.room_bits = 200 if scheme.partial else None

    def tree(self) -> Tree:
        return Tree(self.prompt, self.scheme.entry(None))

    def run(self, tree: Tree, tokens: int, rounds: int, remember: bool = True) -> tuple[list[object], Calls, Calls]:
        """What a session over the tree commits, and what was asked of drafter and verifier by its end."""
        drafter, verifier = Calls(), Calls()
        pair = LoadedPair(
            Watching(self.pair.drafter, drafter),  # type: ignore[arg-type]
            Watching(self.pair.verifier, verifier),  # type: ignore[arg-type]
            self.pair.prompts,
        )
        noise = RequestNoise(Uniforms.of(1, "draft"), Uniforms.of(1, "verdict"), (0, 0))
        setting = Setting(lambda: pair, self.scheme, self.format, 1.0, self.room_bits)
        session = Session(setting, tree, noise, remember=remember)
        said = self._play(session, tokens, rounds)
        assert session.drafter.cached and session.verifier.cached  # which makes all passes that were skipped
        return said, drafter, verifier

    def _play(self, session: Session, tokens: int, rounds: int) -> list[object]:
        said: list[object] = []
        branch, view = session.edge(), session.prefill(session.cloud(self.prompt))
        while tokens > 0 and len(said) < rounds:
            composed = session.compose(branch, tokens)
            sealed = session.seal(composed)
            arrived = None if self.room_bits is None else random.Random(branch.round).randint(1, len(sealed.parts))
            view, verified = session.verify(view, sealed, arrived)
            branch, undone = session.resolve(composed, verified.reply)  # type: ignore[union-attr]
            tokens -= len(undone.committed)
            said.append((len(composed.drafts), undone.committed))
        return said


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_replay_that_ends_anywhere_makes_the_calls_of_a_live_run(scheme: str) -> None:
    """Remembered are the first rounds of the same answer, or of a longer or shorter one, whose last round differs."""
    bench = Bench(SCHEMES[scheme])
    live = bench.run(bench.tree(), TOKENS, 99, remember=False)
    assert scheme != "full" or any(drafts < 8 for drafts, _ in live[0][:-1])  # type: ignore[misc]
    for rounds in range(1, 8):
        for tokens in (TOKENS, 7, 13, 40):
            tree = bench.tree()
            bench.run(tree, tokens, rounds)
            assert bench.run(tree, TOKENS, 99) == live, f"{rounds} rounds of {tokens} tokens remembered"
            assert bench.run(tree, TOKENS, 99) == live, "all of it remembered"
