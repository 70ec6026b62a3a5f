"""Acceptance measured on a pair whose acceptance is known."""

import numpy as np
import pytest

from models.interface import LoadedPair, Prompt
from models.synthetic import MarkovModel, Synthetic
from tools.acceptance_table import acceptance_table


def test_acceptance_is_one_minus_the_distance_of_the_pair():
    pair = Synthetic(size=32, entropy_bits=3, distance=0.3, prompts=4).load()
    table = acceptance_table(pair, new_tokens=16)
    assert table["temperatures"]["1"] == pytest.approx(0.7, abs=1e-4)
    assert table["temperatures"]["0.5"] != pytest.approx(0.7, abs=1e-3)


def test_acceptance_is_told_by_kind_and_averaged_over_prompts():
    verifier = MarkovModel.from_table(np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]]))
    drafter = MarkovModel.from_table(np.array([[1.0, 0, 0], [0.5, 0.5, 0], [0, 0.2, 0.8]]))
    prompts = (Prompt("a", "news", (0,)), Prompt("b", "story", (1,)), Prompt("c", "story", (2,)))
    table = acceptance_table(LoadedPair(drafter, verifier, prompts), new_tokens=5)
    assert table["by_kind"]["news"]["1"] == pytest.approx(1)
    assert table["by_kind"]["story"]["1"] == pytest.approx((0.5 + 0.8) / 2)
    assert table["temperatures"]["1"] == pytest.approx((1 + 0.5 + 0.8) / 3, abs=1e-4)
    assert table["by_kind"]["story"]["0"] == pytest.approx(0.5)
