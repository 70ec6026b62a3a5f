"""Conversations: requests each of which goes on with the text of the one before it.

A turn's prompt is all of the conversation so far, what was answered included, and a new text behind it: a user's, or
the result of a tool that an agent has called. Its tokens are those of one request with that prompt. What both ends
still hold of the conversation decides time and bits alone (`timing.conversation`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from math import inf
from typing import ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from channels.uniforms import Uniforms
from simulator.cell.amounts import Fixed, Given
from simulator.cell.workload import MOST, Ask, Workload

_TURNS: Final = Uniforms.of(0, "turns")
"""Uniforms that decide the number of turns in a conversation: the same whatever the cell's seed, so that a run's
requests can be counted."""
_TEXT, _THINK, _PAUSE = 3, 4, 5
"""Draws of a user by device and request, besides those of open workloads."""


class Conversations(Workload):
    """Conversations of each device: it asks, takes the answer, thinks, and goes on with the whole text and a new
    question."""

    talks: ClassVar[bool] = True
    kind: Literal["conversations"] = "conversations"
    conversations: int = Field(2, ge=1, le=MOST, description="conversations of each device, one after another")
    turns: Given = Field(
        Fixed(value=4),
        description="turns of a conversation, a number or an amount drawn by device and conversation, the same for all "
        "seeds",
    )
    text_tokens: Given = Field(
        Fixed(value=32),
        description="tokens that a turn after the first adds to the text: a user's, or a tool's result; they are those "
        "that the pair's next prompt begins with",
    )
    think_s: Given = Field(
        Fixed(value=0),
        description="between an answer and the conversation's next turn: a person's time, or that of an agent's tool",
    )
    pause_s: Given = Field(Fixed(value=0), description="between two conversations of a device")
    cloud_keeps_s: float = Field(
        300.0,
        ge=0,
        description="for how long after an answer the cloud keeps the text, and its keys and values as long as nobody "
        "needs their memory (cloud.kv_tokens): a turn uploads its new text alone then, and has that alone read; 0: the "
        "cloud keeps nothing; inf: until the device begins another conversation",
    )
    edge_keeps_s: float = Field(
        inf, ge=0, description="for how long after an answer the device keeps its drafter's keys and values; 0: it "
        "reads the whole text again"
    )  # fmt: skip
    edge_keeps_tokens: int | None = Field(
        None, ge=0, le=MOST, description="the device's memory for them: the first so many tokens are kept; null: all"
    )
    counted_turn: int | None = Field(
        None,
        ge=1,
        le=MOST,
        exclude_if=lambda turn: turn is None,
        description="metrics count this turn of each conversation alone, from 1; null: all turns. Busy shares, queues "
        "and bits on the air are those of all",
    )

    @model_validator(mode="after")
    def _has_turns(self) -> Self:
        for name in ("turns", "text_tokens"):
            greatest = getattr(self, name).greatest
            if not greatest >= 1:
                raise ValueError(f"{name} = {greatest:g}: must be at least 1")
        if self.turns.greatest * max(self.text_tokens.greatest, self.output_tokens) > MOST:
            raise ValueError(
                f"turns = {self.turns.greatest:g}: a text of that many turns may have more than {MOST:,} tokens; give "
                "turns, text_tokens a smaller value or most"
            )
        if self.counted_turn is not None and self.counted_turn > max(map(max, self._lengths)):
            raise ValueError(
                f"counted_turn = {self.counted_turn}: must be a turn that some conversation has, at most "
                f"{max(map(max, self._lengths))}"
            )
        if self.counted_turn is not None and not any(map(self.counted_of, range(self.devices))):
            raise ValueError(
                f"learning_requests = {self.learning_requests}: must leave some turn {self.counted_turn} to count "
                "(counted_turn)"
            )
        return self

    @cached_property
    def _lengths(self) -> list[list[int]]:
        """Numbers of turns, by device and conversation."""
        if isinstance(self.turns, Fixed):
            return [[self.turns.whole(0.0)] * self.conversations] * self.devices
        return [
            [self.turns.whole(_TURNS.uniform(device, number)) for number in range(self.conversations)]
            for device in range(self.devices)
        ]

    @property
    def total(self) -> int:
        return sum(map(sum, self._lengths))

    @property
    def longest(self) -> tuple[int, int]:
        later = max(map(max, self._lengths)) - 1
        return self.prompt_tokens + later * (self.longest_piece_after + self.output_tokens), self.output_tokens

    @property
    def longest_piece_after(self) -> int:
        """The most tokens that a turn adds."""
        return max(1, round(self.text_tokens.greatest))

    @property
    def longest_piece(self) -> int:
        return max(self.prompt_tokens, self.longest_piece_after if max(map(max, self._lengths)) > 1 else 1)

    @property
    def only_turn(self) -> int:
        return self.counted_turn or 0

    def requests_of(self, device: int) -> int:
        return sum(self._lengths[device])

    def counted_of(self, device: int) -> int:
        turns = [turn for length in self._lengths[device] for turn in range(1, length + 1)][self.learning_requests :]
        return len(turns) if self.counted_turn is None else turns.count(self.counted_turn)

    def asks(self, device: int, uniforms: Uniforms) -> Iterator[Ask]:
        number = 0
        for turns in self._lengths[device]:
            for turn in range(1, turns + 1):
                wait, purpose = (self.pause_s, _PAUSE) if turn == 1 else (self.think_s, _THINK)
                wait_s = wait.at(uniforms.uniform(device, number, purpose)) if number else 0.0
                tokens = self.prompt_tokens
                if turn > 1:
                    tokens = self.text_tokens.whole(uniforms.uniform(device, number, _TEXT))
                yield Ask(tokens, self.output_tokens, think_s=wait_s, turn=turn)
                number += 1
