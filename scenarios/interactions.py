"""Temperature x sparsity x resolution, every combination, on a thin and on a fast uplink: which of them matter for the
latency per token, which act together, and where the best setting moves. The analysis of variance takes seeds as
blocks."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import pandas as pd

from scenarios import LATENCY, Quick, Scenario, Table, Tune, asks, script
from scenarios.findings.question import of_setting
from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import excess, listed
from scenarios.set_ups import SELECTIVE_REPEAT, WAITS
from simulator.results.intervals import Difference, geometric_means, paired
from simulator.results.units import quantity, symbol, title, unit
from simulator.results.variance import ALPHA, BLOCK, RESIDUAL, Effect, factors_of, variance

RATE, TEMPERATURE = "uplink.rate.bps", "models.temperature"
SETTING = ("scheme.k", "scheme.resolution")
PLACES, LENGTH = (RATE, TEMPERATURE), "scheme.max_drafts"
LEAST_SHARE = 0.01
"""Effects with less of the variance are counted together."""


@asks(LATENCY)
def shares(table: pd.DataFrame, axis: str | None) -> str:
    """Which effects, of those that chance does not explain, have which share of the variance, at each rate?"""
    clauses = [f"{quantity(value, RATE)}: {_largest(effects)}" for value, effects in effects_by_rate(table)]
    return listed(f"Share of the variance of {title(LATENCY)} (p < {ALPHA:g})", clauses)


@asks(LATENCY)
def best_moves(table: pd.DataFrame, axis: str | None) -> str:
    """Where does the best setting lie at each rate and temperature, and how clearly?"""
    table = of_setting(table)
    if not _has(table, (*SETTING, *PLACES, LENGTH)):
        return ""
    clauses = []
    for found in best_settings(table, PLACES):
        rows = table[(table[[*PLACES, *SETTING]] == [*found.at, *found.setting]).all(axis=1)]
        setting = ", ".join(f"{value:g}" for value in (*found.setting, rows[LENGTH].iloc[0]))
        clauses.append(f"{_place(found.at)} ({setting}), {found.tied} tied")
    names = ", ".join(symbol(name) for name in (*SETTING, LENGTH))
    return listed(f"Best ({names}), and how many others cannot be distinguished from it", clauses)


@asks(LATENCY)
def one_setting(table: pd.DataFrame, axis: str | None) -> str:
    """What does the one setting that fits all rates and temperatures best cost at each?"""
    table = of_setting(table)
    found = one_for_all(table) if _has(table, (*SETTING, *PLACES)) else None
    if found is None:
        return ""
    setting = ", ".join(f"{symbol(name)} {value:g}" for name, value in zip(SETTING, found[0], strict=True))
    clauses = [f"{excess(more)} at {_place(at)}" for at, more in found[1].items()]
    return f"One setting for all ({setting}) has this much more {title(LATENCY)} than the best: {', '.join(clauses)}"


@asks(LATENCY)
def matters_and_costs(table: pd.DataFrame, axis: str | None) -> str:
    """Which factor alone has the largest share of the variance at each rate, and what does one setting for all rates
    and temperatures cost where it costs most?"""
    rows, clauses = of_setting(table), []
    for value, effects in effects_by_rate(table):
        alone = [each for each in _ours(effects) if len(each.factors) == 1]
        first = f"{_words(alone[0])} ({alone[0].share:.0%})" if alone else "no factor alone"
        clauses.append(f"{first} at {quantity(value, RATE)}")
    line = listed(f"most of the variance of {title(LATENCY)}", clauses, ", ")
    found = one_for_all(rows) if _has(rows, (*SETTING, *PLACES)) else None
    if found is None:
        return line
    setting = ", ".join(f"{symbol(name)} {value:g}" for name, value in zip(SETTING, found[0], strict=True))
    at, most = max(found[1].items(), key=lambda each: each[1].size)
    cost = f"one for all ({setting}) takes up to {excess(most)} longer than the best ({_place(at)})"
    return "; ".join(filter(None, (line, cost)))


Values = tuple[float, ...]


@dataclass(frozen=True)
class BestSetting:
    """The setting of least geometric mean at one place, as values of SETTING, and how many others cannot be
    distinguished from it. It is the best on the seeds that it is shown on, so its mean is a little too low."""

    at: Values
    setting: Values
    tied: int


def best_settings(cells: pd.DataFrame, places: Sequence[str]) -> list[BestSetting]:
    """The best of each combination of values of the columns `places`, in ascending order."""
    found = []
    for at, here in _by_place(cells, places).items():
        means = _means(here)
        order = sorted(means, key=lambda setting: means[setting])
        best = _is(here, order[0])
        behind = [paired(here, LATENCY, _is(here, other), best).separable for other in order[1:]]
        found.append(BestSetting(at, order[0], behind.count(False)))
    return found


def one_for_all(cells: pd.DataFrame) -> tuple[Values, dict[Values, Difference]] | None:
    """The setting with the least mean of its ln ratio to the best of each of PLACES, of those with a number at each,
    and that comparison by place, paired over seeds; None where no setting has."""
    parts = _by_place(cells, PLACES)
    means = {at: _means(here) for at, here in parts.items()}
    everywhere = [each for each in next(iter(means.values()), {}) if all(each in table for table in means.values())]
    if not everywhere:
        return None
    chosen = min(
        everywhere, key=lambda each: sum(math.log(table[each] / min(table.values())) for table in means.values())
    )
    best = {at: min(table, key=lambda setting: table[setting]) for at, table in means.items()}
    return chosen, {at: paired(here, LATENCY, _is(here, chosen), _is(here, best[at])) for at, here in parts.items()}


def _by_place(cells: pd.DataFrame, places: Sequence[str]) -> dict[Values, pd.DataFrame]:
    return {_values(key): rows for key, rows in cells[cells[LATENCY].notna()].groupby(list(places), sort=True)}


def _means(cells: pd.DataFrame) -> dict[Values, float]:
    means = geometric_means(cells, list(SETTING), LATENCY).sort_index()
    return {_values(key): float(mean) for key, mean in means.items()}


def _is(cells: pd.DataFrame, setting: Values) -> pd.Series[bool]:
    return (cells[list(SETTING)] == list(setting)).all(axis=1)


def _values(key: Hashable) -> Values:
    assert isinstance(key, tuple)
    return tuple(float(value) for value in key)


def effects_by_rate(cells: pd.DataFrame) -> list[tuple[object, list[Effect]]]:
    """The analysis of variance of the latency at each rate, seeds as blocks; [] where cells are no full factorial."""
    cells = of_setting(cells)
    found: list[tuple[object, list[Effect]]] = []
    if not _has(cells, [RATE]):
        return found
    for value, rows in cells.groupby(RATE, sort=True):
        factors = factors_of(rows, (TEMPERATURE, *SETTING))
        try:
            found += [(value, variance(rows, factors, LATENCY))] if factors else []
        except ValueError:  # a user's grid with a hole, or a metric that is no number everywhere
            continue
    return found


def variance_table(cells: pd.DataFrame) -> pd.DataFrame:
    """A row per effect and rate: degrees of freedom, sum of squares, share, F, p."""
    rows = [
        {
            RATE: value, "effect": _words(effect), "degrees": effect.degrees,
            "sum_of_squares": effect.sum_of_squares, "share": effect.share, "F": effect.F, "p": effect.p,
        }
        for value, effects in effects_by_rate(cells)
        for effect in effects
    ]  # fmt: skip
    return pd.DataFrame(rows)


def printed_variance(cells: pd.DataFrame) -> TextTable | None:
    """A row per effect, three columns a rate."""
    table = variance_table(cells)
    if table.empty:
        return None
    header = ["", "df"]
    for value in dict.fromkeys(table[RATE]):
        header += [f"share at {quantity(value, RATE)}", "F", "p"]
    body = []
    for effect, rows in table.groupby("effect", sort=False):
        numbers = [text for _, row in rows.iterrows() for text in _numbers(row)]
        body.append([str(effect), f"{rows['degrees'].iloc[0]}", *numbers])
    heading = f"Analysis of variance of {title(LATENCY)}, seeds as blocks; share of the sum of squares"
    return TextTable.of(heading, header, body)


def _numbers(row: pd.Series[float]) -> list[str]:
    if row["F"] != row["F"]:
        return [f"{row['share']:.2%}", "-", "-"]
    return [f"{row['share']:.2%}", f"{row['F']:.3g}", "<1e-6" if row["p"] < 1e-6 else f"{row['p']:.2g}"]


def _ours(effects: Sequence[Effect]) -> list[Effect]:
    ours = [each for each in effects if each.separable and each.factors not in ((BLOCK,), (RESIDUAL,))]
    return sorted(ours, key=lambda each: -each.share)


def _largest(effects: Sequence[Effect]) -> str:
    """`temperature 62%, K x ell 9%, 2 under 1%, residual 4%`."""
    ours = _ours(effects)
    large = [each for each in ours if each.share >= LEAST_SHARE]
    small = len(ours) - len(large)
    rest = [each for each in effects if each.factors in ((BLOCK,), (RESIDUAL,))]
    one, other = ([f"{_words(each)} {each.share:.0%}" for each in part] for part in (large, rest))
    return ", ".join([*one, *([f"{small} under {LEAST_SHARE:.0%}"] if small else []), *other])


def _words(effect: Effect) -> str:
    return " x ".join(symbol(name) for name in effect.factors)


def _has(cells: pd.DataFrame, columns: Sequence[str]) -> bool:
    """True if every row has a value in each column: a user's scheme may lack the field."""
    return all(name in cells.columns and cells[name].notna().all() for name in columns)


def _place(at: Sequence[float]) -> str:
    """`1 kbit/s temperature 0.5`: quantities with a unit speak for themselves."""
    return " ".join(
        quantity(value, name) if unit(name) else f"{title(name)} {value:g}"
        for name, value in zip(PLACES, at, strict=True)
    )


SCENARIO = Scenario(
    name="interactions",
    summary="Which of temperature, sparsity and resolution matter, which act together, and where is the best setting?",
    minutes=4,
    base={
        "models.pair": "sotu",
        "workload.requests": 2,
        "workload.output_tokens": 32,
        "scheme": {"kind": "k_sqs", "max_drafts": 2, "budget_bits": None},
        **SELECTIVE_REPEAT,
    },
    grid={
        RATE: [1e3, 1e6],
        TEMPERATURE: [0.5, 1.0, 1.5],
        "scheme.k": [2, 4, 8, 32, 128],
        "scheme.resolution": [5, 20, 100, 500],
    },
    axis="scheme.resolution",
    seeds=8,
    tune=Tune(WAITS, looks=(1, 2), base={"workload.requests": 1}),
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 16},
        grid={TEMPERATURE: [0.5, 1.5], "scheme.k": [2, 8, 32], "scheme.resolution": [5, 100]},
        seeds=3,
    ),
    figures=("heatmap",),
    headlines=(),
    tables=(Table("variance", variance_table, printed_variance),),
    answer=matters_and_costs,
    findings=(
        shares,
        best_moves,
        one_setting,
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
