"""Latency per token of policies that look, over uplink rates that stay and rates that fade, alone and, on one of them,
in company.

The pair accepts four drafts of five and the verifier takes 43 ms a pass (70B on two GPUs), so whether to draft at all
depends on the link. A fading one has a new rate every 10 s, of one LTE resource block at a mean of 65 or 155 kbit/s.
Adaptive Q-S is in `rivals`.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from scenarios import LATENCY, Also, Quick, Scenario, Tune, asks, script
from scenarios.findings.comparisons import PairedCurves, Place
from scenarios.findings.question import in_words, of_setting
from scenarios.findings.wording import Finding, called, less_or_more, listed, percent
from scenarios.set_ups import UNCUT
from simulator.results.column_names import CURVE
from simulator.results.display_names import SERVING
from simulator.results.intervals import Difference, geometric_means
from simulator.results.units import quantity, title

KEPT = [{"sparsifier": {"kind": "top_k", "k": k}} for k in (32, 8)]  # who knows of no rungs keeps to the first
POLICIES = ["ucb_specstop", "goodput"]
RATES = [{"kind": "constant", "bps": bps} for bps in (10e3, 100e3)]
FADES = [{"kind": "rayleigh", "coherence_s": 10.0, "mean_snr_db": db} for db in (-5.0, 0.0)]
SCHEMES = ["cloud_only", "k_sqs", *({"kind": "rungs", "settings": KEPT, "policy": each} for each in POLICIES)]
POLICY, LOOKING = "scheme.policy.kind", "goodput"
FIXED = ("cloud_only", "k_sqs")
PLACE = ("uplink.rate.kind", "workload.devices")


class Excess(NamedTuple):
    """Excess of the policy over the rival at one value of the axis, paired over seeds."""

    where: str
    rival: str
    """Kind of the rival."""
    row: PairedCurves

    @property
    def found(self) -> Difference:
        return self.row.less


@asks(LATENCY)
def against_better(table: pd.DataFrame, axis: str | None) -> str:
    """How far is each policy from the better of FIXED, each at its own best setting, and where is it farthest? The
    better one is that of least mean over the very seeds compared, so the policy's excess is a little too high."""
    lines = []
    for looking in reversed(POLICIES):
        clauses = []
        for name, found in excesses(table, axis, looking):
            worst, best = (pick(found, key=lambda each: each.found.size) for pick in (max, min))
            clause = f"{name}at the most {percent(worst.found)}{worst.where} ({called(worst.rival)})"
            least = f", at the least {percent(best.found)}{best.where} ({called(best.rival)})"
            clauses.append(Finding(clause if best is worst else clause + least, [each.row for each in found]))
        heading = f"{called(looking)} against the better of {' and '.join(map(called, FIXED))}, {title(LATENCY)}"
        lines.append(listed(heading, clauses))
    return listed("policies", lines, " | ")


@asks(LATENCY)
def beside_better(table: pd.DataFrame, axis: str | None) -> str:
    """At how many places is the policy faster or slower than the better of FIXED, and by how much at the worst?"""
    found = [(name, each) for name, there in excesses(table, axis, LOOKING) for each in there]
    if not found:
        return ""
    lower, seen = (sum(getattr(each.found, name) for _, each in found) for name in ("lower", "separable"))
    slower = [each for each in found if each[1].found.separable and not each[1].found.lower]
    _, worst = max(slower or found, key=lambda each: each[1].found.size)
    return Finding(
        f"policy {called(LOOKING)} beats {' and '.join(map(called, FIXED))} at {lower} of {len(found)} places and "
        f"loses at {seen - lower}; at worst it takes {less_or_more(worst.found)}",
        [each.row for _, each in found],
    )


def excesses(table: pd.DataFrame, axis: str | None, looking: str) -> list[tuple[str, list[Excess]]]:
    """Returns, for each combination of values of PLACE, its name and the excess of this policy over the better of FIXED
    wherever there are both."""
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
        places = (
            [("", part)] if axis is None else [(f" at {quantity(at, axis)}", each) for at, each in part.groupby(axis)]
        )
        there = [excess for where, each in places if (excess := _excess(where, each, looking))]
        found += [(f"{name}: " if name else "", there)] if there else []
    return found


def _excess(where: str, here: pd.DataFrame, looking: str) -> Excess | None:
    mine = here[POLICY] == looking
    means = geometric_means(here[here["scheme.kind"].isin(FIXED) & ~mine], CURVE, LATENCY)
    if means.empty or not mine.any():
        return None
    rival = here[CURVE] == means.idxmin()
    return Excess(where, str(here.loc[rival, "scheme.kind"].iloc[0]), Place(LATENCY, here).paired(mine, rival))


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
