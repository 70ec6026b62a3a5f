"""What both ends of a request know of rounds drafted ahead, and what they refuse to be told."""

from __future__ import annotations

import pytest
from decodings import PROMPT, decoding

from channels.codec.wire import CodecError, encode_count, encode_feedback
from channels.uniforms import Uniforms
from simulator.checking.exact import V
from simulator.checking.paths import ScriptedNumbers
from simulator.decoding.edge_session import EdgeSession
from simulator.decoding.lookahead import Lookahead
from simulator.decoding.nodes import EdgeNode
from simulator.schemes import CSqs
from simulator.schemes.draw import RequestUniforms

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


def test_a_rejection_settles_the_state_by_the_verified_round_alone_and_skips_the_numbers_of_the_void_rounds() -> None:
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
