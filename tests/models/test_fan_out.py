"""How branches are shared out among the numbers of drafts that may be accepted."""

import numpy as np
import pytest

from models.branch_counts import Geometric


@pytest.mark.parametrize(("acceptance", "power"), [(0.3, 0.0), (0.75, 0.0), (0.75, 1.0), (0.9, 3.0)])
def test_many_branches_are_in_the_proportion_of_the_rule(acceptance: float, power: float) -> None:
    drafts, branches = 4, 100_000
    ends = np.array([*((1 - acceptance) * acceptance**j for j in range(drafts)), acceptance**drafts])
    shares = ends ** (1 / (1 + power))
    widths = Geometric(acceptance=acceptance, power=power).widths(drafts, branches)
    assert sum(widths) == branches
    assert np.array(widths) / branches == pytest.approx(shares / shares.sum(), abs=1e-4)


def test_no_other_way_to_share_out_few_branches_has_more_hits() -> None:
    """By an enumeration, where the F-th guess of a token misses with probability F^-r."""
    drafts, branches, acceptance, power = 3, 12, 0.7, 1.0
    ends = [*((1 - acceptance) * acceptance**j for j in range(drafts)), acceptance**drafts]

    def misses(widths: tuple[int, ...]) -> float:
        return sum(end * width**-power for end, width in zip(ends, widths, strict=True))

    ways = [
        (a, b, c, branches - a - b - c)
        for a in range(1, branches) for b in range(1, branches) for c in range(1, branches)
        if a + b + c < branches
    ]  # fmt: skip
    found = Geometric(acceptance=acceptance, power=power).widths(drafts, branches)
    assert misses(found) <= 1.01 * min(map(misses, ways))


@pytest.mark.parametrize("drafts", range(1, 6))
def test_with_one_branch_more_than_drafts_each_outcome_has_one(drafts: int) -> None:
    assert Geometric().widths(drafts, drafts + 1) == (1,) * (drafts + 1)
