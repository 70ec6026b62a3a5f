"""Analysis of variance of a full factorial: how much of a metric's variance each factor and interaction accounts for.

The seeds are blocks (the randomized complete block design; Montgomery, Design and Analysis of Experiments, sections 4.1
and 5.6); the residual is what settings and seeds do together. All settings have equally many seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

BLOCK = "seed"
RESIDUAL = "residual"
ALPHA = 0.05
"""An effect with a p below it is distinguishable from noise."""


@dataclass(frozen=True)
class Effect:
    """Row of the table. `factors`: one is a main effect, several an interaction; BLOCK, and last RESIDUAL. `share` is
    eta squared. F and p are nan of the residual, and of all with one seed."""

    factors: tuple[str, ...]
    degrees: int
    sum_of_squares: float
    share: float
    F: float = math.nan
    p: float = math.nan

    @property
    def separable(self) -> bool:
        """True if chance alone would give such an effect in fewer than ALPHA of such experiments."""
        return self.p < ALPHA


def factors_of(cells: pd.DataFrame, candidates: Sequence[str]) -> list[str]:
    """Returns the candidates that take more than one value."""
    return [name for name in candidates if name in cells.columns and cells[name].nunique() > 1]


def variance(cells: pd.DataFrame, factors: Sequence[str], metric: str) -> list[Effect]:
    """The effects of `factors`, two values each at least, on `metric`: main effects, ever higher interactions, seeds,
    residual. Raises ValueError unless `cells` has one row with a number for each combination of values and each
    seed."""
    levels = [cells[name].nunique() for name in (*factors, BLOCK)]
    design = cells.groupby([*factors, BLOCK], dropna=False).size()
    if math.prod(levels) != len(cells) or len(design) != len(cells) or cells[metric].isna().any():
        raise ValueError(f"{metric}: one number for each combination of {', '.join((*factors, BLOCK))} expected")
    names = {f"f{place}": name for place, name in enumerate(factors)}
    blocked = levels[-1] > 1
    table = _table(cells[metric], {short: cells[name] for short, name in names.items()}, cells[BLOCK], blocked=blocked)
    total = float(table["sum_sq"].sum())
    found = [_effect(str(term), row, names, total) for term, row in table.iterrows()]
    return sorted(found, key=lambda effect: (effect.factors == (RESIDUAL,), effect.factors == (BLOCK,)))


def _table(
    metric: pd.Series[float], factors: dict[str, pd.Series[float]], block: pd.Series[float], *, blocked: bool
) -> pd.DataFrame:
    from statsmodels.formula.api import ols  # here: it costs a second that a plain `--help` should not pay
    from statsmodels.stats.anova import anova_lm

    data = pd.DataFrame({"y": metric.astype(float), BLOCK: block, **factors})
    terms = "*".join(f"C({short})" for short in factors) + (f" + C({BLOCK})" if blocked else "")
    with np.errstate(divide="ignore", invalid="ignore"):  # F without a residual
        found: pd.DataFrame = anova_lm(ols(f"y ~ {terms}", data).fit(), typ=1)
    if not blocked:
        found[["F", "PR(>F)"]] = math.nan
        found.loc["Residual", "sum_sq"] = 0.0
    return found


def _effect(term: str, row: pd.Series[float], names: dict[str, str], total: float) -> Effect:
    words = [word.removeprefix("C(").removesuffix(")").lower() for word in term.split(":")]
    factors = tuple(names.get(word, word) for word in words)
    squares = float(row["sum_sq"])
    share = squares / total if total else math.nan
    return Effect(factors, round(row["df"]), squares, share, float(row["F"]), float(row["PR(>F)"]))
