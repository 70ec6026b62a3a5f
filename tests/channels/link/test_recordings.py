"""Recordings: traces of rates and losses and mahimahi's files; what they hold, where a run begins in them, and which
line of a bad file is named."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.link.base_station import BaseStation
from channels.link.losses import Loss, is_memoryless
from channels.link.mahimahi import MahimahiCurve, generated_trace
from channels.link.presets import PRESETS
from channels.link.rates import Position, Rate
from channels.uniforms import Uniforms
from kinds import Choice

STAMPS = st.lists(st.integers(0, 40), min_size=1, max_size=20).map(sorted).filter(lambda stamps: stamps[-1] > 0)


@settings(max_examples=3 * settings.default.max_examples)
@given(stamps=STAMPS, start_ms=st.integers(0, 200), sizes=st.lists(st.integers(1, 40_000), min_size=1, max_size=8))
def test_mahimahi_serves_to_the_bit(stamps: list[int], start_ms: int, sizes: list[int]) -> None:
    """Against a slow twin that hands out the opportunities one by one, each packet taking what the last one left."""
    curve, position = MahimahiCurve(tuple(stamps)), Position(start_ms / 1000)
    opportunities = (laps * stamps[-1] + stamp for laps in range(10_000) for stamp in stamps)
    coming = (stamp for stamp in opportunities if stamp > start_ms)
    now_ms, left_bits = start_ms, 0
    for bits in sizes:
        while left_bits < bits:
            now_ms, left_bits = next(coming), left_bits + 12_000
        left_bits -= bits
        position = curve.finish(position, bits)
        assert position.time_s == now_ms / 1000
    assert curve.served_bits(start_ms / 1000, position.time_s) == sum(sizes) + position.credit_bits


def test_a_mahimahi_file_that_holds_1_is_12_mbit_per_second(tmp_path: Path, uniforms: Uniforms) -> None:
    path = tmp_path / "one.trace"
    path.write_text("1\n")
    curve = Rate.of({"kind": "mahimahi", "path": str(path)}).curve(uniforms)
    assert curve.served_bits(0, 10) == 12e6 * 10
    assert curve.finish(Position(0.0), 12_000 * 250).time_s == 0.25


def test_what_an_idle_link_leaves_of_an_opportunity_is_gone(uniforms: Uniforms) -> None:
    curve = MahimahiCurve((5,))
    half = curve.finish(Position(0.0), 6000)
    assert (half.time_s, half.credit_bits) == (0.005, 6000)
    assert curve.finish(half, 6000).time_s == 0.005
    assert curve.finish(curve.idle(half, 0.005), 6000).time_s == 0.010


ROWS = "the columns must be time_s, probability; others may stand beside them; prob"
BAD_FILES = [
    (Rate, "mahimahi", "1\n\n3\n", "line 2"),
    (Rate, "mahimahi", "4\n3\n", "line 2: stamps must not fall, got 3 after 4"),
    (Rate, "mahimahi", "", "line 1: the file is empty"),
    (Rate, "mahimahi", "0\n0\n", "line 2: the last stamp is the length of the trace and must not be 0"),
    (Rate, "mahimahi", "1\n2.5\n", "line 2: one whole number of milliseconds"),
    (Rate, "mahimahi", f"1\n1{'0' * 400}\n", "line 2: at most"),
    (Rate, "trace", "start_s,bps\n", "line 2: at least one point"),
    (Rate, "trace", "start_s,bps\n1,5\n", "line 2: the first start_s must be 0, got 1.0"),
    (Rate, "trace", "start_s,bps\n0,5\n0,6\n", "line 3: start_s must rise, got 0.0 after 0.0"),
    (Rate, "trace", "start_s,bps\n0,5\n1,-6\n", "line 3: bps must be finite and at least 0, got -6.0"),
    (Rate, "trace", "start_s,bps\n0,5\n1,fast\n", "line 3: start_s and bps must be two numbers, got 1,fast"),
    (Rate, "trace", "start_s,bps\n0,nan\n", "line 2: bps must be finite and at least 0, got nan"),
    (Loss, "trace", "time_s,loss\n0,1\n", f"line 1: {ROWS}"),
    (Loss, "trace", "time_s,lost\n0,yes\n", "line 2: time_s and lost must be a number, and 0 or 1, got 0,yes"),
    (Loss, "trace", "time_s,lost\n0,0.5\n", "line 2: time_s and lost must be a number, and 0 or 1, got 0,0.5"),
    (Loss, "trace", "time_s,counter\n0,1.5\n", "line 2: time_s and counter must be a number and a whole number"),
    (Loss, "trace", "time_s,counter\n4,1\n3,2\n", "line 3: time_s must rise, got -1.0 after 0.0"),
    (Loss, "trace", "time_s,counter\n", "line 2: at least one point"),
    (Loss, "trace", "time_s,probability\n0,1.5\n", "line 2: probability must be 0 to 1, got 1.5"),
    (Loss, "trace", "time_s,probability\n0,nan\n", "line 2: probability must be 0 to 1, got nan"),
    (Loss, "trace", "time_s,probability\n1,0.5\n", "line 2: the first time_s must be 0, got 1.0"),
    (Loss, "trace", "time_s,probability\n0,0.5\n0,0.6\n", "line 3: time_s must rise, got 0.0 after 0.0"),
    (Loss, "trace", "time_s,lost\n", "line 2: at least one point"),
]


@pytest.mark.parametrize(("family", "kind", "text", "message"), BAD_FILES)
def test_a_bad_file_names_its_line(family: type[Choice], kind: str, text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(f"{path}, {message}")):
        family.of({"kind": kind, "path": path})


def test_a_trace_file_reads_as_its_points(tmp_path: Path) -> None:
    path = tmp_path / "good.csv"
    path.write_text("start_s,bps\n0,100\n1,0\n2,50\n")
    assert Rate.kinds["trace"](path=path).read() == ((0.0, 100.0), (1.0, 0.0), (2.0, 50.0))


def test_the_generated_trace_is_what_a_file_could_hold() -> None:
    stamps = generated_trace()
    assert list(stamps) == sorted(stamps)
    assert 59_000 < stamps[-1] <= 60_000
    assert len({round(np.sum((np.array(stamps) // 1000) == second)) for second in range(60)}) > 4


RECORDED: dict[str, dict[str, Any]] = {
    "trace": {"kind": "trace", "points": ((0, 1e5), (0.5, 0), (1.25, 3e4)), "period_s": 2.0},
    "mahimahi": {"kind": "mahimahi"},
    "interrupted": {"kind": "random_outages", "rate": {"kind": "mahimahi"}},
}


@pytest.mark.parametrize("name", [*RECORDED, "losses"])
def test_each_seed_meets_a_recording_from_an_instant_of_its_own_and_always_the_same(name: str) -> None:
    """Half of the recorded losses are lost: of a hundred seeds so many find the same instant lost."""

    def met(seed: int) -> list[float]:
        if name == "losses":
            loss = Loss.of({"kind": "trace", "points": ((0, 1.0), (2, 0.0)), "period_s": 4.0})
            return [loss.process(Uniforms.of(seed, "t")).lost(0.0, 8, 1e3, (0, 0, 0, 0, 0))]
        curve = Rate.of(RECORDED[name]).curve(Uniforms.of(seed, "uplink"))
        return [curve.served_bits(0.0, 0.3 * step) for step in range(1, 40)]

    found = [met(seed) for seed in range(100)]
    assert found == [met(seed) for seed in range(100)]
    if name == "losses":
        assert 25 < sum(lost for (lost,) in found) < 75
    else:
        assert len(set(map(tuple, found[:6]))) == 6


@pytest.mark.parametrize("name", ["trace", "mahimahi"])
@pytest.mark.parametrize("start_s", [0.0, 0.75, 1.5, 61.0])
def test_a_recording_from_a_later_start_is_the_recording_moved(name: str, start_s: float, uniforms: Uniforms) -> None:
    whole, later = (Rate.of(RECORDED[name] | {"start_s": at}).curve(uniforms) for at in (0.0, start_s))
    for at in (0.0, 0.3, 0.499, 2.2, 70.0):
        assert later.served_bits(at, at + 1.7) == pytest.approx(whole.served_bits(at + start_s, at + start_s + 1.7))
        ends = later.finish(Position(at), 40_000).time_s, whole.finish(Position(at + start_s), 40_000).time_s
        assert ends[0] + start_s == pytest.approx(ends[1], abs=1e-9)


def test_a_recording_that_does_not_repeat_begins_at_its_start(uniforms: Uniforms) -> None:
    once = Rate.of({"kind": "trace", "points": ((0, 1e5), (2, 3e4))})
    assert once.curve(uniforms).served_bits(0, 3) == 2e5 + 3e4
    ends = Loss.of({"kind": "trace", "points": ((0, 1.0), (2, 0.0))})
    assert ends.process(Uniforms.of(1, "t")).lost(0.0, 8, 1e3, (0, 0, 0, 0, 0))


OWN = "each seed begins at an instant of its own"
ONCE = "all seeds begin at 0 s, and the recording does not repeat"


@pytest.mark.parametrize(
    ("part", "begins"),
    [
        (Rate.of({"kind": "trace", "points": ((0, 1e5), (2, 3e4))}), ONCE),
        (Loss.of({"kind": "trace", "points": ((0, 1.0), (2, 0.0))}), ONCE),
        (Loss.of({"kind": "trace", "points": ((0, 1.0), (2, 0.0)), "period_s": 4.0}), OWN),
        (Rate.of(RECORDED["interrupted"]), OWN),
        (Rate.of(RECORDED["interrupted"] | {"rate": {"kind": "mahimahi", "start_s": 5}}), "all seeds begin at 5 s"),
        (Rate.of("constant"), ""),
        (Loss.of("bernoulli"), ""),
    ],
)
def test_where_a_run_begins_in_a_recording_is_reported(part: Rate | Loss, begins: str) -> None:
    assert part.begins == begins


def recorded(path: Path, text: str, **fields: object) -> Loss:
    path.write_text(text)
    return Loss.of({"kind": "trace", "path": path, **fields})


def test_a_recorded_loss_is_lost_when_the_record_says_so(tmp_path: Path, uniforms: Uniforms) -> None:
    """By the instant at which the last bit leaves, whatever the packet; over again after the period."""
    text = "seq,time_s,lost\n1,0,0\n2,1.5,1\n3,2,false\n4,2.25,True\n"
    process = recorded(tmp_path / "l.csv", text, period_s=4, start_s=8).process(uniforms)
    times_s = [0.0, 1.4, 1.5, 1.9, 2.0, 2.2, 2.25, 3.9, 4.0, 5.5, 6.1]
    lost = [process.lost(time_s, 8, 1e3, (0, 0, k, 0, 0)) for k, time_s in enumerate(times_s)]
    assert lost == [False, False, True, True, False, False, True, True, False, True, False]
    assert recorded(tmp_path / "l.csv", text, period_s=4).mean_loss == pytest.approx((0.5 + 1.75) / 4)
    assert recorded(tmp_path / "l.csv", text).mean_loss is None


def test_counters_that_nobody_heard_are_losses(tmp_path: Path) -> None:
    """5 heard, 6 and 7 lost at 10 and 20 s, 8 heard by two gateways; a new session begins with 0, and 1 is lost."""
    text = "time_s,counter\n100,5\n130,8\n131,8\n140,9\n150,0\n170,2\n"
    trace = recorded(tmp_path / "heard.csv", text, period_s=80.0)
    assert trace.read() == ((0, 0), (10, 1), (30, 0), (40, 0), (50, 0), (60, 1), (70, 0))
    assert trace.mean_loss == pytest.approx((20 + 10) / 80)
    flagged = recorded(tmp_path / "both.csv", "time_s,counter,lost\n0,5,0\n30,8,1\n")
    assert flagged.read() == ((0, 0), (30, 1))  # what is said of each comes first


def test_rates_by_the_second_are_as_docs_validation_compares_them_with_recordings(uniforms: Uniforms) -> None:
    """Of the generated trace, and of a device alone in an LTE cell, whose rate varies less than any recorded one's."""
    stamps_ms = np.array(generated_trace())
    seconds = np.bincount((stamps_ms - 1) // 1000) * 12.0
    assert np.percentile(seconds, (5, 50)) == pytest.approx((24, 372)) and seconds.min() > 0
    cell = PRESETS["lte_cell"].uplink.rate
    assert isinstance(cell, BaseStation)
    curve = cell.curve(uniforms)
    curve.place(uniforms)
    every = curve.slots_in(0.02)
    bits = np.array([[curve.block_bits(device, every * n) for n in range(1_000)] for device in range(20)])
    seconds = bits.reshape(20, 20, 50).mean(axis=2)
    steady = np.median(np.percentile(seconds, 5, axis=1) / np.median(seconds, axis=1))
    assert 0.85 < steady < 0.97 and seconds.min() > 0


def test_a_recorded_probability_is_met_in_the_long_run(tmp_path: Path, uniforms: Uniforms) -> None:
    process = recorded(tmp_path / "p.csv", "time_s,probability\n0,0.2\n10,0.7\n").process(uniforms)
    for now_s, chance in ((3.0, 0.2), (1e6, 0.7)):
        count = 20_000
        lost = sum(process.lost(now_s, 8, 1e3, (0, int(now_s), k, 0, 0)) for k in range(count))
        assert abs(lost / count - chance) < 5 * (chance * (1 - chance) / count) ** 0.5
    assert is_memoryless(process)
