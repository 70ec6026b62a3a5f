"""Latency per token of policies that look, over uplink rates that stay and rates that fade, alone and in company.

sqsim run adaptive            or            python -m scenarios.adaptive

The pair accepts four drafts of five and the verifier takes 43 ms a pass (70B on two GPUs), so whether to draft at all
hangs on the link. A fading one has a new rate every 10 s, of one LTE resource block at a mean of 24 to 155 kbit/s.
`oracle` knows before each draw how likely the draft is rejected, which no edge can: a limit.
"""

from __future__ import annotations

from scenarios import AgainstBetter, AgainstLimit, Answer, Quick, Scenario, Tune, script

KEPT = [{"sparsifier": {"kind": "top_k", "k": k}} for k in (32, 8)]  # who knows of no rungs keeps to the first
POLICIES = [{"kind": "confidence_stop", "threshold": 0.1}, "qs_heuristic", "running_acceptance", "goodput"]
RATES = [{"kind": "constant", "bps": bps} for bps in (3e3, 10e3, 30e3, 100e3, 1e6)]
FADES = [{"kind": "rayleigh", "coherence_s": 10.0, "mean_snr_db": db} for db in (-10.0, -5.0, 0.0)]
PLACE = ("uplink.rate.kind", "workload.devices")

SCENARIO = Scenario(
    name="adaptive",
    summary="Does a policy that looks reach the best fixed setting where the link stays, and pass it where it fades?",
    minutes=6,
    base={
        "models.pair": {"kind": "synthetic", "distance": 0.18},
        "workload.requests": 12,
        "workload.learning_requests": 4,
        "workload.output_tokens": 128,
        "edge.latency": {"kind": "constant", "per_pass_s": 0.006},
        "cloud.latency": {"kind": "constant", "per_pass_s": 0.043},
        "uplink.arq": "selective_repeat",
        "uplink.sharing": "own",
        "downlink.arq": "selective_repeat",
    },
    grid={
        "scheme": ["cloud_only", "k_sqs", *({"kind": "rungs", "settings": KEPT, "policy": each} for each in POLICIES),
                   {"kind": "oracle", "settings": KEPT}],
        "workload.devices": [1, 4],
        "uplink.rate": [*RATES, *FADES],
    },
    axis="uplink.rate.mean_bps",
    seeds=8,
    tune=Tune(settings=8, looks=(1, 2), steps=1, base={"workload.requests": 6}),
    left_out={"colocated": "where the cloud may not draft", "edge_only": "its text is not the verifier's"},
    quick=Quick(
        base={"workload.requests": 6, "workload.output_tokens": 64},
        grid={"workload.devices": [1], "uplink.rate": [*RATES[1::2], FADES[1]]},
        seeds=2,
    ),
    hidden=("uplink.rate.bps", "uplink.rate.mean_snr_db"),
    findings=(AgainstLimit("goodput", by=PLACE),
              Answer([AgainstBetter("goodput", ("cloud_only", "k_sqs"), by=PLACE)])),
    figures=("latency", "breakdown"),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
