"""Figures of the studies `positions` and `convergence`, and of a recommendation, show their tables'
numbers."""

import math

import numpy as np
import pandas as pd
import pytest
from figures import bars_of, curves_of, drawn, legend_of, names_beside, titles_of, words_around
from matplotlib.colors import to_hex

import plots


def positions() -> pd.DataFrame:
    """Two curves, one with a bound above 1; nobody came to position 3."""
    return pd.DataFrame(
        {"curve": curve, "scheme.kind": curve, "position": position, "verified_drafts": 10.0 * (3 - position),
         "tv_mismatch": 0.3, "dropped_mass": 0.1 * position, "covering_bound": covering, "tv_compression": 0.15,
         "tv_qhat": 0.35, "resampling_per_draft": 0.3, "resampling_per_draft_ci95": 0.05,
         "rejection_bound": 0.3 + 0.1 * position + covering}
        for curve, covering in (("k_sqs", 0.05), ("dense", 120.0))
        for position in (1, 2, 3)
    )  # fmt: skip


def test_the_bound_is_stacked_from_its_terms_beside_rate_and_expectation_and_cut_at_1() -> None:
    table = positions()
    figure = drawn("positions", table, "position")
    panel, cut = figure.axes
    reached = table[(table["curve"] == "k_sqs") & (table["verified_drafts"] > 0)]
    bars = bars_of(panel)
    np.testing.assert_allclose([bar.get_y() + bar.get_height() for bar in bars[-1]], reached["rejection_bound"])
    for bar, column in zip(bars, ("tv_mismatch", "dropped_mass", "covering_bound"), strict=True):
        np.testing.assert_allclose([each.get_height() for each in bar], reached[column])
    measured = curves_of(panel)["measured"].lines[0].get_ydata()
    np.testing.assert_allclose(list(measured), reached["resampling_per_draft"])
    expected = next(line for line in panel.lines if "expected" in str(line.get_label()))
    np.testing.assert_allclose(expected.get_ydata(), reached["tv_qhat"])
    assert titles_of(figure) == ["K-SQS", "dense lattice (Q-S)"]
    (allowed,) = [each for each in panel.collections if "TV(q, qhat)" in str(each.get_label())]
    assert to_hex(allowed.get_color()[0]) == "#000000" and allowed.get_path_effects()  # seen on any ground, in grey too
    assert [[text.get_text() for text in ax.texts] for ax in figure.axes] == [[], ["120", "120"]]
    assert cut.get_ylim()[1] < 1.5
    assert max(bar.get_y() + bar.get_height() for group in bars_of(cut) for bar in group) == 1.0
    assert "bound says nothing" in words_around(figure)


def convergence(seeds: int = 3) -> pd.DataFrame:
    rows = [
        {"curve": f"c{start}{rollback}", "scheme.kind": "c_sqs", "scheme.step": 0.01, "scheme.initial": start}
        | {"scheme.target": 1e-3, "scheme.rollback": rollback, "scheme.carry": True, "tokens": tokens, "n": seeds}
        | {"kept_dropped_mass": 1 / tokens, "kept_dropped_mass_ci95": 0.1 / tokens, "papers_bound": 90 / tokens}
        | {"verified_dropped_mass": (2 if rollback == "accepted_only" else 1) / tokens}
        | {"one_sided_bound": 9 / tokens, "adversarial_dropped_mass": 8 / tokens}
        for start, rollback in ((0.1, "through_rejection"), (0.01, "through_rejection"), (0.1, "accepted_only"))
        for tokens in (16, 32, 64)
    ]
    stays = [
        {"curve": "composed", "scheme.kind": "composed", "scheme.sparsifier.beta": 0.1, "tokens": tokens,
         "kept_dropped_mass": 0.6, "verified_dropped_mass": 0.6}
        for tokens in (16, 32, 64)
    ]  # fmt: skip
    return pd.DataFrame([*rows, *stays])


MEASURED = "measured, kept drafts"


def test_a_threshold_is_drawn_with_its_bounds_its_target_and_what_stays_where_it_began() -> None:
    table = convergence()
    for rows in (table, table[(table["scheme.rollback"] == "accepted_only") | table["scheme.rollback"].isna()]):
        figure = drawn("convergence", rows, "tokens")
        bounded = [each for _, each in rows[rows["papers_bound"].notna()].groupby("curve", sort=False)]
        for panel, of in zip(figure.axes, bounded, strict=False):
            lines = {str(line.get_label()): line.get_ydata() for line in panel.lines}
            np.testing.assert_allclose(lines["one-sided bound"], of["one_sided_bound"])
            np.testing.assert_allclose(lines["papers' bound"], of["papers_bound"])
            np.testing.assert_allclose(lines["distributions chosen against it"], of["adversarial_dropped_mass"])
            kept = curves_of(panel)[MEASURED].lines[0].get_ydata()
            np.testing.assert_allclose(list(kept), of["kept_dropped_mass"])
            assert ("threshold that stays" in lines) == (of["scheme.initial"].iloc[0] == 0.1)
            assert ("measured, verified drafts" in lines) == (of["scheme.rollback"].iloc[0] == "accepted_only")
            assert "target" in lines


def test_of_many_thresholds_those_with_the_lowest_and_the_highest_bound_are_drawn() -> None:
    table = convergence()
    high = table[table["scheme.initial"] == 0.01].assign(curve="high", one_sided_bound=0.9, **{"scheme.step": 0.1})
    low = high.assign(curve="low", one_sided_bound=0.01, **{"scheme.step": 0.001})
    figure = drawn("convergence", pd.concat([high, table, low]), "tokens")
    assert titles_of(figure) == [rf"$\eta$ = {step}, $\beta_1$ = 0.01" for step in ("0.001", "0.1")]
    assert "Of 4 thresholds" in words_around(figure)


@pytest.mark.parametrize(("seeds", "end"), [(1, math.nan), (2, 1 + 0.1 / 12.7062), (3, math.exp(0.1))])
def test_an_interval_reaches_over_two_seeds_to_either(seeds: int, end: float) -> None:
    table = convergence(seeds)
    figure = drawn("convergence", table.assign(kept_dropped_mass_ci95=math.nan) if seeds == 1 else table, "tokens")
    mean, (_, upper), _ = curves_of(figure.axes[0])[MEASURED].lines
    np.testing.assert_allclose(upper.get_ydata(), end * np.asarray(mean.get_ydata(), dtype=float), rtol=1e-5)
    words = words_around(figure)
    assert ("95% intervals" in words, "either seed" in words) == (seeds == 3, seeds == 2)


RECOMMENDED = pd.DataFrame(
    {
        "curve": ["k_sqs k=8", "cloud_only", "s_q k=8"], "scheme.kind": ["k_sqs", "cloud_only", "s_q"], "n": 5,
        "metric": "latency_per_token_s", "better": "lower", "lossy": [False, False, True],
        "latency_per_token_s": [0.010, 0.020, 0.009], "latency_per_token_s_ci95": [0.001, math.nan, 0.001],
        "margin": [0.0, 1.0, -0.1], "margin_low": [math.nan, 0.8, -0.14], "margin_high": [math.nan, 1.22, -0.05],
    }
)  # fmt: skip


def test_the_recommended_stands_at_the_top_and_each_at_its_values() -> None:
    figure = drawn("recommendation", RECOMMENDED)
    reached, margin = figure.axes
    assert names_beside(reached) == ["K-SQS, K = 8", "cloud only", "S-Q, K = 8 (lossy)"]
    assert reached.get_ylim()[0] > reached.get_ylim()[1]  # the first row is the uppermost
    for ax, values in ((reached, RECOMMENDED["latency_per_token_s"]), (margin, 1 + RECOMMENDED["margin"])):
        points = [tuple(each.lines[0].get_xydata()[0]) for each in ax.containers]
        assert points == [(value, place) for place, value in enumerate(values)]
    assert margin.get_xscale() == "log" and margin.get_xlabel() == "times the recommended"
    assert margin.get_xlim()[0] < 0.86 and margin.get_xlim()[1] > 2.22  # the ends of the intervals
    assert "Lower is better" in words_around(figure)
    assert "Higher is better" in words_around(drawn("recommendation", RECOMMENDED.assign(better="higher")))


def test_a_ratio_far_beyond_the_others_has_a_panel_of_its_own() -> None:
    far = {
        "margin": [0.0, 240.0, -0.1],
        "margin_low": [math.nan, 230.0, -0.14],
        "margin_high": [math.nan, 250.0, -0.05],
    }
    _, near, beyond = drawn("recommendation", RECOMMENDED.assign(**far)).axes
    drawn_at = [[float(each.lines[0].get_xdata()[0]) for each in ax.containers] for ax in (near, beyond)]
    np.testing.assert_array_equal(drawn_at, [[1.0, math.nan, 0.9], [math.nan, 241.0, math.nan]])
    assert near.get_xlim()[1] < 1.2 and beyond.get_xlim()[0] < 231 < 251 < beyond.get_xlim()[1]
    assert (
        beyond.get_xscale() == "log" and beyond.get_xlabel() == "times the recommended, beyond 3\N{MULTIPLICATION SIGN}"
    )
    assert near.xaxis.get_major_formatter()(1.05, 0) == "1.05\N{MULTIPLICATION SIGN}"


@pytest.mark.parametrize("name", ["positions", "convergence", "recommendation"])
def test_a_table_of_another_study_has_nothing_for_them(name: str) -> None:
    other = pd.DataFrame({"curve": ["a"], "scheme.kind": ["k_sqs"], "uplink.rate.bps": [1e3]})
    assert plots.draw(name, other, "uplink.rate.bps") is None and plots.draw(name, other, None) is None
    for column in ("metric", "better", "margin"):
        assert plots.draw(name, RECOMMENDED.drop(columns=column), None) is None, column


def test_what_blocks_gain_is_drawn_against_bits_with_half_the_length_in_open_markers() -> None:
    kept = {"top_k": (20.0, 100.0), "all": (20.0, math.nan)}
    table = pd.DataFrame(
        {"curve": f"{name}{ell}", "scheme.kind": "composed", "models.pair.kind": "sotu", "models.temperature": at,
         "scheme.sparsifier.kind": name, "scheme.quantizer.resolution": ell,
         "round_drafts": length, "coded_bits_per_draft": 50.0 if ell == 20 else 500.0,
         "block_gain": length / 100, "block_gain_ci95": 0.01, "n": 8}
        for at in (0.6, 1.0) for name, ells in kept.items() for ell in ells for length in range(1, 9)
    )  # fmt: skip
    figure = drawn("blocks", table, "round_drafts")
    assert titles_of(figure) == ["sotu, T = 0.6", "sotu, T = 1"]
    assert legend_of(figure) == ["all of q, finer to the right", "top-K", "open: rounds of 4"]
    lines = [each.lines[0] for each in figure.axes[0].containers]
    assert [sorted(line.get_ydata()) for line in lines] == [[0.08, 0.08], [0.08], [0.04, 0.04], [0.04]]
    assert [line.get_markerfacecolor() == "white" for line in lines] == [False, False, True, True]
    assert list(lines[0].get_xdata()) == [50.0, 500.0], "half precision is the last point of all of q"
    assert plots.draw("blocks", table.drop(columns="block_gain"), "round_drafts") is None
