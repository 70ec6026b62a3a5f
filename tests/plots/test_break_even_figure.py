"""The break-even map: each setting a dot at (x, A), its winner shown by its marker, pairs by name; and the load."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import plots
from plots.style import SCHEMES
from simulator.results.break_even_plane import plane
from simulator.results.columns import BREAKDOWN

AXIS = "uplink.delay.delay_s"
T, TRIPS = 0.04, (0.005, 0.02, 0.32)
ACCEPTED = {"llama_1b_70b": 3.0, "vicuna_68m_13b": 0.4}


def row(kind: str, accepted: float, trip: float, **fields: Any) -> dict[str, object]:
    """Rounds of 50 ms and a round trip against T a token."""
    alone = kind == "cloud_only"
    per_token_s = T if alone else (0.05 + trip) / (1 + accepted)
    return {
        "scheme.kind": kind, "curve": f"{kind} {fields}", "n": 2, "models.pair.kind": "published", AXIS: trip / 2,
        "downlink.delay.delay_s": trip / 2, "uplink.rate.bps": 1e6, "cloud.latency.kind": "affine",
        "workload.devices": 1, "accepted_per_round": math.nan if alone else accepted, "tpot_s": per_token_s,
        "latency_per_token_s": per_token_s, "latency_s": 100 * per_token_s, "tail_tokens": 0.0,
        "cloud_s_per_token": T if alone else T / (1 + accepted), **dict.fromkeys(BREAKDOWN, 0.0),
        "cloud_decode_s" if alone else "verify_s": per_token_s, **fields,
    }  # fmt: skip


def summary(load: bool = False) -> pd.DataFrame:
    """Two pairs at three round-trip times; with `load` also a clock that serves 1, 10 and 100 devices."""
    rows = [
        row(kind, accepted, trip, **{"models.pair.name": name})
        for name, accepted in ACCEPTED.items()
        for kind in ("cloud_only", "dense", "k_sqs")
        for trip in TRIPS
    ]
    if load:
        rows += [
            row(kind, 2.0, 0.01, **{"models.pair.name": "llama_1b_70b", "cloud.latency.kind": "roofline",
                                    "workload.devices": devices})
            for kind in ("cloud_only", "colocated")
            for devices in (1, 10, 100)
        ]  # fmt: skip
    return pd.DataFrame(rows)


def drawn(table: pd.DataFrame) -> Figure:
    figure = plots.draw("break_even", table, AXIS)
    assert figure is not None
    return figure


def dots(ax: Axes) -> dict[str, np.ndarray]:
    """By the kind that wins, [n, 2]: x and A."""
    return {str(line.get_label()): np.asarray(line.get_xydata()) for line in ax.lines if line.get_linestyle() == "None"}


def test_each_setting_is_a_dot_at_x_and_a_under_the_marker_of_who_is_faster() -> None:
    found = plane(summary())
    (ax,) = drawn(summary()).axes
    shown = dots(ax)
    assert list(shown) == ["cloud_only", "dense", "k_sqs"]
    assert sum(map(len, shown.values())) == len(found) == 2 * 2 * len(TRIPS)
    for kind, places in shown.items():
        faster = found["tpot_s"] < found["target_s"]
        mine = found[~faster] if kind == "cloud_only" else found[faster & (found["scheme.kind"] == kind)]
        np.testing.assert_allclose(np.sort(places, axis=0), np.sort(mine[["x", "accepted_per_round"]], axis=0))
        above = places[:, 1] > places[:, 0]
        assert above.all() if kind != "cloud_only" else not above.any()


def test_winners_are_told_apart_in_grey_and_the_diagonal_is_drawn() -> None:
    (ax,) = drawn(summary()).axes
    looks = {str(line.get_label()): line for line in ax.lines if line.get_linestyle() == "None"}
    assert len({line.get_marker() for line in looks.values()}) == len(looks)
    for kind, line in looks.items():
        assert (to_hex(line.get_color()).upper(), line.get_marker()) == SCHEMES[kind]
    diagonal = np.asarray(ax.lines[0].get_xydata())
    np.testing.assert_allclose(diagonal[:, 0], diagonal[:, 1])


def test_each_pair_is_named_beside_its_line() -> None:
    (ax,) = drawn(summary()).axes
    assert {text.get_text() for text in ax.texts} == {name.replace("_", " ") for name in ACCEPTED}
    lines = [np.asarray(line.get_xydata()) for line in ax.lines[1:] if line.get_linestyle() == "-"]
    assert sorted(line[0, 1] for line in lines) == sorted(ACCEPTED.values()) and {len(line) for line in lines} == {3}


def test_the_clouds_time_over_devices_has_a_panel_where_a_clock_serves_several() -> None:
    figure = drawn(summary(load=True))
    assert len(figure.axes) == 2
    lines = {str(line.get_label()): line.get_ydata() for line in figure.axes[1].lines}
    np.testing.assert_allclose(lines["cloud_only roofline"], [T] * 3)
    np.testing.assert_allclose(lines["colocated roofline"], [T / 3] * 3)
    assert sum(map(len, dots(figure.axes[0]).values())) == 2 * 2 * len(TRIPS)


@pytest.mark.parametrize("column", ["tpot_s", "accepted_per_round", "verify_s"])
def test_without_its_columns_or_its_opponent_there_is_no_figure(column: str) -> None:
    assert plots.draw("break_even", summary().drop(columns=column), AXIS) is None
    assert plots.draw("break_even", summary()[lambda rows: rows["scheme.kind"] != "cloud_only"], AXIS) is None
