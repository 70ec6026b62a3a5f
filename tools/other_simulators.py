"""The same requests served by other simulators of serving engines and by this one.

    python -m tools.other_simulators

takes two minutes of processor time and writes docs/figures/other_simulators.csv. The
requests, and when each got its first and its last token elsewhere, are the files of tests/data/served, one a load.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from kinds.arrays import Floats
from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from tools.validation_page import DOCS

SERVED: Final = DOCS.parent / "tests" / "data" / "served"
LOADS: Final = {
    "light": "1.5 requests a second",
    "busy": "12 a second",
    "flood": "40 a second, more than is served",
    "prompts": "5 a second, long prompts",
}
NO_LINK: Final = {"rate": {"kind": "constant", "bps": "inf"}, "delay": {"kind": "constant", "delay_s": 0.0}}
BLOCK: Final = 16
"""Tokens of a block of keys and values, there; here memory is counted in tokens."""


class Answers(NamedTuple):
    """Times of each request, in order of arrival: seconds to the first and to the last token, arrival, tokens."""

    first_s: Floats
    last_s: Floats
    arrival_s: Floats
    tokens: Floats

    @property
    def figures(self) -> dict[str, float]:
        """Tokens a second from the first arrival to the last token; percentiles of the time to the first token and of
        that per token after it, ms."""
        per_token_s = ((self.last_s - self.first_s) / np.maximum(self.tokens - 1, 1))[self.tokens > 1]
        span_s = (self.arrival_s + self.last_s).max() - self.arrival_s.min()
        times = {"TTFT": self.first_s, "TPOT": per_token_s}
        return {"tokens/s": float(self.tokens.sum() / span_s)} | {
            f"{name} p{percent}": 1e3 * float(np.percentile(seconds, percent))
            for name, seconds in times.items()
            for percent in (50, 90, 99)
        }


@dataclass(frozen=True)
class Against:
    """A run of another simulator, and the same here: `answers` names its columns, `cloud` what its server has."""

    simulator: str
    load: str
    answers: str
    why: str
    cloud: Mapping[str, object] = field(default_factory=dict)

    def theirs(self) -> Answers:
        """Returns the times in the file."""
        table = pd.read_csv(SERVED / f"{self.load}.csv")
        columns = [f"{self.answers}_ttft_us", f"{self.answers}_e2e_us", "arrival_time_us"]
        first_s, last_s, arrival_s = (table[name].to_numpy(float) / 1e6 for name in columns)
        return Answers(first_s, last_s, arrival_s, table["output_tokens"].to_numpy(float))

    def ours(self) -> Answers:
        """Returns the times simulated here."""
        table = simulate(self.cell(), memory=Memory()).requests.sort_values("device")
        columns = ("ttft_s", "latency_s", "arrival_s", "output_tokens")
        return Answers(*(table[name].to_numpy(float) for name in columns))

    def cell(self) -> Cell:
        """Returns the cell: each request on a device of its own, its prompt in the cloud, nothing between the two."""
        path = SERVED / f"{self.load}.csv"
        requests = pd.read_csv(path)
        pair = {"kind": "synthetic", "size": 4, "contexts": 4, "prompt_tokens": int(requests["input_tokens"].max())}
        cloud = {
            "batching": {"kind": "continuous", "cap": 64}, "token_budget": 512, "kv_tokens": None,
            "latency": {"kind": "affine", "base_s": 0.02, "per_token_s": 5e-5},
        }  # fmt: skip
        return Cell.from_fields(
            {
                "models": {"pair": pair | {"entropy_bits": 1.0}, "temperature": 0.0},
                "workload": {
                    "kind": "arrivals", "path": str(path), "devices": len(requests), "distinct": 1,
                    "prompt_at_cloud": True,
                },
                "scheme": "cloud_only",
                "uplink": NO_LINK,
                "downlink": NO_LINK,
                "cloud": cloud | dict(self.cloud),
            }
        )  # fmt: skip


CACHED: Final = {"latency": {"kind": "affine", "base_s": 0.02, "per_token_s": 5e-5, "per_cached_token_s": 2e-7}}
SMALL: Final = {"batching": {"kind": "continuous", "cap": 8}, "token_budget": 64}
"""Cloud of the load `tight`, which is for the tests alone."""
LLAMA: Final = {"size": "llama_3.1_70b", "device": "h100_80gb_sxm", "gpus": 4}


def scheduled(load: str, **cloud: object) -> list[Against]:
    """The runs that differ in nothing but whose scheduler it is."""
    return [
        Against("BLIS", load, "blis", "none: the same passes", cloud),
        Against("Vidur", load, "vidur", "none: the same passes, cached tokens charged too", cloud | CACHED),
    ]


def short_of_memory() -> Iterator[Against]:
    """Yields the comparisons in which requests are evicted."""
    for blocks in (1600, 1200):
        for simulator in ("BLIS", "Vidur"):
            for admission in ("preempt", "whole_request"):
                cloud = {"kv_tokens": blocks * BLOCK, "admission": admission}
                if admission == "preempt":
                    cloud["kv_block_tokens"] = BLOCK
                answers = f"{simulator.lower()}{blocks}"
                yield Against(simulator, "busy", answers, f"{blocks:,} blocks, here `{admission}`", cloud)


def timed() -> Iterator[Against]:
    """Yields the comparisons in which each has its own latency model of Llama-3.1-70B on four H100."""
    latencies = {"roofline": {"kind": "roofline", **LLAMA}, "h100x4_70b": {"kind": "profile", "name": "h100x4_70b"}}
    for load in ("light", "busy"):
        for name, latency in latencies.items():
            yield Against("BLIS", load, "physics", f"70B on 4 H100, here `{name}`", {"latency": latency})


def rows() -> Iterator[Against]:
    """The whole table."""
    for load in LOADS:
        yield from scheduled(load)
    yield from short_of_memory()
    yield from timed()


def table(each: Iterator[Against]) -> pd.DataFrame:
    """Returns a row per comparison and figure: their value and ours, milliseconds or tokens per second."""
    long = [
        {
            "against": row.simulator,
            "load": row.load,
            "differs": row.why,
            "figure": name,
            "theirs": its,
            "ours": ours[name],
        }
        for row in each
        for theirs, ours in [(row.theirs().figures, row.ours().figures)]
        for name, its in theirs.items()
    ]
    return pd.DataFrame(long).round(3)


if __name__ == "__main__":
    table(rows()).to_csv(DOCS / "figures" / "other_simulators.csv", index=False)
