"""Descriptions of a named tuple's fields for `help`, from the docstrings below them in the source."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from textwrap import dedent
from typing import TypeVar

Class = TypeVar("Class", bound=type)


def with_field_texts(cls: Class) -> Class:
    """The named tuple whose fields say what they are: the text below each in the source, or its type, where Python says
    "Alias for field number 0"."""
    for name, text in _texts(cls):
        getattr(cls, name).__doc__ = text
    return cls


def _texts(cls: type) -> Iterator[tuple[str, str]]:
    try:
        (body,) = ast.parse(dedent(inspect.getsource(cls))).body
    except (OSError, TypeError, SyntaxError):  # without its source
        return
    assert isinstance(body, ast.ClassDef)
    for field, below in pairwise([*body.body, ast.Pass()]):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            text = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else None
            yield field.target.id, inspect.cleandoc(text) if isinstance(text, str) else ast.unparse(field.annotation)
