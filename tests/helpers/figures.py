"""A table to draw, and what tests read off its figures: curves, bars, words."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure

import plots
from plots.page import Page
from simulator.results.column_names import BREAKDOWN, CI_SUFFIX

AXIS = "uplink.rate.bps"
GENERAL = ("latency", "tails", "capacity", "breakdown", "bits", "resampling")
"""Figures of any simulation with a swept number; the others need what their own tests give them."""
BITS = {"cloud_only": 0.0, "dense": 500.0, "k_sqs": 100.0, "c_sqs": 150.0}


def summary(
    rates: Sequence[float] = (1e3, 1e4, 1e5, 1e6), schemes: Sequence[str] = tuple(BITS), axis: str = AXIS
) -> pd.DataFrame:
    """A summary table with known numbers: 1/rate transmission on top of constant compute."""
    rows = []
    for kind in schemes:
        bits = BITS.get(kind, 200.0)
        for rate in rates:
            parts = dict.fromkeys(BREAKDOWN, 0.0) | {
                "uplink_transmit_s": bits / rate if rate else bits, "verify_s": 0.02, "draft_s": 0.01, "encode_s": 1e-6,
            }  # fmt: skip
            drafts = bits > 0
            metrics = parts | {
                "latency_per_token_s": sum(parts.values()),
                "payload_bits_per_token": bits,
                "resampling_per_draft": 0.2 if drafts else np.nan,
                "rejection_bound": 0.3 if drafts else np.nan,
            }
            metrics["latency_per_token_p50_s"] = 0.9 * metrics["latency_per_token_s"]
            metrics["latency_per_token_p99_s"] = 2 * metrics["latency_per_token_s"]
            spread = {name + CI_SUFFIX: 0.1 * value for name, value in metrics.items()}
            rows.append({"scheme.kind": kind, "curve": kind, axis: rate, "n": 3, **metrics, **spread,
                         "capacity": 10 + len(rows), "bounded": bits < 500, "objective": "ttft_s <= 1 s",
                         "first_limit": "" if bits == 500 else "ttft_s" if bits else "tpot_p95_s"})  # fmt: skip
    return pd.DataFrame(rows)


def drawn(
    name: str, table: pd.DataFrame, axis: str | None = AXIS, page: Page | None = None, cells: pd.DataFrame | None = None
) -> Figure:
    figure = plots.draw(name, table, axis, page, cells)
    assert figure is not None
    return figure


def words_around(figure: Figure) -> str:
    """What is written around the axes, with blanks for ends of lines: title, labels of axes, caption."""
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


def legend_of(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def ends_of(figure: Figure) -> list[str]:
    """The curves' names at their ends, panel by panel, from the lowest up."""
    return [text.get_text() for ax in figure.axes for text in ax.texts if text.get_position()[0] > 1]


def titles_of(figure: Figure) -> list[str]:
    return [ax.get_title(loc="left") for ax in figure.axes]


def names_beside(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_yticklabels()]


def curves_of(ax: Axes) -> dict[str, ErrorbarContainer]:
    """By its label, each curve or mark with intervals."""
    return {str(each.get_label()): each for each in ax.containers if isinstance(each, ErrorbarContainer)}


def bars_of(ax: Axes) -> list[BarContainer]:
    return [each for each in ax.containers if isinstance(each, BarContainer)]


def widths_of(ax: Axes) -> list[float]:
    return [bar.get_width() for group in bars_of(ax) for bar in group]
