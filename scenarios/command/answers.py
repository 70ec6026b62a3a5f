"""The last line of what a scenario says: its question answered, computed from the finished table, never typed.

`Answer` joins parts; each is a question of its own (`questions.Question`), said in few words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scenarios.command.questions import Question, of_setting, parts

if TYPE_CHECKING:
    import pandas as pd

PREFIX = "Answer: "


@dataclass(frozen=True)
class Answer:
    """What its parts say, one after another; "" where none says anything."""

    parts: Sequence[Question]

    @property
    def metric(self) -> str:
        return self.parts[0].metric

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        said = [line for part in self.parts if (line := part.told(table, axis))]
        return PREFIX + ". ".join([*said[:1], *(line[0].upper() + line[1:] for line in said[1:])]) if said else ""


@dataclass(frozen=True)
class Lowest:
    """Which scheme has the least `metric` where, lossy ones and the schemes `without` left out, for each value of the
    column `by`?"""

    said: str
    """What comes before: `fastest`."""
    metric: str = "latency_per_token_s"
    without: Sequence[str] = ()
    by: str | None = None

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.answers import lowest_where
        from simulator.results.columns import CHOSEN, CURVE
        from simulator.results.units import title, unit

        rows = of_setting(table, CHOSEN)
        rows = rows[~rows["scheme.kind"].isin(self.without)]
        if rows[CURVE].nunique() < 2:
            return ""
        told = [
            f"{name}{said}"
            for name, part in plain_parts(rows, self.by)
            if (said := lowest_where(part, axis, self.metric))
        ]
        over = "" if axis is None or unit(axis) else f", over {title(axis)}"
        return f"{self.said} by {title(self.metric)}{over}: {'; '.join(told)}" if told else ""


@dataclass(frozen=True)
class Costs:
    """How many times its `metric` at one end of the axis does each scheme have at the other, for each value of `by`?"""

    said: str
    """What is compared: `{end} of loss against {start}`."""
    metric: str = "latency_per_token_s"
    by: str | None = None
    downwards: bool = False
    """Whether the axis is worse at its low end."""

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.answers import ends, times
        from simulator.results.columns import CHOSEN
        from simulator.results.units import quantity, title

        rows = of_setting(table, CHOSEN)
        rows = rows[rows[self.metric].notna()]
        if axis is None or rows.empty or rows[axis].nunique() < 2:
            return ""
        start, end = sorted((float(rows[axis].min()), float(rows[axis].max())), reverse=self.downwards)
        told = []
        for name, part in plain_parts(rows, self.by):
            found = ends(part, axis, start, end, self.metric)
            told += [name + ", ".join(f"{curve} {times(ratio)}" for curve, ratio in found)] if found else []
        said = self.said.format(start=quantity(start, axis), end=quantity(end, axis))
        return f"{said}, {title(self.metric)}: {'; '.join(told)}" if told else ""


@dataclass(frozen=True)
class Instead:
    """By how much does one value of a field, in place of another, change each of `metrics`, all else the same?"""

    said: str
    column: str
    value: str
    base: str
    metrics: Sequence[str]
    where: dict[str, object] = field(default_factory=dict)
    """Only rows with these values; None for a field that is not set."""
    ends: bool = True
    """At both ends of the axis alone, not at each of its values."""

    @property
    def metric(self) -> str:
        return self.metrics[0]

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.answers import instead, percent_along
        from simulator.results.columns import CHOSEN
        from simulator.results.units import title

        rows = of_setting(table, CHOSEN)
        if not {self.column, *self.where} <= {*rows.columns}:
            return ""
        for name, wanted in self.where.items():
            rows = rows[rows[name].isna() if wanted is None else rows[name] == wanted]
        told = []
        for shared, pair, mine, theirs in instead(rows, self.column, self.value, self.base):
            found = [(metric, percent_along(pair, axis, metric, mine, theirs, self.ends)) for metric in self.metrics]
            each = ", ".join(f"{title(metric)} {said}" for metric, said in found if said)
            told += [f"{shared} {each}"] if each else []
        return f"{self.said}: {'; '.join(told)}" if told else ""


@dataclass(frozen=True)
class Ranges:
    """Between what do means of `metrics` lie along the axis, scheme by scheme?"""

    said: str
    metrics: Sequence[str]

    @property
    def metric(self) -> str:
        return self.metrics[0]

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.answers import ranges
        from simulator.results.columns import CHOSEN

        found = ranges(of_setting(table, CHOSEN), axis, self.metrics)
        return f"{self.said}: " + "; ".join(f"{curve} {', '.join(said)}" for curve, said in found) if found else ""


@dataclass(frozen=True)
class BearsMost:
    """Which scheme bears the most devices, lossy ones left out, and does one setting for all say the same?"""

    metric: str = "capacity"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.best_settings import one_setting
        from simulator.results.capacity_findings import most_borne
        from simulator.results.columns import CHOSEN, FIXED, SETTING

        if "capacity" not in table.columns:
            return ""
        best, fixed = of_setting(table, CHOSEN), of_setting(table, FIXED)
        chose = SETTING in table.columns and not fixed.empty
        each = ", each scheme at a setting chosen for it" if chose else ""
        told = f"most devices at {table['objective'].iloc[0]}{each}: {most_borne(best, axis)}"
        alike, given = one_setting(fixed, best)
        return told + (f"; all at {given}: {most_borne(alike, axis)}" if chose else "")


@dataclass(frozen=True)
class LimitMetFirst:
    """Which limit of the objective fails when a scheme is given more devices than it bears, and which station is it
    whose relief would serve more?"""

    metric: str = "capacity"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.capacity_findings import first_limits
        from simulator.results.columns import CHOSEN
        from simulator.results.units import title

        said = first_limits(of_setting(table, CHOSEN), axis) if "capacity" in table.columns else ""
        over = "" if axis is None else f", over {title(axis)}"
        return f"what fails first with more devices, and the station that limits{over}: {said}" if said else ""


@dataclass(frozen=True)
class Swaps:
    """Is the kind `low` lower at the low end of the axis and `high` at the high end, and are both below `against`?"""

    low: str
    high: str
    against: str
    metric: str = "latency_per_token_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.answers import below_where, compared
        from simulator.results.columns import CHOSEN
        from simulator.results.findings import percent
        from simulator.results.units import quantity, title

        rows = of_setting(table, CHOSEN)
        rows = rows[rows[self.metric].notna()]
        if axis is None or not {self.low, self.high, self.against} <= {*rows["scheme.kind"]}:
            return ""
        told = []
        for mine, theirs, at in ((self.low, self.high, rows[axis].min()), (self.high, self.low, rows[axis].max())):
            less = compared(rows[rows[axis] == at], axis, mine, theirs, self.metric)
            word = "yes, " if less.lower else "no, " if less.separable else ""
            word += percent(less)
            told.append(f"{mine} below {theirs} at {title(axis)} {quantity(at, axis)}: {word}")
        for kind in (self.low, self.high):
            told.append(f"{kind} below {self.against} {below_where(rows, axis, kind, self.against, self.metric)}")
        return "; ".join(told)


def plain_parts(rows: pd.DataFrame, by: str | None) -> list[tuple[str, pd.DataFrame]]:
    """`questions.parts`, whose names tell what the curves' own then need not."""
    from simulator.results.rival_findings import named_without

    return parts(rows if by is None or by not in rows.columns else named_without(rows, by), by)
