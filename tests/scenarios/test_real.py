"""`sqsim real`, where it is refused: one line, and nothing is left."""

from __future__ import annotations

import pytest
from cells import cell

from simulator.testbed.network import namespaces


@pytest.fixture
def asked(tmp_path):
    (tmp_path / "cell.yaml").write_text(cell().to_yaml())
    return tmp_path


def test_where_a_tool_is_missing_one_line_says_so_and_nothing_is_made(refused, asked, monkeypatch):
    monkeypatch.setattr(namespaces.shutil, "which", lambda *_, **__: None)
    monkeypatch.setenv("TMPDIR", str(asked))
    monkeypatch.setattr("tempfile.tempdir", None)
    before = sorted(asked.iterdir())
    assert "real: unshare is missing here: needs util-linux" in refused("real", "cell.yaml", "--out=out", "--quiet")
    assert sorted(asked.iterdir()) == before
