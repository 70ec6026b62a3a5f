"""Figures of other papers: what the page says is what the code finds, the quick ones at each run."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.schemes import UcbSpecStop
from tools.paper_figures import (
    BEGIN,
    DELAYS_MS,
    END,
    QWEN,
    SUITES,
    Suite,
    affine_s,
    best_lengths,
    critical,
    remote_speed_up,
    replayed_gaps,
    rows,
    table,
)
from tools.validation_page import DOCS

PAGE = (DOCS / "validation.md").read_text(encoding="utf-8")
ON_PAGE = PAGE.partition(BEGIN)[2].partition(END)[0].strip()


def test_the_closed_form_gives_the_papers_critical_delay() -> None:
    (row,) = critical()
    assert row.verdict == "matched" and row.ours in ON_PAGE


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_what_was_measured_is_as_its_files_have_it(suite: Suite) -> None:
    """Tables are typed: tokens a round rise by what stands further on, and the best of each is the one with the least
    milliseconds a token, which UCB-SpecStop's gap is counted from."""
    assert list(suite.survival) == sorted(suite.survival, reverse=True)
    for each in suite.measured.values():
        lengths, token_ms, tokens = np.array(each).T
        assert (np.diff(tokens) > 0).all() and (np.diff(tokens) < np.diff(lengths)).all()
        assert (np.diff(token_ms * tokens) > 0).all()  # a longer round takes longer
    draft_s, rest_s = affine_s(suite)
    assert all(abs(1e3 * (rest_s + k * draft_s) - ms) < 13 for k, ms in suite.draft_ms)


@pytest.mark.parametrize("delay_ms", [111, 150])
def test_the_papers_gap_is_within_the_spread_of_replayed_runs(delay_ms: int) -> None:
    ours = replayed_gaps(QWEN, delay_ms, 10)
    assert ours.min() < QWEN.gap[delay_ms] < ours.max() and ours.mean() < 0.08


def test_a_policy_that_learns_nothing_would_not_pass_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: one that always drafts ten is farther off than the paper's ever is at this delay."""
    monkeypatch.setattr(UcbSpecStop, "chosen", lambda self, state, most: 10)
    assert replayed_gaps(QWEN, 150, 3).min() > 0.1 > QWEN.gap[150]


@pytest.mark.slow
def test_one_draft_a_round_stops_being_best_at_the_papers_delay() -> None:
    found = best_lengths(QWEN, DELAYS_MS[3:5], 2, lengths=(1, 2, 3))
    assert found == list(QWEN.best[3:5]) == [1, 2]


@pytest.mark.slow
def test_a_remote_drafter_gains_less_than_was_measured_and_more_where_it_drafts_ahead() -> None:
    assert 1.4 < remote_speed_up(0, seeds=4) < remote_speed_up(1, seeds=4) < 1.81


@pytest.mark.slow
def test_the_page_has_what_the_code_finds() -> None:
    assert table(rows()) == ON_PAGE
