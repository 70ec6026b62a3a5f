"""The simulator against the thing itself: every cell as real processes on this machine (two network namespaces, real
bytes, real passes), and simulated under clocks that were measured just before. Errors differ from run to run, tokens do
not. The kernel shapes `token_bucket` links (tc tbf), the relay `constant` ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from scenarios import LATENCY, Also, OwnQuestion, Quick, Scenario, Table, asks, script
from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import counted
from simulator.results.column_names import BREAKDOWN
from simulator.results.study_columns import COMPARED
from simulator.results.units import state_name, title

CELL = "uplink.label"
"""The field that names the cells."""
LOST = {"kind": "bernoulli", "probability": 0.1}
THIN, MIDDLE = ({"kind": "token_bucket", "bps": bps, "burst_bits": 4000} for bps in (20e3, 200e3))
SLOW, FAST = ({"kind": "constant", "bps": bps} for bps in (20e3, 100e3))
K_SQS, C_SQS = ({"kind": kind, "max_drafts": 4} for kind in ("k_sqs", "c_sqs"))
FIELDS = f"scheme,uplink.rate,uplink.loss,{CELL}"
ALONE = [
    ["cloud_only", THIN, LOST, "cloud-only, 20k, 10% lost"],
    [C_SQS, MIDDLE, LOST, "C-SQS, 200k, 10% lost"],
    [{**K_SQS, "depth": 1}, FAST, "none", "K-SQS ahead, 100k"],
]
FOUR = [[K_SQS, SLOW, LOST, "K-SQS, 4 devices, 20k, 10% lost"]]
TIMES = {
    "latency_per_token_s": "mean a token",
    "latency_per_token_p50_s": "p50",
    "latency_per_token_p90_s": "p90",
    "latency_per_token_p99_s": "p99",
    "ttft_s": "first token",
}
LEAST = 0.01
"""Smaller parts of the time per token are in the file only."""
OTHER_ANSWERS = "other_answers"


@asks(OTHER_ANSWERS)
def same_answers(table: pd.DataFrame, axis: str | None) -> str:
    """Are the committed tokens those of the simulated system, in every request of every cell?"""
    rows = errors(table, [CELL, "seed"])
    if rows.empty:
        return ""
    wrong = rows[rows[OTHER_ANSWERS] > 0]
    if wrong.empty:
        return f"Every answer of the {rows[CELL].nunique()} cells has the simulated one's tokens"
    return f"Answers whose tokens differ: {int(wrong[OTHER_ANSWERS].sum())}, in {', '.join(wrong[CELL].unique())}"


@asks(LATENCY)
def off_by(table: pd.DataFrame, axis: str | None) -> str:
    """How far is the simulated time per token from the real one, and are the tokens the same?"""
    rows = errors(table)
    if rows.empty:
        return ""
    found, wrong = rows[f"{LATENCY}_error"], int(rows[OTHER_ANSWERS].sum())
    single = errors(table, [CELL, "seed"])[f"{LATENCY}_error"]
    same = "tokens are equal" if not wrong else f"{counted(wrong, 'answer')} with other tokens"
    return (
        f"the simulated time per token is {100 * found.abs().median():.1f}% off the real one (median of "
        f"{counted(len(found), 'setting')}), {100 * max(found, key=abs):+.1f}% at most, single runs "
        f"{100 * max(single, key=abs):+.1f}%; {same}"
    )


def error_of(metric: str) -> OwnQuestion:
    """How large is the simulated system's error of this quantity, the median over cells and the largest?"""

    @asks(metric)
    def errors_beside(table: pd.DataFrame, axis: str | None) -> str:
        rows = errors(table)
        if rows.empty:
            return ""
        found = rows[f"{metric}_error"]
        error, cell = max(zip(found, rows[CELL], strict=True), key=lambda each: abs(each[0]))
        return (
            f"{title(metric)}, simulated against real: median error {100 * found.abs().median():.1f}% over "
            f"{len(found)} cells, largest {100 * error:+.1f}% ({cell})"
        )

    return errors_beside


def errors(table: pd.DataFrame, names: Sequence[str] = (CELL,)) -> pd.DataFrame:
    """A row a cell, in order: `names`, and of each quantity NAME `NAME_real`, `NAME_simulated`, `NAME_error`: the mean
    over its seeds of both, and how far the simulated one is above the real one, as a share of that, nan where that is
    0; OTHER_ANSWERS in all. `names`: columns that distinguish cells but for the seed."""
    if "system" not in table.columns:
        return pd.DataFrame()
    rows = []
    for key, part in table.groupby(list(names), sort=False, dropna=False):
        means = {system: part[part["system"] == system].mean(numeric_only=True) for system in ("real", "simulated")}
        row: dict[str, object] = dict(zip(names, key if isinstance(key, tuple) else (key,), strict=True))
        for name in (*TIMES, *(each for each in BREAKDOWN if each in part.columns)):
            real, simulated = (float(means[system][name]) for system in ("real", "simulated"))
            error = simulated / real - 1 if real else float("nan")
            row |= {f"{name}_real": real, f"{name}_simulated": simulated, f"{name}_error": error}
        row[OTHER_ANSWERS] = int(part[part["system"] == "real"][OTHER_ANSWERS].sum())
        rows.append(row)
    return pd.DataFrame(rows)


def printed_errors(cells: pd.DataFrame) -> TextTable | None:
    """Times in ms, the simulated one's error beside each; then the parts of the breakdown that matter."""
    rows = errors(cells)
    if rows.empty:
        return None
    body = [
        [
            str(row[CELL]),
            *(f"{1e3 * row[f'{name}_real']:.1f} {100 * row[f'{name}_error']:+.1f}%" for name in TIMES),
            str(row[OTHER_ANSWERS]),
        ]
        for _, row in rows.iterrows()
    ]
    parts = f"Parts of the time per token, ms, real / simulated (those of {100 * LEAST:.0f}% or more):"
    heading = "The real system, ms, and how far the simulated one is from it:"
    found = TextTable.of(heading, ["cell", *TIMES.values(), "answers that differ"], body)
    return replace(found, notes=[parts, *(_parts(row) for _, row in rows.iterrows())])


def comparison(table: pd.DataFrame) -> pd.DataFrame:
    """Returns a row per quantity of a real run's table (`sqsim real`): its `name`, `real`, `simulated`, both means over
    seeds, and `error`, as a share of the real one."""
    names = [each for each in COMPARED if f"simulated_{each}" in table.columns]
    rows = [(title(each), float(table[each].mean()), float(table[f"simulated_{each}"].mean())) for each in names]
    found = pd.DataFrame(rows, columns=["name", "real", "simulated"])
    return found.assign(error=found["simulated"] / found["real"] - 1)


def printed_comparison(cells: pd.DataFrame) -> TextTable | None:
    """Times in ms, and the simulated one's error."""
    rows = comparison(cells)
    if rows.empty:
        return None
    body = [
        [row["name"], f"{1e3 * row['real']:.1f}", f"{1e3 * row['simulated']:.1f}", f"{100 * row['error']:+.1f}%"]
        for _, row in rows.iterrows()
    ]
    heading = "The real system beside the simulated one under clocks measured here, before and after, ms:"
    others = int(cells[OTHER_ANSWERS].sum())
    note = f"Answers whose tokens differ: {others or 'none'}."
    return replace(TextTable.of(heading, ["", "real", "simulated", "error"], body), notes=[note])


def _parts(row: pd.Series) -> str:
    whole = row["latency_per_token_s_real"]
    both = {name: (row[f"{name}_real"], row[f"{name}_simulated"]) for name in BREAKDOWN if f"{name}_real" in row}
    shown = [
        f"{state_name(name)} {1e3 * real:.1f} / {1e3 * made:.1f}"
        for name, (real, made) in both.items()
        if max(real, made) >= LEAST * whole
    ]
    return f"  {row[CELL]}: {', '.join(shown)}"


SCENARIO = Scenario(
    name="validation",
    summary="How far is the simulator from two real processes over a shaped link? Real time, not deterministic.",
    minutes=15,
    pairs=("smollm2", "sotu"),
    study="validation",
    base={
        "workload.requests": 8, "workload.output_tokens": 24, "uplink.mtu_bits": 4000,
        "uplink.delay": {"kind": "constant", "delay_s": 0.01}, "downlink.delay": {"kind": "constant", "delay_s": 0.01},
    },
    grid={FIELDS: ALONE},
    also=[Also({FIELDS: FOUR}, {"models.pair": "sotu", "workload.devices": 4}, quick={FIELDS: FOUR})],
    axis=CELL,
    seeds=3,
    quick=Quick(base={"workload.requests": 2, "workload.output_tokens": 12}, grid={FIELDS: ALONE[1:2]}, seeds=1),
    headlines=(),
    hidden=("models", "workload", "uplink"),
    tables=[Table("real_beside_simulated", errors, printed_errors)],
    figures=("validation",),
    answer=off_by,
    findings=(same_answers, error_of("latency_per_token_p99_s"), error_of("ttft_s"),
              error_of(LATENCY),),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
