"""Times of a model's passes, the way the simulator runs them: float32, and one torch thread unless told.

One thread on a processor is timed by its own clock, which stands still while other work has the core: what the pass
takes where it has a core to itself. Several threads, and a GPU, are timed by the wall.

A transformer's passes run over a batch of equal texts. Other models have the interface of one text alone, and are timed
through it. What a pass asks for: the laws after each new token, as a verification does, and after more than
VERIFIED_TOKENS the last law alone, as a prompt does.
"""

from __future__ import annotations

import copy
import time

import torch
from transformers import DynamicCache

from kinds import ConfigError
from models.calibration import VERIFIED_TOKENS, PassTimer
from models.clocks.datasheets import ModelSize
from models.clocks.model_config import size_of
from models.interface import CachedText, LanguageModel
from models.transformer import TransformerModel


def timer_of(model: LanguageModel, threads: int = 1) -> PassTimer:
    """What times the passes of a loaded model."""
    return _NetworkTimer(model, threads) if isinstance(model, TransformerModel) else _TextTimer(model)


def size_of_model(model: LanguageModel, name: str) -> ModelSize | None:
    """Its dimensions, None where it has none that decide its cost, or where its kind is not known."""
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
        """See `PassTimer.pass_s`."""
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


class _TextTimer:
    """One text at a time, through the interface that every model has."""

    most_sequences: int | None = 1

    def __init__(self, model: LanguageModel) -> None:
        self._vocabulary = model.vocabulary
        self._text: CachedText = model.open(1.0)

    def pass_s(self, batch: int, new_tokens: int, cached_tokens: int) -> float:
        """See `PassTimer.pass_s`; `batch` must be 1."""
        tokens = tuple(place * 7919 % self._vocabulary for place in range(cached_tokens + new_tokens))
        self._text.laws(tokens[:cached_tokens], 0)
        began_s = time.thread_time()
        self._text.laws(tokens, new_tokens if new_tokens <= VERIFIED_TOKENS else 1)
        return time.thread_time() - began_s
