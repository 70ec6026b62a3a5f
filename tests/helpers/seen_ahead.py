"""A request whose rounds are drafted ahead of their verification results, seen from its arrival to its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan

from seen_requests import Following, RoundSeen
from slow_decoding import SlowRound
from slow_times import UPLINK, Stretch


@dataclass
class FollowingAhead(Following):
    """Chain after chain of rounds: all of one stand but the last, whose verification result voids those drafted on
    it."""

    def _ahead(self, start_s: float) -> None:
        """A chain of rounds that stand but for the last, then those drafted on that one for nothing, then the next.
        The prompt is in the cloud."""
        seen, chain = self.seen, list[RoundSeen]()
        free_s, judged_s, ready_s = start_s, self._job(self._prompt(start_s)).done_s, nan
        for decoded in self.decoding.rounds():
            round_ = self._sent(decoded, self._may_begin(chain, free_s))
            free_s = round_.sent_s
            self._hide(chain, round_, inf)
            number, ready_s = decoded.number, max(round_.received_s, judged_s)
            assert round_.up is not None
            self._round(*round_.up.stretches(number, UPLINK))
            self._round(Stretch(number, "cloud_queue_s" if chain else "prefill_s", round_.received_s, ready_s))
            job = self._job(ready_s)
            self._round(*job.stretches(number, "verify_s"))
            judged_s = job.done_s
            assert self._replied(round_, judged_s), "this cell's requests are all answered"
            chain.append(round_)
            if not decoded.stood:
                self._void(chain, decoded.void, free_s)
                free_s, chain = round_.answered_s, []
        seen.finish_s = free_s

    def _may_begin(self, chain: Sequence[RoundSeen], free_s: float) -> float:
        """When the round after these may be drafted: only so many verification results may be out."""
        out = len(chain) - self.device.scheme.depth - 1
        return max(free_s, chain[out].answered_s) if out >= 0 else free_s

    def _hide(self, chain: Sequence[RoundSeen], round_: RoundSeen, until_s: float) -> None:
        """The processor's work on a round, until then, is hidden while verification results on these are out."""
        if chain:
            hidden_s = min(round_.sent_s, chain[-1].answered_s, until_s) - round_.started_s
            self.seen.hidden_s += max(0.0, hidden_s)

    def _void(self, chain: Sequence[RoundSeen], void: Sequence[SlowRound], free_s: float) -> None:
        """Drafted on the last of these until its verification result comes."""
        seen, flushed_s, before = self.seen, chain[-1].answered_s, list(chain)
        stretches, work = list(seen.times.stretches), len(seen.work)
        for decoded in void:
            start_s = self._may_begin(before, free_s)
            if start_s >= flushed_s:
                break
            round_ = self._sent(decoded, start_s)
            self._hide(chain, round_, flushed_s)
            free_s, round_.flushed_s = round_.sent_s, flushed_s
            assert round_.up is not None
            round_.up.withdrawn_s = flushed_s
            if not round_.received_s <= flushed_s:
                round_.received_s = nan
            if not round_.sent_s <= flushed_s:
                round_.sent_s, round_.up = nan, None
            before.append(round_)
        seen.times.stretches = stretches  # nobody waits for them
        seen.work[work:] = [(from_s, min(to_s, flushed_s)) for from_s, to_s in seen.work[work:] if from_s < flushed_s]
