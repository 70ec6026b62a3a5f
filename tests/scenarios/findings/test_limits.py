"""What is reported of a search for the most devices, from tables whose outcome is known."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from scenarios.command.run.searching import CapacitySearch
from scenarios.findings.sentences.limits import LimitMetFirst, first_limits, one_setting, supporting_most
from simulator.sweeps.search import Capacity, Objective

AXIS = "uplink.rate.bps"
RATES = (1e3, 1e4, 1e5)
Borne = tuple[int, int, int]
"""Devices, and the least and the most that a seed bears by itself."""


def exactly(devices: int) -> Borne:
    return devices, devices, devices


def table(
    borne: Mapping[str, Sequence[Borne]],
    limits: Mapping[str, Sequence[str]] | None = None,
    high: int = 10_000,
    setting: str = "chosen",
) -> pd.DataFrame:
    """A row a curve and rate, to 2%; all but those named in `limits` fail by `ttft_s` first."""
    rows = [
        {
            "curve": curve, "scheme.kind": curve.split()[0], AXIS: rate, "capacity": devices, "bounded": devices < high,
            "capacity_least": least, "capacity_most": most, "within": 0.02, "setting": setting,
            "first_limit": (limits or {}).get(curve, ("ttft_s",) * 3)[place] if devices < high else "",
            "objective": "ttft_s <= 1 s", "lossy": curve == "edge_only",
        }
        for curve, found in borne.items()
        for place, (rate, (devices, least, most)) in enumerate(zip(RATES, found, strict=True))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_curves_whose_seeds_overlap_or_lie_within_the_tolerance_are_not_distinguished_but_by_failing():
    def most(*borne: Borne, high: int = 10_000) -> list[str]:
        found = table({name: [each] * 3 for name, each in zip("ab", borne, strict=True)}, high=high)
        return supporting_most(found[found[AXIS] == 1e3])

    assert most((100, 95, 105), (94, 94, 94)) == ["a", "b"]  # 94 * 1.02 > 95
    assert most((100, 95, 105), (90, 85, 93)) == ["a"]
    assert most(exactly(512), (505, 500, 512), high=512) == ["a"]
    assert most(exactly(0), exactly(0)) == []


def test_seeds_that_bear_none_alone_make_no_curve_alike_with_all():
    """The rows have a search's own columns: one of three seeds meets the objective at no number tried."""
    search = CapacitySearch([], Objective({"ttft_s": 1.0}), Path("nowhere"))
    rows = []
    for curve, value, alone in (("a", 100, (0, 95, 105)), ("b", 20, (18, 20, 22)), ("c", 97, (96, 0, 0))):
        line = search._row(Capacity(value, True, ("ttft_s",), alone, 0, value, ()))
        rows.append({"curve": curve, "scheme.kind": curve, AXIS: 1e3, "lossy": False, **line})
    found = pd.DataFrame(rows)
    assert found["capacity_least"].tolist() == [95, 18, 96] and found["seeds_of_none"].tolist() == [1, 0, 2]
    assert supporting_most(found) == ["a", "c"]
    assert supporting_most(found.assign(capacity_least=0, capacity_most=0)) == ["a"]


def test_the_limit_met_first_is_named_by_curve_and_stretch_of_the_axis():
    limits = {"k_sqs": ("tpot_p95_s", "tpot_p95_s", "ttft_s"), "dense": ("tpot_p95_s and ttft_s",) * 3}
    found = table({name: [exactly(10)] * 3 for name in ("cloud_only", "k_sqs", "dense")}, limits)
    assert first_limits(found, AXIS) == (
        "cloud only ttft_s everywhere; K-SQS tpot_p95_s up to 10 kbit/s, ttft_s at 100 kbit/s; "
        "dense lattice (Q-S) tpot_p95_s and ttft_s everywhere"
    )
    assert first_limits(table({"a": [exactly(16)] * 3}, high=16), AXIS) == ""
    assert (
        LimitMetFirst()
        .report(found, AXIS)
        .startswith("what fails first with more devices, and the station that limits, over uplink rate: cloud")
    )
    limited = found.assign(limited_by=["cloud", "cloud", "", *["uplink or cloud"] * 6])
    assert first_limits(limited, AXIS).startswith(
        "cloud only ttft_s (cloud) up to 10 kbit/s, ttft_s (no station alone) at 100 kbit/s; "
        "K-SQS tpot_p95_s (uplink or cloud) up to 10 kbit/s, ttft_s (uplink or cloud) at 100 kbit/s; "
    )
    assert first_limits(found[found[AXIS] == 1e3], None).startswith("cloud only ttft_s; K-SQS tpot_p95_s")


def test_one_setting_for_all_goes_by_the_names_of_those_chosen():
    best = pd.DataFrame({"curve": ["k_sqs", "k_sqs loss=burst", "cloud_only", "k_sqs"]})
    fixed = pd.DataFrame(
        {"curve": ["k_sqs loss=burst L=4 budget=512", "k_sqs L=4 budget=512", "cloud_only budget=512"]}
    )
    alike, given = one_setting(fixed, best)
    assert list(alike["curve"]) == ["k_sqs loss=burst", "k_sqs", "cloud_only"] and given == "L=4 budget=512"
