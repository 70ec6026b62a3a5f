"""What is reported of rounds verified as blocks, on a table whose answers are known."""

import math

import numpy as np
import pandas as pd
import pytest

from scenarios.blocks import (
    ALL,
    BETA,
    BITS,
    DRAFT_S,
    ELL,
    GAIN,
    LENGTH,
    PAIR,
    ROUND_TRIP_S,
    TEMPERATURE,
    TOKENS,
    VERIFY_S,
    K,
    all_of_q_gains,
    best_settings,
    by_the_others,
    gains,
    gains_by_what_is_sent,
    printed_gains,
    printed_times,
    time_saved,
    times,
    where_the_best_moves,
)

NAN = math.nan
SENT = {  # K, beta, ell: bits a draft, tokens of a round of 8 by rejection, share gained as a block
    (8, NAN, 100): (50, 2.0, 0.0),
    (32, NAN, 100): (100, 2.04, 0.1),
    (NAN, 0.1, 100): (60, 2.0, 0.02),
    (NAN, NAN, NAN): (16_000, 3.0, 0.2),
}


def table(seeds: int = 4) -> pd.DataFrame:
    """Rounds of 4 and 8 drafts; those of 4 have half of the drafts accepted, and gain half as much."""
    rows = []
    for seed in range(seeds):
        for at in (0.6, 1.0):
            for (k, beta, ell), (bits, tokens, gained) in SENT.items():
                for length, share in ((4, 0.5), (8, 1.0)):
                    rejection = 1 + (tokens - 1) * share + 0.01 * seed
                    rows.append({
                        "seed": seed, PAIR: "sotu", TEMPERATURE: at, LENGTH: length, "vocabulary": 1024, BITS: bits,
                        K: k, BETA: beta, ELL: ell, TOKENS["rejection"]: rejection, GAIN: gained * share,
                        TOKENS["block"]: rejection * (1 + gained * share),
                    })  # fmt: skip
    return pd.DataFrame(rows)


def test_the_answer_is_what_all_of_q_gains_in_one_number() -> None:
    line = all_of_q_gains.report(table(), LENGTH)
    assert line == (
        "verified as blocks, rounds of 8 drafts commit 20% more tokens than by rejection if all of q is sent"
    )
    assert all_of_q_gains.report(table()[lambda rows: rows[ELL].notna()], LENGTH) == ""


def test_gains_are_reported_by_what_is_sent_for_short_and_long_rounds() -> None:
    line = gains_by_what_is_sent.report(table(), LENGTH)
    assert line.startswith("tokens a round gained as a block, L = 4 and 8: sotu, T = 0.6: K = 8 +0% and +0%, ")
    assert f"K = 32 +5% and +10%, {ALL} +10% and +20%; sotu, T = 1: " in line
    written = gains(table()).set_index(["place", "what is sent", LENGTH])[GAIN]
    assert written["sotu, T = 1", "K = 32, ℓ = 100", 8] == pytest.approx(0.1)
    printed = printed_gains(table()).text()
    assert "K = 32, ℓ = 100" in printed and "+10%" in printed and "+5%" not in printed


def test_times_are_a_closed_form_and_the_best_setting_may_be_another_as_a_block() -> None:
    """At 100 kbit/s K = 32 is worth its bits as a block alone."""
    best = {(each.place, each.rate_bps, each.symbol): each for each in best_settings(table(1))}
    found = best["sotu, T = 1", 100e3, "K"]
    assert (found.by_rejection, found.as_block) == ((8, 100, 8), (32, 100, 8))
    assert found.rejection_s == pytest.approx((8 * (DRAFT_S + 50 / 100e3) + ROUND_TRIP_S + VERIFY_S) / 2.0)
    assert found.block_s == pytest.approx((8 * (DRAFT_S + 100 / 100e3) + ROUND_TRIP_S + VERIFY_S) / (2.04 * 1.1))
    assert found.less.size == pytest.approx(found.block_s / found.rejection_s - 1)
    line = where_the_best_moves.report(table(), LENGTH)
    assert "K up at 2 and down at 0, ℓ up at 0 and down at 0" in line and "of 4 places and rates" in line
    assert "sotu, T = 1, 100 kbit/s: K 8 to 32" in line and "none moves" in line
    assert "β, sotu, T = 1, 100 kbit/s -2%" in time_saved.report(table(), LENGTH)
    assert len(times(table())) == 8 and "32, 100, 8: " in printed_times(table()).text()


def test_each_seeds_time_is_that_of_the_setting_which_the_others_choose() -> None:
    lucky = np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 0.1]])  # [setting, seed]
    assert by_the_others(lucky).tolist() == [1.0, 1.0, 1.0]
    assert by_the_others(lucky[:, 2:]).tolist() == [0.1], "a seed that is alone chooses for itself"


def test_of_a_table_of_another_study_nothing_is_reported() -> None:
    other = table().drop(columns=LENGTH)
    asked = (all_of_q_gains, gains_by_what_is_sent, where_the_best_moves, time_saved)
    assert {question.report(other, None) for question in asked} == {""}
    assert printed_gains(other) is printed_times(other) is None
    assert gains(other).empty and times(other).empty
