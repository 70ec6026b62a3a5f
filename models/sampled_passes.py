"""Many passes of a model, timed by the wall through the interface that a real run uses.

Where a profile wants to know what a pass takes that has a core to itself, these want to know how passes here are
spread, with all that belongs to them: the laws in float64, and what else happens on the machine.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from models.calibration import VERIFIED_TOKENS, PassTimer
from models.clocks.pass_table import TimedPass
from models.interface import CachedText, LanguageModel
from models.shared_passes import together

RARE_EVERY = 5
"""Rounds between two samples of a point that no pass is near."""
LEAST_ROUNDS = RARE_EVERY
Point3 = tuple[int, int, int]
"""Sequences, new and cached tokens of each."""


class TextPasses:
    """Passes of one model over so many texts at once.

    `text`: any tokens, as long as the longest pass. `pause_s`: for how long the processor is idle before a pass, as it
    is where something is waited for, and finds caches cold that were warm: a small pass may take twice as long. Passes
    over one new token follow each other, `in_a_row` between two pauses; 0: no pass waits for anything. A pass beyond
    the model's context runs on top of fewer cached tokens.
    """

    most_sequences: int | None = None

    def __init__(
        self, model: LanguageModel, text: tuple[int, ...], temperature: float, pause_s: float, in_a_row: int
    ) -> None:
        self._open = partial(model.open, temperature)
        self._text = text
        self._context_tokens = model.context_tokens
        self._pause_s = pause_s
        self._in_a_row = in_a_row
        self._made: Counter[Point3] = Counter()
        self._filled: dict[int, list[CachedText]] = {}
        """By the tokens that they hold."""

    def pass_s(self, batch: int, new_tokens: int, cached_tokens: int) -> float:
        """See `PassTimer.pass_s`."""
        cached_tokens = min(cached_tokens, self._context_tokens - new_tokens)
        texts = self._holding(batch, cached_tokens)
        tokens = self._text[: cached_tokens + new_tokens]
        last = new_tokens if new_tokens <= VERIFIED_TOKENS else 1
        if self._waits((batch, new_tokens, cached_tokens)):
            time.sleep(self._pause_s)
        began_s = time.perf_counter()
        if batch == 1:
            texts[0].laws(tokens, last)
        else:
            made = list(together([partial(text.laws, tokens, last) for text in texts], batch))
            for _, laws in made:
                if isinstance(laws, Exception):
                    raise laws
        taken_s = time.perf_counter() - began_s
        for text in texts:
            text.crop(cached_tokens)
        return taken_s

    def _waits(self, point: Point3) -> bool:
        """Whether the next pass at a point comes behind a pause."""
        self._made[point] += 1
        return bool(self._in_a_row) and (point[1] > 1 or self._made[point] % self._in_a_row == 0)

    def _holding(self, batch: int, cached_tokens: int) -> list[CachedText]:
        texts = self._filled.setdefault(cached_tokens, [])
        while len(texts) < batch:
            texts.append(self._open())
            texts[-1].laws(self._text[:cached_tokens], 0)
        return texts[:batch]


def sampled(
    timer: PassTimer,
    points: Sequence[Point3],
    rare: Sequence[Point3],
    rounds: int,
    budget_s: float,
    note: Callable[[int, int], object],
) -> list[TimedPass]:
    """Up to `rounds` passes at each of `points`, a few at each of `rare`: fewer where they would take longer than
    `budget_s`. A round visits all points, each time in another order, so that other work on the machine hits some
    passes of many points, and none comes always behind the same one; its passes are of one spell, of the round's
    number. `note(done, total)` hears of each round."""
    found: list[TimedPass] = []
    for batch in sorted({point[0] for point in points}):
        timer.pass_s(*next(point for point in points if point[0] == batch))  # a first one is unlike the others
    began_s = time.perf_counter()
    for number in range(rounds):
        visited = [*points, *rare] if number % RARE_EVERY == 0 else list(points)
        random.Random(number).shuffle(visited)
        found += [TimedPass(*point, timer.pass_s(*point), provenance="measured", spell=number) for point in visited]
        note(number + 1, rounds)
        spent_s = time.perf_counter() - began_s
        if number + 1 >= LEAST_ROUNDS and spent_s * (number + 2) / (number + 1) > budget_s:
            break
    note(rounds, rounds)
    return sorted(found)
