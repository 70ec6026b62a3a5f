"""Comparison for a report: the curves of a summary, in groups that share a set-up, at each value of the axis: mean,
interval, settings chosen, and the difference, paired by seed, from another curve there."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from plots.style import Look, looks
from scenarios.command.result_folder import ResultFolder
from scenarios.findings.curve_table import unit_of
from scenarios.findings.question import of_setting
from scenarios.findings.text_table import number, rows_along
from simulator.results.column_names import CURVE, MARGIN_LOW
from simulator.results.display_names import DisplayNames, curve_of, words_of
from simulator.results.intervals import Difference, metrics_of, paired, varying
from simulator.results.lossy_schemes import marks, unranked
from simulator.results.paired_ratios import with_curves_of
from simulator.results.plain_columns import is_missing
from simulator.results.unanswered_requests import share_left_out
from simulator.results.units import quantity

LATENCY: Final = "latency_per_token_s"
_CHOSEN_FIELDS: Final = ("scheme.max_drafts", "scheme.resolution", "scheme.k", "scheme.beta", "scheme.target",
                         "scheme.step", "scheme.initial")  # fmt: skip
"""Fields that a scheme may choose, in the order in which they are written."""
_ROW: Final = "row of the summary"
_DARK_GROUND, _LEAST_CONTRAST = 0.0072, 3.5


@dataclass(frozen=True)
class InUnit:
    """The one unit of a metric in a table or along an axis: values are divided by `factor`."""

    factor: float
    symbol: str

    @classmethod
    def of(cls, metric: str, values: Sequence[float]) -> InUnit:
        """The unit of a run's table."""
        return cls(*unit_of(values, metric))

    def text(self, mean: float, half_width: float = math.nan) -> str:
        if math.isnan(mean):
            return "–"
        counted = self.factor == 1.0 and not self.symbol and float(mean).is_integer() and math.isnan(half_width)
        return f"{mean:,.0f}" if counted else number(mean / self.factor, half_width / self.factor).text


@dataclass(frozen=True)
class ShownCurve:
    """Curve of the summary. `key` is its name in the tables; `colours`, on a light and on a dark ground."""

    key: str
    name: str
    mark: str
    look: Look
    set_up: Mapping[str, str]

    @property
    def colours(self) -> tuple[str, str]:
        return self.look.colour, on_dark(self.look.colour)


@dataclass(frozen=True)
class Group:
    """Curves that share a set-up, and are ranked with each other."""

    name: str
    curves: Sequence[ShownCurve]


class Compared:
    """A result directory's summary as a report compares it, along its axis."""

    def __init__(self, folder: ResultFolder, asked: Sequence[str], answer: str = "") -> None:
        self._answer = answer
        whole, axis = folder.curved_summary
        self.summary = summary = of_setting(whole)
        self.axis = axis if axis in summary.columns else None
        self.cells, self._hidden = folder.cells, folder.note.hidden
        self.names = DisplayNames()
        found = [name for name in metrics_of(summary) if summary[name].notna().any()]
        first = (LATENCY,) if LATENCY in asked else ()
        wanted = [name for name in (*first, *asked, LATENCY, *found) if name in summary.columns]
        self.metrics = found
        self.metric = wanted[0] if wanted else ""
        self._unranked = unranked(summary)

    @property
    def too_few(self) -> bool:
        """True if it is a recommendation of so few seeds that its margins have no interval."""
        return MARGIN_LOW in self.summary.columns and bool(self.summary[MARGIN_LOW].isna().all())

    @cached_property
    def curves(self) -> Sequence[ShownCurve]:
        """The curves in order of appearance."""
        look, lossy, scheme = looks(self.summary), marks(self.summary), self._scheme_words
        made = []
        for key in dict.fromkeys(self.summary[CURVE].astype(str)):
            kind, fields = words_of(key)
            set_up = {name: value for name, value in fields.items() if name not in scheme}
            own = {name: value for name, value in fields.items() if name in scheme}
            name = self.names.curve(key if key in self.names.labels else curve_of(kind, own))
            made.append(ShownCurve(key, name, lossy.get(key, ""), look[key], set_up))
        return made

    @cached_property
    def groups(self) -> Sequence[Group]:
        """The curves by set-up; one without a part of it, as cloud-only is without a drafter, is in each that fits."""
        every = list(dict.fromkeys(tuple(curve.set_up.items()) for curve in self.curves))
        widest = [one for one in every if not any({*one} < {*other} for other in every)]
        return [
            Group(
                ", ".join(self.names.setting(*item) for item in items).removeprefix("label "),
                [curve for curve in self.curves if {*curve.set_up.items()} <= {*items}],
            )
            for items in widest
        ]

    @cached_property
    def at(self) -> Sequence[str]:
        """The values of the axis in words, ascending; one of "" without an axis."""
        return ["" if self.axis is None else self.value(at) for at, _ in rows_along(self.summary, self.axis)]

    @cached_property
    def rows(self) -> Mapping[str, Mapping[int, pd.Series[float]]]:
        """The summary's rows of each curve by the index of their value on the axis."""
        found: dict[str, dict[int, pd.Series[float]]] = {curve.key: {} for curve in self.curves}
        for at, (_, rows) in enumerate(rows_along(self.summary, self.axis)):
            for _, row in rows.iterrows():
                found[str(row[CURVE])][at] = row
        return found

    def value(self, at: object) -> str:
        """A value of the axis with its unit."""
        if isinstance(at, float | int | np.number) and not isinstance(at, bool):
            return "∞" if math.isinf(float(at)) else quantity(float(at), str(self.axis))
        return self.names.word(at)

    @property
    def opened(self) -> int:
        """The index of the value of the axis that the answer names first, or else of the middle one of those at which
        the first group has a curve."""
        words = [re.escape(at) if re.search(r"[^\W\d]", at) else rf"(?:at|[Ww]ith) {re.escape(at)}" for at in self.at]
        found = [re.search(rf"(?<![\w.,]){word}(?!\w|[.,]\d)", self._answer) if word else None for word in words]
        named = [(match.start(), at) for at, match in enumerate(found) if match]
        there = sorted({at for curve in self.groups[0].curves for at in self.rows[curve.key]})
        return min(named)[1] if named else there[(len(there) - 1) // 2]

    def scale(self, metric: str) -> InUnit:
        return InUnit.of(metric, [float(value) for value in self.summary[metric]])

    def is_ranked(self, curve: ShownCurve, row: pd.Series[float], metric: str) -> bool:
        """True if a row is ranked: it is lossless, no limit, and all requests were answered."""
        known = not math.isnan(float(row[metric]))
        return known and not self.too_few and curve.key not in self._unranked and not share_left_out(row, metric)

    def settings(self, row: pd.Series[float]) -> str:
        """Returns the settings that a scheme has chosen, or was given: `L = 4, K = 8`."""
        named = set(words_of(str(row[CURVE]))[1])
        names = [*_CHOSEN_FIELDS, *(name for name in self._hidden if name.startswith("scheme."))]
        known = [name for name in dict.fromkeys(names) if name in row.index and not is_missing(row[name])]
        words = [(name.rsplit(".", 1)[-1], row[name]) for name in known]
        return ", ".join(self.names.setting(name, str(value)) for name, value in words if name not in named)

    def difference(self, one: pd.Series[float], other: pd.Series[float], metric: str) -> Difference | None:
        """Returns the difference between two rows' metrics over the seeds that both have; None if there are no such
        seeds."""
        if metric not in self.cells.columns:
            return None
        found = paired(self._cells, metric, *(self._cells[_ROW] == row.name for row in (one, other)))
        return found if found.n else None

    @cached_property
    def _scheme_words(self) -> set[str]:
        """The words of curves' names that stand for fields of a scheme."""
        names = [name for name in varying(self.summary) if name.startswith("scheme.")]
        return {name.removesuffix(".kind").rsplit(".", 1)[-1] for name in names}

    @cached_property
    def _cells(self) -> pd.DataFrame:
        """The cells behind each row of the summary, under its index."""
        return with_curves_of(self.summary.assign(**{_ROW: self.summary.index}), self.cells)


def on_dark(colour: str) -> str:
    """The colour, made lighter until it stands out from a dark ground."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    for _ in range(20):
        if (_luminance(parts) + 0.05) / (_DARK_GROUND + 0.05) >= _LEAST_CONTRAST:
            break
        parts = [part + 0.12 * (1 - part) for part in parts]
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)


def _luminance(parts: Sequence[float]) -> float:
    """The relative luminance of a colour (WCAG 2.2)."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
