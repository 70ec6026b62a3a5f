"""Rounds drafted ahead of a verification result: the rule by which both ends of a request know of them.

Round t + 1 may be drafted on all drafts of round t, and falls with them. Which reply then carries a token must not
depend on when anything arrives: a payload's length, and so its arrival, tells of the drafts in it, and a token that is
given because a successor is late bends the output distribution (I12). So both ends go by what they hold: a successor is
promised if, should the drafts of a round be accepted, the answer goes on by two tokens at least.

* All drafts are accepted and a successor is promised: the drafts are committed and no token. Round t + 1 is verified
  next. Of a tree that is so where its first path is accepted, along first children down to a leaf: on it the successor
  is drafted.
* A round without drafts is a token of the cloud's own. Nothing is drafted on it, and the next one is round t + 1.
* Otherwise the correction, or the bonus token, is committed with what was accepted. The rounds drafted on round t are
  void. They are t + 1 to t + D at most, and the next one is round t + D + 1, however many of them had been drafted: the
  cloud tells void rounds by their number, and the tokens do not depend on time.
"""

from __future__ import annotations

from typing import NamedTuple

from simulator.results.requests import holds_any

Tokens = tuple[int, ...]


class Lookahead(NamedTuple):
    """Number of a request's rounds that may be drafted ahead, and the end of its answer."""

    depth: int
    """D."""
    text_tokens: int
    """The most tokens of prompt and answer together."""
    end_tokens: Tokens = ()
    """The answer ends with any of them that comes before."""

    def step(self, drafts: int) -> int:
        """Returns the step from a round of so many drafts, whose reply had a token, to the number of the next round."""
        return self.depth + 1 if drafts else 1

    def promises(self, committed: Tokens, drafts: Tokens) -> bool:
        """True if a round with these drafts after this text has a successor, should all of them be accepted."""
        left_tokens = self.text_tokens - len(committed) - len(drafts)
        return self.depth > 0 < len(drafts) and left_tokens >= 2 and not holds_any(drafts, self.end_tokens)


SYNCHRONOUS = Lookahead(0, 0)
"""No round is drafted ahead."""
