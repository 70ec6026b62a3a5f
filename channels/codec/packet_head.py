"""How a packet of module `packet` begins: the mode that it is written in, and how many laws are in it."""

from __future__ import annotations

from typing import Literal

from channels.codec.coder.arithmetic import DECODE, MODE, Machine, symbol, target, uniform
from channels.codec.coder.fixed_point import cached_log2
from channels.codec.draft import Format
from kinds.arrays import Bytes

Mode = Literal["recoded", "variable", "fixed", "dense"]
Shares = dict[Mode, tuple[int, int]]
SHARES: Shares = {"recoded": (0, 28), "variable": (28, 2), "dense": (30, 2)}
SHARES_WITHOUT_PRIOR: Shares = {"variable": (0, 16), "dense": (16, 16)}
SHARES_OF_OTHERS: Shares = {"recoded": (0, 28), "variable": (28, 4)}
SHARES_OF_OTHERS_WITHOUT_PRIOR: Shares = {"variable": (0, 32)}
"""Of the code "recoded": cumulative frequency and frequency of each mode, of ALL_SHARES; OTHERS: quantizers but the
lattice, which have no mode "dense"."""
ALL_SHARES = 32
DEAREST_HEAD_BITS = 6
"""Of the code "recoded": of the rarest mode 4, and 2 more than log2 max_drafts for a number of laws between."""


def write_head(io: Machine, buffer: Bytes, format: Format, mode: Mode, laws: int) -> None:
    """The mode of a packet, and how many laws are in it."""
    if format.code == "recoded":
        symbol(io, buffer, *_shares(format)[mode], ALL_SHARES)
    _code_number(io, buffer, format, laws)


def read_head(io: Machine, buffer: Bytes, format: Format) -> tuple[Mode, int]:
    """The mode of a packet, and how many laws are in it."""
    mode: Mode = format.support
    if format.code == "recoded":
        value, shares = target(io, ALL_SHARES), _shares(format)
        mode = next(mode for mode, (begin, share) in shares.items() if value < begin + share)
        symbol(io, buffer, *shares[mode], ALL_SHARES)
    return mode, _code_number(io, buffer, format, 0)


def head_cost(mode: Mode, laws: int, format: Format) -> int:
    """What the head costs under "recoded", in Q32 bits."""
    _, size, total = _share_of(laws, format.max_drafts)
    share = cached_log2(ALL_SHARES) - cached_log2(_shares(format)[mode][1])
    return share + cached_log2(total) - cached_log2(size)


def _shares(format: Format) -> Shares:
    if format.quantizer == "lattice":
        return SHARES if format.prior else SHARES_WITHOUT_PRIOR
    return SHARES_OF_OTHERS if format.prior else SHARES_OF_OTHERS_WITHOUT_PRIOR


def _share_of(number: int, most: int) -> tuple[int, int, int]:
    """Of packets that hold at most `most` laws: begin and size of `number`'s symbol, and the total."""
    between = most - 2
    if between < 1:
        return number - 1, 1, most
    if number == 1:
        return 0, 2 * between, 4 * between
    return 2 * between + number - 2, between if number == most else 1, 4 * between


def _code_number(io: Machine, buffer: Bytes, format: Format, number: int) -> int:
    """How many laws the packet holds, written or read."""
    most = format.max_drafts
    if format.code == "enumerative" or most <= 2:
        return 1 + uniform(io, buffer, number - 1, most)
    between = most - 2
    if io[MODE] == DECODE:
        value = target(io, 4 * between)
        number = 1 if value < 2 * between else min(most, value - 2 * between + 2)
    symbol(io, buffer, *_share_of(number, most))
    return number
