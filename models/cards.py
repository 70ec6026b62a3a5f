"""Cards of models: the hashes of weights' files, the pair that a card describes, the device, and a hash of it all, as
the device decides the last bits of a network's distributions. Nothing here imports torch."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import sys
from collections.abc import Sequence
from functools import cache, cached_property
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Final, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator

from kinds import ConfigError, Part, first_error
from kinds.files import GivenPath, read_text, sha256
from models import TORCH_CAME_FIRST
from models.interface import DeviceName, Pair
from models.prompt_files import check_prompts

WEIGHTS = Path(__file__).parent / "weights"
version = cache(metadata.version)
"""The version of a library, read once a process: each cell of a sweep asks for its pair's fingerprint."""


class Card(Part):
    """Record of a folder of weights: its vocabulary, context, and the sha256 of each file in it."""

    model_config = ConfigDict(extra="ignore")

    vocabulary: int
    context_tokens: int
    sha256: dict[str, str]

    def hash_of(self, name: str) -> str:
        """The recorded hash of a file. Raises ConfigError when none is recorded."""
        if name not in self.sha256:
            raise ConfigError(f"{name}: no such bundled weights; there are {', '.join(sorted(self.sha256))}")
        return self.sha256[name]

    def verify(self, folder: Path, names: Sequence[str]) -> None:
        """Raises ConfigError unless each named file under `folder` is there and has its recorded hash."""
        for name in names:
            if self.hash_of(name) != sha256(folder / name):
                raise ConfigError(f"{folder / name}: damaged (its sha256 is not the recorded one); install it again")


class Bundled(Pair):
    """A pair described by `home / card.json`. Raises ConfigError where that is missing or malformed."""

    has_networks: ClassVar[bool] = True
    home: ClassVar[Path]
    texts: ClassVar[Path]  # the pair's own prompts

    # Left out of what is written where it is null, so that cells with the pair's own prompts keep their names.
    prompts: GivenPath | None = Field(
        default=None,
        exclude_if=lambda path: path is None,
        description="JSON-lines file of prompts: name, kind, text; null: the pair's own",
    )

    @field_validator("prompts")
    @classmethod
    def _readable(cls, path: Path | None) -> Path | None:
        if path is not None:
            check_prompts(path)
        return path

    @property
    def prompt_file(self) -> Path:
        return self.prompts or self.texts

    @cached_property
    def vocabulary(self) -> int:
        return self._card.vocabulary

    @cached_property
    def context_tokens(self) -> int:
        return self._card.context_tokens

    @cached_property
    def _card(self) -> Card:
        return read_card(self.home / "card.json")


def read_card(path: Path) -> Card:
    """The card in a JSON file. Raises ConfigError when it is missing or malformed."""
    try:
        return Card.model_validate_json(read_text(path))
    except ValidationError as error:
        where, _, allowed = first_error(error)
        raise ConfigError(f"{path}: {where}: {allowed}") from None


def fingerprint(*parts: str) -> str:
    """Hash of what decides a float32 model's distributions: `parts` (hashes of files), dtype, versions, rounding."""
    libraries = [f"{name} {version(name)}" for name in ("torch", "transformers", "tokenizers")]
    decisive = [*parts, "float32", *libraries, f"MKL_CBWR={products()}"]
    return hashlib.sha256(" ".join(decisive).encode()).hexdigest()


_NVML: Final = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"
"""NVIDIA's library that tells of GPUs, and comes with their driver."""
_STRICT: Final = 0x10000  # MKL_CBWR_STRICT of MKL's header mkl_types.h


def device_of(name: DeviceName) -> Literal["cpu", "cuda"]:
    """Returns the device on which a network runs here. `auto` is a GPU if torch takes one and this process may."""
    if name != "auto":
        return name
    return "cuda" if _torch_takes_cuda() and _sees_gpu(_gpus(), os.environ.get("CUDA_VISIBLE_DEVICES")) else "cpu"


@cache
def _torch_takes_cuda() -> bool:
    """True if torch was built for CUDA, by its own note of its build, which is read and not run."""
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
    try:
        nvml, count = ctypes.CDLL(_NVML), ctypes.c_uint(0)
        if nvml.nvmlInit_v2() or nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)):
            return 0
        nvml.nvmlShutdown()
    except (OSError, AttributeError):
        return 0
    return count.value


def _sees_gpu(gpus: int, visible: str | None) -> bool:
    """True if $CUDA_VISIBLE_DEVICES leaves this process a GPU: numbers or names up to the first that is none."""
    if visible is None:
        return gpus > 0
    first = visible.partition(",")[0].strip()
    return gpus > 0 and (int(first) < gpus if first.isdecimal() else first.startswith(("GPU-", "MIG-")))


@cache
def products() -> str:
    """Returns the way in which MKL rounds products in this process: $MKL_CBWR, unless torch made a product before that
    was set (models)."""
    return os.environ["MKL_CBWR"] if not TORCH_CAME_FIRST or _is_strict() else "not heard"


def _is_strict() -> bool:
    """True if the MKL within torch, which is imported, is in its strict mode; False also if that is not known."""
    torch = sys.modules["torch"].__file__ or ""
    try:
        mode: int = ctypes.CDLL(str(Path(torch).parent / "lib" / "libtorch_cpu.so")).mkl_serv_cbwr_get(-1)
    except (OSError, AttributeError):
        return False
    return bool(mode & _STRICT)
