"""Traces of a sweep's cells, `cells/ID.trace.json` in its directory: made in a worker, while a cell is simulated. Cells
that were simulated without one are simulated once more for it alone; no table changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from channels.link.link_config import LinkConfig
from kinds import ConfigError
from kinds.mistakes import users_mistakes_told
from models.interface import Speller
from simulator.cell.cell import Cell
from simulator.cell.scheme import Scheme
from simulator.decoding.memory import Memory
from simulator.results.display_names import DisplayNames, curve_of
from simulator.results.observer import Observer, together
from simulator.results.spans import DOWNLINK, UPLINK
from simulator.results.trace import TraceSubject, is_trace, read_head, trace_path, tracer, write_trace
from simulator.results.trace_tracks import Value
from simulator.results.units import quantity
from simulator.run import simulate
from simulator.sweeps.meter import OnProgress
from simulator.sweeps.worker_pools import Sent, Work, WorkerPool, received, sent


@contextmanager
def traced(cell: Cell, observer: Observer | None, folder: Path | None) -> Iterator[Observer | None]:
    """Yields the observers of a cell, `observer` and one that leaves its trace in `folder`; None for `folder`: no
    other."""
    if folder is None:
        yield observer
        return
    spans = tracer()
    yield together(observer, spans)
    folder.mkdir(exist_ok=True)
    write_trace(spans, subject_of(cell), trace_path(folder, cell.id))


def subject_of(cell: Cell) -> TraceSubject:
    """Returns the subject of a cell's trace."""
    names = DisplayNames()
    pair = cell.models.pair
    schemes = dict.fromkeys(_scheme_words(each.scheme, names) for each in cell.classes)
    links: dict[str, LinkConfig] = {}
    for place, each in enumerate(cell.classes):
        for way, link in ((UPLINK, each.uplink), (DOWNLINK, each.downlink)):
            own = cell.fleet and getattr(cell.fleet[place], way) is not None
            links[f"{cell.fleet[place].name} {way}" if own else way] = link
    settings: dict[str, Value] = {
        "scheme": ", ".join(schemes),
        "scheme_kinds": list(dict.fromkeys(each.scheme.kind for each in cell.classes)),
        **{name: _rate_words(link, names) for name, link in links.items()},
        "pair": names.word(pair.kind),
        "temperature": cell.models.temperature,
        "seed": cell.seed,
        "devices": cell.workload.devices,
    }
    return TraceSubject(cell.id, settings, speller_of(cell))


def _scheme_words(scheme: Scheme, names: DisplayNames) -> str:
    """`K-SQS, L = 4, depth 2`; a scheme without a number of drafts, or without lookahead, by what it has."""
    given = {name: getattr(scheme, name, None) for name in ("max_drafts", "depth")}
    return names.curve(curve_of(scheme.kind, {name: str(value) for name, value in given.items() if value}))


def _rate_words(link: LinkConfig, names: DisplayNames) -> str:
    """`10 kbit/s`; a rate that changes by its kind."""
    bps = getattr(link.rate, "bps", None)
    return quantity(bps, "bps") if isinstance(bps, int | float) else names.word(link.rate.kind)


def speller_of(cell: Cell) -> Speller | None:
    """Returns the speller of the pair's tokens; None if its tokenizer is away, so that they go by their ids."""
    try:
        return cell.models.pair.speller()
    except (ConfigError, OSError):
        return None


def without_trace(cells: Iterable[Cell], folder: Path) -> list[Cell]:
    """The cells that have none in `folder`, or a damaged one."""
    return [cell for cell in cells if not is_trace(trace_path(folder, cell.id))]


def trace_again(cells: Sequence[Cell], folder: Path, pool: WorkerPool, progress: OnProgress) -> None:
    """Simulates the cells once more and writes their traces, those that share their decodings in one worker, and tells
    the progress as those end."""
    sharing: dict[str, list[Cell]] = {}
    for cell in cells:
        sharing.setdefault(cell.decoding_id, []).append(cell)
    done = 0
    progress(done, len(cells), "")
    tasks = [([sent(cell) for cell in group], folder) for group in sharing.values()]
    for traced_now in pool.unordered(Work(_trace_group, tasks)):
        done += traced_now
        progress(done, len(cells), "")


def cut_traces(cells: Iterable[Cell], folder: Path) -> list[tuple[Path, float]]:
    """The traces that do not tell their whole run, each with when it stops, in simulated seconds."""
    paths = [trace_path(folder, cell.id) for cell in cells]
    return [(path, at_s) for path in paths if (at_s := read_head(path)["cut_at_s"]) is not None]


def _trace_group(group: Sequence[Sent], folder: Path) -> int:
    memory = Memory.here()
    for cell in map(received, group):
        with users_mistakes_told(cell.imports), traced(cell, None, folder) as observer:
            simulate(cell, observer, memory=memory)
    return len(group)
