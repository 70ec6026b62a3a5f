"""Each rate against figures worked out by hand, or against its distribution."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.link.rates import ConstantRate, Curve, Position, Rate
from channels.link.rayleigh import Rayleigh
from channels.link.shaping import LoRa
from channels.uniforms import Uniforms
from simulator.cell.imported_files import load_imports
from simulator.results.observer import END, JOINS

INF = float("inf")


STEPS = ((0, 100), (1, 0), (2, 50))
"""100 bit/s for 1 s, nothing for 1 s, 50 bit/s from then on."""
WORKED_OUT: dict[str, tuple[dict[str, Any], list[tuple[float, float, float]], list[tuple[float, float, float]]]] = {
    "constant": ({"kind": "constant", "bps": 1000}, [(2.0, 500, 2.5)], [(1.0, 1.25, 250)]),
    "infinite": ({"kind": "constant", "bps": INF}, [(2.0, 1e9, 2.0)], []),
    "zero": ({"kind": "constant", "bps": 0}, [(2.0, 1, INF)], []),
    "trace": ({"kind": "trace", "points": STEPS}, [(0.5, 75, 2.5), (0.0, 300, 6.0)], []),
    "repeating trace": (
        {"kind": "trace", "points": STEPS, "period_s": 4, "start_s": 0},
        [(0.0, 300, 5.0)],
        [(3.0, 9.0, 50 + 200 + 100)],
    ),
    "trace that ends in silence": (
        {"kind": "trace", "points": ((0, 100), (1, 0))},
        [(0.0, 101, INF), (0.0, 100, 1.0)],
        [],
    ),
    "outages": (
        {"kind": "trace", "points": ((0, 100), (1, 0), (3, 100), (4, 0), (4.5, 100))},
        [(0.0, 100, 1.0), (0.0, 150, 3.5), (0.0, 250, 5.0), (2.0, 50, 3.5)],
        [(0, 5, 250)],
    ),
}


@pytest.mark.parametrize("name", WORKED_OUT)
def test_a_rate_worked_out_by_hand(name: str, uniforms: Uniforms) -> None:
    """Packets by start, bits and end, and the bits served between two instants."""
    fields, packets, served = WORKED_OUT[name]
    curve = Rate.of(fields).curve(uniforms)
    for start_s, bits, end_s in packets:
        assert curve.finish(Position(start_s), bits).time_s == end_s
    for from_s, to_s, bits in served:
        assert curve.served_bits(from_s, to_s) == bits


def test_the_example_s_rate_steps_by_its_chain() -> None:
    """A chain that always changes: the two rates take turns, and each request starts anew; the message by which a
    device joins in a round finds the state of that round, and one of no round that of round 0."""
    curve = example_s_rate(stays=0.0)
    for request in range(4):
        rounds = (0, 1, 2, 3, 1, 0, JOINS + 3, END)
        ends_s = [curve.finish(Position(0.0, 0.0, (0, request, t)), 6e6).time_s for t in rounds]
        assert ends_s in ([3, 1, 3, 1, 1, 3, 1, 3], [1, 3, 1, 3, 3, 1, 3, 1])


def example_s_rate(stays: float) -> Curve:
    """A curve of `examples/markov_rate.py`."""
    load_imports([Path(__file__).parents[3] / "examples" / "markov_rate.py"])
    return Rate.of({"kind": "two_state", "stays": stays}).curve(Uniforms.of(4, "test"))


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
    """A duty of 1/4: after an airtime three of silence, whether the next packet waits or comes later."""
    rate = LoRa(duty=0.25)
    curve, one_s, other_s = rate.curve(uniforms), rate.airtime_s(100), rate.airtime_s(50)
    first = curve.finish(Position(0.0), 100)
    assert first.time_s == one_s
    assert curve.finish(first, 50).time_s == 4 * one_s + other_s
    assert curve.finish(curve.idle(first, 3 * one_s), 50).time_s == pytest.approx(4 * one_s + other_s)
    assert curve.finish(curve.idle(first, 10.0), 50).time_s == 10 + other_s


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


def test_random_outages_take_their_share_of_the_time(uniforms: Uniforms) -> None:
    """Up mu / (mu + nu) of the time; the spread is that of an alternating renewal process."""
    rate = {"kind": "random_outages", "rate": {"kind": "constant", "bps": 1}, "mean_up_s": 3, "mean_out_s": 1}
    horizon_s = 40_000
    up_share = Rate.of(rate).curve(uniforms).served_bits(0, horizon_s) / horizon_s
    sd = math.sqrt(2 * 3**2 * 1**2 / (3 + 1) ** 3 / horizon_s)
    assert abs(up_share - 0.75) < 5 * sd
