"""The names that columns of several result tables share, and the columns of `requests.parquet`. `round_columns` has
those of `rounds.parquet`, `metrics` and `study_columns` those of `cells.csv`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

import numpy.typing as npt

from kinds.arrays import Bools

CI_SUFFIX: Final = "_ci95"
"""Suffix in `summary.csv`: `NAME_ci95` is the half-width over seeds of the metric NAME."""
OVERLOAD: Final = 0.95
"""A station at which work can pile up is overloaded when busy for this share of the time, or more."""
READING_S: Final = 0.2
"""Time in which a person reads a token: 238 words of prose a minute (Brysbaert 2019, J. Mem. Lang. 109, 104047) of 1.3
tokens each, rounded up."""
CURVE: Final = "curve"
"""The column that names the curve a row belongs to; figures and findings add it."""
LABEL: Final = "label"
"""The column that has the user's names of schemes, in tables of cells of which any scheme has one. It is no setting."""
LOSSY: Final = "lossy"
"""The column of a summary that tells whether a scheme's text departs from the verifier's distribution, or is not known
to follow it: such a scheme is marked, and ranked apart."""
LOSSLESS_TV: Final = 1e-7
"""A `tv_output` of no more is none: rounding. A distribution that crosses the air in single precision is off by 6e-8 at
most."""
ATTAINMENT: Final = "slo_attainment"
ENOUGH: Final = 0.95
"""A setting meets its service-level objective if at least this share of its requests does."""
SPEEDUP: Final = "speedup"
SPEEDUPS: Final = {
    SPEEDUP: "latency_per_token_s of cloud_only over that of the setting, where they differ in the scheme alone: the "
    "exponential of the mean over seeds of ln of the ratio, paired by seed; above 1 the setting is faster, nan where "
    "requests went unanswered",
    f"{SPEEDUP}_low": "the lower end of its interval",
    f"{SPEEDUP}_high": "the upper end",
}
"""Further columns of a summary of settings with cloud_only among them, and their meaning."""
CHOICE_SUFFIX: Final = "_choice_sd"
"""Suffix of the metric by which settings were chosen: the standard error of its logarithm that the choice adds."""
N_SUFFIX: Final = "_n"
"""Suffix in `summary.csv`: `NAME_n` is the number of seeds with a number of NAME; there only if fewer than `n` have
one."""
CLASS: Final = "class"
"""The column that tells, where a cell has a fleet, the class of devices that a row is of: in the table of requests its
device's, in tables of cells and summaries a row a class beside the row of all."""
ALL_CLASSES: Final = "all devices"
"""Class in the row of all devices."""
SETTING: Final = "setting"
"""The column that tells, where schemes choose for themselves, a scheme's own choice from what the grid gives to all."""
CHOSEN, FIXED = "chosen", "fixed"
"""Values of the column SETTING."""
SEARCHED: Final = {
    "capacity": "the largest number found at which the objective holds, 0 where it holds for none",
    "bounded": "whether a larger number was seen to fail; if not, it is the largest that was asked for",
    "capacity_least": "the largest number tried at which the objective holds for a seed alone, the least over "
    "those seeds for which it holds at any; 0 where it does for none",
    "capacity_most": "the largest number tried at which the objective holds for a seed alone, the most over seeds",
    "seeds_of_none": "seeds for which, alone, the objective holds at no number tried",
    "first_limit": "what the smallest number seen to fail breaks: the limit that is met first",
    "limited_by": "the station whose relief alone (passes of no time, an infinite rate without losses, no limit of "
    "memory) serves most more, several where they are within 10%; empty where none serves more",
    "objective": "the limits that hold",
    "within": "how far the capacity may be below the exact one, relatively",
}
"""Columns that a search for the largest number adds to the tables of cells, and their meaning."""

RECOMMENDED: Final = {
    "metric": "the metric by which settings were raced",
    "better": "the direction of that metric that is better: lower or higher",
    "margin": "that metric of the setting over that of the recommended one - 1, paired by seed",
    "margin_low": "the lower end of its interval",
    "margin_high": "the upper end",
}
"""Columns that a recommendation adds to its summary, and their meaning."""
BY, BETTER, MARGIN, MARGIN_LOW, MARGIN_HIGH = RECOMMENDED


def chosen_name(name: str, names: Iterable[str]) -> str:
    """The name, among the `names` of curves that chose for themselves, of the one that the curve of a fixed setting is
    to be compared with: its own name less what was not chosen; its own where there is none."""
    return max((each for each in names if f"{name} ".startswith(f"{each} ")), key=len, default=name)


class NamedRow(tuple[float, ...]):
    """Values in the order of some columns, each also under its column's name."""

    __slots__ = ()
    places: ClassVar[Mapping[str, int]] = {}
    """Place of each column."""

    def __getattr__(self, name: str) -> float:
        try:
            return self[self.places[name]]
        except KeyError:
            raise AttributeError(f"no such column: {name}; there are {', '.join(self.places)}") from None


class Columns:
    """A table as plain arrays of one length, by the names of its columns. Its length is the number of its rows."""

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._arrays = arrays

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self._arrays[name]

    def __len__(self) -> int:
        return len(next(iter(self._arrays.values())))

    def where(self, chosen: Bools) -> Columns:
        """The rows that are chosen."""
        return Columns({name: array[chosen] for name, array in self._arrays.items()})


TURN: Final = "turn"
"""Column of the requests' table that numbers the turns of each conversation, if some requests are turns."""
HELD: Final = ("held_in_cloud_tokens", "held_at_edge_tokens")
"""And those of the prompt's leading tokens that were held as the conversation so far: by the cloud, so that they did
not go up again, and in the drafter's cache. What others have taken of the cloud's cache is read again all the same."""


KEYS: Final = ("cell", "device", "request")
"""Key columns of the rows of requests and rounds."""


BREAKDOWN_MEANINGS: Final = {
    "prompt_uplink_s": "the prompt is on its way to the cloud and the round can only wait for it",
    "edge_queue_s": "waiting for the device's processor, or for as long as the scheme's policy says",
    "prefill_s": "a model reads the prompt, at the edge or in the cloud, or reads again what its cache has lost",
    "draft_s": "the drafter runs at the edge",
    "encode_s": "the edge encodes the payload",
    "uplink_queue_s": "the payload waits for the uplink, an access grant included",
    "uplink_transmit_s": "first transmission of the payload's bits",
    "retransmit_s": "second and later transmissions",
    "propagation_s": "in flight, either way",
    "timeout_wait_s": "lost, and its sender waits for its timer or pauses, or the far end has yet to give it up, "
    "either way",
    "cloud_queue_s": "waiting for a cloud server, or for room in its memory",
    "cloud_decode_s": "the cloud decodes by itself: the verifier token by token, or a co-located pair",
    "verify_s": "the verifier checks drafts",
    "downlink_queue_s": "the reply waits for the downlink",
    "downlink_s": "the reply's bits are transmitted, retries included",
}
"""Parts of a request's `latency_s`; `ledger` says to which of its rounds each instant belongs (I11)."""
BREAKDOWN: Final = tuple(BREAKDOWN_MEANINGS)


REQUEST_BEFORE: Final = {
    "arrival_s": "arrival_s", "first_token_s": "first_token_s", "finish_s": "finish_s",
    "output_tokens": "answered_tokens", "rounds": "closed_rounds",
    "latency_s": "latency_s", "ttft_s": "ttft_s", "tpot_s": "tpot_s",
}  # fmt: skip
REQUEST_AFTER: Final = {"hidden_draft_s": "hidden_draft_s", "tail_tokens": "tail_tokens"}
"""The numeric columns of `requests.parquet` before and after BREAKDOWN, each with the attribute of `requests.Request`
that it is read off. Those in seconds are float64, the others int64."""
REQUEST_COLUMNS: Final = (*REQUEST_BEFORE, *BREAKDOWN, *REQUEST_AFTER)
"""The numeric columns of `requests.parquet`, after KEYS and TEXTS."""
TEXTS: Final = ("prompt", "outcome")
