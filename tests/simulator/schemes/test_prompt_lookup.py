"""Prompt lookup: what is copied, by hand; both forms simulated; a round without a draft is a bare header."""

import pytest
from cells import cell

from kinds import ConfigError
from simulator import simulate
from simulator.decoding.memory import Memory
from simulator.schemes.rivals.prompt_lookup import copied


@pytest.mark.parametrize(
    ("text", "longest", "shortest", "token"),
    [
        ((5, 6, 7, 5, 6), 3, 1, 7),  # 5 6 comes earlier, 7 behind it
        ((1, 2, 3, 9, 2, 4, 1, 2), 3, 1, 3),  # 1 2 beats the later 2, whose next is 4
        ((1, 2, 3, 9, 2, 4, 1, 2), 1, 1, 4),  # of one token the later place
        ((1, 2, 3, 9, 2, 4, 1, 2), 3, 3, None),  # no three match
        ((1, 2, 3), 3, 1, None),
        ((4, 4), 3, 1, 4),  # an occurrence may lap over the end
        ((4,), 3, 1, None),
    ],
)
def test_the_draft_follows_the_latest_occurrence_of_the_longest_end(text, longest, shortest, token):
    assert copied(text, longest, shortest) == token


@pytest.mark.parametrize(
    "changes", [{}, {"depth": 1}, {"cloud_first": True}, {"depth": 2, "cloud_first": True}], ids=str
)
def test_at_the_edge_rounds_with_and_without_drafts_answer_every_request(changes):
    result = simulate(cell({"kind": "prompt_lookup", "max_drafts": 3, **changes}), memory=Memory())
    rounds = result.rounds
    assert (rounds["drafted"] > 0).any() and (rounds["drafted"] == 0).any()
    assert (rounds.loc[rounds["drafted"] == 0, "payload_bits"] <= 16).all()
    assert result.summary["tv_output"] == 0


def test_in_the_cloud_no_draft_crosses_the_air_and_no_drafter_takes_time():
    slow = {"drafter_latency": {"kind": "constant", "per_pass_s": 9.0}}
    result = simulate(cell("colocated_lookup", cloud=slow), memory=Memory())
    alone = simulate(cell("cloud_only"), memory=Memory())
    assert result.summary["payload_bits_per_token"] == 0
    assert (result.rounds["drafted"] > 0).any() and (result.rounds["drafted"] == 0).any()
    assert result.summary["latency_s"] < alone.summary["latency_s"]


def test_a_pair_whose_text_does_not_repeat_is_refused():
    for kind in ("prompt_lookup", "colocated_lookup"):
        with pytest.raises(ConfigError, match=f"scheme = {kind}: copies drafts from the text, and the texts of pair"):
            simulate(
                cell(kind, models={"pair": {"kind": "published", "prompt_tokens": 64}, "temperature": 0.0}),
                memory=Memory(),
            )
