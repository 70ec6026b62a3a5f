"""Too many curves for one panel: which fields of their names make panels, and which curves would squeeze the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from plots.display_names import curve_of, words_of

MOST: Final = 7
"""Curves in one panel."""
SQUEEZED: Final = 20.0
"""Curves that end so many times above all others would squeeze them."""
SCHEME: Final = "scheme"


def panels(names: Sequence[str]) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Panels in order of appearance: {field: value} that makes it, and {curve: its name without those fields}.

    One panel of up to MOST curves; of more, a panel a value of the field that is common to most of them and has the
    fewest values, and so on; in the end a panel a scheme.
    """
    parsed = {name: words_of(name) for name in names}
    fields: list[str] = []
    while True:
        made: dict[tuple[str, ...], list[str]] = {}
        for name, (scheme, words) in parsed.items():
            made.setdefault(tuple(scheme if field == SCHEME else words.get(field, "") for field in fields), []).append(
                name
            )
        further = _next(parsed, fields)
        if max(map(len, made.values()), default=0) <= MOST or further is None:
            break
        fields.append(further)
    return [(dict(zip(fields, values, strict=True)), {name: _rest(*parsed[name], fields) for name in members})
            for values, members in made.items()]  # fmt: skip


def split(highest: Mapping[str, float]) -> list[list[str]]:
    """The curves by their highest values: one group, or two where some, at most half, are SQUEEZED times above all
    others; those first."""
    names = sorted(
        (name for name, value in highest.items() if np.isfinite(value) and value > 0), key=highest.__getitem__
    )
    for place in range(len(names) - 1, (len(names) - 1) // 2, -1):
        if highest[names[place]] >= SQUEEZED * highest[names[place - 1]]:
            above = set(names[place:])
            return [[name for name in highest if name in above], [name for name in highest if name not in above]]
    return [list(highest)]


def _next(parsed: Mapping[str, tuple[str, Mapping[str, str]]], used: Sequence[str]) -> str | None:
    values: dict[str, set[str]] = {}
    common: dict[str, int] = {}
    for _, words in parsed.values():
        for field, value in words.items():
            values.setdefault(field, set()).add(value)
            common[field] = common.get(field, 0) + 1
    open_ = [field for field in values if field not in used and len(values[field]) + (common[field] < len(parsed)) > 1]
    best = min(open_, key=lambda field: (-common[field], len(values[field])), default=None)
    if best is None and SCHEME not in used and len({scheme for scheme, _ in parsed.values()}) > 1:
        best = SCHEME
    return best


def _rest(scheme: str, words: Mapping[str, str], used: Sequence[str]) -> str:
    return curve_of(scheme, {field: value for field, value in words.items() if field not in used})
