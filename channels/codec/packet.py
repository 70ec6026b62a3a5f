"""The wire format, version 5: one packet, from its first bit to its last. A decoder can be written from this page.

Coder (`coder.arithmetic`). The packet is read as a binary fraction, most significant bit of the first byte first, zeros
after the last byte. State: CODE, the first 56 bits; RANGE = 2^56. A symbol [begin, begin + size) of `total` <= 2^32:
step = RANGE / total rounded down; it is the one with begin <= CODE / step < begin + size; then CODE -= step * begin,
RANGE = step * size; while RANGE < 2^48, both are shifted up a byte, the next byte enters CODE. A bit whose 0 has
probability z / 2^16: split = (RANGE / 2^16) z, 0 where CODE < split, and then the part below or above it. `uniform`
below n is the symbol [v, v + 1) of n; nothing where n = 1. At the end, with m the least integer with 2^(56 - m) <=
RANGE, the packet is exactly as many bytes as hold the bytes shifted in and m bits, CODE < 2^(56 - m), and the bits
after those m are 0. Anything else is refused.

Order. (1) Code "recoded" only: the mode, by its share in SHARES, or in another such table for the quantizer and where
there is no prior. (2) How many drafts n, of m = max_drafts: uniform, but for "recoded" where m > 2: of 4 (m - 2), the
first 2 (m - 2) are n = 1, then one each is 2 to m - 1, the last m - 2 are n = m. (3) For each draft: support and counts
by the mode; then the drafted id: "flat", uniform below V, refused unless in the support; "coded", the symbol of its
count among the counts in id order; "unsent", nothing.

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
from typing import Literal, NamedTuple

import numpy as np

from channels.codec import enumerative
from channels.codec.coder.arithmetic import (
    DECODE,
    ENCODE,
    FAILED,
    FULL_TAPE,
    MEASURE,
    MODE,
    NOTHING,
    Machine,
    Tape,
    cost,
    finish,
    length_bits,
    machine,
    reader,
    recorded,
    recorder,
    symbol,
    target,
    uniform,
)
from channels.codec.coder.fixed_point import cached_log2
from channels.codec.context_coded import sized_walk
from channels.codec.context_coded.expected_tokens import WINDOW
from channels.codec.context_coded.packet_walk import (
    CODED,
    FLAT,
    NO_ENDS,
    NO_TAPE,
    NOT_SENT,
    read_chain,
    read_id,
    write_distributions,
    write_ids,
)
from channels.codec.context_coded.prior_tables import find
from channels.codec.context_coded.walk import WalkSetting, code_draft
from channels.codec.draft import CodecError, Draft, Format, Support, close, latest
from kinds.arrays import Bytes, Ints

MOST_ROOM_BYTES = 1 << 26
MOST_KEPT = 1 << 15  # symbols


def encode(steps: Sequence[Step], format: Format) -> bytes:
    buffer = np.empty(_room_bytes(steps, format), dtype=np.uint8)
    tapes = _walked(steps, format).of(steps)
    io, mode = _run(ENCODE, buffer, steps, format, tapes)
    size = finish(io, buffer)
    if size > buffer.size:
        buffer = np.empty(size, dtype=np.uint8)
        finish(write(machine(ENCODE), buffer, steps, format, mode, tapes), buffer)
    return buffer[:size].tobytes()


def measure(steps: Sequence[Step], format: Format) -> int:
    """The packet's length in bits, before padding to bytes."""
    walked = _walked(steps, format)
    return length_bits(_run(MEASURE, NOTHING, steps, format, walked.walk(steps, format))[0])


def decode(payload: bytes, format: Format, trail: Trail) -> list[Step]:
    """Returns the steps of a packet, each read by the trail. Raises CodecError unless `encode` can have produced it."""
    io, buffer = reader(payload)
    mode, number = _read_head(io, buffer, format)
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


def _run(direction: int, buffer: Bytes, steps: Sequence[Step], format: Format, tapes: Tapes) -> tuple[Machine, Mode]:
    """A machine that has written the packet in the mode that serves it best, and that mode."""
    if format.code == "enumerative":
        return write(machine(direction), buffer, steps, format, format.support), format.support
    first: Mode = "recoded" if format.prior else "variable"
    io = write(machine(direction), buffer, steps, format, first, tapes)
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
        each: _head_cost(each, len(codewords), format)
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

    def read(self, io: Machine, buffer: Bytes, format: Format, mode: Mode, number: int) -> list[Step]:
        if not _walks_at_once(format, mode):
            return super().read(io, buffer, format, mode, number)
        first, steps = self._size, list[Step]()
        text = self._tokens[: first + number]
        support, counts, ends = read_chain(io, buffer, _setting(format), text, first, TOKENS[format.token])
        if not io[FAILED]:
            begin = 0
            for token, end in zip(text[first:].tolist(), ends.tolist(), strict=True):
                draft = Draft.of(token, support[begin:end], counts[begin:end], format.resolution)
                steps.append(Step((draft,), self.known))
                self.extend(steps[-1])
                begin = end
        return steps


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


TOKENS = {"flat": FLAT, "coded": CODED, "unsent": NOT_SENT}


class Tapes(NamedTuple):
    """Tapes of the walks over a packet's first distributions, one after the other."""

    tape: Tape = NO_TAPE
    ends: Ints = NO_ENDS
    """End of each walk's tape."""


NO_TAPES = Tapes()


class Walked:
    """The distributions of the packet that was measured last. Where drafts are measured one by one, as a budget asks
    for, a packet begins as the one before it and is walked from there on."""

    def __init__(self) -> None:
        self._steps: list[tuple[bytes, ...]] = []
        self._tapes = NO_TAPES

    def of(self, steps: Sequence[Step]) -> Tapes:
        """Returns the kept tapes of the first steps that are the same as before."""
        same = 0
        for known, step in zip(self._steps, steps, strict=False):
            if known != _written_out(step):
                break
            same += 1
        ends = self._tapes.ends[:same]
        return Tapes(self._tapes.tape[: ends[-1]] if same else NO_TAPE, ends)

    def walk(self, steps: Sequence[Step], format: Format) -> Tapes:
        """Returns the tapes of all steps. They are kept for the next packet unless they are long."""
        if not _walks_at_once(format, "recoded"):
            return NO_TAPES
        tape, ends = self.of(steps)
        if ends.size < len(steps):
            more = _record(steps[ends.size :], format)
            tape, ends = np.concatenate((tape, more.tape)), np.concatenate((ends, len(tape) + more.ends))
        kept = len(steps) if len(tape) <= MOST_KEPT else 0
        self._steps = [_written_out(step) for step in steps[:kept]]
        self._tapes = Tapes(tape, ends) if kept else NO_TAPES
        return Tapes(tape, ends)


def _written_out(step: Step) -> tuple[bytes, ...]:
    """Returns all values of which a walk is a function, apart from the format."""
    draft = step.drawn[0]
    return tuple(each.tobytes() for each in (*step.known, draft.support, draft.counts))


@lru_cache(maxsize=16)
def _walked_after(format: Format, text: bytes) -> Walked:
    return Walked()


def _walked(steps: Sequence[Step], format: Format) -> Walked:
    """Returns the kept walks of packets after the same text."""
    return _walked_after(format, steps[0].known.context.tobytes())


def _record(steps: Sequence[Step], format: Format, room: int = 1 << 12) -> Tapes:
    io = recorder(room)
    ends = write_distributions(io, NOTHING, _setting(format), *_flat(steps), NOT_SENT, NO_TAPE, NO_ENDS)
    return _record(steps, format, 8 * room) if io[FAILED] == FULL_TAPE else Tapes(recorded(io), ends)


def _walks_at_once(format: Format, mode: Mode) -> bool:
    """True if one compiled call can code the whole packet."""
    return mode == "recoded" and format.quantizer == "lattice" and bool(format.prior)


def _flat(steps: Sequence[Step]) -> tuple[Ints, Ints, Ints]:
    """Returns the steps as the flat arrays that `write_distributions` takes."""
    parts, sizes, drawn = list[Ints](), list[tuple[int, ...]](), list[int]()
    for children, (context, before, before_counts) in steps:
        support, counts = children[0].support, children[0].counts
        parts += (context, before, before_counts, support, counts)
        sizes.append((context.size, before.size, support.size, len(children)))
        drawn += [child.token for child in children]
    return np.concatenate(parts), np.array(sizes), np.array(drawn)


def write(
    io: Machine, buffer: Bytes, steps: Sequence[Step], format: Format, mode: Mode, tapes: Tapes = NO_TAPES
) -> Machine:
    _write_head(io, buffer, format, mode, len(steps))
    if _walks_at_once(format, mode):
        write_distributions(io, buffer, _setting(format), *_flat(steps), TOKENS[format.token], *tapes)
        return io
    for children, known in steps:
        draft, drawn = children[0], np.array([child.token for child in children])
        _write_distribution(io, buffer, draft, format, mode, known)
        write_ids(io, buffer, draft.support.copy(), draft.counts.copy(), drawn, TOKENS[format.token], format.vocabulary)
    return io


def _write_distribution(io: Machine, buffer: Bytes, draft: Draft, format: Format, mode: Mode, known: Known) -> None:
    if mode != "recoded":
        enumerative.write(io, buffer, draft, format, mode)
    else:
        sized_walk.write(
            io, buffer, _setting(format), format, known.context, known.before.copy(), known.before_counts.copy(),
            draft.support.copy(), draft.counts.copy(),
        )  # fmt: skip


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


def _write_head(io: Machine, buffer: Bytes, format: Format, mode: Mode, distributions: int) -> None:
    if format.code == "recoded":
        symbol(io, buffer, *_shares(format)[mode], ALL_SHARES)
    _code_number(io, buffer, format, distributions)


def _read_head(io: Machine, buffer: Bytes, format: Format) -> tuple[Mode, int]:
    """The mode of a packet, and how many distributions are in it."""
    mode: Mode = format.support
    if format.code == "recoded":
        value, shares = target(io, ALL_SHARES), _shares(format)
        mode = next(mode for mode, (begin, share) in shares.items() if value < begin + share)
        symbol(io, buffer, *shares[mode], ALL_SHARES)
    return mode, _code_number(io, buffer, format, 0)


def _head_cost(mode: Mode, distributions: int, format: Format) -> int:
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


def _code_number(io: Machine, buffer: Bytes, format: Format, number: int) -> int:
    most = format.max_drafts
    if format.code == "enumerative" or most <= 2:
        return 1 + uniform(io, buffer, number - 1, most)
    between = most - 2
    if io[MODE] == DECODE:
        value = target(io, 4 * between)
        number = 1 if value < 2 * between else min(most, value - 2 * between + 2)
    symbol(io, buffer, *_share_of(number, most))
    return number
