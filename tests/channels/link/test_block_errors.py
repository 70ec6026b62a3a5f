"""Block errors against the normal approximation worked out apart, and the fades that rate and loss share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from finite_blocklength import failing
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.link.block_errors import BlockErrors, block_error_rate
from channels.link.link_config import LinkConfig
from channels.link.losses import LossProcess
from channels.link.rates import Fade, Position, Rate
from channels.uniforms import Uniforms
from kinds import ConfigError

W_HZ = 180e3


@given(
    st.integers(8, 20_000),
    st.lists(st.tuples(st.floats(1, 1e5), st.floats(1e-3, 1e4)), min_size=1, max_size=4),
)
def test_a_block_over_several_fades_adds_their_capacities_and_dispersions(
    bits: int, parts: list[tuple[float, float]]
) -> None:
    fades = [Fade(2 * symbols, snr) for symbols, snr in parts]
    assert block_error_rate(bits, fades) == pytest.approx(failing(bits, parts), rel=1e-6, abs=1e-300)


def test_long_blocks_fail_above_capacity_and_not_below() -> None:
    """Shannon's theorem as the limit: at 1,000,000 uses of capacity 1/2, 1% to either side decides."""
    uses = [Fade(1e6, 1.0)]
    assert block_error_rate(0.495e6, uses) < 1e-6 < 0.49 < block_error_rate(0.5e6, uses) < 0.5
    assert block_error_rate(0.505e6, uses) > 1 - 1e-6


def test_without_a_channel_use_nothing_gets_through() -> None:
    assert block_error_rate(1, []) == block_error_rate(1, [Fade(100.0, 0.0)]) == 1.0
    assert block_error_rate(0, []) == 0.0


def share_lost(process: LossProcess, count: int, bits: int, bps: float, step_s: float) -> float:
    """The share of packets that are lost, where each begins at a multiple of `step_s`."""
    ends = (k * step_s + bits / bps for k in range(count))
    return sum(process.lost(end_s, bits, bps, (0, 0, k, 0, 0)) for k, end_s in enumerate(ends)) / count


@pytest.mark.parametrize(("bits", "bps"), [(400, 260e3), (1500, 270e3), (1500, 280e3)])
def test_over_a_steady_channel_blocks_are_lost_at_the_rate_of_the_curve(
    uniforms: Uniforms, bits: int, bps: float
) -> None:
    count, snr_db = 10_000, 3.0
    process = BlockErrors(snr_db=snr_db, bandwidth_hz=W_HZ).process(uniforms)
    expected = failing(bits, [(W_HZ * bits / bps, 10 ** (snr_db / 10))])
    assert 0.01 < expected < 0.5
    spread = math.sqrt(expected * (1 - expected) / count)
    assert abs(share_lost(process, count, bits, bps, 0.01) - expected) < 5 * spread


def test_at_a_fixed_rate_a_deep_fade_is_an_outage(uniforms: Uniforms) -> None:
    """Each packet meets a fade of its own: the curve's mean over g, exponential, near P(W log2(1 + g snr) < R)."""
    count, bits, bps, snr = 10_000, 1500, 100e3, 10**0.5
    process = BlockErrors(snr_db=5.0, coherence_s=0.1, bandwidth_hz=W_HZ).process(uniforms)
    gains = (np.arange(20_000) + 0.5) / 1000
    curve = np.array([failing(bits, [(W_HZ * bits / bps, gain * snr)]) for gain in gains])
    expected = float((np.exp(-gains) * curve).sum() / 1000)
    assert expected == pytest.approx(1 - math.exp(-(2 ** (bps / W_HZ) - 1) / snr), rel=0.02)
    spread = math.sqrt(expected * (1 - expected) / count)
    assert abs(share_lost(process, count, bits, bps, 0.1) - expected) < 5 * spread


RATES: dict[str, Any] = {
    "alone": {"kind": "rayleigh", "coherence_s": 0.02, "capacity_share": 0.8},
    "with outages": {
        "kind": "scheduled_outages",
        "rate": {"kind": "rayleigh", "coherence_s": 0.02, "capacity_share": 0.8},
        "outages_s": ((0.05, 0.3), (1.0, 1.01)),
    },
}


@pytest.mark.parametrize("name", RATES)
@settings(max_examples=60, deadline=None)
@given(start_s=st.floats(0, 3), span_s=st.floats(0, 2))
def test_the_fades_of_a_link_carry_the_very_bits_that_its_rate_does(name: str, start_s: float, span_s: float) -> None:
    """What is sent is the share of what the fades could carry, over any span, outages left out."""
    curve = Rate.of(RATES[name]).curve(Uniforms.of(3, "test"))
    carried = sum(uses * math.log2(1 + snr) / 2 for uses, snr in curve.fades(start_s, start_s + span_s))
    assert 0.8 * carried == pytest.approx(curve.served_bits(start_s, start_s + span_s), rel=1e-9, abs=1e-6)


def test_a_rate_that_was_forgotten_still_tells_its_fades(uniforms: Uniforms) -> None:
    one, other = (Rate.of("rayleigh").curve(uniforms) for _ in range(2))
    one.finish(Position(0.0), 1e8)
    one.forget(300.0)
    assert list(one.fades(7.0, 7.3)) == list(other.fades(7.0, 7.3))


@pytest.mark.parametrize(("share", "least", "most"), [(1.0, 0.4, 0.5), (0.95, 0.001, 0.05), (0.8, 0.0, 1e-6)])
def test_a_sender_short_of_capacity_loses_few_blocks_and_one_at_capacity_almost_half(
    uniforms: Uniforms, share: float, least: float, most: float
) -> None:
    rate = Rate.of({"kind": "rayleigh", "coherence_s": 1.0, "capacity_share": share, "mean_snr_db": 10})
    curve, chances = rate.curve(uniforms), []
    for start_s in range(400):
        end_s = curve.finish(Position(float(start_s)), 1500).time_s
        chances.append(block_error_rate(1500, curve.fades(start_s, end_s)))
    assert least <= np.mean(chances) <= most


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"loss": {"snr_db": None}}, r"loss.snr_db = null: must be a number where the rate is constant"),
        ({"rate": {"bps": 1e6}}, r"loss.snr_db = 3: a rate of 1e\+06 bit/s is above the capacity"),
        ({"rate": {"bps": math.inf}}, r"loss.snr_db = 3: a rate of inf bit/s"),
        ({"sharing": "processor"}, r"loss = block_errors: needs packets sent one at a time"),
        ({"loss": {"snr_db": None, "coherence_s": 1}}, "coherence_s = 1"),
        ({"arq": {"ack_loss": {"kind": "block_errors", "snr_db": None}}}, r"arq.ack_loss.snr_db = null"),
        ({"loss": {"coherence_s": 9e-6}}, r"greater than or equal to 0\.00001"),
    ],
)
def test_a_link_without_the_channel_that_its_loss_needs_is_refused(fields: dict[str, Any], message: str) -> None:
    for part, kind in (("loss", "block_errors"), ("rate", "constant"), ("arq", "selective_repeat")):
        fields = fields | {part: {"kind": kind, **fields.get(part, {})}}
    with pytest.raises(ValidationError, match=message):
        LinkConfig.model_validate(fields)


def test_a_packet_over_more_fades_than_a_run_can_count_is_refused_at_once(uniforms: Uniforms) -> None:
    process = BlockErrors(coherence_s=1e-5).process(uniforms)
    with pytest.raises(ConfigError, match=r"^loss\.coherence_s = 1e-05: .* 30 s on the air .* at most 2,000,000"):
        process.lost(40.0, 3000, 100.0, (0, 0, 1, 0, 0))
