"""What an observer who sees both ends measures of a verified round. No step of the protocol reads any of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from channels.codec import wire
from models.acceptance import Verdict, total_variation

Floats = npt.NDArray[np.float64]


class Drawn(Protocol):
    """A draft as sent, and the weights over its support that it was drawn by."""

    @property
    def draft(self) -> wire.Draft: ...

    @property
    def drawn_from(self) -> npt.NDArray[np.float64] | npt.NDArray[np.int64]: ...


@dataclass(frozen=True, slots=True)
class Measures:
    """Sums over the verified drafts of a round, those up to and including the first rejected; the last two over the
    committed tokens."""

    verified: int = 0
    tv_mismatch: float = 0.0  # TV(q, p)
    tv_qhat: float = 0.0  # TV(qhat, p), the probability of rejection
    rejection_bound: float = 0.0  # TV(q, p) + alpha + covering bound
    tv_output: float = 0.0  # TV(law of the committed token, p)
    nll: float = 0.0  # -ln p(token)


def measure(
    p: Floats,
    q: Floats,
    qhat: Floats,
    slack: Floats,
    drawn: Floats | None,
    verdict: Verdict,
    committed: tuple[int, ...],
) -> Measures:
    """p [L+1, V]; q, qhat [n, V] of the n verified drafts; slack [n] = alpha_n + covering bound, which by the triangle
    inequality is all that qhat may add to TV(q, p). `drawn` [n, V]: the laws the drafts were drawn from; None where
    these are qhat, and the committed tokens then follow p."""
    verified = len(q)
    mismatch = total_variation(q, p[:verified])
    positions = np.arange(verdict.accepted + 1)
    return Measures(
        verified=verified,
        tv_mismatch=float(mismatch.sum()),
        tv_qhat=float(total_variation(qhat, p[:verified]).sum()),
        rejection_bound=float((mismatch + slack).sum()),
        tv_output=0.0
        if drawn is None
        else float(total_variation(output_law(p[:verified], qhat, drawn), p[:verified]).sum()),
        nll=float(-np.log(p[positions, list(committed)]).sum()),
    )


def measure_unverified(p: Floats, q: Floats, token: int) -> Measures:
    """Of a token drawn from q [V] that nobody verifies, against p [V]; where p gives it no chance, its loss is inf."""
    with np.errstate(divide="ignore"):
        return Measures(tv_output=float(total_variation(q, p)), nll=float(-np.log(p[token])))


def drawn_laws(drafts: Sequence[Drawn], q: Floats) -> Floats | None:
    """The laws, rows like those of q [n, V], that these drafts were drawn from; None where each was drawn from the very
    counts that it was sent with."""
    if all(np.array_equal(each.drawn_from, each.draft.counts) for each in drafts):
        return None
    drawn = np.zeros_like(q)
    for row, each in zip(drawn, drafts, strict=True):
        row[each.draft.support] = each.drawn_from / each.drawn_from.sum()
    return drawn


def output_law(p: Floats, qhat: Floats, drawn: Floats) -> Floats:
    """The law of the token that a verified position commits, rows [n, V].

    Its draft is drawn from `drawn`, accepted with probability min(1, p / qhat), and replaced from max(0, p - qhat)
    otherwise. Equals p where drawn equals qhat.
    """
    ratio = np.minimum(1.0, np.divide(p, qhat, out=np.ones_like(p), where=qhat > 0))
    kept = drawn * ratio
    residual = np.maximum(0.0, p - qhat)
    mass = residual.sum(axis=1, keepdims=True)
    correction = np.divide(residual, mass, out=p.copy(), where=mass > 0)
    law: Floats = kept + (1.0 - kept.sum(axis=1, keepdims=True)) * correction
    return law
