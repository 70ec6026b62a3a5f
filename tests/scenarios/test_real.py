"""`sqsim real`, where it is refused: one line, and nothing is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from cells import cell
from typed_command import Typed

from simulator.testbed.network import namespaces


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    (tmp_path / "cell.yaml").write_text(cell().to_yaml())
    return tmp_path


def test_where_a_tool_is_missing_one_line_says_so_and_nothing_is_made(
    typed: Typed, asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(namespaces.shutil, "which", lambda *_, **__: None)
    monkeypatch.setenv("TMPDIR", str(asked))
    monkeypatch.setattr("tempfile.tempdir", None)
    before = sorted(asked.iterdir())
    status, out, error = typed("real", "cell.yaml", "--out=out", "--quiet")
    assert (status, out, error.count("\n")) == (2, "", 1), error
    assert "real: unshare is missing here: needs util-linux" in error
    assert sorted(asked.iterdir()) == before
