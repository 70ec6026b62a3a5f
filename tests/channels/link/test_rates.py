"""Each rate against figures worked out by hand, or against its distribution."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.link.link_config import LinkConfig
from channels.link.mahimahi import MahimahiCurve, generated_trace
from channels.link.rates import ConstantRate, Position, Rate
from channels.link.rayleigh import Rayleigh
from channels.link.step_curve import StepCurve
from channels.uniforms import Uniforms

INF = float("inf")


def test_constant_rate_is_bits_over_rate(uniforms: Uniforms) -> None:
    curve = Rate.of({"kind": "constant", "bps": 1000}).curve(uniforms)
    assert curve.finish(Position(2.0), 500).time_s == 2.5
    assert curve.served_bits(1.0, 1.25) == 250


def test_an_infinite_rate_ends_at_once_and_a_rate_of_zero_never(uniforms: Uniforms) -> None:
    assert Rate.of({"kind": "constant", "bps": INF}).curve(uniforms).finish(Position(2.0), 1e9).time_s == 2.0
    assert Rate.of({"kind": "constant", "bps": 0}).curve(uniforms).finish(Position(2.0), 1).time_s == INF


def test_a_trace_holds_each_rate_until_the_next_and_repeats(uniforms: Uniforms) -> None:
    """100 bit/s for 1 s, nothing for 1 s, 50 bit/s for 2 s, and again."""
    points = ((0, 100), (1, 0), (2, 50))
    once = Rate.of({"kind": "trace", "points": points}).curve(uniforms)
    again = Rate.of({"kind": "trace", "points": points, "period_s": 4, "start_s": 0}).curve(uniforms)
    assert once.finish(Position(0.5), 75).time_s == 2.5
    assert once.finish(Position(0.0), 300).time_s == 6.0
    assert again.finish(Position(0.0), 300).time_s == 5.0
    assert again.served_bits(3.0, 9.0) == 50 + 200 + 100


def test_a_trace_that_ends_in_silence_never_finishes(uniforms: Uniforms) -> None:
    curve = Rate.of({"kind": "trace", "points": ((0, 100), (1, 0))}).curve(uniforms)
    assert curve.finish(Position(0.0), 101).time_s == INF
    assert curve.finish(Position(0.0), 100).time_s == 1.0


STAMPS = st.lists(st.integers(0, 40), min_size=1, max_size=20).map(sorted).filter(lambda stamps: stamps[-1] > 0)


@settings(max_examples=200, deadline=None)
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


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1\n\n3\n", "line 2"),
        ("4\n3\n", "line 2"),
        ("", "line 1"),
        ("0\n0\n", "line 2"),
        ("1\n2.5\n", "line 2"),
        (f"1\n1{'0' * 400}\n", "line 2: at most"),
    ],
    ids=["empty line", "falling stamp", "empty file", "last stamp 0", "not whole", "after the end of time"],
)
def test_a_bad_mahimahi_file_names_its_line(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "bad.trace"
    path.write_text(text)
    with pytest.raises(ValidationError, match=line):
        Rate.kinds["mahimahi"](path=path)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "line 1"),
        ("time,rate\n0,1\n", "line 1"),
        ("start_s,bps\n", "line 2"),
        ("start_s,bps\n1,5\n", "line 2"),
        ("start_s,bps\n0,5\n0,6\n", "line 3"),
        ("start_s,bps\n0,5\n1,-6\n", "line 3"),
        ("start_s,bps\n0,5\n1,fast\n", "line 3"),
        ("start_s,bps\n0,5\n1,2,3\n", "line 3"),
        ("start_s,bps\n0,nan\n", "line 2"),
    ],
)
def test_a_bad_trace_file_names_its_line(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ValidationError, match=line):
        Rate.kinds["trace"](path=path)


def test_a_trace_file_reads_as_its_points(tmp_path: Path, uniforms: Uniforms) -> None:
    path = tmp_path / "good.csv"
    path.write_text("start_s,bps\n0,100\n1,0\n2,50\n")
    assert Rate.kinds["trace"](path=path).read() == ((0.0, 100.0), (1.0, 0.0), (2.0, 50.0))


def test_the_generated_trace_is_what_a_file_could_hold() -> None:
    stamps = generated_trace()
    assert list(stamps) == sorted(stamps)
    assert 59_000 < stamps[-1] <= 60_000
    assert len({round(np.sum((np.array(stamps) // 1000) == second)) for second in range(60)}) > 4


def test_a_markov_rate_spends_its_stationary_share_in_each_state(uniforms: Uniforms) -> None:
    """Share of the fast state p/(p+r); the variance of the mean of a two-state chain is known."""
    p, r, steps = 0.1, 0.3, 40_000
    rate = Rate.of({"kind": "markov", "bps": (0, 1), "transition": ((1 - p, p), (r, 1 - r)), "step_s": 1.0})
    share, eigenvalue = p / (p + r), 1 - p - r
    sd = math.sqrt(share * (1 - share) * (1 + eigenvalue) / (1 - eigenvalue) / steps)
    assert abs(rate.curve(uniforms).served_bits(0, steps) / steps - share) < 5 * sd


def test_a_rate_per_message_is_q_s_channel() -> None:
    """Two states, all transitions one half: half of the messages at each rate, whatever came before."""
    curve = Rate.of("markov_per_message").curve(Uniforms.of(4, "test"))
    slow = np.array([curve.finish(Position(0.0, 0.0, (0, 0, t)), 6e6).time_s == 3.0 for t in range(4000)])
    assert abs(slow.mean() - 0.5) < 5 * 0.5 / math.sqrt(4000)
    assert abs((slow[1:] == slow[:-1]).mean() - 0.5) < 5 * 0.5 / math.sqrt(4000)


def test_a_rate_per_message_stays_for_the_repeats_of_a_message(uniforms: Uniforms) -> None:
    curve = Rate.of("markov_per_message").curve(uniforms)
    assert len({curve.finish(Position(0.0, 0.0, (3, 1, 7)), 1e6).time_s for _ in range(4)}) == 1


def test_a_rate_per_message_steps_by_its_chain() -> None:
    """A chain that always changes: the two rates take turns, and each request starts anew."""
    curve = Rate.of({"kind": "markov_per_message", "transition": ((0, 1), (1, 0))}).curve(Uniforms.of(4, "test"))
    for request in range(4):
        ends_s = [curve.finish(Position(0.0, 0.0, (0, request, t)), 6e6).time_s for t in (0, 1, 2, 3, 1, 0)]
        assert ends_s in ([3, 1, 3, 1, 1, 3], [1, 3, 1, 3, 3, 1])


def test_rayleigh_capacity_is_its_ergodic_mean(uniforms: Uniforms) -> None:
    """E[log2(1 + g s)] = e^(1/s) E1(1/s) / ln 2, at 5 sd of the mean over blocks."""
    from scipy.special import exp1

    blocks, snr = 20_000, 10**0.3
    curve = Rate.of({"kind": "rayleigh", "bandwidth_hz": 1e5, "mean_snr_db": 3, "coherence_s": 0.01}).curve(uniforms)
    assert isinstance(curve, StepCurve)
    rates = np.array([curve.rate_bps((number + 0.5) * 0.01) for number in range(blocks)])
    expected = 1e5 * math.exp(1 / snr) * exp1(1 / snr) / math.log(2)
    assert abs(rates.mean() - expected) < 5 * rates.std() / math.sqrt(blocks)
    assert curve.served_bits(0, blocks * 0.01) == pytest.approx(rates.sum() * 0.01)


@pytest.mark.parametrize("snr_db", [-40.0, -10.0, 0.0, 20.0])
def test_the_mean_of_a_fading_link_is_the_mean_of_its_fades(snr_db: float) -> None:
    """Over 20,000 fades: within 5 sd, which is at most that of an exponential variable."""
    rate = Rayleigh(mean_snr_db=snr_db, coherence_s=0.01)
    served = rate.curve(Uniforms.of(0, "rate")).served_bits(0.0, 200.0) / 200.0
    assert rate.mean_bps == pytest.approx(served, rel=5 / 20_000**0.5)


def test_a_rate_that_stays_is_its_own_mean_and_its_expansion_meets_the_formula() -> None:
    assert ConstantRate(bps=5.0).mean_bps == 5.0
    near, far = (Rayleigh(mean_snr_db=snr_db).mean_bps for snr_db in (-26.98, -27.0))
    assert near == pytest.approx(far * 10**0.002, rel=1e-4)


def test_a_token_bucket_passes_its_burst_at_once_and_then_drips(uniforms: Uniforms) -> None:
    """1000 bit/s into 3000 bits: three packets of 1000 at once, then one a second; 2 s of rest earn two."""
    curve = Rate.of({"kind": "token_bucket", "bps": 1000, "burst_bits": 3000}).curve(uniforms)
    position, ends_s = Position(0.0), []
    for _ in range(5):
        position = curve.finish(position, 1000)
        ends_s.append(position.time_s)
    assert ends_s == [0, 0, 0, 1, 2]
    rested = curve.idle(position, 4.0)
    assert [curve.finish(rested, bits).time_s for bits in (2000, 2500)] == [4.0, 4.5]


def test_a_token_bucket_never_exceeds_its_envelope(uniforms: Uniforms) -> None:
    """Over any interval at most burst + rate t, whatever the packets."""
    curve = Rate.of({"kind": "token_bucket", "bps": 1000, "burst_bits": 3000, "peak_bps": 8000}).curve(uniforms)
    generator, position, ends = np.random.default_rng(0), Position(0.0), [(0.0, 0)]
    for bits in generator.integers(100, 5000, 300):
        if generator.random() < 0.3:
            position = curve.idle(position, position.time_s + generator.exponential(3))
        position = curve.finish(position, int(bits))
        ends.append((position.time_s, ends[-1][1] + int(bits)))
    for first, (start_s, before) in enumerate(ends):
        for end_s, after in ends[first + 1 :]:
            assert after - before <= 3000 + 1000 * (end_s - start_s) + 1e-6


def test_airtime_is_answered_with_silence(uniforms: Uniforms) -> None:
    """A duty of 1/4: 1 s of airtime, 3 s of silence, whether the next packet waits or comes later."""
    curve = Rate.of({"kind": "duty_cycle", "bps": 100, "duty": 0.25}).curve(uniforms)
    first = curve.finish(Position(0.0), 100)
    assert first.time_s == 1.0
    assert curve.finish(first, 50).time_s == 4.5
    assert curve.finish(curve.idle(first, 3.0), 50).time_s == 4.5
    assert curve.finish(curve.idle(first, 10.0), 50).time_s == 10.5


def test_airtime_beside_the_bits_is_answered_with_silence_too(uniforms: Uniforms) -> None:
    """A duty of 1/4: 0.5 s of overhead and 1 s of bits, 4.5 s of silence, then 0.5 s and 0.5 s."""
    link = LinkConfig.model_validate({"overhead_s": 0.5, "rate": {"kind": "duty_cycle", "bps": 100, "duty": 0.25}})
    curve = link.curve(uniforms)
    first = curve.finish(Position(0.0), 100)
    assert (first.time_s, curve.ready_s(first, 50), curve.finish(first, 50).time_s) == (1.5, 6.0, 7.0)
    assert curve.finish(curve.idle(first, 8.0), 50).time_s == 9.0


def airtime_ms(bits: int, **fields: object) -> float:
    """The airtime of a LoRa frame, ms."""
    curve = Rate.of({"kind": "lora", **fields}).curve(Uniforms.of(0, "link"))
    return 1e3 * curve.finish(Position(0.0), bits).time_s


@pytest.mark.parametrize(
    ("factor", "frame_bytes", "told_ms"), [(7, 23, 61.7), (9, 23, 205.8), (12, 23, 1482.8), (7, 64, 118.0)]
)
def test_a_lora_frame_is_on_the_air_as_long_as_public_calculators_say(
    factor: int, frame_bytes: int, told_ms: float
) -> None:
    """LoRaWAN at 125 kHz and 4/5, 13 bytes of frame around a payload of 10 or 51."""
    assert airtime_ms(8 * frame_bytes, spreading_factor=factor) == pytest.approx(told_ms, abs=0.06)


@given(
    st.integers(7, 12), st.sampled_from([125e3, 250e3, 500e3]), st.integers(1, 4), st.integers(0, 255), st.booleans()
)
def test_a_lora_frame_has_the_symbols_that_its_bits_fill(
    factor: int, band_hz: float, rate: int, payload: int, crc: bool
) -> None:
    """An interleaver block at a time: the first, at the lowest rate, has 8 symbols for the 20 bits of the header and
    what else fits into 4 (SF - 2) bits; each further one is 4 + C symbols for 4 bits a row, two rows fewer where
    a symbol is longer than 16 ms."""
    symbol_s = 2**factor / band_hz
    left_bits, symbols = 8 * payload + 16 * crc - (4 * (factor - 2) - 20), 8.0
    while left_bits > 0:
        left_bits -= 4 * (factor - 2 if symbol_s > 0.016 else factor)
        symbols += 4 + rate
    fields = {"spreading_factor": factor, "bandwidth_hz": band_hz, "coding_rate": rate, "crc": crc}
    assert airtime_ms(8 * payload, **fields) == pytest.approx(1e3 * symbol_s * (8 + 4.25 + symbols))


def test_the_second_message_of_a_round_finds_the_state_of_the_first_at_once(uniforms: Uniforms) -> None:
    """Its index is 2^32 above; a message of no round, below 0, finds that of round 0."""
    curve = Rate.of({"kind": "markov_per_message", "bps": (1e3, 2e3, 3e3, 5e3), "transition": [[0.25] * 4] * 4}).curve(
        uniforms
    )
    busy_s = [curve.finish(Position(0.0, 0.0, (0, 0, number)), 1000).time_s for number in range(6)]
    assert len(set(busy_s)) > 1
    for number in (5, 2, 4):
        assert curve.finish(Position(0.0, 0.0, (0, 0, (1 << 32) + number)), 1000).time_s == busy_s[number]
    assert curve.finish(Position(0.0, 0.0, (0, 0, -(1 << 32))), 1000).time_s == busy_s[0]


def test_a_packet_waits_out_an_outage(uniforms: Uniforms) -> None:
    rate = {"kind": "scheduled_outages", "rate": {"kind": "constant", "bps": 100}, "outages_s": ((1, 3), (4, 4.5))}
    curve = Rate.of(rate).curve(uniforms)
    assert [curve.finish(Position(0.0), bits).time_s for bits in (100, 150, 250)] == [1.0, 3.5, 5.0]
    assert curve.finish(Position(2.0), 50).time_s == 3.5
    assert curve.served_bits(0, 5) == 250


def test_random_outages_take_their_share_of_the_time(uniforms: Uniforms) -> None:
    """Up mu / (mu + nu) of the time; the spread is that of an alternating renewal process."""
    rate = {"kind": "random_outages", "rate": {"kind": "constant", "bps": 1}, "mean_up_s": 3, "mean_out_s": 1}
    horizon_s = 40_000
    up_share = Rate.of(rate).curve(uniforms).served_bits(0, horizon_s) / horizon_s
    sd = math.sqrt(2 * 3**2 * 1**2 / (3 + 1) ** 3 / horizon_s)
    assert abs(up_share - 0.75) < 5 * sd


RECORDED: dict[str, dict[str, object]] = {
    "trace": {"kind": "trace", "points": ((0, 1e5), (0.5, 0), (1.25, 3e4)), "period_s": 2.0},
    "mahimahi": {"kind": "mahimahi"},
    "interrupted": {"kind": "scheduled_outages", "rate": {"kind": "mahimahi"}},
}


@pytest.mark.parametrize("name", RECORDED)
def test_each_seed_meets_a_recording_from_an_instant_of_its_own_and_always_the_same(name: str) -> None:
    def served(seed: int) -> list[float]:
        curve = Rate.of(RECORDED[name]).curve(Uniforms.of(seed, "uplink"))
        return [curve.served_bits(0.0, 0.3 * step) for step in range(1, 40)]

    assert served(1) == served(1)
    assert len({tuple(served(seed)) for seed in range(6)}) == 6


@pytest.mark.parametrize("name", ["trace", "mahimahi"])
@pytest.mark.parametrize("start_s", [0.0, 0.75, 1.5, 61.0])
def test_a_recording_from_a_later_start_is_the_recording_moved(name: str, start_s: float, uniforms: Uniforms) -> None:
    whole, later = (Rate.of(RECORDED[name] | {"start_s": at}).curve(uniforms) for at in (0.0, start_s))
    for at in (0.0, 0.3, 0.499, 2.2, 70.0):
        assert later.served_bits(at, at + 1.7) == pytest.approx(whole.served_bits(at + start_s, at + start_s + 1.7))
        ends = later.finish(Position(at), 40_000).time_s, whole.finish(Position(at + start_s), 40_000).time_s
        assert ends[0] + start_s == pytest.approx(ends[1], abs=1e-9)


def test_a_recording_that_does_not_repeat_begins_at_its_start_and_says_so(uniforms: Uniforms) -> None:
    once = Rate.of({"kind": "trace", "points": ((0, 1e5), (2, 3e4))})
    assert once.curve(uniforms).served_bits(0, 3) == 2e5 + 3e4
    assert once.begins == "all seeds begin at 0 s, and the recording does not repeat"
    words = [
        Rate.of(RECORDED["interrupted"] | {"rate": {"kind": "mahimahi", "start_s": at}}).begins for at in (None, 5)
    ]
    assert (
        words == ["each seed begins at an instant of its own", "all seeds begin at 5 s"]
        and not Rate.of("constant").begins
    )
