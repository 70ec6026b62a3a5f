"""Latency per token of policies that look, over uplink rates that stay and rates that fade, alone and, on one of them,
in company.

The pair accepts four drafts of five and the verifier takes 43 ms a pass (70B on two GPUs), so whether to draft at all
depends on the link. A fading one has a new rate every 10 s, of one LTE resource block at a mean of 65 or 155 kbit/s.
Adaptive Q-S is in `rivals`.
"""

from __future__ import annotations

import pandas as pd

from scenarios import LATENCY, Also, Quick, Scenario, Tune, asks, script
from scenarios.findings.comparisons import PairedCurves, places
from scenarios.findings.question import in_words, of_setting
from scenarios.findings.wording import Finding, at, called, less_or_more, listed, percent
from scenarios.set_ups import UNCUT
from simulator.results.display_names import SERVING, words_of
from simulator.results.units import title

KEPT = [{"sparsifier": {"kind": "top_k", "k": k}} for k in (32, 8)]  # who knows of no rungs keeps to the first
POLICIES = ["ucb_specstop", "goodput"]
RATES = [{"kind": "constant", "bps": bps} for bps in (10e3, 100e3)]
FADES = [{"kind": "rayleigh", "coherence_s": 10.0, "mean_snr_db": db} for db in (-5.0, 0.0)]
SCHEMES = ["cloud_only", "k_sqs", *({"kind": "rungs", "settings": KEPT, "policy": each} for each in POLICIES)]
POLICY, LOOKING = "scheme.policy.kind", "goodput"
FIXED = ("cloud_only", "k_sqs")
PLACE = ("uplink.rate.kind", "workload.devices")


@asks(LATENCY)
def against_better(table: pd.DataFrame, axis: str | None) -> str:
    """How far is each policy from the better of FIXED, each at its own best setting, and where is it farthest? The
    better one is that of least mean over the very seeds compared, so the policy's excess is a little too high."""
    lines = []
    for looking in reversed(POLICIES):
        clauses = []
        for name, found in excesses(table, axis, looking):
            worst, best = (pick(found, key=lambda each: each.less.size) for pick in (max, min))
            clause, least = (
                f"{percent(each.less)}{at(each.place.at, axis)} ({called(words_of(each.second)[0])})"
                for each in (worst, best)
            )
            clause = f"{name}at the most {clause}" + ("" if best is worst else f", at the least {least}")
            clauses.append(Finding(clause, found))
        heading = f"{called(looking)} against the better of {' and '.join(map(called, FIXED))}, {title(LATENCY)}"
        lines.append(listed(heading, clauses))
    return listed("policies", lines, " | ")


@asks(LATENCY)
def beside_better(table: pd.DataFrame, axis: str | None) -> str:
    """At how many places is the policy faster or slower than the better of FIXED, and by how much at the worst?"""
    found = [each for _, there in excesses(table, axis, LOOKING) for each in there]
    if not found:
        return ""
    lower, seen = (sum(getattr(each.less, name) for each in found) for name in ("lower", "separable"))
    slower = [each for each in found if each.less.separable and not each.less.lower]
    worst = max(slower or found, key=lambda each: each.less.size)
    return Finding(
        f"policy {called(LOOKING)} beats {' and '.join(map(called, FIXED))} at {lower} of {len(found)} places and "
        f"loses at {seen - lower}; at worst it takes {less_or_more(worst.less)}",
        found,
    )


def excesses(table: pd.DataFrame, axis: str | None, looking: str) -> list[tuple[str, list[PairedCurves]]]:
    """Returns, for each combination of values of PLACE, its name and this policy against the better of FIXED wherever
    there are both."""
    rows = of_setting(table)
    if POLICY not in rows.columns:
        return []
    kept = rows[rows[LATENCY].notna() & ((rows[POLICY] == looking) | rows["scheme.kind"].isin(FIXED))]
    known = [name for name in PLACE if name in kept.columns]
    found = []
    for values, part in kept.groupby(known, sort=False) if known else [((), kept)]:
        name = ", ".join(
            f"{title(each.removesuffix('.kind'))} {in_words(value, each)}"
            for each, value in zip(known, values, strict=True)
        )
        policy = [(place, place.rows[POLICY] == looking) for place in places(part, axis, LATENCY)]
        there = [each for place, mine in policy if (each := place.best_of(mine, ~mine))]
        found += [(f"{name}: " if name else "", there)] if there else []
    return found


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
        "scheme": SCHEMES,
        "workload.devices": [1],
        "uplink.rate": [*RATES, *FADES],
    },
    also=[Also({"scheme": SCHEMES, "workload.devices": [4], "uplink.rate": FADES[:1]})],
    axis="uplink.rate.mean_bps",
    seeds=8,
    tune=Tune(
        {**dict.fromkeys(SERVING, "the question is what a policy decides"), **UNCUT},
        settings=8,
        looks=(1, 2),
        steps=1,
        base={"workload.requests": 6},
    ),
    left_out={"colocated": "where the cloud may not draft", "edge_only": "its text is not the verifier's"},
    quick=Quick(
        base={"workload.requests": 6, "workload.output_tokens": 64},
        grid={"uplink.rate": [*RATES, FADES[0]]},
        seeds=2,
    ),
    hidden=("uplink.rate.bps", "uplink.rate.mean_snr_db"),
    answer=beside_better,
    findings=(against_better,),
    figures=("latency", "breakdown"),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
