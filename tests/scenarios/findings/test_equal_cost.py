"""Families of settings at equal cost, on a table whose answers are known."""

import re
from dataclasses import replace

import pandas as pd

from scenarios import AtEqual

BITS, REJECTED, KIND = "coded_bits_per_draft", "tv_qhat", "scheme.sparsifier.kind"
REJECTS = AtEqual(REJECTED, BITS, (KIND,), by="models.temperature")
SETTINGS = {"threshold": {0.1: (10.0, 0.8), 0.2: (40.0, 0.2)}, "top_k": {3: (10.0, 0.88), 8: (40.0, 0.22)}}


def table() -> pd.DataFrame:
    """top_k rejects a tenth more at each of two temperatures; three seeds, alike but for their level."""
    return pd.DataFrame(
        [
            {"cell": "x", "models.temperature": temperature, KIND: kind, "scheme.p": p, "seed": seed, "curve": "x",
             BITS: bits, REJECTED: lost * (1 - seed / 10)}
            for temperature in (0.5, 1.0)
            for kind, settings in SETTINGS.items()
            for p, (bits, lost) in settings.items()
            for seed in range(3)
        ]
    )  # fmt: skip


def test_a_grid_without_the_family_that_is_asked_about_is_reported_in_one_line():
    asked = replace(REJECTS, family=(KIND, "scheme.sparsifier.step"), choosing="conformal")
    assert asked.report(table(), None).endswith("everywhere fixed threshold is lowest, 9.1% below the next (top-K)")
    assert replace(asked, pair=("conformal", "threshold")).report(table(), None) == ""


def test_who_rejects_least_at_equal_bits_is_reported_with_the_range_and_as_a_table():
    line = REJECTS.report(table(), "models.temperature")
    assert line.startswith("At equal coded bits per draft (10 to 40, 10 to 40 bit): TV qhat over temperature:")
    assert line.endswith("everywhere fixed threshold is lowest, 9.1% below the next (top-K)")
    lines = REJECTS.table.printed(table()).text().splitlines()
    assert lines[0] == "At equal coded bits per draft (10 to 40, 10 to 40 bit)"
    assert re.split("  +", lines[2]) == ["TV qhat, by temperature", "0.5", "1"]
    assert [re.split("  +", line)[0] for line in lines[3:5]] == ["fixed threshold", "top-K"]
    assert all(entry.endswith("*") for entry in re.split("  +", lines[3])[1:]) and "*" not in lines[4]
    one = table()[lambda rows: rows[KIND] == "threshold"]
    apart = pd.concat([one, one.assign(**{KIND: "top_k", BITS: one[BITS] + 100})])
    assert REJECTS.report(apart, None) == "" and REJECTS.table.printed(apart) is None


def test_how_far_one_family_is_from_another_is_reported_for_each_value():
    line = replace(REJECTS, pair=("top_k", "threshold")).report(table(), None)
    assert line == (
        "TV qhat at equal coded bits per draft: top-K against fixed threshold 10% higher (the same in every "
        "seed) at 0.5, 10% higher (the same in every seed) at 1"
    )
    assert replace(REJECTS, pair=("top_k", "nobody")).report(table(), None) == ""
