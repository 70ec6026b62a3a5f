"""A trace holds all that happened, once, in the format that viewers read."""

from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cells import busy, cell
from trace_reader import Reading, read_trace
from traced_cells import CELLS, watched

from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.results.column_names import BREAKDOWN
from simulator.results.observer import Together
from simulator.results.spans import Spans
from simulator.results.trace import TraceSubject, read_head, tracer, write_trace
from simulator.results.units import state_name
from simulator.sweeps.tracing import subject_of
from simulator.timing.gateway import GatewayUser

US = 1e6


class TracedRun:
    """A run and its trace."""

    def __init__(self, name: str, path: Path) -> None:
        self.result, self.plant, self.spans = watched(name)
        write_trace(self.spans, subject_of(CELLS[name]), path)
        self.read: Reading = read_trace(path)


@cache
def traced(name: str, folder: Path) -> TracedRun:
    return TracedRun(name, folder / f"{name}.trace.json")


def trace_of(made: Cell, path: Path) -> Reading:
    spans = tracer()
    simulate(made, spans, memory=Memory())
    write_trace(spans, subject_of(made), path)
    return read_trace(path)


@pytest.fixture(params=CELLS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TracedRun:
    return traced(request.param, tmp_path_factory.getbasetemp())


def test_the_states_of_a_request_add_up_to_its_breakdown(run: TracedRun) -> None:
    spent: Counter[tuple[int, int, str]] = Counter()
    drawn: Counter[tuple[int, int, str]] = Counter()
    for (process, track), slices in run.read.slices.items():
        if process == "requests" and "requests" in track:
            current: dict[str, Any] = {}
            for each in slices:
                if each["cat"] == "request":
                    current = each["args"]
                else:
                    key = current["device"], current["request"], each["name"]
                    spent[key] += each["args"]["seconds"]
                    drawn[key] += each["dur"] / US
    for row in run.result.requests.to_dict("records"):
        for state in BREAKDOWN:
            key = row["device"], row["request"], state_name(state)
            assert spent[key] == pytest.approx(row[state], abs=1e-9)
            assert drawn[key] == pytest.approx(row[state], abs=1e-7 * (1 + row["rounds"]) * 10)
    assert len(spent) > 3


def test_each_packet_and_each_pass_is_in_the_trace_once(run: TracedRun) -> None:
    links = {link.name for link in run.plant.links}
    packets = [each for name in links for each in run.read.of(name)]
    assert len(packets) == len(run.spans.airings)
    for name in links:
        seen = sorted((each["ts"], each["args"]["bits"]) for each in run.read.of(name))
        aired = sorted((each.began_s * US, each.bits) for each in run.spans.airings if each.link == name)
        assert seen == [(pytest.approx(began_us, abs=0.1), bits) for began_us, bits in aired]
    lost = [each for each in packets if each["name"].endswith("(lost)")]
    assert len(lost) == sum(link.lost for link in run.plant.links)
    assert all((each["args"]["arrives_us"] is None) == (each in lost) for each in packets)
    assert all((", attempt " in each["name"]) == (each["args"]["attempt"] > 1) for each in packets)
    servers = {track: slices for (process, track), slices in run.read.slices.items() if track.startswith("server")}
    assert sum(map(len, servers.values())) == len(run.spans.passes)
    for served in run.spans.passes:
        (found,) = [
            each
            for each in servers[f"server {served.server}"]
            if each["ts"] == pytest.approx(served.began_s * US, abs=0.1)
        ]
        sessions = [(each["device"], each["request"]) for each in found["args"]["sessions"]]
        assert sessions == list(served.sessions)


def test_the_work_on_a_device_s_track_is_what_its_processor_did(run: TracedRun) -> None:
    own = [device for device in run.plant.devices if not isinstance(device, GatewayUser)]  # they have none
    for device in own:
        slices = run.read.slices.get(("edge", f"edge {device.number}"), [])
        work = sum(each["dur"] for each in slices if each["cat"] in ("edge", "flushed")) / US
        assert work == pytest.approx(device.station.busy_s, abs=1e-5)
        rounds = run.result.rounds[run.result.rounds["device"] == device.number]
        resolved = sum(each["name"].startswith("resolve ") for each in slices)
        assert resolved == rounds["answered_s"].notna().sum()


def test_a_flow_ties_each_round_that_was_answered(run: TracedRun) -> None:
    answered = int(run.result.rounds["answered_s"].notna().sum())
    alone = run.result.rounds["drafted"].eq(0).all() and not run.spans.airings
    assert len(run.read.flows) == answered > 3
    for steps in run.read.flows.values():
        assert steps[-1][1]["name"].startswith("resolve ") and not any("join" in each["name"] for _, each in steps)
        for (process, _), each in steps[:-1]:
            mine = each["args"]["sessions"] if process == "cloud" else [each["args"]]
            ids = {(of["device"], of["request"], of["round"]) for of in mine}
            assert tuple(steps[-1][1]["args"][key] for key in ("device", "request", "round")) in ids
        served = [each for (process, _), each in steps if process == "cloud"]
        device, request, number = (steps[-1][1]["args"][key] for key in ("device", "request", "round"))
        row = run.result.rounds.query(f"device == {device} and request == {request} and round == {number}").iloc[0]
        if served:
            assert served[-1]["ts"] + served[-1]["dur"] == pytest.approx(row["verified_s"] * US, abs=1)
        processes = {process for (process, _), _ in steps}
        assert alone or {"cloud", "downlink", "edge"} <= processes


def test_a_round_goes_from_the_draft_over_uplink_pass_and_downlink_to_its_resolution(tmp_path: Path) -> None:
    last = trace_of(cell(), tmp_path / "trace.json").flows[3]
    assert [(process, each["name"]) for (process, _), each in last] == [
        ("edge", "draft 8 tokens of round 3"),
        ("uplink", "round 3 payload, 600 + 320 bits"),
        ("cloud", "verify 8 drafts of round 3"),
        ("downlink", "round 3 reply, 16 + 320 bits"),
        ("edge", "resolve round 3: 9 committed"),
    ]


def test_the_file_says_what_it_is_of(tmp_path: Path) -> None:
    made = trace_of(cell(), tmp_path / "trace.json")
    assert made.processes == [
        "requests: pair synthetic, seed 0",
        "edge: K-SQS, L = 8",
        "uplink 100 kbit/s",
        "cloud",
        "downlink 10 Mbit/s",
    ]
    assert made.about["scheme"] == "K-SQS, L = 8" and made.about["pair"] == "synthetic"
    assert made.about["uplink"] == "100 kbit/s" and made.about["seed"] == 0


def test_each_draft_has_its_result_and_when_it_was_drawn(run: TracedRun) -> None:
    rounds = [each for each in run.read.of("requests") if each["cat"] == "round" and each["args"].get("results")]
    for each in rounds:
        args = each["args"]
        results = args["results"]
        assert len(results) == len(args["drafts"]) == len(args["q"])
        assert results.count("accepted") == args["accepted"]
        chain = "parents" not in args
        if chain:
            rejected = args["committed"] > args["accepted"] and results.count("rejected")
            assert results.count("rejected") == bool(rejected) and len(args["rejection"]) >= args["accepted"]
            assert results == sorted(results, key=["accepted", "rejected", "not verified"].index)
        drawn = args["drawn_us"]
        assert len(drawn) in (0, len(results))
        assert all(each["ts"] <= at_us <= each["ts"] + each["dur"] + 0.2 for at_us in drawn)


def test_a_trace_has_the_text_of_what_is_drafted_and_committed(tmp_path: Path) -> None:
    spans, made = tracer(), cell()
    simulate(made, spans, memory=Memory())
    subject = subject_of(made)._replace(speller=lambda tokens: "".join(f" w{token}" for token in tokens))
    write_trace(spans, subject, tmp_path / "trace.json")
    found = [each["args"] for each in read_trace(tmp_path / "trace.json").of("requests") if each["cat"] == "round"]
    assert len(found) > 3
    for each in found:
        assert each["draft_texts"] == [f" w{token}" for token in each["drafts"]]
        assert each["token_texts"] == [f" w{token}" for token in each["tokens"]]


def test_no_packet_or_job_is_forgotten_by_what_leaves_the_queues(run: TracedRun) -> None:
    for way in run.plant.links:
        dropped = [each for each in run.spans.unserved if each.station == way.name]
        assert len(dropped) == way.dropped


def test_what_a_round_is_stated_to_do_is_what_came_of_it(run: TracedRun) -> None:
    for (device, number), request in run.spans.requests.items():
        for round_ in request.rounds:
            assert all(before.ended_s == after.began_s for before, after in pairwise(round_.doings))
            assert not round_.doings or round_.doings[-1].ended_s == round_.ended_s
            mine = [each for each in run.spans.airings if each.address[:2] == (device, number)]
            up = [each for each in mine if each.address[2] == round_.number and each.link == "uplink"]
            if round_.answered and {each.fragment for each in up} == {0}:
                sent = [span for span in round_.doings if span.state in ("uplink_transmit_s", "retransmit_s")]
                work = [span.ended_s for span in round_.doings if span.state in ("draft_s", "encode_s")]
                since_s = max(work, default=0.0)  # the time is the edge's until then, whatever is on the air
                on_air = [(max(since_s, each.began_s), each.left_s) for each in up if each.began_s < round_.ended_s]
                assert [(span.began_s, span.ended_s) for span in sent] == [pytest.approx(each) for each in on_air]


def test_a_job_waits_anew_from_the_end_of_the_pass_before(run: TracedRun) -> None:
    ended_s: dict[tuple[int, int], float] = {}
    for served in sorted(run.spans.passes, key=lambda served: served.began_s):
        for key, since_s in zip(served.sessions, served.waited_since_s, strict=True):
            assert ended_s.get(key, 0.0) <= since_s <= served.began_s
            ended_s[key] = served.ended_s


def test_rounds_drafted_ahead_stand_side_by_side_and_flushed_ones_are_named_so(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    made = traced("ahead", tmp_path_factory.getbasetemp())
    tracks = {track for process, track in made.read.slices if process == "requests"}
    assert {"edge 0 rounds", "edge 0 rounds 2"} <= tracks
    flushed = [each for each in made.read.of("requests") if each["name"].endswith("flushed")]
    assert len(flushed) == made.result.rounds["flushed"].sum() > 0


@pytest.mark.parametrize("name", ["losses", "ahead"])
def test_the_same_cell_gives_the_same_bytes_live_or_remembered(name: str, tmp_path: Path) -> None:
    memory = Memory()
    for path in (tmp_path / "live", tmp_path / "remembered"):
        spans = tracer()
        simulate(CELLS[name], spans, memory=memory)
        write_trace(spans, subject_of(CELLS[name]), path)
    assert (tmp_path / "live").read_bytes() == (tmp_path / "remembered").read_bytes()


def test_a_trace_that_is_cut_says_when_and_tells_all_until_then(tmp_path: Path) -> None:
    whole, part = tracer(), Spans(most=300)
    simulate(busy(), Together(whole, part), memory=Memory())
    write_trace(whole, TraceSubject("whole"), tmp_path / "whole.json")
    write_trace(part, TraceSubject("part"), tmp_path / "part.json")
    cut_s = read_head(tmp_path / "part.json")["cut_at_s"]
    assert cut_s == part.cut_s == read_trace(tmp_path / "part.json").about["cut_at_s"]
    assert read_trace(tmp_path / "whole.json").about["cut_at_s"] is None
    until_then = [each for each in whole.airings if each.left_s < cut_s]
    assert 5 < len(until_then) <= len(part.airings) and str(part.airings).startswith(str(until_then)[:-1])
    ended = {key: [r for r in each.rounds if r.ended_s < cut_s] for key, each in whole.requests.items()}
    for key, request in part.requests.items():
        assert [each.number for each in request.rounds][: len(ended[key])] == [each.number for each in ended[key]]
