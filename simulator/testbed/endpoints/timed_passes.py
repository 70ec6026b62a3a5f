"""The passes of a cell's models, timed by the processes of a run themselves while nothing else happens.

One process's passes are faster than another's of the same program by up to a tenth for as long as both live, so that no
other process can say how long those of a run take.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

from channels.uniforms import Uniforms
from kinds.files import atomically
from models.interface import LanguageModel
from models.latency.pass_table import csv_text
from models.pair_cards import load
from models.pass_times import TextPasses, sampled
from simulator.cell.cell import Cell
from simulator.cell.cloud_config import request_tokens
from simulator.schemes.draft_scheme import DraftScheme
from simulator.testbed.plan import Side

SAMPLES: Final = 25
"""Samples of each pass."""
PAUSE_S: Final = 0.02
"""A processor waits for so long before a pass that is timed, as it does for a reply or a payload."""
BATCHES = (1, 2, 4, 8, 16)
ROUNDS = (1, 4, 16)
"""New tokens of a round. Of both, up to the most there are."""
Point = tuple[int, int, int]
"""Sequences, new and cached tokens of each."""


class PassPoints(NamedTuple):
    """The passes of a model that are worth timing: a full grid that the cell's workload reaches, in two parts."""

    near: list[Point]
    """The points between which the cell's passes lie, where each pass holds rounds alone or prompts alone."""
    rare: list[Point]

    @property
    def longest(self) -> int:
        """Tokens of the longest text of any."""
        return max(new + cached for _, new, cached in (*self.near, *self.rare))


class TimedModel(NamedTuple):
    """Model whose passes are to be timed."""

    side: Side
    """Side whose process makes the passes."""
    role: str
    """Role in a pair: `drafter` or `verifier`."""
    file: str
    field: str
    """The cell's field that its latency model goes to."""
    points: PassPoints
    share: float
    """Share of the time that all passes have."""
    in_a_row: int
    """Passes over one new token between two waits; 0: it never waits (`TextPasses`)."""


def timed_models(cell: Cell) -> list[TimedModel]:
    """Returns the models whose passes a run of the cell makes."""
    cloud = TimedModel("cloud", "verifier", "cloud.csv", "cloud.latency", cloud_points(cell), 0.7, in_a_row=1)
    if isinstance(cell.scheme, DraftScheme):
        edge = TimedModel("edge", "drafter", "edge.csv", "edge.latency", edge_points(cell), 0.3, cell.scheme.drafts)
        return [edge, cloud]
    alone = cloud._replace(in_a_row=0)
    if not cell.scheme.drafts_in_cloud:
        return [alone._replace(share=1.0)]
    file, field = "drafter_in_cloud.csv", "cloud.drafter_latency"
    return [TimedModel("cloud", "drafter", file, field, drafter_points(cell), 0.3, in_a_row=0), alone]


def time_passes(cell: Cell, side: Side, folder: Path, budget_s: float) -> None:
    """Leaves the tables of one end's models in the folder, within its share of that time, or little more."""
    pair = load(cell.models.pair)
    text = pair.prompts[-1].tokens
    for each in timed_models(cell):
        if each.side == side:
            model: LanguageModel = getattr(pair, each.role)
            repeated = (text * (each.points.longest // len(text) + 1))[: each.points.longest]
            timer = TextPasses(model, repeated, cell.models.temperature, PAUSE_S, each.in_a_row)
            table = csv_text(sampled(timer, each.points.near, each.points.rare, SAMPLES, budget_s * each.share))
            atomically(folder / each.file, partial(Path.write_text, data=table, encoding="utf-8"))


def edge_points(cell: Cell) -> PassPoints:
    """Passes of the drafter on a device: a draft, which may have to read one token more, a tree's, and a prompt."""
    shortest, longest = _prompts(cell)
    rounds = {1, 2, cell.scheme.drafts_a_pass, cell.scheme.drafts_a_pass + 1}
    return _grid((1,), rounds, (shortest, longest), _texts(cell))


def cloud_points(cell: Cell) -> PassPoints:
    """Passes of the verifier: a round's drafts and the token before them, or a prompt."""
    shortest, longest = _prompts(cell)
    prompts = (shortest - 1, longest - 1) if isinstance(cell.scheme, DraftScheme) else (shortest, longest)
    return _grid(_batches(cell), _up_to(cell.scheme.drafts + 1, ROUNDS), prompts, _texts(cell))


def drafter_points(cell: Cell) -> PassPoints:
    """Passes of a drafter in the cloud."""
    return _grid(_batches(cell), {1, 2}, _prompts(cell), _texts(cell))


def _grid(batches: Iterable[int], rounds: Iterable[int], prompts: Iterable[int], texts: Iterable[int]) -> PassPoints:
    verified = set(rounds)
    read = {each for each in prompts if each > max(verified)}
    points = list(product(batches, sorted(verified | read), (0, *texts)))
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
