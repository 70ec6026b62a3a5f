"""A result directory as one page: all that is in it is shown, it needs nothing else, and a real browser shows it."""

import base64
import hashlib
import json
import math
import re
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from browser import driven
from matplotlib.text import Text
from parsed_page import Element, parsed
from typed_command import noted

import plots
import scenarios.command.report
from kinds.files import read_note, write_note
from scenarios.command.cli import main
from scenarios.command.report.at_each_value import Compared
from scenarios.command.report.drawing import figures_of
from scenarios.command.report.report_figures import SVG, inline
from scenarios.command.report.report_table import DEFINITIONS, comparisons, with_interval
from scenarios.command.result_folder import ResultFolder
from simulator.results.column_names import BREAKDOWN
from simulator.results.display_names import DisplayNames
from simulator.results.lossy_schemes import marked
from simulator.results.metrics import METRICS
from simulator.results.result_directory import record
from simulator.results.units import state_name

LATENCY = "latency_per_token_s"
TEMPLATES = Path(scenarios.command.report.__file__).parent / "templates"


@pytest.fixture(scope="session")
def report(finished, tmp_path_factory):
    """The report of a finished run."""
    path = tmp_path_factory.mktemp("report") / "new folder" / "page.html"
    assert main(["report", str(finished.out), "--out", str(path)]) == 0
    return path


@pytest.fixture(scope="session")
def page(report):
    return parsed(report.read_text(encoding="utf-8"))


def with_id(page: Element, name: str) -> Element:
    (found,) = [each for each in page.every() if each.attributes.get("id") == name]
    return found


def test_the_page_tells_question_sentences_command_and_versions(page, finished):
    manifest = json.loads((finished.out / "manifest.json").read_text())
    assert (
        page.all("h1")[0].text == "Which scheme has the lowest latency per token, from 1 kbit/s to 10 Mbit/s of uplink?"
    )
    text = " ".join(page.text.split())
    found = json.loads((finished.out / "findings.json").read_text())
    lines = [found["answer"], *(each["line"] for each in found["findings"])]
    for line in (*lines, manifest["command"], manifest["date"], manifest["sqsim"], manifest["host"]):
        assert " ".join(line.split()) in text
    assert f"sqsim compare {finished.out} OTHER" in text and f"{finished.out}/cells/{manifest['cells'][0]}.yaml" in text
    assert manifest["libraries"]["numpy"] in text


def test_footer_head_and_captions_state_what_was_changed_of_the_scenario(page, finished):
    changed = "Changed: pair synthetic (size 64, contexts 8), requests 1, output tokens 6, prompt tokens 4."
    for text in (finished.stdout, page.text, json.loads((finished.out / "findings.json").read_text())["base"]):
        assert changed in " ".join(text.split())
    _, figure = next(figures_of(finished.out, ""))
    assert changed in " ".join(" ".join(each.get_text() for each in figure.findobj(Text)).split())


def test_the_table_has_every_setting_with_its_interval(page, finished):
    summary = pd.read_csv(finished.out / "chosen_and_fixed.csv")
    table = with_id(page, "results")
    keys = [heading.attributes["data-key"] for heading in table.all("thead")[0].all("th")]
    rows = table.all("tbody")[0].all("tr")
    assert {LATENCY, "uplink.rate.bps", "scheme.max_drafts", "payload_bits_per_token"} < {*keys}
    assert len(rows) == len(summary)
    for row, (_, text) in zip(rows, marked(summary).iterrows(), strict=True):
        entry = row.children[keys.index(LATENCY)]
        assert row.children[0].text == text["curve"]
        assert float(entry.attributes["data-v"]) == text[LATENCY]
        assert entry.text == with_interval(text[LATENCY], text[f"{LATENCY}_ci95"], LATENCY)
    every = [heading.attributes["data-key"] for heading in with_id(page, "metrics").all("thead")[0].all("th")]
    assert {name for name in METRICS if name in summary and summary[name].notna().any()} < {*every}


def test_a_value_is_read_with_its_interval_and_unit():
    assert with_interval(0.0432, 0.0053, LATENCY) == "43.2 ± 5.3 ms"
    assert with_interval(1600.0, 12.0, LATENCY) == "1.600 ± 0.012 ks"
    assert with_interval(0.5, math.nan, "acceptance_rate") == "0.5"
    assert with_interval(math.nan, math.nan, LATENCY) == "–"
    assert with_interval(1234.5, 100.0, "payload_bits_per_token") == "1,234 ± 100 bit"


def test_each_heading_tells_its_definition_and_its_scope_and_tables_have_captions(page):
    for table in (with_id(page, "results"), with_id(page, "metrics")):
        for heading in table.all("thead")[0].all("th"):
            key = heading.attributes["data-key"]
            if key in METRICS:
                assert METRICS[key].meaning in heading.text
                assert with_id(page, f"about-{key}").text == METRICS[key].meaning == DEFINITIONS[key]
                assert heading.children[0].attributes["aria-describedby"] == f"about-{key}"
    assert page.all("html")[0].attributes["lang"] == "en" and len(page.all("h1")) == 1
    for table in page.all("table"):
        assert table.all("caption")[0].text.strip()
        assert {each.attributes.get("scope") for each in table.all("thead") for each in each.all("th")} <= {"col"}
        assert {each.attributes.get("scope") for each in table.all("tbody")[0].all("th")} == {"row"}


def test_parameters_are_reported_once_what_varies_apart(page):
    varying, base = (
        {row.children[0].text: row for row in table.all("tbody")[0].all("tr")}
        for table in with_id(page, "parameters-part").all("table")
    )
    assert {"seed", "scheme.kind", "uplink.rate.bps", "scheme.max_drafts"} <= set(varying)
    assert varying["uplink.rate.bps"].children[1].text == "10 kbit/s, 1 Mbit/s"
    assert varying["seed"].children[1].text == "0, 1"
    assert base["edge.latency.size"].children[1].text == "opt_125m" and "edge.latency.size.layers" not in base
    assert base["workload.requests"].attributes["class"] == "changed"
    assert base["workload.requests"].children[1].text == "1" and "class" not in base["cloud.servers"].attributes
    assert not {*varying} & {*base}


def test_every_figure_of_the_directory_is_in_the_page_and_says_what_it_is(page, finished):
    drawn = {path.stem for path in (finished.out / "figures").glob("*.svg")}
    assert {each.attributes["id"] for each in page.all("figure")} == {f"figure-{name}" for name in drawn}
    for svg in page.all("svg"):
        assert svg.attributes["role"] == "img" and svg.attributes["aria-label"].startswith("Figure: ")
        assert not svg.all("style") and not svg.all("script") and not svg.all("metadata")
    assert all(figure.all("figcaption") for figure in page.all("figure"))


def test_the_page_needs_nothing_else(report, page):
    for element in page.every():
        for name, value in element.attributes.items():
            if name in ("src", "href", "xlink:href", "action", "poster"):
                assert value.startswith(("#", "data:")), (element.tag, name, value)
    text = report.read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    words = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert "@import" not in words and not re.search(r"url\((?!(&quot;)?#)", words)
    assert len(text.encode()) < 3_000_000
    (policy,) = [each for each in page.all("meta") if each.attributes.get("http-equiv") == "Content-Security-Policy"]
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    rules = dict(rule.split(" ", 1) for rule in policy.attributes["content"].split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert len(scripts) == 3 and rules["script-src"].split() == [f"'sha256-{digest}'" for digest in digests]


def test_ids_are_unique_and_references_lead_somewhere(report, page):
    ids = [element.attributes["id"] for element in page.every() if "id" in element.attributes]
    assert len(ids) == len({*ids})
    for element in page.every():
        for name in ("href", "xlink:href", "aria-describedby", "aria-labelledby"):
            value = element.attributes.get(name, "")
            if value.startswith("#") or name.startswith("aria"):
                assert not value or value.removeprefix("#") in ids, (element.tag, name, value)
    words = re.sub(r"<script.*?</script>", "", report.read_text(encoding="utf-8"), flags=re.DOTALL)
    for name in re.findall(r"url\((?:&quot;)?#([^)&]+)", words):
        assert name in ids


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_its_ground(dark):
    """WCAG 2.2, 1.4.3: a ratio of 4.5 at least."""
    style = (TEMPLATES / "report.css").read_text()
    light, night, _ = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#\w{6});", night if dark else light))

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    for text in ("text", "faint", "link", "accent"):
        for ground in ("ground", "raised"):
            low, high = sorted(luminance(colours[name]) for name in (text, ground))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)


def test_the_answer_of_one_breath_stands_alone_and_the_printed_parts_are_behind_folds(typed, mine):
    found = json.loads((mine / "findings.json").read_text())
    groups = [{"name": "", "rows": [["a & b", []]]}]
    table = {"heading": "<i>by</i>", "corner": "", "columns": ["<u>"], "groups": groups}
    printed = {"heading": "Where <b>it</b> goes", "lines": ["c & d"], "tables": [table]}
    write_note(mine / "findings.json", found | {"answer": "Cloud only, at every rate.", "details": [printed]})
    record(mine, [mine / "findings.json"])
    assert typed("report", "mine")[0] == 0
    page = parsed((mine / "report.html").read_text(encoding="utf-8"))
    (answer,) = [each for each in page.all("p") if each.attributes.get("class") == "answer"]
    assert answer.text == "Cloud only, at every rate."
    (fold,) = [each for each in page.all("details") if each.children[0].text == printed["heading"]]
    assert [each.text for each in fold.all("caption")] == ["<i>by</i>"] and fold.all("p")[-1].text == "c & d"
    assert [each.text for each in fold.all("th")] == ["", "<u>", "a & b"]


@pytest.mark.usefixtures("undrawn")
def test_a_cells_file_that_has_the_name_of_a_scenario_has_not_its_question(done, finished, tmp_path):
    shutil.copy(next((finished.out / "cells").glob("*.yaml")), tmp_path / "fleet.yaml")
    done("run", "--config=fleet.yaml", "--workers=1", "--quiet")
    noted(tmp_path / "results" / "fleet", figures=["bits"])
    done("report", "results/fleet")
    page = parsed((tmp_path / "results" / "fleet" / "report.html").read_text(encoding="utf-8"))
    assert page.all("h1")[0].text == "fleet"


def test_each_value_has_a_ranked_table_in_which_the_lowest_lossless_is_first(page, finished):
    summary = pd.read_csv(finished.out / "chosen_and_fixed.csv")
    shown_ = summary[summary["setting"] == "chosen"]
    tables = [each for each in page.all("div") if each.attributes.get("class") == "ranked"]
    assert len(tables) == shown_["uplink.rate.bps"].nunique() == 2
    assert ["hidden" in each.attributes for each in tables] == [False, True], "the answer names no rate: the middle"
    names = DisplayNames()
    for table, (_, rows) in zip(tables, shown_.groupby("uplink.rate.bps"), strict=True):
        body = table.all("tbody")[0].all("tr")
        assert len(body) == len(rows)
        lossless = rows[rows["scheme.kind"] != "edge_only"].sort_values(LATENCY)
        order = [names.curve(curve) for curve in lossless["curve"]]
        assert [row.children[1].text.split(" ", 1)[1].startswith(name) for row, name in zip(body, order, strict=False)]
        assert [row.children[0].text for row in body] == [*map(str, range(1, len(order) + 1)), "–"]
        assert "(lossy)" in body[-1].children[1].text and "*" in body[0].children[2].text
        value = float(body[0].children[2].text.split("±")[0].replace(",", "").strip(" *"))
        assert value == pytest.approx(1e3 * lossless[LATENCY].iloc[0], rel=6e-3)


def test_a_bar_is_the_breakdown_of_its_scheme(page, finished):
    summary = pd.read_csv(finished.out / "chosen_and_fixed.csv")
    (row,) = summary[
        (summary["setting"] == "chosen") & (summary["scheme.kind"] == "k_sqs") & (summary["uplink.rate.bps"] == 1e4)
    ].to_dict("records")
    table = next(each for each in page.all("div") if each.attributes.get("data-at") == "0")
    (bar,) = [each for each in table.all("tr") if "K-SQS" in each.text and not each.all("caption")]
    titles = {part.attributes["title"].rsplit(" ", 3)[0]: part.attributes["title"] for part in bar.all("i")}
    for name in BREAKDOWN:
        if row[name] > 0.01 * row[LATENCY]:
            words = titles[state_name(name)].removeprefix(state_name(name)).split()
            assert float(words[0].replace(",", "")) == pytest.approx(1e3 * row[name], rel=6e-3) and words[1] == "ms"
    widths = [float(re.search(r"width:([\d.]+)%", part.attributes["style"])[1]) for part in bar.all("i")]
    assert 0 < sum(widths) <= 100.1


PROBE = """
  const open = () => document.querySelector(".plotted:not([hidden])");
  const drawn = () => [...Bokeh.index].find((each) => open().contains(each.el));
  const seen = () => {
    const table = [...document.querySelectorAll(".ranked")].find((each) => !each.hidden), plot = drawn().model;
    const visible = plot.renderers.filter((each) => each.visible).map((each) => each.name);
    const marks = plot.renderers.filter((each) => each.name.endsWith("-marks"));
    return {
      value: table.dataset.value, bars: [...table.querySelectorAll(".bar")].map((each) => each.ariaLabel), visible,
      output: document.getElementById("at-value").textContent, y: marks.map((each) => [...each.data_source.data.y]),
      names: marks.map((each) => each.data_source.data.name[0]), label: plot.left[0].axis_label,
      at: plot.center.find((each) => each.name === "at").location,
      text: plot.below[0].major_label_text_color.value ?? plot.below[0].major_label_text_color,
      wide: document.documentElement.scrollWidth, inner: innerWidth,
    };
  };
  found.first = seen();
"""


PAPER = """
  found.before = document.querySelectorAll("details.part[open]").length;
  const rules = [...document.styleSheets].flatMap((each) => [...each.cssRules]);
  const paper = rules.filter((each) => each.media?.mediaText === "print");
  paper.forEach((each) => each.media.mediaText = "all");
  dispatchEvent(new Event("beforeprint"));
  await settled();
  found.shut = document.querySelectorAll("details.part:not([open])").length;
  found.right = Math.max(...[...document.querySelectorAll("#results th, #results td, .part table td")]
    .map((each) => each.getBoundingClientRect().right));
  dispatchEvent(new Event("afterprint"));
  paper.forEach((each) => each.media.mediaText = "print");
  await settled();
  found.parts = document.querySelectorAll("details.part[open]").length;
"""
"""The rules for paper, on a screen as wide as a page across, with all parts open as printing opens them."""


def sorted_by(table: Element) -> tuple[list[str], list[float]]:
    """How each column of the results is sorted, and the latencies from the top down."""
    headings = table.all("thead")[0].all("th")
    place = [heading.attributes["data-key"] for heading in headings].index(LATENCY)
    values = [float(row.children[place].attributes["data-v"]) for row in table.all("tbody")[0].all("tr")]
    return [
        headings.pop(place).attributes.get("aria-sort", ""),
        *{each.attributes.get("aria-sort") for each in headings},
    ], values


@pytest.mark.parametrize(("width", "dark", "paper"), [(1030, False, PAPER), (420, True, "")])
def test_the_address_sorts_print_loses_no_column_the_slider_redraws_and_the_legend_toggles(
    report, page, tmp_path, width, dark, paper
):
    act = """
      const slider = document.getElementById("at");
      slider.value = "1";
      slider.dispatchEvent(new Event("input"));
      await settled();
      found.slid = seen();
      document.querySelector('.legend [data-curve="1"]').click();
      await settled();
      found.toggled = seen();
      document.querySelector(".legend .all").click();
      const list = document.getElementById("view");
      list.value = "1";
      list.dispatchEvent(new Event("change"));
      await settled();
      found.ratio = seen();
    """
    link = """
      const part = document.getElementById("tables-part");
      part.open = false;
      document.querySelector('a[href="#tables"]').click();
      await settled();
      found.open = part.open;
    """
    order = f"#sort=results/{LATENCY}/descending"  # by a click on the heading
    found = driven(report, paper + PROBE + act + link, tmp_path, order, width=width, dark=dark)
    how, values = sorted_by(with_id(parsed(found["document"]), "results"))
    assert how == ["descending", "none"] and values == sorted(values, reverse=True) and len({*values}) > 3
    assert values != sorted_by(with_id(page, "results"))[1]
    if paper:
        assert (found["shut"], found["parts"]) == (0, found["before"]) and 500 < found["right"] <= width
    assert found["open"], "a link opens the part that it leads to"
    first, slid, toggled, ratio = (found[name] for name in ("first", "slid", "toggled", "ratio"))
    assert (first["value"], slid["value"], slid["output"]) == ("10 kbit/s", "1 Mbit/s", "1 Mbit/s")
    assert first["bars"] != slid["bars"] and first["at"] == 1e4 and slid["at"] == 1e6
    hidden = {*slid["visible"]} - {*toggled["visible"]}
    assert hidden == {"1-interval", "1-line", "1-marks"} and not {*toggled["visible"]} - {*slid["visible"]}
    assert "ratio to cloud only" in ratio["label"] and ratio["y"][0] == [1, 1] and ratio["y"] != first["y"]
    assert {*ratio["visible"]} == {*first["visible"]}
    assert (first["text"] == "#e7eaed") == dark
    assert first["wide"] <= first["inner"] == width


def test_without_scripts_the_drawn_figure_and_the_opened_table_are_there(page, report, tmp_path):
    hidden = [each for each in page.every() if "needs-script" in each.attributes.get("class", "")]
    assert len(hidden) == 2 and all("hidden" in each.attributes for each in hidden)
    (still,) = [each for each in page.all("div") if each.attributes.get("class") == "still"]
    assert len(still.all("svg")) == 1 and "hidden" not in still.attributes
    bare = tmp_path / "bare.html"
    text = re.sub(r"<script>.*?</script>", "", report.read_text(encoding="utf-8"), flags=re.DOTALL)
    bare.write_text(text, encoding="utf-8")
    seen = """found.seen = [...document.querySelectorAll(".needs-script, .still, .ranked, .states")]
      .filter((each) => each.offsetParent !== null).map((each) => each.className);"""
    assert driven(bare, seen, tmp_path)["seen"] == ["still", "ranked", "states"]


@pytest.mark.parametrize(
    ("answer", "opened"),
    [("edge drafting takes at least 2.5 times as long (K-SQS, 1 Mbit/s)", "1 Mbit/s"),
     ("from 1 Mbit/s on with K-SQS, at none of 10 kbit/s", "1 Mbit/s"), ("110 kbit/s, 1 Mbit/sec", "10 kbit/s"),
     ("", "10 kbit/s")],
)  # fmt: skip
def test_the_report_opens_at_the_value_of_the_axis_that_the_answer_names(finished, answer, opened):
    compared = Compared(ResultFolder.read(finished.out), [LATENCY], answer)
    assert compared.at[compared.opened] == opened


def test_comparisons_have_columns_for_what_differs_alone():
    places = [{"rate": 1e4, "down": 1e5, "seed": 1, "none": None}, {"rate": 1e6, "down": 1e7, "seed": 1, "none": None}]
    numbers = dict.fromkeys(("first", "second"), "a") | dict.fromkeys(("first_mean", "second_mean", "low", "high"), 1.0)
    rest = {"metric": LATENCY, "relative": True, "difference": 0.5, "n": 3, "separable": True}
    table = comparisons([numbers | rest | {"where": place} for place in places])
    assert table.keys[:4] == ["first", "second", "rate", "first_mean"]


HOSTILE_NAME = "<img/src='x'/onerror=document.title='ran'>$$x$$</script><script>document.title='ran'</script>"


def test_names_that_look_like_markup_and_a_strangers_figures_are_inert_in_a_browser(done, mine, tmp_path):
    figures = list((mine / "figures").glob("*.svg"))
    for path in figures:
        path.write_text(HOSTILE)
    path = mine / "chosen_and_fixed.csv"
    table = pd.read_csv(path)
    table["curve"] = table["curve"].replace("k_sqs", HOSTILE_NAME)
    table.to_csv(path, index=False)
    record(mine, [path, *figures])  # a stranger can state checksums too
    assert figures and done("report", "mine")
    act = """
      const place = found.first.names.findIndex((each) => each.startsWith("<img"));
      const view = drawn(), plot = view.model;
      const marks = plot.renderers.find((each) => each.name === place + "-marks");
      const hover = [...view.tool_views.values()].find((each) => each.model.type === "HoverTool");
      const sx = view.frame.x_scale.compute(marks.data_source.data.x[0]);
      const sy = view.frame.y_scale.compute(marks.data_source.data.y[0]);
      hover._move({ sx, sy });
      await settled();
      const roots = (node) => [...node.querySelectorAll("*")].flatMap((each) => each.shadowRoot ?? [])
        .flatMap((each) => [each, ...roots(each)]);
      const shadows = roots(document);
      found.texts = shadows.map((each) => each.textContent).join(" ");
      found.images = [document, ...shadows].map((each) => each.querySelectorAll("img").length);
      found.title = document.title;
      const button = [...document.querySelectorAll(".legend button")].find((each) => each.textContent.includes("<img"));
      button.click();
      found.toggled = button.getAttribute("aria-pressed") === "false";
    """
    found = driven(mine / "report.html", PROBE + act, tmp_path)
    assert "onerror" in found["texts"] and not any(found["images"])
    assert found["title"].startswith("latency_vs_bandwidth") and found["toggled"]


def test_what_a_user_named_is_text_and_no_markup(typed, mine):
    noted(mine, scenario="<b>x")
    found = json.loads((mine / "findings.json").read_text())
    write_note(mine / "findings.json", found | {"answer": "<script>alert(1)</script> & so on"})
    record(mine, [mine / "findings.json"])
    assert typed("report", "mine") == (0, "mine/report.html\n", "")
    page = parsed((mine / "report.html").read_text(encoding="utf-8"))
    (answer,) = [each for each in page.all("p") if each.attributes.get("class") == "answer"]
    assert answer.text == "<script>alert(1)</script> & so on" and len(page.all("script")) == 4
    assert page.all("header")[0].all("code")[0].text == "<b>x"


def test_figures_that_are_not_there_are_drawn_and_a_broken_one_is_reported(typed, refused, mine):
    shutil.rmtree(mine / "figures")
    noted(mine, figures=["bits", "mine"])
    status, _, err = typed("report", "mine")
    assert status == 0 and err.startswith("sqsim: figure mine: is not drawn, nothing here adds it")
    assert 'id="figure-bits"' in (mine / "report.html").read_text(encoding="utf-8")
    (mine / "figures" / "bits.svg").write_text("<svg")
    record(mine, [mine / "figures" / "bits.svg"])
    err = refused("report", "mine")
    assert "bits.svg: not an svg file" in err and "sqsim plot mine" in err


HOSTILE = """<?xml version="1.0"?>
  <svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9"
  height="9pt" onload="document.title='ran'">
  <script>document.title='ran'</script><style>@import 'http://host.invalid/a'</style>
  <a xlink:href="javascript:document.title='ran'"><path id="shape" d="M0 0L9 9" onclick="document.title='ran'"/></a>
  <foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><img src="x" onerror="document.title='ran'"/></body>
  </foreignObject><image href="http://host.invalid/b"/><use href="http://host.invalid/c#d"/>
  <use xlink:href="#shape" clip-path="url(#c)"/>
  <rect fill="url(http://host.invalid/e)" style="fill: url('http://host.invalid/f'); stroke: #123456"/>
  <rect style="fill: u\\72l(http://host.invalid/g); background: red"/><rect style="stroke: #654321; position: fixed"/>
  <animate attributeName="href" values="javascript:document.title='ran'"/><set attributeName="onload" to="x"/>
  <text x="1" y="2">told &lt;b&gt;</text></svg>"""


def test_a_strangers_figure_runs_nothing_and_loads_nothing(tmp_path):
    path = tmp_path / "a.svg"
    path.write_text(HOSTILE)
    made = inline(path, "bits", "bits a token")
    (drawing,) = parsed(f"<!doctype html><html><body>{made}</body></html>").all("svg")
    assert {each.tag.lower() for each in drawing.every()} <= {"svg", "path", "use", "rect", "text"}
    names = {name for each in drawing.every() for name in each.attributes}
    assert not [name for name in names if name.startswith("on")]
    for word in (
        "ran", "host.invalid", "javascript", "import", "position", "background", "u\\72l", "<?xml", "<style", "height=",
    ):  # fmt: skip
        assert word not in made
    assert 'id="bits-shape"' in made and 'xlink:href="#bits-shape"' in made and 'd="M0 0L9 9"' in made
    assert "url(#bits-c)" in made and 'viewBox="0 0 9 9"' in made
    assert "stroke:#654321" in made.replace(" ", "") and "told &lt;b&gt;" in made


def test_our_own_figures_lose_nothing_to_the_lists():
    """All that matplotlib draws for figures of the gallery is still there, value by value."""

    def style(value):
        plain = re.sub(r"[\s\"']", "", value).replace("url(#x-", "url(#")
        return dict(re.findall(r"([^:;]+):([^;]+)", plain))

    def same(one, other):
        """Numbers to a hundredth of a point; letters as they are."""
        return one == other or abs(float(one) - float(other)) < 0.0051

    for path in sorted((TEMPLATES.parents[3] / "docs" / "figures").rglob("*.svg"))[::6]:
        root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
        (made,) = parsed(f"<!doctype html><html><body>{inline(path, 'x', 'x')}</body></html>").all("svg")
        drawn = [each for each in root.iter() if each.tag in {f"{{{SVG}}}{name}" for name in ("path", "use", "text")}]
        kept = [each for each in made.every() if each.tag in ("path", "use", "text")]
        assert len(drawn) == len(kept) > 0
        for before, after in zip(drawn, kept, strict=True):
            lines = {name.rpartition("}")[2]: value for name, value in before.attrib.items()}
            left = {name.rpartition(":")[2]: value for name, value in after.attributes.items()}
            assert {*lines} == {*left}, path
            paths = lines.get("d", "").split(), left.get("d", "").split()
            assert len(paths[0]) == len(paths[1]) and all(map(same, *paths))
            assert style(lines.get("style", "")) == style(left.get("style", ""))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("scenario.json", {"figures": 5}), ("scenario.json", {"computed": [1]}), ("scenario.json", {"axis": {}}),
        ("scenario.json", {"axis": "\ud800"}), ("scenario.json", "[" * 100_000), ("scenario.json", "[]"),
        ("findings.json", {"remarks": 5}), ("findings.json", {"findings": [{"comparisons": [5]}]}),
        ("findings.json", {"details": [5]}), ("findings.json", {"base": 5}),
        ("findings.json", {"question": "\ud800"}), ("findings.json", "[" * 100_000), ("findings.json", "[]"),
        ("manifest.json", "[" * 100_000), ("manifest.json", "[]"), ("manifest.json", {"commit": "\ud800"}),
    ],
)  # fmt: skip
def test_odd_values_in_a_strangers_notes_are_refused_in_one_line(refused, finished, tmp_path, name, change):
    (tmp_path / "sent").mkdir()
    for each in finished.out.iterdir():
        if each.name != name:
            (tmp_path / "sent" / each.name).symlink_to(each)
    known = json.loads((finished.out / name).read_text())
    (tmp_path / "sent" / name).write_text(change if isinstance(change, str) else json.dumps({**known, **change}))
    assert f"sent/{name}" in refused("report", "sent")
    assert not (tmp_path / "sent" / "report.html").exists()


def test_a_figure_of_ones_own_is_left_out_with_a_line(typed, mine):
    shutil.copy(next((mine / "figures").glob("*.svg")), mine / "figures" / "for_paper.svg")
    left_out = "sqsim: mine/figures/for_paper.svg: is no figure of this run, and is left out\n"
    assert typed("report", "mine")[::2] == (0, left_out)


OWN_FIGURE = """import plots
from plots.bar_figures import draw_bits

plots.register("own_in_tests", "bits once more", draw_bits)
"""


def test_a_figure_of_ones_own_comes_back_by_the_manifest_once_its_file_was_typed(typed, mine, tmp_path, monkeypatch):
    """The directory's run imported a file, which must have been typed here as it reads now."""
    monkeypatch.setenv("SQSIM_CACHE", str(tmp_path / "cache"))  # nothing was typed before
    (tmp_path / "own.py").write_text(OWN_FIGURE)
    imports = {"imports": [str(tmp_path / "own.py"), "/gone.py", 5]}
    write_note(mine / "manifest.json", read_note(mine / "manifest.json") | imports)
    noted(mine, figures=["own_in_tests", "bits"])

    def drawn(*words):
        with monkeypatch.context() as patch:
            patch.setattr(plots, "FIGURES", dict(plots.FIGURES))
            status, _, err = typed(*words)
        for name in [name for name in sys.modules if name.startswith("sqsim_import_")]:
            del sys.modules[name]
        assert status == 0 and (not err or err.startswith("sqsim: figure own_in_tests: is not drawn")), err
        return not err

    plot = ("plot", "mine", "--format=svg")
    assert not drawn(*plot) and drawn(*plot, "--import=own.py")
    assert drawn(*plot) and drawn("report", "mine") and drawn("compare", "mine", "mine")
    assert 'id="figure-own_in_tests"' in (mine / "report.html").read_text(encoding="utf-8")
    (tmp_path / "own.py").write_text(OWN_FIGURE + "raise SystemExit\n")
    assert not drawn(*plot)
