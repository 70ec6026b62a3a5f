"""Accepted lengths as they were logged, replayed: a pair for schemes that send no distribution of the drafter's.

A JSON-lines file has a request a line, {"accepted": [3, 0, 5]}: the accepted drafts of its rounds, one after another.
The drafter's text is then right for 3 tokens and wrong once, wrong once, right for 5 tokens and wrong once, and so on;
a list that ends starts over. Rounds of as many drafts as were logged replay the list exactly: where all of them were
accepted, the wrong token is the one that the verifier adds, which nobody drafts. Longer rounds take a full round's end
for a rejection, which the log does not tell apart.

Both distributions are one-hot, whatever the temperature, and say nothing beside the token: a scheme that sends them is
refused.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from kinds import ConfigError
from kinds.arrays import Floats
from kinds.files import GivenPath, parse_json, read_lines, sha256
from models.computed_text import ComputedModel
from models.interface import LoadedPair, Pair, Prompt

MOST = 1024  # accepted drafts of a round: as many as a round may have


class Replay(Pair):
    """Logged accepted lengths; request i of a cell is line i of the file, and lines go round."""

    summary: ClassVar[str] = "accepted lengths replayed from a file, one-hot distributions, no network"
    repeats: ClassVar[bool] = False
    has_distributions: ClassVar[bool] = False

    kind: Literal["replay"] = "replay"
    file: Annotated[GivenPath, AfterValidator(Path.resolve)] = Field(
        description='JSON-lines file, a request a line: {"accepted": [3, 0, 5]}, drafts that stood, round by round'
    )
    size: int = Field(default=32_000, ge=4, le=1 << 20, description="V, number of token ids: what a drafted id costs")
    prompt_tokens: int = Field(default=64, ge=1, description="length of each prompt")
    context: int = Field(default=8192, ge=2, description="longest text, in tokens")

    @model_validator(mode="after")
    def _feasible(self) -> Self:
        if self.prompt_tokens > self.context:
            raise ValueError(f"prompt_tokens at most context = {self.context} allowed")
        if len(self.requests) > self.size - 2:
            raise ValueError(
                f"size at least {len(self.requests) + 2} allowed: an id for each line of the file, and two"
            )
        return self

    @cached_property
    def requests(self) -> tuple[tuple[int, ...], ...]:
        """Accepted lengths by line. Raises ConfigError that names the file and the line."""
        return read_requests(self.file)

    @cached_property
    def vocabulary(self) -> int:
        return self.size

    @cached_property
    def context_tokens(self) -> int:
        return self.context

    @cached_property
    def fingerprint(self) -> str:
        described = f"replay/1 {sha256(self.file)} {self.model_dump_json(exclude={'file'})}"
        return hashlib.sha256(described.encode()).hexdigest()

    def load(self) -> LoadedPair:
        """Prompt i is id i over and over, which no answer has."""
        texts = _Texts(self.requests, self.size)
        drafter = ComputedModel(lambda _: texts.drafter, self.size, self.context, self.fingerprint + "/drafter")
        verifier = ComputedModel(lambda _: texts.verifier, self.size, self.context, self.fingerprint + "/verifier")
        prompts = (Prompt(f"replay-{i}", "replay", (i,) * self.prompt_tokens) for i in range(len(self.requests)))
        return LoadedPair(drafter, verifier, tuple(prompts))


def read_requests(path: Path) -> tuple[tuple[int, ...], ...]:
    """The accepted lengths of each request of a file. Raises ConfigError with file, line and what is allowed."""
    requests = tuple(_request(place, line) for place, line in read_lines(path))
    if not requests:
        raise ConfigError(f"{path}: no requests in it")
    return requests


def _request(place: str, line: str) -> tuple[int, ...]:
    try:
        fields = parse_json(line, place)
    except ConfigError:
        fields = None
    accepted = fields.get("accepted") if isinstance(fields, dict) else None
    if not isinstance(accepted, list) or not accepted:
        raise ConfigError(f'{place}: a JSON object with a list expected, such as {{"accepted": [3, 0, 5]}}')
    for each in accepted:
        if type(each) is not int or not 0 <= each <= MOST:
            raise ConfigError(f"{place}: accepted = {each!r}: whole numbers from 0 to {MOST} allowed")
    return tuple(accepted)


class _Texts:
    """The verifier's text goes up through the ids that no prompt has; the drafter's is beside it where it is wrong."""

    def __init__(self, requests: tuple[tuple[int, ...], ...], size: int) -> None:
        self._size = size
        self._first = len(requests)
        self._wrong = [tuple(accumulate(each + 1 for each in accepted)) for accepted in requests]
        """By request: tokens up to and with each wrong one."""

    def verifier(self, out: Floats, tokens: tuple[int, ...], end: int) -> None:
        self._write(out, self._place(tokens, end))

    def drafter(self, out: Floats, tokens: tuple[int, ...], end: int) -> None:
        place = self._place(tokens, end)
        ends = self._wrong[tokens[0]] if end and tokens[0] < self._first else ()
        within = place % ends[-1] + 1 if ends else 0
        wrong = bool(ends) and ends[bisect_left(ends, within)] == within
        self._write(out, place + wrong)

    def _place(self, tokens: tuple[int, ...], end: int) -> int:
        """Returns the number of tokens of the answer before `end`: those after the prompt, which is one id over and
        over."""
        return end - bisect_left(range(end), True, key=lambda i: tokens[i] >= self._first)

    def _write(self, out: Floats, place: int) -> None:
        out[:] = 0.0
        out[self._first + place % (self._size - self._first)] = 1.0
