"""Sizes of models from the configuration beside their weights."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from kinds import ConfigError
from models.bundled.sotu import Sotu
from models.latency.datasheets import SIZES
from models.latency.model_config import size_at, size_of
from models.latency.roofline import Roofline


def llama(layers: int, d: int, heads: int, kv: int, inner: int, vocabulary: int, **others: Any) -> dict[str, Any]:
    return {
        "model_type": "llama", "num_hidden_layers": layers, "hidden_size": d, "num_attention_heads": heads,
        "num_key_value_heads": kv, "intermediate_size": inner, "vocab_size": vocabulary, **others,
    }  # fmt: skip


def neox(layers: int, d: int, heads: int, vocabulary: int = 50304) -> dict[str, Any]:
    return {
        "model_type": "gpt_neox", "num_hidden_layers": layers, "hidden_size": d, "num_attention_heads": heads,
        "intermediate_size": 4 * d, "vocab_size": vocabulary, "tie_word_embeddings": False,
    }  # fmt: skip


def opt(layers: int, d: int, heads: int) -> dict[str, Any]:
    return {
        "model_type": "opt", "num_hidden_layers": layers, "hidden_size": d, "num_attention_heads": heads,
        "ffn_dim": 4 * d, "vocab_size": 50272, "max_position_embeddings": 2048, "word_embed_proj_dim": d,
    }  # fmt: skip


def neo(layers: int, d: int, heads: int) -> dict[str, Any]:
    return {
        "model_type": "gpt_neo", "num_layers": layers, "hidden_size": d, "num_heads": heads, "intermediate_size": None,
        "vocab_size": 50257, "max_position_embeddings": 2048,
    }  # fmt: skip


TIED: dict[str, Any] = {"tie_word_embeddings": True}
QWEN: dict[str, Any] = {"model_type": "qwen2"}
RELEASED: dict[str, dict[str, Any]] = {
    "opt_125m": opt(12, 768, 12), "opt_1.3b": opt(24, 2048, 32), "opt_2.7b": opt(32, 2560, 32),
    "opt_6.7b": opt(32, 4096, 32), "opt_13b": opt(40, 5120, 40),
    "gpt2": {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024,
             "vocab_size": 50257},
    "gpt_neo_125m": neo(12, 768, 12), "gpt_neo_1.3b": neo(24, 2048, 16), "gpt_neo_2.7b": neo(32, 2560, 20),
    "pythia_160m": neox(12, 768, 12), "pythia_410m": neox(24, 1024, 16), "pythia_1.4b": neox(24, 2048, 16),
    "pythia_2.8b": neox(32, 2560, 32), "pythia_6.9b": neox(32, 4096, 32, 50432),
    "smollm2_135m": llama(30, 576, 9, 3, 1536, 49152, **TIED),
    "smollm2_360m": llama(32, 960, 15, 5, 2560, 49152, **TIED),
    "smollm2_1.7b": llama(24, 2048, 32, 32, 8192, 49152, **TIED),
    "tinyllama_1.1b": llama(22, 2048, 32, 4, 5632, 32000),
    "llama_2_7b": llama(32, 4096, 32, 32, 11008, 32000), "llama_2_13b": llama(40, 5120, 40, 40, 13824, 32000),
    "llama_2_70b": llama(80, 8192, 64, 8, 28672, 32000),
    "llama_3.2_1b": llama(16, 2048, 32, 8, 8192, 128256, **TIED),
    "llama_3.2_3b": llama(28, 3072, 24, 8, 8192, 128256, **TIED),
    "llama_3.1_8b": llama(32, 4096, 32, 8, 14336, 128256), "llama_3.1_70b": llama(80, 8192, 64, 8, 28672, 128256),
    "qwen2.5_0.5b": llama(24, 896, 14, 2, 4864, 151936, **QWEN, **TIED),
    "qwen2.5_1.5b": llama(28, 1536, 12, 2, 8960, 151936, **QWEN, **TIED),
    "qwen2.5_7b": llama(28, 3584, 28, 4, 18944, 152064, **QWEN),
    "mistral_7b": llama(32, 4096, 32, 8, 14336, 32000, model_type="mistral"),
    "qwen3_30b_a3b": llama(48, 2048, 32, 4, 6144, 151936, model_type="qwen3_moe", head_dim=128, num_experts=128,
                           num_experts_per_tok=8, moe_intermediate_size=768, mlp_only_layers=[]),
    "gpt_oss_120b": llama(36, 2880, 64, 8, 2880, 201088, model_type="gpt_oss", head_dim=64, num_local_experts=128,
                          experts_per_token=4, attention_bias=True),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted({*SIZES} - {"deepseek_v4_flash"}))
def test_a_listed_size_is_that_of_the_released_configuration(name: str) -> None:
    found, listed = size_of(RELEASED[name], name), SIZES[name]
    assert found.model_dump(exclude={"source"}) == listed.model_dump(exclude={"source"})


@pytest.mark.parametrize("folder", ["10k", "100k", "1m", "10m"])
def test_the_count_from_a_configuration_is_that_of_the_weights_beside_it(folder: str, tmp_path: Path) -> None:
    home = Sotu.home / folder
    counted = size_at(str(home))
    assert counted is not None and counted.name == folder and size_at(str(home / "config.json")) == counted
    config = json.loads((home / "config.json").read_text())
    stored = size_of({**config, "model_type": "unheard of"}, folder, home)
    assert stored == counted
    with pytest.raises(ConfigError, match=r"model_type 'unheard of' is none of .*; write parameters, layers, width"):
        size_of({**config, "model_type": "unheard of"}, folder, tmp_path)


def test_a_clock_takes_a_folder_or_a_name_and_a_damaged_configuration_is_one_line(tmp_path: Path) -> None:
    clock = Roofline.model_validate({"size": str(Sotu.home / "1m"), "device": "raspberry_pi_5"})
    assert clock.size.layers == 4
    assert size_at("no_such_model") is None and size_at(str(tmp_path)) is None
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"config\.json: not a model's configuration; write parameters"):
        size_at(str(tmp_path))


@pytest.mark.parametrize("field", ["num_experts", "num_local_experts", "n_routed_experts"])
def test_a_mixture_of_another_kind_is_refused_since_no_dense_size_says_what_a_pass_reads(field: str) -> None:
    config = {**llama(48, 2048, 32, 4, 768, 151936, model_type="mixtral"), field: 128}
    allowed = r"of mixtures of experts gpt_oss, qwen3_moe are timed; model_type is 'mixtral'; write parameters"
    with pytest.raises(ConfigError, match=rf"a3b: {field} = 128: {allowed}, .*, experts$"):
        size_of(config, "a3b", Sotu.home / "1m")
    assert size_of({**llama(2, 64, 4, 4, 128, 100), field: 1}, "one").layers == 2


@pytest.mark.parametrize(
    "config",
    [
        transformers.Qwen3MoeConfig(
            vocab_size=96, hidden_size=32, intermediate_size=40, num_hidden_layers=5, num_attention_heads=4, head_dim=6,
            num_key_value_heads=2, moe_intermediate_size=12, num_experts=6, num_experts_per_tok=3,
            mlp_only_layers=[3], decoder_sparse_step=2, tie_word_embeddings=tied,
        )
        for tied in (False, True)
    ]
    + [
        transformers.GptOssConfig(
            vocab_size=96, hidden_size=32, intermediate_size=40, num_hidden_layers=3, num_attention_heads=4, head_dim=6,
            num_key_value_heads=2, num_local_experts=5, num_experts_per_tok=2,
        )
    ],
    ids=["qwen3_moe", "tied", "gpt_oss"],
)  # fmt: skip
def test_the_experts_counted_from_a_folder_are_those_of_the_network(config: Any, tmp_path: Path) -> None:
    with torch.device("meta"):
        network = transformers.AutoModelForCausalLM.from_config(config)
    config.save_pretrained(tmp_path)
    size = size_at(str(tmp_path))
    assert size is not None and size.experts is not None
    counts = {name: weight.numel() for name, weight in network.named_parameters()}
    table = 0 if config.tie_word_embeddings else 96 * 32
    assert size.parameters == sum(counts.values())
    assert size.routed_parameters == sum(count for name, count in counts.items() if ".experts." in name)
    assert size.shared_parameters == size.parameters - size.routed_parameters - table
    assert size.experts.per_token == config.num_experts_per_tok


def test_a_folder_of_a_mixture_is_timed_by_the_experts_that_its_tokens_take(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(RELEASED["qwen3_30b_a3b"]))
    clock = Roofline.model_validate({"size": str(tmp_path), "device": "h100_80gb_sxm", "overhead_s": 0})
    assert [round(1e3 * clock.pass_s([(new, 0)]), 1) for new in (1, 5, 9)] == [2.4, 7.3, 11.1]
