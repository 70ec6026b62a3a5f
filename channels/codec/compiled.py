"""`@compiled`: numba's nopython compiler, cached on disk, that keeps a function's type.

Compiled code has the constants and functions of other modules built in, which numba's own cache does not notice; so the
cache folder is named after a hash of every module of this package. It lies in $SQSIM_CACHE, by default the platform's
cache folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import numba
from platformdirs import user_cache_dir

Function = TypeVar("Function", bound=Callable[..., object])


def _cache_folder() -> Path:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return Path(os.environ.get("SQSIM_CACHE") or user_cache_dir("sqsim")) / "compiled" / digest.hexdigest()[:16]


if "NUMBA_CACHE_DIR" not in os.environ:
    numba.config.CACHE_DIR = str(_cache_folder())  # type: ignore[attr-defined]


def compiled(function: Function) -> Function:
    """The function, compiled at its first call with a set of argument types; integers are int64 and wrap."""
    return cast(Function, numba.njit(cache=True)(function))


def inlined(function: Function) -> Function:
    """As `compiled`, but copied into its callers: for the inside of loops, where passing arrays would cost most."""
    return cast(Function, numba.njit(cache=True, inline="always")(function))
