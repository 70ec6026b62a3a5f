"""Schemes whose text does not follow the verifier's law: which they are, how they are named, and how they are kept out
of a ranking.

A scheme says that it is lossy (`Scheme.lossless`); where one does not, and `tv_output` says otherwise, it is lossy all
the same.
"""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from simulator.results.columns import CURVE, LOSSLESS_TV, LOSSY

MARK = " (lossy)"
"""After the name of a curve."""
LIMITS = ("oracle",)
"""Kinds of scheme that know what no edge can: limits for the others, ranked with none of them."""


def with_lossy(cells: pd.DataFrame, said: Collection[str]) -> pd.DataFrame:
    """A table of cells with LOSSY. `said`: the ids of those whose scheme says that it is."""
    # The copy: a wide table is kept in pieces.
    return cells.copy().assign(**{LOSSY: cells["cell"].isin(list(said)) | departs(cells)})


def departs(table: pd.DataFrame) -> pd.Series[bool]:
    """Of each row whether its scheme says that it is lossy, where that is known, or its text was seen to be."""
    said = table[LOSSY].astype(bool) if LOSSY in table.columns else pd.Series(False, index=table.index)
    return said | (table["tv_output"] > LOSSLESS_TV) if "tv_output" in table.columns else said


def lossy_curves(table: pd.DataFrame) -> list[str]:
    """The names of curves that are lossy anywhere, in order of appearance."""
    return [str(curve) for curve in table.loc[departs(table), CURVE].unique()]


def limit_curves(table: pd.DataFrame) -> list[str]:
    """The names of curves that are limits, in order of appearance."""
    if "scheme.kind" not in table.columns:
        return []
    return [str(curve) for curve in table.loc[table["scheme.kind"].isin(LIMITS), CURVE].unique()]


def marked(table: pd.DataFrame) -> pd.DataFrame:
    """The table with MARK after the names of its lossy curves; those that have it keep it."""
    lossy = {curve for curve in lossy_curves(table) if not curve.endswith(MARK)}
    return table.assign(**{CURVE: [f"{curve}{MARK}" if curve in lossy else curve for curve in table[CURVE]]})


def ranked(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that are ranked with each other: without limits, and without the lossy curves, unless there are no
    others."""
    if limits := limit_curves(table):
        table = table[~table[CURVE].isin(limits)]
    lossless = table[~table[CURVE].isin(lossy_curves(table))]
    return table if lossless.empty else lossless
