"""Requests per second that a 70B on four A100s serves with 95 of 100 within limits on time per output token and time to
first token, over a plane of limits, for a phone and a Jetson that may draft.

Each device asks once a period, at a random time: with tens of devices the arrivals are Poisson's of a given number. The
requests of the first period warm the system up and are not counted. The arrival rate grows with the number of devices;
goodput is where a limit is passed, between two rates by interpolation (`goodput_plane`).

Acceptance is as published at temperature 0, where a draft's distribution is one token: the edge sends ids. `edge, modes
raced` may wait, draft ahead, prepare rounds or let the cloud start, whichever its race prefers; `edge by load` is the
policy `drafts_by_load`.

How many devices a run of yours supports within your limits: `sqsim capacity`.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import pandas as pd

from scenarios import Also, Quick, Scenario, Table, Tune, asks, script
from scenarios.findings.question import of_setting
from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import listed
from scenarios.set_ups import BASE_70B, GREEDY, IN_CLOUD, JETSON_1B, PHONE, UNCUT, WAITS_IF_QUICK
from simulator.results.goodput_plane import DEVICES, OPPONENT, TPOT, TPOT_S, TTFT, TTFT_S, Goodput, Within, plane
from simulator.results.units import quantity

AT_EDGE = [
    {"kind": "coupled", "max_drafts": 4, "depth": 1, "label": "edge, modes raced"},
    {"kind": "composed", "max_drafts": 4, "policy": "drafts_by_load", "label": "edge by load"},
]
WAITS = {"kind": "coupled", "max_drafts": 4, "label": "edge waits"}
"""The scheme of a quick run, which races no serving modes."""
PERIOD_S = 10
"""Longer than an answer within the limits, so that no request waits for the device's last one."""
RATES = [PERIOD_S * rate for rate in (2, 4, 8, 14)]
"""Numbers of devices, by requests per second: all schemes have the same, since none is known beyond the highest."""
TUNE = Tune(
    UNCUT,
    base={"workload.requests": 1, "workload.learning_requests": 0},
    settings=4,
    looks=(1,),
    steps=0,
)
MIDDLE = (TPOT_S[1], TTFT_S[2])
"""The limits of the answer."""


def _planes(table: pd.DataFrame) -> list[Within]:
    return plane(of_setting(table))


def _limits(within: Within) -> str:
    return f"{quantity(within.tpot_s, TPOT)} TPOT and {quantity(within.ttft_s, TTFT)} TTFT"


def _seen(found: list[Within], sign: int) -> int:
    """Returns the number of limits within which the best edge scheme is seen to serve more (1) or fewer (-1) requests
    per second than cloud-only decoding."""
    pairs = [(each.best(edge=True), each.of(OPPONENT)) for each in found]
    less = [edge.over(cloud) for edge, cloud in pairs if edge is not None and cloud is not None]
    return sum(each.separable and sign * each.mean > 0 for each in less)


@asks(TPOT)
def goodput(table: pd.DataFrame, axis: str | None) -> str:
    """How many requests per second do cloud-only decoding, co-located speculation and the best edge scheme of each
    device serve within the middle limits?"""
    found = _planes(table)
    middle = [each for each in found if (each.tpot_s, each.ttft_s) == MIDDLE]
    if not middle:
        return ""
    served = [f"{_with_interval(alone)} requests/s" for within in middle[:1] if (alone := within.of(OPPONENT))]
    served += [f"{each.scheme} {each.written}" for within in middle[:1] if (each := within.of("colocated"))]
    edge = [(within.device, best.written) for within in middle if (best := within.best(edge=True)) is not None]
    served += [f"{device} {written}" for device, written in edge]
    return f"within {_limits(middle[0])}: {', '.join(served)}"


@asks(TPOT)
def of_each(table: pd.DataFrame, axis: str | None) -> str:
    """How many requests per second does each scheme serve on each device within the middle limits?"""
    middle = [each for each in _planes(table) if (each.tpot_s, each.ttft_s) == MIDDLE]
    clauses = [f"{each.device}, {', '.join(map(_with_interval, each.schemes))}" for each in middle]
    return listed(f"requests/s within {_limits(middle[0])}", clauses) if middle else ""


@asks(TPOT)
def edge_against_cloud(table: pd.DataFrame, axis: str | None) -> str:
    """Within how many limits is the best edge scheme of each device seen above and below cloud-only decoding?"""
    found = _planes(table)
    clauses = []
    for device in dict.fromkeys(each.device for each in found):
        own = [each for each in found if each.device == device]
        if any(each.best(edge=True) is not None and each.of(OPPONENT) is not None for each in own):
            counts = f"more within {_seen(own, 1)} and fewer within {_seen(own, -1)} of {len(own)} limits"
            clauses.append(f"{device}, {counts}")
    return listed("requests/s of the best edge scheme against cloud only", clauses)


def _with_interval(each: Goodput) -> str:
    found = each.found
    half = f" ± {found.half_width:.2g}" if found.half_width > 0 else ""
    return f"{each.scheme} {each.written}{half}"


def rows(table: pd.DataFrame) -> pd.DataFrame:
    """Returns the goodput of each scheme on each device within each pair of limits."""
    return pd.DataFrame(
        [
            {
                "device": within.device, TPOT: within.tpot_s, TTFT: within.ttft_s, "scheme": each.scheme,
                "requests_per_s": each.found.mean, "requests_per_s_ci95": each.found.half_width, "n": each.found.n,
                "bounded": each.found.mean < each.highest,
            }
            for within in _planes(table)
            for each in within.schemes
        ]
    )  # fmt: skip


def printed(table: pd.DataFrame) -> TextTable | None:
    """Returns for a person the goodput of co-located speculation, the best edge scheme and cloud-only decoding."""
    found = _planes(table)
    body = [
        [f"{device}, TTFT {quantity(ttft_s, TTFT)}", *map(_three, line)]
        for (device, ttft_s), line in groupby(found, key=lambda each: (each.device, each.ttft_s))
    ]
    heading = (
        "Requests/s of which 95% are within TTFT (down) and 95% within TPOT (across), by the device that drafts: "
        "co-located; the edge's best scheme; cloud only"
    )
    columns = ["device", *(f"TPOT {quantity(each, TPOT)}" for each in TPOT_S)]
    return TextTable.of(heading, columns, body) if body else None


def _three(within: Within) -> str:
    found = (within.of("colocated"), within.best(edge=True), within.of(OPPONENT))
    return "; ".join(each.written if each is not None else "-" for each in found)


SCENARIO = Scenario(
    name="capacity",
    summary="How many requests per second does a 70B on four A100s serve within limits if a phone or an Orin drafts?",
    minutes=12,
    base={
        **BASE_70B,
        **GREEDY,
        "models.pair.size": 512,
        "workload.kind": "ticks",
        "workload.period_s": PERIOD_S,
        "workload.requests": 2,
        "workload.learning_requests": 1,
        "workload.distinct": 8,
        "percentiles": [TTFT],
        "uplink.rate.bps": 100e6,
        "downlink.rate.bps": 100e6,
        "cloud.batching": {"kind": "continuous", "cap": 512},
        "cloud.token_budget": 512,
    },
    grid={"scheme": AT_EDGE, "edge.latency": [PHONE, JETSON_1B], DEVICES: RATES},
    also=[
        Also(
            {"scheme": list(IN_CLOUD), DEVICES: RATES},
            quick={DEVICES: [40, 120]},
        )
    ],
    axis=DEVICES,
    seeds=8,
    tune=TUNE,
    left_out={"edge_only": "it takes nothing of a cloud"},
    quick=Quick(
        base={"workload.distinct": 4},
        grid={"scheme": [WAITS], DEVICES: [40, 120]},
        seeds=2,
        tune=replace(TUNE, fixed=WAITS_IF_QUICK, settings=3, looks=(2,)),
    ),
    headlines=(),
    figures=("goodput",),
    tables=(Table("goodput", rows, printed),),
    answer=goodput,
    findings=(of_each, edge_against_cloud),
    assumed="uplink and downlink of 100 Mbit/s are shared by all, 10 ms away each; each device asks once per period of "
    "10 s",
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
