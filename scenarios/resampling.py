"""Rejections at each draft position, beside the bound on them: TV(q, p), dropped mass and covering bound.

    sqsim run resampling            or            python -m scenarios.resampling

Without a budget, so that what is dropped is what the scheme drops. The bound is per draft, and is asserted of each; so
is that rejections are as many as their probabilities TV(qhat, p) say, within 5 standard deviations.
"""

from __future__ import annotations

from scenarios import Answer, Quick, Scenario, script
from scenarios.command.rejection_questions import BesideBound, HowOften, Martingale, Slack

FREE = {"budget_bits": None, "max_drafts": 4}
SCHEMES = [
    {"kind": "dense", **FREE},
    *({"kind": "k_sqs", "k": k, **FREE} for k in (3, 32)),
    *({"kind": "c_sqs", "initial": beta, **FREE} for beta in (0.1, 0.01)),
]

SCENARIO = Scenario(
    name="resampling",
    summary="How often is a draft resampled at each position of a round, and which term makes the bound loose?",
    minutes=5,
    pairs=("smollm2", "sotu"),
    study="positions",
    base={
        "workload.requests": 7,  # of each of 8 seeds: the 42 prompts, and 14 of them twice
        "workload.output_tokens": 16,
        "uplink.rate.bps": 10e6,
    },
    grid={"scheme": SCHEMES},
    axis="position",
    seeds=8,
    quick=Quick(
        base={"workload.requests": 2, "workload.output_tokens": 12},
        grid={"scheme": SCHEMES[::2]},
        seeds=2,
    ),
    headlines=("resampling_per_draft", "tv_qhat", "rejection_bound"),
    figures=("positions",),
    findings=(BesideBound(), Slack(), Martingale(), Answer([HowOften()])),
)

if __name__ == "__main__":
    script(SCENARIO)
