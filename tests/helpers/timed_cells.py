"""Cells that benches run, and the CPU time of what they do."""

import time
from collections.abc import Callable
from typing import Any

from simulator import Cell

CLOCKS: dict[str, Any] = {
    "edge": {"latency": {"kind": "constant", "per_pass_s": 0.006}},
    "cloud": {"batching": "none", "latency": {"kind": "constant", "per_pass_s": 0.043}},
}


def seconds(work: Callable[[], object], times: int = 1) -> float:
    """CPU seconds of this process for so many times that work."""
    start = time.process_time()
    for _ in range(times):
        work()
    return time.process_time() - start


def replayed(devices: int, requests: int, sessions: int) -> Cell:
    """Sessions of a synthetic pair, on devices with links of their own and a quarter as many servers: more of both is
    more of the same."""
    own = {"sharing": "own"}
    return Cell.from_fields(
        {
            "models": {"pair": {"kind": "synthetic", "size": 256}},
            "workload": {
                "kind": "closed", "devices": devices, "requests": requests, "distinct": sessions,
                "prompt_tokens": 16, "output_tokens": 32,
            },
            "uplink": {"rate": {"kind": "constant", "bps": 1e5}, **own},
            "downlink": {"rate": {"kind": "constant", "bps": 1e7}, **own},
            "cloud": {"servers": max(1, devices // 4)},
        }
    )  # fmt: skip


def narrow(pair: str, scheme: dict[str, Any], uplink: dict[str, Any], requests: int = 3, **fields: Any) -> Cell:
    """Answers of 40 tokens to prompts that the cloud has, over this uplink and 10 Mbit/s down with the same headers."""
    workload = {"kind": "closed", "requests": requests, "prompt_tokens": 32, "output_tokens": 40,
                "prompt_at_cloud": True}  # fmt: skip
    down = {"rate": {"kind": "constant", "bps": 10e6}, "header_bits": uplink["header_bits"]}
    links = {"uplink": uplink, "downlink": down}
    return Cell.from_fields({"models": {"pair": pair}, "workload": workload, "scheme": scheme, **links, **fields})


def uplink(bps: float, header_bits: int) -> dict[str, Any]:
    return {"rate": {"kind": "constant", "bps": bps}, "header_bits": header_bits}
