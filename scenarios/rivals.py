"""Every scheme on one link, from 100 bit/s to 1 Mbit/s and over three delays: who wins where, and by how much?

`k_sqs code=enumerative` is the paper's: its count of support and counts, with the drafted id, which it does not count,
at the least it can cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd

from scenarios import LATENCY, Claim, Lowest, Quick, Scenario, Table, Tune, asks, script
from scenarios.findings.claims import ruled
from scenarios.findings.comparisons import LowestAt, PairedCurves, places, ranked_places
from scenarios.findings.question import of_setting, without
from scenarios.findings.sentences.lowest import outcomes
from scenarios.findings.sentences.one_breath import IN_CLOUD, fastest_clause
from scenarios.findings.text_table import TextTable, number
from scenarios.findings.wording import (
    Finding,
    amount,
    called,
    joined,
    less_or_more,
    percent,
    rows_of,
    sizes,
    with_interval,
    would_show,
)
from scenarios.set_ups import PATIENT, TRIP, UNCUT, round_trips
from simulator.results.column_names import CURVE
from simulator.results.intervals import interval, named_without
from simulator.results.lossy_schemes import marked, ranked
from simulator.results.units import quantity, title

RATE, DELAY, HEADER = "uplink.rate.bps", "uplink.delay.delay_s", "uplink.header_bits"
RATES_BPS = [100.0, 1e3, 3e3, 10e3, 100e3, 1e6]
FEW_BPS = [1e3, 3e3, 10e3]
DELAYS = round_trips(0.01, 0.1, 0.6)
PAPER = {"kind": "k_sqs", "code": "enumerative"}
RIVAL = {"scheme.kind": "k_sqs", "scheme.code": "enumerative"}
ADAPTIVE = {"kind": "composed", "sparsifier": "all", "policy": "qs_heuristic"}
"""Q-S with its length by link and text, beside its fixed lengths."""
FIXED = {"kind": "truncated_fp16", "policy": "fixed_length"}
COUPLED = [{"kind": "coupled", "token": token} for token in ("flat", "raced")]

AIR = ("payload_bits_per_token", "reply_bits_per_token", "uplink_bits_per_token", "downlink_bits_per_token")
"""Bits a token: what is sent each way, and all that the links carry."""


@asks(LATENCY)
def who_wins(table: pd.DataFrame, axis: str | None) -> str:
    """Which scheme is fastest on most links, and what does the best at the edge gain most over the rival?"""
    found = ranked_places(table, axis, DELAY, LATENCY)
    line, gains = fastest_clause(found, "links"), list[PairedCurves]()
    for place in found:
        edge = ~place.rows["scheme.kind"].isin(IN_CLOUD)
        theirs = place.rows.reindex(columns=[*RIVAL]).eq(pd.Series(RIVAL)).all(axis=1)
        gains += filter(None, [place.best_of(edge & ~theirs, theirs)])
    if not gains:
        return line
    best = min(gains, key=lambda each: each.less.size)
    gain = f"{called(best.first)}: at best {less_or_more(best.less)} than published {called('k_sqs')}"
    return Finding(f"{line}; {gain}", [*rows_of([line]), *gains])


@asks("tv_output")
def bends_the_text(table: pd.DataFrame, axis: str | None) -> str:
    """How far is the text from the verifier's distribution if drafts are drawn before they are quantized?"""
    rows = of_setting(table)
    rows = rows[rows["scheme.kind"] == "s_q"]
    found = interval(rows.groupby("seed")["tv_output"].mean().to_numpy(float)) if "tv_output" in rows.columns else None
    if found is None or not found.n:
        return ""
    return ruled(found.separable or None, f"TV(output, p) of S-Q {with_interval(found, 'tv_output')}")


@asks(LATENCY)
def nears_the_cloud(table: pd.DataFrame, axis: str | None) -> str:
    """How far is adaptive Q-S from co-located speculation at both ends of the rates, at the shortest delay?"""
    rows = of_setting(table)
    if axis is None or not {"scheme.policy.kind", DELAY} <= {*rows.columns}:
        return ""
    rows = rows[rows[LATENCY].notna() & (rows[DELAY] == rows[DELAY].min())]
    found = [
        place.best_of(place.rows["scheme.policy.kind"] == "qs_heuristic", place.rows["scheme.kind"] == "colocated")
        for place in places(rows, axis, LATENCY)
    ]
    there = [each for each in found if each is not None]
    if len(there) < 2:
        return ""
    low, high = there[0], there[-1]
    nearer, there_yet = high.less.size < low.less.size, high.less.size < NEAR
    line = ", ".join(f"{percent(each.less)} at {quantity(each.place.at, axis)}" for each in (low, high))
    at = quantity(rows[DELAY].iloc[0], DELAY)
    return Finding(ruled(nearer and there_yet, f"adaptive Q-S against co-located {line} (delay {at})"), [low, high])


NEAR = 0.1
"""Share by which a scheme may be slower than another that it is near."""


def winners(name: str, left_out: Sequence[str] = ()) -> Table:
    """The lossless scheme of least time along the rate, for each delay: a table."""
    return Table(name, partial(_winners, left_out=left_out), partial(_printed_winners, left_out=left_out))


def _winners(cells: pd.DataFrame, left_out: Sequence[str]) -> pd.DataFrame:
    """A row per delay and rate: the lowest, its mean, those not distinguishable from it, the best of the others and by
    what share of it the lowest is below."""
    return pd.DataFrame(
        {
            DELAY: by, RATE: each.at, "lowest": each.lowest, LATENCY: each.mean,
            "not_distinguishable": ", ".join(name for name in each.tied if name != each.lowest),
            "next": each.following,
            "below_next": None if each.margin is None else -each.margin.size,
            "below_next_low": None if each.margin is None else -each.margin.high,
            "below_next_high": None if each.margin is None else -each.margin.low,
        }
        for by, found in _outcomes(cells, left_out)
        for each in found
    )  # fmt: skip


def _printed_winners(cells: pd.DataFrame, left_out: Sequence[str]) -> TextTable | None:
    found = _outcomes(cells, left_out)
    if not found:
        return None
    limit = would_show(less for _, here in found for each in here for less in each.unclear)
    but = f", without {joined([*map(called, left_out)])}" if left_out else ""
    heading = (
        f"Lowest {title(LATENCY)} of the lossless{but}: its mean, and how far below the next from which a difference "
        f"is seen; ~ where none is seen from another{limit and f' ({limit})'}"
    )
    entries = [{float(str(each.at)): _entry(each) for each in here} for _, here in found]
    body = [
        [quantity(at, RATE), *(column.get(at, "-") for column in entries)]
        for at in sorted({at for column in entries for at in column})
    ]
    columns = [title(RATE), *(f"{title(DELAY)} {quantity(by, DELAY)}" for by, _ in found)]
    return TextTable.of(heading, columns, body)


def _outcomes(cells: pd.DataFrame, left_out: Sequence[str]) -> list[tuple[object, list[LowestAt]]]:
    rows = ranked(of_setting(cells))
    if not {DELAY, RATE} <= {*rows.columns}:
        return []
    rows = named_without(without(rows, left_out), DELAY)
    return [(by, outcomes(part, RATE, LATENCY)) for by, part in rows.groupby(DELAY, sort=True)]


def _entry(found: LowestAt) -> str:
    """`coupled 1.2 s, 31% ~`."""
    less = "" if found.margin is None else f", {sizes([found.margin], 2)}"
    return f"{called(found.lowest)} {amount(found.mean, LATENCY)}{less}" + (" ~" if len(found.tied) > 1 else "")


def on_air(cells: pd.DataFrame) -> pd.DataFrame:
    """Returns the bits that each scheme puts on the air each way: a row per curve and link, means of AIR over seeds."""
    rows = of_setting(cells)
    there = [name for name in (RATE, DELAY) if name in rows.columns]
    return rows.groupby([CURVE, *there], sort=False)[list(AIR)].mean().reset_index()


def printed_on_air(cells: pd.DataFrame) -> TextTable | None:
    """A row per scheme, from the link on which it takes least to that where most."""
    rows = marked(of_setting(cells))
    for name in (RATE, DELAY):
        rows = named_without(rows, name)
    body = []
    for curve, part in on_air(rows).groupby(CURVE, sort=False):
        ends = [(number(part[way].min()).text, number(part[way].max()).text) for way in AIR]
        body.append([called(curve), *("..".join(dict.fromkeys(each)) for each in ends)])
    heading = "Bits per output token, each scheme at its best, over links; all: with headers and the prompt"
    return TextTable.of(heading, ["scheme", "payload up", "reply down", "all up", "all down"], body)


SCENARIO = Scenario(
    name="rivals",
    summary="Every scheme tuned, trees too, from 100 bit/s to 1 Mbit/s and over delay: who wins where, by how much?",
    minutes=15,
    base={
        "models.pair": "sotu", "workload.requests": 2, "workload.output_tokens": 32, **PATIENT,
    },
    grid={
        "scheme": [*IN_CLOUD, "edge_only", "half_dense", FIXED, "truncated_fp16", "dense", ADAPTIVE, PAPER,
                   "k_sqs", "c_sqs", "s_q", "dssd", "ids_only_greedy", "prompt_lookup", *COUPLED,
                   "coupled_tree", "tree", "multi_candidate"],
        TRIP: DELAYS,
        RATE: RATES_BPS,
    },
    axis=RATE,
    hidden=("downlink.delay",),
    seeds=8,
    tune=Tune(UNCUT, settings=8, looks=(1, 2), steps=1),
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 16}, grid={TRIP: DELAYS[::2], RATE: RATES_BPS[::2]},
    ),
    figures=("rivals", "both_ways"),
    headlines=(),
    tables=(winners("winners"), winners("winners_drafting", IN_CLOUD), Table("bits_both_ways", on_air, printed_on_air)),
    answer=who_wins,
    findings=(Lowest(by=DELAY), Lowest(without=IN_CLOUD, by=DELAY)),
    claims=(
        Claim("drawn before it is quantized, a draft bends the text", "Q-S, theorem", bends_the_text),
        Claim("a wide uplink brings it near speculation in the cloud", "Q-S, throughput by rate", nears_the_cloud),
    ),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
