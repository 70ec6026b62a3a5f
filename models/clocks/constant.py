"""A pass takes the same time, whatever is in it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from models.clocks.latency import LONGEST_S, Latency, Work, require_work


class ConstantLatency(Latency):
    """Every pass takes the same time."""

    kind: Literal["constant"] = "constant"
    per_pass_s: float = Field(default=0.02, ge=0, le=LONGEST_S, description="seconds a pass")

    def pass_s(self, work: Work) -> float:
        require_work(work)
        return self.per_pass_s
