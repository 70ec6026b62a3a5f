"""What every service curve promises, on random questions; and that each is a pure function."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.link.mahimahi import MahimahiCurve
from channels.link.outages import InterruptedCurve
from channels.link.rates import CheckedCurve, ConstantCurve, Curve, Position, Rate
from channels.link.step_curve import StepCurve
from channels.uniforms import Uniforms
from kinds import ConfigError

RATES: dict[str, Any] = {
    "constant": {"kind": "constant", "bps": 1e5},
    "trace": {"kind": "trace", "points": ((0, 1e5), (0.5, 0), (1.25, 3e4)), "period_s": 2.0},
    "trace once": {"kind": "trace", "points": ((0, 1e5), (0.5, 0), (1.25, 3e4))},
    "mahimahi": {"kind": "mahimahi"},
    "rayleigh": {"kind": "rayleigh"},
    "random": {"kind": "random_outages", "rate": {"kind": "mahimahi"}, "mean_up_s": 0.5, "mean_out_s": 0.2},
    "bucket": {"kind": "token_bucket", "peak_bps": 1e6},
    "faded outages": {"kind": "random_outages", "rate": {"kind": "rayleigh"}, "mean_up_s": 0.5, "mean_out_s": 0.2},
    "lora": {"kind": "lora", "duty": 0.1},
}
OF_TIME_ALONE = [name for name, fields in RATES.items() if Rate.of(fields).time_alone]
TIMES = st.floats(0, 100)
INF = float("inf")
SIZES = st.integers(1, 100_000)


@pytest.fixture(params=RATES, scope="module")
def curve(request: pytest.FixtureRequest, uniforms: Uniforms) -> Curve:
    return Rate.of(RATES[request.param]).curve(uniforms)


@pytest.fixture(params=OF_TIME_ALONE, scope="module")
def curve_of_time(request: pytest.FixtureRequest, uniforms: Uniforms) -> Curve:
    return Rate.of(RATES[request.param]).curve(uniforms)


@given(start_s=TIMES, sizes=st.lists(SIZES, min_size=2, max_size=6))
def test_time_does_not_run_back_more_bits_end_later_and_none_goes_out_before_the_link_is_ready(
    curve: Curve, start_s: float, sizes: list[int]
) -> None:
    """And no bits take no time once the link carries something, but for a frame that owes silence for its preamble."""
    empty = curve.finish(Position(start_s), 0)
    assert empty.time_s == curve.ready_s(Position(start_s), 0) or empty.credit_bits < 0
    position = curve.finish(Position(start_s), 5000)
    if not isinstance(curve, MahimahiCurve) and position.credit_bits == 0:
        assert curve.served_bits(position.time_s, curve.ready_s(position, sizes[0])) <= 1e-3
    position = Position(start_s, 0.0, (0, 0, 0))
    for bits in sizes:
        ready_s, after = curve.ready_s(position, bits), curve.finish(position, bits)
        assert position.time_s - 1e-9 <= ready_s <= after.time_s + 1e-9 and after.time_s >= position.time_s
        assert curve.finish(position, bits + 1000).time_s >= after.time_s
        position = after


@given(start_s=TIMES, first=SIZES, second=SIZES, parts=st.tuples(st.floats(0, 5), st.floats(0, 5)))
def test_a_curve_of_time_alone_serves_each_bit_once_at_the_first_instant_that_it_can(
    curve_of_time: Curve, start_s: float, first: int, second: int, parts: tuple[float, float]
) -> None:
    """Service adds up over time; two packets back to back end when one of both sizes does: a half-used opportunity is
    kept."""
    curve, start, middle_s, until_s = curve_of_time, Position(start_s), start_s + parts[0], start_s + sum(parts)
    end = curve.finish(start, first)
    assert curve.served_bits(start_s, end.time_s + 1e-8) >= first - 1e-3
    assert curve.served_bits(start_s, end.time_s - 1e-5) < first + 1e-3
    both_s = curve.finish(start, first + second).time_s
    assert curve.finish(end, second).time_s == pytest.approx(both_s, abs=1e-7)
    split = curve.served_bits(start_s, middle_s) + curve.served_bits(middle_s, until_s)
    assert split == pytest.approx(curve.served_bits(start_s, until_s), abs=1e-3)


@pytest.mark.parametrize("name", RATES)
def test_a_curve_is_a_pure_function_of_its_uniforms(name: str, uniforms: Uniforms) -> None:
    """Asked in another order, a fresh curve gives the same answers."""
    questions = [Position(time_s, 0.0, (0, 0, number)) for number, time_s in enumerate((0.0, 3.0, 40.0, 7.0))]
    one, other = Rate.of(RATES[name]).curve(uniforms), Rate.of(RATES[name]).curve(uniforms)
    forward = [one.finish(question, 30_000) for question in questions]
    assert forward == [other.finish(question, 30_000) for question in reversed(questions)][::-1]


def test_a_rate_of_0_does_not_even_let_an_empty_packet_through(uniforms: Uniforms) -> None:
    curve = Rate.of({"kind": "constant", "bps": 0}).curve(uniforms)
    assert curve.finish(Position(1.0), 0).time_s == curve.ready_s(Position(1.0), 0) == INF


def test_whatever_the_rate_nothing_leaves_in_the_first_instant_of_an_outage() -> None:
    """Out from 1 to 2 s, and from 2 to 4 s by an outage around it: what comes at 1 s, at 2 s or between waits."""
    for inner in (INF, 1e9):
        curve = InterruptedCurve(InterruptedCurve(ConstantCurve(inner), iter([(1, 2)])), iter([(2, 4)]))
        for start_s, end_s in ((0.5, 0.5), (1.0, 4.0), (1.5, 4.0), (2.0, 4.0), (3.0, 4.0), (4.0, 4.0)):
            assert curve.ready_s(Position(start_s), 1000) == end_s
            assert curve.finish(Position(start_s), 1000).time_s == pytest.approx(end_s, abs=2e-6)


def test_a_long_fade_is_forgotten_and_goes_on_as_it_would_have(uniforms: Uniforms) -> None:
    """Memory is bounded: what lies behind is cleared away, and what follows is the same."""
    for name in ("rayleigh", "trace", "random"):
        whole, lean = Rate.of(RATES[name]).curve(uniforms), Rate.of(RATES[name]).curve(uniforms)
        position = Position(0.0)
        for _ in range(500):
            lean.forget(position.time_s)
            after = lean.finish(position, 20_000)
            assert after.time_s == pytest.approx(whole.finish(position, 20_000).time_s, abs=1e-9)
            position = after
        if isinstance(lean, StepCurve) and isinstance(whole, StepCurve):
            assert len(lean._rates_bps) < 350 < len(whole._rates_bps)
            with pytest.raises(AssertionError, match="I2"):
                lean.served_bits(0.0, 1.0)


SILENT = {"kind": "constant", "bps": 1e-3}
FAINT = {"kind": "rayleigh", "bandwidth_hz": 1, "mean_snr_db": -60, "coherence_s": 1e-5}
ALMOST_SILENT: dict[str, Any] = {
    "rayleigh": FAINT,
    "trace": {"kind": "trace", "points": ((0, 1e-3), (5e-4, 0)), "period_s": 1e-3},
    "outages": {"kind": "random_outages", "rate": SILENT, "mean_up_s": 1e-3, "mean_out_s": 1},
    "faded outages": {"kind": "random_outages", "rate": FAINT},
}


@pytest.mark.parametrize("name", ALMOST_SILENT)
def test_a_curve_looks_no_further_than_the_horizon(name: str, uniforms: Uniforms) -> None:
    """A packet of 10^9 bits would take 30,000 years: nobody waits for it, and no change of those years is kept."""
    curve = CheckedCurve(Rate.of(ALMOST_SILENT[name]).curve(uniforms))
    curve.bound("uplink.rate", 0.05)
    assert curve.finish(Position(0.01), 1e9).time_s > 0.05
    assert curve.served_bits(0.0, 0.05) < 1
    assert curve.ready_s(Position(0.06), 1) > 0.05


@pytest.fixture
def few_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 1,000 changes to wait through, and 2,000 while idle."""
    for module in ("step_curve", "outages"):
        monkeypatch.setattr(f"channels.link.{module}.MOST_CHANGES", 1_000)
        monkeypatch.setattr(f"channels.link.{module}.MOST_IDLE_CHANGES", 2_000)


@pytest.mark.parametrize("name", ["rayleigh", "outages"])
@pytest.mark.usefixtures("few_changes")
def test_a_packet_through_too_many_changes_is_told_and_not_waited_for(name: str, uniforms: Uniforms) -> None:
    curve = Rate.of(ALMOST_SILENT[name]).curve(uniforms)
    curve.bound("uplink.rate", 1e6)
    with pytest.raises(ConfigError, match=r"uplink\.rate: changes more than 1,000 times .*horizon_s"):
        curve.finish(Position(0.0), 1e9)


@pytest.mark.parametrize(("name", "long_bits"), [("rayleigh", 1e5), ("random", 1e7)])
@pytest.mark.usefixtures("few_changes")
def test_packets_that_nobody_acknowledges_add_up_to_too_many_changes(
    name: str, long_bits: float, uniforms: Uniforms
) -> None:
    """However short each of them is, or the silence between two."""

    def send(bits: float, gap_s: float, acknowledged: bool) -> None:
        curve = CheckedCurve(Rate.of(RATES[name]).curve(uniforms))
        position = Position(0.0)
        for _ in range(200):
            curve.forget(position.time_s)
            position = curve.finish(position, bits)
            position = curve.idle(position, position.time_s + gap_s)
            if acknowledged:
                curve.heard()

    send(long_bits, 0.0, acknowledged=True)
    send(10.0, 10.0, acknowledged=True)
    with pytest.raises(ConfigError, match="more than 1,000 times"):
        send(long_bits, 0.0, acknowledged=False)
    with pytest.raises(ConfigError, match="more than 2,000 times"):
        send(10.0, 10.0, acknowledged=False)


def test_a_horizon_changes_nothing_that_ends_before_it(uniforms: Uniforms) -> None:
    for fields in RATES.values():
        free, bounded = Rate.of(fields).curve(uniforms), Rate.of(fields).curve(uniforms)
        bounded.bound("uplink.rate", 20.0)
        for bits in (1, 30_000, 2_000_000):
            end = free.finish(Position(3.0), bits)
            assert bounded.finish(Position(3.0), bits).time_s == end.time_s or (
                min(end.time_s, bounded.finish(Position(3.0), bits).time_s) > 20
            )


def test_idle_time_is_passed_over_without_being_kept(uniforms: Uniforms) -> None:
    for name in ("rayleigh", "trace", "random"):
        whole, lean = Rate.of(RATES[name]).curve(uniforms), Rate.of(RATES[name]).curve(uniforms)
        lean.forget(400.0)
        known = lean._known if name == "random" else lean._rates_bps  # type: ignore[attr-defined]
        assert len(known) < 350
        assert lean.finish(Position(400.0), 20_000) == whole.finish(Position(400.0), 20_000)


def test_points_that_coincide_from_the_second_lap_on_carry_nothing_there(uniforms: Uniforms) -> None:
    """0.2 + 1e-17 is 0.2: from there on the second point lasts for the whole lap."""
    fields = {"kind": "trace", "points": ((0, 1e5), (1e-17, 3e4)), "period_s": 0.2}
    curve = Rate.of(fields).curve(uniforms)
    assert curve.finish(Position(0.0), 30_000).time_s == pytest.approx(1.0, abs=1e-12)
    assert curve.served_bits(0.3, 5.3) == pytest.approx(150_000)


def test_an_outage_without_end_carries_nothing_more_whatever_the_rate_behind_it(uniforms: Uniforms) -> None:
    for rate in ("constant", "mahimahi", "rayleigh", "trace once"):
        curve = InterruptedCurve(Rate.of(RATES[rate]).curve(uniforms), iter([(3, INF)]))
        assert curve.finish(Position(2.0), 1e9).time_s == curve.finish(Position(4.0), 1).time_s == INF
        assert curve.ready_s(Position(4.0), 1) == INF
        assert curve.served_bits(0.0, 9.0) == curve.served_bits(0.0, 3.0)


def test_outages_of_a_rate_that_is_out_for_good_are_not_looked_at_one_by_one(uniforms: Uniforms) -> None:
    """A million of them before the horizon, twice nested: that would be 10^12 looks."""
    gone = {"kind": "constant", "bps": 0}
    fields = {"kind": "random_outages", "mean_up_s": 0.5, "mean_out_s": 0.5}
    curve = Rate.of(fields | {"rate": fields | {"rate": gone}}).curve(uniforms)
    curve.bound("uplink.rate", 1e6)
    assert curve.ready_s(Position(0.0), 1) == curve.finish(Position(0.0), 1).time_s == INF
