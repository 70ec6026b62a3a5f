"""`sqsim real`, where it is refused: one line, and nothing is left."""

from __future__ import annotations

import shutil

import pytest
from cells import cell
from certificates import made_certificates

from scenarios.command.run import running
from simulator.testbed.network import namespaces

KNOWN = ("--certificate=cloud.pem", "--peer=edge.crt")
AT = ("--edge=127.0.0.1:1", *KNOWN)
CERTIFIED = ["cell.yaml", "cloud.crt", "cloud.pem", "edge.crt", "edge.pem"]


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    made_certificates(folder, "cloud", "edge")
    return folder


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


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (("--edge=127.0.0.1:1",), "edge: needs --certificate OWN.pem and --peer EDGE.crt"),
        (("--peer=edge.crt",), "certificate, peer: are for --edge HOST"),
        (("--edge=host:port",), "'host:port': a host, or a host and a port such as"),
        (("--edge=a@b:1",), "'a@b:1': a host, or"),
        (("--edge=127.0.0.1", "--independent"), "not allowed with argument --edge"),
        ((*AT, "--certificate=none.pem"), "none.pem: must be a PEM file with a key"),
        ((*AT, "--set=models.pair=gpt_neo"), "models.pair = gpt_neo: a remote edge takes sotu, smollm2, synthetic"),
        (AT, "edge = 127.0.0.1:1: Connection refused"),
    ],
)
def test_a_remote_edge_that_cannot_be_is_refused_on_one_line_and_nothing_is_made(refused, asked, keys, more, problem):
    shutil.copytree(keys, asked, dirs_exist_ok=True)
    assert problem in refused("real", "cell.yaml", "--out=out", "--quiet", *more)
    assert sorted(path.name for path in asked.iterdir()) == CERTIFIED


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ((), "the following arguments are required: --listen, --certificate, --peer"),
        (("--listen=0.0.0.0:0", *KNOWN), "must be one address of this machine, or the word all"),
        (("--listen=127.0.0.1:70000", *KNOWN), "a host, or a host and a port"),
        (("--listen=127.0.0.1:0", *KNOWN, "--certificate=none.pem"), "none.pem: must be a PEM file with a key"),
    ],
)
def test_an_edge_that_cannot_listen_is_refused_on_one_line(refused, asked, keys, more, problem):
    shutil.copytree(keys, asked, dirs_exist_ok=True)
    assert problem in refused("edge", *more)


def test_where_a_tool_is_missing_one_line_says_so_and_nothing_is_made(refused, asked, monkeypatch):
    monkeypatch.setattr(namespaces.shutil, "which", lambda *_, **__: None)
    monkeypatch.setenv("TMPDIR", str(asked))
    monkeypatch.setattr("tempfile.tempdir", None)
    before = sorted(asked.iterdir())
    assert "real: unshare is missing here: needs util-linux" in refused("real", "cell.yaml", "--out=out", "--quiet")
    assert sorted(asked.iterdir()) == before
