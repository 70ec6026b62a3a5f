"""The study `fingerprints`: what sizes cannot tell is told by chance, what they must tell always, and its classifier is
that of a slow twin and of a closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
import pytest
from cells import cell, link

from channels.codec import wire
from channels.link.padding import pad, unpad
from kinds import ConfigError
from kinds.arrays import Floats, Ints
from simulator import Cell
from simulator.cell.scheme import Scheme
from simulator.decoding.memory import Memory
from simulator.results import BREAKDOWN
from simulator.results.metrics import METRICS
from simulator.results.study_columns import STUDY_KEYS, STUDY_METRICS
from simulator.schemes.acceptance import Received
from simulator.schemes.code import Packets
from simulator.schemes.rivals.coupled import Coupled
from simulator.studies import fingerprints
from simulator.studies.fingerprints import SHRUNK, TRACES, Fingerprints, features, nearest
from simulator.studies.study import Row

PROMPTS: Final = 4
PAIR: Final = {"kind": "synthetic", "size": 64, "distance": 0.0, "prompts": PROMPTS, "prompt_tokens": 8, "seed": 3}
WORK: Final = {"kind": "closed", "requests": PROMPTS, "prompt_tokens": 8, "output_tokens": 8}


def observed(scheme: object, *, distance: float = 0.0, uplink: dict[str, Any] | None = None, **fields: Any) -> Cell:
    models = {"pair": PAIR | {"distance": distance}}
    return cell(scheme, models=models, uplink=link(1e5, **(uplink or {})), workload=WORK | fields)


def row(made: Cell, memory: Memory | None = None) -> Row:
    (found,) = Fingerprints().ask(made, memory or Memory(), None, None).rows
    return found


# What sizes cannot tell, and what they must.


@pytest.mark.parametrize(("scheme", "pad_to_bits"), [("cloud_only", None), ({"kind": "coupled", "max_drafts": 3}, 512)])
def test_where_all_sizes_are_one_and_rounds_as_many_the_prompt_is_told_by_chance(scheme, pad_to_bits):
    """Drafter and verifier are one model and share their randomness: all is accepted. Nothing tells prompts apart, so
    the guess is always the same, right once in so many requests."""
    found = row(observed(scheme, uplink={"pad_to_bits": pad_to_bits}))
    assert (found["round_sizes"], found["padded_to_bits"]) == (1, pad_to_bits or 8)
    assert found["prompt_accuracy"] == found["prompt_chance"] == pytest.approx(1 / PROMPTS)


def test_a_scheme_that_sends_as_many_bytes_as_its_prompt_says_is_told_every_time(monkeypatch):
    monkeypatch.setattr(Scheme, "kinds", dict(Scheme.kinds))

    class Telling(Coupled):
        kind: Literal["telling"] = "telling"

        def encode_parts(
            self, drafts: Sequence[wire.Draft], packets: Packets, context: Sequence[int]
        ) -> tuple[bytes, ...]:
            (payload,) = super().encode_parts(drafts, packets, context)
            return (pad(payload, 512) + bytes(context[0]),)

        def decode_parts(self, parts: Sequence[bytes], packets: Packets, context: Sequence[int]) -> Received:
            return super().decode_parts([unpad(part) for part in parts], packets, context)

    made, memory = observed({"kind": "telling", "max_drafts": 3}), Memory()
    firsts = {prompt.tokens[0] for prompt in made.models.pair.load().prompts}
    assert len(firsts) == PROMPTS == row(made, memory)["round_sizes"]
    assert row(made, memory)["prompt_accuracy"] == row(made, memory)["kind_accuracy"] == 1.0
    padded = row(made.with_({"uplink.pad_to_bits": 2048}), memory)
    assert padded["round_sizes"] == 1 and padded["prompt_accuracy"] == pytest.approx(1 / PROMPTS)


def test_it_is_a_row_of_a_simulation_and_of_its_own_columns_live_and_remembered():
    made, memory = observed({"kind": "k_sqs", "max_drafts": 3}, distance=0.3), Memory()
    live, remembered = row(made, memory), row(made, memory)
    assert repr(live) == repr(remembered) == repr(row(made))
    assert set(live) <= {*METRICS, *BREAKDOWN, *STUDY_METRICS, *STUDY_KEYS}
    assert live["latency_per_token_s"] > 0 and live["prompts"] == PROMPTS and live["kind_chance"] == 1.0


def test_the_seeds_of_a_block_and_all_paddings_share_a_worker_and_others_do_not():
    made, study = observed("k_sqs"), Fingerprints()
    alike = [made, made.with_({"seed": TRACES - 1}), made.with_({"uplink.pad_to_bits": 64})]
    assert len({study.shares(each) for each in alike}) == 1
    assert study.shares(made) != study.shares(observed("c_sqs"))


def test_a_seed_is_told_by_the_seven_others_of_its_block_and_never_by_itself(monkeypatch):
    seeds: list[int] = []
    traces = fingerprints._traces
    monkeypatch.setattr(fingerprints, "_traces", lambda made, memory: seeds.append(made.seed) or traces(made, memory))
    row(observed("cloud_only").with_({"seed": 10}))
    assert seeds == [8, 9, 11, 12, 13, 14, 15]


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"workload.requests": 6}, "workload.requests = 6: of all devices together they must be a multiple"),
        ({"workload.distinct": 2}, "workload.distinct = 2: must be null"),
        ({"fleet": [{"count": 1}]}, "fleet: prompts are told apart under one scheme"),
    ],
)
def test_what_would_tell_prompts_by_anything_but_sizes_is_refused(fields, refusal):
    with pytest.raises(ConfigError, match=refusal):
        row(observed("k_sqs").with_(fields))


# The classifier.


def gaussian(rng: np.random.Generator, means: Floats, each: int) -> tuple[Floats, Ints]:
    """`each` points of unit variance about each mean [n, features], and their labels."""
    labels = np.repeat(np.arange(len(means)), each)
    return means[labels] + rng.standard_normal((len(labels), means.shape[1])), labels


def slow_nearest(known: Floats, labels: Ints, points: Floats) -> list[int]:
    """Written out, feature by feature, in the features' own units."""
    classes, width = sorted(set(labels.tolist())), known.shape[1]
    means = {label: [float(np.mean(known[labels == label, f])) for f in range(width)] for label in classes}
    covariance = np.zeros((width, width))
    for point, label in zip(known, labels.tolist(), strict=True):
        for f in range(width):
            for g in range(width):
                covariance[f, g] += (point[f] - means[label][f]) * (point[g] - means[label][g])
    covariance /= len(known) - len(classes)
    spreads = [float(np.std(known[:, f])) for f in range(width)]
    for f in range(width):
        for g in range(width):
            covariance[f, g] *= 1.0 if f == g else 1 - SHRUNK
        covariance[f, f] += 1e-6 * spreads[f] ** 2
    found = []
    for point in points:
        off = {label: point - np.array(means[label]) for label in classes}
        found.append(min(classes, key=lambda label: float(off[label] @ np.linalg.solve(covariance, off[label]))))
    return found


def test_it_is_a_slow_twin_written_out_in_the_features_own_units():
    rng = np.random.default_rng(1)
    means = 0.7 * rng.normal(size=(5, 4))
    known, labels = gaussian(rng, means, 3)
    mixed = rng.normal(size=(4, 4)) * [1, 10, 100, 1000]
    points, _ = gaussian(rng, means, 40)
    assert nearest(known @ mixed, labels, points @ mixed).tolist() == slow_nearest(
        known @ mixed, labels, points @ mixed
    )


def test_a_feature_that_never_varies_within_a_prompt_decides_and_one_that_never_varies_does_not():
    known = np.array([[label, 7.0] for label in (0.0, 1.0, 5.0) for _ in range(4)])
    labels = np.repeat([0, 1, 2], 4)
    assert nearest(known, labels, known).tolist() == labels.tolist()
    assert nearest(known * [0, 1], labels, known * [0, 1]).tolist() == [0] * len(known)


def test_features_are_the_first_sizes_their_means_and_deviations_and_the_number_of_rounds():
    sizes = np.array([[600.0, 344.0], [700.0, 344.0], [500.0, 376.0]])
    assert features(sizes).tolist() == pytest.approx(
        [600, 344, 600, 1064 / 3, np.std(sizes[:, 0]), np.std(sizes[:, 1]), 3]
    )
