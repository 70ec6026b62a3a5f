"""The study `convergence` beside a second decoding by loops over tables, and its theorem where the rule is broken."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Any, Final

import pytest
from accounted_cells import BASE, asked
from column_checks import same
from slow_decoding import SlowRequest, SlowRound
from tables_pair import V

from channels.codec.conformal import Conformal
from kinds import ConfigError
from simulator import Cell
from simulator.decoding.memory import Memory
from simulator.results.metrics import METRICS
from simulator.results.study_columns import STUDY_KEYS, STUDY_METRICS
from simulator.schemes.sparsifiers.conformal import KeepConformal
from simulator.studies.convergence import Convergence
from simulator.studies.study import Row

TARGET, STEP, INITIAL = 0.03, 0.04, 0.2
ROLLBACKS: Final = ("through_rejection", "accepted_only", "none")
RULES: Final = tuple(product(ROLLBACKS, (True, False)))
DEVICES, TOKENS = 2, 70


def cell(scheme: object = "c_sqs", **fields: Any) -> Cell:
    return Cell.from_fields(BASE | {"scheme": scheme, "workload": asked(DEVICES, output_tokens=TOKENS)} | fields)


def conformal(rollback: str = "through_rejection", carry: bool = False) -> dict[str, object]:
    rule = {"target": TARGET, "step": STEP, "initial": INITIAL, "rollback": rollback, "carry": carry}
    return {"kind": "c_sqs", "resolution": 7, "max_drafts": 3, "budget_bits": None, **rule}


@cache
def rows_under(rollback: str, carry: bool) -> list[Row]:
    return rows(cell(conformal(rollback, carry)))


def rows(made: Cell) -> list[Row]:
    return list(Convergence().ask(made, Memory(), None, None).rows)


@dataclass
class Kept:
    """A device's drafts by now, counted by hand. `runs`: how many drafts each run of the threshold has kept."""

    kept: list[float] = field(default_factory=list)
    verified: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    beta: float = math.nan
    runs: tuple[int, ...] = ()


@cache
def slow(rollback: str, carry: bool) -> list[list[Kept]]:
    """By device, its drafts at 16, 32, ... tokens."""
    made = cell(conformal(rollback, carry))
    return [list(_followed(made, device, rollback, carry)) for device in range(DEVICES)]


def _followed(made: Cell, device: int, rollback: str, carry: bool) -> list[Kept]:
    by_now, tokens, beta, found = Kept(), 0, None, list[Kept]()
    runs: list[int] = []
    for number in range(2):
        runs += [] if carry and number else [0]
        request = SlowRequest(made, device, number, made.scheme, beta=beta)
        for round_ in request.rounds():
            _count(by_now, round_, rollback)
            runs[-1] = len(by_now.kept) - sum(runs[:-1])
            tokens += len(round_.committed)
            if tokens >= 16 * 2 ** len(found):
                found.append(Kept([*by_now.kept], [*by_now.verified], by_now.sizes, request.beta, tuple(runs)))
                by_now.sizes = []
        beta = request.beta if carry else None
    return found


def _count(by_now: Kept, round_: SlowRound, rollback: str) -> None:
    dropped = [draft.dropped_mass for draft in round_.drafts]
    by_now.verified += [draft.dropped_mass for draft in round_.judged]
    by_now.kept += {
        "through_rejection": [draft.dropped_mass for draft in round_.judged],
        "accepted_only": dropped[: round_.accepted],
        "none": dropped,
    }[rollback]
    by_now.sizes += [len(draft.kept) for draft in round_.drafts]


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@pytest.mark.parametrize(("rollback", "carry"), RULES)
def test_the_running_means_are_those_of_the_drafts_whose_updates_stood(rollback: str, carry: bool) -> None:
    found, devices = rows_under(rollback, carry), slow(rollback, carry)
    expected = list(zip(*devices, strict=False))
    assert [row["tokens"] for row in found] == [16 * 2**n for n in range(len(expected))] and len(found) == 4
    columns = {
        "kept_updates": lambda each: len(each.kept),
        "kept_dropped_mass": lambda each: mean(each.kept),
        "verified_dropped_mass": lambda each: mean(each.verified),
        "support_size": lambda each: mean(each.sizes),
        "threshold": lambda each: each.beta,
        "one_sided_bound": lambda each: TARGET + len(each.runs) * (INITIAL / STEP + 1 - TARGET) / len(each.kept),
        "papers_bound": lambda each: TARGET + len(each.runs) * ((INITIAL + 1) / STEP + TARGET) / len(each.kept),
        "adversarial_dropped_mass": lambda each: sum(map(worst, each.runs)) / len(each.kept),
    }
    for name, value in columns.items():
        same([float(row[name]) for row in found], [mean([value(each) for each in row]) for row in expected], name)
    assert set(found[0]) == {*columns, "tokens"} <= {*METRICS, *STUDY_METRICS, *STUDY_KEYS}


@cache
def worst(drafts: int) -> float:
    """What an adversary on V tokens drops in sum: down to just above 1/V, then everything, then it waits."""
    beta, dropped, edge, everything = INITIAL, 0.0, 1 / V, (V - 1) / V
    assert STEP * everything < 2 * edge, "at this step it does not wait"
    for _ in range(drafts):
        mass = everything
        if beta <= edge:
            mass = max(0.0, (V - 1) * beta * (1 - 1e-6))
        elif edge * (1 + 1e-6) < beta <= edge + STEP * (everything - TARGET):
            mass = min(everything, TARGET + (beta - edge * (1 + 5e-7)) / STEP)
        dropped, beta = dropped + mass, min(1.0, beta - STEP * (mass - TARGET))
    return dropped


@pytest.mark.parametrize(("rollback", "carry"), RULES)
def test_theorem_holds_for_the_kept_drafts_beside_both_bounds(rollback: str, carry: bool) -> None:
    for row in rows_under(rollback, carry):
        assert row["kept_dropped_mass"] <= row["one_sided_bound"] <= row["papers_bound"]
        assert row["adversarial_dropped_mass"] <= row["one_sided_bound"]


def test_a_scheme_with_a_threshold_that_stays_has_no_bounds() -> None:
    scheme = {"kind": "composed", "sparsifier": {"kind": "threshold", "beta": INITIAL}, "budget_bits": None}
    for row in rows(cell(scheme)):
        assert all(math.isnan(row[name]) for name in ("threshold", "one_sided_bound", "adversarial_dropped_mass"))
        assert row["kept_dropped_mass"] == row["verified_dropped_mass"] > 0.1


def test_a_request_that_is_not_answered_leaves_nothing_to_the_threshold() -> None:
    """The device goes on from its last answered request, and so do the books."""
    late = asked(DEVICES, output_tokens=TOKENS) | {"requests": 4, "deadline_s": 3.2}
    answer = Convergence().ask(cell(conformal(carry=True), workload=late), Memory(), None, None)
    assert answer.requests is not None
    requests = answer.requests.to_pandas().sort_values(["device", "request"])
    outcomes = requests.groupby("device")["outcome"].agg(" ".join)
    assert outcomes.str.contains("timed_out answered").all(), "each device has an answer after a request without"
    least = int(outcomes.str.count("answered").min())
    assert answer.rows[-1]["tokens"] <= least * TOKENS + 4


def test_a_text_of_a_few_tokens_has_rows_from_its_half_on() -> None:
    short = rows(cell(conformal(), workload=asked(1, output_tokens=10, requests=1)))
    assert [row["tokens"] for row in short] == [5, 10]


def test_where_nothing_is_answered_there_is_nothing_to_follow() -> None:
    late = asked(1, output_tokens=TOKENS, deadline_s=0.01)
    with pytest.raises(ConfigError, match="workload: no request is answered"):
        rows(cell(conformal(), workload=late))


class ForgetsNothing(KeepConformal):
    """Keeps all updates of a round, whatever its rule says."""

    kind: str = "forgets_nothing_in_tests"

    def settle(self, chain: Sequence[tuple[float, ...]], accepted: int) -> tuple[float, ...]:
        return chain[-1]


def test_a_threshold_that_does_not_go_on_from_what_was_kept_is_seen() -> None:
    sparsifier = {"kind": "forgets_nothing_in_tests", "target": TARGET, "step": STEP, "initial": INITIAL}
    with pytest.raises(AssertionError, match="a round began at another threshold"):
        rows(cell({"kind": "composed", "sparsifier": sparsifier, "budget_bits": None}))


def test_a_threshold_that_falls_too_slowly_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Conformal, "next", lambda rule, beta, dropped: beta - rule.step * 0.5 * (dropped - rule.target))
    with pytest.raises(AssertionError, match="the dropped mass exceeds its one-sided bound"):
        rows(cell(conformal("none", carry=True)))
