"""The gallery: every scenario's figures with its findings, on one page.

    python -m scenarios.command.gallery [NAME...]       runs what has no results yet, then writes docs/gallery/
    python -m scenarios.command.gallery --drawn [NAME...]       runs nothing: takes what is in results/

Runs are full ones, in results/NAME; those that this very code has finished are read, not repeated.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import plots
from scenarios.command.drawing import Note, figures_of
from scenarios.command.means import Means
from scenarios.command.registry import NAMES, scenario
from scenarios.command.run_plan import Changes, plan_of
from scenarios.command.running import run

HOME = Path(__file__).parents[2] / "docs" / "gallery"


def make(names: Sequence[str], results: Path, home: Path) -> None:
    """Runs the scenarios into `results`/NAME and puts what they give in `home`."""
    for name in names:
        print(run(plan_of(scenario(name), Changes()), Means(results / name, os.cpu_count() or 1, overwrite=True)))
        hang([name], results, home)


def hang(names: Sequence[str], results: Path, home: Path) -> None:
    """Puts the figures of the results of these scenarios, and the page of all that are there, in `home`."""
    home.mkdir(parents=True, exist_ok=True)
    for name in names:
        for old in home.glob(f"{name}-*.svg"):
            old.unlink()
        for figure_name, figure in figures_of(results / name):
            plots.save_small(figure, home / f"{name}-{figure_name}.svg")
        note = Note.read(results / name)
        (home / f"{name}.txt").write_text("\n".join(note.findings) + "\n")
    (home / "README.md").write_text(page(home))


def page(home: Path) -> str:
    """Markdown of what lies in `home`, in the order of the scenarios."""
    parts = [
        "# Gallery\n\nEvery figure of every scenario with what it says, from full runs; `make gallery` makes it anew. "
        "The sentences are computed from the tables. [What the numbers mean](../metrics.md) and "
        "[where they end to be valid](../limits.md).\n"
    ]
    for name in (name for name in NAMES if (home / f"{name}.txt").is_file()):
        figures = [f"![{name}, {figure}]({name}-{figure}.svg)" for figure in plots.FIGURES
                   if (home / f"{name}-{figure}.svg").is_file()]  # fmt: skip
        findings = [f"* {line}" for line in (home / f"{name}.txt").read_text().splitlines() if line]
        parts.append("\n\n".join([f"## {name}", scenario(name).summary, "\n".join(findings), *figures]) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    typed = [name for name in sys.argv[1:] if name != "--drawn"]
    (hang if "--drawn" in sys.argv else make)(typed or NAMES, Path("results"), HOME)
