"""Latency per token of devices that share one narrow cell of LTE, by how its base station gives out the slots.

Six blocks (1.4 MHz, as LTE-M has), devices behind a wall, else the preset `lte_cell`. Each device has a server of its
own in the cloud, so that only the cell is shared. K-SQS of four drafts alone: schedulers are compared, not schemes.
Wider cells: `--set uplink.rate.blocks=50`.
"""

from __future__ import annotations

import pandas as pd

from scenarios import LATENCY, Lowest, Quick, Scenario, asks, script
from scenarios.findings.comparisons import Place
from scenarios.findings.question import of_setting
from scenarios.findings.wording import Finding, times
from simulator.results.column_names import CURVE
from simulator.results.display_names import words_of


@asks(LATENCY)
def slowed(table: pd.DataFrame, axis: str | None) -> str:
    """From the fewest devices to the most, what does a token take with each way to give out slots?"""
    rows = of_setting(table)
    if axis is None or rows[axis].nunique() < 2:
        return ""
    ends = (rows[axis].max(), rows[axis].min())
    longer = {
        words_of(str(curve))[1].get("label", str(curve)): Place(LATENCY, part).paired(*(part[axis] == n for n in ends))
        for curve, part in rows.groupby(CURVE, sort=False)
    }
    most, *others = sorted(longer, key=lambda shared: -longer[shared].less.size)
    line = f"with {ends[0]:g} devices against {ends[1]:g}, a token takes at most {times(longer[most].less)} as long "
    line += f"({most})"
    rest = [f"{1 + longer[shared].less.size:.3g} ({shared})" for shared in others]
    return Finding("; ".join(filter(None, [line, ", ".join(rest)])), longer.values())


SCENARIO = Scenario(
    name="base_station",
    summary="How do 1 to 128 devices in a cell slow each other: in turn, by proportional fairness, with own blocks?",
    minutes=2,
    base={
        "models.pair": "sotu",
        "workload.requests": 2,
        "workload.output_tokens": 32,
        "workload.distinct": 8,
        "scheme": {"kind": "k_sqs", "max_drafts": 4},
        "uplink": "lte_cell.uplink",
        "uplink.rate.blocks": 6,
        "uplink.rate.extra_loss_db": 5.0,
        "downlink": "lte_cell.downlink",
        "cloud.servers": 128,
    },
    grid={
        "uplink.sharing,uplink.label": [
            [{"kind": "scheduled", "order": "round_robin"}, "in turn"],
            [{"kind": "scheduled", "order": "proportional_fair"}, "proportional"],
            [{"kind": "scheduled", "order": "proportional_fair", "configured_period_s": 0.04}, "own blocks"],
        ],
        "workload.devices": [1, 16, 64, 128],
    },
    axis="workload.devices",
    hidden=tuple(f"uplink.sharing.{field}" for field in ("kind", "order", "configured_period_s")),  # by the label
    seeds=8,
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 16, "workload.distinct": 4},
        grid={"workload.devices": [1, 8, 64]},
    ),
    figures=("latency", "breakdown"),
    answer=slowed,
    findings=(Lowest(),),
    assumed="six blocks, 5 dB of wall, a server in the cloud for each device; of the scheme one setting, not tuned",
)

if __name__ == "__main__":
    script(SCENARIO)
