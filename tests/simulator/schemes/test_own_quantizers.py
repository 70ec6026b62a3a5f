"""A quantizer of a user's own: counts that sum to the resolution cross the air by every code of the lattice."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from cells import cell
from hypothesis import given
from hypothesis import strategies as st

from channels.codec import wire
from kinds import ConfigError
from kinds.arrays import Floats, Ints
from models.verification import total_variation
from simulator import simulate
from simulator.cell.cell import load_imports
from simulator.decoding.memory import Memory
from simulator.schemes import Code, LatticeCounts, Quantizer
from simulator.schemes.code import Load
from simulator.schemes.sparsifiers.by_count import KeepTopK

load_imports([Path(__file__).parents[3] / "examples" / "own_quantizer.py"])


class AllOnFirst(LatticeCounts):
    """As far from the nearest counts as can be."""

    kind: Literal["all_on_first_in_tests"] = "all_on_first_in_tests"

    def quantize(self, mass: Floats) -> Ints:
        counts = np.ones(mass.size, dtype=np.int64)
        counts[0] += self.resolution - mass.size
        return counts

    def covering_bound(self, size: int) -> float:
        return 1.0


class OneShort(AllOnFirst):
    """Loses a count."""

    kind: Literal["one_short_in_tests"] = "one_short_in_tests"  # type: ignore[assignment]

    def quantize(self, mass: Floats) -> Ints:
        return np.ones(mass.size, dtype=np.int64)


class OfNoBase(Quantizer):
    """Derives from the family itself."""

    kind: Literal["of_no_base_in_tests"] = "of_no_base_in_tests"

    def quantize(self, mass: Floats) -> Ints:
        return np.ones(mass.size, dtype=np.int64)

    def covering_bound(self, size: int) -> float:
        return 1.0


def scheme(quantizer: str, code: str = "recoded") -> dict[str, object]:
    split = {"acceptance": "split_rejection", "reply": "law"} if code == "scalars" else {}
    return {"kind": "composed", "quantizer": {"kind": quantizer}, "code": code, "max_drafts": 3, **split}


@pytest.mark.parametrize("code", ["recoded", "enumerative", "scalars"])
@pytest.mark.parametrize("quantizer", ["all_on_first_in_tests", "none_lost"])
def test_counts_of_an_own_rule_cross_the_air_and_leave_the_text_the_verifiers(quantizer: str, code: str) -> None:
    one = cell(scheme(quantizer, code))
    rounds = simulate(one, memory=Memory()).rounds  # I8: what is received is what was sent
    assert rounds["tv_output"].sum() < 1e-6 and rounds["tv_quantization"].sum() > 0
    assert one.scheme.lossless


@given(
    st.lists(st.floats(1e-6, 1.0), min_size=2, max_size=9),
    st.integers(2, 40),
    st.sampled_from(["recoded", "enumerative"]),
)
def test_any_counts_that_sum_to_the_resolution_come_back(masses: list[float], resolution: int, code: str) -> None:
    quantizer = Quantizer.of({"kind": "none_lost", "resolution": resolution})
    counts = quantizer.quantize(np.array(masses))
    packets = Code.of(code).packets(Load(50, 1, KeepTopK(k=len(masses)), quantizer))
    ids = np.arange(0, 5 * len(masses), 5)
    draft = wire.Draft(int(ids[counts.argmax()]), ids, counts)
    assert list(packets.decode(packets.encode([draft], (1, 2)), (1, 2))) == [draft]
    distribution = np.array(masses) / sum(masses)
    assert total_variation(distribution, counts / resolution) <= quantizer.covering_bound(len(masses)) + 1e-9


def test_counts_that_do_not_sum_to_the_resolution_are_told_with_their_line() -> None:
    with pytest.raises(ConfigError, match=r"OneShort.quantize must return counts that sum to resolution = 100, got 8$"):
        simulate(cell(scheme("one_short_in_tests")), memory=Memory())


@pytest.mark.parametrize("code", ["recoded", "enumerative"])
def test_a_quantizer_of_no_base_is_told_which_to_take(code: str) -> None:
    message = (
        rf"code '{code}' cannot carry its counts; derive it from simulator.schemes.LatticeCounts, whose counts sum"
    )
    with pytest.raises(ConfigError, match=message):
        cell(scheme("of_no_base_in_tests", code))
