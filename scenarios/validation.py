"""The simulator against the thing itself: every cell as real processes on this machine, and simulated.

    sqsim run validation            or            python -m scenarios.validation

An edge and a cloud in two network namespaces, real bytes over a shaped and lossy link, real passes; beside it the same
cell under clocks that were measured on this machine just before. Real time: the errors differ from run to run, the
tokens do not. `token_bucket` links are shaped by the kernel (tc tbf), `constant` ones by the relay; losses and delays
are the relay's, of the cell's own seeds. The machine should have nothing else to do.
"""

from __future__ import annotations

from scenarios import Quick, Scenario, script
from scenarios.command.validation_questions import CELL, Errors, RealBesideSimulated, SameAnswers

LOST = {"kind": "bernoulli", "probability": 0.1}
THIN, MIDDLE, WIDE = ({"kind": "token_bucket", "bps": bps, "burst_bits": 4000} for bps in (20e3, 200e3, 2e6))
SLOW, FAST = ({"kind": "constant", "bps": bps} for bps in (20e3, 100e3))
DENSE, K_SQS, C_SQS, COUPLED = ({"kind": kind, "max_drafts": 4} for kind in ("dense", "k_sqs", "c_sqs", "coupled"))
CELLS = [
    # pair, devices, scheme, uplink's rate, its loss, and what the cell is called
    ["smollm2", 1, "cloud_only", THIN, LOST, "cloud-only, 20k, 10% lost"],
    ["smollm2", 1, DENSE, THIN, "none", "dense, 20k"],
    ["smollm2", 1, DENSE, MIDDLE, LOST, "dense, 200k, 10% lost"],
    ["smollm2", 1, K_SQS, SLOW, "none", "K-SQS, 20k"],
    ["smollm2", 1, K_SQS, SLOW, LOST, "K-SQS, 20k, 10% lost"],
    ["smollm2", 1, C_SQS, MIDDLE, LOST, "C-SQS, 200k, 10% lost"],
    ["smollm2", 1, C_SQS, WIDE, "none", "C-SQS, 2M"],
    ["smollm2", 1, {**K_SQS, "depth": 1}, FAST, "none", "K-SQS ahead, 100k"],
    ["smollm2", 1, COUPLED, SLOW, LOST, "coupled, 20k, 10% lost"],
    ["sotu", 4, "cloud_only", FAST, "none", "cloud-only, 4 devices, 100k"],
    ["sotu", 4, DENSE, MIDDLE, "none", "dense, 4 devices, 200k"],
    ["sotu", 4, K_SQS, SLOW, LOST, "K-SQS, 4 devices, 20k, 10% lost"],
]  # fmt: skip
FIELDS = f"models.pair,workload.devices,scheme,uplink.rate,uplink.loss,{CELL}"

SCENARIO = Scenario(
    name="validation",
    summary="How far is the simulator from two real processes over a shaped link? Real time, not deterministic.",
    minutes=20,
    study="validation",
    base={
        "workload.requests": 10, "workload.output_tokens": 24, "uplink.mtu_bits": 4000,
        "uplink.delay": {"kind": "constant", "delay_s": 0.01}, "downlink.delay": {"kind": "constant", "delay_s": 0.01},
    },
    grid={FIELDS: CELLS},
    axis=CELL,
    seeds=1,
    quick=Quick(base={"workload.requests": 2, "workload.output_tokens": 12}, grid={FIELDS: CELLS[9:]}, seeds=1),
    headlines=(),
    hidden=("models", "workload", "uplink"),
    tables=[RealBesideSimulated()],
    figures=("validation",),
    findings=(SameAnswers(), Errors(), Errors("latency_per_token_p99_s"), Errors("ttft_s")),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
