"""Does drafting at the edge still pay at the fourth turn of a conversation?

A turn's prompt is all that was said before. Where both ends keep its keys and values they read, and send, the new text
alone; else a Jetson's 1B and a 70B on four A100s read it again. First prompts are as long as SPEED-Bench's (throughput
split). As an agent's loop, with a tool's results for texts:

sqsim run conversations --set workload.text_tokens='{kind: log_normal, median: 99, most: 999}' --set workload.think_s=2
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pandas as pd

from scenarios import Quick, Scenario, Tune, asks, script
from scenarios.findings.comparisons import Place
from scenarios.findings.question import of_setting
from scenarios.findings.sentences.lowest import lowest_where
from scenarios.findings.wording import Finding, change, joined, less_or_more, listed, rows_of
from scenarios.set_ups import A100, GREEDY, JETSON_1B, LONG_PROMPTS, NEAR, PROMPTS, SELECTIVE_REPEAT, speed_bench
from simulator.results import phase_regions as regions
from simulator.results.column_names import CURVE
from simulator.results.drafting_devices import drafting_devices

WHOLE, PROMPT, TURN, KEEPS = "latency_per_token_s", "workload.prompt_tokens", "workload.counted_turn", "cloud_keeps_s"
DRAFTING: Final = "coupled"
TURNS: Final = f"{TURN},workload.{KEEPS},workload.edge_keeps_s"
FIRST, KEPT, FORGOTTEN = [1, 300.0, float("inf")], [4, 300.0, float("inf")], [4, 0.0, 0.0]
SHORT = {PROMPT: 64, "models.pair.prompt_tokens": 64, "workload.text_tokens": 16}


def _places(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of the fourth turn where both ends keep the conversation, where neither does, and of the first, each
    with its words."""
    for words, (turn, keeps, _) in (("kept", KEPT), ("read anew", FORGOTTEN), ("turn 1", FIRST)):
        place = rows[(rows[TURN] == turn) & (rows[f"workload.{KEEPS}"] == keeps)]
        if not place.empty:
            yield words, place


@asks(WHOLE)
def fourth_turn(table: pd.DataFrame, axis: str | None) -> str:
    """How much time does a token take at the edge against cloud-only decoding at the fourth turn, if both ends keep the
    conversation, after the shortest and the longest first prompt?"""
    rows = of_setting(table)
    here, kinds = {*rows.columns}, {*rows.get("scheme.kind", ())}
    if not {WHOLE, PROMPT, TURN} <= here or not {DRAFTING, regions.OPPONENT} <= kinds:
        return ""
    (_, kept), *_ = _places(rows)
    edge, cloud = (kept["scheme.kind"] == kind for kind in (DRAFTING, regions.OPPONENT))
    at = {prompt: kept[PROMPT] == prompt for prompt in regions.order(kept, PROMPT)}
    found = {prompt: Place(WHOLE, kept).paired(edge & here, cloud & here) for prompt, here in at.items()}
    first, last = min(found), max(found)
    line = (
        f"at turn 4 after {first:,g} kept tokens, drafting on {_device(rows)} takes {less_or_more(found[first].less)} "
    )
    line += f"than cloud only; after {last:,g} {change(found[last].less)}"
    return Finding(line, found.values())


@asks(WHOLE)
def fastest_by_turn(table: pd.DataFrame, axis: str | None) -> str:
    """Which scheme is fastest at the fourth turn where both ends keep the conversation, where neither does, and at the
    first?"""
    rows = of_setting(table)
    if not {WHOLE, TURN} <= {*rows.columns} or rows["scheme.kind"].nunique() < 2:
        return ""
    places = [
        (words if words == "turn 1" else f"turn 4 {words}", place.assign(**{CURVE: place["scheme.kind"]}))
        for words, place in _places(rows)
    ]
    found = [(words, lowest_where(place, axis, WHOLE, words)) for words, place in places]
    clauses = [Finding(f"{words}, {line}", rows_of([line])) for words, line in found]
    return listed(f"latency per token, drafts on {_device(rows)}", clauses)


def _device(rows: pd.DataFrame) -> str:
    """Returns the machine that drafts."""
    return joined([*drafting_devices(rows).unique()])


SCENARIO = Scenario(
    name="conversations",
    summary="Does drafting at the edge still pay at a conversation's fourth turn, what was said before being kept?",
    minutes=10,
    base={
        **GREEDY,
        **SELECTIVE_REPEAT,
        "models.pair": LONG_PROMPTS,
        "workload": {"kind": "conversations", "conversations": 2, "turns": 4, "text_tokens": 64, "output_tokens": 146,
                     "think_s": 10.0},
        "uplink.rate.bps": 1e6,
        "uplink.delay": NEAR,
        "downlink.delay": NEAR,
        "edge.latency": JETSON_1B,
        "cloud.latency": A100 | {"size": "llama_3.1_70b", "gpus": 4},
        "cloud.drafter_latency": A100 | {"size": "llama_3.2_1b"},
    },
    grid={
        "scheme": ["cloud_only", "colocated", "coupled"],
        PROMPTS: speed_bench(1_024, 8_192, 32_768),
        TURNS: [FIRST, KEPT, FORGOTTEN],
    },
    axis=PROMPTS,
    hidden=("models.pair.prompt_tokens", "workload.edge_keeps_s"),
    seeds=8,
    tune=Tune(base=SHORT, metric="tpot_s", settings=8, looks=(1, 2, 8), steps=1),
    left_out={"edge_only": "its text is not the verifier's"},
    quick=Quick(
        base={"workload.conversations": 1, "workload.output_tokens": 48},
        grid={PROMPTS: speed_bench(1_024, 8_192)},
        seeds=3,
        tune=Tune(base=SHORT, metric="tpot_s", settings=3, looks=(2,), steps=0),
    ),
    headlines=(WHOLE, "ttft_s"),
    figures=("latency", "breakdown"),
    answer=fourth_turn,
    findings=(fastest_by_turn,),
    assumed="unless models.pair.size is set, an id has 13 bits, where the pair's own takes 17; acceptance is the same "
    "at every turn",
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
