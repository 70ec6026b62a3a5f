"""Links of 50 bit/s to 10 kbit/s (sources: channels/link/presets.py): where does each scheme stop being useful, and
what is there to do below? Useful is what a person can read along, and what beats decoding in the cloud."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from scenarios import LATENCY, Lowest, Quick, Scenario, Tune, asks, script
from scenarios.findings.comparisons import Place
from scenarios.findings.question import groups, of_setting, without
from scenarios.findings.wording import (
    Finding,
    amount,
    called,
    joined,
    listed,
    over_run,
    rows_of,
    runs,
    sizes,
    span,
    with_interval,
)
from scenarios.set_ups import IN_CLOUD
from simulator.results.column_names import CURVE, READING_S
from simulator.results.intervals import interval
from simulator.results.lossy_schemes import ranked
from simulator.results.units import quantity

RATE, KIND = "uplink.rate.fastest_bps", "downlink.label"
RATES_BPS = {"50 bit/s": 50.0, "200 bit/s": 200.0, "1 kbit/s": 1e3, "3 kbit/s": 3e3, "10 kbit/s": 10e3}


def link(kind: str, name: str, preset: str | None, up_bps: float | None, down_bps: float | None) -> list[object]:
    """Uplink and downlink, of a preset or plain ones, at their own rate or another; the labels say what and which."""
    links: list[object] = []
    for direction, label, bps in (("uplink", f"{kind} {name}", up_bps), ("downlink", kind, down_bps)):
        of = {"arq": "selective_repeat"} if preset is None else {"preset": f"{preset}.{direction}"}
        links.append({**of, **({} if bps is None else {"rate": {"kind": "constant", "bps": bps}}), "label": label})
    return links


THIN = [link("thin uplink", name, None, bps, 10e6) for name, bps in RATES_BPS.items()]
GEO = [link("GEO", name, "satellite_geo", bps, bps) for name, bps in RATES_BPS.items()]
LORA = [link("LoRaWAN", f"SF{factor}", f"lora_sf{factor}", None, None) for factor in (12, 11, 10, 9, 8, 7)]
LINKS = [*THIN, *GEO, *LORA, link("Iridium", "SBD", "iridium_sbd", None, None)]

RIVAL = "cloud_only"
READING = f"{quantity(READING_S, LATENCY)} a token"


class Reach(NamedTuple):
    """The least value of the axis from which on a curve's mean stays within reading speed, None where it does nowhere;
    and its lowest mean."""

    curve: str
    start: float | None
    lowest: float


@asks(LATENCY, RATE)
def reading(table: pd.DataFrame, axis: str | None) -> str:
    """From which rate on does each scheme keep up with a reader, for each kind of link?"""
    return each_link(f"Within {READING} (reading speed)", table, reach_words)


@asks(LATENCY, RATE)
def beating(table: pd.DataFrame, axis: str | None) -> str:
    """Where along the rate is each scheme below cloud-only decoding, and by how much, for each kind of link?"""

    def words(rows: pd.DataFrame) -> str:
        found = below(rows)
        line = ", ".join(f"{called(curve)} {where}" for curve, where in found.items()) or "none"
        return Finding(line, rows_of(found.values()))

    return each_link(f"Below {called(RIVAL)}", without(table, ("edge_only", "colocated")), words)


@asks(LATENCY, RATE)
def of_use_from(table: pd.DataFrame, axis: str | None) -> str:
    """From which rate on does any lossless scheme keep up with a reader on each kind of link, and what does the nearest
    take where none does?"""
    rows = ranked(of_setting(table))
    clauses, beyond = [], []
    for name, part in groups(rows, KIND) if KIND in rows.columns else [("these links", rows)]:
        found = reaches(part)
        starts = [reach.start for reach in found if reach.start is not None]
        if starts:
            lowest = float(part[RATE].min())
            where = span(min(starts), float(part[RATE].max()), RATE, min(starts) == lowest, True)
            clauses.append(f"{name} {where}")
        elif found:
            nearest = min(found, key=lambda reach: reach.lowest)
            mine = part[part[CURVE] == nearest.curve]
            fastest = mine[mine[RATE] == mine.groupby(RATE)[LATENCY].mean().idxmin()]
            took = with_interval(interval(fastest.groupby("seed")[LATENCY].mean().to_numpy()), LATENCY)
            beyond.append((nearest.lowest, name, took))
    line = ", ".join(clauses) or "nowhere"
    if beyond:
        line += f"; never {joined([name for _, name, _ in beyond])} ({min(beyond)[2]})"
    return f"fast enough to read: {line}" if clauses or beyond else ""


def each_link(heading: str, table: pd.DataFrame, words: Callable[[pd.DataFrame], str]) -> str:
    """Returns a clause per kind of link from `words` on the chosen settings; of all if there is no such column."""
    rows = of_setting(table)
    parts = groups(rows, KIND) if KIND in rows.columns else [("", rows)]
    found = [(name + (name and ": "), line) for name, part in parts if (line := words(part))]
    return listed(heading, [Finding(name + line, rows_of([line])) for name, line in found], " | ")


def reaches(cells: pd.DataFrame) -> list[Reach]:
    """The reach of each curve, in order of appearance."""
    found = []
    for curve, rows in cells[cells[LATENCY].notna()].groupby(CURVE, sort=False):
        means = rows.groupby(RATE)[LATENCY].mean().sort_index()
        beyond = means.index[means > READING_S]
        inside = means.index[means.index > beyond.max()] if len(beyond) else means.index
        found.append(Reach(str(curve), float(inside[0]) if len(inside) else None, float(means.min())))
    return found


def reach_words(cells: pd.DataFrame) -> str:
    """`a everywhere; b and c from 5 kbit/s on; not d (at least 300 ms)`."""
    found, values = reaches(cells), sorted(cells[RATE].unique())
    curves: dict[str, list[str]] = {}
    for reach in found:
        if reach.start is not None:
            where = span(reach.start, max(values), RATE, reach.start == min(values), True)
            curves.setdefault(where, []).append(reach.curve)
    words = [f"{joined([*map(called, names)])} {where}" for where, names in curves.items()]
    missing = [reach for reach in found if reach.start is None]
    if missing:
        least = amount(min(reach.lowest for reach in missing), LATENCY)
        words.append(f"not {joined([called(reach.curve) for reach in missing])} (at least {least})")
    return "; ".join(words)


def below(cells: pd.DataFrame) -> dict[str, Finding]:
    """Returns, for each curve that is anywhere below RIVAL by more than the paired seeds' noise, the rates and the
    difference: `up to 500 bit/s (7% to 12%)`."""
    found, values = {}, sorted(cells[RATE].unique())
    theirs = cells["scheme.kind"] == RIVAL
    rival = next(iter(cells.loc[theirs, CURVE]), "")
    for curve in dict.fromkeys(cells.loc[~theirs, CURVE]):
        here = [Place(LATENCY, cells[cells[RATE] == value]).of(curve, rival) for value in values]
        words = [
            f"{over_run(values, run, RATE)} ({sizes([here[place].less for place in run], 2)})"
            for run in runs([each.lower for each in here])
        ]
        if words:
            found[str(curve)] = Finding(" and ".join(words), here)
    return found


SCENARIO = Scenario(
    name="low_bandwidth",
    summary="From 50 bit/s to 10 kbit/s, LoRaWAN and satellites: where is which scheme still of use?",
    minutes=6,
    base={"models.pair": "sotu", "workload.requests": 2, "workload.output_tokens": 32},
    grid={
        "scheme": ["cloud_only", "colocated", "edge_only", "dense", {"kind": "k_sqs", "k": 4}, "c_sqs", "coupled",
                   "coupled_tree"],
        "uplink,downlink": LINKS,
    },
    axis="uplink.label",
    seeds=8,
    tune=Tune(settings=8, looks=(1, 2), steps=1),
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 16}, grid={"uplink,downlink": LINKS[::3]},
    ),
    figures=("useful",),
    assumed="LoRaWAN devices and Iridium's modems hear only after they have sent, and send empty frames to hear more.",
    answer=of_use_from,
    findings=(reading, beating, Lowest(without=IN_CLOUD, by=KIND, over=RATE), Lowest(by=KIND, over=RATE)),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
