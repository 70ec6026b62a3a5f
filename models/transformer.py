"""Any causal language model of the transformers library as a `LanguageModel`: KV cache, rollback by crop, float64 laws.

Always float32 and one torch thread, so that a text's laws depend on nothing else that runs; parallelism comes from
processes, and from passes that several texts share (shared_passes), whose bits are those of passes alone. One call of
`laws` or `tree_laws` is one forward pass. To the last bit, laws also depend on how a text was split into passes
(attention over nine new tokens rounds unlike nine times one), so what must repeat exactly repeats the same calls.
"""

from __future__ import annotations

import bisect
import inspect
from pathlib import Path
from typing import Final

import numpy as np
import torch
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    DynamicCache,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.cache_utils import DynamicLayer
from transformers.utils import logging

from kinds import ConfigError, first_line
from kinds.mistakes import shown
from models.cards import fingerprint
from models.clocks.model_config import stored_numbers
from models.devices import device_of
from models.interface import (
    CachedText,
    DeviceName,
    Laws,
    TokenTree,
    require_text,
    require_tree,
    require_tree_passed,
)
from models.model_folder import read_config, require_loadable
from models.packed_passes import ForwardPass, SharedNetwork
from models.shared_passes import logits_of
from models.tree_attention import keep_nodes, tree_pass

_BUFFERS: Final = 2**26
"""Numbers that a network may hold beside twice its weights: masks and tables of positions."""


def load_model(
    folder: Path, weights_hash: str, device: DeviceName = "auto", vocabulary: int | None = None
) -> TransformerModel:
    """The model saved in `folder` (config.json and safetensors, sharded or not), in float32.

    `weights_hash` identifies the weights; the model's fingerprint adds dtype and library versions to it. `vocabulary`:
    see `TransformerModel`. Raises ConfigError when the cache cannot be rolled back, when there are no safetensors, when
    they do not fit the config, or when the folder would have code of its own run (see `models.model_folder`).
    """
    require_known(folder)
    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        require_croppable(config, str(folder))
        _require_sizes_of_weights(config, folder)
        network, report = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except ConfigError:
        raise
    except Exception as error:  # of a stranger's files, each library in between has errors of its own
        raise ConfigError(f"{folder}: no causal language model could be read ({first_line(error)})") from error
    if missing := sorted(report["missing_keys"]):
        raise ConfigError(f"{folder}: {len(missing)} weights are missing, {missing[0]} among them")
    cut = [] if vocabulary in (None, config.vocab_size) else [f"V={vocabulary}"]
    return TransformerModel(network, fingerprint(weights_hash, *cut), device, vocabulary)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer saved beside a model. Raises ConfigError when there is none, or only one with code of its own."""
    require_known(folder)
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise ConfigError(f"{folder}: no tokenizer could be read ({first_line(error)})") from error


def require_known(folder: Path) -> None:
    """Raises ConfigError as `require_loadable` does, and for a model that the transformers library does not know: only
    code beside its weights could load it."""
    require_loadable(folder)
    kind = read_config(folder).get("model_type")
    if kind is not None and not (isinstance(kind, str) and kind in CONFIG_MAPPING):
        told = "must be one of the transformers library, code beside the weights is not run"
        raise ConfigError(f"{folder / 'config.json'}: model_type = {shown(kind)}: {told}")


def require_croppable(config: PreTrainedConfig, name: str) -> None:
    """Raises ConfigError naming the cache, unless every layer keeps all keys and values, so that a text can roll back.

    Sliding windows forget what a rollback needs; state-space and linear-attention layers cannot go back at all.
    """
    layers = DynamicCache(config=config).layers
    unfit = sorted({type(layer).__name__ for layer in layers if type(layer) is not DynamicLayer})
    kind = getattr(config, "model_type", "model")
    if unfit:
        raise ConfigError(f"{name}: {kind} caches through {', '.join(unfit)}; only full attention caches roll back")
    if not layers and not _has_attention_layers(config):
        raise ConfigError(f"{name}: {kind} keeps a state, not keys and values; only full attention caches roll back")


def _require_sizes_of_weights(config: PreTrainedConfig, folder: Path) -> None:
    """Raises ConfigError where the configuration makes a network far larger than the weights beside it, which would be
    filled with zeros before they are found missing, or where its attention comes from outside the library."""
    attention = str(config._attn_implementation)
    if "/" in attention or ":" in attention:
        raise ConfigError(f"{folder}: attn_implementation = {attention!r}: must be one of the transformers library")
    with torch.device("meta"):  # sizes without numbers
        network = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    described = sum(each.numel() for each in (*network.parameters(), *network.buffers()))
    stored = stored_numbers(folder)
    if described > 2 * stored + _BUFFERS:
        raise ConfigError(f"{folder}: config.json describes {described:,} numbers, its safetensors hold {stored:,}")


def _has_attention_layers(config: PreTrainedConfig) -> bool:
    """Whether the model attends: a state-space configuration has a state size or no attention heads."""
    return hasattr(config, "num_attention_heads") and not hasattr(config, "state_size")


class TransformerModel:
    """A `LanguageModel` around a transformers network. Loading moves it to its device and fixes one thread.

    `vocabulary`: the ids that its tokenizer has, where the network's embedding is padded with more: the logits of the
    first so many alone are looked at, so that each next-token distribution is cut to them and renormalised.
    """

    def __init__(
        self,
        network: PreTrainedModel,
        fingerprint: str,
        device: DeviceName = "cpu",
        vocabulary: int | None = None,
    ) -> None:
        torch.set_num_threads(1)
        self.fingerprint = fingerprint
        self.network = network.eval().requires_grad_(False).to(_device(device))
        for weight in self.network.parameters():  # mapped from a file, its alignment, hence rounding, is the file's
            weight.data = weight.data.clone()
        self.vocabulary: int = network.config.vocab_size if vocabulary is None else vocabulary
        self.context_tokens: int = network.config.max_position_embeddings
        if "logits_to_keep" not in inspect.signature(type(network).forward).parameters:
            raise ConfigError(f"{type(network).__name__} takes no logits_to_keep: not supported")
        self.shared = SharedNetwork(self.network)

    def open(self, temperature: float) -> CachedText:
        """See `LanguageModel.open`."""
        return TransformerText(self, temperature)


class TransformerText:
    """One text, its keys and values. See `CachedText`."""

    def __init__(self, model: TransformerModel, temperature: float) -> None:
        self._network = model.network
        self._vocabulary = model.vocabulary
        self._shared = model.shared
        self._context_tokens = model.context_tokens
        self._temperature = temperature
        self._cache = DynamicCache(config=model.network.config)
        self._cached: tuple[int, ...] = ()
        self._tree: TokenTree | None = None
        """Whose nodes lie in the cache behind the text's entries: until something else is asked."""

    @property
    def cached(self) -> tuple[int, ...]:
        return self._cached

    def laws(self, tokens: tuple[int, ...], last: int) -> Laws:
        """See `CachedText.laws`: [last, V] float64."""
        require_text(tokens, last, self._context_tokens)
        self.crop(min(_common_prefix(self._cached, tokens), len(tokens) - last))
        missing = tokens[len(self._cached) :]
        if not missing:
            return np.empty((0, self._vocabulary))
        logits = logits_of(ForwardPass(self._shared, self._cache, missing, last))
        self._cached = tokens
        with torch.inference_mode():
            return _laws(logits[:, : self._vocabulary], self._temperature)

    def tree_laws(self, tokens: tuple[int, ...], tree: TokenTree) -> Laws:
        """See `CachedText.tree_laws`: [N + 1, V] float64."""
        require_tree(tokens, tree, self._context_tokens)
        if tree.is_line:
            laws = self.laws((*tokens, *tree.tokens), len(tree.tokens) + 1)
        else:
            self.crop(min(_common_prefix(self._cached, tokens), len(tokens) - 1))
            with self._shared.lock, torch.inference_mode():
                logits = tree_pass(self._network, self._cache, tokens[len(self._cached) :], tree)
                laws = _laws(logits[:, : self._vocabulary], self._temperature)
        self._cached, self._tree = tokens, tree
        return laws

    def graft(self, path: tuple[int, ...]) -> None:
        """See `CachedText.graft`."""
        tree = require_tree_passed(self._tree)
        grafted = tree.along(path)
        keep_nodes(self._cache, len(self._cached), path)
        self._cached, self._tree = (*self._cached, *grafted), None

    def crop(self, length: int) -> None:
        """Forgets all cached entries past the first `length`, and the tree behind them."""
        held = len(self._cached) + (len(self._tree.tokens) if self._tree else 0)
        self._cached, self._tree = self._cached[:length], None
        if held > len(self._cached):
            self._cache.crop(len(self._cached) - held)


def _laws(logits: torch.Tensor, temperature: float) -> Laws:
    """Softmax in float64 of logits [n, V] at a temperature; at 0 one-hot at the lowest-id argmax."""
    if temperature > 0:
        wide = logits.to(torch.float64, copy=True)
        if temperature != 1:
            wide /= temperature
        laws: Laws = torch.softmax(wide, dim=-1, out=wide).cpu().numpy()  # in place: fresh pages cost more than it does
        return laws
    values = logits.cpu().numpy()
    greedy = np.zeros(values.shape)
    greedy[np.arange(len(values)), values.argmax(axis=1)] = 1.0
    return greedy


def _common_prefix(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """How many leading tokens two texts share; quick where one is a prefix of the other."""
    shorter = min(len(a), len(b))
    if a[:shorter] == b[:shorter]:
        return shorter
    return bisect.bisect_left(range(shorter), True, key=lambda n: a[: n + 1] != b[: n + 1])


def _device(name: DeviceName) -> torch.device:
    """That of the fingerprint, or none."""
    device = device_of(name)
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device = {name!r}: torch can use no GPU here; set it to cpu")
    return torch.device(device)
