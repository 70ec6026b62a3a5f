"""What a table of the study `sparsifying_time` says: sparsifiers in softmaxes, and against the conformal threshold."""

from __future__ import annotations

from typing import Final

import pandas as pd

from simulator.results.units import quantity

RATIO: Final = "sparsifying_over_softmax"
KIND: Final = "scheme.sparsifier.kind"
CONFORMAL: Final = "conformal"


def times_of_softmax(table: pd.DataFrame, axis: str | None) -> str:
    """Of each sparsifier at the largest value of the axis, a threshold that moves after each length; "" of nothing."""
    ratios, sizes = _by_name(table, axis, RATIO), _by_name(table, axis, "support_size")
    if axis is None or ratios.empty:
        return ""
    at = ratios.index.max()
    told = ", ".join(
        f"{name} {ratio:.2g} ({sizes.loc[at, name]:,.0f})" for name, ratio in ratios.loc[at].sort_values().items()
    )
    return (
        f"Time per token in softmaxes of as many logits (tokens kept), at {_at(at, axis)}: {told}; "
        "measured, another run differs"
    )


def against_conformal(table: pd.DataFrame, axis: str | None) -> str:
    """The conformal threshold's time over each other's at both ends of the axis, after most tokens; "" without it."""
    if "tokens" in table.columns:
        table = table[table["tokens"].isna() | (table["tokens"] == table["tokens"].max())]
    ratios = _by_name(table, axis, RATIO)
    last = [name for name in ratios.columns if name.startswith(CONFORMAL)]
    others = [name for name in ratios.columns if not name.startswith(CONFORMAL)]
    if axis is None or not last or not others:
        return ""
    told = []
    for at in dict.fromkeys((ratios.index.min(), ratios.index.max())):
        times = {name: ratios.loc[at, last[0]] / ratios.loc[at, name] for name in others}
        told.append(f"at {_at(at, axis)} " + ", ".join(f"{time:.2g} of {name}" for name, time in times.items()))
    return f"Time of {last[0]} as a multiple of others': {'; '.join(told)}"


def time_spent(table: pd.DataFrame, axis: str | None) -> str:
    """The least and the most, and the conformal threshold's range, at the largest value of the axis."""
    ratios = _by_name(table, axis, RATIO)
    if axis is None or ratios.empty:
        return ""
    at = ratios.index.max()
    here = ratios.loc[at].dropna().sort_values()
    ours = here[[name.startswith(CONFORMAL) for name in here.index]]
    least, most = (f"{here.iloc[place]:.2g} softmaxes ({here.index[place]})" for place in (0, -1))
    told = f"at {_at(at, axis)} from {least} to {most}"
    conformal = " to ".join(dict.fromkeys(f"{time:.2g}" for time in (ours.min(), ours.max())))
    return told + (f", the conformal threshold {conformal}" if len(ours) else "")


def _by_name(table: pd.DataFrame, axis: str | None, column: str) -> pd.DataFrame:
    """Means over seeds: a row a value of the axis, a column a sparsifier, in order of appearance."""
    if axis is None or column not in table.columns or KIND not in table.columns:
        return pd.DataFrame()
    tokens = table["tokens"] if "tokens" in table.columns else pd.Series(pd.NA, index=table.index)
    names = [
        str(kind) if pd.isna(after) else f"{kind} after {int(after):,} tokens"
        for kind, after in zip(table[KIND], tokens, strict=True)
    ]
    return table.assign(named=names).pivot_table(index=axis, columns="named", values=column, sort=False)


def _at(value: float, axis: str) -> str:
    return f"V = {value:,.0f}" if axis.endswith(".size") else quantity(value, axis)
