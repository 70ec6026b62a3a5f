"""Map of the fastest scheme: a table of cells over pair, prompt, answer and round-trip time, and the closed forms of
`phase_prediction` for each of its rows. At a place every kind of scheme has the setting that it chose, its serving mode
too; the edge is the fastest of those that draft there."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

import pandas as pd

from kinds import Choice
from models.branch_counts import FanOut, Geometric
from models.interface import Pair
from models.latency.latency import Latency
from models.published import OfAcceptance
from simulator.results.column_names import CHOSEN, CI_SUFFIX, CURVE, SETTING
from simulator.results.crossings import Crossing, crossing
from simulator.results.display_names import SERVING, serving_mark, serving_mode
from simulator.results.intervals import Difference, paired
from simulator.results.phase_prediction import (
    Deployment,
    Outcomes,
    Rounds,
    Times,
    cloud_only,
    colocated,
    drafting,
)
from simulator.results.units import quantity

OPPONENT: Final = "cloud_only"
"""The kind of scheme that an edge is compared with."""
RTT: Final = "round_trip_s"
KIND: Final = "scheme.kind"
COLOCATED: Final = "colocated"
IDS: Final = ("coupled",)
DISTRIBUTIONS: Final = ("k_sqs", "dense")
AT_THE_EDGE: Final = (*IDS, *DISTRIBUTIONS)
WHOLE, PER_TOKEN, CLOUD_TIME = "latency_s", "tpot_s", "cloud_s_per_token"
PROMPT, ANSWER = "workload.prompt_tokens", "workload.output_tokens"
WHO: Final = "pair"
MODE, MARK = "mode", "mark"
"""The serving mode, in words and as a mark."""
PLACE: Final = (WHO, PROMPT, ANSWER, RTT)
LENGTHS: Final = range(1, 9)
"""Draft lengths that the closed form chooses among."""
BITS: Final = "payload_bits_per_draft"
_, _, _PARTIAL, _PREPARED, _ = SERVING
_FAN_OUT: Final = "scheme.fan_out"
_DRAFTS, _EDGE, _TARGET = "scheme.max_drafts", "edge", "cloud.latency"
_DELAYS: Final = ["uplink.delay.delay_s", "downlink.delay.delay_s"]


class Mode(NamedTuple):
    """A serving mode: rounds drafted ahead, does the cloud start, branches prepared, are these sent ahead, and are
    rounds sent in parts."""

    depth: int
    starts: bool
    branches: int
    at_cloud: bool
    parts: bool = False

    @classmethod
    def of(cls, row: pd.Series[float]) -> Mode:
        """The mode of a row; nothing of what its scheme has no field for."""
        depth, starts, parts, branches, at = (row.get(name) for name in SERVING)
        many = [0 if pd.isna(each) else int(each) for each in (depth, branches)]
        # Not `is`: NumPy's, in a column of bools.
        return cls(many[0], starts in (True,), many[1], str(at) == "cloud", parts in (True,))

    @property
    def fields(self) -> dict[str, object]:
        """The columns of the scheme that say so."""
        at = "cloud" if self.at_cloud else "edge"
        return dict(zip(SERVING, (self.depth, self.starts, self.parts, self.branches, at), strict=True))


def mapped(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of cells, or of a summary, that the map is of, with MODE, MARK and the columns of PLACE: what
    each scheme chose for itself. Empty where cloud-only decoding or the edge is not in it."""
    rows = table[table[SETTING] == CHOSEN] if SETTING in table.columns else table
    needed = {KIND, WHOLE, PER_TOKEN, PROMPT, ANSWER, "models.pair.kind"}
    if not needed <= {*rows.columns} or not {OPPONENT} < {*rows[KIND]}:
        return pd.DataFrame(columns=[*PLACE, KIND, MODE, MARK])
    rows = rows[rows[KIND].isin((OPPONENT, COLOCATED, *AT_THE_EDGE))]
    served = [Mode.of(row).fields for _, row in rows.reindex(columns=[*SERVING]).iterrows()]
    rows = rows.assign(**{MODE: [*map(serving_mode, served)], MARK: [*map(serving_mark, served)]})
    named = rows.reindex(columns=["models.pair.name", "models.pair.accepted_length", "models.temperature"])
    found = rows.assign(**{RTT: rows.reindex(columns=_DELAYS).astype(float).sum(axis=1, skipna=False)})
    found[WHO] = [_named(*each) for each in named.itertuples(index=False, name=None)]
    fields = [name for name in found.columns if str(name).startswith(f"{_TARGET}.")]
    targets = found.groupby(fields, dropna=False, sort=False).ngroup() if fields else found[RTT] * 0
    if targets.nunique() > 1:
        firsts = found[~targets.duplicated()].iterrows()
        passes = [quantity(_clock(row, _TARGET).pass_s([(1, 256)]), RTT, 2) for _, row in firsts]
        found[WHO] += [f", target {passes[number]}" for number in targets]
    return found[found[RTT].notna()]


def foreseen(rows: pd.DataFrame) -> pd.DataFrame:
    """The `mapped` rows that the closed forms know all of: a pair by its acceptance, constant rates, rounds in single
    packets without padding or features, and single requests of one device, which waits for no other and reads each
    prompt whole."""
    if rows.empty:
        return rows
    given = rows.reindex(columns=["uplink.rate.bps", "downlink.rate.bps"]).notna().all(axis=1)
    given &= ~rows.reindex(columns=[_PARTIAL])[_PARTIAL].eq(True)
    given &= rows.reindex(columns=["scheme.features.width"])["scheme.features.width"].isna()
    warm = rows.reindex(columns=["models.temperature"])["models.temperature"].gt(0)
    prepares = rows.reindex(columns=[_PREPARED])[_PREPARED].fillna(0).gt(0)
    given &= ~(prepares & warm)  # how often a guess is right is not known
    known = [kind for kind, made in Pair.kinds.items() if issubclass(made, OfAcceptance)]
    asked = rows.reindex(columns=["workload.kind", "workload.devices"])
    single = ~(asked["workload.kind"].eq("conversations") | asked["workload.devices"].gt(1))
    return rows[given & rows["models.pair.kind"].isin(known) & single]


def _named(name: object, accepted_length: float, temperature: float) -> str:
    """A pair in words, with the temperature: `llama_1b_70b, T = 0`. `mapped` adds the target's pass where there
    are several."""
    known = isinstance(accepted_length, float) and not math.isnan(accepted_length)
    word = name if isinstance(name, str) else f"AL {accepted_length:.2f}" if known else "pair"
    return f"{word}, T = {temperature:g}"


@dataclass(frozen=True)
class Stand:
    """Standing of the kinds of schemes at a place, by the means of a metric, each in the fastest of its serving modes;
    `edge` is the fastest of those that draft at the edge, None if there is none."""

    place: tuple[str, float, float, float]
    rows: Mapping[str, pd.DataFrame]
    """Rows by kind."""
    means: Mapping[str, float]
    edge: str | None
    less: Difference | None
    """The edge's against cloud-only decoding's, paired by seed; None in a summary."""
    half_width: float = math.nan
    """The half-width of the edge's mean, in a summary."""

    @property
    def fastest(self) -> str:
        """The kind of least mean."""
        return min(self.means, key=lambda kind: self.means[kind])

    @property
    def fastest_apart(self) -> str:
        """The faster of cloud-only decoding and the edge, where the cloud does not speculate by itself."""
        return min((kind for kind in self.means if kind != COLOCATED), key=lambda kind: self.means[kind])

    @property
    def uncertain(self) -> bool:
        """True if the seeds cannot tell the edge from cloud-only decoding."""
        if self.edge is None:
            return False
        if self.less is not None:
            return not self.less.separable
        return abs(self.means[self.edge] - self.means[OPPONENT]) <= self.half_width


def stands(rows: pd.DataFrame, metric: str) -> list[Stand]:
    """Returns the standing of the kinds of schemes at each place of `mapped` rows, in order of appearance."""
    return [_stand(place, part, metric) for place, part in rows.groupby(list(PLACE), sort=False)]


def _stand(place: object, part: pd.DataFrame, metric: str) -> Stand:
    served = sorted((each for _, each in part.groupby([KIND, MODE], sort=False)), key=lambda each: -each[metric].mean())
    best = {str(each[KIND].iloc[0]): each for each in served}  # the fastest of a kind comes last
    rows = {str(kind): best[kind] for kind in part[KIND].unique()}
    means = {kind: float(each[metric].mean()) for kind, each in rows.items()}
    edge = min((kind for kind in AT_THE_EDGE if kind in means), key=lambda kind: means[kind], default=None)
    less, half = None, math.nan
    if edge and "seed" in part.columns and OPPONENT in means:
        both = pd.concat([rows[edge], rows[OPPONENT]], ignore_index=True)
        less = paired(both, metric, both[KIND] == edge, both[KIND] == OPPONENT)
    elif edge and metric + CI_SUFFIX in part.columns:
        half = float(rows[edge][metric + CI_SUFFIX].iloc[0])
    return Stand(cast("tuple[str, float, float, float]", place), rows, means, edge, less, half)


def border(rows: pd.DataFrame, metric: str) -> Crossing | None:
    """Up to which round-trip time the edge is below cloud-only decoding, of `mapped` rows of one pair, prompt and
    answer, for each seed; None where that is not to be had."""
    kept = []
    for stand in stands(rows, metric):
        kept += [stand.rows[kind].assign(**{CURVE: name}) for kind, name in
                 ((stand.edge, _EDGE), (OPPONENT, OPPONENT)) if kind and kind in stand.rows]  # fmt: skip
    return crossing(pd.concat(kept), RTT, _EDGE, OPPONENT, metric) if kept else None


def place_of(row: pd.Series[float]) -> Deployment:
    """Returns the deployment that the closed forms take from a `foreseen` row."""
    return Deployment(
        edge=_clock(row, "edge.latency"), target=_clock(row, "cloud.latency"),
        drafter=_clock(row, "cloud.drafter_latency"), prompt_tokens=int(row[PROMPT]),
        output_tokens=int(row[ANSWER]), up_delay_s=float(row["uplink.delay.delay_s"]),
        down_delay_s=float(row["downlink.delay.delay_s"]), up_bps=float(row["uplink.rate.bps"]),
        down_bps=float(row["downlink.rate.bps"]), id_bits=math.ceil(math.log2(pair_of(row).vocabulary)),
        edge_drafts_per_pass=_block(row, "edge"), cloud_drafts_per_pass=_block(row, "cloud"),
        up_header_bits=int(row["uplink.header_bits"]), down_header_bits=int(row["downlink.header_bits"]),
    )  # fmt: skip


def _block(row: pd.Series[float], where: str) -> int:
    """The drafts that a pass of the drafter there makes; where nothing is written of it, 1."""
    drafts = row.get(f"{where}.drafts_per_pass", 1)
    return 1 if pd.isna(drafts) else int(drafts)


def rounds_of(row: pd.Series[float], drafts: int) -> Rounds:
    """Rounds of so many drafts with the pair of a row, by its published or stated acceptance."""
    return Rounds(_survival(pair_of(row), drafts))


def predicted(row: pd.Series[float], bits_a_draft: float) -> Times:
    """The closed form of a row, at its own draft length. `bits_a_draft` is nan where the edge drafted nothing: the
    cloud's answers were whole before it began."""
    kind, place = str(row[KIND]), place_of(row)
    if kind == OPPONENT or (kind != COLOCATED and math.isnan(bits_a_draft)):
        return cloud_only(place)
    rounds = rounds_of(row, int(row[_DRAFTS]))
    if kind == COLOCATED:
        return colocated(place, rounds)
    return _drafting(row, rounds.drafts)(place, rounds, bits_a_draft)


def _drafting(row: pd.Series[float], drafts: int) -> Callable[[Deployment, Rounds, float], Times]:
    """The closed form of an edge that drafts so many tokens a round, by its serving mode."""
    mode = Mode.of(row)
    return drafting(mode.starts, mode.depth, _outcomes(row, mode, drafts))


def _outcomes(row: pd.Series[float], mode: Mode, drafts: int) -> Outcomes | None:
    """Returns the branches that the edge of a row prepares behind rounds of so many drafts; None if it prepares
    none."""
    if not mode.branches:
        return None
    pair = pair_of(row)
    rule = _made(FanOut, _fields(row, _FAN_OUT)) if isinstance(row.get(f"{_FAN_OUT}.kind"), str) else Geometric()
    assert isinstance(rule, FanOut)
    survives = one_more(_survival(pair, drafts), _survival(pair, drafts + 1))
    return Outcomes(rule.widths(drafts, mode.branches), pair.next_choice, survives, mode.at_cloud)


def one_more(survival: Sequence[float], longer: Sequence[float]) -> float:
    """Returns s_{L+1} of rounds of L drafts from their survival and that of rounds of L + 1."""
    *_, reached, beyond = longer
    return survival[-1] * beyond / reached


def send_ids(rows: pd.DataFrame) -> pd.DataFrame:
    """A row of each serving mode in which ids alone are sent, of rows of one pair, prompt and answer that the closed
    forms know."""
    known = foreseen(rows[rows[KIND].isin(IDS) & rows[BITS].notna()])
    return known.drop_duplicates(MODE) if len(known) else known


def predicted_border_s(row: pd.Series[float], metric: str, longest_s: float = 2.0) -> float:
    """Up to which round-trip time the closed form has an edge that sends the bits a draft of this row, in its serving
    mode, below cloud-only decoding, each at its best draft length up to 8; 0 where nowhere, `longest_s` where that
    far."""
    here, bits = place_of(row), float(row[BITS])
    lengths = [(rounds_of(row, drafts), _drafting(row, drafts)) for drafts in LENGTHS]

    def faster(trip_s: float) -> bool:
        place = replace(here, up_delay_s=trip_s / 2, down_delay_s=trip_s / 2)
        edge = min(value_of(form(place, rounds, bits), metric) for rounds, form in lengths)
        return edge < value_of(cloud_only(place), metric)

    low, high = 0.0, longest_s
    if not faster(low) or faster(high):
        return low if not faster(low) else high
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (middle, high) if faster(middle) else (low, middle)
    return low


def value_of(times: Times, metric: str) -> float:
    """WHOLE or PER_TOKEN of a prediction."""
    return times.latency_s if metric == WHOLE else times.tpot_s


@lru_cache(maxsize=1024)
def _survival(pair: OfAcceptance, drafts: int) -> tuple[float, ...]:
    return tuple(pair.along.survival(drafts).tolist())


def pair_of(row: pd.Series[float]) -> OfAcceptance:
    """The pair of a row, which must be one of known acceptance."""
    made = _made(Pair, _fields(row, "models.pair"))
    assert isinstance(made, OfAcceptance)
    return made


def _clock(row: pd.Series[float], path: str) -> Latency:
    made = _made(Latency, _fields(row, path))
    assert isinstance(made, Latency)
    return made


@lru_cache(maxsize=8192)
def _made(family: type[Choice], fields: str) -> Choice:
    given = json.loads(fields)
    made: Choice = family.kinds[given["kind"]].model_validate(given)
    return made


def _fields(row: pd.Series[float], path: str) -> str:
    fields: dict[str, Any] = {}
    for name, value in row.items():
        if str(name).startswith(f"{path}.") and pd.isna(value) is not True:
            *above, last = str(name).removeprefix(f"{path}.").split(".")
            part = fields
            for step in above:  # a part within the part, such as a roofline's model
                part = part.setdefault(step, {})
            part[last] = value
    return json.dumps(fields, default=float, sort_keys=True)


def order(rows: pd.DataFrame, name: str) -> Sequence[float]:
    """The values of a column, ascending."""
    return sorted(rows[name].dropna().unique())
