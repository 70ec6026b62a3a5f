"""Latency emerges: closed forms where there are some, monotony in the rate, and nothing without the uplink process."""

import math
from itertools import pairwise
from typing import Any

import pytest
from cells import HEADER_BITS, SCHEMES, cell, link

from simulator import simulate
from simulator.results.column_names import BREAKDOWN
from simulator.timing.link import Link


@pytest.mark.parametrize(("seed", "scheme"), [*enumerate(SCHEMES)])
def test_latency_falls_weakly_with_bandwidth(seed: int, scheme: str) -> None:
    rates = [1e3, 3e3, 1e4, 3e4, 1e5, 1e6, 1e7, math.inf]
    lossy = {"kind": "bernoulli", "probability": 0.2}
    latency = [
        simulate(cell(scheme, seed=seed, uplink=link(bps, loss=lossy))).summary["latency_per_token_s"] for bps in rates
    ]
    assert all(later <= earlier for earlier, later in pairwise(latency))
    assert latency[-1] < latency[0]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_free_links_leave_compute_alone(scheme: str) -> None:
    free = link(math.inf, delay_s=0.0)
    result = simulate(cell(scheme, uplink=free, downlink=free))
    compute = ["prefill_s", "draft_s", "encode_s", "cloud_queue_s", "cloud_decode_s", "verify_s"]
    for name in BREAKDOWN:
        if name not in compute:
            assert result.summary[name] == 0.0, name
    rounds = result.rounds
    verify_s = 0.02 * len(rounds)
    drafted = rounds["drafted"]
    distributions = {"tree": drafted - 1, "multi_candidate": drafted / 3}.get(scheme, drafted)
    draft_s = 0.005 * rounds["edge_passes"].sum() + 1e-4 * distributions.sum()
    assert result.requests["latency_s"].sum() == pytest.approx(verify_s + draft_s, rel=1e-12)


def test_speculative_round_equals_its_closed_form() -> None:
    """One round trip, spelled out: K-SQS with room for a single draft a round and nothing lost."""
    result = simulate(cell({"kind": "k_sqs", "k": 4, "max_drafts": 1}, bps=1e4))
    later = result.rounds[result.rounds["round"] > 1]
    duration = later["answered_s"] - later["started_s"]
    down = (later["reply_bits"] + HEADER_BITS) / 1e7 + 0.02
    up = (later["payload_bits"] + HEADER_BITS) / 1e4 + 0.02
    assert duration.to_numpy() == pytest.approx((0.005 + 1e-4 + up + 0.02 + down).to_numpy(), rel=1e-9)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_without_the_uplink_process_nothing_is_answered(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put = Link.put
    monkeypatch.setattr(Link, "put", lambda self, *given: None if self.name == "uplink" else put(self, *given))
    result = simulate(cell(scheme))
    assert result.summary["answered"] == 0.0
    assert math.isnan(result.summary["latency_per_token_s"])


def test_rate_zero_waits() -> None:
    result = simulate(cell("k_sqs", bps=0.0))
    assert (result.requests["outcome"] == "in_flight").all()


@pytest.mark.parametrize("delay_s", [0.02, 0.2, 1.0])
def test_cloud_only_streams_at_the_pace_of_its_passes_however_far_away(delay_s: float) -> None:
    """The defaults hold a window of all that a round trip can carry; 16 packets would make it a sixteenth of the round
    trip and its packet a token."""
    far: dict[str, Any] = {"delay_s": delay_s, "arq": {"kind": "selective_repeat", "timeout_s": 2 * delay_s + 0.1}}
    asked = {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 120}
    result = simulate(cell("cloud_only", workload=asked, uplink=link(1e5, **far), downlink=link(1e7, **far)))
    assert result.summary["tpot_s"] == pytest.approx(0.02, rel=1e-6)
