"""How fast must an edge draft to be worth it? Latency per token over the drafter's speed, at three distances.

The drafter's passes are a phone's, 19.9 ms a token for Llama-3.2-1B, and up to four times as fast: 2.8 times is a
Jetson AGX Orin's 7 ms, a sixth of a cloud token's 43 ms. Acceptance is as published for the pair on code editing
(InstructCoder) at temperature 0, where a draft's distribution is one token; at 1 it is scaled by what other published
pairs keep of it. Three other pairs, on tasks of their own, stand beside it; and, by the closed form, planes of how many
drafts are accepted and how far away the cloud is, with the cells that were simulated (`acceptance_plane`). Prepared
rounds are in the closed form at temperature 0: at 1 nobody knows how often a guess is right.
"""

from __future__ import annotations

import pandas as pd

from models.published_figures import KEPT, PRESETS, PresetName
from scenarios import LATENCY, Also, Below, Lowest, Quick, Scenario, Table, Tune, asks, script
from scenarios.findings.comparisons import ranked_places
from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import Finding, called, joined, less_or_more, listed, with_ends
from scenarios.set_ups import H100_1_7B, IN_CLOUD, PATIENT, TWO_GPUS_70B
from simulator.results import acceptance_plane as plane
from simulator.results.acceptance_plane import SPEED
from simulator.results.column_names import CURVE
from simulator.results.drafting_devices import drafting_devices
from simulator.results.intervals import paired
from simulator.results.phase_regions import BITS, IDS, KIND, RTT, WHOLE, pair_of, place_of
from simulator.results.units import quantity

PHONE = {"kind": "profile", "name": "oneplus12_llama_1b", "speed": 1.0}
WHERE, PLACE = "models.pair,models.temperature,uplink.delay,downlink.delay,uplink.label", "uplink.label"
SPEEDS = [1.0, 1.4, 2.0, 2.8, 4.0]
AT_EDGE = ("k_sqs", "coupled")
OTHERS: dict[PresetName, str] = {
    "qwen3_1_7b_32b": "1.7B for 32B",
    "eagle3_llama_8b": "EAGLE-3 for 8B, its features free",
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


def beside_simulated(cells: pd.DataFrame) -> pd.DataFrame:
    """A row per simulated place and speed at which ids are sent: the pair's accepted drafts of 4, the time of the best
    edge scheme over cloud-only decoding's, and that of ids in their best serving mode by the closed form."""
    found = []
    for _, each in plane.simulated(cells).iterrows():
        here = cells.loc[each["rows"]]
        ids = here[here[KIND].isin(IDS)]
        if ids.empty:
            continue
        row, less = ids.iloc[0], paired(here, WHOLE, here[CURVE] == each["edge"], here[CURVE] == each["alone"])
        pair, greedy = pair_of(row), row["models.temperature"] == 0
        choice = pair.next_choice if greedy else None
        predicted = plane.predict(place_of(row), plane.rounds_along(pair.along), float(ids[BITS].mean()), choice)
        found.append(
            {"place": row[PLACE], SPEED: each[SPEED], RTT: each[RTT], "accepted": each["accepted"],
             "edge": each["edge"], "less": less.size, "less_low": less.low, "less_high": less.high,
             "predicted": predicted.edge - 1, "predicted_least": predicted.least - 1,
             "predicted_most": predicted.most - 1, "mode": predicted.mode, "colocated": predicted.colocated - 1}
        )  # fmt: skip
    return pd.DataFrame(found)


_BAND = (
    f"in brackets with c from {plane.NEXT_CHOICE_MOST:g} to {plane.NEXT_CHOICE_LEAST:g} in place of "
    f"{plane.NEXT_CHOICE:g}, the share of corrections that are the drafter's next choice"
)


def _banded(form: str, value: float | None, least: float | None, most: float | None) -> str:
    """Returns `+3% (-1% to +5%)`, or the value alone if both ends of its band are written as it is."""
    middle, *ends = (form.format(each) if each is not None else "none" for each in (value, least, most))
    return middle if ends == [middle] * 2 else f"{middle} ({ends[0]} to {ends[1]})"


def printed_beside(cells: pd.DataFrame) -> TextTable | None:
    """The same for a person."""
    rows = beside_simulated(cells)
    body = [
        [called(row["place"]), f"{row[SPEED]:g}", f"{row['accepted']:.2f}",
         with_ends(row["less"], row["less_low"], row["less_high"], "{:+.0%}".format),
         f"{_banded('{:+.0%}', *row[['predicted', 'predicted_least', 'predicted_most']])}, {row['mode']}",
         f"{row['colocated']:+.0%}"]
        for _, row in rows.iterrows()
    ]  # fmt: skip
    heading = (
        f"Time of an answer against cloud-only decoding's, by the accepted drafts of {plane.DRAFTS} in a round: the "
        "best edge scheme as simulated; by the closed form ids in their best serving mode, and co-located "
        f"speculation; {_BAND}"
    )
    columns = ["place", "speed", "accepted", "simulated", "closed form", "co-located"]
    return TextTable.of(heading, columns, body) if body else None


@asks(LATENCY)
def pays_from_accepted(table: pd.DataFrame, axis: str | None) -> str:
    """From how many accepted drafts on does an edge that sends ids pay by the closed form, and how often does it name
    the faster where cells were simulated?"""
    clauses = []
    for _, row in plane.sending_ids(table).iterrows():
        lines = dict(zip(plane.TRIPS_S, plane.plane(row), strict=True))
        at = {
            trip_s: [
                plane.pays_from(over) for over in zip(*((p.edge, p.least, p.most) for p in lines[trip_s]), strict=True)
            ]
            for trip_s in (0.005, 0.05, 0.2)
        }
        ends = [f"{_banded('{:.1f}', *found)} at {quantity(trip, RTT)}" for trip, found in at.items()]
        clauses.append(f"speed {row[SPEED]:g} from {', '.join(ends)}")
    if not clauses:
        return ""
    rows = beside_simulated(table)
    rows = rows[rows["less_low"] * rows["less_high"] > 0]
    agreeing = int((rows["predicted"] * rows["less"] > 0).sum())
    heading = f"by the closed form an edge that sends ids pays from so many accepted drafts of {plane.DRAFTS} on"
    heading += f" ({_BAND})"
    where = f"{agreeing} of the {len(rows)} simulated places where one is seen"
    return f"{listed(heading, clauses)}; it names the faster at {where}"


@asks(LATENCY)
def fast_enough(table: pd.DataFrame, axis: str | None) -> str:
    """At how many places is drafting at the edge seen faster than cloud-only decoding with the slowest drafter, by how
    much at best, and at how many with the fastest?"""
    found = ranked_places(table, axis, PLACE, LATENCY)
    held = [each for place in found for each in place.all_of(AT_EDGE, "cloud_only")]
    if axis is None or not held:
        return ""
    speeds = {id(each): float(str(each.place.at)) for each in held}
    slow, fast = ([each for each in held if speeds[id(each)] == end(speeds.values())] for end in (min, max))
    seen, faster = ({each.place.setting for each in part if each.lower} for part in (slow, fast))
    line = f"drafting on {joined([*drafting_devices(table).dropna().unique()])} beats cloud only at {len(seen)} of "
    line += f"{len({each.place.setting for each in slow})} places"
    best = min(slow, key=lambda each: each.less.found.mean)
    line += f", at best {less_or_more(best.less)} time; at speed {fast[0].place.at:g} at {len(faster)}"
    return Finding(line, held)


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
        tune=Tune(settings=3, looks=(2,), steps=0, base={"workload.requests": 1}),
    ),
    figures=("latency", "acceptance_map", "breakdown"),
    tables=(Table("acceptance_map", beside_simulated, printed_beside),),
    answer=fast_enough,
    findings=(
        Below(AT_EDGE, ("cloud_only",), at=[1.0, 2.8], by=PLACE),
        Below(("k_sqs",), ("coupled",), at=[1.0, 2.8], by=PLACE),
        Lowest(by=PLACE),
        pays_from_accepted,
    ),
    assumed="a cloud token takes 43 ms whatever the pair; a faster drafter reads prompts faster too; an id has 13 "
    "bits, as of 8,192 tokens, where Llama's has 17; acceptance of code editing where no other task is named",
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
