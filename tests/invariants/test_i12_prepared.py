"""I12 where rounds are prepared: whatever was drafted while a round was out, and whenever the reply came, the text
follows the verifier.

Shown of the shipped simulator, from the prompt to the last token, over every path of the draws, with passes and losses
that take time; and that it would not hold if an edge sent what it has prepared only where it likes the drafts.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import simulated
from cells import link
from heard import Looking
from simulated import Paths, Simulated, written_cell

from simulator.cell.cell import Cell
from simulator.checking.exact import _verification_points, distance, verifier_distribution
from simulator.checking.paths import ScriptedNumbers, outcomes
from simulator.decoding.edge_session import EdgeSession, Foreseen
from simulator.decoding.nodes import EdgeNode
from simulator.protocols.prepared import PreparedEdge
from simulator.schemes.acceptance import Block

Q = ((0.3, 0.5, 0.2), (0.6, 0.1, 0.3), (0.25, 0.25, 0.5))
P = ((0.6, 0.3, 0.1), (0.2, 0.3, 0.5), (0.4, 0.2, 0.4))
K_SQS: dict[str, Any] = {"kind": "k_sqs", "k": 2, "resolution": 5, "max_drafts": 2, "prepared": 3}
AHEAD = K_SQS | {"prepared": 2, "prepared_at": "cloud"}
TOLD = {"kind": "selective_repeat", "timeout_s": 0.09, "timer_jitter": 0}
NOW_AND_THEN = {"loss": Looking(period_s=0.11, share=0.4)}


def made(scheme: dict[str, Any], pass_s: float = 0.03, up: Any = None, down: Any = None, tokens: int = 4) -> Cell:
    """A few tokens over 1 and 3 kbit/s, on which what is sent takes as long as it has bits."""
    return written_cell(
        scheme, Q, P, tokens,
        uplink=link(1e3, header_bits=8, arq=TOLD, **(up or {})),
        downlink=link(3e3, header_bits=8, arq=TOLD, **(down or {})),
        edge={"latency": {"kind": "affine", "base_s": pass_s, "per_token_s": 0.002}},
        cloud={"batching": "none", "latency": {"kind": "affine", "base_s": 0.05, "per_token_s": 0.001}},
    )  # fmt: skip


def bend(cell: Cell) -> float:
    """How far the text is from the verifier's."""
    tokens = cell.workload.output_tokens
    return distance(Simulated(cell).distribution, verifier_distribution((0,), tokens, np.array(P)))


@contextmanager
def every_way() -> Iterator[None]:
    """Block verification goes each of its ways too, found by where its outcome changes."""
    judge, scripted = Block.judge, simulated._scripted

    @contextmanager
    def also_blocks(paths: Paths) -> Iterator[None]:
        def verified(self: Block, distribution_after: Any, received: Any, uniforms: Any) -> Any:
            line, numbers = tuple(received.drafts.tolist()), ScriptedNumbers()
            p = np.array([distribution_after(line[:n]) for n in range(len(line) + 1)])

            def alone() -> Any:
                request = simulated.RequestUniforms(numbers, numbers, uniforms.request.shared)
                return judge(self, distribution_after, received, uniforms._replace(request=request))

            ways = list(outcomes(alone, numbers, _verification_points(p, received)))
            numbers.give(ways[paths.choose([share for _, share in ways])][0])
            return alone()

        with scripted(paths), patch.object(Block, "judge", verified):
            yield

    with patch.object(simulated, "_scripted", also_blocks):
        yield


CASES: dict[str, Cell] = {
    "rejection": made(K_SQS),
    "rejection, lost in time": made(K_SQS, up=NOW_AND_THEN, down=NOW_AND_THEN, tokens=3),
    "rejection, lost in time, longer": made(K_SQS, up=NOW_AND_THEN, down=NOW_AND_THEN),
    "rejection, slow passes": made(K_SQS | {"prepared": 2}, pass_s=0.09, up=NOW_AND_THEN),
    "c_sqs, lost in time": made(
        {"kind": "c_sqs", "initial": 0.2, "step": 0.3, "resolution": 5, "max_drafts": 2, "prepared": 3}, up=NOW_AND_THEN
    ),
    "the cloud starts": made(K_SQS | {"cloud_first": True}, up=NOW_AND_THEN),
    "sent ahead": made(AHEAD, up=NOW_AND_THEN, tokens=2),
    "sent ahead, lost in time": made(AHEAD, up=NOW_AND_THEN, down=NOW_AND_THEN, tokens=3),
    "sent ahead, slow passes": made(AHEAD, pass_s=0.09, up=NOW_AND_THEN, tokens=3),
    "sent ahead, the cloud starts": made(AHEAD | {"cloud_first": True}, up=NOW_AND_THEN),
}
FAST = ("rejection, lost in time", "sent ahead")


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in CASES])
def test_i12_whatever_was_prepared(name: str) -> None:
    assert bend(CASES[name]) < 1e-12


@pytest.mark.parametrize(
    ("scheme", "fields"),
    [
        (K_SQS, {"up": NOW_AND_THEN, "tokens": 3}),
        pytest.param(K_SQS, {"down": NOW_AND_THEN, "tokens": 3}, marks=pytest.mark.slow),
        (AHEAD, {"up": NOW_AND_THEN, "tokens": 2}),
        pytest.param(AHEAD, {"up": NOW_AND_THEN, "tokens": 3}, marks=pytest.mark.slow),
    ],
    ids=["up", "down", "sent ahead", "sent ahead, further"],
)
def test_i12_with_block_verification(scheme: dict[str, Any], fields: dict[str, Any]) -> None:
    with every_way():
        assert bend(made(scheme | {"acceptance": "block"}, **fields)) < 1e-6


@pytest.mark.slow
def test_i12_an_edge_that_drafts_a_branch_again_where_it_does_not_like_it_bends_the_distribution(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control of those that are sent ahead: branches are drafted anew where one begins with token 0."""
    foresee = EdgeSession.foresee

    def again(self: EdgeSession, began: EdgeNode, node: EdgeNode, outcomes: Sequence[Foreseen]) -> list[EdgeNode]:
        found = foresee(self, began, node, outcomes)
        if any(each.drafts[0].draft.token == 0 for each in found):
            for _, begins in node.foreseen:
                begins.then_draft, begins.then_compose = None, ()
            found = foresee(self, began, node, outcomes)
        return found

    monkeypatch.setattr(EdgeSession, "foresee", again)
    assert bend(made(AHEAD | {"max_drafts": 1}, tokens=3)) > 0.003


def test_i12_an_edge_that_drafts_a_hit_again_where_it_does_not_like_it_bends_the_distribution(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: a round that was prepared is drafted anew where its first draft is token 0."""
    compose = EdgeSession.compose
    hits = list[bool]()

    def again(self: EdgeSession, node: EdgeNode, drafts: int) -> EdgeNode:
        found = compose(self, node, drafts)
        if hits and hits[-1] and found.drafts[0].draft.token == 0:
            node.then_draft, node.then_compose = None, ()
            found = compose(self, node, drafts)
        return found

    close = PreparedEdge._close

    def noted(self: PreparedEdge, node: EdgeNode, tokens: tuple[int, ...]) -> None:
        close(self, node, tokens)
        hits.append(self._hit)

    monkeypatch.setattr(EdgeSession, "compose", again)
    monkeypatch.setattr(PreparedEdge, "_close", noted)
    assert bend(made(K_SQS, tokens=3)) > 0.003
    assert any(hits) and not all(hits)
