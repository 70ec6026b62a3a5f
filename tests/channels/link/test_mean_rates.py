"""The mean rate of a link, where its kind says what it is."""

from __future__ import annotations

import pytest

from channels.link.rates import ConstantRate
from channels.link.rayleigh import Rayleigh
from channels.uniforms import Uniforms


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
