"""Trees over the chain: a panel a tree, a cell a rate and acceptance, bold where it is below 1."""

from __future__ import annotations

import pandas as pd
import pytest

import plots

AXIS, BY = "uplink.rate.bps", "models.pair.distance"
OVER = {"tree widths=(2, 1)": (1.2, 0.9), "multi_candidate candidates=4": (1.1, 0.8)}


def summary() -> pd.DataFrame:
    """The chain takes 2 s at the lower rate, 1 s at the higher, whatever the distance."""
    times = {"k_sqs": (1.0, 1.0), **OVER}
    return pd.DataFrame(
        {"curve": f"{curve} distance={tv}", "scheme.kind": curve.split()[0], AXIS: rate, BY: tv, "n": 3,
         "acceptance_rate": 0.9 - tv,
         "latency_per_token_s": seconds * share + 0.06 * (tv > 0.2 and curve != "k_sqs")}
        for curve, shares in times.items() for tv in (0.1, 0.4)
        for rate, seconds, share in zip((1e3, 1e6), (2.0, 1.0), shares, strict=True)
    )  # fmt: skip


def test_each_cell_is_the_trees_time_over_the_chains() -> None:
    figure = plots.draw("trees", summary(), AXIS)
    assert figure is not None
    first, second = figure.axes
    assert [text.get_text() for text in first.texts] == ["1.20", "0.90", "1.23", "0.96"]
    assert [text.get_text() for text in second.texts] == ["1.10", "0.80", "1.13", "0.86"]
    bold = [[text.get_text() for text in ax.texts if text.get_fontweight() == "bold"] for ax in (first, second)]
    assert bold == [["0.90", "0.96"], ["0.80", "0.86"]]
    assert [tick.get_text() for tick in first.get_yticklabels()] == ["0.80", "0.50"]
    assert [tick.get_text() for tick in second.get_xticklabels()] == ["1 kbit/s", "1 Mbit/s"]


@pytest.mark.parametrize("missing", [BY, "acceptance_rate"])
def test_nothing_is_drawn_without_distances_or_acceptance(missing: str) -> None:
    assert plots.draw("trees", summary().drop(columns=missing), AXIS) is None


def test_nothing_is_drawn_without_a_chain() -> None:
    assert plots.draw("trees", summary()[lambda rows: rows["scheme.kind"] != "k_sqs"], AXIS) is None
