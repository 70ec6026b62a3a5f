"""Multi-SPIN's joint choice: the closed form, what its abstract says of it, and rounds that really take so long."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from cells import cell, link

from kinds import ConfigError
from simulator import simulate
from simulator.decoding.memory import Memory
from simulator.tuning.joint_split import Split, User, at_lengths, equal_shares, own_lengths, same_length

USERS = (User(0.9, 0.004, 2e5, 40.0, 64.0), User(0.6, 0.02, 8e4, 40.0, 64.0), User(0.75, 0.01, 4e4, 40.0, 64.0))
REST_S = 0.05


@pytest.mark.parametrize("lengths", [(1, 1, 1), (5, 2, 3), (16, 1, 1)])
@pytest.mark.parametrize("count", [1, 3])
def test_all_end_together_on_a_band_that_is_used_up(lengths: tuple[int, ...], count: int) -> None:
    users = USERS[:count]
    split = at_lengths(users, lengths[:count], REST_S)
    assert sum(split.shares) == pytest.approx(1)
    for user, length, share in zip(users, split.lengths, split.shares, strict=True):
        ends_s = length * user.draft_s + (64 + 40 * length) / (share * user.rate_bps)
        assert ends_s + REST_S == pytest.approx(split.round_s)


@pytest.mark.parametrize("factor", [0.03, 0.3, 3.0])
def test_step_by_step_finds_what_trying_all_lengths_finds(factor: float) -> None:
    users = tuple(replace(user, rate_bps=factor * user.rate_bps) for user in USERS)
    best = max((at_lengths(users, each, REST_S) for each in product(range(1, 8), repeat=3)), key=goodput)
    assert own_lengths(users, 7, REST_S).lengths == best.lengths
    assert goodput(best) >= goodput(same_length(users, 7, REST_S)) >= goodput(equal_shares(users, 4, REST_S))


def goodput(split: Split) -> float:
    return split.tokens_per_s


def test_users_that_no_band_serves_are_refused() -> None:
    for broken in ({"rate_bps": 0.0}, {"acceptance": 1.0}, {"draft_bits": 0.0, "round_bits": 0.0}):
        with pytest.raises(ConfigError, match="users: one or more"):
            same_length((replace(USERS[0], **broken),), 4, REST_S)
    with pytest.raises(ConfigError, match="users: one or more"):
        same_length((), 4, REST_S)


def test_simulated_rounds_take_as_long_and_commit_as_much_as_the_closed_form() -> None:
    """Over a pair that accepts .7 everywhere, one batch of both users' rounds. Tokens within 5 sd of the rounds."""
    users = (User(0.7, 0.004, 4e4, 66.0, 64.0), User(0.7, 0.02, 1e4, 68.0, 64.0))  # 264 and 136 bits, whole bytes
    split = at_lengths(users, (4, 2), REST_S)
    payload = {"sparsifier": {"kind": "top_k", "k": 16}, "code": "enumerative", "budget_bits": None}
    bands = {"kind": "bands", "shares": [split.shares[0], split.shares[1] / 4]}  # the second one's channel is poorer
    fleet = [
        {
            "scheme": {"kind": "composed", "max_drafts": length, **payload},
            "edge": {"latency": {"kind": "constant", "per_pass_s": user.draft_s}, "encode_s_per_draft": 0},
        }
        for user, length in zip(users, split.lengths, strict=True)
    ]
    made = cell(
        models={"pair": {"kind": "synthetic", "size": 16, "distance": 0.3, "entropy_bits": 3}},
        workload={"kind": "closed", "devices": 2, "requests": 1, "prompt_tokens": 8, "output_tokens": 120},
        fleet=fleet,
        cloud={
            "batching": {"kind": "window", "cap": 2, "window_s": 1.0},
            "latency": {"kind": "constant", "per_pass_s": REST_S},
        },
        uplink=link(4e4, 0.0, header_bits=64, sharing=bands),
        downlink=link(1e12, 0.0, header_bits=0),
    )
    rounds = simulate(made, memory=Memory()).rounds
    both = rounds[rounds["round"].between(3, rounds.groupby("device")["round"].max().min() - 2)]
    took_s = both["answered_s"] - both["started_s"]
    assert took_s.median() == pytest.approx(split.round_s, rel=1e-6)  # a payload has a byte more now and then
    assert took_s.mean() == pytest.approx(split.round_s, rel=0.01)
    sd = sum(both.groupby("device")["committed"].std() / both.groupby("device")["committed"].size() ** 0.5)
    assert both.groupby("device")["committed"].mean().sum() / split.round_s == pytest.approx(
        split.tokens_per_s, abs=5 * sd / split.round_s
    )
