"""What becomes of a request's keys and values when its device comes to the area of another cloud. Time alone.

A job that has come to a cloud is served there. Once the cloud has nothing to do for a request whose device is
elsewhere, it sends on what the next cloud needs, one request after another: at `backhaul_bps`, and `backhaul_s` on the
way. The request's next job waits for it there, which counts as `cloud_queue_s`; what it reads again is `prefill_s`, and
what a message takes to a cloud that is not the nearest, or back, `propagation_s`. What a cloud keeps of a
conversation between two turns is sent in the same way.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Final, Literal, NamedTuple

from pydantic import Field

from kinds import Choice

ID_BYTES: Final = 4
"""Of a token of the text that is sent, to be read again."""


class Relocated(NamedTuple):
    """What goes to the next cloud."""

    sent_bytes: float
    cached_tokens: int
    """Of the text, those that need not be read again there."""


class Relocation(Choice, family=True):
    """Whether a request follows its device to the next cloud, and what is sent for it."""

    sends_caches: ClassVar[bool] = False
    """Whether keys and values are sent, whose bytes must be known."""

    backhaul_bps: float = Field(10e9, gt=0, description="rate at which a cloud sends to the others (assumed)")
    backhaul_s: float = Field(
        0.01, ge=0, le=60, allow_inf_nan=False, description="delay between any two of the clouds, one way (assumed)"
    )

    @abstractmethod
    def sends(self, cached_tokens: int, token_bytes: float) -> Relocated | None:
        """What is sent of a request with so many tokens cached, keys and values of `token_bytes` each; None: nothing,
        and the request stays where it is."""


class Kept(Relocation):
    """The request stays with its cloud to its end: what it sends and receives travels `backhaul_s` more, one way."""

    kind: Literal["kept"] = "kept"

    def sends(self, cached_tokens: int, token_bytes: float) -> Relocated | None:
        return None


class Moved(Relocation):
    """The keys and values follow."""

    sends_caches: ClassVar[bool] = True
    kind: Literal["moved"] = "moved"

    def sends(self, cached_tokens: int, token_bytes: float) -> Relocated:
        return Relocated(cached_tokens * token_bytes, cached_tokens)


class ReadAgain(Relocation):
    """The text follows, and the next cloud reads all of it."""

    kind: Literal["read_again"] = "read_again"

    def sends(self, cached_tokens: int, token_bytes: float) -> Relocated:
        return Relocated(cached_tokens * ID_BYTES, 0)
