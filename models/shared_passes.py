"""Several decodings at once, so that their forward passes meet.

Each runs in a greenlet of its own, one at a time, up to the next pass that it needs; once all wait, the passes that
most of them wait for are made as one (packed_passes). There are no threads, and what comes out does not depend on which
passes meet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from greenlet import getcurrent, greenlet

if TYPE_CHECKING:
    from torch import Tensor

    from models.packed_passes import ForwardPass, SharedNetwork

R = TypeVar("R")
Ask = Callable[[Sequence["ForwardPass"]], "list[Tensor]"]
"""Has passes of one network made, and answers with the logits of each."""
AT_A_TIME: Final = 16  # decodings side by side: a pass costs less the more share it, and each keeps its own caches
_ASK: ContextVar[Ask | None] = ContextVar("who makes this context's forward passes", default=None)
_CONCURRENCY: ContextVar[int] = ContextVar("how many decodings run at one time, this context's included", default=1)


def logits_of(wanted: ForwardPass) -> Tensor:
    """The pass's logits [last, V], made beside those of others where several decodings run together."""
    ask = _ASK.get()
    return wanted.alone() if ask is None else ask([wanted])[0]


def concurrency() -> int:
    """Returns the largest number of decodings that run side by side, the caller's included: 1 if it is alone."""
    return _CONCURRENCY.get()


def together(calls: Sequence[Callable[[], R]], at_a_time: int) -> Generator[tuple[int, R | Exception], None, None]:
    """Makes the calls, so many at a time, and tells as they end the place of each and what it returned or raised. One
    that fails takes no other along; a pass that fails is raised in all calls that asked for it. Whoever stops listening
    ends the calls under way: GreenletExit is raised where they wait."""
    ask = _ASK.get() or _made_here
    beside = concurrency() * min(at_a_time, len(calls))
    to_come = deque(_Member(place, call, beside) for place, call in enumerate(calls))
    waiting: list[_Member[R]] = []
    try:
        while to_come or waiting:
            if to_come and len(waiting) < at_a_time:
                waiting.append(to_come.popleft())
                waiting[-1].begin()
            else:
                _serve(_largest(waiting), ask)
            ended = [member for member in waiting if member.ended]
            waiting = [member for member in waiting if not member.ended]
            for member in ended:
                yield member.place, member.outcome
    finally:
        for member in waiting:
            member.give_up()


class _Member(Generic[R]):
    """A call that runs beside others."""

    outcome: R | Exception

    def __init__(self, place: int, call: Callable[[], R], concurrency: int) -> None:
        self.place = place
        self.wanted: Sequence[ForwardPass] = ()
        """The passes it waits for, of one network."""
        self._call = call
        self._company = concurrency
        self._greenlet = greenlet(self._run)
        self._greenlet.gr_context = copy_context()

    @property
    def ended(self) -> bool:
        return bool(self._greenlet.dead)

    def begin(self) -> None:
        self._greenlet.parent = getcurrent()
        self._greenlet.switch()

    def go_on(self, made: list[Tensor] | Exception) -> None:
        """Runs up to the next pass, with the logits of those it waited for, or with why there are none."""
        self._greenlet.parent = getcurrent()
        self.wanted = ()  # a pass holds its text's cache, which may end before the next is wanted
        if isinstance(made, Exception):
            self._greenlet.throw(made)
        else:
            self._greenlet.switch(made)

    def give_up(self) -> None:
        self._greenlet.parent = getcurrent()
        self._greenlet.throw()

    def _run(self) -> None:
        _ASK.set(self._ask)
        _CONCURRENCY.set(self._company)
        try:
            self.outcome = self._call()
        except Exception as error:
            self.outcome = error

    def _ask(self, wanted: Sequence[ForwardPass]) -> list[Tensor]:
        self.wanted = wanted
        parent = self._greenlet.parent
        assert parent is not None
        made: list[Tensor] = parent.switch()
        return made


def _largest(waiting: Sequence[_Member[R]]) -> list[_Member[R]]:
    """Returns the largest group that waits for passes of one network; of two such groups, the one that asked first."""
    by_network: dict[SharedNetwork, list[_Member[R]]] = {}
    for member in waiting:
        by_network.setdefault(member.wanted[0].network, []).append(member)
    return max(by_network.values(), key=len)


def _serve(members: Sequence[_Member[R]], ask: Ask) -> None:
    try:
        made = ask([each for member in members for each in member.wanted])
    except Exception as error:
        for member in members:
            member.go_on(error)
        return
    for member in members:
        mine, made = made[: len(member.wanted)], made[len(member.wanted) :]
        member.go_on(mine)


def _made_here(wanted: Sequence[ForwardPass]) -> list[Tensor]:
    return wanted[0].network.make(wanted)
