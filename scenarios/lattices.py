"""Every quantizer, resolution and K over three vocabularies: bits against resampling, and dense against sparse.

Packets are of the code `enumerative`, which states what it costs; of the support only ids with a count are sent. The
lattice's counts also travel context-coded (`recoded`): the same counts in fewer bits.
"""

from __future__ import annotations

import bisect
import math
from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from channels.codec.paper_counts import dense_bits, log2_binomial, paper_bits, subset_bits
from scenarios import AtEqual, Claim, Quick, Scenario, Table, asks, script
from scenarios.findings.claims import ruled
from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import called, fewer, less_or_more, listed
from simulator.results.display_names import letter
from simulator.results.intervals import Difference, geometric_means, paired_values, summarise
from simulator.results.units import quantity, title

MADE = {"kind": "synthetic", "size": 150_000, "contexts": 32, "entropy_bits": 4.9, "distance": 0.2}
RESOLUTIONS = [10, 30, 100, 300, 1000]
SIZES = [2, 4, 8, 16, 32, 64, 128, 256]
SENT = {"kind": "enumerative", "size": "sent"}
SHORT = {"kind": "recoded"}
HALVES: dict[str, object] = {"quantizer": "halves", "code": "halves"}


def schemes(resolutions: list[int], sizes: list[int]) -> list[dict[str, object]]:
    """Returns each quantizer at each resolution, and half-precision floats, of each K; and the lattice over all of V.
    The lattice in both codes."""
    kinds = ("lattice", "dual", "cubic", "logarithmic")
    rules = [{"kind": kind, "resolution": ell} for kind in kinds for ell in resolutions]
    first, others = rules[: len(resolutions)], rules[len(resolutions) :]
    lattice: list[dict[str, object]] = [{"quantizer": rule, "code": code} for code in (SENT, SHORT) for rule in first]
    parts: list[dict[str, object]] = [*lattice, *({"quantizer": rule, "code": SENT} for rule in others), HALVES]
    kept: list[dict[str, object]] = [{"sparsifier": {"kind": "top_k", "k": k}, **part} for part in parts for k in sizes]
    kept += [{"sparsifier": "all", **part} for part in lattice]
    return [{"kind": "composed", "max_drafts": 1, "budget_bits": None, **each} for each in kept]


BITS, REJECTED, V = "coded_bits_per_draft", "tv_qhat", "vocabulary"
QUANTIZER, RESOLUTION, SIZE = "scheme.quantizer.kind", "scheme.quantizer.resolution", "scheme.sparsifier.k"
CODE, KEPT = "scheme.code.kind", "scheme.sparsifier.kind"
FAMILY = (QUANTIZER, CODE, KEPT)
LONG_WORD, SHORT_WORD = "the paper's count", "context-coded"
LIMITS, ONE_LIMIT = (50, 100, 200, 400, 800, 1600), (200,)


@asks("largest_excess_bits")
def keeps_its_word(table: pd.DataFrame, axis: str | None) -> str:
    """Is each qhat within its quantizer's bound, and each packet as long as it states?"""
    shares = table.groupby(QUANTIZER, sort=False)["largest_bound_share"].max()
    largest = ", ".join(f"{kind} {share:.3f}" for kind, share in shares.items())
    within = "Each qhat is within its quantizer's bound" if shares.max() <= 1 + 1e-9 else "Some qhat exceed their bound"
    longer, shorter = (
        quantity(float(table[name].max()), name, 4) for name in ("largest_excess_bits", "largest_saving_bits")
    )
    few, stated = int((table["largest_saving_bits"] > 2).sum()), int(table["largest_saving_bits"].notna().sum())
    return (
        f"{within} (largest TV(q, qhat) / bound: {largest}). No packet is more than {longer} longer than it states; "
        f"in {few} of {stated} cells one is more than 2 bit shorter, by {shorter} at most."
    )


@asks(BITS)
def dense_overtakes(table: pd.DataFrame, axis: str | None) -> str:
    """From which size on is a packet over the whole vocabulary the shorter one?"""
    clauses = []
    for vocabulary, rows in by_vocabulary(table):
        words = []
        for ell in sorted(rows[RESOLUTION].astype(int).unique()):
            size, counts = shorter_from_size(vocabulary, ell), shorter_from_counts(vocabulary, ell)
            had = rows.loc[rows[RESOLUTION] == ell, "coded_size"].max()
            words.append(f"{size or 'none'} / {counts or 'none'} ({had:.0f}) at ℓ = {ell}")
        clauses.append(f"V = {vocabulary:,}: {', '.join(words)}")
    heading = (
        "A dense packet is the shorter one from this K / where only ids with a count are sent, from so many of them "
        "(drafts here have)"
    )
    return f"{heading}: {'; '.join(clauses)}." if clauses else ""


@asks(BITS)
def dense_shorter_from(table: pd.DataFrame, axis: str | None) -> str:
    """From which K on, over resolutions, is a packet over the whole vocabulary the shorter one?"""
    clauses = []
    for vocabulary, rows in by_vocabulary(table):
        cells = sorted(rows[RESOLUTION].astype(int).unique())
        sizes = [f"{shorter_from_size(vocabulary, ell) or 'none'}" for ell in (cells[0], cells[-1])]
        clauses.append(f"V = {vocabulary:,}: K = {sizes[0]} at ℓ = {cells[0]}, {sizes[1]} at {cells[-1]}")
    return f"the dense packet is shorter from {'; '.join(clauses)}" if clauses else ""


@asks("largest_bound_share")
def near_enough(table: pd.DataFrame, axis: str | None) -> str:
    """How near does the lattice come to its bound?"""
    share = float(table.loc[table[QUANTIZER] == "lattice", "largest_bound_share"].max())
    return "" if math.isnan(share) else ruled(share <= 1 + 1e-9, f"TV(q, qhat) is at most {share:.3f} of the bound")


@asks(BITS)
def sparse_is_shorter(table: pd.DataFrame, axis: str | None) -> str:
    """Up to which K is the packet of K tokens the shorter one at ℓ = 100?"""
    sizes = {vocabulary: shorter_from_size(vocabulary, 100) for vocabulary, _ in by_vocabulary(table)}
    words = [f"K = {size - 1 if size else vocabulary // 2} at V = {vocabulary:,}" for vocabulary, size in sizes.items()]
    return ruled(True, f"up to {', '.join(words)} (exact counts, ℓ = 100)") if words else ""


@asks(REJECTED)
def least_in_brief(table: pd.DataFrame, axis: str | None) -> str:
    """Which quantizer and code reject least within ONE_LIMIT of bits at most vocabularies, and what does the shorter
    code save?"""
    found = [row for _, rows in table.groupby(V, sort=True) if (row := _best(rows, ONE_LIMIT[0]))]
    best = Counter(f"{_coded(row).removeprefix(', ')} {called(row[QUANTIZER])}".strip() for row in found)
    line = ""
    for name, count in best.most_common(1):
        line = f"within {quantity(ONE_LIMIT[0], BITS)} the {name} rejects least at {count} of "
        line += f"{table[V].nunique()} vocabularies"
    less = saved(table)
    first = f"context coding takes {less_or_more(less, 'fewer')} bits than the paper's" if less.n else ""
    return "; ".join(filter(None, (first, line)))


@asks(BITS)
def code_saves(table: pd.DataFrame, axis: str | None) -> str:
    """How many bits does the shorter code save, for each vocabulary?"""
    found = [(size, saved(rows)) for size, rows in table.groupby(V, sort=True)]
    clauses = [f"V = {size:,.0f}: {fewer(less)}" for size, less in found if less.n]
    return listed(f"bits a draft, {SHORT_WORD}, over those of {LONG_WORD}, the same counts of the lattice", clauses)


def saved(table: pd.DataFrame) -> Difference:
    """The bits of the lattice's counts by the shorter code against the paper's count, over the settings in both."""
    rows = table[table[QUANTIZER] == "lattice"]
    same = [name for name in (V, RESOLUTION, SIZE, KEPT, "seed") if name in rows.columns]
    codes = rows[CODE] if CODE in rows.columns else pd.Series(SENT["kind"], index=rows.index)
    short, long = (rows.loc[codes == code["kind"], [*same, BITS]] for code in (SHORT, SENT))
    both = short.merge(long, on=same, suffixes=("_short", "_long"))
    means = [geometric_means(both, "seed", f"{BITS}_{code}") for code in ("short", "long")]
    one, other = (np.array(each, dtype=np.float64) for each in means)
    return paired_values(BITS, one, other)


def least_rejected(cells: pd.DataFrame, limits: tuple[float, ...] = LIMITS) -> pd.DataFrame:
    """The least rejections within each limit of bits, and the setting: a row a limit, a column a vocabulary."""
    columns = [*cells.groupby(V, sort=True)]
    return pd.DataFrame([{BITS: limit, **{value: _least(rows, limit) for value, rows in columns}} for limit in limits])


def printed_least(cells: pd.DataFrame) -> TextTable | None:
    """Writes the same for a person, a row a limit."""
    found = least_rejected(cells)
    heading = f"Least {title(REJECTED)} within so many {title(BITS)}, mean over seeds, and its setting"
    names = [f"{title(V)} {quantity(value, V, 9)}" for value in found.columns[1:]]
    body = [[quantity(limit, BITS), *words] for limit, *words in found.itertuples(index=False)]
    return TextTable.of(heading, ["", *names], body)


def _best(rows: pd.DataFrame, limit: float) -> Mapping[Hashable, Any] | None:
    """The setting that rejects least within so many bits."""
    means = summarise(rows)
    within = means[means[BITS] <= limit]
    return None if within.empty else within.sort_values(REJECTED).iloc[0].to_dict()


def _least(rows: pd.DataFrame, limit: float) -> str:
    best = _best(rows, limit)
    if best is None:
        return "-"
    fields = [f"{letter(name)} = {best[name]:.0f}" for name in (RESOLUTION, SIZE) if pd.notna(best[name])]
    return ", ".join([f"{best[REJECTED]:.3f} {called(best[QUANTIZER])}{_coded(best)}", *fields])


def _coded(row: Mapping[Hashable, object]) -> str:
    """Returns how a setting's counts travel, if that is not by the paper's count."""
    return f", {SHORT_WORD}" if row.get(CODE) == SHORT["kind"] else ""


def shorter_from_size(vocabulary: int, resolution: int) -> int | None:
    """The least K, known to both ends, whose ids and counts (zeros among them: the paper's count) cost more than the
    dense packet; None where no K up to V / 2 does."""
    dense, sizes = dense_bits(vocabulary, resolution), range(1, vocabulary // 2 + 1)
    place = bisect.bisect_right(sizes, dense, key=lambda size: paper_bits(vocabulary, size, resolution))
    return sizes[place] if place < len(sizes) else None


def shorter_from_counts(vocabulary: int, resolution: int) -> int | None:
    """The least number of ids with a count whose packet, of these ids alone and their number, costs more than the dense
    one; None where no number of them does."""
    dense, most = dense_bits(vocabulary, resolution), min(vocabulary, resolution)
    for size in range(1, most + 1):
        support_bits = subset_bits(vocabulary, size) + log2_binomial(resolution - 1, size - 1)
        if math.log2(most) + support_bits > dense:
            return size
    return None


def by_vocabulary(table: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    """The rows of the lattice at each vocabulary, ascending."""
    lattice = table[table[QUANTIZER] == "lattice"].dropna(subset=[V, RESOLUTION])
    return [(int(value), rows) for value, rows in lattice.groupby(lattice[V].astype(int), sort=True)]


SCENARIO = Scenario(
    name="lattices",
    summary="Which quantizer, code, resolution and K reject least for their bits, and what does the shorter code save?",
    minutes=4,
    base={"workload.requests": 6, "workload.output_tokens": 24},
    grid={"models.pair": ["sotu", "smollm2", MADE], "scheme": schemes(RESOLUTIONS, SIZES)},
    seeds=8,
    quick=Quick(
        base={"workload.requests": 2, "workload.output_tokens": 8},
        grid={"models.pair": ["sotu"], "scheme": schemes(RESOLUTIONS[::2], SIZES[:6:2])},
    ),
    study="laws",
    assumed="the distributions of V = 150,000 are made: 4.9 bits each, SmolLM2's mean entropy at temperature 1, and a "
    "TV(q, p) of 0.2; such a drafter errs on tokens of their own, which at SmolLM2's 0.5 would outrank the verifier's",
    headlines=(),
    tables=(Table(f"least_{REJECTED}", least_rejected, printed_least),),
    figures=("pareto",),
    answer=least_in_brief,
    findings=(
        AtEqual(REJECTED, BITS, FAMILY, by=V),
        AtEqual(BITS, REJECTED, FAMILY, by=V),
        dense_overtakes,
        keeps_its_word,
        dense_shorter_from,
        code_saves,
    ),
    claims=(
        Claim("the lattice is within K / (4 ℓ) in total variation", "Q-S and SQS-SD, lattice", near_enough),
        Claim("K tokens take fewer bits than the whole vocabulary", "SQS-SD, bits", sparse_is_shorter),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
