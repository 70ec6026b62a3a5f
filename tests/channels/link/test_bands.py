"""Frequency division: a band is a link of its own at its share of the rate, whatever fades and whoever else sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest
from cells import cell, link

from channels.link.link_config import LinkConfig
from channels.link.rates import Position
from channels.link.sharing import Sharing
from channels.uniforms import Uniforms
from kinds import ConfigError
from simulator import simulate
from simulator.decoding.memory import Memory

SHARED = Memory()


def requests(uplink: dict[str, Any], devices: int = 2) -> pd.DataFrame:
    work = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 16, "devices": devices}
    made = cell("k_sqs", uplink=uplink, workload=work, cloud={"servers": devices})
    return simulate(made, memory=SHARED).requests.drop(columns="cell")


def bands(*shares: float) -> dict[str, Any]:
    return {"kind": "bands", "shares": shares}


LOSSY = {"kind": "bernoulli", "probability": 0.2}


@pytest.mark.parametrize(
    "fields",
    [{}, {"overhead_s": 0.003, "loss": LOSSY}, {"mtu_bits": 512, "loss": LOSSY}],
    ids=["plain", "overhead", "mtu"],
)
def test_halves_of_a_rate_are_links_of_half_of_it(fields: dict[str, Any]) -> None:
    halves = requests(link(4e4, sharing=bands(0.5, 0.5), **fields))
    own = requests(link(2e4, sharing="own", **fields))
    pd.testing.assert_frame_equal(halves, own, rtol=1e-9)


def test_each_device_has_its_own_share_and_what_it_leaves_unused_is_lost() -> None:
    """Beside a device with a tenth of the band, one with a quarter takes as long as alone with as much."""
    beside = requests(link(8e4, sharing=bands(0.25, 0.1)))
    alone = requests(link(2e4, sharing="own"))
    shared, own = (table[table["device"] == 0].reset_index(drop=True) for table in (beside, alone))
    pd.testing.assert_frame_equal(shared, own, rtol=1e-9)
    assert beside[beside["device"] == 1]["latency_s"].mean() > alone[alone["device"] == 1]["latency_s"].mean()


@pytest.mark.parametrize(
    "rate",
    [
        {"kind": "constant", "bps": 8e4},
        {"kind": "trace", "points": ((0, 8e4), (0.5, 0), (1.25, 4e4)), "period_s": 2.0},
        {"kind": "mahimahi"},
        {"kind": "rayleigh"},
    ],
    ids=lambda rate: rate["kind"],
)
def test_a_band_carries_its_share_of_what_the_whole_carries(rate: dict[str, Any]) -> None:
    config = LinkConfig.model_validate({"rate": rate})
    sharing = Sharing.of(bands(0.25))
    whole, band = (config.curve(Uniforms.of(3, "test")) for _ in range(2))
    band = sharing.curve(band, 0)
    for curve in (whole, band):
        curve.bound("rate", 100.0)
    assert band.served_bits(0.0, 3.0) == pytest.approx(0.25 * whole.served_bits(0.0, 3.0))
    assert band.finish(Position(0.0), 3e3).time_s == whole.finish(Position(0.0), 12e3).time_s


@pytest.mark.parametrize(
    ("shares", "rate", "words"),
    [
        ((0.5,), "constant", "uplink.sharing.shares: must be 2, one for each device of the cell, not 1"),
        ((0.7, 0.4), "constant", "sum to 1 at most, not 1.1"),
        ((0.5, 0.5), "token_bucket", "bands: needs a rate that depends on time alone"),
    ],
)
def test_shares_that_do_not_fit_are_refused_in_one_line(shares: Sequence[float], rate: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        requests(link(4e4, sharing=bands(*shares)) | {"rate": rate})
