"""Docstrings as reStructuredText: ours are plain text, with `code` in backticks and blocks indented by four."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic.fields import FieldInfo


def restructured(lines: Sequence[str]) -> list[str]:
    """The lines of a docstring with code as code, indented blocks as they are, and nothing else marked up."""
    written: list[str] = []
    in_block = False
    for line in lines:
        indented = line.startswith("    ")
        if indented and not in_block and (not written or not written[-1].strip()):
            written += ["::", ""]
            in_block = True
        elif line.strip() and not indented:
            in_block = False
        written.append(line if in_block else _marked(line.lstrip() if indented else line))
    return [*written, ""]


def fields_of(thing: object) -> list[str]:
    """A list of a part's fields, each with its default and what its description says; [] for anything else."""
    fields = getattr(thing, "model_fields", None) if isinstance(thing, type) else None
    return [_field(name, field) for name, field in (fields or {}).items() if name != "kind"] + [""]


def _field(name: str, field: FieldInfo) -> str:
    plain = isinstance(field.default, str | int | float | None)
    told = field.description or (getattr(field.annotation, "__doc__", None) or "").split("\n")[0]
    return f"* ``{name} = {field.default!r}``: {_marked(told)}" if plain else f"* ``{name}``: {_marked(told)}"


def _marked(text: str) -> str:
    """Backticks doubled, all that reStructuredText would read as markup escaped outside of them."""
    parts = re.split(r"`+([^`]+)`+", text)
    marked = [f"``{part}``" if place % 2 else re.sub(r"([*|_\\])", r"\\\1", part) for place, part in enumerate(parts)]
    return "".join(marked)
