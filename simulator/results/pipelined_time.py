"""The time per token of drafting ahead by a closed form, beside the measured one.

With i.i.d. acceptance a, rounds of g drafts and D of them ahead, r = a^g is the share of rounds that stand in full and
1 / (1 - a) tokens are committed between two rejections. The first round after one takes C, a lone round; each that
stands in full makes the pipe longer by s, the slowest of the stages edge, uplink and cloud, and every (D + 1)-th of
them waits for verification, by C - (D + 1) s more where that is above 0:

    (1 - a) [C + s r / (1 - r) + max(0, C - (D + 1) s) r^(D + 1) / (1 - r^(D + 1))]    seconds a token.

C and the stages are those measured where nothing is drafted ahead, a is the measured share of verified drafts that are
accepted. At D = 0 a round that stands in full also commits the verifier's bonus token: C (1 - a) / (1 - a^(g + 1)).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from kinds.arrays import Floats
from simulator.results.break_even_plane import ACCEPTED, DEVICES, RTT, STAGES, TIME, round_trips_s, rounds_per_token
from simulator.results.intervals import row_keys, settings_of

DEPTH: Final = "scheme.depth"
LENGTH: Final = "scheme.max_drafts"
RATE: Final = "acceptance_rate"
DISTANCE: Final = "models.pair.distance"
EXPECTED: Final = "expected_s"
"""What `beside` adds: the closed form."""
EDGE: Final = ("draft_s", "encode_s")


def seconds_a_token(a: Floats, drafts: Floats, depth: Floats, lone_s: Floats, slowest_s: Floats) -> Floats:
    """The closed form above, elementwise: a, g, D, C and s in, seconds a token out; nan where a = 1, of texts too short
    for a rejection."""
    a = np.where(a < 1, a, np.nan)
    stands = a**drafts
    waits_s = np.maximum(0.0, lone_s - (depth + 1) * slowest_s)
    turn = stands ** (depth + 1)
    ahead = (1 - a) * (lone_s + slowest_s * stands / (1 - stands) + waits_s * turn / (1 - turn))
    found: Floats = np.where(depth == 0, lone_s * (1 - a) / (1 - a ** (drafts + 1)), ahead)
    return found


def beside(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of cells, or of a summary, with EXPECTED and RTT, where there is a row of depth 0, of the
    same seed, that differs in the depth alone; without `crowded` ones. Empty of a table without depths."""
    if not {DEPTH, LENGTH, RATE, ACCEPTED, TIME, *STAGES} <= {*table.columns}:
        return pd.DataFrame()
    rows = table.drop(index=crowded(table).index)
    rows = rows[rows[DEPTH].notna()]
    place = [name for name in settings_of(table) if name not in (DEPTH, "setting")]
    place += [name for name in ("seed",) if name in table.columns]
    keys = row_keys(rows, place)
    waiting = rows[DEPTH] == 0
    stages = rows.loc[waiting, list(STAGES)].div(rounds_per_token(rows[waiting]), axis=0)
    lone = pd.DataFrame({"lone_s": stages.sum(axis=1), "slowest_s": _slowest(stages), "key": keys[waiting]})
    lone = lone.drop_duplicates("key").set_index("key")
    rows = rows[keys.isin(lone.index)]
    of = lone.reindex(keys[rows.index].to_numpy())
    a, drafts, depth = (rows[name].to_numpy(dtype=float) for name in (RATE, LENGTH, DEPTH))
    expected = seconds_a_token(a, drafts, depth, of["lone_s"].to_numpy(), of["slowest_s"].to_numpy())
    return rows.assign(**{EXPECTED: pd.Series(expected, index=rows.index), RTT: round_trips_s(rows)})


def _slowest(stages: pd.DataFrame) -> pd.Series[float]:
    """The longest stage of each round [n]: what holds the processor, the uplink or the cloud for the longest."""
    held = pd.DataFrame({0: stages[list(EDGE)].sum(axis=1), 1: stages["uplink_transmit_s"], 2: stages["verify_s"]})
    return held.max(axis=1)


def crowded(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of settings that were simulated with several numbers of devices, grouped by the scheme's kind."""
    if not {DEVICES, DEPTH} <= {*table.columns}:
        return table.iloc[:0]
    several = table.groupby(["scheme.kind", DEPTH])[DEVICES].transform("nunique") > 1
    return table[several]
