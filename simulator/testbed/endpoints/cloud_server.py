"""The cloud in real time: it receives the messages of all devices, and carries out what the cloud machine of each open
request commands. Passes are made by one server (`real_passes`)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from channels.codec import wire
from channels.uniforms import Uniforms
from models.interface import Prompt
from models.pair_cards import load
from simulator.cell.cell import Cell
from simulator.cell.cloud_config import request_tokens
from simulator.decoding.decoder import Decoder
from simulator.decoding.divergences import Measurer
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import CloudNode, Verified
from simulator.protocols import machine, protocol_of
from simulator.protocols.accounts import Terms
from simulator.testbed.endpoints.endpoint_driver import EndpointDriver, TimedText, Transport
from simulator.testbed.endpoints.real_passes import RealJob, RealPasses, make_together
from simulator.testbed.journal import Journal, RoundBegun, RoundsVoid
from simulator.testbed.packet_header import PacketKind, RealMessage
from simulator.testbed.plan import WARM_UP, WARM_UP_TOKENS
from simulator.timing.cloud.job import JobState


class CloudServer:
    """The cloud of a cell. It has one request of each device open."""

    def __init__(self, cell: Cell, journal: Journal, transport: Transport) -> None:
        self.cell = cell
        self.decoder = Decoder(cell, Memory())
        self.transport = transport
        self.journal = journal
        self.worker = ThreadPoolExecutor(1)
        self.passes = RealPasses(cell.cloud.batching, journal, self.worker)
        users = Uniforms.of(cell.seed, "users")
        self._output_tokens = [
            [ask.output_tokens for ask in cell.workload.asks(device, users)] for device in range(cell.workload.devices)
        ]
        """By device and request."""
        self._open: dict[int, CloudDriver] = {}
        """By device."""

    def load(self) -> None:
        """Loads the models, and makes their first passes, two side by side, in which they are tried."""
        pair, temperature = load(self.cell.models.pair), self.cell.models.temperature
        networks = (pair.verifier, pair.drafter) if self.cell.scheme.drafts_in_cloud else (pair.verifier,)
        first = [prompt.tokens[: self.cell.workload.longest[0]] for prompt in pair.prompts[:2]]

        def warm() -> None:
            for network in networks:
                calls = [partial(network.open(temperature).distributions, text, 1) for text in (first[0], first[-1])]
                make_together(calls)

        self.worker.submit(warm).result()

    def receive(self, message: RealMessage) -> None:
        """A message of a device arrives. One of a later request ends the earlier one; one of an earlier request is
        late."""
        device, number = message.address.device, message.address.request
        current = self._open.get(device)
        if current is None or _order(number) > _order(current.key[1]):
            if current is not None:
                current.close()
            output_tokens = WARM_UP_TOKENS if number == WARM_UP else self._output_tokens[device][number]
            current = self._open[device] = CloudDriver(self, (device, number), output_tokens)
        if number == current.key[1]:
            current.receive(message)

    def close(self) -> None:
        """Ends the worker; a pass that is under way is made to its end."""
        self.passes.close()
        self.worker.shutdown(wait=False, cancel_futures=True)


def _order(number: int) -> int:
    """The order of a request among those of its device: the warm-up comes first."""
    return -1 if number == WARM_UP else number


class CloudDriver(EndpointDriver):
    """The cloud's end of one request. It begins with its prompt; what overtakes that waits."""

    def __init__(self, cloud: CloudServer, key: tuple[int, int], output_tokens: int) -> None:
        super().__init__(key, cloud.transport, cloud.journal)
        self._cloud = cloud
        self._output_tokens = output_tokens
        self._early: list[RealMessage] | None = []
        """Messages that overtook the prompt; None once it is here."""
        self._request_tokens = 0
        self._job: RealJob | None = None
        self._job_state = "prompt_uplink_s"
        """What the latest job does, a column of BREAKDOWN."""
        self._behind_job = 0
        """The round whose time is a prefill's; 0: none."""
        self._networks_s: list[float] = []
        """Seconds of the networks' passes of the job that runs."""

    def receive(self, message: RealMessage) -> None:
        """A message of the request arrives. Raises CodecError."""
        if message.address.kind is PacketKind.PROMPT:
            self._enter_job("cloud_queue_s")
        elif message.address.kind is not PacketKind.JOIN:
            before_prompt = self._job_state == "prompt_uplink_s"
            self.enter(message.address.round, self._job_state if before_prompt else "cloud_queue_s")
        if self._early is None:
            self._take(message)
        elif message.address.kind is not PacketKind.PROMPT:
            self._early.append(message)
        else:
            early, self._early = self._early, None
            self._begin(message)
            for each in early:
                self._take(each)

    def close(self) -> None:
        """Withdraws the request: nothing of it is wanted any more."""
        if self._job is not None:
            self._cloud.passes.withdraw(self._job)
            self._job = None
        self._cloud.passes.forget(self.key)

    def _begin(self, message: RealMessage) -> None:
        decoder, cell = self._cloud.decoder, self._cloud.cell
        prompt = wire.decode_tokens(message.content, cell.scheme.format(cell.models.pair.vocabulary))
        decoding = self._decoding = decoder.decoding(*self.key, Prompt("", "", prompt), None, self._output_tokens)
        decoding.meter = Measurer()
        setting, note = decoding.setting, self._networks_s.append
        decoding.verifier = TimedText(lambda: setting.pair().verifier.open(setting.temperature), note)
        decoding.drafter = TimedText(setting.open_drafter, note)
        self._request_tokens = request_tokens(len(prompt), self._output_tokens, cell.scheme.drafts)
        make = protocol_of(cell.scheme).cloud
        assert make is not None, "a protocol with a far end (plan.check)"
        self._machine = make(Terms(decoding, self._output_tokens, decoder.end_tokens[0]))
        self._take(message)

    def _take(self, message: RealMessage) -> None:
        commands = self._machine.step(self.arrived(message, self._machine))
        self.note_taken(message)
        self._carry_out(commands)

    def _carry_out(self, commands: list[machine.CloudCommand]) -> None:
        for command in commands:
            if isinstance(command, machine.SubmitJob):
                self._submit(command)
            elif isinstance(command, machine.SendReply):
                self.put(command.kind, command.round, command.content)
            elif isinstance(command, machine.FreeCache):
                self._cloud.passes.forget(self.key)
            elif command is machine.Order.JOIN and not self._cloud.passes.runs(self.key):
                self._carry_out(self._machine.step(machine.Signal.JOINS))
            elif isinstance(command, machine.EnterState):
                if command.state is None:
                    self._behind_job = command.round
                self.enter(command.round, command.state or self._job_state)
            elif isinstance(command, machine.OpenInCloud):
                self.journal.note(RoundBegun(*self.key, command.round, True, command.drafts, self.journal.now_s))
            elif isinstance(command, machine.DropRounds):
                void = command.void
                self.journal.note(
                    RoundsVoid(*self.key, void.start, void.stop - 1, tuple(command.rounds), self.journal.now_s)
                )

    def _enter_job(self, state: str, number: int = 0) -> None:
        """The latest job, of a round or of a prefill, does something else from now on."""
        self._job_state = state
        if number := number or self._behind_job:
            self.enter(number, state)

    def _submit(self, command: machine.SubmitJob) -> None:
        found: list[tuple[CloudNode, Verified | None]] = []

        def run() -> None:
            self._networks_s.clear()
            began_s = time.perf_counter()
            found.append(command.run())
            if not command.round:
                self._decoding.verifier.catch_up()  # or the prompt would be read with the first round
            job.beside_s = time.perf_counter() - began_s - sum(self._networks_s)

        def done() -> None:
            node, verified = found[0]
            self._enter_job(command.serves if command.round else "cloud_queue_s", command.round)
            self._job, self._behind_job = None, 0
            self._cloud.passes.crop(self.key, node.cached)
            self._carry_out(self._machine.step(machine.JobDone(node, verified)))

        def report(state: JobState) -> None:
            self._enter_job("prefill_s" if state == "prefill" else command.serves, command.round)

        self._enter_job("cloud_queue_s", command.round)
        if command.joins:
            assert self._job is not None
            job = self._job
            job.extend(command.text_tokens, command.verified_drafts)
            job.round, job.run, job.done, job.report = command.round, run, done, report
            return
        self._job = job = RealJob(
            session=self.key,
            text_tokens=command.text_tokens,
            read_tokens=command.read_tokens,
            request_tokens=self._request_tokens,
            report=report,
            done=done,
            cloud_drafts=command.cloud_drafts,
            round=command.round,
            run=run,
        )
        self._cloud.passes.submit(self._job)
