"""sqsim from Python: a cell is one experiment; simulate it, sweep many, summarise over seeds, draw.

    from sqsim import Cell, draw, simulate, sweep

    simulate(Cell().with_({"scheme": "c_sqs", "uplink.rate.bps": "10k"})).summary["latency_per_token_s"]

    cells = Cell().grid({"scheme": ["dense", "k_sqs"], "uplink.rate.bps": ["10k", "100k", "1M"], "seed": range(3)})
    draw(sweep(cells), to="latency.svg")

Mistakes are told by `ConfigError`, on one line. Nothing is computed here; what is heavy is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from kinds import ConfigError
    from simulator.cell.cell import Cell
    from simulator.results.intervals import Difference
    from simulator.results.observer import Observer
    from simulator.run import CellResult
    from simulator.sweeps.meter import OnProgress

__all__ = ["Cell", "CellResult", "ConfigError", "Observer", "draw", "paired", "simulate", "summarise", "sweep"]
__version__ = metadata.version("sqsim")

_HOMES: Final = {
    "Cell": "simulator",  # which registers the kinds that a cell can name
    "CellResult": "simulator.run",
    "ConfigError": "kinds",
    "Observer": "simulator.results.observer",
}


def simulate(cell: Cell, observer: Observer | None = None) -> CellResult:
    """Runs one cell: `.summary` is a dict of its metrics, `.requests` and `.rounds` are data frames.

    `observer` hears what happens as it happens.
    """
    from simulator.run import simulate as run

    _require(isinstance(cell, _home("Cell")), "cell", cell, "a Cell, such as Cell() or Cell.from_yaml(path)")
    _require(observer is None or isinstance(observer, _home("Observer")), "observer", observer, "an Observer")
    return run(cell, observer)


def sweep(
    cells: Iterable[Cell],
    out: str | Path | None = None,
    workers: int = 1,
    cluster: str | None = None,
    *,
    overwrite: bool = False,
    asking: str = "simulation",
    progress: OnProgress | None = None,
) -> pd.DataFrame:
    """Runs many cells and returns a row for each: its configuration, then its metrics.

    `out`: a directory that gets the tables, from which an interrupted sweep goes on, and one that has ended is read;
    `overwrite` replaces what has ended in it, and other results. `workers` processes here, or the address of a Dask
    `cluster`. `asking` names another study of a cell than its simulation; `progress(done, total, label)` hears how far
    it is.
    """
    from simulator.studies import STUDIES
    from simulator.sweeps.sweep import sweep as run

    one = isinstance(cells, _home("Cell"))
    _require(isinstance(cells, Iterable) and not one and not isinstance(cells, str), "cells", cells, "a list of cells")
    listed = list(cells)
    for each in listed:
        _require(isinstance(each, _home("Cell")), "cells", each, "a list of cells")
    _require(isinstance(out, str | Path | None), "out", out, "a path")
    _require(_whole(workers) and workers >= 1, "workers", workers, "a whole number, at least 1")
    _require(isinstance(cluster, str | None), "cluster", cluster, "the address of a Dask scheduler")
    _require(asking in STUDIES, "asking", asking, f"one of {', '.join(STUDIES)}")
    _require(progress is None or callable(progress), "progress", progress, "a function of done, total and label")
    folder = None if out is None else Path(out)
    return run(listed, folder, workers, cluster, overwrite=overwrite, progress=progress, asking=asking)


def summarise(cells: pd.DataFrame) -> pd.DataFrame:
    """A row a setting of the table that `sweep` returns: `n` seeds, then each metric's mean and half-width.

    Rows that differ by their seed alone are one setting; the half-width of METRIC is METRIC_ci95.
    """
    from simulator.results.intervals import summarise as over_seeds

    _require_table(cells, "cells", ("cell", "seed", "scheme.kind"))
    return over_seeds(cells)


def paired(
    cells: pd.DataFrame, a: str | Mapping[str, object], b: str | Mapping[str, object],
    metric: str = "latency_per_token_s",
) -> Difference:  # fmt: skip
    """Compares two settings of a table of `sweep` over the seeds that both have.

    `a` and `b` are kinds of schemes, or fields by dotted name, `{"scheme.kind": "k_sqs", "uplink.rate.bps": 1e4}`. The
    result has `.size`, a / b - 1 by the mean of ln(a / b), its 95% interval from `.low` to `.high`, `.n` seeds, and
    `.separable`, whether the interval leaves out 0.
    """
    from simulator.results.intervals import metrics_of, varying
    from simulator.results.intervals import paired as over_seeds

    _require_table(cells, "cells", ("seed", "scheme.kind"))
    _require(metric in metrics_of(cells), "metric", metric, "a metric of the table")
    masks = []
    for name, given in (("a", a), ("b", b)):
        fields = {"scheme.kind": given} if isinstance(given, str) else given
        known = isinstance(fields, Mapping) and {*fields} <= {*cells.columns}
        mask = (cells[list(fields)] == list(fields.values())).all(axis=1) if known else cells["seed"].isna()
        _require(bool(mask.any()), name, given, "a scheme's kind, or the fields of a setting in the table")
        several = ", ".join(varying(cells[mask]))
        _require(not several, name, given, f"one setting, these rows differ in {several}")
        masks.append(mask)
    return over_seeds(cells, metric, *masks)


def draw(
    table: pd.DataFrame, name: str = "latency", axis: str | None = None, to: str | Path | None = None, *,
    width: float | None = None, labels: Mapping[str, str] | None = None, caption: bool = True,
) -> Figure:  # fmt: skip
    """Draws the figure `name` of a table of `sweep` or `summarise`, and writes it `to` a file if that is given.

    `axis` is the column along which its curves run: by default the swept one. What differs otherwise names the curves.
    `width` is in inches, such as 3.5 for a column of a paper; `labels` are your names of curves, schemes, fields and
    axes, such as `{"k_sqs": "Ours"}`; `caption` are the lines on pair, clock and seeds.
    """
    _require_ours("plots", "scenarios")
    import plots
    from plots.page import Page
    from simulator.results.intervals import axis_of, with_curves

    _require_table(table, "table", ("scheme.kind",))
    _require(isinstance(name, str), "name", name, f"one of {', '.join(plots.FIGURES)}")
    plots.check([name])
    summary = table if "n" in table.columns else summarise(table)
    _require(axis is None or axis in summary.columns, "axis", axis, "a column of the table")
    along = axis or axis_of(summary)
    _require(width is None or (isinstance(width, int | float) and 2 <= width <= 40), "width", width, "inches, 2 to 40")
    page = Page(dict(labels or {}), width, captioned=caption, base=_set_up(summary) if caption else "")
    figure = plots.draw(name, with_curves(summary, along), along, page)
    if figure is None:
        _require(False, "name", name, "a figure that this table has something for")
        raise AssertionError
    try:
        if to is not None:
            figure.savefig(to)
    except (OSError, ValueError) as error:
        raise _home("ConfigError")(f"to = {to}: {' '.join(str(error).split())}") from None
    return figure


def _set_up(table: pd.DataFrame) -> str:
    """Returns the line on pair, clock and lengths that a run would print; "" of a table that is not of cells alone."""
    from kinds import ConfigError
    from scenarios.command.run.base_line import set_up
    from simulator.results.intervals import settings_of
    from simulator.results.plain_columns import is_missing

    rows = table[settings_of(table)].to_dict("records")
    cells = [{str(name): each for name, each in row.items() if not is_missing(each) and each != "[]"} for row in rows]
    try:
        return set_up([_home("Cell")().with_(fields) for fields in cells], timed=True)
    except ConfigError:  # columns of somebody else's: what they mean is not known here
        return ""


def _require_table(table: object, name: str, columns: tuple[str, ...]) -> None:
    import pandas as pd

    _require(isinstance(table, pd.DataFrame), name, table, "a data frame, such as the one that sweep returns")
    assert isinstance(table, pd.DataFrame)
    for column in columns:
        _require(column in table.columns, name, f"columns {list(table.columns)[:3]}, ...", f"a table with {column}")


def _require(met: bool, name: str, value: object, allowed: str) -> None:
    if not met:
        from kinds import ConfigError

        raise ConfigError(f"{name} = {' '.join(repr(value).split())[:60]}: must be {allowed}")


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _home(name: str) -> type:
    found = getattr(import_module(_HOMES[name]), name)
    assert isinstance(found, type)
    return found


def _require_ours(*names: str) -> None:
    """Raises ImportError, one line, where Python would take another file for a package of ours, as one beside the
    script."""
    home = Path(__file__).resolve().parents[1]
    for name in names:
        spec = find_spec(name)
        place = None if spec is None or spec.origin is None else Path(spec.origin)
        if place is not None and place.resolve().parent != home / name:
            message = f"stands in the way of sqsim's own package {name!r}; give it another name, or move the script"
            raise ImportError(f"{place}: {message}")


def __dir__() -> list[str]:
    """The public names, those included that are imported when they are used; so `help` has them too."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return _home(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_require_ours("kinds", "channels", "models", "simulator")
