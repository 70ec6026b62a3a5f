"""Interface of latency models, which time one forward pass over a batch, and the two that need no table."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, ClassVar, Final, Literal, NamedTuple

from pydantic import Field

from kinds import Choice
from kinds.mistakes import Rule, is_number

Work = Sequence[tuple[int, int]]
"""Work of one batched pass: for each sequence (new_tokens, cached_tokens)."""
LONGEST_S: Final = 10.0
"""The most seconds of one field: more are milliseconds by mistake. Measured passes may take longer."""


class Footprint(NamedTuple):
    """The memory of a model on devices of known memory, all that share its layers together."""

    model: str
    device: str
    gpus: int
    device_bytes: float
    weights_bytes: float
    token_bytes: float  # keys and values of one token


class Latency(Choice, family=True):
    """Duration of one forward pass over a batch. Prefill, decoding and verification are the same call."""

    method_rules: ClassVar[Mapping[str, Rule]] = {
        "pass_s": lambda seconds, *_: _seconds(seconds),
        "drawn_s": lambda seconds, *_: _seconds(seconds),
    }
    random: ClassVar[bool] = False
    """True if passes over the same work may take different times, which `drawn_s` then returns. It is set for a class
    that defines `drawn_s`."""

    @abstractmethod
    def pass_s(self, work: Work) -> float:
        """Seconds for one pass over `work`, the mean where it is random. Raises ValueError on an empty batch."""

    def drawn_s(self, work: Work, uniform: float, spell: float) -> float:
        """Seconds of the one pass over `work` that two numbers in [0, 1) stand for: `uniform`, each pass's own, larger
        ones for longer passes, and `spell`, the same for all passes of a request, larger ones for a slower machine.
        Where the model is not random, those of every pass."""
        return self.pass_s(work)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """A class that has drawn passes of its own is random, unless it says otherwise."""
        super().__pydantic_init_subclass__(**kwargs)
        if "drawn_s" in cls.__dict__ and "random" not in cls.__dict__ and not cls.is_family():
            cls.random = True

    def check_range(self, most: tuple[float, float, float]) -> None:
        """Raises ValueError where a pass of up to `most` (sequences, new and cached tokens of each) may be one that
        the latency model knows nothing of. Most know them all."""

    @property
    def footprint(self) -> Footprint | None:
        """Returns the memory that the timed model takes on its device, None if that is not known."""
        return None

    @property
    def weight_bytes(self) -> float | None:
        """A weight of the language model that is timed, mean over all of them; None where that is not known."""
        return None


def _seconds(answer: object) -> float:
    if not is_number(answer) or not 0 <= answer < inf:
        raise ValueError(f"must return seconds, 0 or more, got {answer!r}")
    return answer


def block_passes(passes: Work, drafts_per_pass: int) -> list[tuple[int, int]]:
    """The passes of a drafter that makes so many drafts in one, in place of `passes`, which make one each: of one
    sequence, (new, cached) tokens of one pass after another. A pass runs over what those that it stands for would have
    run over before its first draft, and a mask for each draft but that one (DFlash, arXiv 2602.06036)."""
    if drafts_per_pass == 1:
        return list(passes)
    blocks = []
    for first in range(0, len(passes), drafts_per_pass):
        read = passes[max(0, first - drafts_per_pass + 1) : first + 1]
        blocks.append((sum(new for new, _ in read) + drafts_per_pass - 1, read[0][1]))
    return blocks


def require_work(work: Work) -> None:
    """Raises ValueError on an empty batch."""
    if not work:
        raise ValueError("work is empty: a pass has at least one sequence")


class ConstantLatency(Latency):
    """Every pass takes the same time."""

    kind: Literal["constant"] = "constant"
    per_pass_s: float = Field(default=0.02, ge=0, le=LONGEST_S, description="seconds a pass")

    def pass_s(self, work: Work) -> float:
        require_work(work)
        return self.per_pass_s


class Affine(Latency):
    """base + per sequence + per new token + per cached token, summed over the batch."""

    kind: Literal["affine"] = "affine"
    base_s: float = Field(default=0.02, ge=0, le=LONGEST_S, description="seconds a pass, whatever is in it")
    per_sequence_s: float = Field(default=0.0, ge=0, le=LONGEST_S, description="seconds a sequence of the batch")
    per_token_s: float = Field(default=1e-4, ge=0, le=LONGEST_S, description="seconds a new token")
    per_cached_token_s: float = Field(default=0.0, ge=0, le=LONGEST_S, description="seconds a cached token")

    def pass_s(self, work: Work) -> float:
        require_work(work)
        new = cached = 0
        for new_tokens, cached_tokens in work:
            new += new_tokens
            cached += cached_tokens
        return self.base_s + self.per_sequence_s * len(work) + self.per_token_s * new + self.per_cached_token_s * cached
