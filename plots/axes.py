"""Axes of figures: where values stand on them, their scale, and ticks at the values that were simulated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    Formatter,
    FuncFormatter,
    MaxNLocator,
    NullLocator,
    StrMethodFormatter,
)

from kinds.arrays import Floats
from plots.page import Page
from simulator.results.units import PREFIXED, prefix_of, unit

LOG_FROM = 10.0  # values that span this ratio or more are drawn on a logarithmic scale
MOST_TICKS = 7  # of a logarithmic axis
BEYOND = 4.0
"""An interval is cut at so many times the highest mean, and at the lowest mean / this: few seeds make it endless."""


def spans_far(values: Iterable[float], ratio: float = LOG_FROM) -> bool:
    """True if the finite values, all positive, span this ratio or more."""
    finite = [value for value in values if math.isfinite(value)]
    return bool(finite) and min(finite) > 0 and max(finite) / min(finite) >= ratio


def place(values: Iterable[float]) -> Floats:
    """Returns the positions of values on an axis: the values themselves, and inf a step beyond the largest finite
    one."""
    given = np.asarray(list(values), dtype=np.float64)
    finite = given[np.isfinite(given)]
    if finite.size == given.size or finite.size == 0:
        return given
    high, low = float(finite.max()), float(finite.min())
    beyond = high * 10 ** max(0.5, math.log10(high / low) / 6) if low > 0 else high + 0.1 * (high - low or 1.0)
    return np.where(np.isfinite(given), given, beyond)


def swept(ax: Axes, name: str, values: Sequence[float], width_in: float) -> None:
    """The horizontal axis as the swept column `name`, logarithmic where the values span far, with a tick at each value
    and as many labels as `width_in` bears."""
    given = sorted(set(values))
    places = place(given)
    logarithmic = spans_far(places)
    if logarithmic:
        ax.set_xscale("log")
    at = np.log10(places) if logarithmic else places
    margin = 0.06 * (float(np.ptp(at)) or 1.0)
    ends = float(at.min()) - margin, float(at.max()) + margin
    ax.set_xlim(*((10 ** ends[0], 10 ** ends[1]) if logarithmic else ends))
    texts = [_short(value, name) for value in given]
    shown = _readable((at - ends[0]) / (ends[1] - ends[0]) * width_in, texts, given)
    tick_at(ax.xaxis, list(places), [text if keep else "" for text, keep in zip(texts, shown, strict=True)])


def x_label(page: Page, name: str) -> str:
    """Returns the label below the swept column: its name and unit."""
    symbol = unit(name)
    return page.axis(name) + (f" ({symbol})" if symbol and symbol != page.axis(name).split()[-1] else "")


def scale(
    axis: Axis, name: str, means: Sequence[float], ends: Sequence[float], logarithmic: bool, most: int = MOST_TICKS
) -> None:
    """The axis as metric `name`, from 0 or logarithmic, round `means` and the `ends` of their intervals, with at most
    so many ticks."""
    shown = np.array([value for value in means if math.isfinite(value)] or [1.0])
    reach = np.array([value for value in ends if math.isfinite(value)] or [1.0])
    high = min(BEYOND * shown.max(), max(shown.max(), reach.max()))
    flat = isinstance(axis, XAxis)
    setter = axis.axes.set_xlim if flat else axis.axes.set_ylim
    if logarithmic:
        (axis.axes.set_xscale if flat else axis.axes.set_yscale)("log")
        low = max(shown.min() / BEYOND, min(shown.min(), reach.min()))
        margin = 1.15 * (high / low) ** 0.03
        setter(low / margin, high * margin)
        axis.set_major_locator(FixedLocator(log_ticks(low / margin, high * margin, most)))
        axis.set_minor_locator(NullLocator())
    else:
        setter(0, 1.08 * high or 1.0)
        axis.set_major_locator(MaxNLocator(min(5, most)))
    axis.set_major_formatter(ticks(name))


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """The finest of the usual sequences that has at most so many between both ends."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps, stride in (((1, 2, 5), 1), ((1, 3), 1), ((1,), 1), ((1,), 2), ((1,), 3)):
        found = [step * 10.0**power for power in decades if power % stride == 0 for step in steps]
        found = [value for value in found if low <= value <= high]
        if len(found) <= most:
            break
    return found


def tick_at(side: Axis, places: Sequence[float], labels: Sequence[str] | str = "{x:g}") -> None:
    """Sets ticks at these places alone, under these labels or a format of their values."""
    side.set_major_locator(FixedLocator([float(each) for each in places]))
    side.set_minor_locator(NullLocator())
    side.set_major_formatter(StrMethodFormatter(labels) if isinstance(labels, str) else FixedFormatter([*labels]))


def rows_of(ax: Axes, names: Sequence[str]) -> None:
    """Sets a row a name, the first at the top."""
    ax.set_yticks(range(len(names)), [*names])
    ax.set_ylim(len(names) - 0.5, -0.5)


def ticks(name: str) -> Formatter:
    """Values of a column with their unit, where that takes prefixes."""
    return FuncFormatter(lambda value, _: written(value, name))


def written(value: float, name: str) -> str:
    """Returns a value as at a tick: `20 ms`, `1,600 s` (never ks), `1 kbit/s`, `5,000`."""
    symbol = unit(name)
    if not math.isfinite(value):
        return "∞"
    if value == 0 or symbol not in PREFIXED:
        return f"{value:,.10g}"
    if symbol == "s" and value >= 1:
        return f"{float(f'{value:.3g}'):,.10g} s"
    factor, prefix = prefix_of(value)
    return f"{float(f'{value / factor:.3g}'):g} {prefix}{symbol}"


def with_unit(value: float, name: str) -> str:
    """`written` with its unit, whatever that is: `-20 dB`."""
    symbol = unit(name)
    return written(value, name) + (f" {symbol}" if symbol and symbol not in PREFIXED else "")


def _short(value: float, name: str) -> str:
    """A swept value without its unit, which the axis has: 32000.0 of `rate.bps` -> `32k`."""
    if math.isinf(value):
        return "∞"
    if unit(name) in ("bit/s", "Hz"):
        factor, prefix = prefix_of(value)
        return f"{value / factor:.3g}{prefix}"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _readable(at_in: Floats, texts: Sequence[str], values: Sequence[float]) -> list[bool]:
    size = FontProperties(size=rcParams["xtick.labelsize"]).get_size_in_points() / 72
    halves = [0.5 * size * (0.62 * len(text) + 1.2) for text in texts]
    shown = [False] * len(texts)
    for i in sorted(range(len(texts)), key=lambda i: (0 < i < len(texts) - 1, _roundness(values[i]), i)):
        if not any(shown[j] and abs(at_in[i] - at_in[j]) < halves[i] + halves[j] for j in range(len(texts))):
            shown[i] = True
    return shown


def _roundness(value: float) -> int:
    """Returns 0 for 0, 1, 10, 100; 1 for 2 and 5; 2 for others."""
    if value == 0 or not math.isfinite(value):
        return 0
    first = round(abs(value) / 10 ** math.floor(math.log10(abs(value)) + 1e-9), 6)
    return {1.0: 0, 2.0: 1, 5.0: 1}.get(first, 2)
