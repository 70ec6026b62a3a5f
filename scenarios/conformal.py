"""When does the conformal threshold's guarantee say something? Its running mean of dropped mass beside both bounds.

    sqsim run conformal            or            python -m scenarios.conformal

A device answers request after request, 4,096 tokens in all; with `carry` its threshold goes on from one to the next.
No budget and no cap on the support: the theorem is about what the threshold alone drops.
"""

from __future__ import annotations

from scenarios import Answer, Quick, Scenario, script
from scenarios.command.guarantee_questions import Covered, Meaningful, Promised, SaysSomething

FREE = {"budget_bits": None, "max_drafts": 3}
CARRIED = {"kind": "c_sqs", **FREE, "carry": True}
STEPS, STARTS = (1e-3, 1e-2, 1e-1), (0.1, 0.01)
REQUEST_TOKENS = 128

SCENARIO = Scenario(
    name="conformal",
    summary="After how many tokens does the conformal threshold's guarantee say anything, and how far off is it?",
    minutes=5,
    study="convergence",
    base={
        "models.pair": "sotu",
        "workload.requests": 4096 // REQUEST_TOKENS,
        "workload.output_tokens": REQUEST_TOKENS,
        "uplink.rate.bps": 10e6,
    },
    grid={
        "scheme": [
            *({**CARRIED, "step": step, "initial": start} for start in STARTS for step in STEPS),
            {**CARRIED, "step": 1e-2, "rollback": "accepted_only"},
            {**CARRIED, "step": 1e-2, "rollback": "none"},
            {**CARRIED, "step": 1e-2, "carry": False},
            *({"kind": "composed", "sparsifier": {"kind": "threshold", "beta": beta}, **FREE} for beta in STARTS),
        ],
    },
    axis="tokens",
    seeds=2,
    quick=Quick(base={"workload.requests": 2}, seeds=1),
    headlines=(),
    figures=("convergence",),
    findings=(Promised(), Meaningful(), Covered(), Answer([SaysSomething()])),
)

if __name__ == "__main__":
    script(SCENARIO)
