"""What is each idea worth? K-SQS as published, then tuned, coded, in blocks, begun by the cloud, drafted ahead, and
prepared in place of that.

Each step has all that the one before it has, and is tuned anew in what it sends: draft length, K and resolution. `as
published` is the paper's own setting (arXiv 2510.09942: K = 3, ell = 100, four drafts a round), in its code, with the
drafted id that its count leaves out. Beside the steps: several candidates a position, which are not verified as blocks,
waiting and drafted ahead, and ids alone, served as the last step. On thin uplinks each step has headers of three
lengths: of IPv4 and UDP with ours, of ours alone, and compressed. Phone, pair and cloud are those of `who_drafts`. At
one place a real pair edits code and notices (`models.prompt_files.EDITS`) in the times of the phone and the 70B: there
drafts that are copied from the text are beside the steps too, at the edge and in the cloud.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from models.prompt_files import EDITS
from models.published_figures import KEPT
from scenarios import LATENCY, Also, Quick, Scenario, Table, Tune, asks, script
from scenarios.findings.comparisons import PairedCurves, Place
from scenarios.findings.question import in_words, of_setting
from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import Finding, amount, called, change, less_or_more, listed, percent
from scenarios.set_ups import H100_1_7B, IN_CLOUD, PATIENT, PHONE, TWO_GPUS_70B
from simulator.results.column_names import CURVE
from simulator.results.display_names import SERVING
from simulator.results.intervals import geometric_means
from simulator.results.units import quantity

RATE, HEADER, PLACE = "uplink.rate.bps", "uplink.header_bits", "uplink.label"
WHERE = f"models.pair,models.temperature,uplink.delay,downlink.delay,{RATE},{HEADER},{PLACE}"
FLAT = {"kind": "k_sqs", "max_drafts": 4, "token": "flat", "code": "enumerative"}
PAPER = {**FLAT, "k": 3, "resolution": 100}
CODED = {"kind": "k_sqs", "max_drafts": 4}
BLOCK = {**CODED, "acceptance": "block"}
STARTS = {"cloud_first": True}
AHEAD = {**STARTS, "depth": 1}
LAST = {**STARTS, "prepared": 4}
CANDIDATES = {"kind": "multi_candidate", "max_drafts": 3}
PUBLISHED = "as published"
LADDER: dict[str, tuple[str, dict[str, object]]] = {
    PUBLISHED: ("", PAPER),
    "+ tuned": (PUBLISHED, FLAT),
    "+ coded": ("+ tuned", CODED),
    "or several candidates": ("+ coded", CANDIDATES),
    "+ block": ("+ coded", BLOCK),
    "+ the cloud starts": ("+ block", {**BLOCK, **STARTS}),
    "+ drafts ahead": ("+ the cloud starts", {**BLOCK, **AHEAD}),
    "candidates, ahead": ("+ drafts ahead", {**CANDIDATES, **AHEAD}),
    "+ prepares rounds": ("+ drafts ahead", {**BLOCK, **LAST}),
    "ids, as the last": ("+ prepares rounds", {"kind": "coupled", "max_drafts": 4, **LAST}),
}
"""Schemes by label, each with the label of the one with which it is compared. Rounds are prepared in place of drafting
ahead."""
COPIES: dict[str, tuple[str, dict[str, object]]] = {
    "copied ids, ahead": ("ids, as the last", {"kind": "prompt_lookup", "max_drafts": 4, "depth": 1}),
    "copied in the cloud": ("copied ids, ahead", {"kind": "colocated_lookup", "max_drafts": 4}),
}
"""The same of prompt lookup, where texts repeat."""
COMPARED = {**LADDER, **COPIES}
STEPS = [label for label in LADDER if label == PUBLISHED or label.startswith("+")]
SCHEMES, LOOKUPS = ([{**scheme, "label": label} for label, (_, scheme) in part.items()] for part in (LADDER, COPIES))
ONE_BY_ONE = dict.fromkeys((*SERVING, "scheme.acceptance"), "a step of the ladder, or none")
AS_TYPED = {PUBLISHED: frozenset(f"scheme.{field}" for field in PAPER)}
NEAR_S, FAR_S, FAST_BPS = 0.02, 0.2, 1e6
HEADERS = (320, 96, 24)


def place(temperature: float, round_trip_s: float, bps: float, header: int | None = None) -> list[object]:
    """A temperature, a distance, an uplink, and the bits of its headers."""
    pair = {"kind": "published", "name": "llama_1b_70b", "prompt_tokens": 170, "size": 8192}
    delay = {"kind": "constant", "delay_s": round_trip_s / 2}
    words = f"temperature {temperature:g}, {quantity(round_trip_s, 'x_s')}, {quantity(bps, RATE)}"
    words += f", headers of {header} bits" if header else ""
    kept = KEPT if temperature else None
    return [pair | {"kept": kept}, temperature, delay, delay, bps, header or HEADERS[0], words]


PLACES = [place(temperature, trip_s, FAST_BPS) for temperature in (0.0, 1.0) for trip_s in (NEAR_S, FAR_S)]
EDITING = [
    {"kind": "smollm2", "prompts": str(EDITS)}, 0.0, *PLACES[0][2:-1],
    f"temperature 0, edits, {quantity(NEAR_S, 'x_s')}, {quantity(FAST_BPS, RATE)}",
]  # fmt: skip
THIN = [place(1.0, NEAR_S, bps, header) for bps in (1e3, 1e4) for header in HEADERS]


def climbed(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, list[str]]]:
    """Yields each place in words, its rows, and the labels that have a time there, in order."""
    for value, rows in of_setting(table).groupby(PLACE, sort=False):
        there = {*rows.loc[rows[LATENCY].notna(), CURVE]}
        yield in_words(value, PLACE), rows, [label for label in COMPARED if label in there]


def between(rows: pd.DataFrame, label: str, before: str) -> PairedCurves:
    """Returns the difference of one label's time from another's in the same rows."""
    return Place(LATENCY, rows).of(label, before)


@asks(LATENCY)
def what_it_is_worth(table: pd.DataFrame, axis: str | None) -> str:
    """How much do all steps together take off, in the geometric mean over the places with the fastest uplink, and which
    step takes off most?"""
    rows = of_setting(table)
    rows = rows[rows[RATE] == rows[RATE].max()]
    steps = [step for step in STEPS if step in {*rows.loc[rows[LATENCY].notna(), CURVE]}]
    if len(steps) < 2:
        return ""
    logs = np.log(rows.pivot_table(LATENCY, ["seed", PLACE], CURVE)[steps].dropna())
    means = np.exp(logs.groupby("seed").mean()).stack().rename(LATENCY).reset_index()
    largest = min(pairwise(steps), key=lambda both: between(means, both[1], both[0]).less.size)[1]
    whole = between(means, steps[-1], steps[0])
    line = f"all steps together: {less_or_more(whole.less)} time per token than {called(steps[0])}"
    where = quantity(rows[RATE].max(), RATE)
    return Finding(f"{line} at {where}; the largest step: {called(largest).removeprefix('+ ')}", [whole])


@asks(LATENCY)
def what_headers_are_worth(table: pd.DataFrame, axis: str | None) -> str:
    """On each uplink with headers of several lengths: what do the shortest change at the first step and at the last,
    and what do all steps gain with each?"""
    rows, clauses = of_setting(table), []
    for (temperature, bps), part in rows.groupby(["models.temperature", RATE], sort=False):
        headers = sorted(part[HEADER].unique(), reverse=True)
        steps = [step for step in STEPS if step in {*part.loc[part[LATENCY].notna(), CURVE]}]
        if len(headers) < 2 or len(steps) < 2:
            continue
        ends = [part[HEADER] == bits for bits in (headers[-1], headers[0])]
        both = [
            Place(LATENCY, part).paired(*((part[CURVE] == step) & end for end in ends))
            for step in (steps[0], steps[-1])
        ]
        shorter = [f"{called(each.first)} {percent(each.less)}" for each in both]
        whole = [between(part[part[HEADER] == bits], steps[-1], steps[0]) for bits in headers]
        gained = [f"{percent(each.less)} at {bits:g}" for each, bits in zip(whole, headers, strict=True)]
        clause = (
            f"temperature {temperature:g}, {quantity(bps, RATE)}: headers of {headers[-1]:g} in place of "
            f"{headers[0]:g} bits {', '.join(shorter)}; all steps {', '.join(gained)}"
        )
        clauses.append(Finding(clause, [*both, *whole]))
    return listed("what shorter headers are worth beside the steps", clauses, " | ")


INSTEAD = ("+ prepares rounds", *COPIES)


@asks(LATENCY)
def what_instead_is_worth(table: pd.DataFrame, axis: str | None) -> str:
    """What do prepared rounds change of drafting ahead at each place, and prompt lookup of ids that a model drafts, and
    in the cloud of that?"""
    lines = []
    for label in INSTEAD:
        before = COMPARED[label][0]
        there = [(where, rows) for where, rows, labels in climbed(table) if {label, before} <= {*labels}]
        clauses = [f"{where} {change(between(rows, label, before).less)}" for where, rows in there]
        lines.append(listed(f"{called(label)} against {called(before)}", clauses))
    return " | ".join(filter(None, lines))


def steps_taken(cells: pd.DataFrame) -> pd.DataFrame:
    """A row per place and label: its mean time, and how far it is from the label that it is compared with."""
    found = []
    for where, rows, labels in climbed(cells):
        means = geometric_means(rows, CURVE, LATENCY)
        for label in labels:
            before, row = COMPARED[label][0], {"place": where, "label": label, LATENCY: means[label]}
            if before in labels:
                less = between(rows, label, before).less
                row |= {"compared_with": before, "less": less.size, "less_low": less.low, "less_high": less.high}
            found.append(row)
    return pd.DataFrame(found)


def printed_steps(cells: pd.DataFrame) -> TextTable | None:
    """A row per label, a column per place: the time as published, and what each of the others changes."""
    columns = {}
    for where, rows, labels in climbed(cells):
        if PUBLISHED in labels:
            first = amount(geometric_means(rows, CURVE, LATENCY)[PUBLISHED], LATENCY)
            held = {label: COMPARED[label][0] for label in labels if COMPARED[label][0] in labels}
            columns[where] = {PUBLISHED: first} | {
                label: change(between(rows, label, before).less) for label, before in held.items()
            }
    if not columns:
        return None
    body = [[called(label), *(each.get(label, "-") for each in columns.values())] for label in COMPARED]
    heading = (
        "Time per token as published, and what each step changes of the one before it; several candidates against "
        "+ coded, drafted ahead against + drafts ahead, and copied ids against ids"
    )
    return TextTable.of(heading, ["step", *columns], body)


SCENARIO = Scenario(
    name="ladder",
    summary="What is each idea worth, from K-SQS as published to tuned, coded, drafted ahead, and prepared?",
    minutes=13,
    base={
        "workload.requests": 2,
        "workload.prompt_tokens": 170,
        "workload.output_tokens": 146,
        "edge.latency": PHONE,
        "cloud.latency": TWO_GPUS_70B,
        "cloud.drafter_latency": H100_1_7B,
        **PATIENT,
    },
    grid={"scheme": [*IN_CLOUD, *SCHEMES], WHERE: [*PLACES, *THIN]},
    also=[
        Also(
            {"scheme": [*IN_CLOUD, *SCHEMES, *LOOKUPS], WHERE: [EDITING]},
            base={"workload.requests": 1, "workload.prompt_tokens": 72, "workload.output_tokens": 48},
        )
    ],
    axis=PLACE,
    seeds=8,
    tune=Tune(ONE_BY_ONE, named=AS_TYPED, settings=12, looks=(1, 2, 4), base={"workload.requests": 1}),
    left_out={"edge_only": "its text is not the verifier's"},
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 64},
        grid={WHERE: [*PLACES[::2], *THIN[:3:2]]},
        tune=Tune(ONE_BY_ONE, named=AS_TYPED, settings=3, looks=(2,), steps=0, base={"workload.requests": 1}),
    ),
    figures=("ladder", "breakdown"),
    tables=(Table("steps", steps_taken, printed_steps),),
    answer=what_it_is_worth,
    findings=(what_headers_are_worth, what_instead_is_worth),
    assumed="acceptance of code editing; a cloud token takes 43 ms; at temperature 1 72% of AL - 1 are kept, and the "
    "shapes of both distributions are made; edits are of smollm2, timed as the 1B and the 70B; headers of 320 bits "
    "where no others are named, downlinks always",
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
