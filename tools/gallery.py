"""The gallery: an index with each scenario's picture and answer, and a page a scenario with its answer, figures, what
it was made with, and one table.

    python -m tools.gallery [NAME...]           runs what this commit has not run yet, then writes docs/gallery/
    python -m tools.gallery --drawn [NAME...]   runs nothing: takes what is in results/

Runs are full ones, in results/NAME. Beside its figures a scenario has NAME.json: what its results were made with, read
from their manifest and their cells, its answer and table, and the checksums of the figures; and NAME.md, made of these.
A page without such a record, or of another wire format than the code's, is taken down; the index then has the command
that draws it.
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
from typing import Annotated, Final

from pydantic import Field, TypeAdapter, ValidationError

import plots
from channels.codec.draft import WIRE_FORMAT
from channels.link.link_config import answer_s
from kinds import ConfigError, one_line
from kinds.files import read_note, sha256, write_note
from scenarios.command.options import RunOptions
from scenarios.command.registry import NAMES, scenario
from scenarios.command.report.drawing import figures_of
from scenarios.command.report.race_page import RaceTable, race_table
from scenarios.command.report.race_page import page as race_page
from scenarios.command.report.report_table import values_in_words
from scenarios.command.result_folder import ResultFolder
from scenarios.command.run.answers import answers_again
from scenarios.command.run.base_line import timed_as
from scenarios.command.run.printed_tables import stands_for
from scenarios.command.run.run_plan import Changes, plan_of
from scenarios.command.run.running import run
from scenarios.findings import findings_file
from scenarios.findings.claims import NAME as CLAIM
from scenarios.findings.text_table import TableGroup, TextTable, written
from scenarios.findings.wording import in_one_breath
from simulator.cell.cell import Cell
from simulator.results.cpu_time import cpu_s
from simulator.results.result_directory import MANIFEST, intact, listed
from simulator.studies import SIMULATION, STUDIES, study
from simulator.sweeps import store
from tools.readme_picture import draw_picture

HOME: Final = Path(__file__).parents[1] / "docs" / "gallery"
HANG: Final = "python -m tools.gallery --drawn"
CHANGES: Final = ("--quick", "--set", "--grid", "--config", "--import")
"""Options of `sqsim run` under which another question is answered than the page's."""
TOPICS: Final[dict[str, tuple[str, ...]]] = {
    "Schemes and rates": (
        "latency_vs_bandwidth", "latency_at_70b", "low_bandwidth", "rivals", "paper", "bandwidth_by_temperature",
    ),
    "Drafting at the edge": ("who_drafts", "ladder", "phase_map", "features", "adaptive"),
    "Bits, distributions, acceptance": (
        "sparse_or_coded", "blocks", "lattices", "thresholds", "conformal", "resampling", "languages",
    ),
    "Links that fail": (
        "lossy_uplink", "traces", "base_station",
    ),
    "Load, energy, cost": ("batching", "gateway", "fleet", "conversations", "capacity", "pareto"),
    "The real system": ("validation",),
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
FACTS: Final = ("Tokens: ", "Clock: ", "One code for all", "Busy for ")
"""Beginnings of remarks that a page has as facts, or that its figures show."""
PAGE_WORDS: Final = 500
"""Most words of a page, its table's among them, without those of its figures."""
FACT_WORDS: Final = 30
"""Most words of a fact or a remark on a page."""
INDEX_WORDS: Final = 15
"""Most words of an answer in the index, if it has several clauses."""
Told = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class Judged:
    """A paper's claim, where it stands there, and whether it holds in the page's results."""

    text: Told
    source: Told
    line: Told

    @property
    def safe(self) -> Judged:
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
    remarks: tuple[Told, ...]  # what is overloaded, assumed, recorded
    figures: dict[str, Told]  # checksums by file, that of the thumbnail first
    wall_s: float
    """Duration of the run."""
    cpu_s: float  # of its processors
    answer: str = ""
    """Answer in one breath."""
    table: TextTable | None = None
    """The table that the run prints first."""
    claims: tuple[Judged, ...] = ()
    race: RaceTable | None = None
    """Means, intervals and ratios to cloud-only decoding at each place; None without such a baseline."""


def make(names: Sequence[str], results: Path, home: Path) -> None:
    """Runs the scenarios into `results`/NAME, but those that this commit has finished there, then hangs them: the tree
    stays as committed until all have run. Says what is left, by the minutes of the committed records, and at the end
    the CPU time of all."""
    left = [name for name in names if not _finished(results / name)]
    minutes = {name: _minutes(name, home) for name in left}
    for place, name in enumerate(left):
        rest = sum(minutes[other] for other in left[place:])
        print(f"gallery: {name}, {place + 1} of {len(left)}; about {rest:.0f} minutes left", file=sys.stderr)
        options = RunOptions(results / name, os.cpu_count() or 1, overwrite=True, before_cpu_s=cpu_s())
        print(run(plan_of(scenario(name), Changes()), options))
    hang(names, results, home)
    spent = [read_note(results / name / MANIFEST) for name in names]
    cpu, wall = (sum(float(each[key]) for each in spent) / 3600 for key in ("cpu_s", "wall_s"))
    print(f"gallery: {len(spent)} scenarios took {cpu:.2f} hours of CPU time, {wall:.2f} hours in all")


def _finished(folder: Path) -> bool:
    """True if the full run in this directory is whole and of the commit that is checked out."""
    found = read_note(folder / MANIFEST)
    return bool(found.get("finished")) and found.get("commit") == store._commit() and not _typed(found)


def _typed(manifest: Mapping[str, object]) -> list[str]:
    """Returns the options with which a run was changed."""
    typed = [word.split("=")[0] for word in shlex.split(str(manifest["command"]))]
    return [option for option in CHANGES if option in typed]


def _minutes(name: str, home: Path) -> float:
    """Returns the duration of a full run: that of the committed record, or what the scenario states."""
    try:
        return record_of(name, home).wall_s / 60
    except ConfigError:
        return scenario(name).minutes


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
    first = f"[Phone or cloud: who drafts?](../{RACE})\n\n" if raced(home) else ""
    head = (
        f"# Gallery\n\n{first}"
        "Answers and minutes. `make gallery` runs all. [Metrics](../metrics.md), "
        "[limits](../trust.md#which-limits-decide).\n"
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
    if changed := _typed(found.manifest):
        raise ConfigError(f"{folder}: made with {' and '.join(changed)}; the gallery shows full runs as shipped")
    noted = findings_file.read(folder)
    remarks = noted["remarks"]
    assert isinstance(remarks, list)
    told = answers_again(asked, found)
    (answer,) = [str(each.line) for each in told if each.is_answer] or [""]
    claims = [
        {"text": claim.text, "source": claim.source, "line": each.line.removeprefix(claim.heading)}
        for claim in asked.claims
        for each in told
        if each.asked == CLAIM and each.line.startswith(claim.heading)
    ]
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
            "remarks": [line for line in map(str, remarks) if not line.startswith(FACTS)],
            "figures": files,
            "answer": answer,
            "table": None if (table := findings_file.tables_of(noted)[0]) is None else asdict(table),
            "wall_s": found.manifest["wall_s"],
            "cpu_s": found.manifest["cpu_s"],
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
    drawn = [_entry(name, records[name]) for name in names if name in records and records[name].figures]
    rows = [drawn[first : first + ACROSS] for first in range(0, len(drawn), ACROSS)]
    width = min(ACROSS, len(drawn))
    table = ["| " * width + "|", "|---" * width + "|"] if drawn else []
    table += ["| " + " | ".join([*row, *[""] * (width - len(row))]) + " |" for row in rows]
    missing = ", ".join(f"`sqsim run {name}`" for name in names if name not in records)
    note = [f"Not drawn since wire format {WIRE_FORMAT}: {missing}\n"] if missing else []
    return "\n".join([f"## {topic}\n", *table, *([""] if table else []), *note])


def _entry(name: str, record: Record) -> str:
    """A scenario's picture, whose text is its question, the beginning of its answer, and the minutes of its run."""
    question = record.question.replace("|", " ").replace('"', "")
    picture = f'[<img src="{next(iter(record.figures))}" alt="{question}" width="250">]({name}.md)'
    answer = in_one_breath(record.answer, most=INDEX_WORDS).replace("|", " ")
    return f"{picture} [{name}]({name}.md), {max(1, round(record.wall_s / 60))} min: {answer}"


def _page(name: str, records: Mapping[str, Record]) -> str:
    """A scenario's question, answer, figures, papers' claims, what they were made with, and its table as far as
    PAGE_WORDS go; COLLECTING has the claims of all, with their numbers."""
    record = records[name]
    others = [each for each in records if each != name and records[each].claims] if name == COLLECTING else []
    judged = [(each, claim) for each in (name, *others) for claim in records[each].claims]
    claims = [
        f"| {claim.text} | {claim.source} | {_verdict(claim.line, name, each)} |"
        for each, claim in ((each, claim.safe) for each, claim in judged)
    ]
    papers = ["## Do the papers' claims hold?", "\n".join(["| claim | source | here |", "|---|---|---|", *claims])]
    papers += [] if name == COLLECTING else [f"With numbers: [{COLLECTING}]({COLLECTING}.md)"]
    papers += [
        f"![{each}, of its page]({next(iter(records[each].figures))})" for each in others if records[each].figures
    ]
    facts = {
        "made": f"{record.date}, commit {record.commit[:7]}, wire format {record.wire_format}",
        "took": f"{record.wall_s / 60:.1f} min, {record.cpu_s / 60:.1f} of CPU",
        "pair": record.pair, "latency models": record.clock, "temperature": record.temperature,
        "prompts; answers": f"{record.prompts}; {record.answers} (tokens)",
        "round trip (mean delays)": record.round_trip, "seeds": record.seeds,
    }  # fmt: skip
    rows = [f"| {fact} | {_brief(text.replace('|', ' '))} |" for fact, text in facts.items() if text]
    figures = [f"![{name}, {file[len(name) + 1 : -4]}]({file})" for file in record.figures]
    parts = [
        f"# {name}", record.question, *([f"**Answer.** {record.answer}"] if record.answer else []), *figures,
        *(papers if claims else ()), "\n".join(["## What it was made with\n", "| | |", "|---|---|", *rows]),
        _remarks(name, record.remarks),
    ]  # fmt: skip
    made = f"Made by `sqsim run {name}`; all numbers: `sqsim report results/{name}`. [Gallery](README.md)"
    collected = words("\n".join(claims)) if name == COLLECTING else 0
    room = PAGE_WORDS + collected - words("\n".join([*parts, made]))
    table = _table(name, record.table, room) if record.table else ""
    return "\n\n".join(filter(None, [*parts, table, made])) + "\n"


def _verdict(line: str, on: str, of: str) -> str:
    """Returns on the page COLLECTING what was found, with a link if another scenario found it; elsewhere in one word or
    three."""
    if on != COLLECTING:
        return line.split(":")[0]
    return line if of == on else f"{line} ([{of}]({of}.md))"


def _remarks(name: str, remarks: Sequence[str]) -> str:
    """Returns a line for each short remark and each assumption, and the number of the others."""
    shown = [line for line in remarks if line.startswith("Assumed: ") or len(line.split()) <= FACT_WORDS]
    others = len(remarks) - len(shown)
    more = [f"{others} more remark{'' if others == 1 else 's'}: `sqsim run {name} --details`"] if others else []
    return "\n".join(f"* {_brief(line)}" for line in (*shown, *more))


def _table(name: str, table: TextTable, most: int) -> str:
    """Returns the table without half-widths, as many of its first groups, or rows of a single one, as have at most so
    many words."""
    whole = [
        (group.name, (line, [replace(each, half_width="") for each in row]))
        for group in table.groups
        for line, row in group.rows
    ]
    note = f"{{}} of {len(whole)} rows, without intervals; all: `sqsim table results/{name}`"
    ends = [place for place in range(1, len(whole)) if whole[place][0] != whole[place - 1][0]]
    for rows in (len(whole), *(reversed(ends or range(1, len(whole))))):
        names = dict.fromkeys(of for of, _ in whole[:rows])
        groups = [TableGroup(of, [row for at, row in whole[:rows] if at == of]) for of in names]
        legend = [each for each in table.legend if not each.startswith("±")]
        text = written(replace(table, groups=groups, legend=legend, notes=()), "markdown")
        text = "\n\n".join(filter(None, [table.heading and f"**{table.heading}**", text, note.format(rows)]))
        if words(text) <= most:
            return text
    return ""


def words(page: str) -> int:
    """Returns the number of words of a page, those of tables among them, without figures and lines between cells."""
    text = re.sub(r"!?\[<?!?img[^]]*\]\([^)]*\)|!\[[^]]*\]\([^)]*\)", " ", page)
    return sum(any(letter.isalnum() for letter in word) for word in text.split())


def _brief(text: str) -> str:
    """Returns a text as far as its clauses have FACT_WORDS, with ` ...` if there are more."""
    clauses = re.split(r"(?<=[;,]) | (?=or )", text)
    kept = ""
    for clause in clauses:
        if kept and len(f"{kept} {clause}".split()) > FACT_WORDS:
            return f"{kept.rstrip(';,')} ..."
        kept = f"{kept} {clause}".strip()
    return kept


def _once(text: str) -> str:
    """Returns a text without what it has in brackets a second time."""
    seen = set[str]()

    def first(found: re.Match[str]) -> str:
        repeated = found[0] in seen
        seen.add(found[0])
        return "" if repeated else found[0]

    return re.sub(r" \([^()]{15,}\)", first, text)


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
