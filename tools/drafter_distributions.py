"""Writes drafters' distributions along training texts, for `tools.build_prior`.

    python -m tools.drafter_distributions PAIR TEXTS --out LAWS.npz

TEXTS is `.npy`, int [N, T], token ids of texts that no prompt comes from; a folder of the shards that
`python -m tools.train_smollm2 generate` wrote; or `addresses`, those that the pair `sotu` was trained on. A prior must
serve drafters that nobody tuned it to, so each text is read twice, by two of READERS at a temperature of TEMPERATURES,
drawn at random; the distribution after every token is kept, cut to the TOP likeliest tokens.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from models.interface import LoadedPair, Pair
from models.transformer import TransformerModel

TOP = 256
WIDTH = 32  # of the vectors of ids
LIGHT = ("drafter", "drafter", "shallow", "narrow drafter")
HEAVY = ("verifier", "verifier", "mixture", "narrow verifier")
"""READERS: the two models; the drafter without one of its layers; either, its last hidden state held to its leading
directions, as that of a narrower model is; half of the distribution of each."""
TEMPERATURES = (0.5, 0.7, 1.0, 1.0, 1.0, 1.0, 1.5)
NARROW = (0.2, 0.6)
"""Least and largest share of the directions that the narrow ones keep."""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.drafter_distributions", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("pair", help="kind of a pair (models/zoo.py)")
    parser.add_argument("texts", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--windows", type=int, default=2_000, help="most texts, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    import models.zoo  # noqa: F401, registers the pairs

    torch.set_num_threads(1)
    rng = np.random.default_rng(arguments.seed)
    texts, hidden = read_texts(arguments.texts)
    chosen = rng.permutation(len(texts))[: arguments.windows]
    hidden = None if hidden is None else hidden[torch.from_numpy(chosen)]
    write_distributions(Readers(Pair.of(arguments.pair).load(), texts[chosen], hidden, rng), arguments.out, rng)


def read_texts(path: Path) -> tuple[np.ndarray, torch.Tensor | None]:
    """Token ids, int32 [N, T], and where they are known the verifier's last hidden states, bfloat16 [N, T, width]."""
    if path.name == "addresses":
        return addresses(), None
    if path.is_file():
        return np.load(path).astype(np.int32), None
    tokens, hidden = [], []
    for shard in sorted(path.glob("shard-*.safetensors")):
        tensors = load_file(shard)
        tokens.append(tensors["tokens"].numpy())
        hidden.append(tensors["hidden"])
    return np.concatenate(tokens), torch.cat(hidden)


def addresses() -> np.ndarray:
    """Windows of 128 tokens of the addresses that are not held out, in the `sotu` vocabulary."""
    from tokenizers import Tokenizer

    from models.bundled.sotu import Sotu
    from tools.addresses import tokens

    stream = tokens(Tokenizer.from_file(str(Sotu.home / "tokenizer.json")), held_out=False).astype(np.int32)
    return stream[: stream.size // 128 * 128].reshape(-1, 128)


class Readers:
    """The READERS of a pair over texts, int32 [N, T]."""

    def __init__(
        self, pair: LoadedPair, texts: np.ndarray, hidden: torch.Tensor | None, rng: np.random.Generator
    ) -> None:
        self.texts, self._hidden, self._rng = texts, hidden, rng
        drafter, verifier = pair.drafter, pair.verifier
        assert isinstance(drafter, TransformerModel) and isinstance(verifier, TransformerModel)
        self._models = {"drafter": drafter.network, "verifier": verifier.network}
        sample = range(0, len(texts), max(1, len(texts) // 64))
        self._directions = {
            name: principal(torch.cat([self._states(name, index) for index in sample])) for name in self._models
        }
        embedding = verifier.network.get_input_embeddings().weight
        self.embedding = ((embedding - embedding.mean(0)) @ principal(embedding)[1][:, :WIDTH]).numpy()

    def _states(self, model: str, index: int) -> torch.Tensor:
        if model == "verifier" and self._hidden is not None:
            return self._hidden[index].float()
        return self._run(self._models[model].model, index)

    def _run(self, body: torch.nn.Module, index: int) -> torch.Tensor:
        ids = torch.from_numpy(self.texts[index].astype(np.int64))[None]
        states: torch.Tensor = body(input_ids=ids, use_cache=False).last_hidden_state[0]
        return states

    def distribution(self, name: str, index: int, temperature: float) -> torch.Tensor:
        """[T, V] float32."""
        if name == "mixture":
            return (
                self.distribution("drafter", index, temperature) + self.distribution("verifier", index, temperature)
            ) / 2
        model = name.split()[-1] if name != "shallow" else "drafter"
        states = self._shallow(index) if name == "shallow" else self._states(model, index)
        if name.startswith("narrow"):
            mean, directions = self._directions[model]
            kept = directions[:, : int(self._rng.uniform(*NARROW) * directions.shape[1])]
            states = mean + (states - mean) @ kept @ kept.T
        logits = self._models[model].lm_head(states)
        return torch.softmax(logits / temperature, dim=-1)

    def _shallow(self, index: int) -> torch.Tensor:
        body = self._models["drafter"].model
        layers = body.layers
        body.layers = deepcopy(layers)
        del body.layers[int(self._rng.integers(1, len(layers)))]
        body.config.num_hidden_layers -= 1
        try:
            return self._run(body, index)
        finally:
            body.layers = layers
            body.config.num_hidden_layers += 1


def principal(states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean [width] and principal directions [width, width], the leading first, of vectors [N, width]."""
    mean = states.mean(0)
    _, directions = torch.linalg.eigh((states - mean).T @ (states - mean))
    return mean, directions.flip(1)


@torch.inference_mode()
def write_distributions(readers: Readers, out: Path, rng: np.random.Generator) -> None:
    """`texts` [2 N, T], `top` [2 N, T, TOP], `probabilities` [2 N, T, TOP], and `embedding`, float [V, WIDTH]."""
    number, length = readers.texts.shape
    top = np.empty((2 * number, length, TOP), np.int32)
    probabilities = np.empty(top.shape, np.float16)
    for row, (name, index, temperature) in enumerate(readings(number, rng)):
        distribution = readers.distribution(name, index, temperature)
        best = distribution.topk(TOP, dim=-1)
        top[row], probabilities[row] = best.indices.numpy(), best.values.numpy()
        if row % 100 == 99:
            print(f"{row + 1} of {len(top)} readings", flush=True)
    np.savez(
        out, texts=np.repeat(readers.texts, 2, axis=0), top=top, probabilities=probabilities,
        embedding=readers.embedding,
    )  # fmt: skip


def readings(number: int, rng: np.random.Generator) -> Iterator[tuple[str, int, float]]:
    """(reader, text, temperature): each text twice."""
    for index in range(number):
        for names in (LIGHT, HEAVY):
            yield str(rng.choice(names)), index, float(rng.choice(TEMPERATURES))


if __name__ == "__main__":
    with torch.inference_mode():
        main()
