"""Questions about bits at equal rejection: does sparsification buy anything, what breaks that, how far from a bound."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

    from simulator.results.intervals import Difference
    from simulator.results.rate_findings import RoundTime

_NEEDED = {
    "rejection_probability", "tv_compression", "coded_bits_per_draft", "vocabulary", "models.temperature", "seed"
}  # fmt: skip


MADE_PAIRS: Final = (
    "pairs of V = 128,256 and 151,936 have distributions of SmolLM2's shape, stretched, and 2.7 tokens a round of 3 "
    "drafts at every temperature (71% of Llama-3.3-70B's AL - 1, as pairs keep from temperature 0 to 1); no tables of "
    "language exist for them, so the code knows the text and nothing else"
)
"""What a reader must know of the pairs that are no real models."""


@dataclass(frozen=True)
class SparsePays:
    """How many bits does the best sparse family save at equal rejection on a dense lattice of chosen resolution?"""

    metric: str = "coded_bits_per_draft"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.rate_findings import DENSE, SPARSE, against, by_setup

        equal = _equal(table)
        if equal.empty:
            return ""
        less, places = against(equal, SPARSE, DENSE), by_setup(equal, SPARSE, DENSE)
        if not less.n:
            return ""
        lower = sum(each.lower for each in places.values())
        return (
            f"at equal rejection, sparsification takes {_bits(less)} bits a draft than the dense lattice, resolutions "
            f"chosen for both; fewer in {lower} of {len(places)} settings"
        )


@dataclass(frozen=True)
class WhatBreaksIt:
    """Where does the answer not hold: another vocabulary, temperature, measure, sparse rule, or a K nobody tuned?"""

    metric: str = "coded_bits_per_draft"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.rate_findings import DENSE, SCALAR, SPARSE, against, by_setup, untuned

        equal = _equal(table)
        if equal.empty:
            return ""
        places = by_setup(equal, SPARSE, DENSE)
        said = [f"{setup} {_bits(less)}" for setup, less in places.items() if not less.lower]
        told = f"not at {'; '.join(said)}" if said else "no vocabulary or temperature here"
        seeds = table["seed"].nunique()
        few = [f"{setup} ({less.n} of {seeds} seeds)" for setup, less in places.items() if less.n < seeds]
        told += f". Left out of the mean, where some seeds' curves share no range: {', '.join(few)}" if few else ""
        found, rules = untuned(table), []
        for family in dict.fromkeys(equal["curve"]):
            if family.startswith(f"{SPARSE} ") or family == SCALAR:
                rules.append(f"{family.removeprefix(f'{SPARSE} ')} {_bits(against(equal, family, DENSE))}")
        return (
            f"What breaks it: {told}. Sparse against dense {_by_other_measures(table)}. By rule: {', '.join(rules)}. "
            f"A setting nobody tuned: {found.dearer} of {found.settings} sparse settings take more than the dense "
            f"lattice that is rejected as often, up to {found.worst:.2g} times as much"
        )


@dataclass(frozen=True)
class SharedPays:
    """How many bits do ids with shared randomness take, against what sends distributions and is rejected as often?"""

    metric: str = "coded_bits_per_draft"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.rate_findings import shared_against

        if not set(table.columns) >= _NEEDED:
            return ""
        told = []
        for setup, (less, own, other) in shared_against(table).items():
            alone = f"{own:.3g} bits where no setting of up to {other:.3g} is rejected as seldom"
            told.append(f"{setup} {_bits(less) if less else alone}")
        return f"Ids with shared randomness, against distributions rejected as often: {'; '.join(told)}" if told else ""


@dataclass(frozen=True)
class BelowEveryPoint:
    """Does the lower bound lie below every measured point, and how near does one come?"""

    metric: str = "least_bits_per_draft"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.rate_findings import families

        bounds = ("least_bits_per_draft", "least_bits_at_compression")
        if not {*bounds, "draw_bits_per_draft"} | _NEEDED <= set(table.columns):
            return ""
        rows = families(table).dropna(subset=[*bounds, "coded_bits_per_draft"])
        if rows.empty:
            return ""
        bound = rows[[*bounds]].max(axis=1)
        above = rows["coded_bits_per_draft"] - bound
        broken = int((above < 0).sum())
        nearest = rows.iloc[int(above.to_numpy().argmin())]
        where = "below each" if not broken else f"NOT below {broken}"
        return (
            f"The bound on mean bits, whatever the code and its context model, is {where} of {len(rows)} measured "
            f"points where the draw is the edge's own; nearest {nearest['curve']} at {nearest['setup']}, by "
            f"{above.min():.2g} bit. It holds for the drawn token (mean {rows['draw_bits_per_draft'].mean():.2g} bit "
            f"of {rows['coded_bits_per_draft'].mean():.3g}); ids with shared randomness have no such bound"
        )


@dataclass(frozen=True)
class StrongerModel:
    """What would a context model that knew the verifier's distribution take for the same counts?"""

    metric: str = "oracle_bits_per_draft"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        import numpy as np

        from simulator.results.intervals import paired_values
        from simulator.results.rate_findings import SHARED, families

        if not {self.metric} | _NEEDED <= set(table.columns):
            return ""
        named = families(table)
        rows = named[named["curve"] != SHARED].dropna(subset=[self.metric])
        told = []
        for setup, part in rows.groupby("setup", sort=False):
            logs = part[[self.metric, "coded_bits_per_draft"]].apply(np.log).groupby(part["seed"]).mean()
            ratio = np.exp(logs[self.metric].to_numpy() - logs["coded_bits_per_draft"].to_numpy())
            less = paired_values(self.metric, ratio, np.ones_like(ratio))
            told.append(f"{setup} {_bits(less)}")
        return f"Oracle, the counts under a context model about p, against the code: {'; '.join(told)}" if told else ""


@dataclass(frozen=True)
class EqualRejection:
    """Bits a draft of each family at equal rejection, a row a vocabulary and temperature. A table."""

    name: str = "bits_at_equal_rejection"
    metric: str = "coded_bits_per_draft"

    def rows(self, cells: pd.DataFrame) -> pd.DataFrame:
        return _equal(cells)

    def printed(self, cells: pd.DataFrame) -> str:
        from simulator.results.rate_findings import SETUP
        from simulator.results.tradeoffs import HIGH, LOW

        equal = self.rows(cells)
        if equal.empty:
            return ""
        ranges = equal.groupby(SETUP, sort=False)[[LOW, HIGH]].mean()
        spans = "; ".join(f"{setup} {low:.3f} to {high:.3f}" for setup, low, high in ranges.itertuples())
        return _printed(
            equal, f"Bits a draft at equal rejection probability (geometric mean over {spans})", self.metric, 1
        )


@dataclass(frozen=True)
class ComputedTimes:
    """Milliseconds a token of each family at its chosen setting and length, by the closed form of a round. A table."""

    clock: RoundTime
    rates_bps: Sequence[float]
    name: str = "computed_latency"

    def rows(self, cells: pd.DataFrame) -> pd.DataFrame:
        from simulator.results.rate_findings import times

        return times(cells, self.clock, self.rates_bps) if set(cells.columns) >= _NEEDED else cells.iloc[:0]

    def printed(self, cells: pd.DataFrame) -> str:
        found = self.rows(cells)
        if found.empty:
            return ""
        rates = [f"{rate / 1e3:g} kbit/s" for rate in found["uplink.rate.bps"]]
        found = found.assign(setup=[f"{setup}, {rate}" for setup, rate in zip(found["setup"], rates, strict=True)])
        clock = self.clock
        heading = (
            "Milliseconds a token, computed and not simulated: setting chosen on the other seeds, the best length of "
            f"at most {clock.most_drafts} drafts, drafts of {1e3 * clock.draft_s:g} ms, verification "
            f"{1e3 * clock.verify_s:g} ms, round trip {1e3 * clock.round_trip_s:g} ms, drafts rejected independently, "
            "no headers, a packet's head in every draft. Cloud-only decoding takes "
            f"{1e3 * clock.verify_s:g} ms a token at every rate"
        )
        return _printed(found, heading, "latency_per_token_s", 1e3)


def _equal(table: pd.DataFrame) -> pd.DataFrame:
    """`rate_findings.equal_rejection`; empty where no cell has what it needs."""
    from simulator.results.rate_findings import equal_rejection

    return equal_rejection(table) if set(table.columns) >= _NEEDED else table.iloc[:0]


def _by_other_measures(table: pd.DataFrame) -> str:
    """How far sparse is from dense in bits at equal TV(qhat, q), and in rejections at equal bits."""
    from simulator.results.findings import percent
    from simulator.results.rate_findings import BITS, DENSE, REJECTED, SPARSE, against, equal_rejection

    near = against(equal_rejection(table, cost="tv_compression"), SPARSE, DENSE)
    seldom = against(equal_rejection(table, cost=BITS, loss=REJECTED), SPARSE, DENSE, REJECTED)
    told = [f"at equal TV(qhat, q) {_bits(near)} bits"] if near.n else []
    told += [f"at equal bits a probability of rejection {percent(seldom)}"] if seldom.n else []
    return ", ".join(told)


def _bits(less: Difference) -> str:
    """`21% fewer (18% to 24%)`."""
    from simulator.results.findings import percent

    return percent(less).replace("lower", "fewer").replace("higher", "more")


def _printed(rows: pd.DataFrame, heading: str, metric: str, factor: float) -> str:
    """A row a setup, a column a family: mean and half-width over seeds, `*` the least."""
    from scenarios.command.aligned_columns import WIDTH, aligned, number
    from simulator.results.intervals import interval

    names = list(dict.fromkeys(rows["curve"]))
    body = []
    for setup, part in rows.groupby("setup", sort=False):
        found = [interval(part.loc[part["curve"] == name, metric] * factor) for name in names]
        least = min(each.mean for each in found if each.n)
        told = [number(each.mean, each.half_width) + " *"[each.mean == least] if each.n else "-" for each in found]
        body.append([str(setup), *told])
    return textwrap.fill(heading, WIDTH) + "\n\n" + aligned(["", *names], body)
