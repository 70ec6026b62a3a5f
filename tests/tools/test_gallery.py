"""The gallery holds every figure of a run, small, under what it was made with and what it found, or has none of it."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from channels.codec.draft import WIRE_FORMAT
from kinds import ConfigError
from kinds.files import read_json, read_note, sha256, write_note
from scenarios.command.registry import NAMES, scenario
from scenarios.command.scenario import Scenario
from scenarios.findings.text_table import TableEntry, TableGroup, TextTable
from simulator.sweeps import store
from tools import gallery

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TINY = Scenario(
    name="traces",
    summary=scenario("traces").summary,
    minutes=1,
    base={
        "models.pair": {"kind": "synthetic", "size": 32, "contexts": 8},
        "workload.requests": 1,
        "workload.output_tokens": 6,
        "workload.prompt_tokens": 4,
        "uplink.access_s": 0.01,
    },
    grid={"scheme": ["dense", {"kind": "k_sqs", "k": 4}], "uplink.rate.bps": [1e3, 1e6]},
    axis="uplink.rate.bps",
    seeds=2,
    figures=("latency", "bits"),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of TINY, and a gallery in which they hang in place of an earlier page."""
    folder = tmp_path_factory.mktemp("gallery")
    (folder / "home").mkdir()
    (folder / "home" / "traces-old.svg").write_text("from a run before")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery, "scenario", lambda name: TINY if name == "traces" else scenario(name))
        patch.setattr(store, "_commit", lambda: COMMIT)
        patch.setattr("os.cpu_count", lambda: 1)
        gallery.make(["traces"], folder / "results", folder / "home")
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A gallery of one page, to be broken."""
    return Path(shutil.copytree(made / "home", tmp_path / "home"))


@pytest.fixture
def results(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The results of that page, to be broken."""
    monkeypatch.setattr(gallery, "scenario", lambda name: TINY if name == "traces" else scenario(name))
    return Path(shutil.copytree(made / "results", tmp_path / "results"))


def changed(path: Path, **fields: object) -> None:
    """Writes a note anew with other fields, and a checksum that fits; None: without the field."""
    note = {**read_note(path), **fields}
    write_note(path, {name: value for name, value in note.items() if value is not None})


def test_the_page_has_each_figure_in_its_own_letters_and_the_first_table(home: Path) -> None:
    page = (home / "traces.md").read_text()
    assert page.startswith(f"# traces\n\n{TINY.summary}\n\n")
    assert "\n\n| ms per token, by uplink rate | 1 kbit/s | 1 Mbit/s |\n|---|---:|---:|\n| " in page
    assert "±" not in page.rpartition("| ms per token")[2] and "\n2 of 2 rows, without intervals" in page
    figures = sorted(path.name for path in home.glob("*.svg"))
    assert (
        f'[<img src="traces-latency.svg" alt="{TINY.summary}" width="250">](traces.md) '
        "[traces](traces.md), 1 min: " in (home / "README.md").read_text()
    )
    assert figures == ["traces-bits.svg", "traces-latency.svg"] and all(f"]({name})" in page for name in figures)
    for name in figures:
        text = (home / name).read_text()
        assert len(text) < 100_000 and "<text" not in text and "K-SQS" in text and "<dc:date>" not in text


def test_what_a_page_was_made_with_is_read_from_its_manifest_and_cells(home: Path, made: Path) -> None:
    date = read_note(made / "results" / "traces" / "manifest.json")["date"][:10]
    made_with, _, _ = (home / "traces.md").read_text().partition("| ms per token")
    rows = dict(re.findall(r"^\| (\w[^|]*) \| (.*) \|$", made_with, re.MULTILINE))
    assert re.fullmatch(r"\d+\.\d min, \d+\.\d of CPU", rows.pop("took"))
    assert rows.pop("pair").startswith("synthetic: synthetic Markov ") and "OPT-13B" in rows.pop("latency models")
    assert rows == {
        "made": f"{date}, commit {COMMIT[:7]}, wire format {WIRE_FORMAT}",
        "temperature": "1",
        "prompts; answers": "4; 6 (tokens)",
        "round trip (mean delays)": "40 ms, and 10 ms until granted",
        "seeds": "0, 1",
    }


BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "older": (lambda home: changed(home / "traces.json", wire_format=WIRE_FORMAT - 1), "wire_format = "),
    "newer": (lambda home: changed(home / "traces.json", wire_format=WIRE_FORMAT + 1), "wire_format = "),
    "uncommitted": (lambda home: changed(home / "traces.json", commit=COMMIT + "+"), "commit = "),
    **{
        fact: (lambda home, fact=fact: changed(home / "traces.json", **{fact: None}), f"{fact}: Field required")
        for fact in ("date", "commit", "wire_format", "pair", "clock", "prompts", "answers", "round_trip", "seeds")
    },
    "typed": (lambda home: retyped(home / "traces.json"), "not as .* has written it"),
    "no record": (lambda home: (home / "traces.json").unlink(), "no record"),
    "another figure": (
        lambda home: (home / "traces-bits.svg").write_text("<svg/>"),
        "traces-bits.svg: is not the figure",
    ),
    "a figure more": (lambda home: (home / "traces-old.svg").write_text("<svg/>"), "traces-old.svg: is no figure of"),
}


def retyped(path: Path) -> None:
    path.write_text(path.read_text().replace('"prompts": "4"', '"prompts": "170"'))


@pytest.mark.parametrize("broken", BREAKS)
def test_a_page_without_its_facts_or_of_another_wire_format_is_refused_and_taken_down(
    home: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(gallery.hung(home)) == ["traces"] and "`sqsim run traces`" not in gallery.pages(home)["README.md"]
    breaking, reason = BREAKS[broken]
    breaking(home)
    with pytest.raises(ConfigError, match=reason):
        gallery.record_of("traces", home)
    gallery.hang([], home, home)
    assert [path.name for path in home.iterdir()] == ["README.md"] and "taken down: " in capsys.readouterr().err
    page = (home / "README.md").read_text()
    assert "traces.svg" not in page and f"since wire format {WIRE_FORMAT}" in page and "`sqsim run traces`" in page


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"wire_format": WIRE_FORMAT - 1}, "wire_format = "),
        ({"commit": COMMIT + "+"}, "commit = "),
        ({"command": "sqsim run traces --quick"}, "made with --quick"),
        ({"command": "sqsim run traces --set=models.temperature=0"}, "made with --set"),
        ({"finished": False}, "has not ended"),
    ],
)
def test_results_that_may_not_hang_leave_the_gallery_as_it_was(
    results: Path, home: Path, fields: dict[str, object], reason: str
) -> None:
    before = {path: path.read_bytes() for path in home.iterdir()}
    changed(results / "traces" / "manifest.json", **fields)
    with pytest.raises(ConfigError, match=reason):
        gallery.hang(["traces"], results, home)
    assert before == {path: path.read_bytes() for path in home.iterdir()}


def test_a_cell_that_was_altered_tells_no_facts(results: Path, home: Path) -> None:
    cell = min((results / "traces" / "cells").iterdir())
    cell.write_text(cell.read_text().replace("prompt_tokens: 4", "prompt_tokens: 170"))
    with pytest.raises(ConfigError, match="is not what was written there"):
        gallery.hang(["traces"], results, home)


def test_findings_are_computed_from_the_tables_of_results_whoever_wrote_them(results: Path, home: Path) -> None:
    before = (home / "traces.md").read_text()
    folder = results / "traces"
    noted = read_json(folder / "findings.json")
    (folder / "findings.json").write_text(json.dumps({**noted, "findings": [], "answer": "an older one"}))
    manifest = read_note(folder / "manifest.json")
    files = {**manifest["files"], "findings.json": sha256(folder / "findings.json")}
    changed(folder / "manifest.json", files=files)
    gallery.hang(["traces"], results, home)
    assert (home / "traces.md").read_text() == before


def test_of_remarks_the_short_ones_and_assumptions_are_shown_and_the_others_counted() -> None:
    remarks = [
        "Without the drafter alone.",
        f"Assumed: {'a word, ' * 20}",
        f"Chosen: {'K-SQS, ' * 40}",
        "Busy: " + "x " * 40,
    ]
    first, assumed, more = gallery._remarks("traces", remarks).splitlines()
    assert first == "* Without the drafter alone." and assumed.startswith("* Assumed: ") and assumed.endswith(" ...")
    assert len(assumed.split()) <= gallery.FACT_WORDS + 2
    assert more == "* 2 more remarks: `sqsim run traces --details`"


def test_a_table_that_is_too_long_for_its_page_is_cut_between_groups() -> None:
    rows = [("K-SQS", [TableEntry("1.0", "0.1", "*")]), ("dense", [TableEntry("2.0", "0.1")])]
    table = TextTable("", "ms", ["1 kbit/s"], [TableGroup(name, rows) for name in ("LTE", "ideal")])
    whole, half = (gallery._table("traces", table, most) for most in (100, 22))
    assert "4 of 4 rows" in whole and "ideal" in whole and "±" not in whole
    assert "2 of 4 rows" in half and "LTE" in half and "ideal" not in half
    assert gallery._table("traces", table, 3) == ""


def test_what_this_commit_has_finished_is_not_run_again_and_what_is_left_is_said(
    results: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = list[str]()
    monkeypatch.setattr(store, "_commit", lambda: COMMIT)
    monkeypatch.setattr(gallery, "run", lambda plan, options: ran.append(options.out.name))
    gallery.make(["traces"], results, home)
    took = float(read_note(results / "traces" / "manifest.json")["cpu_s"]) / 3600
    assert not ran and f"gallery: 1 scenarios took {took:.2f} hours of CPU time" in capsys.readouterr().out
    monkeypatch.setattr(store, "_commit", lambda: "f" * 40)
    monkeypatch.setattr(gallery, "_minutes", lambda name, home: 7.0)
    gallery.make(["traces"], results, home)
    assert ran == ["traces"] and "gallery: traces, 1 of 1; about 7 minutes left" in capsys.readouterr().err


def test_verdicts_are_on_their_page_and_all_claims_with_numbers_on_the_papers(home: Path) -> None:
    claim = {"text": "short is fast", "source": "a paper", "line": "holds: |TV| 5% lower"}
    (record,) = gallery.hung(home).values()
    judged = replace(record, claims=(gallery.Judged(**claim),))
    row = "| short is fast | a paper | holds"
    assert f"\n{row} |\n\nWith numbers: [paper](paper.md)\n" in gallery._page("traces", {"traces": judged})
    collected = gallery._page("paper", {"traces": judged, "paper": record})
    assert f"\n{row}: \\|TV\\| 5% lower ([traces](traces.md)) |\n" in collected
    assert "](traces-latency.svg)" in collected and "With numbers" not in collected
    assert "claims hold" not in gallery._page("paper", {"traces": record, "paper": record})


def test_hanging_again_changes_nothing(results: Path, home: Path) -> None:
    before = {path: path.read_bytes() for path in home.iterdir()}
    gallery.hang(["traces"], results, home)
    assert before == {path: path.read_bytes() for path in home.iterdir()}


def test_hanging_what_is_no_scenario_or_has_no_results_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, reason in (("codec", "no such scenario"), ("traces", "no such directory")):
        assert gallery.main(["--drawn", name]) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1 and reason in told


def test_each_page_of_the_gallery_has_a_record_of_the_codes_wire_format() -> None:
    for name in {re.split(r"[-.]", path.name)[0] for path in gallery.HOME.iterdir()} - {"README"}:
        assert name in NAMES and gallery.record_of(name, gallery.HOME).wire_format == WIRE_FORMAT
    for name, text in gallery.pages(gallery.HOME).items():
        assert (gallery.HOME / name).read_text() == text, "run " + gallery.HANG
        most = {"README.md": 600, f"{gallery.COLLECTING}.md": 2_000}.get(name, gallery.PAGE_WORDS)
        assert gallery.words(text) <= most, name


def test_every_scenario_has_one_topic_and_hangs_or_is_listed_with_the_command_that_draws_it() -> None:
    assert sorted(name for names in gallery.TOPICS.values() for name in names) == sorted(NAMES)
    pages = gallery.pages(gallery.HOME)
    listed = re.findall(r" \[(\w+)\]\(\w+\.md\), \d+ min: |`sqsim run (\w+)`", pages["README.md"])
    assert sorted(drawn or missing for drawn, missing in listed) == sorted(NAMES)
    assert set(pages) == {"README.md", *(f"{drawn}.md" for drawn, _ in listed if drawn)}
