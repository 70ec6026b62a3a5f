"""Bits over added rejections: a panel a vocabulary and temperature, the families in it, the bound below them."""

from __future__ import annotations

import numpy as np
import pandas as pd

import plots

AXIS = "models.temperature"
KINDS = {("composed", "all", "lattice"): 1.0, ("composed", "top_k", "lattice"): 0.8, ("composed", "all", "cubic"): 1.2,
         ("coupled", np.nan, np.nan): 0.1}  # fmt: skip


def table() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {AXIS: at, "vocabulary": size, "scheme.kind": kind, "scheme.sparsifier.kind": keeps, "curve": "x",
             "scheme.quantizer.kind": rule, "coded_bits_per_draft": factor * 4 / added, "added_rejection": added,
             "coded_bits_per_draft_ci95": 1.0, "added_rejection_ci95": 1.0, "n": 8, "covering_bits_per_draft": 3.0,
             "least_bits_per_draft": np.nan if kind == "coupled" else 0.4 - added, "oracle_bits_per_draft": 3 / added}
            for at in (0.5, 1.0)
            for size in (1000.0, 50_000.0)
            for (kind, keeps, rule), factor in KINDS.items()
            for added in (0.01, 0.1, 0.3, -0.02)
        ]
    )  # fmt: skip


def test_a_panel_a_setting_with_every_family_above_the_shaded_bound() -> None:
    figure = plots.draw("rates", table(), AXIS)
    assert figure is not None
    titles = [f"V = {size}, T = {at}" for size in ("1,000", "50,000") for at in ("0.5", "1")]
    assert [ax.get_title(loc="left") for ax in figure.axes] == titles
    ax = figure.axes[0]
    lines = [np.asarray(line.get_xydata()) for line in ax.lines]
    assert len(ax.containers) == 4 and all((points[:, 0] > 0).all() for points in lines)
    (shade,) = [each for each in ax.collections if each.get_zorder() == 1]
    highest = shade.get_paths()[0].vertices[:, 1].max()
    assert np.isclose(highest, 0.39) and all((points[:, 1] > highest).all() for points in lines)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["below the lower bound", "dense lattice", "scalar, each probability rounded", "top-K",
                      "ids, shared randomness", "oracle context model", "covering"]  # fmt: skip


def test_families_differ_in_marker_and_dashes_and_not_in_colour_alone() -> None:
    figure = plots.draw("rates", table(), AXIS)
    assert figure is not None
    drawn = [container.get_children()[0] for container in figure.axes[0].containers]
    assert len({line.get_marker() for line in drawn}) == len({line.get_color() for line in drawn}) == 4


def test_without_a_bound_there_is_no_figure() -> None:
    assert plots.draw("rates", table().drop(columns="least_bits_per_draft"), AXIS) is None
    assert plots.draw("rates", table().assign(added_rejection=-1.0), AXIS) is None
