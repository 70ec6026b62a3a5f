"""Who is lowest, in sentences, from tables whose outcome is known."""

import math

import numpy as np
import pandas as pd
import pytest
from swept_curves import swept

from scenarios.findings.sentences.below import comparison
from scenarios.findings.sentences.lowest import NOT_RUN, lossy_apart, lowest, lowest_of_what_ran, outcomes
from scenarios.findings.wording import percent, would_show
from simulator.results.intervals import paired_values
from simulator.results.lossy_schemes import marked, with_lossy

AXIS = "uplink.rate.bps"
RATES = (1e3, 1e4, 1e5, 1e6)


def sweep(latency: dict[str, tuple[float, ...]], noise: dict[str, float] | None = None, seeds: int = 3) -> pd.DataFrame:
    """A cells table: `latency[curve]` along RATES, plus `noise[curve]` times -1, 0, 1, ... by seed."""
    return swept(latency, AXIS, RATES, lambda name, value, seed: value + (noise or {}).get(name, 0) * (seed - 1), seeds)


@pytest.mark.parametrize(
    ("latency", "noise", "seeds", "line"),
    [
        ({"sparse": (0.5, 0.2, 0.11, 0.11), "dense": (1.0, 0.4, 0.1, 0.1)}, {}, 3,
         "up to 10 kbit/s sparse is lowest, 50% below the next (dense lattice (Q-S)); from 100 kbit/s on dense "
         "lattice (Q-S) is lowest, 9.1% below "
         "the next (sparse)"),
        # b - a is 0.01 with sd 0.01 over three seeds: half-width 4.30 * 0.01 / sqrt 3 = 0.025 of 0.5, 5%, covers 0
        ({"a": (0.5,) * 4, "b": (0.51,) * 4, "c": (0.9,) * 4}, {"b": 0.01}, 3,
         "everywhere no difference seen between a and b (a difference above 5% would have been)"),
        ({"a": (0.5,) * 4, "b": (1.0,) * 4}, {}, 1,
         "everywhere a is lowest, 50% below the next (b); one seed, no interval"),
        ({"a": (0.1, 0.5, 0.5, 0.5), "b": (0.2, 0.4, 0.4, 0.4)}, {}, 3,
         "at 1 kbit/s a is lowest, 50% below the next (b); from 10 kbit/s on b is lowest, 20% below the next (a)"),
    ],
    ids=["a crossover", "what seeds cannot tell apart", "one seed", "a single point"],
)  # fmt: skip
def test_who_is_lowest_where(latency, noise, seeds, line):
    assert lowest(sweep(latency, noise, seeds), AXIS) == f"latency per token over uplink rate: {line}"


@pytest.mark.parametrize(
    ("latency", "noise", "line"),
    [
        ({"a": (0.5, 0.2, 0.1, 0.11)}, {}, "a at 100 kbit/s is lowest: 100 ms"),
        ({"a": (0.5, 0.2, 0.1, 0.101)}, {"a": 0.01}, "a at 100 kbit/s is lowest: 100 ms ± 25 ms"),
        ({"a": (0.5, 0.4, 0.4, 0.4), "b": (0.6, 0.3, 0.6, 0.6)}, {}, "b at 10 kbit/s is lowest: 300 ms"),
        ({"a": (0.5,) * 4, "b": (0.51,) * 4}, {"b": 0.01}, "a at 1 kbit/s is lowest: 500 ms in every seed; 1 of"),
    ],
)  # fmt: skip
def test_a_run_without_what_its_question_compares_is_answered_from_what_ran(latency, noise, line):
    found = lowest_of_what_ran(sweep(latency, noise), AXIS)
    assert found.startswith(f"{NOT_RUN}; of what ran, {line}") and len(found.split()) <= 40


def test_a_run_of_one_curve_at_one_place_has_nothing_to_compare():
    table = sweep({"a": (0.5,) * 4})
    assert lowest_of_what_ran(table[table[AXIS] == 1e3], AXIS) == NOT_RUN


def test_where_no_difference_is_seen_stands_the_one_that_would_have_been():
    """The half-width of three ln ratios -s, 0, s is 4.3027 s / sqrt 3: 6% where s = ln 1.06 sqrt 3 / 4.3027."""
    s = math.log(1.06) * math.sqrt(3) / 4.302652729911275
    few = paired_values("latency_s", np.exp([-s, 0.0, s]), np.ones(3))
    assert would_show([few]) == "a difference above 6% would have been seen"
    assert percent(few).endswith("(-5.7% to 6.0%; a difference above 6% would have been)")
    wider = paired_values("latency_s", np.exp([-2 * s, 0.0, 2 * s]), np.ones(3))
    assert would_show([few, wider]) == "a difference above 12% would have been seen"
    assert not would_show([paired_values("latency_s", np.ones(n), np.ones(n)) for n in (1, 3)])
    lost = paired_values("latency_s", np.array([math.inf, 1.0, 1.0]), np.ones(3))
    assert would_show([lost]) == "no difference would have been seen"
    two = paired_values("latency_s", np.array([1.0, 2.0]), np.ones(2))  # a half-width of 12.7 ln 2 / 2, a factor of 82
    assert would_show([two]) == "no difference up to tenfold would have been seen"


def test_a_difference_that_every_seed_shows_is_distinguishable_and_without_an_axis_there_is_no_place():
    found = outcomes(sweep({"a": (0.5,) * 4, "b": (0.51,) * 4}, {"a": 0.1, "b": 0.102}), AXIS)
    assert {outcome.lowest for outcome in found} == {"a"} and all(outcome.tied == ("a",) for outcome in found)
    cells = sweep({"a": (0.5,) * 4, "b": (1.0,) * 4})
    assert lowest(cells[cells[AXIS] == 1e3], None) == "latency per token: a is lowest, 50% below the next (b)"


def test_any_numeric_axis_and_metric_do_and_missing_values_are_left_out():
    cells = sweep({"a": (3.0, 3.0, 3.0, 3.0), "b": (4.0, 4.0, 4.0, 4.0)}).rename(
        columns={AXIS: "models.temperature", "latency_per_token_s": "payload_bits_per_token"}
    )
    cells.loc[cells["curve"] == "b", "payload_bits_per_token"] = np.nan
    line = lowest(cells, "models.temperature", "payload_bits_per_token")
    assert line == "payload bits per token over temperature: everywhere a alone"


def test_along_an_axis_of_names_each_place_has_its_name():
    cells = sweep({"a": (0.1, 0.5, 0.5, 0.1), "b": (0.2, 0.4, 0.4, 0.2)}).assign(
        place=lambda rows: rows[AXIS].map(dict(zip(RATES, ("desk", "field", "home", "train"), strict=True)))
    )
    assert lowest(cells, "place") == (
        "latency per token over place: at desk a is lowest, 50% below the next (b); at field and home b is lowest, 20% "
        "below the next (a); at train a is lowest, 50% below the next (b)"
    )


def test_a_comparison_is_the_mean_of_paired_ln_ratios_with_students_half_width():
    # ln(a / b) by seed: ln .49, ln .5, ln .51, so 50.0% lower; half-width 4.3027 * .02 / sqrt 3 = .0497 of the ratio
    cells = sweep({"a": (0.5, 0.2, 1.2, 0.5), "b": (1.0, 0.4, 1.0, 0.5)}, {"a": 0.01})
    line = comparison(cells, AXIS, (1e3, 1e5, 1e6, 5e6), "a", "b", "latency_per_token_s")
    assert line == (
        "a against b 50.0% lower (47.5% to 52.4%) at 1 kbit/s, 20.0% higher (17.5% to 22.5%) at 100 kbit/s, "
        "no difference seen (-4.9% to 5.1%; a difference above 5.1% would have been) at 1 Mbit/s"
    )
    cells = sweep({"a": (0.5,) * 4, "b": (1.0,) * 4}, seeds=1)
    assert comparison(cells, AXIS, (5e6,), "a", "b", "latency_per_token_s") == ""
    line = comparison(cells, AXIS, (1e3,), "a", "b", "latency_per_token_s")
    assert line == "a against b 50% lower (one seed) at 1 kbit/s"


OFF = {
    "dense": (0.0, 0.4, 0.2),
    "edge_only": (0.3, 0.01, 0.01),
    "liar": (0.01, 0.3, 0.3),
    "cloud_only": (0.0, 0.5, 0.1),
}
"""TV of the output, and seconds a token at two rates."""


def test_what_a_lossy_scheme_gains_is_against_the_lowest_of_the_lossless():
    rows = [
        {"cell": kind, "scheme.kind": kind, "curve": kind, AXIS: rate, "seed": seed,
         "tv_output": off + 0.1 * seed * (off == 0.3), "latency_per_token_s": value * (1 + seed)}
        for kind, (off, *both) in OFF.items()
        for rate, value in zip(RATES, both, strict=False)
        for seed in (0, 1)
    ]  # fmt: skip
    cells = marked(with_lossy(pd.DataFrame(rows), {}))
    line = lossy_apart(cells, AXIS, "latency_per_token_s")
    assert line == (
        "Lossy, ranked apart: edge only (lossy), TV output 0.35 ± 0.64, latency per token 90% to 97.5% below the "
        "lowest of the lossless; liar (lossy), TV output 0.01 in every seed, latency per token 25% below to 200% above "
        "the lowest of the lossless"
    )
    assert lossy_apart(cells.query("curve == 'dense'"), AXIS, "latency_per_token_s") == ""
    assert lossy_apart(cells, AXIS, None).endswith("liar (lossy), TV output 0.01 in every seed")


def test_a_lossy_curve_gains_over_the_lossless_of_its_own_setting():
    times = {("colocated", 0.0): 1.0, ("colocated", 1.0): 4.0, ("edge_only", 0.0): 2.0, ("edge_only", 1.0): 2.0}
    rows = [
        {"curve": f"{kind} temperature={at:g}", "scheme.kind": kind, "models.temperature": at, "seed": seed,
         "lossy": kind == "edge_only", "latency_per_token_s": time * (1 + 0.01 * seed)}
        for (kind, at), time in times.items()
        for seed in range(3)
    ]  # fmt: skip
    line = lossy_apart(pd.DataFrame(rows), None, "latency_per_token_s")
    assert line == (
        "Lossy, ranked apart: edge only, temperature 0, latency per token 100% above the lowest of the lossless; "
        "edge only, temperature 1, latency per token 50% below the lowest of the lossless"
    )
