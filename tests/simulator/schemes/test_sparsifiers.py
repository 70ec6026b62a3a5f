"""Every kind of sparsifier: what it keeps, what it may look at, and what a rejection takes back."""

import numpy as np
import pytest

from kinds.arrays import Floats
from simulator import Cell
from simulator.schemes import Composed, CSqs, Sparsifier
from simulator.schemes.sparsifier import State
from simulator.schemes.sparsifiers.conformal import KeepConformal
from simulator.schemes.sparsifiers.running_quantile import KeepRunningQuantile

V = 12
KINDS = sorted(Sparsifier.kinds)
DISTRIBUTIONS: Floats = np.random.default_rng(5).dirichlet(np.full(V, 0.4), size=40)


def of(kind: str) -> Composed:
    """A composed scheme with this kind, as `--set scheme.sparsifier=KIND` makes it; K within this vocabulary."""
    fields = {"k": 5} if kind == "top_k" else {}
    scheme = Cell.from_fields({"scheme": {"kind": "composed", "sparsifier": {"kind": kind} | fields}}).scheme
    assert isinstance(scheme, Composed)
    return scheme


def after(one: Composed | Sparsifier, distributions: Floats) -> State:
    """The state after these distributions, none of them undone."""
    state = one.entry(None)
    for q in distributions:
        state = one.advance(q, state)
    return state


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps_ascending_ids_and_never_nothing(kind: str) -> None:
    scheme, state = of(kind), of(kind).entry(None)
    for q in DISTRIBUTIONS:
        kept = scheme.support(q, state)
        assert kept.dtype == np.int64
        assert kept.size >= 1 and (np.diff(kept) > 0).all() and kept[0] >= 0 and kept[-1] < V
        assert q[kept].min() >= np.delete(q, kept).max(initial=0.0)
        state = scheme.advance(q, state)


@pytest.mark.parametrize("kind", KINDS)
def test_among_equals_every_kind_keeps_the_lowest_ids(kind: str) -> None:
    scheme, flat = of(kind), np.full(V, 1 / V)
    kept = scheme.support(flat, scheme.entry(None))
    assert kept.tolist() == list(range(kept.size))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_of_a_distribution_is_decided_by_distributions_before_it_and_itself(kind: str) -> None:
    """Asked twice it keeps the same, and the state is one that a key can hold."""
    scheme = of(kind)
    state = after(scheme, DISTRIBUTIONS[:-1])
    assert hash(state) == hash(after(scheme, DISTRIBUTIONS[:-1])) and all(isinstance(part, float) for part in state)
    once = scheme.support(DISTRIBUTIONS[-1], state)
    assert np.array_equal(once, scheme.propose(DISTRIBUTIONS[-1], state).ids)
    assert np.array_equal(once, scheme.support(DISTRIBUTIONS[-1], state))


@pytest.mark.parametrize("accepted", range(5))
def test_a_rejected_draft_takes_what_the_window_saw_of_it_along(accepted: int) -> None:
    kept = KeepRunningQuantile(target=0.2, window=6)
    chain = [after(kept, DISTRIBUTIONS[: 3 + n]) for n in range(5)]
    assert kept.settle(chain, accepted) == after(kept, DISTRIBUTIONS[: 3 + accepted])
    assert len({kept.settle(chain, n) for n in range(5)}) == 5, (
        "the distributions must differ for this to mean something"
    )


def test_a_window_is_carried_to_the_next_request_unless_each_is_to_begin_anew() -> None:
    last = after(KeepRunningQuantile(), DISTRIBUTIONS[:3])
    for kept in (KeepRunningQuantile(), KeepConformal(), Composed(sparsifier="conformal"), CSqs()):
        assert kept.entry(last) == last
    assert KeepRunningQuantile().entry(None) == KeepRunningQuantile(carry=False).entry(last) == ()
    assert CSqs().entry(None) == CSqs(carry=False).entry((0.5,)) == (0.1,)
