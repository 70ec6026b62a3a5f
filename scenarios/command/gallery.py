"""The gallery: every scenario's figures with its findings, on one page.

    python -m scenarios.command.gallery [NAME...]       runs what has no results yet, then writes docs/gallery/
    python -m scenarios.command.gallery --drawn [NAME...]       runs nothing: takes what is in results/

Runs are full ones, in results/NAME; those that this very code has finished are read, not repeated. A line under each
heading says when, with which commit and under which wire format its results were made, and whether that is the code's.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import plots
from channels.codec.draft import WIRE_FORMAT
from kinds.files import read_note
from scenarios.command.drawing import Note, figures_of
from scenarios.command.means import Means
from scenarios.command.registry import NAMES, scenario
from scenarios.command.run_plan import Changes, plan_of
from scenarios.command.running import run

OLDER = "Older than the code"
_CODES = (
    "K-SQS and C-SQS are coded by recoded, the dense lattice, at resolution 100, by enumerative with flat"
    " ids: the bits of one beside the other's say nothing about sparsity."
)
HOLDS = {
    "latency_vs_bandwidth": "Resolution 100 for all; K is chosen for K-SQS alone, on two other seeds.",
    "latency_at_70b": (
        "Prompts of 32 tokens; resolution 100 for all; acceptance published at temperature 0, used at 1 in runs before"
        " 2026-11-28; K is chosen for K-SQS alone, on two other seeds; no co-located speculation, which is faster here."
        " With prompts of 170 tokens, as the source has them, K-SQS is slower than cloud-only at every rate."
    ),
    "paper": (
        "Answers of 16 tokens, the threshold reset at each request: no conformal control runs, and this is no"
        " test of what the paper claims for C-SQS."
    ),
    "bandwidth_by_temperature": _CODES,
    "languages": _CODES,
    "low_bandwidth": (
        "LoRaWAN frames without preamble and header (an empty one takes 1.7 to 1.9 times as long): its figures are too"
        " low."
    ),
    "traces": (
        "Every seed starts at second 0 of one trace; from other seconds K-SQS is 10% to 27% above the dense lattice."
    ),
    "capacity_at_70b": (
        "Prompts of 32 tokens, acceptance published at temperature 0 (used at 1 in runs before 2026-11-28), 3 seeds."
        " The 88 devices at 1 Mbit/s are K-SQS's alone: cloud-only bears 77 there, the dense lattice 22."
    ),
}
"""What the orderings of a page hold for, where a reader would take more from them."""
MENDED, MENDED_SCENARIOS = "2026-11-28", ("paper", "traces", "low_bandwidth")
"""When what HOLDS says of these was mended: their thresholds, starts and frames."""
HOME = Path(__file__).parents[2] / "docs" / "gallery"


def make(names: Sequence[str], results: Path, home: Path) -> None:
    """Runs the scenarios into `results`/NAME and puts what they give in `home`."""
    for name in names:
        print(run(plan_of(scenario(name), Changes()), Means(results / name, os.cpu_count() or 1, overwrite=True)))
        hang([name], results, home)


def hang(names: Sequence[str], results: Path, home: Path) -> None:
    """Puts the figures of the results of these scenarios, as far as there are any, and the page of all that are there,
    in `home`."""
    home.mkdir(parents=True, exist_ok=True)
    for name in (each for each in names if (results / each).is_dir()):
        for old in home.glob(f"{name}-*.svg"):
            old.unlink()
        for figure_name, figure in figures_of(results / name):
            plots.save_small(figure, home / f"{name}-{figure_name}.svg")
        lines = [_made(results / name), *Note.read(results / name).findings]
        (home / f"{name}.txt").write_text("\n".join(lines) + "\n")
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
        made, *found = (home / f"{name}.txt").read_text().splitlines()
        findings = [f"* {line}" for line in found if line]
        older = not (date := re.search(r"\d{4}-\d\d-\d\d", made)) or date[0] < MENDED
        holds = [f"**Holds for:** {HOLDS[name]}"] if name in HOLDS and (older or name not in MENDED_SCENARIOS) else []
        head = [f"## {name}", _marked(made), *holds, scenario(name).summary]
        parts.append("\n\n".join([*head, "\n".join(findings), *figures]) + "\n")
    return "\n".join(parts)


def _made(results: Path) -> str:
    """When and with what the results were made, by their manifest."""
    manifest = read_note(results / "manifest.json")
    date, commit = str(manifest.get("date"))[:10], str(manifest.get("commit") or "unknown")
    commit = commit[:7] + "+" * commit.endswith("+")
    return f"Made on {date}, commit {commit}, wire format {manifest.get('wire_format', 'unknown')}."


def _marked(made: str) -> str:
    """The line, with a mark where another wire format than the code's was used: then its bits may be others."""
    if re.search(rf"wire format {WIRE_FORMAT}\.$", made):
        return made
    return (
        f"{made} **{OLDER}**, whose wire format is {WIRE_FORMAT}: bits, and times over a thin link, may now be others."
    )


if __name__ == "__main__":
    typed = [name for name in sys.argv[1:] if name != "--drawn"]
    (hang if "--drawn" in sys.argv else make)(typed or NAMES, Path("results"), HOME)
