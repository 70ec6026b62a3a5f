"""I12 where the edge draws the corrections from less than p: the text is off by what the distribution sent is off.

`test_i12_exact_enumeration` has those of single precision. `sent` is this file's own account of the distribution that
comes down.
"""

import numpy as np
import pytest

from simulator.checking.exact import Enumeration, P, Q, V, distance, verifier_distribution
from simulator.results.column_names import LOSSLESS_TV
from simulator.schemes import Dssd

TOKENS, PROMPT = 3, (1, 2)
EXACT = verifier_distribution(PROMPT, TOKENS)
HALF = Dssd(k=2, precision="half", resolution=5, max_drafts=2)


def sent(p: np.ndarray) -> np.ndarray:
    halves: np.ndarray = p.astype(np.float16).astype(float)
    return halves / halves.sum()


def test_i12_a_lossy_reply_misses_by_what_its_docstring_derives() -> None:
    """One token: exactly min(p, qhat) + T R~ / sum R~, whose distance from p is at most min(TV(p~, p), TV(qhat, p))."""
    found = Enumeration(HALF, 1).distribution()
    p, q = P[PROMPT[-1]], Q[PROMPT[-1]]
    proposal = HALF.propose(q, HALF.entry(None))
    qhat = np.zeros(V)
    qhat[proposal.ids] = proposal.counts / proposal.counts.sum()
    residual = np.maximum(sent(p) - qhat, 0)
    output = np.minimum(p, qhat) + np.maximum(p - qhat, 0).sum() * residual / residual.sum()
    assert [found.get((token,), 0.0) for token in range(V)] == pytest.approx(output, abs=1e-12)
    missed = abs(output - p).sum() / 2
    assert distance(found, verifier_distribution(PROMPT, 1)) == pytest.approx(missed, abs=1e-12)
    assert 0 < missed <= min(abs(sent(p) - p).sum(), abs(qhat - p).sum()) / 2 + 1e-12


def test_i12_a_text_misses_by_no_more_than_its_tokens_may() -> None:
    assert not HALF.lossless
    distribution = Enumeration(HALF, TOKENS).distribution()
    worst = max(abs(sent(row) - row).sum() / 2 for row in P)
    assert worst <= 2.0**-11 + V * 2.0**-25
    assert sum(distribution.values()) == pytest.approx(1.0, abs=1e-12)
    assert LOSSLESS_TV < distance(distribution, EXACT) <= TOKENS * worst
