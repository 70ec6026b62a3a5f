"""I12 where the cloud begins and the edge joins: how many tokens are the cloud's own is settled by clocks, links and
losses, and the text follows the verifier all the same.

Shown of the shipped simulator, from the prompt to the last token, with reading, passes and losses that take time, over
every path of the draws; and that it would not hold where the join looked at the token that is being drawn.
"""

from typing import Any, Literal

import numpy as np
import pytest
from cells import cell, link
from heard import Looking
from simulated import Simulated, written_cell

from simulator.cell.cell import Cell
from simulator.checking.exact import Enumeration, distance, verifier_distribution
from simulator.decoding.nodes import EdgeNode
from simulator.protocols.cloud_first import CloudFirstCloud, CloudFirstEdge
from simulator.protocols.machine import JobDone, Steps
from simulator.schemes.policy import DRAFT, SEND, Action, CloudDecodes, EdgeView, Policy, PolicyState, SeenVerdict

Q = ((0.3, 0.5, 0.2), (0.6, 0.1, 0.3), (0.25, 0.25, 0.5))
P = ((0.6, 0.3, 0.1), (0.2, 0.3, 0.5), (0.4, 0.2, 0.4))
K_SQS: dict[str, Any] = {"kind": "k_sqs", "k": 2, "resolution": 5, "max_drafts": 2, "cloud_first": True}
AHEAD = K_SQS | {"max_drafts": 1, "depth": 1}
FED = {"features": {"width": 16, "layers": 1, "numbers": "int4"}}
PARTS = K_SQS | {"partial": True}
C_SQS = {"kind": "c_sqs", "initial": 0.2, "step": 0.3, "resolution": 5, "max_drafts": 1, "cloud_first": True}
TURNS = {
    "kind": "composed",
    "sparsifier": {"kind": "top_k", "k": 2},
    "quantizer": {"kind": "lattice", "resolution": 5},
    "policy": "cloud_after_a_rejection_in_tests",
    "max_drafts": 1,
    "cloud_first": True,
}
TOKENS = 3
TOLD = {"kind": "selective_repeat", "timeout_s": 0.09, "timer_jitter": 0}


def made(scheme: dict[str, Any], pass_s: float = 0.2, up: Any = None, down: Any = None, tokens: int = TOKENS) -> Cell:
    """A request of a few tokens over 1 and 3 kbit/s, on which what is sent takes as long as it has bits; the cloud
    decodes a token in 150 ms."""
    return written_cell(
        scheme, Q, P, tokens,
        uplink=link(1e3, header_bits=8, arq=TOLD, **(up or {})),
        downlink=link(3e3, header_bits=8, arq=TOLD, **(down or {})),
        edge={"latency": {"kind": "constant", "per_pass_s": pass_s}},
        cloud={"batching": "none", "latency": {"kind": "affine", "base_s": 0.15, "per_token_s": 0.001}},
    )  # fmt: skip


class CloudAfterRejection(Policy):
    """Leaves a token more to the cloud when it has read, and one after each rejection."""

    kind: Literal["cloud_after_a_rejection_in_tests"] = "cloud_after_a_rejection_in_tests"

    def entry(self, last: PolicyState | None) -> PolicyState:
        return (1.0,)

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        if state[0] and not view.drafts:
            return CloudDecodes(1), (0.0,)
        return (SEND if view.drafts else DRAFT), state

    def learn(self, result: SeenVerdict, state: PolicyState) -> PolicyState:
        return (float(result.accepted < result.drafted),)


def by_the_last_token(self: CloudFirstEdge, node: EdgeNode) -> Steps[int]:
    """Before it joins the edge lets the cloud decode on after token 0: what is committed may decide that."""
    yield from ()
    return int(node.committed[-1] == 0)


def bend(cell: Cell) -> tuple[float, set[int]]:
    """How far the text is from the verifier's, and how many tokens the cloud began with."""
    found = Simulated(cell)
    return distance(
        found.distribution, verifier_distribution((0,), cell.workload.output_tokens, np.array(P))
    ), found.begun


LOST = {"loss": Looking(places=(0,))}
"""Whatever is sent for the first time is lost: prompt, join, tokens, drafts."""
NOW_AND_THEN = {"loss": Looking(period_s=0.11, share=0.4)}
SEVERAL_LOST = {"loss": Looking(longer_than=216)}
"""A reply with the features of one token has no more bits; the others are lost once."""
CASES: dict[str, tuple[Cell, set[int], set[int]]] = {
    "k_sqs": (made(K_SQS), {2}, {2, 3}),
    "k_sqs, all is lost once": (made(K_SQS, up=LOST, down=LOST), {2}, {3}),
    "k_sqs, lost in time": (made(K_SQS, up=NOW_AND_THEN, down=NOW_AND_THEN), {1}, {2, 3}),
    "parts, long packets are lost": (made(PARTS, up={"loss": Looking(longer_than=30)}), {2}, {2, 3}),
    "c_sqs": (made(C_SQS), {2}, {2, 3}),
    "the cloud between": (made(TURNS, pass_s=0.031), {2}, {3}),
    "read at once": (made(K_SQS, pass_s=0.031), {1}, {2, 3}),
    "ahead": (made(AHEAD, pass_s=0.031, tokens=4), {1}, {2, 3, 4}),
    "ahead, c_sqs": (made(C_SQS | {"depth": 2}, pass_s=0.031, tokens=4), {1}, {2, 3, 4}),
    "features": (made(K_SQS | FED, pass_s=0.031), {2}, {2, 3}),
    "features, of several tokens lost": (made(K_SQS | FED, pass_s=0.031, down=SEVERAL_LOST), {2}, {2, 3}),
    "features, ahead": (made(AHEAD | FED, pass_s=0.031, tokens=4), {2}, {2, 3, 4}),
    "ahead, all is lost once": (made(AHEAD, pass_s=0.031, tokens=4, up=LOST, down=LOST), {1}, {3, 4}),
}
"""Cells, with how many tokens their clouds begin with, and how many under `by_the_last_token`."""


def fast(*names: str) -> list[object]:
    return [pytest.param(name, marks=() if name in names else pytest.mark.slow) for name in CASES]


@pytest.mark.parametrize("name", fast("k_sqs, all is lost once", "c_sqs", "the cloud between", "features"))
def test_i12_however_many_tokens_the_cloud_began_with(name: str) -> None:
    cell, begun, _ = CASES[name]
    assert bend(cell) == (pytest.approx(0, abs=1e-12), begun)


def test_i12_rounds_are_drafted_ahead_once_the_edge_has_joined() -> None:
    found = Enumeration(cell(AHEAD).scheme, 5, begun=1)
    assert distance(found.distribution(), verifier_distribution((1, 2), 5)) < 1e-12
    assert found.deepest == 2 and found.accepted and found.flushed, "else nothing was ahead"


@pytest.mark.parametrize("name", fast("k_sqs, lost in time", "parts, long packets are lost", "ahead"))
def test_i12_where_the_join_looks_at_what_is_committed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CloudFirstEdge, "_left_to_cloud", by_the_last_token)
    cell, _, begun = CASES[name]
    assert bend(cell) == (pytest.approx(0, abs=1e-12), begun)


def test_i12_a_join_that_looks_at_the_token_being_drawn_bends_the_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a pass that the join has overtaken is made again where token 0 came of it."""
    done = CloudFirstCloud._job_done

    def again(self: CloudFirstCloud, job: JobDone) -> None:
        taken_back = self._opens and self._joined and job.verified is not None and job.verified.committed == (0,)
        if taken_back and not hasattr(self, "made_again"):
            assert self._due is not None and self._node is not None
            self.made_again, self._payloads[self._due], self._node.then_verify = True, (), ()
            self._submit(self._due)
        else:
            done(self, job)

    monkeypatch.setattr(CloudFirstCloud, "_job_done", again)
    assert bend(made(K_SQS))[0] > 0.01


MORE: dict[str, object] = {
    "dssd": {"kind": "dssd", "k": 2},
    "parts": {"kind": "half_dense", "partial": True},
    "remote_drafter": {"kind": "remote_drafter", "depth": 0},
    "dense": {"kind": "dense", "resolution": 5},
    "block": {"kind": "k_sqs", "k": 2, "resolution": 5, "acceptance": "block"},
    "half_top_k": {"kind": "truncated_fp16", "policy": "fixed_length", "k": 2},
}


@pytest.mark.parametrize("begun", [1, 2])
@pytest.mark.parametrize("kind", MORE)
def test_i12_of_other_schemes_behind_tokens_of_the_clouds_own(kind: str, begun: int) -> None:
    scheme = cell(dict(MORE[kind], max_drafts=2, cloud_first=True)).scheme
    tokens = 3 + begun * (kind == "block")  # enough for rounds of two drafts
    found = distance(Enumeration(scheme, tokens, begun=begun).distribution(), verifier_distribution((1, 2), tokens))
    assert found < (1e-6 if kind == "dssd" else 1e-12)
