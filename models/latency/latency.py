"""What every clock answers: how long one forward pass over a batch takes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from math import inf
from typing import ClassVar, Final

from kinds import Choice
from kinds.mistakes import Rule, is_number

Work = Sequence[tuple[int, int]]
"""One batched pass: for each sequence (new_tokens, cached_tokens)."""
LONGEST_S: Final = 10.0
"""The most seconds that a field states for one pass, sequence or token: more are milliseconds by mistake. A table of
measured passes may hold longer ones."""


class Latency(Choice, family=True):
    """Duration of one forward pass over a batch. Prefill, decoding and verification are the same call."""

    method_rules: ClassVar[Mapping[str, Rule]] = {
        "pass_s": lambda seconds, *_: _seconds(seconds),
        "drawn_s": lambda seconds, *_: _seconds(seconds),
    }
    random: ClassVar[bool] = False
    """Whether passes over the same work may take different times, which `drawn_s` then tells."""

    @abstractmethod
    def pass_s(self, work: Work) -> float:
        """Seconds for one pass over `work`, their mean where the clock is random. Raises ValueError on an empty batch:
        no pass, no duration."""

    def drawn_s(self, work: Work, uniform: float, spell: float) -> float:
        """Seconds of the one pass over `work` that two numbers in [0, 1) stand for: `uniform`, each pass's own, larger
        ones for longer passes, and `spell`, the same for all passes of a request, larger ones for a slower machine.
        Where a clock is not random, those of every pass."""
        return self.pass_s(work)

    def check_range(self, most: tuple[float, float, float]) -> None:
        """Raises ValueError where a pass of up to `most` (sequences, new and cached tokens of each) may be one that the
        clock knows nothing of. Most clocks know them all."""


def _seconds(answer: object) -> float:
    if not is_number(answer) or not 0 <= answer < inf:
        raise ValueError(f"must return seconds, 0 or more, got {answer!r}")
    return answer


def require_work(work: Work) -> None:
    """Raises ValueError on an empty batch."""
    if not work:
        raise ValueError("work is empty: a pass has at least one sequence")
