"""What the names of curves must tell: the parameters in which schemes beside each other differ by somebody's choice.

`dense` with 4 drafts beside `k_sqs` with 8 is no comparison of the two; where the scenario or the user made them so,
both names say it. What a kind has by default (Q-S's own code) is what its name means.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simulator.cell.dotted_names import flatten

if TYPE_CHECKING:
    from simulator.cell.cell import Cell

Values = dict[str, dict[str, set[object]]]
"""Of each field, of each kind that has it: the values it takes."""


def told_fields(cells: Sequence[Cell]) -> list[str]:
    """The scheme's fields with one value in each kind, not the same in all, of which not all are the kind's default.

    Those that vary within a kind are in its curves' names anyway.
    """
    schemes = list({cell.scheme.model_dump_json(): cell.scheme for cell in cells}.values())
    found: Values = {}
    chosen: set[str] = set()
    for scheme in schemes:
        given = flatten(scheme)
        mine = {name for name, _ in scheme.__repr_args__()}
        for name, value in given.items():
            found.setdefault(name, {}).setdefault(scheme.kind, set()).add(value)
            if name.split(".")[0] in mine:
                chosen.add(name)
    return [
        f"scheme.{name}"
        for name, kinds in found.items()
        if name != "kind" and name in chosen and all(len(values) == 1 for values in kinds.values())
        if len({*map(frozenset, kinds.values())}) > 1
    ]
