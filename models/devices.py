"""What a network runs on and how products round there, told without torch: they decide the last bits of every law, so
they are in a pair's fingerprint, and fingerprints are asked for where nothing is run."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from models import TORCH_CAME_FIRST
from models.interface import DeviceName

_NVML: Final = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"
"""NVIDIA's library that tells of GPUs, and comes with their driver."""
_STRICT: Final = 0x10000
"""MKL_CBWR_STRICT of MKL's header mkl_types.h."""


def device_of(name: DeviceName) -> Literal["cpu", "cuda"]:
    """What a network under this name runs on here: `auto` is a GPU where torch was built for one and the driver counts
    one that this process may use."""
    if name != "auto":
        return name
    return "cuda" if _torch_takes_cuda() and _sees_gpu(_gpus(), os.environ.get("CUDA_VISIBLE_DEVICES")) else "cpu"


@cache
def _torch_takes_cuda() -> bool:
    """As torch's own note of its build says, which is read and not run."""
    found = find_spec("torch")
    if found is None or found.origin is None:
        return False
    try:
        note = (Path(found.origin).parent / "version.py").read_text(encoding="utf-8")
    except OSError:
        return False
    return re.search(r"^cuda\b[^=]*=\s*['\"]", note, re.MULTILINE) is not None


@cache
def _gpus() -> int:
    """How many the driver counts; 0 where there is no driver."""
    try:
        nvml, count = ctypes.CDLL(_NVML), ctypes.c_uint(0)
        if nvml.nvmlInit_v2() or nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)):
            return 0
        nvml.nvmlShutdown()
    except (OSError, AttributeError):
        return 0
    return count.value


def _sees_gpu(gpus: int, visible: str | None) -> bool:
    """Whether $CUDA_VISIBLE_DEVICES leaves this process a GPU: numbers or names up to the first that is none."""
    if visible is None:
        return gpus > 0
    first = visible.partition(",")[0].strip()
    return gpus > 0 and (int(first) < gpus if first.isdecimal() else first.startswith(("GPU-", "MIG-")))


@cache
def products() -> str:
    """How MKL rounds products in this process: $MKL_CBWR, unless torch made one before that was set (models)."""
    return os.environ["MKL_CBWR"] if not TORCH_CAME_FIRST or _is_strict() else "not heard"


def _is_strict() -> bool:
    """Whether the MKL within torch, which is imported, is in its strict mode; False where that cannot be told."""
    torch = sys.modules["torch"].__file__ or ""
    try:
        mode: int = ctypes.CDLL(str(Path(torch).parent / "lib" / "libtorch_cpu.so")).mkl_serv_cbwr_get(-1)
    except (OSError, AttributeError):
        return False
    return bool(mode & _STRICT)
