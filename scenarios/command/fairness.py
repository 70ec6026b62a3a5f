"""Fairness of a comparison: lines beside the numbers that say what is alike and what is not (invariant I13).

One code for all, each scheme tuned over all that it declares or fixed for a reason, the baselines that the question
admits. A test walks every scenario by the same functions.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Final

from kinds.mistakes import is_foreign
from kinds.tunable import tunables
from scenarios.command.scenario import Tune
from scenarios.findings.wording import joined
from simulator.cell.cell import Cell
from simulator.cell.descriptions import shown
from simulator.cell.scheme import Scheme
from simulator.results.display_names import SERVING, DisplayNames, letter
from simulator.schemes.draft_scheme import DraftScheme

BASELINES: Final[Mapping[str, str]] = {
    "cloud_only": "cloud-only decoding",
    "colocated": "co-located speculation",
    "edge_only": "the drafter alone",
}
"""Baselines that every comparison of schemes has, or says why not."""
CODES: Final[Mapping[str, str]] = {
    "recoded": "context-coded (recoded)",
    "enumerative": "the paper's count (enumerative)",
}


def schemes_of(cells: Sequence[Cell]) -> list[Scheme]:
    """The schemes of the cells, each once."""
    found = [each.scheme for cell in cells for each in cell.classes]
    return list({scheme.model_dump_json(): scheme for scheme in found}.values())


def codes(schemes: Sequence[Scheme]) -> dict[tuple[str, str], list[str]]:
    """Returns the kinds of schemes whose distributions cross the air, by code and by how the drafted id travels. Those
    that send no distribution, or floats, have none."""
    found: dict[tuple[str, str], list[str]] = {}
    for scheme in schemes:
        if isinstance(scheme, DraftScheme) and scheme.families.code.kind in CODES:
            code = scheme.families.code
            kinds = found.setdefault((code.kind, str(getattr(code, "token", ""))), [])
            kinds += [] if scheme.kind in kinds else [scheme.kind]
    return found


def lacking(cells: Sequence[Cell]) -> list[str]:
    """The baselines that are not among the cells; none where nothing drafts at an edge, or schemes are not compared."""
    kinds = {scheme.kind for scheme in schemes_of(cells)}
    return [kind for kind in BASELINES if kind not in kinds] if len(kinds) > 1 else []


def excused(left_out: Mapping[str, str]) -> str:
    """Returns a line with the baselines that the question leaves out, and the reason."""
    reasons: dict[str, list[str]] = {}
    for kind, reason in left_out.items():
        reasons.setdefault(reason, []).append(BASELINES[kind])
    reason_line = "; ".join(f"without {joined(names)}: {reason}" for reason, names in reasons.items())
    return reason_line and f"{reason_line[0].upper()}{reason_line[1:]}."


def compared_alike(cells: Sequence[Cell], tune: Tune | None, left_out: Mapping[str, str]) -> list[str]:
    """Returns lines on what is alike for all schemes and what is not; of one scheme alone what it does not declare."""
    schemes = schemes_of(cells)
    kinds = list(dict.fromkeys(scheme.kind for scheme in schemes))
    if len(kinds) < 2:
        return [] if tune is None else _undeclared(schemes)
    lines = _code_lines(codes(schemes))
    missing = [BASELINES[kind] for kind in lacking(cells) if kind not in left_out]
    lines += [f"Not compared with: {joined(missing)}"] if missing else []
    reasons: dict[str, list[str]] = {}
    for path, reason in tune.fixed.items() if tune is not None else ():
        reasons.setdefault(reason, []).append("serving mode" if path in SERVING else letter(path))
    lines += [f"Fixed, not tuned: {joined([*dict.fromkeys(names)])} ({reason})" for reason, names in reasons.items()]
    if tune is None:
        open_ones = [DisplayNames().word(scheme.kind) for scheme in schemes if tunables(scheme)]
        lines += [f"Not tuned: {joined(list(dict.fromkeys(open_ones)))}, at one setting each"] if open_ones else []
    return lines + _undeclared(schemes)


def _code_lines(found: Mapping[tuple[str, str], Sequence[str]]) -> list[str]:
    lines = [
        f"{CODES[code]}, drafted id {token}: {joined([*map(DisplayNames().word, kinds)])}"
        for (code, token), kinds in found.items()
    ]
    if len(lines) > 1:
        return [f"Codes differ, so bits and times compare codes too: {'; '.join(lines)}"]
    return [f"One code for all: {each}" for each in lines]


def _undeclared(schemes: Sequence[Scheme]) -> list[str]:
    """The numbers in users' own schemes for which no values to try are declared."""
    lines = []
    for scheme in schemes:
        own = inspect.get_annotations(type(scheme))
        names = [name for name in own if name in type(scheme).model_fields and name not in tunables(scheme)]
        numbers = [name for name in names if isinstance(getattr(scheme, name), int | float)]
        if is_foreign(type(scheme).__module__) and numbers:
            at = ", ".join(f"{name} = {shown(getattr(scheme, name))}" for name in numbers)
            lines.append(f"{scheme.kind}: declares no values to try (kinds.tunable.Tunable), stays at {at}")
    return list(dict.fromkeys(lines))
