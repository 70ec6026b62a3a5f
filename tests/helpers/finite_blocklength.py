"""The block-error probability of an ideal code, worked out apart from the one that ships."""

from __future__ import annotations

import math


def failing(bits: float, parts: list[tuple[float, float]]) -> float:
    """The normal approximation over complex symbols, (number, snr) each, of log2(1 + snr) bits and (1 - (1 + snr)^-2)
    log2(e)^2 bits^2."""
    symbols = sum(count for count, _ in parts)
    mean = sum(count * math.log2(1 + snr) for count, snr in parts) - bits + 0.5 * math.log2(2 * symbols)
    sd = math.sqrt(sum(count * (1 - (1 + snr) ** -2) for count, snr in parts)) / math.log(2)
    return 0.5 * math.erfc(mean / sd / math.sqrt(2))
