"""Exactness of a scheme: its text is compared with the verifier's distribution by enumeration, down to the first
difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from kinds import ConfigError
from kinds.arrays import Floats
from simulator.checking.exact import (
    FOUR_TOKENS,
    THREE_TOKENS,
    Distribution,
    Enumeration,
    TinyPair,
    distance,
    verifier_distribution,
)
from simulator.checking.exact_tree import TreeEnumeration
from simulator.checking.subjects import Subject
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.nodes import Tree
from simulator.decoding.setting import DraftSetting
from simulator.schemes import DraftScheme
from simulator.schemes.draw import RequestUniforms

TOKENS: Final = 3
PROMPT: Final = (1, 2)
EXACT_TV: Final = 1e-6
"""Below it a text is the verifier's but for rounding: a reply's probabilities may come down in single precision."""
RACES: Final = 200  # texts of a scheme whose ends share their random numbers


@dataclass(frozen=True)
class Finding:
    """Distance of the text from the verifier's, the length compared, and the first difference."""

    tv: float
    over: str
    difference: str = ""

    @property
    def holds(self) -> bool:
        return self.tv < EXACT_TV


Mode = tuple[str, Callable[[], Finding | None]]
"""Serving mode in words, and the function that finds its result; None if the scheme does not take the mode."""


def modes(subject: Subject) -> list[Mode]:
    """The modes that a scheme with the subject can be run in."""
    plain = subject.scheme(4, **_short(subject, 4))
    if plain.families.acceptance.races:
        return [("output", lambda: _raced(plain))]
    kind, payloads = TreeEnumeration if plain.branches else Enumeration, set[tuple[int, int]]()

    def served(find: Callable[[DraftScheme], Finding], **mode: object) -> Finding | None:
        """Returns what is found of the scheme served so; None if it is by itself, or cannot be."""
        scheme = None if any(getattr(plain, name) for name in mode) else _allowed(subject, **mode)
        return None if scheme is None else find(scheme)

    def enumerated(tokens: int, begun: int = 0) -> Callable[[DraftScheme], Finding]:
        return lambda scheme: _enumerated(kind(scheme, tokens, begun=begun))

    ahead: Mode = "output, drafting ahead", lambda: served(enumerated(TOKENS + 1), depth=1)
    if plain.branches:
        return [("output", lambda: _found(kind(plain, TOKENS).distribution(), FOUR_TOKENS, "", TOKENS)), ahead]
    return [
        ("output", lambda: _worst(_plain(subject, payloads))),
        ("output, budget binds", lambda: _bound(subject, payloads)),
        ("output, partial rounds", lambda: served(lambda scheme: _worst(_in_parts(scheme)), partial=True)),
        ahead,
        ("output, cloud first", lambda: served(enumerated(TOKENS, 1), cloud_first=True)),
        ("output, cloud first, then ahead", lambda: served(enumerated(TOKENS + 2, 1), depth=1, cloud_first=True)),
    ]


def misstated(scheme: DraftScheme) -> str | None:
    """Returns a description of how the output distribution that the acceptance states differs from the one it leaves;
    "" if they agree, None if it states none."""
    last, size = PROMPT[-1], FOUR_TOKENS.vocabulary
    q, p = FOUR_TOKENS.q[last], FOUR_TOKENS.p[last]
    proposal = scheme.propose(q, scheme.entry(None))
    qhat, drawn = np.zeros(size), np.zeros(size)
    qhat[proposal.ids] = proposal.counts / proposal.counts.sum()
    weights = scheme.families.draw.weights(proposal, q)
    drawn[proposal.ids] = weights / weights.sum()
    stated = scheme.families.acceptance.output_distribution(p[None], qhat[None], drawn[None])
    if stated is None:
        return None
    distribution = Enumeration(scheme, 1).distribution()
    left = np.array([distribution.get((token,), 0.0) for token in range(size)])
    if abs(left - stated[0]).sum() / 2 < EXACT_TV:
        return ""
    return f"states {_rounded(stated[0])} of the token after {_text(PROMPT)}, and leaves {_rounded(left)}"


def _rounded(shares: Floats) -> str:
    return "(" + ", ".join(f"{share:.4g}" for share in shares.tolist()) + ")"


def _short(subject: Subject, vocabulary: int, drafts: int = 2) -> dict[str, object]:
    """Rounds of so many drafts, where the scheme takes that."""
    try:
        scheme = subject.scheme(vocabulary)
    except ConfigError:
        return {}
    return {"max_drafts": drafts} if scheme.max_drafts > drafts else {}


def _allowed(subject: Subject, **changes: object) -> DraftScheme | None:
    try:
        return subject.scheme(4, **_short(subject, 4), **changes)
    except ConfigError:
        return None


def _plain(subject: Subject, payloads: set[tuple[int, int]]) -> Iterator[Finding]:
    """Two drafts a round over four ids, and three over three, since a rule may treat later drafts otherwise; a policy
    also sees answers that come at once, and late. Notes the payloads over four ids."""
    for pair, drafts in ((FOUR_TOKENS, 2), (THREE_TOKENS, 3)):
        size = pair.vocabulary
        scheme = subject.scheme(size, **_short(subject, size, drafts))
        for answer_s in (1.0,) if scheme.plans else (0.01, 10.0):
            prompt = tuple(token % size for token in PROMPT)
            yield _enumerated(enumeration := Enumeration(scheme, drafts + 1, prompt, pair, answer_s=answer_s))
            payloads |= enumeration.payloads if pair is FOUR_TOKENS else set()


def _bound(subject: Subject, payloads: set[tuple[int, int]]) -> Finding | None:
    """Returns the finding with a budget that some second drafts exceed and others do not, None if there is no such
    budget."""
    bits = sorted({bits for drafts, bits in payloads if drafts == 2})
    scheme = _allowed(subject, budget_bits=bits[(len(bits) - 1) // 2]) if bits else None
    if scheme is None:
        return None
    found = _enumerated(bound := Enumeration(scheme, TOKENS))
    message = f"{found.over}, {bound.full} second drafts refused by {scheme.budget_bits} bits"
    return replace(found, over=message) if bound.full else None


def _in_parts(scheme: DraftScheme) -> Iterator[Finding]:
    """The second part of a round is always lost; then every one that is longer than a length that it may have."""
    lengths = set[int]()

    def none_longer(limit: int) -> Callable[[tuple[int, ...], bool], int]:
        def received(parts_bits: tuple[int, ...], _foreseen: bool) -> int:
            lengths.update(parts_bits[1:])
            return next((n for n, bits in enumerate(parts_bits) if n and bits > limit), len(parts_bits))

        return received

    yield _enumerated(Enumeration(scheme, TOKENS, received=none_longer(0)))
    for limit in sorted(lengths)[:-1]:
        yield _enumerated(Enumeration(scheme, TOKENS, received=none_longer(limit)))


def _enumerated(enumeration: Enumeration) -> Finding:
    distribution = enumeration.distribution()
    found = _found(
        distribution, enumeration.pair, f", {enumeration.rounds} rounds", enumeration.tokens, enumeration.prompt
    )
    if not enumeration.short or found.holds:
        return found
    message = (
        f"{enumeration.short} of {enumeration.sealed} payloads lack a draft that was drawn, so whether it is sent may"
    )
    return replace(found, difference=f"{message} depend on it: {found.difference}")


def _found(
    distribution: Distribution, pair: TinyPair, rounds: str, tokens: int, prompt: tuple[int, ...] = PROMPT
) -> Finding:
    over = f"all texts of {tokens} tokens over {pair.vocabulary} ids{rounds}"
    tv = float(distance(distribution, verifier_distribution(prompt, tokens, pair.p)))
    for length in range(1, tokens + 1):
        exact = verifier_distribution(prompt, length, pair.p)
        mine = dict.fromkeys(exact, 0.0)
        for text, share in distribution.items():
            mine[text[:length]] += share
        if distance(mine, exact) >= min(tv, EXACT_TV):
            text = max(exact, key=lambda each: abs(mine[each] - exact[each]))
            message = f"after {_text(prompt)} the text {_text(text)} comes with probability {mine[text]:.4g}"
            return Finding(tv, over, f"{message}, the verifier's is {exact[text]:.4g}")
    return Finding(tv, over)


def _raced(scheme: DraftScheme) -> Finding:
    """Returns the finding for two ends that share their random numbers: each text must be the verifier's own race,
    whatever was drafted."""
    setting, last = DraftSetting(lambda: FOUR_TOKENS.loaded, scheme, FOUR_TOKENS.vocabulary, 1.0), len(PROMPT) + TOKENS
    wrong, difference = 0, ""
    for sample in range(RACES):
        numbers = RequestUniforms.of(sample)
        decoding = RequestDecoding(setting, Tree(PROMPT, ()), numbers, remember=False)
        edge, cloud = decoding.edge(), decoding.cloud()
        node, view = edge.start, cloud.start(PROMPT)
        while len(node.committed) < last:
            drafted = edge.compose(node, scheme.max_drafts)
            parts = edge.seal(drafted).parts
            cloud.receive(view, parts)
            view, verified = cloud.verify(view, parts)
            node, _ = edge.resolve(drafted, verified.reply)
        for place in range(len(PROMPT), last):
            race = numbers.shared.exponentials(FOUR_TOKENS.vocabulary, place)
            before, token = node.committed[place - 1], node.committed[place]
            with np.errstate(divide="ignore"):
                won = int(np.argmin(race / FOUR_TOKENS.p[before]))
            if token != won:
                wrong += 1
                difference = (
                    difference or f"after token {before} comes {token}, and the verifier's own race is won by {won}"
                )
                break
    return Finding(wrong / RACES, f"{RACES} texts, each the verifier's own race", difference)


def _worst(findings: Iterator[Finding]) -> Finding:
    return max(findings, key=lambda each: each.tv)


def _text(tokens: tuple[int, ...]) -> str:
    return " ".join(map(str, tokens))
