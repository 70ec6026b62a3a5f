"""What differs between two tables of the same settings: the tests of the textbooks, and false alarms held down."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from simulator.results.changes import LEVEL, Change, beyond_noise, changes, same_settings
from simulator.results.intervals import CONFIDENCE, Difference, Interval


def rows(values: dict[int, float], **more: object) -> pd.DataFrame:
    """A setting's rows: a value of `latency_s` for each seed."""
    return pd.DataFrame({"seed": list(values), "latency_s": list(values.values()), **more})


def differing(before: pd.DataFrame, after: pd.DataFrame) -> list[Change]:
    return list(changes(before, after, ["latency_s"]).differing)


def test_seeds_in_common_are_paired_and_the_others_left_out() -> None:
    before, after = {0: 1.0, 1: 2.0, 2: 4.0, 3: 3.0, 9: 100.0}, {3: 3.3, 2: 4.1, 1: 2.4, 0: 1.2, 8: 100.0}
    (found,) = differing(rows(before), rows(after))
    one, other = (np.log([each[seed] for seed in range(4)]) for each in (before, after))
    line = stats.ttest_rel(other, one)
    low, high = line.confidence_interval(CONFIDENCE)
    assert found.paired and found.difference.n == 4 and found.p == pytest.approx(line.pvalue)
    assert (found.difference.low, found.difference.high) == pytest.approx((math.expm1(low), math.expm1(high)))
    assert (found.before, found.difference.size) == pytest.approx((2.5, math.expm1((low + high) / 2)))


def test_other_seeds_are_compared_by_welchs_test() -> None:
    before, after = {0: 1.0, 1: 2.0, 2: 4.0}, {10: 7.0, 11: 7.1, 12: 7.3, 13: 6.9}
    (found,) = differing(rows(before), rows(after))
    line = stats.ttest_ind(np.log([*after.values()]), np.log([*before.values()]), equal_var=False)
    low, high = line.confidence_interval(CONFIDENCE)
    assert not found.paired and found.p == pytest.approx(line.pvalue)
    assert (found.difference.low, found.difference.high) == pytest.approx((math.expm1(low), math.expm1(high)))
    assert found.difference.size == pytest.approx(math.expm1((low + high) / 2))


def test_what_is_equal_to_nine_digits_has_not_changed() -> None:
    before = {0: 1.0, 1: 2.0, 2: 4.0}
    assert differing(rows(before), rows({seed: value * (1 + 1e-12) for seed, value in before.items()})) == []
    assert len(differing(rows(before), rows({seed: value * (1 + 1e-6) for seed, value in before.items()}))) == 1


def test_the_same_ratio_in_every_seed_is_certain_and_one_seed_tells_nothing() -> None:
    (shifted,) = differing(rows({0: 1.0, 1: 2.0}), rows({0: 1.5, 1: 3.0}))
    (alone,) = differing(rows({0: 1.0}), rows({0: 1.5}))
    assert shifted.p == 0 and math.isnan(alone.p)
    assert beyond_noise([shifted, alone]) == [True, False]


def test_a_run_of_one_seed_meets_the_same_seed_of_a_longer_run() -> None:
    assert differing(rows({1: 2.0}), rows({0: 1.0, 1: 2.0, 2: 4.0})) == []
    (found,) = differing(rows({1: 2.0}), rows({0: 1.0, 1: 2.5, 2: 4.0}))
    assert (found.before, found.after, found.difference.n) == (2.0, 2.5, 1) and math.isnan(found.p)


def test_a_metric_that_has_no_value_any_more_are_distinguished() -> None:
    found = changes(rows({0: 1.0, 1: 2.0}), rows({0: math.nan, 1: math.nan}), ["latency_s"])
    assert (found.differing, found.gone, found.came) == ([], ["latency_s"], [])
    found = changes(rows({0: math.nan}), rows({0: 2.0}), ["latency_s"])
    assert (found.differing, found.gone, found.came) == ([], [], ["latency_s"])


def step_up(p: np.ndarray) -> list[bool]:
    """Benjamini and Hochberg's: all up to the last that is at most LEVEL times its place over their number."""
    ordered = sorted(p)
    below = [each for place, each in enumerate(ordered, 1) if each <= LEVEL * place / len(p)]
    return [bool(below) and each <= below[-1] for each in p]


def test_false_alarms_are_held_down_as_the_textbooks_say() -> None:
    generator = np.random.default_rng(3)
    for m in (1, 2, 7, 40):
        for _ in range(5):
            p = [*(generator.uniform(size=m) ** generator.integers(1, 6)), math.nan]
            of = Difference("latency_s", Interval(1.0, 0.5, 3))
            found = beyond_noise([Change("latency_s", 1.0, 2.0, of, float(each), True) for each in p])
            assert found == [*step_up(np.array(p[:-1])), False]
    assert beyond_noise([]) == []


def table(**columns: object) -> pd.DataFrame:
    fields = {"scheme.kind": ["dense", "k_sqs"], "scheme.k": [math.nan, 8.0], "seed": 0, "latency_s": 1.0}
    return pd.DataFrame({**fields, **columns})


def met(before: pd.DataFrame, after: pd.DataFrame) -> tuple[list[tuple[int, int]], int, int]:
    found = same_settings(before, after)
    return list(found.both), len(found.only_before), len(found.only_after)


def test_settings_meet_whatever_their_order_and_those_of_one_table_alone_are_named() -> None:
    turned = table().iloc[::-1]
    assert met(table(), turned) == ([(0, 1), (1, 0)], 0, 0)
    assert met(table(), table(**{"scheme.k": [math.nan, 16.0]})) == ([(0, 0)], 1, 1)


def test_settings_meet_across_places_of_files_wording_of_sources_and_fields_that_are_new() -> None:
    old = table(**{"uplink.rate.path": "/here/my.up", "edge.latency.size.source": "a", "imports": "['/here/a.py']"})
    new = table(**{"uplink.rate.path": "/there/my.up", "edge.latency.size.source": "b", "imports": "['/there/a.py']"})
    assert met(old, new) == ([(0, 0), (1, 1)], 0, 0)
    found = same_settings(old, new.assign(**{"uplink.arq.jitter": 0.1}))
    assert (list(found.both), found.fields_before, found.fields_after) == ([(0, 0), (1, 1)], [], ["uplink.arq.jitter"])


def test_a_new_field_that_was_swept_tells_settings_apart() -> None:
    swept = pd.concat([table(**{"uplink.arq.jitter": value}) for value in (math.nan, 0.1)], ignore_index=True)
    assert met(table(), swept) == ([(0, 0), (1, 1)], 0, 2)
