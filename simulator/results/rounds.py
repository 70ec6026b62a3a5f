"""Round of a request: the notes of both ends while it is open (`OpenRound`), and the record that it becomes once, when
it closes, as `round_columns` says. A round is draft, send, verify, feed back; or one token of a model alone."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import Any, ClassVar, Final, NamedTuple, Protocol

import numpy as np

from kinds.arrays import Floats
from simulator.results.column_names import NamedRow
from simulator.results.round_columns import ROUND_COLUMNS


class DraftSums(NamedTuple):
    """Sums of an observer over the drafts of a round."""

    support_size: int = 0
    coded_size: int = 0
    dropped_mass: float = 0.0
    tv_quantization: float = 0.0


class Preparation(NamedTuple):
    """Branches that the edge has drafted behind a round's reply, for several outcomes of it."""

    hit: bool = False
    """The next round was among what was prepared."""
    passes: int = 0
    drafts: int = 0
    """Drafts of all branches."""
    wasted: int = 0
    """Drafts of the branches that were not chosen."""
    wasted_bits: int = 0
    """Bits put on the uplink for branches, but for the payload of the chosen one."""


NOTHING_PREPARED: Final = Preparation()


class TokenSent(Protocol):
    """A draft as it crosses the air."""

    @property
    def token(self) -> int: ...


class DraftSent(Protocol):
    """Draft that the edge has sent, as the edge knows it."""

    @property
    def draft(self) -> TokenSent: ...
    @property
    def confidence(self) -> float:
        """The drafter's own probability of it."""
        ...

    @property
    def support_size(self) -> int: ...
    @property
    def dropped_mass(self) -> float: ...
    @property
    def tv_quantization(self) -> float: ...
    @property
    def covering_bound(self) -> float: ...
    @property
    def state(self) -> tuple[float, ...]:
        """The state of the scheme after this draft."""
        ...


class RoundSent(Protocol):
    """Round that the edge has sent, as the edge knows it."""

    @property
    def state(self) -> tuple[float, ...]:
        """The state of the scheme before the first draft."""
        ...

    @property
    def drafts(self) -> Sequence[DraftSent]: ...

    @property
    def parents(self) -> Sequence[int]:
        """The index of the draft that each draft follows, -1 where it follows the text itself."""
        ...


class DraftDivergences(NamedTuple):
    """Total variations of one verified draft, as measured by an observer who sees both ends."""

    tv_mismatch: float  # TV(q, p)
    tv_qhat: float  # TV(qhat, p), the probability of rejection
    rejection_bound: float  # TV(q, p) + alpha + covering bound
    tv_compression: float  # TV(q, qhat)


@dataclass(frozen=True, slots=True)
class Divergences:
    """Measures of a verified round by an observer who sees both ends; no step of the protocol reads them. Sums over the
    verified drafts, up to and including the first rejected; tv_output and nll over the committed tokens."""

    verified: int = 0
    tv_mismatch: float = 0.0
    tv_qhat: float = 0.0
    rejection_bound: float = 0.0
    tv_output: float = 0.0  # TV(distribution of the committed token, p)
    nll: float = 0.0  # -ln p(token)
    measured: Floats = field(default_factory=lambda: np.empty((4, 0)), compare=False, repr=False)
    """[4, n]: DraftDivergences of each draft up to the first rejected, as columns, as millions are remembered."""

    @classmethod
    def of(cls, measured: Floats, tv_output: float, nll: float) -> Divergences:
        """The sums of what was measured, [4, n], of each draft."""
        tv_mismatch, tv_qhat, rejection_bound, _ = measured.sum(axis=1).tolist()
        return cls(measured.shape[1], tv_mismatch, tv_qhat, rejection_bound, tv_output, nll, measured)

    @property
    def drafts(self) -> list[DraftDivergences]:
        """The divergences of each draft up to the first rejected one."""
        return [DraftDivergences(*column) for column in self.measured.T.tolist()]


class Transfer(Protocol):
    """Transfer of a message. `delivered_*` are the values at its delivery; until then nan, 0, 0."""

    @property
    def put_s(self) -> float: ...
    @property
    def delivered_s(self) -> float: ...
    @property
    def delivered_bits(self) -> int: ...
    @property
    def delivered_attempts(self) -> int: ...
    @property
    def bits(self) -> int: ...


class VerificationResult(Protocol):
    """Result of a verification."""

    @property
    def accepted(self) -> int: ...

    @property
    def checked(self) -> int:
        """Drafts that the verifier's pass was over."""
        ...

    @property
    def tokens(self) -> int:
        """Tokens that it commits."""
        ...

    @property
    def committed(self) -> Sequence[int]:
        """Tokens that it commits."""
        ...

    @property
    def stood(self) -> Sequence[int]:
        """The drafts among them, by their places in the round."""
        ...

    @property
    def divergences(self) -> Divergences: ...


@dataclass(slots=True, eq=False)
class InstantTransfer:
    """A transfer over nothing, at one instant (nan: not yet)."""

    put_s: float = math.nan
    delivered_s: float = math.nan
    bits: int = 0
    delivered_bits: int = 0
    delivered_attempts: int = 0

    @classmethod
    def instant(cls, now_s: float) -> InstantTransfer:
        return cls(now_s, now_s)


@dataclass(slots=True, eq=False)
class SharedTransfer:
    """The share of a payload of so many bits in the transfer of a message that carries others too."""

    whole: Transfer
    bits: int

    @property
    def put_s(self) -> float:
        return self.whole.put_s

    @property
    def delivered_s(self) -> float:
        return self.whole.delivered_s

    @property
    def delivered_bits(self) -> int:
        return max(0, self.whole.delivered_bits - self.whole.bits + self.bits)

    @property
    def delivered_attempts(self) -> int:
        return self.whole.delivered_attempts


class _Nothing(NamedTuple):
    """Round of which nothing is sent and nothing verified."""

    state: tuple[float, ...] = ()
    drafts: tuple[DraftSent, ...] = ()
    parents: tuple[int, ...] = ()
    accepted: int = 0
    checked: int = 0
    tokens: int = 0
    committed: tuple[int, ...] = ()
    stood: tuple[int, ...] = ()
    divergences: Divergences = Divergences()


_NOT_YET: Final = InstantTransfer()
_NOTHING: Final = _Nothing()
_NO_DRAFTS: Final = DraftSums()
_read: Callable[[object], tuple[float, ...]] = attrgetter(*(column.source for column in ROUND_COLUMNS))
TIMED: Final = (
    "started_s", "payload.put_s", "payload.delivered_s", "payload.delivered_bits", "payload.delivered_attempts",
    "reply.put_s", "reply.delivered_s", "reply.delivered_bits", "reply.delivered_attempts", "answered_s",
)  # fmt: skip
"""The sources that clock and links decide, of a round that is answered."""


@dataclass(slots=True, eq=False)
class OpenRound:
    """Notes of a round under way. The edge's: number to payload, and the answer; the cloud's: verification result and
    reply."""

    number: int
    started_s: float
    drafted: int = 0
    sums: DraftSums = _NO_DRAFTS
    sent: RoundSent = _NOTHING
    payload: Transfer = _NOT_YET
    verified: VerificationResult = _NOTHING
    reply: Transfer = _NOT_YET
    answered_s: float = math.nan
    edge_passes: int = 0
    pass_ends_s: Sequence[float] = ()
    """End of each of the drafter's passes, if known beforehand."""
    drafts_per_pass: int = 1
    """Number of drafts per pass of the drafter."""
    flushed: bool = False
    """True if it was drafted ahead on drafts that were not accepted."""
    flushed_drafts: int = 0
    flushed_bits: int = 0
    dropped: bool = False
    """The cloud has dropped its payload before it was decoded."""
    stale: bool = False
    """True if it is flushed, and its payload was dropped in the cloud."""
    prepared: Preparation = NOTHING_PREPARED
    """Branches drafted while it was out, for several outcomes."""

    def flush(self, drafts: int, on_air_bits: int) -> None:
        """Voids the round, with so many drafts made and so many bits put on the uplink for it. It is never verified, so
        its other columns of drafts and payload are empty."""
        self.flushed, self.flushed_drafts, self.flushed_bits = True, drafts, on_air_bits
        self.stale = self.dropped
        self.drafted, self.sums, self.sent = 0, _NO_DRAFTS, _NOTHING
        self.payload = InstantTransfer(self.payload.put_s, self.payload.delivered_s)

    def stop(self, now_s: float) -> None:
        """Cuts the round off now: passes that have not ended do not count."""
        if self.pass_ends_s:
            self.edge_passes = bisect_right(self.pass_ends_s, now_s)

    def close(self) -> Round:
        """The record, whether the round came to its end or was cut off."""
        return Round(_read(self))


_read(OpenRound(0, 0.0))  # a column whose source does not exist fails on import, not in the middle of a run


class Round(NamedRow):
    """The record of a round, in the order of ROUND_COLUMNS."""

    __slots__ = ()
    places: ClassVar[Mapping[str, int]] = {column.name: place for place, column in enumerate(ROUND_COLUMNS)}


class TimedRounds(Sequence[Round]):
    """The records of a request's rounds of which all but TIMED was known beforehand. `known`, float64 [rounds,
    ROUND_COLUMNS], has a row for each round that there may be. Those of rounds that are cut off, in full, come last."""

    def __init__(self, known: Floats) -> None:
        self._known = known
        self._timed: list[float] = []
        self._cut_off: list[Round] = []

    def time(self, timed: tuple[float, ...]) -> None:
        """The next round is answered, with these values of TIMED."""
        self._timed += timed

    def append(self, round_: Round) -> None:
        """A round is cut off."""
        self._cut_off.append(round_)

    def parts(self) -> tuple[Floats, list[float], list[Round]]:
        """Returns the answered rounds, their values of TIMED, and the records of those that are cut off."""
        return self._known[: len(self._timed) // len(TIMED)], self._timed, self._cut_off

    def __len__(self) -> int:
        return len(self._timed) // len(TIMED) + len(self._cut_off)

    def __iter__(self) -> Iterator[Round]:
        return map(Round, round_table([self]).tolist())

    def __getitem__(self, place: Any) -> Any:
        return [*self][place]


_TIMED_PLACES, _TIMED_SOURCES = np.array(
    [(place, TIMED.index(column.source)) for place, column in enumerate(ROUND_COLUMNS) if column.source in TIMED]
).T


def round_table(requests: Iterable[Sequence[Round]]) -> Floats:
    """The records of the rounds of some requests as rows, float64 [rounds, ROUND_COLUMNS]."""
    parts: list[Floats] = [np.empty((0, len(ROUND_COLUMNS)))]
    timed: list[float] = []
    places: list[int] = []
    rows = 0
    for rounds in requests:
        if isinstance(rounds, TimedRounds):
            known, values, rounds = rounds.parts()
            parts.append(known)
            timed += values
            places += range(rows, rows + len(known))
            rows += len(known)
        if rounds:
            parts.append(np.fromiter(chain.from_iterable(rounds), np.float64).reshape(-1, len(ROUND_COLUMNS)))
            rows += len(rounds)
    table = np.concatenate(parts)
    if timed:
        values_of = np.array(timed).reshape(-1, len(TIMED))
        table[np.array(places)[:, None], _TIMED_PLACES] = values_of[:, _TIMED_SOURCES]
    return table
