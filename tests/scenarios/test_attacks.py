"""A directory, a cell's file and a model that a stranger made to attack, opened by every command that opens such.

Nothing of theirs is run, nothing outside is written, nothing of the user's is lost, and a refusal is one line."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from kinds.files import read_note, write_note
from simulator.results.result_directory import record
from tests.models import tiny
from tests.scenarios.test_report import HOSTILE

CODE = "open({marker!r}, 'w').close()\n"
MINE = "of the user"
PAIR = "{kind: huggingface, drafter: model, verifier: model, prompts: prompts.jsonl}"


@dataclass
class Stranger:
    """What was sent, in the folder where commands are typed: `sent/` with results, `cell.yaml`, `model/`."""

    home: Path
    cell: str
    ran: Path
    """What their code would write, wherever it is run from."""

    @property
    def unharmed(self) -> bool:
        """Whether no code has run and all of the user's files are as they were."""
        mine = [self.home / name for name in ("outside.txt", "sent/mine.txt", "sent/src/mine.py")]
        return not self.ran.exists() and [path.read_text() for path in mine] == [MINE] * 3


@pytest.fixture(scope="module")
def own_model(tmp_path_factory):
    """A model that names classes of its own, which lie beside it; its folder is where their code would leave `ran`."""
    model = tiny.save(tmp_path_factory.mktemp("own") / "model")
    (model / "own.py").write_text(CODE.format(marker=str(model.parent / "ran")))
    config = json.loads((model / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Network"}}
    (model / "config.json").write_text(json.dumps(config))
    return Path(model)


@pytest.fixture
def stranger(tmp_path, finished, own_model, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    sent, ran = tmp_path / "sent", own_model.parent / "ran"
    shutil.copytree(finished.out, sent)
    for name in ("outside.txt", "sent/mine.txt", "sent/src/mine.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(MINE)
    (sent / "evil.py").write_text(CODE.format(marker=str(ran)))
    figures, cells = list((sent / "figures").glob("*.svg")), list((sent / "cells").glob("*.yaml"))
    for path in figures:
        path.write_text(HOSTILE)
    for path in cells:
        path.write_text(path.read_text().replace("imports: []", f"imports: [{sent / 'evil.py'}]"))
    write_note(sent / "manifest.json", read_note(sent / "manifest.json") | {"imports": [str(sent / "evil.py")]})
    record(sent, [*figures, *cells])
    for name in ("report.html", "figures/latency.png"):
        (sent / name).unlink(missing_ok=True)
        (sent / name).symlink_to(tmp_path / "outside.txt")
    shutil.copytree(own_model, tmp_path / "model")
    (tmp_path / "prompts.jsonl").write_text('{"name": "a", "kind": "news", "text": "hi"}\n')
    return Stranger(tmp_path, str(cells[0].relative_to(tmp_path)), ran)


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--config", "CELL"), ("explain", "CELL"), ("real", "CELL"),
        ("calibrate", "--cell", "CELL", "--out", "c"), ("recommend", "--config", "CELL", "--quick"),
        ("run", "latency_vs_bandwidth", "--quick", f"--set=models.pair={PAIR}"), ("calibrate", PAIR, "--out", "c.csv"),
        ("recommend", "--quick", f"--set=models.pair={PAIR}"),
        ("run", "latency_vs_bandwidth", "--quick", "--out", "sent/src", "--overwrite"),
    ],
    ids=lambda words: " ".join(words)[:60],
)  # fmt: skip
def test_a_strangers_cell_model_or_folder_is_refused_in_one_line(words, typed, stranger):
    status, out, err = typed(*(stranger.cell if word == "CELL" else word for word in words))
    lines = [line for line in err.splitlines() if not re.search(r"%|^trials", line)]  # without progress
    assert (status, out, len(lines)) == (2, "", 1), err
    evil = stranger.home / "sent" / "evil.py"
    named = f"its imports name {evil}, which would run; add --import {evil}, or --trust for all that it names"
    assert lines[0].endswith(named) or "model/config.json: model_type = 'own'" in err or "sent/src: " in err
    assert stranger.unharmed


@pytest.mark.parametrize(
    "words", [("plot", "sent"), ("report", "sent"), ("compare", "sent", "sent"), ("plot", "sent", "sent")]
)
def test_a_strangers_results_are_shown_without_harm(words, typed, stranger):
    status, _, err = typed(*words)
    assert status in (0, 1, 2) and "Traceback" not in err and stranger.unharmed
    page = stranger.home / "sent" / "report.html"
    if words[0] == "report":
        assert status == 0 and not page.is_symlink() and "document.title='ran'" not in page.read_text()
