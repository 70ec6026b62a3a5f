"""Fits the `network` to traced questions and answers: float64, full precision, then rounded to its integers.

Adam on the mean bits a question costs, mini-batches, cosine decay; gradients by hand. Only `build_prior` runs
this; what it leaves is integers.
"""

from __future__ import annotations

import numpy as np

from channels.codec.recoded.network import (
    FIRST_BITS,
    HEADS,
    HIDDEN_BITS,
    INPUT_BITS,
    INPUTS,
    LARGEST_WEIGHTS,
    SECOND_BITS,
    UNITS,
)
from kinds.arrays import Floats, Int32s

BATCH, RATE = 2048, 0.01
SCALE = 8.0  # inputs are divided by this many octaves


def fit(trace: Int32s, steps: int, seed: int) -> tuple[Int32s, Int32s, Int32s, Int32s]:
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
        chosen = rng.integers(0, len(trace), BATCH)
        inputs = trace[chosen, :INPUTS] / (SCALE * (1 << INPUT_BITS))
        gradients = _gradients(weights, inputs, heads[chosen], answers[chosen])
        rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps)) + 1e-5
        for weight, gradient, (mean, square) in zip(weights, gradients, moments, strict=True):
            mean += 0.1 * (gradient - mean)
            square += 0.01 * (gradient**2 - square)
            weight -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
    return _rounded(weights)


def _gradients(weights: list[Floats], inputs: Floats, heads: Int32s, answers: Int32s) -> list[Floats]:
    first, first_bias, second, second_bias = weights
    units = np.maximum(inputs @ first + first_bias, 0.0)  # [B, UNITS]
    logits = np.einsum("bu,bu->b", units, second[heads]) + second_bias[heads]
    error = (1 / (1 + np.exp(-logits)) - answers) / len(answers)  # [B]
    by_head = np.zeros((len(answers), HEADS))
    by_head[np.arange(len(answers)), heads] = error
    back = error[:, None] * second[heads] * (units > 0)  # [B, UNITS]
    return [inputs.T @ back, back.sum(0), by_head.T @ units, by_head.sum(0)]


def _rounded(weights: list[Floats]) -> tuple[Int32s, Int32s, Int32s, Int32s]:
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
