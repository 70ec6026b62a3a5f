"""How fast must an edge draft to be worth it? Latency per token over the drafter's speed, at three distances.

The drafter's passes are a phone's, 19.9 ms a token for Llama-3.2-1B, and up to four times as fast: 2.8 times is a
Jetson AGX Orin's 7 ms, a sixth of a cloud token's 43 ms. Acceptance is as published for the pair on code editing
(InstructCoder) at temperature 0, where a draft's distribution is one token; at 1 it is scaled by what other published
pairs keep of it. Three other pairs, on tasks of their own, stand beside it.
"""

from __future__ import annotations

from models.published_figures import KEPT, PRESETS, PresetName
from scenarios import Also, Below, Lowest, PaysAtTheEdge, Quick, Scenario, Tune, script
from scenarios.set_ups import H100_1_7B, IN_CLOUD, PATIENT, TWO_GPUS_70B

SPEED = "edge.latency.speed"
PHONE = {"kind": "profile", "name": "oneplus12_llama_1b", "speed": 1.0}
WHERE, PLACE = "models.pair,models.temperature,uplink.delay,downlink.delay,uplink.label", "uplink.label"
SPEEDS = [1.0, 1.4, 2.0, 2.8, 4.0]
AT_EDGE = ("k_sqs", "coupled")
OTHERS: dict[PresetName, str] = {
    "qwen3_1_7b_32b": "1.7B for 32B",
    "eagle3_llama_8b": "EAGLE-3 for 8B",
    "vicuna_68m_33b": "68M for 33B",
}


def place(temperature: float, round_trip_s: float, name: PresetName = "llama_1b_70b", words: str = "") -> list[object]:
    """A published pair, a temperature and a distance."""
    pair = {"kind": "published", "name": name, "prompt_tokens": 170, "size": 8192}
    delay = {"kind": "constant", "delay_s": round_trip_s / 2}
    label = words or f"temperature {temperature:g}, {1e3 * round_trip_s:g} ms there and back"
    return [pair | {"kept": KEPT if temperature else None}, temperature, delay, delay, label]


PLACES = [place(temperature, trip_s) for temperature in (0.0, 1.0) for trip_s in (0.005, 0.05, 0.2)]
TASKS = [place(0.0, 0.05, name, f"{words}, {PRESETS[name].task}") for name, words in OTHERS.items()]

SCENARIO = Scenario(
    name="who_drafts",
    summary="How fast must an edge's drafter be, and how near, before drafting there beats a streaming 70B?",
    minutes=9,
    base={
        "workload.requests": 2,
        "workload.prompt_tokens": 170,
        "workload.output_tokens": 146,
        "uplink.rate.bps": 1e6,
        "edge.latency": PHONE,
        "cloud.latency": TWO_GPUS_70B,
        "cloud.drafter_latency": H100_1_7B,
        **PATIENT,
    },
    grid={"scheme": [*IN_CLOUD, *AT_EDGE], WHERE: PLACES, SPEED: SPEEDS},
    also=[Also({"scheme": [*IN_CLOUD, *AT_EDGE], WHERE: TASKS, SPEED: SPEEDS[::3]})],
    axis=SPEED,
    hidden=("models.pair", "models.temperature", "uplink.delay", "downlink.delay"),
    seeds=8,
    tune=Tune(settings=8, looks=(1, 2, 4), steps=1, base={"workload.requests": 1}),
    left_out={"edge_only": "its text is not the verifier's"},
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 64},
        grid={WHERE: PLACES[1::3], SPEED: SPEEDS[::3]},
        tune=Tune(settings=3, looks=(1,), steps=0, base={"workload.requests": 1}),
    ),
    figures=("latency", "breakdown"),
    answer=PaysAtTheEdge(AT_EDGE, "cloud_only", "places", by=PLACE),
    findings=(
        Below(AT_EDGE, ("cloud_only",), at=[1.0, 2.8], by=PLACE),
        Below(("k_sqs",), ("coupled",), at=[1.0, 2.8], by=PLACE),
        Lowest("fastest of all", by=PLACE),
    ),
    assumed="a cloud token takes 43 ms whatever the pair; a faster drafter reads prompts faster too; an id has 13 "
    "bits, as of 8,192 tokens, where Llama's has 17; acceptance of code editing where no other task is named",
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
