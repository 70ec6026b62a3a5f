"""`sqsim plot`: result directories drawn again, under the options of a paper."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib
import pytest
from figures import AXIS, drawn, summary

from kinds import ConfigError
from kinds.files import write_note
from plots.page import Page
from scenarios.command.cli import main
from scenarios.command.report.drawing import read_labels
from simulator.results.result_directory import record

Results = Callable[..., Path]


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """Writes a result directory of two schemes: `results(name, axis=..., figures=..., k=...)`."""

    def write(name: str, axis: str = AXIS, figures: tuple[str, ...] = ("latency",), k: float = 8) -> Path:
        table = summary(rates=(1e3, 1e5), schemes=["cloud_only", "k_sqs"], axis=axis)
        table = table.drop(columns=["curve", "capacity", "bounded"])
        table["scheme.k"] = table["scheme.kind"].map({"k_sqs": k})
        folder = tmp_path / name
        folder.mkdir(parents=True)
        table.to_csv(folder / "summary.csv", index=False)
        (folder / "scenario.json").write_text(json.dumps({"scenario": name, "axis": axis, "figures": figures}))
        write_note(folder / "manifest.json", {"finished": True})
        record(folder, [folder / "summary.csv", folder / "scenario.json"])
        return folder

    return write


@pytest.fixture
def text_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user may have it, so that what is written can be read in the file."""
    monkeypatch.setitem(matplotlib.rcParams, "svg.fonttype", "none")


def typed(*words: object) -> int:
    try:
        return main(["plot", *map(str, words)])
    except SystemExit as ended:
        return int(str(ended.code))


def svg_of(folder: Path, name: str = "latency") -> str:
    return (folder / "figures" / f"{name}.svg").read_text()


def test_formats_and_the_place_are_the_users(results: Results, tmp_path: Path) -> None:
    folder = results("a", figures=("latency", "bits"))
    assert typed(folder) == 0
    assert {path.name for path in (folder / "figures").iterdir()} == {
        f"{name}.{end}" for name in ("latency", "bits") for end in ("svg", "png")
    }
    assert typed(folder, "--format", "pdf", "--figure", "bits", "--out", tmp_path / "paper") == 0
    assert [path.name for path in (tmp_path / "paper").iterdir()] == ["bits.pdf"]


@pytest.mark.usefixtures("text_as_text")
def test_labels_are_the_users_and_those_of_nothing_are_warned_of(
    results: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = results("a")
    (tmp_path / "labels.yaml").write_text(f"k_sqs: Ours\n{AXIS}: Thin link\nksqs: typo\n")
    assert typed(folder, "--labels", tmp_path / "labels.yaml", "--no-title") == 0
    assert capsys.readouterr().err == "sqsim: labels of nothing in these figures: ksqs\n"
    text = svg_of(folder)
    assert ">Ours<" in text and ">Thin link (bit/s)<" in text and "Latency per token against" not in text


def test_mistakes_are_refused_in_one_line(results: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = results("a")
    (tmp_path / "list.yaml").write_text("- k_sqs")
    (tmp_path / "latin.yaml").write_bytes("k_sqs: für uns".encode("latin-1"))
    for words, message in (
        ((one, "--figure", "nothing"), "must be one of latency"),
        ((one, "--figure", "blocks"), "has nothing for blocks"),
        ((one, "--width", "0"), "inches, from 2 to 40"),
        ((one, "--format", "gif"), "invalid choice"),
        ((one, "--labels", tmp_path / "none.yaml"), "No such file"),
        ((one, "--labels", tmp_path / "list.yaml"), "a name of the tables and one for the figures"),
        ((one, "--labels", tmp_path / "latin.yaml"), "must be UTF-8 text"),
        ((tmp_path / "nowhere",), "no summary.csv"),
    ):
        assert typed(*words) == 2, words
        err = capsys.readouterr().err
        assert message in err and err.count("\n") == 1, err


def test_a_label_file_is_names_and_words(tmp_path: Path) -> None:
    (tmp_path / "labels.yaml").write_text("k_sqs: 2024\n")
    assert read_labels(tmp_path / "labels.yaml") == {"k_sqs": "2024"}
    (tmp_path / "labels.yaml").write_text("")
    with pytest.raises(ConfigError, match="labels"):
        read_labels(tmp_path / "labels.yaml")


@pytest.mark.parametrize("name", ["figures", "figures/latency.svg"])
def test_nothing_is_drawn_through_a_link(
    name: str, results: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = results("a")
    (folder / name).parent.mkdir(exist_ok=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "latency.svg").write_text("mine")
    (folder / name).symlink_to(tmp_path / "elsewhere" / name.partition("/")[2])
    assert typed(folder, "--format=svg") == 2
    assert "is a link to" in (err := capsys.readouterr().err) and err.count("\n") == 1
    assert [each.read_text() for each in (tmp_path / "elsewhere").iterdir()] == ["mine"]


@pytest.mark.usefixtures("text_as_text")
def test_a_name_with_mathematics_or_control_characters_is_drawn_as_text() -> None:
    table = summary(schemes=("k_sqs", "cloud_only"))
    odd = "$\\frac{1$ \x1b[31mred"
    table["curve"] = table["curve"].str.replace("cloud_only", odd)
    with io.BytesIO() as file:
        drawn("latency", table, page=Page(finding=f"{odd} wins", base=f"Changed: {odd}.")).savefig(file, format="svg")
        text = file.getvalue().decode()
    assert text.count("$\\frac{1$ \\x1b[31mred") >= 3 and "\x1b" not in text
