"""What `lossy_uplink` reports of tables whose times are known, and that all of its links have one mean rate."""

from itertools import product

import pandas as pd
import pytest

from channels.link.losses import Loss
from channels.link.rates import Rate
from scenarios.findings.wording import MOST_WORDS
from scenarios.lossy_uplink import (
    ARQ,
    FADING,
    LABEL,
    LOSS,
    OUTAGES,
    SCENARIO,
    against_cloud,
    costs_of_all,
    loss_processes,
    pays_up_to,
    turned,
)
from scenarios.lossy_uplink import REPAIRS as REPAIRED
from simulator.cell.cell import Cell

AXIS = SCENARIO.axis
ALONE = {"cloud_only": 0.03, "k_sqs": 0.04, "coupled": 0.02}
"""Seconds a token without loss; cloud-only decoding stays there."""
REPAIRS = {"timer of 200 ms": 10.0, "QUIC": 4.0}
"""By how much each loss makes the others longer; in bursts by half of that, and ids alone by three times as much."""


def row(kind: str, seed: int, loss: float, process: str, repair: str, label: str | None = None) -> dict[str, object]:
    more = 0.0 if kind == "cloud_only" else REPAIRS[repair] * loss * (1 + 2 * (kind == "coupled"))
    more = more * (0.5 if process == "gilbert_elliott" else 1.0) + (0.25 if label and kind != "cloud_only" else 0.0)
    arq = "quic" if repair == "QUIC" else "selective_repeat"
    label = label or repair
    words = f"{kind} loss={process} label={label}"
    return {
        "curve": words, "scheme.kind": kind, "seed": seed, AXIS: loss, LOSS: process, ARQ: arq, LABEL: label,
        "latency_per_token_s": ALONE[kind] * (1 + more) * (1 + 0.01 * seed),
    }  # fmt: skip


@pytest.fixture
def table() -> pd.DataFrame:
    """Three schemes and seeds over two losses and repairs, and a link that fades."""
    places = product(ALONE, range(3), (0.0, 0.1, 0.2), ("bernoulli", "gilbert_elliott"), REPAIRS)
    steady = [row(*place) for place in places]
    return pd.DataFrame([*steady, *(row(kind, seed, 0.0, "none", "QUIC", "fades of 1 s") for kind in ALONE
                                    for seed in range(3))])  # fmt: skip


def test_the_answer_names_the_repair_and_holds_the_edge_against_the_cloud_under_each(table: pd.DataFrame) -> None:
    """Ids alone take 0.02 (1 + 3 * 0.2 * 4) s with QUIC where cloud-only decoding takes 0.03, K-SQS 0.04 * 3 with the
    timer."""
    line = against_cloud.report(table, AXIS)
    assert line == (
        "at 20% loss both ways, edge drafting takes 127% more time than cloud only with QUIC; x 4 with timer of 200 ms"
    )
    assert len(line.split()) <= MOST_WORDS
    least = table[table[AXIS] <= 0.1]
    assert "at 10% loss" in (line := against_cloud.report(least, AXIS))
    assert "takes 46.7% more time than cloud only with QUIC; +167% with timer of 200 ms" in line


def test_a_link_without_one_end_of_the_axis_has_no_cost_and_no_answer_has_a_number_that_is_none(
    table: pd.DataFrame,
) -> None:
    lacking = table[~((table[LOSS] == "bernoulli") & (table[AXIS] == 0.2))]
    for cells in (table, lacking, table[table[AXIS] == 0.0], table[table["seed"] == 0]):
        lines = [each.report(cells, AXIS) for each in (SCENARIO.answer, *SCENARIO.findings) if each is not None]
        assert lines[0] and not any("nan" in line.split() for line in lines), lines
    assert "at 20% loss both ways" in against_cloud.report(lacking, AXIS)
    assert "independent" not in costs_of_all.report(lacking, AXIS)


def test_orders_turn_by_the_timer_and_not_by_quic(table: pd.DataFrame) -> None:
    """With the timer ids alone end above both others, with QUIC above cloud-only decoding alone."""
    line = turned.report(table, AXIS)
    assert "independent loss (timer of 200 ms) 2 of 3 (2 seen at both ends)" in line
    assert "independent loss (QUIC) 1 of 3 (1 seen at both ends)" in line and "fades" not in line
    assert "coupled (ids only), loss in bursts, QUIC nowhere" in pays_up_to.report(table, AXIS)


def test_both_directions_lose_and_repair_alike_at_the_losses_that_are_named() -> None:
    for up, down in loss_processes((0.0, 0.1)):
        assert up == down and Loss.of(up).mean_loss in (pytest.approx(0.0, abs=1e-9), pytest.approx(0.1))
    assert all(up == down for up, down, _ in REPAIRED)


def test_fading_and_outages_leave_the_mean_rate_of_the_other_links() -> None:
    others = Cell().uplink.rate.mean_bps
    assert Rate.of(FADING).mean_bps == pytest.approx(others, rel=0.002)
    up_s, out_s = OUTAGES["mean_up_s"], OUTAGES["mean_out_s"]
    assert OUTAGES["rate"]["bps"] * up_s / (up_s + out_s) == others
