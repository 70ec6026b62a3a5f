"""Figures of other papers: what the page says is what the code finds, the quick ones at each run."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.schemes import UcbSpecStop
from tools.engine_figures import CURVES, TASKS, USERS, large_gains, loaded_s, small_gains
from tools.paper_figures import (
    BEGIN,
    DELAYS_MS,
    END,
    LENGTHS,
    OWN_DELAY_S,
    QWEN,
    SUITES,
    VERIFY_S,
    Suite,
    affine_s,
    critical,
    drop,
    first_above_one_ms,
    found_by_few_rounds,
    goodput_gains,
    remote_speed_up,
    replayed_gaps,
    round_costs,
    rows,
)
from tools.validation_page import DOCS, compared

PAGE = (DOCS / "validation.md").read_text(encoding="utf-8")
ON_PAGE = PAGE.partition(BEGIN)[2].partition(END)[0].strip()


def test_the_closed_form_gives_the_papers_critical_delay() -> None:
    (row,) = critical()
    assert row.ratio == "1.00" and row.ours in ON_PAGE


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


@pytest.mark.parametrize(
    ("suite", "ours_ms"), [(SUITES["Qwen2.5-0.5B and 7B"], 97.5), (SUITES["Llama-3.2-1B and 8B"], 86.5)]
)
def test_transitions_follow_from_what_the_testbed_measured(suite: Suite, ours_ms: float) -> None:
    """By arithmetic, no simulation: and a run of 300 rounds a length finds the published delay often enough."""
    took_s = np.interp(LENGTHS, *np.array(suite.draft_ms).T) / 1e3 + VERIFY_S + 2 * OWN_DELAY_S
    tokens = np.array([1 + sum(suite.survival[:length]) for length in LENGTHS])
    assert first_above_one_ms(took_s, tokens, np.arange(0.0, 200.0, 0.5)) == ours_ms
    assert first_above_one_ms(took_s, tokens, DELAYS_MS) == 111
    published = next(delay for delay, length in zip(DELAYS_MS, suite.best, strict=True) if length > 1)
    found = found_by_few_rounds(suite, took_s, runs=500)
    assert 0.1 < np.mean(found == published) < 0.6
    assert set(np.unique(found)) <= {*map(float, DELAYS_MS), np.inf}


@pytest.mark.slow
def test_a_simulated_round_takes_what_the_testbed_took() -> None:
    """But for the last one of a text, which is shorter."""
    (took_s,), (tokens,) = round_costs(QWEN, 1, (2,))
    assert took_s == pytest.approx(0.18411 + VERIFY_S + 2 * OWN_DELAY_S, rel=1e-3)
    assert tokens == pytest.approx(1 + sum(QWEN.survival[:2]), rel=0.05)


def test_what_lengths_and_shares_are_compared_with_decides_the_gain() -> None:
    """Multi-SPIN's 88%: over four drafts for all it is more here, over the best length for all less."""
    over_four, over_best = goodput_gains(drop(8, 50.0, 0))
    assert 0 < over_best < 0.88 < over_four


def test_tables_of_measured_gains_are_typed_right() -> None:
    """Gains fall with load, and those of vLLM's blog are what its text says of its ends."""
    for task in TASKS.values():
        for curve in (task.small, task.computed, task.large):
            assert len(curve) == len(USERS) and list(curve) == sorted(curve, reverse=True)
    share, summaries = (curve.gains for curve in CURVES.values())
    assert [round(each, 1) for each in (share[0], 1 / share[-1], summaries[0])] == [1.5, 1.4, 2.8]
    assert 1.8 < 1 / summaries[-1] < 1.9


def test_colocated_gains_come_out_as_vllm_measured_them() -> None:
    """Nothing is free: an 8B on GSM8K, a 70B on code; texts cut short."""
    task = TASKS["GSM8K"]
    ours = small_gains(task._replace(output_tokens=32), USERS[:2])
    assert ours == pytest.approx(task.small[:2], rel=0.12) and ours[0] > ours[1]
    code = TASKS["InstructCoder"]
    (large,) = large_gains(code._replace(prompt_tokens=8, output_tokens=24), (16,))
    assert large == pytest.approx(code.large[1], rel=0.12)


def test_time_beside_passes_takes_most_of_the_gain_under_load() -> None:
    """Of vLLM's blog, two dozen requests at nearly once; texts cut short."""
    curve = CURVES["ShareGPT, Qwama-0.5B"]._replace(prompt_tokens=16, output_tokens=24)
    alone_s = loaded_s(curve, 60, requests=24)
    gains = [alone_s / loaded_s(curve, 60, 4, per_draft_s, requests=24) for per_draft_s in curve.lengths]
    assert gains[0] > 1.3 and 1.0 < gains[1] < 1.15


@pytest.mark.slow
def test_a_remote_drafter_gains_less_than_was_measured_and_more_where_it_drafts_ahead() -> None:
    assert 1.4 < remote_speed_up(0, seeds=4) < remote_speed_up(1, seeds=4) < 1.81


@pytest.mark.slow
def test_the_page_has_what_the_code_finds() -> None:
    assert compared(rows()) == ON_PAGE
