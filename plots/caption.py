"""Caption of a figure, read off the summary: notes on what is drawn, then the conditions of the numbers (pair, clocks,
lengths, round trip, seeds, settings) and which way is better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import pandas as pd

from plots.page import Page
from plots.style import curves, lossy_curves
from simulator.results.column_names import CHOSEN, CI_SUFFIX, SETTING
from simulator.results.intervals import CONFIDENCE
from simulator.results.lossy_schemes import MARK, UNKNOWN
from simulator.results.units import quantity, unit

Better = Literal["lower", "higher", ""]
LOSSY: Final = "(lossy): its text does not follow the verifier's distribution."
MEANT: Final = {
    MARK: LOSSY,
    UNKNOWN: "(not known to be lossless): how far its text is from the verifier's distribution is not known.",
}
PASS: Final = " a pass"
UNANSWERED: Final = "not all answered"
LEFT_OUT: Final = "Times are of the answered requests alone."
_MANY: Final = 3  # so many pairs, latency models or values are named one by one


def caption(
    summary: pd.DataFrame,
    page: Page,
    better: Better,
    notes: Sequence[str] = (),
    *,
    clock: bool = True,
    intervals: bool = True,
) -> str:
    """The notes and a line on the set-up; `clock` where time was simulated, `intervals` where they are drawn."""
    timed = [_latency_models(summary, page), _lengths(summary), _round_trip(summary), _uplink(summary)] if clock else []
    parts = [_pairs(summary, page), *timed, _seeds(summary, intervals) + _settings(summary)]
    text = " ".join(filter(None, [". ".join(part for part in parts if part) + ".", page.changed]))
    return "\n".join([*notes, text + (f" {better.capitalize()} is better." if better else "")])


def unanswered(rows: pd.DataFrame) -> pd.Series[bool]:
    """True for each row that lost requests to a deadline or a departure."""
    return rows["answered"] < 1 - 1e-12 if "answered" in rows.columns else pd.Series(False, index=rows.index)


def marks(summary: pd.DataFrame, metric: str = "latency_per_token_s") -> list[str]:
    """Returns the meaning of lossy curves' marks, and a note on the requests that a figure of `metric`, if it is one of
    time, leaves out as unanswered."""
    lost = unit(metric) == "s" and bool(unanswered(summary).any())
    meant = [MEANT[mark] for mark in dict.fromkeys(lossy_curves(summary).values())]
    return [*meant, *([LEFT_OUT] if lost else [])]


def coinciding(summary: pd.DataFrame, axis: str, metric: str, page: Page) -> list[str]:
    """Says which curves hide others because all their values are equal; without a full stop."""
    groups: dict[tuple[object, ...], list[str]] = {}
    for curve, rows in curves(summary[summary[metric].notna()]):
        ordered = rows.sort_values(axis)
        values = [float(f"{value:.9g}") for value in ordered[metric]]
        groups.setdefault((*ordered[axis], *values), []).append(page.curve(curve))
    return [
        f"equal everywhere: {' and '.join([', '.join(names[:-1]), names[-1]])}"
        for names in groups.values()
        if len(names) > 1
    ]


def _pairs(summary: pd.DataFrame, page: Page) -> str:
    if "models.pair.kind" not in summary.columns:
        return ""
    kinds = [text for kind in dict.fromkeys(summary["models.pair.kind"]) for text in _of_kind(summary, str(kind), page)]
    return f"Pair{'s' if len(kinds) > 1 else ''} {', '.join(kinds)}"


def _of_kind(summary: pd.DataFrame, kind: str, page: Page) -> list[str]:
    """The kind; of pairs that go by a name (`published`), the names of a few."""
    if "models.pair.name" not in summary.columns:
        return [_of_sizes(summary, kind, page)]
    names = list(dict.fromkeys(summary["models.pair.name"][summary["models.pair.kind"] == kind].dropna()))
    if len(names) > _MANY:
        return [f"{len(names)} of {page.word(kind)} acceptance"]
    return [f"{page.word(name)} ({page.word(kind)} acceptance)" for name in names] or [_of_sizes(summary, kind, page)]


def _of_sizes(summary: pd.DataFrame, kind: str, page: Page) -> str:
    """`sotu 100k / 1m`, where all have one drafter and one verifier; else the kind alone."""
    ends = [name for name in ("models.pair.drafter", "models.pair.verifier") if name in summary.columns]
    rows = summary.loc[summary["models.pair.kind"] == kind, ends].drop_duplicates()
    sizes = [f" {' / '.join(quantity(each, 'path') for each in row)}" for row in rows.dropna().to_numpy().tolist()]
    return page.word(kind) + (sizes[0] if len(ends) == 2 and len(sizes) == len(rows) == 1 else "")


def _latency_models(summary: pd.DataFrame, page: Page) -> str:
    """`Llama-3.2-1B on OnePlus 12 drafts, 70B on four A100s verifies`; of passes without a machine what one takes."""
    text = []
    for part, verb in (("edge", "draft"), ("cloud", "verify")):
        who = _computes(summary, part, page)
        if len(who) > _MANY:
            text.append(f"{len(who)} latency models {verb}")
        elif who and all(each.endswith(PASS) for each in who):
            text.append(f"{verb}ing takes {_few(who)}")
        elif who:
            text.append(f"{_few(who)} {'verifies' if verb == 'verify' else 'drafts'}")
    return sentence(", ".join(text))


def _computes(summary: pd.DataFrame, part: str, page: Page) -> list[str]:
    prefix = f"{part}.latency."
    if f"{prefix}kind" not in summary.columns:
        return []
    known = [name for name in summary.columns if name.startswith(prefix) and not name.endswith(CI_SUFFIX)]
    rows = summary[known].drop_duplicates().rename(columns=lambda name: name.removeprefix(prefix))
    return list(dict.fromkeys(_computer(row.dropna(), page) for _, row in rows.iterrows()))


def _computer(row: pd.Series[float], page: Page) -> str:
    """`OPT-13B on 4 A100`, `6.1 ms a pass`, the name of a table of measured passes, else the kind."""
    kind = str(row["kind"])
    if "size.name" in row and "device.name" in row:
        gpus = int(row.get("gpus", 1))
        on = page.word(row["device.name"])
        return f"{page.word(row['size.name'])} on {on if gpus == 1 else f'{gpus} {on}'}"
    for name in ("name", "file"):
        if name in row:
            return page.word(quantity(row[name], "path"))
    if kind == "constant":
        return f"{quantity(float(row['per_pass_s']), 'x_s')}{PASS}"
    if kind == "affine" and "base_s" in row:
        more = [(name, f"a {name.removeprefix('per_').removesuffix('_s').replace('_', ' ')}")
                for name in ("per_sequence_s", "per_token_s", "per_cached_token_s")]  # fmt: skip
        terms = [f" + {quantity(float(row[name]), name)} {each}" for name, each in more if row.get(name, 0.0) > 0]
        return f"{quantity(float(row['base_s']), 'base_s')}{''.join(terms)}{PASS}"
    return {"measured": "this machine, as measured,"}.get(kind, page.word(kind))


def _lengths(summary: pd.DataFrame) -> str:
    text = []
    for name, what in (("workload.prompt_tokens", "prompts"), ("workload.output_tokens", "answers")):
        own = [column for column in summary.columns if column.startswith("fleet.") and column.endswith(f".{name}")]
        classes = [column for column in summary.columns if column.startswith("fleet.") and column.endswith(".count")]
        columns = [*own, *([name] if name in summary.columns and len(own) < max(1, len(classes)) else [])]
        values = sorted({value for column in columns for value in summary[column].dropna()})
        if values:
            text.append(f"{what} of {_few([f'{value:,.0f}' for value in values])}")
    return sentence(", ".join(text)) + " tokens" if text else ""


def _round_trip(summary: pd.DataFrame) -> str:
    """`Round trip 20 ms or 24 ms`: mean delays there and back, as a run's own line has them."""
    delays = ("uplink.delay.delay_s", "downlink.delay.delay_s")
    if not {*delays} <= {*summary.columns}:
        return ""
    jitter = [name for name in summary.columns if name.endswith("link.delay.jitter_s")]
    extra = summary[jitter].astype(float).fillna(0.0).sum(axis=1)
    both = summary[list(delays)].astype(float).sum(axis=1, skipna=False) + extra
    values = sorted({float(f"{value:.6g}") for value in both.dropna()})
    return f"Round trip {_few([quantity(value, 'x_s') for value in values])}" if values else ""


def _uplink(summary: pd.DataFrame) -> str:
    """`Uplink 10 kbit/s`, where all rows have one constant rate: one that is swept stands on an axis."""
    rates = {*summary["uplink.rate.bps"]} if "uplink.rate.bps" in summary.columns else set()
    (rate,) = rates if len(rates) == 1 else (float("nan"),)
    return f"Uplink {quantity(float(rate), 'bps')}" if rate == rate else ""


def _few(texts: Sequence[str]) -> str:
    """Some values in words: `20 ms or 40 ms`, of many both ends."""
    if len(texts) > _MANY:
        return f"{texts[0]} to {texts[-1]}"
    return " or ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def sentence(text: str) -> str:
    """Returns the text with a capital as its first letter."""
    return text[:1].upper() + text[1:]


def _settings(summary: pd.DataFrame) -> str:
    if SETTING not in summary.columns or not (summary[SETTING] == CHOSEN).any():
        return ""
    return ", each scheme at settings chosen for it on other seeds"


def _seeds(summary: pd.DataFrame, intervals: bool) -> str:
    seeds = sorted({int(n) for n in summary["n"].dropna()}) if "n" in summary.columns else []
    if not seeds:
        return ""
    if seeds == [1]:
        return "One seed, no intervals"
    number = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    halves = summary[[name for name in summary.columns if name.endswith(CI_SUFFIX)]].to_numpy(dtype=np.float64)
    drawn = intervals and (np.nan_to_num(halves) > 0).any()
    return (f"Means and {CONFIDENCE:.0%} intervals" if drawn else "Means") + f" over {number} seeds"
