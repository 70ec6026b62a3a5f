"""Keys of remembered trees on disk, and the rule that decides if a tree may be stored at all.

A key hashes all that could change what is decoded: the root (`nodes.Root`), the source of what decodes, and the
versions of what it computes with; policies are no part of it. A class of a user's own is known by its file in the
cell's `imports`, or in a module of theirs that such a file imports. What a script or a notebook decodes, or a package
of which no key tells the version, is never on disk.
"""

from __future__ import annotations

import ast
import hashlib
import json
import platform
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from kinds import Part
from kinds.mistakes import is_foreign
from simulator.cell.cell import Cell
from simulator.cell.imported_files import import_name, local_modules
from simulator.cell.scheme import Scheme
from simulator.decoding.nodes import Root
from simulator.schemes.draft_scheme import DraftScheme

ROOT = Path(__file__).parents[2]
SOURCES = ("channels", "kinds", "models", "simulator/schemes", "simulator/decoding")
"""Folders of what decides tokens and what is noted of them ..."""
FILES = ("simulator/cell/scheme.py", "simulator/results/rounds.py")
NO_SOURCES = ("channels/link", "models/latency", "simulator/schemes/policies")
"""... but for these, which decide when or how many."""
LIBRARIES = ("numpy", "numba", "scipy")
"""Libraries whose versions are in a key. Those of the models are in the pair's fingerprint."""
OTHERS = {"sqsim", "pydantic", "torch", "transformers", "tokenizers"}
"""Packages that decoding classes may use besides these: they decide no token, or are in the fingerprint."""

CODE_DIGITS = 16
"""The number of digits of a key that identify the code that its tree is of."""


class Origin(NamedTuple):
    """Part that the keys of all requests to a class of devices have in common."""

    pair: str
    """Fingerprint."""
    made_by: str
    """Hash of the code that decodes, and of the versions under it."""

    def key(self, root: Root) -> str:
        """The name of a tree, 64 hex digits: the first identify the code, the others are of a sha256 of it all."""
        described = json.dumps([self.made_by, *root])
        return self.made_by[:CODE_DIGITS] + hashlib.sha256(described.encode()).hexdigest()[CODE_DIGITS:]


def origin(cell: Cell, scheme: Scheme) -> Origin | None:
    """The origin of what this scheme decodes in a cell; None where it must not be kept on disk."""
    if not _known_by_file(cell, [cell.models.pair, *_parts(scheme)]):
        return None
    return Origin(cell.models.pair.fingerprint, made_by())


def of_this_code(key: str) -> bool:
    """True if the decoding code of this version may request this key; keys of older code it does not request."""
    return key.startswith(made_by()[:CODE_DIGITS])


@cache
def made_by() -> str:
    """Hash of the source of what decodes, and of the versions of what it computes with: it is in every key."""
    digest = hashlib.sha256()
    for path in sorted({*_sources(), *(ROOT / file for file in FILES)}):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    # Python's minor version: since 3.12 its sum of floats is another one
    versions = [f"{name} {version(name)}" for name in LIBRARIES] + [".".join(platform.python_version_tuple()[:2])]
    digest.update(" ".join(versions).encode())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    left_out = [ROOT / folder for folder in NO_SOURCES]
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*.py"):
            if not any(path.is_relative_to(each) for each in left_out):
                yield path


def _parts(scheme: Scheme) -> Iterator[object]:
    """The scheme, and all that it is made of but what decides how many drafts there are."""
    yield scheme
    waiting: list[object] = [value for name, value in scheme if name not in ("policy", "features", "fan_out")]
    if isinstance(scheme, DraftScheme):
        made = scheme.families
        waiting += [made.sparsifier, made.quantizer, made.code, made.draw, made.acceptance, made.reply]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Part):
            yield part
            waiting += [value for _, value in part]
        elif isinstance(part, list | tuple):
            waiting += part


def _known_by_file(cell: Cell, parts: list[object]) -> bool:
    """True if these classes and their bases are ours, a known library's, or of the cell's imports."""
    imported = {import_name(path) for path in cell.imports}
    local = {name: path for file in cell.imports for name, path in local_modules(file).items()}
    classes = {base.__module__ for part in parts for base in type(part).__mro__}
    used = {module for path in (*map(Path, cell.imports), *local.values()) for module in _imported_by(path)}
    return not any(_may_change(module) for module in (classes | used) - imported - local.keys())


def _imported_by(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in it: of a number that it has from one, the number does not tell."""
    try:
        parsed = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # it has changed since it was imported, or is no Python
        yield "."
        return
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or "."


def _may_change(module: str) -> bool:
    """True if a module is neither ours, nor the standard library's, nor of a library whose version is stated. It is
    then another file of the user's, or a package of which a later version may decode otherwise."""
    known = (sys.stdlib_module_names - {"__main__"}) | set(LIBRARIES) | OTHERS
    return is_foreign(module) and module.partition(".")[0] not in known
