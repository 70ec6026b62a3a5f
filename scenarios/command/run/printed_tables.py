"""Results as text, beside the headline: what each scheme pays, what was chosen and is supported, the limit met first,
which stations are busy, what the run stands for. Returns strings."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from models.interface import Pair
from models.latency.empirical import Empirical
from models.latency.latency import Latency
from models.latency.profile import Profile
from scenarios.command.run.base_line import clocks, in_blocks
from scenarios.findings.aligned_columns import WIDTH, number, wrapped
from scenarios.findings.rejections import BOUND, BOUND_NOTE, capped
from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import counted, joined, stretches
from simulator.cell.cell import Cell
from simulator.cell.descriptions import shown
from simulator.cell.workload import Workload
from simulator.results.columns import ALL_CLASSES, CI_SUFFIX, CURVE, OVERLOAD, SPEEDUP
from simulator.results.display_names import DisplayNames
from simulator.results.lossy_schemes import UNKNOWN, lossy_curves, marked, marks
from simulator.results.metrics import fewest
from simulator.results.spans import DOWNLINK, UPLINK
from simulator.results.unanswered_requests import percent
from simulator.results.units import quantity, title
from simulator.sweeps.search import Objective

COSTS: tuple[tuple[str, str], ...] = (
    ("payload_bits_per_token", "payload bits"),
    ("payload_bits_per_draft", "a draft"),
    ("uplink_bits_per_token", "uplink bits"),
    ("draft_length", "drafts"),
    ("accepted_per_round", "accepted"),
    ("resampling_per_draft", "resampled"),
    ("tv_qhat", "TV(qhat, p)"),
    (BOUND, "its bound"),
)
IF_THERE: tuple[tuple[str, str], ...] = (
    (SPEEDUP, "speed-up"),
    ("slo_attainment", "SLO met"),
    ("goodput_tokens_per_s", "goodput (1/s)"),
)
"""Told where a run has them: cloud_only beside others, an objective."""
OUTPUT = ("tv_output", "TV output")
"""What a lossy scheme costs."""
UNSETTLED = "unsettled_share"
STATIONS = ("uplink", "cloud", "downlink")
MANY_PAIRS = 3
"""More pairs of a kind than these are shown in short."""
COSTS_HEADING = (
    "bits per output token, and of the payload a draft; drafts, accepted drafts per round; rejections per verified "
    f"draft, what is expected of them, TV(qhat, p), and the bound on what is expected ({BOUND_NOTE})"
)
IF_THERE_HEADING = {
    SPEEDUP: "speed-up over cloud_only, paired by seed",
    "slo_attainment": "the share of requests that met the objective, and the tokens a second of those",
}
OUTPUT_HEADING = "; TV output: how far the text's distribution is from the verifier's, 0 of the lossless"


def fullest(row: pd.Series[float]) -> str:
    """The station that a row of a summary is reported with: of those that are busy for OVERLOAD of the time or more the
    one with the longest queue; where on average of the seeds none is, the busiest."""
    busy = [name for name in STATIONS if float(row[f"{name}_busy"]) >= OVERLOAD]
    return max(busy or STATIONS, key=lambda name: float(row[f"{name}_{'queue' if busy else 'busy'}"]))


def costs(summary: pd.DataFrame, width: int = WIDTH) -> str:
    """A row per curve: bits, draft length, acceptance, resampling and its bound; "" of a study that has none."""
    present = [(name, label) for name, label in COSTS if name in summary.columns]
    if COSTS[0] not in present:
        return ""
    extra = [each for each in IF_THERE if each[0] in summary.columns and summary[each[0]].notna().any()]
    present += extra
    lossy = bool(lossy_curves(summary)) and OUTPUT[0] in summary.columns
    present += [OUTPUT] if lossy else []
    body = [
        [str(curve), *(_over_axis(rows, name) for name, _ in present)]
        for curve, rows in marked(summary).groupby(CURVE, sort=False)
    ]
    unknown = ", - where it is not known" if UNKNOWN in marks(summary).values() else ""
    text = "".join(f"; {IF_THERE_HEADING[name]}" for name, _ in extra if name in IF_THERE_HEADING)
    heading = COSTS_HEADING + text + (OUTPUT_HEADING + unknown if lossy else "")
    return TextTable.of(heading, ["", *(label for _, label in present)], body).text(width)


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
    """A line of each curve that made most of its drafts before its conformal threshold had settled."""
    if UNSETTLED not in summary.columns:
        return []
    lines = []
    for curve, rows in marked(summary).groupby(CURVE, sort=False):
        shares = rows.loc[rows[UNSETTLED] > 0.5, UNSETTLED]
        if len(shares):
            part = " to ".join(dict.fromkeys(percent(share) for share in (shares.min(), shares.max())))
            where = f" at {len(shares)} of {len(rows)}" if len(shares) < len(rows) else ""
            lines.append(
                f"{curve}{where}: {part} of its tokens were drafted before its threshold settled ({UNSETTLED})"
            )
    return lines


def unsettled_schemes(summary: pd.DataFrame) -> list[str]:
    """The kinds of scheme that somewhere made most of their drafts before their conformal threshold had settled."""
    if UNSETTLED not in summary.columns:
        return []
    kinds = summary.loc[summary[UNSETTLED] > 0.5, "scheme.kind"].unique()
    return [DisplayNames().word(kind) for kind in kinds]


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


def chosen_table(choices: pd.DataFrame, axis: str | None, heading: str, width: int = WIDTH) -> str:
    """A row per value of the axis, a column per curve: what was chosen for it."""
    return TextTable.by_curve(heading, choices, axis, lambda row: str(row["chosen"])).text(width)


def stands_for(cells: Sequence[Cell], clock: bool = True) -> str:
    """Which models chose the tokens, what the clock, if there was one, stands for, and where recordings begin."""
    found = list({cell.models.pair.model_dump_json(): cell.models.pair for cell in cells}.values())
    scaled = [cell.models.pair.scaled_to(cell.models.temperature) for cell in cells]
    lines = [*(pair.remark for pair in found if pair.at_hand), *scaled]
    pairs = "; ".join([*_pairs(found), *filter(None, dict.fromkeys(lines))])
    if not clock:
        return f"Tokens: {pairs}."
    edge = _distinct(f"{_computes(cell.edge.latency)}{in_blocks(cell.edge.drafts_per_pass)}" for cell in cells)
    cloud = _distinct(_computes(cell.cloud.latency) for cell in cells)
    there = [cell for cell in cells if any(each.scheme.drafts_in_cloud for each in cell.classes)]
    beside = _distinct(
        f"{_computes(cell.cloud.drafter_latency)}{in_blocks(cell.cloud.drafts_per_pass)}" for cell in there
    )
    inside = f"; drafting in the cloud, where a scheme does, as {beside}" if there else ""
    both = [(name, getattr(each, name)) for cell in cells for each in cell.classes for name in (UPLINK, DOWNLINK)]
    recorded = ""
    for part in ("rate", "loss"):
        links = dict.fromkeys(f"{name} {begins}" for name, link in both if (begins := getattr(link, part).begins))
        recorded += f"\nRecorded {part}: {'; '.join(links)} ({part}.start_s)." if links else ""
    measured = dict.fromkeys(source for cell in cells for source in cell.sources)
    more = [*_blocks(cells), *_engine_steps(cells), *_precisions(cells), *measured]
    adds = "".join(f"\n{line}" for line in more)
    return f"Tokens: {pairs}.\nClock: drafting as {edge}; verifying as {cloud}{inside}.{adds}{recorded}"


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
        "pair's, drawn one after another and accepted as it has them; what such a drafter reads of the verifier's "
        "hidden states crosses no link here."
    ]


def _engine_steps(cells: Sequence[Cell]) -> list[str]:
    """What a serving engine adds to the passes of the cloud, a line for each clock that it is added to."""
    lines: list[str] = []
    for step_s, latency in ((cell.cloud.step_s, cell.cloud.latency) for cell in cells):
        named = latency.cited if isinstance(latency, Profile) else None
        twice = (
            ", though that clock is of an engine's tokens and holds its step" if named and named.of_an_engine else ""
        )
        if step_s:
            lines.append(f"Engine: {step_s * 1e3:g} ms more a pass than {_computes(latency)}{twice} (cloud.step_s).")
    return list(dict.fromkeys(lines))


def _precisions(cells: Sequence[Cell]) -> list[str]:
    """Where a clock is of other weights than the models whose acceptance was measured, a line each."""
    lines: list[str] = []
    for cell in cells:
        measured = cell.models.pair.weight_bytes
        for verb, latency, _ in clocks(cell):
            clock, name = latency.weight_bytes, _TIMED[verb]
            if clock is not None and measured is not None and abs(clock - measured) > 0.01 * measured:
                lines.append(
                    f"Precision: {name} is timed with {clock:.2g} bytes a weight ({_computes(latency)}), acceptance "
                    f"was measured with {measured:g}; what the rounding changes of acceptance is in no number here."
                )
    return list(dict.fromkeys(lines))


_TIMED = {"drafts": "drafting", "verifies": "verifying", "drafts in the cloud": "drafting in the cloud"}


def _pairs(pairs: Sequence[Pair]) -> list[str]:
    """Verifier and drafter of each pair by name, pairs of a kind together."""
    kinds: dict[str, list[Pair]] = {}
    for pair in pairs:
        kinds.setdefault(pair.kind, []).append(pair)
    return [_of_kind(kind, alike) for kind, alike in kinds.items()]


def _of_kind(kind: str, pairs: Sequence[Pair]) -> str:
    named = dict.fromkeys(names for pair in pairs if (names := _models(pair)) is not None)
    if not named:
        return f"{pairs[0].summary} (pair {kind})"
    if len(named) > MANY_PAIRS:
        return f"{pairs[0].summary} (pair {kind}; verifier/drafter {', '.join('/'.join(each) for each in named)})"
    text = " or ".join(f"{verifier} verifies, {drafter} drafts" for verifier, drafter in named)
    return f"{text}: {pairs[0].summary} (pair {kind})"


def _models(pair: Pair) -> tuple[str, str] | None:
    """Verifier and drafter where they are fields of the pair; a bundled one's go by the pair's name too."""
    names = [getattr(pair, role, None) for role in ("verifier", "drafter")]
    lines = [name if "/" in name else f"{pair.kind} {name}" for name in names if isinstance(name, str)]
    return (lines[0], lines[1]) if len(lines) == 2 else None


def _computes(latency: Latency) -> str:
    if isinstance(latency, Profile):
        return f"{latency.what} (profile{'' if latency.name is None else f' {latency.name}'})"
    if isinstance(latency, Empirical):
        return f"{latency.file} (empirical)"
    size, device = getattr(latency, "size", None), getattr(latency, "device", None)
    if size is not None and device is not None:
        gpus = getattr(latency, "gpus", 1)
        return f"{shown(size)} on {'' if gpus == 1 else f'{gpus} '}{shown(device)} (roofline)"
    fields = [name for name in type(latency).model_fields if name != "kind"]
    return " ".join([latency.kind, *(f"{name}={shown(getattr(latency, name))}" for name in fields)])


def _distinct(texts: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(texts))


def _over_axis(rows: pd.DataFrame, metric: str) -> str:
    given = rows[rows[metric].notna()]
    if given.empty:
        return "-"
    values = given[metric].to_numpy(dtype=float)
    low, high = float(values.min()), float(values.max())
    if metric == BOUND and high > 1:
        low, high = capped(low), capped(high)
        return "1" if low == high else f"{number(low)}..1"
    if np.isclose(low, high, rtol=1e-9, atol=0):
        return number(low, float(given[metric + CI_SUFFIX].iloc[0]) if metric + CI_SUFFIX in given else np.nan)
    return f"{number(low)}..{number(high)}"


def limits_of(objective: Objective) -> str:
    """`tpot_p95_s <= 100 ms and ttft_s <= 1 s`."""
    return " and ".join(f"{name} <= {quantity(limit, name)}" for name, limit in objective.limits.items())


def bearing(summary: pd.DataFrame, axis: str | None, objective: Objective, width: int = WIDTH) -> str:
    """Two tables, a row per value of the axis, a column per curve: devices at the objective with the range over seeds,
    and the limit that is met first with the station whose relief would serve most more."""
    alone = summary["n"].max() > 1
    heading = f"{title(objective.field)} at {limits_of(objective)}, to {100 * objective.within:g}%"
    heading += " (what a seed bears by itself, of the numbers tried)" if alone else ""
    met = textwrap.fill(
        "what fails first with more of them, and the station that limits: relieved alone (passes of no time, an "
        "infinite rate without losses, no limit of memory) it would serve most more",
        width,
    )
    table = marked(summary)
    borne, first = (
        TextTable.by_curve("", table, axis, text).text(width) for text in (lambda row: _borne(row, alone), _met_first)
    )
    parts = [heading, borne, met, first]
    # Which limit fails, and by how much, where a curve supports none; where the search ended, not the curve.
    lines = [*_none_borne(summary, axis, objective), *_stopped(summary, axis, objective)]
    return "\n\n".join([*parts, *(["\n".join(wrapped(line, width) for line in lines)] if lines else [])])


def _borne(row: pd.Series[float], alone: bool) -> str:
    text = f"{row['capacity']:,.0f}{'' if row['bounded'] else '+'}"
    if not alone:
        return text
    none = int(row.get("seeds_of_none", 0))
    lacking = f"; {counted(none, 'seed')} none" if none and row["capacity"] else ""
    return f"{text} ({row['capacity_least']:,.0f}-{row['capacity_most']:,.0f}{lacking})"


def _met_first(row: pd.Series[float]) -> str:
    limit, station = (str(row.get(name, "")) for name in ("first_limit", "limited_by"))
    return f"{limit}, {station or 'no station alone'}" if limit else "-"


def _none_borne(summary: pd.DataFrame, axis: str | None, objective: Objective) -> Iterator[str]:
    fewest = counted(objective.low, _thing(objective))
    for curve, rows in summary[summary["capacity"] < objective.low].groupby(CURVE, sort=False):
        places: dict[str, list[str]] = {}
        for _, row in rows.iterrows():
            places.setdefault("; ".join(unmet(row, objective)), []).append(_at(row, axis))
        places_of = [f"with {fewest}{_at_axis(at, axis)} {why}" for why, at in places.items()]
        yield f"{curve} bears none: {'; '.join(places_of)}"


def unmet(row: pd.Series[float], objective: Objective) -> Iterator[str]:
    """Each limit that a setting breaks, by how much."""
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


def _stopped(summary: pd.DataFrame, axis: str | None, objective: Objective) -> Iterator[str]:
    open_ = summary[~summary["bounded"].astype(bool) & (summary["capacity"] >= objective.low)]
    if open_.empty:
        return
    at = [
        f"{curve}{_at_axis([_at(row, axis) for _, row in rows.iterrows()], axis)}"
        for curve, rows in open_.groupby(CURVE, sort=False)
    ]
    yield (
        f"+ the search ended at its upper bound of {objective.high:,} {_thing(objective)}s, where the objective still "
        f"holds: {'; '.join(at)}"
    )


def _thing(objective: Objective) -> str:
    return title(objective.field).removesuffix("s")


def _at(row: pd.Series[float], axis: str | None) -> str:
    return "" if axis is None else quantity(row[axis], axis)


def _at_axis(at: list[str], axis: str | None) -> str:
    return "" if axis is None else f" at {title(axis)} {', '.join(at)}"
