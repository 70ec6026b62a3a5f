"""The README's tables: scenarios from the registry, metrics from their definitions in `simulator.results`.

python -m scenarios.command.readme_tables            rewrites the tables in README.md
"""

from __future__ import annotations

from pathlib import Path

from scenarios.command.registry import NAMES, scenario
from simulator.results.columns import BREAKDOWN_PARTS
from simulator.results.metrics import METRICS
from simulator.results.study_columns import STUDY_KEYS, STUDY_METRICS
from simulator.results.units import unit

README = Path(__file__).parents[2] / "README.md"
END = "<!-- end -->"


def tables() -> dict[str, str]:
    """The Markdown of each generated part of the README, by its name."""
    return {
        "scenarios": _scenarios(),
        "metrics": _table("metric", {metric.name: metric.meaning for metric in METRICS.values()}),
        "breakdown": _table("part of the latency", {part.name: part.meaning for part in BREAKDOWN_PARTS}),
        "studies": _table("of a study", {**STUDY_KEYS, **STUDY_METRICS}),
    }


def filled(text: str) -> str:
    """`text` with every generated part in place, each between its own marker and the next end marker."""
    for name, table in tables().items():
        start = f"<!-- {name}: made by python -m scenarios.command.readme_tables -->\n"
        assert text.count(start) == 1, f"README.md has no single place for {name}"
        before, after = text.split(start)
        text = before + start + table + after[after.index(END) :]
    return text


def _scenarios() -> str:
    rows = [f"| `{found.name}` | {found.summary} | {found.minutes:g} |" for found in map(scenario, NAMES)]
    return "\n".join(["| scenario | question | minutes |", "|---|---|---|", *rows]) + "\n"


def _table(heading: str, meanings: dict[str, str]) -> str:
    rows = [f"| `{name}` | {unit(name)} | {_escaped(meaning)} |" for name, meaning in meanings.items()]
    return "\n".join([f"| {heading} | unit | definition |", "|---|---|---|", *rows]) + "\n"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")


if __name__ == "__main__":
    README.write_text(filled(README.read_text()))
