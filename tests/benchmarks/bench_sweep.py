"""What a simulation costs beside the forward passes it makes, and what more network settings cost beside one.

Both are ratios of whole runs measured in turn in one process, in seconds of this process's own time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pytest

from models.interface import CachedText, LanguageModel, LoadedPair, TokenTree
from simulator import Cell, simulate
from simulator.decoding import decoder
from simulator.decoding.memory import Memory

RATES_BPS = [1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 3e6, 1e7]
SCHEMES = ["dense", "k_sqs", "c_sqs", "cloud_only"]
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


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


class Recorded:
    """A model that notes every call made of its texts."""

    def __init__(self, model: LanguageModel, calls: list[Call]) -> None:
        self.model, self.calls = model, calls

    def __getattr__(self, name: str) -> object:
        return getattr(self.model, name)

    def open(self, temperature: float) -> RecordedText:
        return RecordedText(self.model.open(temperature), self.calls)


class RecordedText:
    def __init__(self, text: CachedText, calls: list[Call]) -> None:
        self.text, self.calls = text, calls

    @property
    def cached(self) -> tuple[int, ...]:
        return self.text.cached

    def laws(self, tokens: tuple[int, ...], last: int) -> object:
        self.calls.append((self.text, "laws", (tokens, last)))
        return self.text.laws(tokens, last)

    def tree_laws(self, tokens: tuple[int, ...], tree: TokenTree) -> object:
        self.calls.append((self.text, "tree_laws", (tokens, tree)))
        return self.text.tree_laws(tokens, tree)

    def graft(self, path: tuple[int, ...]) -> None:
        self.calls.append((self.text, "graft", (path,)))
        self.text.graft(path)

    def crop(self, length: int) -> None:
        self.calls.append((self.text, "crop", (length,)))
        self.text.crop(length)


def replay(calls: list[Call]) -> None:
    """The same forward passes, on the same texts from the start, and nothing else."""
    for text in {id(text): text for text, _, _ in calls}.values():
        text.crop(0)
    for text, name, arguments in calls:
        getattr(text, name)(*arguments)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", ["sotu", "smollm2"])
def test_what_a_live_run_costs_beside_its_passes(
    kind: str,
    scheme: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ratio: Callable[..., None],
) -> None:
    one = cell(scheme, 1e5, *((4, 64) if kind == "sotu" else (1, 16)), pair=kind)
    pair = decoder.load(one.models.pair)
    calls: list[Call] = []
    recorded = LoadedPair(Recorded(pair.drafter, calls), Recorded(pair.verifier, calls), pair.prompts)
    simulate(one, memory=Memory())
    ratios, passes = [], 0
    for _ in range(5):
        calls.clear()
        monkeypatch.setattr(decoder, "load", lambda _: recorded)
        simulate(one, memory=Memory())
        monkeypatch.setattr(decoder, "load", lambda _: pair)
        live_s = seconds(lambda: simulate(one, memory=Memory()))
        ratios.append(live_s / seconds(lambda: replay(calls)))
        passes = sum(name == "laws" for _, name, _ in calls)
    with capsys.disabled():
        print(f"\n{kind}, {scheme}: live / bare passes = {statistics.median(ratios):.3f} ({passes} passes; bar 1.15)")
    ratio(f"live / bare passes: {kind}, {scheme}", statistics.median(ratios), at_most=1.15, meaning="CPU time of a run")


def test_twelve_rates_cost_little_more_than_one(capsys: pytest.CaptureFixture[str], ratio: Callable[..., None]) -> None:
    simulate(cell("k_sqs", 1e5, 1), memory=Memory())

    def sweep(rates: list[float]) -> None:
        for scheme in SCHEMES:
            memory = Memory()
            for bps in rates:
                simulate(cell(scheme, bps, requests=8), memory=memory)

    one_s, twelve_s = seconds(lambda: sweep(RATES_BPS[6:7])), seconds(lambda: sweep(RATES_BPS))
    with capsys.disabled():
        print(f"\ntwelve rates / one rate = {twelve_s / one_s:.3f} ({twelve_s:.1f} s / {one_s:.1f} s; bar 1.15)")
    ratio("twelve rates / one rate", twelve_s / one_s, at_most=1.15, meaning="CPU time of a sweep, cold both times")
