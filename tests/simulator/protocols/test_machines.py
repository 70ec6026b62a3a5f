"""Machines stepped by hand: events in, commands out, without a driver; and a driver that orders events at random."""

from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pytest
from cells import cell
from stepped_machines import Ends, drive, names, terms

from channels.codec.fixed_width import encode_request
from kinds import ConfigError
from simulator import simulate
from simulator.cell.cell import Cell
from simulator.decoding.memory import Memory
from simulator.protocols import PROTOCOLS, Protocol, lacking, machine, protocol_of
from simulator.protocols.accounts import RemainingAnswer, is_made
from simulator.protocols.machine import EdgeMachine, JobDone, MessageArrived, MessageKind, Need, Order, Signal, Steps
from simulator.protocols.predecode import decode_at_once
from simulator.protocols.speculate import DraftingEdge, SpeculateCloud
from simulator.schemes import KSqs
from simulator.schemes.policy import DRAFT, SEND, Action, CloudDecodes, EdgeView, Policy, PolicyState, SeenLink, Wait

K_SQS: dict[str, Any] = {"kind": "k_sqs", "k": 4, "max_drafts": 3}
AHEAD = K_SQS | {"depth": 2}
PARTS = K_SQS | {"partial": True}


def test_a_round_of_speculate_command_by_command() -> None:
    ends = Ends(K_SQS)
    (draft,) = ends.begin()
    assert isinstance(draft, machine.DraftAll) and (draft.round, draft.drafts, draft.hidden) == (1, 3, False)
    sent = ends.drafted(draft)
    assert (sent.kind, sent.round, sent.grows, sent.replies) == (MessageKind.PAYLOAD, 1, False, 1)
    assert sent.node is not None and sent.payload is not None and sent.parts == sent.payload.parts
    (job,) = ends.arrives(sent)
    assert isinstance(job, machine.SubmitJob)
    assert (job.round, job.text_tokens, job.read_tokens, job.verified_drafts) == (1, 8 + 3, 7, 3)
    assert (job.serves, job.cloud_drafts) == ("verify_s", 0)
    (reply,) = ends.verified([job])
    assert isinstance(reply, machine.SendReply) and reply.verified is not None
    close, *after = ends.replied([reply])
    assert close == machine.CloseRound(1, reply.verified.committed)
    assert names(after) == ["DraftAll"]


def test_what_a_message_acknowledges_is_what_its_sender_must_have() -> None:
    for scheme, depth in ((K_SQS, 0), (AHEAD, 2)):
        ends = Ends(scheme)
        assert ends.cloud.acknowledged(MessageArrived(MessageKind.PAYLOAD, 7, ())) == 6 - depth
        assert ends.edge.acknowledged(MessageArrived(MessageKind.REPLY, 7, ())) == 7


@pytest.mark.parametrize("joins", [False, True])
def test_a_payload_before_the_prefill_waits_with_it_and_joins_its_job_if_no_pass_is_under_way(joins: bool) -> None:
    ends = Ends(K_SQS)
    _, draft = ends.edge.step(None)
    sent = ends.drafted(draft)
    assert ends.arrives(sent) == [machine.EnterState(1, None)], "as long as the prompt's job takes"
    prefill, join = ends.cloud.step(MessageArrived(MessageKind.PROMPT, 0, (ends.prompt,)))
    assert isinstance(prefill, machine.SubmitJob) and join is Order.JOIN
    (job,) = ends.cloud.step(Signal.JOINS if joins else JobDone(*prefill.run()))
    assert isinstance(job, machine.SubmitJob)
    assert (job.round, job.joins, job.read_tokens) == (1, joins, prefill.text_tokens)
    assert names(ends.cloud.step(JobDone(*job.run())))[-1] == "SendReply"


def test_the_last_round_frees_the_cache_and_ends_the_edge() -> None:
    ends = Ends(K_SQS, output_tokens=1)
    (draft,) = ends.begin()
    free, reply = ends.verified(ends.arrives(ends.drafted(draft)))
    assert free == machine.FreeCache()
    *_, done = ends.replied([reply])
    assert isinstance(done, machine.Done) and done.kept is not None
    ends.edge.close()


def rejecting(ends: Ends) -> tuple[list[machine.CloudCommand], list[machine.EdgeCommand], list[machine.SendMessage]]:
    """Three rounds at a time until one is not accepted: the cloud's commands then, the edge's, and what is out."""
    (draft,) = ends.begin()
    while True:
        out: list[machine.SendMessage] = []
        while isinstance(draft, machine.DraftAll):
            settled, message, await_, *more = ends.edge.step(machine.RoundDrafted(draft.make()))
            assert (settled, await_) == (Order.SETTLED, Order.AWAIT) and isinstance(message, machine.SendMessage)
            out.append(message)
            draft = more[-1] if more else None
        while out:
            result = ends.verified(ends.arrives(out.pop(0)))
            commands = ends.replied(result)
            if isinstance(commands[1], machine.FlushRounds) and out:
                return result, commands, out
            draft = commands[-1]
            if isinstance(draft, machine.DraftAll) and draft.drafts:
                _, message, *_ = ends.edge.step(machine.RoundDrafted(draft.make()))
                assert isinstance(message, machine.SendMessage)
                out.append(message)


def test_a_rejection_ahead_voids_what_was_drafted_on_it_at_both_ends() -> None:
    ends = Ends(AHEAD, output_tokens=60)
    (void, reply), (close, flush, settled, draft), sent = rejecting(ends)
    assert isinstance(close, machine.CloseRound) and isinstance(flush, machine.FlushRounds)
    number = close.round
    assert void == machine.DropRounds((), range(number + 1, number + 3))
    assert flush.rounds == [(each.round, len(each.node.drafts)) for each in sent if each.node is not None]
    assert settled is Order.SETTLED and isinstance(draft, machine.DraftAll) and draft.round == number + 3
    assert isinstance(reply, machine.SendReply) and reply.round == number
    assert ends.arrives(sent[0]) == [machine.DropRounds((number + 1,))], "it came too late"


def test_a_rejection_cuts_the_round_that_is_being_drafted() -> None:
    ends = Ends(AHEAD, output_tokens=60)
    (draft,) = ends.begin()
    while True:
        assert isinstance(draft, machine.DraftAll)
        _, sent, _, *more = ends.edge.step(machine.RoundDrafted(draft.make()))
        assert isinstance(sent, machine.SendMessage)
        assert more, "one more is drafted"
        _, *commands = ends.replied(ends.verified(ends.arrives(sent)))
        if isinstance(commands[0], machine.FlushRounds):
            assert commands[0] == machine.FlushRounds([], cut=sent.round + 1)
            return
        assert commands == [Order.SETTLED], "and goes on"
        draft = more[-1]


def test_ahead_a_payload_that_overtakes_waits_for_its_turn() -> None:
    ends = Ends(AHEAD, output_tokens=60)
    (draft,) = ends.begin()
    assert isinstance(draft, machine.DraftAll)
    _, first, _, draft = ends.edge.step(machine.RoundDrafted(draft.make()))
    assert isinstance(draft, machine.DraftAll) and isinstance(first, machine.SendMessage) and draft.hidden
    _, second, *_ = ends.edge.step(machine.RoundDrafted(draft.make()))
    assert isinstance(second, machine.SendMessage)
    assert ends.arrives(second) == [machine.EnterState(2, "cloud_queue_s")]
    assert names(ends.arrives(first)) == ["SubmitJob"]


def partly(ends: Ends) -> tuple[machine.SendMessage, list[machine.EdgeCommand]]:
    """A partial round whose first part is sent, and the second draft's pass under way."""
    assert ends.begin() == [machine.TakeTurn(1)]
    assert names(ends.edge.step(Signal.TURN)) == ["DraftPass"]
    assert ends.edge.step(Signal.WORKED) == [machine.Encode(1, 1)]
    sent, *commands = ends.edge.step(Signal.WORKED)
    assert isinstance(sent, machine.SendMessage) and sent.grows and len(sent.parts) == 1
    return sent, commands


def test_of_a_partial_round_each_part_goes_out_as_its_draft_is_drawn() -> None:
    ends = Ends(PARTS)
    _, commands = partly(ends)
    for last in (False, True):
        assert names(commands) == ["DraftPass"]
        ends.edge.step(Signal.WORKED)
        part, *commands = ends.edge.step(Signal.WORKED)
        assert isinstance(part, machine.AddPart) and part.part and part.ends is last
    assert commands == [Order.REST, Order.AWAIT]


def test_a_reply_to_the_parts_that_came_ends_the_drafting() -> None:
    ends = Ends(PARTS)
    sent, _ = partly(ends)
    (reply,) = ends.verified(ends.arrives(sent, 1))
    stop, rest, close, *_ = ends.replied([reply])
    assert (stop, rest) == (Order.STOP, Order.REST)
    assert isinstance(reply, machine.SendReply) and reply.verified is not None and len(reply.verified.drafts) == 1
    assert close == machine.CloseRound(1, reply.verified.committed)


class CountsInTests(Policy):
    """Two tokens of the cloud's own, then a round of one draft, before which it waits."""

    kind: Literal["counts_in_tests"] = "counts_in_tests"

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        if not view.verdicts:
            return CloudDecodes(2), state
        if view.drafts:
            return SEND, state
        return (DRAFT if view.now_s > 5 else Wait(7.0)), state


def test_an_asked_policy_sees_what_the_driver_shows_and_decides_action_by_action() -> None:
    ends = Ends({"kind": "composed", "policy": "counts_in_tests"})
    assert names(ends.begin()) == ["TakeTurn"]
    assert ends.edge.step(Signal.TURN) == [Order.LOOK]
    rest, count = ends.edge.step(machine.TimeIs(1.0, 0.0, 0, SeenLink()))
    assert rest is Order.REST and count == machine.SendMessage(MessageKind.COUNT, 1, (encode_request(2),), replies=2)
    assert isinstance(count, machine.SendMessage)
    free = ends.verified(ends.arrives(count))
    assert names(free) == ["OpenInCloud", "SubmitJob", "SendReply"], "the next token is decoded meanwhile"
    assert names(ends.replied(free)) == ["CloseRound", "LOOK"]
    assert ends.edge.step(machine.TimeIs(2.0, 1.0, 16, SeenLink())) == []
    last = ends.verified(free)
    assert names(last) == ["SendReply"]
    assert names(ends.replied(last)) == ["CloseRound", "LOOK"]
    assert names(ends.edge.step(machine.TimeIs(3.0, 1.0, 16, SeenLink()))) == ["TakeTurn"]
    ends.edge.step(Signal.TURN)
    assert ends.edge.step(machine.TimeIs(3.0, 1.0, 16, SeenLink())) == [machine.WaitUntil(3, 7.0)]
    assert ends.edge.step(Signal.WAITED) == [Order.LOOK]
    assert names(ends.edge.step(machine.TimeIs(7.0, 1.0, 16, SeenLink()))) == ["DraftPass"]
    assert ends.edge.step(Signal.WORKED) == [Order.LOOK]
    assert ends.edge.step(machine.TimeIs(7.1, 1.0, 16, SeenLink())) == [machine.Encode(3, 1)]
    assert names(ends.edge.step(Signal.WORKED)) == ["REST", "SendMessage"]


def test_streamed_tokens_are_taken_in_their_order() -> None:
    ends = Ends("cloud_only", output_tokens=2)
    begin, enter, *_ = ends.edge.step(None)
    assert (begin, enter) == (machine.BeginRound(1), machine.EnterState(1, "prompt_uplink_s"))
    first = ends.cloud.step(MessageArrived(MessageKind.PROMPT, 0, (ends.prompt,)))
    assert first[0] == machine.OpenInCloud(1)
    second = ends.verified(first)
    last = ends.verified(second)
    assert (names(second), names(last)) == (["OpenInCloud", "SubmitJob", "SendReply"], ["FreeCache", "SendReply"])
    assert ends.replied(last) == []
    assert names(ends.replied(second)) == ["CloseRound", "CloseRound", "SETTLED", "Done"]


def test_local_takes_turns_token_by_token() -> None:
    edge = protocol_of(cell("edge_only").scheme).edge(terms("edge_only", 1))
    assert names(edge.step(None)) == ["TakeTurn"]
    assert names(edge.step(Signal.TURN)) == ["DraftPass"]
    assert names(edge.step(Signal.WORKED)) == ["REST", "CloseRound", "Done"]


COUPLED: dict[str, Any] = {"kind": "coupled", "max_drafts": 3}
COUNTS = {"kind": "composed", "policy": "counts_in_tests"}
ANY_ORDER = [
    K_SQS,
    AHEAD,
    K_SQS | {"depth": 1},
    COUPLED | {"depth": 3},
    {"kind": "tree", "depth": 2},
    COUNTS,
    "cloud_only",
    "tree",
]


@pytest.mark.parametrize("scheme", ANY_ORDER, ids=str)
def test_tokens_do_not_depend_on_when_events_come(scheme: object) -> None:
    rng, flushed = np.random.default_rng(5), 0
    expected, _ = drive(terms(scheme, 30), rng)
    for _ in range(40):
        rounds, void = drive(terms(scheme, 30), rng)
        assert rounds == expected
        flushed += void
    assert (flushed > 0) == (isinstance(scheme, dict) and "depth" in scheme)


@pytest.mark.parametrize("output_tokens", range(1, 7))
@pytest.mark.parametrize("scheme", [AHEAD, PARTS, K_SQS | {"max_drafts": 1, "depth": 3}], ids=str)
def test_short_answers_come_to_their_end(scheme: object, output_tokens: int) -> None:
    """With at least as many tokens as are wanted, of which the last round has one that is wanted at least."""
    rounds, _ = drive(terms(scheme, output_tokens), np.random.default_rng(output_tokens))
    tokens = [len(committed) for _, committed in rounds]
    assert sum(tokens[:-1]) < output_tokens <= sum(tokens)


def test_i9_of_rounds_accepted_in_full_ahead_only_the_last_has_a_token_of_the_clouds() -> None:
    """A round commits its accepted drafts, and one token more unless all are and the next one was promised: the next
    round is then the very next, else the (D + 1)-th after it."""
    rounds, _ = drive(terms(AHEAD, 60), np.random.default_rng(1))
    steps = {(len(tokens), later - number) for (number, tokens), (later, _) in pairwise(rounds)}
    assert steps == {(3, 1), (3, 3), (2, 3), (1, 3)}


@pytest.mark.parametrize(
    ("scheme", "needs"),
    [
        (K_SQS, []),
        ("cloud_only", []),
        ("edge_only", [Need.EDGE_ONLY]),
        (AHEAD, [Need.LOOKAHEAD]),
        (AHEAD | {"cloud_first": True}, [Need.LOOKAHEAD, Need.CLOUD_FIRST]),
        ({"kind": "tree", "depth": 1}, [Need.LOOKAHEAD, Need.TREES_AHEAD]),
        (PARTS, [Need.PARTS]),
        (K_SQS | {"prepared": 4}, [Need.PREPARES]),
        (K_SQS | {"prepared": 4, "prepared_at": "cloud"}, [Need.PREPARES]),
        ({"kind": "composed", "policy": "goodput", "partial": True}, [Need.PARTS, Need.LOOKS]),
    ],
)
def test_a_machine_says_what_it_needs(scheme: object, needs: list[Need]) -> None:
    assert lacking(cell(scheme).scheme, frozenset()) == needs
    assert lacking(cell(scheme).scheme, frozenset(Need)) == []


def test_an_answer_ends_with_an_end_token_or_its_length() -> None:
    given = replace(terms(K_SQS, 4), end_tokens=(9,))
    answer = RemainingAnswer(given)
    answer.take((1, 2))
    assert answer.remaining == 2
    answer.take((9, 3))
    assert answer.remaining == 0
    node = given.decoding.tree.cloud
    assert not is_made(node, 8, given)
    assert is_made(node.after((1, 9)), 8, given) and is_made(node.after((1, 2, 3, 4)), 8, given)
    assert not is_made(node.after((1, 2, 3)), 8, given) and is_made(node.after((1, 2, 3), owed=True), 8, given)


# A protocol of one's own.


class PolledEdge(DraftingEdge):
    """Asks the cloud for one token after the other."""

    def _serve(self) -> Steps[None]:
        self._send_prompt()
        node = self._session.start
        while self._answer.remaining:
            number = node.round
            count = machine.SendMessage(MessageKind.COUNT, number, (encode_request(1),))
            self.commands += (machine.BeginRound(number), machine.EnterState(number, "uplink_queue_s"), count)
            reply = yield
            assert isinstance(reply, MessageArrived)
            node, tokens = self._session.resolve(node, reply.parts[0])
            self._answer.take(tokens)
            self.commands.append(machine.CloseRound(number, tokens))


class PolledInTests(KSqs):
    """Served by a protocol of this file."""

    kind: Literal["polled_in_tests"] = "polled_in_tests"  # type: ignore[assignment]

    @property
    def protocol(self) -> str:
        return "polled_in_tests"


def text(cell: Cell, memory: Memory) -> list[tuple[int, ...]]:
    frame = simulate(cell, memory=memory)
    assert (frame.requests["outcome"] == "answered").all()
    return [tuple(row) for row in frame.rounds[["request", "round", "committed", "nll"]].itertuples(index=False)]


def test_a_protocol_of_ones_own_is_a_class_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs simulated and beforehand, and gives the text of the cloud alone."""
    with pytest.raises(ConfigError, match="protocol 'polled_in_tests'; there are speculate, ahead, "):
        simulate(cell("polled_in_tests"), memory=Memory())
    monkeypatch.setitem(PROTOCOLS, "polled_in_tests", Protocol(PolledEdge, SpeculateCloud))
    assert issubclass(PolledEdge, EdgeMachine) and not lacking(cell("polled_in_tests").scheme, frozenset())
    kept = decode_at_once(terms("polled_in_tests"))
    assert kept is None
    alone = text(cell("cloud_only"), Memory())
    assert text(cell("polled_in_tests"), Memory()) == alone
