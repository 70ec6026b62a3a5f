"""A folder of a language model in the transformers library's form: the files that are read of it, their hash, and what
is refused before anything is loaded, for a stranger may have made it: code, files outside it, other weights than
safetensors, and a configuration that would fill this machine's memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from kinds import ConfigError
from kinds.files import read_json, require_file, sha256_once
from kinds.mistakes import shown

FILES: Final = ["*.json", "*.txt", "*.model", "*.jinja", "additional_chat_templates/*.jinja", "*.safetensors"]
"""Files of a model that are read, and downloaded."""
MOST_LAYERS: Final = 1_024  # of a configuration, and of experts a layer
MOST_SIZE: Final = 2**24  # of any other size in a configuration: a width, a vocabulary, a text
INDEX: Final = ".safetensors.index.json"  # how the name ends of a file that says in which file each weight is
_LAYERS: Final = re.compile(r"num_.*(layers|experts|blocks)|n_(layer|.*experts)|layers$")
_SIZES: Final = re.compile(r"size|dim|width|head|embd|inner|positions|rank|d_model|d_ff|ctx|types")
_MOST_CONFIG_BYTES: Final = 2**20
_MOST_INDEX_BYTES: Final = 2**24


def files_of(folder: Path) -> list[Path]:
    """The files of the folder that may be read, in order of their names."""
    return sorted({path for pattern in FILES for path in folder.glob(pattern)})


def folder_hash(folder: Path) -> str:
    """Returns one hash over all files that may be read of the folder. Raises ConfigError if a file of it cannot be
    read."""
    return " ".join(f"{path.relative_to(folder)} {sha256_once(path)}" for path in files_of(folder))


def read_config(folder: Path) -> Mapping[str, Any]:
    """Returns the contents of config.json. Raises ConfigError if there are none, or if a size exceeds MOST_LAYERS or
    MOST_SIZE."""
    path = folder / "config.json"
    config = _mapping(path, _MOST_CONFIG_BYTES)
    for field, value in _numbers(config):
        most = MOST_LAYERS if _LAYERS.search(field) else MOST_SIZE
        if value > most:
            raise ConfigError(f"{path}: {field} = {value:g}: must be at most {most:,}")
    return config


def require_loadable(folder: Path) -> None:
    """Raises ConfigError naming file and field where the folder names a file outside it, or one that is no safetensors,
    or has a pipe or a device for a file, or where `read_config` refuses it."""
    config = read_config(folder)
    if (path := folder / "adapter_config.json").exists():
        raise ConfigError(f"{path}: adapters are not read; merge it into the model, and take it away")
    if named := config.get("transformers_weights"):
        _require_inside(folder, folder / "config.json", "transformers_weights", named, ".safetensors", INDEX)
    for path in files_of(folder):
        require_file(path)
        if path.name.endswith(INDEX):
            shards = _mapping(path, _MOST_INDEX_BYTES).get("weight_map")
            if not isinstance(shards, dict):
                raise ConfigError(f"{path}: weight_map: must say in which file each weight is")
            for weight, named in shards.items():
                _require_inside(folder, path, f"weight_map.{weight}", named, ".safetensors")
    path = folder / "tokenizer_config.json"
    listed = _mapping(path, _MOST_INDEX_BYTES).get("fast_tokenizer_files") if path.is_file() else None
    for named in listed if isinstance(listed, list) else ():
        _require_inside(folder, path, "fast_tokenizer_files", named, ".json")


def _require_inside(folder: Path, told_by: Path, field: str, named: object, *endings: str) -> None:
    """Raises ConfigError unless the name is that of a file which `folder_hash` counts."""
    if not isinstance(named, str) or not named.endswith(endings) or folder / named not in files_of(folder):
        allowed = " or ".join(f"*{each}" for each in endings)
        raise ConfigError(f"{told_by}: {field} = {shown(named)}: must be a file of this folder, {allowed}")


def _mapping(path: Path, most_bytes: int) -> dict[str, Any]:
    found = read_json(path, most_bytes)
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: must be a JSON object")
    return found


def _numbers(value: object, field: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _numbers(each, str(name))
    elif isinstance(value, list):
        for each in value:
            yield from _numbers(each, field)
    elif isinstance(value, int | float) and (_LAYERS.search(field) or _SIZES.search(field)):
        yield field, value
