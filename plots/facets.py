"""Panels of a figure with many curves: which fields of their names make panels, and what names are left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import pandas as pd

from plots.page import Page
from plots.style import Look
from simulator.results.column_names import CURVE
from simulator.results.display_names import curve_of, words_of

Facets = Sequence[tuple[Mapping[str, str], Mapping[str, str]]]
"""{field: value} that makes a panel, and {curve: its name without those fields}."""
MOST: Final = 7  # curves in one panel
MOST_WHOLE: Final = 12  # rows of a figure of bars
MOST_SCHEMES: Final = 10  # where nothing but the scheme would make panels: schemes are read beside each other
SCHEME: Final = "scheme"


def in_panels(
    summary: pd.DataFrame, look: dict[str, Look]
) -> list[tuple[dict[str, str], pd.DataFrame, dict[str, Look]]]:
    """The table as it is, or in `panels` of more than MOST_WHOLE curves: what makes each, its rows and looks by the
    names that are left."""
    names = list(dict.fromkeys(summary[CURVE].astype(str)))
    if len(names) <= MOST_WHOLE:
        return [({}, summary, look)]
    look = alike(look, facets := panels(names))
    return [
        (fields, summary[summary[CURVE].isin(members)].replace({CURVE: members}),
         {rest: look[name] for name, rest in members.items()})
        for fields, members in facets
    ]  # fmt: skip


def alike(look: Mapping[str, Look], facets: Facets) -> dict[str, Look]:
    """Returns the looks of the curves, those of one name in several panels alike."""
    first: dict[str, str] = {}
    pairs = [pair for _, members in facets for pair in members.items()]
    return {**look, **{name: look[first.setdefault(rest, name)] for name, rest in pairs}}


def panel_title(fields: Mapping[str, str], page: Page) -> str:
    """Returns the title of the panel that these fields make; "" if none do."""
    texts = [
        page.curve(value) if name == SCHEME else page.setting(name, value) for name, value in fields.items() if value
    ]
    return ", ".join(texts) or (f"without {' and '.join(page.axis(name) for name in fields)}" if fields else "")


def panels(names: Sequence[str]) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Panels in order of appearance: {field: value} that makes it, and {curve: its name without those fields}. One of
    up to MOST curves; of more, one a value of the field that is common to most of them and has the fewest values,
    numbers before names, and so on; in the end, of more than MOST_SCHEMES, one a scheme."""
    parsed = {name: words_of(name) for name in names}
    fields: list[str] = []
    while True:
        made: dict[tuple[str, ...], list[str]] = {}
        for name, (scheme, words) in parsed.items():
            made.setdefault(tuple(scheme if field == SCHEME else words.get(field, "") for field in fields), []).append(
                name
            )
        further = _next(parsed, fields)
        most = MOST if further != SCHEME else MOST_SCHEMES
        if max(map(len, made.values()), default=0) <= most or further is None:
            break
        fields.append(further)
    rests = {
        name: curve_of(scheme, {field: value for field, value in words.items() if field not in fields})
        for name, (scheme, words) in parsed.items()
    }
    return [
        (dict(zip(fields, values, strict=True)), {name: rests[name] for name in members})
        for values, members in made.items()
    ]


def _next(parsed: Mapping[str, tuple[str, Mapping[str, str]]], used: Sequence[str]) -> str | None:
    values: dict[str, set[str]] = {}
    common: dict[str, int] = {}
    for _, words in parsed.values():
        for field, value in words.items():
            values.setdefault(field, set()).add(value)
            common[field] = common.get(field, 0) + 1
    open_ = [field for field in values if field not in used and len(values[field]) + (common[field] < len(parsed)) > 1]
    best = min(open_, key=lambda field: (-common[field], len(values[field]), _are_names(values[field])), default=None)
    if best is None and SCHEME not in used and len({scheme for scheme, _ in parsed.values()}) > 1:
        best = SCHEME
    return best


def _are_names(values: Iterable[str]) -> bool:
    try:
        return not [float(value) for value in values]
    except ValueError:
        return True
