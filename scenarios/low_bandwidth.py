"""Links of 50 bit/s to 10 kbit/s: where does each scheme stop being useful, and what is there to do below?

    sqsim run low_bandwidth            or            python -m scenarios.low_bandwidth

A thin uplink beside a fast downlink, a geostationary satellite both ways, LoRaWAN in Europe with its silence of 99
times the airtime, Iridium's short bursts (sources: channels/link/presets.py). Useful is what a person can read along,
and what beats decoding in the cloud. `edge_only` needs no link, but its text is the drafter's, not the verifier's.
"""

from __future__ import annotations

from scenarios import Answer, Beating, Fastest, OfUse, Quick, Reading, Scenario, Tune, script

IN_CLOUD = ("cloud_only", "colocated")
RATE, KIND = "uplink.rate.fastest_bps", "downlink.label"
RATES_BPS = {"50 bit/s": 50.0, "200 bit/s": 200.0, "1 kbit/s": 1e3, "3 kbit/s": 3e3, "10 kbit/s": 10e3}


def link(kind: str, name: str, preset: str | None, up_bps: float | None, down_bps: float | None) -> list[object]:
    """Uplink and downlink, of a preset or plain ones, at their own rate or another; the labels say what and which."""
    ways: list[object] = []
    for way, label, bps in (("uplink", f"{kind} {name}", up_bps), ("downlink", kind, down_bps)):
        of = {"arq": "selective_repeat"} if preset is None else {"preset": f"{preset}.{way}"}
        ways.append({**of, **({} if bps is None else {"rate": {"kind": "constant", "bps": bps}}), "label": label})
    return ways


THIN = [link("thin uplink", name, None, bps, 10e6) for name, bps in RATES_BPS.items()]
GEO = [link("GEO", name, "satellite_geo", bps, bps) for name, bps in RATES_BPS.items()]
LORA = [link("LoRaWAN", f"SF{factor}", f"lora_sf{factor}", None, None) for factor in (12, 11, 10, 9, 8, 7)]
LINKS = [*THIN, *GEO, *LORA, link("Iridium", "SBD", "iridium_sbd", None, None)]

SCENARIO = Scenario(
    name="low_bandwidth",
    summary="From 50 bit/s to 10 kbit/s, LoRaWAN and satellites: where is which scheme still of use?",
    minutes=6,
    base={"models.pair": "sotu", "workload.requests": 2, "workload.output_tokens": 32},
    grid={
        "scheme": ["cloud_only", "colocated", "edge_only", "dense", {"kind": "k_sqs", "k": 4}, "c_sqs", "coupled"],
        "uplink,downlink": LINKS,
    },
    axis="uplink.label",
    hidden=("uplink", "downlink"),
    seeds=8,
    tune=Tune(settings=8, looks=(1, 2), steps=1),
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 16}, grid={"uplink,downlink": LINKS[::3]},
    ),
    figures=("useful",),
    assumed="LoRaWAN devices and Iridium's modems hear only after they have sent, and send empty frames to hear more.",
    findings=(
        Reading(RATE, by=KIND), Beating("cloud_only", RATE, by=KIND, without=("edge_only", "colocated")),
        Fastest(RATE, by=KIND, without=IN_CLOUD),
        Answer([OfUse(RATE, by=KIND), Fastest(RATE, by=KIND)]),
    ),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
