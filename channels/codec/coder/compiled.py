"""`@compiled`: numba's nopython compiler, cached on disk, that keeps a function's type.

Compiled code has the constants and functions of other modules built in, which numba's own cache does not notice; so the
cache folder is named after a hash of every module of `channels.codec`, its folders included: compiled code uses no
other. It lies in $SQSIM_CACHE, by default the platform's cache folder, and every checkout of the same source shares it:
where numba would name a folder after the path of the checkout, ours is named after the place below `channels.codec`.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import caching

from kinds.files import cache_folder
from kinds.mistakes import print_once

Function = TypeVar("Function", bound=Callable[..., object])


COMPILED = "compiled"
"""The folder of compiled code in the cache folder."""
ROOT = Path(__file__).parents[1]  # of all modules that compiled code comes from


def hash_of_modules(root: Path) -> str:
    """A hash of the names and the contents of all Python files under a folder."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


if "NUMBA_CACHE_DIR" not in os.environ:
    numba.config.CACHE_DIR = str(cache_folder() / COMPILED / hash_of_modules(ROOT))  # type: ignore[attr-defined]


def _share_between_checkouts() -> None:
    """Names the folder of a module's compiled code by its place below ROOT, elsewhere as numba does. A numba that is
    built otherwise compiles once for each checkout."""
    locator: Any = getattr(caching, "_CacheLocator", None)
    own = getattr(locator, "get_suitable_cache_subpath", None)
    if own is None:
        return

    def subpath(cls: type, py_file: str) -> str:
        path = Path(py_file)
        return path.relative_to(ROOT).parent.as_posix() if path.is_relative_to(ROOT) else str(own(py_file))

    locator.get_suitable_cache_subpath = classmethod(subpath)


_share_between_checkouts()


def _load_or_compile() -> None:
    """Has numba compile again what it cannot load, after a line that says so: its own loader raises whatever a damaged
    file leads to. Another line says that all will be compiled, where nothing is there yet."""
    loader: Any = caching.Cache
    own = loader.load_overload

    def load_overload(cache: Any, signature: object, context: object) -> object:
        try:
            found: object = own(cache, signature, context)
        except Exception:
            folder, name = Path(cache.cache_path), Path(cache._cache_file._index_name).stem
            print_once(f"{folder}: compiled code is damaged: it is removed and compiled again")
            for path in folder.glob(f"{glob.escape(name)}*"):
                path.unlink(missing_ok=True)
            found = None
        if found is None and _is_first(Path(numba.config.CACHE_DIR)):  # type: ignore[attr-defined]
            print_once("the codec is compiled, once on this machine: some 30 s")
        return found

    loader.load_overload = load_overload


def _check_what_is_loaded() -> None:
    """Has numba write a checksum behind what it pickles, and load no file without it: a changed byte of compiled code
    would give wrong numbers, or none."""
    files: Any = caching.IndexDataCacheFile
    dump, load = files._dump, files._load_data

    def dump_with_checksum(file: Any, value: object) -> bytes:
        data: bytes = dump(file, value)
        return data + hashlib.sha256(data).digest()

    def load_checked(file: Any, name: str) -> object:
        data = Path(file._data_path(name)).read_bytes()
        if hashlib.sha256(data[:-32]).digest() != data[-32:]:
            raise ValueError(f"{name}: is not what was written")
        return load(file, name)

    files._dump, files._load_data = dump_with_checksum, load_checked


def _is_first(folder: Path) -> bool:
    """True if there was no such folder, which is made."""
    try:
        folder.mkdir(parents=True)
    except OSError:
        return False
    return True


_load_or_compile()
_check_what_is_loaded()


def compiled(function: Function) -> Function:
    """The function, compiled at its first call with a set of argument types; integers are int64 and wrap."""
    return cast(Function, numba.njit(cache=True)(function))


@numba.extending.intrinsic
def _ctlz(_typing: Any, number: Any) -> Any:
    """Returns the number of zeros before the first 1 of a 64-bit number: one instruction on most processors."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], numba.core.cgutils.false_bit)

    return numba.int64(numba.int64), generate


def _bits_before_the_first(number: int) -> int:
    return 64 - int(number).bit_length()


leading_zeros: Any = _bits_before_the_first if numba.config.DISABLE_JIT else _ctlz  # type: ignore[attr-defined]


_UNCOUNTED: Any = {"_nrt": False}


def leaf(function: Function) -> Function:
    """Compiles a function that makes no array. No references to its arguments are counted, as counting costs several
    times what a symbol does."""
    return cast(Function, numba.njit(cache=True, **_UNCOUNTED)(function))


def inlined(function: Function) -> Function:
    """Compiles a function as `leaf` does and copies it into its callers, for the inside of loops, in which passing
    arrays costs."""
    return cast(Function, numba.njit(cache=True, forceinline=True, **_UNCOUNTED)(function))
