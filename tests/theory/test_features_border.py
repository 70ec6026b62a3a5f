"""Closed form of the downlink rate from which on a drafter that reads features beats one that does not.

Both drafters are accepted alike and wait for each reply. A round of L drafts that commits A + 1 tokens takes L passes,
the round trip, the verifier's pass, and, of the drafter that reads F bits of features for each token, (A + 1) F / R on
a downlink of rate R. So its passes of t_f against t_o pay from

    R = (A + 1) F / (L (t_o - t_f))

on, whatever the distance; those of the prompt, P F / R once, raise it.
"""

from typing import Any

import pytest
from cells import cell, link

from simulator import CellResult, simulate
from simulator.decoding.memory import Memory
from simulator.schemes.features import Features

OWN_S, FED_S, DRAFTS, TOKENS, PROMPT = 0.009, 0.003, 4, 200, 8
FEATURES: dict[str, Any] = {"width": 1024, "layers": 3, "prompt_tokens": 0}
MEMORY = Memory()


def served(delay_s: float, pass_s: float, bps: Any = "inf", features: Any = None) -> CellResult:
    way = {"header_bits": 0, "arq": {"kind": "selective_repeat", "timeout_s": 1.0}}
    scheme = {"kind": "coupled", "max_drafts": DRAFTS, "cloud_first": True, "features": features}
    return simulate(
        cell(
            scheme,
            uplink=link(1e12, delay_s, **way),
            downlink=link(bps, delay_s, **way),
            edge={"latency": {"kind": "constant", "per_pass_s": pass_s}, "encode_s_per_draft": 0},
            workload={"kind": "closed", "requests": 1, "prompt_tokens": PROMPT, "output_tokens": TOKENS},
        ),
        memory=MEMORY,
    )


@pytest.mark.parametrize("delay_s", [0.0025, 0.04])
def test_features_pay_from_the_rate_at_which_they_take_as_long_as_the_passes_that_they_save(delay_s: float) -> None:
    own = served(delay_s, OWN_S)
    rounds = own.rounds[own.rounds["drafted"] > 0]
    bits = Features(**FEATURES).bits(1)
    border_bps = rounds["committed"].sum() * bits / (rounds["drafted"].sum() * (OWN_S - FED_S))
    fed = [served(delay_s, FED_S, border_bps * by, FEATURES).summary["latency_s"] for by in (0.95, 1.05)]
    assert fed[0] > own.summary["latency_s"] > fed[1]


def test_those_of_the_prompt_put_off_the_first_token_by_the_time_that_they_take() -> None:
    bps = 1e6
    all_, none = (served(0.01, FED_S, bps, FEATURES | {"prompt_tokens": most}) for most in (None, 0))
    later_s = all_.summary["ttft_s"] - none.summary["ttft_s"]
    assert later_s == pytest.approx(Features(**FEATURES).bits(PROMPT) / bps)
    assert none.summary["ttft_s"] == pytest.approx(0.02 + 0.02 + none.rounds["reply_bits"][0] / bps, rel=1e-3)
