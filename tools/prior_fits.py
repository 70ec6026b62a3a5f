"""Fits both networks of a prior, as only `build_prior` does.

The `context_model`, to distributions: float32, then rounded to its integers.

The model is asked to make of the bigram distribution b(x | w) the distribution q that a drafter had after the whole
text: p(x) is b(x | w) exp(h v(x)), normalized over what is listed, all else keeping its weight; the loss is the
cross-entropy of q. b comes from texts that the position is none of (two folds), lest the rows be trusted for what they
remember. Adam by hand, the vectors' gradient as outputs only; they are rounded after ROUNDED of the steps, and the rest
fits itself to that.

The `network`, to traced questions and answers: float64, full precision, then rounded to its integers.

Adam on the mean bits a question costs, mini-batches, cosine decay; gradients by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from channels.codec.context_coded.context_model import (
    HIDDEN,
    LARGEST_LEVEL,
    LARGEST_WEIGHT,
    LAST,
    READ,
    SUMMED,
    WIDTH,
    ContextWeights,
)
from channels.codec.context_coded.network import (
    FIRST_BITS,
    HEADS,
    HIDDEN_BITS,
    INPUT_BITS,
    INPUTS,
    LARGEST_WEIGHTS,
    SECOND_BITS,
    UNITS,
)
from kinds.arrays import Floats, Int32s, Ints

BATCH, COMMON, LISTED = 256, 2048, 64
ROUNDED = 0.8
SPREAD = 5.0  # standard deviation of the vectors' entries at the start
RATES = (0.05, 4e-4, 4e-3, 4e-4, 4e-3)  # of the vectors, hidden weights and biases, output weights and biases
LARGEST_RAISE = 8 * np.log(2)
Singles = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Bigrams:
    """b(x | w) as rows of shares, and what they leave over, which the unigram shares out."""

    starts: Ints  # [V + 1]
    ids: Ints  # [N]
    shares: Singles  # [N]
    unigram: Singles  # [V]
    common: Ints  # [COMMON] the ids it gives most

    def distribution(self, last: Ints, columns: Ints) -> Singles:
        """[B, C]: after each of `last`, of each of `columns`."""
        place = np.full(self.unigram.size, -1)
        place[columns] = np.arange(columns.size)
        sizes = self.starts[last + 1] - self.starts[last]
        row = np.repeat(np.arange(last.size), sizes)
        entry = np.arange(row.size) + np.repeat(self.starts[last] - (sizes.cumsum() - sizes), sizes)
        left_over = 1 - np.bincount(row, weights=self.shares[entry], minlength=last.size)
        distribution = np.maximum(left_over, 1e-3)[:, None] * self.unigram[columns]
        column = place[self.ids[entry]]
        distribution[row[column >= 0], column[column >= 0]] += self.shares[entry][column >= 0]
        return distribution.astype(np.float32)


@dataclass(frozen=True)
class Examples:
    """Texts, int32 [N, T], the distributions after their tokens, [N, T, M], and the bigram distribution of texts they
    are none of."""

    texts: Int32s
    top: Int32s
    probabilities: npt.NDArray[np.floating]
    bigrams: Bigrams


@dataclass
class _Adam:
    """Optimizer of one part's weights and moments; `touched` rows of it learn at a step."""

    weights: Singles
    rate: float
    mean: Singles = field(init=False)
    square: Singles = field(init=False)

    def __post_init__(self) -> None:
        self.mean, self.square = np.zeros_like(self.weights), np.zeros_like(self.weights)

    def step(self, gradient: Singles, rate: float, touched: Ints | slice = slice(None)) -> None:
        mean = self.mean[touched] = 0.9 * self.mean[touched] + 0.1 * gradient
        square = self.square[touched] = 0.98 * self.square[touched] + 0.02 * gradient**2
        self.weights[touched] -= rate * self.rate * mean / (np.sqrt(square) + 1e-8)


def fit_context_model(examples: list[Examples], embedding: Singles, steps: int, seed: int) -> ContextWeights:
    """The model after `steps` batches; `embedding`, float [V, WIDTH], is where its vectors start."""
    rng = np.random.default_rng(seed)
    parts = [
        _Adam(weights.astype(np.float32), rate)
        for weights, rate in zip(
            (
                embedding * (SPREAD / embedding.std()),
                rng.normal(0.0, READ**-0.5 / SPREAD, (READ, HIDDEN)),
                np.zeros(HIDDEN),
                rng.normal(0.0, 1e-2, (HIDDEN, WIDTH)),
                np.zeros(WIDTH),
            ),
            RATES,
            strict=True,
        )
    ]
    vectors = parts[0]
    for step in range(steps):
        if step == int(ROUNDED * steps):
            vectors.weights = np.clip(np.rint(vectors.weights), -LARGEST_LEVEL, LARGEST_LEVEL).astype(np.float32)
            vectors.rate = 0.0
        rate = 0.5 * (1 + np.cos(np.pi * step / steps)) + 0.01
        loss = _learn(parts, examples[step % len(examples)], rate * min(1.0, (step + 1) / 20), rng)
        if step % 100 == 0:
            print(f"context model, step {step}: {loss:.3f} bits", flush=True)
    return _rounded([part.weights for part in parts])


def _learn(parts: list[_Adam], examples: Examples, rate: float, rng: np.random.Generator) -> float:
    """Learns from one batch. Returns the loss of its distributions against themselves, in bits."""
    vectors, hidden, hidden_bias, output, output_bias = (part.weights for part in parts)
    text = rng.integers(0, len(examples.texts), BATCH)
    at = rng.integers(0, examples.texts.shape[1], BATCH)
    top, q = examples.top[text, at], examples.probabilities[text, at].astype(np.float32)
    columns = np.unique(np.concatenate([top[:, :LISTED].ravel(), examples.bigrams.common]))
    read = _read(vectors, examples.texts, text, at)
    before = read @ hidden + hidden_bias
    units = np.maximum(before, 0)
    h = units @ output + output_bias
    listed = vectors[columns]
    raised = h @ listed.T  # [B, C]
    distribution = examples.bigrams.distribution(examples.texts[text, at].astype(np.int64), columns)
    rest = np.maximum(1 - distribution.sum(1, keepdims=True), 1e-3)
    distribution *= np.exp(np.clip(raised, -LARGEST_RAISE, LARGEST_RAISE))
    distribution /= distribution.sum(1, keepdims=True) + rest
    wanted = _spread(top, q, columns)
    loss = -(wanted * np.log2(distribution + 1e-12)).sum(1).mean() + (wanted * np.log2(wanted + 1e-12)).sum(1).mean()
    error = (distribution - wanted) / BATCH
    back_h = error @ listed
    back = (back_h @ output.T) * (before > 0)
    if parts[0].rate:
        parts[0].step(error.T @ h, rate, columns)
    for part, gradient in zip(parts[1:], (read.T @ back, back.sum(0), units.T @ back_h, back_h.sum(0)), strict=True):
        part.step(gradient, rate)
    return float(loss)


def _read(vectors: Singles, texts: Int32s, text: Ints, at: Ints) -> Singles:
    """[B, READ]: the vectors of the last tokens, the last first, and the decaying sum of all."""
    back = np.arange(SUMMED)
    places = at[:, None] - back
    tokens = texts[text[:, None], np.maximum(places, 0)]
    seen = vectors[tokens] * (places >= 0)[:, :, None]  # [B, SUMMED, WIDTH]
    total = np.einsum("bsw,s->bw", seen, ((15 / 16) ** back).astype(np.float32))
    return np.concatenate([seen[:, :LAST].reshape(len(text), -1), total], axis=1)


def _spread(top: Int32s, q: Singles, columns: Ints) -> Singles:
    """[B, C]: the distributions on the columns."""
    place = np.minimum(np.searchsorted(columns, top), columns.size - 1)
    found = columns[place] == top
    wanted = np.zeros((len(top), columns.size), np.float32)
    row = np.repeat(np.arange(len(top)), top.shape[1]).reshape(top.shape)
    wanted[row[found], place[found]] = q[found]
    return wanted


def _rounded(weights: list[Singles]) -> ContextWeights:
    vectors, hidden, hidden_bias, output, output_bias = (each.astype(np.float64) for each in weights)
    octave = np.log(2)

    def whole(values: npt.NDArray[np.floating], most: int) -> Int32s:
        rounded: Int32s = np.clip(np.rint(values), -most, most).astype(np.int32)
        return rounded

    return ContextWeights(
        np.clip(np.rint(vectors), -LARGEST_LEVEL, LARGEST_LEVEL).astype(np.int8),
        whole(hidden * (1 << 12), LARGEST_WEIGHT),
        whole(hidden_bias * (1 << 16), 1 << 30),
        whole(output / octave * (1 << 12), LARGEST_WEIGHT),
        whole(output_bias / octave * (1 << 20), 1 << 30),
    )


NETWORK_BATCH, RATE = 2048, 0.01
SCALE = 8.0  # inputs are divided by this many octaves


def fit_network(trace: Int32s, steps: int, seed: int) -> tuple[Int32s, Int32s, Int32s, Int32s]:
    """(first, first_bias, second, second_bias) of NetworkWeights, int32, from a trace [rows, INPUTS + 2]."""
    rng = np.random.default_rng(seed)
    heads, answers = trace[:, INPUTS], trace[:, INPUTS + 1]
    weights = [
        rng.normal(0.0, INPUTS**-0.5, (INPUTS, UNITS)),
        rng.normal(0.0, 0.5, UNITS),
        rng.normal(0.0, UNITS**-0.5, (HEADS, UNITS)),
        np.zeros(HEADS),
    ]
    moments = [(np.zeros_like(weight), np.zeros_like(weight)) for weight in weights]
    for step in range(1, steps + 1):
        chosen = rng.integers(0, len(trace), NETWORK_BATCH)
        inputs = trace[chosen, :INPUTS] / (SCALE * (1 << INPUT_BITS))
        gradients = _gradients(weights, inputs, heads[chosen], answers[chosen])
        rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps)) + 1e-5
        for weight, gradient, (mean, square) in zip(weights, gradients, moments, strict=True):
            mean += 0.1 * (gradient - mean)
            square += 0.01 * (gradient**2 - square)
            weight -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
    return _whole(weights)


def _gradients(weights: list[Floats], inputs: Floats, heads: Int32s, answers: Int32s) -> list[Floats]:
    first, first_bias, second, second_bias = weights
    units = np.maximum(inputs @ first + first_bias, 0.0)  # [B, UNITS]
    logits = np.einsum("bu,bu->b", units, second[heads]) + second_bias[heads]
    error = (1 / (1 + np.exp(-logits)) - answers) / len(answers)  # [B]
    by_head = np.zeros((len(answers), HEADS))
    by_head[np.arange(len(answers)), heads] = error
    back = error[:, None] * second[heads] * (units > 0)  # [B, UNITS]
    return [inputs.T @ back, back.sum(0), by_head.T @ units, by_head.sum(0)]


def _whole(weights: list[Floats]) -> tuple[Int32s, Int32s, Int32s, Int32s]:
    """The integers of `network`; weights beyond the int32 products' room are cut."""
    first, first_bias, second, second_bias = weights
    scales = (
        first / SCALE * (1 << FIRST_BITS),
        first_bias * (1 << (INPUT_BITS + FIRST_BITS)),
        second * (1 << SECOND_BITS),
        second_bias * (1 << (HIDDEN_BITS + SECOND_BITS)),
    )
    rounded = [
        np.clip(np.rint(scaled), -most, most).astype(np.int32)
        for scaled, most in zip(scales, LARGEST_WEIGHTS, strict=True)
    ]
    return rounded[0], rounded[1], rounded[2], rounded[3]
