"""Fronts over latency, joules and dollars a token: the settings than which no other is better in all of them.

One setting dominates another where, over the seeds of both, it is distinguishably lower or equal in every criterion,
and lower in one; to ask all of them at one confidence is a test of the whole at that (Berger 1982). Criteria with watts
of a band are asked at both ends of it, each price by itself. Lossy settings dominate nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
import pandas as pd

from models.power import JOULES_PER_KWH, KWH_PRICES, PRICES, PriceName
from simulator.results.column_names import CURVE
from simulator.results.intervals import Difference, paired_values
from simulator.results.lossy_schemes import departs

LATENCY: Final = "latency_per_token_s"
EDGE, RADIO, CLOUD = "edge_j_per_token", "radio_j_per_token", "cloud_busy_j_per_token"
RENT, HELD, OWN_PRICE = "busy_usd_per_million_tokens", "held_usd_per_million_tokens", "cloud.usd_per_gpu_hour"
COSTS: Final = (LATENCY, EDGE, RADIO, CLOUD, RENT)
"""The metrics that everything here is computed from; a row that lacks one has no place in a front."""
VERDICT, BY = "verdict", "dominated_by"
Verdict = Literal["front", "not distinguishable", "dominated", "lossy"]
"""Standing of a setting: on the front by its means; dominated by its means, not beyond what the seeds can tell;
dominated; lossy, not compared."""


class Paying(NamedTuple):
    """Payer: the owner of the rented GPUs, and the source of the device's energy."""

    gpu: PriceName
    kwh: str

    @property
    def name(self) -> str:
        return f"{self.gpu} and {self.kwh}"


PAYING: Final = tuple(
    Paying(gpu, kwh) for kwh in KWH_PRICES for gpu in ("a100_specialist_2026", "a100_hyperscaler_2026")
)
"""The prices at which dollars are asked, in ascending order."""


def device_j(table: pd.DataFrame, *, least: bool) -> pd.Series[float]:
    """Joules a token of a device, its radio included, at the lower or the upper end of their watts."""
    own, radio = (_share(table, part, least) for part in ("edge.power", "uplink.radio"))
    return own * table[EDGE].astype(float) + radio * table[RADIO].astype(float)


def cloud_j(table: pd.DataFrame, *, least: bool) -> pd.Series[float]:
    """Joules a token of the cloud's passes, likewise."""
    return _share(table, "cloud.power", least) * table[CLOUD].astype(float)


def usd(table: pd.DataFrame, paying: Paying, *, least: bool, rented: str = RENT) -> pd.Series[float]:
    """Dollars a million tokens: rent of the GPUs for their passes (RENT) or all of the time (HELD), and the device's
    joules; nan where the cells' own rent is 0."""
    own = table[OWN_PRICE].map(lambda price: PRICES[price].usd if price in PRICES else float(price))
    rent = table[rented].astype(float) * PRICES[paying.gpu].usd / own.where(own > 0)
    return rent + 1e6 * KWH_PRICES[paying.kwh].usd / JOULES_PER_KWH * device_j(table, least=least)


def criteria(table: pd.DataFrame, paying: Sequence[Paying] = PAYING) -> dict[str, pd.Series[float]]:
    """Returns the criteria in which a setting must be no worse to dominate: latency, joules of device and cloud,
    dollars at each price, each with uncertain watts at both ends of their band."""
    found = {LATENCY: table[LATENCY].astype(float)}
    for least, end in ((True, "least"), (False, "most")):
        found |= {f"device_j, {end}": device_j(table, least=least), f"cloud_j, {end}": cloud_j(table, least=least)}
        found |= {f"usd, {each.name}, {end}": usd(table, each, least=least) for each in paying}
    return found


def has_costs(table: pd.DataFrame) -> bool:
    """True if a table has all columns that the criteria need."""
    return {*COSTS, OWN_PRICE} <= {*table.columns} and bool(table[[*COSTS]].notna().any(axis=0).all())


def verdicts(rows: pd.DataFrame, paying: Sequence[Paying] = PAYING) -> pd.DataFrame:
    """A row per curve of one load, in order of appearance: CURVE, VERDICT and BY, the curve that dominates it."""
    rows = rows.dropna(subset=[*COSTS])
    lossy = {*rows.loc[departs(rows), CURVE].astype(str)}
    asked = [str(name) for name in rows[CURVE].unique() if name not in lossy]
    table = pd.DataFrame(criteria(rows, paying)).set_index(rows["seed"])
    values = {name: table[(rows[CURVE] == name).to_numpy()] for name in asked}
    better = {(one, other): _dominance(values[one], values[other]) for one, other in itertools.permutations(asked, 2)}
    found = []
    for curve in dict.fromkeys(rows[CURVE].astype(str)):
        by = {how: [one for one in asked if better.get((one, curve)) == how] for how in ("beyond noise", "by means")}
        verdict: Verdict = "dominated" if by["beyond noise"] else "not distinguishable" if by["by means"] else "front"
        names = by["beyond noise"] or by["by means"]
        fastest = min(names, key=lambda name: float(values[name][LATENCY].mean()), default="")
        found.append({CURVE: curve, VERDICT: "lossy" if curve in lossy else verdict, BY: fastest})
    return pd.DataFrame(found, columns=[CURVE, VERDICT, BY])


def dominates(less: Sequence[Difference]) -> bool:
    """True if the first is never worse and somewhere lower, by its differences in each criterion, as far as their seeds
    can tell."""
    equal = (each.found.mean == 0 and (each.same or each.n == 1) for each in less)
    return all(each.lower or alike for each, alike in zip(less, equal, strict=True)) and any(x.lower for x in less)


def _dominance(one: pd.DataFrame, other: pd.DataFrame) -> Literal["beyond noise", "by means", ""]:
    """Returns the kind of dominance of the first over the second, from rows by seed with a column per criterion, as
    soon as one criterion settles that it does not."""
    seeds = one.index.intersection(other.index)
    mine, theirs = (each.loc[seeds].to_numpy(dtype=np.float64) for each in (one, other))
    less: list[Difference] = []
    for place, name in enumerate(one.columns if len(seeds) else ()):
        less.append(paired_values(str(name), mine[:, place], theirs[:, place]))
        if not less[-1].n or less[-1].found.mean > 0:
            return ""
    if dominates(less):
        return "beyond noise"
    return "by means" if any(each.found.mean < 0 for each in less) else ""


def _share(table: pd.DataFrame, part: str, least: bool) -> pd.Series[float] | float:
    """The factor by which the stated watts of a part are to be multiplied."""
    name = f"{part}.least_share"
    return table[name].astype(float).fillna(1.0) if least and name in table.columns else 1.0
