"""Cells of every way to decode, and what was remembered of them: kept, cut, counted."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

import pandas as pd
from cells import cell, link

from models.computed_text import ComputedText
from models.interface import Distributions, TokenTree
from simulator import Cell, CellResult, simulate
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import Tree
from simulator.decoding.steps import attach, detach_all, in_order

ASKED = {"kind": "closed", "devices": 2, "requests": 1, "prompt_tokens": 8, "output_tokens": 12}
WAYS: dict[str, dict[str, object]] = {
    "k_sqs": {"kind": "k_sqs", "max_drafts": 3},
    "c_sqs": {"kind": "c_sqs", "initial": 0.05, "max_drafts": 3},
    "coupled": {"kind": "coupled", "max_drafts": 3},
    "coupled_tree": {"kind": "coupled_tree", "nodes": 5},
    "dssd": {"kind": "dssd", "k": 4, "max_drafts": 3},
    "tree": {"kind": "tree", "widths": [2, 1, 2], "k": 4},
    "half_dense": {"kind": "half_dense", "max_drafts": 2},
    "rungs": {"kind": "rungs", "max_drafts": 3},
    "parts": {"kind": "k_sqs", "k": 4, "partial": True, "max_drafts": 4},
    "one ahead": {"kind": "k_sqs", "k": 4, "max_drafts": 2, "depth": 1},
    "two ahead": {"kind": "c_sqs", "initial": 0.05, "max_drafts": 2, "depth": 2, "carry": True},
    "tree, one ahead": {"kind": "tree", "widths": [2, 1], "max_drafts": 2, "k": 4, "depth": 1},
    "cloud_only": {"kind": "cloud_only"},
    "colocated": {"kind": "colocated"},
    "edge_only": {"kind": "edge_only"},
}


def made(way: str, bps: float = 1e5) -> Cell:
    """A small cell that decodes this way, over links that lose."""
    lossy = {"kind": "bernoulli", "probability": 0.3}
    uplink, downlink = link(bps, loss=lossy, mtu_bits=400), link(1e6, loss=lossy)
    cloud = {"batching": "none", "latency": {"kind": "constant", "per_pass_s": 0.02}}
    return cell(WAYS[way], workload=ASKED, uplink=uplink, downlink=downlink, cloud=cloud)


@contextmanager
def counted_passes() -> Iterator[list[int]]:
    """The tokens of each text that a model makes a pass over meanwhile."""
    passes = list[int]()
    distributions, tree_distributions = ComputedText.distributions, ComputedText.tree_distributions

    def counted(self: ComputedText, tokens: tuple[int, ...], last: int) -> Distributions:
        passes.append(len(tokens))
        return distributions(self, tokens, last)

    def counted_tree(self: ComputedText, tokens: tuple[int, ...], tree: TokenTree) -> Distributions:
        passes.append(len(tokens))
        return tree_distributions(self, tokens, tree)

    with (
        patch.object(ComputedText, "distributions", counted),
        patch.object(ComputedText, "tree_distributions", counted_tree),
    ):
        yield passes


def assert_remembered_as_decoded(cells: Sequence[Cell]) -> None:
    """Three cells of one decoding, of which the first two draft otherwise, have the rounds that each has alone, in
    whichever order they fill one memory."""
    live = [simulate(each, memory=Memory()).rounds for each in cells]
    assert not live[0]["drafted"].equals(live[1]["drafted"])
    for order in ((0, 1, 2, 0), (2, 1, 0)):
        memory = Memory()
        for place in order:
            assert simulate(cells[place], memory=memory).rounds.equals(live[place]), (order, place)


def cut(tree: Tree, rng: random.Random, keep: float) -> None:
    """Forgets some of a tree's steps, and so all that is behind them alone."""
    for root in (tree.edge, tree.cloud):
        for node, taken in in_order(root):
            detach_all(node)
            for step in taken:
                if rng.random() < keep:
                    attach(node, step)


def told(result: CellResult) -> tuple[str, str, str]:
    """All that a run gave, to the last digit."""
    return (*(_text(table) for table in (result.requests, result.rounds)), repr(result.summary))


def _text(table: pd.DataFrame) -> str:
    return table.to_csv(index=False) + repr(table.dtypes.to_dict())
