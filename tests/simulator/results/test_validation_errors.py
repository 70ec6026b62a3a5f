"""How far the simulated system is from the real one, of rows that are given."""

from __future__ import annotations

import pandas as pd
import pytest

from simulator.results.validation_errors import COMPARED, OTHER_ANSWERS, errors


def rows(seed: int, real_s: float, simulated_s: float, others: int) -> list[dict[str, object]]:
    return [
        {"cell": "thin", "seed": seed, "system": system, OTHER_ANSWERS: others, **dict.fromkeys(COMPARED, seconds)}
        for system, seconds in (("real", real_s), ("simulated", simulated_s))
    ]


def test_an_error_is_that_of_the_means_over_seeds_with_its_sign() -> None:
    found = errors(pd.DataFrame([*rows(0, 1.0, 1.0, 0), *rows(1, 3.0, 2.0, 0)]), ["cell"])
    assert found["ttft_s_real"].tolist() == [2.0] and found["ttft_s_simulated"].tolist() == [1.5]
    assert found["ttft_s_error"].tolist() == [pytest.approx(-0.25)]


def test_answers_that_differ_are_added_up_over_seeds_and_counted_once_a_pair() -> None:
    assert errors(pd.DataFrame([*rows(0, 1, 1, 2), *rows(1, 1, 1, 3)]), ["cell"])[OTHER_ANSWERS].tolist() == [5]


def test_a_table_of_another_study_has_no_errors() -> None:
    assert errors(pd.DataFrame({"cell": ["thin"], "ttft_s": [1.0]}), ["cell"]).empty
