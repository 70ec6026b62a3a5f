"""An edge that looks at a distribution before its draw, and one that drafts rounds ahead."""

import numpy as np
import pytest
from decodings import PROMPT, decoding
from tables_pair import PROMPTS, Q, Tables

from channels.codec.wire import CodecError, encode_count, encode_feedback
from channels.uniforms import Uniforms
from simulator.checking.exact import V
from simulator.checking.paths import ScriptedNumbers
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.edge_session import EdgeSession
from simulator.decoding.lookahead import Lookahead
from simulator.decoding.nodes import EdgeNode, Tree
from simulator.decoding.setting import DraftSetting
from simulator.schemes import Composed, CSqs, Rungs
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.draw import RequestUniforms

TEXT = PROMPTS[0].tokens[:6]
UNIFORMS = RequestUniforms(*(Uniforms.of(1, purpose).keyed(0, 0) for purpose in ("draft", "verdict", "shared")))


def session(scheme: DraftScheme) -> EdgeSession:
    pair = Tables().load()
    setting = DraftSetting(lambda: pair, scheme, 8, 1.0)
    return RequestDecoding(setting, Tree(TEXT, scheme.entry(None)), UNIFORMS).edge()


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


SCHEME = CSqs(resolution=5, max_drafts=2, initial=0.2, step=0.3, target=0.1, depth=2)


def drafted(output_tokens: int) -> tuple[EdgeSession, EdgeNode]:
    """An edge that has drafted the first round."""
    uniforms = RequestUniforms(ScriptedNumbers(rest=0.6), ScriptedNumbers(), Uniforms.of(0, "shared"))
    edge = decoding(SCHEME, uniforms, Lookahead(SCHEME.depth, len(PROMPT) + output_tokens)).edge()
    return edge, edge.compose(edge.start, 2)


def test_a_round_that_stands_goes_on_with_the_round_drafted_on_it() -> None:
    edge, node = drafted(output_tokens=8)
    ahead = edge.successor(node)
    assert ahead is not None and ahead.committed == node.context() and ahead.round == 2
    assert ahead.state == node.drafts[-1].state, "a conformal threshold goes on from the last draft"
    packets = SCHEME.packets(V)
    settled, tokens = edge.resolve(node, encode_count(2, packets.format))
    assert settled is ahead and tokens == node.context()[2:]


def test_a_rejection_settles_the_state_by_the_judged_round_alone_and_skips_the_numbers_of_the_void_rounds() -> None:
    edge, node = drafted(output_tokens=8)
    ahead = edge.successor(node)
    assert ahead is not None
    edge.compose(ahead, 2)
    settled, tokens = edge.resolve(node, encode_feedback(0, 3, SCHEME.format(V)))
    assert tokens == (3,) and settled.committed == (*PROMPT, 3) and settled.cached == len(PROMPT)
    assert settled.state == node.drafts[0].state and settled.round == 1 + SCHEME.depth + 1


def test_a_token_where_none_can_be_is_refused() -> None:
    """I8: all drafts are accepted and a successor is promised, so no cloud has written this."""
    edge, node = drafted(output_tokens=8)
    with pytest.raises(CodecError, match="reply to round 1: has a token"):
        edge.resolve(node, encode_feedback(2, 3, SCHEME.format(V)))
    last, node = drafted(output_tokens=3)
    assert last.successor(node) is None
    _, tokens = last.resolve(node, encode_feedback(2, 3, SCHEME.format(V)))
    assert tokens == (*node.context()[2:], 3), "where the answer ends, the bonus token ends it"
