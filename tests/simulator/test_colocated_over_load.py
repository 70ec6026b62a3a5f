"""Speculation beside a 70B model pays less and less as users share it: what vLLM measured, simulated.

github.com/tomasruizt/vllm-scripts: Llama-3.3-70B with Llama-3.2-1B on two GPUs, InstructCoder, requests of 170 tokens
in and 146 out, ten of each user (50 of one user alone), one after the other. Its logs state 26,432 tokens of cache for
the 70B alone and 14,864 beside the drafter; throughput and mean gaps between tokens are those of its bench logs. At 32
and 64 users the passes that verify were worked out of the same rounds, so that the gains there check nothing.
"""

from pathlib import Path
from typing import Any

import pytest

from models.latency.cited_passes import PROFILES
from models.latency.profile import Profile
from simulator import Cell, simulate

PROMPT, OUTPUT = 170, 146
VERIFIER, DRAFTER = Profile(name="gpu80gbx2_70b"), Profile(name="h100_1_7b")
SURVIVAL = (0.83, 0.74, 0.64, 0.58, 0.54, 0.49, 0.47, 0.44)
GAP_MS = {1: 43.31, 16: 52.91, 32: 57.24, 64: 68.29}
"""Mean between tokens, the 70B alone, by users."""
GAP_GAIN = {1: 43.31 / 11.84, 16: 52.91 / 18.56, 32: 57.24 / 27.76, 64: 68.29 / 43.92}
"""The same, times that of the best number of drafts from three to eight."""
THROUGHPUT_GAIN = {1: 3.6, 16: 2.7, 32: 2.0, 64: 1.3}
"""Tokens a second of the best number of drafts, by those of the 70B alone: at 64 users memory has requests wait."""
PAGE = Path(__file__).parents[2] / "docs" / "trust.md"


def test_the_page_names_the_loads_whose_passes_were_worked_out_from_the_gains_themselves() -> None:
    circular = [users for users in GAP_MS if any(users == each.batch for each in PROFILES[VERIFIER.name].worked_out)]
    assert f"at {' and '.join(map(str, circular))} the check is circular" in PAGE.read_text()


def gap_s(users: int, drafts: int) -> float:
    """Mean between tokens, by the clocks alone: a round of all users, and now and then one's prompt in it."""
    accepted = 1 + sum(SURVIVAL[:drafts])
    decoding = [(1 + drafts, PROMPT + OUTPUT // 2)] * users
    starts = users * accepted / OUTPUT
    alone_s = VERIFIER.pass_s(decoding)
    prompt_s = VERIFIER.pass_s([*decoding, (PROMPT, 0)]) - alone_s
    drafts_s = drafts * DRAFTER.pass_s([(1, PROMPT + OUTPUT // 2)] * users)
    return (alone_s + drafts_s + starts * prompt_s) / accepted


@pytest.mark.parametrize("users", GAP_MS)
def test_gaps_between_tokens_over_load_follow_from_the_clocks(users: int) -> None:
    assert 1e3 * gap_s(users, 0) == pytest.approx(GAP_MS[users], rel=0.1)
    best_s = min(gap_s(users, drafts) for drafts in range(3, 9))
    assert gap_s(users, 0) / best_s == pytest.approx(GAP_GAIN[users], rel=0.15)


def served(users: int, scheme: object, kv_tokens: int) -> Any:
    """The summary of a run in the source's setting, nothing between users and cloud."""
    link = {"rate": {"kind": "constant", "bps": "inf"}, "delay": {"kind": "constant", "delay_s": 0.0}}
    return simulate(
        Cell.from_fields(
            {
                "models": {
                    "pair": {"kind": "published", "name": "llama_1b_70b", "size": 512, "prompt_tokens": PROMPT},
                    "temperature": 0.0,
                },
                "workload": {
                    "kind": "closed", "devices": users, "requests": 10 if users > 1 else 50, "distinct": 48,
                    "prompt_tokens": PROMPT, "output_tokens": OUTPUT, "prompt_at_cloud": True,
                },
                "scheme": scheme,
                "uplink": link,
                "downlink": link,
                "cloud": {
                    "batching": {"kind": "continuous", "cap": 64}, "token_budget": 2048, "kv_tokens": kv_tokens,
                    "latency": VERIFIER.model_dump(), "drafter_latency": DRAFTER.model_dump(),
                },
            }
        )
    ).summary  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("users", THROUGHPUT_GAIN)
def test_speculation_beside_a_70b_gains_as_measured_at_each_load(users: int) -> None:
    alone = served(users, "cloud_only", 26_432)
    assert 1e3 * alone["tpot_s"] == pytest.approx(GAP_MS[users], rel=0.05)
    rates = {
        drafts: served(users, {"kind": "colocated", "max_drafts": drafts}, 14_864)["tokens_per_s"]
        for drafts in (3, 5, 6, 8)
    }
    gain = max(rates.values()) / alone["tokens_per_s"]
    print(users, round(1e3 * alone["tpot_s"], 1), round(gain, 2))
    assert gain == pytest.approx(THROUGHPUT_GAIN[users], rel=0.15)
