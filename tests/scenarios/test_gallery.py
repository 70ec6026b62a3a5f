"""The gallery holds every figure of a run, small, under what the run found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from channels.codec.draft import WIRE_FORMAT
from scenarios.command import gallery
from scenarios.command.registry import NAMES
from scenarios.command.scenario import Scenario

TINY = Scenario(
    name="codes",
    summary="Which is cheaper?",
    minutes=1,
    base={
        "models.pair": {"kind": "synthetic", "size": 32, "contexts": 8},
        "workload.requests": 1,
        "workload.output_tokens": 6,
        "workload.prompt_tokens": 4,
    },
    grid={"scheme": ["dense", {"kind": "k_sqs", "k": 4}], "uplink.rate.bps": [1e3, 1e6]},
    axis="uplink.rate.bps",
    seeds=2,
    figures=("latency", "bits"),
)


def test_the_page_has_each_figure_as_text_and_each_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "scenario", lambda name: TINY)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "codes-old.svg").write_text("from a run before")
    gallery.make(["codes"], tmp_path / "results", tmp_path / "home")
    page = (tmp_path / "home" / "README.md").read_text()
    assert "## codes" in page and "Which is cheaper?" in page and "* latency per token over uplink rate:" in page
    assert re.search(rf"## codes\n\nMade on 20.*, commit .*, wire format {WIRE_FORMAT}\.\n\nWhich is cheaper\?", page)
    figures = sorted(path.name for path in (tmp_path / "home").glob("*.svg"))
    assert figures == ["codes-bits.svg", "codes-latency.svg"] and all(f"]({name})" in page for name in figures)
    for name in figures:
        text = (tmp_path / "home" / name).read_text()
        assert len(text) < 40_000 and "<text" in text and "K-SQS" in text and "<dc:date>" not in text


@pytest.mark.parametrize(("format", "marked"), [(WIRE_FORMAT, False), (WIRE_FORMAT - 1, True), ("unknown", True)])
def test_a_page_of_another_wire_format_than_the_codes_is_marked(tmp_path: Path, format: object, marked: bool) -> None:
    (tmp_path / "codes.txt").write_text(f"Made on 2026-11-26, commit 249131c, wire format {format}.\nAnswer: dense\n")
    assert (gallery.OLDER in gallery.page(tmp_path)) == marked


def test_each_page_of_the_gallery_says_what_it_was_made_with_and_no_older_one_goes_unmarked() -> None:
    page = (gallery.HOME / "README.md").read_text()
    names, *sections = zip(*re.findall(r"^## (\w+)\n\n(.*)$", page, re.MULTILINE), strict=True)
    assert names == tuple(name for name in NAMES if name in names) and len(names) > 20
    for line in sections[0]:
        found = re.match(r"Made on [\d-]{10}, commit [0-9a-f]{7}, wire format (\d+)\.", line)
        assert found and (int(found[1]) == WIRE_FORMAT or gallery.OLDER in line), line
    assert page == gallery.page(gallery.HOME), "run python -m scenarios.command.gallery --drawn, with no results"
