"""The study `rates`: beside the study `laws`, beside enumerated counts, and bounds below what was measured."""

import math
from itertools import product

import numpy as np
import pytest
from tables_pair import P, Q, distribution_after

from simulator import Cell
from simulator.decoding.memory import Memory
from simulator.results.metrics import METRICS
from simulator.results.study_columns import STUDY_METRICS
from simulator.studies import study
from simulator.studies.rate_bounds import covering_bits, match_probability
from simulator.studies.rates import CONCENTRATIONS, polya_bits

TEMPERATURE, ELL, V = 0.8, 12, 8
CODE = {"kind": "recoded", "token": "coded"}


def composed(sparsifier: object, rule: str = "lattice") -> dict[str, object]:
    return {"kind": "composed", "sparsifier": sparsifier, "quantizer": {"kind": rule, "resolution": ELL}, "code": CODE}


SENT = {
    "top_k": composed({"kind": "top_k", "k": 3}),
    "threshold": composed({"kind": "threshold", "beta": 0.2}),
    "conformal": composed({"kind": "conformal", "initial": 0.1, "step": 0.2, "target": 0.1, "carry": True}),
    "dense": composed("all"),
    "scalar": composed("all", "cubic"),
}


def cell(scheme: object) -> Cell:
    work = {"kind": "closed", "devices": 2, "requests": 2, "prompt_tokens": 5, "output_tokens": 6}
    models = {"pair": "tables_in_tests", "temperature": TEMPERATURE}
    return Cell.from_fields({"models": models, "workload": work, "scheme": scheme})


def row(scheme: object, name: str = "rates") -> dict[str, float]:
    (found,) = study(name).ask(cell(scheme), Memory(), None, None).rows
    return {column: float(value) for column, value in found.items()}


@pytest.mark.parametrize("name", SENT)
def test_bits_and_rejections_are_those_of_the_study_laws(name: str) -> None:
    found, beside = row(SENT[name]), row(SENT[name], "laws")
    assert found["rejection_probability"] == pytest.approx(beside["tv_qhat"])
    for column in ("coded_bits_per_draft", "coded_size", "tv_mismatch"):
        assert found[column] == pytest.approx(beside[column])
    assert found["added_rejection"] == pytest.approx(beside["tv_qhat"] - beside["tv_mismatch"])
    assert set(found) <= {*METRICS, *STUDY_METRICS}


@pytest.mark.parametrize("name", SENT)
def test_the_least_bits_are_below_what_was_drawn_and_that_below_what_was_sent(name: str) -> None:
    found = row(SENT[name])
    for bound in ("least_bits_per_draft", "least_bits_at_compression"):
        assert found[bound] <= found["draw_bits_per_draft"] <= found["coded_bits_per_draft"]
    assert math.isnan(found["oracle_bits_per_draft"]) == (name == "scalar")
    if name != "scalar":
        assert found["draw_bits_per_draft"] < found["oracle_bits_per_draft"]


def test_what_ids_of_a_race_are_rejected_is_one_less_the_probability_of_a_match() -> None:
    found, texts = row({"kind": "coupled", "token": "raced"}), row(SENT["dense"])
    distributions = [
        (np.array(distribution_after(Q, last, TEMPERATURE)), np.array(distribution_after(P, last, TEMPERATURE)))
        for last in range(V)
    ]
    missed = [1 - match_probability(q, p) for q, p in distributions]
    assert min(missed) <= found["rejection_probability"] <= max(missed)
    assert found["tv_mismatch"] == texts["tv_mismatch"] < found["rejection_probability"]
    assert found["draw_bits_per_draft"] == 0
    assert math.isnan(found["least_bits_per_draft"]) and math.isnan(found["covering_bits_per_draft"])


def test_the_covering_number_is_of_as_many_tokens_as_q_is_wide() -> None:
    found = row(SENT["dense"])
    assert covering_bits(2, found["tv_compression"]) < found["covering_bits_per_draft"]
    assert found["covering_bits_per_draft"] < covering_bits(V, found["tv_compression"])


def test_the_oracles_probabilities_of_all_counts_sum_to_one() -> None:
    p = np.array([0.5, 0.3, 0.2])
    total = np.zeros(len(CONCENTRATIONS))
    for first, second in product(range(6), repeat=2):
        if first + second <= 5:
            counts = np.array([first, second, 5 - first - second])
            total += 2 ** -polya_bits(counts[counts > 0], p[counts > 0])
    np.testing.assert_allclose(total, 1.0, rtol=1e-6)
