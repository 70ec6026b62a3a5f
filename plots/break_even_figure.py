"""When speculation at the edge beats the cloud alone: a map a pair, and the cloud's time a token over its load. A cell
of a map is a round-trip time and a verifier pass with an uplink rate: the time per token of the fastest scheme at the
edge over cloud-only decoding's, framed where it is faster beyond the seeds' noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots.axes import scale, spans_far, swept, x_label
from plots.caption import caption
from plots.colour_cells import Scale, Written, cells, sides
from plots.layout import Wording, finish, grid
from plots.lines_or_bars import halves, reaches, whiskers
from plots.page import Page
from plots.style import DASHES, GREY, SCHEMES, Look, chosen, looks
from simulator.results import break_even_plane as plane
from simulator.results.columns import CURVE
from simulator.results.intervals import paired_values
from simulator.results.units import quantity

RATE: Final = "uplink.rate.bps"
CLOCK: Final = "clock"
KIND: Final = "scheme.kind"
FRAMED: Final = "Framed: faster than cloud only in all that the seeds leave open; ?: they leave open which is faster."
NOTE: Final = "A number: time per token of the fastest scheme that drafts at the edge, named below it, over cloud only."


@dataclass(frozen=True)
class _Best:
    """The fastest scheme of a place: its kind, its time over cloud-only decoding, and whether the seeds tell which of
    the two is faster."""

    kind: str
    ratio: float
    apart: bool | None  # None of one seed


def draw(summary: pd.DataFrame, axis: str | None, page: Page, seeds: pd.DataFrame | None = None) -> Figure | None:
    """The maps, and beside them the load where the table has some; None where nothing can be held against cloud-only.
    `seeds`: the table of cells."""
    shared = plane.map_and_load(chosen(summary))[1]
    dots = _dots(summary if seeds is None else chosen(seeds))
    if dots.empty:
        return None
    maps = [(str(pair), rows) for pair, rows in dots.groupby(plane.PAIR, sort=False)]
    loaded = bool(plane.plane(shared).shape[0])
    most = max(rows.groupby([CLOCK, RATE]).ngroups for _, rows in maps)
    figure, axes, width_in = grid(page, len(maps) + loaded, 3, (1.2, 3.6), 0.8 + 0.42 * max(3, most))
    best = [_bests(rows) for _, rows in maps]
    colours = Scale.of([each.ratio for found in best for line in found for each in line if each is not None])
    for ax, (pair, rows), found in zip(axes, maps, best, strict=False):
        _map(ax, rows, found, colours, page)
        title = page.word(pair.replace("synthetic distance=", "synthetic, TV "))
        ax.set_title(title, fontsize="small", loc="left")
    handles: list[Artist] = []
    labels: list[str] = []
    if loaded:
        handles, labels = _load(axes[-1], shared, page, width_in)
    text = caption(summary, page, "", [NOTE, *([FRAMED] if seeds is not None else [])], intervals=loaded)
    finish(figure, page, Wording("When is drafting at the edge faster than cloud only?", text), handles, labels)
    return figure


def _dots(table: pd.DataFrame) -> pd.DataFrame:
    found = plane.plane(plane.map_and_load(table)[0])
    if found.empty:
        return found
    found[CLOCK], found[RATE] = plane.clocks(found), _rates(found)
    return found


def _rates(rows: pd.DataFrame) -> pd.Series[float]:
    given = rows[RATE] if RATE in rows.columns else pd.Series(np.nan, index=rows.index)
    return given.astype(float).fillna(np.inf)


def _lines(rows: pd.DataFrame) -> list[tuple[str, float]]:
    means = rows.groupby([CLOCK, RATE], sort=False)[plane.TARGET].mean().reset_index()
    return [
        (str(row[CLOCK]), float(row[RATE]))
        for _, row in means.sort_values([plane.TARGET, RATE], ascending=False).iterrows()
    ]


def _bests(rows: pd.DataFrame) -> list[list[_Best | None]]:
    trips = sorted(rows[plane.RTT].dropna().unique())
    found: list[list[_Best | None]] = []
    for clock, rate in _lines(rows):
        line = rows[(rows[CLOCK] == clock) & (rows[RATE] == rate)]
        found.append([_best(line[line[plane.RTT] == trip]) for trip in trips])
    return found


def _best(here: pd.DataFrame) -> _Best | None:
    if here.empty:
        return None
    kind = str(here.groupby(KIND)[plane.TIME].mean().idxmin())
    mine = here[here[KIND] == kind]
    pair = (mine[name].to_numpy(dtype=float) for name in (plane.TIME, plane.TARGET))
    less = paired_values(plane.TIME, *pair)
    return _Best(kind, 1 + less.size, less.separable if less.n > 1 else None)


def _map(ax: Axes, rows: pd.DataFrame, found: Sequence[Sequence[_Best | None]], colours: Scale, page: Page) -> None:
    trips = sorted(rows[plane.RTT].dropna().unique())
    lines = _lines(rows)
    values = np.array([[np.nan if each is None else each.ratio for each in line] for line in found])
    faster = [(row, column) for row, line in enumerate(found) for column, each in enumerate(line)
              if each is not None and each.ratio < 1 and each.apart]  # fmt: skip
    texts = [["" if each is None else _text(each, page) for each in line] for line in found]
    cells(ax, values, Written(texts, framed=faster, size=0.68), colours)
    targets = rows.groupby(CLOCK)[plane.TARGET].mean()
    beside = [quantity(float(targets[clock]), plane.TARGET, 2) + ("" if np.isinf(rate) else f", {quantity(rate, RATE)}")
              for clock, rate in lines]  # fmt: skip
    sides(ax, beside, [quantity(float(trip), plane.RTT) for trip in trips])
    ax.set_xlabel("round trip", fontsize="small")
    ax.set_ylabel("verifier pass, uplink", fontsize="small")


def _text(each: _Best, page: Page) -> str:
    name = page.word(each.kind).partition(",")[0].partition(" (")[0]
    return f"{each.ratio:.2f}{' ?' if each.apart is False else ''}\n{name}"


def _load(ax: Axes, shared: pd.DataFrame, page: Page, width_in: float) -> tuple[list[Artist], list[str]]:
    """The cloud's seconds a token over devices with their intervals: a marker a scheme, dashes a latency model; and
    their legend."""
    named = shared.assign(**{CLOCK: plane.clocks(shared)})
    models, kinds = (list(dict.fromkeys(named[name].astype(str))) for name in (CLOCK, KIND))
    look = {kind: _look(kind, shared) for kind in kinds}
    logarithmic = spans_far(named[plane.CLOUD_TIME].tolist())
    for (clock, kind), part in named.groupby([CLOCK, KIND], sort=False):
        least = part.loc[part.groupby(plane.DEVICES)[plane.CLOUD_TIME].idxmin()].sort_values(plane.DEVICES)
        mean = least[plane.CLOUD_TIME].to_numpy(dtype=float)
        ax.errorbar(
            least[plane.DEVICES], mean, yerr=whiskers(mean, halves(least, plane.CLOUD_TIME), logarithmic),
            color=look[str(kind)].colour, marker=look[str(kind)].marker, elinewidth=1.0,
            linestyle=DASHES[models.index(str(clock)) % 4], label=f"{kind} {clock}",
        )  # fmt: skip
    means, given = named[plane.CLOUD_TIME].tolist(), reaches(named, [plane.CLOUD_TIME], logarithmic)
    scale(ax.yaxis, plane.CLOUD_TIME, means, given, logarithmic)
    swept(ax, plane.DEVICES, named[plane.DEVICES].tolist(), width_in - 0.8)
    ax.set_xlabel(x_label(page, plane.DEVICES), fontsize="small")
    ax.set_title("the cloud's time per token, shared", fontsize="small", loc="left")
    handles: list[Artist] = [look[kind].handle() for kind in kinds]
    dashes = [Look(GREY, "", DASHES[place % 4]).handle() for place in range(len(models))]
    return [*handles, *dashes], [*(page.word(kind) for kind in kinds), *(page.word(_machine(each)) for each in models)]


def _machine(clock: str) -> str:
    """`roofline name=a100_80gb_sxm flops_per_s=...` -> its name alone."""
    return next((word.partition("=")[2] for word in clock.split() if word.startswith("name=")), clock)


def _look(kind: str, summary: pd.DataFrame) -> Look:
    if kind in SCHEMES:
        return Look(*SCHEMES[kind])
    kinds = summary.drop_duplicates(KIND).assign(**{CURVE: lambda rows: rows[KIND]})
    return looks(kinds).get(kind, Look("#7F7F7F", "d"))
