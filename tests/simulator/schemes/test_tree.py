"""Token trees and several candidates a position: what they are beside the line of drafts, what they cost, what they
refuse."""

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from cells import cell
from decodings import decoding
from plants import Watch, ran
from trees import ConformalTree

from channels.codec import wire
from kinds import ConfigError
from models.latency.latency import Latency
from models.verification import total_variation
from simulator import Cell, simulate
from simulator.decoding.nodes import TreeNode, TreeVerified
from simulator.results.requests import Request
from simulator.results.rounds import OpenRound
from simulator.schemes import EntropyExit, MultiCandidate, TreeDrafts
from simulator.schemes.acceptance import Coupling
from simulator.schemes.code import HalfFloats
from simulator.schemes.draw import FromUnquantized, RequestUniforms

ASKED = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 24}


def tables(scheme: object) -> tuple[object, ...]:
    """What a run leaves, less the name of its cell."""
    result = simulate(cell(scheme, workload=ASKED))
    return tuple(table.drop(columns="cell").to_dict("list") for table in (result.rounds, result.requests))


@pytest.mark.parametrize("budget_bits", [5000, 150])
def test_a_tree_of_one_branch_and_one_candidate_a_position_are_k_sqs(budget_bits: int) -> None:
    common = {"k": 4, "max_drafts": 6, "budget_bits": budget_bits}
    line = tables({"kind": "k_sqs", **common})
    assert tables({"kind": "tree", "widths": [1], **common}) == line
    assert tables({"kind": "multi_candidate", "candidates": 1, **common}) == line


@pytest.mark.parametrize("rollback", ["through_rejection", "accepted_only", "none"])
def test_a_threshold_moves_along_one_branch_as_along_a_line(rollback: str) -> None:
    rule = {"target": 0.05, "step": 0.1, "initial": 0.05, "rollback": rollback, "max_drafts": 5}
    line = tables({"kind": "c_sqs", **rule})
    branch, tree = (ConformalTree.model_validate({"widths": [width] * 5, **rule}) for width in (1, 2))
    assert tables(branch.model_dump()) == line != tables(tree.model_dump())


class SentAndVerified(Watch):
    """Keeps what was sent and verified of each round, by request."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds: dict[int, list[tuple[TreeNode, TreeVerified]]] = defaultdict(list)

    def on_drafts(self, request: Request, notes: OpenRound) -> None:
        assert isinstance(notes.sent, TreeNode) and isinstance(notes.verified, TreeVerified)
        self.rounds[request.number].append((notes.sent, notes.verified))


def test_a_threshold_is_that_of_the_path_that_stands() -> None:
    """It has moved for each draft that stood, and for the distribution whose children were all rejected, if there was
    one."""
    scheme = ConformalTree(widths=(2, 2, 2), max_drafts=3, target=0.0, step=0.01, initial=0.05)
    seen, late = SentAndVerified(), 0
    ran(cell(scheme.model_dump(), workload=ASKED), watch=seen)
    for (sent, judged), (after, _) in (pair for rounds in seen.rounds.values() for pair in pairwise(rounds)):
        distribution = [sent.state] if not judged.path else [sent.drafts[judged.path[-1]].state]
        distribution += [
            sent.drafts[child].state for child in sent.tree.children(judged.path[-1] if judged.path else -1)
        ]
        assert after.state == distribution[-1] != sent.state
        late += any(node != sent.tree.children(sent.tree.parents[node])[0] for node in judged.path)
    assert late >= 2, "paths that a first child does not lead down"


def test_divergences_are_those_of_the_positions_along_the_path() -> None:
    """By this test's own distributions: of the text and each node that stands, as far as they have children."""
    seen, made = SentAndVerified(), cell({"kind": "tree", "widths": [3, 2], "k": 6, "max_drafts": 3}, workload=ASKED)
    ran(made, watch=seen)
    pair = made.models.pair.load()
    verifier, drafter = pair.verifier.open(1.0), pair.drafter.open(1.0)
    for sent, judged in (each for rounds in seen.rounds.values() for each in rounds):
        mismatch, from_qhat, nll = 0.0, 0.0, 0.0
        for at, token in zip((-1, *judged.path), judged.committed, strict=True):
            text = (*sent.committed, *sent.tree.along(sent.tree.path_to(at)))
            p, q = (model.distributions(text, 1)[0] for model in (verifier, drafter))
            nll -= np.log(p[token])
            if children := sent.tree.children(at):
                distribution = sent.drafts[children[0]].draft
                qhat = np.zeros_like(q)
                qhat[distribution.support] = distribution.counts / distribution.counts.sum()
                mismatch += float(total_variation(q, p))
                from_qhat += float(total_variation(qhat, p))
        found = judged.divergences
        assert (found.tv_mismatch, found.tv_qhat, found.nll) == pytest.approx((mismatch, from_qhat, nll))
        assert found.verified == judged.accepted + bool(sent.tree.children(judged.path[-1] if judged.path else -1))


def test_a_drafter_runs_once_a_level_and_a_verifier_once_over_all_nodes() -> None:
    """Affine clocks tell the tokens of each pass: 1 s a pass, 1 ms a new token, 1 us a cached one."""
    affine = {"kind": "affine", "base_s": 1.0, "per_token_s": 1e-3, "per_cached_token_s": 1e-6}
    workload = {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 5}
    scheme = {"kind": "tree", "widths": [3, 2, 1], "max_drafts": 3, "k": 6, "budget_bits": None}
    made = cell(
        scheme,
        workload=workload,
        edge={"latency": affine, "encode_s_per_draft": 0.1},
        cloud={"batching": "none", "latency": affine},
    )
    request = ran(made).requests[0]
    first = request.rounds[0]
    assert (first.drafted, first.edge_passes) == (3 + 6 + 6, 3)
    passes_s = [1 + 8e-3, 1 + 3e-3 + 8e-6, 1 + 6e-3 + 11e-6]
    distributions = 1 + 3 + 6
    assert first.sent_s == pytest.approx(sum(passes_s) + 0.1 * distributions)
    assert first.verified_s == pytest.approx(first.received_s + 1 + 16e-3 + 7e-6)


def test_a_requests_memory_has_room_for_the_tree() -> None:
    scheme = TreeDrafts(widths=(3, 2, 1), max_drafts=4)
    assert (scheme.drafts, scheme.distributions, scheme.max_drafts) == (3 + 6 + 6 + 6, 1 + 3 + 6 + 6, 4)
    assert (
        MultiCandidate(candidates=3, max_drafts=5).drafts,
        MultiCandidate(candidates=3, max_drafts=5).distributions,
    ) == (15, 5)
    fields = {"scheme": scheme.model_dump(), "workload": ASKED}
    needed = 8 + 24 + 21 + 1
    Cell.from_fields({**fields, "cloud": {"kv_tokens": needed}})
    with pytest.raises(ConfigError, match=f"must hold one whole request, {needed} tokens"):
        Cell.from_fields({**fields, "cloud": {"kv_tokens": needed - 1}})


ONLY = "the one that is defined for trees"


@pytest.mark.parametrize(
    ("part", "value", "complaint"),
    [
        ("draw", FromUnquantized(), f"draw = 'unquantized': must be 'counts', {ONLY}"),
        ("acceptance", Coupling(), f"acceptance = 'coupling': must be 'rejection', {ONLY}"),
        ("policy", EntropyExit(), f"policy = 'entropy_exit': must be 'fixed_length', {ONLY}"),
        ("code", HalfFloats(), "code = 'halves': carries quantizer 'halves'"),
    ],
)
def test_parts_that_no_tree_is_made_of_are_refused(part, value, complaint, monkeypatch):
    families = replace(TreeDrafts().made_of(), **{part: value})  # type: ignore[arg-type]
    monkeypatch.setattr(TreeDrafts, "made_of", lambda self: families)
    with pytest.raises(ValueError, match=complaint):
        TreeDrafts().packets(64)


def test_a_reply_that_names_no_node_of_the_tree_is_refused() -> None:
    scheme = TreeDrafts(k=2, resolution=5, max_drafts=2, widths=(2,))
    request = decoding(scheme, RequestUniforms.of(1))
    edge, formats = request.edge(), request.format
    drafted = edge.compose(edge.start, 1)
    assert len(drafted.drafts) == 2
    assert edge.resolve(drafted, wire.encode_feedback(2, 3, formats))[1] == (drafted.drafts[1].draft.token, 3)
    with pytest.raises(wire.CodecError, match="reply to round 1: draft 3 of 2"):
        edge.resolve(drafted, wire.encode_feedback(3, 3, formats))


def test_a_drafters_clock_must_know_passes_over_a_whole_level(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, float, float]] = []
    monkeypatch.setattr(Latency, "check_range", lambda self, most: asked.append(most))
    scheme = {"kind": "tree", "widths": [3, 2, 1], "max_drafts": 4}
    cell(scheme, workload={**ASKED, "prompt_tokens": 4})
    assert (1, 6, 4 + 24 + 21) in asked
