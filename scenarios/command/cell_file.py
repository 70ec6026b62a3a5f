"""A cell from a YAML file that was typed, and the Python files that it may run.

Reading a cell runs the files in its `imports`, which somebody else may have sent: nothing runs that is not typed beside
it, by `--import FILE.py` (which stands for one of the same name) or `--trust` for all. `plot`, `report` and `compare`
run those of a manifest's files that were typed on this machine before.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kinds import ConfigError
from kinds.files import cache_folder, paths_from, read_note
from kinds.yaml_file import read_yaml
from simulator.results.result_directory import MANIFEST

if TYPE_CHECKING:
    from simulator.cell.cell import Cell


def load_own(imports: Sequence[Path], folders: Sequence[Path] = ()) -> None:
    """Loads the files that were typed, and of those that the manifests of result directories name the ones that this
    user has typed before, as they read now. Raises ConfigError, one line."""
    own = list(imports)
    for folder in folders:
        named = read_note(folder / MANIFEST).get("imports")
        for path in (Path(each) for each in (named if isinstance(named, list) else ()) if isinstance(each, str)):
            known = path.name in {each.name for each in own} or (note := _note_of(path)) is None or not note.is_file()
            own += [] if known else [path]
    if own:
        from simulator.cell.imported_files import load_imports  # here: a figure of our own kinds does without

        load_imports(own)


def note_typed(imports: Sequence[Path]) -> None:
    """Notes the files that a user types after `--import`, by their content: a result directory that names one of them
    may run it again (`load_own`). A stranger's directory names none."""
    for path in imports:
        if (note := _note_of(path)) is not None:
            with suppress(OSError):
                note.parent.mkdir(parents=True, exist_ok=True)
                note.touch()


def _note_of(path: Path) -> Path | None:
    from simulator.cell.imported_files import imports_digest

    try:
        return cache_folder() / "imports" / imports_digest([path])
    except ConfigError:
        return None


def read_cell(file: Path, imports: Sequence[Path] = (), *, trust: bool = False) -> Cell:
    """The cell in a YAML file, whose relative paths begin at its folder, with the typed `imports` added to its own.
    Raises ConfigError where it is no cell, or imports what is neither typed nor trusted: nothing of it has run then."""
    from simulator.cell.cell import Cell

    fields = read_yaml(file)
    if not isinstance(fields, dict):
        raise ConfigError(f"config = {file}: must be a mapping of fields")
    named = fields.get("imports", [])
    if isinstance(named, list | tuple):
        left = [os.path.abspath(path) for path in imports]
        own = [_standing_for(each, left, file, trust) if isinstance(each, str) else each for each in named]
        fields = {**fields, "imports": [*own, *left]}
    with paths_from(file.parent):
        return Cell.from_fields(fields)


def _standing_for(named: str, typed: list[str], file: Path, trust: bool) -> str:
    """Returns the file to load for one that a cell names: the one of that name among those `typed`, from which it is
    removed."""
    for each in typed:
        if Path(each).name == Path(named).name:
            typed.remove(each)
            return each
    if not trust:
        text = f"its imports name {named}, which would run"
        raise ConfigError(f"config = {file}: {text}; add --import {named}, or --trust for all that it names")
    return named
