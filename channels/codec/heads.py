"""Heads of packets: what a packet says before its drafts. All go through the coder of `coder.arithmetic`.

Packets of distributions. (1) Code "recoded" only: the mode, by its share in SHARES, or in another such table for the
quantizer and where there is no prior. (2) How many distributions n, of m = max_drafts: uniform, but for "recoded" where
m > 2: of 4 (m - 2), the first 2 (m - 2) are n = 1, then one each is 2 to m - 1, the last m - 2 are n = m.

Packets of ids, and trees of them. How many ids n, or nodes with children, of m at most: of 4 (m - 1), n = m is the
first 3 (m - 1), as most rounds are full, every other n one, ascending; nothing where m = 1.

Coded replies. How many of m drafts are accepted: each of the first UNARY drafts in turn is rejected, 1 of 4, or
accepted, 3 of 4, up to the first that is rejected; where all UNARY are accepted, how many more, uniform in
0..m - UNARY.
"""

from __future__ import annotations

from typing import Literal

from channels.codec.coder.arithmetic import DECODE, FAILED, MODE, Machine, bit, symbol, target, uniform
from channels.codec.coder.fixed_point import cached_log2
from channels.codec.draft import Format
from kinds.arrays import Bytes

Mode = Literal["recoded", "variable", "fixed", "dense"]
Shares = dict[Mode, tuple[int, int]]
SHARES: Shares = {"recoded": (0, 28), "variable": (28, 2), "dense": (30, 2)}
SHARES_WITHOUT_PRIOR: Shares = {"variable": (0, 16), "dense": (16, 16)}
SHARES_OF_OTHERS: Shares = {"recoded": (0, 28), "variable": (28, 4)}
SHARES_OF_OTHERS_WITHOUT_PRIOR: Shares = {"variable": (0, 32)}
"""The code "recoded" has a cumulative frequency and a frequency of each mode, of ALL_SHARES; OTHERS: quantizers but the
lattice, which have no mode "dense"."""
ALL_SHARES = 32
DEAREST_HEAD_BITS = 6
"""The code "recoded" spends 4 on the rarest mode, and 2 more than log2 max_drafts for a number of distributions
between."""


def write_head(io: Machine, buffer: Bytes, format: Format, mode: Mode, distributions: int) -> None:
    """Writes the head of a packet of so many distributions, which are in this mode."""
    if format.code == "recoded":
        symbol(io, buffer, *_shares(format)[mode], ALL_SHARES)
    _code_distributions(io, buffer, format, distributions)


def read_head(io: Machine, buffer: Bytes, format: Format) -> tuple[Mode, int]:
    """The mode of a packet, and how many distributions are in it."""
    mode: Mode = format.support
    if format.code == "recoded":
        value, shares = target(io, ALL_SHARES), _shares(format)
        mode = next(mode for mode, (begin, share) in shares.items() if value < begin + share)
        symbol(io, buffer, *shares[mode], ALL_SHARES)
    return mode, _code_distributions(io, buffer, format, 0)


def head_cost(mode: Mode, distributions: int, format: Format) -> int:
    """Returns the cost of the head under "recoded", in Q32 bits."""
    _, size, total = _share_of(distributions, format.max_drafts)
    share = cached_log2(ALL_SHARES) - cached_log2(_shares(format)[mode][1])
    return share + cached_log2(total) - cached_log2(size)


def _shares(format: Format) -> Shares:
    if format.quantizer == "lattice":
        return SHARES if format.prior else SHARES_WITHOUT_PRIOR
    return SHARES_OF_OTHERS if format.prior else SHARES_OF_OTHERS_WITHOUT_PRIOR


def _share_of(number: int, most: int) -> tuple[int, int, int]:
    """Returns, for packets of at most `most` distributions: begin and size of `number`'s symbol, and the total."""
    between = most - 2
    if between < 1:
        return number - 1, 1, most
    if number == 1:
        return 0, 2 * between, 4 * between
    return 2 * between + number - 2, between if number == most else 1, 4 * between


def _code_distributions(io: Machine, buffer: Bytes, format: Format, number: int) -> int:
    most = format.max_drafts
    if format.code == "enumerative" or most <= 2:
        return 1 + uniform(io, buffer, number - 1, most)
    between = most - 2
    if io[MODE] == DECODE:
        value = target(io, 4 * between)
        number = 1 if value < 2 * between else min(most, value - 2 * between + 2)
    symbol(io, buffer, *_share_of(number, most))
    return number


FULL_SHARE = 3  # how much likelier a full packet is than all others together
UNARY = 16
FALLS = 1 << 14  # of 2^16: that a draft is rejected where those before it are accepted


def code_number(io: Machine, buffer: Bytes, number: int, most: int) -> int:
    """Codes how many ids a packet holds, 1..most, of which `most` is likelier than all others together."""
    if most == 1:
        return 1
    full, total = FULL_SHARE * (most - 1), (FULL_SHARE + 1) * (most - 1)
    if io[MODE] == DECODE:
        value = target(io, total)
        number = most if value < full else value - full + 1
    if number == most:
        symbol(io, buffer, 0, full, total)
    else:
        symbol(io, buffer, full + number - 1, 1, total)
    return number


def code_accepted(io: Machine, buffer: Bytes, accepted: int, most: int) -> int:
    """Codes how many drafts are accepted, 0..most."""
    for number in range(min(most, UNARY)):
        if io[FAILED] or not bit(io, buffer, int(accepted > number), FALLS):
            return number
    return UNARY + uniform(io, buffer, accepted - UNARY, most - UNARY + 1) if most > UNARY else most
