"""Any causal language model of the transformers library as a `LanguageModel`: KV cache, rollback by crop, float64.

Always float32 and one torch thread, so that a text's distributions depend on nothing else that runs; parallelism comes
from processes, and from passes that several texts share (shared_passes), whose bits are those of passes alone. One call
of `distributions` or `tree_distributions` is one forward pass. To the last bit, distributions also depend on how a text
was split into passes (attention over nine new tokens rounds unlike nine times one), so what must repeat exactly repeats
the same calls.

Tree attention is one forward pass over a text's missing tokens and a tree of drafts (SpecInfer, arXiv 2305.09781).

The nodes stand in the cache one after another, but each has the position that its path gives it, and sees the text and
its own path only: position ids and a 4-D additive mask say so. Where a network masks by place in the cache as well
(GPT-Neo's local layers), that mask is given the positions for as long as the pass takes. N nodes cost what a line of N
drafts costs; the mask's M + N rows of cached + M + N floats are next to nothing beside it.
"""

from __future__ import annotations

import bisect
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
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
from kinds.arrays import Ints
from kinds.mistakes import shown
from models.cards import device_of, fingerprint
from models.interface import (
    CachedText,
    DeviceName,
    Distributions,
    TokenTree,
    require_text,
    require_tree,
    require_tree_passed,
)
from models.latency.model_config import stored_numbers
from models.model_folder import read_config, require_loadable
from models.packed_passes import ForwardPass, SharedNetwork
from models.shared_passes import logits_of

_BUFFERS: Final = 2**26  # numbers that a network may hold beside twice its weights: masks and tables of positions


def load_model(
    folder: Path,
    weights_hash: str,
    device: DeviceName = "auto",
    vocabulary: int | None = None,
) -> TransformerModel:
    """The model saved in `folder` (config.json and safetensors, sharded or not), in float32; `weights_hash` identifies
    the weights, `vocabulary` is as of `TransformerModel`. Raises ConfigError when the cache cannot be
    rolled back, weights are no safetensors or do not fit the config, or the folder would run code of its own."""
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
    """Raises ConfigError as `require_loadable` does, and for a model that transformers does not know."""
    require_loadable(folder)
    kind = read_config(folder).get("model_type")
    if kind is not None and not (isinstance(kind, str) and kind in CONFIG_MAPPING):
        allowed = "must be one of the transformers library, code beside the weights is not run"
        raise ConfigError(f"{folder / 'config.json'}: model_type = {shown(kind)}: {allowed}")


def require_croppable(config: PreTrainedConfig, name: str) -> None:
    """Raises ConfigError naming the cache, unless every layer keeps all keys and values, so that a text can roll back:
    sliding windows forget what a rollback needs, state-space and linear-attention layers cannot go back at all."""
    layers = DynamicCache(config=config).layers
    unfit = sorted({type(layer).__name__ for layer in layers if type(layer) is not DynamicLayer})
    kind = getattr(config, "model_type", "model")
    if unfit:
        raise ConfigError(f"{name}: {kind} caches through {', '.join(unfit)}; only full attention caches roll back")
    if not layers and (not hasattr(config, "num_attention_heads") or hasattr(config, "state_size")):
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


class TransformerModel:
    """A `LanguageModel` around a transformers network. Loading moves it to its device and fixes one thread.

    `vocabulary`: the ids that its tokenizer has; distributions of a padded embedding are cut to them and renormalised.
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
        self.shared = SharedNetwork(self.network)
        for weight in self.network.parameters():  # mapped from a file, its alignment, hence rounding, is the file's
            weight.data = weight.data.clone()
        self.vocabulary: int = network.config.vocab_size if vocabulary is None else vocabulary
        self.context_tokens: int = network.config.max_position_embeddings
        if "logits_to_keep" not in inspect.signature(type(network).forward).parameters:
            raise ConfigError(f"{type(network).__name__} takes no logits_to_keep: not supported")

    def open(self, temperature: float) -> CachedText:
        return TransformerText(self, temperature)


class TransformerText:
    """Text with its keys and values. See `CachedText`."""

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

    def distributions(self, tokens: tuple[int, ...], last: int) -> Distributions:
        require_text(tokens, last, self._context_tokens)
        self.crop(min(_common_prefix(self._cached, tokens), len(tokens) - last))
        missing = tokens[len(self._cached) :]
        if not missing:
            return np.empty((0, self._vocabulary))
        logits = logits_of(ForwardPass(self._shared, self._cache, missing, last))
        self._cached = tokens
        with torch.inference_mode():
            return _distributions(logits[:, : self._vocabulary], self._temperature)

    def tree_distributions(self, tokens: tuple[int, ...], tree: TokenTree) -> Distributions:
        require_tree(tokens, tree, self._context_tokens)
        if tree.is_line:
            distributions = self.distributions((*tokens, *tree.tokens), len(tree.tokens) + 1)
        else:
            self.crop(min(_common_prefix(self._cached, tokens), len(tokens) - 1))
            with self._shared.lock, torch.inference_mode():
                logits = tree_pass(self._network, self._cache, tokens[len(self._cached) :], tree)
                distributions = _distributions(logits[:, : self._vocabulary], self._temperature)
        self._cached, self._tree = tokens, tree
        return distributions

    def graft(self, path: tuple[int, ...]) -> None:
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


def _distributions(logits: torch.Tensor, temperature: float) -> Distributions:
    """Softmax in float64 of logits [n, V] at a temperature; at 0 one-hot at the lowest-id argmax."""
    if temperature > 0:
        wide = logits.to(torch.float64, copy=True)
        if temperature != 1:
            wide /= temperature
        distributions: Distributions = (
            torch.softmax(wide, dim=-1, out=wide).cpu().numpy()
        )  # in place: fresh pages cost more than it does
        return distributions
    values = logits.cpu().numpy()
    greedy = np.zeros(values.shape)
    greedy[np.arange(len(values)), values.argmax(axis=1)] = 1.0
    return greedy


def _common_prefix(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    shorter = min(len(a), len(b))
    if a[:shorter] == b[:shorter]:
        return shorter
    return bisect.bisect_left(range(shorter), True, key=lambda n: a[: n + 1] != b[: n + 1])


def _device(name: DeviceName) -> torch.device:
    """Returns the device of the fingerprint. Raises ConfigError where torch has none."""
    device = device_of(name)
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device = {name!r}: torch can use no GPU here; set it to cpu")
    return torch.device(device)


Sight = npt.NDArray[np.bool_]  # which entries of the cache (columns) each token of a pass (rows) attends to


def tree_pass(network: PreTrainedModel, cache: DynamicCache, missing: tuple[int, ...], tree: TokenTree) -> torch.Tensor:
    """Logits [N + 1, V] after the text and after each node; the cache then holds text and nodes. `missing`: the text's
    tokens, one at least, that it lacks. Raises ConfigError on a network that takes no mask or no positions."""
    require_tree_attention(network)
    held = cache.get_seq_length()
    positions = tree_positions(held, len(missing), tree)
    device, sees = network.device, tree_sight(held, len(missing), tree)
    added = np.where(sees, np.float32(0), np.finfo(np.float32).min)  # to the scores of attention
    with _windows_by_position(network, positions):
        output = network(
            input_ids=torch.tensor([[*missing, *tree.tokens]], device=device),
            attention_mask=torch.from_numpy(added)[None, None].to(device),
            position_ids=torch.from_numpy(positions[held:]).to(device)[None],
            cache=cache,
            use_cache=True,
            logits_to_keep=len(tree.tokens) + 1,
        )
    logits: torch.Tensor = output.logits[0]
    return logits


def require_tree_attention(network: PreTrainedModel) -> None:
    """Raises ConfigError that names the network, unless it takes positions and a mask of one's own."""
    name = type(network).__name__
    lacks = {"position_ids", "attention_mask"} - set(inspect.signature(type(network).forward).parameters)
    if lacks:
        raise ConfigError(f"{name} takes no {' and no '.join(sorted(lacks))}: it cannot judge a tree of drafts")
    if getattr(network.config, "alibi", False):
        raise ConfigError(f"{name} with alibi = True tells positions from the cache: it cannot judge a tree of drafts")
    attention = network.config._attn_implementation
    if attention not in ("eager", "sdpa"):
        raise ConfigError(f"{name}: attention = {attention!r} takes no mask of a tree: eager or sdpa allowed")


def keep_nodes(cache: DynamicCache, text_tokens: int, path: tuple[int, ...]) -> None:
    """Keeps, of what is cached behind the first `text_tokens` entries, by node, the nodes of `path`, in its order."""
    kept = torch.tensor([*range(text_tokens), *(text_tokens + node for node in path)])
    for layer in cache.layers:
        layer.keys = layer.keys.index_select(-2, kept.to(layer.keys.device))
        layer.values = layer.values.index_select(-2, kept.to(layer.values.device))


def tree_positions(held: int, missing: int, tree: TokenTree) -> Ints:
    """The position of each entry of the cache after the pass: int64 [held + missing + N]."""
    text = held + missing
    return np.concatenate([np.arange(text), text - 1 + np.array(tree.depths, dtype=np.int64)])


def tree_sight(held: int, missing: int, tree: TokenTree) -> Sight:
    """Returns the entries that each token of the pass sees, bool [missing + N, held + missing + N]: text sees text up
    to itself, a node all text, its parent's entries, and itself."""
    text, nodes = held + missing, len(tree.tokens)
    sees = np.zeros((missing + nodes, text + nodes), dtype=np.bool_)
    sees[:, :text] = np.tri(missing + nodes, text, held, dtype=np.bool_)
    for node, parent in enumerate(tree.parents):
        if parent >= 0:
            sees[missing + node, text:] = sees[missing + parent, text:]
        sees[missing + node, text + node] = True
    return sees


@contextmanager
def _windows_by_position(network: PreTrainedModel, positions: Ints) -> Iterator[None]:
    """While it lasts, GPT-Neo's layers mask by position what they otherwise mask by place in the cache.

    Their buffer `bias`, bool [1, 1, places, places], has a row for each query's place and a column for each key's; in
    local layers it is a window.
    """
    layers = [module for module in network.modules() if type(module).__name__ == "GPTNeoSelfAttention"]
    buffers = [layer.bias for layer in layers]
    if layers:
        apart = torch.from_numpy(positions[:, None] - positions).to(network.device)[None, None]
        before = apart >= 0
        within = before & (apart < network.config.window_size)
    try:
        for layer in layers:
            layer.bias = within if layer.attention_type == "local" else before
        yield
    finally:
        for layer, buffer in zip(layers, buffers, strict=True):
            layer.bias = buffer
