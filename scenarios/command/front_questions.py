"""Questions about fronts over latency, joules and dollars: who is on them at each load, and what watts they rest on."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


HEADING = (
    "Costs a token, and who is on the front. Device joules include its radio; USD a million are rent of passes and the "
    "device's joules. Ranges: the band of watts, and of prices. `no`: the setting named is lower in all, as far as "
    "seeds can tell, at both ends of the watts and every price; `perhaps`: by its means alone"
)


@dataclass(frozen=True)
class Fronts:
    """The costs of each setting at each value of the axis, and whether it is on the front: a table."""

    axis: str
    name: str = "fronts"

    def rows(self, cells: pd.DataFrame) -> pd.DataFrame:
        """A row per value of the axis and curve: mean costs at both ends of watts and prices, verdict, and who
        dominates it."""
        import pandas as pd

        from simulator.results.columns import CURVE
        from simulator.results.fronts import verdicts

        found = []
        for at, rows in _by_load(cells, self.axis):
            said = verdicts(rows).set_index(CURVE)
            for curve, mine in rows.groupby(CURVE, sort=False):
                names = {self.axis: at, CURVE: str(curve), "scheme.kind": mine["scheme.kind"].iloc[0]}
                found.append(names | _costs(mine) | said.loc[str(curve)].to_dict())
        return pd.DataFrame(found)

    def printed(self, cells: pd.DataFrame) -> str:
        """Of each scheme what is on the front, or perhaps on it; of one that has nothing there, its fastest setting."""
        from scenarios.command.aligned_columns import WIDTH, aligned
        from simulator.results.units import quantity, title

        found = self.rows(cells)
        if found.empty:
            return ""
        blocks = []
        for at, rows in found.groupby(self.axis, sort=True):
            columns = [f"{title(self.axis)} {quantity(at, self.axis)}", "ms", "device J", "its radio", "cloud J"]
            body = [_line(row) for row in _shown(rows).to_dict("records")]
            blocks.append(aligned([*columns, "USD", "on the front"], body))
        return "\n\n".join([textwrap.fill(HEADING, WIDTH), *blocks])


@dataclass(frozen=True)
class OnFront:
    """Which kinds of scheme are on the front at each value of the axis, leaving out those `without`? And how do, at its
    low end, the cloud joules of the best of the kinds `edge` compare with the best of `against`?"""

    axis: str
    said: str
    without: Sequence[str] = ()
    edge: Sequence[str] = ()
    against: str = ""
    metric: str = "latency_per_token_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.findings import joined
        from simulator.results.units import quantity, title

        loads = _by_load(table[~table["scheme.kind"].isin(self.without)], self.axis)
        told = [
            f"at {joined([quantity(at, self.axis) for at, _ in places])} {kinds}"
            for kinds, places in groupby([(at, _kinds(rows)) for at, rows in loads], key=lambda each: each[1])
        ]
        front = f"{self.said}, over {title(self.axis)}: {'; '.join(told)}" if told else ""
        return "; ".join(filter(None, [front, self._cloud(table)]))

    def _cloud(self, table: pd.DataFrame) -> str:
        """`cloud joules of coupled against colocated at devices 1: 33% lower (27% to 38%)`."""
        from simulator.results.columns import CURVE
        from simulator.results.findings import lowest_of_kinds, percent
        from simulator.results.fronts import CLOUD
        from simulator.results.intervals import geometric_means, paired
        from simulator.results.units import quantity, title

        for at, rows in _by_load(table, self.axis)[:1]:
            rows = lowest_of_kinds(rows[rows["scheme.kind"].isin([*self.edge, self.against])], None, CLOUD)
            edge = rows[rows[CURVE] != self.against]
            if edge.empty or len(edge) == len(rows):
                return ""
            least = str(geometric_means(edge, CURVE, CLOUD).idxmin())
            less = paired(rows, CLOUD, rows[CURVE] == least, rows[CURVE] == self.against)
            where = f"{title(self.axis)} {quantity(at, self.axis)}"
            return f"cloud joules of {least} against {self.against} at {where}: {percent(less)}"
        return ""


@dataclass(frozen=True)
class PricesMatter:
    """At which prices is the front another than at the first?"""

    axis: str
    metric: str = "latency_per_token_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.columns import CURVE
        from simulator.results.findings import joined
        from simulator.results.fronts import PAYING, VERDICT, verdicts
        from simulator.results.units import quantity

        told, loads = [], _by_load(table, self.axis)
        for at, rows in loads:
            fronts = []
            for paying in PAYING:
                said = verdicts(rows, [paying])
                fronts.append({*said.loc[said[VERDICT] == "front", CURVE]})
            for paying, front in zip(PAYING[1:], fronts[1:], strict=True):
                changed = [f"without {joined(sorted(fronts[0] - front))}"] if fronts[0] - front else []
                changed += [f"with {joined(sorted(front - fronts[0]))}"] if front - fronts[0] else []
                told += [f"{quantity(at, self.axis)} at {paying.name} {', '.join(changed)}"] if changed else []
        if not loads:
            return ""
        first, prices = PAYING[0].name, len(PAYING)
        return f"The front at {first} is the same at the other {prices - 1} prices" + (
            f", but for {'; '.join(told)}" if told else ", at every load"
        )


@dataclass(frozen=True)
class WattsStand:
    """What each figure of power is: measured, a data sheet's limit, or unverified, and its band."""

    metric: str = "edge_j_per_token"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        told = []
        for part in ("edge", "cloud"):
            busy, standing, share = (f"{part}.power.{name}" for name in ("busy_w", "standing", "least_share"))
            if busy not in table.columns:
                continue
            columns = [name for name in (busy, standing, share) if name in table.columns]
            for row in table.dropna(subset=[busy])[columns].drop_duplicates().to_dict("records"):
                watts, least = float(row[busy]), float(row.get(share, 1.0))
                band = f"{least * watts:g} to {watts:g}" if least < 1 else f"{watts:g}"
                word = str(row.get(standing, "unverified")).replace("limit", "a data sheet's limit")
                told.append(f"{part} {band} W ({word})")
        if "uplink.power_w" in table.columns:
            told += [f"radio {name} (unverified)" for name in table["uplink.power_w"].dropna().unique()]
        return f"Watts at work: {'; '.join(told)}; idle processors count nothing" if told else ""


def _by_load(cells: pd.DataFrame, axis: str) -> list[tuple[object, pd.DataFrame]]:
    """The rows at each value of the axis; none where the table lacks a cost."""
    from simulator.results.fronts import has_costs

    return list(cells.groupby(axis, sort=True)) if axis in cells.columns and has_costs(cells) else []


def _costs(rows: pd.DataFrame) -> dict[str, float]:
    """Means over the seeds of one setting, both ends where watts or prices have a band."""
    from simulator.results.fronts import LATENCY, PAYING, RADIO, cloud_j, device_j, usd
    from simulator.results.intervals import interval

    latency = interval(rows[LATENCY].to_numpy(dtype=float))
    return {
        LATENCY: latency.mean,
        f"{LATENCY}_ci95": latency.half_width,
        "device_least_j_per_token": device_j(rows, least=True).mean(),
        "device_j_per_token": device_j(rows, least=False).mean(),
        RADIO: rows[RADIO].mean(),
        "cloud_least_j_per_token": cloud_j(rows, least=True).mean(),
        "cloud_j_per_token": cloud_j(rows, least=False).mean(),
        "least_usd_per_million_tokens": min(usd(rows, each, least=True).mean() for each in PAYING),
        "most_usd_per_million_tokens": max(usd(rows, each, least=False).mean() for each in PAYING),
    }


def _shown(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of one load that are printed, by latency."""
    import pandas as pd

    from simulator.results.fronts import LATENCY, VERDICT

    kept = []
    for _, mine in rows.groupby("scheme.kind", sort=False):
        there = mine[mine[VERDICT] != "dominated"]
        kept.append(there if len(there) else mine.nsmallest(1, LATENCY))
    return pd.concat(kept).sort_values(LATENCY, kind="stable")


def _line(row: Mapping[Hashable, object]) -> list[str]:
    """One printed row."""
    from scenarios.command.aligned_columns import number
    from simulator.results.columns import CURVE
    from simulator.results.fronts import BY, LATENCY, RADIO, VERDICT

    def value(name: str) -> float:
        return float(str(row[name]))

    def band(*names: str) -> str:
        return "..".join(dict.fromkeys(number(value(name)) for name in names))

    word = {"front": "yes", "not distinguishable": "perhaps, ", "dominated": "no, ", "lossy": "lossy"}
    return [
        _short(row[CURVE]),
        number(1e3 * value(LATENCY), 1e3 * value(f"{LATENCY}_ci95")),
        band("device_least_j_per_token", "device_j_per_token"),
        band(RADIO),
        band("cloud_least_j_per_token", "cloud_j_per_token"),
        band("least_usd_per_million_tokens", "most_usd_per_million_tokens"),
        f"{word[str(row[VERDICT])]}{_short(row[BY])}",
    ]


def _short(curve: object) -> str:
    return str(curve).replace("max_drafts=", "L=")


def _kinds(rows: pd.DataFrame) -> str:
    """The kinds of scheme with a setting on the front, and those that have one there perhaps."""
    from simulator.results.columns import CURVE
    from simulator.results.findings import joined
    from simulator.results.fronts import VERDICT, verdicts

    said = verdicts(rows)
    kinds = rows.drop_duplicates(CURVE).set_index(CURVE)["scheme.kind"]
    there = [
        [*dict.fromkeys(str(kinds[curve]) for curve in said.loc[said[VERDICT] == word, CURVE])]
        for word in ("front", "not distinguishable")
    ]
    perhaps = [kind for kind in there[1] if kind not in there[0]]
    return joined(there[0]) + (f" (perhaps {joined(perhaps)})" if perhaps else "")
