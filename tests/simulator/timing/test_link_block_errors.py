"""Blocks on a link are lost by the fades of its rate, or by their own, attempt by attempt."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import simpy
from finite_blocklength import failing
from plants import AirWatch

from channels.link.link_config import LinkConfig
from channels.uniforms import Uniforms
from simulator.timing.link import Link
from simulator.timing.messages import Message

W_HZ = 180e3


@pytest.mark.parametrize("own", [False, True])
def test_on_a_link_each_block_is_lost_by_the_fade_in_which_it_was_sent(own: bool) -> None:
    """A twin draws fades and luck from the link's numbers and says of each attempt whether it arrives."""
    snr_db, coherence_s, uniforms, env, seen = 6.0, 0.02, Uniforms.of(5, "test"), simpy.Environment(), AirWatch()
    faded = {"kind": "rayleigh", "mean_snr_db": snr_db, "coherence_s": coherence_s, "capacity_share": 0.99}
    loss = {"kind": "block_errors", "snr_db": None}
    own_loss = {"kind": "block_errors", "snr_db": snr_db, "coherence_s": coherence_s}
    config = LinkConfig.model_validate(
        {
            "rate": {"kind": "constant", "bps": 2e5} if own else faded,
            "loss": own_loss if own else loss,
            "arq": {"kind": "selective_repeat", "timeout_s": 0.2},
        }
    )
    link = Link(env, config, uniforms, "uplink", lambda device: 0.02, seen)
    for number in range(300):
        link.put(Message((0, 0, number), (bytes(20 + 7 * (number % 50)),), lambda message: None))
    env.run()
    rng = uniforms.under(0, 1, 0).uniform
    fade = uniforms.under(0, 1, 1).uniform if own else uniforms.under(0, 0).uniform

    def parts(t0_s: float, t1_s: float) -> list[tuple[float, float]]:
        cuts = [k * coherence_s for k in range(1, 1000) if t0_s < k * coherence_s < t1_s]
        edges = [t0_s, *cuts, t1_s]
        return [
            (W_HZ * (b - a), -math.log(1 - fade(int((a + b) / 2 / coherence_s))) * 10 ** (snr_db / 10))
            for a, b in pairwise(edges)
        ]

    lost = [math.isnan(each.arrives_s) for each in seen.airings]
    chances = [failing(each.bits, parts(each.began_s, each.left_s)) for each in seen.airings]
    told = [rng(*each.address, each.fragment, each.attempt) for each in seen.airings]
    assert lost == [number < chance for number, chance in zip(told, chances, strict=True)]
    assert 20 < sum(lost) < len(lost) / 2 and any(len(parts(each.began_s, each.left_s)) > 1 for each in seen.airings)
