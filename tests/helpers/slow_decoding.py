"""The rounds of a request, decoded a second time: by loops over the distributions of `tables_pair`, as the papers have
it.

Only the wire's code and the address of each random number are the shipped ones. What a round's row says of its drafts
and verification result is recounted from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from math import log

import numpy as np
from slow_drafts import (
    Distribution,
    HalfCorrected,
    Raced,
    SlowDraft,
    Unquantized,
    distance,
    drawn_by,
    halves,
    kept_ids,
    lattice,
    threshold_after,
)
from tables_pair import END, PROMPTS, P, Q, V, distribution_after

from channels.codec import wire
from channels.uniforms import Uniforms
from simulator import Cell
from simulator.schemes.code import Packets
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.draw import RequestUniforms

Heard = Callable[[int, int], int]
"""How many leading drafts of a round the cloud receives: of (round, drafts)."""


@dataclass
class SlowRound:
    """A round from its first draft to its verification result."""

    number: int
    drafts: Sequence[SlowDraft] = ()
    measured: Sequence[SlowDraft] = ()
    """Those that an edge has sparsified and quantized: all but drafts made in the cloud."""
    judged: Sequence[SlowDraft] = ()
    """Those up to and including the first rejected."""
    checked: int = 0
    """Number of those that were received."""
    accepted: int = 0
    committed: tuple[int, ...] = ()
    targets: Sequence[Distribution] = ()
    """p at each committed token."""
    passes: Sequence[tuple[int, int]] = ()
    """(new, cached) tokens of each pass of the drafter at the edge."""
    payload_bits: int = 0
    reply_bits: int = 0
    unverified: Distribution | None = None
    """The distribution that a token that nobody verifies was drawn from."""
    stood: bool = False
    """All of its drafts are accepted, and the next round was promised to follow on them."""
    void: Sequence[SlowRound] = ()
    """Those that may have been drafted on it for nothing."""

    @cached_property
    def of_drafts(self) -> dict[str, float]:
        """Sums over its drafts, as columns of a round's row."""
        return {
            "support_size": sum(len(draft.kept) for draft in self.measured),
            "coded_size": sum(draft.coded_size for draft in self.measured),
            "dropped_mass": sum(draft.dropped_mass for draft in self.measured),
            "tv_quantization": sum(draft.tv_quantization for draft in self.measured),
        }

    @cached_property
    def of_verified(self) -> dict[str, float]:
        """Sums over the drafts up to the first rejected one and over the committed tokens, likewise."""
        verified = list(zip(self.judged, self.targets, strict=False))
        alone = 0.0 if self.unverified is None else distance(self.unverified, self.targets[0])
        return {
            "verified": len(verified),
            "tv_mismatch": sum(distance(draft.q, p) for draft, p in verified),
            "tv_qhat": sum(distance(draft.qhat, p) for draft, p in verified),
            "rejection_bound": sum(draft.rejection_bound(p) for draft, p in verified),
            "tv_output": alone + sum(distance(draft.output_distribution(p), p) for draft, p in verified),
            "nll": sum(-log(p[token]) for p, token in zip(self.targets, self.committed, strict=True)),
        }


@dataclass
class SlowRequest:
    """Request `number` of a device: what it commits, round after round."""

    cell: Cell
    device: int
    number: int
    scheme: DraftScheme
    heard: Heard = lambda _, drafts: drafts
    drawn: Heard = lambda _, most: most
    """The most drafts of a round that the edge made before the reply came."""
    beta: float | None = None
    """C-SQS's threshold; where given, that of the request before."""
    text: list[int] = field(default_factory=list)
    cached: int = 0

    def __post_init__(self) -> None:
        work = self.cell.workload
        turn = self.cell.seed * work.total + self.number * work.devices + self.device  # seeds, then rounds of devices
        prompt = PROMPTS[turn % len(PROMPTS)].tokens[: work.prompt_tokens]
        self.text += prompt
        self.most, self.end = len(prompt) + work.output_tokens, END if work.stop_at_eos else None
        self.draft, self.verdict, self.shared = (
            Uniforms.of(self.cell.seed, purpose).keyed(self.device, self.number)
            for purpose in ("draft", "verdict", "shared")
        )
        if self.beta is None:
            self.beta = getattr(self.scheme, "initial", None)
        self.prompt_tokens = len(prompt)
        self.size = getattr(getattr(self.scheme, "sparsifier", self.scheme), "k", V)
        self.resolution = getattr(getattr(self.scheme, "quantizer", self.scheme), "resolution", None)

    @property
    def remaining(self) -> int:
        over = len(self.text) > self.prompt_tokens and self.end in self.text[self.prompt_tokens :]
        return 0 if over else max(0, self.most - len(self.text))

    def distribution(self, table: np.ndarray, text: Sequence[int]) -> Distribution:
        return distribution_after(table, text[-1], self.cell.models.temperature)

    def rounds(self) -> Iterator[SlowRound]:
        number = 1
        one = {
            "speculate": self._speculated, "ahead": self._ahead, "stream": self._hosted, "local": self._local,
        }[self.scheme.protocol]  # fmt: skip
        while self.remaining:
            round_ = one(number)
            self.text += round_.committed
            yield round_
            number += 1 if round_.stood else 1 + getattr(self.scheme, "depth", 0)

    # At the edge.

    def _speculated(self, number: int) -> SlowRound:
        round_, betas = self._sent(number)
        self._judge(round_, round_.drafts[: self.heard(number, len(round_.drafts))])
        rollback = getattr(self.scheme, "rollback", "through_rejection")
        drafts = len(round_.drafts)
        stood = {"none": drafts, "accepted_only": round_.accepted, "through_rejection": round_.accepted + 1}
        self.beta = betas[min(stood[rollback], drafts)]
        self.cached = min(self.cached, len(self.text) + len(round_.committed) - 1)
        reply = (self.scheme.max_drafts + 1) * V - 1
        round_.reply_bits = 8 * ((reply.bit_length() + 7) // 8)
        return round_

    def _ahead(self, number: int) -> SlowRound:
        before = copy(self)
        before.text = list(self.text)
        round_ = self._speculated(number)
        void = list(before.on_approval(number))
        if void and round_.accepted == len(round_.drafts):
            round_.stood, round_.committed, round_.targets = True, round_.committed[:-1], round_.targets[:-1]
            self.cached = min(self.cached, len(self.text) + len(round_.committed) - 1)
            round_.reply_bits = 8 * ((self.scheme.max_drafts.bit_length() + 7) // 8)
        else:
            round_.void = void
        return round_

    def on_approval(self, number: int) -> Iterator[SlowRound]:
        """The rounds after this one as they are if all drafts are accepted; the answer must go on by two tokens
        then."""
        for ahead in range(self.scheme.depth + 1):
            round_, betas = self._sent(number + ahead)
            if ahead:
                yield round_
            self.text += [draft.sent.token for draft in round_.drafts]
            self.beta, self.cached = betas[-1], min(self.cached, len(self.text) - 1)
            if self.remaining < 2:
                return

    def _sent(self, number: int) -> tuple[SlowRound, list[float | None]]:
        """A round up to its payload, and the thresholds before and after each draft."""
        packets, text, drafts, passes = self._packets, list(self.text), list[SlowDraft](), []
        betas = [self.beta]
        most = self.drawn(number, min(self.scheme.max_drafts, max(1, self.remaining - 1)))
        while len(drafts) < most:
            passes.append((len(text) - self.cached, self.cached))
            self.cached = len(text)
            draft = self._drafted(number, len(drafts), text, [each.sent for each in drafts])
            if draft is None or (drafts and drafts[0].over_budget):
                break
            drafts.append(draft)
            text.append(draft.sent.token)
            betas.append(self.beta)
        parts = self.scheme.encode_parts([each.sent for each in drafts], packets, self.text)
        payload_bits = sum(8 * len(part) for part in parts)
        return SlowRound(number, drafts, drafts, passes=passes, payload_bits=payload_bits), betas

    def _drafted(self, number: int, place: int, text: list[int], sent: list[wire.Draft]) -> SlowDraft | None:
        q = self.distribution(Q, text)
        kept = self._kept(q)
        likely = sorted(kept, key=lambda token: (-q[token], token))
        over = False
        if not self._fits(sent, q, kept):
            if sent:
                return None
            prefixes = [sorted(likely[:size]) for size in range(len(kept) - 1, 0, -1)]
            fitting = next((ids for ids in prefixes if self._fits(sent, q, ids)), None)
            over = fitting is None
            kept = prefixes[-1] if fitting is None else fitting
        counts = self._counts([q[token] for token in kept])
        weights: Distribution = counts
        if self.scheme.kind == "s_q":
            weights = [q[token] if count else 0.0 for token, count in zip(kept, counts, strict=True)]
        if self.scheme.kind == "coupled":
            race = self.shared.exponentials(V, len(text))
            winner = min(range(V), key=lambda token: race[token] / q[token])
            return Raced(wire.Draft(winner, np.array([winner]), np.array([1])), q, kept, counts, q, 0.0)
        token = kept[drawn_by(weights, self.draft.uniform(number, place))]
        drawn = [weights[kept.index(x)] / sum(weights) if x in kept else 0.0 for x in range(V)]
        draft = wire.Draft(token, np.array(kept), np.array(counts))
        made = HalfCorrected if getattr(self.scheme, "precision", "") == "half" else SlowDraft
        return made(draft, q, kept, counts, drawn, self._bound(len(kept)), over)

    def _kept(self, q: Distribution) -> list[int]:
        kept = kept_ids(q, self.size, self.beta)
        if self.beta is not None:
            self.beta = threshold_after(self.beta, q, self.scheme.step, self.scheme.target)
        return kept

    def _counts(self, mass: Distribution) -> list[int]:
        if self.scheme.kind == "coupled":
            return [1] * len(mass)
        return halves(mass) if self.resolution is None else lattice(mass, self.resolution)

    def _bound(self, size: int) -> float:
        if self.resolution is not None:
            return (size // 2) * ((size + 1) // 2) / (size * self.resolution)
        return 2.0**-11 + size * 2.0**-25

    @property
    def _packets(self) -> Packets:
        own = RequestUniforms(self.draft, self.verdict, self.shared)
        return self.scheme.packets_sharing(self.scheme.packets(V), own)

    def _fits(self, sent: list[wire.Draft], q: Distribution, kept: list[int]) -> bool:
        if self.scheme.budget_bits is None:
            return True
        counts, packets = self._counts([q[token] for token in kept]), self._packets
        dearest = max(
            packets.length_bits([*sent, wire.Draft(token, np.array(kept), np.array(counts))], self.text)
            for token, count in zip(kept, counts, strict=True)
            if count
        )
        return dearest <= self.scheme.budget_bits

    # At the verifier.

    def _judge(self, round_: SlowRound, heard: Sequence[SlowDraft]) -> None:
        text, targets, coupled = list(self.text), list[Distribution](), self.scheme.kind == "coupled"
        for place, draft in enumerate(heard):
            p, token = self.distribution(P, text), draft.sent.token
            targets.append(p)
            stands = self.verdict.uniform(round_.number, place) * draft.qhat[token] < p[token]
            if coupled:
                race = self.shared.exponentials(V, len(text))
                own = min(range(V), key=lambda each: race[each] / p[each])
                stands = own == token
            if not stands:
                rest = draft.rest(p)
                text.append(own if coupled else drawn_by(rest, self.verdict.uniform(round_.number, len(heard))))
                break
            text.append(token)
            round_.accepted += 1
        else:
            p = self.distribution(P, text)
            targets.append(p)
            race = self.shared.exponentials(V, len(text))
            own = min(range(V), key=lambda each: race[each] / p[each])
            text.append(own if coupled else drawn_by(p, self.verdict.uniform(round_.number, len(heard))))
        round_.judged, round_.checked = heard[: round_.accepted + 1], len(heard)
        round_.committed, round_.targets = tuple(text[len(self.text) :]), targets

    def _hosted(self, number: int) -> SlowRound:
        limit = self.scheme.drafts
        drafts, text = list[SlowDraft](), list(self.text)
        while len(drafts) < min(limit, max(1, self.remaining - 1)):
            q = self.distribution(Q, text)
            token = drawn_by(q, self.draft.uniform(number, len(drafts)))
            drafts.append(Unquantized(wire.Draft(token, np.arange(V), np.ones(V, int)), q, range(V), (), q, 0.0))
            text.append(token)
        round_ = SlowRound(number, drafts)
        self._judge(round_, drafts)
        width = (V - 1).bit_length()
        round_.reply_bits = 8 * ((len(round_.committed) * width + 1 + 7) // 8)
        return round_

    def _local(self, number: int) -> SlowRound:
        q, p = self.distribution(Q, self.text), self.distribution(P, self.text)
        token = drawn_by(q, self.draft.uniform(number, 0))
        new = len(self.text) - self.cached
        passes, self.cached = [(new, self.cached)], len(self.text)
        return SlowRound(number, committed=(token,), targets=[p], passes=passes, unverified=q)
