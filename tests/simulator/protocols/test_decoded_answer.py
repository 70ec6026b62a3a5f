"""Answers that are decoded before they are timed: made once, and the same as any driver has them."""

from dataclasses import replace
from typing import Any

import pytest
from cells import cell

from kinds.arrays import Floats
from simulator import Cell
from simulator.decoding.decoder import Decoder
from simulator.decoding.memory import Memory
from simulator.protocols import decoded_answer as room
from simulator.protocols.accounts import Terms
from simulator.protocols.decoded_answer import DecodedAnswer, decode_at_once, decoded_answer, is_decodable

TOKENS = 24


def terms(made: Cell, memory: Memory, policy: tuple[float, ...] | None = None, tokens: int = TOKENS) -> Terms:
    decoder = Decoder(made, memory)
    prompt = decoder.prompt(0, 0, next(made.workload.asks(0, None)))  # type: ignore[arg-type]
    return Terms(decoder.decoding(0, 0, prompt, None, tokens), tokens, (), policy)


def committed(answer: DecodedAnswer) -> list[int]:
    return [token for each in answer.rounds for token in each.tokens]


@pytest.mark.parametrize("scheme", ["k_sqs", "dense", "tree", "coupled", "dssd"])
def test_an_answer_has_the_tokens_that_the_machines_commit(scheme: object) -> None:
    made, memory = cell(scheme), Memory()
    answer = decoded_answer(terms(made, memory))
    closed: list[int] = []

    def note(command: Any, event: Any) -> None:
        if isinstance(command, room.machine.CloseRound):
            closed.extend(command.tokens)

    kept = decode_at_once(terms(made, memory), note)
    assert committed(answer) == closed[:TOKENS] and answer.kept == kept
    assert sum(each.tail_tokens for each in answer.rounds) == len(closed) - TOKENS
    assert [each.number for each in answer.rounds] == [*range(1, len(answer.rounds) + 1)] and answer.is_made


def test_it_is_made_once_for_what_decides_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made, memory = cell(), Memory()
    answer = decoded_answer(terms(made, memory))
    longer = decoded_answer(terms(made, memory, tokens=TOKENS + 8))
    assert committed(longer)[: TOKENS - 5] == committed(answer)[: TOKENS - 5] and len(committed(longer)) == TOKENS + 8
    assert decoded_answer(terms(made, memory, policy=(1.0,))) is not answer
    monkeypatch.setattr(room, "decode_at_once", lambda *_: pytest.fail("decoded again"))
    assert decoded_answer(terms(made, memory)) is answer


def test_a_remembered_answer_is_another_one_for_each_thing_that_decides_it() -> None:
    made, memory = cell(), Memory()
    answer = decoded_answer(terms(made, memory))
    blocks = decoded_answer(terms(made, memory), drafts_per_pass=2)
    assert sum(each.passes for each in blocks.rounds) < sum(each.passes for each in answer.rounds)
    wanted = terms(made, memory)
    last = answer.rounds[1].tokens[0]
    ended = decoded_answer(replace(wanted, end_tokens=(last,)))
    assert committed(ended)[-1] == last and len(committed(ended)) < TOKENS


def test_what_is_not_to_be_remembered_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = terms(cell(), Memory())
    monkeypatch.setattr(wanted.decoding, "remember", False)
    assert decoded_answer(wanted) is not decoded_answer(wanted) and not wanted.decoding.tree.answers


def test_its_records_are_known_but_for_time_and_links() -> None:
    answer = decoded_answer(terms(cell(), Memory()))
    known: Floats = answer.known
    drafted = [each.payload.drafted for each in answer.rounds]
    assert known[:, room.Round.places["drafted"]].tolist() == drafted
    assert known[:, room.Round.places["payload_bits"]].tolist() == [each.payload.bits for each in answer.rounds]


@pytest.mark.parametrize(
    ("scheme", "decodable"),
    [
        ("k_sqs", True), ("tree", True), ("cloud_only", False), ("edge_only", False),
        ("dssd", True), ({"kind": "coupled", "cloud_first": True}, False),
        ({"kind": "k_sqs", "partial": True}, False), ({"kind": "k_sqs", "depth": 2}, False),
        ({"kind": "composed", "sparsifier": {"kind": "top_k", "k": 4}, "policy": "entropy_exit"}, False),
    ],
)  # fmt: skip
def test_which_schemes_no_time_decides(scheme: object, decodable: bool) -> None:
    assert is_decodable(cell(scheme).scheme) is decodable
