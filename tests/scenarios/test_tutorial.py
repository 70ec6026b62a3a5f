"""The tutorial's commands run one after the other in one folder, on its own file made small; what it names is there."""

import re

import pytest
import yaml
from typed_blocks import commands

from kinds import Choice
from simulator import Cell
from tools.readme_tables import ROOT

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text()
FILE = yaml.safe_load(re.search(r"```yaml\n(.*?)```", TUTORIAL, re.DOTALL)[1])
"""The configuration that the reader is told to write."""
FEWER = {
    "recommend": (
        "--grid=scheme=cloud_only,{kind: k_sqs, k: 4}",
        "--grid=scheme.max_drafts=4",
        "--seeds=4",
        "--workers=1",
    ),
    "run": ("--seeds=2", "--workers=1", "--quiet"),
    "calibrate": ("--batch=1", "--new=1", "--cached=0", "--quiet"),
}
"""Options of a command that make its work small."""


def made_short(typed):
    """The same configuration with short texts over few tokens."""
    pair = {**typed["models"]["pair"], "size": 512, "prompt_tokens": 8, "prompts": 4}
    lengths = {"prompt_tokens": 8, "output_tokens": 6, "requests": 1}
    return {**typed, "models": {**typed["models"], "pair": pair}, "workload": {**typed["workload"], **lengths}}


def below(family):
    return [each for child in family.__subclasses__() for each in (child, *below(child))]


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_every_command_of_the_tutorial_runs_in_its_order(done, tmp_path):
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(made_short(FILE)))
    printed = [(command[0], done(*command, *FEWER.get(command[0], ()))) for command in commands(TUTORIAL)]
    assert [name for name, _ in printed] == [
        "list", "list", "calibrate", "recommend", "run", "explain", "run", "run", "compare", "plot", "report"
    ]  # fmt: skip
    assert "oneplus12_llama_1b" in printed[0][1] and "all are the same" in dict(printed)["compare"]
    assert {path.name for path in tmp_path.glob("my_passes.*")} == {"my_passes.drafter.csv", "my_passes.verifier.csv"}
    for made in ("recommend/recommended.yaml", "phone/summary.csv", "phone/report.html", "temperatures/summary.csv"):
        assert (tmp_path / "results" / made).is_file()
    assert (tmp_path / "paper" / "latency.pdf").is_file()


def test_the_file_as_it_stands_is_a_cell_of_what_the_tutorial_says():
    cell = Cell.from_fields(FILE)
    assert (cell.workload.longest, cell.models.temperature) == ((170, 146), 0)
    assert cell.edge.latency.pass_s([(1, 100)]) == pytest.approx(0.0199, rel=0.05)
    assert cell.cloud.latency.pass_s([(1, 100)]) == pytest.approx(0.0433, rel=0.05)


@pytest.mark.parametrize("page", ["tutorial", "own_numbers"])
def test_parts_that_a_page_names_in_a_line_have_those_kinds_and_fields(page):
    families = [family for family in below(Choice) if family.is_family()]
    typed = re.findall(r"\{kind: [^{}`]*\}", (ROOT / "docs" / f"{page}.md").read_text())
    assert typed
    for text in typed:
        fields = yaml.safe_load(text)
        parts = [family.kinds[fields["kind"]] for family in families if fields["kind"] in family.kinds]
        assert any(set(fields) <= set(part.model_fields) for part in parts), text
