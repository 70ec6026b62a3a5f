"""A distribution looked at before the draw: the same pass, the same draft, and a stop that leaves the pass in the
books."""

from __future__ import annotations

import numpy as np
import pytest
from tables_pair import PROMPTS, Q, Tables

from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.edge_session import EdgeSession
from simulator.decoding.nodes import Tree
from simulator.decoding.setting import DraftSetting
from simulator.schemes import Composed, Rungs
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.draw import RequestUniforms

PROMPT = PROMPTS[0].tokens[:6]
UNIFORMS = RequestUniforms.of(1)


def session(scheme: DraftScheme) -> EdgeSession:
    pair = Tables().load()
    setting = DraftSetting(lambda: pair, scheme, 8, 1.0)
    return RequestDecoding(setting, Tree(PROMPT, scheme.entry(None)), UNIFORMS).edge()


def test_a_look_shows_the_distribution_that_the_draft_is_drawn_from_and_changes_nothing() -> None:
    looking, plain = session(Composed()), session(Composed())
    one, _ = looking.draft(looking.start)
    assert np.array_equal(looking.look(one), Q[one.context()[-1]])
    looked, _ = looking.draft(one)
    drawn, _ = plain.draft(plain.draft(plain.start)[0])
    assert looked.context() == drawn.context() and looked.cached == drawn.cached


def test_a_stop_keeps_the_drafts_and_counts_the_pass() -> None:
    """The pass has read the last draft: where the round stands whole, only the bonus token is new to the cache."""
    edge = session(Composed())
    one, _ = edge.draft(edge.start)
    edge.look(one)
    stopped = edge.stop(one)
    assert (stopped.drafts, stopped.passes, stopped.cached, stopped.full) == (one.drafts, 2, one.length, True)
    drawn, _ = edge.draft(one)  # the other outcome of the same node
    assert drawn is not stopped and edge.stop(one) is stopped and len(drawn.drafts) == 2


def test_a_stop_without_a_look_is_refused() -> None:
    edge = session(Composed())
    one, _ = edge.draft(edge.start)
    with pytest.raises(AssertionError, match="without a look"):
        edge.stop(one)


def test_a_rung_is_a_branch_of_its_own_and_the_first_one_is_no_step() -> None:
    settings = [{"sparsifier": {"kind": "top_k", "k": k}} for k in (2, 8)]
    edge = session(Rungs.model_validate({"settings": settings}))
    assert edge.on_rung(edge.start, 0) is edge.start
    second = edge.on_rung(edge.start, 1)
    assert edge.on_rung(edge.start, 1) is second and second.state[0] == 1.0
    sizes = [edge.draft(node)[0].drafts[0].support_size for node in (edge.start, second)]
    assert sizes == [2, 8]
    with pytest.raises(AssertionError, match="between its drafts"):
        edge.on_rung(edge.draft(second)[0], 0)
