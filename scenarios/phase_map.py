"""Who answers fastest: the cloud alone, speculation in it, or an edge that drafts? By prompt, answer, distance, pair,
and the target's speed.

End to end and per token, each scheme at a setting chosen for it, beside closed forms
(simulator/results/phase_prediction.py). Published pairs at temperature 0, and one at 1 with what such pairs keep of AL
- 1 on average.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from models.published_figures import KEPT
from scenarios import Also, Quick, Scenario, Table, Tune, asks, script
from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import called, listed, passes, with_ends
from scenarios.set_ups import H100_1_7B, NANO, PATIENT, PHONE, PI, PROMPTS, TRIP, TWO_GPUS_70B, round_trips
from simulator.results import phase_regions as regions
from simulator.results.crossings import Crossing
from simulator.results.intervals import CONFIDENCE, wilson
from simulator.results.phase_prediction import draft_pass_for_s, longest_round_trip_s, one_draft_up_to_s
from simulator.results.phase_regions import OPPONENT, RTT
from simulator.results.units import quantity

BETWEEN = {"kind": "affine", "base_s": 0.0205, "per_token_s": 0.0065}  # 27 ms; phone: 1B 20, 3B 51 ms
ON = {"llama_1b_70b": PHONE, "qwen3_1_7b_32b": BETWEEN, "qwen2_5_0_5b_72b": PI, "vicuna_68m_13b": NANO}
IDS = 8192  # token ids of each pair: 13 bits each, for 15 to 17 of the real vocabularies; decoding is ten times cheaper
WARM = {"kind": "published", "name": "llama_1b_70b", "size": IDS, "kept": KEPT}
FAST_70B = {"kind": "profile", "name": "h100x2_70b_fp8"}  # 18 ms a pass, where TWO_GPUS_70B takes 43
PAIR = "models.pair,edge.latency,cloud.latency,models.temperature"
PUBLISHED = [[{"kind": "published", "name": name, "size": IDS}, edge, TWO_GPUS_70B, 0.0] for name, edge in ON.items()]
PUBLISHED += [[*PUBLISHED[0][:2], FAST_70B, 0.0]]
MIXTURE = [
    {"kind": "published", "name": "eagle3_qwen3_30b_a3b", "size": IDS}, NANO,
    {"kind": "roofline", "size": "qwen3_30b_a3b", "device": "h100_80gb_sxm"}, 1.0,
]  # fmt: skip
DELAYS = round_trips(0.005, 0.02, 0.04, 0.08, 0.16)

RACED = {"workload.requests": 1, "workload.output_tokens": 64}
"""Workload on which settings are tried, at each prompt and round trip."""
WORDS = {regions.WHOLE: "end to end", regions.PER_TOKEN: "per token"}
MARGIN = 0.03
"""Share from which on the sign of a difference is asked of the closed form."""
REPORTED_S = (0.179, 0.235)
"""Round-trip times near which arXiv 2606.20591 measured that the best draft length leaves 1: 83 and 111 ms are injected
one way, beside a round trip of 13 ms."""


@asks(regions.WHOLE)
def edge_wins(table: pd.DataFrame, axis: str | None) -> str:
    """At how many places is an edge that drafts faster than cloud-only decoding, and where does the border lie for the
    pair that bears the longest round trip?"""
    rows = regions.mapped(table)
    if rows.empty:
        return ""
    found = regions.stands(rows, regions.WHOLE)
    wins = len(_winning_modes(found))
    first = sum(each.fastest == regions.COLOCATED for each in found)
    line = (
        f"{called(regions.COLOCATED)} is fastest at {first} of {len(found)} places; edge drafting beats "
        f"{called(OPPONENT)} at {wins}"
    )
    known = [
        (place, crossed)
        for place, part in rows.groupby([regions.WHO, regions.PROMPT, regions.ANSWER], sort=False)
        if (crossed := regions.border(part, regions.WHOLE)) is not None and crossed.log10_at.n and not crossed.rising
    ]
    if not known or not wins:
        return line
    far = max((crossed for _, crossed in known), key=lambda each: each.log10_at.mean)
    return f"{line}; {passes(far, RTT)}"


def _winning_modes(found: Sequence[regions.Stand]) -> list[str]:
    """The serving mode of the fastest edge at each place where it beats cloud-only decoding."""
    won = [each.rows[each.edge] for each in found if each.edge and each.less is not None and each.less.lower]
    return [str(rows[regions.MODE].iloc[0]) for rows in won]


@asks(regions.WHOLE)
def winning_modes(table: pd.DataFrame, axis: str | None) -> str:
    """In which serving modes does an edge that drafts beat cloud-only decoding?"""
    modes = Counter(_winning_modes(regions.stands(regions.mapped(table), regions.WHOLE)))
    clauses = [f"{mode} at {times}" for mode, times in modes.most_common()]
    return listed(f"The edges that beat {called(OPPONENT)} end to end, by serving mode", clauses)


@asks(regions.WHOLE)
def predictor_holds(table: pd.DataFrame, axis: str | None) -> str:
    """Does the closed form name the faster of the edge and cloud-only decoding, end to end and per token?"""
    rows, clauses = regions.mapped(table), []
    for metric, words in WORDS.items():
        found = sign_agreement(rows, metric) if len(rows) else None
        if found is not None and found.clear:
            low, high = wilson(found.agreeing, found.clear)
            clauses.append(
                f"{words} at {found.agreeing} of {found.clear} ({100 * low:.0f} to {100 * high:.0f}%; the edge is "
                f"faster at {found.edge_faster}), at most {100 * found.largest_error:.0f}% off a mean"
            )
    return listed(f"The closed form names the faster where its margin is above {100 * MARGIN:g}%", clauses)


class SignAgreement(NamedTuple):
    """Agreement of the closed form with the simulation, over places where it sees a margin above MARGIN between the
    edge and cloud-only decoding: in how many the simulated means have the same sign, and its largest error of a
    mean."""

    clear: int
    agreeing: int
    largest_error: float
    edge_faster: int
    """Clear places where the edge is faster, as simulated."""


def sign_agreement(rows: pd.DataFrame, metric: str) -> SignAgreement | None:
    """The agreement over the places of `mapped` rows; None without any."""
    found, errors = [], []
    for stand in regions.stands(regions.foreseen(rows), metric):
        message = {kind: regions.predicted(of.iloc[0], of[regions.BITS].mean()) for kind, of in stand.rows.items()}
        times = {kind: regions.value_of(each, metric) for kind, each in message.items()}
        errors += [abs(times[kind] / stand.means[kind] - 1) for kind in times]
        if stand.edge is not None:
            predicted = math.log(min(times[kind] for kind in regions.AT_THE_EDGE if kind in times) / times[OPPONENT])
            found.append((predicted, math.log(stand.means[stand.edge] / stand.means[OPPONENT])))
    clear = [(predicted, measured) for predicted, measured in found if abs(predicted) > MARGIN]
    agreeing = sum(predicted * measured > 0 for predicted, measured in clear)
    faster = sum(measured < 0 for _, measured in clear)
    return SignAgreement(len(clear), agreeing, max(errors), faster) if found else None


@asks(regions.PER_TOKEN)
def outside_checks(table: pd.DataFrame, axis: str | None) -> str:
    """Where does the best draft length leave 1 with these clocks, and which drafter's pass would leave it where others
    measured that; and what does the published limit against cloud-only decoding say?"""
    rows, clauses = regions.foreseen(regions.mapped(table)), []
    drafting = rows[rows[regions.KIND].isin(regions.AT_THE_EDGE)] if len(rows) else rows
    for pair, part in drafting.groupby(regions.WHO, sort=False) if len(rows) else ():
        row = part.iloc[0]
        place, two = regions.place_of(row), regions.rounds_of(row, 2).survival
        draft_s, verify_s = (place.edge.pass_s([(1, 256)]), place.target.pass_s([(3, 256)]))
        at = one_draft_up_to_s(two, draft_s, verify_s)
        needs = " or ".join(f"{1e3 * draft_pass_for_s(trip, two, verify_s):.0f}" for trip in REPORTED_S)
        alone_s = place.target.pass_s([(1, 256)])
        limit = max(
            longest_round_trip_s(regions.rounds_of(row, drafts).survival, alone_s, verify_s, draft_s)
            for drafts in regions.LENGTHS
        )
        leaves = f"{1e3 * at:.0f} ms" if at > 0 else "no round trip"
        clauses.append(
            f"{pair} {leaves} ({1e3 * draft_s:.0f} ms a pass; {needs} would), "
            f"{f'{1e3 * limit:.0f} ms' if limit > 0 else 'none'}"
        )
    heading = (
        "Closed forms of others: where the best draft length leaves 1 (2606.20591 measured 179 and 235 ms there and "
        "back, with its own pairs and clocks), and the longest round trip that beats cloud-only a token (2606.25091)"
    )
    return listed(heading, clauses)


def phase_borders(cells: pd.DataFrame) -> pd.DataFrame:
    """A row a place and metric: means by kind, the fastest of all and without co-located speculation, the edge's
    serving mode, its difference from cloud-only decoding with its interval, and whether the seeds can tell the two."""
    rows, found = regions.mapped(cells), []
    for metric in (*WORDS, regions.CLOUD_TIME) if len(rows) else ():
        for each in regions.stands(rows, metric):
            where = dict(zip((regions.WHO, regions.PROMPT, regions.ANSWER, RTT), each.place, strict=True))
            less = each.less
            ends = {} if less is None else {"less": less.size, "less_low": less.low, "less_high": less.high}
            who = {"fastest": each.fastest, "fastest_apart": each.fastest_apart, "uncertain": each.uncertain}
            who["mode"] = each.rows[each.edge][regions.MODE].iloc[0] if each.edge else ""
            found.append({"metric": metric, **where, **each.means, **who, **ends})
    return pd.DataFrame(found)


def printed_borders(cells: pd.DataFrame) -> TextTable | None:
    """A row a pair: up to which round-trip time the edge is faster, measured and by the closed form."""
    rows = regions.mapped(cells)
    if rows.empty:
        return None
    prompts, answers = regions.order(rows, regions.PROMPT), regions.order(rows, regions.ANSWER)
    asked = [(p, answers[-1], regions.WHOLE) for p in dict.fromkeys((prompts[0], prompts[len(prompts) // 2]))]
    asked = [(prompts[0], answers[0], regions.WHOLE), *asked] if len(answers) > 1 else asked
    asked += [(prompts[0], answers[-1], regions.PER_TOKEN)]
    body = []
    for pair, part in rows.groupby(regions.WHO, sort=False):
        cheapest = [each.fastest for each in regions.stands(part, regions.CLOUD_TIME)]
        share = sum(kind not in (OPPONENT, regions.COLOCATED) for kind in cheapest)
        limits = [
            _limit(part[(part[regions.PROMPT] == p) & (part[regions.ANSWER] == a)], metric) for p, a, metric in asked
        ]
        body.append([str(pair), *limits, f"{share} of {len(cheapest)}"])
    columns = ["pair", *(f"{p:g} in, {a:g} out" if m == regions.WHOLE else "per token" for p, a, m in asked)]
    heading = (
        f"An edge that drafts is faster than cloud-only decoding up to a round trip of ({CONFIDENCE:.0%} interval; by "
        "the closed form); and at how many places it takes the least of the cloud's seconds"
    )
    return TextTable.of(heading, [*columns, "cheapest"], body)


def _limit(part: pd.DataFrame, metric: str) -> str:
    found, sends = regions.border(part, metric), regions.send_ids(part)
    if found is None:
        return "-"
    if sends.empty:
        return _measured(found)
    at_s = max(regions.predicted_border_s(row, metric) for _, row in sends.iterrows())
    return f"{_measured(found)}; {1e3 * at_s:.0f}" if at_s > 0 else f"{_measured(found)}; none"


def _measured(found: Crossing) -> str:
    """`38 ms (36 to 40)`, `none`, `all`, or `unclear` where the seeds disagree."""
    if found.crosses and not found.rising:
        return with_ends(found.at, *found.ends, lambda each: quantity(each, RTT, 2))
    if found.above > found.below + found.often + found.log10_at.n:
        return "none"
    return "all" if found.below > found.log10_at.n + found.above else "unclear"


SCHEMES = ["cloud_only", "colocated", "coupled", "k_sqs", {"kind": "dense", "resolution": 20}]
ONE_PACKET = {"scheme.partial": "at 1 Mbit/s a round is on the air for about 1 ms, which is all that parts could save"}

SCENARIO = Scenario(
    name="phase_map",
    summary="By prompt, answer, distance, pair and target: is the cloud alone, speculation in it, or an edge fastest?",
    minutes=15,
    base={
        "workload.requests": 2, "edge.latency": PHONE, "uplink.rate.bps": 1e6, **PATIENT,
        "cloud.drafter_latency": H100_1_7B,
    },
    grid={
        "scheme": SCHEMES,
        PAIR: [*PUBLISHED, [WARM, PHONE, TWO_GPUS_70B, 1.0]], PROMPTS: [[n, n] for n in (16, 256)],
        "workload.output_tokens": [32, 256], TRIP: DELAYS,
    },
    also=[Also(
        {"scheme": SCHEMES, PAIR: [MIXTURE], PROMPTS: [[16, 16]], "workload.output_tokens": [32, 256],
         TRIP: DELAYS[:4]},
        quick={"workload.output_tokens": [64], TRIP: DELAYS[1:4]},
    )],
    axis="uplink.delay.delay_s",
    hidden=("downlink.delay", "models.pair.prompt_tokens"),
    seeds=8,
    tune=Tune(ONE_PACKET, base=RACED, metric="latency_s", settings=6, looks=(1, 2, 4), steps=0),
    left_out={"edge_only": "its text is not the verifier's"},
    quick=Quick(
        grid={PAIR: [PUBLISHED[0], *PUBLISHED[3:]], "workload.output_tokens": [64], TRIP: DELAYS[1:4]},
        tune=Tune(ONE_PACKET, base=RACED, metric="latency_s", settings=3, looks=(2,), steps=0),
    ),
    figures=("phase_map",),
    headlines=(),
    tables=(Table("phase_map", phase_borders, printed_borders),),
    answer=edge_wins,
    findings=(winning_modes, predictor_holds, outside_checks),
    assumed="a target of 43 ms a pass (70B on two GPUs; once 18 ms) verifies for every dense pair, smaller ones too; "
    "ids of 13 bits; the 32B's drafter takes 27 ms and reads a prompt token in 6.5 ms; temperature 1 keeps 72% of "
    "AL - 1; before the mixture of experts a Jetson's drafter of 6 ms stands for EAGLE-3",
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
