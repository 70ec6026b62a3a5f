"""What is each idea worth? K-SQS as published, then tuned, coded, in blocks, begun by the cloud, and drafted ahead.

Each step has all that the one before it has, and is tuned anew in what it sends: draft length, K and resolution. `as
published` is the paper's own setting (arXiv 2510.09942: K = 3, ell = 100, four drafts a round), in its code, with the
drafted id that its count leaves out. Beside the ladder: several candidates a position, which neither blocks nor rounds
ahead go with, and ids alone, served as the last step. Phone, pair and cloud are those of `who_drafts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pandas as pd

from models.published_figures import KEPT
from scenarios import LATENCY, Quick, Scenario, Tune, asks, script
from scenarios.findings.question import in_words, of_setting
from scenarios.findings.wording import amount, briefly, called, listed
from scenarios.set_ups import H100_1_7B, IN_CLOUD, PATIENT, PHONE, TWO_GPUS_70B
from simulator.results.columns import CURVE, FIXED, SETTING
from simulator.results.display_names import SERVING
from simulator.results.intervals import geometric_means, paired

PLACE = "uplink.label"
WHERE = f"models.pair,models.temperature,uplink.delay,downlink.delay,uplink.rate.bps,{PLACE}"
PAPER = {"kind": "k_sqs", "k": 3, "max_drafts": 4, "resolution": 100, "token": "flat", "code": "enumerative"}
CODED = {"kind": "k_sqs", "max_drafts": 4}
BLOCK = {**CODED, "acceptance": "block"}
STARTS = {**BLOCK, "cloud_first": True}
STEPS = {"tuned": PAPER, "+ coded": CODED, "+ block": BLOCK, "+ the cloud starts": STARTS,
         "+ drafts ahead": {**STARTS, "depth": 1}}  # fmt: skip
BESIDE = {"coded, several candidates": {"kind": "multi_candidate", "max_drafts": 3},
          "ids, as the last": {"kind": "coupled", "max_drafts": 4, "cloud_first": True, "depth": 1}}  # fmt: skip
PUBLISHED = "as published"
ONE_BY_ONE = dict.fromkeys((*SERVING, "scheme.acceptance"), "a step of the ladder, or none")
FAR_S, NEAR_S, THIN_S = 0.05, 0.005, 0.02


def place(temperature: float, round_trip_s: float, bps: float) -> list[object]:
    """A temperature, a distance and an uplink."""
    pair = {"kind": "published", "name": "llama_1b_70b", "prompt_tokens": 170, "size": 8192}
    delay = {"kind": "constant", "delay_s": round_trip_s / 2}
    words = f"temperature {temperature:g}, {1e3 * round_trip_s:g} ms, {bps / 1e3:g} kbit/s"
    return [pair | {"kept": KEPT if temperature else None}, temperature, delay, delay, bps, words]


LINKS = ((NEAR_S, 1e6), (FAR_S, 1e6), (THIN_S, 1e4))
PLACES = [place(temperature, *link) for temperature in (0.0, 1.0) for link in LINKS]


def climbed(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, list[str]]]:
    """Each place, its rows with `as published` among the curves, and the steps that are there, in order."""
    chosen = of_setting(table)
    if SETTING in table.columns:
        first = table[table[SETTING].eq(FIXED) & table[CURVE].str.startswith("tuned")]
        chosen = pd.concat([chosen, first.assign(**{CURVE: PUBLISHED})])
    for value, rows in chosen.groupby(PLACE, sort=False):
        there = {*rows.loc[rows[LATENCY].notna(), CURVE]}
        yield in_words(value, PLACE), rows, [step for step in (PUBLISHED, *STEPS) if step in there]


@asks(LATENCY)
def what_it_is_worth(table: pd.DataFrame, axis: str | None) -> str:
    """Where does the whole ladder gain most, and what do its largest steps gain there?"""
    found = []
    for where, rows, steps in climbed(table):
        if len(steps) > 1:
            whole = paired(rows, LATENCY, rows[CURVE] == steps[-1], rows[CURVE] == steps[0])
            found.append((whole.size, where, rows, steps, whole))
    if not found:
        return ""
    _, where, rows, steps, whole = min(found, key=lambda each: each[0])
    gains = [(paired(rows, LATENCY, rows[CURVE] == b, rows[CURVE] == a), b) for a, b in pairwise(steps)]
    best = sorted(gains, key=lambda each: each[0].size)[:2]
    parts = ", ".join(f"{called(step)} {briefly(less)}" for less, step in best)
    return f"all steps together gain most at {where}: {briefly(whole)}; most of it {parts}"


@asks(LATENCY)
def step_by_step(table: pd.DataFrame, axis: str | None) -> str:
    """At each place: the time as published, and what each step changes of the one before it."""
    clauses = []
    for where, rows, steps in climbed(table):
        means = geometric_means(rows, CURVE, LATENCY)
        if steps:
            line = f"{where}: {called(steps[0])} {amount(means[steps[0]], LATENCY)}"
            for before, step in pairwise(steps):
                less = paired(rows, LATENCY, rows[CURVE] == step, rows[CURVE] == before)
                line += f", {called(step)} {briefly(less)}"
            clauses.append(line)
    return listed("what each step is worth", clauses) if clauses else ""


SCENARIO = Scenario(
    name="ladder",
    summary="What is each idea worth, from K-SQS as published to tuned, coded, in blocks, and drafted ahead?",
    minutes=6,
    base={
        "workload.requests": 2,
        "workload.prompt_tokens": 170,
        "workload.output_tokens": 146,
        "edge.latency": PHONE,
        "cloud.latency": TWO_GPUS_70B,
        "cloud.drafter_latency": H100_1_7B,
        **PATIENT,
    },
    grid={
        "scheme": [*IN_CLOUD, *({**scheme, "label": label} for label, scheme in {**STEPS, **BESIDE}.items())],
        WHERE: PLACES,
    },
    axis=PLACE,
    hidden=("models.pair", "models.temperature", "uplink.delay", "downlink.delay", "uplink.rate"),
    seeds=8,
    tune=Tune(
        ONE_BY_ONE,
        settings=12, looks=(1, 2, 4), base={"workload.requests": 1},
    ),
    left_out={"edge_only": "its text is not the verifier's"},
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 64},
        grid={WHERE: PLACES[1::3]},
        tune=Tune(
            ONE_BY_ONE,
            settings=3, looks=(1,), steps=0, base={"workload.requests": 1},
        ),
    ),
    figures=("groups", "breakdown"),
    answer=what_it_is_worth,
    findings=(step_by_step,),
    assumed="acceptance of code editing; a cloud token takes 43 ms; at temperature 1 72% of AL - 1 are kept, and the "
    "shapes of both distributions are made",
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
