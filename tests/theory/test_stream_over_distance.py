"""Streamed tokens over a long way: the pass of the cloud sets their pace, not the link's round trip."""

from __future__ import annotations

from typing import Any

import pytest
from cells import cell, link

from simulator import simulate

PASS_S = 0.02


@pytest.mark.parametrize("delay_s", [0.02, 0.2, 1.0])
def test_cloud_only_streams_at_the_pace_of_its_passes_however_far_away(delay_s: float) -> None:
    """The defaults hold a window of all that a round trip can carry; 16 packets would make it a sixteenth of the round
    trip and its packet a token."""
    way: dict[str, Any] = {"delay_s": delay_s, "arq": {"kind": "selective_repeat", "timeout_s": 2 * delay_s + 0.1}}
    asked = {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 120}
    result = simulate(cell("cloud_only", workload=asked, uplink=link(1e5, **way), downlink=link(1e7, **way)))
    assert result.summary["tpot_s"] == pytest.approx(PASS_S, rel=1e-6)
