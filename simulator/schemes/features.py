"""Hidden states of the verifier that the drafter at the edge reads, as EAGLE-3, DFlash and MTP heads do.

A drafter in the cloud has them in memory, one at the edge must be sent them: with the first token those of the prompt,
with each later verification result those of the tokens that the verifier has newly read. Their values are not modelled,
only their bits: they cross the air as zeros, and the drafter's acceptance is the pair's, as published.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from channels.codec.wire import CodecError
from kinds import ConfigError, Part

BITS: Final = {"fp16": 16, "int8": 8, "int4": 4}
SCALED_NUMBERS, SCALE_BITS = 128, 16
"""Integers share a half-precision scale, 128 numbers of a token and layer each."""
COUNT_BYTES: Final = 4
"""Size of the number of tokens whose features a message carries, at its end."""
MOST_BYTES: Final = 1 << 28


class Features(Part):
    """Hidden states that come down for each token."""

    width: int = Field(8192, ge=1, le=1 << 16, description="d, of the verifier's residual stream; 8192 is a 70B's")
    layers: int = Field(
        3,
        ge=1,
        le=128,
        description="vectors of a token: EAGLE-3 reads three layers, an MTP head one; 1 also where the cloud applies "
        "the drafter's first linear layer, which makes one vector of them",
    )
    numbers: Literal["fp16", "int8", "int4"] = Field(
        "fp16",
        description="format of each number, integers with a half-precision scale for each 128; assumed: none lowers "
        "acceptance (models.pair.kept scales it)",
    )
    tokens: Literal["accepted", "verified"] = Field(
        "accepted", description="tokens of a round whose features come down: those committed, or rejected drafts too"
    )
    prompt_tokens: Annotated[int | None, Field(ge=0, le=1 << 20)] = Field(
        None,
        description="last tokens of the prompt whose features come down; null: all; assumed: the drafter needs no more",
    )

    def bits(self, tokens: int) -> int:
        """Returns the number of bits of the features of so many tokens, without their count."""
        scales = 0 if self.numbers == "fp16" else -(-self.width // SCALED_NUMBERS)
        return tokens * self.layers * (self.width * BITS[self.numbers] + scales * SCALE_BITS)

    def after(self, message: bytes, tokens: int) -> bytes:
        """Returns a message with the features of so many tokens behind it, in whole bytes. Raises ConfigError if they
        are too many for a message."""
        size = -(-self.bits(tokens) // 8)
        if size > MOST_BYTES:
            raise ConfigError(
                f"features: {size >> 20} MiB in one reply: must be at most {MOST_BYTES >> 20}; features.prompt_tokens "
                "limits those of the prompt"
            )
        return b"".join((message, bytes(size), tokens.to_bytes(COUNT_BYTES, "big")))

    def before(self, content: bytes) -> bytes:
        """Returns the message before the features. Raises CodecError on bytes that `after` cannot have made."""
        tokens = int.from_bytes(content[-COUNT_BYTES:], "big")
        end = len(content) - COUNT_BYTES + (-self.bits(tokens) // 8)
        if end < 0 or content.count(0, end, -COUNT_BYTES) != len(content) - COUNT_BYTES - end:
            raise CodecError(f"message of {len(content)} bytes: does not hold the features of {tokens} tokens")
        return content[:end]
