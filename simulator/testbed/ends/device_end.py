"""The edge's end of a cell: one device, which takes its requests in order, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

from channels.uniforms import Uniforms
from simulator.cell.cell import Cell
from simulator.cell.workload import Ask
from simulator.decoding.decoder import Decoder
from simulator.decoding.memory import Memory
from simulator.protocols.machine import EdgeState
from simulator.schemes.draft_scheme import DraftScheme
from simulator.testbed.ends.drafted_rounds import DraftedRounds
from simulator.testbed.ends.orders import tell_failure
from simulator.testbed.ends.post import Post
from simulator.testbed.ends.restore import unpack_hello
from simulator.testbed.ends.serving import ServedRounds, Serving
from simulator.testbed.ends.streamed_rounds import StreamedRounds
from simulator.testbed.journal import Came, Ended, Journal, Served
from simulator.testbed.letters import Kind, Letter
from simulator.testbed.plan import WARM_UP, WARM_UP_TOKENS


class DeviceEnd:
    """Device `device` of a cell."""

    def __init__(self, cell: Cell, device: int, journal: Journal, post: Post) -> None:
        self._cell = cell
        self._device = device
        self._journal = journal
        self._decoder = Decoder(cell, Memory())
        self._format = cell.scheme.format(cell.models.pair.vocabulary)
        self._worker = ThreadPoolExecutor(1)
        self._post = post
        self._kept: EdgeState | None = None
        self._epoch = 0
        self._open: tuple[Serving, ServedRounds] | None = None
        """The request that is served, and its rounds."""

    async def warm_up(self) -> None:
        """Serves a request that is no part of the run: models are loaded, and both ends have made their passes."""
        ask = next(self._asks(), None)
        if ask is not None:
            await self._serve(WARM_UP, Ask(ask.prompt_tokens, WARM_UP_TOKENS), 0, None)

    async def work(self) -> None:
        """Serves the requests of the workload, from now on, which is the run's zero."""
        async for number, ask in self._coming():
            self._journal.note(Served(self._device, number, self._journal.now_s))
            self._kept = await self._serve(number, ask, number, self._kept)

    def hear(self, letter: Letter) -> None:
        """A letter of the cloud. Raises CodecError."""
        kind, _, number, round_number = letter.address
        if kind is Kind.HELLO:
            epoch = unpack_hello(letter.content)
            if epoch > self._epoch:
                self._begin_anew(epoch)
        elif self._open is not None and number == self._open[0].number:
            self._open[1].hear(round_number, letter.content)

    def close(self) -> None:
        """Ends the worker; a pass that is under way is made to its end."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _begin_anew(self, epoch: int) -> None:
        self._epoch = epoch
        self._post.begin_anew(epoch)
        if self._open is not None and self._open[0].remaining_tokens:  # the answered one may not be put away yet
            self._open[1].begin_anew()

    def _asks(self) -> Iterator[Ask]:
        return self._cell.workload.asks(self._device, Uniforms.of(self._cell.seed, "users"))

    async def _coming(self) -> AsyncIterator[tuple[int, Ask]]:
        """The requests in order. In a closed loop one comes after the last has ended, else each at its time."""
        if not self._cell.workload.open:
            for number, ask in enumerate(self._asks()):
                await asyncio.sleep(ask.think_s)
                self._came(number)
                yield number, ask
            return
        here: asyncio.Queue[tuple[int, Ask] | None] = asyncio.Queue()
        arriving = asyncio.create_task(self._arrive(here))
        arriving.add_done_callback(tell_failure)
        while (one := await here.get()) is not None:
            yield one
        await arriving

    async def _arrive(self, here: asyncio.Queue[tuple[int, Ask] | None]) -> None:
        for number, ask in enumerate(self._asks()):
            await asyncio.sleep(max(0.0, (ask.at_s or 0.0) - self._journal.now_s))
            self._came(number)
            here.put_nowait((number, ask))
        here.put_nowait(None)

    def _came(self, number: int) -> None:
        self._journal.note(Came(self._device, number, self._journal.now_s))

    async def _serve(self, number: int, ask: Ask, text: int, kept: EdgeState | None) -> EdgeState | None:
        """One request to its end, with the prompt of the device's request `text`. Answers what the device keeps."""
        decoder, device = self._decoder, self._device
        prompt = decoder.prompt(device, text, ask)
        state = None if kept is None else kept.scheme
        decoding = decoder.decoding(device, number, prompt, state, ask.output_tokens)
        serving = Serving(
            device,
            number,
            ask.output_tokens,
            decoder.end_tokens,
            self._format,
            self._post,
            self._journal,
            self._worker,
        )
        drafts = isinstance(self._cell.scheme, DraftScheme)
        rounds = DraftedRounds(serving, decoding, kept) if drafts else StreamedRounds(serving, decoding)
        self._open = serving, rounds
        after = await rounds.serve()
        self._open = None
        self._journal.note(Ended(device, number, tuple(serving.tokens), self._journal.now_s))
        return after
