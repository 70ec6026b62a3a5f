"""What every clock answers: how long one forward pass over a batch takes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from kinds import Choice

Work = Sequence[tuple[int, int]]
"""One batched pass: for each sequence (new_tokens, cached_tokens)."""


class Latency(Choice, family=True):
    """Duration of one forward pass over a batch. Prefill, decoding and verification are the same call."""

    @abstractmethod
    def pass_s(self, work: Work) -> float:
        """Seconds for one pass over `work`. Raises ValueError on an empty batch: no pass, no duration."""


def require_work(work: Work) -> None:
    """Raises ValueError on an empty batch."""
    if not work:
        raise ValueError("work is empty: a pass has at least one sequence")
