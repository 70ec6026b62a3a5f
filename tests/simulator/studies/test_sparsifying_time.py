"""The study `sparsifying_time`: what it times, and beside what. Nothing is asserted about how long anything takes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from cells import cell

from channels.codec.conformal import Conformal
from models.pair_cards import load
from simulator.decoding.memory import Memory
from simulator.results.metrics import METRICS
from simulator.results.study_columns import STUDY_KEYS, STUDY_METRICS
from simulator.schemes import Sparsifier
from simulator.studies.sparsifying_time import DISTRIBUTIONS, TOKENS, SparsifyingTime, softmax
from simulator.studies.study import Row

SHIPPED = sorted(kind for kind, made in Sparsifier.kinds.items() if made.__module__.startswith("simulator."))
MOVING = {"conformal", "running_quantile"}


def rows(scheme: object) -> list[Row]:
    return list(SparsifyingTime().ask(cell(scheme), Memory(), None, None).rows)


@pytest.mark.parametrize("kind", SHIPPED)
def test_every_sparsifier_is_timed_and_one_with_a_state_at_every_length(kind: str) -> None:
    found = rows({"kind": "composed", "sparsifier": kind})
    assert [row.get("tokens") for row in found] == (list(TOKENS) if kind in MOVING else [None])
    for row in found:
        assert set(row) <= {*METRICS, *STUDY_METRICS, *STUDY_KEYS}
        assert 0 < row["sparsifying_s"] < math.inf and 0 < row["softmax_s"] < math.inf
        assert row["sparsifying_over_softmax"] == pytest.approx(row["sparsifying_s"] / row["softmax_s"])


def test_a_threshold_that_moves_is_timed_where_it_is_after_so_many_tokens() -> None:
    """Its supports are those of the rule run by hand over the same distributions in turn."""
    made = cell({"kind": "c_sqs", "initial": 0.2, "step": 1e-3, "target": 5e-4})
    pair = load(made.models.pair)
    distributions = pair.drafter.open(1.0).distributions(pair.prompts[0].tokens, DISTRIBUTIONS)
    rule, beta, expected = Conformal(5e-4, 1e-3, 0.2), 0.2, []
    for n in range(TOKENS[-1]):
        beta = rule.next(beta, rule.dropped_mass(distributions[n % DISTRIBUTIONS], beta))
        if n + 1 in TOKENS:
            expected.append(np.mean([rule.support(q, beta).size for q in distributions]))
    found = [row["support_size"] for row in SparsifyingTime().ask(made, Memory(), None, None).rows]
    assert found == pytest.approx(expected) and found[0] < found[1] < found[2]


def test_the_softmax_it_is_compared_with_is_one() -> None:
    logits = np.random.Generator(np.random.Philox(5)).normal(0, 4, 50).astype(np.float32)
    weights = [math.exp(float(each)) for each in logits]
    np.testing.assert_allclose(softmax(logits), [weight / sum(weights) for weight in weights], rtol=1e-12)
