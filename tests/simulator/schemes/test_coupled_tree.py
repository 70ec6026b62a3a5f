"""Coupled trees: the text is the verifier's own race, whatever the tree; the tree is the drafter's first arrivals."""

from collections import Counter

import numpy as np
import pytest
from cells import PAIR as SYNTHETIC
from cells import cell, link
from decodings import PROMPT, decoding, rounds
from hypothesis import given, settings
from hypothesis import strategies as st
from plants import ran

from channels.codec.wire import CodecError
from models.interface import TokenTree
from models.verification import total_variation
from simulator import simulate
from simulator.checking.exact import THREE_TOKENS, P, Q, TinyPair, V
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.nodes import Tree, TreeNode, TreeVerified
from simulator.decoding.setting import DraftSetting
from simulator.schemes import CoupledTree
from simulator.schemes.draw import RequestUniforms
from simulator.schemes.rivals.coupled_tree import IdTreePackets

SHAPES: list[dict[str, object]] = [
    {"widths": [1]},
    {"widths": [3, 2], "max_drafts": 2},
    {"nodes": 8, "max_drafts": 8, "budget_bits": 100},
    {"nodes": 6, "budget_bits": 1},
]

LONG = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 96}

SMALL = {"kind": "coupled_tree", "nodes": 4}


def test_the_text_is_that_of_coupled_whatever_shape_drafter_and_link() -> None:
    same = ran(cell("coupled")).texts
    for shape in SHAPES:
        assert ran(cell({"kind": "coupled_tree", **shape})).texts == same, shape
    near, far = ({"pair": {**SYNTHETIC, "distance": distance}} for distance in (0.05, 0.6))
    lossy = link(2e3, loss={"kind": "bernoulli", "probability": 0.4}, mtu_bits=400)
    assert ran(cell(SMALL, models=near)).texts == ran(cell(SMALL, models=far, uplink=lossy)).texts == same
    assert ran(cell(SMALL, seed=1)).texts != same


def test_a_line_costs_what_the_raced_ids_of_coupled_do() -> None:
    """Each id by the race of its own position: of whole bytes a round, the same within a bit a round in the mean."""
    line, tree = (
        simulate(cell({"max_drafts": 4, **each}, workload=LONG)).rounds
        for each in ({"kind": "coupled"}, {"kind": "coupled_tree", "widths": [1]})
    )
    assert line["committed"].tolist() == tree["committed"].tolist()
    assert abs(line["payload_bits"].mean() - tree["payload_bits"].mean()) < 1


def slow_tree(scheme: CoupledTree, text: tuple[int, ...], levels: int, uniforms: RequestUniforms) -> list[list[int]]:
    """The paths of the tree that should be drafted, breadth first, by the shape and by sorting all times."""
    paths, grown = [list[int]()], list[list[int]]()
    for children, path in zip(scheme.shapes[0].children, paths, strict=False):  # which grows while it is walked
        if not children or len(path) >= levels:
            continue
        race, last = uniforms.shared.exponentials(V, len(text) + len(path)), (*text, *path)[-1]
        order = sorted(range(V), key=lambda token: race[token] / Q[last, token])[:children]
        grown += [[*path, token] for token in order]
        paths += [[*path, token] for token in order]
    return grown


def paths_of(tree: TokenTree) -> list[list[int]]:
    return [list(tree.along(tree.path_to(node))) for node in range(len(tree.tokens))]


widths = st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple)
schemes = st.builds(CoupledTree, widths=widths, max_drafts=st.integers(1, 3)) | st.builds(
    CoupledTree, nodes=st.integers(1, 12), max_drafts=st.integers(1, 4)
)


@given(schemes, st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_i12_a_tree_has_the_drafters_first_arrivals_and_the_text_is_the_verifiers_race(
    scheme: CoupledTree, seed: int
) -> None:
    """Beside sorts of all times, over four ids: what each node's children are, and each token of the text."""
    uniforms, text = RequestUniforms.of(seed), PROMPT
    for drafted, verified, tokens in rounds(decoding(scheme, uniforms), scheme.max_drafts):
        assert isinstance(drafted, TreeNode) and isinstance(verified, TreeVerified)
        small = max(scheme.shapes[0].children) <= V  # else the shape's nodes are not those of the tree
        if small:
            expected = slow_tree(scheme, text, scheme.max_drafts, uniforms)
            assert sorted(paths_of(drafted.tree)) == sorted(expected)
        for place, token in enumerate(tokens, start=len(text)):
            race = uniforms.shared.exponentials(V, place)
            assert token == min(range(V), key=lambda each: race[each] / P[(*text, *tokens)[place - 1], each])
        reached = list(tokens[: verified.accepted])
        assert not reached or reached in paths_of(drafted.tree)
        assert list(tokens) not in paths_of(drafted.tree), "a path is gone down as far as it leads"
        text = (*text, *tokens)
        if len(text) > 14:
            break


def test_a_token_that_the_verifier_never_says_and_one_that_the_drafter_never_drafts() -> None:
    """Over a pair with such tokens, all of its ids are children of each node: every round commits its levels and one
    more. With two, those of no weight are children where nothing else is left."""
    for pair, width in (
        (THREE_TOKENS, 3),
        (TinyPair(np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]), THREE_TOKENS.p), 2),
    ):
        scheme, prompt = CoupledTree(widths=(width,), max_drafts=2), (1, 2)
        uniforms = RequestUniforms.of(3)
        setting = DraftSetting(lambda pair=pair: pair.loaded, scheme, 3, 1.0)  # type: ignore[misc]
        found = rounds(RequestDecoding(setting, Tree(prompt, ()), uniforms), 2)
        text: tuple[int, ...] = prompt
        for (drafted, verified, tokens), _ in zip(found, range(4), strict=False):
            assert len(drafted.drafts) == width + width**2
            assert width < 3 or verified.accepted == 2
            text = (*text, *tokens)
        for place in range(2, len(text)):
            race = uniforms.shared.exponentials(3, place)
            with np.errstate(divide="ignore"):
                assert text[place] == int(np.argmin(race / pair.p[text[place - 1]]))


def test_divergences_are_those_of_the_positions_along_the_path() -> None:
    """By this test's own distributions: q and p of the text and of each node that stands and has children."""
    scheme, text = CoupledTree(widths=(2, 1), max_drafts=3), PROMPT
    for (drafted, verified, tokens), _ in zip(rounds(decoding(scheme), 3), range(12), strict=False):
        assert isinstance(drafted, TreeNode) and isinstance(verified, TreeVerified)
        places = [(*text, *tokens)[len(text) - 1 + n] for n in range(len(tokens))]
        judged = places[: min(len(tokens), 3)]
        apart = sum(float(total_variation(P[last], Q[last])) for last in judged)
        bound = sum(2 * d / (1 + d) for d in (float(total_variation(P[last], Q[last])) for last in judged))
        found = verified.divergences
        assert (found.tv_mismatch, found.tv_qhat) == pytest.approx((apart, apart))
        assert (found.rejection_bound, found.tv_output) == pytest.approx((bound, 0.0))
        assert found.nll == pytest.approx(-sum(np.log(P[a, b]) for a, b in zip(places, tokens, strict=True)))
        text = (*text, *tokens)


def test_packets_are_written_within_a_request() -> None:
    packets = CoupledTree().packets(64)
    assert isinstance(packets, IdTreePackets)
    with pytest.raises(CodecError, match="outside of a request"):
        packets.decode(b"\x00", ())


CHOOSING = {"kind": "coupled_tree", "nodes": [3, 12], "policy": {"kind": "goodput", "learning_rounds": 4}}


def drafted(scheme: object, bps: float, **fields: object) -> Counter[int]:
    """How many rounds of so many nodes there were, 0 of those that were left to the cloud; over a cloud whose own
    tokens take 100 ms. Their text is that of `coupled`."""
    slow = {"batching": "none", "latency": {"kind": "constant", "per_pass_s": 0.1}}
    run, line = (ran(cell(each, bps, workload=LONG, cloud=slow, **fields)) for each in (scheme, "coupled"))
    assert run.texts == line.texts
    return Counter(each.drafted for request in run.requests for each in request.rounds)


def test_i12_a_policy_may_choose_the_shape_and_leave_rounds_to_the_cloud() -> None:
    """`goodput` learns of two shapes, in turn, then takes the large one where bits are cheap, and the cloud's own
    tokens where they are not; whatever it does, the text is the verifier's race."""
    cheap, dear = drafted(CHOOSING, 1e6), drafted(CHOOSING, 400.0)
    assert cheap[12] > 10 > cheap[3] >= 4 and cheap[0] < 30
    assert dear[12] < 10 and dear[0] > 40


@pytest.mark.parametrize(
    "policy", [{"kind": "running_acceptance", "first_length": 2}, {"kind": "ucb_specstop", "longest": 4}]
)
def test_policies_of_lengths_decide_how_many_levels_a_tree_has(policy: dict[str, object]) -> None:
    found = drafted({"kind": "coupled_tree", "widths": [2, 1], "policy": policy}, 1e4)
    assert found[4] and set(found) <= {2, 4, 6, 8}


def test_a_good_uplink_has_the_last_shape_and_a_bad_one_the_first() -> None:
    scheme = {"kind": "coupled_tree", "nodes": [3, 12], "policy": "qs_heuristic"}
    rate = {"kind": "trace", "points": [[0, 1e3], [3, 5e4]], "period_s": 6}
    found = drafted(scheme, 1e4, uplink=link(1e4, rate=rate))
    assert found[3] and found[12]
