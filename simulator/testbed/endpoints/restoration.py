"""Messages after a restart of the cloud: that it has restarted (HELLO), and what it must know to go on (RESTORE).

A hello is one byte, the epoch. A restored request is its next round (2 bytes, big-endian), whether a correction is
pending (1 byte, 0 or 1), how many of its tokens are the prompt (4 bytes), and all its tokens, as in a prompt's message.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from channels.codec import wire
from channels.codec.wire import CodecError
from simulator.decoding.nodes import CloudNode, Tokens

_HEAD: Final = struct.Struct("!HBI")


class RestoredRequest(NamedTuple):
    """What the cloud knew of a request when it was killed, as its edge knows it."""

    round: int
    """The round that is verified, or decoded, next."""
    owed: bool
    """Whether its payload begins with a correction, which is not among the tokens."""
    prompt_tokens: int
    tokens: Tokens
    """The prompt, and all that is committed."""

    def pack(self, format: wire.Format) -> bytes:
        """The content of its message."""
        return _HEAD.pack(self.round, self.owed, self.prompt_tokens) + wire.encode_tokens(self.tokens, format)

    @classmethod
    def unpack(cls, content: bytes, format: wire.Format) -> RestoredRequest:
        """Raises CodecError on every byte string that `pack` cannot have produced."""
        if len(content) < _HEAD.size:
            raise CodecError(f"restored request of {len(content)} bytes: too short")
        round_, owed, prompt_tokens = _HEAD.unpack_from(content)
        tokens = wire.decode_tokens(content[_HEAD.size :], format)
        if not round_ or owed > 1 or not 1 <= prompt_tokens <= len(tokens):
            raise CodecError(f"restored request: round {round_}, owed {owed}, {prompt_tokens} prompt tokens")
        return cls(round_, bool(owed), prompt_tokens, tokens)

    @property
    def prompt(self) -> Tokens:
        """The tokens of the prompt."""
        return self.tokens[: self.prompt_tokens]

    @property
    def node(self) -> CloudNode:
        """The cloud's side, nothing cached."""
        return CloudNode(self.round, self.tokens, owed=self.owed)


def pack_hello(epoch: int) -> bytes:
    """The content of a hello, from the cloud that is there for the (epoch + 1)-th time."""
    return epoch.to_bytes(1, "big")


def unpack_hello(content: bytes) -> int:
    """The epoch. Raises CodecError where it is none."""
    if len(content) != 1:
        raise CodecError(f"hello of {len(content)} bytes: must be 1")
    return content[0]
