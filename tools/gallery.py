"""The gallery: thumbnails by topic, and a page a scenario with its answer, figures, findings and what they stand for.

    python -m tools.gallery [NAME...]           runs what has no results yet, then writes docs/gallery/
    python -m tools.gallery --drawn [NAME...]   runs nothing: takes what is in results/

Runs are full ones, in results/NAME; those that this very code has finished are read, not repeated. Beside its figures a
scenario has NAME.json: what its results were made with, read from their manifest and their cells, its findings, and the
checksums of the figures, and NAME.md, made of these. A page without such a record, or of another wire format than the
code's, is taken down; the scenario is then listed under its topic with the command that draws it.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, TypeAdapter, ValidationError

import plots
from channels.codec.draft import WIRE_FORMAT
from channels.link.link_config import answer_s
from kinds import ConfigError, one_line
from kinds.files import read_json, read_note, sha256, write_note
from scenarios.command.options import RunOptions
from scenarios.command.registry import NAMES, scenario
from scenarios.command.report.drawing import figures_of
from scenarios.command.report.race_page import page as race_page
from scenarios.command.report.race_table import RaceTable, race_table
from scenarios.command.report.report_table import values_in_words
from scenarios.command.result_folder import ResultFolder, read_curved_cells
from scenarios.command.run.answers import answers_again
from scenarios.command.run.base_line import timed_as
from scenarios.command.run.printed_tables import stands_for
from scenarios.command.run.run_plan import Changes, plan_of
from scenarios.command.run.running import run
from scenarios.findings.claims import NAME as CLAIM
from scenarios.findings.comparison_tables import LEGEND
from scenarios.findings.findings_file import FINDINGS, Answered
from scenarios.findings.text_table import TextTable, written
from scenarios.findings.wording import called, in_one_breath, joined
from simulator.cell.cell import Cell
from simulator.results.columns import CURVE
from simulator.results.display_names import words_of
from simulator.results.lossy_schemes import MARK, marked
from simulator.results.result_directory import checked, intact, listed
from simulator.studies import SIMULATION, STUDIES, study
from tools.readme_picture import draw_picture

HOME: Final = Path(__file__).parents[1] / "docs" / "gallery"
HANG: Final = "python -m tools.gallery --drawn"
CHANGES: Final = ("--quick", "--set", "--grid", "--config", "--import")
"""Options of `sqsim run` under which another question is answered than the page's."""
TOPICS: Final[dict[str, tuple[str, ...]]] = {
    "Which scheme, at which rate": (
        "latency_vs_bandwidth", "latency_at_70b", "low_bandwidth", "rivals", "paper", "bandwidth_by_temperature",
    ),
    "When drafting at the edge pays": ("who_drafts", "ladder", "phase_map", "adaptive"),
    "Bits, distributions, acceptance": (
        "sparse_or_coded", "blocks", "lattices", "thresholds", "conformal", "resampling", "languages",
    ),
    "Links that lose, fade and fail": (
        "lossy_uplink", "traces", "base_station",
    ),
    "Load, energy, cost": ("batching", "fleet", "conversations", "capacity", "pareto"),
    "Against the real system": ("validation",),
}  # fmt: skip
"""Every scenario under what a reader looks for."""
COLLECTING: Final = "paper"
"""The scenario whose page has the papers' claims of all."""
RACED: Final = "latency_at_70b"
"""The scenario whose numbers are the page RACE."""
RACE: Final = "draft-or-not.html"
ACROSS: Final = 3
"""Thumbnails side by side."""
_SEED: Final = re.compile(r"^seed: .*\n", re.MULTILINE)
TABLED: Final = ("Lowest", "Below", "PaysFrom", "AtEqual", "FastestOnEach", "FastestByTurn", "PaysUpTo", "lossy")
"""Questions whose sentence has nothing that the tables of its comparisons lack."""
FACTS: Final = ("Tokens: ", "Clock: ")
"""Beginnings of remarks that a page has as facts."""
MOST_WORDS: Final = 25
"""Most words of a page's answer, if it has several clauses; the others stand among the findings."""
_MODEL: Final = re.compile(r" a weight \(.*\),")
"""Model whose precision is another, which a page has among its latency models."""
_GAIN: Final = re.compile(r", (?:[^,;]|,\d)* the lowest of the lossless")
_UNSEEN: Final = re.compile(r"no difference seen \(([^();]+); a difference above [^()]+ would have been\)")
Told = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class Shown:
    """Finding on a page: a heading over the tables of its comparisons, or a sentence without any."""

    line: Told
    tables: tuple[TextTable, ...] = ()

    @classmethod
    def of(cls, found: Answered) -> Self:
        """Returns a finding without what its tables have of its sentence."""
        if not found.tables or found.asked not in TABLED:
            return cls(found.line)
        if found.asked == "lossy":
            return cls(_GAIN.sub("", found.line), tuple(found.tables))
        if found.asked == "AtEqual":
            return cls(found.line.partition(": ")[0], tuple(found.tables))
        notes = re.findall(r", (without [^:]+): |; (left out: .*)$", found.line)
        note = "; ".join(filter(None, (each for both in notes for each in both)))
        return cls(note or found.tables[0].heading, tuple(found.tables))

    @property
    def text(self) -> str:
        """Markdown."""
        if not self.tables:
            return f"* {self.line}"
        tables = [f"**{each.heading}**\n\n{written(each, 'markdown')}" for each in self.tables]
        return "\n\n".join([*tables, *([] if self.line == self.tables[0].heading else [self.line])])


@dataclass(frozen=True)
class Judged:
    """A paper's claim, where it stands there, and whether it holds in the page's results."""

    text: Told
    source: Told
    line: Told

    @property
    def safe(self) -> Self:
        """Returns the same without what would end an entry of a table."""
        return replace(self, **{name: text.replace("|", "\\|") for name, text in asdict(self).items()})


@dataclass(frozen=True)
class Record:
    """Record of a page: the versions with which its results were made, all read from the result directory, and their
    answers."""

    date: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    commit: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
    """A clean one: results of files that were never committed cannot be made again."""
    wire_format: Annotated[int, Field(ge=WIRE_FORMAT, le=WIRE_FORMAT)]
    pair: Told  # which models choose the tokens
    clock: Told  # latency models of drafter and target, or the study that has none
    temperature: Told
    prompts: Told  # tokens
    answers: Told  # tokens
    round_trip: Told
    seeds: Told
    question: Told  # as it was when its results were made
    findings: tuple[Shown | Told, ...]  # sentences alone where a record is older than the tables
    remarks: tuple[Told, ...]  # what stands beside the findings: what is overloaded, assumed, recorded
    figures: dict[str, Told]  # checksums by file, that of the thumbnail first
    answer: str = ""
    """Answer in at most 40 words."""
    claims: tuple[Judged, ...] = ()
    race: RaceTable | None = None
    """Means, intervals and ratios to cloud-only decoding at each place; None without such a baseline."""


def make(names: Sequence[str], results: Path, home: Path) -> None:
    """Runs the scenarios into `results`/NAME, then hangs them: the tree stays as committed until all have run."""
    for name in names:
        print(run(plan_of(scenario(name), Changes()), RunOptions(results / name, os.cpu_count() or 1, overwrite=True)))
    hang(names, results, home)


def hang(names: Sequence[str], results: Path, home: Path) -> None:
    """Puts the figures of these scenarios' results, with their records and pages, and all thumbnails, in `home`; takes
    down what may not hang. Raises ConfigError, before anything is written, where results are not there, not finished,
    altered, of changed settings, of an uncommitted tree, or of another wire format."""
    with tempfile.TemporaryDirectory() as drawn:
        records = {name: _drawn(name, results / name, Path(drawn)) for name in names}
        home.mkdir(parents=True, exist_ok=True)
        for name, record in records.items():
            _take_down(name, home)
            for file in record.figures:
                (home / file).write_bytes((Path(drawn) / file).read_bytes())
            write_note(home / f"{name}.json", asdict(record))
    for name, found in list(_judged(home)):
        if isinstance(found, ConfigError):
            print(f"taken down: {found}", file=sys.stderr)
            _take_down(name, home)
    for name, text in pages(home).items():
        (home / name).write_text(text)
    if text := raced(home):
        (home.parent / RACE).write_text(text, encoding="utf-8")
        table = record_of(RACED, home).race
        assert table is not None
        draw_picture(table, home.parent / "figures")


def pages(home: Path) -> dict[str, str]:
    """Markdown by file: the thumbnails of what hangs in `home`, by topic, and a page for each scenario of these."""
    records = hung(home)
    first = f"[Phone or cloud: who should write the first draft?](../{RACE})\n\n" if raced(home) else ""
    head = (
        f"# Gallery\n\n{first}"
        "Full runs of the scenarios, by topic; a picture leads to its page, which has the answer, all figures, every "
        "finding and what they were made with. `make gallery` makes all of it anew. [What the numbers "
        "mean](../metrics.md), and [what they do not cover](../trust.md#which-limits-decide). Scenarios without a "
        f"picture were not rerun for this version; the command makes them, and `{HANG} NAME` adds the page.\n"
    )
    topics = [_topic(topic, names, records) for topic, names in TOPICS.items()]
    return {"README.md": "\n".join([head, *topics]), **{f"{name}.md": _page(name, records) for name in records}}


def raced(home: Path) -> str:
    """Returns the page "Phone or cloud" of what hangs in `home`, HTML; "" without the table of RACED."""
    record = hung(home).get(RACED)
    return race_page(record.race) if record is not None and record.race is not None else ""


def hung(home: Path) -> dict[str, Record]:
    """The records of the scenarios that may hang in `home`, in their order."""
    return {name: found for name, found in _judged(home) if isinstance(found, Record)}


def _judged(home: Path) -> Iterator[tuple[str, Record | ConfigError]]:
    there = {re.split(r"[-.]", path.name)[0] for path in home.iterdir()}
    for name in (name for name in NAMES if name in there):
        try:
            yield name, record_of(name, home)
        except ConfigError as error:
            yield name, error


def record_of(name: str, home: Path) -> Record:
    """The record of a scenario's page. Raises ConfigError where it is not as written, lacks a fact, is of another wire
    format, or where the figures are not those that were drawn with it."""
    path = home / f"{name}.json"
    if not (note := read_note(path)):
        raise ConfigError(f"{path}: no record, or not as {HANG} {name} has written it")
    record = _validated(note, path)
    for file, digest in record.figures.items():
        if not intact(home, file, digest):
            raise ConfigError(f"{home / file}: is not the figure that was drawn with {path.name}")
    if others := {each.name for each in home.glob(f"{name}-*")} - {*record.figures}:
        raise ConfigError(f"{home / min(others)}: is no figure of {path.name}")
    return record


def _validated(fields: object, source: Path) -> Record:
    try:
        return TypeAdapter(Record).validate_python(fields)
    except ValidationError as error:
        raise ConfigError(f"{source}: {one_line(error)}") from None


def _drawn(name: str, folder: Path, to: Path) -> Record:
    asked, found = scenario(name), ResultFolder.read(folder)
    typed = [word.split("=")[0] for word in shlex.split(str(found.manifest["command"]))]
    if changed := [option for option in CHANGES if option in typed]:
        raise ConfigError(f"{folder}: made with {' and '.join(changed)}; the gallery shows full runs as shipped")
    noted = read_json(checked(folder, FINDINGS))
    assert isinstance(noted, dict)
    told = answers_again(asked, found)
    (answer,) = [str(each.line) for each in told if each.is_answer] or [""]
    asked_of = [each for each in told if not each.is_answer and each.asked != CLAIM]
    claims = [
        {"text": claim.text, "source": claim.source, "line": each.line.removeprefix(claim.heading)}
        for claim in asked.claims
        for each in told
        if each.asked == CLAIM and each.line.startswith(claim.heading)
    ]
    cells_of = read_curved_cells(folder, found.curved_summary[0])
    tables = [each.printed(marked(cells_of)) for each in asked.tables] if cells_of is not None else []
    own = [Shown(each.heading, (each,)) for each in tables if each is not None]
    names = [(called(curve), called(words_of(curve)[0])) for curve in found.curved_summary[0][CURVE]]
    curves = {name: (scheme, name.removeprefix(scheme).removeprefix(", ")) for name, scheme in names}
    clocked = asked.study == SIMULATION
    cells = list(_cells(found))
    files = {}
    for figure_name, figure in figures_of(folder, answer):
        plots.save(figure, to, f"{name}-{figure_name}", ("svg",))
        files[f"{name}-{figure_name}.svg"] = sha256(to / f"{name}-{figure_name}.svg")
    return _validated(
        {
            "date": str(found.manifest.get("date"))[:10],
            "commit": str(found.manifest.get("commit")),
            "wire_format": found.manifest.get("wire_format"),
            "pair": _once(stands_for(cells, clock=False)[0].removeprefix("Tokens: ")),
            "clock": _once(f"{timed_as(cells)}.") if clocked else f"study {asked.study}, {STUDIES[asked.study]}.",
            **_settings(cells, asked.study),
            "seeds": values_in_words(sorted(int(seed) for seed in found.cells["seed"].unique()), "seed"),
            "question": noted["question"],
            "findings": [asdict(each) for each in (*own, *map(Shown.of, asked_of))],
            "remarks": shortened([line for line in noted["remarks"] if not line.startswith(FACTS)], curves),
            "figures": files,
            "answer": answer,
            "claims": claims,
            "race": race_table(found),
        },
        folder,
    )


def _cells(found: ResultFolder) -> Iterator[Cell]:
    files, seen = listed(found.path), set[str]()
    for name in (f"cells/{cell}.yaml" for cell in found.cells["cell"].unique()):
        if not intact(found.path, name, files.get(name, "none")):
            raise ConfigError(f"{found.path / name}: is not what was written there, or no file of this directory's run")
        setting = _SEED.sub("", (found.path / name).read_text(encoding="utf-8"))
        if setting not in seen:
            seen.add(setting)
            yield Cell.from_yaml(found.path / name)


def _settings(cells: Sequence[Cell], asked: str) -> dict[str, str]:
    unread = f"not read by the study {asked}"
    given = {"temperature": values_in_words([*{cell.models.temperature for cell in cells}], "temperature")}
    asking = [each.workload for cell in cells for each in cell.classes]
    longest = [each.longest for each in asking]
    for place, field in enumerate(("prompts", "answers")):
        text = values_in_words([*{lengths[place] for lengths in longest}], "tokens")
        up_to = "up to " if not place and any(each.talks for each in asking) else ""  # turns have all that was said
        given[field] = up_to + text
    ways = [(each.uplink, each.downlink) for cell in cells for each in cell.classes]
    trips = [*{round(up.delay.mean_s + answer_s(up, down), 9) for up, down in ways}]
    waits = [*{up.access_s + down.access_s for up, down in ways}]
    access = f", and {values_in_words(waits, 'access_s')} until granted" if any(waits) else ""
    given["round_trip"] = values_in_words(trips, "round_trip_s") + access if study(asked).over_network else unread
    return given


def _topic(topic: str, names: Sequence[str], records: Mapping[str, Record]) -> str:
    drawn = [
        f'[<img src="{next(iter(records[name].figures))}" alt="{name}" width="250">]({name}.md) '
        f"[{name}]({name}.md): {records[name].question.replace('|', ' ')}"
        for name in names
        if name in records and records[name].figures
    ]
    rows = [drawn[first : first + ACROSS] for first in range(0, len(drawn), ACROSS)]
    width = min(ACROSS, len(drawn))
    table = ["| " * width + "|", "|---" * width + "|"] if drawn else []
    table += ["| " + " | ".join([*row, *[""] * (width - len(row))]) + " |" for row in rows]
    missing = [f"* `sqsim run {name}`: {scenario(name).summary}" for name in names if name not in records]
    note = f"Not drawn since wire format {WIRE_FORMAT}:\n"
    return "\n".join([f"## {topic}\n", *table, *([""] if table else []), *([note, *missing, ""] if missing else [])])


def _page(name: str, records: Mapping[str, Record]) -> str:
    """A scenario's question, answer, figures, papers' claims, what they were made with, and every finding; COLLECTING
    has the claims of all."""
    record = records[name]
    others = [each for each in records if each != name and records[each].claims] if name == COLLECTING else []
    judged = [(each, claim) for each in (name, *others) for claim in records[each].claims]
    claims = [
        f"| {claim.text} | {claim.source} | {claim.line}{'' if each == name else f' ([{each}]({each}.md))'} |"
        for each, claim in ((each, claim.safe) for each, claim in judged)
    ]
    papers = ["## Do the papers' claims hold?", "\n".join(["| claim | source | here |", "|---|---|---|", *claims])]
    papers += [
        f"![{each}, of its page]({next(iter(records[each].figures))})" for each in others if records[each].figures
    ]
    facts = {
        "made": f"{record.date}, commit {record.commit[:7]}, wire format {record.wire_format}",
        "pair": record.pair, "latency models": record.clock, "temperature": record.temperature,
        "prompts; answers": f"{record.prompts}; {record.answers} (tokens)",
        "round trip (mean delays)": record.round_trip, "seeds": record.seeds,
    }  # fmt: skip
    table = "\n".join(
        ["| | |", "|---|---|", *(f"| {fact} | {text.replace('|', ' ')} |" for fact, text in facts.items())]
    )
    findings = [each.text if isinstance(each, Shown) else f"* {each}" for each in record.findings]
    brief = in_one_breath(record.answer, most=MOST_WORDS)
    lines = [f"* {rest}"] if (rest := record.answer.removeprefix(brief).removeprefix("; ")) else []
    lines += [f"* {line}" for line in record.remarks]
    tabled = any(isinstance(each, Shown) and each.tables for each in record.findings)
    figures = [f"![{name}, {file[len(name) + 1 : -4]}]({file})" for file in record.figures]
    answer = [f"**Answer.** {brief}"] if record.answer else []
    made = ["## What it was made with", table, f"Made by `sqsim run {name}`. [Gallery](README.md)"]
    found = ["## Every finding", *([f"Tables: {LEGEND}."] if tabled else []), *findings, "\n".join(lines)]
    return (
        "\n\n".join(
            [f"# {name}", record.question, *answer, *figures, *(papers if claims else ()), *made, *filter(None, found)]
        )
        + "\n"
    )


def shortened(remarks: Sequence[str], curves: Mapping[str, tuple[str, str]]) -> list[str]:
    """Returns the remarks, those of one heading as one; lists of curves by scheme, each setting once. `curves`: scheme
    and setting of each curve."""
    found = dict[str, dict[str, None]]()
    for line in remarks:
        heading, _, rest = _MODEL.sub(" a weight,", line).partition(": ")
        found.setdefault(heading, {})[_of_schemes(_UNSEEN.sub(r"no difference seen (\1)", rest), curves)] = None
    return [": ".join(filter(None, (heading, "; ".join(rests)))) for heading, rests in found.items()]


def _once(text: str) -> str:
    """Returns a text without what it has in brackets a second time."""
    seen = set[str]()

    def first(found: re.Match[str]) -> str:
        repeated = found[0] in seen
        seen.add(found[0])
        return "" if repeated else found[0]

    return re.sub(r" \([^()]{15,}\)", first, text)


def _of_schemes(text: str, curves: Mapping[str, tuple[str, str]]) -> str:
    """Returns a text whose lists of curves name each scheme once: `a and b (delay 5 ms; delay 50 ms)`, or the scheme
    alone where all its curves are listed."""
    whole = dict[str, set[str]]()
    for scheme, setting in curves.values():
        whole.setdefault(scheme, set()).add(setting)
    name = "|".join(re.escape(curve) for curve in sorted(curves, key=len, reverse=True))
    listed = re.compile(rf"(?:{name})(?: \(lossy\))?(?:(?:, | and )(?:{name})(?: \(lossy\))?)+")

    def words(found: re.Match[str]) -> str:
        settings = dict[str, dict[str, None]]()
        for curve in re.findall(rf"(?:{name})(?: \(lossy\))?", found[0]):
            scheme, setting = curves[curve.removesuffix(MARK)]
            settings.setdefault(scheme, {})[setting] = None
        alike = dict[tuple[str, ...], list[str]]()
        for scheme, there in settings.items():
            alike.setdefault(() if whole.get(scheme) == {*there} else tuple(there), []).append(scheme)
        if [*alike] == [()] and len(alike[()]) == len(whole):
            return "every curve"
        groups = [joined(names) + (f" ({'; '.join(of)})" if any(of) else "") for of, names in alike.items()]
        return min(", ".join(groups), found[0], key=len)

    return listed.sub(words, text) if curves else text


def _take_down(name: str, home: Path) -> None:
    for path in (*home.glob(f"{name}-*"), *home.glob(f"{name}.*")):
        path.unlink()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.gallery", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios (default: all, or those in results/)")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="what holds their results")
    parser.add_argument("--drawn", action="store_true", help="run nothing: take what is in results/")
    options = parser.parse_args(arguments)
    try:
        for name in options.names:
            scenario(name)
        there = [name for name in NAMES if not options.drawn or (options.results / name).is_dir()]
        (hang if options.drawn else make)(options.names or there, options.results, HOME)
    except ConfigError as error:
        print(f"gallery: {error}", file=sys.stderr)
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
