"""Voice phones that burst beside meters that tick: classes of devices on one cell, under one cloud.

sqsim run fleet --set fleet.phones.count=20 --set fleet.meters.workload.period_s=60

Each class has its own rows in tables, figures and findings; `class` in requests.parquet names it.
"""

from __future__ import annotations

import pandas as pd

from scenarios import Lowest, Quick, Scenario, Tune, asks, script
from scenarios.findings.comparisons import Place
from scenarios.findings.wording import Finding, called, ratio
from scenarios.set_ups import BASE_70B, IN_CLOUD
from simulator.results.column_names import CLASS, CURVE
from simulator.results.display_names import SERVING
from simulator.results.intervals import geometric_means
from simulator.results.units import quantity

AXIS = "fleet.meters.count"
FIRST = "ttft_p95_s"
PHONES: dict[str, object] = {
    "count": 8,
    "workload": {"kind": "bursts", "requests": 16, "output_tokens": 48, "gap_s": 3.0, "pause_s": 30.0,
                 "slo_ttft_s": 1.0, "slo_tpot_s": 0.05},
}  # fmt: skip
METERS: dict[str, object] = {
    "scheme": "cloud_only",
    "workload": {"kind": "ticks", "requests": 5, "prompt_tokens": 64, "output_tokens": 8, "period_s": 20.0},
}


@asks(FIRST)
def meters_cost(table: pd.DataFrame, axis: str | None) -> str:
    """With the most meters, with which scheme do the phones wait least and with which most, and how many times as long
    as beside the fewest?"""
    if axis is None or CLASS not in table.columns:
        return ""
    phones = table[(table[CLASS] == "phones") & table[FIRST].notna()]
    few, many = phones[axis].min(), phones[axis].max()
    most = phones[phones[axis] == many]
    if few == many or most.empty:
        return ""
    means = geometric_means(most, CURVE, FIRST)
    waits = list[str]()
    for curve in dict.fromkeys((str(means.idxmin()), str(means.idxmax()))):
        mean = quantity(float(most.loc[most[CURVE] == curve, FIRST].mean()), FIRST)
        waits.append(f"{mean} (p95) with {called(curve.split(' class=')[0])}")
        longer = Place(FIRST, phones).paired(*((phones[CURVE] == curve) & (phones[axis] == at) for at in (many, few)))
    waits[1:] = [each.replace(" (p95)", "") for each in waits[1:]]
    line = f"beside {many:g} meters phones wait {', '.join(waits)}, {ratio(longer.less)} that beside {few:g}"
    return Finding(line, [longer])


SCENARIO = Scenario(
    name="fleet",
    summary="How long do voice phones that burst wait for their first token beside meters that tick, on one cell?",
    minutes=3,
    base={
        **BASE_70B,
        "workload.distinct": 16,
        "uplink.rate.bps": 40e3,
        "downlink.rate.bps": 1e6,
        "cloud.batching": {"kind": "continuous", "cap": 64},
        "fleet": {"phones": PHONES, "meters": METERS},
    },
    grid={
        "scheme": [*IN_CLOUD, *({"kind": kind, "max_drafts": 4} for kind in ("k_sqs", "coupled"))],
        AXIS: [1, 50, 100, 200],
    },
    axis=AXIS,
    seeds=10,
    tune=Tune(fixed=dict.fromkeys(
        (*SERVING, "scheme.max_drafts", "scheme.k", "scheme.resolution", "scheme.acceptance"),
        "the question is what meters take from each scheme",
    )),
    left_out={"edge_only": "it takes nothing of cell or cloud"},
    quick=Quick(
        base={"fleet.phones.workload.requests": 8, "fleet.meters.workload.requests": 3},
        grid={AXIS: [1, 100]},
        seeds=3,
    ),
    headlines=(FIRST, "latency_per_token_s"),
    figures=("first_token", "tails"),  # meters have one scheme: none passes another
    answer=meters_cost,
    findings=(Lowest(FIRST), Lowest()),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
