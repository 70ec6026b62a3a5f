"""Latency per token against the loss of packets in both directions, independent or in bursts, each sent again as QUIC
does (CUBIC), or after a fixed 50 or 200 ms (`selective_repeat`) on a path of 20 ms there and back. At no loss also
uplinks of the same mean rate that fade (Rayleigh) or have outages, which packets wait out.

Packets have at most 1,500 bits, as in short radio frames (uplink blocks of NB-IoT end at 1,000 or 2,536).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import pandas as pd

from scenarios import LATENCY, Also, Lowest, PaysFrom, Quick, Scenario, Tune, asks, script
from scenarios.findings.comparisons import PairedCurves, Place, places
from scenarios.findings.question import of_setting
from scenarios.findings.wording import Finding, called, change, less_or_more, listed, times
from scenarios.set_ups import BASE_70B, DRAFTING, IN_CLOUD
from simulator.results.column_names import CURVE
from simulator.results.display_names import curve_of, words_of
from simulator.results.intervals import Difference
from simulator.results.lossy_schemes import ranked

MTU_BITS = 1500
BURST_S = 0.05
LOSSES = [0.0, 0.02, 0.05, 0.1]
LOSS, ARQ, LABEL = "uplink.loss.kind", "uplink.arq.kind", "uplink.label"
BOTH_LOSE, REPAIR = "uplink.loss,downlink.loss", f"uplink.arq,downlink.arq,{LABEL}"
QUIC: list[object] = ["quic", "quic", "QUIC"]
REPAIRS = [
    QUIC,
    *(
        [*[{"kind": "selective_repeat", "timeout_s": timeout_s}] * 2, f"timer of {1e3 * timeout_s:g} ms"]
        for timeout_s in (0.05, 0.2)
    ),
]
"""Values of REPAIR: how each direction sends again, and what such a link is called."""
SCHEMES = [*IN_CLOUD, *(each for each in DRAFTING if each["kind"] in ("k_sqs", "coupled"))]
IN_WORDS = {"bernoulli": "independent loss", "gilbert_elliott": "loss in bursts"}
LINK = "link"
"""The column that `by_link` adds."""
FADING = {"kind": "rayleigh", "mean_snr_db": -2.65, "coherence_s": 1.0}
OUTAGES = {"kind": "random_outages", "mean_up_s": 2.0, "mean_out_s": 0.5, "rate": {"kind": "constant", "bps": 125e3}}
MOVING = [[FADING, "fades of 1 s"], [OUTAGES, "outages of 0.5 s"]]
"""Rates that move, and what such an uplink is called; the mean of each is that of the others, 100 kbit/s."""


def loss_processes(losses: Iterable[float]) -> list[list[object]]:
    """Returns each loss twice, for both directions: of any packet by itself, and in bursts of BURST_S on average, which
    pass however few packets are sent (else timers that double would have no mean)."""
    alone = [{"kind": "bernoulli", "probability": loss} for loss in losses]
    to_good = 1 / BURST_S  # and to_bad / (to_bad + to_good) is the loss; it must be above 0
    bursts = [
        {
            "kind": "gilbert_elliott",
            "per": "second",
            "to_bad": max(1e-12, loss / (1 - loss) * to_good),
            "to_good": to_good,
        }
        for loss in losses
    ]
    return [[each, each] for each in (*alone, *bursts)]


def by_link(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that are ranked, with LINK, the name of each row's link, which curves' names no longer repeat."""
    rows = ranked(of_setting(table))
    rows = rows[rows[LATENCY].notna()]
    links, curves = [], []
    for curve, arq, loss, label in rows.reindex(columns=[CURVE, ARQ, LOSS, LABEL]).itertuples(index=False, name=None):
        repair = label if isinstance(label, str) else called(str(arq))
        links.append(repair if loss == "none" else f"{IN_WORDS.get(loss, f'loss {called(str(loss))}')} ({repair})")
        scheme, words = words_of(curve)
        curves.append(curve_of(scheme, {name: words[name] for name in words if name not in ("arq", "loss", "label")}))
    return rows.assign(**{LINK: links, CURVE: curves})


def end_costs(rows: pd.DataFrame, axis: str) -> dict[str, Difference]:
    """Returns, by link that loses packets, the ratio of one curve's time at the highest loss of all to that at the
    least."""
    ends = rows[axis].max(), rows[axis].min()
    found = {
        str(link): Place(LATENCY, part).paired(*(part[axis] == end for end in ends)).less
        for link, part in rows.groupby(LINK, sort=False)
    }
    return {link: less for link, less in found.items() if less.n and ends[1] < ends[0]}


def against_steady(rows: pd.DataFrame, axis: str) -> dict[str, Difference]:
    """Returns, by link that fades or has outages, the ratio of one curve's time to that on a steady link that loses
    least."""
    moves = rows[LABEL].notna() if LABEL in rows.columns else pd.Series(False, index=rows.index)
    steady = rows[~moves & (rows[axis] == rows[axis].min())].drop_duplicates("seed")
    found = {}
    for link, part in rows[moves].groupby(LINK, sort=False):
        both = pd.concat([steady, part[part[axis] == part[axis].min()]])
        found[str(link)] = Place(LATENCY, both).paired(both[LINK] == link, both[LINK] != link).less
    return {link: less for link, less in found.items() if less.n}


@asks(LATENCY)
def against_cloud(table: pd.DataFrame, axis: str | None) -> str:
    """How much time per token does the best edge scheme take against cloud-only decoding at the highest independent
    loss, under each repair, and which scheme is fastest there?"""
    rows = by_link(table)
    lossy = rows[rows[LOSS] != "none"]
    if axis is None or lossy.empty:
        return ""
    worst = lossy[lossy[axis] == lossy[axis].max()]
    process = worst[LOSS].iloc[0]
    ends = [places(part, axis, LATENCY)[-1] for _, part in worst[worst[LOSS] == process].groupby(LINK, sort=False)]
    found = dict[str, PairedCurves]()
    for end in ends:
        repair = str(end.rows[LINK].iloc[0]).removesuffix(")").partition(" (")[2]
        best = end.best_of(~end.rows["scheme.kind"].isin(IN_CLOUD), end.rows["scheme.kind"] == "cloud_only")
        if best is not None:
            found[repair] = best
    if not found:
        return ""
    least, most = (pick(found, key=lambda repair: found[repair].less.size) for pick in (min, max))
    line = f"at {ends[0].at:.0%} loss both ways, edge drafting takes {less_or_more(found[least].less)} time than cloud "
    line += f"only with {least}"
    line += f"; {change(found[most].less)} with {most}" if most != least else ""
    return Finding(line, found.values())


@asks(LATENCY)
def costs_of_all(table: pd.DataFrame, axis: str | None) -> str:
    """How many times as long does each scheme take at the highest loss, and where the link fades or has outages?"""
    rows = by_link(table)
    found: dict[str, list[str]] = {}
    for curve, own in rows.groupby(CURVE, sort=False) if axis is not None else ():
        for link, less in (end_costs(own, str(axis)) | against_steady(own, str(axis))).items():
            found.setdefault(link, []).append(f"{called(str(curve))} {times(less)}")
    clauses = [f"{link}: {', '.join(words)}" for link, words in found.items()]
    return listed("latency per token at the highest loss, or with what is named, against neither", clauses)


@asks(LATENCY)
def turned(table: pd.DataFrame, axis: str | None) -> str:
    """How many orders of two schemes are others at the highest loss than without, on each link?"""
    rows, clauses = by_link(table), []
    for link, part in rows.groupby(LINK, sort=False) if axis is not None else ():
        ends = places(part, axis, LATENCY)
        pairs = list(combinations(part[CURVE].unique(), 2))
        if len(ends) < 2 or not pairs:
            continue
        both = [[each.of(*pair) for each in (ends[0], ends[-1])] for pair in pairs]
        less = [(first.less, last.less) for first, last in both]
        other = [(first, last) for first, last in less if first.found.mean * last.found.mean < 0]
        seen = sum(first.separable and last.separable for first, last in other)
        line = f"{link} {len(other)} of {len(pairs)} ({seen} seen at both ends)"
        clauses.append(Finding(line, [row for each in both for row in each]))
    return listed("orders of two schemes that turn between the least and the highest loss, by means", clauses)


@asks(LATENCY)
def pays_up_to(table: pd.DataFrame, axis: str | None) -> str:
    """Up to which mean loss above 0 are ids alone faster than cloud-only decoding?"""
    return "" if axis is None else PaysFrom("coupled", "cloud_only").report(table[table[axis] > 0], axis)


@asks(LATENCY)
def fastest_on_each(table: pd.DataFrame, axis: str | None) -> str:
    """Which scheme is fastest on each link?"""
    return Lowest(by=LINK).report(by_link(table), axis)


SCENARIO = Scenario(
    name="lossy_uplink",
    summary="What do losses both ways cost under QUIC and timers of 50 and 200 ms? And an uplink's fades and outages?",
    minutes=12,
    base={
        **BASE_70B,
        "workload.requests": 2,
        "uplink.mtu_bits": MTU_BITS,
        "uplink.arq": "quic",
        "downlink.arq": "quic",
    },
    grid={"scheme": SCHEMES, REPAIR: REPAIRS, BOTH_LOSE: loss_processes(LOSSES)},
    also=[Also({"scheme": SCHEMES, f"uplink.rate,{LABEL}": MOVING}, quick={f"uplink.rate,{LABEL}": MOVING})],
    axis="uplink.loss.mean_loss",
    hidden=("uplink.rate", "uplink.arq", "downlink.arq", "downlink.loss"),
    seeds=10,
    tune=Tune(settings=8, looks=(1, 2), steps=1, base={"workload.requests": 1}),
    left_out={"edge_only": "its text is not the verifier's, and it needs no uplink"},
    quick=Quick({"workload.requests": 1, "workload.output_tokens": 64}, {BOTH_LOSE: loss_processes(LOSSES[::3])}),
    figures=("latency", "breakdown"),
    assumed="packets of at most 1,500 bits up; bursts of loss of 50 ms on average.",
    answer=against_cloud,
    findings=(
        costs_of_all,
        turned,
        pays_up_to,
        fastest_on_each,
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
