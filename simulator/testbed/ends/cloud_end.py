"""The cloud's end of a cell: it hears the letters of all devices, and has one request of each open."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from channels.uniforms import Uniforms
from models.pair_cards import load
from simulator.cell.cell import Cell
from simulator.decoding.decoder import Decoder
from simulator.decoding.memory import Memory
from simulator.schemes.draft_scheme import DraftScheme
from simulator.testbed.ends.answering import AnsweredRounds, Premises
from simulator.testbed.ends.hosted_rounds import HostedRounds
from simulator.testbed.ends.judged_rounds import JudgedRounds
from simulator.testbed.ends.passes import RealPasses, make_together
from simulator.testbed.ends.post import Post
from simulator.testbed.ends.restore import pack_hello
from simulator.testbed.journal import CloudRestarted, Journal
from simulator.testbed.packet_header import MessageAddress, MessageKind, RealMessage
from simulator.testbed.plan import WARM_UP, WARM_UP_TOKENS


class CloudEnd:
    """The cloud of a cell, there for the (epoch + 1)-th time."""

    def __init__(self, cell: Cell, journal: Journal, post: Post, epoch: int = 0) -> None:
        self._cell = cell
        self._epoch = epoch
        self._worker = ThreadPoolExecutor(1)
        passes = RealPasses(cell.cloud.batching, journal, self._worker)
        format = cell.scheme.format(cell.models.pair.vocabulary)
        self._premises = Premises(Decoder(cell, Memory()), format, post, journal, passes)
        users = Uniforms.of(cell.seed, "users")
        self._output_tokens = [
            [ask.output_tokens for ask in cell.workload.asks(device, users)] for device in range(cell.workload.devices)
        ]
        """By device and request."""
        self._open: dict[int, AnsweredRounds] = {}
        """By device."""

    def load(self) -> None:
        """Loads the models, and makes their first passes, two side by side, in which they are tried."""
        pair, temperature = load(self._cell.models.pair), self._cell.models.temperature
        networks = (pair.verifier, pair.drafter) if self._cell.scheme.drafts_in_cloud else (pair.verifier,)
        first = [prompt.tokens[: self._cell.workload.longest[0]] for prompt in pair.prompts[:2]]

        def warm() -> None:
            for network in networks:
                calls = [partial(network.open(temperature).laws, text, 1) for text in (first[0], first[-1])]
                make_together(calls)

        self._worker.submit(warm).result()

    def start(self) -> None:
        """The run has begun, or goes on: a cloud that has begun anew tells every device."""
        journal, post = self._premises.journal, self._premises.post
        journal.note(CloudRestarted(self._epoch, False, journal.now_s))
        if self._epoch:
            for device in range(self._cell.workload.devices):
                post.put(RealMessage(MessageAddress(MessageKind.HELLO, device, 0, 0), pack_hello(self._epoch)))

    def hear(self, letter: RealMessage) -> None:
        """A letter of a device. One of a later request ends the earlier one; one of an earlier request is late."""
        _, device, number, _ = letter.address
        current = self._open.get(device)
        if current is None or _place(number) > _place(current.number):
            if current is not None:
                current.close()
            current = self._open[device] = self._rounds(device, number)
        if number == current.number:
            current.hear(letter)

    def close(self) -> None:
        """Ends the worker; a pass that is under way is made to its end."""
        self._premises.passes.close()
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _rounds(self, device: int, number: int) -> AnsweredRounds:
        scheme = self._cell.scheme
        output_tokens = WARM_UP_TOKENS if number == WARM_UP else self._output_tokens[device][number]
        if isinstance(scheme, DraftScheme):
            return JudgedRounds(self._premises, device, number, output_tokens, scheme.depth)
        return HostedRounds(self._premises, device, number, output_tokens)


def _place(number: int) -> int:
    """Of a request among those of its device: the warm-up comes first."""
    return -1 if number == WARM_UP else number
