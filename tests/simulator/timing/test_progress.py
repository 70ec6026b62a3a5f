"""Cells that are legal and never end: each is stopped with one line that names what is at fault."""

import re
from typing import Any

import pytest
from cells import PAIR, cell, link
from plants import ran

from kinds import ConfigError
from simulator import simulate
from simulator.timing import progress

FOR_EVER = {"kind": "gilbert_elliott", "to_bad": 1, "to_good": 1e-300}
CLOUD: dict[str, Any] = {"batching": "none", "latency": {"kind": "constant", "per_pass_s": 0.02}}
ENDLESS: dict[str, tuple[dict[str, Any], str]] = {
    "all packets lost": ({"uplink": link(1e5, loss=FOR_EVER)}, r"uplink\.loss: [\d,]+ packets lost"),
    "all replies lost": ({"downlink": link(1e5, loss=FOR_EVER)}, r"downlink\.loss: [\d,]+ packets lost"),
    "no acknowledgement heard": (
        {"uplink": link(1e5, mtu_bits=400, arq={"kind": "stop_and_wait", "ack_loss": FOR_EVER})},
        r"uplink\.arq: [\d,]+ packets arrived, unheard",
    ),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_run_in_which_nothing_comes_through_is_stopped_and_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVENTS", 9_000)
    fields, told = ENDLESS[name]
    with pytest.raises(ConfigError, match=rf"^{told}.* from [\d.]+ s to .* allowed are 10,000 events") as caught:
        simulate(cell(**fields))
    counted = re.search(r": ([\d,]+) ", str(caught.value))
    assert counted is not None and int(counted[1].replace(",", "")) <= 10_000, "it looks too seldom"


def test_a_wait_that_ends_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadline or a near horizon ends each of them, whatever came through."""
    monkeypatch.setattr(progress, "EVENTS", 9_000)
    asked = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 24}
    for limit, outcome in (("deadline_s", "timed_out"), ("horizon_s", "in_flight")):
        for fields, _ in ENDLESS.values():
            table = simulate(cell(**fields, workload={**asked, limit: 1.0})).requests
            assert set(table["outcome"]) == {outcome}


@pytest.mark.slow
def test_a_run_that_gets_nowhere_is_refused_within_a_few_seconds() -> None:
    """200,000 events, some two seconds of computing, and a thousand for each device."""
    fields, _ = ENDLESS["all packets lost"]
    with pytest.raises(ConfigError, match=r"allowed are 201,000 events"):
        simulate(cell(**fields))


def test_looking_at_the_progress_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"kind": "closed", "requests": 4, "prompt_tokens": 8, "output_tokens": 16, "devices": 3}
    fields = {"workload": asked, "uplink": link(2e4, loss={"kind": "bernoulli", "probability": 0.5})}
    seldom = ran(cell(models={"pair": PAIR}, **fields)).result
    monkeypatch.setattr(progress, "LOOKS", 10**9)
    often = ran(cell(models={"pair": PAIR}, **fields)).result
    assert often.summary == pytest.approx(seldom.summary, rel=0, abs=0, nan_ok=True)
    assert often.rounds.equals(seldom.rounds)


def test_a_run_that_starves_over_its_curve_is_told_by_the_name_of_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.link.step_curve.MOST_CHANGES", 1_000)
    thin = link(1.0, rate={"kind": "rayleigh", "bandwidth_hz": 1, "mean_snr_db": -60})
    with pytest.raises(ConfigError, match=r"^uplink\.rate: changes more than 1,000 times until 50\.05 s"):
        simulate(cell(uplink=thin))
    asked = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 24, "horizon_s": 40.0}
    assert set(simulate(cell(uplink=thin, workload=asked)).requests["outcome"]) == {"in_flight"}


def test_a_device_that_asks_for_an_answer_in_vain_makes_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its empty frames come through, and are acknowledged."""
    monkeypatch.setattr(progress, "EVENTS", 9_000)
    heard = {"kind": "after_sending", "delays_s": (0.05, 0.1)}
    with pytest.raises(ConfigError, match=r"^uplink\.arq: [\d,]+ packets arrived"):
        simulate(cell(downlink=link(1e5, loss=FOR_EVER, listens=heard)))
