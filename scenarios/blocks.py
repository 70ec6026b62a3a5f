"""What does a round gain if it is verified as a block, by how much of q is sent, and where do the best settings move?

Rounds begin along the verifier's own text. The expected tokens of each are exact given its drafts, by rejection and by
block verification (arXiv 2403.10444) of the same drafts. The time of a token is computed from these and from the bits;
`ladder` and `latency_vs_bandwidth` simulate it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from kinds.arrays import Floats
from scenarios import Quick, Scenario, Table, asks, script
from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import amount, change, less_or_more, listed
from simulator.results.intervals import Difference, paired_values
from simulator.results.units import quantity

L, SHORT = 8, 4
PAIR, TEMPERATURE, LENGTH = "models.pair.kind", "models.temperature", "round_drafts"
K, BETA, ELL = "scheme.sparsifier.k", "scheme.sparsifier.beta", "scheme.quantizer.resolution"
BITS, GAIN = "coded_bits_per_draft", "block_gain"
TOKENS = {"rejection": "rejection_tokens_per_round", "block": "block_tokens_per_round"}
ENDS = {"sparsifier": "all", "code": {"kind": "recoded", "token": "coded"}, "max_drafts": L, "budget_bits": None}
ALL_OF_Q = {"kind": "composed", **ENDS, "quantizer": "halves", "code": "halves"}
"""Setting that sends all of q, each probability in half precision."""
FINE, NAMED_K = 100, (1, 8, 32)
"""The resolution and the K that the finding on gains names."""


def sent(ell: int, sparsifier: object = "all") -> dict[str, object]:
    """A scheme of rounds of L drafts with this resolution."""
    return {"kind": "composed", **ENDS, "sparsifier": sparsifier, "quantizer": {"kind": "lattice", "resolution": ell}}


def top_k(k: int, ell: int) -> dict[str, object]:
    """The scheme that keeps K tokens."""
    return sent(ell, {"kind": "top_k", "k": k})


SCHEMES = [
    *(top_k(k, FINE) for k in (1, 2, 4, 8, 16, 32)),
    *(top_k(k, 20) for k in (2, 8, 32)),
    *(sent(FINE, {"kind": "threshold", "beta": beta}) for beta in (0.1, 0.03, 0.01, 0.003)),
    *(sent(ell) for ell in (20, 100, 400, 1600)),
    ALL_OF_Q,
]
RATE, RATES_BPS, TIME_S = "uplink.rate.bps", (10e3, 100e3), "latency_per_token_s"
DRAFT_S, VERIFY_S, ROUND_TRIP_S = 0.007, 0.043, 0.05
"""Times behind the computed ones: drafts one after another on a Jetson, one verification by a 70B on two GPUs, one
packet and its reply."""
PLACE, SETTING, SYMBOL, VALUE = "place", "what is sent", "tuned", "value"
ALL = "all of q"


class Best(NamedTuple):
    """The settings of least computed time at a place and rate, (K or beta, ell, L) by rejection and as a block, their
    times, and how far the time of the block's is from that of rejection's, both chosen on the other seeds."""

    place: str
    rate_bps: float
    symbol: str
    by_rejection: tuple[float, ...]
    as_block: tuple[float, ...]
    rejection_s: float
    block_s: float
    less: Difference


@asks(TOKENS["block"])
def all_of_q_gains(table: pd.DataFrame, axis: str | None) -> str:
    """How many more tokens does a round commit as a block if all of q is sent?"""
    rows = at_length(table, L)
    rows = rows[rows[SETTING] == ALL]
    if rows.empty:
        return ""
    more = less_or_more(gained(rows), "fewer")
    return f"verified as blocks, rounds of {L} drafts commit {more} tokens than by rejection if all of q is sent"


@asks(GAIN)
def gains_by_what_is_sent(table: pd.DataFrame, axis: str | None) -> str:
    """How many more tokens does a round commit as a block, by K, for short and long rounds?"""
    clauses, named = [], [*(f"K = {k}, ℓ = {FINE}" for k in NAMED_K), ALL]
    rows = pd.concat([at_length(table, length) for length in (SHORT, L)])
    for place, part in rows.groupby(PLACE, sort=False):
        words = []
        for setting, own in part[part[SETTING].isin(named)].groupby(SETTING, sort=False):
            ends = [change(gained(each)) for _, each in own.groupby(LENGTH)]
            words.append(f"{str(setting).partition(',')[0]} {' and '.join(ends)}")
        clauses += [f"{place}: {', '.join(words)}"] if words else []
    return listed(f"tokens a round gained as a block, L = {SHORT} and {L}", clauses) if clauses else ""


@asks(GAIN)
def where_the_best_moves(table: pd.DataFrame, axis: str | None) -> str:
    """Where is the K, ell, beta and L of least computed time another as a block than by rejection?"""
    found, clauses = best_settings(table), []
    for symbol in dict.fromkeys(best.symbol for best in found):
        own = [best for best in found if best.symbol == symbol]
        moves = []
        for n, name in enumerate((symbol, "ℓ", "L")):
            up, down = (sum(sign * b.as_block[n] > sign * b.by_rejection[n] for b in own) for sign in (1, -1))
            moves.append(f"{name} up at {up} and down at {down}")
        where = [f"{best.place}, {quantity(best.rate_bps, RATE)}: {_words(best)}" for best in own
                 if best.as_block != best.by_rejection]  # fmt: skip
        clauses.append(f"{', '.join(moves)} (of {len(own)} places and rates; {'; '.join(where) or 'none moves'})")
    return listed("as a block the best setting moves, in computed time per token", clauses) if clauses else ""


@asks(GAIN)
def time_saved(table: pd.DataFrame, axis: str | None) -> str:
    """How much computed time does a token take as a block against rejection, each at its own best setting?"""
    found = [f"{each.symbol}, {each.place}, {quantity(each.rate_bps, RATE)} {change(each.less)}"
             for each in best_settings(table)]  # fmt: skip
    return listed("computed time per token as a block against rejection, each at its best setting", found, ", ")


def _words(best: Best) -> str:
    names = zip((best.symbol, "ℓ", "L"), best.by_rejection, best.as_block, strict=True)
    return ", ".join(f"{name} {one:g} to {other:g}" for name, one, other in names if one != other)


def placed(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with PLACE, pair and temperature, and SETTING, what is sent, in words; none of another study's table."""
    if not {PAIR, TEMPERATURE, LENGTH, BITS, *TOKENS.values()} <= {*table.columns}:
        return pd.DataFrame(columns=[*table.columns, PLACE, SETTING, LENGTH])
    places = [f"{pair}, T = {at:g}" for pair, at in zip(table[PAIR], table[TEMPERATURE], strict=True)]
    fields = table.reindex(columns=[K, BETA, ELL]).astype(float)
    settings = [_setting(*each) for each in fields.itertuples(index=False)]
    others = table.drop(columns=[K, BETA, ELL], errors="ignore")
    return pd.concat([others, fields], axis=1).assign(**{PLACE: places, SETTING: settings})


def _setting(k: float, beta: float, ell: float) -> str:
    if math.isnan(ell):
        return ALL
    kept = f"K = {k:g}" if not math.isnan(k) else "all" if math.isnan(beta) else f"β = {beta:g}"
    return f"{kept}, ℓ = {ell:g}"


def at_length(table: pd.DataFrame, length: int) -> pd.DataFrame:
    """The rows of `placed` for rounds of this length."""
    rows = placed(table)
    return rows[rows[LENGTH] == length]


def gained(rows: pd.DataFrame) -> Difference:
    """Tokens a round as a block against rejection, paired by seed: the mean over the rows of a seed of ln(ratio)."""
    logs = np.log(rows[TOKENS["block"]]) - np.log(rows[TOKENS["rejection"]])
    ratios = np.exp(logs.groupby(rows["seed"]).mean().to_numpy(dtype=np.float64))
    return paired_values(TOKENS["block"], ratios, np.ones_like(ratios))


def best_settings(table: pd.DataFrame) -> list[Best]:
    """The best of what keeps K tokens or all V, and of what keeps those above beta, at each place and rate."""
    rows, found = placed(table), []
    rows = rows[rows[SETTING] != ALL]
    if rows.empty:
        return []
    value = rows[BETA].fillna(rows[K]).fillna(rows["vocabulary"])
    rows = rows.assign(**{SYMBOL: rows[BETA].isna().map({True: "K", False: "β"}), VALUE: value})
    for (place, symbol), part in rows.groupby([PLACE, SYMBOL], sort=False):
        for rate_bps in RATES_BPS:
            work_s = part[LENGTH] * (DRAFT_S + part[BITS] / rate_bps) + ROUND_TRIP_S + VERIFY_S
            times = [part.assign(s=work_s / part[tokens]).pivot(index=[VALUE, ELL, LENGTH], columns="seed", values="s")
                     for tokens in TOKENS.values()]  # fmt: skip
            rejection, block = (tuple(map(float, each.index[int(each.mean(axis=1).argmin())])) for each in times)
            rejection_s, block_s = (by_the_others(each.to_numpy(dtype=np.float64)) for each in times)
            less = paired_values(TIME_S, block_s, rejection_s)
            means = float(rejection_s.mean()), float(block_s.mean())
            found.append(Best(str(place), rate_bps, str(symbol), rejection, block, *means, less))
    return found


def by_the_others(seconds: Floats) -> Floats:
    """The times [setting, seed] of each seed at the setting that serves the other seeds best; a seed that is alone
    chooses for itself."""
    others = seconds.sum(axis=1, keepdims=True) - seconds if seconds.shape[1] > 1 else seconds
    chosen: Floats = np.take_along_axis(seconds, others.argmin(axis=0)[None, :], axis=0)[0]
    return chosen


def gains(cells: pd.DataFrame) -> pd.DataFrame:
    """Tokens a round gained as a block, with its interval: a row a place, what is sent and length."""
    rows = []
    for (place, setting, length), part in placed(cells).groupby([PLACE, SETTING, LENGTH], sort=False):
        less = gained(part)
        rows.append((place, setting, length, part[BITS].mean(), less.size, less.low, less.high))
    return pd.DataFrame(rows, columns=[PLACE, SETTING, LENGTH, BITS, GAIN, "low", "high"])


def printed_gains(cells: pd.DataFrame) -> TextTable | None:
    """The gains of rounds of L drafts, a row what is sent, a column a place."""
    rows = at_length(cells, L)
    if rows.empty:
        return None
    places = list(dict.fromkeys(rows[PLACE]))
    body = [[str(setting), *(change(gained(part[part[PLACE] == place])) if (part[PLACE] == place).any() else "-"
             for place in places)] for setting, part in rows.groupby(SETTING, sort=False)]  # fmt: skip
    return TextTable.of(f"Tokens a round gained as a block over rejection, L = {L}", ["", *places], body)


def times(cells: pd.DataFrame) -> pd.DataFrame:
    """`best_settings`, a row each."""
    rows = [
        (best.place, best.rate_bps, best.symbol, *best.by_rejection, best.rejection_s, *best.as_block, best.block_s)
        for best in best_settings(cells)
    ]
    of = [f"{name}, {how}" for how in TOKENS for name in ("value", "ell", "L", TIME_S)]
    return pd.DataFrame(rows, columns=[PLACE, RATE, "tuned", *of])


def printed_times(cells: pd.DataFrame) -> TextTable | None:
    """Prints `best_settings`, with the change of time."""
    found = best_settings(cells)
    heading = (
        f"Computed and not simulated: drafts of {1e3 * DRAFT_S:g} ms, verification {1e3 * VERIFY_S:g} ms, round trip "
        f"{1e3 * ROUND_TRIP_S:g} ms, no headers; each at its best setting, times by that of the other seeds. "
        f"Cloud-only decoding takes {1e3 * VERIFY_S:g} ms per token"
    )
    body = [
        [f"{best.place}, {quantity(best.rate_bps, RATE)}", f"{best.symbol}, ℓ, L",
         *(f"{', '.join(f'{value:g}' for value in setting)}: {amount(seconds, TIME_S)}"
           for setting, seconds in ((best.by_rejection, best.rejection_s), (best.as_block, best.block_s))),
         change(best.less)]
        for best in found
    ]  # fmt: skip
    return TextTable.of(heading, ["", "tuned", "by rejection", "as a block", "change"], body) if found else None


SCENARIO = Scenario(
    name="blocks",
    summary="What do rounds verified as blocks gain over rejection, by how much of q is sent, and what to send then?",
    minutes=6,
    base={"workload.output_tokens": 24},
    grid={
        "models.pair,workload.requests": [["smollm2", 3], ["sotu", 8]],
        "models.temperature": [0.6, 1.0, 1.4],
        "scheme": SCHEMES,
    },
    axis=LENGTH,
    hidden=("workload.requests",),
    seeds=8,
    quick=Quick(
        grid={
            "models.pair,workload.requests": [["sotu", 4]],
            "models.temperature": [1.0],
            "scheme": [*(top_k(k, FINE) for k in NAMED_K), sent(FINE, {"kind": "threshold", "beta": 0.03}), ALL_OF_Q],
        }
    ),
    study="round_tokens",
    headlines=(),
    tables=(Table("gain_of_blocks", gains, printed_gains), Table("computed_latency", times, printed_times)),
    figures=("blocks",),
    answer=all_of_q_gains,
    findings=(gains_by_what_is_sent, where_the_best_moves, time_saved),
)

if __name__ == "__main__":
    script(SCENARIO)
