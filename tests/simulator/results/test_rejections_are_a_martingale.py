"""Realised rejections, less the probability of each, are a martingale; so is the output, less the verifier's
distribution.

At a draft d that is reached, whatever came before: it is rejected with probability TV(qhat, p); once drawn, with
probability max(0, 1 - p(d) / qhat(d)); and the token committed there is one of those that a correction is to favour,
A = {x: p(x) - qhat(x) > TV p(x)}, with probability p(A). Each sum of what happened less what was to be expected stays
within 5 standard deviations of 0 (a false alarm in 2 million), those being exact: sums of m (1 - m).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from math import sqrt
from typing import Final

import numpy as np
import pytest
from decodings import rounds

from kinds.arrays import Floats, Ints
from models.verification import AnyDistribution, DistributionAfter, Verdict, chances_of, inverse_cdf, residual
from simulator import Cell
from simulator.cell.workload import Ask
from simulator.decoding.decoder import Decoder
from simulator.decoding.memory import Memory
from simulator.schemes import acceptance

V: Final = 32
REACHED: Final = 3_000
"""Drafts verified: with TV near .5, 10% more or fewer rejections are 5.5 standard deviations; given the draft, 8 and
more."""
DRAFTS, TOKENS, PROMPT = 2, 200, 4
SCHEMES: Final[dict[str, dict[str, object]]] = {
    "k_sqs": {"kind": "k_sqs", "k": 6, "resolution": 12},
    "c_sqs": {"kind": "c_sqs", "initial": 0.05, "step": 0.01, "target": 0.05, "resolution": 30},
    "dense": {"kind": "dense", "resolution": 60},
    "half_top_k": {"kind": "truncated_fp16", "policy": "fixed_length", "k": 8},
    "ids_only_greedy": {"kind": "ids_only_greedy"},
    "composed": {
        "kind": "composed",
        "sparsifier": {"kind": "top_p", "mass": 0.8},
        "quantizer": {"kind": "lattice", "resolution": 9},
    },
}


@dataclass
class Sum:
    """The sum of what happened, less how probable it was, and the variance of that."""

    off: float = 0.0
    variance: float = 0.0

    def add(self, happened: bool, probability: float, weight: float = 1.0) -> None:
        self.off += weight * (happened - probability)
        self.variance += probability * (1 - probability)

    @property
    def deviations(self) -> float:
        """Standard deviations from 0, either way."""
        return abs(self.off) / sqrt(self.variance)


@dataclass
class Sums:
    """Over the drafts reached. `drawn`: rejections given the draft; `halves`: the same, where drafts of the upper half
    of qhat, in id order, count against those of the lower, so that numbers which decide both a draft and its fate are
    seen: over all drafts that evens out."""

    reached: int = 0
    rejected: Sum = field(default_factory=Sum)
    drawn: Sum = field(default_factory=Sum)
    halves: Sum = field(default_factory=Sum)
    output: Sum = field(default_factory=Sum)

    def add(self, p: Floats, qhat: Floats, draft: int, stands: bool, token: int) -> None:
        """One draft that was reached, and the token committed in its place."""
        distance = float(np.maximum(p - qhat, 0).sum())
        favoured = p - qhat > distance * p
        self.reached += 1
        self.rejected.add(not stands, distance)
        given = max(0.0, 1 - p[draft] / qhat[draft])
        self.drawn.add(not stands, given)
        self.halves.add(not stands, given, 1.0 if qhat[:draft].sum() < 0.5 else -1.0)
        self.output.add(bool(favoured[token]), float(p[favoured].sum()))

    @property
    def seen(self) -> set[str]:
        """The sums that are off."""
        return {
            each.name for each in fields(self) if each.name != "reached" and getattr(self, each.name).deviations > 5
        }


def cell(scheme: str) -> Cell:
    pair = {"kind": "synthetic", "size": V, "entropy_bits": 3.5, "distance": 0.4, "prompt_tokens": PROMPT}
    asked = {"kind": "closed", "devices": 100, "prompt_tokens": PROMPT, "output_tokens": TOKENS}
    tree = {"models": {"pair": pair}, "workload": asked, "scheme": SCHEMES[scheme] | {"max_drafts": DRAFTS}}
    return Cell.from_fields(tree)


def play(decoder: Decoder) -> Sums:
    """Requests of a cell through the shipped edge, codec and cloud, one after the other, until enough is reached."""
    sums = Sums()
    for device in range(100):
        for reached in _judged(decoder, device):
            sums.add(*reached)
        if sums.reached >= REACHED:
            return sums
    raise AssertionError(f"{sums.reached} drafts reached, {REACHED} wanted")


def _judged(decoder: Decoder, device: int) -> Iterator[tuple[Floats, Floats, int, bool, int]]:
    """The drafts that were reached, each as p, qhat, its id, whether it is accepted, and the token committed there."""
    prompt = decoder.prompt(device, 0, Ask(PROMPT, TOKENS))
    decoding = decoder.decoding(device, 0, prompt, None)
    verifier = decoding.setting.pair().verifier
    for drafted, verified, tokens in rounds(decoding, DRAFTS):
        text = drafted.committed
        if len(text) >= PROMPT + TOKENS:
            break
        for n, draft in enumerate(drafted.drafts[: verified.accepted + 1]):
            p = verifier.row((*text, *tokens[:n])[-1:], 1.0)  # type: ignore[attr-defined]
            qhat = np.zeros(V)
            qhat[draft.draft.support] = draft.draft.counts / draft.draft.counts.sum()
            yield p, qhat, draft.draft.token, n < verified.accepted, tokens[n]


@pytest.mark.parametrize(
    "scheme", [pytest.param(name, marks=[pytest.mark.slow] * (name != "k_sqs")) for name in SCHEMES]
)
def test_rejections_are_as_many_as_their_probabilities_say(scheme: str) -> None:
    assert not play(Decoder(cell(scheme), Memory())).seen


@pytest.mark.parametrize("scheme", [pytest.param(name, marks=pytest.mark.slow) for name in ("k_sqs", "dense")])
def test_one_stream_for_drafts_and_verdicts_is_seen(scheme: str) -> None:
    decoder = Decoder(cell(scheme), Memory())
    decoder._streams["verdict"] = decoder._streams["draft"]
    assert play(decoder).seen == {"halves"}


def judged_by(
    bend: Callable[[float], float], from_p: bool
) -> Callable[[DistributionAfter, Ints, Floats, Floats], Verdict]:
    """A verifier that bends the probability of acceptance, or corrects from p itself."""

    def judge(
        distribution_after: DistributionAfter, drafts: Ints, qhat: Sequence[AnyDistribution], uniforms: Floats
    ) -> Verdict:
        line, chances = tuple(drafts.tolist()), chances_of(drafts, qhat)
        for n, token in enumerate(line):
            p = distribution_after(line[:n])
            if not uniforms[n] < bend(min(1.0, p[token] / chances[n])):
                return Verdict(n, inverse_cdf(p if from_p else residual(p, qhat[n]), float(uniforms[-1])))
        return Verdict(len(line), inverse_cdf(distribution_after(line), float(uniforms[-1])))

    return judge


@pytest.mark.parametrize(
    ("scheme", "bend", "from_p", "seen"),
    [
        ("k_sqs", lambda a: 0.9 * a, False, "drawn"),
        pytest.param("half_top_k", lambda a: a + 0.1 * (1 - a), False, "drawn", marks=pytest.mark.slow),
        pytest.param("k_sqs", lambda a: a, True, "output", marks=pytest.mark.slow),
    ],
    ids=["too strict", "too lenient", "corrected from p itself, which leaves the rejections as they are"],
)
def test_an_acceptance_that_is_off_by_a_tenth_is_seen(
    scheme: str, bend: Callable[[float], float], from_p: bool, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptance, "reject_along", judged_by(bend, from_p))
    found = play(Decoder(cell(scheme), Memory())).seen
    assert seen in found and not (from_p and found != {seen})
