"""A draft and what it does to the distribution of the output, by loops over the distributions of `tables_pair`, as the
papers have it."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from tables_pair import PROMPTS, P, V, distribution_after

from channels.codec import wire
from channels.uniforms import Uniforms
from simulator import Cell

Distribution = Sequence[float]


@dataclass(frozen=True)
class SlowDraft:
    """One draft and the distributions around it."""

    sent: wire.Draft
    q: Distribution
    kept: Sequence[int]
    counts: Sequence[int]
    drawn: Distribution
    """What it was drawn from, over the whole vocabulary."""
    bound: float
    """The most that quantizing may move a distribution on that many tokens."""
    over_budget: bool = False

    @property
    def qhat(self) -> Distribution:
        distribution = [0.0] * V
        for token, count in zip(self.kept, self.counts, strict=True):
            distribution[token] = count / sum(self.counts)
        return distribution

    @property
    def dropped_mass(self) -> float:
        return sum(mass for token, mass in enumerate(self.q) if token not in self.kept)

    @property
    def coded_size(self) -> int:
        """Ids that cross the air."""
        return sum(count > 0 for count in self.counts)

    def rejection_bound(self, p: Distribution) -> float:
        return distance(self.q, p) + self.dropped_mass + self.bound

    def rest(self, p: Distribution) -> list[float]:
        """What it is replaced by where it is rejected, of any total."""
        return [max(0.0, a - b) for a, b in zip(p, self.qhat, strict=True)]

    def output_distribution(self, p: Distribution) -> list[float]:
        """The distribution of the token that its position commits: each draft that may be drawn, kept or replaced."""
        distribution, rest = [0.0] * V, self.rest(p)
        for draft, mass in enumerate(self.drawn):
            kept = min(1.0, p[draft] / self.qhat[draft]) if mass else 0.0
            distribution[draft] += mass * kept
            for token in range(V):
                distribution[token] += mass * (1 - kept) * rest[token] / sum(rest)
        return distribution

    @property
    def tv_quantization(self) -> float:
        held = sum(self.q[token] for token in self.kept)
        return distance([self.q[x] / held if x in self.kept else 0.0 for x in range(V)], self.qhat)


class HalfCorrected(SlowDraft):
    """A draft that the edge corrects with p in half precision."""

    def rest(self, p: Distribution) -> list[float]:
        sent = halves(p)
        return super().rest([each / sum(sent) for each in sent])


class Unquantized(SlowDraft):
    """A draft from q itself, of which no counts are sent."""

    @property
    def coded_size(self) -> int:
        return 1

    @property
    def qhat(self) -> Distribution:
        return self.q


class Raced(Unquantized):
    """The winner of a race that the cloud runs too."""

    def rejection_bound(self, p: Distribution) -> float:
        """1 - (1 - TV) / (1 + TV) (Daliri, Musco, Suresh)."""
        return 1 - (1 - distance(self.q, p)) / (1 + distance(self.q, p))


def distance(one: Distribution, other: Distribution) -> float:
    """Total variation: what one distribution has more than the other."""
    return sum(max(0.0, a - b) for a, b in zip(one, other, strict=True))


def drawn_by(weights: Distribution, u: float) -> int:
    """The first index at which the running sum exceeds u of the whole."""
    sums = list(accumulate(weights))
    return next(index for index, mass in enumerate(sums) if mass > u * sums[-1])


def kept_ids(q: Distribution, k: int = V, beta: float | None = None) -> list[int]:
    """The k likeliest ids; with a threshold all that reach it, or the likeliest."""
    if beta is not None:
        return [token for token in range(V) if q[token] >= beta] or [q.index(max(q))]
    return sorted(sorted(range(V), key=lambda token: (-q[token], token))[:k])


def threshold_after(beta: float, q: Distribution, step: float, target: float) -> float:
    """C-SQS's threshold after a draft from what it keeps of q."""
    kept = kept_ids(q, beta=beta)
    return min(1.0, beta - step * (sum(q[token] for token in range(V) if token not in kept) - target))


def verifiers_text(cell: Cell, device: int, number: int) -> Iterator[list[int]]:
    """The text of a request before each of its tokens, which the verifier draws itself."""
    work, temperature = cell.workload, cell.models.temperature
    turn = cell.seed * work.total + number * work.devices + device  # seeds, then rounds of devices
    text = list(PROMPTS[turn % len(PROMPTS)].tokens[: work.prompt_tokens])
    for place in range(work.output_tokens):
        yield text
        u = Uniforms.of(cell.seed, "verifier text").uniform(device, number, place)
        text = [*text, drawn_by(distribution_after(P, text[-1], temperature), u)]


def lattice(mass: Distribution, resolution: int) -> list[int]:
    """Counts with that sum: each rounded, and what is left over given where it was rounded farthest (Reznik 2011)."""
    grid = [round(each / sum(mass) * 2**40) for each in mass]
    counts = [(2 * resolution * g + 2**40) >> 41 for g in grid]
    order = sorted(range(len(mass)), key=lambda i: (2**40 * counts[i] - resolution * grid[i], i))
    missing = resolution - sum(counts)
    for i in order[:missing] if missing > 0 else order[missing:] if missing else []:
        counts[i] += 1 if missing > 0 else -1
    return counts


def halves(mass: Distribution) -> list[int]:
    """Half-precision floats, in units of 2^-24."""
    return [int(struct.unpack("e", struct.pack("e", each / sum(mass)))[0] * 2**24) for each in mass]
