"""A clock of samples: what it draws is what was measured, at the points as often, between them in between."""

import random
from collections import Counter
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinds import ConfigError
from models.latency.empirical import Empirical
from models.latency.latency import Affine, ConstantLatency, Latency
from models.latency.pass_table import read_rows
from models.latency.profile import Profile

AXES = ((1, 2), (1, 4), (0, 8))
POINTS = list(product(*AXES))
HEADER = "batch,new_tokens,cached_tokens,seconds"
SAMPLES = {
    point: [(1 + place) * 0.01, (3 + place) * 0.01, (2 + 7 * (place % 3)) * 0.01, 0.005]
    for place, point in enumerate(POINTS)
}
"""Four of each point, in no order; a point may be faster than one of less work."""


def written(path: Path, samples: dict[tuple[int, int, int], list[float]], header: str = HEADER) -> Path:
    rows = [",".join(map(str, (*point, seconds))) for point, each in samples.items() for seconds in each]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Empirical:
    return Empirical(file=written(tmp_path_factory.mktemp("clock") / "t.csv", SAMPLES))


@pytest.mark.parametrize("point", POINTS)
def test_at_a_point_each_of_its_samples_is_drawn_as_often(clock: Empirical, point: tuple[int, int, int]) -> None:
    batch, new, cached = point
    drawn = Counter(clock.drawn_s([(new, cached)] * batch, (place + 0.5) / 400, 0.4) for place in range(400))
    assert drawn == dict.fromkeys(SAMPLES[point], 100)


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 8)), min_size=1, max_size=2), st.floats(0, 1, exclude_max=True)
)
def test_between_points_a_draw_is_within_the_draws_at_the_corners(
    clock: Empirical, work: list[tuple[int, int]], uniform: float
) -> None:
    corners = [clock.drawn_s([(new, cached)] * len(work), uniform, 0.4) for new, cached in product(*AXES[1:])]
    assert min(corners) - 1e-12 <= clock.drawn_s(work, uniform, 0.4) <= max(corners) + 1e-12


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 8)), min_size=1, max_size=2))
def test_a_pass_without_a_draw_takes_the_mean_of_all_draws(clock: Empirical, work: list[tuple[int, int]]) -> None:
    draws = [clock.drawn_s(work, (place + 0.5) / 40, 0.4) for place in range(40)]
    assert clock.pass_s(work) == pytest.approx(sum(draws) / 40, rel=1e-12)


def test_samples_of_a_point_that_has_fewer_stand_for_several(tmp_path: Path) -> None:
    samples = SAMPLES | {POINTS[0]: [0.1, 0.3], POINTS[1]: [0.7]}
    clock = Empirical(file=written(tmp_path / "t.csv", samples))
    drawn = [clock.drawn_s([POINTS[0][1:]], (place + 0.5) / 4, 0.4) for place in range(4)]
    assert drawn == [0.1, 0.1, 0.3, 0.3]
    assert {clock.drawn_s([POINTS[1][1:]], (place + 0.5) / 4, 0.4) for place in range(4)} == {0.7}


FACTORS = (1.1, 0.9, 1.0, 1.3)
"""The factors of slow periods, in order of time; their mean is 1.075."""


def in_spells(path: Path, rows: Iterable[tuple[tuple[int, int, int], float, int]]) -> Empirical:
    lines = [f"{b},{n},{c},{seconds!r},{spell}" for (b, n, c), seconds, spell in rows]
    path.write_text("\n".join([f"{HEADER},spell", *lines]) + "\n")
    return Empirical(file=path, beyond="extend")


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Empirical:
    """Each point with another spread, the last one in one spell of four alone."""
    generator = random.Random(5)
    rows = [
        (point, (1 + place) * 0.01 * factor * generator.lognormvariate(0.0, 0.2), 3 * spell)
        for place, point in enumerate(POINTS)
        for spell, factor in enumerate(FACTORS[:1] if point == POINTS[-1] else FACTORS)
        for _ in range(5)
    ]
    return in_spells(tmp_path_factory.mktemp("clock") / "t.csv", rows)


def mean_draw_s(clock: Empirical, work: list[tuple[int, int]]) -> float:
    places = [(place + 0.5) / 20 for place in range(20)]
    spells = [(place + 0.5) / 4 for place in range(4)]
    return fmean(clock.drawn_s(work, uniform, spell) for uniform, spell in product(places, spells))


@pytest.mark.parametrize("point", POINTS)
def test_at_a_point_the_mean_of_all_draws_is_that_of_what_was_measured(
    uneven: Empirical, point: tuple[int, int, int]
) -> None:
    measured = fmean(row.seconds for _, row in read_rows(uneven.file) if row[:3] == point)
    work = [point[1:]] * point[0]
    assert uneven.pass_s(work) == pytest.approx(measured, rel=1e-12)
    assert mean_draw_s(uneven, work) == pytest.approx(measured, rel=1e-12)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 20)), min_size=1, max_size=3))
def test_in_all_spells_the_mean_of_all_draws_is_the_pass(uneven: Empirical, work: list[tuple[int, int]]) -> None:
    assert mean_draw_s(uneven, work) == pytest.approx(uneven.pass_s(work), rel=1e-12)


def test_passes_that_differ_by_their_spells_alone_have_their_spells_factors(tmp_path: Path) -> None:
    rows = [
        (point, (1 + i) * 0.01 * each, spell) for i, point in enumerate(POINTS) for spell, each in enumerate(FACTORS)
    ]
    clock = in_spells(tmp_path / "t.csv", rows)
    for place, factor in enumerate(sorted(FACTORS)):
        drawn = [clock.drawn_s([(1, 0)], uniform / 10, (place + 0.5) / 4) for uniform in range(10)]
        assert drawn == pytest.approx([0.01 * factor] * 10, rel=1e-9)


@pytest.mark.parametrize(("true", "within"), [(0.0, 0.035), (0.08, 0.016)])
def test_factors_vary_as_spells_do_and_not_as_passes(tmp_path: Path, true: float, within: float) -> None:
    """There are 1,000 slow periods of 8 passes each that vary by 20 % among themselves, which alone makes 7 % of their
    means; so near is five standard errors."""
    generator = random.Random(2)
    spells = [1 + true * generator.choice((-1, 1)) for _ in range(1000)]
    rows = [
        (point, factor * (1 + 0.2 * generator.choice((-1, 1))), spell)
        for spell, factor in enumerate(spells)
        for point in POINTS
    ]
    assert pstdev(in_spells(tmp_path / "t.csv", rows).samples.factors) == pytest.approx(true, abs=within)


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_a_larger_number_stands_for_no_shorter_pass_and_no_faster_spell(
    clock: Empirical, uneven: Empirical, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    assert clock.drawn_s([(2, 3)], low, 0.4) <= clock.drawn_s([(2, 3)], high, 0.4)
    assert uneven.drawn_s([(2, 3)], 0.3, low) <= uneven.drawn_s([(2, 3)], 0.3, high)


def test_passes_of_one_spell_are_drawn_to_the_bit_as_those_of_none(clock: Empirical, tmp_path: Path) -> None:
    one = in_spells(tmp_path / "t.csv", [(point, each, 7) for point, every in SAMPLES.items() for each in every])
    for point, place in product(POINTS, range(4)):
        ranked = sorted(SAMPLES[point])[place]
        for each in (one, clock):
            assert {each.drawn_s([point[1:]] * point[0], place / 4, spell) for spell in (0.0, 0.99)} == {ranked}


def test_one_sample_a_point_is_a_profile(tmp_path: Path) -> None:
    affine = Affine(base_s=0.01, per_token_s=0.002, per_cached_token_s=1e-4)
    single = {(b, n, c): [affine.pass_s([(n, c)] * b)] for b, n, c in POINTS}
    file = written(tmp_path / "t.csv", single)
    for work in ([(1, 3)], [(2, 8), (3, 1)]):
        for clock in (Empirical(file=file), Profile(file=file)):
            assert clock.drawn_s(work, 0.3, 0.4) == pytest.approx(affine.pass_s(work), rel=1e-12)


def test_clocks_that_draw_nothing_answer_with_the_pass() -> None:
    ours = [kind for kind in Latency.kinds.values() if kind.__module__.startswith("models.")]
    assert [kind for kind in ours if kind.random] == [Empirical]
    for clock in (ConstantLatency(), Affine()):
        assert clock.drawn_s([(3, 5)], 0.9, 0.4) == clock.pass_s([(3, 5)])


def test_a_pass_beyond_the_samples_is_held_extended_or_refused(clock: Empirical) -> None:
    far, uniform = [(8, 8)], 0.6
    held, extended = (clock.model_copy(update={"beyond": beyond}) for beyond in ("hold", "extend"))
    last = clock.drawn_s([(4, 8)], uniform, 0.4)
    assert held.drawn_s(far, uniform, 0.4) == last
    assert extended.drawn_s(far, uniform, 0.4) >= last
    with pytest.raises(
        ConfigError, match=r"^table .*t.csv: a pass of 8 new tokens a sequence, measured: 1 to 4; anoth"
    ):
        clock.drawn_s(far, uniform, 0.4)
    with pytest.raises(ValueError, match=r"there are passes of 8 new tokens"):
        clock.check_range((1, 8, 8))
    held.check_range((1, 8, 8))


def test_an_empty_pass_is_refused(clock: Empirical) -> None:
    for ask in (clock.pass_s, lambda work: clock.drawn_s(work, 0.5, 0.4)):
        with pytest.raises(ValueError, match="empty"):
            ask([])
