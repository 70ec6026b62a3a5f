"""I12 where the edge draws the corrections from less than p: the text is off by what the distribution sent is off.

`test_i12_exact_enumeration` has those of single precision. `sent` is this file's own account of the distribution that
comes down, but of the certified one, whose distance is what counts.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from simulator.checking.exact import PAIR, Enumeration, P, Q, V, distance, verifier_distribution
from simulator.decoding.setting import DraftSetting
from simulator.results.columns import LOSSLESS_TV
from simulator.schemes import Asym, Dssd
from simulator.schemes.reply import EdgeCorrection
from simulator.schemes.rivals.dssd import SplitScheme

TOKENS, PROMPT = 3, (1, 2)
EXACT = verifier_distribution(PROMPT, TOKENS)
Sent = Callable[[np.ndarray, tuple[int, ...]], np.ndarray]
SMALL = {"resolution": 5, "max_drafts": 2}
LOSSY = {
    "half": Dssd(k=2, precision="half", **SMALL),
    "asym .2": Asym(k=2, tolerance=0.2, **SMALL),
    "asym .02": Asym(k=3, tolerance=0.02, **SMALL),
}


def sent_by(scheme: SplitScheme) -> Sent:
    if isinstance(scheme, Dssd):
        return lambda p, _text: p.astype(np.float16).astype(float) / p.astype(np.float16).astype(float).sum()
    reply, packets = scheme.families.reply, DraftSetting(lambda: PAIR, scheme, V, 1.0).packets
    assert isinstance(reply, EdgeCorrection)
    return lambda p, text: reply.received_distribution(p, packets, text)


@pytest.mark.parametrize("name", LOSSY)
def test_i12_a_lossy_reply_misses_by_what_its_docstring_derives(name: str) -> None:
    """One token: exactly min(p, qhat) + T R~ / sum R~, whose distance from p is at most min(TV(p~, p), TV(qhat, p))."""
    scheme = LOSSY[name]
    sent = sent_by(scheme)
    found = Enumeration(scheme, 1).distribution()
    p, q = P[PROMPT[-1]], Q[PROMPT[-1]]
    proposal = scheme.propose(q, scheme.entry(None))
    qhat = np.zeros(V)
    qhat[proposal.ids] = proposal.counts / proposal.counts.sum()
    residual = np.maximum(sent(p, PROMPT) - qhat, 0)
    output = np.minimum(p, qhat) + np.maximum(p - qhat, 0).sum() * residual / residual.sum()
    assert [found.get((token,), 0.0) for token in range(V)] == pytest.approx(output, abs=1e-12)
    missed = abs(output - p).sum() / 2
    assert distance(found, verifier_distribution(PROMPT, 1)) == pytest.approx(missed, abs=1e-12)
    assert 0 < missed <= min(abs(sent(p, PROMPT) - p).sum(), abs(qhat - p).sum()) / 2 + 1e-12


@pytest.mark.parametrize("name", ["half", "asym .2"])
def test_i12_a_text_misses_by_no_more_than_its_tokens_may(name: str) -> None:
    scheme = LOSSY[name]
    assert not scheme.lossless
    sent = sent_by(scheme)
    distribution = Enumeration(scheme, TOKENS).distribution()
    contexts = [PROMPT, *((*PROMPT, a) for a in range(V)), *((*PROMPT, a, b) for a in range(V) for b in range(V))]
    worst = max(abs(sent(P[text[-1]], text) - P[text[-1]]).sum() / 2 for text in contexts)
    assert worst <= (scheme.tolerance if isinstance(scheme, Asym) else 2.0**-11 + V * 2.0**-25)
    assert sum(distribution.values()) == pytest.approx(1.0, abs=1e-12)
    assert LOSSLESS_TV < distance(distribution, EXACT) <= TOKENS * worst
