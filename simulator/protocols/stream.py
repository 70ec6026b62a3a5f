"""Stream: the prompt goes up, the cloud decodes by itself, and its tokens come down one round after the other."""

from __future__ import annotations

from functools import partial

from simulator.decoding.nodes import CloudNode
from simulator.protocols import machine
from simulator.protocols.accounts import RemainingAnswer, Terms, bytes_prompt, bytes_tokens, is_made, prompt_bytes
from simulator.protocols.machine import CloudMachine, EdgeMachine, JobDone, MessageArrived, MessageKind, Order, Steps
from simulator.schemes.policy import most_drafts


class StreamEdge(EdgeMachine):
    """Takes the tokens in order, since one reply may overtake another."""

    reads_at_once = True

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._format = terms.decoding.format
        self._prompt = prompt_bytes(terms.decoding.tree.edge.committed, terms)
        self._answer = RemainingAnswer(terms)

    def _serve(self) -> Steps[None]:
        due, early = 1, dict[int, bytes]()
        self.commands += (machine.BeginRound(1), machine.EnterState(1, "prompt_uplink_s"))
        self.commands += (machine.SendMessage(MessageKind.PROMPT, 0, (self._prompt,), replies=0), Order.AWAIT)
        while self._answer.remaining:
            message = yield
            assert isinstance(message, MessageArrived), f"I3: {message} while tokens are awaited"
            early[message.round] = message.parts[0]
            while due in early:
                tokens = bytes_tokens(early.pop(due), self._format)
                self._answer.take(tokens)
                self.commands.append(machine.CloseRound(due, tokens))
                due += 1
        self.commands.append(Order.SETTLED)


class StreamCloud(CloudMachine):
    """Decodes round after round and sends each down as it comes, without waiting for the device."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._session = terms.decoding.hosted()
        scheme = terms.decoding.setting.scheme
        self._drafts, self._runs_drafter = scheme.drafts, scheme.drafts_in_cloud
        self._prompt_tokens = 0
        self._round = 0
        """The one that is decoded."""

    def _arrived(self, message: MessageArrived) -> None:
        prompt = bytes_prompt(message.parts[0], self._terms)
        self._begin(self._session.start(prompt), len(prompt))

    def _begin(self, node: CloudNode, prompt_tokens: int) -> None:
        self._prompt_tokens = prompt_tokens
        self._decode(node)

    def _decode(self, node: CloudNode) -> None:
        self._round = node.round
        left = self._terms.output_tokens - (len(node.committed) - self._prompt_tokens)
        drafts = self._session.foreseen_drafts(node, most_drafts(self._drafts, left))
        drafted = drafts if self._runs_drafter else 0
        tokens = len(node.committed) + drafts
        run = partial(self._session.decode, node, drafts)
        self.commands += (
            machine.OpenInCloud(node.round, drafts),
            machine.SubmitJob(node.round, tokens, node.cached or tokens, run, "cloud_decode_s", drafted, drafts),
        )

    def _job_done(self, job: JobDone) -> None:
        number, node = self._round, job.node
        assert job.verified is not None
        if is_made(node, self._prompt_tokens, self._terms):
            self.commands.append(machine.FreeCache())
        else:
            self._decode(node)
        self.commands.append(machine.SendReply(MessageKind.REPLY, number, job.verified.reply, job.verified))
