"""Both ends of a request stepped without a driver: by hand, event by event, and in an order drawn at random."""

from dataclasses import replace
from typing import Any

import numpy as np
from cells import cell

from simulator.decoding.decoder import Decoder
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import Tokens
from simulator.protocols import machine, protocol_of
from simulator.protocols.accounts import Terms, token_bytes
from simulator.protocols.machine import JobDone, MessageArrived, MessageKind, Order, Signal
from simulator.protocols.speculate import DraftingEdge, SpeculateCloud
from simulator.schemes.policy import SeenLink

MEMORY = Memory()
TOKENS = 14


def terms(scheme: object, output_tokens: int = TOKENS, number: int = 0) -> Terms:
    made = cell(scheme)
    decoder = Decoder(made, MEMORY)
    prompt = decoder.prompt(0, number, next(iter(made.workload.asks(0, None))))  # type: ignore[arg-type]
    return Terms(decoder.decoding(0, number, prompt, None, output_tokens), output_tokens)


class Ends:
    """Both ends of a request, and what they have commanded last."""

    def __init__(self, scheme: object, output_tokens: int = TOKENS) -> None:
        self.terms = terms(scheme, output_tokens)
        protocol = protocol_of(self.terms.decoding.setting.scheme)
        self.edge = protocol.edge(self.terms)
        self.cloud = (protocol.cloud or SpeculateCloud)(self.terms)
        self.prompt = token_bytes(self.terms.decoding.tree.edge.committed, self.terms.decoding.format)

    def begin(self) -> list[machine.EdgeCommand]:
        """The prompt is in the cloud, and in its cache."""
        prompt, *commands = self.edge.step(None)
        assert prompt == machine.SendMessage(MessageKind.PROMPT, 0, (self.prompt,), replies=0)
        (prefill,) = self.cloud.step(MessageArrived(MessageKind.PROMPT, 0, (self.prompt,)))
        assert isinstance(prefill, machine.SubmitJob) and (prefill.round, prefill.verified_drafts) == (0, None)
        assert self.cloud.step(JobDone(*prefill.run())) == []
        return commands

    def drafted(self, draft: object) -> machine.SendMessage:
        """The edge has drafted; answers what it sends."""
        assert isinstance(draft, machine.DraftAll)
        *_, sent = self.edge.step(machine.RoundDrafted(draft.make()))
        assert isinstance(sent, machine.SendMessage)
        return sent

    def arrives(self, sent: machine.SendMessage, parts: int | None = None) -> list[machine.CloudCommand]:
        return self.cloud.step(MessageArrived(sent.kind, sent.round, sent.parts[:parts]))

    def verified(self, commands: list[machine.CloudCommand]) -> list[machine.CloudCommand]:
        (job,) = (each for each in commands if isinstance(each, machine.SubmitJob))
        return self.cloud.step(JobDone(*job.run()))

    def replied(self, commands: list[machine.CloudCommand]) -> list[machine.EdgeCommand]:
        (reply,) = (each for each in commands if isinstance(each, machine.SendReply))
        return self.edge.step(MessageArrived(reply.kind, reply.round, (reply.content,)))


def names(commands: list[Any]) -> list[str]:
    return [each.name if isinstance(each, Order) else type(each).__name__ for each in commands]


def drive(terms: Terms, rng: np.random.Generator) -> tuple[list[tuple[int, Tokens]], int]:
    """Both ends, under a driver that picks at random which of all pending events comes next, and which parts come. The
    rounds that were closed, and the number of those flushed."""
    protocol = protocol_of(terms.decoding.setting.scheme)
    assert protocol.cloud is not None
    edge, cloud = protocol.edge(terms), protocol.cloud(terms)
    closed, flushed, growing = [], 0, None
    depth = terms.decoding.draft_setting.scheme.depth if isinstance(edge, DraftingEdge) else 0
    pending: list[Any] = []
    commands: list[Any] = edge.step(None)
    while True:
        for command in commands:
            match command:
                case machine.Done():
                    return closed, flushed
                case machine.CloseRound(number, tokens):
                    closed.append((number, tokens))
                case machine.FlushRounds(rounds, cut):
                    void = {number for number, _ in rounds} | {cut}
                    flushed += len(rounds)
                    pending = [each for each in pending if not hasattr(each, "round") or each.round not in void]
                case machine.SendMessage(grows=True):
                    growing = command
                case machine.AddPart(part, ends):
                    if growing is not None:
                        growing = replace(growing, parts=(*growing.parts, part) if part else growing.parts)
                        pending += [growing] if ends else []
                        growing = None if ends else growing
                case Order.STOP:
                    pending = [each for each in pending if not isinstance(each, machine.DraftPass | machine.Encode)]
                    growing = None
                case Order() | machine.BeginRound() | machine.EnterState() | machine.OpenInCloud():
                    pass
                case machine.FreeCache() | machine.DropRounds():
                    pass
                case _:
                    pending.append(command)
        if commands and commands[-1] is Order.LOOK:  # which is answered at once
            commands = edge.step(machine.TimeIs(10.0, 0.0, 0, SeenLink()))
            continue
        out = [each for each in pending if isinstance(each, machine.SendMessage | machine.SubmitJob)]
        assert len(out) <= depth + 2, "more rounds are out than the depth allows"
        if growing is not None and rng.random() < 0.3:  # its end is lost, and the far end waits no longer
            pending.append(growing)
            growing = None
        command = pending.pop(int(rng.integers(len(pending))))
        match command:
            case machine.SendMessage(kind, number, parts):
                commands = cloud.step(MessageArrived(kind, number, parts))
            case machine.SubmitJob():
                commands = cloud.step(JobDone(*command.run()))
            case machine.SendReply(kind, number, content):
                commands = edge.step(MessageArrived(kind, number, (content,)))
            case machine.DraftAll():
                commands = edge.step(machine.RoundDrafted(command.make()))
            case machine.TakeTurn():
                commands = edge.step(Signal.TURN)
            case _:
                commands = edge.step(Signal.WORKED)
