"""Figures of the studies `positions`, `convergence` and `sparsifying_time` show their tables' numbers."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure

import plots


def drawn(name: str, table: pd.DataFrame, axis: str | None) -> Figure:
    figure = plots.draw(name, table, axis)
    assert figure is not None
    figure.canvas.draw()
    return figure


def positions() -> pd.DataFrame:
    """Two curves, one with a bound above 1; nobody came to position 3."""
    rows = [
        {"curve": curve, "scheme.kind": curve, "position": position, "verified_drafts": 10.0 * (3 - position)}
        | {"tv_mismatch": 0.3, "dropped_mass": 0.1 * position, "covering_bound": covering, "tv_compression": 0.15}
        | {"tv_qhat": 0.35, "resampling_per_draft": 0.3, "resampling_per_draft_ci95": 0.05}
        | {"rejection_bound": 0.3 + 0.1 * position + covering}
        for curve, covering in (("k_sqs", 0.05), ("dense", 120.0))
        for position in (1, 2, 3)
    ]
    return pd.DataFrame(rows)


def test_the_bound_is_stacked_from_its_terms_beside_rate_and_expectation() -> None:
    table = positions()
    panel = drawn("positions", table, "position").axes[0]
    reached = table[(table["curve"] == "k_sqs") & (table["verified_drafts"] > 0)]
    bars = [each for each in panel.containers if isinstance(each, BarContainer)]
    tops = [bar.get_y() + bar.get_height() for bar in bars[-1]]
    np.testing.assert_allclose(tops, reached["rejection_bound"])
    for bar, column in zip(bars, ("tv_mismatch", "dropped_mass", "covering_bound"), strict=True):
        np.testing.assert_allclose([each.get_height() for each in bar], reached[column])
    (measured,) = [each for each in panel.containers if isinstance(each, ErrorbarContainer)]
    np.testing.assert_allclose(list(measured.lines[0].get_ydata()), reached["resampling_per_draft"])
    expected = next(line for line in panel.lines if "expected" in str(line.get_label()))
    np.testing.assert_allclose(expected.get_ydata(), reached["tv_qhat"])


def test_a_bound_above_1_is_cut_and_its_value_written() -> None:
    figure = drawn("positions", positions(), "position")
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["K-SQS", "dense lattice (Q-S)"]
    texts = [[text.get_text() for text in panel.texts] for panel in figure.axes]
    assert texts == [[], ["120", "120"]] and figure.axes[1].get_ylim()[1] < 1.5
    bars = [bar for each in figure.axes[1].containers if isinstance(each, BarContainer) for bar in each]
    assert max(bar.get_y() + bar.get_height() for bar in bars) == 1.0
    assert any("bound says nothing" in text.get_text().replace("\n", " ") for text in figure.texts)


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


def test_a_threshold_is_drawn_with_its_bounds_its_target_and_what_stays_where_it_began() -> None:
    table = convergence()
    figure = drawn("convergence", table, "tokens")
    titles = [rf"$\eta$ = 0.01, $\beta_1$ = {rest}" for rest in ("0.1", "0.01", "0.1, accepted only")]
    assert [panel.get_title(loc="left") for panel in figure.axes] == titles
    bounded = table[table["papers_bound"].notna()].groupby("curve", sort=False)
    for panel, (_, rows) in zip(figure.axes, bounded, strict=True):
        lines = {str(line.get_label()): line.get_ydata() for line in panel.lines}
        np.testing.assert_allclose(lines["one-sided bound"], rows["one_sided_bound"])
        np.testing.assert_allclose(lines["papers' bound"], rows["papers_bound"])
        np.testing.assert_allclose(lines["distributions chosen against it"], rows["adversarial_dropped_mass"])
        (measured,) = [each for each in panel.containers if isinstance(each, ErrorbarContainer)]
        np.testing.assert_allclose(list(measured.lines[0].get_ydata()), rows["kept_dropped_mass"])
        assert ("threshold that stays" in lines) == (rows["scheme.initial"].iloc[0] == 0.1)
        assert ("measured, verified drafts" in lines) == (rows["scheme.rollback"].iloc[0] == "accepted_only")
        assert "target" in lines


LONG = ["top-K, after any number of tokens", *(f"conformal threshold, after {n} tokens" for n in (16, 4096))]


def test_an_interval_over_two_seeds_is_left_out() -> None:
    for seeds, times in ((2, math.nan), (3, math.exp(0.1))):
        table = convergence(seeds)
        figure = drawn("convergence", table, "tokens")
        (measured,) = [each for each in figure.axes[0].containers if isinstance(each, ErrorbarContainer)]
        mean, upper = (np.asarray(line.get_ydata(), dtype=float) for line in (measured.lines[0], measured.lines[1][1]))
        np.testing.assert_allclose(upper, times * mean)
        assert any("95% intervals" in text.get_text() for text in figure.texts) == (seeds > 2)


def test_times_are_drawn_in_softmaxes_under_short_names() -> None:
    table = pd.DataFrame(
        {"curve": curve, "scheme.kind": "composed", "models.pair.size": size, "sparsifying_over_softmax": ratio}
        | {"sparsifying_over_softmax_ci95": math.nan}
        for curve, ratio in (
            ("composed sparsifier=top_k", 2.0),
            ("composed sparsifier=conformal tokens=16.0", 0.2),
            ("composed sparsifier=conformal tokens=4096.0", 0.5),
        )
        for size in (1_000, 100_000)
    )
    figure = drawn("sparsifying_time", table, "models.pair.size")
    (ax,), (legend,) = figure.axes, figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [*LONG, "the softmax itself"]
    (still,) = drawn("sparsifying_time", table[table["models.pair.size"] == 1_000], None).axes
    assert [text.get_text() for text in still.get_yticklabels()] == LONG
    curves = [each for each in ax.containers if isinstance(each, ErrorbarContainer)]
    assert [list(each.lines[0].get_ydata()) for each in curves] == [[2.0, 2.0], [0.2, 0.2], [0.5, 0.5]]
    top_k, early, late = (each.lines[0] for each in curves)
    assert early.get_color() == late.get_color() != top_k.get_color()
    assert early.get_linestyle() != late.get_linestyle()


@pytest.mark.parametrize("name", ["positions", "convergence", "sparsifying_time"])
def test_a_table_of_another_study_has_nothing_for_them(name: str) -> None:
    other = pd.DataFrame({"curve": ["a"], "scheme.kind": ["k_sqs"], "uplink.rate.bps": [1e3]})
    assert plots.draw(name, other, "uplink.rate.bps") is None
    assert plots.draw(name, other, None) is None
