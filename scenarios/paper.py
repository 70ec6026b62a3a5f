"""SQS-SD's and Q-S's own set-up, as far as it is known (arXiv 2510.09942, 2507.00605), and the same schemes tuned.

SQS-SD finds K-SQS better at low temperature and C-SQS at high, and both better than the dense lattice; Q-S finds its
adaptive lattice better than the static one. Schemes by their own settings and the papers' count of bits, K-SQS also
with K tuned; then all of them tuned and context-coded. At eta = 1e-3, as reported, the threshold of C-SQS does not
settle in such texts at low temperature; at 0.01 it does, in the request that is not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from timeit import repeat

import numpy as np
import pandas as pd

from channels.codec.conformal import Conformal
from scenarios import LATENCY, Also, Quick, Scenario, Table, Tune, asks, script
from scenarios.findings.claims import Claim, below_everywhere, ruled
from scenarios.findings.comparisons import PairedCurves, Place, places
from scenarios.findings.question import OwnQuestion, of_setting
from scenarios.findings.text_table import TableEntry, TableGroup, TextTable, number
from scenarios.findings.wording import Finding, called, change, less_or_more, with_interval, would_show
from scenarios.set_ups import BASELINES, Q_S_ADAPTIVE, SELECTIVE_REPEAT, WAITS
from simulator.results.column_names import CURVE, LOSSLESS_TV
from simulator.results.display_names import words_of
from simulator.results.fastest_schemes import (
    CODES,
    FAMILIES,
    LEAST,
    PAIR,
    PAPERS,
    RATE,
    TEMPERATURE,
    Fastest,
    fastest_schemes,
    settled,
)
from simulator.results.intervals import interval
from simulator.results.lossy_schemes import unmarked
from simulator.results.units import quantity, title

COUNT = {"budget_bits": 5000, "token": "flat", "code": PAPERS}
PAPER = {"max_drafts": 4, "resolution": 100, **COUNT}
CONFORMAL = {"kind": "c_sqs", **PAPER, "target": 5e-4}
STATIC, ADAPTIVE, TUNED = FAMILIES["dense"], FAMILIES["rungs"], ", tuned"
K_SQS, TUNED_K, SETTLED = ("K-SQS, K = 2", "K-SQS, K = 3"), "K-SQS, K tuned", "C-SQS, η = 0.01"
C_SQS = ("C-SQS, β₁ = 0.1", "C-SQS, β₁ = 0.2")
OWN: list[dict[str, object]] = [
    {"kind": "dense", **PAPER, "label": STATIC},
    {**Q_S_ADAPTIVE, "max_drafts": 8, "budget_bits": 5000, "code": {"kind": PAPERS, "token": "flat"},
     "label": ADAPTIVE},
    *({"kind": "k_sqs", **PAPER, "k": k, "label": label} for k, label in zip((2, 3), K_SQS, strict=True)),
    {"kind": "k_sqs", **PAPER, "label": TUNED_K},
    *({**CONFORMAL, "step": 1e-3, "initial": beta, "label": label}
      for beta, label in zip((0.1, 0.2), C_SQS, strict=True)),
    {**CONFORMAL, "step": 1e-2, "label": SETTLED},
]  # fmt: skip
FAIR = [
    {"kind": "dense", "label": STATIC + TUNED},
    {**Q_S_ADAPTIVE, "label": ADAPTIVE + TUNED},
    {"kind": "k_sqs", "label": "K-SQS" + TUNED},
    {"kind": "c_sqs", "step": 1e-2, "label": "C-SQS" + TUNED},
]
SMOLLM2 = [OWN[0], OWN[1], OWN[3], {"kind": "k_sqs", **PAPER, "k": 32, "label": "K-SQS, K = 32"}, OWN[-1]]
TEMPERATURES, RATES = [0.0, 0.5, 1.4], [10e3, 100e3, 1e6]
EDGE = "the papers compare schemes that draft at the edge"
TUNABLES = {
    f"scheme.{name}"
    for name in ("max_drafts", "resolution", "acceptance", "target", "step", "initial", "acceptance.kind",
                 "acceptance.least_confidence", "policy.short", "policy.long")
}  # fmt: skip
ONE, AT = RATES[1:2], "100 kbit/s"
"""The rate at which the papers' claims are looked at where the rate is not what they are about."""


def compared(
    table: pd.DataFrame, first: Sequence[str], second: Sequence[str], metric: str = LATENCY, *,
    at: Sequence[float] = (), rates: Sequence[float] = RATES, pair: str = "",
) -> list[PairedCurves]:  # fmt: skip
    """Compares the best curve of some schemes with the best of others, by their labels, at each temperature and rate
    of these that both have, of the first pair or a given one; thresholds that have not settled are left out where
    others of the scheme have."""
    rows = of_setting(table)
    names = _schemes(rows)
    rows = rows[rows[PAIR].eq(pair or _first_pair(rows)) & names.isin([*first, *second]) & rows[metric].notna()]
    rows = rows.assign(**{CURVE: names[rows.index]})
    there = settled(rows)
    found = list[PairedCurves]()
    for rate, part in rows[rows[RATE].isin(rates)].groupby(RATE, sort=True):
        group = quantity(rate, RATE) if [*rates] != ONE else ""
        for place in places(part, TEMPERATURE, metric, group):
            if not at or place.at in at:
                one, other = (_of(place, there, each) for each in (first, second))
                found += filter(None, [place.best_of(one, other)])
    return found


def _schemes(rows: pd.DataFrame) -> pd.Series[str]:
    """Returns the scheme of each row by its curve: a setting that two schemes chose is one run, of one label."""
    return rows[CURVE].map(lambda curve: words_of(unmarked(str(curve)))[0])


def _first_pair(rows: pd.DataFrame) -> str:
    return str(rows[PAIR].iloc[0]) if len(rows) else ""


def _of(place: Place, there: pd.DataFrame, schemes: Sequence[str]) -> pd.Series[bool]:
    mine = _schemes(place.rows).isin(schemes)
    kept = mine & place.rows.index.isin(there.index)
    return kept if kept.any() else mine


@asks(LATENCY)
def swap_places(table: pd.DataFrame, axis: str | None) -> str:
    """How far is C-SQS from K-SQS at the highest temperature, at AT and on a thin link, and from K-SQS with K tuned?"""
    found, tuned = (compared(table, (*C_SQS, SETTLED), of, rates=ONE) for of in (K_SQS, (TUNED_K,)))
    if not found:
        return ""
    high = found[-1]
    at = f"at {title(TEMPERATURE)} {high.place.at:g} and {AT}"
    line = f"C-SQS takes {less_or_more(high.less)} time than the papers' K-SQS {at}"
    thin = compared(table, (*C_SQS, SETTLED), K_SQS, at=[float(str(high.place.at))], rates=RATES[:1])
    line += "".join(f", {change(row.less)} at {quantity(RATES[0], RATE)}" for row in thin)
    line += f"; tuned K: {change(tuned[-1].less)}" if tuned else ""
    return Finding(line, [high, *thin, *tuned[-1:]])


@asks("support_size")
def stays_sparse(table: pd.DataFrame, axis: str | None) -> str:
    """How many tokens does C-SQS keep once it has settled, and what does it drop?"""
    rows = of_setting(table)
    rows = rows[_schemes(rows).eq(SETTLED) & rows[PAIR].isin(SIZES) & (rows[TEMPERATURE] > 0)]
    words, shares = [], list[float]()
    for (pair, temperature), part in rows.groupby([PAIR, TEMPERATURE], sort=False):
        kept, dropped = (
            interval(part.groupby("seed")[name].mean().to_numpy(float)) for name in ("support_size", "dropped_mass")
        )
        shares.append(kept.mean / SIZES[str(pair)])
        of = f"{with_interval(kept, 'support_size')} of {SIZES[str(pair)]:,} tokens at temperature {temperature:g}"
        words.append(f"{of} (dropped mass {dropped.mean:.2g})")
    return ruled(max(shares) < SPARSE, f"settled it keeps {', '.join(words)}") if words else ""


def map_of(cells: pd.DataFrame) -> list[Fastest]:
    """The fastest at each place."""
    return fastest_schemes(of_setting(cells))


def map_rows(cells: pd.DataFrame) -> pd.DataFrame:
    """Returns a row a place: the fastest kind, its curve and mean, the next, and the ratio to that."""
    return pd.DataFrame(
        {
            PAIR: each.pair, "code": each.code, TEMPERATURE: each.temperature, RATE: each.rate_bps,
            "fastest": each.kind, "curve": each.curve, LATENCY: each.mean_s, "next": each.following,
            "below_next": -each.less.size, "below_next_low": -each.less.high, "below_next_high": -each.less.low,
            "not_distinguishable": ", ".join(each.tied),
        }
        for each in map_of(cells)
    )  # fmt: skip


def printed_map(cells: pd.DataFrame) -> TextTable | None:
    """Writes a row a pair, code and temperature, a column a rate: the fastest, by how much, ~ where none is seen."""
    found = map_of(cells)
    body: dict[str, dict[float, str]] = {}
    for each in found:
        where = f"{called(each.pair)}, {CODES.get(each.code, each.code)}, temperature {each.temperature:g}"
        less = f" {100 * abs(each.less.size):.0f}%"
        body.setdefault(where, {})[each.rate_bps] = (
            FAMILIES.get(each.kind, each.kind) + less + (" ~" if each.tied else "")
        )
    if not body:
        return None
    rates = sorted({each.rate_bps for each in found})
    limit = would_show(each.less for each in found if each.tied)
    heading = (
        "Fastest of K-SQS, C-SQS (settled), Q-S static and Q-S adaptive, and by how much less time than the next; ~ "
        f"where none, or less than {LEAST:.0%}, is seen{limit and f' ({limit})'}"
    )
    lines = [[where, *(at.get(rate, "-") for rate in rates)] for where, at in body.items()]
    return TextTable.of(heading, ["", *(quantity(rate, RATE) for rate in rates)], lines)


KEPT = ("support_size", "coded_size", "dropped_mass", "tv_quantization", "tv_qhat", "payload_bits_per_draft",
        "unsettled_share")  # fmt: skip


def kept_rows(cells: pd.DataFrame) -> pd.DataFrame:
    """Returns what each scheme keeps of a distribution, drops and errs by: a row a pair, scheme and temperature, means
    over seeds and rates."""
    rows = of_setting(cells)
    rows = rows.assign(scheme=_schemes(rows))
    names = [name for name in (*KEPT, "scheme.k") if name in rows.columns]
    return rows.groupby([PAIR, "scheme", TEMPERATURE], sort=False)[names].mean().reset_index()


def printed_kept(cells: pd.DataFrame) -> TextTable | None:
    """Writes the same for a person, a group a pair and temperature."""
    rows = kept_rows(cells)
    names = [name for name in KEPT if name in rows.columns]
    groups = [
        TableGroup(
            f"{called(pair)}, temperature {temperature:g}",
            [
                (str(row["scheme"]), [TableEntry("-") if np.isnan(row[name]) else number(row[name]) for name in names])
                for _, row in part.iterrows()
            ],
        )
        for (pair, temperature), part in rows.groupby([PAIR, TEMPERATURE], sort=False)
    ]
    heading = "What is kept of a draft's distribution, means over seeds and rates"
    return TextTable(heading, "", [*map(title, names)], groups) if groups else None


def step_s(size: int) -> float:
    """Returns the least seconds that a draft's conformal step takes here over `size` tokens, support and update: wall
    time of this machine."""
    q = np.random.default_rng(0).dirichlet(np.full(size, 0.05))
    rule = Conformal(5e-4, 1e-3, 0.01)

    def conformal() -> None:
        rule.support(q, 0.01)
        rule.next(0.01, rule.dropped_mass(q, 0.01))

    return min(repeat(conformal, number=20, repeat=20)) / 20


@asks(LATENCY)
def step_is_cheap(table: pd.DataFrame, axis: str | None) -> str:
    """Does the conformal step take less than CHEAP of a token's time? More digits would be those of the moment."""
    rows = of_setting(table)
    rows = rows[rows["scheme.kind"].eq("c_sqs") & rows[PAIR].isin(SIZES) & rows[LATENCY].notna()]
    words, cheap = list[str](), list[bool]()
    for pair, part in rows.groupby(PAIR, sort=False):
        drafts, size = part["draft_length"] / (1 + part["accepted_per_round"]), SIZES[str(pair)]
        cheap.append(float((step_s(size) * drafts / part[LATENCY]).mean()) < CHEAP)
        words.append(f"{'less' if cheap[-1] else 'more'} than {CHEAP:.0%} of a token's time at V = {size:,}")
    return ruled(all(cheap), f"{'; '.join(words)}; timed where this is written") if words else ""


@asks("tv_output")
def keeps_the_text(table: pd.DataFrame, axis: str | None) -> str:
    """How far is the text from the verifier's distribution at most?"""
    rows = of_setting(table)
    known = rows["tv_output"].dropna() if "tv_output" in rows.columns else rows[CURVE].iloc[:0]
    most = float(known.max()) if len(known) else np.nan
    words = f"TV(output, p) at most {most:.2g} in {len(known):,} runs; `sqsim check` enumerates it"
    return ruled(most <= LOSSLESS_TV, words) if len(known) else ""


@asks(LATENCY)
def counts_all_time(table: pd.DataFrame, axis: str | None) -> str:
    """What share of a token's time is propagation, which Q-S's model of latency leaves out?"""
    rows = of_setting(table)
    rows = rows[_schemes(rows).eq(STATIC) & rows[PAIR].eq(_first_pair(rows))]
    shares = rows["propagation_s"] / rows[LATENCY] if "propagation_s" in rows.columns else rows[LATENCY].iloc[:0]
    found = interval(shares.groupby(rows["seed"]).mean().to_numpy(float))
    spread = "" if np.isnan(found.half_width) else f" ± {found.half_width:.1%}"
    words = f"{found.mean:.1%}{spread} of a token's time is propagation at 40 ms of round trip, left out"
    return ruled(found.mean < CHEAP, words) if found.n else ""


SIZES = {"sotu": 1024, "smollm2": 49_152}
"""Vocabularies."""
SPARSE = 0.1
"""Share of the vocabulary below which a support counts as sparse."""
CHEAP = 0.01
"""Share of a token's time below which a step counts as cheap."""


def claim(
    text: str, source: str, first: Sequence[str], second: Sequence[str], metric: str = LATENCY, *,
    at: Sequence[float] = (), rates: Sequence[float] = ONE, fair: Sequence[str] = (), pair: str = "",
) -> Claim:  # fmt: skip
    """Returns the claim that some schemes are below others; `fair`: the tuned ones of both sides."""

    def report(table: pd.DataFrame, axis: str | None) -> str:
        rows = compared(table, first, second, metric, at=at, rates=rates, pair=pair)
        tuned = compared(table, fair[:1], fair[1:], metric, at=at, rates=rates) if fair else ()
        others = [rate for rate in RATES if rate not in rates] if at else []
        beside = [
            row for rate in others for row in compared(table, first, second, metric, at=at, rates=[rate], pair=pair)
        ]
        return below_everywhere(rows, tuned, beside if metric == LATENCY else ())

    return Claim(text, source, OwnQuestion(metric, report))


TIME, RESAMPLED, SENT = (
    f"SQS-SD, {what} by temperature ({AT})" for what in ("latency", "probability of resampling", "bits")
)
BITS, BOTH, COLD, HOT = "payload_bits_per_token", ("K-SQS" + TUNED, "C-SQS" + TUNED), (0.5,), (1.4,)
REJECTED = "tv_qhat"
SCENARIO = Scenario(
    name="paper",
    summary="Is K-SQS better at low temperature and C-SQS at high, and both better than the dense lattice?",
    minutes=15,
    base={
        "models.pair": "sotu",
        "workload.requests": 3,
        "workload.learning_requests": 1,
        "workload.output_tokens": 256,
        **SELECTIVE_REPEAT,
    },
    grid={"scheme": OWN, "models.temperature": TEMPERATURES, RATE: RATES},
    also=(
        Also(grid={"scheme": FAIR, "models.temperature": TEMPERATURES[1:], RATE: RATES}),
        Also(
            grid={"models.pair": ["smollm2"], "scheme": SMOLLM2, "models.temperature": TEMPERATURES[2:], RATE: RATES},
            base={"workload.requests": 2, "workload.output_tokens": 64},
        ),
    ),
    axis="models.temperature",
    hidden=("workload",),
    seeds=8,
    tune=Tune(
        WAITS,
        base={"workload.requests": 2, "workload.output_tokens": 64},
        settings=8,
        looks=(1, 2, 4),
        steps=1,
        named={
            **{str(scheme["label"]): frozenset({*TUNABLES, "scheme.k"}) for scheme in (*OWN, *SMOLLM2)},
            TUNED_K: frozenset(TUNABLES),
            BOTH[1]: frozenset({"scheme.step"}),
        },
    ),
    left_out=dict.fromkeys(BASELINES, EDGE),
    quick=Quick(
        base={"workload.output_tokens": 32},
        grid={"models.temperature": TEMPERATURES[::2], RATE: RATES[1:2]},
        seeds=3,
    ),
    figures=("fastest", "experiments"),
    headlines=(),
    tables=(Table("fastest", map_rows, printed_map), Table("kept", kept_rows, printed_kept)),
    answer=swap_places,
    findings=(),
    claims=(
        claim("K-SQS is faster at low temperature", TIME, K_SQS, C_SQS, at=COLD, fair=BOTH),
        claim("C-SQS is faster at high temperature", TIME, C_SQS, K_SQS, at=HOT, fair=BOTH[::-1]),
        claim("C-SQS is faster at high temperature than K-SQS of a tuned K", TIME, C_SQS, (TUNED_K,), at=HOT),
        claim("C-SQS is faster at high temperature, V = 49,152", TIME, (SETTLED,), K_SQS, at=HOT, pair="smollm2"),
        claim("K-SQS is faster than the dense lattice", TIME, K_SQS, (STATIC,), fair=(BOTH[0], STATIC + TUNED)),
        claim("C-SQS is faster than the dense lattice", TIME, C_SQS, (STATIC,), fair=(BOTH[1], STATIC + TUNED)),
        claim("K-SQS resamples less at low temperature", RESAMPLED, K_SQS, C_SQS, REJECTED, at=COLD),
        claim("C-SQS resamples less at high temperature", RESAMPLED, C_SQS, K_SQS, REJECTED, at=HOT),
        claim("K-SQS takes fewer bits than the dense lattice", SENT, K_SQS, (STATIC,), BITS,
              fair=(BOTH[0], STATIC + TUNED)),
        claim("C-SQS takes fewer bits than the dense lattice", SENT, C_SQS, (STATIC,), BITS,
              fair=(BOTH[1], STATIC + TUNED)),
        Claim("C-SQS sends a sparse support", "SQS-SD, sparsification", stays_sparse),
        Claim("the text follows the verifier's distribution", "SQS-SD and Q-S, theorem", keeps_the_text),
        Claim("the conformal step costs little", "SQS-SD, section III-B", step_is_cheap),
        claim("adapting length and resolution is faster than the static lattice", "Q-S, throughput", (ADAPTIVE,),
              (STATIC,), rates=RATES, fair=(ADAPTIVE + TUNED, STATIC + TUNED)),
        Claim("latency is drafts, bits over rate, and verification", "Q-S, throughput model", counts_all_time),
    ),
    assumed="models and data (the papers' may be GPT-Neo on LM1B, OPT on CNN/DailyMail), η = 1e-3, α = 5e-4, ℓ "
    "and B as SQS-SD's are reported, 40 ms of round trip, 4 drafts, rollback through the rejection, the rule by which "
    "Q-S adapts. Schemes named after K, β₁, η or Q-S have these settings; only those named tuned are tuned.",
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
