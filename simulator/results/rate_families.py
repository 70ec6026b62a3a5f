"""Families of compressed distributions in a table of the study `rates`."""

from __future__ import annotations

import math
from typing import Final

import pandas as pd

from simulator.results.columns import CURVE

BITS, REJECTED, ADDED = "coded_bits_per_draft", "rejection_probability", "added_rejection"
SETUP: Final = "setup"
SPARSE, DENSE, SCALAR, SHARED = "sparse", "dense", "scalar", "ids"
_KEPT, _QUANTIZER = "scheme.sparsifier.kind", "scheme.quantizer.kind"
FAMILY_SETTING: Final = "setting"


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
    names_of = pd.DataFrame({CURVE: names, SETUP: setups, FAMILY_SETTING: settings}, index=table.index)
    return pd.concat([table.drop(columns=[*names_of.columns], errors="ignore"), names_of], axis=1)
