"""Questions to a full factorial: which factors and interactions matter, and where the best setting lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenarios.command.questions import of_setting

if TYPE_CHECKING:
    import pandas as pd

    from simulator.results.intervals import Difference
    from simulator.results.variance import Effect

LEAST_SHARE = 0.01
"""Effects with less of the variance are told together."""


@dataclass(frozen=True)
class Variance:
    """The analysis of variance of `metric` over `factors`, seeds as blocks, for each value of the column `by`."""

    factors: Sequence[str]
    by: str
    metric: str = "latency_per_token_s"
    name: str = "variance"

    def rows(self, cells: pd.DataFrame) -> pd.DataFrame:
        """A row per effect and value of `by`: degrees of freedom, sum of squares, share, F, p."""
        import pandas as pd

        rows = [
            {
                self.by: value, "effect": _words(effect), "degrees": effect.degrees,
                "sum_of_squares": effect.sum_of_squares, "share": effect.share, "F": effect.F, "p": effect.p,
            }
            for value, effects in self.effects(cells)
            for effect in effects
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def printed(self, cells: pd.DataFrame) -> str:
        from scenarios.command.aligned_columns import aligned
        from simulator.results.units import quantity, title

        table = self.rows(cells)
        if table.empty:
            return ""
        values = list(dict.fromkeys(table[self.by]))
        header = ["", "df"]
        for value in values:
            header += [f"share at {quantity(value, self.by)}", "F", "p"]
        body = []
        for effect, rows in table.groupby("effect", sort=False):
            numbers = [text for _, row in rows.iterrows() for text in _numbers(row)]
            body.append([str(effect), f"{rows['degrees'].iloc[0]}", *numbers])
        heading = f"Analysis of variance of {title(self.metric)}, seeds as blocks; share of the sum of squares"
        return heading + "\n\n" + aligned(header, body)

    def effects(self, cells: pd.DataFrame) -> list[tuple[object, list[Effect]]]:
        """The effects at each value of `by`; [] where the cells are no full factorial."""
        from simulator.results.columns import CHOSEN
        from simulator.results.variance import factors_of, variance

        cells = of_setting(cells, CHOSEN)
        found: list[tuple[object, list[Effect]]] = []
        if not _has(cells, [self.by]):
            return found
        for value, rows in cells.groupby(self.by, sort=True):
            factors = factors_of(rows, self.factors)
            try:
                found += [(value, variance(rows, factors, self.metric))] if factors else []
            except ValueError:  # a user's grid with a hole, or a metric that is no number everywhere
                continue
        return found


@dataclass(frozen=True)
class Shares:
    """Which effects, of those that chance does not explain, have which share of the variance?"""

    analysis: Variance

    @property
    def metric(self) -> str:
        return self.analysis.metric

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.units import quantity, title

        by = self.analysis.by
        told = [f"{quantity(value, by)}: {_largest(effects)}" for value, effects in self.analysis.effects(table)]
        return f"Share of the variance of {title(self.metric)} (p < 0.05): {'; '.join(told)}" if told else ""


@dataclass(frozen=True)
class BestMoves:
    """Where does the best setting of `factors` lie at each combination of the columns `places`, and how clearly?"""

    factors: Sequence[str]
    places: Sequence[str]
    also: Sequence[str] = ()
    """Columns that follow from the setting and are told with it: a draft length that was chosen."""
    metric: str = "latency_per_token_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.best_settings import best_settings
        from simulator.results.columns import CHOSEN
        from simulator.results.units import symbol

        table = of_setting(table, CHOSEN)
        if not _has(table, (*self.factors, *self.places, *self.also)):
            return ""
        told = []
        for found in best_settings(table, self.factors, self.places, self.metric):
            rows = table[(table[[*self.places, *self.factors]] == [*found.at, *found.setting]).all(axis=1)]
            setting = [*found.setting, *(rows[name].iloc[0] for name in self.also)]
            told.append(
                f"{_place(self.places, found.at)} ({', '.join(f'{value:g}' for value in setting)}), {found.tied} tied"
            )
        names = ", ".join(symbol(name) for name in (*self.factors, *self.also))
        return f"Best ({names}), and how many others cannot be told from it: {'; '.join(told)}" if told else ""


@dataclass(frozen=True)
class OneSetting:
    """What does the one setting that fits all combinations of the columns `places` best cost at each?"""

    factors: Sequence[str]
    places: Sequence[str]
    metric: str = "latency_per_token_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.best_settings import one_for_all
        from simulator.results.columns import CHOSEN
        from simulator.results.units import symbol, title

        table = of_setting(table, CHOSEN)
        if not _has(table, (*self.factors, *self.places)):
            return ""
        found = one_for_all(table, self.factors, self.places, self.metric)
        if found is None:
            return ""
        setting = ", ".join(
            f"{symbol(name)} {value:g}" for name, value in zip(self.factors, found.setting, strict=True)
        )
        told = [f"{_excess(excess)} at {_place(self.places, at)}" for at, excess in found.excess.items()]
        return (
            f"One setting for all ({setting}) has this much more {title(self.metric)} than the best: {', '.join(told)}"
        )


@dataclass(frozen=True)
class MattersMost:
    """Which effects have the largest shares, which interaction matters most, and over what does the best setting of
    `factors` move, for each value of the analysis's `by`?"""

    analysis: Variance
    factors: Sequence[str]
    places: Sequence[str]

    @property
    def metric(self) -> str:
        return self.analysis.metric

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.best_settings import best_settings
        from simulator.results.columns import CHOSEN
        from simulator.results.units import quantity, symbol

        told = []
        for value, effects in self.analysis.effects(table):
            rows = of_setting(table, CHOSEN)
            rows = rows[rows[self.analysis.by] == value]
            found = best_settings(rows, self.factors, self.places, self.metric)
            columns = zip(*(each.setting for each in found), strict=True)
            moves = [
                f"{symbol(name)} {' to '.join(dict.fromkeys(f'{each:g}' for each in (min(values), max(values))))}"
                for name, values in zip(self.factors, columns, strict=True)
            ]
            told.append(f"at {quantity(value, self.analysis.by)} {_most(effects)}, best at {', '.join(moves)}")
        return "; ".join(told)


def _most(effects: Sequence[Effect]) -> str:
    """`temperature (47%) and ell (20%) matter most, of interactions K x ell (13%)`."""
    from simulator.results.variance import BLOCK, RESIDUAL

    ours = [effect for effect in effects if effect.separable and effect.factors not in ((BLOCK,), (RESIDUAL,))]
    ours.sort(key=lambda effect: -effect.share)
    alone, together = ([each for each in ours if (len(each.factors) > 1) is more] for more in (False, True))
    if not ours:
        return "no effect can be told from chance"
    told = [f"{_words(each)} ({each.share:.0%})" for each in alone[:2]]
    said = f"{' and '.join(told)} matter most" if told else "none matters alone"
    return said + (f", of interactions {_words(together[0])} ({together[0].share:.0%})" if together else "")


def _excess(found: Difference) -> str:
    """`13% (6% to 20%)`; `0%` of the best itself."""
    if found.size == 0 or found.n == 1 or found.same:
        return f"{found.size:.0%}"
    return f"{found.size:.0%} ({found.low:.0%} to {found.high:.0%})"


def _has(cells: pd.DataFrame, columns: Sequence[str]) -> bool:
    """Whether every row has a value in each column: a user's scheme may lack the field."""
    return all(name in cells.columns and cells[name].notna().all() for name in columns)


def _words(effect: Effect) -> str:
    from simulator.results.units import symbol

    return " x ".join(symbol(name) for name in effect.factors)


def _largest(effects: Sequence[Effect]) -> str:
    """`temperature 62%, K x ell 9%, 2 others under 1% each, residual 4%`."""
    from simulator.results.variance import BLOCK, RESIDUAL

    ours = [effect for effect in effects if effect.separable and effect.factors not in ((BLOCK,), (RESIDUAL,))]
    ours.sort(key=lambda effect: -effect.share)
    told = [f"{_words(effect)} {effect.share:.0%}" for effect in ours if effect.share >= LEAST_SHARE]
    small = len(ours) - len(told)
    told += [f"{small} under {LEAST_SHARE:.0%}"] if small else []
    rest = [f"{_words(effect)} {effect.share:.0%}" for effect in effects if effect.factors in ((BLOCK,), (RESIDUAL,))]
    return ", ".join([*told, *rest])


def _numbers(row: pd.Series[float]) -> list[str]:
    """Share, F, p of one effect; a p too small to tell as a bound."""
    if row["F"] != row["F"]:
        return [f"{row['share']:.2%}", "-", "-"]
    return [f"{row['share']:.2%}", f"{row['F']:.3g}", "<1e-6" if row["p"] < 1e-6 else f"{row['p']:.2g}"]


def _place(places: Sequence[str], at: Sequence[float]) -> str:
    """`1 kbit/s, temperature 0.5`: quantities with a unit speak for themselves."""
    from simulator.results.units import quantity, title, unit

    told = [
        quantity(value, name) if unit(name) else f"{title(name)} {value:g}"
        for name, value in zip(places, at, strict=True)
    ]
    return " ".join(told)
