"""Latency per token of devices that share one narrow cell of LTE, by how its base station gives out the slots.

Six blocks (1.4 MHz, as LTE-M has), devices behind a wall, else the preset `lte_cell`. K-SQS of four drafts alone:
schedulers are compared, not schemes. Wider cells: `--set uplink.rate.blocks=50`.
"""

from __future__ import annotations

from scenarios import Costs, Lowest, Quick, Scenario, script

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
        "cloud.batching": {"kind": "continuous", "cap": 64},
        "cloud.token_budget": 512,
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
    figures=("latency", "tails", "breakdown"),
    answer=Costs("{end} devices against {start}"),
    findings=(Lowest("fastest"),),
)

if __name__ == "__main__":
    script(SCENARIO)
