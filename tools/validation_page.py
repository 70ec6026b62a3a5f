"""The page on the real system: what was compared, the table of errors, the figure.

    python -m tools.validation_page               runs the scenario `validation`, then writes the page
    python -m tools.validation_page --drawn       runs nothing: takes what is in results/validation

Writes docs/validation.md between the marks that stand there, and docs/figures/validation.svg.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

import plots
from kinds import ConfigError
from scenarios.command.options import RunOptions
from scenarios.command.registry import scenario
from scenarios.command.report.drawing import figures_of
from scenarios.command.run.run_plan import Changes, plan_of
from scenarios.command.run.running import run
from scenarios.findings.findings_file import FINDINGS
from scenarios.validation import CELL, LEAST, OTHER_ANSWERS, TIMES, errors
from simulator.results.columns import BREAKDOWN

NAME = "validation"
DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"


def write(results: Path, docs: Path) -> None:
    """Puts what was measured on the page, and the figure beside it. Raises ConfigError where nothing was."""
    if not (results / "cells.csv").is_file():
        raise ConfigError(f"{results}: holds no results; run the scenario {NAME} first")
    for name, figure in figures_of(results):
        plots.save(figure, docs / "figures", name, ("svg",))
    put(docs / f"{NAME}.md", measured(results))


def put(page: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Puts what was measured between the marks of a page."""
    before, begun, rest = page.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    assert begun and ended, f"{page} has lost its marks"
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def measured(results: Path) -> str:
    """Returns the results as Markdown."""
    rows = errors(pd.read_csv(results / "cells.csv"))
    manifest = json.loads((results / "manifest.json").read_text(encoding="utf-8"))
    found = json.loads((results / FINDINGS).read_text(encoding="utf-8"))
    lines = [*(each["line"] for each in found["findings"]), f"Answer: {found['answer']}"]
    findings = "\n".join(f"* {line}" for line in lines)
    return "\n\n".join(
        [
            f"Measured on {str(manifest['date'])[:10]}. Milliseconds of the real system, and how far the simulated one "
            "is from them:",
            "\n".join(_times(rows)),
            findings,
            "![Where the time of a token goes in both](figures/validation.svg)",
            f"Each part of the time per token, ms, real / simulated, those of {100 * LEAST:.0f}% or more. What kernel, "
            "event loops and threads take is in the simulated one's propagation, and in the real one's part that it "
            "delays: edge queue, encode, cloud queue, verify.",
            "\n".join(_parts(rows)),
        ]
    )


def _times(rows: pd.DataFrame) -> Iterator[str]:
    yield "| cell | " + " | ".join(TIMES.values()) + " | other answers |"
    yield "|---|" + "---:|" * (len(TIMES) + 1)
    for row in rows.to_dict("records"):
        text = [f"{1e3 * row[f'{name}_real']:.1f} ({100 * row[f'{name}_error']:+.1f}%)" for name in TIMES]
        yield f"| {row[CELL]} | " + " | ".join(text) + f" | {row[OTHER_ANSWERS]} |"


def _parts(rows: pd.DataFrame) -> Iterator[str]:
    names = [name for name in BREAKDOWN if f"{name}_real" in rows.columns and _matters(rows, name)]
    yield "| cell | " + " | ".join(name.removesuffix("_s").replace("_", " ") for name in names) + " |"
    yield "|---|" + "---:|" * len(names)
    for row in rows.to_dict("records"):
        text = [f"{1e3 * row[f'{name}_real']:.1f} / {1e3 * row[f'{name}_simulated']:.1f}" for name in names]
        yield f"| {row[CELL]} | " + " | ".join(text) + " |"


def _matters(rows: pd.DataFrame, name: str) -> bool:
    whole = rows[["latency_per_token_s_real", "latency_per_token_s_simulated"]].to_numpy()
    return bool((rows[[f"{name}_real", f"{name}_simulated"]].to_numpy() >= LEAST * whole).any())


if __name__ == "__main__":
    home = Path("results") / NAME
    if "--drawn" not in sys.argv:
        print(run(plan_of(scenario(NAME), Changes()), RunOptions(home, 1, overwrite=True)))
    write(home, DOCS)
