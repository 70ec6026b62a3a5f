"""An edge device in real time: it takes its requests in order, and carries out what the edge machine of each commands.

Passes are made in a worker thread of its own. A reply is read when it arrives, whatever the processor does: the pass
under way is then made to its end, and nothing more of a round that the reply has voided.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import inf, nan
from threading import Event
from typing import Final

from channels.uniforms import Uniforms
from simulator.cell.cell import Cell
from simulator.cell.workload import Ask
from simulator.decoding.decoder import Decoder, RequestDecoding
from simulator.decoding.divergences import Measurer
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import EdgeNode
from simulator.protocols import machine, protocol_of
from simulator.protocols.accounts import Terms
from simulator.results.requests import within
from simulator.testbed.endpoints.endpoint_driver import EndpointDriver, Transport, WorkerText
from simulator.testbed.journal import (
    Journal,
    RequestArrived,
    RequestEnded,
    RoundBegun,
    RoundClosed,
    RoundComputed,
    RoundFlushed,
    TextRead,
    WorkHidden,
)
from simulator.testbed.packet_header import RealMessage
from simulator.testbed.plan import WARM_UP, WARM_UP_TOKENS

_UNSERVED: Final = (machine.Encode, machine.WaitUntil, machine.AddPart)
"""Commands of machines whose needs `plan.check` refuses."""


@dataclass(slots=True, eq=False)
class _Drafting:
    """The round that is drafted now."""

    command: machine.DraftAll
    cut: Event
    """Set where it is void, for the worker."""
    node: EdgeNode
    """Node with the drafts so far."""
    began_s: float | None = None


class EdgeDriver(EndpointDriver):
    """The edge's end of one request."""

    def __init__(self, device: EdgeDevice, key: tuple[int, int], decoding: RequestDecoding, terms: Terms) -> None:
        setting = decoding.setting
        decoding.drafter = self._drafter = WorkerText(setting.open_drafter)
        decoding.meter = Measurer()
        super().__init__(key, device.transport, device.journal)
        self.tokens: list[int] = []
        """All that rounds have committed, past the end of the answer too."""
        make = protocol_of(setting.scheme).edge
        self._machine = make(terms)
        self._may_be_cut = machine.Need.LOOKAHEAD in make.needs(setting.scheme)
        self._worker = device.worker
        self._finished: asyncio.Future[machine.EdgeState | None] = asyncio.get_running_loop().create_future()
        self._drafting: _Drafting | None = None
        self._cut_drafts = 0
        """Drafts of the round that was cut last."""
        self._begun: set[int] = set()
        """Rounds that have begun here."""
        self._reading: machine.DraftPass | None = None
        self._reading_since_s: float | None = None
        """Since when it is made, and is hidden behind a message that is out."""
        self._settled = False
        """Whether no message is out behind which it could read."""
        self._put_s, self._payload_bits = nan, 0
        """When the last payload was put, and its length."""

    async def serve(self) -> machine.EdgeState | None:
        """Serves the request to its last token; answers what the device keeps of it."""
        self._carry_out(self._machine.step(None))
        return await self._finished

    def receive(self, message: RealMessage) -> None:
        """A message of the cloud arrives. Raises CodecError."""
        self.enter(message.address.round, "edge_queue_s", reply=True)
        commands = self._machine.step(self.arrived(message, self._machine))
        self._note_cut(commands)
        self.note_taken(message)
        self._carry_out(commands)

    def _carry_out(self, commands: list[machine.EdgeCommand]) -> None:
        for command in commands:
            if isinstance(command, machine.DraftAll):
                self._begin(command.round)
                self._draft(command)
            elif isinstance(command, machine.BeginRound):
                self._begin(command.round)
            elif isinstance(command, machine.EnterState):
                assert command.state is not None, f"I3: {command} on an edge"
                self.enter(command.round, command.state)
            elif isinstance(command, machine.SendMessage):
                self._send(command)
            elif isinstance(command, machine.CloseRound):
                self.tokens += command.tokens
                self.journal.note(RoundClosed(*self.key, command.round, command.tokens, self.journal.now_s))
            elif isinstance(command, machine.FlushRounds):
                self._flush(command)
            elif isinstance(command, machine.TakeTurn):  # one request at a time is served, and it is free
                self._begin(command.round)
                self._carry_out(self._machine.step(machine.Signal.TURN))
            elif isinstance(command, machine.DraftPass):
                self._read(command)
            elif command is machine.Order.LOOK:
                self._look()
            elif command is machine.Order.STOP:
                self._show_reading()
                self._reading = None
            elif command is machine.Order.SETTLED:
                self._settle()
            elif isinstance(command, machine.Done):
                self.cancel(lambda _: True)
                self._finished.set_result(command.kept)
            else:
                assert not isinstance(command, _UNSERVED), f"I3: {command} on a real edge"

    def _begin(self, number: int) -> None:
        if number not in self._begun:
            self._begun.add(number)
            self.journal.note(RoundBegun(*self.key, number, False, 0, self.journal.now_s))

    def _flush(self, command: machine.FlushRounds) -> None:
        self.cancel([number for number, _ in command.rounds].__contains__)
        cut = [] if command.cut is None else [(command.cut, self._cut_drafts)]
        for number, drafts in (*command.rounds, *cut):
            self.journal.note(RoundFlushed(*self.key, number, drafts, self.journal.now_s))

    # What is hidden behind a message that is out.

    def _settle(self) -> None:
        """Has the request wait for what is computed now: no message is out any more."""
        self._show_reading()
        self._settled = True
        drafting = self._drafting
        if drafting is not None and drafting.command.hidden:
            if drafting.began_s is not None:
                self._note_hidden(drafting.began_s, self.journal.now_s)
            drafting.command.hidden = False

    def _show_reading(self) -> None:
        command, since_s, self._reading_since_s = self._reading, self._reading_since_s, None
        if command is not None and since_s is not None:
            self._note_hidden(since_s, self.journal.now_s, command.node.length - command.node.cached)

    def _note_hidden(self, began_s: float, ended_s: float, read_tokens: int = 0) -> None:
        self.journal.note(WorkHidden(*self.key, read_tokens, began_s, ended_s))

    # Draft.

    def _draft(self, command: machine.DraftAll) -> None:
        drafting = self._drafting = _Drafting(command, Event(), command.node)
        made = asyncio.get_running_loop().run_in_executor(self._worker, self._make, drafting)
        made.add_done_callback(partial(self._drafted, drafting))

    def _make(self, drafting: _Drafting) -> float:
        """Drafts and encodes a round, in the worker; answers when it has. The machine's own sealing then finds the
        payload remembered."""
        drafting.began_s = self.journal.now_s
        self._drafter.settle()
        self._drafter.passes_s.clear()
        command = drafting.command
        if self._may_be_cut:
            while len(drafting.node.drafts) < command.drafts and not drafting.node.full and not drafting.cut.is_set():
                drafting.node, _ = command.session.draft(drafting.node)
        else:
            drafting.node = command.make()
        if not drafting.cut.is_set():
            command.session.seal(drafting.node)
        return self.journal.now_s

    def _drafted(self, drafting: _Drafting, made: asyncio.Future[float]) -> None:
        """Raises what has failed in the worker."""
        if made.cancelled() or drafting.cut.is_set():
            return
        ended_s, self._drafting = made.result(), None
        self._note_computed(drafting, ended_s, cut=False)
        self._carry_out(self._machine.step(machine.RoundDrafted(drafting.node)))

    # Read, and look.

    def _read(self, command: machine.DraftPass) -> None:
        """The drafter reads the text, in the worker. Other single passes, for a draft, are refused (`plan.check`)."""
        assert command.hidden and not command.node.drafts, f"I3: {command} on a real edge"
        self._reading = command
        made = asyncio.get_running_loop().run_in_executor(self._worker, self._make_read, command.node)
        made.add_done_callback(partial(self._has_read, command))

    def _make_read(self, node: EdgeNode) -> tuple[float, float]:
        """Answers when it began and ended."""
        began_s = self.journal.now_s
        self._reading_since_s = None if self._settled else began_s
        self._drafter.settle()
        self._drafter.distributions(node.committed, 0)
        return began_s, self.journal.now_s

    def _has_read(self, command: machine.DraftPass, made: asyncio.Future[tuple[float, float]]) -> None:
        if made.cancelled():
            return
        tokens = command.node.length if self._reading is command else 0
        self.journal.note(TextRead(*self.key, command.round, tokens, *made.result()))
        if self._reading is command:
            self._show_reading()
            self._reading = None
            self._drafter.keep()
            self._carry_out(self._machine.step(machine.Signal.WORKED))

    def _look(self) -> None:
        now_s, link = self.journal.now_s, self.transport.seen_by(self.key[0])
        self._carry_out(self._machine.step(machine.TimeIs(now_s, self._put_s, self._payload_bits, link)))

    def _note_cut(self, commands: list[machine.EdgeCommand]) -> None:
        """Notes what was computed of a round that these commands cut."""
        drafting = self._drafting
        cut = any(isinstance(each, machine.FlushRounds) and each.cut is not None for each in commands)
        if drafting is None or not cut:
            return
        drafting.cut.set()
        self._drafting = None
        began = drafting.began_s is not None
        self._cut_drafts = self._note_computed(drafting, self.journal.now_s, cut=True) if began else 0

    def _note_computed(self, drafting: _Drafting, ended_s: float, *, cut: bool) -> int:
        """Notes the work on a round, and what each instant of it was. Returns the number of its passes."""
        command, began_s = drafting.command, drafting.began_s
        assert began_s is not None
        start, made = command.node, drafting.node
        passes_s = tuple(self._drafter.passes_s[: len(made.drafts) if cut else None])
        new_tokens = (start.length - start.cached, *made.later_passes)[: len(passes_s)]
        self.journal.note(
            RoundComputed(
                *self.key, command.round, command.drafts, began_s, ended_s, passes_s, cut, new_tokens,
                made.distributions,
            )
        )  # fmt: skip
        self.enter(command.round, "draft_s" if start.cached else "prefill_s", began_s)
        if passes_s:
            if not start.cached:
                self.enter(command.round, "draft_s", began_s + passes_s[0])
            self.enter(command.round, "encode_s", began_s + sum(passes_s))
        if command.hidden:
            self._note_hidden(began_s, ended_s)
        return len(passes_s)

    def _send(self, command: machine.SendMessage) -> None:
        content = b"".join(command.parts)
        if command.kind is machine.MessageKind.PAYLOAD:
            self._put_s, self._payload_bits = self.journal.now_s, 8 * len(content)
        self.put(command.kind, command.round, content)


class EdgeDevice:
    """Device `device` of a cell."""

    def __init__(self, cell: Cell, device: int, journal: Journal, transport: Transport) -> None:
        self._cell = cell
        self._device = device
        self.journal = journal
        self._decoder = Decoder(cell, Memory())
        self.worker = ThreadPoolExecutor(1)
        self.transport = transport
        self._kept: machine.EdgeState | None = None
        self._open: EdgeDriver | None = None
        """The request that is served."""

    async def warm_up(self) -> None:
        """Serves a request that is no part of the run: models are loaded, and both ends have made their passes."""
        ask = next(self._asks(), None)
        if ask is not None:
            await self._serve(WARM_UP, Ask(ask.prompt_tokens, WARM_UP_TOKENS), 0, None)

    async def work(self, most_s: float = inf) -> None:
        """Serves the requests of the workload, from now on, which is the run's zero. Those whose turn comes after
        `most_s` are left, but for the first."""
        for number, ask in enumerate(self._asks()):
            if number and self.journal.now_s > most_s:
                break
            if ask.at_s is None:
                await asyncio.sleep(ask.think_s)
                arrived_s = self.journal.now_s
            else:  # it may have arrived while an earlier one was served
                await asyncio.sleep(max(0.0, ask.at_s - self.journal.now_s))
                arrived_s = min(ask.at_s, self.journal.now_s)
            self.journal.note(RequestArrived(self._device, number, arrived_s))
            self._kept = await self._serve(number, ask, number, self._kept)

    def receive(self, message: RealMessage) -> None:
        """A message of the cloud arrives. Raises CodecError."""
        if self._open is not None and message.address.request == self._open.key[1]:
            self._open.receive(message)

    def close(self) -> None:
        """Ends the worker; a pass that is under way is made to its end."""
        self.worker.shutdown(wait=False, cancel_futures=True)

    def _asks(self) -> Iterator[Ask]:
        return self._cell.workload.asks(self._device, Uniforms.of(self._cell.seed, "users"))

    async def _serve(
        self, number: int, ask: Ask, text: int, kept: machine.EdgeState | None
    ) -> machine.EdgeState | None:
        """Serves a request to its end, with the prompt of the device's request `text`. Returns the state that the
        device keeps."""
        decoder, device = self._decoder, self._device
        state, policy, _ = (None, None, 0) if kept is None else kept
        decoding = decoder.decoding(device, number, decoder.prompt(device, text, ask), state, ask.output_tokens)
        terms = Terms(decoding, ask.output_tokens, decoder.end_tokens[self._device], policy)
        self._open = EdgeDriver(self, (device, number), decoding, terms)
        after = await self._open.serve()
        answer = within(tuple(self._open.tokens), ask.output_tokens, decoder.end_tokens[self._device])
        self._open = None
        self.journal.note(RequestEnded(device, number, answer, self.journal.now_s))
        return after
