"""The same drafts in fewer bits: the paper's count made real against the shorter code. Without a budget both carry the
same tokens; with one, the shorter code has room for more drafts a round."""

from __future__ import annotations

import pandas as pd

from scenarios import Instead, Lowest, Quick, Scenario, Tune, asks, script
from scenarios.findings.question import along, of_setting
from scenarios.findings.wording import briefly, called
from scenarios.set_ups import BASELINES, SELECTIVE_REPEAT
from simulator.results.intervals import paired
from simulator.results.units import quantity

KBPS = 1e3
RATES_BPS = [rate * KBPS for rate in (1, 2, 5, 10, 20, 50, 100, 1000)]
CODES = ({"code": "enumerative"}, {"code": "recoded"})
BUDGETS_BITS = (None, 300)
SAVED = ("scheme.code", "recoded", "enumerative")
BITS_AND_TIME = ("payload_bits_per_token", "latency_per_token_s")
BUDGET = "scheme.budget_bits"
FIELDS = [f"scheme.{name}" for name in ("max_drafts", "resolution", "k", "initial", "target", "step")]
KEPT = ({"kind": "k_sqs", "k": 8}, {"kind": "c_sqs"})


@asks(BITS_AND_TIME[0])
def saves(table: pd.DataFrame, axis: str | None) -> str:
    """By how much are bits and latency of the first of KEPT lower with the shorter code, without a budget?"""
    column, short, long = SAVED
    rows, kind = of_setting(table), KEPT[0]["kind"]
    if axis is None or column not in rows.columns:
        return ""
    rows = rows[(rows["scheme.kind"] == kind) & (rows[BUDGET].isna() if BUDGET in rows.columns else True)]
    found = []
    for at, here in along(rows, axis):
        codes = here[column].map(str)
        bits, time = (paired(here, metric, codes == short, codes == long) for metric in BITS_AND_TIME)
        found.append((quantity(at, axis), bits, time))
    if not found or not found[0][1].n:
        return ""
    (start, bits, time), (end, _, last) = found[0], found[-1]
    return (
        f"{called(kind)} with the shorter code in place of the paper's, no budget: payload bits a token "
        f"{briefly(bits)}; "
        f"time per token {briefly(time)} at {start}, {briefly(last)} at {end}"
    )


SCENARIO = Scenario(
    name="codes",
    summary="What does the shorter code save, in bits, latency and room in a budget of 300 bits a round?",
    minutes=1,
    base={
        "models.pair": "sotu",
        "workload.requests": 2,
        "workload.output_tokens": 48,
        **SELECTIVE_REPEAT,
    },
    grid={
        "scheme": [{**kept, **code, "budget_bits": bits} for kept in KEPT for bits in BUDGETS_BITS for code in CODES],
        "uplink.rate.bps": RATES_BPS,
    },
    axis="uplink.rate.bps",
    seeds=12,
    tune=Tune(dict.fromkeys(FIELDS, "what a code saves is asked at one setting")),
    left_out=dict.fromkeys(BASELINES, "codes are compared, not schemes"),
    quick=Quick(
        base={"workload.requests": 2, "workload.output_tokens": 24},
        grid={"uplink.rate.bps": RATES_BPS[::3]},
    ),
    figures=("latency", "bits"),
    answer=saves,
    findings=(
        Lowest(),
        Instead("recoded in place of enumerative, without a budget", *SAVED, BITS_AND_TIME, {BUDGET: None}),
        Instead("with one of 300 bits", *SAVED, (*BITS_AND_TIME, "draft_length"), {BUDGET: 300}),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
