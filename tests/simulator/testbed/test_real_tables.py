"""Tables of real runs: a run that does what the simulator does has the same tables, and any other is refused."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cells import cell, link
from journal_files import Lines, lines_of, slowed, write
from process_world import ProcessWorld
from twin_journals import simulated

from simulator import Cell, CellResult, simulate
from simulator.decoding.memory import Memory
from simulator.protocols import PROTOCOLS
from simulator.results.column_names import BREAKDOWN
from simulator.testbed.journal import MessagePut, RequestEnded
from simulator.testbed.packet_header import PacketKind
from simulator.testbed.plan import check
from simulator.testbed.real_request import RealRunError
from simulator.testbed.real_tables import tables

ASKED: dict[str, Any] = {"kind": "closed", "devices": 3, "requests": 2, "prompt_tokens": 8, "output_tokens": 14}
THINKING = ASKED | {"think_s": 0.05}
LOSSY = {"kind": "bernoulli", "probability": 0.3}
CLOUD = {"batching": "continuous", "latency": {"kind": "affine", "base_s": 0.01, "per_token_s": 0.001}}
READING = {"latency": {"kind": "affine", "base_s": 0.05, "per_token_s": 0.004}}
K_SQS = {"kind": "k_sqs", "k": 4, "max_drafts": 3}


def lossy(bps: float, **fields: Any) -> dict[str, Any]:
    """A link that loses packets and acknowledgements, and cuts messages into some packets."""
    arq = {"kind": "selective_repeat", "timeout_s": 0.15, "ack_loss": LOSSY}
    return link(bps, loss=LOSSY, mtu_bits=384) | {"arq": arq | fields}


def crowded(scheme: dict[str, Any], seed: int = 0, **fields: Any) -> Cell:
    """Three devices, one link and one server."""
    made = cell(
        scheme,
        seed=seed,
        **{"workload": THINKING, "cloud": CLOUD, "uplink": lossy(2e4), "downlink": lossy(1e5)} | fields,
    )
    check(made)
    return made


CELLS = {
    "lossy": crowded(K_SQS),
    "dense": crowded({"kind": "dense", "max_drafts": 2}, uplink=link(1e5), downlink=link(1e6)),
    "cloud_only": crowded({"kind": "cloud_only"}),
    "colocated": crowded({"kind": "colocated"}),
    "ahead": crowded(K_SQS | {"depth": 1}, seed=1),
    "far_ahead": crowded(K_SQS | {"depth": 2}, seed=2, uplink=link(3e4), downlink=link(1e5)),
    "acknowledged": crowded(K_SQS, uplink=lossy(3e4, ack_bits=320, ack_loss="none")),
    "acknowledged_ahead": crowded(
        K_SQS | {"depth": 1},
        uplink=lossy(3e4, ack_bits=320, ack_loss="none"),
        downlink=lossy(3e4, ack_bits=320, ack_loss="none"),
    ),
    "dssd": crowded({"kind": "dssd", "max_drafts": 3}),
    "cloud first, then ahead": crowded(K_SQS | {"cloud_first": True, "depth": 1}, edge=READING),
    "cloud first": crowded(K_SQS | {"cloud_first": True}, edge=READING),
    "unasked": crowded(K_SQS, workload=ASKED | {"kind": "poisson", "rate_per_s": 2.0}),
}


@cache
def ran(name: str) -> tuple[CellResult, Lines]:
    """What the simulator makes of a cell, and the journals of its twin."""
    with TemporaryDirectory() as folder:
        return simulated(CELLS[name], Path(folder))[0], lines_of(Path(folder))


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """The same rows: times to a nanosecond, all else exactly."""
    for name in one.columns:
        if name.endswith("_s"):
            np.testing.assert_allclose(other[name], one[name], rtol=0, atol=1e-9, err_msg=name)
        else:
            assert one[name].equals(other[name]), name


@pytest.mark.parametrize("name", CELLS)
def test_a_run_that_does_what_the_simulator_does_has_its_tables(name: str, tmp_path: Path) -> None:
    expected, lines = ran(name)
    write(tmp_path, lines)
    real = tables(CELLS[name], tmp_path, Memory())
    same(expected.requests, real.requests)
    same(expected.rounds, real.rounds)
    assert list(real.summary) == list(expected.summary)
    of_withdrawn = ("dropped_packets", "uplink_queue", "downlink_queue") if expected.summary["dropped_packets"] else ()
    for metric, value in expected.summary.items():
        if metric in of_withdrawn:  # no packet is called back from a real queue
            continue
        assert real.summary[metric] == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True), metric


def test_the_runs_of_these_tests_have_all_that_may_go_wrong() -> None:
    found = {name: ran(name)[0] for name in ("lossy", "ahead", "cloud first")}
    assert found["lossy"].summary["timeout_wait_s"] > 0 and found["lossy"].summary["retransmit_s"] > 0
    assert found["ahead"].rounds["flushed"].any() and (found["ahead"].rounds["flushed_bits"] > 0).any()
    assert found["ahead"].summary["dropped_packets"] > 0
    assert found["ahead"].summary["hidden_draft_s_per_token"] > 0
    assert found["cloud first"].summary["hidden_draft_s_per_token"] > 0


@pytest.mark.parametrize("name", ["lossy", "cloud_only", "far_ahead", "acknowledged_ahead", "dssd"])
def test_each_instant_is_charged_once_where_steps_take_time(name: str, tmp_path: Path) -> None:
    expected, lines = ran(name)
    write(tmp_path, slowed(lines))
    real = tables(CELLS[name], tmp_path, Memory())
    same_decoding(expected.rounds, real.rounds)
    charged_once(real)
    for name in BREAKDOWN:
        assert real.requests[name].to_numpy() == pytest.approx(expected.requests[name].to_numpy(), abs=5e-3), name


def charged_once(result: CellResult) -> None:
    """Each instant of each request is in one state."""
    gap_s = result.requests[list(BREAKDOWN)].sum(axis=1) - result.requests["latency_s"]
    assert gap_s.abs().max() < 1e-9


def same_decoding(one: pd.DataFrame, other: pd.DataFrame, but: tuple[str, ...] = ("_s",)) -> None:
    """The same rounds, but for their times."""
    columns = [name for name in one.columns if not name.endswith(but)]
    key = ["device", "request", "round"]
    pd.testing.assert_frame_equal(
        one[columns].sort_values(key, ignore_index=True), other[columns].sort_values(key, ignore_index=True)
    )


def damaged(lines: Lines, process: str, kind: PacketKind | None) -> Lines:
    """One byte of the third message of a kind is another; or (None) the first token of the first answer."""
    events: list[Any] = lines[process]
    if kind is None:
        place = next(place for place, each in enumerate(events) if isinstance(each, RequestEnded))
        changes = {"tokens": (events[place].tokens[0] ^ 1, *events[place].tokens[1:])}
    else:
        puts = [place for place, each in enumerate(events) if isinstance(each, MessagePut) and each.address[0] is kind]
        place = puts[2]
        changes = {"content": f"{int(events[place].content[:2], 16) ^ 1:02x}{events[place].content[2:]}"}
    return lines | {process: [*events[:place], events[place]._replace(**changes), *events[place + 1 :]]}


@pytest.mark.parametrize(
    ("name", "damage", "problem"),
    [
        ("dense", lambda lines: damaged(lines, "edge_1", PacketKind.PAYLOAD), r"device 1, .*: payload of .* byte 0 on"),
        ("dense", lambda lines: damaged(lines, "cloud", PacketKind.REPLY), r"round 1: reply of .* from byte 0 on"),
        ("cloud_only", lambda lines: damaged(lines, "edge_2", None), "device 2, request 0: answer = "),
        ("dense", lambda lines: lines | {"edge_1": lines["edge_1"][:-1]}, "device 1, request 1: ended = never"),
        (
            "dense",
            lambda lines: {name: lines[name] for name in lines if name != "edge_1"},
            "device 1, .*: must be put before",
        ),
    ],
    ids=["a payload", "a reply", "an answer", "no end", "no journal"],
)
def test_a_run_that_is_not_what_is_decoded_again_is_named(
    name: str, damage: Callable[[Lines], Lines], problem: str, tmp_path: Path
) -> None:
    write(tmp_path, damage(ran(name)[1]))
    with pytest.raises(RealRunError, match=problem) as error:
        tables(CELLS[name], tmp_path, Memory())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "by_s"), [("dense", -5.0), ("dense", -0.001), ("dense", 0.05), ("dense", 5.0), ("ahead", 0.001)]
)
def test_a_device_whose_clock_is_off_is_tabled_or_refused_on_one_line(name: str, by_s: float, tmp_path: Path) -> None:
    """By less than a packet travels no effect comes before its cause."""
    expected, lines = ran(name)
    moved = [
        event._replace(**{of: getattr(event, of) + by_s for of in ("at_s", "began_s", "ended_s") if hasattr(event, of)})
        for event in lines["edge_0"]
    ]
    write(tmp_path, lines | {"edge_0": moved})
    try:
        real = tables(CELLS[name], tmp_path, Memory())
    except RealRunError as error:
        assert abs(by_s) > 0.01 and "\n" not in str(error)
    else:
        same_decoding(expected.rounds, real.rounds)
        charged_once(real)
        assert abs(by_s) < 1


def test_a_line_that_a_kill_has_cut_short_is_left_out(tmp_path: Path) -> None:
    expected, lines = ran("dense")
    write(tmp_path, lines)
    for path in tmp_path.glob("*.jsonl"):
        path.write_text(path.read_text(encoding="utf-8") + '["MessagePut", [2, 0, 1', encoding="utf-8")
    same(expected.rounds, tables(CELLS["dense"], tmp_path, Memory()).rounds)


@pytest.mark.parametrize("name", ["dssd", "cloud first"])
def test_what_time_decides_and_what_the_edge_draws_is_noted_by_the_ends(name: str, tmp_path: Path) -> None:
    made = CELLS[name].with_({"workload.think_s": 0.0})
    ProcessWorld(made, tmp_path, 0.002).run()
    real = tables(made, tmp_path, Memory())
    charged_once(real)
    rounds = real.rounds
    if name == "dssd":
        same_decoding(simulate(made, memory=Memory()).rounds, rounds, but=("_s", "link_bits", "_attempts"))
    else:
        assert (rounds.groupby(["device", "request"])["drafted"].first() == 0).all() and (rounds["drafted"] > 0).any()


def test_a_protocol_of_ones_own_runs_for_real_and_has_its_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The testbed has no list of protocols: one line in PROTOCOLS is all that it needs."""
    own = CELLS["cloud_only"]
    monkeypatch.setitem(PROTOCOLS, "mine", PROTOCOLS[own.scheme.protocol])
    monkeypatch.setattr(type(own.scheme), "protocol", "mine")
    check(own)
    expected, _ = simulated(own, tmp_path)
    same(expected.rounds, tables(own, tmp_path, Memory()).rounds)
    (tmp_path / "world").mkdir()
    answers = ProcessWorld(own.with_({"workload.think_s": 0.0}), tmp_path / "world").run()
    assert sum(map(len, answers.values())) == expected.requests["output_tokens"].sum()
