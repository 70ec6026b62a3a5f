"""Tables and lines beside the first table: the costs and choices of each scheme, the reason for which a curve supports
no device, the busy stations, what the run stands for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd

from models.latency.profile import Profile
from scenarios.command.run.base_line import clocks, computes, pair_in_words
from scenarios.findings.rejections import BOUND, BOUND_NOTE
from scenarios.findings.text_table import TableEntry, TableGroup, TextTable, number, rows_along
from scenarios.findings.wording import counted, joined, listed, stretches
from simulator.cell.cell import Cell
from simulator.cell.workload import Workload
from simulator.results.column_names import ALL_CLASSES, CI_SUFFIX, CURVE, OVERLOAD, SPEEDUP
from simulator.results.display_names import DisplayNames
from simulator.results.lossy_schemes import lossy_curves, marked
from simulator.results.metrics import fewest
from simulator.results.spans import DOWNLINK, UPLINK
from simulator.results.unanswered_requests import percent
from simulator.results.units import quantity, title
from simulator.sweeps.search import Objective

OUTPUT = "tv_output"
PAID: Final[dict[str, tuple[str, str]]] = {
    "payload_bits_per_token": ("payload bits", "bits per output token"),
    "payload_bits_per_draft": ("a draft", "of the payload a draft"),
    "uplink_bits_per_token": ("uplink bits", ""),
    "draft_length": ("drafts", "drafts per round"),
    "accepted_per_round": ("accepted", "accepted drafts per round"),
    "resampling_per_draft": ("resampled", "rejections per verified draft"),
    "tv_qhat": ("TV(qhat, p)", "what is expected of them, TV(qhat, p)"),
    BOUND: ("its bound", f"the bound on what is expected ({BOUND_NOTE})"),
    SPEEDUP: ("speed-up", "speed-up over cloud_only, paired by seed"),
    "slo_attainment": ("SLO met", "the share of requests that met the objective"),
    "goodput_tokens_per_s": ("goodput (1/s)", "the tokens a second of those"),
    OUTPUT: ("TV output", "TV output: how far the text's distribution is from the verifier's, 0 of the lossless"),
}
"""Costs of a scheme: the head of each column, and its meaning."""
UNSETTLED = "unsettled_share"
STATIONS = ("uplink", "cloud", "downlink")


def fullest(row: pd.Series[float]) -> str:
    """The station that a row of a summary is reported with: of those that are busy for OVERLOAD of the time or more the
    one with the longest queue; where on average of the seeds none is, the busiest."""
    busy = [name for name in STATIONS if float(row[f"{name}_busy"]) >= OVERLOAD]
    return max(busy or STATIONS, key=lambda name: float(row[f"{name}_{'queue' if busy else 'busy'}"]))


def costs(summary: pd.DataFrame) -> TextTable | None:
    """A row per curve: bits, draft length, acceptance, resampling and its bound; None of a study that has none."""
    there = [name for name in PAID if name in summary.columns and summary[name].notna().any()]
    shown = [name for name in there if name != OUTPUT or lossy_curves(summary)]
    if "payload_bits_per_token" not in shown:
        return None
    curves = marked(summary).groupby(CURVE, sort=False)
    body = [[str(curve), *(_over_axis(rows, name) for name in shown)] for curve, rows in curves]
    heading = "; ".join(filter(None, (PAID[name][1] for name in shown)))
    return TextTable.of(heading, ["", *(PAID[name][0] for name in shown)], body)


def overloads(summary: pd.DataFrame, axis: str | None) -> list[str]:
    """Lines of the curves that are overloaded: at which values of the axis, and which station; and one of all that are
    merely busy: where devices ask again once they are answered, no more work comes than is served."""
    if "overloaded" not in summary.columns:
        return []
    table = marked(summary).assign(fullest=[fullest(row) for _, row in summary.iterrows()])
    full = (table["overloaded"] > 0.5) | (table[[f"{name}_busy" for name in STATIONS]] >= OVERLOAD).any(axis=1)
    over = overloaded(table)
    lines = [f"Overloaded: {each}" for each in _where(table, over, axis)]
    busy = "; ".join(_where(table, full & ~over, axis))
    return [*lines, *([f"Busy for {OVERLOAD:.0%} of the time or more: {busy}"] if busy else [])]


def own_schemes(cells: Sequence[Cell]) -> list[str]:
    """A line of the classes of devices that have a scheme of their own, where rows go by the cell's."""
    mixed = [cell for cell in cells if any(each.scheme is None for each in cell.fleet)]
    pairs = [(each.name, each.scheme.kind) for cell in mixed for each in cell.fleet if each.scheme is not None]
    own = [f"{name} ({DisplayNames().word(kind)})" for name, kind in dict.fromkeys(pairs)]
    return [f"A row has the name of the cell's scheme; these classes have their own: {joined(own)}"] if own else []


def too_few(cells: Sequence[Cell], names: Iterable[str]) -> list[str]:
    """A line of each percentile that is of so few requests a run that it is about their longest, of any class of
    devices, or of the one that a name begins with."""
    found: dict[str, dict[str, int]] = {}
    for of, _, name in (each.rpartition(".") for each in dict.fromkeys(names)):
        for cell in cells:
            counts = Counter[str]()
            for each in cell.classes:
                counts[ALL_CLASSES if of == ALL_CLASSES else each.called] += each.counted_requests
            for called, requests in counts.items():
                if of in ("", called) and requests < fewest(name):
                    least = found.setdefault(name, {})
                    least[called] = min(requests, least.get(called, requests))
    return [
        f"{title(name)} of fewer than {fewest(name)} requests a run is about their longest; here "
        + ", ".join(f"{requests}{f' of {called}' if called else ''}" for called, requests in least.items())
        for name, least in found.items()
    ]


def overloaded(summary: pd.DataFrame) -> pd.Series[bool]:
    """Tells of each row whether work arrives, served or not, and more than is served."""
    if "overloaded" not in summary.columns:
        return pd.Series(False, index=summary.index)
    kinds = summary.get("workload.kind", pd.Series("", index=summary.index))
    open_ = kinds.map(lambda kind: Workload.kinds[kind].open if kind in Workload.kinds else True)
    return (summary["overloaded"] > 0) & open_.astype(bool)


def unsettled(summary: pd.DataFrame) -> list[str]:
    """A line of the curves that made most of their drafts before their conformal threshold had settled."""
    if UNSETTLED not in summary.columns:
        return []
    clauses = []
    for curve, rows in marked(summary).groupby(CURVE, sort=False):
        shares = rows.loc[rows[UNSETTLED] > 0.5, UNSETTLED]
        if len(shares):
            part = " to ".join(dict.fromkeys(percent(share) for share in (shares.min(), shares.max())))
            where = f" at {len(shares)} of {len(rows)}" if len(shares) < len(rows) else ""
            clauses.append(f"{curve}{where} {part}")
    line = listed(f"Not settled, share of drafts made before the threshold was ({UNSETTLED})", clauses, ", ")
    return [line] if line else []


def _where(table: pd.DataFrame, flags: pd.Series[bool], axis: str | None) -> list[str]:
    """Names the curves with flagged rows: `dense, uplink rate at 1 kbit/s (uplink)`, those alike together."""
    alike: dict[str, list[str]] = {}
    for curve, rows in table.groupby(CURVE, sort=False):
        flagged = rows[flags[rows.index]]
        stations = [
            f"{stretches(part, rows, axis)} ({station})".lstrip()
            for station, part in flagged.groupby("fullest", sort=False)
        ]
        if stations:
            alike.setdefault(" and ".join(stations), []).append(str(curve))
    over = f", {title(axis)}" if axis is not None and pd.api.types.is_numeric_dtype(table[axis]) else ""
    return [f"{joined(curves)}{over} {where}" for where, curves in alike.items()]


def chosen_table(choices: pd.DataFrame, axis: str | None, heading: str) -> TextTable:
    """A row per curve, a column per value of the axis: what was chosen."""
    places = rows_along(choices, axis)
    found = [dict(zip(rows[CURVE].astype(str), rows["chosen"], strict=True)) for _, rows in places]
    columns = ["" if axis is None else quantity(at, axis) for at, _ in places]
    rows = [(curve, [TableEntry(each.get(curve, "-")) for each in found]) for curve in dict.fromkeys(choices[CURVE])]
    return TextTable(heading, "" if axis is None else title(axis), columns, [TableGroup("", rows)])


def stands_for(cells: Sequence[Cell], clock: bool = True) -> list[str]:
    """Returns lines on the models that chose the tokens, on the clocks, if there are any, and on where recordings
    begin."""
    found = {cell.models.pair.model_dump_json(): cell.models.pair for cell in cells}.values()
    named: dict[str, dict[str, None]] = {}
    for pair in found:
        named.setdefault(pair.summary, {})[pair_in_words(pair)] = None
    scaled = [cell.models.pair.scaled_to(cell.models.temperature) for cell in cells]
    remarks = filter(None, dict.fromkeys([*(pair.remark for pair in found if pair.at_hand), *scaled]))
    tokens = "; ".join([*(f"{' or '.join(names)}: {summary}" for summary, names in named.items()), *remarks])
    if not clock:
        return [f"Tokens: {tokens}."]
    both = [(name, getattr(each, name)) for cell in cells for each in cell.classes for name in (UPLINK, DOWNLINK)]
    recorded = []
    for part in ("rate", "loss"):
        links = dict.fromkeys(f"{name} {begins}" for name, link in both if (begins := getattr(link, part).begins))
        recorded += [f"Recorded {part}: {'; '.join(links)} ({part}.start_s)."] if links else []
    measured = dict.fromkeys(source for cell in cells for source in cell.sources)
    more = [*_blocks(cells), *_engine_steps(cells), *_precisions(cells), *measured]
    return [f"Tokens: {tokens}.", *more, *recorded]


def refused_rivals(cells: Sequence[Cell]) -> list[str]:
    """Returns a line if schemes are compared on pairs whose texts rule out prompt lookup."""
    pairs = [cell.models.pair for cell in cells]
    made = dict.fromkeys(pair.kind for pair in pairs if not pair.repeats)
    if not made or len({each.scheme.kind for cell in cells for each in cell.classes}) < 2:
        return []
    return [
        f"Assumed: prompt lookup is no rival on pairs of kind {joined([*made])}, which refuse it: their texts do not "
        "repeat as real ones do"
    ]


def assumed_features(cells: Sequence[Cell]) -> list[str]:
    """Returns a line on pairs whose drafters read hidden states that nothing sends to the edge, and one on those that
    they are sent to."""
    sent: dict[bool, dict[str, None]] = {False: {}, True: {}}
    for cell in cells:
        pair = cell.models.pair
        for scheme in (each.scheme for each in cell.classes if pair.reads_features and each.scheme.drafts_at_edge):
            sent[getattr(scheme, "features", None) is not None][str(getattr(pair, "name", pair.kind))] = None
    lines = {
        False: "at the edge reads hidden states of the verifier that nothing sends (scheme.features)",
        True: "accepts as published, whatever the numbers of its features, and before they have come",
    }
    return [f"Assumed: the drafter of {joined([*names])} {lines[comes]}." for comes, names in sent.items() if names]


def _blocks(cells: Sequence[Cell]) -> list[str]:
    edge = any(each.drafts_per_pass > 1 for cell in cells for each in cell.classes if each.scheme.protocol != "stream")
    inside = any(
        cell.cloud.drafts_per_pass > 1 and each.scheme.drafts_in_cloud for cell in cells for each in cell.classes
    )
    if not edge and not inside:
        return []
    where = " and ".join(name for name, is_there in (("edge", edge), ("cloud", inside)) if is_there)
    return [
        f"Blocks: several drafts a pass ({where}.drafts_per_pass) are a matter of time alone: the drafts are the "
        "pair's, drawn one after another and accepted as it has them."
    ]


def _engine_steps(cells: Sequence[Cell]) -> list[str]:
    """Returns a line for each clock to which a serving engine's step is added."""
    lines: list[str] = []
    for step_s, latency in ((cell.cloud.step_s, cell.cloud.latency) for cell in cells):
        named = latency.cited if isinstance(latency, Profile) else None
        twice = (
            ", though that clock is of an engine's tokens and holds its step" if named and named.of_an_engine else ""
        )
        if step_s:
            lines.append(f"Engine: {step_s * 1e3:g} ms more a pass than {computes(latency)}{twice} (cloud.step_s).")
    return list(dict.fromkeys(lines))


def _precisions(cells: Sequence[Cell]) -> list[str]:
    """Returns a line for each clock of other weights than the models whose acceptance was measured."""
    lines: list[str] = []
    for cell in cells:
        measured = cell.models.pair.weight_bytes
        for verb, latency, _ in clocks(cell):
            clock, name = latency.weight_bytes, _TIMED[verb]
            if clock is not None and measured is not None and abs(clock - measured) > 0.01 * measured:
                lines.append(
                    f"Precision: {name} is timed with {clock:.2g} bytes a weight ({computes(latency)}), acceptance "
                    f"was measured with {measured:g}; what the rounding changes of acceptance is in no number here."
                )
    return list(dict.fromkeys(lines))


_TIMED = {"drafts": "drafting", "verifies": "verifying", "drafts in the cloud": "drafting in the cloud"}


def _over_axis(rows: pd.DataFrame, metric: str) -> str:
    given = rows[rows[metric].notna()]
    if given.empty:
        return "-"
    values = given[metric].to_numpy(dtype=float)
    low, high = float(values.min()), float(values.max())
    if metric == BOUND and high > 1:
        return "1" if low >= 1 else f"{number(low).text}..1"
    if np.isclose(low, high, rtol=1e-9, atol=0):
        half = float(given[metric + CI_SUFFIX].iloc[0]) if metric + CI_SUFFIX in given else np.nan
        return number(low, half).text
    return f"{number(low).text}..{number(high).text}"


def none_supported(summary: pd.DataFrame, axis: str | None, objective: Objective) -> Iterator[str]:
    """Yields a line for each curve that supports none somewhere: which limit fails there, and by how much."""
    fewest = counted(objective.low, title(objective.field).removesuffix("s"))
    for curve, rows in summary[summary["capacity"] < objective.low].groupby(CURVE, sort=False):
        places: dict[str, list[str]] = {}
        for _, row in rows.iterrows():
            at = "" if axis is None else quantity(row[axis], axis)
            places.setdefault("; ".join(unmet(row, objective)), []).append(at)
        over = "" if axis is None else f" at {title(axis)} "
        places_of = [f"with {fewest}{over}{', '.join(at)} {why}" for why, at in places.items()]
        yield f"{curve} supports none: {'; '.join(places_of)}"


def unmet(row: pd.Series[float], objective: Objective) -> Iterator[str]:
    """Yields each limit that a setting breaks, and by how much."""
    if row["answered"] < 1:
        yield f"only {row['answered']:.3g} of the requests are answered"
    for name, limit in objective.limits.items():
        value = float(row[name])
        if math.isnan(value):
            yield f"{name} has no value"
        elif value > limit:
            share = value / limit - 1
            above = f"{value / limit:.3g} times" if share >= 1 else f"{quantity(100 * share, '', 2)}% above"
            yield f"{name} is {quantity(value, name)}, {above} the limit of {quantity(limit, name)}"
