"""Short texts in other languages than English, and code: does sparsity survive, and what does it cost?

sqsim run languages --grid models.pair.prompts=mine.jsonl,others.jsonl

Five languages hold the same passages, Python eight openings of files. The bundled drafter was distilled on English,
with one window in nine of code and one in forty of five other languages. Schemes are compared within a language.
"""

from __future__ import annotations

import pandas as pd

from models.prompt_files import LANGUAGES
from scenarios import LATENCY, Below, Quick, Scenario, Tune, asks, script
from scenarios.findings.comparisons import places
from scenarios.findings.question import in_words, of_setting
from scenarios.findings.wording import Finding, called, less_or_more
from scenarios.set_ups import BASELINES, DRAFTING, SELECTIVE_REPEAT, WAITS

PROMPTS = "models.pair.prompts"
NAMES = ("english", "german", "french", "spanish", "russian", "python")  # and italian
BITS, REJECTED, PAIR = "payload_bits_per_draft", "tv_qhat", ("k_sqs", "dense")


@asks(BITS)
def sparsity_survives(table: pd.DataFrame, axis: str | None) -> str:
    """In how many languages does K-SQS send fewer bits a draft than the dense lattice, where is that least, and where
    is its probability of rejection the most above?"""
    if PROMPTS not in table.columns:
        return ""
    bits, rejected = (
        [
            (in_words(place.at, PROMPTS), pair)
            for place in places(of_setting(table), PROMPTS, metric)
            for pair in place.all_of(PAIR[:1], PAIR[1])
        ]
        for metric in (BITS, REJECTED)
    )
    if not bits or not rejected:
        return ""
    lower = sum(pair.less.lower for _, pair in bits)
    where, least = max(bits, key=lambda each: each[1].less.size)
    mine, other = map(called, PAIR)
    return Finding(
        f"{mine} sends fewer bits a draft than {other} in {lower} of {len(bits)} languages; worst in {where}: "
        f"{less_or_more(least.less, 'fewer')}",
        [pair for _, pair in (*bits, *rejected)],
    )


SCENARIO = Scenario(
    name="languages",
    summary="Does sparsity survive texts in other languages than the drafter's, and code, and what does it cost?",
    minutes=6,
    pairs=("smollm2", "sotu"),
    base={
        "workload.requests": 1,  # of each of 8 seeds: all 8 prompts, once
        "workload.prompt_tokens": 48,
        "workload.output_tokens": 24,
        "workload.prompt_at_cloud": True,
        "uplink.rate.bps": 10e3,
        **SELECTIVE_REPEAT,
    },
    grid={
        PROMPTS: [str(LANGUAGES / f"{name}.jsonl") for name in NAMES],
        "scheme": DRAFTING[:3],
    },
    axis=PROMPTS,
    seeds=8,
    tune=Tune(WAITS, settings=6, looks=(1, 2), steps=1),
    left_out=dict.fromkeys(BASELINES, "bits and rejections of drafts are compared, which they do not send"),
    quick=Quick(
        base={"workload.output_tokens": 6},
        grid={PROMPTS: [str(LANGUAGES / f"{name}.jsonl") for name in ("english", "russian", "python")]},
        seeds=2,
        tune=Tune(WAITS, settings=3, looks=(2,), steps=0),
    ),
    figures=("groups",),
    headlines=(LATENCY, "tv_mismatch"),
    answer=sparsity_survives,
    findings=(
        Below(("k_sqs", "c_sqs"), ("dense",), metric=REJECTED),
        Below(("k_sqs",), ("dense", "c_sqs"), metric=BITS),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
