"""`sqsim real`, where it is refused: one line, and nothing is left."""

import pytest
from cells import cell

from scenarios.command.run import running
from simulator.testbed.network import namespaces


@pytest.fixture
def asked(tmp_path):
    (tmp_path / "cell.yaml").write_text(cell().to_yaml())
    return tmp_path


@pytest.mark.parametrize(
    ("more", "study", "note"),
    [
        ((), "real", ""),
        (("--alone",), "real_alone", ""),
        (("--independent",), "real_independent", ""),
        (
            ("--set=uplink.delay=jitter",),
            "real_alone",
            "not compared with a simulation: uplink.delay = jitter: must be",
        ),
    ],
)
def test_it_is_compared_with_a_simulation_where_that_can_be(done, asked, monkeypatch, more, study, note):
    plans = []
    monkeypatch.setattr(running, "run", lambda plan, _: plans.append(plan) or "")
    done("real", "cell.yaml", *more)
    (plan,) = plans
    assert plan.scenario.study == study
    assert [*plan.scenario.tables] == ([running.COMPARISON] if study != "real_alone" else [])
    assert any(each.startswith(note) for each in plan.notes) or not note


def test_where_a_tool_is_missing_one_line_says_so_and_nothing_is_made(refused, asked, monkeypatch):
    monkeypatch.setattr(namespaces.shutil, "which", lambda *_, **__: None)
    monkeypatch.setenv("TMPDIR", str(asked))
    monkeypatch.setattr("tempfile.tempdir", None)
    before = sorted(asked.iterdir())
    assert "real: unshare is missing here: needs util-linux" in refused("real", "cell.yaml", "--out=out", "--quiet")
    assert sorted(asked.iterdir()) == before
