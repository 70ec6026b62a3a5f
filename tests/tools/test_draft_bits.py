"""Bits a draft of the schemes' page: every scheme has a row, and the numbers are those of the code."""

import re

import pytest

from simulator.cell.scheme import Scheme
from tools.draft_bits import PAGE, PAIRS, SCHEMES, bits_per_draft, filled

TEXT = PAGE.read_text(encoding="utf-8")
WITHOUT = {"cloud_only", "colocated", "colocated_lookup", "edge_only"}
"""Schemes without a payload."""
MADE_OF_OTHERS = {"composed", "rungs"}


def row(scheme):
    (last,) = re.findall(rf"^\| `{scheme}` \|.*\| ([\d.,]+) / ([\d.,]+) \|$", TEXT, re.MULTILINE)
    return [float(number.replace(",", "")) for number in last]


def test_every_scheme_has_a_row_with_its_bits():
    ours = {kind for kind, part in Scheme.kinds.items() if part.__module__.startswith("simulator")}
    assert {*SCHEMES} == ours - WITHOUT - MADE_OF_OTHERS
    assert all(len(row(scheme)) == len(PAIRS) for scheme in SCHEMES)
    assert all(f"\n| `{scheme}` |" in TEXT for scheme in WITHOUT)


def test_bits_are_those_of_the_code():
    for scheme in ("k_sqs", "coupled"):
        assert row(scheme)[0] == pytest.approx(bits_per_draft(scheme, "sotu"), rel=0.03)


@pytest.mark.slow
def test_bits_of_every_scheme_are_those_of_the_code():
    measured = {scheme: [bits_per_draft(scheme, pair) for pair in PAIRS] for scheme in SCHEMES}
    assert filled(TEXT, measured) == TEXT
