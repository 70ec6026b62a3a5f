"""Theory of a race whose first arrivals are a list: how often the verifier's winner is among them, and how many tokens
a tree of such lists commits.

With unit exponentials e, let x win on p at e_x = t, so that e_y > t a_y for all y, a_y = p_y / p_x. Then y comes before
x on q iff e_y < t b_y, b_y = q_y / q_x. So P(x wins on p, and those before it on q are the set S) is the integral over
t of prod_{y in S} (exp(-t a_y) - exp(-t b_y))+ prod_{y not in S} exp(-t max(a_y, b_y)): multiplied out, a sum of
1 / rates.
"""

import math
from itertools import combinations, product

import numpy as np
import pytest
from cells import cell
from hypothesis import given, settings
from hypothesis import strategies as st
from trees import by_rank, expected_tokens

from channels.uniforms import Uniforms
from kinds.arrays import Floats
from models.interface import TokenTree
from models.synthetic import Synthetic
from models.verification import arrivals, race, total_variation
from simulator import simulate
from simulator.schemes import CoupledTree


def ranks(p: Floats, q: Floats) -> Floats:
    """P(the winner of the race on p [V] is the k-th arrival on q [V], all positive), [V]."""
    found = np.zeros(len(p))
    for x in range(len(p)):
        a, b = np.delete(p / p[x], x), np.delete(q / q[x], x)
        before = np.flatnonzero(b > a)
        for k in range(len(before) + 1):
            for chosen in combinations(before.tolist(), k):
                rest = 1.0 + np.delete(np.maximum(a, b), list(chosen)).sum()
                for signs in product((0, 1), repeat=k):
                    rate = rest + sum((b if late else a)[y] for y, late in zip(chosen, signs, strict=True))
                    found[k] += (-1) ** sum(signs) / rate
    return found


def least(p: Floats, q: Floats, width: int) -> float:
    """What `arrivals` states of total variation."""
    d = float(total_variation(p, q))
    return (1 - d) * (1 - (d / (1 + d)) ** width)


weights = st.lists(st.floats(1e-3, 1.0), min_size=2, max_size=5)


@given(
    st.integers(2, 5).flatmap(
        lambda size: st.tuples(*[st.lists(st.floats(1e-3, 1.0), min_size=size, max_size=size)] * 2)
    )
)
@settings(max_examples=60, deadline=None)
def test_the_winner_is_among_the_first_arrivals_at_least_as_often_as_the_total_variation_says(pair) -> None:  # type: ignore[no-untyped-def]
    p, q = (np.array(each) / sum(each) for each in pair)
    hits = np.cumsum(ranks(p, q))
    assert hits[-1] == pytest.approx(1.0, abs=1e-9)
    assert hits[0] == pytest.approx(sum(1 / np.maximum(p / p[x], q / q[x]).sum() for x in range(len(p))))
    for width, hit in enumerate(hits, start=1):
        trials = sum(p[x] * (1 - (1 - 1 / np.maximum(p, q * p[x] / q[x]).sum()) ** width) for x in range(len(p)))
        assert least(p, q, width) - 1e-12 <= trials <= hit + 1e-9


def test_the_bound_is_met_where_the_rest_of_q_is_spread_over_countless_ids() -> None:
    """A share 1 - d of one id, and the rest on one id of p's own and on countless of q's own: by 20,000 draws of the
    time of the one id, given which the others come before it in a Poisson number. 5 sd."""
    d, generator, count = 0.4, np.random.default_rng(7), 20_000
    times = generator.exponential(size=count)  # e of the shared id, whose time is e / (1 - d) on both sides
    wins = generator.exponential(size=count) / d > times / (1 - d)
    before = generator.poisson(d * times / (1 - d))
    for width in (1, 2, 4):
        bound = (1 - d) * (1 - (d / (1 + d)) ** width)
        assert abs((wins & (before < width)).mean() - bound) < 5 * math.sqrt(bound * (1 - bound) / count)


P4, Q4 = np.array([0.5, 0.25, 0.15, 0.06, 0.04]), np.array([0.2, 0.15, 0.3, 0.15, 0.2])


def test_shipped_arrivals_hit_as_often_as_the_closed_form_says() -> None:
    """2,000 races with the shipped exponentials, rank by rank, 5 sd; and the arrivals are a sort of all times."""
    source, count, found = Uniforms.of(11, "race"), 2_000, np.zeros(5)
    for n in range(count):
        exponentials = source.exponentials(5, n)
        order = arrivals(Q4, exponentials, 5)
        assert order == tuple(sorted(range(5), key=lambda token: exponentials[token] / Q4[token]))
        found[order.index(race(P4, exponentials))] += 1
    chances = ranks(P4, Q4)
    assert (np.abs(found / count - chances) <= 5 * np.sqrt(chances * (1 - chances) / count)).all()


def test_those_of_no_weight_arrive_last_the_lowest_id_first() -> None:
    exponentials = np.array([0.1, 2.0, 0.2, 0.3, 0.4])
    assert arrivals(np.array([0.0, 0.5, 0.0, 0.5, 0.0]), exponentials, 4) == (3, 1, 0, 2)
    assert arrivals(np.full(5, 0.2), exponentials, 5) == (0, 2, 3, 4, 1)


PAIR = Synthetic(size=7, contexts=1, entropy_bits=2.5, distance=0.4, prompt_tokens=8)
"""A pair with one distribution, whatever the text."""


def tree_of(scheme: CoupledTree) -> TokenTree:
    """The scheme's tree with ranks for tokens."""
    parents = [node for node, children in enumerate(scheme.shapes[0].children, start=-1) for _ in range(children)]
    return TokenTree(tuple(node - parents.index(parent) for node, parent in enumerate(parents)), tuple(parents))


@pytest.mark.parametrize(
    "scheme",
    [
        CoupledTree(widths=(3, 1), max_drafts=2),
        CoupledTree(widths=(2,), max_drafts=2),
        CoupledTree(nodes=6, max_drafts=4),
    ],
)
def test_tokens_per_round_are_those_of_the_closed_form(scheme: CoupledTree) -> None:
    """Within 5 sd of the mean of the rounds that have the whole tree, which the answer's length alone decides: a node
    counts for the product of the chances of the ranks along its path. Where all nodes of a level have w children,
    with H_w the chance that the winner is among the first w, that is 1 + H_w1 + H_w1 H_w2 + ..."""
    loaded = PAIR.load()
    q, p = (model.open(1.0).distributions((0,), 1)[0] for model in (loaded.drafter, loaded.verifier))
    chances, tree = ranks(p, q), tree_of(scheme)
    expected = expected_tokens(tree, by_rank(tree, chances.tolist()))
    if scheme.widths == (3, 1):
        hits = np.cumsum(chances)
        assert expected == pytest.approx(1 + hits[2] * (1 + hits[0]))
    elif scheme.widths == (2,):
        hit = float(chances[:2].sum())
        assert expected == pytest.approx((1 - hit**3) / (1 - hit))
    workload = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 250}
    rounds = simulate(cell(scheme.model_dump(), models={"pair": PAIR.model_dump()}, workload=workload)).rounds
    whole = rounds[rounds["drafted"] == scheme.drafts]["committed"].to_numpy()
    assert len(whole) > 150
    assert abs(whole.mean() - expected) < 5 * whole.std() / np.sqrt(len(whole))
