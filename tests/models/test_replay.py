"""Accepted lengths from a file: rounds of as many drafts as were logged accept what the file says, line by line."""

import json

import pytest
from refusals import refusal

from kinds import ConfigError
from models.replay import Replay, read_requests
from simulator import Cell, simulate

LOG = [[3, 0, 5], [1, 1, 4, 2], [6, 6, 0]]


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps({"accepted": each}) + "\n" for each in LOG))
    return path


def cell(path, scheme, **fields):
    return Cell.from_fields(
        {
            "models": {"pair": {"kind": "replay", "file": str(path), "size": 64}},
            "workload": {"kind": "closed", "requests": 3, "prompt_tokens": 8, "output_tokens": 40},
            "scheme": {"kind": scheme, **fields},
        }
    )


@pytest.mark.parametrize("scheme", ["coupled", "colocated"])
def test_rounds_accept_what_was_logged_and_a_list_starts_over(log, scheme):
    rounds = simulate(cell(log, scheme, max_drafts=6)).rounds
    for request, logged in enumerate(LOG):
        accepted = rounds[rounds["request"] == request]["accepted"].tolist()[:-1]  # the last is cut at the output limit
        assert accepted == (logged * 40)[: len(accepted)]
        assert len(accepted) > 2 * len(logged)


def test_the_verifiers_text_does_not_depend_on_the_drafter(log):
    pair = Replay(file=log, size=64).load()
    text = pair.prompts[1].tokens[:8]
    q, p = pair.drafter.open(1.0), pair.verifier.open(0.3)
    right = []
    for _ in range(12):
        token = int(p.distributions(text, 1).argmax())
        right.append(int(q.distributions(text, 1).argmax()) == token)
        text += (token,)
    assert right == [True, False] * 2 + [True] * 4 + [False] + [True] * 2 + [False]
    assert q.distributions(text, 3).sum() == 3


@pytest.mark.parametrize("scheme", ["cloud_only", "edge_only"])
def test_schemes_without_payload_run(log, scheme):
    assert simulate(cell(log, scheme)).summary["latency_per_token_s"] > 0


@pytest.mark.parametrize("scheme", ["k_sqs", "c_sqs", "dense", "half_dense", "s_q"])
def test_schemes_that_send_distributions_are_refused(log, scheme):
    with pytest.raises(
        ConfigError,
        match=rf"^scheme = {scheme}: must be one that sends none of the drafter.s .*replay has none$",
    ):
        cell(log, scheme)


def test_a_cell_is_named_by_what_is_in_the_file(log, tmp_path):
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(log.read_bytes())
    one, same = (cell(path, "coupled") for path in (log, copy))
    assert (one.id, one.decoding_id, one.models.pair.fingerprint) == (
        same.id, same.decoding_id, same.models.pair.fingerprint,
    )  # fmt: skip
    copy.write_text('{"accepted": [1]}\n')
    other = cell(copy, "coupled")
    assert other.id != one.id and other.models.pair.fingerprint != one.models.pair.fingerprint


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "a JSON object with a list expected, such as"),
        ("[1, 2]", "a JSON object with a list expected, such as"),
        ('{"accepted": []}', "a JSON object with a list expected, such as"),
        ('{"accepted": [1, -2]}', "accepted = -2: whole numbers from 0 to 1024 allowed"),
        ('{"accepted": [true]}', "accepted = True: whole numbers from 0 to 1024 allowed"),
        ('{"accepted": [1.5]}', "accepted = 1.5: whole numbers from 0 to 1024 allowed"),
    ],
)
def test_a_bad_line_is_told_by_file_and_number(tmp_path, line, told):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"accepted": [1]}\n' + line + "\n")
    assert refusal(read_requests, path).startswith(f"{path}, line 2: {told}")


def test_an_empty_file_and_too_small_a_vocabulary_are_refused(tmp_path, log):
    (tmp_path / "none").write_text("")
    with pytest.raises(ConfigError, match="no requests in it"):
        read_requests(tmp_path / "none")
    with pytest.raises(ValueError, match="size at least 5 allowed"):
        Replay(file=log, size=4)
