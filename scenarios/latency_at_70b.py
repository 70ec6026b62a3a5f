"""Latency per token over uplink rate where the question is open: a phone's 1B model drafts for a 70B in a near cloud.

Acceptance is as published for the pair (bf16) at temperature 0; at 1 it is scaled by what other published pairs keep of
it, with the ends of that band at 1 Mbit/s. Drafting pays where A > x = C / T - 1. Each scheme
is served as suits it best: the phone waits for each reply, drafts ahead or sends parts, and the cloud may start, and
stream while the phone reads the prompt.
"""

from __future__ import annotations

from models.published_figures import KEPT, KEPT_LEAST, KEPT_MOST
from scenarios import Also, Below, Lowest, PaysAtTheEdge, Quick, Scenario, Tune, script
from scenarios.set_ups import AT_EDGE, DRAFTING, H100_1_7B, IN_CLOUD, NEAR, PHONE, TWO_GPUS_70B

PAIR = {"kind": "published", "name": "llama_1b_70b", "prompt_tokens": 170, "size": 8192}  # of 13 bits an id for 17
RATES_BPS = [1e3, 10e3, 30e3, 100e3, 300e3, 1e6, 10e6]
FEW_BPS = [10e3, 100e3, 1e6]
WHERE, PLACE = "models.temperature,models.pair.kept,uplink,downlink", "uplink.label"


def place(temperature: float, kept: float | None, link: str, kept_label: str = "") -> list[object]:
    """A temperature, with what is kept of the acceptance, on an ideal link of 20 ms there and back or on LTE."""
    links: list[object] = []
    for direction in ("uplink", "downlink"):
        preset = {"preset": f"lte.{direction}"} if link == "LTE" else {"arq": "selective_repeat", "delay": NEAR}
        links.append({**preset, "label": f"temperature {temperature:g}, {link}{kept_label}"})
    return [temperature, kept, *links]


BAND = [place(1.0, share, "LTE", f", {share:g} kept") for share in (KEPT_LEAST, KEPT_MOST)]
BY_LABEL = ("access_s", "arq", "delay", "loss", "mtu_bits", "header_bits")  # by the label
TREE = {"kind": "coupled_tree", "max_drafts": 4}
SCHEMES = [*IN_CLOUD, "edge_only", *DRAFTING, TREE]
KINDS = (*AT_EDGE, "coupled_tree")

SCENARIO = Scenario(
    name="latency_at_70b",
    summary="From which uplink rate on does a phone's 1B drafter beat a streaming 70B, on an ideal link and on LTE?",
    minutes=15,
    base={
        "models.pair": PAIR,
        "workload.requests": 2,  # of two stretches each: acceptance stays for 64 tokens, and hard ones are few
        "workload.prompt_tokens": 170,
        "workload.output_tokens": 146,
        "edge.latency": PHONE,
        "cloud.latency": TWO_GPUS_70B,
        "cloud.drafter_latency": H100_1_7B,
    },
    grid={
        "scheme": SCHEMES,
        WHERE: [place(0.0, None, "ideal link"), place(0.0, None, "LTE"), place(1.0, KEPT, "LTE")],
        "uplink.rate.bps": RATES_BPS,
    },
    also=[Also({"scheme": SCHEMES, WHERE: BAND, "uplink.rate.bps": [1e6]})],
    axis="uplink.rate.bps",
    hidden=("downlink", "models.temperature", "models.pair.kept", *(f"uplink.{part}" for part in BY_LABEL)),
    seeds=8,
    tune=Tune(settings=12, looks=(1, 2, 4), base={"workload.requests": 1}),
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 64},
        grid={WHERE: [place(0.0, None, "ideal link"), place(1.0, KEPT, "LTE")], "uplink.rate.bps": [10e3, 1e6]},
        seeds=3,
        tune=Tune(settings=4, looks=(2,), steps=0),
    ),
    figures=("latency", "breakdown", "bits", "resampling"),
    answer=PaysAtTheEdge(KINDS, "cloud_only", "places", by=PLACE),
    findings=(
        Lowest(by=PLACE),
        Below(KINDS, ("cloud_only",), at=FEW_BPS, by=PLACE),
        Below(("k_sqs", "c_sqs"), ("dense",), at=FEW_BPS, by=PLACE),
    ),
    assumed="unless models.pair.size is set, an id has 13 bits, as of 8,192 tokens, where Llama's has 17",
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
