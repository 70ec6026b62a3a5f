"""What is reported of times that were measured, on times that are made up."""

from __future__ import annotations

import pandas as pd

from scenarios.conformal_time import against_conformal, time_spent, times_of_softmax

AXIS = "models.pair.size"


def table() -> pd.DataFrame:
    times = {
        ("top_k", None): (2.0, 4.0), ("conformal", 16): (0.5, 0.4), ("conformal", 4096): (1.0, 1.6),
        ("running_quantile", 16): (9.0, 9.0), ("running_quantile", 4096): (4.0, 8.0),
    }  # fmt: skip
    return pd.DataFrame(
        [
            {"scheme.sparsifier.kind": kind, "tokens": tokens, AXIS: size, "seed": seed}
            | {"sparsifying_over_softmax": time + 0.1 * (2 * seed - 1), "support_size": 1200.0}
            for (kind, tokens), pair in times.items()
            for size, time in zip((1_000, 150_000), pair, strict=True)
            for seed in (0, 1)
        ]
    )


def test_times_are_means_over_seeds_at_the_largest_vocabulary_quickest_first():
    line = "conformal after 16 tokens 0.4 (1,200), conformal after 4,096 tokens 1.6 (1,200), top_k 4 (1,200), "
    assert f"at V = 150,000: {line}running_quantile after 4,096 tokens 8" in times_of_softmax.report(table(), AXIS)
    assert time_spent.report(table(), AXIS) == (
        "at V = 150,000 from 0.4 softmaxes (conformal after 16 tokens) to 9 softmaxes (running "
        "quantile after "
        "16 tokens), the conformal threshold 1.6 ± 1.3 after 4,096 tokens; measured, another run differs"
    )
    assert time_spent.report(pd.DataFrame(), AXIS) == ""


def test_the_conformal_threshold_is_compared_where_it_keeps_most_and_nothing_of_nothing():
    line = against_conformal.report(table(), AXIS)
    assert line.startswith("Time of conformal after 4,096 tokens as a multiple")
    quantile = "of running_quantile after 4,096 tokens"
    assert line.endswith(f"at V = 1,000 0.5 of top_k, 0.25 {quantile}; at V = 150,000 0.4 of top_k, 0.2 {quantile}")
    assert times_of_softmax.report(table(), None) == against_conformal.report(pd.DataFrame(), AXIS) == ""
    alone = table()[lambda rows: rows["scheme.sparsifier.kind"] == "top_k"]
    assert against_conformal.report(alone, AXIS) == ""
