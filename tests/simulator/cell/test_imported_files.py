"""A user's file counts by its content and by that of the user's own modules that it imports, however far."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import Cell, ConfigError
from simulator.cell.imported_files import import_name, imported_names, imports_digest, load_imports, local_modules
from simulator.cell.scheme import Scheme
from simulator.decoding.round_keys import origin

MINE = """import sys
sys.path.insert(0, {folder!r})
from typing import Literal
import json, numpy
from helper_of_tests import kept
from simulator.schemes.k_sqs import KSqs

class Mine(KSqs):
    kind: Literal["with_helper_in_tests"] = "with_helper_in_tests"
    k: int = kept()
"""
HELPER = "def kept():\n    from package_of_tests.deep import FEW\n    return FEW\n"


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file of a user's that has a number from a module beside it, which has it from a package."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "package_of_tests").mkdir()
    for name, text in {
        "mine.py": MINE.format(folder=str(tmp_path)),
        "helper_of_tests.py": HELPER,
        "package_of_tests/__init__.py": "",
        "package_of_tests/deep.py": "from .deeper import FEW\n",
        "package_of_tests/deeper.py": "FEW = 2\n",
        "unused_in_tests.py": "FEW = 3\n",
    }.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(Scheme, "kinds", dict(Scheme.kinds))
    yield tmp_path / "mine.py"
    for name in ("helper_of_tests", "package_of_tests", "package_of_tests.deep", "package_of_tests.deeper"):
        sys.modules.pop(name, None)


def cell_of(mine: Path) -> Cell:
    return Cell.from_fields({"scheme": "with_helper_in_tests", "imports": [str(mine)]})


def key_of(cell: Cell) -> str:
    """What the memory of rounds knows the cell's code by."""
    return f"{origin(cell, cell.scheme)}, {cell.imports_digest}"


def test_every_module_of_the_users_own_is_in_a_cells_id_and_in_the_memorys_key(mine: Path) -> None:
    names = {"helper_of_tests", "package_of_tests", "package_of_tests.deep", "package_of_tests.deeper"}
    load_imports([mine])
    assert local_modules(mine).keys() == names
    ids, keys = {cell_of(mine).id}, {key_of(cell_of(mine))}
    edited = ["mine.py", "helper_of_tests.py", "package_of_tests/__init__.py"]
    for at, name in enumerate([*edited, "package_of_tests/deep.py", "package_of_tests/deeper.py"], 2):
        (mine.parent / name).write_text((mine.parent / name).read_text() + "# edited\n")
        ids.add(cell_of(mine).id)
        keys.add(key_of(cell_of(mine)))
        assert len(ids) == len(keys) == at, name
    (mine.parent / "unused_in_tests.py").write_text("FEW = 4\n")
    assert cell_of(mine).id in ids
    assert origin(cell_of(mine), cell_of(mine).scheme) is not None, "known by its files, so it may be kept on disk"


def test_a_file_is_run_again_where_a_module_that_it_imports_has_changed(mine: Path) -> None:
    assert getattr(cell_of(mine).scheme, "k", None) == 2
    for few in (5, 12, 2):
        (mine.parent / "package_of_tests" / "deeper.py").write_text(f"FEW = {few}  # {'-' * few}\n")
        assert getattr(cell_of(mine).scheme, "k", None) == few
    before = sys.modules[import_name(mine)]
    load_imports([mine])
    assert sys.modules[import_name(mine)] is before, "a file that stands is run once"


def test_what_lies_elsewhere_is_the_same_code(mine: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / "mine.py").write_text(mine.read_text())
    load_imports([mine])
    assert imports_digest([moved / "mine.py"]) == imports_digest([mine])


def test_the_names_in_imports_are_those_that_python_would_import() -> None:
    source = b"import a.b\nfrom c import d\ndef f():\n    from .e import g\n    from .. import h\n"
    assert set(imported_names(source, "p.q")) == {"a", "a.b", "c", "c.d", "p", "p.q", "p.q.e", "p.q.e.g", "p.h"}
    assert imported_names(b"def (") == ()


def test_an_imported_file_that_is_gone_is_told_in_one_line(mine: Path) -> None:
    cell = cell_of(mine)
    mine.unlink()
    with pytest.raises(ConfigError, match=rf"^import = {mine}: must be a Python file$"):
        _ = cell.id
