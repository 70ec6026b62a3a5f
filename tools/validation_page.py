"""The real system beside the simulated one: the answer, the figure, every number.

    python -m tools.validation_page               runs the scenario `validation`, then writes the page
    python -m tools.validation_page --drawn       runs nothing: takes what is in results/validation

Writes docs/trust.md between its marks, and docs/figures/validation.svg and .csv.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd

import plots
from kinds import ConfigError
from scenarios.command.options import RunOptions
from scenarios.command.registry import scenario
from scenarios.command.report.drawing import figures_of
from scenarios.command.run.run_plan import Changes, plan_of
from scenarios.command.run.running import run
from scenarios.validation import CELL, LEAST, TIMES, errors, off_by
from simulator.results.column_names import BREAKDOWN

NAME = "validation"
DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"


def write(results: Path, docs: Path) -> None:
    """Puts the answer on the page, and figure and numbers beside it. Raises ConfigError if nothing was measured."""
    if not (results / "cells.csv").is_file():
        raise ConfigError(f"{results}: holds no results; run the scenario {NAME} first")
    for name, figure in figures_of(results, ""):
        plots.save(figure, docs / "figures", name, ("svg",))
    numbers(pd.read_csv(results / "cells.csv")).to_csv(docs / "figures" / f"{NAME}.csv", index=False)
    put(docs / "trust.md", measured(results))


def put(page: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Puts what was measured between the marks of a page."""
    before, begun, rest = page.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    assert begun and ended, f"{page} has lost its marks"
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def measured(results: Path) -> str:
    """Returns the date, the answer and the figure as Markdown."""
    manifest = json.loads((results / "manifest.json").read_text(encoding="utf-8"))
    answer = off_by.report(pd.read_csv(results / "cells.csv"), CELL)
    return "\n\n".join(
        [
            f"Measured on {str(manifest['date'])[:10]}. {answer[:1].upper()}{answer[1:]}.",
            "![Where the time of a token goes in both](figures/validation.svg)",
        ]
    )


def numbers(cells: pd.DataFrame) -> pd.DataFrame:
    """Returns a row per cell and quantity, milliseconds: times, and parts of at least 1% of a token's time."""
    rows = errors(cells)
    parts = [name for name in BREAKDOWN if f"{name}_real" in rows.columns and _matters(rows, name)]
    long = [
        {
            "cell": row[CELL],
            "quantity": name,
            "real_ms": 1e3 * row[f"{name}_real"],
            "simulated_ms": 1e3 * row[f"{name}_simulated"],
        }
        for row in rows.to_dict("records")
        for name in (*TIMES, *parts)
    ]
    return pd.DataFrame(long).round(2)


def _matters(rows: pd.DataFrame, name: str) -> bool:
    whole = rows[["latency_per_token_s_real", "latency_per_token_s_simulated"]].to_numpy()
    return bool((rows[[f"{name}_real", f"{name}_simulated"]].to_numpy() >= LEAST * whole).any())


if __name__ == "__main__":
    home = Path("results") / NAME
    if "--drawn" not in sys.argv:
        print(run(plan_of(scenario(NAME), Changes()), RunOptions(home, 1, overwrite=True)))
    write(home, DOCS)
