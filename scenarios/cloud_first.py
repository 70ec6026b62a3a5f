"""The cloud answers while the phone reads the prompt: what does drafting at the edge gain then, and how far away?

A phone's 1B reads 170 tokens in .65 s, in which a 70B has answered 15 of its own: `cloud_first` streams these, and the
edge drafts once it has read; with `goodput` it leaves all to the cloud where drafting does not pay. Closed forms:
simulator/results/phase_prediction.py.
"""

from __future__ import annotations

from typing import Final

import pandas as pd

from scenarios import Quick, Scenario, Table, Tune, asks, script
from scenarios.findings.question import of_setting
from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import listed, with_ends
from scenarios.set_ups import H100_1_7B, PATIENT, PHONE, PROMPTS, SHORT, TRIP, TWO_GPUS_70B, round_trips
from simulator.results import phase_regions as regions
from simulator.results.break_even_plane import OPPONENT, RTT, round_trips_s
from simulator.results.columns import CURVE
from simulator.results.crossings import Crossing, crossing
from simulator.results.intervals import Difference, paired
from simulator.results.units import quantity

PAIR = {"kind": "published", "name": "llama_1b_70b", "size": 8192}  # 13 bits an id for 17: decoded ten times quicker
COUPLED = [{"kind": "coupled", "cloud_first": first} for first in (False, True)]
RACED = {
    "kind": "composed", "sparsifier": "all", "quantizer": "exact", "code": "ids", "draw": "shared_race",
    "acceptance": "coupling", "policy": "goodput", "cloud_first": True,
    "label": "coupled, cloud first, goodput",
}  # fmt: skip
"""The parts of `coupled`, with the policy that may leave all to the cloud."""
BEYOND = {"beyond": "extend"}  # a prompt of 2,048 tokens is what was measured at most, and drafts are read with it

DECODING: Final = "way"
"""How answers come about: one of DECODINGS."""
PLAIN, FIRST, GOODPUT = "edge", "cloud first", "cloud first, goodput"
DECODINGS: Final = (PLAIN, FIRST, GOODPUT)
WHOLE, TTFT, PROMPT = "latency_s", "ttft_s", "workload.prompt_tokens"


def with_decodings(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of cells, each scheme at what it chose, with DECODING and RTT: what drafts at the edge by who
    begins, the cloud's own by their kind. Empty without cloud-only decoding."""
    rows = of_setting(table)
    if not {"scheme.kind", WHOLE, PROMPT} <= {*rows.columns} or OPPONENT not in {*rows["scheme.kind"]}:
        return pd.DataFrame(columns=[DECODING, RTT, PROMPT])
    kinds, begun = rows["scheme.kind"], regions.begun_by_the_cloud(rows)
    at_cloud = kinds.isin((OPPONENT, regions.COLOCATED))
    decoding = kinds.where(at_cloud, begun.map({True: FIRST, False: PLAIN}))
    return rows.assign(**{DECODING: decoding.mask(kinds == "composed", GOODPUT), RTT: round_trips_s(rows)})


def _less(here: pd.DataFrame, decoding: str) -> Difference:
    return paired(here, WHOLE, here[DECODING] == decoding, here[DECODING] == OPPONENT)


def border(rows: pd.DataFrame, decoding: str) -> Crossing | None:
    """Up to which round-trip time a decoding is faster end to end than cloud-only decoding, of one prompt."""
    return crossing(rows.assign(**{CURVE: rows[DECODING]}), RTT, decoding, OPPONENT, WHOLE)


@asks(WHOLE)
def first_pays(table: pd.DataFrame, axis: str | None) -> str:
    """At how many places is each decoding seen to beat cloud-only decoding, and up to which round-trip time at a
    prompt in the middle?"""
    rows = with_decodings(table)
    if rows.empty:
        return ""
    places, prompts = list(rows.groupby([PROMPT, RTT], sort=True)), regions.order(rows, PROMPT)
    prompt = prompts[len(prompts) // 2]
    here = rows[rows[PROMPT] == prompt]
    shown = [decoding for decoding in (PLAIN, FIRST) if decoding in {*rows[DECODING]}]
    wins = {decoding: sum(_less(at, decoding).lower for _, at in places) for decoding in shown}
    counts = ", ".join(f"{decoding} at {wins[decoding]}" for decoding in shown)
    ends = ", ".join(f"{decoding} {limit(border(here, decoding), spread=True)}" for decoding in shown)
    return (
        f"seen faster than cloud only: {counts} of {len(places)} places. Means, prompt of {prompt:g}: up to round "
        f"trips of {ends}"
    )


@asks(WHOLE)
def borders(table: pd.DataFrame, axis: str | None) -> str:
    """Up to which round-trip time is each decoding faster end to end than cloud-only decoding, by prompt?"""
    rows, clauses = with_decodings(table), []
    for prompt, part in rows.groupby(PROMPT, sort=True):
        seen = [decoding for decoding in (PLAIN, FIRST) if decoding in {*part[DECODING]}]
        found = [f"{decoding} {limit(border(part, decoding), spread=True)}" for decoding in seen]
        clauses.append(f"prompt of {prompt:g}: {', '.join(found)}")
    return listed("faster end to end than cloud-only decoding up to a round trip of", clauses)


@asks(WHOLE)
def never_far_behind(table: pd.DataFrame, axis: str | None) -> str:
    """How much is gained where the policy may leave all to the cloud, and how far is it behind at most?"""
    rows = with_decodings(table)
    rows = rows[rows[DECODING].isin((GOODPUT, OPPONENT))] if GOODPUT in {*rows[DECODING]} else rows.iloc[:0]
    found = [_less(here, GOODPUT) for _, here in rows.groupby([PROMPT, RTT], sort=True)]
    if not found:
        return ""
    least, most = min(each.size for each in found), max(each.size for each in found)
    return (
        f"{GOODPUT}: seen faster end to end than cloud-only decoding at {sum(each.lower for each in found)} of "
        f"{len(found)} prompts and round trips, in the mean by {max(0.0, -least):.1%} at best, and behind it by "
        f"{max(0.0, most):.1%} at worst"
    )


@asks(TTFT)
def first_tokens(table: pd.DataFrame, axis: str | None) -> str:
    """When does the first token come, at the nearest and the farthest cloud?"""
    rows, clauses = with_decodings(table), []
    trips = regions.order(rows, RTT) if len(rows) else []
    for prompt, part in rows.groupby(PROMPT, sort=True):
        means = part.groupby([DECODING, RTT])[TTFT].mean()
        words = [
            f"{'cloud only' if decoding == OPPONENT else decoding} "
            + " / ".join(quantity(float(means[decoding, trip]), TTFT, 2) for trip in (trips[0], trips[-1]))
            for decoding in (OPPONENT, FIRST, PLAIN)
            if decoding in {*part[DECODING]}
        ]
        clauses.append(f"prompt of {prompt:g}: {', '.join(words)}")
    ends = " / ".join(quantity(trip, RTT) for trip in (trips[0], trips[-1])) if trips else ""
    return listed(f"first token at a round trip of {ends}", clauses)


@asks(WHOLE)
def predictor_holds(table: pd.DataFrame, axis: str | None) -> str:
    """How far is the closed form of an answer that the cloud begins from its mean, at most, and in the middle?"""
    rows = with_decodings(table)
    rows = regions.foreseen(rows[rows[DECODING] == FIRST]) if len(rows) else rows
    errors = []
    for _, part in rows.groupby([CURVE, PROMPT, RTT], sort=False) if len(rows) else ():
        expected = regions.predicted(part.iloc[0], float(part[regions.BITS].mean()))
        errors.append(abs(expected.latency_s / float(part[WHOLE].mean()) - 1))
    if not errors:
        return ""
    middle = sorted(errors)[len(errors) // 2]
    return (
        f"The closed form of an answer that the cloud begins is {100 * middle:.1f}% off the simulated mean in the "
        f"middle, at most {100 * max(errors):.1f}%, of {len(errors)} settings"
    )


def gains(cells: pd.DataFrame) -> pd.DataFrame:
    """A row a place and decoding: its mean end-to-end time and first token, and its time over cloud-only decoding's."""
    rows, found = with_decodings(cells), []
    for (prompt, trip), here in rows.groupby([PROMPT, RTT], sort=True):
        for decoding in [each for each in (OPPONENT, regions.COLOCATED, *DECODINGS) if each in {*here[DECODING]}]:
            mine, less = here[here[DECODING] == decoding], _less(here, decoding)
            means = {name: float(mine[name].mean()) for name in (TTFT, WHOLE)}
            over = {"over_alone": 1 + less.size, "over_alone_low": 1 + less.low, "over_alone_high": 1 + less.high}
            found.append({PROMPT: prompt, RTT: trip, DECODING: decoding, **means, **over})
    return pd.DataFrame(found)


def printed_gains(cells: pd.DataFrame) -> TextTable | None:
    """A row per prompt and decoding, a column per round-trip time."""
    found = gains(cells)
    if found.empty:
        return None
    trips, body = regions.order(found, RTT), []
    for (prompt, decoding), part in found[found[DECODING] != OPPONENT].groupby([PROMPT, DECODING], sort=False):
        at = {row[RTT]: row for _, row in part.iterrows()}
        body.append([f"{prompt:g}, {decoding}", *(_over(at[trip]) if trip in at else "-" for trip in trips)])
    heading = (
        "End-to-end time over that of cloud-only decoding, each at its best; *: below, "
        "and a difference is seen; by prompt, and by round-trip time"
    )
    return TextTable.of(heading, ["prompt, way", *(quantity(trip, RTT) for trip in trips)], body)


def _over(row: pd.Series[float]) -> str:
    return f"{row['over_alone']:.2f}" + "*" * bool(row["over_alone_high"] < 1)


def limit(found: Crossing | None, spread: bool = False) -> str:
    """`38 ms`, with `spread` `38 ms (36 to 40)`; `no distance`, `any distance`, or `unclear` where seeds disagree."""
    if found is None:
        return "-"
    if found.crosses and not found.rising:
        return with_ends(
            found.at, *(found.ends if spread else (float("nan"),) * 2), lambda each: quantity(each, RTT, 2)
        )
    if found.above > found.below + found.often + found.log10_at.n:
        return "no distance"
    return "any distance" if found.everywhere else "unclear"


SCENARIO = Scenario(
    name="cloud_first",
    summary="The cloud streams while the phone reads the prompt: does drafting then pay, and how far away?",
    minutes=15,
    base={
        "models.pair": PAIR, "models.temperature": 0.0, "workload.requests": 4, "workload.learning_requests": 2,
        "workload.output_tokens": 256,
        "edge.latency": PHONE, "uplink.rate.bps": 1e6, **PATIENT,
        "cloud.latency": TWO_GPUS_70B | BEYOND, "cloud.drafter_latency": H100_1_7B | BEYOND,
    },
    grid={
        "scheme": ["cloud_only", "colocated", *COUPLED, RACED],
        PROMPTS: [[n, n] for n in (32, 128, 512, 2048)],
        TRIP: round_trips(0.005, 0.02, 0.05, 0.1, 0.3),
    },
    axis=PROMPT,
    hidden=("downlink.delay", "models.pair.prompt_tokens"),
    seeds=8,
    tune=Tune(base=SHORT, metric="tpot_s", settings=8, looks=(1, 2), steps=1),
    left_out={"edge_only": "its text is not the verifier's"},
    quick=Quick(
        base={"workload.requests": 3, "workload.output_tokens": 96},
        grid={PROMPTS: [[32] * 2, [512] * 2], TRIP: round_trips(0.005, 0.3)},
        tune=Tune(base=SHORT, metric="tpot_s", settings=3, looks=(1,), steps=0),
    ),
    figures=("rivals",),
    headlines=(),
    tables=(Table("cloud_first", gains, printed_gains),),
    answer=first_pays,
    findings=(borders, never_far_behind, first_tokens, predictor_holds),
    assumed="each device's first two requests, from which goodput learns, are left out; an id has 13 "
    "bits, as of 8,192 tokens, where Llama's has 17",
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
