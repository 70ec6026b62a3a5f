"""Fingerprints of prompts: an eavesdropper who has heard the same prompts before names one from the sizes of packets
alone.

An eavesdropper on the air knows of a request how many bits each of its rounds takes up and down, in their order:
headers, padding and repeats, no content and no time. Where all replies are equally long it does not show how many
drafts were accepted, but how many rounds the answer took. He has heard each prompt once under each other seed of a
block of TRACES (random numbers of its own, at the cell's temperature), and names the one whose traces are nearest:
discriminant analysis (Fisher 1936, of equal priors) on `features`, with the pooled covariance shrunk toward its
diagonal (Friedman 1989, "Regularized discriminant analysis"). The prompts are known to him, all of one length, and
each is asked equally often: chance is 1 / prompts. A cleverer one would find more: the accuracy is a lower bound.

Of a downlink, whose packets show how many tokens came at once: arXiv 2411.01076.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final
from weakref import WeakKeyDictionary

import numpy as np

from kinds import ConfigError
from kinds.arrays import Floats, Ints
from models.interface import Prompt
from models.pair_cards import card_of
from simulator.cell.cell import Cell
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer, together
from simulator.results.requests import Request
from simulator.results.rounds import Round, round_table
from simulator.run import simulate
from simulator.studies.study import Study, StudyResult

TRACES: Final = 8
"""Seeds of a block, from a multiple of it on: one is told by the others."""
SHRUNK: Final = 0.3
"""The share of the covariances that is taken off. Chosen on the pair `sotu`, where .02 to 1 hardly differ."""
_FLOOR: Final = 1e-6  # of a variance, for what never varies within a prompt
_UP, _FLUSHED, _DOWN = (Round.places[name] for name in ("uplink_bits", "flushed_bits", "downlink_bits"))


class Fingerprints(Study):
    """Study with one row: the eavesdropper's accuracy on the cell's requests, beside the metrics of its simulation."""

    over_network: ClassVar[bool] = True

    def shares(self, cell: Cell) -> str:
        return cell.with_({"seed": 0}).decoding_id

    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> StudyResult:
        _check(cell)
        own = Eavesdropper()
        result = simulate(cell, together(observer, own), memory=memory, rounds_to=rounds_to)
        first = cell.seed - cell.seed % TRACES
        others = [cell.with_({"seed": seed}) for seed in range(first, first + TRACES) if seed != cell.seed]
        known = [trace for other in others for trace in _traces(other, memory)]
        prompts = sorted({prompt for prompt, _ in own.traces}, key=lambda prompt: prompt.tokens)
        guesses = [prompts[place] for place in nearest(*_table(known, prompts), _table(own.traces, prompts)[0])]
        asked = [prompt for prompt, _ in own.traces]
        kinds = Counter(prompt.kind for prompt in prompts)
        row = {
            "padded_to_bits": cell.uplink.pad_to_bits or 8,
            "prompts": len(prompts),
            "prompt_accuracy": float(np.mean([one == other for one, other in zip(guesses, asked, strict=True)])),
            "prompt_chance": 1 / len(prompts),
            "kind_accuracy": float(
                np.mean([one.kind == other.kind for one, other in zip(guesses, asked, strict=True)])
            ),
            "kind_chance": sum((number / len(prompts)) ** 2 for number in kinds.values()),
            "round_sizes": len({bits for _, sizes in (*known, *own.traces) for bits in sizes[:, 0]}),
        }
        return StudyResult([{**result.summary, **row}], result.request_table)


class Eavesdropper(Observer):
    """Hears of each answered request its prompt, which he learns from elsewhere, and the bits of its rounds up and
    down, float64 [rounds, 2]."""

    def __init__(self) -> None:
        self.traces: list[tuple[Prompt, Floats]] = []

    def on_request(self, request: Request, share: float) -> None:
        rounds = round_table([request.rounds])
        sizes = np.column_stack([rounds[:, _UP] + rounds[:, _FLUSHED], rounds[:, _DOWN]])
        if request.outcome == "answered":
            self.traces.append((request.prompt, sizes))


def features(sizes: Floats) -> Floats:
    """Returns the features of a trace [rounds, 2], float64 [7]: the sizes of its first round, which depends on the
    prompt more than any later one, their mean and standard deviation over its rounds, and how many these are. Where
    answers are equally long that is their tokens a round too."""
    return np.concatenate([sizes[0], sizes.mean(axis=0), sizes.std(axis=0), [len(sizes)]])


def nearest(known: Floats, labels: Ints, observed: Floats) -> Ints:
    """The label of the known class whose mean is nearest to each row observed, int64 [m]; of ties the lowest.

    `known` [n, features] with its labels [n], `observed` [m, features]. Near is by the classes' pooled covariance, in
    units of each feature's own spread, shrunk by SHRUNK.
    """
    classes, places = np.unique(labels, return_inverse=True)
    spread = known.std(axis=0)
    unit = np.where(spread > 0, spread, 1.0)
    means = np.array([known[labels == label].mean(axis=0) for label in classes]) / unit
    residuals = known / unit - means[places]
    covariance = residuals.T @ residuals / max(1, len(known) - len(classes))
    shrunk = (1 - SHRUNK) * covariance + SHRUNK * np.diag(np.diag(covariance)) + _FLOOR * np.eye(len(unit))
    off = (observed / unit)[:, None] - means  # [m, classes, features]
    distances = np.einsum("mcf,mcf->mc", off, off @ np.linalg.inv(shrunk))
    found: Ints = classes[distances.argmin(axis=1)]
    return found


_TRACES: WeakKeyDictionary[Memory, dict[str, list[tuple[Prompt, Floats]]]] = WeakKeyDictionary()
"""The traces of the runs that share a memory, by cell; they go with it."""


def _traces(cell: Cell, memory: Memory) -> list[tuple[Prompt, Floats]]:
    known = _TRACES.setdefault(memory, {})
    if cell.id not in known:
        listener = Eavesdropper()
        simulate(cell, listener, memory=memory)
        known[cell.id] = listener.traces
    return known[cell.id]


def _table(traces: Sequence[tuple[Prompt, Floats]], prompts: Sequence[Prompt]) -> tuple[Floats, Ints]:
    places = {prompt: place for place, prompt in enumerate(prompts)}
    made = [features(sizes) for _, sizes in traces]
    return np.array(made), np.array([places[prompt] for prompt, _ in traces])


def _check(cell: Cell) -> None:
    """Raises ConfigError where prompts are not all asked equally often under each seed, by fresh random numbers, or
    where their own lengths would tell them apart."""
    prompts, work = len(card_of(cell.models.pair).prompts), cell.workload
    if cell.fleet:
        raise ConfigError("fleet: prompts are told apart under one scheme; give scheme alone")
    if not hasattr(work, "requests"):
        raise ConfigError(f"workload = {work.kind}: must be one of equal requests, or prompts are told by their length")
    if work.total % prompts:
        raise ConfigError(
            f"workload.requests = {work.total // work.devices}: of all devices together they must be a multiple of the "
            f"pair's {prompts} prompts, so that each is asked equally often"
        )
    if work.distinct is not None:
        raise ConfigError(f"workload.distinct = {work.distinct}: must be null, or seeds share random numbers")
