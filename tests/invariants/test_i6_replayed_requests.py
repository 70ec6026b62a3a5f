"""A half-remembered request makes the passes of a live one, one by one: same texts, same crops, same distributions
requested."""

import random
from typing import Any

import pytest
from watched_texts import WatchedModel

from models.interface import LoadedPair
from models.pair_cards import load
from simulator import Cell
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.edge_session import EdgeSession
from simulator.decoding.nodes import EdgeNode, Tree
from simulator.decoding.setting import DraftSetting
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.draw import RequestUniforms
from simulator.schemes.policy import most_drafts

Calls = list[tuple[Any, ...]]
TOKENS = 20
SCHEMES: dict[str, object] = {
    "k_sqs": "k_sqs",
    "c_sqs": {"kind": "c_sqs", "initial": 0.05},
    "full": {"kind": "k_sqs", "k": 4, "budget_bits": 60},
    "parts": {"kind": "k_sqs", "k": 4, "partial": True, "max_drafts": 6},
    "dssd": {"kind": "dssd", "k": 4},
}
ALONE = tuple(scheme for scheme in SCHEMES if scheme != "dssd")
"""Those whose cloud can decode by itself."""
TREES: dict[str, object] = {
    "tree": {"kind": "tree", "widths": [2, 1, 2], "k": 4},
    "cut tree": {"kind": "tree", "widths": [2], "k": 4, "budget_bits": 200},
    "comb": {"kind": "multi_candidate", "k": 4},
}


class Bench:
    """Decodings of one request of a scheme."""

    def __init__(self, fields: object) -> None:
        cell = Cell.from_fields({"models": {"pair": "synthetic"}, "scheme": fields})
        scheme = cell.classes[0].scheme
        assert isinstance(scheme, DraftScheme)
        self.pair = load(cell.models.pair)
        self.scheme = scheme
        self.prompt = self.pair.prompts[0].first(6).tokens
        self.room_bits = 200 if scheme.partial else None
        self.passes = 0
        """The number of passes that the last decoding made before it was asked to catch up."""

    def tree(self) -> Tree:
        return Tree(self.prompt, self.scheme.entry(None))

    def run(self, tree, tokens, rounds, *, stepwise=False, least=None, remember=True):
        """What a decoding over the tree commits, and what was requested of drafter and verifier by its end. `stepwise`:
        it drafts one by one, as for a policy that is asked, and not a round at once. `least`: it looks at each
        distribution after a round's first, and stops where none of its probabilities reaches that; the cloud then
        decodes a token."""
        drafter, verifier = Calls(), Calls()
        pair = LoadedPair(
            WatchedModel(self.pair.drafter, lambda _, *call: drafter.append(call)),  # type: ignore[arg-type]
            WatchedModel(self.pair.verifier, lambda _, *call: verifier.append(call)),  # type: ignore[arg-type]
            self.pair.prompts,
        )
        setting = DraftSetting(lambda: pair, self.scheme, self.pair.vocabulary, 1.0, self.room_bits)
        decoding = RequestDecoding(setting, tree, RequestUniforms.of(1), remember=remember)
        answered = self._play(decoding, tokens, rounds, stepwise or least is not None, least)
        self.passes = len(drafter) + len(verifier)
        assert decoding.drafter.cached and decoding.verifier.cached  # which makes all passes that were skipped
        return answered, drafter, verifier

    def _play(self, decoding, tokens, rounds, stepwise, least):
        answered: list[object] = []
        edge, cloud = decoding.edge(), decoding.cloud()
        node, view = edge.start, cloud.prefill(cloud.start(self.prompt))
        while tokens > 0 and len(answered) < rounds:
            most = most_drafts(self.scheme.max_drafts, tokens)
            composed = node if stepwise else edge.compose(node, most)
            while stepwise and len(composed.drafts) < most and not composed.full:
                composed = one_more(edge, composed, least)
            parts = edge.seal(composed).parts
            if self.room_bits is not None:
                parts = parts[: random.Random(node.round).randint(1, len(parts))]
            cloud.receive(view, parts)
            view, verified = cloud.verify(view, parts)
            node, committed = edge.resolve(composed, verified.reply)
            tokens -= len(committed)
            answered.append((len(composed.drafts), committed))
            if least is not None and tokens > 0 and composed.full:
                cloud.receive(view, ())
                view, verified = cloud.verify(view, ())
                node, committed = edge.resolve(node, verified.reply)
                tokens -= 1
                answered.append((0, committed))
        return answered


def one_more(edge: EdgeSession, node: EdgeNode, least: float | None) -> EdgeNode:
    """A draft, or a stop before it."""
    if least is not None and node.drafts and edge.look(node).max() < least:
        return edge.stop(node)
    return edge.draft(node)[0]


@pytest.mark.parametrize("scheme", [*SCHEMES, *TREES])
def test_a_replay_that_ends_anywhere_makes_the_calls_of_a_live_run(scheme: str) -> None:
    """Remembered are the first rounds of the same answer, or of a longer or shorter one, whose last round differs."""
    bench = Bench({**SCHEMES, **TREES}[scheme])
    live = bench.run(bench.tree(), TOKENS, 99, remember=False)
    assert scheme != "full" or any(drafts < 8 for drafts, _ in live[0][:-1])  # type: ignore[misc]
    for rounds, tokens in ((1, TOKENS), (2, 7), (2, 40), (3, 13), (5, TOKENS), (6, 40)):
        tree = bench.tree()
        bench.run(tree, tokens, rounds)
        assert bench.run(tree, TOKENS, 99) == live, f"{rounds} rounds of {tokens} tokens remembered"
        assert bench.run(tree, TOKENS, 99) == live, "all of it remembered"
        assert bench.passes == 0


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("stepwise", [False, True])
def test_what_was_drafted_at_once_is_remembered_one_by_one_and_the_other_way_round(scheme: str, stepwise: bool) -> None:
    bench = Bench(SCHEMES[scheme])
    live = bench.run(bench.tree(), TOKENS, 99, remember=False)
    assert bench.run(bench.tree(), TOKENS, 99, stepwise=True, remember=False) == live
    for rounds in (1, 2, 3, 99):
        tree = bench.tree()
        bench.run(tree, TOKENS, rounds, stepwise=stepwise)
        assert bench.run(tree, TOKENS, 99, stepwise=not stepwise) == live


@pytest.mark.parametrize("scheme", ALONE)
def test_a_distribution_that_is_looked_at_is_one_pass_whatever_is_remembered_of_its_draw(scheme: str) -> None:
    """Over trees that were filled without looking, by stops elsewhere, or by itself: the calls of a live run."""
    bench = Bench(SCHEMES[scheme])
    live = bench.run(bench.tree(), TOKENS, 99, least=0.3, remember=False)
    others: list[dict[str, Any]] = [{}, {"stepwise": True}, {"least": 0.5}, {"least": 0.3}]
    assert len({str(bench.run(bench.tree(), TOKENS, 99, **each)[0]) for each in others}) > 1
    for rounds in (1, 2, 99):
        for other in others:
            tree = bench.tree()
            bench.run(tree, TOKENS, rounds, **other)
            assert bench.run(tree, TOKENS, 99, least=0.3) == live, (rounds, other)
