"""Texts that are replayed: which distributions stay, what is kept of a tree, and what ended requests give back."""

import dataclasses
import gc
from collections.abc import Iterator
from typing import ClassVar, Literal
from weakref import WeakSet

import numpy as np
import pytest
from cells import PAIR, cell
from plants import Watch, ran

from models.interface import CachedText, Distributions, LanguageModel, LoadedPair, TokenTree
from models.synthetic import Synthetic
from simulator.decoding.memory import ReplayedText
from simulator.results.requests import Request


class NumberedText:
    """A text whose distributions tell the number of the pass that gave them, and that notes what is kept."""

    def __init__(self) -> None:
        self.passes = 0
        self.kept: list[tuple[int, ...]] = []

    @property
    def cached(self) -> tuple[int, ...]:
        return ()

    def distributions(self, tokens: tuple[int, ...], last: int) -> Distributions:
        self.passes += 1
        return np.full((last, 2), float(self.passes))

    def tree_distributions(self, tokens: tuple[int, ...], tree: TokenTree) -> Distributions:
        return self.distributions(tokens, len(tree.tokens) + 1)

    def graft(self, path: tuple[int, ...]) -> None:
        self.kept.append(path)

    def crop(self, length: int) -> None:
        raise AssertionError("nothing is cropped here")


TREE = TokenTree((7, 8), (-1, -1))
DEEPER = TokenTree((7, 8, 9), (-1, -1, 1))


def test_a_nodes_distribution_is_that_of_the_pass_that_was_made_for_it() -> None:
    """To the last bit, a later pass over the same node gives another distribution than the one that was drafted
    from."""
    text = NumberedText()
    replayed = ReplayedText(lambda: text)
    replayed.distributions((1, 2), 1)
    replayed.tree_distributions((1, 2), TREE)
    replayed.tree_distributions((1, 2), DEEPER)
    distributions = [replayed.known((1, 2, *path))[0, 0] for path in ((), (7,), (8,), (8, 9))]
    assert distributions == [1.0, 2.0, 2.0, 3.0]


def test_what_is_skipped_is_made_up_for_in_order() -> None:
    text = NumberedText()
    replayed = ReplayedText(lambda: text)
    replayed.skip(lambda: [((1, 2), 1), ((1, 2), TREE)])
    replayed.graft((1,))
    assert (text.passes, text.kept) == (0, [])
    replayed.tree_distributions((1, 2, 8), TREE)
    assert (text.passes, text.kept) == (3, [(1,)])
    replayed.graft(())
    assert text.kept == [(1,), ()]


class Opening:
    """A model that counts its texts."""

    def __init__(self, model: LanguageModel, texts: WeakSet[CachedText]) -> None:
        self._model = model
        self._texts = texts

    def open(self, temperature: float) -> CachedText:
        text = self._model.open(temperature)
        self._texts.add(text)
        Counted.opened += 1
        return text


class Counted(Synthetic):
    """The synthetic pair; `texts` are those that are open somewhere, `opened` counts all that ever were."""

    kind: Literal["counted_in_tests"] = "counted_in_tests"  # type: ignore[assignment]
    texts: ClassVar[WeakSet[CachedText]] = WeakSet()
    opened: ClassVar[int] = 0

    def load(self) -> LoadedPair:
        pair = super().load()
        drafter, verifier = Opening(pair.drafter, self.texts), Opening(pair.verifier, self.texts)
        return dataclasses.replace(pair, drafter=drafter, verifier=verifier)  # type: ignore[arg-type]


class Counting(Watch):
    """Notes how many texts there are at the end of each request."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[int] = []

    def on_request(self, request: Request, share: float) -> None:
        super().on_request(request, share)
        self.texts.append(len(Counted.texts))


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Only what nobody refers to is given back; what waits for the collector from before is not counted."""
    Counted.texts.clear()
    Counted.opened = 0
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("scheme", ["k_sqs", "coupled", "cloud_only", "colocated", "edge_only"])
@pytest.mark.parametrize(("deadline_s", "outcome"), [(None, "answered"), (0.11, "timed_out")])
def test_the_models_texts_of_a_request_go_with_it(
    scheme: str, deadline_s: float | None, outcome: str, no_collector: None
) -> None:
    """Two devices, a text of drafter and verifier each: those of a request may stay until its last acknowledgement."""
    asked = {"kind": "closed", "devices": 2, "requests": 12, "prompt_tokens": 8, "output_tokens": 24}
    counting = Counting()
    made = cell(
        scheme, workload=asked | {"deadline_s": deadline_s}, models={"pair": {**PAIR, "kind": "counted_in_tests"}}
    )
    ran(made, watch=counting)
    assert {request.outcome for request in counting.ended} == {outcome} and len(counting.texts) == 24
    assert max(counting.texts) <= 2 * 2 * 2 and max(counting.texts[8:]) <= max(counting.texts[:8])
    assert Counted.opened >= 24 and Counted.opened > max(counting.texts)
    assert any(counting.texts) or outcome == "timed_out" or scheme in ("k_sqs", "coupled")
