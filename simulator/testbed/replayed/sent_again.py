"""A letter of a round that is put a second time, since the cloud has begun anew: what its round tells of it."""

from __future__ import annotations

from math import isnan
from typing import NamedTuple

from simulator.results.rounds import Passage
from simulator.timing.messages import Message


class SentAgain(NamedTuple):
    """Times of the letter that came, the latest by default; bits and attempts of all that went out for it."""

    before: Passage
    latest: Message

    @property
    def _came(self) -> Passage:
        return self.before if isnan(self.latest.delivered_s) and not isnan(self.before.delivered_s) else self.latest

    @property
    def put_s(self) -> float:
        return self._came.put_s

    @property
    def delivered_s(self) -> float:
        return self._came.delivered_s

    @property
    def bits(self) -> int:
        return self.latest.bits

    @property
    def delivered_bits(self) -> int:
        return _bits(self.before) + (self.latest.delivered_bits or self.latest.sent_bits)

    @property
    def delivered_attempts(self) -> int:
        return _attempts(self.before) + (self.latest.delivered_attempts or self.latest.attempts)


def after(before: Passage, latest: Message) -> Passage:
    """What is known of a round's letter once it is put, for the first time or again."""
    return SentAgain(before, latest) if isinstance(before, Message | SentAgain) else latest


def _bits(passage: Passage) -> int:
    return passage.sent_bits if isinstance(passage, Message) else passage.delivered_bits


def _attempts(passage: Passage) -> int:
    return passage.attempts if isinstance(passage, Message) else passage.delivered_attempts
