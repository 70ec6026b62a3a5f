"""What does drafting ahead of verdicts gain, by distance and acceptance, and when does it take from others?

    sqsim run ahead            or            python -m scenarios.ahead

A round drafted before the verdict on the one before it is in vain where that does not stand. Over laws that are as far
apart everywhere, acceptance is the same for every draft, and the gain has a closed form (simulator/results/
ahead_findings.py): lines, with dots as measured. Beside it, K-SQS in a cell that more and more devices share.
"""

from __future__ import annotations

from scenarios import AheadGains, Also, Answer, ClosedForm, Quick, Scenario, SharedCell, Tune, script

DEPTHS = [0, 1, 2, 4]
ARQ = {"kind": "selective_repeat", "timeout_s": 2.0}
DRAFTER = {"kind": "profile", "name": "orin_nano_smollm2_135m"}
TARGET = {"kind": "profile", "name": "gpu80gbx2_70b"}
DELAY = "uplink.delay,downlink.delay"


def delays(*round_trips_s: float) -> list[object]:
    return [[{"kind": "constant", "delay_s": both / 2}] * 2 for both in round_trips_s]


SCENARIO = Scenario(
    name="ahead",
    summary="How much does drafting ahead gain over waiting for verdicts, and when does it hurt a shared cell?",
    minutes=3,
    base={
        "models.pair": {"kind": "synthetic", "size": 16, "entropy_bits": 3.0},
        "scheme": {"kind": "half_dense", "max_drafts": 4},
        "workload.requests": 1, "workload.output_tokens": 512, "workload.prompt_at_cloud": True, "uplink.arq": ARQ,
        "downlink.arq": ARQ, "uplink.rate.bps": 1e6, "edge.latency": DRAFTER, "cloud.latency": TARGET,
    },
    grid={
        "models.pair.distance": [0.05, 0.1, 0.2, 0.4],
        "scheme.depth": DEPTHS,
        DELAY: delays(0.005, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64),
    },
    also=[
        Also(
            {"scheme.depth": DEPTHS, "workload.devices": [1, 2, 4, 8, 16, 32]},
            {"models.pair": {"kind": "synthetic", "size": 256, "distance": 0.1}, "workload.output_tokens": 64,
             "scheme": {"kind": "k_sqs", "k": 16, "max_drafts": 4}, "uplink.rate.bps": 100e3,
             "uplink.delay.delay_s": 0.04, "downlink.delay.delay_s": 0.04, "cloud.batching": "continuous"},
            {"workload.devices": [1, 16]},
        )
    ],
    axis="uplink.delay.delay_s",
    hidden=("downlink.delay", "workload.output_tokens"),
    seeds=8,
    quick=Quick({"workload.output_tokens": 128}, {"models.pair.distance": [0.1, 0.4], DELAY: delays(0.005, 0.64)}, 2),
    tune=Tune(dict.fromkeys(("scheme.max_drafts", "scheme.k", "scheme.resolution"), "the closed form has four drafts")),
    left_out=dict.fromkeys(("cloud_only", "colocated", "edge_only"), "against waiting, not against the cloud"),
    figures=("ahead",),
    headlines=(),
    findings=(ClosedForm(), AheadGains(), SharedCell(), Answer([AheadGains(), SharedCell()])),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
