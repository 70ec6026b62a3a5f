"""The simulator against the thing itself: every cell as real processes on this machine, and simulated.

    sqsim run validation            or            python -m scenarios.validation

An edge and a cloud in two network namespaces, real bytes over a shaped and lossy link, real passes; beside it the same
cell under clocks that were measured on this machine just before. Real time: errors differ from run to run, tokens do
not. The kernel shapes `token_bucket` links (tc tbf), the relay `constant` ones; losses and delays are the relay's.
"""

from __future__ import annotations

from scenarios import Also, Answer, Quick, Scenario, script
from scenarios.command.validation_questions import CELL, Errors, RealBesideSimulated, SameAnswers

LOST = {"kind": "bernoulli", "probability": 0.1}
THIN, MIDDLE, WIDE = ({"kind": "token_bucket", "bps": bps, "burst_bits": 4000} for bps in (20e3, 200e3, 2e6))
SLOW, FAST = ({"kind": "constant", "bps": bps} for bps in (20e3, 100e3))
DENSE, K_SQS, C_SQS, COUPLED = ({"kind": kind, "max_drafts": 4} for kind in ("dense", "k_sqs", "c_sqs", "coupled"))
FIELDS = f"scheme,uplink.rate,uplink.loss,{CELL}"
ALONE = [
    ["cloud_only", THIN, LOST, "cloud-only, 20k, 10% lost"],
    [DENSE, THIN, "none", "dense, 20k"],
    [DENSE, MIDDLE, LOST, "dense, 200k, 10% lost"],
    [K_SQS, SLOW, "none", "K-SQS, 20k"],
    [K_SQS, SLOW, LOST, "K-SQS, 20k, 10% lost"],
    [C_SQS, MIDDLE, LOST, "C-SQS, 200k, 10% lost"],
    [C_SQS, WIDE, "none", "C-SQS, 2M"],
    [{**K_SQS, "depth": 1}, FAST, "none", "K-SQS ahead, 100k"],
    [COUPLED, SLOW, LOST, "coupled, 20k, 10% lost"],
]
FOUR = [
    ["cloud_only", FAST, "none", "cloud-only, 4 devices, 100k"],
    [DENSE, MIDDLE, "none", "dense, 4 devices, 200k"],
    [K_SQS, SLOW, LOST, "K-SQS, 4 devices, 20k, 10% lost"],
]

SCENARIO = Scenario(
    name="validation",
    summary="How far is the simulator from two real processes over a shaped link? Real time, not deterministic.",
    minutes=20,
    pairs=("smollm2", "sotu"),
    study="validation",
    base={
        "workload.requests": 10, "workload.output_tokens": 24, "uplink.mtu_bits": 4000,
        "uplink.delay": {"kind": "constant", "delay_s": 0.01}, "downlink.delay": {"kind": "constant", "delay_s": 0.01},
    },
    grid={FIELDS: ALONE},
    also=[Also({FIELDS: FOUR}, {"models.pair": "sotu", "workload.devices": 4}, quick={FIELDS: FOUR[2:]})],
    axis=CELL,
    seeds=1,
    quick=Quick(base={"workload.requests": 2, "workload.output_tokens": 12}, grid={FIELDS: ALONE[4:6]}, seeds=1),
    headlines=(),
    hidden=("models", "workload", "uplink"),
    tables=[RealBesideSimulated()],
    figures=("validation",),
    findings=(SameAnswers(), Errors("latency_per_token_p99_s"), Errors("ttft_s"), Answer([Errors(), SameAnswers()])),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
