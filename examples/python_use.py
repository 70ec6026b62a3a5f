"""sqsim from Python: one cell, many cells, their means with intervals, and a figure.

    python examples/python_use.py

Everything the command does is `Cell`, `simulate`, `sweep`, `summarise`, `draw`. The notebook `first_steps.ipynb` goes
the same way step by step.
"""

from __future__ import annotations

from sqsim import Cell, draw, simulate, summarise, sweep

BASE = Cell().with_({"models.pair": "sotu", "workload.requests": 1, "workload.output_tokens": 16})
"""What is not said has a default."""


def main() -> None:
    """Prints what one cell gave, then a table over schemes, rates and seeds; leaves python_use.svg behind."""
    one = simulate(BASE.with_({"scheme": "k_sqs", "uplink.rate.bps": "100k"}))
    print(f"K-SQS at 100 kbit/s: {1000 * one.summary['latency_per_token_s']:.1f} ms per token, of which")
    print(one.rounds[["drafted", "accepted", "payload_bits"]].describe().loc[["mean", "min", "max"]])

    grid = {"scheme": ["dense", "k_sqs"], "uplink.rate.bps": ["10k", "100k", "1M"], "seed": range(3)}
    summary = summarise(sweep(BASE.grid(grid)))
    columns = ["scheme.kind", "uplink.rate.bps", "n", "latency_per_token_s", "latency_per_token_s_ci95"]
    print(summary[columns].to_string(index=False))
    draw(summary, to="python_use.svg")


if __name__ == "__main__":
    main()
