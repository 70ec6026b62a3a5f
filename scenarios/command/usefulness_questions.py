"""Questions about links too thin for some schemes: where each is of use, and what to do below."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenarios.command.questions import of_setting

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Reading:
    """From which value of the column `over` on does each scheme keep up with a reader, for each group of `by`?"""

    over: str
    by: str
    metric: str = "latency_per_token_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.columns import READING_S
        from simulator.results.units import quantity
        from simulator.results.usefulness import reach_words, reaches

        def words(rows: pd.DataFrame) -> str:
            values = sorted(rows[self.over].unique())
            found = reaches(rows, self.over, self.metric, READING_S)
            return reach_words(found, self.over, self.metric, values)

        return _each(
            f"Within {quantity(READING_S, self.metric)} a token (reading speed)", _parts(table, self.by), words
        )


@dataclass(frozen=True)
class Beating:
    """Where along the column `over` is each scheme below the kind `rival`, and by how much, for each group of `by`?"""

    rival: str
    over: str
    by: str
    without: Sequence[str] = ()
    metric: str = "latency_per_token_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.usefulness import below

        def words(rows: pd.DataFrame) -> str:
            found = below(rows, self.over, self.metric, self.rival)
            return ", ".join(f"{curve} {where}" for curve, where in found.items()) or "none"

        return _each(f"Below {self.rival}", _parts(_but(table, self.without), self.by), words)


@dataclass(frozen=True)
class Fastest:
    """Which scheme has the least mean where, leaving out lossy ones and those `without`, for each group of `by`?"""

    over: str
    by: str
    without: Sequence[str] = ()
    metric: str = "latency_per_token_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.usefulness import fastest

        left_out = [kind for kind in self.without if (table["scheme.kind"] == kind).any()]
        heading = "Fastest" + (f" without {', '.join(left_out)}" if left_out else "")
        from simulator.results.lossy import ranked

        parts = _parts(ranked(_but(table, self.without)), self.by)
        return _each(heading, parts, lambda rows: fastest(rows, self.over, self.metric))


@dataclass(frozen=True)
class OfUse:
    """From which value of the column `over` on does any scheme keep up with a reader, and which, for each group of
    `by`? Lossy schemes are left out."""

    over: str
    by: str
    metric: str = "latency_per_token_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.columns import READING_S
        from simulator.results.lossy import ranked
        from simulator.results.units import quantity
        from simulator.results.usefulness import first_within

        def words(rows: pd.DataFrame) -> str:
            return first_within(rows, self.over, self.metric, READING_S)

        heading = f"a lossless scheme keeps up with a reader ({quantity(READING_S, self.metric)} a token)"
        return _each(heading, _parts(ranked(table), self.by), words)


def _but(table: pd.DataFrame, kinds: Sequence[str]) -> pd.DataFrame:
    return table[~table["scheme.kind"].isin(kinds)]


def _parts(table: pd.DataFrame, by: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each group, under its name; one without a name where there is no such column."""
    from simulator.results.columns import CHOSEN
    from simulator.results.groups import groups

    table = of_setting(table, CHOSEN)
    return groups(table, by) if by in table.columns else iter([("", table)])


def _each(heading: str, parts: Iterator[tuple[str, pd.DataFrame]], words: Callable[[pd.DataFrame], str]) -> str:
    told = [f"{name}: {said}" if name else said for name, rows in parts if (said := words(rows))]
    return f"{heading}: {' | '.join(told)}" if told else ""
