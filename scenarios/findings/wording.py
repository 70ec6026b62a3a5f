"""Wording of numbers with their intervals, of places along an axis, and of clauses; no other module words an
interval."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, Self

import numpy as np
import pandas as pd

from simulator.results.crossings import Crossing
from simulator.results.display_names import DisplayNames
from simulator.results.intervals import CONFIDENCE, Difference, Interval
from simulator.results.lossy_schemes import unmarked
from simulator.results.plain_values import Plain
from simulator.results.units import quantity, unit

NO_DIFFERENCE = "no difference seen"
DISTINGUISHABLE = (
    f"A difference is seen where the {CONFIDENCE:.0%} interval of mean ln(a/b), paired by seed, leaves out 0 (shown: "
    "a/b - 1)."
)
MOST_WORDS = 25
"""Most words of an answer, which is read in one breath."""
MANIFOLD = 2.0
"""Above +200% a ratio is written as a multiple, `x 3.4`."""
_WIDE = 1.0
"""Half-width of log10 from which on an interval says nothing: a factor of ten either way."""


class Row(Protocol):
    """A comparison of two curves: its place, and their paired difference or their crossing."""

    def numbers(self, columns: Sequence[str]) -> dict[str, Plain]:
        """The comparison for a program, its place by those of `columns` that both sides share."""
        ...


class Finding(str):
    """A sentence with the comparisons that it is made of."""

    rows: tuple[Row, ...]

    def __new__(cls, line: str, rows: Iterable[Row] = ()) -> Self:
        found = super().__new__(cls, line)
        found.rows = tuple(rows)
        return found


def rows_of(lines: Iterable[str]) -> list[Row]:
    """The comparisons of several sentences."""
    return [row for line in lines if isinstance(line, Finding) for row in line.rows]


def called(curve: object) -> str:
    """`K-SQS, K = 16 (lossy)`: a curve, a kind of scheme or of another part, as figures name it."""
    name = unmarked(str(curve))
    return DisplayNames().curve(name) + str(curve)[len(name) :]


def written_limits(limits: Mapping[str, float]) -> str:
    """`tpot_p95_s <= 100 ms and ttft_s <= 1 s`, of limits by their metrics."""
    return " and ".join(f"{name} <= {quantity(limit, name)}" for name, limit in limits.items())


def limits_in_words(objective: str) -> str:
    """`tpot_p95_s <= 100 ms and ttft_s <= 1 s` in the field's words: `100 ms TPOT (p95) and 1 s TTFT`."""
    words = []
    for limit in objective.split(" and "):
        name, _, most = limit.partition(" <= ")
        of, _, metric = name.rpartition(".")
        stem, _, tail = metric.removesuffix("_s").partition("_")
        known = stem in ("tpot", "ttft") and most
        words.append(f"{most} {stem.upper()}{tail and f' ({tail})'}{of and f' of {of}'}" if known else limit)
    return " and ".join(words)


def in_one_breath(line: str, note: str = "", most: int = MOST_WORDS) -> str:
    """The clauses of a line, which `; ` separates, as far as `most` words go; the first, and the note, stand."""
    clauses = re.split(r"; (?![^(]*\))", line)  # none within brackets
    while len(clauses) > 1 and len(f"{'; '.join(clauses)}{note}".split()) > most:
        clauses.pop()
    return Finding("; ".join(clauses) + note, rows_of([line]))


def amount(value: float, metric: str, digits: int = 3) -> str:
    """`1,050 ms` of a token's time, whose unit is always that; any other metric as `quantity` writes it."""
    per_token = metric.startswith(("latency_per_token", "tpot")) and unit(metric) == "s"
    return f"{quantity(1e3 * value, '', digits)} ms" if per_token else quantity(value, metric, digits)


def percent(less: Difference) -> str:
    """`12% lower (9% to 15%)`, `x 3.4 (2.9 to 4.1)`, or, where the seeds cannot tell, `no difference seen (-4.0% to
    1.7%; a difference above 6% would have been)`."""
    direction = "lower" if less.found.mean < 0 else "higher"
    if _is_manifold(less):
        return multiple(less)
    if less.same and not less.found.mean:
        return "equal (in every seed)"
    if less.n == 1 or less.same:
        return f"{sizes([less])} {direction} ({'one seed' if less.n == 1 else 'the same in every seed'})"
    if not less.separable:
        low, high = (_amount(less, each) for each in (less.low, less.high))
        if less.relative and MANIFOLD < less.high < math.inf:
            low, high = (f"x {quantity(1 + each, '')}" for each in (less.low, less.high))
        return no_difference([less], f"{low} to {high}")
    near, size, far = (_amount(less, each) for each in sorted((abs(less.low), abs(less.size), abs(less.high))))
    return f"{size} {direction} ({near} to {far})"


def _is_manifold(less: Difference) -> bool:
    return less.relative and less.size > MANIFOLD and (less.separable or less.n < 2 or less.same)


def multiple(less: Difference) -> str:
    """Returns `x 3.4 (2.9 to 4.1)`: how many times the second the first is."""
    note = "" if less.n > 1 and not less.same else " (one seed)" if less.n == 1 else " (the same in every seed)"
    return f"x {times(less).replace(' times', '')}{note}"


def change(less: Difference) -> str:
    """Returns `-12±3%`, with half the width of its interval, if it has one; `x 3.4` of a multiple."""
    if less.relative and not less.size <= MANIFOLD:
        return f"x {quantity(1 + less.size, '')}"
    half = 50 * (less.high - less.low)
    return f"{100 * less.size:+.0f}{'' if math.isnan(half) else f'±{half:.0f}'}%"


def signed(less: Difference) -> str:
    """Returns `-11.2% (-14.1% to -8.2%)` or `x 3.4 (2.9 to 4.1)`; the difference itself if there is no ratio."""
    if _is_manifold(less):
        return multiple(less)
    if not less.relative:
        return with_ends(less.size, less.low, less.high, lambda each: amount(each, less.metric))
    digits = 0 if abs(less.size) >= 1 else 1 if abs(less.size) >= 0.01 else 2
    return with_ends(less.size, less.low, less.high, lambda each: f"{100 * each:+,.{digits}f}%")


def fewer(less: Difference) -> str:
    """`percent` of what is counted: `21% fewer (18% to 24%)`."""
    return percent(less).replace("lower", "fewer").replace("higher", "more")


def less_or_more(less: Difference, down: str = "less", up: str = "more") -> str:
    """Returns `12% less (9% to 15%)`, or both ends of the interval if no difference is seen: `4% less to 2% more`."""

    def part(size: float) -> str:
        return f"{_amount(less, abs(size))} {down if size < 0 else up}"

    if less.n == 1 or less.same:
        return f"{sizes([less])} {down if less.size < 0 else up}" + (" (one seed)" if less.n == 1 else "")
    if not less.separable:
        return f"{part(less.low)} to {part(less.high)}"
    near, far = (_amount(less, each) for each in sorted((abs(less.low), abs(less.high))))
    return f"{part(less.size)} ({near} to {far})"


def times(found: Difference) -> str:
    """`4.1 times (3.9 to 4.3)`; a difference that is no ratio by `percent`."""
    if not found.relative:
        return percent(found)
    ratio, low, high = 1 + found.size, 1 + found.low, 1 + found.high
    if (found.n == 1 or found.same) and abs(found.size) < 0.005:
        return "unchanged"
    if found.n == 1 or found.same or not np.isfinite(high):
        return f"{quantity(ratio, '')} times"
    digits = max(0, 1 - int(np.floor(np.log10(max(ratio - low, 1e-3)))))
    return f"{ratio:,.{digits}f} times ({low:,.{digits}f} to {high:,.{digits}f})"


def ratio(found: Difference) -> str:
    """`2.3 times (1.9 to 2.7)`, one of one seed without an interval: how many times the second the first is."""
    line = times(found)
    return f"{line} (one seed)" if found.n == 1 else line


def excess(found: Difference) -> str:
    """Returns `13% (6% to 20%)`; `0%` of a setting that is the best itself."""
    if found.size == 0 or found.n == 1 or found.same:
        return f"{found.size:.0%}"
    return f"{found.size:.0%} ({found.low:.0%} to {found.high:.0%})"


def with_ends(value: float, low: float, high: float, word: Callable[[float], str]) -> str:
    """`38 ms (36 ms to 40 ms)`, each in the words of `word`; the value alone where there is no interval."""
    return word(value) + ("" if math.isnan(low) else f" ({word(low)} to {word(high)})")


def sizes(found: Sequence[Difference], digits: int = 3) -> str:
    """Returns `7% to 12%`: the least and the largest of some differences without their signs."""
    ordered = sorted(found, key=lambda less: abs(less.size))
    return _ends(
        f"{quantity(100 * abs(less.size), '', digits)}%"
        if less.relative and math.isfinite(less.size)
        else amount(abs(less.size), less.metric, digits)
        for less in (ordered[0], ordered[-1])
    )


def would_show(found: Iterable[Difference]) -> str:
    """`a difference above 6% would have been seen`: the half-width of the mean ln ratio, the largest of several; "" of
    one seed, and of seeds that all have one value, which have no interval."""
    known = [less for less in found if less.n > 1 and not less.same]
    if not known:
        return ""
    widest = max((less for less in known if less.relative == known[0].relative), key=lambda less: less.found.half_width)
    half = widest.found.half_width
    if not math.isfinite(half):
        return "no difference would have been seen"
    if widest.relative and half > _WIDE * math.log(10):
        return "no difference up to tenfold would have been seen"
    least = f"{quantity(100 * math.expm1(half), '', 2)}%" if widest.relative else amount(half, widest.metric, 2)
    return f"a difference above {least} would have been seen"


def no_difference(found: Iterable[Difference], *more: str, between: str = "") -> str:
    """`no difference seen BETWEEN (more; a difference above 6% would have been)`."""
    notes = "; ".join(each for each in (*more, would_show(found).removesuffix(" seen")) if each)
    return f"{NO_DIFFERENCE}{between and f' {between}'}" + (f" ({notes})" if notes else "")


def with_interval(found: Interval, metric: str) -> str:
    """Returns `0.61 ± 0.04` with its unit, and the reason if there is no interval."""
    if found.same:
        return f"{amount(found.mean, metric)} in every seed"
    spread = f" ± {amount(found.half_width, metric, 2)}" if found.n > 1 else ""
    return amount(found.mean, metric) + spread


def passes(found: Crossing, axis: str) -> str:
    """Returns `from 20 kbit/s on (14 to 29)`, `everywhere`, `nowhere`, or the number of seeds with each if they
    disagree."""
    crossed = found.log10_at.n
    if not crossed:
        counts = {"everywhere": found.below, "nowhere": found.above, "here and there": found.often}
        of = {n: f" in {counted(n, 'seed')}" if n < sum(counts.values()) else "" for n in counts.values()}
        return ", ".join(word + of[n] for word, n in counts.items() if n)
    at, *ends = (quantity(each, axis, 2) for each in (found.at, *found.ends))
    where = f"from {at} on" if found.rising else f"up to {at}"
    spread = "" if math.isnan(found.log10_at.half_width) else f" ({' to '.join(ends)})"
    if found.log10_at.half_width > _WIDE:
        spread = " (seeds differ too much for an interval)"
    others = found.below + found.above + found.often
    return where + spread + (f", in {crossed} of {crossed + others} seeds" if others else "")


def between(low: float, high: float, name: str) -> str:
    """`20 ms to 55 ms`, or one of them where both read the same."""
    return _ends(amount(value, name) for value in (low, high))


def span(low: object, high: object, axis: str, from_start: bool, to_end: bool) -> str:
    """Returns `at a`, `up to b`, `from a on`, `from a to b` or `everywhere`, in the axis's unit."""
    if from_start and to_end:
        return "everywhere"
    if low == high:
        return f"at {quantity(low, axis)}"
    if from_start:
        return f"up to {quantity(high, axis)}"
    if to_end:
        return f"from {quantity(low, axis)} on"
    return f"from {quantity(low, axis)} to {quantity(high, axis)}"


def runs(flags: Sequence[bool]) -> list[list[int]]:
    """The indices of each unbroken run of True."""
    groups = itertools.groupby(enumerate(flags), key=lambda item: item[1])
    return [[place for place, _ in group] for flag, group in groups if flag]


def over_run(values: Sequence[object], run: Sequence[int], axis: str) -> str:
    """`span` of the values of an axis at the indices of a run; names one by one."""
    start, end = run[0] == 0, run[-1] == len(values) - 1
    if isinstance(values[0], str) and not (start and end):
        return f"at {joined([quantity(values[place], axis) for place in run])}"
    return span(values[run[0]], values[run[-1]], axis, start, end)


def stretches(flagged: pd.DataFrame, rows: pd.DataFrame, axis: str | None) -> str:
    """`up to 5 kbit/s, at 1 Mbit/s`: where along the axis of `rows` there are flagged ones; names one by one."""
    if axis is None:
        return ""
    if not pd.api.types.is_numeric_dtype(rows[axis]):
        names = list(flagged[axis].unique())
        everywhere = len(names) == rows[axis].nunique()
        return "everywhere" if everywhere else f"at {joined([quantity(at, axis) for at in names])}"
    values, there = sorted(rows[axis].unique()), {*flagged[axis]}
    return ", ".join(over_run(values, run, axis) for run in runs([value in there for value in values]))


def at(value: object, axis: str | None, word: str = " at ") -> str:
    """Returns ` at 1 kbit/s`; "" without an axis."""
    return "" if axis is None else f"{word}{quantity(value, axis)}"


def counted(number: int, what: str) -> str:
    """`1 token`, `3,000 tokens`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def joined(names: Sequence[str], word: str = "and") -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def listed(heading: str, clauses: Iterable[str], between: str = "; ") -> str:
    """`heading: a; b` of the clauses that say something, with their comparisons; "" where none does."""
    kept = [clause for clause in clauses if clause]
    return Finding(f"{heading}: {between.join(kept)}", rows_of(kept)) if kept else ""


def _ends(words: Iterable[str]) -> str:
    return " to ".join(dict.fromkeys(words))


def _amount(less: Difference, value: float) -> str:
    """A value of a difference to the digits that its interval allows, in the metric's unit where it is no ratio."""
    if not less.relative:
        return amount(value, less.metric)
    if not math.isfinite(value):
        return quantity(value, "")
    half = 50 * (less.high - less.low)
    digits = 0 if half >= 10 else 1 if half >= 0.1 else 2
    return f"{100 * value:,.{digits}f}%"
