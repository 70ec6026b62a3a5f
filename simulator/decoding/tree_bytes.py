"""A remembered tree as bytes, and back, exactly: same values, same types, one object where there was one.

Objects are written one after another by msgpack, each once and behind all that it is made of, which it names by their
places. Bytes, unlike a pickle, hold no code. They begin with the checksum of what is compressed behind it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Sequence
from dataclasses import fields
from itertools import chain
from typing import Any, Final

import msgpack
import numpy as np
import pyarrow as pa

from channels.codec.wire import Draft
from models.interface import TokenTree
from simulator.decoding.nodes import CloudNode, Drafted, EdgeNode, Full, Payload, Tree, TreeNode, TreeVerified, Verified
from simulator.decoding.steps import in_order
from simulator.results.rounds import Divergences, DraftSums

LARGEST_BYTES: Final = 1 << 29
"""The largest size of a tree before it is compressed, bytes. Longer ones are neither written nor read."""
_HEAD: Final = struct.Struct("<16sQ")  # checksum of all behind it, the size before it was compressed
_PLACE: Final = struct.Struct("<I")
_DAMAGE: Final = (
    ValueError, LookupError, TypeError, AttributeError, OverflowError, OSError, struct.error, msgpack.UnpackException,
)  # fmt: skip
"""Raised by rows of somebody who knows the checksum."""


class DamagedError(ValueError):
    """Bytes that were not written here, or have changed since."""


class OversizeError(ValueError):
    """A tree of more bytes than are read again."""


def to_bytes(tree: Tree) -> bytes:
    """The tree, compressed. Raises OversizeError if it is too large, ValueError if it holds a value of a type that is
    not kept, another type of number in a state, say, or a whole number of more than 64 bits."""
    rows, places = list[bytes](), dict[int, tuple[msgpack.ExtType, object]]()

    def once(value: object) -> msgpack.ExtType:
        if id(value) not in places:
            kind, members = _WRITTEN[type(value)]
            row = packed([kind, *members(value)])
            places[id(value)] = msgpack.ExtType(0, _PLACE.pack(len(rows))), value
            rows.append(row)
        return places[id(value)][0]

    def packed(row: list[object]) -> bytes:
        content: bytes = msgpack.packb(row, default=once, strict_types=True, buf_size=1024)
        return content

    try:
        for root in (tree.edge, tree.cloud):
            for node, _ in reversed(in_order(root)):  # each behind those that it leads to
                once(node)
        plain = b"".join([*rows, packed([0, tree.edge, tree.cloud])])
    except KeyError as error:
        raise ValueError(f"{error}: no value of this type, or so large a number, is kept on disk") from None
    if len(plain) > LARGEST_BYTES:
        raise OversizeError(f"{len(plain)} bytes: at most {LARGEST_BYTES}")
    size, content = len(plain), bytes(pa.compress(plain, codec="zstd", asbytes=True))
    return _HEAD.pack(_checksum(size, content), size) + content


def from_bytes(blob: bytes) -> Tree:
    """The tree that was written. Raises DamagedError on any other bytes, and nothing else."""
    if len(blob) < _HEAD.size:
        raise DamagedError(f"{len(blob)} bytes are too few")
    checksum, size = _HEAD.unpack_from(blob)
    content = blob[_HEAD.size :]
    if size > LARGEST_BYTES or checksum != _checksum(size, content):
        raise DamagedError("the checksum is not that of a remembered tree")
    made = list[Any]()
    try:
        rows = msgpack.Unpacker(
            ext_hook=lambda _, place: made[_PLACE.unpack(place)[0]], use_list=False, max_buffer_size=LARGEST_BYTES
        )
        rows.feed(pa.decompress(content, decompressed_size=size, codec="zstd", asbytes=True))
        for kind, *members in rows:
            made.append(_MADE[kind](*members))
        tree = Tree((), ())
        tree.edge, tree.cloud = made[-1]
        if not (type(tree.edge) is EdgeNode and type(tree.cloud) is CloudNode):
            raise TypeError("no tree begins so")
    except _DAMAGE as error:
        raise DamagedError(f"{type(error).__name__}: {error}") from None
    return tree


def _checksum(size: int, content: bytes) -> bytes:
    return hashlib.sha256(b"sqsim tree 4 %d " % size + content).digest()[:16]


def _form(kind: Any) -> tuple[Callable[[Any], Sequence[object]], Callable[..., object]]:
    """Takes apart and makes a dataclass: its fields and, behind those of a node, the steps that it has."""
    names = [each.name for each in fields(kind) if each.init]
    steps = [each.name for each in fields(kind) if each.name.startswith("then_")]

    def members(value: object) -> list[object]:
        taken = [(name, outcome) for name in steps if (outcome := getattr(value, name))]
        return [*(getattr(value, name) for name in names), *chain.from_iterable(taken)]

    def make(*known: Any) -> object:
        made = kind(*known[: len(names)])
        for name, outcome in zip(known[len(names) :: 2], known[len(names) + 1 :: 2], strict=True):
            setattr(made, name, outcome)
        return made

    return members, make if steps else kind


_FORMS: Final[dict[type, tuple[Callable[[Any], Sequence[object]], Callable[..., object]]]] = {
    tuple: (list, lambda *members: members),
    np.ndarray: (
        lambda array: [array.dtype.str, array.tobytes(), *array.shape],
        lambda dtype, content, *shape: np.frombuffer(content, dtype).reshape(shape),
    ),
    Draft: (lambda draft: [draft.token, draft.support, draft.counts], Draft),
    DraftSums: (list, DraftSums),
    **{
        kind: _form(kind)
        for kind in (
            TokenTree, Divergences, Full, Drafted, Payload, Verified, TreeVerified, EdgeNode, TreeNode, CloudNode,
        )
    },
}  # fmt: skip
"""Takes apart and makes each type that a tree is made of. Rows name a type by its number here."""
_WRITTEN: Final = {kind: (number, members) for number, (kind, (members, _)) in enumerate(_FORMS.items())}
_MADE: Final = [make for _, make in _FORMS.values()]
