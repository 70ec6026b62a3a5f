"""Latency per token against the uplink's loss of full packets: independent, in bursts, or by bit errors. Packets have
at most 1,500 bits, as in short radio frames (uplink blocks of NB-IoT end at 1,000 or 2,536)."""

from __future__ import annotations

from collections.abc import Iterable

from scenarios import Below, Costs, CostsAtWorst, Lowest, Quick, Scenario, Tune, script
from scenarios.set_ups import BASE_70B, DRAFTING, IN_CLOUD

MTU_BITS = 1500
BURST_PACKETS = 4
LOSSES = [0.0, 0.05, 0.1, 0.2, 0.5]
ADAPTIVE = {"kind": "selective_repeat", "timer": "jacobson", "backoff": 2.0, "timeout_max_s": 1.0}
KIND = "uplink.loss.kind"


def loss_processes(losses: Iterable[float]) -> list[object]:
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
    minutes=10,
    base={
        **BASE_70B,
        "workload.requests": 2,
        "uplink.arq": ADAPTIVE,
        "uplink.mtu_bits": MTU_BITS,
        "downlink.arq": ADAPTIVE,
    },
    grid={"scheme": [*IN_CLOUD, *DRAFTING], "uplink.loss": loss_processes(LOSSES)},
    axis="uplink.loss.mean_loss",
    seeds=10,
    tune=Tune(settings=8, looks=(1, 2), steps=1, base={"workload.requests": 1}),
    left_out={"edge_only": "its text is not the verifier's, and it needs no uplink"},
    quick=Quick({"workload.requests": 1, "workload.output_tokens": 64}, {"uplink.loss": loss_processes(LOSSES[::3])}),
    figures=("latency", "tails", "breakdown"),
    assumed="packets of at most 1,500 bits; bit errors are given by the loss that they mean to a full one.",
    answer=CostsAtWorst("loss of {last:.0%} against {first:.0%}", "lossy links", by=KIND),
    findings=(
        Lowest(without=IN_CLOUD, by=KIND),
        Below(("k_sqs", "c_sqs"), ("dense",), at=[0.0, 0.2, 0.5], by=KIND),
        Costs("loss of {end} against {start}", by=KIND),
        Lowest("fastest", by=KIND),
        Lowest("of those at the edge", without=IN_CLOUD, by=KIND),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
