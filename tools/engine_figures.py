"""Gains of co-located speculation that engines were measured at, beside those of the scheme `colocated`.

`python -m tools.paper_figures` writes these among its rows. What a source states of its set-up stands here, and what it
leaves open is a free parameter, counted in the table. Curves that their source draws and does not print were read off
the drawing by its axes, to about 0.03.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from tools.validation_page import Row

Fields = dict[str, object]
USERS: Final = (1, 16, 64, 128)
DRAFTS: Final = 3
"""Of a round, in all of SpecDecode-Bench's figure 1."""
BENCH: Final = "[SpecDecode-Bench](https://specdecode-bench.github.io), arXiv 2601.11580, vLLM 0.10.1"
BLOG: Final = "[vLLM's blog](https://vllm.ai/blog/2024-10-17-spec-decode), October 2024"
NO_LINK: Final[Fields] = {"rate": {"kind": "constant", "bps": "inf"}, "delay": {"kind": "constant", "delay_s": 0.0}}


class Benchmark(NamedTuple):
    """Texts of SpecDecode-Bench (github.com/SpecDecode-Bench/simulator, 2fdccbd), and gains of USERS at once."""

    prompt_tokens: int
    output_tokens: int
    survival: tuple[float, ...]
    """P(the first k of three drafts of a round stand), counted in its files of accepted lengths, Llama-3.1-8B,
    and averaged over requests, as its gains are."""
    small: tuple[float, ...]
    """Measured gain of Llama-3.1-8B with EAGLE-3 on an H100: its curves are those that the accepted lengths fit."""
    computed: tuple[float, ...]
    """The same by the authors' own simulator, figure 10."""
    large: tuple[float, ...]
    """Measured gain of Llama-3-70B with a draft model on four H100."""
    known: bool
    """Whether acceptance of that pair on such texts was measured elsewhere."""

    @property
    def large_acceptance(self) -> Fields:
        """As measured elsewhere, or what the gain of one user gives where a draft takes an eighth of a pass."""
        if self.known:
            return {"survival": OTHERS_SURVIVAL}
        return {"accepted_length": self.large[0] * (1 + DRAFTS / 8), "drafts": DRAFTS}


TASKS: Final = {
    "GSM8K": Benchmark(94, 166, (0.675, 0.442, 0.284), (1.75, 1.70, 1.48, 1.22), (1.81, 1.65, 1.36, 1.18),
                  (2.35, 2.12, 1.70, 1.26), False),
    "CNN/DailyMail": Benchmark(838, 323, (0.646, 0.411, 0.268), (1.69, 1.58, 1.40, 1.23), (1.76, 1.56, 1.31, 1.21),
                          (2.10, 1.70, 1.34, 1.11), False),
    "ShareGPT": Benchmark(355, 728, (0.618, 0.397, 0.263), (1.72, 1.68, 1.55, 1.30), (1.74, 1.60, 1.37, 1.23),
                     (2.15, 1.97, 1.66, 1.25), False),
    "InstructCoder": Benchmark(171, 262, (0.737, 0.567, 0.429), (2.02, 1.92, 1.57, 1.31), (2.03, 1.80, 1.46, 1.28),
                          (2.55, 2.18, 1.69, 1.27), True),
}  # fmt: skip
OTHERS_SURVIVAL: Final = (0.83, 0.74, 0.64, 0.58, 0.54, 0.49, 0.47, 0.44)
"""Of Llama-3.2-1B under a 70B on InstructCoder, which tomasruiz/vllm-scripts measured."""
SMALL_CLOUD: Final[Fields] = {
    "latency": {
        "kind": "affine", "base_s": 5.88590713e-3 + 1.20683946e-3, "per_token_s": 2.10103129e-5,
        "per_cached_token_s": 3.92645679e-8,
    },
    "drafter_latency": {
        "kind": "affine", "base_s": 2.13526175e-3, "per_token_s": 0.0, "per_cached_token_s": 2.37768493e-9,
    },
    "drafts_per_pass": DRAFTS,
}  # fmt: skip
"""The authors' own fit to vLLM with InstructCoder, their overhead a step in it; one drafter pass is for a round."""
LARGE_DRAFTER: Final[Fields] = {
    "kind": "affine", "base_s": 0.0145 / 8, "per_token_s": 0.0, "per_cached_token_s": 32_768 / 3.35e12,
}  # fmt: skip
"""An eighth of the 70B's pass, as the source has it; keys and values of Llama-3.2-1B at the memory rate of an H100."""
LARGE_CLOUD: Final[Fields] = {"latency": {"kind": "profile", "name": "h100x4_70b"}, "drafter_latency": LARGE_DRAFTER}


TEXTS: Final = 16
"""Different ones in a run, the same ones at each load."""


@cache
def memory() -> Memory:
    """What the same texts are decoded with."""
    return Memory()


def latency_s(pair: Fields, workload: Fields, cloud: Fields, drafts: int = 0) -> float:
    """Mean seconds of a request, its prompt in the cloud and nothing between the two; without drafts the target alone.
    The pair's prompts are as long as the longest of the workload."""
    cell = Cell.from_fields(
        {
            "models": {"pair": {"kind": "acceptance", "size": 512, **pair}, "temperature": 0.0},
            "workload": {"distinct": TEXTS, "prompt_at_cloud": True, **workload},
            "scheme": {"kind": "colocated", "max_drafts": drafts} if drafts else "cloud_only",
            "uplink": NO_LINK,
            "downlink": NO_LINK,
            "cloud": {"batching": {"kind": "continuous", "cap": 256}, "kv_tokens": None, **cloud},
        }
    )
    return float(simulate(cell, memory=memory()).summary["latency_s"])


def gain(task: Benchmark, users: int, cloud: Fields, acceptance: Fields) -> float:
    """Tokens a second with drafts over those without, of users who all begin at once: one answer each, of a user alone
    one after another."""
    pair: Fields = {"prompt_tokens": task.prompt_tokens, **acceptance}
    workload: Fields = {
        "kind": "closed", "devices": users, "requests": TEXTS if users == 1 else 1, "prompt_tokens": task.prompt_tokens,
        "output_tokens": task.output_tokens,
    }  # fmt: skip
    served: Fields = {"token_budget": 8192, **cloud}
    return latency_s(pair, workload, served) / latency_s(pair, workload, served, DRAFTS)


def small_gains(task: Benchmark, users: Sequence[int] = USERS) -> list[float]:
    """Of the 8B: latency and acceptance of the source, nothing free."""
    return [gain(task, each, SMALL_CLOUD, {"survival": task.survival}) for each in users]


def large_gains(task: Benchmark, users: Sequence[int] = USERS) -> list[float]:
    """Of the 70B: a latency model of another source, and acceptance of a third or fitted to the gain of one user."""
    return [gain(task, each, LARGE_CLOUD, task.large_acceptance) for each in users]


def paid_up_to(task: Benchmark) -> str:
    """Users at once at which drafts no longer gain, of the 70B, in a straight line from USERS' last to twice that."""
    most = 2 * USERS[-1]
    last, beyond = large_gains(task, (USERS[-1], most))
    if beyond >= 1:
        return f"above {most}, where it is {beyond:.2f}"
    return f"{USERS[-1] + (most - USERS[-1]) * (last - 1) / (last - beyond):.0f}"


class LoadCurve(NamedTuple):
    """A curve of vLLM's blog, Llama-3-70B on four H100, four drafts a round."""

    per_s: tuple[int, ...]
    """Requests a second."""
    alone_s: tuple[float, ...]
    """Mean seconds of a request without drafts."""
    drafted_s: tuple[float, ...]
    """With them."""
    prompt_tokens: int
    """Assumed: of the data set."""
    output_tokens: int
    """Free: from `alone_s` at one request a second."""
    drafter: Fields
    lengths: dict[float, float]
    """AL by the seconds that the engine takes for each draft beside passes; both free. AL is from the gain at one
    request a second, the seconds are 0 or from ShareGPT's gain at eight."""

    @property
    def gains(self) -> list[float]:
        return [alone / drafted for alone, drafted in zip(self.alone_s, self.drafted_s, strict=True)]


CURVES: Final = {
    "ShareGPT, Qwama-0.5B": LoadCurve(
        (1, 2, 4, 8, 10), (2.55, 2.59, 2.93, 3.47, 3.41), (1.65, 1.73, 2.25, 3.39, 4.77), 220, 173, LARGE_DRAFTER,
        {0.0: 2.35, 1.6e-4: 2.5},
    ),
    "CNN/DailyMail, n-grams": LoadCurve(
        (1, 2, 4, 8), (2.74, 2.93, 3.77, 5.69), (0.98, 1.23, 1.81, 10.69), 838, 180,
        {"kind": "constant", "per_pass_s": 0.0}, {0.0: 2.9, 1.6e-4: 3.1},
    ),
}  # fmt: skip


def loaded_s(curve: LoadCurve, per_s: int, drafts: int = 0, per_draft_s: float = 0.0, requests: int = 160) -> float:
    """Mean seconds of a request where they come at random, so many a second."""
    pair: Fields = {"accepted_length": curve.lengths[per_draft_s], "drafts": 4, "prompt_tokens": curve.prompt_tokens}
    cloud: Fields = {
        "latency": LARGE_CLOUD["latency"], "drafter_latency": curve.drafter, "token_budget": 2048,
        "decode_s_per_draft": per_draft_s,
    }  # fmt: skip
    arrivals = 1e6 * np.random.default_rng(7).exponential(1 / per_s, requests).cumsum()
    lines = [f"{at:.0f},{curve.prompt_tokens},{curve.output_tokens}\n" for at in arrivals]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arrivals.csv"
        path.write_text("arrival_time_us,input_tokens,output_tokens\n" + "".join(lines), encoding="utf-8")
        return latency_s(pair, {"kind": "arrivals", "path": str(path), "devices": requests}, cloud, drafts)


def listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def _apart(ours: Sequence[float], published: Sequence[float]) -> str:
    """Ratios of ours to theirs, from least to most."""
    ratios = [here / there for here, there in zip(ours, published, strict=True)]
    return f"{min(ratios):.2f} to {max(ratios):.2f}"


def batched() -> Iterator[Row]:
    """Gains by users at once."""
    users = ", ".join(map(str, USERS))
    for name, task in TASKS.items():
        ours = small_gains(task)
        what = f"gain in tokens a second for {users} users at once, Llama-3.1-8B with EAGLE-3, three drafts, {name}"
        yield Row(
            f"{BENCH}, its simulator", what, listed(task.computed), listed(ours), _apart(ours, task.computed),
            "none: its latency model and acceptance", "",
        )  # fmt: skip
        yield Row(
            BENCH, what, listed(task.small), listed(ours), _apart(ours, task.small), "none",
            "its latency model, which gives too little at 16 to 64 users there too",
        )  # fmt: skip
    for name, task in TASKS.items():
        ours = large_gains(task)
        free = "none: acceptance as measured elsewhere" if task.known else "1 for 4 numbers: AL"
        yield Row(
            BENCH,
            f"gain in tokens a second for {users} users at once, Llama-3-70B with a draft model on four H100, three "
            f"drafts, {name}",
            listed(task.large),
            listed(ours),
            _apart(ours, task.large),
            free,
            "which draft model it was; the first published gain is at least that, its mark is cut off"
            if task.known
            else "acceptance is not published in what could be read",
        )


def blog() -> Iterator[Row]:
    """Gains by requests a second."""
    for name, curve in CURVES.items():
        rates, count = ", ".join(map(str, curve.per_s)), len(curve.per_s)
        alone_s = [loaded_s(curve, rate) for rate in curve.per_s]
        yield Row(
            BLOG, f"seconds of a request without drafts, {rates} a second, Llama-3-70B on four H100, {name}",
            listed(curve.alone_s), listed(alone_s), _apart(alone_s, curve.alone_s),
            f"1 for {count} numbers: tokens of an answer", "how much slower requests get under load",
        )  # fmt: skip
        for per_draft_s in curve.lengths:
            gains = [s / loaded_s(curve, rate, 4, per_draft_s) for s, rate in zip(alone_s, curve.per_s, strict=True)]
            free = {"ShareGPT": 2}.get(name.partition(",")[0], 1) if per_draft_s else 1
            yield Row(
                BLOG,
                f"gain in those seconds by four drafts a round, with {1e3 * per_draft_s:g} ms a draft beside passes",
                listed(curve.gains),
                listed(gains),
                _apart(gains, curve.gains),
                f"{free} for {count} numbers: AL" + (", those ms" if free == 2 else ""),
                "that drafts slow the highest load down" + (" so far" if gains[-1] < 1 else ""),
            )


def crossing() -> Iterator[Row]:
    """Where the gain is gone."""
    for name in ("GSM8K", "CNN/DailyMail"):
        yield Row(
            BENCH,
            f"users at once from which three drafts no longer gain, Llama-3-70B as above, {name}",
            f"above {USERS[-1]}",
            paid_up_to(TASKS[name]),
            "",
            "AL, as above",
            "",
        )


def rows() -> Iterator[Row]:
    yield from batched()
    yield from crossing()
    yield from blog()
