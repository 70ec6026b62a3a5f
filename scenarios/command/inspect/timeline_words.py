"""The words of a timeline: times in one unit, tokens as text or ids, verdicts, attempts of packets, the breakdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from models.interface import Speller
from scenarios.findings.aligned_columns import aligned
from simulator.results.observer import Airing
from simulator.results.spans import RoundSpans
from simulator.results.timeline import Timeline

LONG_S: Final = 1000.0
"""From here on a request's times are told in seconds."""
TIED: Final = "\u00a0"
"""Between a number and its unit, until lines are filled."""
_MOST_SPELLED: Final = 44
SMALL: Final = 0.05
_BAR: Final = 40
"""Characters of a bar for all of the time."""


def counted(number: int, what: str) -> str:
    """`1 token`, `3 tokens`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


class Words:
    """How one request is told. `speller` writes its tokens; without one, they go by their ids."""

    def __init__(self, speller: Speller | None, latency_s: float) -> None:
        self._speller = speller
        self.unit = "ms" if latency_s < LONG_S else "s"

    @property
    def speaks(self) -> bool:
        """Whether tokens are words."""
        return self._speller is not None

    def time(self, since_s: float) -> str:
        """A time, in the unit; a very small one with more digits."""
        number = since_s * (1e3 if self.unit == "ms" else 1.0)
        return f"{number:.3f}" if 0 < number < SMALL else f"{number:,.1f}"

    def duration(self, seconds: float) -> str:
        """A duration with the unit."""
        return f"{self.time(seconds)}{TIED}{self.unit}"

    def spelled(self, tokens: Sequence[int], most: int = _MOST_SPELLED) -> str:
        """Tokens as text in quotes, or ids; the end of a long one is left out."""
        text = " ".join(map(str, tokens)) if self._speller is None else repr(self._speller(tokens))
        return text if len(text) <= most else text[: most - 3] + "..."

    def drafts(self, spans: RoundSpans, number: int) -> str:
        """So many drafts, and which."""
        drafts = spans.drafts
        if not drafts.tokens:
            return counted(number, "token")
        depths: list[int] = []
        for parent in drafts.parents:
            depths.append(1 if parent < 0 else depths[parent] + 1)
        shape = f" as a tree, {max(depths)} deep" if drafts.branches else ""
        return f"{counted(number, 'token')}{shape} ({self.spelled(drafts.tokens)})"

    def verdict(self, spans: RoundSpans) -> str:
        """What became of the drafts, and which token came after those that stand."""
        drafts, record = spans.drafts, spans.record
        drafted, accepted = int(record.drafted), int(record.accepted)
        last = self.spelled(drafts.committed[-1:])
        if not drafted:
            return f"token {last}"
        ends_with_draft = len(drafts.committed) == accepted
        unjudged = f", {int(record.unjudged)} of them without judgement" if record.unjudged else ""
        if ends_with_draft:
            return f"all {counted(accepted, 'draft')} accepted{unjudged}; no token more, the next round builds on them"
        if drafts.branches and not accepted:
            return f"none of the tree's {drafted} drafts accepted; {last} resampled instead"
        if drafts.branches:
            path = self.spelled([drafts.tokens[place] for place in drafts.stood])
            return f"{accepted} of the tree's {drafted} drafts accepted, the path {path}; {last} after it"
        if accepted == drafted:
            return f"all {counted(drafted, 'draft')} accepted{unjudged}, and {last} as a bonus"
        rejected = f" {self.spelled(drafts.tokens[accepted : accepted + 1])}" if drafts.tokens else ""
        stood = f"{accepted} of {counted(drafted, 'draft')} accepted{unjudged}"
        return f"{stood};{rejected} rejected, {last} resampled instead"

    def airing(self, sent: Airing, since_s: float) -> str:
        """One attempt, from when it was ready on."""
        waited_s = sent.began_s - since_s
        waited = f"waits {self.duration(waited_s)}, " if waited_s > 0 else ""
        told = f"{waited}{sent.bits:,} bits on the air for {self.duration(sent.left_s - sent.began_s)}"
        if sent.lost:
            return f"{told}, LOST"
        return f"{told}, there {self.duration(sent.arrives_s - sent.left_s)} later"

    def part(self, state: str, seconds: float) -> str:
        """A part of the breakdown."""
        return f"{state.removesuffix('_s').replace('_', ' ')} {self.duration(seconds)}"


def told_breakdown(made: Timeline, words: Words) -> list[str]:
    """Where the request's time went, the largest part first."""
    parts = sorted(made.breakdown.items(), key=lambda item: -item[1])
    total_s = sum(made.breakdown.values())
    if not total_s:
        return ["Its time: none."]
    named = [(state.removesuffix("_s").replace("_", " "), seconds, seconds / total_s) for state, seconds in parts]
    rows = [[name, words.time(seconds), f"{share:.1%}", "#" * round(_BAR * share)] for name, seconds, share in named]
    rows.append(["together", words.time(total_s), "100.0%", ""])
    lines = aligned(["Where its time went", words.unit, "share", ""], [[*row[:3], row[3].ljust(_BAR)] for row in rows])
    return [line.rstrip() for line in lines.splitlines()]
