"""Small cells that between them meet all that a column may count, and their books, kept once a session."""

from functools import cache
from typing import Any, Final

from second_account import Account
from tables_pair import Tables

from simulator import Cell
from simulator.results.metrics import ON_REQUEST


def link(bps: float, delay_s: float, timeout_s: float, loss: float = 0.0, **fields: Any) -> dict[str, Any]:
    return {
        "rate": {"kind": "constant", "bps": bps},
        "delay": {"kind": "constant", "delay_s": delay_s},
        "loss": {"kind": "bernoulli", "probability": loss},
        "arq": {"kind": "stop_and_wait", "timeout_s": timeout_s, "timer_jitter": 0},
        "header_bits": 104,
        "power_w": 50 * delay_s,  # whatever tells the links apart
        **fields,
    }


def clock(base_s: float, token_s: float, cached_s: float) -> dict[str, Any]:
    return {"kind": "affine", "base_s": base_s, "per_token_s": token_s, "per_cached_token_s": cached_s}


def away(*spans: tuple[int, float, float]) -> dict[str, Any]:
    return {"kind": "scheduled", "away": spans}


def many(timeout_s: float) -> dict[str, Any]:
    return {"arq": {"kind": "selective_repeat", "timeout_s": timeout_s, "timer_jitter": 0}}


ONE_BY_ONE: Final = {
    "batching": "none",
    "latency": clock(0.0217, 0.00113, 0.000071),
    "power": {"busy_w": 411, "idle_w": 57},
    "usd_per_gpu_hour": 2.9,
}
K_SQS: Final = {"kind": "k_sqs", "k": 4, "resolution": 5, "max_drafts": 4}
C_SQS: Final = {
    "kind": "c_sqs", "initial": 0.12, "step": 0.07, "target": 0.02, "resolution": 9, "max_drafts": 3, "carry": False
}  # fmt: skip
"""The books begin a threshold anew at each request."""
EDGE: Final = {
    "latency": clock(0.0051, 0.00037, 0.000013),
    "encode_s_per_draft": 0.00123,
    "power": {"busy_w": 7.3, "idle_w": 2.1},
}
BASE: Final[dict[str, Any]] = {
    "models": {"pair": Tables(), "temperature": 0.8},
    "workload": {"kind": "closed", "requests": 2, "prompt_tokens": 7, "output_tokens": 15},
    "scheme": K_SQS,
    "edge": EDGE,
    "uplink": link(9e3, 0.0131, 0.0613),
    "downlink": link(5e4, 0.0173, 0.0531, **many(0.0531)),
    "cloud": ONE_BY_ONE,
    "seed": 3,
    "percentiles": [*ON_REQUEST],
}


def asked(devices: int, **fields: Any) -> dict[str, Any]:
    return {**BASE["workload"], "devices": devices, **fields}


CELLS: Final[dict[str, dict[str, Any]]] = {
    "lossy": {
        "workload": asked(3, think_s=0.05, slo_ttft_s=0.3, slo_tpot_s=0.063),
        "uplink": link(9e3, 0.0131, 0.0613, 0.25, access_s=0.0041),
        "downlink": link(2e4, 0.0173, 0.0531, 0.3, **many(0.0531)),
    },
    "waiting lines": {
        "workload": asked(
            3, kind="poisson", rate_per_s=1.5, requests=3, absences=away((0, 0.41, 0.5), (1, 4.2931, 5.0)),
        ),
        "scheme": C_SQS,
        "uplink": link(2e4, 0.0131, 0.0613, mtu_bits=144, **many(0.0613)),
        "downlink": link(1.5e3, 0.0173, 0.0531, sharing="own", **many(0.0531)),
    },
    "streamed": {
        "workload": asked(3, output_tokens=9, deadline_s=1.4),
        "scheme": "cloud_only",
        "downlink": link(3.2e3, 0.0173, 0.0531, 0.3, **many(0.0531)),
        "cloud": {"batching": "none", "latency": clock(0.0037, 0.00113, 0.000071)},
    },
    "co-located": {
        "models": {"pair": Tables()},
        "workload": asked(2, stop_at_eos=True, prompt_at_cloud=True, output_tokens=21),
        "scheme": {"kind": "colocated", "max_drafts": 3},
        "cloud": {**ONE_BY_ONE, "drafter_latency": clock(0.0023, 0.00019, 0.000017)},
    },
    "impatient": {
        "workload": asked(
            3, output_tokens=14, deadline_s=1.0, slo_tpot_s=0.0401, requests=3,
            absences=away((2, 0.52, 0.81), (1, 1.47, 1.63)),
        ),
        "uplink": link(8e3, 0.0131, 0.0613, 0.2),
    },
    "two servers": {
        "workload": asked(4),
        "cloud": {**ONE_BY_ONE, "servers": 2, "gpus": 3, "charged": "held"},
    },
    "evictions": {
        "workload": asked(5, prompt_at_cloud=True, requests=1, output_tokens=24),
        "cloud": {**ONE_BY_ONE, "kv_tokens": 71, "admission": "preempt"},
    },
    "one at a time": {
        "workload": asked(3, prompt_at_cloud=True, requests=1, output_tokens=12),
        "cloud": {**ONE_BY_ONE, "kv_tokens": 27},
    },
    "fleet": {
        "workload": asked(3, stop_at_eos=True),
        "fleet": [
            {"name": "tight", "count": 1, "scheme": {**K_SQS, "budget_bits": 5, "code": "enumerative"}},
            {"name": "roomy", "count": 1, "scheme": {**K_SQS, "budget_bits": 40}},
            {
                "name": "far", "count": 1, "uplink": link(0.25e3, 0.0311, 0.0933, 0.1),
                "edge": EDGE | {"power": {"busy_w": 3.9}},
            },
        ],
    },
    "s_q": {"scheme": {"kind": "s_q", "k": 5, "resolution": 4, "max_drafts": 3}},
    "halves": {"scheme": {"kind": "truncated_fp16", "policy": "fixed_length", "k": 3, "max_drafts": 5},
               "workload": asked(2, output_tokens=12)},
    "coupled": {"scheme": {"kind": "coupled", "max_drafts": 3}},
    "edge only": {"scheme": "edge_only"},
    "ahead": {
        "workload": asked(2, prompt_at_cloud=True, output_tokens=19, requests=3),
        "scheme": {**C_SQS, "depth": 2},
        "uplink": link(2e4, 0.0131, 0.0713, 0.2, **many(0.0713)),
        "downlink": link(5e4, 0.0173, 0.0731, 0.2, **many(0.0731)),
    },
}  # fmt: skip


@cache
def account(name: str) -> Account:
    """The books of a cell by its name."""
    return Account(Cell.from_fields(BASE | CELLS[name]))
