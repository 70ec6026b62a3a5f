"""The machines of cloud first, stepped by hand: events in, commands out; and in any order of events."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from stepped_machines import Ends, drive, names, terms

from simulator.protocols import machine
from simulator.protocols.machine import MessageArrived, MessageKind, Order, Signal
from simulator.schemes.policy import SeenLink

K_SQS: dict[str, Any] = {"kind": "k_sqs", "k": 4, "max_drafts": 3, "cloud_first": True}
COUPLED: dict[str, Any] = {"kind": "coupled", "max_drafts": 3}
TREE: dict[str, Any] = {"kind": "coupled_tree", "nodes": 6, "depth": 1}


class Clocked(Ends):
    """The edge is told the time whenever it wants to know: always the same, and the uplink has shown nothing."""

    def step(self, event: machine.Event | None) -> list[machine.EdgeCommand]:
        commands = self.edge.step(event)
        while commands and commands[-1] is Order.LOOK:
            commands = [*commands[:-1], *self.edge.step(machine.TimeIs(self.now_s, 0.0, 0, SeenLink()))]
        return commands

    def replied(self, commands: list[machine.CloudCommand]) -> list[machine.EdgeCommand]:
        (reply,) = (each for each in commands if isinstance(each, machine.SendReply))
        return self.step(MessageArrived(reply.kind, reply.round, (reply.content,)))

    now_s = 0.0


JOIN = machine.SendMessage(MessageKind.JOIN, 1, (b"",), replies=0)


def begun(scheme: object = K_SQS, output_tokens: int = 14) -> tuple[Clocked, list[machine.CloudCommand]]:
    """The prompt is in the cloud, which reads it; the edge has the processor, and reads it too."""
    ends = Clocked(scheme, output_tokens)
    begin, enter, prompt, await_, turn = ends.step(None)
    assert (begin, enter) == (machine.BeginRound(1), machine.EnterState(1, "prompt_uplink_s"))
    assert prompt == machine.SendMessage(MessageKind.PROMPT, 0, (ends.prompt,), replies=0)
    assert (await_, turn) == (Order.AWAIT, machine.TakeTurn(1, hidden=True))
    (read,) = ends.step(Signal.TURN)
    assert isinstance(read, machine.DraftPass) and (read.node.length, read.node.cached, read.hidden) == (8, 0, True)
    open_, job = first = ends.arrives(prompt)
    assert open_ == machine.OpenInCloud(1) and isinstance(job, machine.SubmitJob)
    assert (job.text_tokens, job.read_tokens, job.serves) == (8, 8, "cloud_decode_s"), "as of cloud-only decoding"
    return ends, first


def test_an_answer_command_by_command() -> None:
    ends, first = begun()
    second = ends.verified(first)
    assert names(second) == ["OpenInCloud", "SubmitJob", "SendReply"], "it goes on without a word"
    assert names(ends.replied(second)) == ["CloseRound"]
    rest, join, *others = ends.step(Signal.WORKED)
    assert rest is Order.REST and isinstance(join, machine.SendMessage)
    assert (join.kind, join.round, join.parts) == (MessageKind.JOIN, 2, (b"",))
    assert others == [Order.AWAIT, machine.TakeTurn(2, hidden=True)], "one token more is there to be read"
    assert ends.arrives(join) == []
    (reply,) = ends.verified(second)
    assert isinstance(reply, machine.SendReply) and (reply.kind, reply.round) == (MessageKind.LAST, 2)
    assert ends.edge.acknowledged(MessageArrived(MessageKind.REPLY, 2, ())) == 0, "which tells nothing of the join"
    assert ends.edge.acknowledged(MessageArrived(MessageKind.LAST, 2, ())) == 2
    (read,) = ends.step(Signal.TURN)
    assert isinstance(read, machine.DraftPass) and (read.node.length, read.node.cached) == (9, 8)
    assert names(ends.replied([reply])) == ["CloseRound", "SETTLED", "BeginRound", "EnterState"]
    rest, draft = ends.step(Signal.WORKED)
    assert isinstance(draft, machine.DraftAll) and (draft.round, draft.node.length, draft.node.cached) == (3, 10, 9)
    (reply,) = ends.verified(ends.arrives(ends.drafted(draft)))
    assert isinstance(reply, machine.SendReply) and reply.kind is MessageKind.REPLY
    assert names(ends.replied([reply])) == ["CloseRound", "DraftAll"], "and on as in speculate"


def test_a_join_that_overtakes_the_prompt_waits_for_the_first_token() -> None:
    ends = Clocked(K_SQS)
    assert ends.cloud.step(MessageArrived(MessageKind.JOIN, 1, (b"",))) == []
    (reply,) = ends.verified(ends.cloud.step(MessageArrived(MessageKind.PROMPT, 0, (ends.prompt,))))
    assert isinstance(reply, machine.SendReply) and (reply.kind, reply.round) == (MessageKind.LAST, 1)


def test_a_join_after_the_end_of_the_answer_is_nothing() -> None:
    ends, first = begun(output_tokens=1)
    free, reply = ends.verified(first)
    assert free == machine.FreeCache() and isinstance(reply, machine.SendReply) and reply.kind is MessageKind.REPLY
    assert ends.arrives(JOIN) == []
    assert names(ends.replied([reply])) == ["CloseRound", "SETTLED", "STOP", "REST", "Done"], "the prompt is not read"


def test_tokens_that_overtake_each_other_are_all_taken_before_the_edge_drafts() -> None:
    ends, first = begun()
    second = ends.verified(first)
    third = ends.verified(second)
    assert names(ends.step(Signal.WORKED)) == ["REST", "SendMessage", "AWAIT"]
    ends.arrives(JOIN)
    last = ends.verified(third)
    assert ends.replied(last) == [] and names(ends.replied(second)) == ["CloseRound"]
    assert names(ends.replied(third)) == ["CloseRound", "CloseRound", "SETTLED", "DraftAll"]


def test_the_edge_reads_on_before_it_joins_where_that_is_quicker_than_the_cloud() -> None:
    """The prompt took it 4 s, .5 a token; the cloud decodes one in 2 s. The three that came take longer than a round
    trip, of which nothing is known; then there is none to be read, and it joins."""
    ends, commands = begun(output_tokens=9)
    for now_s in (0.0, 2.0, 4.0):
        commands = ends.verified(commands)
        ends.now_s = now_s
        assert names(ends.replied(commands)) == ["CloseRound"]
    assert ends.step(Signal.WORKED) == [Order.REST, machine.TakeTurn(4, hidden=True)]
    (read,) = ends.step(Signal.TURN)
    assert isinstance(read, machine.DraftPass) and (read.node.length, read.node.cached) == (11, 8)
    ends.now_s = 5.5
    assert ends.step(Signal.WORKED) == [Order.REST, replace(JOIN, round=4), Order.AWAIT]


def test_the_edge_drafts_at_once_where_all_was_read_that_there_is() -> None:
    ends, first = begun()
    ends.step(Signal.WORKED)
    ends.arrives(JOIN)
    (reply,) = ends.verified(first)
    assert isinstance(reply, machine.SendReply) and reply.kind is MessageKind.LAST
    assert names(ends.replied([reply])) == ["CloseRound", "SETTLED", "DraftAll"]


@pytest.mark.parametrize("output_tokens", [1, 2, 5, 30])
@pytest.mark.parametrize(
    "scheme",
    [COUPLED, COUPLED | {"budget_bits": 40}, COUPLED | {"depth": 2}, TREE],
    ids=["plain", "budget", "ahead", "tree ahead"],
)
def test_a_coupled_answer_is_the_verifiers_own_in_whatever_order_events_come(scheme, output_tokens) -> None:
    def answer(seed: int, **fields: object) -> tuple[list[int], int]:
        rounds, _ = drive(terms(scheme | fields, output_tokens), np.random.default_rng(seed))
        begun = next((n for n, (_, tokens) in enumerate(rounds) if len(tokens) > 1), len(rounds))
        return [token for _, tokens in rounds for token in tokens][:output_tokens], begun

    own, _ = answer(0)
    found = [answer(seed, cloud_first=True) for seed in range(12)]
    assert all(tokens == own for tokens, _ in found)
    assert len({began for _, began in found}) > 1 or output_tokens < 5
