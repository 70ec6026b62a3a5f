"""What is reported of the steps of the ladder and of headers, on a table whose answers are known."""

import pandas as pd
import pytest

from scenarios.ladder import (
    HEADER,
    PLACE,
    RATE,
    STEPS,
    printed_steps,
    steps_taken,
    what_headers_are_worth,
    what_instead_is_worth,
    what_it_is_worth,
)

AXIS = PLACE
STEP = {"as published": 1.0, "+ tuned": 0.9, "+ coded": 0.9, "or several candidates": 0.81, "+ block": 0.9,
        "+ the cloud starts": 0.54, "+ drafts ahead": 0.6, "+ prepares rounds": 0.54,
        "ids, as the last": 0.27}  # fmt: skip


def table() -> pd.DataFrame:
    """Three seeds, each of a speed of its own; at 1 kbit/s a header's bits are all that takes time, and the last step
    takes half of what is left with each length."""
    places = [
        ("near", 1e6, 320, 0.05),
        ("far", 1e6, 320, 0.2),
        *((f"thin, {bits}", 1e3, bits, bits / 1e3) for bits in (320, 24)),
    ]
    return pd.DataFrame(
        {"curve": label, "scheme.kind": "k_sqs", "seed": seed, PLACE: where, RATE: bps, HEADER: bits,
         "models.temperature": 1.0, "latency_per_token_s": (1 + seed) * seconds * share}
        for where, bps, bits, seconds in places
        for label, share in {**STEP, "cloud only": 0.7}.items()
        for seed in range(3)
    )  # fmt: skip


def test_the_answer_has_one_number_for_all_steps_over_the_fast_places_and_names_the_largest() -> None:
    line = what_it_is_worth.report(table(), AXIS)
    assert line == (
        "all steps together: 46% less time per token than as published at 1 Mbit/s; the largest step: the cloud starts"
    )
    slower = table()
    slower.loc[slower[RATE] < 1e6, "latency_per_token_s"] *= 9 * (1 + slower["seed"])
    assert what_it_is_worth.report(slower, AXIS) == line, "what thin uplinks take is no part of it"
    assert what_it_is_worth.report(slower[slower["curve"].isin([STEPS[0], "ids, as the last"])], AXIS) == ""


def test_what_headers_are_worth_stands_beside_what_all_steps_gain_with_each() -> None:
    every = "(the same in every seed)"
    assert what_headers_are_worth.report(table(), AXIS) == (
        "what shorter headers are worth beside the steps: temperature 1, 1 kbit/s: headers of 24 in place of 320 bits "
        f"as published 92.5% lower {every}, + prepares rounds 92.5% lower {every}; all steps 46% lower {every} at 320, "
        f"46% lower {every} at 24"
    )
    assert what_headers_are_worth.report(table()[lambda rows: rows[HEADER] == 320], AXIS) == ""


def test_each_label_is_held_against_the_one_it_builds_on_and_ids_against_the_last_step() -> None:
    taken = steps_taken(table()).set_index(["place", "label"])
    less = taken.loc["near", "less"]
    assert less["or several candidates"] == pytest.approx(-0.1) and less["+ block"] == pytest.approx(0.0)
    assert less["+ the cloud starts"] == pytest.approx(-0.4) and less["ids, as the last"] == pytest.approx(-0.5)
    assert less["+ prepares rounds"] == pytest.approx(-0.1)
    printed = printed_steps(table())
    assert printed is not None and printed.columns == ["near", "far", "thin, 320", "thin, 24"]
    assert "cloud only" not in {name for name, _ in printed.groups[0].rows}
    assert printed_steps(table()[lambda rows: rows["curve"] != "as published"]) is None


def test_prepared_rounds_are_against_drafting_ahead_everywhere_and_lookup_where_it_is_there() -> None:
    rows = table()[lambda rows: rows[PLACE].isin(["near", "far"])]
    prepared = "+ prepares rounds against + drafts ahead: near -10%; far -10%"
    assert what_instead_is_worth.report(rows, AXIS) == prepared
    last = rows[(rows["curve"] == "ids, as the last") & (rows[PLACE] == "near")]
    copies = [last.assign(curve=label, latency_per_token_s=last["latency_per_token_s"] * share)
              for label, share in (("copied ids, ahead", 1.25), ("copied in the cloud", 0.5))]  # fmt: skip
    assert what_instead_is_worth.report(pd.concat([rows, *copies]), AXIS) == (
        f"{prepared} | copied ids, ahead against ids, as the last: near +25% | copied in the cloud against copied ids, "
        "ahead: near -60%"
    )
