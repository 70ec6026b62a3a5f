"""Families of compressed distributions at equal rejection: which sends the fewest bits, and where that turns.

A family's settings are chosen on the other seeds: those that no other of it beats there in the mean of both bits and
rejections make its curve on this seed (`tradeoffs`). Sparse families are one, of which each seed takes the one that
served the others best.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from simulator.results.columns import CURVE
from simulator.results.intervals import Difference, paired_values
from simulator.results.tradeoffs import TradeoffCurve, at_equal, undominated, with_chosen

BITS, REJECTED, ADDED = "coded_bits_per_draft", "rejection_probability", "added_rejection"
SETUP: Final = "setup"
SPARSE, DENSE, SCALAR, SHARED = "sparse", "dense", "scalar", "ids"
_KEPT, _QUANTIZER = "scheme.sparsifier.kind", "scheme.quantizer.kind"
_SETTING: Final = "setting"


def families(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with CURVE, the family (`sparse top_k`, `dense`, `scalar`, `ids`), SETUP, vocabulary and temperature,
    and what tells settings apart."""
    kept = table[_KEPT] if _KEPT in table.columns else pd.Series(math.nan, index=table.index)
    rule = table[_QUANTIZER] if _QUANTIZER in table.columns else pd.Series(math.nan, index=table.index)
    names = [
        SHARED if kind == "coupled" else f"{SPARSE} {kept}" if kept != "all" else DENSE if rule == "lattice" else SCALAR
        for kind, kept, rule in zip(table["scheme.kind"], kept, rule, strict=True)
    ]
    setups = [
        f"V={vocabulary:,.0f}, T={temperature:g}"
        for vocabulary, temperature in zip(table["vocabulary"], table["models.temperature"], strict=True)
    ]
    fields = table[[name for name in table.columns if name.startswith("scheme.")]]
    settings = [str(values) for values in fields.itertuples(index=False, name=None)]
    told = pd.DataFrame({CURVE: names, SETUP: setups, _SETTING: settings}, index=table.index)
    return pd.concat([table.drop(columns=[*told.columns], errors="ignore"), told], axis=1)


def equal_rejection(table: pd.DataFrame, cost: str = REJECTED, loss: str = BITS) -> pd.DataFrame:
    """`tradeoffs.at_equal` by SETUP of the families that send distributions, those of SPARSE also as one.

    Empty where a family is alone."""
    sent = families(table)
    sent = sent[sent[CURVE] != SHARED]
    kept = [rows for _, part in sent.groupby([SETUP, CURVE], sort=False) for rows in _chosen(part, cost, loss)]
    equal = at_equal(pd.concat(kept) if kept else sent, cost, loss, SETUP)
    one = with_chosen(equal, loss, SETUP, SPARSE)
    return pd.concat([equal, one[one[CURVE] == SPARSE]], ignore_index=True)


def _chosen(rows: pd.DataFrame, cost: str, loss: str) -> Iterator[pd.DataFrame]:
    """Of a family's rows those of each seed whose settings are undominated on the others; a seed that is alone chooses
    for itself."""
    for seed, own in rows.groupby("seed", sort=False):
        others = rows[rows["seed"] != seed]
        means = (others if len(others) else own).groupby(_SETTING)[[cost, loss]].mean()
        best = means.index[undominated(means[cost].to_numpy(), means[loss].to_numpy())]
        yield own[own[_SETTING].isin(best)]


def against(equal: pd.DataFrame, first: str, second: str, loss: str = BITS) -> Difference:
    """How far the first family is from the second, paired by seed: the mean over setups of the logarithm of the ratio,
    with its interval over seeds. A setup in which some seed's curves share no range is left out (`by_setup` has it)."""
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
    """ln of `loss` of a family, a row a setup, a column a seed."""
    rows = equal[equal[CURVE] == family]
    rows = rows.assign(**{loss: np.log(rows[loss])})
    return rows.pivot(index=SETUP, columns="seed", values=loss)


@dataclass(frozen=True)
class Untuned:
    """Sparse settings by themselves against the dense curve at their own rejection, means over seeds."""

    settings: int
    dearer: int
    worst: float
    """The largest ratio of bits."""


def untuned(table: pd.DataFrame) -> Untuned:
    """How many sparse settings send more than the tuned dense lattice that is rejected as often."""
    ratios = [ratio for _, rows in families(table).groupby(SETUP, sort=False) for ratio in _ratios(rows)]
    return Untuned(len(ratios), sum(ratio > 1 for ratio in ratios), max(ratios, default=math.nan))


def _ratios(rows: pd.DataFrame) -> list[float]:
    """Bits of each sparse setting of a setup over the dense curve's, where that curve is."""
    means = rows.groupby([CURVE, _SETTING])[[REJECTED, BITS]].mean()
    named = means.index.get_level_values(CURVE)
    dense, sparse = means[named == DENSE], means[named.str.startswith(SPARSE)]
    if dense.empty:
        return []
    curve = TradeoffCurve.of(dense[REJECTED].to_numpy(), dense[BITS].to_numpy())
    ratios = sparse[BITS].to_numpy() / curve.at(sparse[REJECTED].to_numpy())
    return [float(ratio) for ratio in ratios[~np.isnan(ratios)]]


def shared_against(table: pd.DataFrame) -> dict[str, tuple[Difference | None, float, float]]:
    """In each setup the bits of ids with shared randomness against the cheapest of the others that is rejected as
    seldom (None where on some seed no setting is), the mean bits of both, the others' at the rejection nearest to it.
    """
    found: dict[str, tuple[Difference | None, float, float]] = {}
    for setup, rows in families(table).groupby(SETUP, sort=False):
        ids, sent = rows[rows[CURVE] == SHARED], rows[rows[CURVE] != SHARED]
        if ids.empty or sent.empty:
            continue
        pairs = [_beside(ids[ids["seed"] == seed], own) for seed, own in sent.groupby("seed", sort=True)]
        one, other, reached = (np.array(each) for each in zip(*pairs, strict=True))
        less = paired_values(BITS, one, other) if reached.all() else None
        found[str(setup)] = (less, float(one.mean()), float(other.mean()))
    return found


def _beside(ids: pd.DataFrame, sent: pd.DataFrame) -> tuple[float, float, bool]:
    """Bits of the cheapest ids, of the others' curve at that rejection, or at its least, and whether it gets there."""
    curve = TradeoffCurve.of(sent[REJECTED].to_numpy(), sent[BITS].to_numpy())
    rejected = float(ids[REJECTED].min())
    reached = rejected >= curve.cost[0]
    return float(ids[BITS].min()), float(curve.at(np.array([max(rejected, curve.cost[0])]))[0]), bool(reached)


@dataclass(frozen=True)
class RoundTime:
    """A closed form for the time of a token: L drafts one after another, one packet, one verification, one reply."""

    draft_s: float
    verify_s: float
    round_trip_s: float
    most_drafts: int = 16

    def per_token_s(self, bits: float, rejected: float, rate_bps: float) -> float:
        """Seconds a token at the best length, where drafts are rejected independently with this probability."""
        lengths = np.arange(1, self.most_drafts + 1)
        kept = 1.0 - rejected
        tokens = np.array([sum(kept**i for i in range(length + 1)) for length in lengths])
        times = lengths * (self.draft_s + bits / rate_bps) + self.round_trip_s + self.verify_s
        return float((times / tokens).min())


def times(table: pd.DataFrame, clock: RoundTime, rates_bps: Sequence[float]) -> pd.DataFrame:
    """Seconds a token of each family at its setting chosen on the other seeds: a row per SETUP, rate, family, seed."""
    found = []
    named = families(table)
    for rate in rates_bps:
        seconds = [
            clock.per_token_s(bits, rejected, rate) for bits, rejected in zip(named[BITS], named[REJECTED], strict=True)
        ]
        timed = named[[SETUP, CURVE, _SETTING, "seed"]].assign(latency_per_token_s=seconds)
        for (setup, family), rows in timed.groupby([SETUP, CURVE], sort=False):
            for seed, own in rows.groupby("seed", sort=True):
                others = rows[rows["seed"] != seed]
                means = (others if len(others) else own).groupby(_SETTING)["latency_per_token_s"].mean()
                chosen = own[own[_SETTING] == means.idxmin()]
                found.append({SETUP: setup, "uplink.rate.bps": rate, CURVE: family, "seed": seed,
                              "latency_per_token_s": float(chosen["latency_per_token_s"].iloc[0])})  # fmt: skip
    columns = [SETUP, "uplink.rate.bps", CURVE, "seed", "latency_per_token_s"]
    return pd.DataFrame(found, columns=columns)
