"""What choosing the kept tokens costs in wall time, in softmaxes of as many logits: every sparsifier with its defaults,
over 1,000 to 150,000 tokens, the conformal one after 16, 256 and 4,096. Real time, measured: two runs differ."""

from __future__ import annotations

import pandas as pd

from scenarios import Quick, Scenario, asks, script
from scenarios.findings.wording import called, with_interval
from simulator.results.intervals import interval
from simulator.results.units import quantity
from simulator.schemes.sparsifier import Sparsifier

SHIPPED = [kind for kind, made in Sparsifier.kinds.items() if made.__module__.startswith("simulator.")]
SIZE = "models.pair.size"
SIZES = [1_000, 4_000, 16_000, 50_000, 150_000]

RATIO, KIND, CONFORMAL = "sparsifying_over_softmax", "scheme.sparsifier.kind", "conformal"


@asks(RATIO)
def times_of_softmax(table: pd.DataFrame, axis: str | None) -> str:
    """How long does each sparsifier take at the largest vocabulary, a moving one after each length, in softmaxes?"""
    ratios, sizes = _by_name(table, axis, RATIO), _by_name(table, axis, "support_size")
    if axis is None or ratios.empty:
        return ""
    at = ratios.index.max()
    words = ", ".join(
        f"{name} {ratio:.2g} ({sizes.loc[at, name]:,.0f})" for name, ratio in ratios.loc[at].sort_values().items()
    )
    return (
        f"Time per token in softmaxes of as many logits (tokens kept), at {_at(at, axis)}: {words}; "
        "measured, another run differs"
    )


@asks(RATIO)
def against_conformal(table: pd.DataFrame, axis: str | None) -> str:
    """How many times as long as each alternative does the conformal threshold take, after most tokens, at both ends?"""
    if "tokens" in table.columns:
        table = table[table["tokens"].isna() | (table["tokens"] == table["tokens"].max())]
    ratios = _by_name(table, axis, RATIO)
    last = [name for name in ratios.columns if name.startswith(CONFORMAL)]
    others = [name for name in ratios.columns if not name.startswith(CONFORMAL)]
    if axis is None or not last or not others:
        return ""
    words = []
    for at in dict.fromkeys((ratios.index.min(), ratios.index.max())):
        times = {name: ratios.loc[at, last[0]] / ratios.loc[at, name] for name in others}
        words.append(f"at {_at(at, axis)} " + ", ".join(f"{time:.2g} of {name}" for name, time in times.items()))
    return f"Time of {last[0]} as a multiple of others': {'; '.join(words)}"


@asks(RATIO)
def time_spent(table: pd.DataFrame, axis: str | None) -> str:
    """What do the quickest and the slowest sparsifier, and the conformal one, cost at the largest vocabulary?"""
    ratios = _by_name(table, axis, RATIO)
    if axis is None or ratios.empty:
        return ""
    at = ratios.index.max()
    here = ratios.loc[at].dropna().sort_values()
    ours = here[[name.startswith(CONFORMAL) for name in here.index]]
    least, most = (f"{here.iloc[place]:.2g} softmaxes ({called(here.index[place])})" for place in (0, -1))
    words = f"at {_at(at, axis)} from {least} to {most}"
    if ours.empty:
        return words
    rows = table[(table[axis] == at) & (table[KIND] == CONFORMAL)]
    rows = rows[rows["tokens"] == rows["tokens"].max()] if rows["tokens"].notna().any() else rows
    found, after = interval(rows.groupby("seed")[RATIO].mean().to_numpy()), ours.index[-1].partition(" ")[2]
    return f"{words}, the conformal threshold {with_interval(found, RATIO)} {after}; measured, another run differs"


def _by_name(table: pd.DataFrame, axis: str | None, column: str) -> pd.DataFrame:
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


SCENARIO = Scenario(
    name="conformal_time",
    summary="What does each sparsifier cost in time per token, in softmaxes of as many logits? Not deterministic.",
    minutes=1,
    study="sparsifying_time",
    base={
        # Few distributions, of Gaussian logits: those over 150,000 tokens take long to make.
        "models.pair": {
            "kind": "synthetic", "contexts": 16, "entropy_bits": 5.0, "distance": 0.0, "prompts": 1, "prompt_tokens": 32
        },
        "workload.prompt_tokens": 32,
    },
    grid={
        "scheme": [{"kind": "composed", "sparsifier": kind} for kind in SHIPPED],
        SIZE: SIZES,
    },
    axis=SIZE,
    seeds=3,
    quick=Quick(grid={SIZE: SIZES[:3]}, seeds=2),
    headlines=("sparsifying_over_softmax", "sparsifying_s"),
    figures=("sparsifying_time",),
    answer=time_spent,
    findings=(times_of_softmax, against_conformal, time_spent,),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
