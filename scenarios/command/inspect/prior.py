"""`sqsim codec prior`: tables of language for one pair, learned from its drafter's distributions along texts that the
verifier writes from the pair's prompts, and what they save on texts from the last tenth of the prompts."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from channels.codec import prior_files, wire
from channels.codec.context_coded import build_prior
from channels.codec.context_coded.context_model import distribution_vectors
from channels.codec.context_coded.prior_tables import pack
from channels.codec.prior_files import LARGEST_BYTES, PRIORS, bundled_prior, own_folder, store_prior
from kinds import ConfigError
from kinds.arrays import Int32s
from kinds.files import require_file
from models.interface import LanguageModel, LoadedPair, Pair, Prompt
from models.published import OfAcceptance
from models.verification import inverse_cdf
from scenarios.command.progress_bar import ProgressBar
from scenarios.findings.aligned_columns import screen_width, titled

HELD_OUT = 10
LEAST_TEXTS = 10
MOST_MEASURED = 300
"""Drafts at a point."""


@dataclass(frozen=True)
class Effort:
    """How much is read, and how long the tables are fitted to it."""

    texts: int = 256
    text_tokens: int = 96
    entries: int = 550_000
    batches: int = 1_500
    positions: int = 5_000
    steps: int = 4_000


QUICK = Effort(texts=20, text_tokens=24, entries=50_000, batches=20, positions=100, steps=60)


@dataclass(frozen=True)
class ReadTexts:
    """Which texts the drafter reads, and at which temperature."""

    writer: Literal["verifier", "drafter"]
    texts: Path | None
    temperature: float
    seed: int


def build(pair: Pair, reading: ReadTexts, effort: Effort, out: Path | None, progress: ProgressBar) -> str:
    """Builds and stores a prior; what to print. Raises ConfigError, one line."""
    _check(reading, effort)
    if isinstance(pair, OfAcceptance) or not pair.has_distributions:
        raise ConfigError(
            f"pair {pair.kind}: its distributions are made up and speak no language that a prior could learn"
        )
    folder = own_folder() if out is None else out
    held = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not held.is_dir() or not os.access(held, os.W_OK):  # before hours are spent on what is to go there
        raise ConfigError(f"out = {folder}: must be a folder that can be written to, {held} is none")
    pair.prepare()
    learned, held_out = _texts(pair.load(), reading, effort, progress)
    content = _built(learned, effort, reading.seed)
    folder.mkdir(parents=True, exist_ok=True)
    path = store_prior(content, pair.vocabulary, folder)
    fingerprint = path.stem.partition("-")[2]
    prior_files.FOLDERS.append(folder)
    lines = [
        f"{path}: {len(content):,} bytes, from {learned.texts.size:,} tokens of text",
        "",
        savings(held_out, pair.vocabulary, fingerprint),
        "",
        f"a cell takes it by: --set 'scheme.prior=\"{fingerprint}\"'",
    ]
    if folder.resolve() != own_folder().resolve():
        lines.append(f"and finds it by: export {PRIORS}={folder.resolve()}")
    return "\n".join(lines)


def _check(reading: ReadTexts, effort: Effort) -> None:
    if not 0 < reading.temperature <= 10:
        raise ConfigError(f"temperature = {reading.temperature:g}: must be above 0 and at most 10")
    if not LEAST_TEXTS <= effort.texts <= 1_000_000:
        raise ConfigError(f"number = {effort.texts}: must be from {LEAST_TEXTS} to 1,000,000 texts")
    if not 0 <= reading.seed < 1 << 60:
        raise ConfigError(f"seed = {reading.seed}: must be at least 0 and below 2^60")


def savings(distributions: build_prior.TextDistributions, vocabulary: int, fingerprint: str) -> str:
    """A row a point: the mean bits of a distribution of held-out texts, one draft a packet, its id not counted."""
    texts, length = distributions.texts.shape
    places = np.random.default_rng(0).permutation(texts * length)[:MOST_MEASURED]
    body = []
    for point in build_prior.POINTS:
        resolution = point[-1]
        bare = wire.Format(vocabulary, resolution, 1, code="enumerative", token="unsent")
        before = wire.Format(vocabulary, resolution, 1, token="unsent")
        means = np.zeros(3)
        for text, at in zip(*np.divmod(places, length), strict=True):
            support, counts = build_prior.quantized(
                distributions.top[text, at], distributions.probabilities[text, at], point
            )
            draft, context = [wire.Draft(wire.UNSENT, support, counts)], distributions.texts[text, : at + 1].tolist()
            for place, format in enumerate((bare, before, replace(before, prior=fingerprint))):
                means[place] += wire.length_bits(draft, format, context) / len(places)
        body.append([_named(point), *(f"{mean:,.1f}" for mean in means), f"{1 - means[2] / means[1]:.0%}"])
    known = "the bundled prior" if bundled_prior(vocabulary) else "no prior"
    heading = (
        f"bits of a distribution, {len(places)} distributions of {texts} held-out texts, one a packet; before: {known}"
    )
    return titled(heading, ["", "enumerative", "before", "with it", "saved"], body, screen_width())


def _texts(
    loaded: LoadedPair, reading: ReadTexts, effort: Effort, progress: ProgressBar
) -> tuple[build_prior.TextDistributions, build_prior.TextDistributions]:
    if reading.texts is None:
        model = loaded.verifier if reading.writer == "verifier" else loaded.drafter
        length = min(effort.text_tokens, loaded.drafter.context_tokens, model.context_tokens)
        cut = max(1, len(loaded.prompts) // HELD_OUT)
        if cut == len(loaded.prompts):
            raise ConfigError("prior: the pair has one prompt alone, and none to hold out; give texts (--texts)")
        held = max(1, effort.texts // HELD_OUT)
        learned, held_out = (
            written(model, prompts, number, length, reading.temperature, seed, progress.part(name))
            for name, prompts, number, seed in (
                ("learned", loaded.prompts[:-cut], effort.texts - held, reading.seed),
                ("held-out", loaded.prompts[-cut:], held, reading.seed + 1),
            )
        )
    else:
        texts = read_texts(reading.texts, loaded)
        cut = max(1, len(texts) // HELD_OUT)
        learned, held_out = texts[:-cut], texts[-cut:]
    return (
        _distributions(learned, loaded, reading, progress.part("learned")),
        _distributions(held_out, loaded, reading, progress.part("held-out")),
    )


def _distributions(
    texts: Int32s, loaded: LoadedPair, reading: ReadTexts, on_text: OnText
) -> build_prior.TextDistributions:
    top, probabilities = likeliest(loaded.drafter, texts, reading.temperature, on_text)
    vectors = distribution_vectors(texts, top, probabilities, loaded.vocabulary, reading.seed)
    return build_prior.TextDistributions(texts, top, probabilities, vectors)


def read_texts(path: Path, loaded: LoadedPair) -> Int32s:
    """Texts of a user's, int32 [N, T], from `.npy`. Raises ConfigError, one line."""
    try:
        found = np.load(require_file(path), mmap_mode="r", allow_pickle=False)  # a header may promise what is not there
    except ConfigError:
        raise
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    except (ValueError, EOFError):
        raise ConfigError(f"{path}: not an array of token ids in .npy") from None
    if not isinstance(found, np.ndarray):
        found.close()
        raise ConfigError(f"{path}: holds several arrays, must be one of token ids, in .npy")
    if found.ndim != 2 or found.dtype.kind not in "iu" or found.shape[0] < 3 or found.shape[1] < 2:
        raise ConfigError(f"{path}: {found.dtype} {found.shape}, must be token ids, [texts >= 3, tokens >= 2]")
    if not 0 <= found.min() <= found.max() < loaded.vocabulary:
        raise ConfigError(f"{path}: holds {found.min()} to {found.max()}, must be ids below {loaded.vocabulary}")
    if found.shape[1] > loaded.drafter.context_tokens:
        raise ConfigError(f"{path}: {found.shape[1]} tokens a text, must be at most {loaded.drafter.context_tokens}")
    texts: Int32s = found.astype(np.int32)
    return texts


def _built(distributions: build_prior.TextDistributions, effort: Effort, seed: int) -> bytes:
    """The file of a prior, with fewer rows where it would be larger than LARGEST_BYTES."""
    entries = effort.entries
    while True:
        size = build_prior.Size(entries, effort.batches, effort.positions, effort.steps)
        stored = build_prior.build(distributions, size, seed)
        content = pack(stored)
        if len(content) <= LARGEST_BYTES:
            return content
        if not stored.row_ids.size:
            raise ConfigError(
                f"prior: {stored.unigram.size} tokens need {len(content):,} bytes, at most {LARGEST_BYTES:,} allowed"
            )
        entries = stored.row_ids.size // 2


def _named(point: tuple[int, float, int]) -> str:
    size, threshold, resolution = point
    return f"{f'K = {size}' if size else f'q >= {threshold:g}'}, ell = {resolution:,}"


MOST_KEPT = 256
OnText = Callable[[float, int, str], None]
"""Hears (done, all, of what)."""


def written(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    number: int,
    length: int,
    temperature: float,
    seed: int,
    on_text: OnText,
) -> Int32s:
    """Texts of `length` tokens, int32 [number, length]: the first quarter of each is a prompt's, or as much of it as
    there is, the rest is drawn from the model's distribution. Prompts go round; each text has randomness of its own."""
    texts = np.empty((number, length), np.int32)
    for index in range(number):
        rng, text = np.random.default_rng([seed, index]), model.open(temperature)
        tokens = prompts[index % len(prompts)].tokens[: max(1, length // 4)]
        while len(tokens) < length:
            tokens = (*tokens, inverse_cdf(text.distributions(tokens, 1)[0], float(rng.random())))
        texts[index] = tokens
        on_text(index + 1, number, "texts")
    return texts


def likeliest(
    model: LanguageModel, texts: Int32s, temperature: float, on_text: OnText
) -> tuple[Int32s, npt.NDArray[np.float32]]:
    """After each token of texts [N, T], the M = min(V, MOST_KEPT) likeliest next ids, largest first, int32 [N, T, M];
    and their probabilities, float32 [N, T, M]. One pass a text."""
    most = min(MOST_KEPT, model.vocabulary)
    ids = np.empty((*texts.shape, most), np.int32)
    probabilities = np.empty(ids.shape, np.float32)
    for index, text in enumerate(texts):
        distributions = model.open(temperature).distributions(tuple(text.tolist()), len(text))  # [T, V]
        kept = np.argpartition(-distributions, most - 1, axis=-1)[:, :most]
        shares = np.take_along_axis(distributions, kept, -1)
        order = np.argsort(-shares, axis=-1, kind="stable")
        ids[index], probabilities[index] = (np.take_along_axis(part, order, -1) for part in (kept, shares))
        on_text(index + 1, len(texts), "distributions")
    return ids, probabilities
