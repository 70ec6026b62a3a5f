"""Figures of lines along an axis: latency, time to first token, tails, capacity, and the convergence of a
conformal threshold along a text."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, StrMethodFormatter
from pandas.api.types import is_numeric_dtype

from plots.axes import scale, swept, written, x_label
from plots.bars import Description
from plots.caption import caption
from plots.layout import Wording, finish, grid
from plots.lines import along
from plots.page import Page
from plots.style import BASELINES, chosen, curve_key, curves, looks
from plots.whiskers import draw_curves, halves, measured, numbers, reaches, whiskers
from simulator.results.column_names import CURVE, SPEEDUP
from simulator.results.display_names import words_of
from simulator.results.fastest_schemes import CODE, PAIR, PAPERS, RATE, TEMPERATURE, with_code
from simulator.results.intervals import interval, varying
from simulator.results.paired_ratios import HIGH, LOW, RATIO, ratios

LATENCY: Final = "latency_per_token_s"


RIVAL: Final = "cloud_only"
LOAD: Final = "workload.devices"
_NEAR: Final = (0.8, 1.2)
_MOST: Final = 3.0
"""Ratios are drawn up to this."""


def draw_latency(
    summary: pd.DataFrame, axis: str | None, page: Page, cells: pd.DataFrame | None = None
) -> Figure | None:
    """Curves of the mean with their intervals, means alone of a setting that is there to compare with; in place of
    them their ratios to cloud-only decoding, paired by seed, if some come near it, or, of one scheme along a load, to
    the least load. None without a swept axis."""
    if axis is None or LATENCY not in summary.columns or not is_numeric_dtype(summary[axis]):
        return None
    slowed = None if cells is None else over_least_load(summary, axis, cells)
    if slowed is not None:
        first = slowed[slowed[axis] == slowed[axis].min()]
        alone, one = first[LATENCY], f"{first[axis].iloc[0]:g} device{'' if first[axis].iloc[0] == 1 else 's'}"
        return _ratios(slowed, axis, f"over that with {one}", one, alone, "", page)
    compared = over_cloud(summary)
    if compared is None:
        title = f"Latency per token against {page.axis(axis)}"
        return along(summary, axis, Description(title, {LATENCY: ""}, "latency per output token"), page)
    alone = summary.loc[summary["scheme.kind"] == RIVAL, LATENCY].dropna()
    return _ratios(compared, axis, "over cloud only", "cloud only", alone, f", and cut at {_MOST:g}", page)


def _ratios(
    rows: pd.DataFrame, axis: str, over: str, one: str, alone: pd.Series[float], cut: str, page: Page
) -> Figure | None:
    """Draws the RATIO of rows to what takes the times `alone`."""
    ends = " to ".join(dict.fromkeys(written(float(each), LATENCY) for each in (alone.min(), alone.max())))
    what = Description(
        f"Latency per token {over}, against {page.axis(axis)}", {RATIO: ""}, f"time {over}",
        notes=[f"The line at 1: {one}, {ends} per token. Ratios, with intervals, are paired by seed{cut}."],
        low=LOW, high=HIGH, reference=(one, 1.0), most=_MOST if cut else float("inf"),
    )  # fmt: skip
    return along(rows, axis, what, page)


_EXPERIMENTS: Final = {
    LATENCY: "latency per token",
    "tv_qhat": "probability of rejection",
    "payload_bits_per_draft": "payload bits per draft",
}
"""Metrics of the experiments of SQS-SD, and the titles of their panels."""


def draw_experiments(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Curves along the temperature of what the papers' experiments report, a panel a metric: schemes whose bits are
    counted as the papers count, of the first pair, at the rate in the middle. None without temperatures, or rates."""
    if axis != TEMPERATURE or not {PAIR, RATE, *_EXPERIMENTS} <= {*summary.columns}:
        return None
    rows = with_code(chosen(summary))
    rates = sorted(rows[RATE].unique())
    rows = rows[(rows[PAIR] == rows[PAIR].iloc[0]) & (rows[RATE] == rates[len(rates) // 2]) & (rows[CODE] == PAPERS)]
    rows = rows.assign(**{CURVE: [words_of(str(curve))[0] for curve in rows[CURVE]]})
    if rows.empty:
        return None
    figure, axes, width_in = grid(page, [*_EXPERIMENTS.values()], 3, (0.4, 3.2), 2.8, "x")
    look = looks(rows)
    for ax, metric in zip(axes, _EXPERIMENTS, strict=True):
        logarithmic = metric.endswith("_draft")
        draw_curves(ax, rows, axis, metric, look, logarithmic)
        scale(ax.yaxis, metric, rows[metric].tolist(), reaches(rows, [metric], logarithmic), logarithmic)
    swept(axes[0], axis, rows[axis].tolist(), width_in)
    notes = ["Bits as the papers count. The probability is exact, TV(qhat, p), mean over drafts."]
    words = Wording("The papers' experiments by temperature", caption(rows, page, "lower", notes), x_label(page, axis))
    return finish(figure, page, words, curve_key(look, page))


def over_cloud(summary: pd.DataFrame) -> pd.DataFrame | None:
    """Returns the rows that are compared with cloud-only decoding, with their ratios and intervals; None if no scheme
    that drafts at the edge comes near it, or a curve has nothing to be compared with: then the times say it."""
    if SPEEDUP not in summary.columns:
        return None
    rows = summary[(summary["scheme.kind"] != RIVAL) & summary[SPEEDUP].notna()]
    found = (1 / rows[name] for name in (SPEEDUP, f"{SPEEDUP}_high", f"{SPEEDUP}_low"))
    rows = rows.assign(**dict(zip((RATIO, LOW, HIGH), found, strict=True)))
    each = [part[RATIO] for _, part in curves(chosen(rows[~rows["scheme.kind"].isin(BASELINES)]))]
    near = any(ratio.between(*_NEAR).any() or (ratio.min() < 1 < ratio.max()) for ratio in each)
    alone = summary["scheme.kind"] == RIVAL
    return rows if near and rows[CURVE].nunique() == summary.loc[~alone, CURVE].nunique() else None


def over_least_load(summary: pd.DataFrame, axis: str, cells: pd.DataFrame) -> pd.DataFrame | None:
    """Returns the rows of one scheme along a load with their ratios to the least load, and their intervals; None of
    several schemes, of one curve, or along what is no load."""
    one = not any(name.startswith("scheme.") for name in varying(summary))
    if axis != LOAD or not one or summary[CURVE].nunique() < 2:
        return None
    rows, of = cells.dropna(subset=[LATENCY]), "of"
    rows = rows.assign(**{of: rows[CURVE], CURVE: rows[axis]})
    found = ratios(rows, LATENCY, rows[axis] == rows[axis].min(), [of])
    return summary.merge(found.rename(columns={CURVE: axis, of: CURVE}), on=[CURVE, axis])


FIRST_TOKEN: Final = {
    "ttft_p99_s": "99th percentile", "ttft_p95_s": "95th percentile", "ttft_p90_s": "90th percentile",
    "ttft_p50_s": "median", "ttft_s": "mean",
}  # fmt: skip


def draw_first_token(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Curves with their intervals, a panel a class of devices where there are many; None where nothing was answered."""
    there = next((each for each in FIRST_TOKEN if each in summary.columns and summary[each].notna().any()), None)
    if there is None:
        return None
    title = f"Time to first token ({FIRST_TOKEN[there]}){_against(axis, page)}"
    return along(summary, axis, Description(title, {there: ""}, "time to first token"), page)


TAILS: Final = {"latency_per_token_p50_s": "median", "latency_per_token_p99_s": "99th percentile"}


def draw_tails(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """The median and the 99th percentile over requests, above each other on one scale, or two bars a scheme where
    nothing is swept; None where nothing was answered, or along names."""
    if not {*TAILS} <= {*summary.columns} or summary[[*TAILS]].isna().all(axis=None):
        return None
    title = f"Median and 99th percentile over requests{_against(axis, page)}"
    return along(summary, axis, Description(title, TAILS, "latency per output token"), page)


def _against(axis: str | None, page: Page) -> str:
    return f" against {page.axis(axis)}" if axis is not None else ""


FOUND, LIMIT = "capacity", "first_limit"
LEAST, MOST, NONE = "capacity_least", "capacity_most", "seeds_of_none"
AT_LEAST: Final = "more were not tried"
_RANGE: Final = "Bars: from the least to the most devices that one seed alone supports, of the numbers tried"
_WORDS: Final = {"ttft": "TTFT", "tpot": "TPOT", "itl": "ITL"}


def draw_capacity(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Draws the number of devices that a cell supports at the objective: curves from 0 on with the range over seeds, or
    a row per scheme if nothing is swept; open markers where another limit is met first than at most points, arrows
    where more devices were not tried. None without a search."""
    if FOUND not in summary.columns:
        return None
    ranged = {LEAST, MOST, NONE} <= {*summary.columns}
    if ranged:
        summary = summary.assign(**{LEAST: summary[LEAST].where(summary[NONE] == 0, 0)})
    failing = chosen(summary).get(LIMIT, pd.Series(dtype=str)).dropna()
    limits = [str(each) for each in failing[failing != ""].value_counts().index]  # the most frequent first
    plain, *others = [in_words(" and ".join(map(page.axis, each.split(" and ")))) for each in limits] or [""]
    other = " or ".join(others)
    notes = [f"Objective: {in_words(str(each))}." for each in summary.get("objective", pd.Series(dtype=str)).unique()]
    if plain:
        ends = f"; at open markers it is {other}." if other else "."
        notes.append(f"What fails first with more devices is {plain}{ends}")
    if ranged and (summary["n"] >= 2).any():
        none = (chosen(summary)[NONE] > 0).any()
        notes.append(f"{_RANGE}, from 0 where a seed supports none of them." if none else f"{_RANGE}.")
    title, low, high = "Devices that a cell supports", *((LEAST, MOST) if ranged else ("", ""))
    what = Description(
        f"{title}{_against(axis, page)}", {FOUND: ""}, "devices", "higher", notes, low=low, high=high, from_zero=True,
        hollow=lambda rows: rows.get(LIMIT, pd.Series("", index=rows.index)).isin(limits[1:]),
        hollow_label=f"{other} fails first", beyond=lambda rows: ~rows["bounded"].astype(bool), beyond_label=AT_LEAST,
        valued=True,
    )  # fmt: skip
    return along(summary if axis is not None else chosen(summary), axis, what, page)


def in_words(objective: str) -> str:
    """`tpot_p95_s <= 100 ms` -> `TPOT p95 at most 100 ms`."""
    text = re.sub(r"\b([a-z]\w*?)_s\b", lambda found: found[1].replace("_", " "), objective).replace("<=", "at most")
    return " ".join(_WORDS.get(word, word) for word in text.split())


TOKENS: Final = "tokens"
BOUNDS: Final = (
    ("papers_bound", "papers' bound", "#56B4E9", (0, (1, 1.4)), 1.8),
    ("one_sided_bound", "one-sided bound", "#0072B2", "-", 2.2),
    ("adversarial_dropped_mass", "distributions chosen against it", "#D55E00", (0, (5, 2)), 1.3),
)
"""Column, label, colour, dashes, width."""
_KEPT, _VERIFIED, _ONE_SIDED = "kept_dropped_mass", "verified_dropped_mass", "one_sided_bound"
_ROLLBACK: Final = "through_rejection"


def draw_convergence(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """The running mean of the dropped mass along a text, beside both bounds of the conformal threshold and its target:
    two panels, of the thresholds that go on, where the one-sided bound ends lowest, and highest. None of a table
    without bounds along a text."""
    if axis != TOKENS or _ONE_SIDED not in summary.columns:
        return None
    bounded = summary[summary[_ONE_SIDED].notna()]
    plain = bounded[(bounded["scheme.rollback"] == _ROLLBACK) & bounded["scheme.carry"].astype(bool)]
    found = curves((plain if len(plain) else bounded).sort_values(TOKENS, kind="stable"))
    found.sort(key=lambda each: float(each[1][_ONE_SIDED].iloc[-1]))
    drawn = [*found[:1], *found[1:][-1:]]
    if not drawn:
        return None
    titles = [page.threshold(rows.iloc[0].to_dict()) for _, rows in drawn]
    figure, axes, width_in = grid(page, titles, 2, (1.0, 3.6), 1.6 if page.narrow else 2.8, "xy", narrow=2)
    for ax, (_, rows) in zip(axes, drawn, strict=True):
        _threshold(ax, rows, summary)
    lowest = min(min(rows["scheme.target"].min(), rows[_KEPT].min()) for _, rows in drawn)
    axes[0].set(yscale="log", ylim=(0.5 * lowest, 1.1))  # bounds end at 1: more says nothing
    axes[0].yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes[0].yaxis.set_minor_locator(NullLocator())
    swept(axes[0], TOKENS, sorted(summary[TOKENS].unique()), width_in)
    key = dict(pair for ax in axes for pair in zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    lowest_and_highest = (
        f"Of {len(found)} thresholds that move, those whose bound is lowest and highest at the end; the report has all."
    )
    notes = [lowest_and_highest] if len(found) > len(drawn) else []
    notes += ["Bars reach to either seed."] if (bounded["n"] == 2).all() else []
    text = caption(summary, page, "lower", notes, intervals=bool((bounded["n"] > 2).any()))
    title = "Dropped mass under a conformal threshold, and what is promised of it"
    return finish(figure, page, Wording(title, text, "output tokens", "mean dropped mass so far"), [*key.items()])


def _threshold(ax: Axes, rows: pd.DataFrame, summary: pd.DataFrame) -> None:
    first, at = rows.iloc[0], numbers(rows, TOKENS)
    for column, label, colour, dashes, width in BOUNDS:
        ax.plot(at, rows[column].where(rows[column] > 0), color=colour, linestyle=dashes, linewidth=width, label=label)
    ax.axhline(first["scheme.target"], color="#666666", linewidth=0.9, linestyle=(0, (4, 3)), label="target")
    stays = summary[_ONE_SIDED].isna() & (numbers(summary, "scheme.sparsifier.beta") == first["scheme.initial"])
    if stays.any():
        fixed = summary[stays].sort_values(TOKENS)
        ax.plot(fixed[TOKENS], fixed[_KEPT], color="#999999", linewidth=1.2, marker="s", markersize=3,
                label="threshold that stays")  # fmt: skip
    if not np.allclose(rows[_VERIFIED], rows[_KEPT], rtol=1e-9):
        ax.plot(at, rows[_VERIFIED], color="#CC79A7", linewidth=1.1, marker="x", markersize=4,
                label="measured, verified drafts")  # fmt: skip
    mean, arms = measured(rows, _KEPT, logarithmic=True)
    if (rows["n"] == 2).all():  # to either seed
        arms = whiskers(mean, halves(rows, _KEPT) / interval((0.0, 2.0)).half_width, False)
    ax.errorbar(at, mean, yerr=arms, color="#000000", linewidth=0.9, marker="o", markersize=3.6, elinewidth=0.9,
                label="measured, kept drafts")  # fmt: skip
