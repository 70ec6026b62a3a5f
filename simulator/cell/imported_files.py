"""Python files of a user's own that a cell names in `imports`: run once, and known by all of the user's code they use.

A file is known by its content and by that of every module of the user's own that it imports, and that those import: a
cell, a result directory and the memory of rounds would otherwise keep numbers of code that has changed since. A module
is the user's own where it lies in a folder that Python imports from, or beside the file, and is neither of this project
nor of Python's library nor installed among packages.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from kinds import ConfigError
from kinds.files import placed, read_bytes
from kinds.mistakes import is_foreign, raised_at

_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_RUN_AS: Final[dict[str, str]] = {}
"""The modules that were run here, those of imported files and the user's own that these import, and of each the digest
of the code that was run."""


def resolved(path: str | Path) -> Path:
    """Returns the path of an imported file. Raises ConfigError for a name that no file can have."""
    try:
        return placed(Path(path)).resolve()
    except ValueError:
        raise ConfigError(f"import = {str(path)!r}: must be a Python file") from None


def import_name(path: str | Path) -> str:
    """The module that an imported file becomes, as it reads now. Raises ConfigError where it is gone."""
    return f"sqsim_import_{hashlib.sha256(bytes(Path(path)) + _content(Path(path))).hexdigest()[:12]}"


def load_imports(paths: Iterable[str | Path]) -> None:
    """Runs each file once a process, and again where it or a module of the user's own that it imports has changed, so
    that the kinds it defines are those of the code that cells count by its content. Raises ConfigError, one line."""
    for path in map(resolved, paths):
        name = import_name(path)
        if name not in sys.modules or _RUN_AS.get(name) != imports_digest([path]):
            _run(name, path)


def imports_digest(paths: Iterable[str | Path]) -> str:
    """Hash of the files' contents and of the user's own modules that they import, "" where there are no files.

    Where they lie does not count. Raises ConfigError where a file is gone.
    """
    digest = hashlib.sha256()
    files = list(map(Path, paths))
    for file in files:
        modules = local_modules(file)
        for name, path in [("", file), *sorted(modules.items())]:
            digest.update(f"{name} {_sha256(path)}\n".encode())
    return digest.hexdigest() if files else ""


def local_modules(file: str | Path) -> dict[str, Path]:
    """The modules of the user's own that a file imports, wherever in it, and those that these import; by their names.

    Raises ConfigError where the file is gone.
    """
    found: dict[str, Path] = {}
    waiting = [("", Path(file))]
    while waiting:
        importer, path = waiting.pop()
        package = importer if path.name == "__init__.py" else importer.rpartition(".")[0]
        for name in imported_names(_content(path), package):
            if name not in found and (place := _place_of(name, Path(file).parent)) is not None:
                found[name] = place
                waiting.append((name, place))
    return found


@lru_cache(maxsize=256)
def imported_names(source: bytes, package: str = "") -> tuple[str, ...]:
    """The modules that a source names in its imports, with the packages around them; `from a import b` names a and,
    whether that is a module or not, a.b. () where it is no Python."""
    try:
        parsed = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()
    names: dict[str, None] = {}
    for node in ast.walk(parsed):
        for name in _names_in(node, package):
            words = name.split(".")
            names |= dict.fromkeys(".".join(words[: end + 1]) for end in range(len(words)))
    return tuple(names)


def _names_in(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    elif isinstance(node, ast.ImportFrom):
        home = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
        base = ".".join(filter(None, (home if node.level else "", node.module or "")))
        yield from (".".join(filter(None, (base, each.name))) for each in node.names)


def _place_of(name: str, beside: Path) -> Path | None:
    """The file of a module of the user's own: the one that was run here, where there is one, otherwise that which
    Python would find. None of any other module, and where there is none."""
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top == "sqsim" or not is_foreign(top):
        return None
    places = [Path(file)] if (file := getattr(sys.modules.get(name), "__file__", None)) else []
    for folder in (*map(Path, sys.path), beside):
        base = folder.joinpath(*name.split("."))
        places += [base / "__init__.py", base.with_name(f"{base.name}.py")]
    path = next((each for each in places if each.is_file()), None)
    return None if path is None or _INSTALLED & {*path.parts} else path.resolve()


def _run(name: str, path: Path) -> None:
    """Runs a file as the module `name`; before it, what it would take from modules that have changed is forgotten."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"import = {path}: must be a Python file")
    local = local_modules(path)
    if any(each in sys.modules and _RUN_AS.get(each) != _sha256(local[each]) for each in local):
        for each in local:
            sys.modules.pop(each, None)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(f"import = {raised_at(str(path), error)}") from error
    _RUN_AS.update({each: _sha256(file) for each, file in local_modules(path).items()})
    _RUN_AS[name] = imports_digest([path])


def _content(path: Path) -> bytes:
    try:
        return read_bytes(path)
    except ConfigError:
        raise ConfigError(f"import = {path}: must be a Python file") from None


def _sha256(path: Path) -> str:
    return hashlib.sha256(_content(path)).hexdigest()
