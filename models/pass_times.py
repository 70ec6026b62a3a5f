"""Times of a model's passes, the way the simulator runs them: float32, and one torch thread unless set otherwise.

One thread on a processor is timed by its own clock, several threads and a GPU by the wall. A transformer's passes run
over a batch of equal texts, other models' through the interface of one text. A pass returns the distributions after
each new token, and after more than VERIFIED_TOKENS the last one alone, as a prompt does. `sampled` times many passes by
the wall, through the interface that a real run uses.
"""

from __future__ import annotations

import copy
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import torch
from transformers import DynamicCache

from kinds import ConfigError
from models.calibration import VERIFIED_TOKENS, PassTimer
from models.interface import CachedText, LanguageModel
from models.latency.datasheets import ModelSize
from models.latency.model_config import size_of
from models.latency.pass_table import TimedPass
from models.shared_passes import together
from models.transformer import TransformerModel


def timer_of(model: LanguageModel, threads: int = 1) -> PassTimer:
    """Returns a timer of the passes of a loaded model."""
    if isinstance(model, TransformerModel):
        return _NetworkTimer(model, threads)
    text = tuple(place * 7919 % model.vocabulary for place in range(model.context_tokens))
    return TextPasses(model, text, 1.0, 0.0, 0, most_sequences=1, now_s=time.thread_time)


def size_of_model(model: LanguageModel, name: str) -> ModelSize | None:
    """Returns a model's dimensions, None if no dimensions decide its cost or its kind is not known."""
    if not isinstance(model, TransformerModel):
        return None
    try:
        return size_of(model.network.config.to_dict(), name)
    except (ConfigError, KeyError):
        return None


class _NetworkTimer:
    """Keeps the caches of the last point, so that points with the same ones follow each other cheaply."""

    most_sequences: int | None = None

    def __init__(self, model: TransformerModel, threads: int) -> None:
        torch.set_num_threads(threads)
        alone = threads == 1 and model.network.device.type == "cpu"
        self._now_s = time.thread_time if alone else time.perf_counter
        self._network, self._vocabulary = model.network, model.vocabulary
        self._text = DynamicCache(config=model.network.config)
        self._texts: DynamicCache | None = None
        self._held = (0, 0)

    def pass_s(self, batch: int, new_tokens: int, cached_tokens: int) -> float:
        with torch.inference_mode():
            texts = self._filled(batch, cached_tokens)
            ids = self._ids(batch, cached_tokens, new_tokens)
            taken_s = self._timed_s(texts, ids)
            texts.crop(-new_tokens)
        return taken_s

    def _filled(self, batch: int, cached_tokens: int) -> DynamicCache:
        """Caches of that many texts of that length; a pass that nobody times has warmed them."""
        if self._texts is not None and self._held == (batch, cached_tokens):
            return self._texts
        missing = cached_tokens - self._text.get_seq_length()
        if missing > 0:
            self._run(self._text, self._ids(1, cached_tokens - missing, missing))
        texts = copy.deepcopy(self._text)
        if cached_tokens == 0:
            texts = DynamicCache(config=self._network.config)
        elif (extra := texts.get_seq_length() - cached_tokens) > 0:
            texts.crop(-extra)
        if batch > 1 and cached_tokens:
            texts.batch_repeat_interleave(batch)
        self._timed_s(texts, self._ids(batch, cached_tokens, 1))
        texts.crop(-1)
        self._texts, self._held = texts, (batch, cached_tokens)
        return texts

    def _timed_s(self, texts: DynamicCache, ids: torch.Tensor) -> float:
        self._synchronize()
        began_s = self._now_s()
        self._run(texts, ids)
        self._synchronize()
        return self._now_s() - began_s

    def _run(self, texts: DynamicCache, ids: torch.Tensor) -> None:
        asked = ids.shape[1] if ids.shape[1] <= VERIFIED_TOKENS else 1
        self._network(input_ids=ids, cache=texts, use_cache=True, logits_to_keep=asked)

    def _ids(self, batch: int, first: int, tokens: int) -> torch.Tensor:
        """Token ids [batch, tokens], the same for every run: which they are does not matter to the time."""
        places = torch.arange(first, first + tokens).repeat(batch, 1) + torch.arange(batch)[:, None]
        return (places * 7919 % self._vocabulary).to(self._network.device)

    def _synchronize(self) -> None:
        if self._network.device.type == "cuda":
            torch.cuda.synchronize()


RARE_EVERY = 5  # rounds between two samples of a point that no pass is near
LEAST_ROUNDS = RARE_EVERY
Point3 = tuple[int, int, int]  # sequences, new and cached tokens of each


class TextPasses:
    """Passes of one model over so many texts at once.

    `text`: any tokens, as long as the longest pass. `pause_s`: how long the processor is idle before a pass and caches
    go cold; passes over one new token follow each other, `in_a_row` between two pauses, 0: none waits. A pass beyond
    the model's context runs on top of fewer cached tokens.
    """

    def __init__(
        self,
        model: LanguageModel,
        text: tuple[int, ...],
        temperature: float,
        pause_s: float,
        in_a_row: int,
        most_sequences: int | None = None,
        now_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.most_sequences = most_sequences
        self._now_s = now_s
        self._open = partial(model.open, temperature)
        self._text = text
        self._context_tokens = model.context_tokens
        self._pause_s = pause_s
        self._in_a_row = in_a_row
        self._made: Counter[Point3] = Counter()
        self._filled: dict[int, list[CachedText]] = {}
        """By the tokens that they hold."""

    def pass_s(self, batch: int, new_tokens: int, cached_tokens: int) -> float:
        cached_tokens = min(cached_tokens, self._context_tokens - new_tokens)
        texts = self._holding(batch, cached_tokens)
        tokens = self._text[: cached_tokens + new_tokens]
        last = new_tokens if new_tokens <= VERIFIED_TOKENS else 1
        if self._waits((batch, new_tokens, cached_tokens)):
            time.sleep(self._pause_s)
        began_s = self._now_s()
        if batch == 1:
            texts[0].distributions(tokens, last)
        else:
            made = list(together([partial(text.distributions, tokens, last) for text in texts], batch))
            for _, distributions in made:
                if isinstance(distributions, Exception):
                    raise distributions
        taken_s = self._now_s() - began_s
        for text in texts:
            text.crop(cached_tokens)
        return taken_s

    def _waits(self, point: Point3) -> bool:
        """True if the next pass at a point comes after a pause."""
        self._made[point] += 1
        return bool(self._in_a_row) and (point[1] > 1 or self._made[point] % self._in_a_row == 0)

    def _holding(self, batch: int, cached_tokens: int) -> list[CachedText]:
        texts = self._filled.setdefault(cached_tokens, [])
        while len(texts) < batch:
            texts.append(self._open())
            texts[-1].distributions(self._text[:cached_tokens], 0)
        return texts[:batch]


def sampled(
    timer: PassTimer,
    points: Sequence[Point3],
    rare: Sequence[Point3],
    rounds: int,
    budget_s: float,
) -> list[TimedPass]:
    """Up to `rounds` passes at each of `points`, a few at each of `rare`: fewer where they would take longer than
    `budget_s`. A round visits all points, each time in another order, so that other work on the machine hits some
    passes of many points, and none comes always behind the same one; its passes are of one spell, of the round's
    number."""
    found: list[TimedPass] = []
    for batch in sorted({point[0] for point in points}):
        timer.pass_s(*next(point for point in points if point[0] == batch))  # a first one is unlike the others
    began_s = time.perf_counter()
    for number in range(rounds):
        visited = [*points, *rare] if number % RARE_EVERY == 0 else list(points)
        random.Random(number).shuffle(visited)
        found += [TimedPass(*point, timer.pass_s(*point), provenance="measured", spell=number) for point in visited]
        spent_s = time.perf_counter() - began_s
        if number + 1 >= LEAST_ROUNDS and spent_s * (number + 2) / (number + 1) > budget_s:
            break
    return sorted(found)
