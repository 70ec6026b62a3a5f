"""Latency per token over a Rayleigh fading uplink, against its mean signal-to-noise ratio, for quick and slow fades.

The rate of each fade is Shannon's over one LTE resource block (180 kHz): 2.6 kbit/s at -20 dB, 1.2 Mbit/s at 20 dB.
"""

from __future__ import annotations

from scenarios import Below, Costs, Lowest, Quick, Scenario, Tune, script
from scenarios.set_ups import BASE_70B, DRAFTING, IN_CLOUD

COHERENCE = "uplink.rate.coherence_s"
SNR_DB = [-20.0, -10.0, 0.0, 10.0, 20.0]

SCENARIO = Scenario(
    name="fading",
    summary="Which scheme bears a fading uplink, from -20 to 20 dB, with fades of 20 ms and of 1 s?",
    minutes=8,
    base={
        **BASE_70B,
        "workload.requests": 2,
        "uplink.rate": {"kind": "rayleigh", "bandwidth_hz": 180e3},
    },
    grid={
        "scheme": [*IN_CLOUD, *DRAFTING],
        COHERENCE: [0.02, 1.0],
        "uplink.rate.mean_snr_db": SNR_DB,
    },
    axis="uplink.rate.mean_snr_db",
    seeds=10,
    tune=Tune(settings=8, looks=(1, 2), steps=1, base={"workload.requests": 1}),
    left_out={"edge_only": "its text is not the verifier's, and it needs no uplink"},
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 64},
        grid={"uplink.rate.mean_snr_db": [-20.0, 0.0, 20.0]},
    ),
    figures=("latency", "tails", "breakdown"),
    answer=Lowest("fastest", by=COHERENCE),
    findings=(
        Lowest(without=IN_CLOUD, by=COHERENCE),
        Below(("k_sqs", "c_sqs"), ("dense",), at=[-20.0, 0.0, 20.0], by=COHERENCE),
        Lowest("fastest", by=COHERENCE),
        Lowest("of those at the edge", without=IN_CLOUD, by=COHERENCE),
        Costs("{end} against {start}", by=COHERENCE, downwards=True),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
