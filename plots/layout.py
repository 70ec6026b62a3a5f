"""Text around the axes of a figure: title, legend, axis labels and caption, each with room of its own: a figure is as
wide as its page asks, and nothing is cut off."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from plots.page import Page

_PAD: Final = 0.06  # inches around the wording
_BESIDE: Final = 0.32  # share of the width that a legend may take at the right; a wider one goes below


Key = Sequence[tuple[str, Artist]]
"""Legend: labels, and the artists beside them."""


@dataclass(frozen=True)
class Wording:
    """Text around the axes: `below` and `beside` name axes that panels share."""

    title: str
    caption: str
    below: str = ""
    beside: str = ""


def grid(
    page: Page, titles: Sequence[str], most: int, width_in: tuple[float, float], row_in: float, share: str = "", *,
    narrow: int = 1,
) -> tuple[Figure, list[Axes], float]:  # fmt: skip
    """A figure with panels under these titles, at most `most` side by side, or `narrow` of them on a narrow page; and
    how many inches wide a panel's axes are, about. Inches given: of all that stands beside the panels, of a panel's
    width, of a row. `share`: which axes are one."""
    count = len(titles)
    across = min(narrow if page.narrow else most, count)
    down = -(-count // across)
    figure = page.figure(width_in[0] + width_in[1] * across, row_in * down)
    made = figure.subplots(down, across, squeeze=False, sharex="x" in share, sharey="y" in share).ravel()
    for unused in made[count:]:
        unused.set_axis_off()
    if "x" in share:
        for ax in made[count - across : count]:  # also above a place that is empty
            ax.xaxis.set_tick_params(labelbottom=True)
    for ax, title in zip(made, titles, strict=False):
        ax.set_title(title, loc="left", fontsize="small")
    return figure, list(made[:count]), (float(figure.get_size_inches()[0]) - 0.8) / across


class _Steady(ConstrainedLayoutEngine):
    """Places of axes to 1e-9 of the figure: the solver's last bits depend on addresses in memory, and an svg names what
    clips a panel after all bits of its place."""

    def execute(self, fig: Figure) -> None:
        super().execute(fig)
        for ax in fig.axes:
            place = ax.get_position(original=True)
            ax.set_position(Bbox(place.get_points().round(9)), which="original")
            ax.set_in_layout(True)  # which setting a place by hand ends


def finish(figure: Figure, page: Page, wording: Wording, key: Key = ()) -> Figure:
    """Writes the wording around the axes, and a legend of the key, at the right or, where it is wide, below; returns
    the figure."""
    width, height = (float(inches) for inches in figure.get_size_inches())
    legend, size = _legend(figure, page, key)
    right = legend is not None and size[0] <= _BESIDE * width and not page.narrow
    finding = _block(figure, page.finding, rcParams["figure.titlesize"], width) if page.titled else None
    size_ = "medium" if page.finding else rcParams["figure.titlesize"]
    title = _block(figure, wording.title, size_, width) if page.titled else None
    caption = _block(figure, wording.caption, "x-small", width) if page.captioned else None
    below = _block(figure, wording.below, "medium", width) if wording.below else None
    top = _inches(finding)[1] + _inches(title)[1]
    bottoms = [_inches(caption)[1], 0.0 if right else size[1], _inches(below)[1]]
    beside = figure.text(0, 0, wording.beside, rotation=90, va="center", ha="left") if wording.beside else None
    left, end = _inches(beside)[0], size[0] if right else 0.0
    tall = height + top + sum(bottoms)
    if legend is not None and right:
        tall = max(tall, top + size[1])
    figure.set_size_inches(width, tall)
    _put(finding, _PAD / width, 1 - _PAD / tall, "top")
    _put(title, _PAD / width, 1 - (_inches(finding)[1] + _PAD) / tall, "top")
    _put(caption, _PAD / width, _PAD / tall, "bottom")
    middle = (left + (width - end)) / 2 / width
    _put(below, middle, (bottoms[0] + bottoms[1] + _PAD) / tall, "bottom", "center")
    rect = (left / width, sum(bottoms) / tall, 1 - (left + end) / width, 1 - (top + sum(bottoms)) / tall)
    _put(beside, _PAD / width, rect[1] + rect[3] / 2, "center")
    if legend is not None:
        spot = (1 - end / width, 1 - (top + _PAD) / tall) if right else (0.0, (bottoms[0] + bottoms[1]) / tall)
        legend.set_bbox_to_anchor(spot)
    figure.set_layout_engine(_Steady(rect=rect))
    return figure


def _legend(figure: Figure, page: Page, key: Key) -> tuple[Legend | None, tuple[float, float]]:
    """A legend in one column where that fits at the right, else in as many as the width bears; its size in inches."""
    if not key:
        return None, (0.0, 0.0)
    width = float(figure.get_size_inches()[0])
    beside = () if page.narrow else ((1, _BESIDE * width),)
    for columns, room in (*beside, *((n, width) for n in range(min(6, len(key)), 1, -1)), (1, float("inf"))):
        legend = figure.legend(
            [each for _, each in key], [label for label, _ in key], loc="upper left", bbox_to_anchor=(0, 1),
            ncols=columns, borderaxespad=0.2, alignment="left",
        )  # fmt: skip
        legend.set_in_layout(False)
        if _inches(legend)[0] <= room:
            return legend, _inches(legend)
        legend.remove()
    raise AssertionError("the last has all the room")


def _block(figure: Figure, text: str, size: str | float, width_in: float) -> Text | None:
    if not text:
        return None
    written = figure.text(0, 0, text, fontsize=size, linespacing=1.1)
    longest = max(text.split("\n"), key=len)
    line = len(longest)
    while (wide := _inches(written)[0]) > width_in and line > 8:
        line = min(line - 1, int(line * (width_in - 2 * _PAD) / (wide - 2 * _PAD)) + 1)
        written.set_text("\n".join(textwrap.fill(each, line, break_long_words=False) for each in text.split("\n")))
    return written


def _inches(artist: Artist | None) -> tuple[float, float]:
    if artist is None:
        return 0.0, 0.0
    figure = artist.get_figure(root=True)
    assert figure is not None
    canvas = figure.canvas if isinstance(figure.canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)
    box = artist.get_window_extent(canvas.get_renderer())  # type: ignore[no-untyped-call]
    # To a thousandth: a measure may differ in its last bit from one drawing to the next, the figure may not.
    return round(box.width / figure.dpi + 2 * _PAD, 3), round(box.height / figure.dpi + 2 * _PAD, 3)


def _put(text: Text | None, x: float, y: float, va: str, ha: str = "left") -> None:
    if text is not None:
        text.set(x=x, y=y, va=va, ha=ha, in_layout=False)
