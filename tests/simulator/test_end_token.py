"""Answers that end at the pair's end token: cut there, counted, and the same text as without the cut."""

from __future__ import annotations

import dataclasses

import pytest
from cells import PAIR, cell

from models.interface import LoadedPair
from simulator import ConfigError, simulate
from simulator.decoding.memory import Memory
from simulator.decoding.session import requests as sessions
from simulator.results.requests import Request

WORKLOAD = {"kind": "closed", "requests": 4, "prompt_tokens": 8, "output_tokens": 32}


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The texts of the requests that end from here on."""
    ended: list[tuple[int, ...]] = []
    end = Request.end

    def noted(self: Request, outcome: str, now_s: float) -> None:
        ended.append(tuple(self.tokens))
        end(self, outcome, now_s)

    monkeypatch.setattr(Request, "end", noted)
    return ended


def ending_with(token: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives the synthetic pair an end token."""
    load = sessions.load

    def loaded(pair: object) -> LoadedPair:
        return dataclasses.replace(load(pair), end_token=token)  # type: ignore[arg-type]

    monkeypatch.setattr(sessions, "load", loaded)


@pytest.mark.parametrize("scheme", ["k_sqs", "cloud_only", "edge_only"])
def test_an_answer_ends_at_the_end_token(
    scheme: str, texts: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate(cell(scheme, workload=WORKLOAD), memory=Memory())
    whole = list(texts)
    token = whole[0][10]
    texts.clear()
    ending_with(token, monkeypatch)
    result = simulate(cell(scheme, workload=WORKLOAD | {"stop_at_eos": True}), memory=Memory())
    assert texts == [text[: text.index(token) + 1] if token in text else text for text in whole]
    assert len(texts[0]) < 32
    assert result.requests["output_tokens"].tolist() == [len(text) for text in texts]
    assert (result.requests["outcome"] == "answered").all()


def test_a_pair_without_an_end_token_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^workload.stop_at_eos = True: the pair synthetic has no end token$"):
        simulate(cell(workload=WORKLOAD | {"stop_at_eos": True}, models={"pair": PAIR}), memory=Memory())
