"""`sqsim real`, where it is refused: one line, and nothing is left."""

from __future__ import annotations

import pytest
from cells import cell

from simulator.testbed import supervisor
from simulator.testbed.network import namespaces
from simulator.testbed.plan import Faults


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


def test_where_namespaces_are_not_permitted_one_line_says_so_and_nothing_is_made(
    refused, asked, monkeypatch, tmp_path_factory
):
    tools = tmp_path_factory.mktemp("tools")
    for name in ("unshare", "nsenter", "ip", "tc"):
        (tools / name).write_text("#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2; exit 1\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setattr(namespaces, "_TUN", tools)
    error = refused("real", "cell.yaml", "--out=out", "--quiet")
    assert "network namespaces are not permitted here (unshare: Operation not permitted)" in error
    assert not (asked / "out").exists()


def test_faults_that_are_not_given_are_those_of_the_cell(monkeypatch):
    done: list[Faults] = []

    class StoppedError(Exception):
        pass

    def stops(plan, *_):
        done.append(plan.faults)
        raise StoppedError

    monkeypatch.setattr(supervisor, "_Run", stops)
    failing = cell(cloud={"failures": {"kind": "scheduled", "away": [[0, 1.0, 2.0]]}})
    for given in (None, Faults()):
        with pytest.raises(StoppedError):
            supervisor.real(failing, given)
    assert [len(each.cloud_down) for each in done] == [1, 0]
