"""What a simulation costs beside the forward passes it makes, and what more network settings cost beside one.

And what a repeat costs, and a second worker gains. Ratios of whole runs measured in turn, in seconds of this process's
own time but for the last.
"""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from timed_cells import seconds
from watched_texts import WatchedModel

from models.interface import CachedText, LoadedPair
from simulator import Cell, CellResult, run, simulate, sweep
from simulator.decoding import decoder
from simulator.decoding.memory import Memory

RATES_BPS = [1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 3e6, 1e7]
SCHEMES = ["dense", "k_sqs", "c_sqs", "cloud_only"]
RUNS = {"sotu": 5, "smollm2": 3}
"""The ratios of one cell lie within 5% of their median with smollm2, within 10% with sotu, on loaded cores."""
BESIDE_US = 240.0
"""What a draft may cost beside its passes, at V = 1,024: half of it is what `bench_codec_speed` promises of quantizing
one (20 us) and of its bits both ways (50 each), half is left for softmax, drawing, judging and events. That a run takes
at most 1.15 times its passes is promised of smollm2 alone, whose passes are most of it. The passes of sotu are 1 to 2
ms a draft: of them the same promise would only tell how cheap they are, and it was not kept (1.3 to 1.9, also before
oneDNN made the large products)."""
Call = tuple[CachedText, str, tuple[object, ...]]


def cell(scheme: str, bps: float, requests: int = 2, output: int = 64, pair: str = "sotu") -> Cell:
    return Cell.from_fields(
        {
            "models": {"pair": pair},
            "workload": {"kind": "closed", "requests": requests, "output_tokens": output},
            "scheme": scheme,
            "uplink": {"rate": {"kind": "constant", "bps": bps}},
        }
    )


def replay(calls: list[Call]) -> None:
    """The same forward passes, on the same texts from the start, and nothing else."""
    for text in {id(text): text for text, _, _ in calls}.values():
        text.crop(0)
    for text, name, arguments in calls:
        getattr(text, name)(*arguments)


def drafts_of(result: CellResult) -> float:
    """The drafts that were made; the tokens where nobody drafts."""
    return float(result.rounds["edge_passes"].sum() or result.requests["output_tokens"].sum())


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", ["sotu", "smollm2"])
def test_what_a_live_run_costs_beside_its_passes(kind, scheme, monkeypatch, capsys, ratio):
    one = cell(scheme, 1e5, *((4, 64) if kind == "sotu" else (1, 16)), pair=kind)
    pair = decoder.load(one.models.pair)
    calls: list[Call] = []
    watched = (WatchedModel(model, lambda *call: calls.append(call)) for model in (pair.drafter, pair.verifier))
    recorded = LoadedPair(*watched, pair.prompts)
    monkeypatch.setattr(run, "predecode", lambda *_: None)  # the bare passes are made one by one, too
    with monkeypatch.context() as patch:
        patch.setattr(decoder, "load", lambda _: recorded)
        result = simulate(one, memory=Memory())  # which also compiles
    timed = [
        (seconds(lambda: simulate(one, memory=Memory())), seconds(lambda: replay(calls))) for _ in range(RUNS[kind])
    ]
    ratios = [live_s / bare_s for live_s, bare_s in timed]
    beside_us = [1e6 * (live_s - bare_s) / drafts_of(result) for live_s, bare_s in timed]
    with capsys.disabled():
        told = f"live / bare passes {min(ratios):.3f} to {max(ratios):.3f}"
        print(f"\n{kind}, {scheme}: {told}, {min(beside_us):.0f} to {max(beside_us):.0f} us a draft beside them")
    bound = 1.15 if kind == "smollm2" else None
    ratio(
        f"live / bare passes: {kind}, {scheme}", statistics.median(ratios), at_most=bound, meaning="CPU time of a run"
    )
    if kind == "sotu":
        meaning = "us a draft of CPU time of a run, its passes taken off"
        ratio(f"beside its passes: {kind}, {scheme}", statistics.median(beside_us), at_most=BESIDE_US, meaning=meaning)


def rates(bps: Sequence[float], seeds: int = 1, requests: int = 8) -> list[Cell]:
    """Each scheme at these rates, on so many seeds: len(SCHEMES) * seeds decodings."""
    cells = [cell(scheme, rate, requests) for scheme in SCHEMES for rate in bps]
    return [each for one in cells for each in one.grid({"seed": range(seeds)})]


@pytest.fixture
def cold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder; what is decoded is kept below it, and nothing is yet. Models are loaded, codes are compiled."""
    sweep([cell(scheme, 1e5, requests=1, output=8) for scheme in SCHEMES], tmp_path / "warm")
    monkeypatch.setenv("SQSIM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SQSIM_ROUNDS_GB", "4")
    return tmp_path


def test_twelve_rates_and_a_repeat(cold: Path, monkeypatch: pytest.MonkeyPatch, ratio: Callable[..., None]) -> None:
    """Tables, parts and rounds on disk are written each time.

    Of twelve rates and one no ratio is promised: it says what part passes are of a sweep, and rises as they become
    cheaper. What a further rate costs does not depend on them, as long as it makes none: no more than one of a sweep
    whose rounds are all remembered.
    """
    twelve_s = seconds(lambda: sweep(rates(RATES_BPS), cold / "twelve"))
    again_s = seconds(lambda: sweep(rates(RATES_BPS), cold / "again"))
    monkeypatch.setenv("SQSIM_CACHE", str(cold / "other"))
    one_s = seconds(lambda: sweep(rates(RATES_BPS[6:7]), cold / "one"))
    one_again_s = seconds(lambda: sweep(rates(RATES_BPS[6:7]), cold / "one_again"))
    of_a_sweep = "CPU time of a sweep, its tables written"
    more = len(RATES_BPS) - 1
    further, remembered = (twelve_s - one_s) / more, (again_s - one_again_s) / more
    ratio("twelve rates / one rate", twelve_s / one_s, meaning=f"{of_a_sweep}, cold both times")
    ratio("a further rate / a remembered one", further / remembered, at_most=1.15, meaning=of_a_sweep)
    ratio("one rate: again / first", one_again_s / one_s, at_most=0.1, meaning=f"{of_a_sweep}, rounds from disk")
    ratio("twelve rates: again / first", again_s / twelve_s, meaning=f"{of_a_sweep}, rounds from disk")


def of_few_decodings(runs: int) -> list[Cell]:
    """So many cells of 5 schemes on 6 seeds: 30 decodings, whose runs differ in the rate."""
    base = cell("dense", 1e5, requests=1, output=16)
    rates_bps = [1e3 * 1.02**step for step in range(-(-runs // 30))]
    schemes = [*SCHEMES, "edge_only"]
    return base.grid({"scheme": schemes, "seed": range(6), "uplink.rate.bps": rates_bps})[:runs]


def test_a_remembered_run_beside_its_simulation(
    cold: Path, capsys: pytest.CaptureFixture[str], ratio: Callable[..., None], curve: Callable[..., None]
) -> None:
    """What a run without a pass costs in a sweep that makes its cells, reads their rounds and writes everything."""
    sweep(of_few_decodings(30))
    spent_s = dict[int, float]()
    for runs in (70, 210, 700, 2000):
        cells, memory = of_few_decodings(runs), Memory.here()
        made_s = seconds(lambda runs=runs: of_few_decodings(runs))  # type: ignore[misc]
        swept_s = seconds(lambda cells=cells: sweep(cells, cold / str(len(cells))))  # type: ignore[misc]
        for each in cells[:: len(cells) // 30]:
            simulate(each, memory=memory)
        bare_s = seconds(lambda cells=cells, memory=memory: [simulate(each, memory=memory) for each in cells])  # type: ignore[misc]
        spent_s[runs] = made_s + swept_s
        with capsys.disabled():
            parts = f"{1e3 * made_s / runs:.1f} to make the cell, {1e3 * bare_s / runs:.1f} to simulate it alone"
            print(f"\n{runs} remembered runs: {1e3 * spent_s[runs] / runs:.1f} ms of a run ({parts})")
        meaning = "CPU time of cells made, swept and written, their rounds from disk, beside simulate() of each"
        ratio(f"remembered run / bare simulation, {runs} runs", spent_s[runs] / bare_s, at_most=3.0, meaning=meaning)
    curve("sweep of remembered runs, tables written", "runs", spent_s, at_most=1.1)


def test_two_workers_and_one(cold: Path, ratio: Callable[..., None]) -> None:
    """Independent decodings, so many that their lengths even out; the two have loaded their models before."""
    if (os.cpu_count() or 1) < 2:
        pytest.skip("one core")
    cells = rates(RATES_BPS[6:7], seeds=4)
    sweep(rates(RATES_BPS[5:6], seeds=2, requests=1), cold / "models", 2)
    wall_s = list[float]()
    for workers in (1, 2):
        start = time.perf_counter()
        sweep([each.with_({"seed": each.seed + 100 * workers}) for each in cells], cold / str(workers), workers)
        wall_s.append(time.perf_counter() - start)
    ratio("one worker / two workers", wall_s[0] / wall_s[1], at_least=1.7, meaning="wall time, on two idle cores")
