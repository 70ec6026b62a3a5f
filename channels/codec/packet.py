"""The wire format, version 5: one packet, from its first bit to its last. A decoder can be written from this page.

Coder (`coder.arithmetic`). The packet is read as a binary fraction, most significant bit of the first byte first, zeros
after the last byte. State: CODE, the first 56 bits; RANGE = 2^56. A symbol [begin, begin + size) of `total` <= 2^32:
step = RANGE / total rounded down; it is the one with begin <= CODE / step < begin + size; then CODE -= step * begin,
RANGE = step * size; while RANGE < 2^48, both are shifted up a byte, the next byte enters CODE. A bit whose 0 has
probability z / 2^16: split = (RANGE / 2^16) z, 0 where CODE < split, and then the part below or above it. `uniform`
below n is the symbol [v, v + 1) of n; nothing where n = 1. At the end, with m the least integer with 2^(56 - m) <=
RANGE, the packet is exactly as many bytes as hold the bytes shifted in and m bits, CODE < 2^(56 - m), and the bits
after those m are 0. Anything else is refused.

Order. The head (`heads`): the mode, under the code "recoded" alone, and how many drafts there are. Then for each
draft: support and counts by the mode; then the drafted id: "flat", uniform below V, refused unless in the support;
"coded", the symbol of its count among the counts in id order; "unsent", nothing.

Modes. "variable", "fixed", "dense": module `enumerative` (subsets and compositions in `coder.subsets`; quantizers other
than the lattice have no mode "dense" under "recoded"). "recoded": `context_coded.walk`, for other quantizers than the
lattice `context_coded.sized_walk` (tokens in `expected_tokens` by `context_model`, probabilities in `network`, tables
in `prior_tables`). Logarithms and powers are those of `coder.fixed_point`, Q32. Under "recoded" the mode must be the
one of least cost, the earliest in SHARES among equals: of "recoded" what the coder charged up to the end, 8 POSITION +
56 - log2 RANGE; of the others the logarithms of what they would choose among. The receiver works these out too and
refuses a packet in another mode.

Context: the last WINDOW committed ids, then the drafted ids of this packet as they are decoded (unknown when "unsent").
Limits: V <= 2^20, resolution <= 2^22 - 1, max_drafts <= 2^10.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from channels.codec import enumerative
from channels.codec.coder.arithmetic import (
    ENCODE,
    FAILED,
    INVALID,
    MEASURE,
    NOTHING,
    Machine,
    cost,
    finish,
    length_bits,
    machine,
    reader,
    symbol,
    target,
    uniform,
)
from channels.codec.coder.compiled import leaf
from channels.codec.coder.fixed_point import cached_log2
from channels.codec.context_coded import sized_walk
from channels.codec.context_coded.expected_tokens import WINDOW
from channels.codec.context_coded.prior_tables import find
from channels.codec.context_coded.walk import WalkSetting, code_draft
from channels.codec.draft import CodecError, Draft, Format, Support, close, latest
from channels.codec.heads import Mode, head_cost, read_head, write_head
from kinds.arrays import Bytes, Ints

MOST_ROOM_BYTES = 1 << 26


def encode(steps: Sequence[Step], format: Format) -> bytes:
    buffer = np.empty(_room_bytes(steps, format), dtype=np.uint8)
    io, mode = _run(ENCODE, buffer, steps, format)
    size = finish(io, buffer)
    if size > buffer.size:
        buffer = np.empty(size, dtype=np.uint8)
        finish(write(machine(ENCODE), buffer, steps, format, mode), buffer)
    return buffer[:size].tobytes()


def measure(steps: Sequence[Step], format: Format) -> int:
    """The packet's length in bits, before padding to bytes."""
    return length_bits(_run(MEASURE, NOTHING, steps, format)[0])


def decode(payload: bytes, format: Format, trail: Trail) -> list[Step]:
    """Returns the steps of a packet, each read by the trail. Raises CodecError unless `encode` can have produced it."""
    io, buffer = reader(payload)
    mode, number = read_head(io, buffer, format)
    steps = trail.read(io, buffer, format, mode, number)
    close(io, buffer, "payload", "not a packet of this format")
    if format.code == "recoded" and mode != _best_mode(io, steps, format, mode):
        raise CodecError(f"payload: {mode} is not the mode that serves these drafts best")
    return steps


def without(draft: Draft) -> tuple[Ints, Ints]:
    """Returns the support and the counts without the drawn id."""
    kept = draft.support != draft.token
    return draft.support[kept], draft.counts[kept]


def _room_bytes(steps: Sequence[Step], format: Format) -> int:
    """Room for a packet: an id and its count take less than 8 bytes, the rest of a draft less than 16."""
    ids = sum(step.drawn[0].support.size for step in steps)
    if format.code == "enumerative" and format.support != "variable":
        ids = len(steps) * (format.support_size or min(format.vocabulary, format.resolution))
    return min(8 + 16 * len(steps) + 8 * ids, MOST_ROOM_BYTES)


def _run(direction: int, buffer: Bytes, steps: Sequence[Step], format: Format) -> tuple[Machine, Mode]:
    """A machine that has written the packet in the mode that serves it best, and that mode."""
    if format.code == "enumerative":
        return write(machine(direction), buffer, steps, format, format.support), format.support
    first: Mode = "recoded" if format.prior else "variable"
    io = write(machine(direction), buffer, steps, format, first)
    best = _best_mode(io, steps, format, first)
    return io if best == first else write(machine(direction), buffer, steps, format, best), best


def _best_mode(io: Machine, steps: Sequence[Step], format: Format, mode: Mode) -> Mode:
    """The mode of least cost, the earliest in SHARES among equals; `io` has run these steps in `mode`."""
    counts = [step.drawn[0].counts for step in steps]
    best, stated = _least_stated(tuple([(each.size, enumerative.shift_of(each, format)) for each in counts]), format)
    if not format.prior:
        return best
    if mode != "recoded":
        io = write(machine(MEASURE), NOTHING, steps, format, "recoded")
    return "recoded" if cost(io) <= stated + sum([_ids_cost(step, format) for step in steps]) else best


@lru_cache(maxsize=1 << 10)
def _least_stated(codewords: tuple[tuple[int, int], ...], format: Format) -> tuple[Mode, int]:
    """Returns the cheapest mode that states the set of its choices, and the cost of a packet in Q32 bits without the
    drafted ids. codewords: the number of counts in each distribution, and their shift."""
    stating: tuple[Support, ...] = ("variable", "dense") if format.quantizer == "lattice" else ("variable",)
    costs: dict[Mode, int] = {
        each: head_cost(each, len(codewords), format)
        + sum(enumerative.cost(size, shift, format, each) for size, shift in codewords)
        for each in stating
    }
    best = min(costs, key=costs.__getitem__)  # the earliest among equals
    return best, costs[best]


def _ids_cost(step: Step, format: Format) -> int:
    """Returns the cost of the drafted ids, in Q32 bits."""
    if format.token == "flat":
        return len(step.drawn) * cached_log2(format.vocabulary)
    if format.token == "unsent":
        return 0
    return sum(cached_log2(draft.total) - cached_log2(draft.count(draft.token)) for draft in step.drawn)


class Known(NamedTuple):
    """Knowledge of the receiver before it reads a distribution."""

    context: Ints  # the text before it, drafts of the packet included
    before: Ints  # the support of the distribution before it, empty if there is none
    before_counts: Ints  # its counts


def first_known(context: Ints) -> Known:
    """Returns the knowledge before a packet's first distribution."""
    nothing = np.empty(0, dtype=np.int64)
    return Known(context, nothing, nothing)


class Step(NamedTuple):
    """A distribution in a packet, as the drafts drawn from it in their order: each of what the ones before it left."""

    drawn: tuple[Draft, ...]
    known: Known


class Trail(ABC):
    """Knowledge of the receiver as the steps of a packet come one after another."""

    @property
    @abstractmethod
    def known(self) -> Known:
        """Knowledge before the next distribution. Raises CodecError if none can follow."""

    @abstractmethod
    def draws(self, size: int) -> int:
        """Returns the number of drafts of the next distribution, which has `size` ids; asked once per distribution."""

    @abstractmethod
    def extend(self, step: Step) -> None:
        """The next step is known."""

    def read(self, io: Machine, buffer: Bytes, format: Format, mode: Mode, number: int) -> list[Step]:
        """Returns `number` steps of a packet, or fewer if the machine has FAILED. Raises CodecError if a step is none
        of this format."""
        steps: list[Step] = []
        while len(steps) < number and not io[FAILED]:
            known = self.known
            left = _read_distribution(io, buffer, format, mode, known)
            drawn: list[Draft] = []
            for _ in range(self.draws(left[0].size)):
                left = without(drawn[-1]) if drawn else left
                token = read_id(io, buffer, *left, TOKENS[format.token], format.vocabulary)
                drawn.append(Draft.of(token, *left))
            steps.append(Step(tuple(drawn), known))
            self.extend(steps[-1])
        return steps


class Chain(Trail):
    """Trail with one draft per distribution, and the next distribution after it."""

    def __init__(self, context: Sequence[int], drafts: int, vocabulary: int) -> None:
        known = latest(context, WINDOW, vocabulary)
        self._tokens = np.empty(known.size + drafts, dtype=np.int64)
        self._tokens[: known.size] = known
        self._size = known.size
        _, self._before, self._before_counts = first_known(known)

    @property
    def known(self) -> Known:
        return Known(self._tokens[: self._size], self._before, self._before_counts)

    def draws(self, size: int) -> int:
        return 1

    def extend(self, step: Step) -> None:
        (draft,) = step.drawn
        self._tokens[self._size] = draft.token
        self._size += 1
        self._before, self._before_counts = draft.support, draft.counts


def chain(drafts: Sequence[Draft], format: Format, context: Sequence[int]) -> list[Step]:
    """The steps of drafts that follow each other."""
    trail, steps = Chain(context, len(drafts), format.vocabulary), list[Step]()
    for draft in drafts:
        steps.append(Step((draft,), trail.known))
        trail.extend(steps[-1])
    return steps


@lru_cache(maxsize=64)
def _setting(format: Format) -> WalkSetting:
    return WalkSetting(find(format.prior or "", format.vocabulary), format.resolution, format.largest_support)


FLAT, CODED, NOT_SENT = range(3)
TOKENS = {"flat": FLAT, "coded": CODED, "unsent": NOT_SENT}
"""Forms in which a drafted id travels: below V, by the counts it was drawn from, or not at all."""


def write(io: Machine, buffer: Bytes, steps: Sequence[Step], format: Format, mode: Mode) -> Machine:
    write_head(io, buffer, format, mode, len(steps))
    for children, known in steps:
        draft, drawn = children[0], np.array([child.token for child in children])
        support, counts = draft.support.copy(), draft.counts.copy()
        if mode != "recoded":
            enumerative.write(io, buffer, draft, format, mode)
        else:
            before = known.before.copy(), known.before_counts.copy()
            if format.quantizer == "lattice":
                code_draft(io, buffer, _setting(format), known.context, *before, support, counts)
            else:
                sized_walk.write(io, buffer, _setting(format), format, known.context, *before, support, counts)
        write_ids(io, buffer, support, counts, drawn, TOKENS[format.token], format.vocabulary)
    return io


def _read_distribution(io: Machine, buffer: Bytes, format: Format, mode: Mode, known: Known) -> tuple[Ints, Ints]:
    """(support, counts) of the next draft. Raises CodecError where there is none."""
    if mode != "recoded":
        return enumerative.read(io, buffer, format, mode)
    before, before_counts = known.before.copy(), known.before_counts.copy()
    if format.quantizer != "lattice":
        return sized_walk.read(io, buffer, _setting(format), format, known.context, before, before_counts)
    support = np.zeros(format.largest_support, dtype=np.int64)
    counts = np.zeros(format.largest_support, dtype=np.int64)
    size = code_draft(io, buffer, _setting(format), known.context, before, before_counts, support, counts)
    if io[FAILED]:
        raise CodecError("payload: not a support and its counts")
    return support[:size].copy(), counts[:size].copy()


@leaf
def write_ids(
    io: Machine, buffer: Bytes, support: Ints, counts: Ints, drawn: Ints, token: int, vocabulary: int
) -> None:
    """Ids drawn from these counts, each without those before it."""
    for place in range(drawn.size if token != NOT_SENT else 0):
        begin, total, size = 0, 0, 0
        for at in range(support.size):
            elder = False
            for other in range(place):
                elder = elder or support[at] == drawn[other]
            if elder:
                continue
            if support[at] < drawn[place]:
                begin += counts[at]
            elif support[at] == drawn[place]:
                size = counts[at]
            total += counts[at]
        if token == FLAT:
            uniform(io, buffer, drawn[place], vocabulary)
        else:
            symbol(io, buffer, begin, size, total)


@leaf
def read_id(io: Machine, buffer: Bytes, support: Ints, counts: Ints, token: int, vocabulary: int) -> int:
    """The id drafted from these counts, -1 where it is not sent; the machine has FAILED where it is none of them."""
    if token == NOT_SENT:
        return -1
    if token == FLAT:
        drawn, place = uniform(io, buffer, 0, vocabulary), 0
        while place < support.size and support[place] < drawn:
            place += 1
        if place == support.size or support[place] != drawn:
            io[FAILED] = INVALID
        return drawn
    total, begin, place = 0, 0, 0
    for at in range(counts.size):
        total += counts[at]
    value = target(io, total)
    while begin + counts[place] <= value:
        begin += counts[place]
        place += 1
    symbol(io, buffer, begin, counts[place], total)
    return int(support[place])
