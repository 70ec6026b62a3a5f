"""Questions about many schemes on one link: who wins where, what share of another's time the best takes, and bits."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenarios.command.answers import plain_parts
from scenarios.command.questions import of_setting

if TYPE_CHECKING:
    import pandas as pd

    from simulator.results.findings import Outcome
    from simulator.results.rival_findings import TimeShare


@dataclass(frozen=True)
class BestAgainst:
    """Does the best lossless scheme, leaving out those `without`, take at most `most` times the metric of the scheme
    with the fields `rival`, at these values of the axis, for each value of the column `by`?"""

    rival: Mapping[str, object]
    at: Sequence[float]
    most: float
    without: Sequence[str] = ()
    by: str | None = None
    metric: str = "latency_per_token_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.columns import CHOSEN, CURVE
        from simulator.results.rival_findings import shares
        from simulator.results.units import title

        rows = of_setting(table, CHOSEN)
        theirs = _with(rows, self.rival)
        rows = rows[theirs | ~rows["scheme.kind"].isin(self.without)]
        if axis is None or not theirs.any():
            return ""
        told = []
        for name, part in plain_parts(rows, self.by):
            rival = str(part.loc[_with(part, self.rival), CURVE].iloc[0])
            if found := ", ".join(self._said(share, axis) for share in shares(part, axis, self.at, rival, self.metric)):
                told.append(f"{name}{found}")
        left_out = f" without {', '.join(self.without)}" if self.without else ""
        asked = f"{title(self.metric)} of the best lossless{left_out} over that of {rival}, at most {self.most:g}?"
        return f"{asked} {' | '.join(told)}" if told else ""

    def _said(self, share: TimeShare, axis: str) -> str:
        """`0.21 (0.19 to 0.23) at 1 kbit/s (coupled): yes`."""
        from math import isnan

        from simulator.results.findings import indistinguishable
        from simulator.results.units import quantity

        less = share.less
        spread = "" if isnan(less.low) else f" ({1 + less.low:.2g} to {1 + less.high:.2g})"
        word = {True: "yes", False: "no", None: indistinguishable([less])}[share.within(self.most)]
        return f"{1 + less.size:.2g}{spread} at {quantity(share.at, axis)} ({share.curve}): {word}"


@dataclass(frozen=True)
class Winners:
    """The lossless scheme of least `metric` along the column `over`, for each value of the column `by`: a table."""

    over: str
    by: str
    without: Sequence[str] = ()
    metric: str = "latency_per_token_s"
    name: str = "winners"

    def rows(self, cells: pd.DataFrame) -> pd.DataFrame:
        """A row per value of `by` and `over`: the lowest, its mean, those not distinguishable from it, the best of the
        others and by what share of it the lowest is below."""
        import pandas as pd

        return pd.DataFrame(
            {
                self.by: by, self.over: each.at, "lowest": each.lowest, self.metric: each.mean,
                "not_distinguishable": ", ".join(name for name in each.tied if name != each.lowest),
                "next": each.following,
                "below_next": None if each.margin is None else -each.margin.size,
                "below_next_low": None if each.margin is None else -each.margin.high,
                "below_next_high": None if each.margin is None else -each.margin.low,
            }
            for by, found in self._outcomes(cells)
            for each in found
        )  # fmt: skip

    def printed(self, cells: pd.DataFrame) -> str:
        """A row per value of `over`, a column per value of `by`."""
        from scenarios.command.aligned_columns import WIDTH, aligned
        from simulator.results.findings import would_show
        from simulator.results.units import quantity, title

        found = self._outcomes(cells)
        if not found:
            return ""
        limit = would_show(less for _, here in found for each in here for less in each.unclear)
        left_out = f", without {', '.join(self.without)}" if self.without else ""
        heading = (
            f"Lowest {title(self.metric)} of the lossless{left_out}: its mean, and how far below the next that the "
            f"seeds tell from it; ~ where they cannot tell another from the lowest{limit and f' ({limit})'}"
        )
        entries = [{each.at: self._entry(each) for each in here} for _, here in found]
        body = [
            [quantity(at, self.over), *(column.get(at, "-") for column in entries)]
            for at in sorted({at for column in entries for at in column})
        ]
        columns = [title(self.over), *(f"{title(self.by)} {quantity(by, self.by)}" for by, _ in found)]
        return f"{textwrap.fill(heading, WIDTH)}\n\n{aligned(columns, body)}"

    def _outcomes(self, cells: pd.DataFrame) -> list[tuple[object, list[Outcome]]]:
        from simulator.results.columns import CHOSEN
        from simulator.results.findings import outcomes
        from simulator.results.lossy import ranked
        from simulator.results.rival_findings import named_without

        rows = ranked(of_setting(cells, CHOSEN))
        if not {self.by, self.over} <= {*rows.columns}:
            return []
        rows = named_without(rows[~rows["scheme.kind"].isin(self.without)], self.by)
        return [(by, outcomes(part, self.over, self.metric)) for by, part in rows.groupby(self.by, sort=True)]

    def _entry(self, found: Outcome) -> str:
        """`coupled 1.2 s, 31% ~`."""
        from simulator.results.findings import sizes
        from simulator.results.units import quantity

        less = "" if found.margin is None else f", {sizes([found.margin], 2)}"
        return f"{found.lowest} {quantity(found.mean, self.metric)}{less}" + (" ~" if len(found.tied) > 1 else "")


@dataclass(frozen=True)
class BothWays:
    """What does each scheme put on the air, each way, from the link on which it takes least to that where most?"""

    places: Sequence[str]
    name: str = "bits_both_ways"

    def rows(self, cells: pd.DataFrame) -> pd.DataFrame:
        """`rivals.on_air` of the settings that schemes chose."""
        from simulator.results.columns import CHOSEN
        from simulator.results.rival_findings import on_air

        return on_air(of_setting(cells, CHOSEN), self.places)

    def printed(self, cells: pd.DataFrame) -> str:
        """A row per scheme; the range over links."""
        from scenarios.command.aligned_columns import aligned, number
        from simulator.results.columns import CHOSEN, CURVE
        from simulator.results.lossy import marked
        from simulator.results.rival_findings import AIR, named_without, on_air

        rows = marked(of_setting(cells, CHOSEN))
        for place in self.places:
            rows = named_without(rows, place)
        body = []
        for curve, part in on_air(rows, self.places).groupby(CURVE, sort=False):
            ends = [(number(part[way].min()), number(part[way].max())) for way in AIR]
            body.append([str(curve), *("..".join(dict.fromkeys(each)) for each in ends)])
        heading = "Bits per output token, each scheme at its best, over links; all: with headers and the prompt"
        return f"{heading}\n\n{aligned(['scheme', 'payload up', 'reply down', 'all up', 'all down'], body)}"


def _with(rows: pd.DataFrame, fields: Mapping[str, object]) -> pd.Series[bool]:
    """Which rows have these values."""
    import pandas as pd

    found = pd.Series(True, index=rows.index)
    for name, value in fields.items():
        found &= rows[name] == value if name in rows.columns else False
    return found
