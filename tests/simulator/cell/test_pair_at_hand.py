"""Building a cell never reaches the network: a pair on the hub is fetched, and checked, when the cell runs."""

import socket
from pathlib import Path

import pytest
from cells import cell

from kinds import ConfigError
from models.interface import Pair
from simulator import Cell, simulate, sweep
from tests.models import tiny

ON_THE_HUB = {"kind": "huggingface", "drafter": "nobody/drafts", "verifier": "nobody/verifies"}
SHORT = {"kind": "closed", "requests": 1, "prompt_tokens": 4, "output_tokens": 6}


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Sockets that were asked for: each is refused. The hub's cache is empty."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    asked: list[str] = []

    def refused(*arguments: object, **more: object) -> None:
        asked.append(str(arguments))
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "socket", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    return asked


def on_the_hub(**changes: object) -> Cell:
    return cell(models={"pair": ON_THE_HUB}, workload=SHORT, **changes)


def downloaded(hub: Path, name: str, seed: int) -> None:
    """A model as the hub's library keeps it once it has been fetched."""
    home = hub / f"models--{name.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text("0" * 40)
    tiny.save(home / "snapshots" / ("0" * 40), seed=seed)


def prompts(folder: Path) -> str:
    (folder / "p.jsonl").write_text('{"name": "a", "kind": "b", "text": "HELLO"}\n')
    return str(folder / "p.jsonl")


def test_a_cell_whose_pair_is_on_the_hub_is_built_without_the_network(attempts: list[str]) -> None:
    made = on_the_hub()
    assert not made.models.pair.at_hand
    assert Cell.from_fields(made.model_dump()).id == made.id
    assert made.to_yaml() and made.decoding_id
    assert attempts == []


def test_what_is_missing_is_told_on_one_line_when_the_cell_runs(attempts: list[str], tmp_path: Path) -> None:
    for run in (simulate, lambda one: sweep([one]), lambda one: sweep([one], tmp_path / "out")):
        with pytest.raises(ConfigError, match="nobody/drafts: neither a folder nor a model the hub gives") as caught:
            run(on_the_hub())
        assert "\n" not in str(caught.value)
    assert attempts
    assert not (tmp_path / "out").exists()


def test_what_a_pair_that_is_not_here_would_be_asked_is_told_on_one_line(attempts: list[str]) -> None:
    pair = Pair.of(ON_THE_HUB)
    for ask in (lambda: pair.vocabulary, lambda: pair.context_tokens, lambda: pair.fingerprint):
        with pytest.raises(ConfigError, match="neither a folder nor downloaded yet"):
            ask()
    assert attempts == []


def test_checks_that_need_no_pair_are_made_at_once(attempts: list[str]) -> None:
    with pytest.raises(ConfigError, match="kv_tokens"):
        on_the_hub(cloud={"kv_tokens": 3})
    assert attempts == []


def test_a_downloaded_pair_is_checked_at_once_and_runs_without_the_network(attempts: list[str], tmp_path: Path) -> None:
    downloaded(tmp_path / "hub", "nobody/drafts", 0)
    downloaded(tmp_path / "hub", "nobody/verifies", 1)
    pair = ON_THE_HUB | {"prompts": prompts(tmp_path), "device": "cpu"}
    made = cell({"kind": "k_sqs", "k": 4}, models={"pair": pair}, workload=SHORT)
    assert made.models.pair.at_hand and made.models.pair.vocabulary == tiny.VOCABULARY
    with pytest.raises(ConfigError, match=f"k = 99.*{tiny.VOCABULARY}"):
        cell({"kind": "k_sqs", "k": 99}, models={"pair": pair}, workload=SHORT)
    with pytest.raises(ConfigError, match=f"at most the pair's context, {tiny.CONTEXT} tokens"):
        cell(models={"pair": pair}, workload=SHORT | {"output_tokens": 200})
    assert simulate(made).summary["answered"] == 1
    assert attempts == []


def test_a_pair_that_came_after_the_cell_was_built_is_checked_before_it_runs(attempts, tmp_path):
    made = cell({"kind": "k_sqs", "k": 99}, models={"pair": ON_THE_HUB}, workload=SHORT)
    downloaded(tmp_path / "hub", "nobody/drafts", 0)
    downloaded(tmp_path / "hub", "nobody/verifies", 1)
    with pytest.raises(ConfigError, match=r"scheme\.k = 99"):
        simulate(made)
