"""Where is a tree of drafts worth its bits? Trees and several candidates against the chain, over rate and acceptance.

    sqsim run trees            or            python -m scenarios.trees

A tree sends more laws and ids a round than a chain of its depth, and more of its drafts stand. All are K-SQS with the
shorter code, at a depth, K and resolution chosen for each at each rate; the synthetic pair's distance sets the
acceptance.
"""

from __future__ import annotations

from scenarios import Answer, Quick, Scenario, TreeGains, TreesPay, TreesPayWhere, Tune, script

RATE, DISTANCE, CHAIN = "uplink.rate.bps", "models.pair.distance", "k_sqs"
RATES_BPS = [1e3, 10e3, 30e3, 100e3, 1e6, 10e6]
DISTANCES = [0.1, 0.2, 0.4, 0.6]
NEAR = {"kind": "constant", "delay_s": 0.01}
TREES = [{"kind": "tree", "widths": widths} for widths in ([2, 1], [4, 1], [2, 2, 1])]
CANDIDATES = [{"kind": "multi_candidate", "candidates": each} for each in (2, 4)]

SCENARIO = Scenario(
    name="trees",
    summary="From which rate on, and at which acceptance, is a tree of drafts faster than a chain?",
    minutes=5,
    base={
        "models.pair": {"kind": "synthetic", "size": 1024},
        "workload.requests": 1,
        "workload.output_tokens": 96,
        "workload.prompt_at_cloud": True,
        "uplink.delay": NEAR,
        "downlink.delay": NEAR,
    },
    grid={"scheme": [CHAIN, *TREES, *CANDIDATES], DISTANCE: DISTANCES, RATE: RATES_BPS},
    axis=RATE,
    seeds=8,
    tune=Tune(
        {"scheme.widths": "a curve each", "scheme.candidates": "a curve each"}, settings=8, looks=(1, 2), steps=1
    ),
    left_out=dict.fromkeys(("cloud_only", "colocated", "edge_only"), "a tree is compared with a chain"),
    quick=Quick(
        base={"workload.output_tokens": 48},
        grid={"scheme": [CHAIN, TREES[0], CANDIDATES[1]], DISTANCE: DISTANCES[1::2], RATE: RATES_BPS[::2]},
        seeds=4,
    ),
    figures=("trees",),
    headlines=(),
    tables=(TreeGains(CHAIN, RATE, DISTANCE),),
    findings=(TreesPay(CHAIN, DISTANCE), Answer([TreesPayWhere(CHAIN, DISTANCE)])),
)

if __name__ == "__main__":
    script(SCENARIO)
