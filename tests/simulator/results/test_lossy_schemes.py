"""Lossy schemes: found by what they say and by what is seen, marked, ranked apart, and reported with what they gain."""

import math

import pandas as pd

from simulator.results.column_names import LOSSY
from simulator.results.intervals import settings_of, summarise, with_curves
from simulator.results.lossy_schemes import lossy_curves, marked, ranked, with_lossy

AXIS = "uplink.rate.bps"
OFF = {"dense": 0.0, "edge_only": 0.3, "liar": 0.01, "cloud_only": math.nan}
SECONDS = {"dense": (0.4, 0.2), "edge_only": (0.01, 0.01), "liar": (0.3, 0.3), "cloud_only": (0.5, 0.1)}


def table() -> pd.DataFrame:
    """Cells of four schemes at two rates and two seeds; `liar` does not say that it is lossy."""
    rows = [
        {
            "cell": f"{kind} {rate:g} {seed}", "scheme.kind": kind, "curve": kind, AXIS: rate, "seed": seed,
            "tv_output": off + 0.1 * seed * (off == 0.3), "latency_per_token_s": SECONDS[kind][place] * (1 + seed),
        }
        for kind, off in OFF.items()
        for place, rate in enumerate((1e3, 1e4))
        for seed in (0, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def line(cells: pd.DataFrame) -> dict[str, bool | None]:
    return {cell: not cell.startswith("edge_only") for cell in cells["cell"]}


def test_a_scheme_is_lossy_where_it_says_so_and_where_its_text_shows_it() -> None:
    cells = with_lossy(table(), line(table()))
    assert lossy_curves(cells) == ["edge_only", "liar"]
    assert lossy_curves(with_lossy(table().assign(tv_output=0.0), line(table()))) == ["edge_only"]  # a lucky text
    summary = summarise(cells).assign(curve=lambda found: found["scheme.kind"])
    assert summary.loc[summary[LOSSY], "curve"].unique().tolist() == ["edge_only", "liar"]
    assert summarise(table())[LOSSY].tolist() == summary[LOSSY].tolist()  # without a word, by what is seen


def test_lossy_is_no_setting_and_names_no_curve() -> None:
    cells = with_lossy(table().drop(columns="curve"), line(table()))
    assert LOSSY not in settings_of(cells)
    assert set(with_curves(cells, AXIS)["curve"]) == set(OFF)


def test_a_lossy_curve_is_marked_once_and_kept_out_of_the_ranking_of_others() -> None:
    cells = with_lossy(table(), line(table()))
    names = ["dense", "edge_only (lossy)", "liar (lossy)", "cloud_only"]
    assert list(marked(marked(cells))["curve"].unique()) == names
    assert list(ranked(marked(cells))["curve"].unique()) == ["dense", "cloud_only"]
    alone = cells[cells["scheme.kind"] == "edge_only"]
    assert ranked(alone) is alone
