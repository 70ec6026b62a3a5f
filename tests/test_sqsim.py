"""The public face: every name is there, importing it costs nothing, and its arguments are checked."""

import configparser
import pydoc
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from packaging.requirements import Requirement

import simulator
import sqsim
from kinds import ConfigError
from simulator.schemes.policy import EdgeView, SeenCloud, SeenDraft, SeenLink, SeenVerdict
from sqsim import Cell, draw, paired, simulate, summarise, sweep

ROOT = Path(__file__).parents[1]
SMALL = {"models.pair": {"kind": "synthetic", "size": 32}, "workload.requests": 1, "workload.output_tokens": 4}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Two schemes at two rates and two seeds."""
    axes = {"scheme": ["dense", "k_sqs"], "uplink.rate.bps": ["10k", "1M"], "seed": range(2)}
    return sweep(Cell().with_(SMALL).grid(axes))


def test_the_public_names_are_there_and_the_cell_is_the_rooms() -> None:
    assert sqsim.Cell is simulator.Cell and sqsim.CellResult is simulator.CellResult
    assert all(getattr(sqsim, name) is not None for name in sqsim.__all__)
    assert sqsim.__version__


def test_importing_it_brings_no_library_along() -> None:
    code = (
        "import sys, sqsim; sys.exit(40 + sum(name in sys.modules for name in ('torch', 'pandas', 'numba', 'simpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 40


@pytest.mark.parametrize(("place", "asks"), [("models.py", runpy.run_path), ("plots/__init__.py", draw)])
def test_a_file_in_the_way_of_a_package_of_ours_is_named(
    place: str, asks: Callable[[object], object], table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one beside a script: of a package that all needs when sqsim is imported, of the figures when one is drawn."""
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("models", "plots"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(ImportError) as caught:
        asks(table if asks is draw else sqsim.__file__)
    assert str(caught.value).startswith(f"{tmp_path / place}: ") and "\n" not in str(caught.value)


def test_a_folder_without_python_is_in_nobodys_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "models", raising=False)
    assert runpy.run_path(sqsim.__file__)["__all__"] == sqsim.__all__


def test_it_gives_what_the_rooms_give_and_a_result_shows_its_headline(table: pd.DataFrame) -> None:
    cell = Cell().with_({**SMALL, "scheme": "k_sqs", "uplink.rate.bps": 1e4})
    result = simulate(cell)
    assert result.summary == pytest.approx(simulator.simulate(cell).summary, rel=0, abs=0, nan_ok=True)
    row = table[table["cell"] == cell.id].iloc[0]
    assert row["latency_per_token_s"] == result.summary["latency_per_token_s"]
    assert repr(result).startswith("CellResult(latency_per_token_s=") and len(repr(result)) < 120


def test_a_figure_takes_three_lines(table: pd.DataFrame, tmp_path: Path) -> None:
    drawn = draw(table, to=tmp_path / "latency.svg")
    assert len(drawn.axes) == 1 and "<svg" in (tmp_path / "latency.svg").read_text()
    again = draw(summarise(table), axis="uplink.rate.bps")
    assert [line.get_xdata().tolist() for line in again.axes[0].lines] == [  # type: ignore[union-attr]
        line.get_xdata().tolist()
        for line in drawn.axes[0].lines  # type: ignore[union-attr]
    ]


def test_a_figure_for_a_paper_has_its_width_its_labels_and_no_caption(table: pd.DataFrame) -> None:
    wide, narrow = draw(table), draw(table, width=3.5, labels={"k_sqs": "Ours"}, caption=False)
    assert narrow.get_figwidth() == 3.5 != wide.get_figwidth()

    def texts(figure: Any) -> str:
        return " ".join(each.get_text() for each in figure.findobj(lambda part: hasattr(part, "get_text")))

    assert "Ours" in texts(narrow) and "Ours" not in texts(wide)
    theirs = draw(table.assign(**{"mine.field": 1.0}))  # whatever that means: nothing is said of such cells
    assert ["prompts of" in texts(each).lower() for each in (wide, narrow, theirs)] == [True, False, False]


def test_two_settings_are_compared_seed_by_seed_by_kind_or_by_their_fields(table: pd.DataFrame) -> None:
    slow = table[table["uplink.rate.bps"] == 1e4]
    less = paired(slow, "k_sqs", "dense", "latency_per_token_s")
    seconds = slow.groupby("scheme.kind")["latency_per_token_s"].apply(np.array)
    one, other = seconds["k_sqs"], seconds["dense"]
    assert less.n == 2 and less.size == pytest.approx(np.expm1(np.log(one / other).mean())) and less.low < less.size
    fields = {"scheme.kind": "k_sqs", "uplink.rate.bps": 1e4}
    rates = paired(table, fields, {**fields, "uplink.rate.bps": 1e6})
    assert rates.metric == "latency_per_token_s" and rates.size > 0
    for first, message in (
        ("k_sqs", "a = 'k_sqs': must be one setting, these rows differ in uplink.rate.bps"),
        ("nothing", "a = 'nothing': must be a scheme's kind, or the fields of a setting in the table"),
        ({"rate": 1}, "a = {'rate': 1}: must be"),
    ):
        with pytest.raises(ConfigError) as caught:
            paired(table, first, fields)
        assert str(caught.value).startswith(message), caught.value
    with pytest.raises(ConfigError, match="metric = 'speed': must be a metric of the table"):
        paired(slow, "k_sqs", "dense", "speed")


def test_a_wrong_argument_is_named_on_one_line(table: pd.DataFrame, tmp_path: Path) -> None:
    def sweep_(cells: object, **others: object) -> object:
        return sweep(cells, **others)  # type: ignore[arg-type]

    cell: Any = Cell()
    wrong: list[tuple[Callable[[], object], str]] = [
        (lambda: simulate({}), "cell = {}: must be a Cell"),  # type: ignore[arg-type]
        (lambda: simulate(cell, print), "observer = <built-in"),  # type: ignore[arg-type]
        (lambda: sweep_(cell), "cells = Cell(): must be a list of cells"),
        (lambda: sweep_([1]), "cells = 1: must be a list of cells"),
        (lambda: sweep_([]), "cells = []"),
        (lambda: sweep_([cell], workers=0), "workers = 0: must be a whole number"),
        (lambda: sweep_([cell], out=3), "out = 3: must be a path"),
        (lambda: sweep_([cell], asking="me"), "asking = 'me': must be one of simulation"),
        (lambda: sweep_([cell], progress=3), "progress = 3"),
        (lambda: summarise(table["seed"]), "must be a data frame"),  # type: ignore[arg-type]
        (lambda: summarise(table[["seed"]]), "must be a table with cell"),
        (lambda: draw("latency", table), "table = 'latency': must be a data frame"),  # type: ignore[arg-type]
        (lambda: draw(table, "heat"), "figure = 'heat': must be one of latency"),
        (lambda: draw(table, axis="rate"), "axis = 'rate': must be a column"),
        (lambda: draw(table, "capacity"), "name = 'capacity': must be a figure that this table has something for"),
        (lambda: draw(table, to=tmp_path / "x.doc"), "x.doc: Format 'doc' is not supported"),
    ]
    for call, message in wrong:
        with pytest.raises(ConfigError) as caught:
            call()
        assert message in str(caught.value) and "\n" not in str(caught.value)


def test_dir_and_help_have_every_public_name() -> None:
    text = pydoc.render_doc(sqsim, renderer=pydoc.plaintext)
    assert {*sqsim.__all__, "__version__"} <= {*dir(sqsim)}
    assert not [name for name in sqsim.__all__ if name not in text.replace(str(sqsim.__all__), "")]
    assert "class Cell(" in text


def test_help_of_what_a_policy_sees_says_what_each_field_is() -> None:
    for seen in (EdgeView, SeenDraft, SeenVerdict, SeenLink, SeenCloud):
        text = pydoc.render_doc(seen, renderer=pydoc.plaintext)
        assert "Alias for field" not in text
    assert "Output tokens still to come before this round." in pydoc.render_doc(EdgeView, renderer=pydoc.plaintext)


def test_help_is_short() -> None:
    for what, lines in ((sqsim, 350), (Cell, 80), (Cell().uplink.rate, 75)):
        assert len(pydoc.render_doc(what, renderer=pydoc.plaintext).splitlines()) < lines
    assert "with_" in dir(Cell) and "model_construct" not in dir(Cell)


def test_every_package_says_that_it_is_typed_and_takes_along_all_that_lies_in_it() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    data = setup["options.package_data"].items()
    taken = [f"{name.replace('.', '/')}/{each.strip()}" for name, line in data for each in line.split(",")]
    for name in ("sqsim", "kinds", "channels", "models", "simulator", "scenarios", "plots"):
        assert (ROOT / name / "py.typed").is_file()
        for path in (each.relative_to(ROOT) for each in (ROOT / name).rglob("*") if each.is_file()):
            if path.suffix not in (".py", ".pyc", ".typed"):
                assert any(path.match(each) and len(path.parts) == each.count("/") + 1 for each in taken), path


def test_requirements_are_ranges_and_what_make_installs_lies_within_them() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    ranges = {each.name: each for each in map(Requirement, setup["options"]["install_requires"].split("\n")[1:])}
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert pins.keys() == ranges.keys() - {"torch"}, "torch's builds have versions of their own"
    for name, pin in pins.items():
        operators = sorted(each.operator for each in ranges[name].specifier)
        assert operators == ["<", ">="] and pin in ranges[name].specifier, name
    assert "constraints.txt" in (ROOT / "MANIFEST.in").read_text()
    assert (ROOT / "Makefile").read_text().count("--constraint constraints.txt --editable") == 2
