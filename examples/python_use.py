"""sqsim from Python: one cell, many cells, their means with intervals, and a figure.

    python examples/python_use.py

Everything the command does is `Cell`, `simulate`, `sweep`, `summarise`, `draw`. The notebook `first_steps.ipynb` goes
the same way step by step.
"""

from __future__ import annotations

import itertools

from simulator.results.intervals import with_curves
from sqsim import Cell, draw, simulate, summarise, sweep

AXIS = "uplink.rate.bps"


def cell(scheme: str, bps: float = 1e5, seed: int = 0) -> Cell:
    """One experiment; what is not said has a default."""
    return Cell.from_fields(
        {
            "models": {"pair": "sotu"},
            "workload": {"kind": "closed", "requests": 1, "output_tokens": 16},
            "scheme": scheme,
            "uplink": {"rate": {"kind": "constant", "bps": bps}},
            "seed": seed,
        }
    )


def main() -> None:
    """Prints what one cell gave, then a table over schemes, rates and seeds; leaves python_use.svg behind."""
    one = simulate(cell("k_sqs"))
    print(f"K-SQS at 100 kbit/s: {1000 * one.summary['latency_per_token_s']:.1f} ms per token, of which")
    print(one.rounds[["drafted", "accepted", "payload_bits"]].describe().loc[["mean", "min", "max"]])

    grid = itertools.product(("dense", "k_sqs"), (1e4, 1e5, 1e6), range(3))
    summary = summarise(sweep([cell(scheme, bps, seed) for scheme, bps, seed in grid]))
    print(summary[["scheme.kind", AXIS, "n", "latency_per_token_s", "latency_per_token_s_ci95"]].to_string(index=False))

    figure = draw("latency", with_curves(summary, AXIS), AXIS)
    figure.savefig("python_use.svg")


if __name__ == "__main__":
    main()
