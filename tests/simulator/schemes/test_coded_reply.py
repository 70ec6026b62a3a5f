"""Replies whose token is coded: the same rounds as with flat ones, fewer bits down, and never beside rounds ahead."""

import pytest

from kinds import ConfigError
from simulator import Cell, simulate

SMALL = {
    "models.pair": "sotu",
    "workload.requests": 1,
    "workload.prompt_tokens": 32,
    "workload.output_tokens": 40,
    "scheme.max_drafts": 4,
}
COMPOSED = {"kind": "composed", "reply": {"kind": "token", "token": "coded"}}


def rounds(**fields):
    """A row a round: what was drafted and stood, and the bits of its reply."""
    found = simulate(Cell().with_({**SMALL, **fields}))
    told = found.rounds[["drafted", "accepted", "committed", "nll"]]
    return told.to_numpy(), found.summary["downlink_bits_per_token"]


def test_coded_replies_commit_the_same_text_in_fewer_bits():
    flat, flat_bits = rounds(**{"scheme.reply_token": "flat"})
    coded, coded_bits = rounds(**{"scheme.reply_token": "coded"})
    assert (flat == coded).all()
    assert 0 < coded_bits < flat_bits


def test_a_round_ahead_needs_replies_that_their_length_tells_from_all_stand():
    for scheme in ({"kind": "k_sqs", "reply_token": "coded"}, COMPOSED):
        Cell().with_({**SMALL, "scheme": scheme})
        with pytest.raises(ConfigError, match="depth = 1: must be 0 where the token of a reply is coded"):
            Cell().with_({**SMALL, "scheme": {**scheme, "depth": 1}})
