"""Every shipped policy decides without p: while it is asked, the verifier's distributions raise whatever is done with
them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from cells import cell
from tables_pair import Tables

from models.interface import CachedText, Distributions, LanguageModel, LoadedPair, TokenTree
from simulator import simulate
from simulator.decoding.memory import Memory
from simulator.schemes import Policy
from simulator.schemes.policy import DRAFT, Action, EdgeView, PolicyState

SHIPPED = {name: kind for name, kind in Policy.kinds.items() if kind.__module__.startswith("simulator.")}
ASKING: list[str] = []
"""The policies that are being asked now."""
LEAKED: list[np.ndarray] = []
"""Distributions of the verifier, for the control alone."""


class Guarded(np.ndarray):
    """A distribution of the verifier. Nobody may look at it while a policy is asked."""

    def __array_finalize__(self, _: object) -> None:
        self._guard()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **others: Any) -> Any:
        self._guard()
        bare = [np.asarray(each) if isinstance(each, Guarded) else each for each in inputs]
        return getattr(ufunc, method)(*bare, **others)

    def __getitem__(self, key: Any) -> Any:
        self._guard()
        return super().__getitem__(key)

    def _guard(self) -> None:
        assert not ASKING, f"policy {ASKING[0]} touches p"


class GuardedText:
    """The verifier's text, whose distributions are guarded, and are not to be asked for either."""

    def __init__(self, text: CachedText) -> None:
        self._text = text

    @property
    def cached(self) -> tuple[int, ...]:
        return self._text.cached

    def distributions(self, tokens: tuple[int, ...], last: int) -> Distributions:
        assert not ASKING, f"policy {ASKING[0]} asks for p"
        LEAKED.append(self._text.distributions(tokens, last).view(Guarded))
        return LEAKED[-1]

    def tree_distributions(self, tokens: tuple[int, ...], tree: TokenTree) -> Distributions:
        assert not ASKING, f"policy {ASKING[0]} asks for p"
        LEAKED.append(self._text.tree_distributions(tokens, tree).view(Guarded))
        return LEAKED[-1]

    def graft(self, path: tuple[int, ...]) -> None:
        self._text.graft(path)

    def crop(self, length: int) -> None:
        self._text.crop(length)


class GuardedModel:
    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    def open(self, temperature: float) -> GuardedText:
        return GuardedText(self._model.open(temperature))


class GuardedTables(Tables):
    """Two tables, of which the verifier's raises."""

    kind: Literal["guarded_tables_in_tests"] = "guarded_tables_in_tests"  # type: ignore[assignment]

    def load(self) -> LoadedPair:
        pair = super().load()
        return LoadedPair(pair.drafter, GuardedModel(pair.verifier), pair.prompts, pair.end_tokens)  # type: ignore[arg-type]


class Peeking(Policy):
    """The control: finds p, and drafts on where the verifier is sure."""

    hears_cloud: ClassVar[bool] = True
    kind: Literal["peeking_in_tests"] = "peeking_in_tests"

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        if LEAKED and LEAKED[-1].max() > 2:
            raise AssertionError
        return DRAFT, state


@contextmanager
def watched(policy: type[Policy], monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """While its methods run it counts as asked. Gives the names of the methods that were."""
    called: list[str] = []

    def asked(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def run(self: Policy, *arguments: Any) -> Any:
            called.append(name)
            ASKING.append(policy.__name__)
            try:
                return method(self, *arguments)
            finally:
                ASKING.pop()

        return run

    for name in ("plan", "entry", "next", "learn"):
        monkeypatch.setattr(policy, name, asked(name, getattr(policy, name)))
    LEAKED.clear()
    yield called


def decoded(policy: str) -> None:
    settings = [{"sparsifier": {"kind": "top_k", "k": k}} for k in (2, 6)]
    scheme = {"kind": "rungs", "policy": policy, "max_drafts": 4, "settings": settings}
    made = cell(scheme, models={"pair": "guarded_tables_in_tests"})
    simulate(made, memory=Memory())


@pytest.mark.parametrize("name", SHIPPED)
def test_a_policy_that_is_handed_no_p_works_where_p_raises(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with watched(SHIPPED[name], monkeypatch) as called:
        decoded(name)
    assert LEAKED and {"plan", "entry"} <= set(called) and ("next" in called or name == "fixed_length")


def test_one_that_found_p_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    with watched(Peeking, monkeypatch), pytest.raises(Exception, match="touches p"):
        decoded("peeking_in_tests")
