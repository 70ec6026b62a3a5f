"""Questions about the map of who answers fastest: borders, the closed form beside them, and outside checks."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

    from simulator.results.crossings import Crossing

WORDS: Final = {"latency_s": "end to end", "tpot_s": "per token"}
REPORTED_S: Final = (0.083, 0.111)
"""Round-trip times near which arXiv 2606.20591 measured that the best draft length leaves 1."""


@dataclass(frozen=True)
class EdgeWins:
    """At how many places is an edge that drafts faster than cloud-only decoding, and where does the border lie for the
    pair that bears the longest round trip?"""

    metric: str = "latency_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.break_even_plane import RTT
        from simulator.results.phase_regions import ANSWER, COLOCATED, PROMPT, WHO, border, mapped, stands

        rows = mapped(table)
        if rows.empty:
            return ""
        found = stands(rows, self.metric)
        wins = sum(each.less is not None and each.less.lower for each in found)
        first = sum(each.fastest == COLOCATED for each in found)
        said = f"co-located is fastest at {first} of {len(found)} places, an edge below cloud-only at {wins}"
        known = [
            (place, crossed)
            for place, part in rows.groupby([WHO, PROMPT, ANSWER], sort=False)
            if (crossed := border(part, self.metric)) is not None and crossed.log10_at.n and not crossed.rising
        ]
        if not known:
            return said
        (pair, prompt, answer), far = max(known, key=lambda item: item[1].log10_at.mean)
        return f"{said}: {pair}, {prompt:g} in, {answer:g} out, {far.told(RTT)}"


@dataclass(frozen=True)
class PredictorHolds:
    """Does the closed form name the faster of the edge and cloud-only decoding, end to end and per token?"""

    metric: str = "latency_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.phase_regions import MARGIN, agreement, mapped, wilson

        rows, told = mapped(table), []
        for metric, words in WORDS.items():
            found = agreement(rows, metric) if len(rows) else None
            if found is None or not found.clear:
                continue
            low, high = wilson(found.agreeing, found.clear)
            told.append(
                f"{words} at {found.agreeing} of {found.clear} ({100 * low:.0f} to {100 * high:.0f}%; the edge is "
                f"faster at {found.edge_faster}), at most {100 * found.largest_error:.0f}% off a mean"
            )
        heading = f"The closed form names the faster where its margin is above {100 * MARGIN:g}%"
        return f"{heading}: {'; '.join(told)}" if told else ""


@dataclass(frozen=True)
class OutsideChecks:
    """Where does the best draft length leave 1 with these clocks, and which drafter's pass would leave it where others
    measured that; and what does the published limit against cloud-only decoding say?"""

    metric: str = "tpot_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.phase_prediction import draft_pass_for_s, longest_round_trip_s, one_draft_up_to_s
        from simulator.results.phase_regions import (
            AT_THE_EDGE,
            KIND,
            LENGTHS,
            WHO,
            foreseen,
            mapped,
            place_of,
            rounds_of,
        )

        rows, told = foreseen(mapped(table)), []
        for pair, part in rows[rows[KIND].isin(AT_THE_EDGE)].groupby(WHO, sort=False) if len(rows) else ():
            row = part.iloc[0]
            place, two = place_of(row), rounds_of(row, 2).survival
            draft_s, verify_s = (place.edge.pass_s([(1, 256)]), place.target.pass_s([(3, 256)]))
            at = one_draft_up_to_s(two, draft_s, verify_s)
            needs = " or ".join(f"{1e3 * draft_pass_for_s(trip, two, verify_s):.0f}" for trip in REPORTED_S)
            limit = max(
                longest_round_trip_s(
                    rounds_of(row, drafts).survival, place.target.pass_s([(1, 256)]), verify_s, draft_s
                )
                for drafts in LENGTHS
            )
            leaves = f"{1e3 * at:.0f} ms" if at > 0 else "no round trip"
            told.append(f"{pair} {leaves} ({1e3 * draft_s:.0f} ms a pass; {needs} would), "
                        f"{f'{1e3 * limit:.0f} ms' if limit > 0 else 'none'}")  # fmt: skip
        heading = (
            "Closed forms of others: where the best draft length leaves 1 (2606.20591 measured 83 and 111 ms, clocks "
            "and acceptance not known to us), and the longest round trip that beats cloud-only a token (2606.25091)"
        )
        return f"{heading}: {'; '.join(told)}" if told else ""


@dataclass(frozen=True)
class PhaseBorders:
    """Where the border between an edge that drafts and cloud-only decoding lies: a row a pair."""

    name: str = "phase_map"

    def rows(self, cells: pd.DataFrame) -> pd.DataFrame:
        """A row a place and metric: means by kind, the fastest of all and without co-located speculation, the edge's
        difference from cloud-only decoding with its interval, and whether the seeds can tell the two."""
        import pandas as pd

        from simulator.results.break_even_plane import RTT
        from simulator.results.phase_regions import ANSWER, CLOUD_TIME, PROMPT, WHO, mapped, stands

        rows, found = mapped(cells), []
        for metric in (*WORDS, CLOUD_TIME) if len(rows) else ():
            for each in stands(rows, metric):
                where = dict(zip((WHO, PROMPT, ANSWER, RTT), each.place, strict=True))
                less = each.less
                ends = {} if less is None else {"less": less.size, "less_low": less.low, "less_high": less.high}
                told = {"fastest": each.fastest, "fastest_apart": each.fastest_apart, "uncertain": each.uncertain}
                found.append({"metric": metric, **where, **each.means, **told, **ends})
        return pd.DataFrame(found)

    def printed(self, cells: pd.DataFrame) -> str:
        """A row a pair: up to which round-trip time the edge is faster, measured and by the closed form."""
        from scenarios.command.aligned_columns import WIDTH, aligned
        from simulator.results.phase_regions import ANSWER, CLOUD_TIME, PROMPT, WHO, mapped, order, stands

        rows = mapped(cells)
        if rows.empty:
            return ""
        prompts, answers = order(rows, PROMPT), order(rows, ANSWER)
        asked = [(p, answers[-1], "latency_s") for p in dict.fromkeys((prompts[0], prompts[len(prompts) // 2]))]
        asked = [(prompts[0], answers[0], "latency_s"), *asked] if len(answers) > 1 else asked
        asked += [(prompts[0], answers[-1], "tpot_s")]
        body = []
        for pair, part in rows.groupby(WHO, sort=False):
            cheapest = [each.fastest for each in stands(part, CLOUD_TIME)]
            share = sum(kind not in ("cloud_only", "colocated") for kind in cheapest)
            limits = [_limit(part[(part[PROMPT] == p) & (part[ANSWER] == a)], metric) for p, a, metric in asked]
            body.append([str(pair), *limits, f"{share} of {len(cheapest)}"])
        columns = ["pair", *(f"{p:g} in, {a:g} out" if m == "latency_s" else "per token" for p, a, m in asked)]
        heading = (
            "An edge that drafts is faster than cloud-only decoding up to a round trip of (95% interval; by the closed "
            "form); and at how many places it takes the least of the cloud's seconds"
        )
        return f"{textwrap.fill(heading, WIDTH)}\n\n{aligned([*columns, 'cheapest'], body)}"


def _limit(part: pd.DataFrame, metric: str) -> str:
    from simulator.results.phase_regions import IDS, KIND, border, foreseen, predicted_border_s

    found, sends = border(part, metric), foreseen(part[part[KIND].isin(IDS)])
    if found is None:
        return "-"
    if sends.empty:
        return _measured(found)
    at_s = predicted_border_s(sends.iloc[0], metric)
    return f"{_measured(found)}; {1e3 * at_s:.0f}" if at_s > 0 else f"{_measured(found)}; none"


def _measured(found: Crossing) -> str:
    """`38 ms (36 to 40)`, `none`, `all`, or `unclear` where the seeds disagree."""
    from simulator.results.break_even_plane import RTT
    from simulator.results.units import quantity

    at = found.log10_at
    if at.n > found.above + found.below + found.often and not found.rising:
        mean, low, high = (
            quantity(float(10**each), RTT, 2) for each in (at.mean, at.mean - at.half_width, at.mean + at.half_width)
        )
        ends = "" if at.half_width != at.half_width else f" ({low} to {high})"
        return f"{mean}{ends}"
    return (
        "none"
        if found.above > found.below + found.often + at.n
        else "all"
        if found.below > at.n + found.above
        else "unclear"
    )
