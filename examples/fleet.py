"""A fleet: classes of devices with links, schemes and processors of their own, that share one cloud.

    python examples/fleet.py

Six phones on an LTE cell draft with K-SQS; two meters share an NB-IoT uplink and draft with C-SQS. What a class leaves
open, the cell says.
"""

from __future__ import annotations

from sqsim import Cell, simulate

FLEET = {
    "phone": {"count": 6, "uplink": "lte_cell_edge.uplink", "downlink": "lte_cell_edge.downlink"},
    "meter": {"count": 2, "scheme": "c_sqs", "uplink": "nb_iot.uplink", "downlink": "nb_iot.downlink"},
}


def main() -> None:
    """Prints what each class of devices waits for a token, and where most of that time goes."""
    cell = Cell.from_fields(
        {
            "models": {"pair": "sotu"},
            "workload": {"kind": "closed", "requests": 2, "output_tokens": 16, "distinct": 4},
            "scheme": "k_sqs",
            "fleet": FLEET,
        }
    )
    requests = simulate(cell).requests
    parts = [name for name in requests.columns if name.endswith("_s") and name not in NO_PARTS]
    print(f"{'class':<8}{'ms per token':>14}  most of it")
    for name, rows in requests.groupby("class", sort=False):
        ms = 1000 * rows["latency_s"].sum() / rows["output_tokens"].sum()
        print(f"{name:<8}{ms:>14.1f}  {rows[parts].sum().idxmax()}")


NO_PARTS = ("arrival_s", "first_token_s", "finish_s", "latency_s", "ttft_s", "tpot_s", "hidden_draft_s")

if __name__ == "__main__":
    main()
