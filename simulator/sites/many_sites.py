"""A study of many sites: a graph of partitions on Dask, each written by the worker that simulates its sites, and a
summary that the workers compute from them.

What a partition is depends on its sites alone: an interrupted study goes on from whole ones, on any cluster, and ends
with the same bytes. Neither scheduler nor client ever holds a row of a request.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import islice
from multiprocessing import current_process
from pathlib import Path
from typing import Final

import pandas as pd

from kinds import ConfigError
from kinds.files import atomically, sha256
from simulator.cell.cell import prepare_pairs
from simulator.results.cpu_time import add_cpu_s
from simulator.results.csv_file import read_csv, write_csv
from simulator.results.result_directory import PARTITIONS, intact, listed
from simulator.sites.partition import DEVICES, FILES, Note, SiteRange, peak_mib, simulate_range
from simulator.sites.site_draws import Sites
from simulator.sites.site_summary import summarise
from simulator.sweeps.failures import CellsFailedError, Failure, Interrupted, WorkerError
from simulator.sweeps.lock import only_writer
from simulator.sweeps.meter import OnProgress
from simulator.sweeps.parts import UNFINISHED, written
from simulator.sweeps.store import Store
from simulator.sweeps.worker_pools import Arguments, Cluster, Work

SUMMARY: Final = "summary.csv"
BASE: Final = "cell.yaml"
"""The cell that every site begins with."""
FEWEST, MOST_PARTITIONS = 4, 1_000
"""Sites of a partition, at least, where nothing else is asked for, and partitions, at most."""
AT_ONCE: Final = 256
"""Partitions that the scheduler knows of at one time, where it has no more workers."""
GUARD: Final = "a script calls it below `if __name__ == '__main__':`, for its workers read the script too"
UNDISTURBED: Final = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""Has a worker leave an interrupt from the keyboard to the process that it works for."""
ASSUMED: Final = (
    "sites are independent: no interference between radio cells, a share of the cloud that no other site uses"
)
_COUNTS: Final = ("sites", DEVICES, "requests", "rounds", "cpu_s")


def partition_of(sites: int) -> int:
    """Returns the number of sites per partition, if no other is given."""
    return max(FEWEST, -(-sites // MOST_PARTITIONS))


def sites(
    given: Sites,
    out: Path,
    workers: int = 1,
    cluster: str | None = None,
    *,
    rounds: bool = False,
    partition: int | None = None,
    overwrite: bool = False,
    progress: OnProgress | None = None,
) -> pd.DataFrame:
    """Simulates the sites and returns their summary (`site_summary`), which is in `out` with all rows.

    `workers` processes here, or the Dask `cluster` at an address, whose workers see `out` under the same path;
    `partition` sites are simulated and written together; `rounds` has the rounds written too. A directory left by the
    same study is gone on with, or read where it is whole; another is refused unless `overwrite`.

    Raises ConfigError on a user's mistake; CellsFailedError where sites fail, once all other partitions are done;
    Interrupted on Ctrl-C.
    """
    if cluster is None and getattr(current_process(), "_inheriting", False):
        raise ConfigError(f"sites: {GUARD}")
    size = partition_of(given.number) if partition is None else partition
    if size < 1:
        raise ConfigError(f"partition = {size}: must be at least 1")
    prepare_pairs([given.cell])
    with only_writer(out):
        store = Store(out.resolve(), [given.cell], overwrite, asked=_asked(given, size, rounds))
        files = listed(store.out)
        if not (store.finished and all(intact(store.out, name, digest) for name, digest in files.items())):
            _into(store, given, size, rounds, _cluster(workers, cluster), progress or (lambda *_: None))
        return read_csv(store.out / SUMMARY)


def _asked(given: Sites, size: int, rounds: bool) -> str:
    _, number, vary = given.sent()
    return f"{number} sites, {size} a partition, rounds {rounds}, {vary}"


@contextmanager
def _cluster(workers: int, address: str | None) -> Iterator[Cluster]:
    """The cluster at an address; without one, so many processes of this machine for as long as it is used. Raises
    ConfigError where there is no Dask, or no cluster."""
    try:
        import dask.dataframe  # a part of the extra with needs of its own
        from distributed import LocalCluster
    except ImportError:
        raise ConfigError("sites: need Dask, the extra: pip install 'sqsim[cluster]'") from None
    if address is not None:
        yield Cluster(address)
        return
    try:
        with dask.config.set({"distributed.worker.profile.enabled": False}):  # a profile of each second would be kept
            local = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                memory_limit=0,
                dashboard_address=None,
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # its HTTP server: no port that another may have
                preload=[UNDISTURBED],
                silence_logs="CRITICAL",
            )
    except RuntimeError as error:
        raise ConfigError(f"workers = {workers}: could not be started ({error}); {GUARD}") from None
    with local:
        yield Cluster(local.scheduler_address)


def _into(
    store: Store, given: Sites, size: int, rounds: bool, opened: AbstractContextManager[Cluster], progress: OnProgress
) -> None:
    folder = store.out / PARTITIONS
    for left in folder.glob(f"*{UNFINISHED}"):
        shutil.rmtree(left, ignore_errors=True)
    ends = range(0, given.number, size)
    ranges = [SiteRange(given.sent(), first, min(first + size, given.number), folder, rounds) for first in ends]
    meter = _Meter(given.number, progress)
    try:
        with opened as cluster:
            with written(store.out):
                folder.mkdir(exist_ok=True)
            files = _simulated(ranges, cluster, meter)
            started_s = time.monotonic()
            meter.say("summary")
            with cluster.client():
                table = summarise([folder / each.name for each in ranges])
        with written(store.out):
            write_csv(table, store.out / SUMMARY)
            atomically(store.out / BASE, lambda unfinished: unfinished.write_text(given.cell.to_yaml()))
            files |= {name: sha256(store.out / name) for name in (SUMMARY, BASE)}
            store.seal(files, {"sites": meter.about(time.monotonic() - started_s), "assumed": ASSUMED})
    except ConfigError:
        store.discard()
        raise
    except KeyboardInterrupt:
        text = f"{meter.done:,} of {given.number:,} sites are done and kept in {store.out}"
        raise Interrupted(f"interrupted; {text}, and the same command goes on from there") from None


def _simulated(ranges: Sequence[SiteRange], cluster: Cluster, meter: _Meter) -> dict[str, str]:
    waiting = iter(ranges)

    def further(count: int) -> Arguments:
        return [(each,) for each in islice(waiting, count)]

    first = further(max(AT_ONCE, 2 * cluster.size()))
    failures, files = list[tuple[int, Failure]](), dict[str, str]()
    meter.say("")
    with closing(cluster.unordered(Work(simulate_range, first, lambda _: further(1)))) as landed:
        for task, found in landed:
            if isinstance(found, list):
                failures += found
                continue
            place = f"{PARTITIONS}/{task.name}"
            files |= {f"{place}/{name}": digest for name, digest in found["files"].items()}
            files[f"{place}/{FILES}"] = ""
            meter.landed(found)
    if failures:
        failures.sort(key=lambda each: each[0])
        lines = [Failure(each.cell, f"{each.cell}: {each.reason}", each.ours, each.traceback) for _, each in failures]
        error = CellsFailedError(lines, ranges[-1].end, None, "sites")
        error.__cause__ = WorkerError(lines[0].traceback)
        raise error
    return dict(sorted(files.items()))


class _Meter:
    """Adds up what partitions took, and says how far the study is."""

    def __init__(self, total: int, progress: OnProgress) -> None:
        self.done = 0
        self._total, self._progress = total, progress
        self._started_s = time.monotonic()
        self._sums: dict[str, float] = dict.fromkeys(_COUNTS, 0)
        self._peak_mib = 0.0

    def say(self, label: str) -> None:
        self._progress(self.done, self._total, label)

    def landed(self, note: Note) -> None:
        self._sums = {name: value + note[name] for name, value in self._sums.items()}
        add_cpu_s(note["cpu_s"])
        self._peak_mib = max(self._peak_mib, note["peak_mib"])
        self.done += note["sites"]
        rate = self._sums["rounds"] / max(1e-9, self._sums["cpu_s"])
        self.say(f"{self._sums[DEVICES]:,.0f} devices, {rate:,.0f} rounds/CPU s")

    def about(self, summary_s: float) -> Mapping[str, float]:
        """Returns the study's entry in the manifest: counts, CPU seconds of workers, and the most memory, MiB, that a
        worker had, and this process, which is the scheduler of a cluster of its own."""
        return {
            **self._sums,
            "simulated_s": round(time.monotonic() - self._started_s - summary_s, 3),
            "summary_s": round(summary_s, 3),
            "worker_peak_mib": self._peak_mib,
            "client_peak_mib": round(peak_mib(), 1),
        }
