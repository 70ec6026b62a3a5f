"""The generated tables of docs/: metrics from their definitions in
`simulator.results`, families and kinds from their classes, commands from the parsers of the command line.

python -m tools.readme_tables            rewrites them, each between its markers
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import simulator.cell.cell  # noqa: F401  registers the kinds
from channels.link.arq import Arq
from channels.link.delays import Delay
from channels.link.listening import Listening
from channels.link.losses import Loss
from channels.link.rates import Rate
from channels.link.sharing import Sharing
from kinds import Choice
from models.interface import Pair
from models.latency.latency import Latency
from scenarios.command.cli import _parser
from simulator.cell.amounts import Amount
from simulator.cell.cloud_config import Admission, Batching
from simulator.cell.downtime import Downtime
from simulator.cell.scheme import Scheme
from simulator.cell.workload import Workload
from simulator.results.column_names import BREAKDOWN_MEANINGS
from simulator.results.metrics import METRICS
from simulator.results.study_columns import STUDY_KEYS, STUDY_METRICS
from simulator.results.units import unit
from simulator.schemes import Acceptance, Code, Draw, Policy, Quantizer, Reply, Sparsifier

ROOT: Final = Path(__file__).parents[1]
README: Final = ROOT / "README.md"
PAGES: Final = {
    "docs/metrics.md": ("metrics", "breakdown", "studies"),
    "docs/commands.md": ("commands",),
    "docs/reference.md": ("headline",),
    "docs/own_parts.md": ("scheme families", "other families"),
}
"""Tables of each page."""
HEADLINE: Final = ("latency_per_token_s", "ttft_s", "payload_bits_per_token", "acceptance_rate", "tv_output")
"""The metrics that a newcomer meets first."""
SCHEME_FAMILIES: Final = (Scheme, Sparsifier, Quantizer, Code, Draw, Policy, Acceptance, Reply)
OTHER_FAMILIES: Final = (
    Rate, Loss, Delay, Arq, Sharing, Listening, Latency, Pair, Workload, Batching,
    Admission, Amount, Downtime,
)  # fmt: skip
ROOMS: Final = ("channels", "models", "simulator")
"""Packages whose kinds the tables have; a user's file may add others."""
END: Final = "<!-- end -->"


def tables() -> dict[str, str]:
    """The Markdown of each generated table, by its name."""
    meanings = {metric.name: metric.meaning for metric in METRICS.values()}
    return {
        "commands": "\n".join(_commands(_parser())),
        "headline": _table("metric", {name: meanings[name] for name in HEADLINE}),
        "metrics": _table("metric", meanings),
        "breakdown": _table("part of the latency", BREAKDOWN_MEANINGS),
        "studies": _table("of a study", {**STUDY_KEYS, **STUDY_METRICS}),
        "scheme families": _families(SCHEME_FAMILIES),
        "other families": _families(OTHER_FAMILIES),
    }


def filled(page: str, text: str) -> str:
    """The `text` of a page with each of its tables in place, between its own marker and the next end marker."""
    made = tables()
    for name in PAGES[page]:
        start = f"<!-- {name}: made by python -m tools.readme_tables -->\n"
        assert text.count(start) == 1, f"{page} has no single place for {name}"
        before, after = text.split(start)
        text = before + start + made[name] + after[after.index(END) :]
    return text


def _commands(parser: argparse.ArgumentParser, summary: str = "") -> Iterator[str]:
    """A heading for the command of each parser below `parser`, its line in the help and its arguments."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    arguments = [
        action for action in parser._actions if action not in groups and action.dest not in ("help", "version")
    ]
    if summary:
        end = "" if summary.endswith("?") else "."
        yield f"## {parser.prog}\n\n{summary[0].upper()}{_escaped(summary[1:])}{end}\n"
    if arguments:
        yield "| argument | what it is |\n|---|---|"
        yield from (f"| `{_typed(action)}` | {_escaped(_help(parser, action))} |" for action in arguments)
        yield ""
    for group in groups:
        said = {choice.dest: choice.help or "" for choice in group._choices_actions}
        for name, command in group.choices.items():
            yield from _commands(command, said[name])


def _typed(action: argparse.Action) -> str:
    value = action.metavar or (
        "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
    )
    shown = (" ".join(value) if isinstance(value, tuple) else str(value)).replace("|", "\\|")
    spelt = ", ".join(action.option_strings)
    if not spelt:
        return f"[{shown}]" if action.nargs == "?" else f"{shown} ..." if action.nargs == "+" else shown
    return spelt if action.nargs == 0 else f"{spelt} {shown}"


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    return " ".join(parser._get_formatter()._expand_help(action).split())


def _table(heading: str, meanings: dict[str, str]) -> str:
    rows = [f"| `{name}` | {unit(name)} | {_escaped(meaning)} |" for name, meaning in meanings.items()]
    return "\n".join([f"| {heading} | unit | definition |", "|---|---|---|", *rows]) + "\n"


def _families(families: tuple[type[Choice], ...]) -> str:
    rows = []
    for family in families:
        ours = [kind for kind, part in sorted(family.kinds.items()) if part.__module__.split(".")[0] in ROOMS]
        kinds = ", ".join(f"`{kind}`" for kind in ours)
        first_line = (family.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ").replace("    ", "")
        rows.append(f"| `{family.__module__}.{family.__name__}` | {_escaped(first_line)} | {kinds} |")
    return "\n".join(["| family | what it is | kinds |", "|---|---|---|", *rows]) + "\n"


def _escaped(text: str) -> str:
    """Text for a cell of a table: what Markdown would read as markup is escaped outside of `code`."""
    parts = re.split(r"(`[^`]*`)", text.replace("|", "\\|"))
    return "".join(part if place % 2 else re.sub(r"([*_])", r"\\\1", part) for place, part in enumerate(parts))


if __name__ == "__main__":
    for page in PAGES:
        (ROOT / page).write_text(filled(page, (ROOT / page).read_text()))
