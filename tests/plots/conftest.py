"""A summary table with known numbers: 1/rate transmission on top of constant compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from simulator.results.columns import BREAKDOWN, CI_SUFFIX

Make = Callable[..., pd.DataFrame]
AXIS = "uplink.rate.bps"
BITS = {"cloud_only": 0.0, "dense": 500.0, "k_sqs": 100.0, "c_sqs": 150.0}


def _summary(
    rates: Sequence[float] = (1e3, 1e4, 1e5, 1e6), schemes: Sequence[str] = tuple(BITS), axis: str = AXIS
) -> pd.DataFrame:
    rows = []
    for kind in schemes:
        bits = BITS.get(kind, 200.0)
        for rate in rates:
            parts = dict.fromkeys(BREAKDOWN, 0.0) | {
                "uplink_transmit_s": bits / rate if rate else bits, "verify_s": 0.02, "draft_s": 0.01, "encode_s": 1e-6,
            }  # fmt: skip
            drafts = bits > 0
            metrics = parts | {
                "latency_per_token_s": sum(parts.values()),
                "payload_bits_per_token": bits,
                "resampling_per_draft": 0.2 if drafts else np.nan,
                "rejection_bound": 0.3 if drafts else np.nan,
            }
            metrics["latency_per_token_p50_s"] = 0.9 * metrics["latency_per_token_s"]
            metrics["latency_per_token_p99_s"] = 2 * metrics["latency_per_token_s"]
            spread = {name + CI_SUFFIX: 0.1 * value for name, value in metrics.items()}
            rows.append({"scheme.kind": kind, "curve": kind, axis: rate, "n": 3, **metrics, **spread,
                         "capacity": 10 + len(rows), "bounded": bits < 500, "objective": "ttft_s <= 1 s",
                         "first_limit": "" if bits == 500 else "ttft_s" if bits else "tpot_p95_s"})  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def summary() -> Make:
    """Makes a summary table: `summary(rates=..., schemes=..., axis=...)`."""
    return _summary
