"""What choosing the kept tokens costs in wall time, as a multiple of the softmax that made their law.

    sqsim run conformal_time            or            python -m scenarios.conformal_time

Every sparsifier with its default parameters, on laws over 1,000 to 150,000 tokens; the conformal one after 16, 256 and
4,096 tokens, as its support grows. Real time, measured: two runs differ, by some percent on a quiet machine.
"""

from __future__ import annotations

from scenarios import Answer, Quick, Scenario, script
from scenarios.command.time_questions import AgainstConformal, TimesOfSoftmax, TimeSpent
from simulator.schemes.sparsifier import Sparsifier

SHIPPED = [kind for kind, made in Sparsifier.kinds.items() if made.__module__.startswith("simulator.")]
SIZE = "models.pair.size"
SIZES = [1_000, 4_000, 16_000, 50_000, 150_000]

SCENARIO = Scenario(
    name="conformal_time",
    summary="What does each sparsifier cost in time per token, in softmaxes of as many logits? Not deterministic.",
    minutes=1,
    study="sparsifying_time",
    base={
        # Few laws, of Gaussian logits: those over 150,000 tokens take long to make.
        "models.pair": {
            "kind": "synthetic", "contexts": 16, "entropy_bits": 5.0, "distance": 0.0, "prompts": 1, "prompt_tokens": 32
        },
        "workload.prompt_tokens": 32,
    },
    grid={
        "scheme": [{"kind": "composed", "sparsifier": kind} for kind in SHIPPED],
        SIZE: SIZES,
    },
    axis=SIZE,
    seeds=3,
    quick=Quick(grid={SIZE: SIZES[:3]}, seeds=2),
    headlines=("sparsifying_over_softmax", "sparsifying_s"),
    figures=("sparsifying_time",),
    findings=(TimesOfSoftmax(), AgainstConformal(), Answer([TimeSpent()])),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
