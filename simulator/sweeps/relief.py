"""What limits a cell, found by removing it: the same cell with one station relieved, as if its work took no time.

A station that is full need not be the one that limits, and one that limits need not be full: of several that a request
passes, the limit is the one without which more devices would be served.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from simulator.cell.cell import Cell

_AT_ONCE: Final = {"kind": "constant", "per_pass_s": 0.0}


def _edge(cell: Cell, part: dict[str, Any]) -> None:
    if part.get("edge"):
        part["edge"] |= {"latency": _AT_ONCE, "encode_s_per_draft": 0.0}


def _link(name: str) -> Callable[[Cell, dict[str, Any]], None]:
    def relieve(cell: Cell, part: dict[str, Any]) -> None:
        if part.get(name):
            part[name] |= {"rate": {"kind": "constant", "bps": inf}, "loss": "none", "overhead_s": 0.0}

    return relieve


def _cloud(cell: Cell, part: dict[str, Any]) -> None:
    if "cloud" in part:
        part["cloud"] |= {"latency": _AT_ONCE, "drafter_latency": _AT_ONCE}
        part["cloud"] |= {"step_s": 0.0, "judge_s": 0.0, "decode_s_per_draft": 0.0}
        part["cloud"] |= {"kv_tokens": cell.kv_tokens, "gpus": cell.cloud.server_gpus}


def _memory(cell: Cell, part: dict[str, Any]) -> None:
    if "cloud" in part:
        part["cloud"] |= {"kv_tokens": None}


STATIONS: Final[Mapping[str, Callable[[Cell, dict[str, Any]], None]]] = {
    "edge": _edge,
    "uplink": _link("uplink"),
    "cloud": _cloud,
    "cloud memory": _memory,
    "downlink": _link("downlink"),
}
"""What may limit a cell, and how the fields of the cell, or of a class of its fleet, are changed to relieve it: passes
and encoding of no time, an infinite rate without losses, no limit of memory. Delays are nobody's work and stay."""


def stations(cell: Cell) -> list[str]:
    """The stations that requests of the cell pass and that are not relieved already."""
    protocols = {each.scheme.protocol for each in cell.classes}
    left_out = {"edge"} if protocols == {"stream"} else set(STATIONS) - {"edge"} if protocols == {"local"} else set()
    left_out |= {"cloud memory"} if cell.kv_tokens is None else set()
    return [name for name in STATIONS if name not in left_out and relieved(cell, name) != cell]


def relieved(cell: Cell, station: str) -> Cell:
    """The cell with one station relieved; it decodes the same tokens."""
    fields = cell.model_dump()
    for part in (fields, *fields["fleet"]):
        STATIONS[station](cell, part)
    return type(cell).from_fields(fields)
