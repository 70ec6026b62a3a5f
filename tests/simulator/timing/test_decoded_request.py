"""Requests that are timed after they are decoded have the tables of the driver, to which every step is an event."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import simpy
from cells import PAIR, cell, link
from ending_pair import ENDING
from numpy.random import Generator
from simpy.events import ProcessGenerator

from kinds import ConfigError
from simulator import Cell, CellResult, run, simulate
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer
from simulator.results.requests import Request
from simulator.results.rounds import Round
from simulator.timing import plant
from simulator.timing.request_process import DecodedRequest, Serving

MEMORY = Memory()
SCHEMES: tuple[object, ...] = (
    "k_sqs", {"kind": "k_sqs", "k": 8, "max_drafts": 6}, {"kind": "c_sqs", "initial": 0.05}, "dense", "half_top_k",
    {"kind": "c_sqs", "initial": 0.05, "carry": False}, "tree", "multi_candidate", "coupled", "dssd",
    "coupled_tree",
)  # fmt: skip
"""Those whose rounds no time decides."""
OTHERS: tuple[object, ...] = (
    {"kind": "k_sqs", "k": 4, "partial": True, "max_drafts": 4}, {"kind": "k_sqs", "k": 8, "depth": 2, "max_drafts": 3},
    *({"kind": "composed", "sparsifier": {"kind": "top_k", "k": 4}, "policy": policy}
      for policy in ("running_acceptance", "entropy_exit", "goodput")), "cloud_only", "colocated", "edge_only",
    {"kind": "coupled", "cloud_first": True}, {"kind": "coupled", "cloud_first": True, "depth": 1},
    {"kind": "coupled_tree", "cloud_first": True, "policy": {"kind": "goodput", "learning_rounds": 1}},
    "remote_drafter", {"kind": "composed", "policy": {"kind": "ucb_specstop", "longest": 3}},
)  # fmt: skip


def one_of(rng: Generator, *choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


def rarely(rng: Generator, odd: float, usual: Any, *others: Any) -> Any:
    """One of the others with this probability."""
    return one_of(rng, *others) if rng.random() < odd else usual


def any_link(rng: Generator, odd: float) -> dict[str, Any]:
    """Mostly a first-come link on which nothing is random."""
    rate = one_of(
        rng,
        *({"kind": "constant", "bps": bps} for bps in (5e3, 3e4, 3e4, 1e6, "inf")),
        {"kind": "trace", "points": ((0.0, 2e4), (0.37, 0.0), (0.51, 3e3)), "period_s": 1.3},
        {"kind": "trace", "points": ((0.0, 2e4), (0.9, 0.0)), "start_s": 0.0},
        {"kind": "rayleigh", "bandwidth_hz": 9e3, "coherence_s": 0.11},
        {"kind": "token_bucket", "bps": 7e3, "burst_bits": 2000.0, "peak_bps": 5e4},
        *[{"kind": "mahimahi", "start_s": one_of(rng, None, 0.0)}] * 2,
    )
    return link(0.0, one_of(rng, 0.0, 0.02, 0.02, 0.1)) | {
        "rate": rate,
        "loss": rarely(rng, odd, "none", {"kind": "bernoulli", "probability": 0.2}),
        "sharing": rarely(rng, odd, one_of(rng, "own", "fifo"), "round_robin"),
        "mtu_bits": one_of(rng, None, None, None, 450),
        "access_s": rarely(rng, odd, 0.0, 0.01),
        "power_w": rarely(rng, odd, None, 0.5),
        "arq": {
            **rarely(
                rng, odd, {"kind": "selective_repeat", "window": one_of(rng, None, None, 4)}, {"kind": "stop_and_wait"}
            ),
            "timeout_s": 0.25,
            "timer_jitter": one_of(rng, 0.0, 0.1),
        },
    }


def any_cell(number: int) -> Cell:
    """Cell `number`: a few devices, in which ties are frequent, of one class or two."""
    rng = np.random.default_rng((28, number))
    kind, servers = one_of(rng, "closed", "closed", "poisson"), one_of(rng, 1, 1, 2, 5)
    devices, odd = one_of(rng, 1, 4, 8), one_of(rng, 0.0, 0.0, 0.0, 0.2)
    workload = {
        "kind": kind,
        "devices": devices,
        "requests": int(rng.integers(1, 6)),
        "prompt_tokens": one_of(rng, 1, 8, 8),
        "output_tokens": one_of(rng, 4, 10, 16),
        "distinct": one_of(rng, None, None, 1, 3),
        "prompt_at_cloud": one_of(rng, False, False, True),
        "stop_at_eos": one_of(rng, False, False, True),
        "deadline_s": rarely(rng, odd, None, 0.5, 1.0),
        "horizon_s": rarely(rng, odd, 1e6, 0.3, 1.0),
        "absences": rarely(rng, odd, "none", {"kind": "random", "mean_there_s": 1.0, "mean_away_s": 0.2}),
        **({"rate_per_s": one_of(rng, 0.5, 5.0)} if kind == "poisson" else {"think_s": one_of(rng, 0.0, 0.1)}),
    }
    cloud = {
        "servers": servers,
        "batching": one_of(rng, "none", "waiting", {"kind": "window", "cap": 3, "window_s": 0.03}, "continuous"),
        "admission": one_of(rng, "preempt", "preempt", "whole_request"),
        "kv_tokens": one_of(rng, None, None, 60),
        "latency": one_of(rng, {"kind": "constant", "per_pass_s": 0.02}, {"kind": "affine", "base_s": 0.01}),
    }
    edge = {"latency": {"kind": "constant", "per_pass_s": 0.005}, "concurrency": rarely(rng, odd, 1, 2)}
    scheme = rarely(rng, odd, one_of(rng, *SCHEMES), *OTHERS)
    if isinstance(scheme, dict) and (scheme.get("partial") or scheme.get("depth")):
        edge["concurrency"] = 1
    fleet = []
    if devices > 1 and rng.random() < 0.3:
        own = {"uplink": any_link(rng, odd)} if rng.random() < 0.5 else {}
        other = rarely(rng, 0.2 + odd, one_of(rng, *SCHEMES), *OTHERS)
        fleet = [{"name": "one", "count": 1}, {"name": "two", "count": devices - 1, "scheme": other, **own}]
    links = {"uplink": any_link(rng, odd), "downlink": any_link(rng, odd)}
    block = one_of(np.random.default_rng((29, number)), 1, 1, 1, 2, 3)
    if block > 1:
        edge |= {"drafts_per_pass": block, "latency": {"kind": "affine", "base_s": 0.004, "per_token_s": 1e-3}}
    models = {"pair": ENDING if workload["stop_at_eos"] else PAIR}
    seed = number % 7
    return cell(scheme, workload=workload, cloud=cloud, edge=edge, fleet=fleet, models=models, seed=seed, **links)


def mixed_fleet(number: int) -> Cell:
    """Mixed fleet `number`: a class whose requests are decoded first and one whose are not, of which each has links of
    its own; the cloud is all that they share, and ties are frequent there."""
    rng = np.random.default_rng((30, number))
    workload = {
        "kind": "closed",
        "devices": 1,
        "requests": int(rng.integers(1, 5)),
        "prompt_tokens": one_of(rng, 1, 8, 8),
        "output_tokens": one_of(rng, 4, 10, 16),
        "distinct": one_of(rng, None, 1),
        "prompt_at_cloud": one_of(rng, False, False, True),
        "stop_at_eos": one_of(rng, False, True),
        "think_s": one_of(rng, 0.0, 0.1),
    }
    cloud = {
        "servers": one_of(rng, 1, 1, 2),
        "batching": one_of(rng, "none", "waiting", {"kind": "window", "cap": 3, "window_s": 0.03}, "continuous"),
        "latency": one_of(rng, {"kind": "constant", "per_pass_s": 0.02}, {"kind": "affine", "base_s": 0.01}),
    }
    edge = {"latency": {"kind": "constant", "per_pass_s": one_of(rng, 0.0, 0.005)}, "encode_s_per_draft": 0.0}
    ways = {way: any_link(rng, 0.0) | {"sharing": one_of(rng, "own", "own", "fifo")} for way in ("uplink", "downlink")}
    if rng.random() < 0.6:  # no message is longer than another, and more rounds come at one time
        ways = {way: made | {"rate": {"kind": "constant", "bps": "inf"}} for way, made in ways.items()}
    fleet = [
        {"name": name, "count": int(rng.integers(1, 4)), "scheme": scheme, **ways}
        for name, scheme in (("decoded", one_of(rng, *SCHEMES)), ("not", one_of(rng, *OTHERS)))
    ]
    if rng.random() < 0.5:
        fleet.reverse()
    workload["devices"] = sum(each["count"] for each in fleet)
    models = {"pair": ENDING if workload["stop_at_eos"] else PAIR}
    return cell(workload=workload, cloud=cloud, edge=edge, fleet=fleet, models=models, seed=number % 7)


def tables(result: CellResult) -> tuple[str, str, str]:
    """All that a run gave, to the last bit."""
    floats = {name: value.hex() if isinstance(value, float) else repr(value) for name, value in result.summary.items()}
    return result.requests.to_csv(index=False), result.rounds.to_csv(index=False), repr(floats)


class Hears(Observer):
    """Hears rounds, so that each step of a run is an event."""

    def on_round(self, request: Request, round_: Round) -> None:
        pass


def verify(cells: Iterable[Callable[[], Cell]], least: int) -> Counter[str]:
    """Compares the tables of these cells with and without an observer: so many requests at least are timed after they
    are decoded where nobody hears."""
    counts: Counter[str] = Counter()
    life = DecodedRequest.life

    def counted(self: DecodedRequest) -> ProcessGenerator:
        counts["decoded"] += 1
        return life(self)

    for number, make in enumerate(cells):
        try:
            made = make()
        except ConfigError:
            counts["refused"] += 1
            continue
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DecodedRequest, "life", counted)
            decoded, before = outcome(made), counts["decoded"]
            driven = outcome(made, Hears())
        assert counts["decoded"] == before, "an observer hears each step"
        counts["compared"] += len(decoded) > 1
        for one, other in zip(decoded, driven, strict=True):
            assert one == other, f"cell {number}"
    assert counts["decoded"] >= least, counts
    return counts


def outcome(made: Cell, observer: Observer | None = None) -> tuple[str, ...]:
    try:
        return tables(simulate(made, observer, memory=MEMORY))
    except ConfigError as error:  # after so many events without any, so the times that it names differ
        return (str(error).partition(":")[0],)


def test_random_cells_have_the_tables_of_the_event_path() -> None:
    counts = verify((partial(any_cell, number) for number in range(14)), 30)
    assert counts["compared"] >= 8, counts


def test_packets_of_a_message_share_an_opportunity_of_a_recording(tmp_path: Path) -> None:
    """Eight packets of 450 bits are in with the first opportunity, as one of 3,600 bits is."""
    (tmp_path / "stamps").write_text("".join(f"{stamp}\n" for stamp in range(100, 1_100, 100)))
    recorded = {"rate": {"kind": "mahimahi", "path": str(tmp_path / "stamps"), "start_s": 0.0}}
    quiet = {"kind": "selective_repeat", "timeout_s": 9.0}
    sent = link(0.0, 0.0, header_bits=0, sharing="own", arq=quiet) | recorded
    asked = {"kind": "closed", "requests": 1, "prompt_tokens": 450, "output_tokens": 1}
    made = cell(models={"pair": PAIR | {"prompt_tokens": 450}}, workload=asked, uplink=sent)
    whole, cut = (simulate(made.with_({"uplink.mtu_bits": bits}), memory=MEMORY) for bits in (None, 450))
    assert whole.summary["prompt_uplink_s"] == cut.summary["prompt_uplink_s"] > 0
    assert whole.summary["ttft_s"] == cut.summary["ttft_s"]


def test_an_observer_changes_nothing_where_a_fleet_is_mixed() -> None:
    counts = verify((partial(mixed_fleet, number) for number in range(12)), 30)
    assert counts["compared"] == 12, counts


@pytest.mark.slow
def test_a_thousand_random_cells_have_the_tables_of_the_event_path() -> None:
    verify((partial(any_cell, number) for number in range(14, 1_000)), 4_000)
    verify((partial(mixed_fleet, number) for number in range(12, 512)), 1_000)


def both_ways(made: Cell, monkeypatch: pytest.MonkeyPatch) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """The tables of a cell whose requests may be decoded first, and of the event path; how many requests were."""
    starts, life = list[int](), DecodedRequest.life

    def counted(self: DecodedRequest) -> ProcessGenerator:
        starts.append(1)
        return life(self)

    monkeypatch.setattr(DecodedRequest, "life", counted)
    decoded = outcome(made)
    monkeypatch.setattr(plant, "servings", lambda _, links, *__: [Serving.LINKS] * len(links))
    return decoded, outcome(made), len(starts)


@pytest.mark.parametrize("window", [64, 4])
def test_a_payload_may_have_more_packets_than_the_window(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 8 drafts in half precision, some 14 packets, beside a prompt of two and replies of one."""
    arq = {"kind": "selective_repeat", "window": window}
    made = cell("half_dense", uplink=link(1e5, arq=arq, mtu_bits=960), downlink=link(1e7, arq="selective_repeat"))
    decoded, driven, starts = both_ways(made, monkeypatch)
    assert decoded == driven and starts == 2


def test_a_round_of_a_remembered_answer_takes_few_calls_and_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside its share of a request: the difference of runs with long answers and with short ones. The events: its
    payload is in, the cloud looks, the pass ends, it is verified."""
    own = link(1e5, sharing="own", arq="selective_repeat")
    counts = []
    for tokens in (20, 60):
        workload = {"kind": "closed", "devices": 10, "requests": 2, "prompt_tokens": 8, "output_tokens": tokens}
        workload["distinct"] = 4  # what is decoded first is not counted
        made, memory = cell(workload=workload, uplink=own, downlink=own, cloud={"servers": 3}), Memory()
        simulate(made, memory=memory)
        counted = Counter[str]()
        with monkeypatch.context() as patch:
            patch.setattr(run, "run", profiled(counted, run.run))
            counted["rounds"] = len(simulate(made, memory=memory).rounds)
        counts.append(counted)
    (one, other), rounds = counts, counts[1]["rounds"] - counts[0]["rounds"]
    assert rounds > 100
    assert (other["calls"] - one["calls"]) / rounds <= 190
    assert (other["events"] - one["events"]) / rounds <= 4.2


def profiled(counted: Counter[str], call: Callable[..., None]) -> Callable[..., None]:
    """`call`, of which Python calls and SimPy events are counted."""
    step = simpy.Environment.step.__code__

    def count(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            counted["calls"] += 1
            counted["events"] += frame.f_code is step

    def wrapped(*args: object) -> None:
        sys.setprofile(count)
        try:
            call(*args)
        finally:
            sys.setprofile(None)

    return wrapped


def test_a_round_whose_end_no_delay_reaches_is_put_a_float_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second round: its passes end at a time to which now plus any delay is rounded past, or short of."""
    free = link("inf", delay_s=0.0, arq="selective_repeat")
    made = cell(
        {"kind": "k_sqs", "k": 4, "max_drafts": 8},
        workload={"kind": "closed", "requests": 1, "prompt_tokens": 1, "output_tokens": 24},
        edge={"latency": {"kind": "affine", "base_s": 1e-4, "per_cached_token_s": 0.0018}, "encode_s_per_draft": 0.0},
        cloud={"batching": "none", "latency": {"kind": "constant", "per_pass_s": 1e-4}},
        uplink=free,
        downlink=free,
    )
    decoded, driven, started = both_ways(made, monkeypatch)
    assert decoded == driven and started == 1


@pytest.mark.parametrize("observer", [None, Observer()], ids=["decoded before", "event by event"])
@pytest.mark.parametrize("depth", [0, 1])
def test_a_round_that_finds_its_prompt_waiting_shares_its_pass(observer: Observer | None, depth: int) -> None:
    pass_s, draft_s, free = 0.03, 0.001, link(float("inf"), delay_s=0.0)
    made = cell(
        {"kind": "k_sqs", "k": 4, "max_drafts": 3, "depth": depth},
        workload={"kind": "closed", "devices": 2, "requests": 1, "output_tokens": 8, "prompt_at_cloud": True},
        edge={"latency": {"kind": "constant", "per_pass_s": draft_s}},
        cloud={"batching": "none", "latency": {"kind": "constant", "per_pass_s": pass_s}},
        uplink=free,
        downlink=free,
    )
    first_s = simulate(made, observer).requests.ttft_s
    # Pass 1 reads the prompt of device 0, pass 2 that of device 1 and its round, pass 3 verifies the round of device 0.
    assert first_s.tolist() == pytest.approx([3 * pass_s, 2 * pass_s])
