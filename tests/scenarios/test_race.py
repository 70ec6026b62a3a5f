"""`sqsim report DIR --race`: the page's numbers are those of the tables, it needs nothing else, and in a real browser
its sentence follows the slider."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from browser import driven
from parsed_page import parsed

from scenarios.command.report.race_page import page
from scenarios.findings.comparisons import places
from simulator.results.column_names import CHOSEN, CURVE, SETTING
from simulator.results.paired_ratios import with_curves_of
from simulator.results.plain_columns import in_plain_columns
from simulator.results.result_directory import record
from tools import gallery

LATENCY, RATE = "latency_per_token_s", "uplink.rate.bps"
COMMITTED = gallery.HOME.parent / gallery.RACE


def table_in(path: Path) -> dict[str, Any]:
    """The table that a page carries."""
    (script,) = [each for each in parsed(path.read_text(encoding="utf-8")).all("script") if "id" in each.attributes]
    found: dict[str, Any] = json.loads(script.text)
    return found


@pytest.fixture(scope="module")
def committed() -> dict[str, Any]:
    return table_in(COMMITTED)


def test_the_numbers_are_those_of_the_summary_and_of_the_paired_comparisons(typed, mine):
    assert typed("report", "mine", "--race") == (0, "mine/race.html\n", "")
    table = table_in(mine / "race.html")
    summary = pd.read_csv(mine / "chosen_and_fixed.csv").query(f"{SETTING} == '{CHOSEN}'")
    cells = with_curves_of(summary, in_plain_columns(pd.read_csv(mine / "cells.csv", low_memory=False)))
    there = places(cells, RATE, LATENCY)
    assert table["values"] == ["10 kbit/s", "1 Mbit/s"] and len(there) == 2 and table["seeds"] == 2
    assert {each["scheme"] for each in table["schemes"]} == {*summary[CURVE]}
    roles = {each["scheme"]: each["role"] for each in table["schemes"]}
    assert [roles[each] for each in ("cloud_only", "edge_only", "k_sqs")] == ["baseline", "lossy", "edge"]

    def rounded(value: float) -> float:
        return float(f"{value:.4g}")

    for scheme in table["schemes"]:
        for at, place in enumerate(there):
            (row,) = summary[(summary[CURVE] == scheme["scheme"]) & (summary[RATE] == place.at)].to_dict("records")
            assert scheme["mean"][at] == rounded(row[LATENCY])
            if scheme["role"] == "baseline":
                assert scheme["ratio"][at] is None
                continue
            less = place.of(scheme["scheme"], "cloud_only").less
            expected = [1 + less.size] * 3 if less.same else [1 + less.size, 1 + less.low, 1 + less.high]
            assert [scheme[name][at] for name in ("ratio", "low", "high")] == [rounded(each) for each in expected]


def test_a_run_without_a_baseline_has_nothing_to_race(refused, mine):
    path = mine / "chosen_and_fixed.csv"
    pd.read_csv(path).query("`scheme.kind` != 'cloud_only'").to_csv(path, index=False)
    record(mine, [path])
    assert "mine: no cloud_only beside a scheme that drafts on the device" in refused("report", "mine", "--race")


def test_the_committed_page_is_made_of_the_committed_table_is_small_and_needs_nothing_else(committed):
    text = COMMITTED.read_text(encoding="utf-8")
    assert text == gallery.raced(gallery.HOME), "run " + gallery.HANG
    assert len(text.encode()) < 60_000 and not re.search(r"https?:(?!//www\.w3\.org/2000/svg)|url\(|@import", text)
    for element in parsed(text).every():
        for name in ("src", "href", "action"):
            assert element.attributes.get(name, "data:").startswith("data:")
    assert len(committed["values"]) == 7 and committed["tokens"] == 146 and committed["seeds"] == 8


SEEN = """
  const slider = document.getElementById("at");
  const seen = () => ({
    answer: document.getElementById("answer").textContent, side: document.getElementById("answer").className,
    word: slider.getAttribute("aria-valuetext"), hash: decodeURIComponent(location.hash.replaceAll("+", " ")),
    title: document.getElementById("chart-title").textContent,
    took: [...document.querySelectorAll(".lane")].map((each) => [
      each.querySelector("b").firstChild.textContent, each.querySelector(".took b").textContent]),
    rows: [...document.querySelectorAll("#others tbody tr")].map((each) => each.textContent),
    wide: document.documentElement.scrollWidth, inner: innerWidth,
    ground: getComputedStyle(document.body).backgroundColor,
  });
  const slide = (place) => { slider.value = place; slider.dispatchEvent(new Event("input")); return seen(); };
"""


def side(table: dict[str, Any], group: int, at: int) -> tuple[str, float]:
    """The answer at a place: of the schemes that draft on the device the one of least ratio."""
    mine = [each for each in table["schemes"] if each["group"] == group and each["role"] == "edge"]
    best = min(mine, key=lambda each: each["ratio"][at])
    low, high = best["low"][at], best["high"][at]
    return "yes" if high < 1 else "no" if low > 1 else "even", best["ratio"][at]


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (420, True)])
def test_the_sentence_follows_the_slider_and_the_buttons_and_the_address_keeps_both(committed, tmp_path, width, dark):
    act = """
      found.first = seen();
      found.slid = [...Array(Number(slider.max) + 1).keys()].map(slide);
      document.querySelectorAll("#fields input")[0].click();
      found.chosen = [...Array(Number(slider.max) + 1).keys()].map(slide);
      document.getElementById("race").click();
      await settled();
      found.clips = [...document.querySelectorAll(".bar i")].map((each) => each.style.clipPath);
      found.clock = document.getElementById("clock").textContent;
    """
    sent = "#case=temperature+1%2C+LTE&at=1+Mbit%2Fs"
    found = driven(COMMITTED, SEEN + act, tmp_path, sent, width=width, dark=dark)
    assert found["first"]["word"] == "1 Mbit/s" and found["first"]["hash"] == "#case=temperature 1, LTE&at=1 Mbit/s"
    for group, moved in ((2, found["slid"]), (0, found["chosen"])):
        assert [each["word"] for each in moved] == committed["values"]
        for at, each in enumerate(moved):
            answer, ratio = side(committed, group, at)
            assert each["side"] == answer
            start = {"yes": "Yes.", "no": "No.", "even": "There is no clear difference"}[answer]
            assert each["answer"].startswith(start)
            if answer == "yes":
                assert f"takes {100 * (1 - ratio):.0f}% less time" in each["answer"]
            (cloud,) = [
                one["mean"][at] for one in committed["schemes"] if (one["group"], one["role"]) == (group, "baseline")
            ]
            took = dict(each["took"])["cloud only"]
            assert took == (f"{cloud * 146:.1f} s" if cloud * 146 < 9.95 else f"{cloud * 146:.0f} s")
    assert {side(committed, 2, at)[0] for at in range(7)} == {"yes", "no", "even"}
    assert found["chosen"][3]["title"].startswith("Drafting on the device beats the cloud alone from 10")
    assert len(found["first"]["rows"]) == 5 and len(found["chosen"][0]["rows"]) == 3
    assert found["clock"].endswith(" s") and all(clip.startswith("inset(") for clip in found["clips"])
    assert found["first"]["wide"] <= found["first"]["inner"] == width
    assert (found["first"]["ground"] == "rgb(16, 20, 24)") == dark


def test_a_name_is_text_and_no_markup(tmp_path):
    race = gallery.record_of(gallery.RACED, gallery.HOME).race
    assert race is not None
    hostile = "</script><img/src='x'/onerror=document.title='ran'>"
    schemes = tuple(replace(each, scheme=each.scheme.replace("k_sqs", hostile)) for each in race.schemes)
    (tmp_path / "race.html").write_text(page(replace(race, schemes=schemes, made=hostile)), encoding="utf-8")
    found = driven(tmp_path / "race.html", SEEN + "found.seen = seen(); found.title = document.title;", tmp_path)
    assert any("onerror" in name for name, _ in found["seen"]["took"]) and found["title"].startswith("Phone or cloud")
