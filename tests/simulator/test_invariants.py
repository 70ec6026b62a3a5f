"""The numbered invariants of the design, each with the fault that shows its test can fail.

I12 has a file of its own, test_output_law.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from cells import SCHEMES, cell, link
from plants import Ran, Watch, ran

from channels.codec import wire
from simulator import Cell, ConfigError, simulate, sweep
from simulator.cell.dotted_paths import flatten
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.edge_session import EdgeSession
from simulator.decoding.memory import Memory, ReplayedText
from simulator.decoding.nodes import EdgeNode, Tokens, Verified
from simulator.results import BREAKDOWN
from simulator.results.ledger import Ledger
from simulator.results.observer import Airing
from simulator.results.requests import Request
from simulator.results.rounds import OpenRound
from simulator.results.station import Customer, Station
from simulator.schemes import KSqs
from simulator.sweeps.sweep import in_order
from simulator.timing.cloud import Cloud
from simulator.timing.link import Link
from simulator.timing.protocols.site import CloudHandler

LOSSY = {"kind": "bernoulli", "probability": 0.3}
WORKLOAD = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 16, "devices": 3}
HEADER_BITS = 320
SPECULATIVE = [scheme for scheme in SCHEMES if scheme != "cloud_only"]


def busy(scheme: str = "k_sqs", seed: int = 0) -> Cell:
    """Three devices on lossy links and one server."""
    return cell(scheme, seed=seed, workload=WORKLOAD, uplink=link(2e4, loss=LOSSY), downlink=link(1e5, loss=LOSSY))


def run(scheme: str = "k_sqs") -> Ran:
    """A run of `busy` that remembers nothing of earlier ones."""
    return ran(busy(scheme))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_i1_packets_and_requests_are_conserved(scheme: str) -> None:
    made = run(scheme)
    assert {each.name for each in made.plant.links} == {"uplink", "downlink"}
    for each in made.plant.links:
        assert each.sent == each.delivered + each.lost + each.dropped + each.in_flight
        assert each.lost > 0
    requests = made.result.requests
    assert len(requests) == 6 and (requests["outcome"] == "answered").all()


def test_i1_sees_a_packet_that_vanishes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Link, "lost", property(lambda self: 0, lambda self, value: None), raising=False)
    with pytest.raises(AssertionError, match="I1"):
        run()


def test_i1_sees_a_request_that_ends_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    end = Request.end

    def twice(self: Request, outcome: str, now_s: float) -> None:
        end(self, outcome, now_s)
        end(self, outcome, now_s)

    monkeypatch.setattr(Request, "end", twice)
    with pytest.raises(AssertionError, match="I1"):
        run()


def test_i2_clock_never_runs_back() -> None:
    class Clock:
        now = 1.0

    clock = Clock()
    station = Station(clock, "any")
    station.arrive()
    clock.now = 0.5
    with pytest.raises(AssertionError, match="I2"):
        station.arrive()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_i3_rounds_happen_in_order(scheme: str) -> None:
    rounds = run(scheme).result.rounds
    for earlier, later in (
        ("started_s", "sent_s"), ("sent_s", "received_s"), ("received_s", "verified_s"), ("verified_s", "answered_s"),
    ):  # fmt: skip
        assert (rounds[earlier] <= rounds[later]).all()
    assert (rounds["received_s"] > rounds["sent_s"]).all() or scheme == "cloud_only"


def test_i3_sees_a_reply_before_its_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    reply = CloudHandler.reply

    def late(self: CloudHandler, round_: OpenRound, verified: Verified) -> None:
        reply(self, round_, verified)
        round_.reply.put_s += 100.0

    monkeypatch.setattr(CloudHandler, "reply", late)
    with pytest.raises(AssertionError, match="I3"):
        run()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_i4_littles_law_holds_exactly_at_every_station(scheme: str) -> None:
    stations = run(scheme).plant.stations
    assert {station.name for station in stations} == {"uplink", "downlink", "cloud", "edge 0", "edge 1", "edge 2"}
    for station in stations:
        assert station.area == pytest.approx(station.sojourn_s, rel=1e-9)
        assert station.area > 0 or (scheme == "cloud_only" and station.name.startswith("edge"))


def test_i4_sees_a_customer_counted_late(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = Station.begin

    def late(self: Station, customer: Customer) -> None:
        begin(self, customer)
        customer.arrived_s = self.clock.now

    monkeypatch.setattr(Station, "begin", late)
    with pytest.raises(AssertionError, match="I4"):
        run()


def test_i5_no_server_idles_beside_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checked after every pass; a dispatcher that forgets to look again is caught by it."""
    run("cloud_only")
    dispatch = Cloud._dispatch
    monkeypatch.setattr(Cloud, "_dispatch", lambda self, pool: None if self.station.served else dispatch(self, pool))
    with pytest.raises(AssertionError, match="I5"):
        run("cloud_only")


def test_i6_same_cell_same_tables_whatever_the_workers_or_a_resume(tmp_path: Path) -> None:
    cells = [cell(scheme, bps, seed=seed) for scheme in SCHEMES for seed in (0, 1) for bps in (1e4, 1e6)]
    sweep(cells, tmp_path / "one", 1)
    sweep(cells, tmp_path / "two", 2)

    def interrupt(done: int, total: int, label: str) -> None:
        if done >= total // 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        sweep(cells, tmp_path / "resumed", 1, progress=interrupt)
    assert not (tmp_path / "resumed" / "cells.csv").exists()
    resumed: list[str] = []
    sweep(cells, tmp_path / "resumed", 1, progress=lambda done, total, label: resumed.append(label))
    assert "resumed" in resumed
    for name in ("cells.csv", "summary.csv", "rounds.parquet", "requests.parquet"):
        reference = (tmp_path / "one" / name).read_bytes()
        assert reference == (tmp_path / "two" / name).read_bytes() == (tmp_path / "resumed" / name).read_bytes()


def test_i6_parts_that_come_in_another_order_make_the_same_table() -> None:
    """Columns too: a kind's own fields stand where the first cell of that kind brings them in."""
    cells = [cell("cloud_only"), cell("k_sqs"), cell("c_sqs")]
    parts = [pd.DataFrame([{"cell": each.id, **flatten(each)}]) for each in cells]
    table = in_order(cells, parts)
    for others in itertools.permutations(parts):
        pd.testing.assert_frame_equal(in_order(cells, others), table)


def test_i6_a_cluster_gives_the_same_tables(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra sqsim[cluster]")
    cells = [cell(scheme, bps) for scheme in ("k_sqs", "c_sqs") for bps in (1e4, 1e6)]
    sweep(cells, tmp_path / "here", 1)
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        sweep(cells, tmp_path / "there", 1, cluster.scheduler_address)
    for name in ("cells.csv", "rounds.parquet"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


def test_a_cluster_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^cluster = nonsense[^\n]*$"):
        sweep([cell()], tmp_path / "out", 1, "nonsense")
    assert not (tmp_path / "out").exists()


def test_i6_a_remembered_run_equals_a_live_one() -> None:
    memory = Memory()
    slow, fast = busy(), busy().model_copy(update={"uplink": busy().uplink.model_copy(update={"access_s": 0.1})})
    simulate(slow, memory=memory)
    remembered, live = simulate(fast, memory=memory), simulate(fast, memory=Memory())
    assert remembered.rounds.equals(live.rounds) and remembered.requests.equals(live.requests)
    assert remembered.summary == pytest.approx(live.summary, rel=0, abs=0, nan_ok=True)


def test_i6_cells_that_differ_in_the_network_see_the_same_tokens() -> None:
    decoded = ["drafted", "accepted", "payload_bits", "support_size", "tv_qhat", "nll"]
    fast, slow = simulate(cell("c_sqs", 1e7), memory=Memory()), simulate(cell("c_sqs", 1e3), memory=Memory())
    assert fast.rounds[decoded].equals(slow.rounds[decoded])


class OnAir(Watch):
    """Adds up what is put on the air, headers apart, by link."""

    def __init__(self) -> None:
        super().__init__()
        self.bits = {"uplink": 0, "downlink": 0}

    def on_packet(self, airing: Airing) -> None:
        self.bits[airing.link] += airing.bits - HEADER_BITS


@pytest.mark.parametrize("scheme", SPECULATIVE)
def test_i7_bits_charged_are_those_of_the_bytes(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts bytes where they are made and bits on the air, both ways; the lossless link repeats nothing."""
    made: dict[str, list[int]] = {"uplink": [], "downlink": []}

    def spy(owner: object, name: str, way: str) -> None:
        original: Callable[..., bytes | tuple[bytes, ...]] = getattr(owner, name)

        def counted(*args: object) -> bytes | tuple[bytes, ...]:
            encoded = original(*args)
            made[way] += [len(encoded)] if isinstance(encoded, bytes) else map(len, encoded)
            return encoded

        monkeypatch.setattr(owner, name, counted)

    spy(type(cell(scheme).scheme), "encode_parts", "uplink")
    spy(wire, "encode_tokens", "uplink")
    spy(wire, "encode_feedback", "downlink")
    on_air = OnAir()
    result = ran(cell(scheme), watch=on_air).result
    rounds = result.rounds
    assert on_air.bits == {way: 8 * sum(lengths) for way, lengths in made.items()}
    messages = len(rounds) + len(result.requests)
    tokens = result.requests["output_tokens"].sum()
    charged = result.summary["uplink_bits_per_token"] * tokens
    assert len(made["uplink"]) == messages
    assert charged == pytest.approx(on_air.bits["uplink"] + HEADER_BITS * messages)
    assert (rounds["uplink_bits"] == rounds["payload_bits"] + HEADER_BITS).all()
    assert (rounds["downlink_bits"] == rounds["reply_bits"] + HEADER_BITS).all()


def test_i8_a_corrupted_encoder_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cloud sees only decode(payload): flip any one bit of what is encoded, and the run fails."""
    encode = KSqs.encode_parts
    for bit in (0, 1, 9, 30, 31):

        def flipped(self: KSqs, *args: object, bit: int = bit) -> tuple[bytes, ...]:
            (payload,) = encode(self, *args)  # type: ignore[arg-type]
            corrupted = bytearray(payload)
            corrupted[-1 - bit // 8] ^= 1 << bit % 8
            return (bytes(corrupted),)

        monkeypatch.setattr(KSqs, "encode_parts", flipped)
        with pytest.raises((wire.CodecError, AssertionError)) as caught:
            run()
        assert isinstance(caught.value, wire.CodecError) or "I8" in str(caught.value)


@pytest.mark.parametrize("scheme", SPECULATIVE)
def test_i9_a_round_commits_what_stood_and_one_more(scheme: str) -> None:
    result = run(scheme).result
    rounds, requests = result.rounds, result.requests
    assert (rounds["committed"] == rounds["accepted"] + 1).all()
    per_request = rounds.groupby(["device", "request"])["committed"].sum()
    expected = requests.set_index(["device", "request"])[["output_tokens", "tail_tokens"]].sum(axis=1).sort_index()
    assert per_request.equals(expected.rename("committed"))
    assert (requests["output_tokens"] == 16).all()


def test_i9_sees_a_token_committed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    close_round = Request.close_round

    def twice(self: Request, number: int, tokens: Tokens, now_s: float) -> None:
        close_round(self, number, (*tokens, tokens[-1]), now_s)

    monkeypatch.setattr(Request, "close_round", twice)
    with pytest.raises(AssertionError, match="I9"):
        run()


@pytest.mark.parametrize("scheme", SPECULATIVE)
def test_i10_caches_hold_a_prefix_of_the_committed_text(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After every round, at both ends, on the models' own caches; and the books agree with them."""
    assert caches_behind(scheme, monkeypatch) == {1, 2}


def caches_behind(scheme: str, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """How many tokens of the committed text the caches lacked, after the rounds of a run. AssertionError (I10) where
    they hold anything else, or the edge's books say otherwise."""
    seen: set[int] = set()
    edge = RequestDecoding.edge

    def checked_edge(self: RequestDecoding) -> EdgeSession:
        session = edge(self)
        resolve = session.resolve

        def checked(node: EdgeNode, reply: bytes) -> tuple[EdgeNode, Tokens]:
            after, tokens = resolve(node, reply)
            for text in (self.drafter, self.verifier):
                cached = text.cached
                behind = len(after.committed) - len(cached)
                assert after.committed[: len(cached)] == cached and behind in (1, 2), "I10: what a cache holds"
                seen.add(behind)
            assert after.cached == len(self.drafter.cached), "I10: the books of the drafter's cache"
            return after, tokens

        session.resolve = checked  # type: ignore[method-assign]
        return session

    monkeypatch.setattr(RequestDecoding, "edge", checked_edge)
    run(scheme)
    return seen


def test_i10_sees_a_cache_that_keeps_rejected_drafts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReplayedText, "crop", lambda self, length: None)
    with pytest.raises(AssertionError, match="I10"):
        caches_behind("k_sqs", monkeypatch)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_i11_the_breakdown_sums_to_the_latency(scheme: str) -> None:
    requests = run(scheme).result.requests
    assert requests[list(BREAKDOWN)].sum(axis=1).to_numpy() == pytest.approx(requests["latency_s"].to_numpy(), rel=1e-9)
    assert (requests[list(BREAKDOWN)] >= 0).all(axis=None)


def test_i11_sees_time_that_belongs_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    enter = Ledger.enter

    def forgetful(self: Ledger, number: int, state: str) -> None:
        enter(self, number, state)
        self._since_s += 1e-6

    monkeypatch.setattr(Ledger, "enter", forgetful)
    with pytest.raises(AssertionError, match="I11"):
        run()


def test_devices_draw_different_tokens() -> None:
    rounds = run().result.rounds
    texts = {tuple(rows["nll"]) for _, rows in rounds.groupby(["device", "request"])}
    assert len(texts) == 6
