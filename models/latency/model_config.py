"""The dimensions of a model from its transformers `config.json`. Parameters are counted layer by layer for known
architectures, of any other from the headers of its safetensors files. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any, Final

from kinds import ConfigError
from kinds.files import open_file, parse_json, read_json
from models.latency.datasheets import Experts, ModelSize

Config = Mapping[str, Any]
_MOST_HEADER_BYTES: Final = 2**24
EXPERTS: Final = ("num_experts", "num_local_experts", "n_routed_experts")
"""Fields of a configuration that count the experts of a layer."""


def size_at(place: str) -> ModelSize | None:
    """The size of the model at `place`: a folder with a config.json, that file, or a hub id that the hub's cache on
    this machine holds. None where there is no such thing; raises ConfigError where its config.json does not say."""
    path = _config_file(place)
    if path is None:
        return None
    try:
        config = read_json(path)
        assert isinstance(config, dict)
        name = place if not Path(place).exists() else path.resolve().parent.name
        return size_of(config, name, path.parent)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, AssertionError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{path}: not a model's configuration; write parameters, layers, width, kv_width") from None


def size_of(config: Config, name: str, folder: Path | None = None) -> ModelSize:
    """The size that a configuration describes; `folder` may hold the weights of an architecture that is not known.
    Raises ConfigError for a mixture of experts that is none of MIXTURES: no dense size tells what its passes read."""
    kind = config["model_type"]
    for field in EXPERTS:
        if kind not in MIXTURES and (config.get(field) or 1) > 1:
            raise ConfigError(
                f"{name}: {field} = {config[field]}: of mixtures of experts {', '.join(MIXTURES)} are timed; "
                f"model_type is {kind!r}; write parameters, layers, width, kv_width, experts"
            )
    heads = _first(config, "num_attention_heads", "n_head", "num_heads")
    width = _first(config, "hidden_size", "n_embd")
    head_width = config.get("head_dim") or width // heads
    kv_heads = config.get("num_key_value_heads") or heads
    count = PARAMETERS.get(kind)
    parameters = count(config) if count is not None else stored_numbers(folder) if folder is not None else 0
    experts = None
    if kind in MIXTURES:
        parameters, experts = _mixture(config)
    if not parameters:
        known = ", ".join(sorted((*PARAMETERS, *MIXTURES)))
        raise ConfigError(
            f"{name}: model_type {kind!r} is none of {known}, and no safetensors are beside its "
            "config.json; write parameters, layers, width, kv_width"
        )
    return ModelSize(
        name=name,
        parameters=parameters,
        layers=_first(config, "num_hidden_layers", "n_layer", "num_layers"),
        width=width,
        kv_width=kv_heads * head_width,
        heads=heads,
        kv_heads=kv_heads,
        source=f"config.json of {name}",
        experts=experts,
    )


def _config_file(place: str) -> Path | None:
    for path in (Path(place), Path(place) / "config.json"):
        if path.name == "config.json" and path.is_file():
            return path
    if place.count("/") != 1:
        return None
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(place, "config.json")
    except ValueError:  # no id that the hub could have
        return None
    return Path(found) if isinstance(found, str) else None


def _llama(config: Config) -> int:
    """Gated feed-forward, two norms a layer without bias, grouped heads."""
    d, f, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    head = config.get("head_dim") or d // heads
    q, kv = heads * head, (config.get("num_key_value_heads") or heads) * head
    layer = 2 * d * q + 2 * d * kv + 3 * d * f + 2 * d
    if config["model_type"] == "qwen2":
        layer += q + 2 * kv
    elif config.get("attention_bias"):
        layer += q + 2 * kv + d
    if config["model_type"].startswith("qwen3"):
        layer += 2 * head
    if config.get("mlp_bias"):
        layer += 2 * f + d
    return int(_embeddings(config, d, tied=False) + config["num_hidden_layers"] * layer + d)


def _mixture(config: Config) -> tuple[int, Experts]:
    """Parameters, and the experts among them: `_llama` with a router and gated experts for the feed-forward of sparse
    layers; in gpt_oss both with biases, and a sink a head."""
    d, layers, count = config["hidden_size"], config["num_hidden_layers"], _first(config, *EXPERTS)
    f, biases = config.get("moe_intermediate_size") or config["intermediate_size"], config["model_type"] == "gpt_oss"
    step, dense = config.get("decoder_sparse_step") or 1, config.get("mlp_only_layers") or ()
    sparse = sum((layer + 1) % step == 0 and layer not in dense for layer in range(layers))
    around = _llama({**config, "intermediate_size": 0}) + 3 * d * config["intermediate_size"] * (layers - sparse)
    around += sparse * count * (d + biases) + biases * layers * config["num_attention_heads"]
    expert = sparse * (3 * d * f + biases * (2 * f + d))
    looked_up = 0 if config.get("tie_word_embeddings") else config["vocab_size"] * d
    return around + count * expert, Experts(
        count=count,
        per_token=_first(config, "num_experts_per_tok", "experts_per_token"),
        parameters=expert,
        shared_parameters=around - looked_up,
    )


def _gpt2(config: Config) -> int:
    d = config["n_embd"]
    layers = config["n_layer"] * _layer(d, config.get("n_inner"))
    return int(_embeddings(config, d, config["n_positions"]) + layers + 2 * d)


def _gpt_neo(config: Config) -> int:
    """No bias on queries, keys and values."""
    d, positions = config["hidden_size"], config["max_position_embeddings"]
    layer = _layer(d, config.get("intermediate_size")) - 3 * d
    return int(_embeddings(config, d, positions) + config["num_layers"] * layer + 2 * d)


def _gpt_neox(config: Config) -> int:
    d = config["hidden_size"]
    layers = config["num_hidden_layers"] * _layer(d, config["intermediate_size"])
    return int(_embeddings(config, d, tied=False) + layers + 2 * d)


def _opt(config: Config) -> int:
    """Two positions more than the longest text; a narrower embedding is projected, and has no last norm."""
    d, e = config["hidden_size"], config.get("word_embed_proj_dim") or config["hidden_size"]
    around = config["vocab_size"] * e + (config["max_position_embeddings"] + 2) * d + (2 * d * e if e != d else 2 * d)
    return int(around + config["num_hidden_layers"] * _layer(d, config["ffn_dim"]))


PARAMETERS: dict[str, Callable[[Config], int]] = {
    "llama": _llama, "mistral": _llama, "qwen2": _llama, "qwen3": _llama,
    "gpt2": _gpt2, "gpt_neo": _gpt_neo, "gpt_neox": _gpt_neox, "opt": _opt,
}  # fmt: skip
"""Functions that count the parameters of a configuration, by its model_type."""
MIXTURES: Final = ("gpt_oss", "qwen3_moe")
"""Values of model_type of mixtures of experts that are timed."""


def _layer(d: int, inner: int | None) -> int:
    """Attention and feed-forward with biases, and two norms with biases."""
    f = inner or 4 * d
    return 4 * d * d + 4 * d + 2 * d * f + f + d + 4 * d


def _embeddings(config: Config, d: int, positions: int = 0, tied: bool = True) -> int:
    """Tokens, twice where the last layer has a table of its own, and positions. `tied`: where nothing is said."""
    tables = 1 if config.get("tie_word_embeddings", tied) else 2
    return int((tables * config["vocab_size"] + positions) * d)


def stored_numbers(folder: Path) -> int:
    """The numbers in all safetensors of a folder, from their headers. Raises ConfigError where one has none."""
    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        with open_file(path) as file:
            size = int.from_bytes(file.read(8), "little")
            header = file.read(size) if size <= _MOST_HEADER_BYTES else b""
        try:
            tensors = parse_json(header.decode(), str(path))
            assert isinstance(tensors, dict)
            total += sum(prod(tensor["shape"]) for name, tensor in tensors.items() if name != "__metadata__")
        except (ValueError, KeyError, TypeError, AssertionError):
            raise ConfigError(f"{path}: not a safetensors file") from None
    return total


def _first(config: Config, *names: str) -> int:
    found = [name for name in names if name in config] or names
    return int(config[found[0]])
