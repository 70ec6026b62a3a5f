"""What a draft costs the edge to make, in microseconds here, and in softmaxes of as many logits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Final

import numpy as np

from kinds.arrays import Floats
from simulator.checking.calls import Round, drafted_rounds, view
from simulator.checking.subjects import Subject
from simulator.decoding.cloud_session import along
from simulator.schemes import DraftScheme, Oracle
from simulator.schemes.draw import Place

VOCABULARIES: Final = (1024, 49152)
REPEATS: Final = 15
"""Measurements, of which the median is taken."""


def cost(subject: Subject) -> str:
    """A draft's share in each of VOCABULARIES, in words."""
    return "; ".join(_at(subject, size) for size in VOCABULARIES)


def _at(subject: Subject, vocabulary: int) -> str:
    scheme = subject.scheme(vocabulary)
    (made,) = drafted_rounds(scheme, vocabulary, 1, drafts=2)
    name, work = _work(subject, scheme, made)
    spent_s, softmax_s = _seconds(work), _seconds(partial(_softmax, np.log(made.laws[0] + 1e-12)))
    return f"{name} takes {1e6 * spent_s:,.0f} us a draft at V = {vocabulary:,}, {spent_s / softmax_s:.2g} softmaxes"


def _work(subject: Subject, scheme: DraftScheme, made: Round) -> tuple[str, Callable[[], object]]:
    """What the subject does for one draft."""
    q, state, proposal, families = made.laws[0], made.states[0], made.proposals[0], scheme.families
    field = subject.field
    if field == "sparsifier":
        return "support", lambda: (scheme.support(q, state), scheme.advance(q, state))
    if field == "quantizer":
        return "quantize", partial(scheme.quantize, q[proposal.ids])
    if field == "draw":
        return "draw", partial(scheme.draw_token, proposal, q, made.numbers, Place(1, 0, len(made.context)))
    if field == "policy" and not isinstance(families.policy, Oracle):
        return "next", partial(families.policy.next, view(families.policy, made, 1), families.policy.entry(None))
    if field == "code":
        packets = scheme.packets_sharing(scheme.packets(q.size), made.numbers)
        return "encode", partial(packets.encode, made.drafts[:1], made.context)
    if field in ("acceptance", "reply"):
        received = scheme.receive(made.drafts[:1], scheme.format(q.size))
        p, line = np.stack([q, q]), tuple(received.drafts.tolist())
        judge = partial(families.acceptance.judge, along(p, line), received, made.numbers, 1, len(made.context))
        return "judge", judge
    return "support and quantize", lambda: scheme.propose(q, state)


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max())
    shares: Floats = powers / powers.sum()
    return shares


def _seconds(work: Callable[[], object]) -> float:
    times = list[float]()
    for _ in range(REPEATS):
        begun_s = perf_counter()
        work()
        times.append(perf_counter() - begun_s)
    return median(times)
