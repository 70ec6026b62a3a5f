"""Writes a drafter's laws along training texts, for `channels.codec.recoded.build_prior`. A command, not a benchmark:

    python tests/benchmarks/bench_codec_laws.py PAIR TEXTS --out LAWS.npz

TEXTS is `.npy`, int [N, T], token ids of texts that no prompt comes from; a folder of the shards that
`python -m models.training.train_smollm2 generate` wrote; or `addresses`, those that the pair `sotu` was trained on. The
drafter reads each text and its law after every token is kept, cut to the TOP likeliest tokens.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from models.interface import Pair

TOP = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("pair", help="kind of a pair (models/zoo.py)")
    parser.add_argument("texts", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--windows", type=int, default=2_000, help="most texts, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    texts = read_texts(arguments.texts)
    chosen = np.random.default_rng(arguments.seed).permutation(len(texts))[: arguments.windows]
    write_laws(arguments.pair, texts[chosen], arguments.out)


def read_texts(path: Path) -> np.ndarray:
    """Token ids, int32 [N, T]."""
    if path.name == "addresses":
        return addresses()
    if path.is_file():
        return np.load(path).astype(np.int32)
    from safetensors import safe_open

    parts = []
    for shard in sorted(path.glob("shard-*.safetensors")):
        with safe_open(shard, "np") as file:
            parts.append(file.get_tensor("tokens").astype(np.int32))
    return np.concatenate(parts)


def addresses() -> np.ndarray:
    """Windows of 128 tokens of the addresses that are not held out, in the `sotu` vocabulary."""
    from tokenizers import Tokenizer

    from models.bundled.sotu import Sotu
    from models.training.addresses import tokens

    stream = tokens(Tokenizer.from_file(str(Sotu.home / "tokenizer.json")), held_out=False).astype(np.int32)
    return stream[: stream.size // 128 * 128].reshape(-1, 128)


def write_laws(pair: str, texts: np.ndarray, out: Path) -> None:
    """`texts` [N, T], `top` [N, T, TOP], `probabilities` [N, T, TOP] at temperature 1."""
    import torch

    torch.set_num_threads(1)
    drafter = load_drafter(pair)
    top = np.empty((*texts.shape, TOP), np.int32)
    probabilities = np.empty(top.shape, np.float32)
    for index, text in enumerate(texts):
        laws = torch.from_numpy(drafter.open(1.0).laws(tuple(text.tolist()), len(text)))  # [T, V]
        best = laws.topk(TOP, dim=-1)
        top[index], probabilities[index] = best.indices.numpy(), best.values.numpy()
        if index % 100 == 99:
            print(f"{index + 1} of {len(texts)} texts", flush=True)
    np.savez(out, texts=texts, top=top, probabilities=probabilities)


def load_drafter(pair: str):
    """The drafter of a pair, by kind."""
    import models.zoo  # noqa: F401, registers the pairs

    return Pair.of(pair).load().drafter


if __name__ == "__main__":
    main()
