"""The study `positions` beside the exact distributions of a pair of tables, and its martingale where a verifier is
off."""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import pytest
from accounted_cells import BASE, asked
from column_checks import same
from slow_decoding import SlowRequest
from slow_drafts import Distribution, SlowDraft, distance

from kinds.arrays import Floats, Ints
from models.verification import AnyDistribution, DistributionAfter, Verdict, chances_of, inverse_cdf
from simulator import Cell
from simulator.decoding.memory import Memory
from simulator.results.metrics import METRICS
from simulator.results.study_columns import STUDY_KEYS, STUDY_METRICS
from simulator.schemes import acceptance
from simulator.studies.positions import ENOUGH, LIMIT, Positions
from simulator.studies.study import Row

CONFORMAL: Final = {"initial": 0.1, "step": 0.05, "target": 0.05, "resolution": 7, "carry": False}
SCHEMES: Final[dict[str, dict[str, object]]] = {
    "k_sqs": {"kind": "k_sqs", "k": 3, "resolution": 3, "max_drafts": 4, "budget_bits": None},
    "c_sqs": {"kind": "c_sqs", **CONFORMAL, "max_drafts": 3},
    "dense": {"kind": "dense", "resolution": 11, "max_drafts": 2},
}
DEVICES, TOKENS = 4, 60


def cell(scheme: object, **fields: Any) -> Cell:
    return Cell.from_fields(BASE | {"scheme": scheme, "workload": asked(DEVICES, output_tokens=TOKENS)} | fields)


@cache
def rows_of(scheme: str) -> list[Row]:
    return rows(cell(SCHEMES[scheme]))


def rows(made: Cell) -> list[Row]:
    return list(Positions().ask(made, Memory(), None, None).rows)


@cache
def slow(name: str) -> list[list[tuple[SlowDraft, Distribution, bool]]]:
    """By position, of each draft that was reached there: the draft, p, and whether it was rejected."""
    made = cell(SCHEMES[name])
    found: list[list[tuple[SlowDraft, Distribution, bool]]] = [[] for _ in range(made.scheme.max_drafts)]
    for device in range(DEVICES):
        for number in range(2):
            for round_ in SlowRequest(made, device, number, made.scheme).rounds():
                for place, (draft, p) in enumerate(zip(round_.judged, round_.targets, strict=False)):
                    found[place].append((draft, p, place == round_.accepted))
    return found


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_position_has_the_means_of_the_drafts_that_were_reached_there(scheme: str) -> None:
    means = {
        "resampling_per_draft": lambda _draft, _p, rejected: float(rejected),
        "tv_qhat": lambda draft, p, _: distance(draft.qhat, p),
        "tv_mismatch": lambda draft, p, _: distance(draft.q, p),
        "dropped_mass": lambda draft, _p, _: draft.dropped_mass,
        "tv_quantization": lambda draft, _p, _: draft.tv_quantization,
        "covering_bound": lambda draft, _p, _: draft.bound,
        "tv_compression": lambda draft, _p, _: distance(draft.q, draft.qhat),
        "rejection_bound": lambda draft, p, _: draft.rejection_bound(p),
        "rejection_slack": lambda draft, p, _: draft.rejection_bound(p) - distance(draft.qhat, p),
    }
    found, expected = rows_of(scheme), slow(scheme)
    assert [row["position"] for row in found] == list(range(1, len(expected) + 1))
    assert [row["verified_drafts"] for row in found] == [len(drafts) for drafts in expected]
    assert min(len(drafts) for drafts in expected) > 20
    for name, value in means.items():
        wanted = [sum(value(*draft) for draft in drafts) / len(drafts) for drafts in expected]
        same([float(row[name]) for row in found], wanted, name)
    assert set(found[0]) == {*means, "position", "verified_drafts", "rejections_z", "rejections_sd"}
    assert set(found[0]) <= {*METRICS, *STUDY_METRICS, *STUDY_KEYS}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_martingale_is_that_of_all_positions(scheme: str) -> None:
    drafts = [(distance(draft.qhat, p), rejected) for reached in slow(scheme) for draft, p, rejected in reached]
    variance = sum(tv * (1 - tv) for tv, _ in drafts)
    deviations = sum(rejected - tv for tv, rejected in drafts) / math.sqrt(variance)
    found = rows_of(scheme)
    same([float(row["rejections_z"]) for row in found], [deviations] * len(found))
    same([float(row["rejections_sd"]) for row in found], [math.sqrt(variance)] * len(found))


def test_a_position_that_no_draft_reaches_has_no_means() -> None:
    made = cell({"kind": "k_sqs", "k": 1, "resolution": 1, "max_drafts": 12}, workload=asked(1, output_tokens=20))
    last = rows(made)[-1]
    assert last["verified_drafts"] == 0
    assert math.isnan(float(last["tv_qhat"])) and math.isnan(float(last["resampling_per_draft"]))


def test_a_verifier_that_is_too_strict_breaks_the_martingale(monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts with .7 of the right probability: some 8 standard deviations over 460 drafts."""

    def strict(
        distribution_after: DistributionAfter, drafts: Ints, qhat: Sequence[AnyDistribution], uniforms: Floats
    ) -> Verdict:
        line, chances = tuple(drafts.tolist()), chances_of(drafts, qhat)
        for n, token in enumerate(line):
            p = distribution_after(line[:n])
            if not uniforms[n] < 0.7 * min(1.0, p[token] / chances[n]):
                return Verdict(n, inverse_cdf(p, float(uniforms[-1])))
        return Verdict(len(line), inverse_cdf(distribution_after(line), float(uniforms[-1])))

    many = cell(SCHEMES["k_sqs"])
    assert abs(float(rows_of("k_sqs")[0]["rejections_z"])) <= LIMIT
    monkeypatch.setattr(acceptance, "reject_along", strict)
    with pytest.raises(AssertionError, match="standard deviations from the sum of TV"):
        rows(many)


def test_a_few_drafts_are_no_ground_for_an_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the variance is small a count is far from Gaussian, and 5 standard deviations are no rare event."""
    monkeypatch.setattr("simulator.studies.positions.LIMIT", 0.0)
    few = cell(SCHEMES["k_sqs"], workload=asked(1, output_tokens=20))
    assert rows(few)
    many = cell(SCHEMES["k_sqs"], workload=asked(4, output_tokens=60))
    assert sum(float(row["verified_drafts"]) for row in rows(few)) / 4 < ENOUGH
    with pytest.raises(AssertionError):
        rows(many)
