"""A device leaves its cloud in the middle of an answer: does the request stay, move its cache, or is it read again?

sqsim run hand_over --set cloud.relocation.backhaul_s=5ms --set edge.mobility.every_s=20

A Jetson's 1B drafts for a 70B on four A100s, by shared random numbers. The device is handed over every 3 s, each time
into the area of the next of three clouds. A request that is kept pays the backhaul's delay there and back in
each round; keys and values, 328 kB a token, wait for its rate; a text that is read again takes the time of its
prefill. Ways to go on are compared, not schemes.
"""

from __future__ import annotations

import pandas as pd

from scenarios import Lowest, Quick, Scenario, asks, script
from scenarios.findings.question import of_setting
from scenarios.findings.sentences.lowest import outcomes
from scenarios.findings.wording import joined, percent
from scenarios.set_ups import A100, GREEDY, JETSON_1B, LONG_PROMPTS, NEAR, PROMPTS, SELECTIVE_REPEAT, speed_bench
from simulator.results.columns import CURVE
from simulator.results.display_names import words_of
from simulator.results.units import quantity

KIND, BACKHAUL, PACE = "cloud.relocation", "cloud.relocation.backhaul_bps", "tpot_s"


@asks(PACE)
def fastest_relocation(table: pd.DataFrame, axis: str | None) -> str:
    """By the backhaul's rate, which relocation is lowest in time per token after the first at which prompt length, and
    by how much where that is least?"""
    rows = of_setting(table)
    if axis is None or not {BACKHAUL, PACE, axis} <= {*rows.columns} or rows[CURVE].nunique() < 2:
        return ""
    by_order: dict[str, list[str]] = {}
    margins = []
    for bps in sorted(rows[BACKHAUL].unique()):
        found = outcomes(rows[rows[BACKHAUL] == bps], axis, PACE)
        order = [f"{'~' * (len(each.tied) > 1)}{_relocation(each.lowest)}" for each in found]
        by_order.setdefault(", ".join(order), []).append(quantity(float(bps), BACKHAUL))
        margins += [each.margin for each in found if each.margin is not None and len(each.tied) == 1]
    prompts = joined([f"{prompt:,g}" for prompt in sorted(rows[axis].unique())])
    fastest = "; ".join(f"{joined(rates)} {order}" for order, rates in by_order.items())
    least = min(margins, key=lambda less: abs(less.size), default=None)
    ahead = f"; TPOT at least {percent(least)} than the next" if least else ""
    return (
        f"prompts of {prompts} tokens, fastest by backhaul: {fastest}{' (~: a tie)' if '~' in fastest else ''}{ahead}"
    )


def _relocation(curve: str) -> str:
    return words_of(curve)[1].get("relocation", curve).replace("_", " ")


SCENARIO = Scenario(
    name="hand_over",
    summary="A device comes to another cloud mid-answer: keep its request there, move the KV cache, or read again?",
    minutes=2,
    base={
        **GREEDY,
        **SELECTIVE_REPEAT,
        "models.pair": LONG_PROMPTS,
        "workload.requests": 2,
        "workload.output_tokens": 146,
        "workload.prompt_at_cloud": True,
        "scheme": {"kind": "coupled", "max_drafts": 4},
        "uplink.rate.bps": 1e6,
        "uplink.delay": NEAR,
        "downlink.delay": NEAR,
        "edge.latency": JETSON_1B,
        "edge.mobility": {"kind": "periodic", "every_s": 3.0},
        "cloud.latency": A100 | {"size": "llama_3.1_70b", "gpus": 4},
        "cloud.clouds": 3,
        "cloud.relocation": "kept",
    },
    grid={
        KIND: ["kept", "moved", "read_again"],
        BACKHAUL: [1e9, 10e9, 100e9],
        PROMPTS: speed_bench(1_024, 8_192, 32_768),
    },
    axis=PROMPTS,
    hidden=("models.pair.prompt_tokens",),
    seeds=8,
    quick=Quick(
        base={"workload.output_tokens": 64},
        grid={BACKHAUL: [10e9, 100e9], PROMPTS: speed_bench(1_024, 8_192)},
        seeds=3,
    ),
    headlines=(PACE, "latency_per_token_s"),
    figures=("pace", "breakdown"),
    answer=fastest_relocation,
    findings=(Lowest("fastest", metric=PACE, by=BACKHAUL),),
    assumed="every hand-over, each 3 s, is to another cloud; rate and delay of the backhaul, 10 ms; an LTE hand-over "
    "interrupts for 49.5 ms (3GPP TR 36.881, not read by us); of the scheme one setting, not tuned",
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
