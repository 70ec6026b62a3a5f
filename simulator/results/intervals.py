"""Means over seeds with Student-t intervals, and comparisons paired by seed.

Cells that differ only in what is compared share their random numbers: the interval of the paired comparison is the one
that counts. Its one statistic is the mean of ln(first / second), which swapping the two negates. Where settings were
chosen on other seeds, the error of that choice (`choice_error`) widens the intervals of the metric they were chosen by.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from kinds.arrays import Bools, Floats, Ints
from simulator.results.column_names import (
    ALL_CLASSES,
    BREAKDOWN,
    CHOICE_SUFFIX,
    CI_SUFFIX,
    CLASS,
    CURVE,
    LABEL,
    LOSSY,
    N_SUFFIX,
    RECOMMENDED,
    SPEEDUPS,
)
from simulator.results.lossy_schemes import departs
from simulator.results.metrics import METRICS, ON_REQUEST
from simulator.results.plain_columns import codes, distinct, hashable, is_missing, rows_alike
from simulator.results.study_columns import STUDY_KEYS, STUDY_METRICS
from simulator.results.units import names_file, quantity

KIND: Final = "scheme.kind"
SCHEME: Final = "scheme."
Labels = Mapping[str, Sequence[Mapping[str, str]]]
"""A user's labels of schemes, each with the schemes that it stands for: their fields by column, as `text_of` has them;
fields that are null are left out."""
_COUNT: Final = re.compile(r"fleet\.[^.]+\.count")
_NO_LABELS: Final[Labels] = {}
_NOT_SETTINGS = ("cell", "seed", CURVE, LOSSY, *SPEEDUPS, *RECOMMENDED)
_MEASURED = frozenset({*BREAKDOWN, "hidden_draft_s", *STUDY_METRICS, *ON_REQUEST})
"""Columns measured of a cell besides METRICS, to which a user's file may add."""
CONFIDENCE: Final = 0.95
"""The confidence of every interval."""
ROUNDING = 1e-9
"""Numbers that differ by no more than this share of them are one number, added up in another order."""
NORMAL: Final = 1.96
"""The quantile of a normal distribution at CONFIDENCE."""
RESAMPLES: Final = 400


@dataclass(frozen=True)
class Interval:
    """A mean over `n` seeds and the half-width of its interval; nan where there is none: of one seed, and of seeds that
    all have one value, since nothing varies that an interval could be over."""

    mean: float
    half_width: float
    n: int

    @property
    def same(self) -> bool:
        """True if several seeds have one value."""
        return self.n > 1 and math.isnan(self.half_width)

    @property
    def separable(self) -> bool:
        """True if 0 lies outside the interval. A single seed separates nothing; seeds that agree leave no doubt."""
        return self.mean != 0 if self.same else abs(self.mean) > self.half_width


@dataclass(frozen=True)
class Difference:
    """Difference between two samples of `metric`: `found` is the mean of ln(first / second) with its interval. If not
    `relative`, as when a value is 0 or less, it is that of first - second, in the metric's unit."""

    metric: str
    found: Interval
    relative: bool = True

    @property
    def n(self) -> int:
        """The number of seeds compared."""
        return self.found.n

    @property
    def same(self) -> bool:
        """True if several seeds have one value."""
        return self.found.same

    @property
    def separable(self) -> bool:
        """True if the two are distinguishable at CONFIDENCE."""
        return self.found.separable

    @property
    def lower(self) -> bool:
        """True if the first is distinguishable from the second, and lower."""
        return self.separable and self.found.mean < 0

    @property
    def size(self) -> float:
        """The first over the second, less 1; first - second where not `relative`."""
        return self._shown(self.found.mean)

    @property
    def low(self) -> float:
        """The lower end of the interval of `size`, nan where there is none."""
        return self._shown(self.found.mean - self.found.half_width)

    @property
    def high(self) -> float:
        """The upper end, likewise."""
        return self._shown(self.found.mean + self.found.half_width)

    def _shown(self, statistic: float) -> float:
        return float(np.expm1(statistic)) if self.relative else statistic


def interval(values: Sequence[float] | npt.NDArray[np.floating]) -> Interval:
    """Mean and t s / sqrt(n) of values [n], t of Student's distribution at CONFIDENCE, nan left out; no half-width
    where all are one number, an infinite one where some are infinite and others not."""
    given = np.asarray(values, dtype=np.float64)
    given = given[~np.isnan(given)]
    n = int(given.size)
    if n == 0:
        return Interval(math.nan, math.nan, 0)
    if np.isinf(given).any() and not (given == given[0]).all():
        return Interval(math.nan if {math.inf, -math.inf} <= {*given} else float(given.mean()), math.inf, n)
    (mean,), (half,) = _of_each(given[None])
    return Interval(float(mean), math.nan if math.isnan(half) else float(half), n)  # the one nan: equals are equal


def summarise(cells: pd.DataFrame) -> pd.DataFrame:
    """A row per setting (all columns but seed, label and metrics), in order of appearance: its label where the table
    has labels, the fields that tell settings apart, `n`, LOSSY, each metric's mean and `_ci95`, and `_n` where it has a
    number in fewer seeds than `n`, then the other fields, without where their figures are from. `n` counts the seeds
    that counted: those in which a request was answered; where none is asked, all. With cloud_only among the settings
    also SPEEDUPS."""
    metrics, settings = metrics_of(cells), settings_of(cells)
    numbered = {name: codes(cells[name]) for name in settings}
    groups = rows_alike(numbered.values(), len(cells))
    values = np.array([cells[name].to_numpy(dtype=np.float64) for name in metrics]).reshape(len(metrics), len(cells))
    means, halves, counts = _intervals(values, groups)
    seeds = np.array([len(places) for places in groups])
    if "answered" in metrics:
        answered = values[metrics.index("answered")] > 0
        seeds = np.array([int(answered[places].sum()) for places in groups])
    fewer = (counts > 0) & (counts < seeds)
    lossy = departs(cells).to_numpy(dtype=bool)
    firsts = [places[0] for places in groups]
    kept = [*([LABEL] if LABEL in cells.columns else []), *settings]
    fields = {name: cells[name].take(firsts).tolist() for name in kept if not _is_citation(name, settings)}
    apart = {LABEL, KIND, *(name for name, of in numbered.items() if (of != of[0]).any())}
    found: dict[str, object] = {name: values for name, values in fields.items() if name in apart}
    found |= {"n": seeds, LOSSY: [bool(lossy[places].any()) for places in groups]}
    for place, name in enumerate(metrics):
        if name + CHOICE_SUFFIX in cells.columns:
            errors = cells[name + CHOICE_SUFFIX].to_numpy(dtype=np.float64)[firsts]
            every = zip(means[place], halves[place], counts[place], errors, strict=True)
            halves[place] = [_widened(Interval(m, h, n), abs(m) * e).half_width for m, h, n, e in every]
            found[name + CHOICE_SUFFIX] = errors
        found |= {name: means[place], name + CI_SUFFIX: halves[place]}
        if fewer[place, :1].any():
            found[name + N_SUFFIX] = _where(fewer[place], counts[place])
    found |= _speedups(cells, groups, numbered)
    for _, place in np.argwhere(fewer.T):  # of metrics that have a number in all seeds of the first setting
        found.setdefault(metrics[place] + N_SUFFIX, _where(fewer[place], counts[place]))
    return pd.DataFrame(found | fields)


def choice_error(costs: Sequence[Floats], shown: int) -> float:
    """Returns the error, in ln(cost), of the choice of the setting `shown` among several: the root mean square, over
    bootstrap resamples of the seeds of the race, of the distance by which the setting that each would choose is below
    it. `costs` are those of each setting on its first seeds, [seeds] each; 0 of one seed, of which nothing is known."""
    most = max(map(len, costs))
    draws = np.random.default_rng(0).integers(0, most, (RESAMPLES, most))
    below = np.zeros(RESAMPLES)
    for place, each in enumerate(costs):
        n = min(len(each), len(costs[shown]))
        if place != shown and n > 1:
            difference = np.log(each[:n]) - np.log(costs[shown][:n])
            drawn = np.where(draws < n, difference[np.minimum(draws, n - 1)], np.nan)
            means = np.nan_to_num(np.nanmean(np.column_stack([drawn, np.full(RESAMPLES, difference.mean())]), axis=1))
            spread = math.sqrt(n / (n - 1))  # a resample of n has (n - 1) / n of the variance
            below = np.minimum(below, difference.mean() + spread * (means - difference.mean()))
    return float(np.sqrt(np.mean(below**2)))


def _widened(found: Interval, error: float) -> Interval:
    """The interval with a further standard error; of one seed it has none."""
    half = 0.0 if found.same else found.half_width
    return Interval(found.mean, math.hypot(half, NORMAL * error), found.n) if error > 0 else found


def interval_of(row: pd.Series[float], metric: str) -> tuple[float, float]:
    """The mean of a metric in a row of a summary and the half-width of its interval; nan if there is none."""
    return float(row[metric]), float(row.get(metric + CI_SUFFIX, math.nan))


def _is_citation(name: str, settings: Sequence[str]) -> bool:
    """True if a column says where the figures of a part that has a name are from."""
    part, _, field = name.rpartition(".")
    return field == "source" and f"{part}.name" in settings


def of_all_devices(table: pd.DataFrame, *metrics: str) -> pd.DataFrame:
    """The rows of whole cells, without those of single classes of devices, and without the column that tells them.
    `metrics`: those of the form `CLASS.METRIC` become columns."""
    if CLASS not in table.columns:
        return table
    whole = table[table[CLASS].isna() | (table[CLASS] == ALL_CLASSES)].drop(columns=CLASS)
    for metric in metrics:
        name, dot, plain = metric.rpartition(".")
        if dot:
            rows = table[table[CLASS] == name]
            whole = whole.assign(**{metric: whole["cell"].map(dict(zip(rows["cell"], rows[plain], strict=True)))})
    return whole


def summarise_curves(table: pd.DataFrame) -> pd.DataFrame:
    """`summarise` of a table whose curves have names, which are kept."""
    kept = "shown as"
    return summarise(table.rename(columns={CURVE: kept})).rename(columns={kept: CURVE})


def _speedups(
    cells: pd.DataFrame, groups: Sequence[Sequence[int]], numbered: Mapping[str, Ints]
) -> dict[str, list[float]]:
    """SPEEDUPS of each setting, whose rows are at these places; {} where none is set against cloud_only.
    `numbered`: the codes of the columns of the settings."""
    metric = "latency_per_token_s"
    if not {metric, KIND, "seed"} <= {*cells.columns} or "cloud_only" not in set(cells[KIND]):
        return {}
    shared = [of for name, of in numbered.items() if name == CLASS or ("." in name and not name.startswith(SCHEME))]
    table, kinds = _compared_columns(cells, metric), cells[KIND].tolist()
    if "answered" in cells.columns:
        table = table.assign(**{metric: table[metric].mask(cells["answered"].astype(float) < 1)})
    rows = [table.iloc[[*places]] for places in groups]
    keys = [tuple(int(of[places[0]]) for of in shared) for places in groups]
    every = zip(keys, rows, groups, strict=True)
    alone = {key: own for key, own, places in every if kinds[places[0]] == "cloud_only"}
    found = [_speedup(alone.get(key), own, metric) for key, own in zip(keys, rows, strict=True)]
    return {name: list(values) for name, values in zip(SPEEDUPS, zip(*found, strict=True), strict=True)}


def _speedup(alone: pd.DataFrame | None, own: pd.DataFrame, metric: str) -> tuple[float, float, float]:
    """SPEEDUPS of a setting's rows against those of the cloud alone; nan where any seed has none."""
    if alone is not None:
        found = compared(alone, own, metric)
        if 0 < found.n == len({*alone["seed"]} & {*own["seed"]}):
            return 1 + found.size, 1 + found.low, 1 + found.high
    return math.nan, math.nan, math.nan


def paired(cells: pd.DataFrame, metric: str, first: pd.Series[bool], second: pd.Series[bool]) -> Difference:
    """`metric` of one setting against another's over the seeds both have; `first`, `second` select their rows by mask.
    Raises ValueError where a mask selects a seed twice."""
    table = _compared_columns(cells, metric)
    one, other = (table[rows.to_numpy(dtype=bool)] for rows in (first, second))
    if not (one["seed"].is_unique and other["seed"].is_unique):
        raise ValueError("a seed occurs twice: the mask selects more than one setting")
    return compared(one, other, metric)


def _compared_columns(cells: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The columns that `compared` reads: to take rows of a wide table costs as much as there are columns."""
    return cells[[name for name in ("seed", metric, metric + CHOICE_SUFFIX) if name in cells.columns]]


def compared(first: pd.DataFrame, second: pd.DataFrame, metric: str) -> Difference:
    """`metric` in the rows of one setting against those of another over the seeds that both have, with the errors of
    either choice."""
    one, other = (
        dict(zip(rows["seed"].tolist(), rows[metric].astype(float).tolist(), strict=True)) for rows in (first, second)
    )
    common = [seed for seed in one if seed in other]
    values = (np.array([of[seed] for seed in common], dtype=np.float64) for of in (one, other))
    found, choice = paired_values(metric, *values), metric + CHOICE_SUFFIX
    errors = [float(rows[choice].max()) for rows in (first, second) if choice in rows.columns]
    return replace(found, found=_widened(found.found, math.hypot(*errors))) if found.relative else found


def paired_values(metric: str, first: Floats, second: Floats) -> Difference:
    """The comparison of values [n] with others [n] of the same seeds; a seed in which either is nan is left out."""
    known = ~(np.isnan(first) | np.isnan(second))
    first, second = first[known], second[known]
    with np.errstate(invalid="ignore"):  # inf - inf
        gap, most = np.abs(first - second), np.maximum(np.abs(first), np.abs(second))
    apart = (first != second) & (np.isinf(gap) | (gap > ROUNDING * most))
    one, other = first[apart], second[apart]
    relative = bool((one > 0).all() and (other > 0).all())
    values = np.zeros(first.shape)
    values[apart] = np.log(one) - np.log(other) if relative else one - other
    return Difference(metric, interval(values), relative)


def wilson(hits: int, tries: int) -> tuple[float, float]:
    """The interval of a share at CONFIDENCE (Wilson 1927)."""
    from scipy.stats import binomtest

    found = binomtest(hits, tries).proportion_ci(CONFIDENCE, "wilson")
    return float(found.low), float(found.high)


def geometric_means(rows: pd.DataFrame, by: str | list[str], metric: str) -> pd.Series[float]:
    """The geometric mean of `metric` in each group, in order of appearance: by it those are ordered that `paired` then
    compares. The arithmetic mean of all where some value is 0 or less."""
    values = rows[metric].astype(float)
    positive = bool((values.dropna() > 0).all())
    groups = rows[by] if isinstance(by, str) else [rows[name] for name in by]
    averaged: pd.Series[float] = pd.Series(np.log(values)) if positive else values
    means: pd.Series[float] = averaged.groupby(groups, sort=False).mean()
    return means.map(math.exp) if positive else means


def metrics_of(table: pd.DataFrame) -> list[str]:
    """The metric and breakdown columns of a table, in the table's order."""
    measured = {*METRICS, *_MEASURED}
    return [name for name in table.columns if _class_apart(name) in measured]


def _class_apart(name: str) -> str:
    """The metric of a class of devices without the class; any other column as it is called."""
    return name.rpartition(".")[2] if name.count(".") == 1 else name


def settings_of(table: pd.DataFrame) -> list[str]:
    """The configuration columns of a table of cells or of a summary, seed and label apart."""
    measured = {*METRICS, *_MEASURED}
    known = {*measured, *_NOT_SETTINGS, "n", *(name + N_SUFFIX for name in measured)}
    names = [name for name in table.columns if name != LABEL and not name.endswith((CI_SUFFIX, CHOICE_SUFFIX))]
    return [name for name in names if _class_apart(name) not in known]


def varying(table: pd.DataFrame) -> list[str]:
    """The configuration columns that take more than one value, but for what follows from others: how many devices a
    fleet has from the counts of its classes."""
    names = settings_of(table)
    follow = "workload.devices" if any(_COUNT.fullmatch(name) for name in names) else None
    return [name for name in names if _varies(table[name]) and not (follow and name.endswith(follow))]


def axis_of(table: pd.DataFrame, preferred: str | None = None, labels: Labels = _NO_LABELS) -> str | None:
    """The swept column: `preferred` where it varies, else the first field of numbers that every row has, the scheme's
    last, and those not that merely have another value in another scheme. None where no such field varies: a computed
    column is no axis."""
    varied = varying(table)
    if preferred in varied:
        return preferred
    numeric = [name for name in varied if ("." in name or name in STUDY_KEYS) and _is_numeric(table[name])]
    shared = [name for name in numeric if table[name].notna().all()]
    swept = [name for name in shared if not (name.startswith(SCHEME) and _one_a_scheme(table, name, labels))]
    return next(iter(sorted(swept, key=lambda name: name.startswith(SCHEME))), None)


def _one_a_scheme(table: pd.DataFrame, column: str, labels: Labels) -> bool:
    if KIND not in table.columns:
        return False
    return bool(table[column].groupby(scheme_names(table, labels)).nunique().max() < 2)


def scheme_names(table: pd.DataFrame, labels: Labels = _NO_LABELS) -> pd.Series[str]:
    """The name of each row's scheme: the label that the user gave it, in `labels` or in the table, else its kind."""
    names = table[KIND].astype(str)
    if LABEL in table.columns:
        names = table[LABEL].where(table[LABEL].notna(), names)
    if not labels:
        return names
    fields = [name for name in table.columns if name.startswith(SCHEME)]
    rows = [{name: text for name in fields if (text := text_of(row[name]))} for row in table[fields].to_dict("records")]
    given = [
        next((label for label, schemes in labels.items() if row in schemes), name)
        for row, name in zip(rows, names, strict=True)
    ]
    return pd.Series(given, index=table.index)


def text_of(value: object) -> str:
    """A value of a field, whether a table of cells or a file holds it; "" for none."""
    if is_missing(value):
        return ""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return repr(float(value)) if number else str(value)  # type: ignore[arg-type]


def with_curves(
    table: pd.DataFrame,
    axis: str | None,
    hidden: Sequence[str] = (),
    always: Sequence[str] = (),
    labels: Labels = _NO_LABELS,
) -> pd.DataFrame:
    """The table with a `curve` column: a name for each row, shared along `axis` and by seeds.

    A name is the scheme's, or the label that the user gave it, and those fields in which rows of that scheme differ,
    `axis` and `hidden` apart: a field by its last word, a kind by that of its part. Of

        scheme.kind  scheme.k  uplink.loss.kind  uplink.loss.probability
        dense        -         none              -
        k_sqs        8         none              -
        k_sqs        16        none              -
        k_sqs        16        bernoulli         0.1

    come `dense`, `k_sqs k=8 loss=none`, `k_sqs k=16 loss=none` and `k_sqs k=16 loss=bernoulli`: the probability has one
    value wherever it is there. Only where two settings would share a name are such fields in it, then `hidden` ones.
    The class of devices that a row is of is always told, as are the fields that are named `always`.
    """
    varied = [name for name in varying(table) if name not in (axis, KIND)]
    follow = () if axis is None or axis.startswith(SCHEME) else _following(table, axis, varied)
    open_ = [name for name in varied if name not in hidden and name not in follow]
    always = [name for name in (*always, CLASS) if name in table.columns]
    place = [name for name in (axis, "seed") if name in table.columns]
    words = {name: _words(table[name], name) for name in {*varied, *always}}
    fields_words = _fields_words(table, [*varied, *(name for name in always if name not in varied)])

    def word(name: str, value: object) -> str:
        return f"{fields_words[name]}={words[name][hashable(value)]}"

    given = table.assign(**{KIND: scheme_names(table, labels)})
    labelled = [*labels, *(table[LABEL].dropna().unique() if LABEL in table.columns else ())]
    for fields, count in ((open_, _values), (open_, _values_or_none), (varied, _values_or_none)):
        fields = [*fields, *(name for name in always if name not in fields)]
        fields = [name for name in fields if name in fields_words]
        names = names_by_difference(given, KIND, fields, count, word, always, labelled)
        named = table.copy().assign(**{CURVE: names})
        if not named.duplicated([CURVE, *place]).any():
            break
    return named


def _following(table: pd.DataFrame, axis: str, fields: Sequence[str]) -> list[str]:
    """Returns the fields, the scheme's apart, that have one value at each value of the axis."""
    others = [name for name in fields if not name.startswith(SCHEME)]
    places = codes(table[axis])
    return [name for name in others if len({*zip(places, codes(table[name]), strict=True)}) == len({*places})]


def named_without(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The table whose curves' names leave out their values of a column: `dense delay_s=0.05` -> `dense`. They have none
    of a column with one value, and of two fields with one word that of the first column comes first."""
    if table[column].nunique() < 2:
        return table
    field = column.removesuffix(".kind").rsplit(".", 1)[-1]
    word = rf" {field}=.+?(?= [A-Za-z_]\w*=| \((?:lossy|not known)|$)"  # a value may hold blanks
    return table.assign(**{CURVE: table[CURVE].str.replace(word, "", n=1, regex=True)})


def names_by_difference(
    table: pd.DataFrame,
    kind: str,
    fields: Sequence[str],
    count: Callable[[pd.Series[float]], int],
    word: Callable[[str, object], str],
    always: Sequence[str] = (),
    labelled: Sequence[str] = (),
) -> list[str]:
    """A name for each row: its `kind`, and a word for each of `fields` of which the rows of that kind count two values,
    or that are named `always`, where it is none of the `labelled`; nothing of what a row does not have."""
    columns = {name: table[name].tolist() for name in fields}
    telling = {
        of: [name for name in fields if (name in always and of not in labelled) or count(rows[name]) > 1]
        for of, rows in table[[*dict.fromkeys((kind, *fields))]].groupby(kind)
    }
    return [
        " ".join([str(of), *(word(name, value) for name in telling[of] if not is_missing(value := columns[name][row]))])
        for row, of in enumerate(table[kind])
    ]


def _fields_words(table: pd.DataFrame, fields: Sequence[str]) -> dict[str, str]:
    """Returns a word for each field: its last one, or for a kind that of its part. Of two fields with one word the
    second is left out if it has the values of the first, and gets two words if it has others."""
    found: dict[str, str] = {}
    for name in fields:
        steps = name.removesuffix(".kind").split(".")
        same = [other for other, word in found.items() if word == steps[-1]]
        if same and table[name].equals(table[same[0]].rename(name)):
            continue
        found[name] = "_".join([*dict.fromkeys((steps[0], steps[-1]))]) if same else steps[-1]
    return found


def _words(column: pd.Series[float], name: str) -> dict[Hashable, str]:
    """Returns a word for each value; a file goes by its name alone, unless two have the same. Two values never share a
    word."""
    words = {hashable(value): _short(value) for value in distinct(column)}
    if len(set(words.values())) < len(words):
        words = {key: str(key) for key in words}
    names = {key: quantity(word, name) for key, word in words.items()} if names_file(name) else words
    return names if len(set(names.values())) == len(set(words.values())) else words


def _varies(column: pd.Series[float]) -> bool:
    """True if a column has two values, a missing one included. Most have not, and need not be numbered to know it."""
    values = column.to_numpy()
    missing = pd.isna(values)
    if missing.any():
        return not missing.all()
    if len(values) and isinstance(values[0], list | tuple | dict):  # which would be compared item by item
        return _values_or_none(column) > 1
    return bool((values != values[:1]).any())


def _values(column: pd.Series[float]) -> int:
    return int(codes(column).max(initial=-1)) + 1


def _values_or_none(column: pd.Series[float]) -> int:
    found = codes(column)
    return int(found.max(initial=-1)) + 1 + bool((found < 0).any())


@cache
def _quantile(degrees: int) -> float:
    from scipy.special import stdtrit  # here: it costs a quarter of a second that a plain `--help` should not pay

    return float(stdtrit(degrees, (1 + CONFIDENCE) / 2))


def _intervals(values: Floats, groups: Sequence[Sequence[int]]) -> tuple[Floats, Floats, Ints]:
    """`interval` of each group of columns of values [metrics, rows]: means, half-widths and numbers of seeds,
    [metrics, groups] each."""
    means, halves = (np.full((len(values), len(groups)), math.nan) for _ in range(2))
    counts = np.zeros(means.shape, dtype=np.int64)
    for n in {len(places) for places in groups}:
        at = [each for each, places in enumerate(groups) if len(places) == n]
        given = np.ascontiguousarray(values[:, [groups[each] for each in at]])  # [metrics, groups of n, n]
        finite = np.isfinite(given).all(axis=2)
        rows, places = np.nonzero(finite)
        columns = np.take(at, places)
        means[rows, columns], halves[rows, columns] = _of_each(given[finite])
        counts[rows, columns] = n
        for row, place in np.argwhere(~finite & ~np.isnan(given).all(axis=2)):
            one = interval(given[row, place])
            means[row, at[place]], halves[row, at[place]], counts[row, at[place]] = one.mean, one.half_width, one.n
    return means, halves, counts


def _of_each(values: Floats) -> tuple[Floats, Floats]:
    """The means and half-widths of `interval` for each row of values [m, n], finite ones or all one infinity."""
    n, means = values.shape[1], values.mean(axis=1)
    if n < 2:
        return means, np.full(len(values), math.nan)
    with np.errstate(invalid="ignore"):  # inf - inf
        same = np.isinf(means) | (np.ptp(values, axis=1) <= ROUNDING * np.abs(values).max(axis=1))
        halves = _quantile(n - 1) * values.std(axis=1, ddof=1) / math.sqrt(n)
    return np.where(same, values[:, 0], means), np.where(same, math.nan, halves)


def _where(flags: Bools, counts: Ints) -> Ints | Floats:
    return counts if flags.all() else np.where(flags, counts, math.nan)


def _is_numeric(column: pd.Series[float]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
