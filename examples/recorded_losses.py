"""Packet losses as they were recorded: a CSV file with the columns time_s and lost, or time_s and probability.

    python examples/recorded_losses.py

`tunnel_losses.csv` beside it is made up: a lost packet now and then, and a tunnel from 4 to 7 s in which all are lost.
Give the path of a file of yours as the argument; other columns in it are passed over.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sqsim import Cell, simulate

TUNNEL = Path(__file__).parent / "tunnel_losses.csv"
PERIOD_S = 10.0


def main(recorded: Path) -> None:
    """Prints the latency of each scheme with the losses as they came, and with as many that come one by one."""
    trace = Cell().with_({"uplink.loss": {"kind": "trace", "path": recorded, "period_s": PERIOD_S}}).uplink.loss
    losses = {"as recorded": trace, "independent": {"kind": "bernoulli", "probability": trace.mean_loss}}
    print(f"{'scheme':<12}{'losses':<14}{'ms per token':>14}{'worst request':>16}")
    for scheme in ("cloud_only", "k_sqs"):
        for name, loss in losses.items():
            cell = Cell.from_fields(
                {
                    "models": {"pair": "sotu"},
                    "workload": {"kind": "closed", "requests": 4, "output_tokens": 48},
                    "scheme": scheme,
                    "uplink": {"rate": {"kind": "constant", "bps": "50 kbit/s"}, "loss": loss},
                }
            )
            requests = simulate(cell).requests
            per_token_ms = 1000 * requests["latency_s"] / requests["output_tokens"]
            print(f"{scheme:<12}{name:<14}{per_token_ms.mean():>14.1f}{per_token_ms.max():>16.1f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TUNNEL)
