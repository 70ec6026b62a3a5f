"""Temperature x sparsity x resolution, every combination, on a thin and on a fast uplink: which of them matter for the
latency per token, which act together, and where the best setting moves.

    sqsim run interactions            or            python -m scenarios.interactions

Each combination drafts as many tokens a round as serve it best, of three lengths tried on other seeds. The analysis of
variance takes seeds as blocks: every combination meets the same texts and random numbers.
"""

from __future__ import annotations

from scenarios import Answer, BestMoves, MattersMost, OneSetting, Quick, Scenario, Shares, Tune, Variance, script

RATE, TEMPERATURE = "uplink.rate.bps", "models.temperature"
SETTING = ("scheme.k", "scheme.resolution")
ANALYSIS = Variance((TEMPERATURE, *SETTING), by=RATE)

SCENARIO = Scenario(
    name="interactions",
    summary="Which of temperature, sparsity and resolution matter, which act together, and where is the best setting?",
    minutes=4,
    base={
        "models.pair": "sotu",
        "workload.requests": 2,
        "workload.output_tokens": 32,
        "scheme": {"kind": "k_sqs", "max_drafts": 2, "budget_bits": None},
        "uplink.arq": "selective_repeat",
        "downlink.arq": "selective_repeat",
    },
    grid={
        RATE: [1e3, 1e6],
        TEMPERATURE: [0.5, 1.0, 1.5],
        "scheme.k": [2, 4, 8, 32, 128],
        "scheme.resolution": [5, 20, 100, 500],
    },
    axis="scheme.resolution",
    seeds=8,
    tune=Tune(looks=(1, 2), base={"workload.requests": 1}),
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 16},
        grid={TEMPERATURE: [0.5, 1.5], "scheme.k": [2, 8, 32], "scheme.resolution": [5, 100]},
        seeds=3,
    ),
    figures=("heatmap", "best_setting"),
    headlines=(),
    tables=(ANALYSIS,),
    findings=(
        Shares(ANALYSIS),
        BestMoves(SETTING, (RATE, TEMPERATURE), also=("scheme.max_drafts",)),
        OneSetting(SETTING, (RATE, TEMPERATURE)),
        Answer([MattersMost(ANALYSIS, SETTING, (TEMPERATURE,))]),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
