"""The map of who answers fastest: a cell a place, by colour, hatch and letter; borders by the closed form as lines."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from phase_tables import ANSWERS, AXIS, NAMES, PROMPTS, TRIPS, table

import plots
from plots.phase_map_figure import LOOKS
from simulator.results.intervals import summarise


@pytest.fixture(scope="module")
def drawn() -> Figure:
    figure = plots.draw("phase_map", summary(), AXIS)
    assert figure is not None
    return figure


def summary() -> pd.DataFrame:
    return summarise(table(rng=0.02)).assign(curve="")


def test_there_is_a_panel_a_pair_and_answer_and_one_per_token_each_with_a_cell_a_place(drawn: Figure) -> None:
    assert len(drawn.axes) == len(NAMES) * (len(ANSWERS) + 1)
    colours = {colour for colour, *_ in LOOKS.values()}
    for ax in drawn.axes:
        cells = [patch for patch in ax.patches if to_hex(patch.get_facecolor()).upper() in colours and patch.fill]
        assert len(cells) == len(TRIPS) * len(PROMPTS)
        assert len(ax.texts) == len(TRIPS) * len(PROMPTS) and {text.get_text() for text in ax.texts} <= {*"CID?"}


def test_regions_differ_in_lightness_hatch_and_letter_so_that_they_read_in_grey() -> None:
    light = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (to_rgb(each[0]) for each in LOOKS.values()))
    assert min(high - low for low, high in pairwise(light)) > 0.15
    assert len({hatch for _, hatch, _, _ in LOOKS.values()}) == len({letter for _, _, letter, _ in LOOKS.values()}) == 3


def test_the_reported_transitions_stand_in_panels_of_the_time_per_token_alone(drawn: Figure) -> None:
    ends = [{round(10 ** float(line.get_xdata()[0]), 3) for line in ax.lines} for ax in drawn.axes]  # type: ignore[index]
    assert [each >= {0.083, 0.111} for each in ends] == [place % 3 == 2 for place in range(len(drawn.axes))]


def test_nothing_is_drawn_of_a_table_without_an_edge() -> None:
    assert plots.draw("phase_map", summary()[lambda rows: rows["scheme.kind"] == "cloud_only"], AXIS) is None
