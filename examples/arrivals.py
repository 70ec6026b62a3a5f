"""Requests as they came: a CSV file with the columns arrival_s, prompt_tokens, output_tokens, dealt to the devices.

    python examples/arrivals.py

`arrivals.csv` beside it is made up: bursts with pauses between them. A device takes its requests one after the other,
so in a burst they wait for it. Without a file, `workload: {kind: poisson, rate_per_s: 0.05}` draws random times.
"""

from __future__ import annotations

from pathlib import Path

from sqsim import Cell, simulate

ARRIVALS = Path(__file__).parent / "arrivals.csv"


def main() -> None:
    """Prints, for one to four devices, how long a request waits for its first token and for its last."""
    print(f"{'devices':<9}{'first token, s':>16}{'last token, s':>16}{'worst, s':>11}")
    for devices in (1, 2, 4):
        cell = Cell.from_fields(
            {
                "models": {"pair": "sotu"},
                "workload": {"kind": "arrivals", "path": ARRIVALS, "devices": devices, "distinct": 10},
                "scheme": "k_sqs",
            }
        )
        requests = simulate(cell).requests
        first, last = requests["ttft_s"].mean(), requests["latency_s"].mean()
        print(f"{devices:<9}{first:>16.3f}{last:>16.3f}{requests['latency_s'].max():>11.3f}")


if __name__ == "__main__":
    main()
