"""Schemes whose text does not follow the verifier's distribution, or is not known to: which they are, how they are
named, and how they are kept out of a ranking.

A scheme says that it is lossy (`Scheme.lossless`); where `tv_output` says otherwise, that counts. A scheme that says
nothing is lossless only where `tv_output` shows it; where tokens have a `tv_output` of nan, none is known to be
lossless.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from simulator.results.column_names import ALL_CLASSES, CLASS, CURVE, LOSSLESS_TV, LOSSY
from simulator.results.plain_columns import is_missing

MARK = " (lossy)"
"""Mark after the name of a lossy scheme's curve."""
UNKNOWN = " (not known to be lossless)"
"""The mark where nothing is known of its text."""
MARKS = (MARK, UNKNOWN)
TEXT = "verifier_nll_per_token"
"""A metric that has a number wherever a token was committed."""
Claim = bool | None
"""Claim of a scheme about its text: it is the verifier's, it is not, or nothing."""


def with_lossy(cells: pd.DataFrame, lossless: Mapping[str, Claim | Mapping[str, Claim]]) -> pd.DataFrame:
    """A table of cells with LOSSY. `lossless`: by the ids of cells what their scheme claims, or by the class of devices
    and for all."""
    given = [lossless.get(cell, True) for cell in cells["cell"]]
    classes = cells[CLASS] if CLASS in cells.columns else [ALL_CLASSES] * len(cells)
    named = [ALL_CLASSES if is_missing(name) else str(name) for name in classes]
    claims = [of.get(name, True) if isinstance(of, Mapping) else of for of, name in zip(given, named, strict=True)]
    shown = cells["tv_output"] <= LOSSLESS_TV if "tv_output" in cells.columns else pd.Series(False, index=cells.index)
    lossy = [claim is False or (claim is None and not seen) for claim, seen in zip(claims, shown, strict=True)]
    # The copy: a wide table is kept in pieces.
    return cells.copy().assign(**{LOSSY: pd.Series(lossy, index=cells.index, dtype=bool) | departs(cells)})


def departs(table: pd.DataFrame) -> pd.Series[bool]:
    """Tells of each row whether its scheme says that it is lossy, where that is known, or its text was seen to be, or
    was not seen though there is one."""
    claimed = table[LOSSY].astype(bool) if LOSSY in table.columns else pd.Series(False, index=table.index)
    if "tv_output" not in table.columns:
        return claimed
    unseen = table["tv_output"].isna() & table[TEXT].notna() if TEXT in table.columns else False
    return claimed | (table["tv_output"] > LOSSLESS_TV) | unseen


def lossy_curves(table: pd.DataFrame) -> list[str]:
    """The names of curves that are lossy anywhere, in order of appearance."""
    return [str(curve) for curve in table.loc[departs(table), CURVE].unique()]


def marked(table: pd.DataFrame) -> pd.DataFrame:
    """The table with MARK, or UNKNOWN where no total variation is known, after the names of its lossy curves; those
    that have one keep it."""
    names = {curve: curve + mark for curve, mark in marks(table).items() if not curve.endswith(MARKS)}
    return table.assign(**{CURVE: [names.get(curve, curve) for curve in table[CURVE]]})


def marks(table: pd.DataFrame) -> dict[str, str]:
    """The mark of each lossy curve, by its name: UNKNOWN of one with tokens and no number of its distance from the
    verifier's distribution."""
    curves = lossy_curves(table)
    if not {"tv_output", TEXT} <= {*table.columns}:
        return dict.fromkeys(curves, MARK)
    return {curve: UNKNOWN if table["tv_output"][table[CURVE] == curve].isna().all() else MARK for curve in curves}


def unmarked(curve: str) -> str:
    """The name of a curve without its mark."""
    return curve.removesuffix(MARK).removesuffix(UNKNOWN)


def unranked(table: pd.DataFrame) -> list[str]:
    """The lossy curves, which are ranked with no others; none if there is nothing lossless."""
    lossy = lossy_curves(table)
    return lossy if len(lossy) < table[CURVE].nunique() else []


def ranked(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that are ranked with each other."""
    apart = unranked(table)
    return table[~table[CURVE].isin(apart)] if apart else table
