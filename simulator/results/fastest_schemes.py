"""The fastest kind of scheme at each place of a map: each kind by that of its curves which is fastest there, and how
far it is ahead of the next kind. Of several curves the fastest is so by chance too: a kind with more of them is a
little favoured. Conformal thresholds that still drop more than twice their target are left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

from simulator.results.column_names import CURVE
from simulator.results.intervals import Difference, geometric_means, paired

LATENCY: Final = "latency_per_token_s"
PAIR, TEMPERATURE, RATE, CODE = "models.pair.kind", "models.temperature", "uplink.rate.bps", "code"
_CODES: Final = ("scheme.code", "scheme.code.kind")
_TARGET: Final = "scheme.target"
LEAST: Final = 0.01
"""Share of time below which a difference counts as none: at temperature 0 all send one token, in a few bits more or
less."""
FAMILIES: Final = {"k_sqs": "K-SQS", "c_sqs": "C-SQS", "dense": "Q-S static", "rungs": "Q-S adaptive"}
"""Names of the kinds on the map."""
PAPERS: Final = "enumerative"
"""The code whose bits are those that the papers count."""
CODES: Final = {PAPERS: "bits as the papers count", "recoded": "tuned and coded"}
"""Names of the codes on the map."""


@dataclass(frozen=True)
class Fastest:
    """The fastest kind at one place, the next, those from which no difference of LEAST is seen, and the lead over the
    next."""

    pair: str
    code: str
    temperature: float
    rate_bps: float
    kind: str
    curve: str
    mean_s: float
    following: str
    tied: tuple[str, ...]
    less: Difference


def with_code(cells: pd.DataFrame) -> pd.DataFrame:
    """The table with a column CODE: what carries each row's distributions, "" of a scheme that sends none."""
    codes = pd.Series("", index=cells.index)
    for name in _CODES:
        if name in cells.columns:
            codes = codes.where(cells[name].isna(), cells[name])
    return cells.assign(**{CODE: codes})


def settled(cells: pd.DataFrame) -> pd.DataFrame:
    """The rows without those of conformal thresholds that drop more than twice their target."""
    if not {_TARGET, "dropped_mass", TEMPERATURE} <= {*cells.columns}:
        return cells
    dropped = cells["dropped_mass"].groupby([cells[CURVE], cells[TEMPERATURE]]).transform("mean")
    return cells[~(dropped > 2 * cells[_TARGET].astype(float))]


def fastest_schemes(cells: pd.DataFrame) -> list[Fastest]:
    """Returns the fastest at each place, by pair, code, temperature and rate; [] of a table without them. `cells`: rows
    of one setting of each scheme."""
    keys = [PAIR, CODE, TEMPERATURE, RATE]
    if not {PAIR, TEMPERATURE, RATE, LATENCY} <= {*cells.columns}:
        return []
    rows = settled(with_code(cells.dropna(subset=[LATENCY])))
    places = [here for _, here in rows.groupby(keys, sort=True) if here["scheme.kind"].nunique() > 1]
    return [_at(here) for here in places]


def _at(rows: pd.DataFrame) -> Fastest:
    means = geometric_means(rows, ["scheme.kind", CURVE], LATENCY).sort_values(kind="stable")
    best = {str(kind): str(curve) for kind, curve in reversed(means.index.tolist())}
    (kind, curve), *_ = means.index.tolist()
    others = [other for other in dict.fromkeys(str(each) for each, _ in means.index) if other != kind]
    less = {other: paired(rows, LATENCY, rows[CURVE] == curve, rows[CURVE] == best[other]) for other in others}
    pair, code, temperature, rate_bps = (rows[name].iloc[0] for name in (PAIR, CODE, TEMPERATURE, RATE))
    mean_s = float(rows.loc[rows[CURVE] == curve, LATENCY].mean())
    tied = tuple(other for other in others if not less[other].separable or abs(less[other].size) < LEAST)
    return Fastest(pair, code, temperature, rate_bps, kind, curve, mean_s, others[0], tied, less[others[0]])
