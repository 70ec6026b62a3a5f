"""Which passes of a cell's models are worth timing: a grid that its workload reaches, and what of it is reached."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

from channels.uniforms import Uniforms
from simulator.cell.cell import Cell
from simulator.cell.cloud_config import request_tokens

Point = tuple[int, int, int]
"""Sequences, new and cached tokens of each."""
BATCHES = (1, 2, 4, 8, 16)
ROUNDS = (1, 4, 16)
"""New tokens of a round. Of both, up to the most there are."""


class PassPoints(NamedTuple):
    """A full grid, in two parts."""

    near: list[Point]
    """Those between which the cell's passes lie, where each pass holds rounds alone or prompts alone."""
    rare: list[Point]

    @property
    def longest(self) -> int:
        """Tokens of the longest text of any."""
        return max(new + cached for _, new, cached in (*self.near, *self.rare))


def edge_points(cell: Cell) -> PassPoints:
    """Of the drafter on a device: a draft, which may have to read one token more, a tree's, and a prompt."""
    shortest, longest = _prompts(cell)
    rounds = {1, 2, cell.scheme.drafts_a_pass, cell.scheme.drafts_a_pass + 1}
    return _grid((1,), rounds, (shortest, longest), _texts(cell))


def cloud_points(cell: Cell) -> PassPoints:
    """Of the verifier: a round's drafts and the token before them, or a prompt."""
    shortest, longest = _prompts(cell)
    prompts = (shortest, longest) if cell.scheme.protocol == "stream" else (shortest - 1, longest - 1)
    return _grid(_batches(cell), _up_to(cell.scheme.drafts + 1, ROUNDS), prompts, _texts(cell))


def drafter_points(cell: Cell) -> PassPoints:
    """Of a drafter in the cloud."""
    return _grid(_batches(cell), {1, 2}, _prompts(cell), _texts(cell))


def _grid(batches: Iterable[int], rounds: Iterable[int], prompts: Iterable[int], texts: Iterable[int]) -> PassPoints:
    judged = set(rounds)
    read = {each for each in prompts if each > max(judged)}
    points = list(product(batches, sorted(judged | read), (0, *texts)))
    near = [point for point in points if (point[1] in read) == (point[2] == 0)]
    return PassPoints(near, [point for point in points if point not in set(near)])


def _up_to(most: int, counts: Iterable[int]) -> list[int]:
    return sorted({each for each in counts if 1.5 * each <= most} | {most})


def _batches(cell: Cell) -> list[int]:
    return _up_to(min(cell.cloud.batching.cap, cell.most_requests), BATCHES)


def _prompts(cell: Cell) -> tuple[int, int]:
    """The shortest prompt and the longest."""
    users = Uniforms.of(cell.seed, "users")
    lengths = [
        ask.prompt_tokens for device in range(cell.workload.devices) for ask in cell.workload.asks(device, users)
    ]
    return min(lengths), max(lengths)


def _texts(cell: Cell) -> list[int]:
    """Lengths of text behind which rounds run, the least and the most: a pass grows evenly with them."""
    shortest, (prompt, output) = _prompts(cell)[0], cell.workload.longest
    longest = request_tokens(prompt, output, cell.scheme.drafts)
    return sorted({max(shortest - 1, 1), longest})
