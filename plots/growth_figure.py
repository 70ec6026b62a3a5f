"""How CPU time grows with the size of a simulation: a panel for each size, a curve for each kind of work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from math import inf
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from plots.layout import Wording, finish, grid
from plots.page import Page
from plots.style import GREY, SPARSIFIERS, styled


def draw(curves: Sequence[Mapping[str, Any]], caption: str, page: Page | None = None) -> Figure:
    """`curves`: those of a bench, each with its name, what its sizes count (`of_what`), `sizes` and `cpu_s`."""
    page = page or Page()
    looks = list(SPARSIFIERS.values())
    with styled(page):
        groups = [(size, list(of_one)) for size, of_one in groupby(curves, lambda curve: str(curve["of_what"]))]
        figure, panels, _ = grid(page, len(groups), 2, (0.6, 3.4), 2.5)
        for ax, (of_what, of_one) in zip(panels, groups, strict=True):
            for (colour, marker), curve in zip(looks, of_one, strict=False):
                label = f"{curve['name']}: size$^{{{curve['exponent']:.2f}}}$"
                ax.plot(curve["sizes"], curve["cpu_s"], color=colour, marker=marker, label=label)
            sizes, least_s = of_one[0]["sizes"], min(curve["cpu_s"][0] for curve in of_one)
            linear_s = [least_s * size / sizes[0] for size in sizes]
            most_s = max(max(curve["cpu_s"]) for curve in of_one)
            ax.plot(sizes, linear_s, color=GREY, linestyle=":", label="linear")
            room = (least_s / 1.5, 1.6 ** (2 + len(of_one)) * most_s)  # for the legend, above
            ax.set(xscale="log", yscale="log", xlabel=of_what, ylabel="CPU seconds", ylim=room)
            ax.set_xticks([size for size, after in zip(sizes, [*sizes[1:], inf], strict=True) if after >= 2 * size])
            for side in (ax.xaxis, ax.yaxis):
                side.set_minor_formatter(NullFormatter())
            ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
            ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            ax.legend(fontsize="x-small", loc="upper left")
        finish(figure, page, Wording("What a simulation costs as it grows", caption))
    return figure
