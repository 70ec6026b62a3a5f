"""Does one drafter for many users pay? A gateway drafts for 1 to 64 users, whose rounds share its passes and its links.

A Jetson AGX Orin with a 1B is the gateway. Its passes are of all users whose rounds wait (continuous batching), or are
made in turn, one user's at a time. Beside it stand cloud-only decoding and co-located speculation by the same 70B.

AsymSpec (arXiv 2608.04974) reports 2.82 to 28.03 times for several requests at one gateway. Its abstract is all that
was read: neither the baseline nor machines, models or load are known. BALANCE (arXiv 2608.05926) serves many users too;
no number of it is known.
"""

from __future__ import annotations

import pandas as pd

from scenarios import LATENCY, Also, Claim, Costs, Lowest, Quick, Scenario, Tune, asks, script
from scenarios.findings.claims import ruled
from scenarios.findings.comparisons import PairedCurves, places
from scenarios.findings.question import of_setting
from scenarios.findings.wording import Finding, called, counted, less_or_more, percent, stretches
from scenarios.set_ups import BASE_70B, GREEDY, IN_CLOUD, WAITS_IF_QUICK

USERS, PASSES = "workload.devices", "edge.gateway.kind"
TOGETHER, IN_TURN = "continuous", "none"


def _compared(
    table: pd.DataFrame, axis: str | None, column: str, value: str, *, other_first: bool = False
) -> list[PairedCurves]:
    """Compares the gateway whose users share passes with the rows that have this value, at each number of users; or,
    if `other_first`, these with the gateway."""
    found = []
    for place in places(of_setting(table), axis, LATENCY) if PASSES in table.columns else ():
        drafts = ~place.rows["scheme.kind"].isin(IN_CLOUD)
        others = drafts if column == PASSES else ~drafts
        sides = [drafts & (place.rows[PASSES] == TOGETHER), others & (place.rows[column] == value)]
        found.append(place.best_of(*(reversed(sides) if other_first else sides)))
    return [each for each in found if each is not None]


@asks(LATENCY)
def many_users(table: pd.DataFrame, axis: str | None) -> str:
    """With the most users, how much less time does a token take at a gateway whose users share passes than at one that
    makes them in turn, and with how many users is it seen faster than cloud-only decoding?"""
    found, rows = _compared(table, axis, PASSES, IN_TURN), of_setting(table)
    if axis is None or not found:
        return ""
    last, cloud = found[-1], _compared(table, axis, "scheme.kind", "cloud_only")
    line = f"for {counted(int(float(str(last.place.at))), 'user')} shared passes take {less_or_more(last.less)} time "
    line += "per token than passes in turn"
    if cloud:
        faster = rows[rows[axis].isin([each.place.at for each in cloud if each.lower])]
        line += f"; faster than cloud only {stretches(faster, rows, axis) or 'nowhere'}"
    return Finding(line, [*found, *cloud])


@asks(LATENCY)
def against_the_cloud(table: pd.DataFrame, axis: str | None) -> str:
    """At each number of users, how does a gateway whose users share passes compare with the schemes in the cloud?"""
    rows = [(called(kind), _compared(table, axis, "scheme.kind", kind)) for kind in IN_CLOUD]
    clauses = [
        f"{name} {', '.join(f'{percent(each.less)} with {each.place.at:g}' for each in found)}"
        for name, found in rows
        if found
    ]
    line = f"latency per token by users, shared passes against {'; '.join(clauses)}"
    return Finding(line, [each for _, found in rows for each in found]) if clauses else ""


@asks(LATENCY)
def many_times(table: pd.DataFrame, axis: str | None) -> str:
    """Is a gateway as many times as fast as AsymSpec reports?"""
    found = _compared(table, axis, PASSES, IN_TURN, other_first=True)
    if not found:
        return ""
    factors = ", ".join(f"{percent(each.less)} with {each.place.at:g}" for each in found)
    line = f"its baseline is not known; here passes in turn, against shared ones, by users: {factors}"
    return Finding(ruled(None, line), found)


SCENARIO = Scenario(
    name="gateway",
    summary="How much time does a gateway's drafter save 1 to 64 users whose rounds share its passes and its uplink?",
    minutes=8,
    base={
        **BASE_70B,
        **GREEDY,
        "models.pair.size": 512,
        "workload.requests": 4,
        "workload.distinct": 8,
        "uplink.rate.bps": 10e6,
        "downlink.rate.bps": 10e6,
        "cloud.batching": {"kind": "continuous", "cap": 64},
        "cloud.token_budget": 512,
    },
    grid={
        "scheme": ["coupled"],
        "edge.gateway": [{"kind": TOGETHER, "cap": 64}, IN_TURN],
        USERS: [1, 4, 16, 64],
    },
    also=[Also({"scheme": list(IN_CLOUD), USERS: [1, 4, 16, 64]}, quick={USERS: [1, 16]})],
    axis=USERS,
    hidden=("edge.gateway.cap",),
    seeds=8,
    tune=Tune(settings=6, looks=(1, 2), steps=0, base={"workload.requests": 1, "workload.output_tokens": 64}),
    left_out={"edge_only": "its text is not the verifier's"},
    quick=Quick(
        base={"workload.requests": 2, "workload.output_tokens": 64},
        grid={USERS: [1, 16]},
        tune=Tune(WAITS_IF_QUICK, settings=3, looks=(2,), steps=0, base={"workload.requests": 1}),
    ),
    figures=("latency", "tails", "breakdown"),
    answer=many_users,
    findings=(against_the_cloud, Lowest(), Costs("{end} users against {start}")),
    claims=(Claim("2.82 to 28.03 times as fast for several requests at a gateway", "AsymSpec, abstract", many_times),),
    assumed="users ask at the same instant, 10 Mbit/s each way for all, 10 ms away; an id has 9 bits",
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
