"""Bits of a draft on the uplink, and the latency that follows, against temperature: sparse beside dense.

All context-coded but the half-precision baseline, which has no code. Of `sotu` and its 1,024 tokens: texts long enough
for intervals of 5%. `sparse_or_coded` has the bits over larger vocabularies.
"""

from __future__ import annotations

import pandas as pd

from scenarios import LATENCY, Below, Lowest, Quick, Scenario, Tune, asks, script
from scenarios.findings.question import of_setting
from scenarios.findings.sentences.below import of_kinds
from scenarios.findings.wording import Finding, called, change, less_or_more
from scenarios.set_ups import Q_S_ADAPTIVE, SELECTIVE_REPEAT, WAITS
from simulator.results.units import quantity, title

KBPS = 1e3
TEMPERATURES = [0.2, 0.6, 1.0, 1.4]
FIXED = {"max_drafts": 4}
BITS, PAIR = "payload_bits_per_draft", ("k_sqs", "dense")


@asks(BITS)
def bits_of_a_draft(table: pd.DataFrame, axis: str | None) -> str:
    """How far are the bits of a draft of the first of PAIR from the second's at both ends of the axis, and its time at
    the last?"""
    rows = of_setting(table)
    rows = rows[rows[BITS].notna() & rows["scheme.kind"].isin(PAIR)]
    if axis is None or rows["scheme.kind"].nunique() < len(PAIR):
        return ""
    start, end = rows[axis].min(), rows[axis].max()
    first, last = (of_kinds(rows[rows[axis] == at], axis, *PAIR, BITS) for at in (start, end))
    time = of_kinds(rows[rows[axis] == end], axis, *PAIR, LATENCY)
    mine, other = map(called, PAIR)
    return Finding(
        f"a {mine} draft takes {less_or_more(first.less, 'fewer')} bits than {other} at {title(axis)} "
        f"{quantity(start, axis)}, {change(last.less)} at {quantity(end, axis)}; time {change(time.less)} there",
        [first, last, time],
    )


SCENARIO = Scenario(
    name="bandwidth_by_temperature",
    summary="How many bits does a draft take under each scheme from temperature 0.2 to 1.4, and what latency a token?",
    minutes=6,
    base={
        "models.pair": "sotu",
        "workload.requests": 4,
        "workload.output_tokens": 128,
        "uplink.rate.bps": 20 * KBPS,
        **SELECTIVE_REPEAT,
    },
    grid={
        "scheme": [
            *("cloud_only", "colocated", "edge_only"),
            {"kind": "half_dense", **FIXED},
            {"kind": "dense", **FIXED},
            {**Q_S_ADAPTIVE, **FIXED},
            {"kind": "k_sqs", "k": 8, **FIXED},
            {"kind": "c_sqs", **FIXED},
        ],
        "models.temperature": TEMPERATURES,
    },
    axis="models.temperature",
    seeds=8,
    tune=Tune(WAITS, base={"workload.requests": 1, "workload.output_tokens": 64}, settings=8, looks=(1, 2, 4), steps=1),
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 16},
        grid={"models.temperature": TEMPERATURES[::3]},
        seeds=2,
    ),
    figures=("latency", "bits", "resampling", "breakdown"),
    headlines=("latency_per_token_s", "payload_bits_per_draft"),
    answer=bits_of_a_draft,
    findings=(
        Lowest(without=("cloud_only", "colocated")),
        Below(("k_sqs", "c_sqs"), ("dense",), metric="payload_bits_per_draft"),
        Below(("k_sqs", "c_sqs"), ("dense",)),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
