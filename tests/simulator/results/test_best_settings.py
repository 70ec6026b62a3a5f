"""Where the best setting lies, and what one setting for all places costs, on tables whose answer is known."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest

from simulator.results.best_settings import best_settings, one_for_all, one_setting

FACTORS, PLACES = ("scheme.k", "scheme.resolution"), ("uplink.rate.bps",)
SECONDS = {1e3: {(2, 10): 1.0, (2, 100): 2.0, (8, 10): 1.4, (8, 100): 3.0},
           1e6: {(2, 10): 0.4, (2, 100): 0.3, (8, 10): 0.2, (8, 100): 0.1}}  # fmt: skip
"""Best at (2, 10), then at (8, 100); in the middle (8, 10): 1.4 times the best, then twice as much."""


def table(noise: float = 0.0, seeds: int = 3) -> pd.DataFrame:
    """Each value scaled by what its seed shifts everywhere, and by noise that is its own."""
    rows = []
    for (rate, settings), seed in itertools.product(SECONDS.items(), range(seeds)):
        for place, ((k, ell), value) in enumerate(settings.items()):
            own = noise * ((place + seed) % 3 - 1)
            row = {"scheme.k": k, "scheme.resolution": ell, "uplink.rate.bps": rate, "seed": seed}
            rows.append({**row, "y": value * (1 + 0.2 * seed + own)})
    return pd.DataFrame(rows).sample(frac=1, random_state=1, ignore_index=True)


def test_the_best_of_each_place_is_found_with_what_it_reaches() -> None:
    low, high = best_settings(table(), FACTORS, PLACES, "y")
    assert (low.at, low.setting, low.reached.mean) == ((1e3,), (2, 10), pytest.approx(1.2))
    assert (high.at, high.setting, high.reached.mean) == ((1e6,), (8, 100), pytest.approx(0.12))
    assert low.settings == high.settings == 4
    assert low.tied == high.tied == 0  # what a seed shifts everywhere hides nothing: settings are paired


def test_settings_that_noise_hides_are_counted_as_tied() -> None:
    tied = [found.tied for found in best_settings(table(noise=0.5), FACTORS, PLACES, "y")]
    assert tied == [2, 2]  # the first setting and the last have the same noise, so nothing hides their difference
    assert [found.tied for found in best_settings(table(seeds=1), FACTORS, PLACES, "y")] == [3, 3]


def test_without_places_there_is_one_best() -> None:
    cells = table()
    (found,) = best_settings(cells[cells["uplink.rate.bps"] == 1e3], FACTORS, (), "y")
    assert (found.at, found.setting) == ((), (2, 10))


def test_one_setting_for_all_has_the_least_summed_ln_ratio_to_the_bests() -> None:
    found = one_for_all(table(), FACTORS, PLACES, "y")
    assert found.setting == (8, 10)  # ln of 1.4 x 2, against 1 x 4, 2 x 3 and 3 x 1
    assert found.excess[(1e3,)].size == pytest.approx(0.4) and found.excess[(1e6,)].size == pytest.approx(1.0)
    assert found.excess[(1e3,)].same


def test_a_fixed_setting_goes_by_the_name_of_the_best_one_less_what_was_not_chosen() -> None:
    best = pd.DataFrame({"curve": ["k_sqs", "k_sqs loss=burst", "cloud_only", "k_sqs"]})
    fixed = pd.DataFrame(
        {"curve": ["k_sqs loss=burst L=4 budget=512", "k_sqs L=4 budget=512", "cloud_only budget=512"]}
    )
    alike, given = one_setting(fixed, best)
    assert list(alike["curve"]) == ["k_sqs loss=burst", "k_sqs", "cloud_only"] and given == "L=4 budget=512"
