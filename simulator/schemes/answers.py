"""Rules for the answers of a user's scheme, or of a part of one: a rule per method, whose breach is reported by
name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kinds.arrays import Floats, Ints
from kinds.mistakes import Rule, is_number
from models.verification import Verdict

SHOWN = 8
"""Entries of an array that a complaint shows."""
ROUNDING = 1e-6
"""The most that the sum of a distribution may be off 1."""


def ids(answer: object, q: Floats, state: object) -> Ints:
    """A support: ids of q, float64 [V], ascending, at least one."""
    if not isinstance(answer, np.ndarray) or answer.ndim != 1 or answer.dtype.kind not in "iu":
        what = "a mask" if getattr(answer, "dtype", None) == np.bool_ else entries(answer)
        raise ValueError(f"must return an array [K] of token ids (whole numbers), got {what}")
    if not answer.size:
        raise ValueError("must keep at least one id, got none")
    if answer.min() < 0 or answer.max() >= q.size:
        raise ValueError(f"must return ids in 0..{q.size - 1}, got {entries(answer)}")
    if not (answer[1:] > answer[:-1]).all():
        raise ValueError(f"must be ascending, each id once, got {entries(answer)}")
    return answer.astype(np.int64, copy=False)


def numerators(answer: object, mass: Floats) -> Ints:
    """Counts of a quantized distribution, one for each of the kept probabilities, float64 [K]."""
    if not isinstance(answer, np.ndarray) or answer.dtype.kind not in "iu" or answer.shape != mass.shape:
        raise ValueError(f"must return an array [{mass.size}] of whole numbers, got {entries(answer)}")
    if answer.min() < 0 or not answer.sum() > 0:
        raise ValueError(f"must return counts of 0 or more, not all of them 0, got {entries(answer)}")
    return answer.astype(np.int64, copy=False)


def state(answer: object, *arguments: object) -> object:
    """Returns the state that a policy carries along."""
    if not isinstance(answer, tuple):
        raise ValueError(f"must return a state, a tuple of numbers, got {entries(answer)}")
    return answer


def scheme_state(answer: object, *arguments: object) -> tuple[float, ...]:
    """Returns the state that a scheme carries along, as the floats that are remembered of it."""
    if not isinstance(answer, tuple) or not all(is_number(each) for each in answer):
        raise ValueError(f"must return a state, a tuple of numbers, got {entries(answer)}")
    return tuple(map(float, answer))


def distributions(answer: object, p: Floats, *others: object) -> object:
    """Returns the output distributions of a round's positions, rows like those of p [n, V]; None if they are not
    known."""
    if answer is None:
        return None
    if not isinstance(answer, np.ndarray) or answer.dtype.kind != "f" or answer.shape != p.shape:
        raise ValueError(
            f"must return distributions, an array {list(p.shape)} of floats, or None, got {entries(answer)}"
        )
    if not (answer >= -ROUNDING).all() or not np.allclose(answer.sum(axis=1), 1.0, rtol=0, atol=ROUNDING):
        raise ValueError(f"must return rows of 0 or more that sum to 1, got sums {entries(answer.sum(axis=1))}")
    return answer


def content(answer: object, *arguments: object) -> bytes:
    """Returns the bytes that cross the air."""
    if not isinstance(answer, bytes) or not answer:
        raise ValueError(f"must return bytes, at least one, got {entries(answer)}")
    return answer


def verification_result(answer: object, drafts: Sequence[object], vocabulary: int) -> object:
    """Returns the complete verdict on a round."""
    if not isinstance(answer, Verdict) or not 0 <= answer.accepted <= len(drafts) or not 0 <= answer.token < vocabulary:
        raise ValueError(
            f"must return a Verdict with accepted in 0..{len(drafts)} and token in 0..{vocabulary - 1}, got {answer!r}"
        )
    return answer


STATES: Mapping[str, Rule] = {"entry": scheme_state, "advance": scheme_state, "settle": scheme_state}
"""The methods that answer a state."""


def entries(answer: object) -> str:
    """The answer as a complaint shows it: the first entries of an array."""
    if isinstance(answer, np.ndarray | Sequence) and not isinstance(answer, str):
        some = ", ".join(f"{each:.4g}" if isinstance(each, float) else str(each) for each in answer[:SHOWN])
        return f"[{some}{', ...' if len(answer) > SHOWN else ''}]"
    return f"{answer!r}"
