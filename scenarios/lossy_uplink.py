"""Latency per token against the uplink's loss of full packets: independent, in bursts, or by bit errors.

sqsim run lossy_uplink            or            python -m scenarios.lossy_uplink

A packet has at most 1,500 bits, header included, as in short radio frames: uplink blocks of NB-IoT end at 1,000 bits
(Release 13) or 2,536 (Release 14). A round of several packets waits for the last of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from scenarios import Answer, Below, Costs, Finding, Lowest, Quick, Scenario, script

MTU_BITS = 1500
BURST_PACKETS = 4
LOSSES = [0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5]
ADAPTIVE = {"kind": "selective_repeat", "timer": "jacobson", "backoff": 2.0, "timeout_max_s": 1.0}
KIND = "uplink.loss.kind"


def each_way(losses: Iterable[float]) -> list[object]:
    """Each loss three times: of any packet by itself, in bursts of BURST_PACKETS, and of a full one by bit errors."""
    alone = [{"kind": "bernoulli", "probability": loss} for loss in losses]
    to_good = 1 / BURST_PACKETS  # and to_bad / (to_bad + to_good) is the loss; it must be above 0
    bursts = [
        {"kind": "gilbert_elliott", "to_bad": max(1e-12, loss / (1 - loss) * to_good), "to_good": to_good}
        for loss in losses
    ]
    rates = [1 - (1 - loss) ** (1 / MTU_BITS) for loss in losses]
    return [*alone, *bursts, *({"kind": "bit_errors", "bit_error_rate": r, "reference_bits": MTU_BITS} for r in rates)]


SCENARIO = Scenario(
    name="lossy_uplink",
    summary="What does loss on an uplink of 1,500-bit packets, 0 to 50% alone, in bursts or by bit errors, cost?",
    minutes=1.5,
    base={
        "models.pair": "sotu",
        "workload.requests": 4,
        "workload.output_tokens": 48,
        "uplink.arq": ADAPTIVE,
        "uplink.mtu_bits": MTU_BITS,
        "downlink.arq": ADAPTIVE,
    },
    grid={"scheme": ["cloud_only", "dense", "k_sqs", "c_sqs"], "uplink.loss": each_way(LOSSES)},
    axis="uplink.loss.mean_loss",
    seeds=10,
    quick=Quick({"workload.requests": 3, "workload.output_tokens": 24}, {"uplink.loss": each_way(LOSSES[::3])}),
    figures=("latency", "tails", "breakdown"),
    assumed="packets of at most 1,500 bits; bit errors are told by the loss that they mean to a full one.",
    findings=(
        Finding(without=("cloud_only",), by=KIND),
        Below(("k_sqs", "c_sqs"), ("dense",), at=[0.0, 0.2, 0.5], by=KIND),
        Answer([Costs("loss of {end} against {start}", by=KIND), Lowest("fastest", by=KIND)]),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
