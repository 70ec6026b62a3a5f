"""What do sizes leak? Who hears nothing but how long packets are, and has heard the prompts before, names the prompt.

A closed world: one of a file's prompts is asked, and the eavesdropper has heard each under seven other seeds
(`simulator.studies.fingerprints`). Prompts have one length, answers one, replies are equally long; `uplink.pad_to_bits`
makes payloads alike. C-SQS begins each request at its first threshold: carried on, it would tell the place of a request
in the row. At temperature 0 the same prompt would always send the same sizes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from models.prompt_files import KINDS
from scenarios import LATENCY, Quick, Scenario, Table, asks, script
from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import called
from scenarios.set_ups import SELECTIVE_REPEAT
from simulator.results.columns import CURVE
from simulator.results.intervals import Difference, Interval, interval, paired
from simulator.results.units import quantity

ACCURACY, KIND, PADDED = "prompt_accuracy", "kind_accuracy", "padded_to_bits"
PROMPTS = "models.pair.prompts"
BITS, FIELD = "uplink_bits_per_token", "uplink.pad_to_bits"
PAPER = {"code": "enumerative", "token": "flat"}
THRESHOLD = {"kind": "c_sqs", "initial": 0.01, "carry": False}
SCHEMES = [
    {"max_drafts": 4, **scheme}
    for scheme in (
        {"kind": "k_sqs", **PAPER, "label": "K-SQS in the paper's code"}, {"kind": "k_sqs", "label": "K-SQS, coded"},
        {**THRESHOLD, **PAPER, "label": "C-SQS in the paper's code"}, {**THRESHOLD, "label": "C-SQS, coded"},
        {"kind": "coupled"}, {"kind": "dense"},
    )
]  # fmt: skip


class Leak(NamedTuple):
    """Leak of one curve at one padding, over seeds."""

    curve: str
    padded_to_bits: int
    accuracy: Interval
    kind: Interval
    prompts: int
    kind_chance: float
    sizes: int
    bits: float
    token_s: float
    over: Difference
    """Difference of its time per token from that without padding, paired by seed."""

    @property
    def low(self) -> float:
        """The lower end of `accuracy`; the mean where all seeds agree."""
        return max(0.0, self.accuracy.mean - self._half_width)

    @property
    def high(self) -> float:
        return min(1.0, self.accuracy.mean + self._half_width)

    @property
    def _half_width(self) -> float:
        return 0.0 if math.isnan(self.accuracy.half_width) else self.accuracy.half_width

    @property
    def words(self) -> str:
        """Returns `19% (16% to 22%)`."""
        ends = f" ({_share(self.low)} to {_share(self.high)})" if self._half_width else ""
        return _share(self.accuracy.mean) + ends

    @property
    def least_bits(self) -> float:
        """Least number of bits that sizes tell of the prompt, by the lower end of the interval."""
        return fano_bits(self.low, self.prompts)


def fano_bits(accuracy: float, prompts: int) -> float:
    """Fano's inequality: the least mutual information, bits, of a prompt, one of so many that are equally likely, and
    what names it with this accuracy. 0 at chance and below."""
    wrong = min(1 - accuracy, 1 - 1 / prompts)
    unsure = -sum(share * math.log2(share) for share in (wrong, 1 - wrong) if share > 0)
    return max(0.0, math.log2(prompts) - unsure - wrong * math.log2(max(1, prompts - 1)))


def leaks(table: pd.DataFrame) -> Iterator[Leak]:
    """Yields the leak of each curve at each padding, the least first."""
    for curve, rows in table.groupby(CURVE, sort=False):
        for padded, here in rows.groupby(PADDED, sort=True):
            at = rows[PADDED] == padded
            yield Leak(
                str(curve), int(str(padded)), interval(here[ACCURACY].to_numpy(float)),
                interval(here[KIND].to_numpy(float)), int(here["prompts"].iloc[0]), float(here["kind_chance"].iloc[0]),
                int(here["round_sizes"].max()), float(here[BITS].mean()), float(here[LATENCY].mean()),
                paired(rows, LATENCY, at, rows[PADDED] == rows[PADDED].min()),
            )  # fmt: skip


def alike(table: pd.DataFrame) -> dict[str, Leak]:
    """Returns, by curve, the leak at the least padding that makes all sizes one; no entry if no padding does."""
    found: dict[str, Leak] = {}
    for leak in leaks(table):
        if leak.sizes == 1 and leak.padded_to_bits > int(table[PADDED].min()):
            found.setdefault(leak.curve, leak)
    return found


@asks(ACCURACY)
def leaks_most(table: pd.DataFrame, axis: str | None) -> str:
    """Whose sizes tell most of the prompt, whose least among those with payloads, and what does it cost to hide?"""
    bare = [leak for leak in leaks(table) if leak.padded_to_bits == table[PADDED].min()]
    if not bare:
        return ""
    most = max(bare, key=lambda leak: leak.accuracy.mean)
    hidden, clauses = alike(table).get(most.curve), []
    clauses.append(
        f"{called(most.curve)} tells most: one of {most.prompts} prompts in {most.words} of requests, guessing "
        f"{_share(1 / most.prompts)}"
    )
    if hidden is not None:
        cost = f"{1 + hidden.over.size:.2g} times the time a token"
        clauses.append(f"at one size for all {_share(hidden.accuracy.mean)}, for {cost}")
    return "; ".join(clauses)


@asks(ACCURACY)
def beyond_chance(table: pd.DataFrame, axis: str | None) -> str:
    """Which schemes tell more than chance, unpadded, and which do so still at one size for all?"""
    clauses = []
    for heading, found in (
        ("unpadded", [leak for leak in leaks(table) if leak.padded_to_bits == table[PADDED].min()]),
        ("at one size for all", [*alike(table).values()]),
    ):
        if found:
            more = [leak for leak in found if leak.low > 1 / leak.prompts]
            named = ", ".join(f"{called(leak.curve)} {_share(leak.accuracy.mean)}" for leak in more) or "none"
            clauses.append(f"{heading} {len(more)} of {len(found)} ({named})")
    return f"Told more often than by chance (lower end of the interval): {'; '.join(clauses)}" if clauses else ""


def rows_of(table: pd.DataFrame) -> pd.DataFrame:
    """A row per curve and padding."""
    return pd.DataFrame(
        {"scheme": leak.curve, PADDED: leak.padded_to_bits, ACCURACY: leak.accuracy.mean, f"{ACCURACY}_low": leak.low,
         f"{ACCURACY}_high": leak.high, "prompt_chance": 1 / leak.prompts, KIND: leak.kind.mean,
         "kind_chance": leak.kind_chance, "least_information_bits": leak.least_bits, "round_sizes": leak.sizes,
         BITS: leak.bits, LATENCY: leak.token_s, "over_unpadded": 1 + leak.over.size}
        for leak in leaks(table)
    )  # fmt: skip


def printed(table: pd.DataFrame) -> TextTable | None:
    """Returns the table of each curve without padding, and with the least that makes all sizes one."""
    one_size = alike(table)
    shown = [
        leak for leak in leaks(table) if leak.padded_to_bits == table[PADDED].min() or one_size.get(leak.curve) == leak
    ]
    if not shown:
        return None
    body = [
        [
            f"{called(leak.curve)}, {'unpadded' if leak.padded_to_bits == 8 else f'to {leak.padded_to_bits} bits'}",
            leak.words, _share(leak.kind.mean), f"{leak.least_bits:.2f}", str(leak.sizes), quantity(leak.bits, BITS),
            quantity(leak.token_s, LATENCY) + (f" ({leak.over.size:+.0%})" if leak.over.size else ""),
        ]
        for leak in shown
    ]  # fmt: skip
    first = shown[0]
    guessed, log2 = _share(1 / first.prompts), math.log2(first.prompts)
    heading = (
        f"Requests whose prompt, one of {first.prompts}, is told by sizes alone (guessing {guessed}), and whose "
        f"kind is ({_share(first.kind_chance)}); bits told of log2 {first.prompts} = {log2:.2f}, at least; different "
        "sizes of a round; bits up and time of a token"
    )
    return TextTable.of(heading, ["scheme, padding", "prompt", "kind", "bits", "sizes", "up a token", "time"], body)


def _share(value: float) -> str:
    return f"{100 * value:.2g}%"


SCENARIO = Scenario(
    name="leakage",
    summary="Which prompt was asked, by the sizes of packets alone: which scheme tells it, and what does padding cost?",
    minutes=13,
    pairs=("smollm2", "sotu"),
    study="fingerprints",
    base={
        "workload.requests": 42,  # each prompt once a seed
        "workload.prompt_tokens": 24,
        "workload.output_tokens": 24,
        "uplink.rate.bps": 10e3,
        **SELECTIVE_REPEAT,
    },
    grid={
        PROMPTS: [str(KINDS)],
        "scheme": [*SCHEMES, "cloud_only"],
        FIELD: [None, 128, 256, 512, 768, 2048, 3072],
    },
    axis=PADDED,
    seeds=8,
    quick=Quick(
        base={"workload.output_tokens": 6},
        grid={PROMPTS: [str(KINDS)], "scheme": [*SCHEMES[:3], "cloud_only"], FIELD: [None, 512, 2048, 3072]},
        seeds=8,
    ),
    left_out={"colocated": "its drafts never cross the air", "edge_only": "nothing of it crosses the air"},
    hidden=(FIELD,),
    figures=("leakage", "latency"),
    headlines=(),
    tables=(Table("leaks", rows_of, printed),),
    answer=leaks_most,
    findings=(beyond_chance,),
    assumed="the eavesdropper hears no times, knows the prompts, has heard each under seven other seeds, and uses "
    "linear discriminant analysis: a lower bound. Four drafts a round, K, ell and thresholds as they are, untuned.",
)

if __name__ == "__main__":
    script(SCENARIO)
