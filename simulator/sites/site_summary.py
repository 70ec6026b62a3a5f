"""The summary of a study of sites, computed by the workers from the partitions (dask.dataframe), out of core.

Of all answered requests, and of each metric over sites: number, mean, interval (over sites, as clusters), lowest,
quantiles, highest. A quantile is exact: the first pass counts values by their leading bits, the second fetches those
few that share these bits with the quantile's neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from kinds.arrays import Floats, Ints
from simulator.results.intervals import CONFIDENCE, ROUNDING
from simulator.sites.partition import DEVICES, SITE
from simulator.sweeps.parts import CELLS, REQUESTS

SHARES: Final = (0.1, 0.5, 0.9, 0.95, 0.99)
"""The quantiles."""
TIMES: Final = ("latency_s", "ttft_s", "tpot_s")
PER_TOKEN: Final = "latency_per_token_s"
"""Metric per token: for a request its latency over its own tokens, for a site the headline, which weighs requests by
their tokens."""
OVER_REQUESTS, OVER_SITES = "requests", "sites"
_SIGNIFICAND_BITS: Final = 52
_SUMS: Final = {
    "n": "sum", "total": "sum", "squares": "sum", "products": "sum", "sizes": "sum", "clusters": "sum",
    "lowest": "min", "highest": "max",
}  # fmt: skip
"""Sums of a quantity over sites: with a site's number of values n and their total t: n, t, t^2, t n, n^2 and 1; and the
least and the most."""


@dataclass(frozen=True)
class _Table:
    """A table that each partition has; `bits` of a value's significand count in the first pass."""

    over: str
    bits: int

    def read(self, partition: Path) -> pd.DataFrame:
        if self.over == OVER_SITES:
            table = pd.read_parquet(partition / CELLS)
            return table.select_dtypes("number").drop(columns="seed").astype({DEVICES: "float64"})
        table = pd.read_parquet(partition / REQUESTS, columns=[SITE, "outcome", "output_tokens", *TIMES])
        table = table[table["outcome"] == "answered"]
        return table[[SITE, *TIMES]].assign(**{PER_TOKEN: table["latency_s"] / table["output_tokens"]})


_TABLES: Final = (_Table(OVER_REQUESTS, bits=12), _Table(OVER_SITES, bits=6))


class _Place(NamedTuple):
    """Place of a value of some rank: the bin, and the place among the values of the bin in order."""

    bin: int
    place: int


class _Quantile(NamedTuple):
    """A quantile between its neighbours, at this share of the way from the first to the second."""

    below: _Place
    above: _Place
    share: float


def summarise(partitions: Sequence[Path]) -> pd.DataFrame:
    """A row for each quantity of answered requests, then for each metric over sites, nan left out: `over`, `quantity`,
    `n`, `mean`, `mean_ci95`, `lowest`, `p10`, ..., `highest`. The current client of Dask has its workers do it."""
    return pd.concat([_summary(table, partitions) for table in _TABLES], ignore_index=True)


def _summary(table: _Table, partitions: Sequence[Path]) -> pd.DataFrame:
    import dask
    import dask.dataframe as dd

    bare = table.read(partitions[0]).iloc[:0]
    names = [name for name in bare.columns if name != SITE]
    frame = dd.from_map(table.read, list(partitions), meta=bare)
    sums, counts = dask.compute(
        frame.map_partitions(_sums, meta=_sums(bare)).groupby("quantity").agg(_SUMS),
        frame.map_partitions(_counts, table.bits, meta=_counts(bare, table.bits)).groupby(["quantity", "bin"]).sum(),
    )
    quantiles = {number: _quantiles(found.droplevel(0)) for number, found in counts["n"].groupby("quantity")}
    bins = {
        number: sorted({place.bin for each in found for place in (each.below, each.above)})
        for number, found in quantiles.items()
    }
    near = frame.map_partitions(_within, bins, table.bits, meta=_within(bare, bins, table.bits)).compute()
    values = {number: _by_bin(found["value"].to_numpy(), table.bits) for number, found in near.groupby("quantity")}
    rows = []
    for number, name in enumerate(names):
        here = sums.loc[number]
        shown = [_between(each, values[number]) for each in quantiles.get(number, ())] or [math.nan] * len(SHARES)
        row = {"over": table.over, "quantity": name, **_mean(here), "lowest": here["lowest"]}
        row |= zip((f"p{100 * share:g}" for share in SHARES), shown, strict=True)
        rows.append({**row, "highest": here["highest"]})
    return pd.DataFrame(rows)


def _sums(part: pd.DataFrame) -> pd.DataFrame:
    grouped, values = part.groupby(SITE), part.drop(columns=SITE)
    n, totals = (getattr(grouped, how)().to_numpy("float64") for how in ("count", "sum"))  # [sites, quantities]
    found = {
        "n": n.sum(0), "total": totals.sum(0), "squares": (totals**2).sum(0), "products": (totals * n).sum(0),
        "sizes": (n**2).sum(0), "clusters": (n > 0).sum(0).astype("float64"),
        "lowest": values.min().to_numpy("float64"), "highest": values.max().to_numpy("float64"),
    }  # fmt: skip
    return pd.DataFrame({"quantity": range(values.shape[1]), **found})


def _mean(sums: pd.Series) -> dict[str, float]:
    """Number of values, mean, and half-width of its interval over sites: nan of one site, and of values that are one
    number."""
    n, clusters = int(sums["n"]), sums["clusters"]
    mean = float(sums["total"] / n) if n else math.nan
    apart = sums["highest"] - sums["lowest"] > ROUNDING * max(abs(sums["highest"]), abs(sums["lowest"]))
    half_width = math.nan
    if clusters > 1 and apart:
        from scipy.special import stdtrit

        squares = sums["squares"] - 2 * mean * sums["products"] + mean**2 * sums["sizes"]
        error = math.sqrt(max(0.0, squares) * clusters / (clusters - 1)) / n if math.isfinite(mean) else math.inf
        half_width = float(stdtrit(clusters - 1, (1 + CONFIDENCE) / 2)) * error
    return {"n": n, "mean": mean, "mean_ci95": half_width}


def _bins(values: Floats, bits: int) -> Ints:
    """The bin of each value, in the order of the values: sign, exponent and the leading bits of the significand."""
    pattern = (values + 0.0).view(np.int64)  # and -0.0 is 0.0
    ordered = np.where(pattern < 0, pattern ^ np.int64(2**63 - 1), pattern)
    found: Ints = ordered >> (_SIGNIFICAND_BITS - bits)
    return found


def _counts(part: pd.DataFrame, bits: int) -> pd.DataFrame:
    found = [(number, np.unique(_bins(values, bits), return_counts=True)) for number, values in _columns(part)]
    return _rows(found, {"bin": "int64", "n": "int64"})


def _rows(found: Sequence[tuple[int, Sequence[npt.NDArray[np.generic]]]], types: Mapping[str, str]) -> pd.DataFrame:
    numbers = np.repeat(np.array([number for number, _ in found], "int64"), [len(arrays[0]) for _, arrays in found])
    columns = {
        name: np.concatenate([np.empty(0, type_), *(arrays[place] for _, arrays in found)])
        for place, (name, type_) in enumerate(types.items())
    }
    return pd.DataFrame({"quantity": numbers, **columns})


def _quantiles(counts: pd.Series[int]) -> list[_Quantile]:
    counts = counts.sort_index()
    after = counts.cumsum().to_numpy()
    total = int(after[-1])

    def place(rank: int) -> _Place:
        at = int(np.searchsorted(after, rank, side="right"))
        return _Place(int(counts.index[at]), rank - (int(after[at - 1]) if at else 0))

    ranks = [(total - 1) * share for share in SHARES]
    return [_Quantile(place(int(at)), place(min(int(at) + 1, total - 1)), at - int(at)) for at in ranks]


def _within(part: pd.DataFrame, bins: Mapping[int, Sequence[int]], bits: int) -> pd.DataFrame:
    found = [(number, [values[np.isin(_bins(values, bits), bins[number])]]) for number, values in _columns(part)]
    return _rows(found, {"value": "float64"})


def _columns(part: pd.DataFrame) -> list[tuple[int, Floats]]:
    """The values of each quantity without nan, by its number; none of a quantity that has no values."""
    columns = [part[name].dropna().to_numpy("float64") for name in part.columns if name != SITE]
    return [(number, values) for number, values in enumerate(columns) if len(values)]


def _by_bin(values: Floats, bits: int) -> dict[int, Floats]:
    bins = _bins(values, bits)
    return {int(each): np.sort(values[bins == each]) for each in np.unique(bins)}


def _between(quantile: _Quantile, values: Mapping[int, Floats]) -> float:
    """The quantile, linearly between its neighbours, as pandas has it."""
    below, above = (float(values[bin_][place]) for bin_, place in quantile[:2])
    return below if below == above else float(np.quantile([below, above], quantile.share))
