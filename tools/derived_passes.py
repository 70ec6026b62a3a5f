"""The tables of the profiles that come along. `python -m tools.derived_passes` writes them again.

Few passes of each were published: the `cited` rows. The others are `derived`: the roofline of that device and model,
times the share by which the cited passes miss it, interpolated over the logarithm of a pass's new tokens (or of its
sequences, where figures hold what others' prompts cost). A derived pass takes no less than any of less work, and no
more than a cited one of more.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import log2

import numpy as np

from models.latency.cited_passes import FOLDER, PROFILES, CitedPass, CitedProfile
from models.latency.pass_table import TimedPass, csv_text

SERVER_AXES = ((1, 2, 4, 8, 16, 32, 64, 128, 256), (1, 2, 4, 8, 16, 64, 256, 1024, 2048), (0, 512, 2048, 8192))
EDGE_AXES = ((1,), (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 2048), (0, 128, 512, 2048, 8192))
"""Sequences, new and cached tokens of each: of tables of the cloud, and of the edge, where a pass has one sequence."""


def rows(profile: CitedProfile) -> list[TimedPass]:
    """The table of a profile: cited passes as they are, and derived ones between and around them."""
    cited = {each[:3]: each.seconds for each in profile.cited}
    grid = SERVER_AXES if profile.place == "cloud" else EDGE_AXES
    axes = [sorted({*axis, *(each[place] for each in cited)}) for place, axis in enumerate(grid)]
    points = [(batch, new, cached) for batch, new, cached in product(*axes)]
    seconds = np.array([_between_cited(point, cited, _scaled_s(profile, point)) for point in points])
    rising = seconds.reshape([len(axis) for axis in axes])
    for axis in range(3):
        rising = np.maximum.accumulate(rising, axis)
    provenance = ["cited" if point in cited else "derived" for point in points]
    return [
        TimedPass(*point, seconds=each, provenance=of)
        for point, each, of in zip(points, rising.ravel().tolist(), provenance, strict=True)
    ]


def _scaled_s(profile: CitedProfile, point: tuple[int, int, int]) -> float:
    """The roofline's seconds, times the share of the cited passes about as large."""
    known = (*profile.cited, *profile.worked_out)
    shares = ((_size(profile, each), each.seconds / profile.roofline.pass_s(each.work)) for each in known)
    sizes, of_sizes = np.array(sorted(shares)).T
    asked = CitedPass(*point, 0.0)
    return float(np.interp(_size(profile, asked), sizes, of_sizes)) * profile.roofline.pass_s(asked.work)


def _size(profile: CitedProfile, each: CitedPass) -> float:
    return log2(each.batch if profile.share_by == "sequences" else each.batch * each.new_tokens)


def _between_cited(point: Sequence[int], cited: dict[tuple[int, int, int], float], seconds: float) -> float:
    less = [each for other, each in cited.items() if all(a <= b for a, b in zip(other, point, strict=True))]
    more = [each for other, each in cited.items() if all(a >= b for a, b in zip(other, point, strict=True))]
    return min(max([seconds, *less]), *more, np.inf)


def main() -> None:
    for name, profile in PROFILES.items():
        (FOLDER / f"{name}.csv").write_text(csv_text(rows(profile)), encoding="utf-8")


if __name__ == "__main__":
    main()
