"""Latency per token over a Rayleigh fading uplink, against its mean signal-to-noise ratio, for quick and slow fades.

sqsim run fading            or            python -m scenarios.fading

The rate of each fade is Shannon's over one LTE resource block (180 kHz): 2.6 kbit/s at -20 dB, 1.2 Mbit/s at 20 dB.
"""

from __future__ import annotations

from scenarios import Answer, Below, Costs, Finding, Lowest, Quick, Scenario, script

COHERENCE = "uplink.rate.coherence_s"
SNR_DB = [-20.0, -15.0, -10.0, -5.0, 0.0, 5.0, 10.0, 20.0]

SCENARIO = Scenario(
    name="fading",
    summary="Which scheme bears a fading uplink, from -20 to 20 dB, with fades of 20 ms and of 1 s?",
    minutes=1,
    base={
        "models.pair": "sotu",
        "workload.requests": 4,
        "workload.output_tokens": 48,
        "uplink.rate": {"kind": "rayleigh", "bandwidth_hz": 180e3},
        "uplink.arq": "selective_repeat",
        "downlink.arq": "selective_repeat",
    },
    grid={
        "scheme": ["cloud_only", "dense", "k_sqs", "c_sqs"],
        COHERENCE: [0.02, 1.0],
        "uplink.rate.mean_snr_db": SNR_DB,
    },
    axis="uplink.rate.mean_snr_db",
    seeds=10,
    quick=Quick(
        base={"workload.requests": 3, "workload.output_tokens": 24},
        grid={"uplink.rate.mean_snr_db": [-20.0, -10.0, 0.0, 20.0]},
    ),
    figures=("latency", "tails", "breakdown"),
    findings=(
        Finding(without=("cloud_only",), by=COHERENCE),
        Below(("k_sqs", "c_sqs"), ("dense",), at=[-20.0, 0.0, 20.0], by=COHERENCE),
        Answer([Lowest("fastest", by=COHERENCE), Costs("{end} against {start}", by=COHERENCE, downwards=True)]),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
