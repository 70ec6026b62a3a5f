"""What is reported of accepted drafts and distance, on a table made of the closed forms themselves."""

import pandas as pd
import phase_tables
import pytest

from scenarios.who_drafts import SPEED, beside_simulated, pays_from_accepted, printed_beside
from simulator.results.acceptance_plane import MODES

pytestmark = pytest.mark.usefixtures("few_predictions")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return phase_tables.at_speeds(phase_tables.table(), 1.0)


def test_each_simulated_place_stands_beside_the_closed_form_of_the_best_mode(table: pd.DataFrame) -> None:
    rows = beside_simulated(table)
    assert len(rows) == len(phase_tables.NAMES) * len(phase_tables.TRIPS)
    assert {*rows["mode"]} <= {*MODES} and (rows["colocated"] < rows["predicted"]).all()
    assert rows.groupby("accepted")["predicted"].is_monotonic_increasing.all(), "by the distance, for either pair"
    assert (rows["less_low"] < rows["less"]).all() and (rows["less"] < rows["less_high"]).all()
    printed = printed_beside(table)
    assert printed is not None and len(printed.groups[0].rows) == len(rows)


def test_it_is_reported_from_how_many_accepted_drafts_on_an_edge_pays(table: pd.DataFrame) -> None:
    line = pays_from_accepted.report(table, SPEED)
    assert line.startswith(
        "by the closed form an edge that sends ids pays from so many accepted drafts of 4 on (in brackets with c from "
        "0.4 to 0.2 in place of 0.3, the share of corrections that are the drafter's next choice): speed 1 from "
    )
    assert " at 5 ms, " in line and " simulated places where one is seen" in line
    alone = table[table["scheme.kind"] != "coupled"]
    assert pays_from_accepted.report(alone, SPEED) == "" and printed_beside(alone) is None
