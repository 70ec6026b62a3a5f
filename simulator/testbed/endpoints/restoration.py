"""Message that a cloud needs after a restart to go on with a request (RESTORE).

A restored request is its next round (2 bytes, big-endian), whether a correction is
pending (1 byte, 0 or 1), how many of its tokens are the prompt (4 bytes), and all its tokens, as in a prompt's message.
"""

from __future__ import annotations

import struct
from typing import Final

from channels.codec import wire
from channels.codec.wire import CodecError
from simulator.decoding.nodes import CloudNode
from simulator.protocols.machine import Resumed

_HEAD: Final = struct.Struct("!HBI")


def pack_restored(resumed: Resumed, format: wire.Format) -> bytes:
    """The content of a RESTORE: the round, the pending correction and the text, all but what was cached."""
    node = resumed.node
    return _HEAD.pack(node.round, node.owed, resumed.prompt_tokens) + wire.encode_tokens(node.committed, format)


def unpack_restored(content: bytes, format: wire.Format) -> Resumed:
    """Reads a RESTORE. Raises CodecError on every byte string that `pack_restored` cannot have produced."""
    if len(content) < _HEAD.size:
        raise CodecError(f"restored request of {len(content)} bytes: too short")
    round_, owed, prompt_tokens = _HEAD.unpack_from(content)
    tokens = wire.decode_tokens(content[_HEAD.size :], format)
    if not round_ or owed > 1 or not 1 <= prompt_tokens <= len(tokens):
        raise CodecError(f"restored request: round {round_}, owed {owed}, {prompt_tokens} prompt tokens")
    return Resumed(CloudNode(round_, tokens, owed=bool(owed)), prompt_tokens)
