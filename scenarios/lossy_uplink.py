"""Latency per token against the share of uplink packets lost: independently, and in bursts of the same mean.

sqsim run lossy_uplink            or            python -m scenarios.lossy_uplink
"""

from __future__ import annotations

from collections.abc import Iterable

from scenarios import Answer, Below, Costs, Finding, Lowest, Quick, Scenario, script

BURST_PACKETS = 4
LOSSES = [0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5]
ADAPTIVE = {"kind": "selective_repeat", "timer": "jacobson", "backoff": 2.0, "timeout_max_s": 1.0}
KIND = "uplink.loss.kind"


def both(losses: Iterable[float]) -> list[object]:
    """Each loss twice: every packet by itself, and in bursts of BURST_PACKETS on average."""
    alone = [{"kind": "bernoulli", "probability": loss} for loss in losses]
    to_good = 1 / BURST_PACKETS  # and to_bad / (to_bad + to_good) is the loss; it must be above 0
    bursts = [
        {"kind": "gilbert_elliott", "to_bad": max(1e-12, loss / (1 - loss) * to_good), "to_good": to_good}
        for loss in losses
    ]
    return [*alone, *bursts]


SCENARIO = Scenario(
    name="lossy_uplink",
    summary="What does loss on the uplink, 0 to 50%, alone or in bursts, cost each scheme?",
    minutes=1,
    base={
        "models.pair": "sotu",
        "workload.requests": 4,
        "workload.output_tokens": 48,
        "uplink.arq": ADAPTIVE,
        "downlink.arq": ADAPTIVE,
    },
    grid={"scheme": ["cloud_only", "dense", "k_sqs", "c_sqs"], "uplink.loss": both(LOSSES)},
    axis="uplink.loss.mean_loss",
    seeds=10,
    quick=Quick(base={"workload.requests": 3, "workload.output_tokens": 24}, grid={"uplink.loss": both(LOSSES[::3])}),
    figures=("latency", "tails", "breakdown"),
    findings=(
        Finding(without=("cloud_only",), by=KIND),
        Below(("k_sqs", "c_sqs"), ("dense",), at=[0.0, 0.2, 0.5], by=KIND),
        Answer([Costs("loss of {end} against {start}", by=KIND), Lowest("fastest", by=KIND)]),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
