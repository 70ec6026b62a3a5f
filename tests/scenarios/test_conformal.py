"""What is reported of the conformal guarantee, on tables in which both bounds are known in closed form."""

import math

import pandas as pd
import pytest

from scenarios.conformal import Guarantee, covered, guarantees, meaningful, promised, says_something

TARGET, REQUEST = 5e-4, 128
KEPT_PER_TOKEN = 0.9


def excesses(step: float, initial: float) -> tuple[float, float]:
    """What the bounds allow above the target in a run, the one-sided and the papers'."""
    return (initial + step * (1 - TARGET)) / step, (initial + 1 + step * TARGET) / step


def rows(
    curve: str, step: float, initial: float, rollback: str = "through_rejection", carry: bool = True
) -> list[dict[str, object]]:
    """Two seeds, one of which has come to 1,024 tokens, the other to 2,048."""
    one_sided, papers = excesses(step, initial)
    made = []
    for seed, longest in ((0, 7), (1, 8)):
        for tokens in (16 * 2**n for n in range(longest)):
            kept, runs = KEPT_PER_TOKEN * tokens, 1 if carry else max(1, tokens / REQUEST)
            made.append(
                {"curve": curve, "cell": f"{curve}{seed}", "seed": seed, "tokens": tokens, "kept_updates": kept}
                | {"scheme.step": step, "scheme.initial": initial, "scheme.target": TARGET, "scheme.carry": carry}
                | {"scheme.rollback": rollback, "workload.output_tokens": REQUEST, "kept_dropped_mass": 1 / tokens}
                | {"verified_dropped_mass": 3 / tokens, "one_sided_bound": TARGET + runs * one_sided / kept}
                | {"papers_bound": TARGET + runs * papers / kept}
            )
    return made


def fixed(beta: float, mean: float) -> dict[str, object]:
    return {"curve": f"composed {beta}", "cell": f"fixed{beta}", "tokens": 1024, "scheme.sparsifier.beta": beta,
            "kept_dropped_mass": mean, "kept_updates": 900.0}  # fmt: skip


@pytest.mark.parametrize("level", [1.0, 0.3, 2 * TARGET])
@pytest.mark.parametrize(("step", "initial"), [(1e-3, 0.1), (0.1, 0.01)])
def test_a_bound_reaches_a_level_at_the_length_that_its_formula_says(step, initial, level):
    found = Guarantee(pd.DataFrame(rows("a", step, initial)))
    assert found.tokens == 1024, "the last length of all seeds"
    for bound, excess in zip((found.one_sided, found.papers), excesses(step, initial), strict=True):
        tokens = int(found.tokens_to(level, bound).replace(",", ""))
        at, before = (TARGET + excess / (KEPT_PER_TOKEN * each) for each in (tokens, tokens - 1))
        assert at <= level * (1 + 1e-9) and before > level * (1 - 1e-9)


def test_without_carry_a_bound_falls_no_further_than_within_a_request_and_none_to_the_target():
    found = Guarantee(pd.DataFrame(rows("a", 0.01, 0.1, carry=False)))
    one_sided, _ = excesses(0.01, 0.1)
    within = TARGET + one_sided / (KEPT_PER_TOKEN * REQUEST)
    assert found.tokens_to(0.99 * within, found.one_sided) == "never"
    tokens = int(found.tokens_to(1.5 * within, found.one_sided))
    assert tokens == math.ceil(one_sided / (1.5 * within - TARGET) / KEPT_PER_TOKEN) < REQUEST
    found = Guarantee(pd.DataFrame(rows("a", 0.01, 0.1)))
    assert found.tokens_to(TARGET, found.one_sided) == "never"


def test_what_is_reported():
    table = pd.DataFrame(
        [
            *rows("a", 0.01, 0.1),
            *rows("b", 0.01, 0.1, "accepted_only"),
            *rows("c", 0.01, 0.1, carry=False),
            fixed(0.1, 0.6),
            fixed(0.2, 0.8),
        ]
    )
    assert [each.name for each in guarantees(table)] == [
        "η = 0.01, β₁ = 0.1", "η = 0.01, β₁ = 0.1, accepted only", "η = 0.01, β₁ = 0.1, without carry",
    ]  # fmt: skip
    line = promised.report(table, None)
    bound = TARGET + excesses(0.01, 0.1)[0] / (KEPT_PER_TOKEN * 1024)
    assert (
        f"after 1,024 tokens (one-sided bound; the target is 0.0005): η = 0.01, β₁ = 0.1: 0.000977 ({bound:.3g});"
        in line
    )
    lengths = [math.ceil(excesses(0.01, 0.1)[n] / KEPT_PER_TOKEN / (1 - TARGET)) for n in (0, 1)]
    beaten = math.ceil(excesses(0.01, 0.1)[0] / KEPT_PER_TOKEN / (0.6 - TARGET))
    twice = math.ceil(excesses(0.01, 0.1)[0] / KEPT_PER_TOKEN / TARGET)
    line = meaningful.report(table, None)
    assert "stays at β₁ drops (0.6 at 0.1 and 0.8 at 0.2)" in line
    assert f": η = 0.01, β₁ = 0.1: {lengths[0]} ({lengths[1]}), {beaten}, {twice:,};" in line
    assert "accepted only 0.00293 of verified drafts against 0.000977 of kept ones" in covered.report(table, None)


def test_nothing_is_reported_where_nothing_moves():
    table = pd.DataFrame([fixed(0.1, 0.6)]).assign(one_sided_bound=math.nan)
    assert {asked.report(table, None) for asked in (promised, meaningful, covered, says_something)} == {""}
    assert covered.report(pd.DataFrame(rows("a", 0.01, 0.1)), None) == ""


def test_the_answer_spans_all_thresholds_and_has_the_loosest_bound():
    table = pd.DataFrame([*rows("a", 0.01, 0.1), *rows("c", 0.01, 0.1, carry=False)])
    kept, fresh = guarantees(table)
    line = says_something.report(table, None)
    most = max(kept.ratio.mean, fresh.ratio.mean)
    first = f"the bound says something after {kept.tokens_to(1.0, kept.one_sided)} tokens"
    assert line == f"{first}; after 1,024 it is at most {most:.2f} times the dropped mass"
    assert fresh.tokens_to(2 * TARGET, fresh.one_sided) == "never"
