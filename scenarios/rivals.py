"""Every scheme on one link, from 100 bit/s to 1 Mbit/s and over three delays: who wins where, and by how much?

    sqsim run rivals            or            python -m scenarios.rivals

Each at a setting chosen for it. `k_sqs code=enumerative` is the paper's: its count of support
and counts, with the drafted id, which it does not count, at the least it can cost. Lossy schemes are marked and ranked
apart. What crosses the air is told with and without headers; the times include them.
"""

from __future__ import annotations

from scenarios import Answer, BestAgainst, BothWays, Lowest, Quick, Scenario, Tune, Winners, script

RATE, DELAY, BOTH = "uplink.rate.bps", "uplink.delay.delay_s", "uplink.delay,downlink.delay"
RATES_BPS = [100.0, 1e3, 3e3, 10e3, 100e3, 1e6]
FEW_BPS = [1e3, 3e3, 10e3]
DELAYS = [[{"kind": "constant", "delay_s": one_way}] * 2 for one_way in (0.005, 0.05, 0.3)]
ARQ = {"kind": "selective_repeat", "timeout_s": 1.0}  # more than a round trip; stop-and-wait would hold streams back
PAPER = {"kind": "k_sqs", "code": "enumerative"}
RIVAL = {"scheme.kind": "k_sqs", "scheme.code": "enumerative"}
FIXED = {"kind": "truncated_fp16", "policy": "fixed_length"}
COUPLED = [{"kind": "coupled", "token": token} for token in ("flat", "raced")]
MIRRORED = {"kind": "mirrored", "quantizer": {"kind": "lattice", "resolution": 4096}}  # finer for no bits
IN_CLOUD = ("cloud_only", "colocated")

SCENARIO = Scenario(
    name="rivals",
    summary="Every scheme tuned, from 100 bit/s to 1 Mbit/s and over delay: who wins where, and by how much?",
    minutes=15,
    base={
        "models.pair": "sotu", "workload.requests": 2, "workload.output_tokens": 32,
        "uplink.arq": ARQ, "downlink.arq": ARQ,
    },
    grid={
        "scheme": [*IN_CLOUD, "edge_only", "half_dense", FIXED, "truncated_fp16", "dense", PAPER, "k_sqs",
                   "c_sqs", "s_q", "dssd", "asym", "skip_when_confident", "ids_only_greedy", *COUPLED, MIRRORED,
                   "likely_tree"],
        BOTH: DELAYS,
        RATE: RATES_BPS,
    },
    axis=RATE,
    hidden=("downlink.delay",),
    seeds=8,
    tune=Tune(settings=8, looks=(1, 2), steps=1),
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 16}, grid={BOTH: DELAYS[::2], RATE: RATES_BPS[::2]},
    ),
    figures=("rivals", "both_ways"),
    headlines=(),
    tables=(Winners(RATE, DELAY), Winners(RATE, DELAY, IN_CLOUD, name="winners_drafting"), BothWays((RATE, DELAY))),
    findings=(
        BestAgainst(RIVAL, FEW_BPS, 0.5, by=DELAY), BestAgainst(RIVAL, FEW_BPS, 0.5, IN_CLOUD, by=DELAY),
        Answer([Lowest("fastest of all", by=DELAY), Lowest("of those that draft", without=IN_CLOUD, by=DELAY)]),
    ),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
