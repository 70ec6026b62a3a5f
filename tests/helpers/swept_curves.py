"""Tables of cells whose outcome is known: the values of each curve along an axis, a row a seed."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd


def swept(
    values: Mapping[str, Sequence[float]],
    axis: str,
    places: Sequence[float],
    in_seed: Callable[[str, float, int], float] = lambda curve, value, seed: value,
    seeds: int = 3,
) -> pd.DataFrame:
    """The scheme is the curve's first word; `in_seed`: its latency per token in a seed."""
    return pd.DataFrame(
        {"curve": curve, "scheme.kind": curve.split()[0], axis: place, "seed": seed,
         "latency_per_token_s": in_seed(curve, value, seed)}
        for curve, along in values.items()
        for place, value in zip(places, along, strict=True)
        for seed in range(seeds)
    )  # fmt: skip
