"""Losses and delays against their distributions, at 5 sd."""

import math
from fractions import Fraction
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.link.delays import Delay
from channels.link.link_config import LinkConfig
from channels.link.losses import BitErrors, GilbertElliott, Loss, LossProcess, PacketIndex, is_memoryless
from channels.uniforms import Uniforms
from kinds import ConfigError


def lost(process: LossProcess, count: int, step_s: float = 1.0) -> npt.NDArray[np.bool_]:
    return np.array([process.lost(k * step_s, 1000, 1e5, (0, 0, k, 0, 0)) for k in range(count)])


def test_independent_losses_have_their_rate(uniforms: Uniforms) -> None:
    count, probability = 40_000, 0.3
    losses = lost(Loss.of({"kind": "bernoulli", "probability": probability}).process(uniforms), count)
    assert abs(losses.mean() - probability) < 5 * math.sqrt(probability * (1 - probability) / count)
    pairs = probability**2 * (1 - probability**2) + 2 * probability**3 * (1 - probability)
    assert abs((losses[1:] & losses[:-1]).mean() - probability**2) < 5 * math.sqrt(pairs / count)


def test_a_loss_depends_on_the_address_alone(uniforms: Uniforms) -> None:
    """Common random numbers: whenever, at whatever size and rate, in whatever order packets go, the same are lost."""
    addresses = [(d, 0, t, f, a) for d in range(3) for t in range(5) for f in range(2) for a in range(3)]
    one, other = (Loss.of({"kind": "bernoulli", "probability": 0.4}).process(uniforms) for _ in range(2))
    forward = [one.lost(0.0, 8, 1e3, at) for at in addresses]
    assert forward == [other.lost(9.0, 80, 1e6, at) for at in reversed(addresses)][::-1]


@pytest.mark.parametrize("axis", range(5))
def test_each_part_of_the_address_has_its_own_rng(uniforms: Uniforms, axis: int) -> None:
    process = Loss.of({"kind": "bernoulli", "probability": 0.5}).process(uniforms)
    rng = [process.lost(0.0, 1000, 1e5, tuple(k if place == axis else 0 for place in range(5))) for k in range(64)]
    assert 10 < sum(rng) < 54


def bursts(losses: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Lengths of the runs of losses, the last one left out."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], losses.astype(np.int64), [0]])))
    return (edges[1::2] - edges[::2])[:-1]


def test_gilbert_elliott_loses_in_bursts_of_its_length(uniforms: Uniforms) -> None:
    """Bursts geometric of mean 1 / r; independent losses of the same share burst far less."""
    p, r = 0.05, 0.2
    losses = lost(Loss.of({"kind": "gilbert_elliott", "to_bad": p, "to_good": r}).process(uniforms), 60_000)
    lengths = bursts(losses)
    assert abs(lengths.mean() - 1 / r) < 5 * math.sqrt(1 - r) / r / math.sqrt(len(lengths))
    shuffled = bursts(np.random.default_rng(0).permutation(losses))
    assert shuffled.mean() < lengths.mean() / 3


@pytest.mark.parametrize(("per", "at_s"), [("packet", 0.0), ("second", 0.0), ("second", 50.0)])
def test_gilbert_elliott_is_stationary_from_the_first_packet_on(per: str, at_s: float) -> None:
    """Bad in 1 of 11 chains, 3,000 of which have a relative frequency within 5 standard deviations."""
    loss = GilbertElliott.model_validate({"per": per, "to_bad": 0.02, "to_good": 0.2})
    lost = [loss.process(Uniforms.of(seed, "chain")).lost(at_s, 1, 1.0, (0, 0, 0, 0, 0)) for seed in range(3_000)]
    share = 1 / 11
    assert abs(np.mean(lost) - share) < 5 * (share * (1 - share) / 3_000) ** 0.5


def test_gilbert_elliott_in_time_does_not_care_how_often_it_is_asked(uniforms: Uniforms) -> None:
    loss = Loss.of({"kind": "gilbert_elliott", "per": "second", "to_bad": 0.1, "to_good": 0.4})
    often, seldom = lost(loss.process(uniforms), 4000, 0.25), lost(loss.process(uniforms), 1000, 1.0)
    assert (often[::4] == seldom).all()


def test_gilbert_elliott_in_time_forgets_what_lies_behind(uniforms: Uniforms, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory is bounded, and a silence of too many changes is refused."""
    monkeypatch.setattr("channels.link.losses.MOST_IDLE_CHANGES", 1_000)
    process = Loss.of({"kind": "gilbert_elliott", "per": "second", "to_bad": 1000, "to_good": 1000}).process(uniforms)
    lost(process, 100, 0.1)
    assert len(process._changes_s) < 300  # type: ignore[attr-defined]
    with pytest.raises(AssertionError, match="I2"):
        process.lost(0.0, 1000, 1e5, (0, 0, 0, 0, 0))
    with pytest.raises(ConfigError, match=r"loss\.to_bad, loss\.to_good: more than 1,000 changes"):
        process.lost(1e7, 1000, 1e5, (0, 0, 0, 0, 0))


def test_jitter_has_its_mean_and_floor(uniforms: Uniforms) -> None:
    delay = Delay.of({"kind": "jitter", "delay_s": 0.1, "jitter_s": 0.05, "reorder": True})
    drawn = np.array([delay.process(uniforms).delay_s(0.0, (0, 0, k, 0, 0)) for k in range(10_000)])
    assert drawn.min() >= 0.1
    assert abs(drawn.mean() - delay.mean_s) < 5 * 0.05 / math.sqrt(10_000)


def test_jitter_keeps_the_order_of_a_device_unless_asked(uniforms: Uniforms) -> None:
    fields = {"kind": "jitter", "delay_s": 0.1, "jitter_s": 0.05}
    for reorder in (False, True):
        process = Delay.of(fields | {"reorder": reorder}).process(uniforms)
        arrivals = np.array([0.01 * k + process.delay_s(0.01 * k, (0, 0, k, 0, 0)) for k in range(200)])
        assert (np.diff(arrivals) >= 0).all() != reorder
        assert process.delay_s(0.0, (1, 0, 0, 0, 0)) < 1.0
        assert Delay.of(fields | {"reorder": reorder}).keeps_order != reorder
    assert Delay.of({"kind": "constant"}).keeps_order


@given(gaps_s=st.lists(st.floats(0, 0.1), min_size=2, max_size=30))
def test_where_order_is_kept_rounding_lets_no_packet_overtake(uniforms: Uniforms, gaps_s: list[float]) -> None:
    """Not by the last bit of a float: a receiver concludes a loss from it."""
    process = Delay.of({"kind": "jitter", "delay_s": 0.1, "jitter_s": 0.5}).process(uniforms)
    leave_s = np.cumsum(gaps_s).tolist()
    arrive_s = [now_s + process.delay_s(now_s, (0, 0, k, 0, 0)) for k, now_s in enumerate(leave_s)]
    assert arrive_s == sorted(arrive_s)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "none"},
        {"kind": "bernoulli", "probability": 0.3},
        {"kind": "gilbert_elliott", "to_bad": 0.05, "to_good": 0.2, "loss_good": 0.1, "loss_bad": 0.6},
        {"kind": "gilbert_elliott", "to_bad": 0.05, "to_good": 0.2, "loss_good": 0.1, "loss_bad": 0.6, "per": "second"},
        {"kind": "bit_errors", "bit_error_rate": 2e-4, "reference_bits": 1000},
    ],
    ids=lambda fields: " ".join(map(str, fields.values())),
)
def test_the_mean_that_a_kind_gives_is_the_share_it_loses(fields: dict[str, object], uniforms: Uniforms) -> None:
    """The states of two are correlated: the mean of so many packets has an sd of at most .0026."""
    loss = Loss.of(fields)
    assert loss.mean_loss == pytest.approx(lost(loss.process(uniforms), 60_000).mean(), abs=5 * 0.0026)


PROCESSES = [
    ("none", True),
    ({"kind": "bernoulli", "probability": 0.4}, True),
    ({"kind": "gilbert_elliott", "per": "second", "to_bad": 0.5, "to_good": 0.5}, True),
    ({"kind": "gilbert_elliott"}, False),
    ({"kind": "bit_errors", "bit_error_rate": 1e-3}, True),
    ({"kind": "trace", "points": ((0, 0.3), (2, 0.8)), "period_s": 5.0}, True),
]


@pytest.mark.parametrize(("fields", "memoryless"), PROCESSES)
def test_a_loss_that_remembers_nothing_says_so_and_answers_alike_in_any_order(
    fields: object, memoryless: bool, uniforms: Uniforms
) -> None:
    one, other = (Loss.of(fields).process(uniforms) for _ in range(2))
    assert is_memoryless(one) == memoryless
    asked = [(0.1 + 0.7 * k, 400 + 90 * (k % 7), 1e5, (0, 0, k // 3, k % 3, 0)) for k in range(120)]
    forward = [one.lost(*question) for question in asked]
    if memoryless:
        assert forward == [other.lost(*question) for question in reversed(asked)][::-1]


@pytest.mark.parametrize(
    ("fields", "memoryless"),
    [("constant", True), ({"kind": "jitter", "reorder": True}, True), ({"kind": "jitter"}, False)],
)
def test_a_delay_says_whether_it_remembers(fields: object, memoryless: bool, uniforms: Uniforms) -> None:
    assert is_memoryless(Delay.of(fields).process(uniforms)) == memoryless


def test_a_new_loss_is_one_class(uniforms: Uniforms) -> None:
    """Defined anywhere, it is found by its kind like those that come with the package; it has no mean,
    and counts as one that remembers unless it states otherwise."""

    class EverySecond(Loss):
        kind: Literal["every_second"] = "every_second"

        def process(self, uniforms: Uniforms) -> LossProcess:
            return self

        def lost(self, now_s: float, bits: int, rate_bps: float, index: PacketIndex) -> bool:
            return index[2] % 2 == 1

    class Pure(EverySecond):
        kind: Literal["pure_here"] = "pure_here"  # type: ignore[assignment]
        memoryless: ClassVar[bool] = True

    try:
        loss = LinkConfig.model_validate({"loss": "every_second"}).loss
        assert lost(loss.process(uniforms), 4).tolist() == [False, True, False, True]
        assert loss.mean_loss is None
        assert not is_memoryless(loss.process(uniforms)) and is_memoryless(Pure().process(uniforms))
    finally:
        del Loss.kinds["every_second"], Loss.kinds["pure_here"]


@given(st.floats(0, 0.5), st.integers(1, 300))
def test_a_packet_is_lost_unless_each_of_its_bits_is_right(bit_error_rate: float, bits: int) -> None:
    exact = 1 - (1 - Fraction(bit_error_rate)) ** bits
    assert BitErrors(bit_error_rate=bit_error_rate).packet_loss(bits) == pytest.approx(float(exact), rel=1e-12)


def test_a_tiny_bit_error_rate_is_not_lost_in_rounding() -> None:
    """1 - (1 - 1e-18)^1000 is 1e-15 to a relative 1e-15; in float64 1 - 1e-18 is 1."""
    assert BitErrors(bit_error_rate=1e-18).packet_loss(1000) == pytest.approx(1e-15, rel=1e-12, abs=0)


def test_a_longer_packet_at_the_same_address_is_lost_wherever_a_shorter_one_is(uniforms: Uniforms) -> None:
    process = BitErrors(bit_error_rate=5e-4).process(uniforms)
    rng = [[process.lost(0.0, bits, 1e5, (0, 0, k, 0, 0)) for k in range(400)] for bits in (300, 1500, 6000)]
    assert all(a <= b <= c for a, b, c in zip(*rng, strict=True)) and sum(rng[0]) < sum(rng[1]) < sum(rng[2])


def test_a_link_over_which_hardly_a_full_packet_gets_is_refused() -> None:
    """(1 - 1e-3)^12000 is 6e-6: a message would wait for ever; an acknowledgement is a bare header."""
    loss = {"kind": "bit_errors", "bit_error_rate": 1e-3}
    with pytest.raises(ValidationError, match=r"loss.bit_error_rate = 0.001: fewer than 0.1% .* 12000 bits"):
        LinkConfig.model_validate({"loss": loss, "mtu_bits": 12_000})
    assert LinkConfig.model_validate({"loss": loss, "mtu_bits": 1500}).loss.kind == "bit_errors"
    deaf = {"mtu_bits": 12_000, "arq": {"kind": "stop_and_wait", "ack_loss": loss}}
    assert LinkConfig.model_validate(deaf).arq.ack_loss.mean_loss is None
