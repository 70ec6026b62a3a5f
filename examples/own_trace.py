"""An uplink as it was recorded: a rate over time, from a CSV file with the columns start_s and bps.

    python examples/own_trace.py

`train_ride.csv` beside it is made up: a train that leaves a station, runs through a tunnel and comes out again. Give
the path of a file of yours as the argument. Recordings in mahimahi's format run as they are:
`sqsim run traces --set uplink.rate.path=my.up`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sqsim import Cell, simulate

TRAIN_RIDE = Path(__file__).parent / "train_ride.csv"


def main(trace: Path) -> None:
    """Prints the latency per token of each scheme on the recorded uplink, and how long its longest round took."""
    print(f"{'scheme':<12}{'ms per token':>14}{'longest round, s':>18}")
    for scheme in ("cloud_only", "dense", "k_sqs"):
        cell = Cell.from_fields(
            {
                "models": {"pair": "sotu"},
                "workload": {"kind": "closed", "requests": 2, "output_tokens": 48},
                "scheme": scheme,
                "uplink": {"rate": {"kind": "trace", "path": trace}, "arq": "selective_repeat"},
            }
        )
        result = simulate(cell)
        longest_s = (result.rounds["answered_s"] - result.rounds["started_s"]).max()
        print(f"{scheme:<12}{1000 * result.summary['latency_per_token_s']:>14.1f}{longest_s:>18.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TRAIN_RIDE)
