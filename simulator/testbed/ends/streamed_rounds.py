"""The edge's end of `stream`: the prompt goes up, and tokens come down, one round after the other."""

from __future__ import annotations

import asyncio

from channels.codec import wire
from simulator.decoding.decoder import RequestDecoding
from simulator.testbed.ends.restore import RestoredRequest
from simulator.testbed.ends.serving import Serving
from simulator.testbed.packet_header import MessageAddress


class StreamedRounds:
    """It takes the tokens in order, since one reply may overtake another."""

    def __init__(self, serving: Serving, decoding: RequestDecoding) -> None:
        self._serving = serving
        self._prompt = decoding.tree.edge.committed
        self._uplinked: list[MessageAddress] = []
        """What no reply has acknowledged."""
        self._early: dict[int, bytes] = {}
        self._due = 1
        self._finished = asyncio.Event()

    async def serve(self) -> None:
        """To the last token."""
        self._serving.begin_round(1)
        self._uplinked.append(self._serving.send_prompt(self._prompt))
        await self._finished.wait()

    def hear(self, round_number: int, reply: bytes) -> None:
        """Takes the tokens that are here, in order."""
        self._serving.post.cancel(*self._uplinked)
        self._uplinked.clear()
        if round_number >= self._due:
            self._early[round_number] = reply
        while self._due in self._early:
            self._serving.close_round(self._due, wire.decode_tokens(self._early.pop(self._due), self._serving.format))
            self._due += 1
        if not self._serving.remaining_tokens:
            self._finished.set()

    def begin_anew(self) -> None:
        """The cloud goes on with the first round whose tokens are not here."""
        tokens = (*self._prompt, *self._serving.tokens)
        self._uplinked = [self._serving.send_restored(RestoredRequest(self._due, False, len(self._prompt), tokens))]
