"""Tiny random models of several architectures, saved to disk as any model is: what the loading tests read."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from models.interface import TokenTree
from models.shared_passes import together

T = TypeVar("T")
VOCABULARY = 61
CONTEXT = 96
WORDS = [*(chr(ord("A") + i) for i in range(VOCABULARY - 1)), "<|endoftext|>"]

SIZES = {"vocab_size": VOCABULARY, "hidden_size": 32, "max_position_embeddings": CONTEXT}
LAYERS = {"num_hidden_layers": 2, "num_attention_heads": 4}
CONFIGS = {
    "llama": lambda: transformers.LlamaConfig(**SIZES, **LAYERS, num_key_value_heads=2, intermediate_size=48),
    "gpt2": lambda: transformers.GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=CONTEXT, bos_token_id=0, eos_token_id=0
    ),
    "gpt_neo": lambda: transformers.GPTNeoConfig(
        **SIZES, num_layers=2, num_heads=4, attention_types=[[["global", "local"], 1]], window_size=7, bos_token_id=0,
        eos_token_id=0,
    ),
    "opt": lambda: transformers.OPTConfig(
        **SIZES, **LAYERS, ffn_dim=48, word_embed_proj_dim=24, do_layer_norm_before=True
    ),
    "gpt_neox": lambda: transformers.GPTNeoXConfig(**SIZES, **LAYERS, intermediate_size=48),
}  # fmt: skip


def network(architecture: str, seed: int = 0, spread: float = 0.2, padding: int = 0) -> transformers.PreTrainedModel:
    """A random network whose distributions are far from uniform: every weight matrix has standard deviation `spread`.
    Its embedding has `padding` ids more than VOCABULARY."""
    torch.manual_seed(seed)
    config = CONFIGS[architecture]()
    config.vocab_size += padding
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.normal_(std=spread)
    return model


def save(
    folder: Path, architecture: str = "llama", seed: int = 0, words: list[str] | None = None, padding: int = 0
) -> Path:
    """Saves network and tokenizer to `folder`; `words` are the tokens' texts, by default single characters."""
    network(architecture, seed, padding=padding).save_pretrained(folder)
    tokenizer(words).save(str(folder / "tokenizer.json"))
    return folder


def tokenizer(words: list[str] | None = None) -> Tokenizer:
    """A tokenizer of VOCABULARY tokens, characters and an end of text, or of `words`."""
    texts = words or WORDS
    made = Tokenizer(models.WordLevel({text: i for i, text in enumerate(texts)}, unk_token=texts[0]))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    made.decoder = decoders.Fuse()
    return made


TREE = TokenTree((3, 5, 7, 2, 9), (-1, -1, 0, 0, 1))


def story(model, seed: int, rounds: int = 4, longest: int = 20, trees: bool = True) -> list[np.ndarray]:
    """A text's distributions, round by round: drafts of which some are accepted, now and then a tree, a crop, a prompt
    read ahead, the first prompt below `longest`. What happens is decided by the seed, never by the distributions."""
    rng = np.random.default_rng(seed)
    text, told = model.open(1.0 if seed % 3 else 0.7), []
    committed = tuple(rng.integers(model.vocabulary, size=rng.integers(1, longest)).tolist())
    if seed % 2:
        text.distributions(committed[:-1], 0)
    for _ in range(rounds):
        drafts = tuple(rng.integers(model.vocabulary, size=rng.integers(0, 9)).tolist())
        if trees and rng.random() < 0.3 and len(drafts) > 1:
            told.append(text.tree_distributions(committed, TREE))
            path = ((), (1,), (0, 3))[rng.integers(3)]
            text.graft(path)
            committed += TREE.along(path)
        else:
            told.append(text.distributions(committed + drafts, len(drafts) + 1))
            assert text.cached == committed + drafts
            committed += drafts[: rng.integers(len(drafts) + 1)]
            if rng.random() < 0.5:
                text.crop(len(committed))
        committed += (int(rng.integers(model.vocabulary)),)
    return told


def at_once(calls: list[Callable[[], T]], at_a_time: int = 16) -> list[T]:
    """What the calls return whose passes are shared, in their order."""
    ended = dict(together(calls, at_a_time))
    assert sorted(ended) == list(range(len(calls)))
    for outcome in ended.values():
        if isinstance(outcome, Exception):
            raise outcome
    return [ended[place] for place in range(len(calls))]


def counted_passes(model, monkeypatch) -> list[tuple[int, int]]:
    """Of each pass that the model makes from now on: its new tokens, and the distributions that it is asked for."""
    passes, forward = [], type(model.network).forward

    @wraps(forward)
    def counted(network, input_ids, **given):
        passes.append((input_ids.shape[1], given["logits_to_keep"]))
        return forward(network, input_ids, **given)

    monkeypatch.setattr(type(model.network), "forward", counted)
    return passes


def require_cache_of(text, fresh) -> None:
    """The keys and values of each layer are those of a fresh pass over what is said to be cached, and no more (I10)."""
    fresh.distributions(text.cached, 0)
    for layer, other in zip(text._cache.layers, fresh._cache.layers, strict=True):
        assert layer.keys.shape[-2] == layer.values.shape[-2] == len(text.cached)
        torch.testing.assert_close(layer.keys, other.keys, atol=1e-4, rtol=0)
        torch.testing.assert_close(layer.values, other.values, atol=1e-4, rtol=0)
