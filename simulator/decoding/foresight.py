"""What no edge can know: how likely the cloud is to reject a draft that has not been drawn. For oracles alone.

It has texts of its own, so that neither end's cache sees its passes, and they take no time.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from kinds.arrays import Floats
from models.interface import CachedText
from models.verification import total_variation
from simulator.decoding.nodes import EdgeNode
from simulator.decoding.setting import DraftSetting
from simulator.schemes.sparsifier import State


class Foresight:
    """Of one request."""

    def __init__(self, setting: DraftSetting) -> None:
        self._setting = setting

    @cached_property
    def _texts(self) -> tuple[CachedText, CachedText]:
        pair, temperature = self._setting.pair(), self._setting.temperature
        return pair.drafter.open(temperature), pair.verifier.open(temperature)

    def rejected(self, node: EdgeNode, rung: int) -> tuple[float, ...]:
        """TV(qhat_n, p_n) of the draft that would come next, by rung: of all before a round's first draft, after it of
        the round's own, else nan. Of the whole support, where the budget would cut it."""
        scheme = self._setting.scheme
        q, p = (text.laws(node.context(), 1)[0] for text in self._texts)
        if node.drafts:
            found = [float("nan")] * scheme.rungs
            found[rung] = self._apart(q, p, node.drafts[-1].state)
            return tuple(found)
        return tuple(self._apart(q, p, scheme.on_rung(node.state, each)) for each in range(scheme.rungs))

    def _apart(self, q: Floats, p: Floats, state: State) -> float:
        proposal = self._setting.scheme.propose(q, state)
        qhat = np.zeros_like(p)
        qhat[proposal.ids] = proposal.counts / proposal.counts.sum()
        return float(total_variation(qhat, p))
