"""`sqsim sites N`: many sites on Dask, each a radio cell with its share of the cloud. Prints what the summary in the
result directory says, or the cell of one site (`--cell`)."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import pandas as pd

from kinds.files import read_note
from scenarios.command.cell_file import read_cell
from scenarios.command.options import RunOptions
from scenarios.command.progress_bar import ProgressBar
from scenarios.command.run.base_line import base_line
from scenarios.command.run.screen import Screen
from scenarios.command.run.typed_settings import parse_draws, parse_settings
from scenarios.findings.text_table import TableEntry, TableGroup, TextTable
from simulator.cell.cell import Cell
from simulator.cell.settings import expand
from simulator.results.result_directory import MANIFEST, PARTITIONS
from simulator.results.units import quantity, title
from simulator.sites.many_sites import ASSUMED, SUMMARY, sites
from simulator.sites.site_draws import Sites
from simulator.sites.site_summary import OVER_REQUESTS, OVER_SITES, PER_TOKEN, TIMES

SHOWN = {
    OVER_REQUESTS: (PER_TOKEN, *TIMES),
    OVER_SITES: (PER_TOKEN, "devices", "tokens_per_s", "uplink_busy", "cloud_busy", "overloaded", "answered"),
}
"""The rows of the printed table; the file has all."""
COLUMNS = ("mean", "p10", "p50", "p90", "p99", "highest")


def run(options: argparse.Namespace) -> str:
    """Simulates and summarises; returns what to print. Raises ConfigError, one line."""
    given = Sites.of(_base(options), options.sites, parse_draws(options.vary))
    if options.cell is not None:
        return given.site(options.cell).to_yaml().rstrip("\n")
    run_options = RunOptions.typed(options, "sites")
    with ProgressBar(run_options.quiet) as progress:
        table = sites(
            given, run_options.out, run_options.workers, run_options.cluster, rounds=options.rounds,
            partition=options.partition, overwrite=run_options.overwrite, progress=progress.part("sites"),
        )  # fmt: skip
    return _screen(given, table, run_options.out).text(run_options.form)


def _base(options: argparse.Namespace) -> Cell:
    if options.config is not None:
        cell = read_cell(options.config, options.imports, trust=options.trust)
    else:
        cell = Cell.from_fields({"imports": [str(path) for path in options.imports]})
    (found,) = expand(cell, {}, parse_settings(options.set))
    return found


def _screen(given: Sites, table: pd.DataFrame, out: Path) -> Screen:
    groups = [
        TableGroup(f"over {over}", [_row(row) for _, row in table[table["over"] == over].iterrows()
                                    if row["quantity"] in (*names, *given.vary)])
        for over, names in SHOWN.items()
    ]  # fmt: skip
    about = read_note(out / MANIFEST).get("sites", {})
    answered = int(table.loc[table["over"] == OVER_REQUESTS, "n"].max())
    lacking = about["requests"] - answered
    notes = [f"Assumed: {ASSUMED}."]
    if given.cell.workload.distinct_seed is not None:
        notes.append("All sites share their texts (workload.distinct_seed): no interval covers other texts.")
    if lacking:
        notes.append(f"Unanswered: {lacking:,.0f} of {about['requests']:,.0f} requests, which are in no time above.")
    vary = f", {', '.join(map(title, given.vary))}" if given.vary else ""
    return Screen(
        f"{given.number:,} sites of {about['devices']:,.0f} devices in all", "",
        TextTable("", "", COLUMNS, groups, notes=notes), (),
        base_line([given.cell], f"each site has its own random numbers{vary}", timed=True),
        [f"{about['rounds']:,.0f} rounds in {about['cpu_s']:,.0f} CPU s of workers.",
         f"Results: {out} ({SUMMARY}, {PARTITIONS}/)."],
        others=SUMMARY,
    )  # fmt: skip


def _row(row: pd.Series) -> tuple[str, list[TableEntry]]:
    name = row["quantity"]
    half_width = row["mean_ci95"]
    mean = TableEntry(quantity(row["mean"], name), "" if math.isnan(half_width) else quantity(half_width, name, 2))
    return title(name).replace("tokens per", "tokens a second"), [
        mean,
        *(TableEntry(quantity(row[column], name)) for column in COLUMNS[1:]),
    ]
