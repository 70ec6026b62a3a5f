"""Does sparsification buy anything over a well-coded lattice? Bits a draft against rejections, beside a lower bound.

Every scheme meets the same distributions along the verifier's own text, has one code (context-modelled, the drafted id
coded at -log2 qhat) and its settings chosen on the other seeds. The settings that no other of a family beats there in
the mean of both make its curve on this seed. Sparse families are one, of which each seed takes the one that served the
others best. The bound: `simulator.studies.rate_bounds`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from scenarios import Claim, Quick, Scenario, Table, asks, script
from scenarios.findings.claims import ruled
from scenarios.findings.sentences.equal_cost import equal_table
from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import fewer, less_or_more, listed, percent
from simulator.results.column_names import CURVE
from simulator.results.intervals import Difference, geometric_means, paired_values
from simulator.results.tradeoffs import (
    BITS,
    DENSE,
    FAMILY_SETTING,
    HIGH,
    LOW,
    REJECTED,
    SCALAR,
    SETUP,
    SHARED,
    SPARSE,
    TradeoffCurve,
    at_equal,
    families,
    undominated,
    with_chosen,
)

DENSE_ELL, SCALAR_ELL = [2, 3, 5, 10, 18, 32, 60, 110, 200], [3, 6, 12, 24, 45, 90, 180]
K = {1: 1, 2: 4, 3: 6, 4: 8, 6: 10, 8: 14, 12: 20, 16: 30, 24: 40, 32: 60, 64: 110, 96: 200}  # each with its resolution
BETA = {0.3: 3, 0.15: 5, 0.08: 8, 0.05: 10, 0.03: 12, 0.02: 16, 0.012: 24, 0.007: 32, 0.004: 60, 0.002: 110, 0.001: 200}
TARGET = {0.15: 0.45, 0.05: 0.3, 0.03: 0.25, 0.012: 0.16, 0.007: 0.13, 0.004: 0.09, 0.002: 0.06, 0.001: 0.04}
MADE = {"kind": "acceptance", "accepted_length": 2.7, "drafts": 3}
PAIRS = ["smollm2", {**MADE, "size": 128_256}, {**MADE, "size": 151_936}]


def schemes(every: int = 1) -> list[dict[str, object]]:
    """Returns each family's settings, or every so many of them from the coarsest on; ids by both of their codes."""
    kept: list[tuple[object, str, int]] = [("all", "lattice", ell) for ell in DENSE_ELL[::every]]
    kept += [("all", "cubic", ell) for ell in SCALAR_ELL[::every]]
    kept += [({"kind": "top_k", "k": k}, "lattice", ell) for k, ell in [*K.items()][::every]]
    kept += [({"kind": "threshold", "beta": beta}, "lattice", ell) for beta, ell in [*BETA.items()][::every]]
    moving = {"kind": "conformal", "step": 0.01, "carry": True}
    for beta, target in [*TARGET.items()][::every]:
        kept.append(({**moving, "initial": beta, "target": target}, "lattice", BETA[beta]))
    one = {"kind": "composed", "code": {"kind": "recoded", "token": "coded"}, "max_drafts": 1, "budget_bits": None}
    sent: list[dict[str, object]] = [{"kind": "coupled", "token": by, "max_drafts": 1} for by in ("raced", "coded")]
    return [{**one, "sparsifier": by, "quantizer": {"kind": rule, "resolution": ell}} for by, rule, ell in kept] + sent


MADE_PAIRS = (
    "pairs of V = 128,256 and 151,936 have distributions of SmolLM2's shape, stretched, and 2.7 tokens a round of 3 "
    "drafts at every temperature (71% of Llama-3.3-70B's AL - 1, as pairs keep from temperature 0 to 1); no tables of "
    "language exist for them, so the code knows the text and nothing else"
)
"""Remark on the pairs that are no real models."""
NEEDED = {REJECTED, "tv_compression", BITS, "vocabulary", "models.temperature", "seed"}
BOUNDS, ORACLE = ["least_bits_per_draft", "least_bits_at_compression"], "oracle_bits_per_draft"


@asks(BITS)
def sparse_pays(table: pd.DataFrame, axis: str | None) -> str:
    """How many bits does the best sparse family save at equal rejection on a dense lattice of chosen resolution?"""
    equal = equal_rejection(table)
    if equal.empty or not (less := against(equal, SPARSE, DENSE)).n:
        return ""
    places = by_setup(equal, SPARSE, DENSE)
    lower = sum(each.lower for each in places.values())
    return (
        f"at equal rejection, sparsification takes {less_or_more(less, 'fewer')} bits a draft than the dense lattice; "
        f"fewer in {lower} of {len(places)} settings"
    )


@asks(BITS)
def spares_bits(table: pd.DataFrame, axis: str | None) -> str:
    """Does the best sparse family take fewer bits at equal rejection than a dense lattice of chosen resolution?"""
    equal = equal_rejection(table)
    if equal.empty or not (less := against(equal, SPARSE, DENSE)).n:
        return ""
    return ruled(less.lower if less.separable else None, f"{fewer(less)} at equal rejection, tuned and coded both")


@asks(BITS)
def what_breaks_it(table: pd.DataFrame, axis: str | None) -> str:
    """Where does the answer not hold: another vocabulary, temperature, measure, sparse rule, or a K nobody tuned?"""
    equal = equal_rejection(table)
    if equal.empty:
        return ""
    places = by_setup(equal, SPARSE, DENSE)
    not_lower = [f"{setup} {fewer(less)}" for setup, less in places.items() if not less.lower]
    line = f"not at {'; '.join(not_lower)}" if not_lower else "no vocabulary or temperature here"
    seeds = table["seed"].nunique()
    few = [f"{setup} ({less.n} of {seeds} seeds)" for setup, less in places.items() if less.n < seeds]
    line += f". Left out of the mean, where some seeds' curves share no range: {', '.join(few)}" if few else ""
    ratios = [ratio for _, rows in families(table).groupby(SETUP, sort=False) for ratio in untuned_ratios(rows)]
    rules = [
        f"{family.removeprefix(f'{SPARSE} ')} {fewer(against(equal, family, DENSE))}"
        for family in dict.fromkeys(equal[CURVE])
        if family.startswith(f"{SPARSE} ") or family == SCALAR
    ]
    return (
        f"What breaks it: {line}. Sparse against dense {_by_other_measures(table)}. By rule: {', '.join(rules)}. A "
        f"setting nobody tuned: {sum(ratio > 1 for ratio in ratios)} of {len(ratios)} sparse settings take more than "
        f"the dense lattice that is rejected as often, up to {max(ratios, default=float('nan')):.2g} times as much"
    )


def _by_other_measures(table: pd.DataFrame) -> str:
    near = against(equal_rejection(table, cost="tv_compression"), SPARSE, DENSE)
    seldom = against(equal_rejection(table, cost=BITS, loss=REJECTED), SPARSE, DENSE, REJECTED)
    words = [f"at equal TV(qhat, q) {fewer(near)} bits"] if near.n else []
    words += [f"at equal bits a probability of rejection {percent(seldom)}"] if seldom.n else []
    return ", ".join(words)


@asks(BITS)
def shared_pays(table: pd.DataFrame, axis: str | None) -> str:
    """How many bits do ids with shared randomness take, against what sends distributions and is rejected as often?"""
    if not {*table.columns} >= NEEDED:
        return ""
    clauses = []
    for setup, (less, own, other) in shared_against(table).items():
        alone = f"{own:.3g} bits where no setting of up to {other:.3g} is rejected as seldom"
        clauses.append(f"{setup} {fewer(less) if less else alone}")
    return listed("Ids with shared randomness, against distributions rejected as often", clauses)


@asks("least_bits_per_draft")
def below_every_point(table: pd.DataFrame, axis: str | None) -> str:
    """Does the lower bound lie below every measured point, and how near does one come?"""
    if not {*BOUNDS, "draw_bits_per_draft"} | NEEDED <= {*table.columns}:
        return ""
    rows = families(table).dropna(subset=[*BOUNDS, BITS])
    if rows.empty:
        return ""
    above = rows[BITS] - rows[BOUNDS].max(axis=1)
    broken = int((above < 0).sum())
    nearest = rows.iloc[int(above.to_numpy().argmin())]
    where = "below each" if not broken else f"NOT below {broken}"
    return (
        f"The bound on mean bits, whatever the code and its context model, is {where} of {len(rows)} measured points "
        f"where the draw is the edge's own; nearest {nearest[CURVE]} at {nearest[SETUP]}, by {above.min():.2g} bit. It "
        f"holds for the drawn token (mean {rows['draw_bits_per_draft'].mean():.2g} bit of {rows[BITS].mean():.3g}); "
        "ids with shared randomness have no such bound"
    )


@asks(ORACLE)
def stronger_model(table: pd.DataFrame, axis: str | None) -> str:
    """What would a context model that knew the verifier's distribution take for the same counts?"""
    if not {ORACLE} | NEEDED <= {*table.columns}:
        return ""
    named = families(table)
    rows, clauses = named[named[CURVE] != SHARED].dropna(subset=[ORACLE]), []
    for setup, part in rows.groupby(SETUP, sort=False):
        oracle, code = (np.asarray(geometric_means(part, "seed", name), np.float64) for name in (ORACLE, BITS))
        clauses.append(f"{setup} {fewer(paired_values(ORACLE, oracle, code))}")
    return listed("Oracle, the counts under a context model about p, against the code", clauses)


def equal_rejection(table: pd.DataFrame, cost: str = REJECTED, loss: str = BITS) -> pd.DataFrame:
    """`tradeoffs.at_equal` by SETUP of the families that send distributions, those of SPARSE also as one.

    Empty where a family is alone, or no cell has what it needs."""
    if not {*table.columns} >= NEEDED:
        return table.iloc[:0]
    sent = families(table)
    sent = sent[sent[CURVE] != SHARED]
    kept = [rows for _, part in sent.groupby([SETUP, CURVE], sort=False) for rows in _undominated(part, cost, loss)]
    equal = at_equal(pd.concat(kept) if kept else sent, cost, loss, SETUP)
    one = with_chosen(equal, loss, SETUP, SPARSE)
    return pd.concat([equal, one[one[CURVE] == SPARSE]], ignore_index=True)


def _undominated(rows: pd.DataFrame, cost: str, loss: str) -> Iterator[pd.DataFrame]:
    """Yields, for each seed, those rows of a family whose settings are undominated on the others; a seed that is alone
    chooses for itself."""
    for seed, own in rows.groupby("seed", sort=False):
        others = rows[rows["seed"] != seed]
        means = (others if len(others) else own).groupby(FAMILY_SETTING)[[cost, loss]].mean()
        best = means.index[undominated(means[cost].to_numpy(), means[loss].to_numpy())]
        yield own[own[FAMILY_SETTING].isin(best)]


def against(equal: pd.DataFrame, first: str, second: str, loss: str = BITS) -> Difference:
    """Returns the difference of the first family from the second, paired by seed: the mean over setups of the logarithm
    of the ratio, with its interval over seeds. A setup in which some seed's curves share no range is left out
    (`by_setup` has it)."""
    ratios = _logs(equal, first, loss) - _logs(equal, second, loss)  # [setup, seed]
    complete = ratios.dropna(axis=0)
    ratios = complete if len(complete) else ratios.dropna(axis=1)
    means = np.exp(ratios.mean(axis=0).to_numpy(dtype=np.float64))
    return paired_values(loss, means, np.ones_like(means))


def by_setup(equal: pd.DataFrame, first: str, second: str, loss: str = BITS) -> dict[str, Difference]:
    """`against` in each setup."""
    found = {str(setup): against(rows, first, second, loss) for setup, rows in equal.groupby(SETUP, sort=False)}
    return {setup: less for setup, less in found.items() if less.n}


def _logs(equal: pd.DataFrame, family: str, loss: str) -> pd.DataFrame:
    rows = equal[equal[CURVE] == family]
    return rows.assign(**{loss: np.log(rows[loss])}).pivot(index=SETUP, columns="seed", values=loss)


def untuned_ratios(rows: pd.DataFrame) -> list[float]:
    """Mean bits of each sparse setting of a setup over those of the dense curve that is rejected as often, where that
    curve is."""
    means = rows.groupby([CURVE, FAMILY_SETTING])[[REJECTED, BITS]].mean()
    named = means.index.get_level_values(CURVE)
    dense, sparse = means[named == DENSE], means[named.str.startswith(SPARSE)]
    if dense.empty:
        return []
    curve = TradeoffCurve.of(dense[REJECTED].to_numpy(), dense[BITS].to_numpy())
    ratios = sparse[BITS].to_numpy() / curve.at(sparse[REJECTED].to_numpy())
    return [float(ratio) for ratio in ratios[~np.isnan(ratios)]]


class AgainstSent(NamedTuple):
    """Bits of ids with shared randomness against the cheapest of the others that is rejected as seldom: None where on
    some seed no setting is. The mean bits of both, the others' at the rejection nearest to it."""

    less: Difference | None
    own: float
    other: float


def shared_against(table: pd.DataFrame) -> dict[str, AgainstSent]:
    """The comparison in each setup that has both."""
    found = {}
    for setup, rows in families(table).groupby(SETUP, sort=False):
        ids, sent = rows[rows[CURVE] == SHARED], rows[rows[CURVE] != SHARED]
        if ids.empty or sent.empty:
            continue
        pairs = [_beside(ids[ids["seed"] == seed], own) for seed, own in sent.groupby("seed", sort=True)]
        one, other, reached = (np.array(each) for each in zip(*pairs, strict=True))
        less = paired_values(BITS, one, other) if reached.all() else None
        found[str(setup)] = AgainstSent(less, float(one.mean()), float(other.mean()))
    return found


def _beside(ids: pd.DataFrame, sent: pd.DataFrame) -> tuple[float, float, bool]:
    """Bits of the cheapest ids, of the others' curve at that rejection, or at its least, and whether it gets there."""
    curve = TradeoffCurve.of(sent[REJECTED].to_numpy(), sent[BITS].to_numpy())
    rejected, least = float(ids[REJECTED].min()), curve.cost[0]
    at_that = float(curve.at(np.array([max(rejected, least)]))[0])
    return float(ids[BITS].min()), at_that, bool(rejected >= least)


def printed_equal(cells: pd.DataFrame) -> TextTable | None:
    """Bits a draft of each family at equal rejection, a column a vocabulary and temperature."""
    equal = equal_rejection(cells)
    if equal.empty:
        return None
    ranges = equal.groupby(SETUP, sort=False)[[LOW, HIGH]].mean()
    spans = "; ".join(f"{setup} {low:.3f} to {high:.3f}" for setup, low, high in ranges.itertuples())
    return equal_table(equal, SETUP, BITS, f"At equal rejection probability (geometric mean over {spans})")


SCENARIO = Scenario(
    name="sparse_or_coded",
    summary="Does sparsification save bits over a well-coded dense lattice at equal rejection, and what bounds both?",
    minutes=8,
    base={"workload.requests": 3, "workload.prompt_tokens": 32, "workload.output_tokens": 14},
    grid={"models.pair": PAIRS, "models.temperature": [0.5, 1.0, 1.4], "scheme": schemes()},
    axis="models.temperature",
    seeds=8,
    quick=Quick({"workload.requests": 1, "workload.output_tokens": 12},
                {"models.pair": ["sotu", PAIRS[1]], "models.temperature": [1.0], "scheme": schemes(3)}, seeds=8),
    study="rates",
    assumed=MADE_PAIRS,
    headlines=(),
    tables=(Table("bits_at_equal_rejection", equal_rejection, printed_equal),),
    figures=("rates",),
    answer=sparse_pays,
    claims=(Claim("sparsification takes fewer bits than the dense lattice", "SQS-SD, bits", spares_bits),),
    findings=(what_breaks_it, shared_pays, stronger_model, below_every_point),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
