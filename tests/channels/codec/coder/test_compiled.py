"""The cache of compiled code knows every module that compiled code comes from."""

import re
import runpy
import shutil
from pathlib import Path

import numba
import pytest

from channels.codec.coder import arithmetic, compiled

REPOSITORY = Path(__file__).parents[4]
PACKAGES = ("channels", "models", "simulator", "scenarios", "plots")


def test_the_hash_changes_with_the_content_the_name_and_the_place_of_any_module(tmp_path):
    (tmp_path / "inner").mkdir()
    seen = {compiled.hash_of_modules(tmp_path)}
    for name, content in [("a.py", "x"), ("inner/b.py", "x"), ("inner/b.py", "y"), ("inner/c.py", "")]:
        (tmp_path / name).write_text(content)
        seen.add(compiled.hash_of_modules(tmp_path))
    (tmp_path / "a.py").rename(tmp_path / "inner" / "a.py")
    seen.add(compiled.hash_of_modules(tmp_path))
    assert len(seen) == 6
    (tmp_path / "notes.txt").write_text("not a module")
    assert compiled.hash_of_modules(tmp_path) in seen


def test_checkouts_of_the_same_source_share_their_compiled_code():
    """Nothing of where a checkout lies is in the folder, as it is in numba's own."""
    assert Path(arithmetic.uniform._cache.cache_path) == Path(numba.config.CACHE_DIR) / "coder"


def test_all_compiled_code_and_all_that_it_imports_lies_under_the_hashed_folder():
    compiling = [
        path
        for package in PACKAGES
        for path in (REPOSITORY / package).rglob("*.py")
        if re.search("@compiled|@leaf|@inlined|import numba|from numba", path.read_text(encoding="utf-8"))
    ]
    assert len(compiling) > 5
    for path in compiling:
        assert path.is_relative_to(compiled.ROOT)
        imports = [
            line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith(("from ", "import "))
        ]
        ours = [line for line in imports if line.split()[1].partition(".")[0] in (*PACKAGES, "kinds")]
        harmless = "kinds.arrays", "kinds.files", "kinds.mistakes"  # names of types, where the cache lies, a line
        assert all(line.split()[1].startswith(("channels.codec", *harmless)) for line in ours), path


@pytest.mark.parametrize(
    ("ending", "damage"),
    [("nbi", b""), ("nbi", b"nonsense"), ("nbc", b""), ("nbc", b"nonsense"), ("nbc", "one bit")],
    ids=str,
)
def test_damaged_compiled_code_is_compiled_again_and_one_line_says_so(ending, damage, tmp_path, capsys):
    (tmp_path / "doubling.py").write_text("def doubled(x):\n    return 2 * x\n")

    def doubled() -> Path:
        """Loads or compiles the function; returns the folder of its compiled code."""
        found = compiled.compiled(runpy.run_path(str(tmp_path / "doubling.py"))["doubled"])
        assert found(21) == 42
        return Path(found._cache.cache_path)

    folder = doubled()
    (file,) = folder.glob(f"doubling*.{ending}")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(damage if isinstance(damage, bytes) else content)
    assert not capsys.readouterr().err
    assert doubled() == folder
    assert capsys.readouterr().err == f"sqsim: {folder}: compiled code is damaged: it is removed and compiled again\n"
    doubled()
    assert not capsys.readouterr().err
    shutil.rmtree(folder)
