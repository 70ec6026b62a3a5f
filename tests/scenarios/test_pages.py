"""The pages hang together: links lead somewhere, drawings name what is there, commands are commands."""

import configparser
import importlib.util
import json
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from browser import driven
from typed_blocks import commands

import sqsim
from scenarios.command.cli import _parser
from scenarios.command.registry import LISTS, NAMES
from simulator.results.column_names import BREAKDOWN
from tools.readme_tables import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
NAMED = [str(page.relative_to(ROOT)) for page in PAGES]


def anchors(page: Path) -> set[str]:
    """What a link may name within a page: its headings in lower case, with hyphens."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=NAMED)
def test_every_link_leads_to_a_file_and_a_heading(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.is_relative_to(ROOT) and there.exists(), f"{page}: {target} leads nowhere"
        assert not anchor or anchor in anchors(there), f"{page}: {target} has no such heading"


def test_every_file_that_a_contributor_is_sent_to_is_there():
    folders = "kinds|channels|models|simulator|scenarios|plots|tools|tests|docs|examples"
    named = re.findall(rf"`((?:{folders})/[\w/.]*)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert len(named) > 50 and not [path for path in named if "NAME" not in path and not (ROOT / path).exists()]


@pytest.mark.parametrize("page", PAGES, ids=NAMED)
def test_every_command_of_a_page_is_one(page):
    for command in commands(page.read_text()):
        options = _parser().parse_args(command)
        assert getattr(options, "name", None) in (None, *NAMES, *LISTS)


def test_every_page_is_in_the_contents_of_the_site_once():
    conf = runpy.run_path(str(ROOT / "docs" / "conf.py"))
    listed = [
        Path("/", "" if page == "README" else str(Path(page).parent), name)
        for page, groups in conf["MORE"].items()
        for names in groups.values()
        for name in names
    ]
    there = [Path("/", page.relative_to(ROOT).with_suffix("")) for page in ROOT.glob("docs/**/*.md")]
    assert sorted(listed) == sorted([*there, *(Path("/", page) for page in conf["PROJECT"])])
    assert list(conf["GROUPS"]) == ["Start here", "How to", "Explanation", "Reference"]


def test_a_search_ranks_pages_before_names_of_the_api(tmp_path):
    scorer = (ROOT / "docs" / runpy.run_path(str(ROOT / "docs" / "conf.py"))["html_search_scorer"]).read_text()
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><body><script>{scorer}</script></body>", encoding="utf-8")
    results = [["docs/api/parts", "KSqs", "", "", 26], ["docs/schemes", "", "", "", 5], ["README", "", "", "", 2]]
    script = f"found.ranked = {results}.sort((a, b) => Scorer.score(b) - Scorer.score(a)).map((each) => each[0]);"
    assert driven(page, script, tmp_path)["ranked"] == ["docs/schemes", "README", "docs/api/parts"]


MOST_WORDS = {
    "README.md": 650, "CHANGELOG.md": 1000, "docs/tutorial.md": 1300, "docs/findings.md": 1300,
    "docs/how_it_works.md": 1300, "docs/schemes.md": 1600, "docs/own_parts.md": 1400,
    "docs/own_numbers.md": 1050,
    "docs/links_and_devices.md": 1500, "docs/serving.md": 1200, "docs/trust.md": 1500, "docs/reference.md": 2200,
}  # fmt: skip
"""Most words of each page that a person wrote, code and generated tables apart."""
GENERATED = {"docs/commands.md", "docs/metrics.md", *(name for name in NAMED if re.match(r"docs/(api|gallery)/", name))}
PROJECT = {"CONTRIBUTING.md", "THIRD_PARTY_NOTICES.md"}


def words_in(name: str) -> int:
    """Words of a page without blocks of code, pictures and generated tables."""
    text = re.sub(
        r"```.*?```|<img [^>]*>|<!-- [^>]*made by.*?<!-- end -->", "", (ROOT / name).read_text(), flags=re.DOTALL
    )
    return len(text.split())


def test_no_page_is_longer_than_a_reader_bears_and_all_are_fifteen_thousand_words():
    assert {*NAMED} - GENERATED - PROJECT == {*MOST_WORDS} - GENERATED
    found = {name: words_in(name) for name in MOST_WORDS}
    assert not {name: (found[name], most) for name, most in MOST_WORDS.items() if found[name] > most}
    assert sum(found.values()) <= 15_000


def test_the_first_screen_of_the_readme_is_short():
    before = (ROOT / "README.md").read_text().partition("## Commands")[0]
    assert len(before.split()) <= 500


def intervals_of(text: str) -> set[tuple[int, int]]:
    """The intervals (`24% to 36%`) of a text without the paragraphs that have a date, which are of older runs."""
    undated = [part for part in text.split("\n\n") if not re.search(r"\d{4}-\d\d-\d\d", part)]
    return {(int(low), int(high)) for low, high in re.findall(r"\((-?\d+)% to (-?\d+)%\)", "\n\n".join(undated))}


@pytest.mark.parametrize(
    ("page", "start", "end", "scenario"),
    [
        ("README.md", "## What we found", "**A drafter in the cloud", "latency_at_70b"),
        ("docs/findings.md", "## Should a phone", "**The serving mode decides", "latency_at_70b"),
        ("docs/findings.md", "## How fast must", "## What is each idea", "who_drafts"),
    ],
)
def test_a_pages_comparisons_with_cloud_only_are_those_of_the_committed_run(page, start, end, scenario):
    text = (ROOT / page).read_text().partition(start)[2].partition(end)[0]
    record = json.loads((ROOT / "docs" / "gallery" / f"{scenario}.json").read_text())
    pairs = {
        (round(100 * (low - 1)), round(100 * (high - 1)))
        for scheme in record["race"]["schemes"]
        for low, high in zip(scheme["low"], scheme["high"], strict=True)
        if low is not None
    }
    less = {(-high, -low) for low, high in pairs}
    found = intervals_of(text)
    assert len(found) >= 2 and found <= pairs | less, found - pairs - less


def test_the_glossary_has_the_words_that_readers_look_for_in_order():
    glossary = (ROOT / "docs" / "reference.md").read_text().partition("## What does a word mean?")[2]
    words = re.findall(r"^### (.*)$", glossary, re.MULTILINE)
    assert words == sorted(words, key=str.casefold) and len(words) >= 40
    for word in ("K-SQS", "C-SQS", "5G", "Energy", "Acceptance", "Latency per token", "Speculative decoding"):
        assert word in words, word


def words_of(drawing: str) -> list[str]:
    """The texts of a drawing, in its order."""
    tree = ElementTree.parse(ROOT / "docs" / "drawings" / drawing)
    return [str(element.text) for element in tree.iter("{http://www.w3.org/2000/svg}text")]


def test_the_house_has_the_rooms_that_are_there_from_the_top_down():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    rooms = [room for room in setup["importlinter:contract:rooms"]["layers"].split() if room != "|"]
    words = words_of("house.svg")
    assert [word for word in words if word in rooms] == rooms
    packages = [word for word in words if word.endswith("/")]
    assert all((ROOT / package).is_dir() for package in packages)
    assert {package.split("/")[0] for package in packages} == set(setup["importlinter"]["root_packages"].split())


def test_the_round_is_made_of_parts_of_the_latency_and_drawings_have_a_dark_side_and_a_description():
    parts = [word for word in words_of("round.svg") if word.endswith("_s")]
    assert len(parts) >= 8 and set(parts) <= set(BREAKDOWN)
    for drawing in (ROOT / "docs" / "drawings").glob("*.svg"):
        text = drawing.read_text()
        assert "prefers-color-scheme: dark" in text and 'class="paper"' in text
        assert "<title" in text and "<desc" in text and "http" not in text.replace("http://www.w3.org", "")


def test_the_citation_names_this_version_and_both_papers_and_the_changelog_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0" and citation["version"] == sqsim.__version__
    assert all(citation[field] for field in ("message", "title", "authors", "license"))
    dois = [identifier["value"] for paper in citation["references"] for identifier in paper["identifiers"]]
    assert dois == ["10.48550/arXiv.2510.09942", "10.48550/arXiv.2507.00605"]
    readme = (ROOT / "README.md").read_text()
    for paper in citation["references"]:
        assert all(author["family-names"] in readme for author in paper["authors"])
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased" and sqsim.__version__ in headings


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("sphinx") is None, reason="needs the extra sqsim[docs]")
def test_the_site_is_built_without_a_warning(tmp_path):
    (line,) = re.findall(r"^\t\$\(BIN\)/sphinx-build (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    options = [word.replace("build/", f"{tmp_path}/") for word in shlex.split(line)]
    subprocess.run([sys.executable, "-m", "sphinx", *options], cwd=ROOT, check=True)
    assert "sqsim.simulate" in (tmp_path / "docs" / "docs" / "api" / "index.html").read_text()
    found = json.loads((tmp_path / "docs" / "searchindex.js").read_text().partition("(")[2].rpartition(")")[0])
    glossary = found["docnames"].index("docs/reference")
    for word in ("sqs", "5g", "energi", "latenc"):
        pages = found["titleterms"].get(word, [])
        assert glossary in (pages if isinstance(pages, list) else [pages]), f"a search for {word} misses the glossary"
