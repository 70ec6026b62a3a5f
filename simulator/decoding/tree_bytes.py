"""A remembered tree as bytes, and back, exactly: same values, same types, one node object where there was one.

Bytes, unlike a pickle, hold no code: what is read from a file of somebody else's is numbers, and is checked to hang
together. A node tells what it adds to the first node that leads to it; nodes stand before those that they lead to, so
that no steps read from a file can go in circles. Whether what it says was really decoded, no check can tell.
"""

from __future__ import annotations

from simulator.decoding.byte_columns import DamagedError as DamagedError
from simulator.decoding.byte_columns import pack, unpack
from simulator.decoding.nodes import Tree
from simulator.decoding.tree_columns import IntColumns, RealColumns
from simulator.decoding.tree_reader import TreeReader
from simulator.decoding.tree_writer import TreeWriter


def to_bytes(tree: Tree) -> bytes:
    """The tree, compressed. Raises ValueError where it holds what no scheme of ours gives: another type of number in a
    state, say, which would come back as a float."""
    try:
        whole, reals, strings = TreeWriter(tree).columns()
    except OverflowError as error:
        raise ValueError(f"a number is too large: {error}") from None
    return pack(whole, reals, strings)


def from_bytes(blob: bytes) -> Tree:
    """The tree that was written. Raises DamagedError on any other bytes, and nothing else."""
    whole, reals, strings = unpack(blob, len(IntColumns._fields), len(RealColumns._fields))
    try:
        return TreeReader(IntColumns(*whole), RealColumns(*reals), strings).tree()
    except StopIteration:
        raise DamagedError("a column is too short") from None
    except (ValueError, IndexError, OverflowError) as error:
        raise DamagedError(str(error)) from None
