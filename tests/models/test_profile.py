"""Tables of measured passes: exact where a clock is affine, monotone, never beyond what was measured unless told."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinds import ConfigError
from models.latency.cited_passes import FOLDER, PROFILES
from models.latency.latency import Affine
from models.latency.pass_table import Grid, csv_text, monotone, read_rows
from models.latency.profile import Profile
from tools.derived_passes import rows

HEADER = "batch,new_tokens,cached_tokens,seconds\n"
AXES = ((1, 3, 8), (1, 4, 64), (0, 100, 500))
AFFINE = Affine(base_s=0.02, per_sequence_s=0.003, per_token_s=2e-4, per_cached_token_s=1e-6)


def written(path: Path, clock=AFFINE, axes=AXES, provenance="") -> Path:
    """A table of the clock's passes, its rows in no order."""
    header = HEADER if not provenance else HEADER.replace("\n", ",provenance\n")
    lines = [f"{b},{n},{c},{clock.pass_s([(n, c)] * b)!r}{provenance}\n" for b, n, c in product(*axes)]
    path.write_text(header + "".join(reversed(lines)))
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    return written(tmp_path_factory.mktemp("profile") / "affine.csv")


@given(st.lists(st.tuples(st.integers(1, 64), st.integers(0, 500)), min_size=1, max_size=8))
def test_between_its_points_a_table_of_an_affine_clock_is_that_clock_whatever_the_mix(table, work):
    assert Profile(file=table).pass_s(work) == pytest.approx(AFFINE.pass_s(work), rel=1e-12)


@pytest.mark.parametrize("provenance", ["", ",measured"])
def test_rows_may_say_where_they_are_from(tmp_path, provenance):
    clock = Profile(file=written(tmp_path / "a.csv", provenance=provenance))
    assert clock.pass_s([(4, 100)] * 3) == AFFINE.pass_s([(4, 100)] * 3)


measured = st.lists(st.floats(1, 9), min_size=12, max_size=12).map(lambda found: np.reshape(found, (2, 3, 2)))


@given(measured)
def test_a_noisy_table_becomes_the_nearest_that_never_falls(seconds):
    """No monotone table has a smaller largest error: half of the largest fall of any two points in order."""
    found = monotone(seconds)
    assert all((np.diff(found, axis=axis) >= 0).all() for axis in range(3))
    points = list(np.ndindex(seconds.shape))
    falls = [seconds[a] - seconds[b] for a in points for b in points if all(x <= y for x, y in zip(a, b, strict=True))]
    assert np.abs(found - seconds).max() == pytest.approx(max(falls) / 2, abs=1e-12)


@given(measured, st.data())
def test_more_tokens_never_take_less_time(seconds, data):
    found = Grid(((1, 2), (1, 3, 9), (0, 50)), monotone(seconds))
    point = data.draw(st.tuples(st.floats(1, 2), st.floats(1, 9), st.floats(0, 50)))
    more = tuple(data.draw(st.floats(low, axis[-1])) for low, axis in zip(point, found.axes, strict=True))
    assert found.at(more) >= found.at(point) - 1e-12


def test_a_pass_beyond_the_table_is_refused_held_or_extended(table):
    clocks = {beyond: Profile(file=table, beyond=beyond) for beyond in ("refuse", "hold", "extend")}
    inside, above = [(64, 500)] * 8, [(80, 700)] * 10
    assert {clock.pass_s(inside) for clock in clocks.values()} == {clocks["hold"].pass_s(above)}
    assert clocks["extend"].pass_s(above) == pytest.approx(AFFINE.pass_s(above), rel=1e-12)
    with pytest.raises(ConfigError, match="a pass of 10 sequences, measured: 1 to 8; another profile"):
        clocks["refuse"].pass_s(above)
    with pytest.raises(ConfigError, match="of 501 cached tokens a sequence, measured: 0 to 500"):
        clocks["refuse"].pass_s([(1, 500), (1, 501)])


def test_below_the_table_an_extended_pass_takes_what_the_nearest_takes(tmp_path):
    clock = Profile(file=written(tmp_path / "b.csv", axes=((2, 4), (1, 2), (10, 20))), beyond="extend")
    assert clock.pass_s([(1, 0)]) == AFFINE.pass_s([(1, 10)] * 2)


def test_an_axis_of_one_value_is_held_where_told_and_never_extended(tmp_path):
    file = written(tmp_path / "one.csv", axes=((1,), (1, 2), (0, 10)))
    held, extended = (Profile(file=file, beyond=beyond) for beyond in ("hold", "extend"))
    assert extended.pass_s([(9, 99)]) == pytest.approx(AFFINE.pass_s([(9, 99)]), rel=1e-12)
    for batch in (8, 64):
        assert held.pass_s([(1, 0)] * batch) == held.pass_s([(1, 0)])
        with pytest.raises(ConfigError, match=f"a pass of {batch} sequences, measured: 1 alone; .* or `hold` for its"):
            extended.pass_s([(1, 0)] * batch)
        with pytest.raises(ValueError, match=f"there are passes of {batch} sequences, measured: 1 alone"):
            extended.check_range((batch, 1, 0))


def test_a_clock_tells_beforehand_what_it_will_refuse(table):
    Profile(file=table).check_range((8, 64, 500))
    Profile(file=table, beyond="hold").check_range((99, 999, 9999))
    for most in ((9, 1, 0), (1, 65, 0), (1, 1, 501)):
        with pytest.raises(ValueError, match="there are passes of"):
            Profile(file=table).check_range(most)


def test_a_file_that_changed_is_read_again(tmp_path):
    path = written(tmp_path / "c.csv")
    before = Profile(file=path).pass_s([(1, 0)])
    path.write_text(HEADER + "1,1,0,0.5000\n")
    assert Profile(file=path).pass_s([(1, 0)]) == 0.5 != before


def test_a_profiles_name_says_no_device_that_its_source_does_not():
    for name, cited in PROFILES.items():
        device = name.split("_")[0].partition("x")[0]
        if device in ("a100", "h100", "t4"):
            assert device.upper() in cited.what
    assert "does not name" in PROFILES["gpu80gbx2_70b"].what


CITED_MS = {
    "pi5_qwen2_5_0_5b": {1: 29.6}, "oneplus12_llama_1b": {1: 19.9}, "oneplus12_llama_3b": {1: 51},
    "orin_nano_smollm2_135m": {1: 6.1}, "orin_nano_lfm2_1_2b": {1: 18.5}, "laptop_rtx4060_llama_8b": {1: 21.2},
    "t4_gemma3_1b": {1: 7.45}, "a100_13b": {1: 18.3, 128: 22, 256: 37}, "h100_1_7b": {1: 2.27}, "h100_32b": {1: 23.65},
    "gpu80gbx2_70b": {1: 43.3, 16: 50.7, 64: 57.2}, "h100x2_70b_fp8": {1: 18.6, 25: 38.8, 50: 59.7, 100: 93},
    "a100x4_70b": {1: 25, 64: 27, 128: 33, 256: 52}, "h100x4_70b": {1: 14.5, 64: 15, 256: 20},
}  # fmt: skip
"""As published, by sequences of one new token each: typed here once more, apart from what the tables are made of."""


@pytest.mark.parametrize("name", PROFILES)
def test_each_named_clock_takes_what_its_source_measured(name):
    clock, context = Profile(name=name), PROFILES[name].cited[0].cached_tokens
    for sequences, cited_ms in CITED_MS[name].items():
        assert 1e3 * clock.pass_s([(1, context)] * sequences) == pytest.approx(
            cited_ms, rel=0.01 if sequences < 2 else 0.02
        )


@pytest.mark.parametrize("name", ["pi5_qwen2_5_0_5b", "orin_nano_smollm2_135m", "orin_nano_lfm2_1_2b", "t4_gemma3_1b"])
def test_where_a_source_tells_no_exact_context_none_of_its_range_is_a_tenth_off(name):
    for context in (1, 64, 512, 1024):
        assert 1e3 * Profile(name=name).pass_s([(1, context)]) == pytest.approx(CITED_MS[name][1], rel=0.1)


def test_a_phone_reads_a_prompt_as_fast_as_cited():
    assert Profile(name="oneplus12_llama_1b").pass_s([(64, 0)]) == pytest.approx(64 / 260.5, rel=1e-3)


@pytest.mark.parametrize("name", PROFILES)
def test_each_shipped_table_is_what_its_sources_make_and_is_monotone_as_it_is(name):
    path = FOLDER / f"{name}.csv"
    assert path.read_text() == csv_text(rows(PROFILES[name]))
    found = [row for _, row in read_rows(path)]
    assert [row[:3] for row in found if row.provenance == "cited"] == sorted(one[:3] for one in PROFILES[name].cited)
    assert {row.provenance for row in found} == {"cited", "derived"}
    shipped = np.array([row.seconds for row in found]).reshape([len(axis) for axis in Profile(name=name).table.axes])
    assert (Profile(name=name).table.seconds == shipped).all()


def test_every_profile_names_its_source_and_licence_and_enough_are_there():
    places = [each.place for each in PROFILES.values()]
    assert places.count("edge") >= 4 and places.count("cloud") >= 4
    assert all(each.source and each.licence and each.cited for each in PROFILES.values())


def test_a_named_profile_knows_its_memory_and_a_file_does_not(table):
    known = Profile(name="h100x4_70b").footprint
    assert known is not None and known.device_bytes == 4 * 79.15 * 2**30 and known.weights_bytes == 2 * 68_976_648_192
    assert Profile(file=table).footprint is None


def test_a_machine_that_is_so_many_times_as_fast_takes_that_share_in_every_pass_and_says_so():
    measured, faster = (Profile(name="oneplus12_llama_1b", speed=speed) for speed in (1, 2.5))
    for work in ([(1, 64)], [(64, 0)], [(3, 500)]):
        assert faster.pass_s(work) == measured.pass_s(work) / 2.5
    assert faster.what == f"{measured.what}, 2.5 times as fast"
