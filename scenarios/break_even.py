"""When does speculation at the edge beat the cloud alone? Pairs, targets, round-trip times and rates, and the load.

A synchronous round beats streamed cloud-only decoding exactly if A > x (simulator/results/break_even_plane.py). Each
pair drafts on a device of its own, at the temperature it was measured at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from scenarios import Also, Quick, Scenario, Table, Tune, asks, script
from scenarios.findings.question import of_setting
from scenarios.findings.sentences.lowest import lowest_of_kinds
from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import called, passes, with_ends
from scenarios.set_ups import H100_1_7B, NANO, PATIENT, PHONE, PI, TRIP, TWO_GPUS_70B, round_trips
from simulator.results import break_even_plane as plane
from simulator.results.columns import CURVE
from simulator.results.crossings import Crossing, crossing
from simulator.results.intervals import paired_values
from simulator.results.units import quantity

FP8, *FOUR = ({"kind": "profile", "name": name} for name in ("h100x2_70b_fp8", "a100x4_70b", "h100x4_70b"))
BETWEEN = {"kind": "affine", "base_s": 0.027, "per_token_s": 0.0}  # phone: 1B 20, 3B 51 ms
ON = {"llama_1b_70b": PHONE, "qwen3_1_7b_32b": BETWEEN, "qwen2_5_0_5b_72b": PI, "vicuna_68m_13b": NANO}
SYNTHETIC = [[{"kind": "synthetic", "size": 1024, "distance": tv}, NANO, 1.0] for tv in (0.1, 0.2, 0.4)]
PUBLISHED = [[{"kind": "published", "name": name}, edge, 0.0] for name, edge in ON.items()]
PAIRS, RATE = "models.pair,edge.latency,models.temperature", "uplink.rate.bps"
DELAYS = round_trips(0.005, 0.04, 0.08, 0.32)
K_SQS = {"kind": "k_sqs", "k": 8}
NEAREST = {"uplink.delay.delay_s": 0.005, "downlink.delay.delay_s": 0.005, "workload.output_tokens": 48}
LOAD = {**NEAREST, **dict(zip(PAIRS.split(","), PUBLISHED[0], strict=True)), "workload.distinct": 8}
SHARED = {**LOAD, "workload.prompt_tokens": 4}

SCHEME, CLOCK = "scheme.kind", "clock"
ASKED = "k_sqs"
"""The scheme that borders are printed of."""
PLACE = (plane.PAIR, CLOCK, RATE)
"""Where round-trip times are searched: a pair, a target and a rate."""
CLEAR = 0.1
"""From this |A - x| on its sign has to name the winner: nearer, the ends of the answers decide."""
MEANS = (plane.ACCEPTED, plane.X, plane.TARGET, plane.TIME, plane.PREDICTED, "scheme.max_drafts")
"""What `standings` gives the means of."""


@asks(plane.TIME)
def sign_holds(table: pd.DataFrame, axis: str | None) -> str:
    """Does the sign of A - x name who is faster, and how far is (x + 1) T / (A + 1) from the measured time at most, by
    the means of each setting of the map?"""
    rows = plane.plane(plane.map_and_load(table)[0])
    if rows.empty:
        return ""
    by = [CURVE, *([axis] if axis is not None else [])]
    means = rows.groupby(by, sort=False)[[plane.ACCEPTED, plane.X, plane.TIME, plane.TARGET, plane.PREDICTED]].mean()
    margin = means[plane.ACCEPTED] - means[plane.X]
    missed = (margin > 0) != (means[plane.TIME] < means[plane.TARGET])
    near = margin.abs() <= CLEAR
    error = (means[plane.PREDICTED] / means[plane.TIME] - 1).abs().max()
    settings, all_missed = f"{len(means):,} settings", int(missed.sum())
    line = f"all but {all_missed} of {settings}" if all_missed else f"all {settings}"
    if near.any():
        line += f"; of {near.sum()} within {CLEAR:g} of 0 it misses {(missed & near).sum()}, of others "
        line += f"{(missed & ~near).sum()}"
    off = f"(x + 1) T / (A + 1) is at most {100 * error:.1f}% off the measured time per token"
    return f"The sign of A - x names the faster in {line}; {off}"


@asks(plane.TIME)
def wins_below(table: pd.DataFrame, axis: str | None) -> str:
    """Below which round-trip time is the scheme faster than cloud-only decoding, for each pair and target, at each
    rate?"""
    clauses, found = [], limits(table, [ASKED])
    for rate in dict.fromkeys(limit.rate_bps for limit in found):
        here = [limit for limit in found if limit.rate_bps == rate]
        targets = " / ".join(dict.fromkeys(quantity(limit.target_s, plane.TIME, 2) for limit in here))
        by_pair = [
            f"{pair} {' / '.join(limit.words() for limit in here if limit.pair == pair)}"
            for pair in dict.fromkeys(limit.pair for limit in here)
        ]
        clauses.append(f"at {quantity(rate, RATE)} and T = {targets}: {'; '.join(by_pair)}")
    heading = f"{called(ASKED)} is faster than the cloud alone below a round-trip time of, "
    return heading + " | ".join(clauses) if clauses else ""


@asks(plane.TIME)
def share_of_map(table: pd.DataFrame, axis: str | None) -> str:
    """At how many places of the map is a scheme at the edge seen to be faster than cloud-only decoding, and up to
    which round-trip time at the most is K-SQS?"""
    found = standings(table)
    if found.empty:
        return ""
    places = found.groupby([*PLACE, plane.RTT], sort=False, dropna=False).ngroups
    edge = found[(found["faster"] == "yes") & (found[SCHEME] != "colocated")]
    wins = edge.groupby([*PLACE, plane.RTT], sort=False, dropna=False).ngroups
    line = f"edge drafting is seen to beat {called(plane.OPPONENT)} at {wins} of {places} places"
    known = [each for each in limits(table, [ASKED]) if 0 < each.at_s < math.inf]
    best = max(known, key=lambda each: each.at_s, default=None)
    if best is None:
        return line
    where = f"{best.pair}, T = {quantity(best.target_s, plane.TIME, 2)}, {quantity(best.rate_bps, RATE)}"
    return f"{line}; {called(ASKED)} at most up to a round trip of {best.words(spread=True)} ({where})"


@asks(plane.TIME)
def wins_where(table: pd.DataFrame, axis: str | None) -> str:
    """At how many places of the map is each scheme the fastest, by its mean, and where does the scheme bear the longest
    round-trip time?"""
    means = (
        _placed(table).groupby([*PLACE, plane.RTT, SCHEME], sort=False, dropna=False)[plane.TIME].mean().reset_index()
    )
    best = means.loc[means.groupby([*PLACE, plane.RTT], sort=False, dropna=False)[plane.TIME].idxmin(), SCHEME]
    each = ", ".join(f"{called(kind)} {number}" for kind, number in best.value_counts().items())
    if not each:
        return ""
    line = f"fastest by time per token, of {len(best)} pairs, targets, rates and round-trip times: {each}"
    return ". ".join(filter(None, (line, _furthest(limits(table, [ASKED])))))


def _furthest(found: Sequence[Limit]) -> str:
    best = max((limit for limit in found if limit.at_s > 0), key=lambda limit: limit.at_s, default=None)
    if best is None:
        return f"{called(ASKED)} wins nowhere" if found else ""
    nowhere = sum(limit.at_s == 0 for limit in found)
    where = f"{best.pair} at T = {quantity(best.target_s, plane.TIME, 2)} and {quantity(best.rate_bps, RATE)}"
    none = f"; with {nowhere} of {len(found)} pairs, targets and rates it never wins" if nowhere else ""
    return f"Of the longest round trip {called(ASKED)} wins with {where} ({best.words(spread=True)}){none}"


@asks(plane.CLOUD_TIME)
def cloud_time(table: pd.DataFrame, axis: str | None) -> str:
    """Up to which number of devices does each scheme take less of the cloud's time a token than cloud-only decoding, by
    each clock that serves several, and what are A and x_gpu at both ends?"""
    rows, clauses = of_setting(plane.map_and_load(table)[1]), []
    if rows.empty or plane.OPPONENT not in {*rows[SCHEME]}:
        return ""
    for clock, part in rows.groupby(plane.clocks(rows), sort=False):
        words = []
        for kind in [each for each in part[SCHEME].unique() if each != plane.OPPONENT]:
            both = lowest_of_kinds(part[part[SCHEME].isin([kind, plane.OPPONENT])], plane.DEVICES, plane.CLOUD_TIME)
            found = crossing(both, plane.DEVICES, str(kind), plane.OPPONENT, plane.CLOUD_TIME)
            means = plane.plane(both).groupby(plane.DEVICES)[[plane.ACCEPTED, plane.CLOUD_X]].mean()
            if found is not None and len(means):
                ends = ", ".join(
                    f"A {means.loc[at, plane.ACCEPTED]:.2f} against {means.loc[at, plane.CLOUD_X]:.2f} at {at:,.0f}"
                    for at in (means.index.min(), means.index.max())
                )
                words.append(f"{called(kind)} {passes(found, plane.DEVICES)} ({ends})")
        clauses += [f"{clock}: {', '.join(words)}"] if words else []
    heading = "Less of the cloud's time a token than cloud only, by devices (A against x_gpu)"
    return f"{heading}, {'; '.join(clauses)}" if clauses else ""


@dataclass(frozen=True)
class Limit:
    """Below which round-trip time a kind of scheme is faster than cloud-only decoding, with a pair, a target of T
    seconds a token, and a rate; `range_s` are the least and the largest round-trip time that were simulated."""

    scheme: str
    pair: str
    target_s: float
    rate_bps: float
    found: Crossing
    range_s: tuple[float, float]

    @property
    def at_s(self) -> float:
        """The round-trip time; 0 where it wins nowhere, inf where everywhere, nan where seeds disagree or it crosses
        more than once."""
        found = self.found
        if found.log10_at.n and not found.rising:
            return found.at
        alone = {math.inf: found.below, 0.0: found.above, math.nan: found.often + found.log10_at.n}
        return max(alone, key=lambda at: alone[at])

    @property
    def ends_s(self) -> tuple[float, float]:
        """The ends of its interval, nan where there is none."""
        return self.found.ends if 0 < self.at_s < math.inf else (math.nan, math.nan)

    def words(self, spread: bool = False) -> str:
        """`38 ms`, with `spread` `38 ms (36 to 40)`; `over 320 ms`, `none from 5 ms`."""
        if math.isnan(self.at_s):
            return passes(self.found, plane.RTT)
        least, most = (quantity(end, plane.RTT) for end in self.range_s)
        if not 0 < self.at_s < math.inf:
            return f"over {most}" if self.at_s else f"none from {least}"
        low, high = self.ends_s if spread else (math.nan, math.nan)
        return with_ends(self.at_s, low, high, lambda each: quantity(each, plane.RTT, 2))


def limits(table: pd.DataFrame, kinds: Sequence[str] = ()) -> list[Limit]:
    """The limit of each place of the map and each of `kinds`, by default all that draft, in order of appearance."""
    found = []
    for place, rows in _placed(table).groupby(list(PLACE), sort=False):
        pair, rate = str(place[0]), float(str(place[2]))
        part = lowest_of_kinds(rows, plane.RTT, plane.TIME)
        target = float(part.loc[part[SCHEME] == plane.OPPONENT, plane.TIME].mean())
        where = f" with {pair}, {quantity(target, plane.TIME)} a token, {quantity(rate, RATE)}"
        part = part.assign(**{CURVE: part[SCHEME] + where})
        for kind in kinds or [each for each in part[SCHEME].unique() if each != plane.OPPONENT]:
            crossed = crossing(part, plane.RTT, f"{kind}{where}", f"{plane.OPPONENT}{where}", plane.TIME)
            if crossed is not None:
                ends = float(part[plane.RTT].min()), float(part[plane.RTT].max())
                found.append(Limit(str(kind), pair, target, rate, crossed, ends))
    return found


def standings(table: pd.DataFrame) -> pd.DataFrame:
    """A row per place of the map and kind of scheme, means over seeds: A, x, T, the measured and the predicted time per
    token, what it is over T less 1 with the ends of its interval, and whether it is `faster`: yes, no, or unclear."""
    rows, found = plane.plane(of_setting(plane.map_and_load(table)[0])), []
    if rows.empty:
        return rows
    kept = [name for name in (CURVE, RATE, plane.RTT, SCHEME, plane.PAIR, *MEANS) if name in rows.columns]
    rows = rows[kept].assign(**{CLOCK: plane.clocks(rows)})
    for place, part in rows.groupby([*PLACE, plane.RTT, SCHEME], sort=False, dropna=False):
        one = part[part[CURVE] == part.groupby(CURVE, sort=False)[plane.TIME].mean().idxmin()]
        less = paired_values(plane.TIME, one[plane.TIME].to_numpy(dtype=float), one[plane.TARGET].to_numpy(dtype=float))
        means = {name: float(one[name].mean()) for name in MEANS if name in kept}
        faster = ("yes" if less.size < 0 else "no") if less.separable or less.n == 1 else "unclear"
        where = dict(zip([*PLACE, plane.RTT, SCHEME], place, strict=True))
        ends = {"over_target": less.size, "over_target_low": less.low, "over_target_high": less.high}
        found.append({**where, **means, **ends, "faster": faster})
    return pd.DataFrame(found)


def break_even(cells: pd.DataFrame) -> pd.DataFrame:
    """`standings`, with the limit of each row's pair, target, rate and scheme, and the ends of its interval."""
    found = standings(cells)
    if found.empty:
        return found
    by_place = {_key(each.pair, each.target_s, each.rate_bps, each.scheme): each for each in limits(cells)}
    mine = [by_place.get(_key(*row)) for row in found[[plane.PAIR, plane.TARGET, RATE, SCHEME]].itertuples(index=False)]
    ends = [(math.nan, math.nan) if each is None else each.ends_s for each in mine]
    return found.assign(
        wins_below_s=[math.nan if each is None else each.at_s for each in mine],
        wins_below_s_low=[low for low, _ in ends],
        wins_below_s_high=[high for _, high in ends],
    )


def printed_break_even(cells: pd.DataFrame) -> TextTable | None:
    """A row per pair, target and rate, a column per round-trip time."""
    found = standings(cells)
    found = found[found[SCHEME] == ASKED] if len(found) else found
    if found.empty:
        return None
    trips = sorted(found[plane.RTT].dropna().unique())
    below = {_key(each.pair, each.target_s, each.rate_bps, ASKED): each for each in limits(cells, [ASKED])}
    body = []
    for (pair, _, rate), part in found.groupby(list(PLACE), sort=False):
        signs = {"yes": ">", "no": "<", "unclear": "~"}
        here = {
            row[plane.RTT]: f"{row[plane.ACCEPTED]:.2f} {signs[row['faster']]} {row[plane.X]:.2f}"
            for _, row in part.iterrows()
        }
        limit = below.get(_key(pair, part[plane.TARGET].iloc[0], rate, ASKED))
        body.append(
            [f"{pair}, {quantity(float(part[plane.TARGET].mean()), plane.TARGET)}, {quantity(rate, RATE)}",
             *(here.get(trip, "-") for trip in trips), "-" if limit is None else limit.words(spread=True)]
        )  # fmt: skip
    heading = (
        f"A and x of {called(ASKED)}: > where it is measured to be faster than cloud only, < where slower, ~ where no "
        "difference is seen; by round-trip time, and the one below which it wins"
    )
    columns = ["pair, T, rate", *(quantity(trip, plane.RTT) for trip in trips), "wins below"]
    return TextTable.of(heading, columns, body)


def _key(pair: object, target_s: float, rate_bps: object, scheme: object) -> tuple[str, ...]:
    return str(pair), f"{target_s:.3g}", f"{float(str(rate_bps)):g}", str(scheme)


def _placed(table: pd.DataFrame) -> pd.DataFrame:
    """The map's rows with the columns of their place, and little else; empty of a table without cloud-only decoding."""
    shown = of_setting(plane.map_and_load(table)[0])
    if not {RATE, plane.TIME} <= {*shown.columns} or not {plane.OPPONENT} < {*shown[SCHEME]}:
        return pd.DataFrame(columns=[*PLACE, plane.RTT, SCHEME, plane.TIME])
    kept = shown[[CURVE, "seed", SCHEME, RATE, plane.TIME]].copy()
    kept[plane.RTT], kept[plane.PAIR], kept[CLOCK] = plane.round_trips_s(shown), plane.pairs(shown), plane.clocks(shown)
    return kept


SCENARIO = Scenario(
    name="break_even",
    summary="Which pair, target, round-trip time and rate make a synchronous round faster than the cloud alone?",
    minutes=8,
    base={
        "workload.requests": 1, "workload.output_tokens": 256, "workload.prompt_at_cloud": True, "edge.latency": NANO,
        **PATIENT, "uplink.rate.bps": 1e6, "cloud.latency": TWO_GPUS_70B,
        "cloud.batching": {"kind": "continuous", "cap": 256}, "cloud.drafter_latency": H100_1_7B,
    },
    grid={"scheme": ["cloud_only", "colocated", "dense", K_SQS, "coupled"], PAIRS: [*SYNTHETIC, *PUBLISHED],
          "cloud.latency": [FP8, TWO_GPUS_70B], RATE: [30e3, 1e6], TRIP: DELAYS},
    also=[Also({"scheme": ["cloud_only", "colocated", K_SQS], "cloud.latency": FOUR,
                "workload.devices": [1, 8, 32, 128, 256]}, SHARED,
               {"cloud.latency": FOUR[:1], "workload.devices": [1, 32]}),
          Also({"scheme": ["cloud_only", K_SQS], "models.pair": ["smollm2"]}, NEAREST)],
    axis="uplink.delay.delay_s",
    hidden=("downlink.delay", "models.temperature", "workload.prompt_tokens", "workload.output_tokens",
            "workload.distinct"),
    seeds=8, tune=Tune(metric="tpot_s", settings=6, looks=(1, 2), steps=1),
    left_out={"edge_only": "its text is not the verifier's"},
    quick=Quick(base={"workload.output_tokens": 128},
                grid={PAIRS: [SYNTHETIC[1], PUBLISHED[0]], "cloud.latency": [TWO_GPUS_70B], RATE: [1e6],
                      TRIP: DELAYS[::2]}, seeds=2),
    figures=("break_even",),
    headlines=(),
    tables=(Table("break_even", break_even, printed_break_even),),
    answer=share_of_map,
    findings=(sign_holds, wins_below, cloud_time, wins_where,),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
