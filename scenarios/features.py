"""From which downlink rate and round trip on does a drafter at the edge pay that reads the verifier's hidden states?

EAGLE-3 reads three layers at each token, prompt included: 246 kbit a token of Qwen3-32B in fp16. Its first linear layer
makes one vector of the three: if the cloud applies it, a third comes down; in 4 bits, a twelfth. It drafts on a Jetson
beside Qwen3-1.7B, which reads tokens alone, for the same verifier on an H100; in the cloud EAGLE-3 reads for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from models.latency.cited_passes import QWEN3_1_7B, QWEN3_32B
from scenarios import LATENCY, Also, Lowest, Quick, Scenario, Table, Tune, asks, script
from scenarios.findings.comparisons import Place
from scenarios.findings.question import of_setting
from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import Finding, called, passes
from scenarios.set_ups import H100_1_7B, PATIENT
from simulator.results.column_names import CURVE
from simulator.results.crossings import Crossing, crossing
from simulator.results.intervals import named_without

RATE, PLACE = "downlink.rate.bps", "uplink.label"
WHERE = "uplink.delay,downlink.delay,uplink.label"
RATES_BPS = [3e6, 1e7, 3e7, 1e8, 3e8]
EAGLE_3 = {
    "name": "eagle3_qwen3_32b", "parameters": 782_499_840, "layers": 1, "width": 5120, "kv_width": 1024,
    "source": "one layer of the verifier's dimensions that reads two vectors of d, a linear layer from three to one, "
    "and a head of 32,000 tokens, counted here",
}  # fmt: skip
WHO = "models.pair,edge.latency,cloud.drafter_latency"
PAIR = {"kind": "published", "prompt_tokens": 170, "size": 8192, "stretch_tokens": 16}
JETSON = {"kind": "roofline", "device": "jetson_agx_orin_64gb", "bytes_per_parameter": 0.5}
OWN = [PAIR | {"name": "qwen3_1_7b_32b"}, JETSON | {"size": QWEN3_1_7B.model_dump()}, H100_1_7B]
READS = [
    PAIR | {"name": "eagle3_qwen3_32b_greedy"}, JETSON | {"size": EAGLE_3},
    {"kind": "roofline", "device": "h100_80gb_sxm", "size": EAGLE_3},
]  # fmt: skip
THREE = {"width": QWEN3_32B.width, "layers": 3}
ONE = THREE | {"layers": 1}
SENT = {"three layers, fp16": THREE, "one vector, fp16": ONE, "one vector, 4-bit": ONE | {"numbers": "int4"}}
FED = [
    {"kind": "coupled", "cloud_first": True, "features": features, "label": label} for label, features in SENT.items()
]
TOKENS_ALONE, COLOCATED = "1.7B at the edge", "EAGLE-3 in the cloud"
AGAINST = (TOKENS_ALONE, "cloud_only", COLOCATED)
PLACES = [
    [*[{"kind": "constant", "delay_s": trip_s / 2}] * 2, f"round trip {1e3 * trip_s:g} ms"]
    for trip_s in (0.005, 0.02, 0.05)
]
QUICK: dict[str, Sequence[object]] = {WHERE: PLACES[::2], RATE: RATES_BPS[::2]}


def borders(cells: pd.DataFrame) -> Iterator[tuple[str, str, str, Crossing]]:
    """Yields the place, what is sent, what it is compared with, and the rate from which on it takes less time."""
    for place, rows in named_without(of_setting(cells), PLACE).groupby(PLACE, sort=False):
        there = {*rows.loc[rows[LATENCY].notna(), CURVE]}
        for label in SENT:
            for against in AGAINST:
                found = crossing(rows, RATE, label, against, LATENCY) if {label, against} <= there else None
                if found is not None:
                    yield str(place), label, against, found


@asks(LATENCY)
def pays_from(table: pd.DataFrame, axis: str | None) -> str:
    """From which rate on, at the nearest place, does the smallest of what is sent beat the edge's own small model?"""
    found = [each for each in borders(table) if each[1:3] == ([*SENT][-1], TOKENS_ALONE)]
    if not found:
        return ""
    near, *_, nearest = found[0]
    return Finding(f"EAGLE-3 fed one 4-bit vector beats the edge's 1.7B {passes(nearest, RATE)} at {near}", [nearest])


@asks(LATENCY)
def beats_the_cloud(table: pd.DataFrame, axis: str | None) -> str:
    """At how many places and rates does the edge, whatever is sent, beat the same drafter in the cloud?"""
    rows = named_without(of_setting(table), PLACE)
    found = [
        Place(LATENCY, part).of(label, COLOCATED).less for _, part in rows.groupby([PLACE, RATE]) for label in SENT
    ]
    less = [each for each in found if each.n]
    won = sum(each.lower for each in less)
    return f"EAGLE-3 at the edge beats EAGLE-3 in the cloud at {won} of {len(less)} places" if less else ""


def border_rows(cells: pd.DataFrame) -> pd.DataFrame:
    """A row per place, what is sent and what it is compared with: the rate with its interval, in bit/s, and the number
    of seeds that cross there, are below everywhere, and nowhere."""
    return pd.DataFrame(
        {
            "place": place, "sent": label, "against": against, "from_bps": found.at, "from_low": found.ends[0],
            "from_high": found.ends[1], "cross": found.log10_at.n, "below": found.below, "above": found.above,
        }
        for place, label, against, found in borders(cells)
    )  # fmt: skip


def printed_borders(cells: pd.DataFrame) -> TextTable | None:
    """A row per place and what it is compared with, a column for each of what is sent."""
    body: dict[tuple[str, str], dict[str, str]] = {}
    for place, label, against, found in borders(cells):
        body.setdefault((place, against), {})[label] = passes(found, RATE)
    rows = [
        [f"{place}, {called(against)}", *(line.get(label, "-") for label in SENT)]
        for (place, against), line in body.items()
    ]
    heading = "Downlink rate from which on EAGLE-3 at the edge takes less time per token, by what is sent to it (95%)"
    return TextTable.of(heading, ["against", *SENT], rows) if rows else None


ONE_PACKET = {"scheme.partial": "at 10 Mbit/s a round is on the uplink for about 0.1 ms, which is all that parts save"}
RACED = {"workload.requests": 1}
SCENARIO = Scenario(
    name="features",
    summary="From which downlink rate and round trip on does an edge drafter pay that reads the verifier's features?",
    minutes=10,
    base={
        "models.temperature": 0.0, "workload.requests": 4, "workload.prompt_tokens": 170,
        "workload.output_tokens": 146, "uplink.rate.bps": 1e7,
        "cloud.latency": {"kind": "profile", "name": "h100_32b"}, **PATIENT,
    },
    grid={
        "scheme": ["cloud_only", {"kind": "coupled", "label": TOKENS_ALONE}], WHO: [OWN], WHERE: PLACES,
        RATE: RATES_BPS,
    },
    also=[Also(
        {"scheme": [{"kind": "colocated", "label": COLOCATED}, *FED], WHO: [READS], WHERE: PLACES,
         RATE: RATES_BPS},
        quick=QUICK,
    )],
    axis=RATE,
    hidden=("models.pair", "edge.latency", "cloud.drafter_latency", "uplink.delay", "downlink.delay"),
    seeds=8,
    tune=Tune(ONE_PACKET, settings=6, looks=(1, 2, 4), steps=0, base=RACED),
    left_out={"edge_only": "its text is not the verifier's"},
    quick=Quick(
        grid=QUICK, tune=Tune(ONE_PACKET, settings=3, looks=(2,), steps=0, base=RACED),
    ),
    figures=("latency", "breakdown"),
    tables=(Table("borders", border_rows, printed_borders),),
    answer=pays_from,
    findings=(beats_the_cloud, Lowest(by=PLACE), Lowest(without=("colocated",), by=PLACE)),
    assumed="EAGLE-3's acceptance is of four tasks, with 7 drafts a round, the 1.7B's of code editing, either for "
    "16 tokens at a time; ids of 13 bits; EAGLE-3's size is counted, not released; nobody has measured what 4 bits, or "
    "drafts before features, cost; tokens wait behind the prompt's features; a reply has one header (packets "
    "of 1,500 bytes would take 2.7% more)",
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
