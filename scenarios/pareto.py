"""Latency, joules and dollars of a token: which schemes are on the front, at which load, and does a price move it?

Joules are those of the device, of its radio with the tail of its connection, and of the cloud's passes; dollars are the
rent of the passes and the device's energy, and beside them those of GPUs that are held all of the time. Each draft
length is a point of its own. At temperature 0 a draft is one token, whatever the lattice: K-SQS stands for all.

Beside it one target has drafters of three sizes (`sotu` at temperature 1, without a price, so that they are on no
front): for claims about the drafter's size, the draft length and the policy `entropy_exit`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from itertools import groupby
from math import isnan

import pandas as pd

from scenarios import LATENCY, Also, Claim, Quick, Scenario, Table, Tune, asks, script
from scenarios.findings.claims import below_everywhere, ruled
from scenarios.findings.comparisons import PairedCurves, Place, lowest_of_kinds, place_in_words
from scenarios.findings.question import without
from scenarios.findings.text_table import TableEntry, TableGroup, TextTable, number
from scenarios.findings.wording import Finding, called, joined, less_or_more, listed, percent, rows_of
from scenarios.set_ups import BASE_70B, GREEDY, JETSON_1B, UNCUT
from simulator.results.column_names import CURVE
from simulator.results.display_names import SERVING
from simulator.results.intervals import interval
from simulator.results.pareto_fronts import (
    BY,
    CLOUD,
    COSTS,
    EDGE,
    HELD,
    PAYING,
    RADIO,
    RENT,
    VERDICT,
    cloud_j,
    device_j,
    has_costs,
    usd,
    verdicts,
)
from simulator.results.unanswered_requests import percent as share
from simulator.results.units import quantity, title

LTE = {"power_w": "lte", "sharing": "own"}  # the load is the cloud's: each device has a link of its own
AT_EDGE, COLOCATED, LOAD = ("coupled", "k_sqs"), "colocated", "workload.devices"
BUSY = "cloud_busy"
TOKEN = {"token": "coded"}  # one code for all
BARE, K_SQS = ["cloud_only", "edge_only"], {"kind": "k_sqs", "code": "recoded", **TOKEN}
DRAFTING = [{"kind": COLOCATED}, {"kind": "coupled", **TOKEN}, K_SQS]

DRAFTER, LENGTH, POLICY = "models.pair.drafter", "scheme.max_drafts", "scheme.policy.kind"
TIMED_AS = {"10k": "smollm2_135m", "100k": "llama_3.2_1b", "1m": "llama_3.1_8b"}
"""Models whose times the drafters have, smallest first: some 1:1,000, 1:100 and 1:10 of the target, as they are."""
FAMILY = "models.pair,edge.latency"
SIZES = {
    name: [{"kind": "sotu", "drafter": name, "verifier": "10m"}, {**JETSON_1B, "size": size}]
    for name, size in TIMED_AS.items()
}
BUDGET_J, MIDDLE = 0.3, "100k"
LOOKING = {
    "kind": "composed", "max_drafts": 8, "code": {"kind": "recoded", **TOKEN},
    "policy": {"kind": "entropy_exit", "threshold_bits": 7, "joules_per_token": BUDGET_J},
}  # fmt: skip
OF_FAMILY = {
    "models.temperature": 1.0, "workload.prompt_tokens": 64, "workload.output_tokens": 128, "workload.requests": 2,
    "cloud.usd_per_gpu_hour": None,
}  # fmt: skip
DEVICE_J, ALL_J = "device_j_per_token", "all_j_per_token"
CONFIGSPEC, GELATO = "ConfigSpec (2604.09722), abstract", "GELATO (2605.10124), abstract"
CLAIMED = {LATENCY: 1 / 1.65 - 1, DEVICE_J: -0.47}
"""Changes that GELATO's abstract states; of which joules, and against what, is not known here."""

OPEN = ("resolution", "k", "acceptance", "acceptance.kind", "sparsifier.k", "quantizer.resolution")
FIXED = {
    LENGTH: "each on the grid, a point of its own",
    **{f"scheme.{name}": "chooses nothing at temperature 0; at 1 one for all, the default" for name in OPEN},
    "scheme.policy.threshold_bits": "one policy beside fixed lengths, at seven bits of ten",
    **UNCUT,
    **dict.fromkeys(SERVING, "every scheme waits for each reply, so that a point is a length and a load"),
}

HEADING = (
    "Costs a token, and who is on the front. Device joules include its radio; USD a million are rent and the device's "
    "joules: busy, of passes alone, by which fronts go; held, of all GPUs at that load of the cloud. Ranges: the band "
    "of watts, and of prices. `no`: the setting named is lower in all, as far as seeds can tell, at both ends of the "
    "watts and every price; `perhaps`: by its means alone"
)


def fronts(cells: pd.DataFrame) -> pd.DataFrame:
    """A row per load and curve: mean costs at both ends of watts and prices, whether it is on the front, and who
    dominates it."""
    found = []
    for at, rows in by_load(cells):
        placed = verdicts(rows).set_index(CURVE)
        for curve, mine in rows.groupby(CURVE, sort=False):
            names = {LOAD: at, CURVE: str(curve), "scheme.kind": mine["scheme.kind"].iloc[0]}
            found.append(names | _costs(mine) | placed.loc[str(curve)].to_dict())
    return pd.DataFrame(found)


def printed_fronts(cells: pd.DataFrame) -> TextTable | None:
    """Lists what each scheme has on the front, or perhaps on it; of one that has nothing there, its fastest setting."""
    found = fronts(cells)
    if found.empty:
        return None
    groups = []
    for at, rows in found.groupby(LOAD, sort=True):
        kept = []
        for _, mine in rows.groupby("scheme.kind", sort=False):
            there = mine[mine[VERDICT] != "dominated"]
            kept.append(there if len(there) else mine.nsmallest(1, LATENCY))
        lines = map(_line, pd.concat(kept).sort_values(LATENCY, kind="stable").to_dict("records"))
        entries = [(name, [*map(TableEntry, texts)]) for name, *texts in lines]
        groups.append(TableGroup(f"{title(LOAD)} {quantity(at, LOAD)}", entries))
    columns = ["ms", "device J", "radio J", "cloud J", "USD busy", "held", "at load", "on the front"]
    return TextTable(HEADING, "", columns, groups)


@asks(LATENCY)
def on_front(table: pd.DataFrame, axis: str | None) -> str:
    """How do, at the least load, the cloud joules of the best of AT_EDGE compare with those of co-located speculation?
    And which kinds of scheme are on the front at the highest?"""
    clauses = [_cloud_joules(table)]
    for at, rows in by_load(table)[-1:]:
        clauses.append(f"on the front at {place_in_words(at, LOAD)}: {_kinds(rows)}")
    return Finding("; ".join(filter(None, clauses)), rows_of(clauses))


@asks(LATENCY)
def on_front_apart(table: pd.DataFrame, axis: str | None) -> str:
    """Which are on the front where the cloud may not draft?"""
    return undominated("where the cloud may not draft, undominated", without(table, (COLOCATED,)))


def undominated(heading: str, table: pd.DataFrame, between: str = "; ") -> str:
    """The kinds on the front at each load, loads with the same ones together."""
    clauses = [
        f"at {joined([quantity(at, LOAD) for at, _ in places])} {kinds}"
        for kinds, places in groupby([(at, _kinds(rows)) for at, rows in by_load(table)], key=lambda each: each[1])
    ]
    return listed(f"{heading}, over {title(LOAD)}", clauses, between)


def _cloud_joules(table: pd.DataFrame) -> str:
    """Returns `at 1 device coupled takes 33% less (27% to 38%) cloud energy than co-located speculation`."""
    for at, rows in by_load(table)[:1]:
        rows = lowest_of_kinds(rows[rows["scheme.kind"].isin([*AT_EDGE, COLOCATED])], None, CLOUD)
        found = Place(CLOUD, rows).against_best([COLOCATED])
        where = place_in_words(at, LOAD)
        if found:
            line = f"at {where} {called(found.first)} takes {less_or_more(found.less)} cloud energy"
            return Finding(f"{line} than {called(COLOCATED)}", [found])
    return ""


@asks(LATENCY)
def prices_matter(table: pd.DataFrame, axis: str | None) -> str:
    """At which prices is the front another than at the first?"""
    clauses, loads = [], by_load(table)
    for at, rows in loads:
        fronts = []
        for paying in PAYING:
            found = verdicts(rows, [paying])
            fronts.append({*found.loc[found[VERDICT] == "front", CURVE]})
        for paying, front in zip(PAYING[1:], fronts[1:], strict=True):
            changed = [f"without {joined([*map(called, sorted(fronts[0] - front))])}"] if fronts[0] - front else []
            changed += [f"with {joined([*map(called, sorted(front - fronts[0]))])}"] if front - fronts[0] else []
            clauses += [f"{quantity(at, LOAD)} at {paying.name} {', '.join(changed)}"] if changed else []
    if not loads:
        return ""
    line = f"The front at {PAYING[0].name} is the same at the other {len(PAYING) - 1} prices"
    return line + (f", but for {'; '.join(clauses)}" if clauses else ", at every load")


@asks("edge_j_per_token")
def watts_stand(table: pd.DataFrame, axis: str | None) -> str:
    """What is each figure of power: measured, a data sheet's limit, or unverified, and what is its band?"""
    clauses = []
    for part in ("edge", "cloud"):
        busy, standing, least_share = (f"{part}.power.{name}" for name in ("busy_w", "standing", "least_share"))
        if busy not in table.columns:
            continue
        columns = [name for name in (busy, standing, least_share) if name in table.columns]
        for row in table.dropna(subset=[busy])[columns].drop_duplicates().to_dict("records"):
            watts, least = float(row[busy]), float(row.get(least_share, 1.0))
            band = f"{least * watts:g} to {watts:g}" if least < 1 else f"{watts:g}"
            word = str(row.get(standing, "unverified")).replace("limit", "a data sheet's limit")
            clauses.append(f"{part} {band} W ({word})")
    for column in ("uplink.power_w", "uplink.radio.name"):
        if column in table.columns:
            clauses += [f"radio {name} (unverified)" for name in table[column].dropna().unique()]
    line = listed("Watts at work", clauses)
    return line and f"{line}; idle processors count nothing"


def by_load(cells: pd.DataFrame) -> list[tuple[object, pd.DataFrame]]:
    """The rows at each load that have all costs; none where the table lacks one."""
    known = LOAD in cells.columns and has_costs(cells)
    return list(cells.dropna(subset=[*COSTS]).groupby(LOAD, sort=True)) if known else []


def _joules(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the joules per token of the device and its radio, and of these and the cloud's passes."""
    device = rows[EDGE] + rows[RADIO]
    joules = pd.DataFrame({DEVICE_J: device, ALL_J: device + rows[CLOUD]})
    return pd.concat([rows, joules], axis=1)  # at once: a wide table that grows by columns is slow, and pandas says so


def _family(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the drafters of several sizes."""
    there = {DRAFTER, EDGE, RADIO, CLOUD} <= {*table.columns}
    return _joules(table[table[DRAFTER].notna()]) if there else table.head(0)


@asks(LATENCY)
def smallest_is_fastest(table: pd.DataFrame, axis: str | None) -> str:
    """Is the best length of the smallest drafter faster than the best of the larger ones?"""
    rows = _family(table)
    small = rows.get(DRAFTER, pd.Series()) == next(iter(TIMED_AS))
    found = Place(LATENCY, rows).best_of(small, ~small) if len(rows) else None
    return below_everywhere([found]) if found else ""


@asks(LATENCY)
def several_are_fastest(table: pd.DataFrame, axis: str | None) -> str:
    """Is the best of several drafts a round faster than one draft, with each drafter?"""
    rows, found = _family(table), list[PairedCurves | None]()
    for name, part in rows.groupby(DRAFTER, sort=False) if len(rows) else ():
        several, one = part[LENGTH].gt(1) & part[POLICY].isna(), part[LENGTH].eq(1)
        found.append(Place(LATENCY, part, group=f"drafter {name}: ").best_of(several, one))
    return below_everywhere([each for each in found if each])


@asks(LATENCY)
def two_cost_least(table: pd.DataFrame, axis: str | None) -> str:
    """Are two drafts a round the cheapest of those at the edge, in all joules and in rent, at each load? And beside it:
    in the device's joules?"""
    found: dict[str, list[PairedCurves | None]] = {ALL_J: [], RENT: [], DEVICE_J: []}
    for at, rows in by_load(table):
        edge = _joules(rows[rows["scheme.kind"].isin(AT_EDGE)])
        for metric, known in found.items():
            place = Place(metric, edge, LOAD, at, f"{title(metric)}: ")
            known.append(place.best_of(edge[LENGTH] == 2, edge[LENGTH] != 2))
    all_j, rent, device_j = ([each for each in known if each] for known in found.values())
    return below_everywhere([*all_j, *rent], beside=device_j[:1])


@asks(LATENCY)
def budget_pays(table: pd.DataFrame, axis: str | None) -> str:
    """Does the exit by entropy under a budget change time and the device's joules as claimed, against the fastest fixed
    length of the same drafter? And against the longest?"""
    rows = _family(table)
    rows = rows[rows[DRAFTER] == MIDDLE] if len(rows) else rows
    if POLICY not in rows.columns or not rows[POLICY].notna().any():
        return ""
    looks, found = rows[POLICY].notna(), None
    words: list[str] = []
    known: list[PairedCurves] = []
    for fixed, name in ((~looks, "the fastest fixed length"), (~looks & rows[LENGTH].eq(8), "8 drafts")):
        time = Place(LATENCY, rows).best_of(looks, fixed)
        assert time is not None
        both = [time, Place(DEVICE_J, rows).of(time.first, time.second)]
        if not known:
            reached = [each.less.high <= CLAIMED[each.less.metric] for each in both]
            short = [each.less.low > CLAIMED[each.less.metric] for each in both]
            found = False if any(short) else True if all(reached) else None
        known += both
        words.append(f"device joules {percent(both[1].less)}, time per token {percent(time.less)} than {name}")
    return Finding(ruled(found, "; ".join(words)), known)


def _costs(rows: pd.DataFrame) -> dict[str, float]:
    """Means over the seeds of one setting, both ends where watts or prices have a band."""
    latency = interval(rows[LATENCY].to_numpy(dtype=float))
    return {
        LATENCY: latency.mean,
        f"{LATENCY}_ci95": latency.half_width,
        "device_least_j_per_token": device_j(rows, least=True).mean(),
        "device_j_per_token": device_j(rows, least=False).mean(),
        RADIO: rows[RADIO].mean(),
        "cloud_least_j_per_token": cloud_j(rows, least=True).mean(),
        "cloud_j_per_token": cloud_j(rows, least=False).mean(),
        "least_usd_per_million_tokens": min(usd(rows, each, least=True).mean() for each in PAYING),
        "most_usd_per_million_tokens": max(usd(rows, each, least=False).mean() for each in PAYING),
        "least_held_usd_per_million_tokens": usd(rows, PAYING[0], least=True, rented=HELD).mean(),
        "most_held_usd_per_million_tokens": usd(rows, PAYING[-1], least=False, rented=HELD).mean(),
        BUSY: rows[BUSY].mean(),
    }


def _line(row: Mapping[Hashable, object]) -> list[str]:
    def value(name: str) -> float:
        return float(str(row[name]))

    def band(*names: str) -> str:
        return "..".join(dict.fromkeys("-" if isnan(value(name)) else number(value(name)).text for name in names))

    word = {"front": "yes", "not distinguishable": "perhaps, ", "dominated": "no, ", "lossy": "lossy"}
    return [
        _short(row[CURVE]),
        number(1e3 * value(LATENCY), 1e3 * value(f"{LATENCY}_ci95")).text,
        band("device_least_j_per_token", "device_j_per_token"),
        band(RADIO),
        band("cloud_least_j_per_token", "cloud_j_per_token"),
        band("least_usd_per_million_tokens", "most_usd_per_million_tokens"),
        band("least_held_usd_per_million_tokens", "most_held_usd_per_million_tokens"),
        share(value(BUSY)),
        f"{word[str(row[VERDICT])]}{_short(row[BY])}",
    ]


def _short(curve: object) -> str:
    return str(curve).replace("max_drafts=", "L=")


def _kinds(rows: pd.DataFrame) -> str:
    found = verdicts(rows)
    kinds = rows.drop_duplicates(CURVE).set_index(CURVE)["scheme.kind"]
    there = [
        [*dict.fromkeys(str(kinds[curve]) for curve in found.loc[found[VERDICT] == word, CURVE])]
        for word in ("front", "not distinguishable")
    ]
    perhaps = [kind for kind in there[1] if kind not in there[0]]
    names, more = (joined([*map(called, each)]) for each in (there[0] or ["none"], perhaps or ["none"]))
    return names + (f" (perhaps {more})" if perhaps else "")


SCENARIO = Scenario(
    name="pareto",
    summary="Latency, joules and dollars a token at 1, 16 and 64 devices: which schemes are on the front?",
    minutes=9,
    base={
        **GREEDY,
        "workload.prompt_tokens": 170, "workload.output_tokens": 146, "workload.requests": 4, "workload.distinct": 4,
        **{f"{way}link": {"preset": f"lte_cell_edge.{way}link", **LTE} for way in ("up", "down")},
        "edge.latency": BASE_70B["edge.latency"], "edge.power": "jetson_agx_orin_64gb_60w",
        "cloud.latency": {"kind": "profile", "name": "a100x4_70b"},
        "cloud.drafter_latency": {"kind": "roofline", "size": "llama_3.2_1b", "device": "a100_80gb_sxm"},
        "cloud.batching": {"kind": "continuous", "cap": 512}, "cloud.token_budget": 512,
        "cloud.power": "a100_80gb_sxm", "cloud.usd_per_gpu_hour": "a100_specialist_2026",
    },
    grid={"scheme": [*BARE, *(each | {"max_drafts": n} for each in DRAFTING for n in (2, 4, 8))], LOAD: [1, 16, 64]},
    also=[
        Also({"scheme": [K_SQS | {"max_drafts": n} for n in (1, 2, 4, 8)], FAMILY: [*SIZES.values()], LOAD: [1]},
             OF_FAMILY, quick={FAMILY: [*SIZES.values()][:2]}),
        Also({"scheme": [LOOKING], FAMILY: [SIZES[MIDDLE]], LOAD: [1]}, OF_FAMILY, quick={}),
    ],
    axis=LOAD,
    tune=Tune(FIXED),
    seeds=8,
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 64, "workload.distinct": 2},
        grid={"scheme": [*BARE, *(each | {"max_drafts": n} for each in DRAFTING for n in (2, 8))], LOAD: [1, 16]},
    ),
    hidden=("edge.latency", "models.temperature", "models.pair.kind", "models.pair.verifier", "workload.prompt_tokens",
            "workload.output_tokens", "workload.requests", "cloud.usd_per_gpu_hour"),
    figures=("fronts",),
    headlines=(),
    tables=(Table("fronts", fronts, printed_fronts),),
    answer=on_front,
    findings=(watts_stand, prices_matter, on_front_apart),
    claims=(
        Claim("goodput is highest with the smallest drafter", CONFIGSPEC, smallest_is_fastest),
        Claim("goodput is highest with 2 to 10 drafts", CONFIGSPEC, several_are_fastest),
        Claim("cost and energy are lowest with 2 drafts", CONFIGSPEC, two_cost_least),
        Claim("an exit by entropy within a budget makes tokens 65% faster for 47% less energy", GELATO, budget_pays),
    ),
    assumed="Others share the four GPUs: joules and the rent that fronts go by are of passes alone, and a drafter's "
    "pass in the cloud takes all four. A device asks four times in a row, then its radio's tail runs out. At "
    "temperature 0 a draft's distribution is one token: K and resolution choose nothing. The device is paid for, and "
    "waits free. The drafters of three sizes are sotu's, timed as 135M, 1B and 8B on the Orin beside the 70B; of "
    "ConfigSpec and GELATO the abstracts alone are known: K is "
    "read as the draft length, goodput and tokens as tokens per second.",
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
