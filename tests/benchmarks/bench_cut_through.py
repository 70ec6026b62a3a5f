"""What it is worth that a packet begins before its round is drafted: ms a token whole, and the share that is left.

    pytest -s tests/benchmarks/bench_cut_through.py

Each scheme at the best of its lengths with and without `uplink.cut_through`, and in parts (`partial`) of which those
behind the first have a header of 8 bits; a device alone, and four that share the uplink, first come, first served. Pair
sotu, two seeds of 120 tokens a device, round trip 40 ms, 6 ms a pass of the drafter, 43 ms one of the verifier.
"""

from __future__ import annotations

from typing import Any

from timed_cells import CLOCKS, narrow, uplink

from simulator import simulate
from simulator.decoding.memory import Memory

RATES_BPS = (1e3, 3e3, 10e3, 100e3, 1e6)
PLACES = ((320, 1), (96, 1), (96, 4))
LENGTHS = (2, 3, 4, 6)
SCHEMES: dict[str, list[dict[str, Any]]] = {
    "k_sqs": [{"kind": "k_sqs", "k": 8, "resolution": 20, "max_drafts": drafts} for drafts in LENGTHS],
    "coupled": [{"kind": "coupled", "max_drafts": drafts} for drafts in LENGTHS],
    "coupled_tree": [
        {"kind": "coupled_tree", "nodes": nodes, "max_drafts": levels} for nodes in (8, 16) for levels in (2, 3, 4)
    ],
}
WAYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "whole": ({}, {}),
    "cut through": ({}, {"cut_through": True}),
    "in parts": ({"partial": True}, {"part_header_bits": 8}),
}


def test_packets_that_begin_before_their_round_is_drafted() -> None:
    import models.zoo  # noqa: F401, registers the pairs

    memory = Memory()
    print(f"\n{'':14}{'header':>7}{'devices':>9}  {'':12}{''.join(f'{bps / 1e3:>9g}k' for bps in RATES_BPS)}")
    for name, lengths in SCHEMES.items():
        for header_bits, devices in PLACES:
            whole_ms = list[float]()
            for way, (fields, more) in WAYS.items():
                if "partial" in fields and name == "coupled_tree":
                    continue
                links = [uplink(bps, header_bits, **more) for bps in RATES_BPS]
                best_ms = [min(run_ms(each | fields, link, devices, memory) for each in lengths) for link in links]
                shown = [f"{one:10.1f}" for one in best_ms]
                if whole_ms:
                    shown = [f"{one / other:10.3f}" for one, other in zip(best_ms, whole_ms, strict=True)]
                whole_ms = whole_ms or best_ms
                print(f"{name:14}{header_bits:7}{devices:9}  {way:12}{''.join(shown)}", flush=True)


def run_ms(scheme: dict[str, Any], link: dict[str, Any], devices: int, memory: Memory) -> float:
    """Milliseconds a token."""
    waiting = CLOCKS | {"cloud": CLOCKS["cloud"] | {"batching": "waiting"}}
    cell = narrow("sotu", scheme, link, devices=devices, **waiting)
    found = [simulate(cell.with_({"seed": seed}), memory=memory).summary["latency_per_token_s"] for seed in (1, 2)]
    return 1e3 * sum(found) / len(found)
