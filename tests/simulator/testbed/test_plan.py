"""Which cells can be run for real: each thing that two processes on one machine cannot be is named on one line."""

from pathlib import Path
from typing import Any

import pytest

from kinds import ConfigError
from scenarios.command.registry import scenario
from scenarios.command.run.run_plan import Changes, plan_of
from simulator import Cell
from simulator.testbed.packet_header import MOST
from simulator.testbed.plan import check, filled_s
from simulator.testbed.supervisor import real

BUCKET = {"kind": "token_bucket", "bps": 2e4, "burst_bits": 4000}
DEVICES = [{"count": 1}, {"count": 1, "edge": {"latency": {"kind": "constant", "per_pass_s": 0.1}}}]
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"fleet": DEVICES, "workload.devices": 2}, "fleet = 2 classes"),
    ({"workload.devices": 17}, "workload.devices = 17"),
    ({"workload.requests": MOST}, f"workload.requests = {MOST}"),
    ({"workload.prompt_at_cloud": True}, "workload.prompt_at_cloud = True"),
    ({"workload.kind": "conversations"}, "workload = conversations"),
    ({"workload.deadline_s": 5.0}, "workload = closed"),
    ({"workload.horizon_s": 5.0}, "workload = closed"),
    ({"workload.absences": {"kind": "scheduled", "away": [[0, 1.0, 2.0]]}}, "workload = closed"),
    ({"edge.concurrency": 2}, "edge.concurrency = 2"),
    ({"cloud.servers": 2}, "cloud.servers = 2"),
    ({"cloud.kv_tokens": 209}, "cloud.kv_tokens = 209"),
    ({"cloud.token_budget": 64}, "cloud.token_budget = 64"),
    ({"scheme": "edge_only"}, "scheme = edge_only, protocol local"),
    ({"scheme": {"kind": "k_sqs", "partial": True}}, "scheme = k_sqs"),
    ({"scheme": {"kind": "composed", "policy": "entropy_exit"}}, "scheme.policy = entropy_exit"),
    ({"uplink.arq.ack_bits": 320, "downlink.header_bits": 400}, "uplink.arq.ack_bits = 320"),
    ({"uplink.access_s": 0.1}, "uplink.access_s = 0.1"),
    ({"uplink.idle_access_s": 0.1, "uplink.idle_after_s": 1.0}, "uplink.idle_after_s = 1.0"),
    ({"scheme": {"kind": "tree", "depth": 1}}, "scheme = tree"),
    ({"downlink.overhead_s": 0.1}, "downlink.overhead_s = 0.1"),
    ({"uplink.half_duplex": "device", "downlink.half_duplex": "device"}, "uplink.half_duplex = device"),
    ({"uplink.arq": "quic"}, "uplink.arq = quic"),
    ({"downlink.buffer_packets": 5}, "downlink.buffer_packets = 5"),
    ({"downlink.listens": "after_sending", "uplink.arq.timeout_s": 5.0}, "downlink.listens = after_sending"),
    ({"uplink.sharing": "round_robin"}, "uplink.sharing = round_robin"),
    ({"uplink.header_bits": 312}, "uplink.header_bits = 312"),
    ({"downlink.header_bits": 321}, "downlink.header_bits = 321"),
    ({"edge.drafts_per_pass": 2}, "edge.drafts_per_pass = 2"),
    ({"scheme": "colocated", "cloud.drafts_per_pass": 2}, "cloud.drafts_per_pass = 2"),
    ({"uplink.arq.ack_bits": 321}, "uplink.arq.ack_bits = 321"),
    ({"uplink.mtu_bits": 4001}, "uplink.mtu_bits = 4001"),
    ({"uplink.mtu_bits": 480_008}, "uplink.mtu_bits = 480008"),
    ({"uplink.rate": BUCKET}, "uplink.rate.burst_bits = 4000"),
    ({"uplink.rate": BUCKET, "uplink.mtu_bits": 8000}, "uplink.rate.burst_bits = 4000"),
    ({"uplink.rate": BUCKET | {"peak_bps": 1e6}, "uplink.mtu_bits": 4000}, "uplink.rate.peak_bps = 1000000"),
]  # fmt: skip


def test_a_protocol_that_the_ends_do_not_speak_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = Cell().with_({"scheme": "k_sqs"})
    check(cell)
    monkeypatch.setattr(type(cell.scheme), "protocol", "mine")
    with pytest.raises(ConfigError) as caught:
        check(cell)
    served = (
        "speculate, ahead, prepared, sent_ahead, cloud_first, cloud_first_ahead, cloud_first_prepared, "
        "cloud_first_sent_ahead, stream"
    )
    assert str(caught.value) == f"scheme = k_sqs, protocol mine: a real run needs one that crosses the air by {served}"


@pytest.mark.parametrize(("fields", "problem"), REFUSED, ids=[problem for _, problem in REFUSED])
def test_what_cannot_be_run_is_named_on_one_line(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(Cell().with_(fields))
    message = str(caught.value)
    assert message.startswith(problem) and ": a real run needs " in message and "\n" not in message


def test_any_admission_can_be_run_where_the_memory_holds_all() -> None:
    for admission in ("whole_request", "preempt"):
        check(Cell().with_({"cloud.admission": admission, "cloud.kv_tokens": 210}))


@pytest.mark.parametrize("quick", [False, True])
def test_the_cells_of_the_scenario_can_be_run(quick: bool) -> None:
    cells = plan_of(scenario("validation"), Changes(quick=quick)).cells
    assert {each.workload.devices for each in cells} == {1, 4}
    for each in cells:
        check(each)


def test_a_folder_of_journals_that_holds_something_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "edge_0.jsonl").write_text("of another run")
    with pytest.raises(ConfigError, match=r"^journals = [^\n]*: must be an empty folder[^\n]*$"):
        real(Cell(), journals=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["edge_0.jsonl"]


def test_a_token_bucket_takes_a_while_to_fill() -> None:
    shaped = Cell().with_({"uplink.rate": BUCKET, "uplink.mtu_bits": 4000, "downlink.rate.bps": float("inf")})
    check(shaped)
    assert filled_s(shaped.uplink) == pytest.approx(0.2) and filled_s(shaped.downlink) == 0
