"""Draft lengths and shares of one uplink cell, chosen together (after Multi-SPIN, arXiv 2606.04581).

    python examples/multi_spin.py

Four devices, the slower ones with the poorer channels, share one band by frequency; the cloud verifies their rounds in
one batch. A run with equal shares shows bits a draft and acceptance; from these come one length for all, and a length
for each, with the shares that let all end together. Each choice is simulated. `simulator.tuning.joint_split` has the
derivation.
"""

from __future__ import annotations

from simulator import CellResult
from simulator.tuning.joint_split import Split, User, equal_shares, own_lengths, same_length
from sqsim import Cell, simulate

PASS_S = (0.004, 0.006, 0.012, 0.024)
CHANNEL = (1.0, 0.8, 0.3, 0.1)
"""The rate of the whole band for each device, of the best one's."""
BAND_BPS, HEADER_BITS, VERIFY_S, LONGEST, COUNT = 1e5, 64, 0.03, 8, len(PASS_S)
BASE = {
    "models": {"pair": {"kind": "acceptance", "share": 0.6, "drafts": 4, "size": 1024}},
    "workload": {"kind": "closed", "devices": COUNT, "requests": 1, "output_tokens": 96},
    "downlink": {"rate": {"kind": "constant", "bps": "inf"}, "delay": {"kind": "constant", "delay_s": 0.0}},
    "cloud": {
        "batching": {"kind": "window", "cap": COUNT, "window_s": 0.5},
        "latency": {"kind": "constant", "per_pass_s": VERIFY_S},
    },
}


def run(lengths: tuple[int, ...], shares: tuple[float, ...]) -> CellResult:
    """Simulates so many drafts a round of each device, and such shares of the band."""
    reached = [share * channel for share, channel in zip(shares, CHANNEL, strict=True)]
    band = {"rate": {"kind": "constant", "bps": BAND_BPS}, "sharing": {"kind": "bands", "shares": reached}}
    fleet = [
        {
            "scheme": {"kind": "k_sqs", "max_drafts": drafts},
            "edge": {"latency": {"kind": "constant", "per_pass_s": pass_s}},
        }
        for drafts, pass_s in zip(lengths, PASS_S, strict=True)
    ]
    uplink = band | {"delay": {"kind": "constant", "delay_s": 0.0}, "header_bits": HEADER_BITS}
    return simulate(Cell.from_fields(BASE | {"uplink": uplink, "fleet": fleet}))


def main() -> None:
    """Prints the tokens a second that each choice is expected to yield, and those that it yields until the first device
    has its answer."""
    seen = run((4,) * COUNT, (1 / COUNT,) * COUNT).summary
    a, bits = float(seen["acceptance_rate"]), float(seen["payload_bits_per_draft"])
    users = [User(a, *each, bits, HEADER_BITS) for each in zip(PASS_S, [BAND_BPS * c for c in CHANNEL], strict=True)]
    choices: dict[str, Split] = {
        "equal shares, 4 drafts": equal_shares(users, 4, VERIFY_S),
        "one length for all": same_length(users, LONGEST, VERIFY_S),
        "a length for each": own_lengths(users, LONGEST, VERIFY_S),
    }
    print(f"{'tokens/s':<24}{'expected':>10}{'simulated':>11}  lengths and shares")
    for name, split in choices.items():
        rounds = run(split.lengths, split.shares).rounds
        end_s = rounds.groupby("device")["answered_s"].max().min()
        tokens_per_s = rounds.loc[rounds["answered_s"] <= end_s, "committed"].sum() / end_s
        lengths = ", ".join(f"{n} at {share:.0%}" for n, share in zip(split.lengths, split.shares, strict=True))
        print(f"{name:<24}{split.tokens_per_s:>10.1f}{tokens_per_s:>11.1f}  {lengths}")


if __name__ == "__main__":
    main()
