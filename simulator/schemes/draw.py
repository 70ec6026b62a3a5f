"""Draws of a drafted token: the weights, and the random numbers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Final, Literal, NamedTuple, Self

import numpy as np

from channels.codec import wire
from channels.codec.sparsify import most_probable
from channels.uniforms import Uniforms
from kinds import Choice
from kinds.arrays import Floats, Ints, read_only
from kinds.mistakes import Rule
from models.verification import arrivals, draw_children, inverse_cdf, race
from simulator.schemes import answers
from simulator.schemes.code import certain
from simulator.schemes.sparsifier import State

GUESSES: Final = 1 << 20
"""Numbers in the stream of drafts from which the guesses behind each draft of a round are drawn: above all drafts."""


@dataclass(frozen=True)
class RequestUniforms:
    """The random numbers of one request, by purpose: `draft` and `verdict` go by (round, draft), a round's correction
    or bonus by the number after its last draft; `shared`, which both ends hold, by text position."""

    draft: Uniforms
    verdict: Uniforms
    shared: Uniforms

    @classmethod
    def of(cls, seed: int) -> Self:
        """Three streams of one seed."""
        return cls(*(Uniforms.of(seed, purpose) for purpose in ("draft", "verdict", "shared")))


class RoundUniforms(NamedTuple):
    """The random numbers of one request as a round of it is verified."""

    request: RequestUniforms
    round: int
    position: int
    """The index of the round's first token in the text."""

    def verdict(self, drafts: int) -> Floats:
        """[L + 1]: one for each of so many drafts, and the last for the correction or bonus."""
        return np.array([self.request.verdict.uniform(self.round, n) for n in range(drafts + 1)])

    def winner(self, p: Floats, n: int) -> int:
        """The winner of the race of p [V] with the exponentials that both ends share for token n of the round."""
        return race(p, self.request.shared.exponentials(p.size, self.position + n))


class Place(NamedTuple):
    """Place of a draft: its round 1, 2, ..., its number in it from 0, and its position in the text from 0."""

    round: int
    number: int
    position: int


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """Proposal for one position, before the draft is drawn."""

    ids: Ints  # [K] ascending
    counts: Ints  # [K] numerators of qhat, zeros allowed
    dropped_mass: float  # alpha_n: q outside `ids`
    tv_quantization: float  # TV(q renormalized on ids, qhat)
    covering_bound: float  # the quantizer's own bound on tv_quantization
    state: State  # of the scheme, after this position

    def __post_init__(self) -> None:
        for name in ("ids", "counts"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


class Draw(Choice, family=True):
    """Rule by which the drafted token is drawn."""

    method_rules: ClassVar[Mapping[str, Rule]] = {"weights": lambda answer, proposal, _: _weights(answer, proposal)}

    lossless: ClassVar[bool] = True
    """True if a token is verified by the distribution from which it is drawn."""
    races: ClassVar[bool] = False
    """True if both ends hold its random numbers, so that no distribution needs to be sent."""

    @abstractmethod
    def weights(self, proposal: Proposal, q: Floats) -> Floats | Ints:
        """Weights [K] over proposal.ids that the draft is drawn by. Anything but the counts bends the output
        distribution; ids without a count must have none."""

    def draw(
        self, proposal: Proposal, q: Floats, uniforms: RequestUniforms, place: Place
    ) -> tuple[wire.Draft, Floats | Ints]:
        """The draft as it crosses the air, by inverse CDF in token-id order, and the weights over its support."""
        weights = self.weights(proposal, q)
        token = int(proposal.ids[inverse_cdf(weights, uniforms.draft.uniform(place.round, place.number))])
        draft = wire.Draft(token, proposal.ids, proposal.counts)
        return draft, draft.counts if weights is proposal.counts else weights[proposal.counts > 0]

    def next_choices(
        self, q: Floats, other: int | None, width: int, uniforms: RequestUniforms | None, place: Place
    ) -> tuple[int, ...]:
        """Up to `width` guesses of the token at this place of the text if it is not `other`: drawn from q [V] without
        that token and each other; the most probable ones where nothing is random (`uniforms` None), be q of another
        temperature."""
        weights = q.copy()
        if other is not None:
            weights[other] = 0.0
        if uniforms is None:
            most = min(width, int(np.count_nonzero(weights)))
            ids = most_probable(weights, most) if most else np.empty(0, np.int64)
            return tuple(ids[np.argsort(-weights[ids], kind="stable")].tolist())
        return self._guessed(weights, width, uniforms, place)

    def _guessed(self, weights: Floats, width: int, uniforms: RequestUniforms, place: Place) -> tuple[int, ...]:
        first = GUESSES * (1 + place.number)
        numbers = np.array([uniforms.draft.uniform(place.round, first + n) for n in range(width)])
        return draw_children(weights, width, numbers)

    def most_children(self, proposal: Proposal) -> int:
        """Returns the largest number of siblings that can be drawn."""
        return int(np.count_nonzero(proposal.counts))

    def children(
        self, proposal: Proposal, q: Floats, uniforms: RequestUniforms, first: Place, alike: Sequence[int]
    ) -> list[wire.Draft]:
        """The siblings that hang on a node of a tree, in the order of their nodes, the first of which is `first`.
        `alike`: how many there are, by runs of siblings under which the tree is the same; no more than a proposal has
        (`TreeGrowth.alike`)."""
        raise AssertionError(f"draw {self.kind} is defined for lines alone")


class FromCounts(Draw):
    """Draw from exactly the qhat that is sent; siblings without replacement, the first as a single draft."""

    kind: Literal["counts"] = "counts"

    def weights(self, proposal: Proposal, q: Floats) -> Floats | Ints:
        return proposal.counts

    def children(
        self, proposal: Proposal, q: Floats, uniforms: RequestUniforms, first: Place, alike: Sequence[int]
    ) -> list[wire.Draft]:
        distribution, nodes = wire.Draft(wire.UNSENT, proposal.ids, proposal.counts), range(sum(alike))
        numbers = np.array([uniforms.draft.uniform(first.round, first.number + node) for node in nodes])
        support, counts = distribution.support, distribution.counts
        drawn = draw_children(counts, len(nodes), numbers)
        return [wire.Draft.of(int(support[child]), support, counts) for child in drawn]


class FromUnquantized(Draw):
    """Draw from q, before it is quantized: S-Q (arXiv 2507.00605), which bends the output distribution.

    Restricted to the ids whose count is not zero, since the packet can carry no other.
    """

    lossless: ClassVar[bool] = False
    kind: Literal["unquantized"] = "unquantized"

    def weights(self, proposal: Proposal, q: Floats) -> Floats | Ints:
        return np.where(proposal.counts > 0, q[proposal.ids], 0.0)


class SharedRace(Draw):
    """The winner of the race that both ends run with the same exponentials (arXiv 2408.07978), on q itself."""

    races: ClassVar[bool] = True
    kind: Literal["shared_race"] = "shared_race"

    def weights(self, proposal: Proposal, q: Floats) -> Floats:
        return q if proposal.ids.size == q.size else q[proposal.ids]

    def draw(
        self, proposal: Proposal, q: Floats, uniforms: RequestUniforms, place: Place
    ) -> tuple[wire.Draft, Floats | Ints]:
        exponentials, ids = uniforms.shared.exponentials(q.size, place.position), proposal.ids
        times = exponentials if ids.size == q.size else exponentials[ids]
        draft = certain(int(ids[race(self.weights(proposal, q), times)]))
        return draft, draft.counts

    def _guessed(self, weights: Floats, width: int, uniforms: RequestUniforms, place: Place) -> tuple[int, ...]:
        """Those who arrive first: the verifier's token is the winner of the same race on p."""
        exponentials, most = uniforms.shared.exponentials(weights.size, place.position), np.count_nonzero(weights)
        return arrivals(weights, exponentials, min(width, int(most))) if most else ()

    def most_children(self, proposal: Proposal) -> int:
        return proposal.ids.size

    def children(
        self, proposal: Proposal, q: Floats, uniforms: RequestUniforms, first: Place, alike: Sequence[int]
    ) -> list[wire.Draft]:
        """Returns the ids that arrive first; by id where their order decides nothing."""
        exponentials = uniforms.shared.exponentials(q.size, first.position)
        arrived = iter(arrivals(q, exponentials, sum(alike)))
        return [certain(token) for run in alike for token in sorted(islice(arrived, run))]


def _weights(answer: object, proposal: Proposal) -> object:
    if not isinstance(answer, np.ndarray) or answer.dtype.kind not in "iuf" or answer.shape != proposal.ids.shape:
        raise ValueError(f"must return an array [{proposal.ids.size}] of weights, got {answers.entries(answer)}")
    if not (np.isfinite(answer) & (answer >= 0)).all() or not answer.sum() > 0:
        raise ValueError(f"must return weights of 0 or more, not all of them 0, got {answers.entries(answer)}")
    return answer
