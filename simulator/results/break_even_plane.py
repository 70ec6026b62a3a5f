"""Where speculation breaks even with decoding in the cloud: the plane of x across and A up, read off a table.

Streamed cloud-only decoding takes T a token. A synchronous round takes C and commits A + 1 tokens, A its accepted
drafts. By Wald's identity a token then takes C / (A + 1), whatever the distribution of acceptance, so a round is faster
exactly if A > x with x = C / T - 1. Of the cloud's time the same holds with its seconds a round and a token in place of
C and T. All three are measured: T and the measured time per token are `tpot_s`, which leaves out what both pay once,
the prompt and the way to the first token; C is the sum of a round's stages, the prompt's apart. The first round's
tokens come together, so `tpot_s` of N tokens is short by about A / (N - 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from simulator.results.columns import BREAKDOWN, SETTING
from simulator.results.intervals import row_keys, settings_of
from simulator.results.units import quantity

OPPONENT: Final = "cloud_only"
"""The kind of scheme to break even with."""
TIME: Final = "tpot_s"
CLOUD_TIME: Final = "cloud_s_per_token"
ACCEPTED: Final = "accepted_per_round"
PAYLOAD: Final = "payload_bits_per_token"
DEVICES: Final = "workload.devices"
ONCE: Final = ("prompt_uplink_s", "prefill_s")
"""Stages that no round pays."""
STAGES: Final = tuple(name for name in BREAKDOWN if name not in ONCE)
ROUND, TARGET, X, PREDICTED, RTT, PAIR = "round_s", "target_s", "x", "predicted_s", "round_trip_s", "pair"
"""What `plane` adds: C, T, x, (x + 1) T / (A + 1), both ways' delay, and the model pair in words."""
CLOUD_TARGET, CLOUD_X = "cloud_target_s", "x_gpu"
"""What `plane` adds of the cloud's seconds: cloud-only's a token, and the x that follows."""
CLOCK: Final = "cloud.latency."
_DELAYS: Final = ("uplink.delay.delay_s", "downlink.delay.delay_s")


def plane(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of cells, or of a summary, whose scheme verifies drafts, with the columns named above, each
    against the row of cloud-only decoding that differs from it in the scheme alone; rows without one are left out.
    Empty of a table that lacks what it takes."""
    needed = {"scheme.kind", TIME, ACCEPTED, CLOUD_TIME, *STAGES}
    if not needed <= {*table.columns} or not (table["scheme.kind"] == OPPONENT).any():
        return pd.DataFrame()
    keys = _places(table)
    alone = table[table["scheme.kind"] == OPPONENT].groupby(keys, sort=False)[[TIME, CLOUD_TIME]].first()
    rows = table[table[ACCEPTED].notna() & keys.isin(alone.index)]
    if rows.empty:
        return pd.DataFrame()
    target, cloud_target = (keys[rows.index].map(alone[name]) for name in (TIME, CLOUD_TIME))
    per_token = rounds_per_token(rows)
    round_s = rows[list(STAGES)].sum(axis=1) / per_token
    x = round_s / target - 1
    return rows.assign(
        **{
            ROUND: round_s, TARGET: target, X: x, PREDICTED: (x + 1) * target / (rows[ACCEPTED] + 1),
            CLOUD_TARGET: cloud_target, CLOUD_X: rows[CLOUD_TIME] / per_token / cloud_target - 1,
            RTT: round_trips_s(rows), PAIR: pairs(rows),
        }
    )  # fmt: skip


def _places(table: pd.DataFrame, without: Sequence[str] = ()) -> pd.Series[str]:
    """A name for each row, shared by rows that differ in the scheme, or in the columns `without`, alone."""
    place = [name for name in (*settings_of(table), "seed") if name in table.columns and name not in without]
    place = [name for name in place if not name.startswith("scheme.") and name != SETTING]
    return row_keys(table, place)


def rounds_per_token(rows: pd.DataFrame) -> pd.Series[float]:
    """Rounds per output token: a round commits A + 1 tokens, and the answer's end cuts `tail_tokens` of a request."""
    tokens = rows["latency_s"] / rows["latency_per_token_s"]
    return (1 + rows["tail_tokens"] / tokens) / (rows[ACCEPTED] + 1)


def round_trips_s(rows: pd.DataFrame) -> pd.Series[float]:
    """Delay of both ways; nan where a delay is no constant."""
    given = rows.reindex(columns=list(_DELAYS)).astype(float)
    return given.sum(axis=1, skipna=False)


def map_and_load(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of places with one number of devices each, of cloud-only decoding and of schemes that send their drafts,
    and those of places that were simulated with several."""
    on_map = pd.Series(True, index=table.index)
    if PAYLOAD in table.columns:
        on_map = (table["scheme.kind"] == OPPONENT) | (table[PAYLOAD] > 0)
    if DEVICES not in table.columns:
        return table[on_map], table.iloc[:0]
    keys = _places(table, (DEVICES, "seed"))
    several = table.groupby(keys, sort=False)[DEVICES].transform("nunique") > 1
    return table[~several & on_map], table[several]


def clocks(table: pd.DataFrame) -> pd.Series[str]:
    """The cloud's clock of each row in words: its name, or its kind and the fields in which such clocks differ."""
    return _in_words(table, CLOCK)


def pairs(table: pd.DataFrame) -> pd.Series[str]:
    """The model pair of each row in words: `smollm2`, `synthetic distance=0.2`; a published one by its name."""
    return _in_words(table, "models.pair.")


def _in_words(table: pd.DataFrame, part: str) -> pd.Series[str]:
    kind = f"{part}kind"
    if kind not in table.columns:
        return pd.Series("", index=table.index)
    fields = [name for name in table.columns if name.startswith(part) and name != kind and not name.endswith("_ci95")]
    found: dict[object, str] = {}
    for value, rows in table.groupby(kind, sort=False):
        telling = [name for name in fields if rows[name].dropna().astype(str).nunique() > 1]
        names = [name for name in fields if name.endswith(".name") and rows[name].notna().all()]
        named = [name for name in names if name in telling or name == f"{part}name"]
        if named:
            words = [" ".join(map(str, key)) for key in _keys(rows, named)]
        else:
            words = [str(value) + "".join(map(_word, telling, key)) for key in _keys(rows, telling)]
        found |= dict(zip(rows.index, words, strict=True))
    return pd.Series([found.get(place, "") for place in table.index], index=table.index)


def _keys(rows: pd.DataFrame, names: Sequence[str]) -> list[tuple[object, ...]]:
    return [*rows[list(names)].astype(object).where(rows[list(names)].notna(), None).itertuples(index=False, name=None)]


def _word(name: str, value: object) -> str:
    return "" if value is None else f" {name.rsplit('.', 1)[-1]}={quantity(value, name)}"
