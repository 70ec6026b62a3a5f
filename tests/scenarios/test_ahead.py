"""The closed form of drafting ahead against a pipe counted round by round, and what a table is answered with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import plots
from scenarios.ahead import ahead_gains, closed_form, shared_cell, wasted_share
from simulator.results.columns import BREAKDOWN
from simulator.results.pipelined_time import EXPECTED, beside, crowded, seconds_a_token

AXIS = "uplink.delay.delay_s"
DRAFTS, DRAFT_S, VERIFY_S, A = 4, 0.024, 0.04, 0.9
TRIPS = (0.01, 0.3)


def closed(depth: int, lone_s: float, slowest_s: float, a: float = A) -> float:
    given = (np.array([value], dtype=float) for value in (a, DRAFTS, depth, lone_s, slowest_s))
    return float(seconds_a_token(*given)[0])


@pytest.mark.parametrize("depth", [1, 2, 4, 16])
@pytest.mark.parametrize("lone_s", [0.1, 0.4, 2.0])
def test_the_closed_form_is_a_pipe_counted_round_by_round(depth, lone_s):
    stands, verdicts_s = A**DRAFTS, [lone_s]
    for place in range(1, 400):
        after_slot = verdicts_s[place - depth - 1] + lone_s if place > depth else 0.0
        verdicts_s.append(max(verdicts_s[-1] + VERIFY_S, after_slot))
    to_rejection_s = sum((1 - stands) * stands**rounds * at for rounds, at in enumerate(verdicts_s))
    assert closed(depth, lone_s, VERIFY_S) == pytest.approx((1 - A) * to_rejection_s, rel=1e-9)


def test_waiting_commits_a_bonus_token_and_deep_pipes_are_bound_by_their_slowest_stage_alone():
    stands = A**DRAFTS
    assert closed(0, 0.1, VERIFY_S) == pytest.approx(0.1 * (1 - A) / (1 - A ** (DRAFTS + 1)))
    assert closed(64, 0.4, VERIFY_S) == pytest.approx((1 - A) * (0.4 + VERIFY_S * stands / (1 - stands)), rel=1e-6)


def row(
    depth: int, trip: float, seed: int, devices: int = 1, time_s: float | None = None, **fields: Any
) -> dict[str, Any]:
    """Rounds of known stages, as fast as the closed form says unless `time_s` is given."""
    lone_s = DRAFT_S + trip + VERIFY_S
    time_s = closed(depth, lone_s, VERIFY_S) if time_s is None else time_s
    accepted = A * (1 - A**DRAFTS) / (1 - A)
    per_token = 1 / (1 + accepted)
    parts = {"draft_s": DRAFT_S, "verify_s": VERIFY_S, "propagation_s": trip}
    return {
        "cell": f"{depth} {trip} {seed} {devices}", "curve": f"half_dense depth={depth}", "scheme.kind": "half_dense",
        "seed": seed, "scheme.depth": depth, "scheme.max_drafts": DRAFTS, AXIS: trip / 2, "n": 2,
        "downlink.delay.delay_s": trip / 2, "models.pair.distance": 1 - A, "workload.devices": devices,
        "acceptance_rate": A, "accepted_per_round": accepted, "tpot_s": time_s, "latency_per_token_s": time_s,
        "latency_s": 500 * time_s, "tail_tokens": 0.0, "payload_bits_per_token": 80.0, "payload_bits_per_draft": 80.0,
        "flushed_drafts_per_token": 0.25 * depth, "answered": 1.0, **dict.fromkeys(BREAKDOWN, 0.0),
        **{name: value * per_token for name, value in parts.items()}, **fields,
    }  # fmt: skip


def table() -> pd.DataFrame:
    return pd.DataFrame([row(depth, trip, seed) for depth in (0, 1, 4) for trip in TRIPS for seed in (0, 1)])


def cell_shared() -> pd.DataFrame:
    """Faster by 20% alone, as fast with 10 devices, 50% slower with 100."""
    times = {1: 0.8, 10: 1.0, 100: 1.5}
    rows = [
        row(depth, 0.01, seed, devices, 0.05 * (times[devices] if depth else 1.0),
            **{"scheme.kind": "k_sqs", "curve": f"k_sqs depth={depth}"})
        for depth in (0, 2) for devices in times for seed in (0, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_stages_of_rounds_that_wait_foretell_those_of_rounds_drafted_ahead():
    found = beside(table())
    assert found[EXPECTED].tolist() == pytest.approx(found["tpot_s"].tolist())
    assert closed_form.report(table(), AXIS).startswith("Time per token of rounds drafted ahead is within 0.0%")
    late = table().assign(tpot_s=lambda rows: rows["tpot_s"] * np.where(rows["scheme.depth"] == 4, 1.2, 1.0))
    assert "within 20.0% of its closed form in all 4 settings" in closed_form.report(late, AXIS)


def test_the_gain_is_reported_near_and_far():
    near, far = (
        100 * (1 - closed(4, DRAFT_S + trip + VERIFY_S, VERIFY_S) / closed(0, DRAFT_S + trip + VERIFY_S, VERIFY_S))
        for trip in TRIPS
    )
    line = ahead_gains.report(table(), AXIS)
    assert line.count("lower (the same in every seed)") == 2 and 0 < near < far
    assert f"{far:.3g}% lower" in line and f"a = {A:.2f}" in line


def test_where_drafting_ahead_hurts_a_shared_cell_is_reported_and_is_no_part_of_the_closed_form():
    assert shared_cell.report(table(), AXIS) == ""
    line = shared_cell.report(pd.concat([table(), cell_shared()], ignore_index=True), AXIS)
    assert line.startswith("in the shared cell faster than waiting, by devices: depth 2 up to 10, 50% higher")
    assert line.endswith("with 100, where 33% of its drafts are flushed")
    assert wasted_share(table()).tolist() == pytest.approx([d / (4 + d) for d in (0, 1, 4) for _ in range(4)])
    both = pd.concat([table(), cell_shared()], ignore_index=True)
    assert len(beside(both)) == len(table()) and set(crowded(both)["scheme.kind"]) == {"k_sqs"}


def test_the_figure_has_a_line_of_the_closed_form_and_measured_dots_for_each_depth():
    measured = table().assign(tpot_s=lambda rows: rows["tpot_s"] * 1.1).query("seed == 0").drop(columns="seed")
    figure = plots.draw("ahead", pd.concat([measured, cell_shared().query("seed == 0")], ignore_index=True), AXIS)
    assert figure is not None and [ax.get_title(loc="left") for ax in figure.axes] == [
        "acceptance 0.90",
        "a shared cell",
    ]
    lines = {str(line.get_label()): np.asarray(line.get_ydata()) for line in figure.axes[0].lines}
    dots = {str(bars.get_label()): np.asarray(bars.lines[0].get_ydata()) for bars in figure.axes[0].containers}
    for depth in (0, 1, 4):
        exact = [closed(depth, DRAFT_S + trip + VERIFY_S, VERIFY_S) for trip in TRIPS]
        np.testing.assert_allclose(dots[f"depth {depth}"], 1.1 * np.array(exact))
        np.testing.assert_allclose(lines[f"line {depth}"], exact)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["waiting", "1 ahead", "2 ahead", "4 ahead"]


@pytest.mark.parametrize("column", ["scheme.depth", "tpot_s", "acceptance_rate"])
def test_without_depths_there_is_nothing_to_say_or_draw(column):
    rest = table().drop(columns=column)
    assert beside(rest).empty and plots.draw("ahead", rest, AXIS) is None
    assert closed_form.report(rest, AXIS) == ahead_gains.report(rest, AXIS) == ""
    assert math.isnan(table().assign(**{AXIS: math.nan}).pipe(beside)["round_trip_s"].iloc[0])
