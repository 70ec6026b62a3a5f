"""Questions that a scenario puts to its finished table of cells. Each answers in sentences, computed, never typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd


class Question(Protocol):
    """Anything with an answer."""

    @property
    def metric(self) -> str:
        """The column asked about."""
        ...

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        """The answer in one line for a table of cells with a `curve` column, along `axis`; "" where it holds none."""
        ...


class Table(Protocol):
    """A table of its own, printed and written beside the results."""

    @property
    def name(self) -> str:
        """What its file is called."""
        ...

    def rows(self, cells: pd.DataFrame) -> pd.DataFrame:
        """What is written, from the finished table of cells; empty where that holds nothing for it."""
        ...

    def printed(self, cells: pd.DataFrame) -> str:
        """The same for a person, its heading included; "" where there is nothing."""
        ...


@dataclass(frozen=True)
class Finding:
    """Which curve is lowest in `metric`, leaving out the schemes `without` and the lossy, for each value of the column
    `by`?"""

    metric: str = "latency_per_token_s"
    without: Sequence[str] = ()
    by: str | None = None

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.columns import CHOSEN, CURVE
        from simulator.results.findings import lowest
        from simulator.results.lossy import ranked

        table = of_setting(table, CHOSEN)
        left_out = [kind for kind in self.without if (table["scheme.kind"] == kind).any()]
        found = [ranked(rows) for _, rows in parts(table[~table["scheme.kind"].isin(left_out)], self.by)]
        told = [lowest(rows, axis, self.metric) for rows in found if rows[CURVE].nunique() > 1]
        prefix = f"without {', '.join(left_out)}: " if left_out and any(told) else ""
        return prefix + " | ".join(filter(None, told))


@dataclass(frozen=True)
class Versus:
    """Which of two kinds of schemes is lower in `metric`, each by that of its curves which is lowest there? Where from,
    and where can the seeds not tell?"""

    first: str
    second: str
    metric: str = "latency_per_token_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.columns import CHOSEN
        from simulator.results.findings import lowest, lowest_of_kinds

        kinds = (self.first, self.second)
        rows = of_setting(table, CHOSEN)
        rows = lowest_of_kinds(rows[rows["scheme.kind"].isin(kinds)], axis, self.metric)
        return lowest(rows, axis, self.metric) if rows["scheme.kind"].nunique() == len(kinds) else ""


@dataclass(frozen=True)
class PaysFrom:
    """From which value of the axis on, or up to which, is `kind` below `against`? Each of its curves is compared with
    the one that differs from it in the scheme alone."""

    kind: str
    against: str
    metric: str = "latency_per_token_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results import crossings
        from simulator.results.columns import CHOSEN
        from simulator.results.units import title

        if axis is None:
            return ""
        rows = of_setting(table, CHOSEN)
        said = crossings.told(rows, axis, alike(rows, self.kind, self.against), self.metric)
        return f"{title(self.metric)} below that of {self.against}, over {title(axis)}: {said}" if said else ""


@dataclass(frozen=True)
class PaysFirst:
    """For how many curves of each of `kinds` is there a stretch of the axis where it is below `against`, and which is
    first along the axis?"""

    kinds: Sequence[str]
    against: str
    metric: str = "latency_per_token_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results import crossings
        from simulator.results.columns import CHOSEN
        from simulator.results.units import title

        if axis is None:
            return ""
        rows = of_setting(table, CHOSEN)
        found = [
            (kind, said)
            for kind in self.kinds
            if (said := crossings.first_of(rows, axis, alike(rows, kind, self.against), self.metric))
        ]
        told = "; ".join(f"{kind} {said}" for kind, said in found)
        return f"{title(self.metric)} below that of {self.against}: {told}" if told else ""


def alike(rows: pd.DataFrame, kind: str, against: str) -> list[tuple[str, str]]:
    """The pairs of curves of two kinds that differ in the scheme alone."""
    from simulator.results.columns import CURVE
    from simulator.results.lossy import unmarked

    curves = {name: list(found[CURVE].unique()) for name, found in rows.groupby("scheme.kind")}
    return [
        (mine, theirs)
        for mine in curves.get(kind, [])
        for theirs in curves.get(against, [])
        if unmarked(mine).removeprefix(kind) == unmarked(theirs).removeprefix(against)
    ]


@dataclass(frozen=True)
class Below:
    """By how many percent is each scheme of `first` below each of `second`, at these values of the axis, for each value
    of the column `by`?"""

    first: Sequence[str]
    second: Sequence[str]
    at: Sequence[float]
    metric: str = "latency_per_token_s"
    by: str | None = None
    setting: str = "chosen"
    """Where schemes choose for themselves: compare what they chose, or `fixed`, what the grid gives to all."""

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.columns import CURVE
        from simulator.results.findings import comparison
        from simulator.results.units import title

        table = of_setting(table, self.setting)
        found = [
            comparison(rows, axis, self.at, mine, theirs, self.metric)
            for one in self.first
            for other in self.second
            for _, rows in parts(table, self.by)
            for mine in rows.loc[rows["scheme.kind"] == one, CURVE].unique()
            for theirs in rows.loc[rows["scheme.kind"] == other, CURVE].unique()
        ]
        return f"{title(self.metric)}: " + "; ".join(filter(None, found)) if any(found) else ""


def ask(question: Question, table: pd.DataFrame, axis: str | None) -> str:
    """The answer over what may be compared: settings in which requests went unanswered are left out, and it says which
    where they would have made a difference."""
    from simulator.results.columns import CURVE
    from simulator.results.compared import listening
    from simulator.results.findings import stretches
    from simulator.results.unanswered import ANSWERED, complete, had_it_answered, percent, share, unanswered

    whole = complete(table)
    said = question.told(whole, axis)
    lacking = table[unanswered(table)]
    told = []
    for curve, rows in lacking.groupby(CURVE, sort=False):
        with listening(()):  # what would have been said: nobody else is to hear of it
            supposed = question.told(had_it_answered(table, str(curve)), axis)
        if supposed != said:
            means = rows.groupby(axis or CURVE, sort=False)[[ANSWERED]].mean()
            shares = [share(row) for _, row in means.iterrows()]
            lost = " to ".join(dict.fromkeys(percent(each) for each in (min(shares), max(shares))))
            where = f" {stretches(rows, table[table[CURVE] == curve], axis)}".rstrip()
            told.append(f"{curve}{where} ({lost} unanswered)")
    if not told:
        return said
    return f"{said or 'Nothing to compare'}; left out: {', '.join(told)}"


def of_setting(table: pd.DataFrame, setting: str) -> pd.DataFrame:
    """The rows of that setting, where schemes choose for themselves; those without a choice are `best`."""
    return table[table["setting"] == setting] if "setting" in table.columns else table


def parts(table: pd.DataFrame, by: str | None) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each value of the column `by` in order, with its name: `failures random: `; one without
    a name where there is no such column."""
    from simulator.results.units import quantity, title

    if by is None or by not in table.columns:
        return [("", table)]
    named = title(by.removesuffix(".kind"))
    return [(f"{named} {quantity(value, by)}: ", rows) for value, rows in table.groupby(by, sort=False)]
