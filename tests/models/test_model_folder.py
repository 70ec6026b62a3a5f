"""A folder that a stranger made: nothing in it is run, nothing outside it is read, nothing too large is loaded."""

import ast
import builtins
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from refusals import refusal

from models.model_folder import files_of, folder_hash, read_config
from models.transformer import load_model, load_tokenizer
from models.zoo import HuggingFace
from tests.models import tiny

ROOT = Path(__file__).parents[2]
ROOMS = ("kinds", "channels", "models", "simulator", "scenarios", "plots", "tools", "examples")
LOADS = ("from_pretrained", "from_config")
OWN = """
open({marker!r}, "w").close()
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
class Config(LlamaConfig):
    model_type = "own"
class Network(LlamaForCausalLM):
    config_class = Config
class Tokenizer(PreTrainedTokenizerFast):
    pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.save(tmp_path / "model")


@pytest.fixture(autouse=True)
def _says_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    """To whoever asks on standard input whether code may be run."""
    monkeypatch.setattr("builtins.input", lambda *_: "y")


def changed(path: Path, **fields: object) -> None:
    found = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**found, **fields}))


def network(folder: Path) -> object:
    return load_model(folder, folder_hash(folder), "cpu")


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)) if any(name in text for name in LOADS) else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOADS:
            yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_every_loading_call_says_that_no_code_of_the_folder_is_run() -> None:
    found = dict(call for room in ROOMS for path in (ROOT / room).rglob("*.py") for call in calls(path))
    assert len(found) >= 6
    for place, call in found.items():
        trusts = [each.value for each in call.keywords if each.arg == "trust_remote_code"]
        assert [ast.unparse(each) for each in trusts] == ["False"], place


@pytest.mark.parametrize(
    ("load", "name", "fields"),
    [
        (network, "config.json", {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}),
        (network, "config.json", {"model_type": "own", "auto_map": {"AutoConfig": "own.Config",
                                                                   "AutoModelForCausalLM": "own.Network"}}),
        (load_tokenizer, "tokenizer_config.json", {"tokenizer_class": "Own",
                                                   "auto_map": {"AutoTokenizer": ["own.Tokenizer", "own.Tokenizer"]}}),
    ],
    ids=["config", "network", "tokenizer"],
)  # fmt: skip
def test_code_beside_the_weights_is_refused_whatever_standard_input_says(
    folder: Path, load: Callable[[Path], object], name: str, fields: dict[str, object]
) -> None:
    marker = folder.parent / "marker"
    (folder / "own.py").write_text(OWN.format(marker=str(marker)))
    changed(folder / name, **fields)
    told = refusal(load, folder)
    assert "contains custom code" in told or "model_type = 'own': must be one of the transformers library" in told
    assert not marker.exists()


@pytest.mark.parametrize("field", ["attn_implementation", "_attn_implementation"])
def test_attention_from_outside_the_library_is_refused(folder: Path, field: str) -> None:
    changed(folder / "config.json", **{field: "someone/kernel"})
    assert "attn_implementation = 'someone/kernel'" in refusal(network, folder)


@pytest.mark.parametrize("named", ["../other.safetensors", "/other.safetensors", "sub/x.safetensors", "model.bin", 3])
def test_an_index_names_files_of_its_folder_alone(folder: Path, named: object) -> None:
    (folder / "model.safetensors").rename(folder.parent / "other.safetensors")
    (folder / "sub").mkdir()
    for name in ("sub/x.safetensors", "model.bin"):
        (folder / name).touch()
    changed(folder / "model.safetensors.index.json", metadata={}, weight_map={"lm_head.weight": named})
    told = refusal(network, folder)
    assert f"model.safetensors.index.json: weight_map.lm_head.weight = {named!r}: must be a file of this" in told


def test_a_configuration_and_a_tokenizer_name_files_of_their_folder_alone(folder: Path) -> None:
    changed(folder / "tokenizer_config.json", fast_tokenizer_files=["../tokenizer.4.0.json"])
    assert "fast_tokenizer_files = '../tokenizer.4.0.json'" in refusal(load_tokenizer, folder)
    changed(folder / "config.json", transformers_weights="../model.safetensors")
    assert "transformers_weights = '../model.safetensors'" in refusal(network, folder)
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "someone/else"}')
    assert "adapter_config.json: adapters are not read" in refusal(network, folder)


def test_pickled_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "no causal language model could be read" in refusal(network, folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "generation_config.json"])
def test_a_pipe_among_the_files_is_refused_at_once(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    for load in (network, load_tokenizer):
        assert "must be a regular file" in refusal(load, folder)


def test_every_file_read_is_in_the_hash(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's own opens, not by a hook that all later tests would pay for; safetensors and tokenizers map theirs by
    the names above."""
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "tool.jinja").write_text("{{ tools }}")
    (folder / "README.md").write_text("not read")
    opened = set[Path]()

    def noting(open_: Callable[..., Any]) -> Callable[..., Any]:
        def noted(path: object, *arguments: object, **more: object) -> Any:
            if isinstance(path, str | os.PathLike) and Path(path).is_relative_to(folder) and Path(path).is_file():
                opened.add(Path(path))
            return open_(path, *arguments, **more)

        return noted

    with monkeypatch.context() as patch:
        for module in (builtins, io, os):
            patch.setattr(module, "open", noting(module.open))
        load_model(folder, "hash", "cpu")
        load_tokenizer(folder)
    counted = files_of(folder)
    assert {"config.json", "tokenizer.json", "chat_template.jinja"} <= {path.name for path in opened}
    assert opened <= {*counted} and folder / "README.md" not in counted
    before = folder_hash(folder)
    for path in counted:
        content = path.read_bytes()
        path.write_bytes(content + b" ")
        assert folder_hash(folder) != before, path
        path.write_bytes(content)


def test_the_pairs_name_depends_on_an_index_and_on_the_drafters_tokenizer(folder: Path) -> None:
    before = HuggingFace(drafter=str(folder), verifier=str(folder)).fingerprint
    changed(folder / "model.safetensors.index.json", metadata={}, weight_map={})
    assert HuggingFace(drafter=str(folder), verifier=str(folder)).fingerprint != before


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"num_hidden_layers": 10_000_000}, "num_hidden_layers = 1e+07: must be at most 1,024"),
        ({"hidden_size": 1 << 40}, "hidden_size = 1.09951e+12: must be at most 16,777,216"),
        ({"vocab_size": 1e300}, "vocab_size = 1e+300: must be at most 16,777,216"),
        ({"text_config": {"num_layers": 1025}}, "num_layers = 1025: must be at most 1,024"),
        ({"attention_types": [[["global"], 1 << 30]]}, "attention_types = 1.07374e+09: must be at most 16,777,216"),
        ({"intermediate_size": 1 << 24}, "describes 3,221,"),
        ({"vocab_size": 1 << 24}, "describes 1,073,"),
    ],
)
def test_sizes_beyond_a_bound_are_refused_before_anything_is_loaded(
    folder: Path, fields: dict[str, object], told: str
) -> None:
    changed(folder / "config.json", **fields)
    assert told in refusal(network, folder)


@pytest.mark.parametrize(
    "text",
    ["[]", "{", '{"vocab_size": "\\ud800"}', "[" * 100_000, '{"vocab_size": ' + "9" * 5000 + "}", '{"vocab_size": {}}',
     '{"vocab_size": true}', '{"vocab_size": "x", "model_type": []}', '{"vocab_size": 0}', '{"vocab_size": 61.5}'],
)  # fmt: skip
def test_an_odd_configuration_is_told_in_one_line(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    pair = HuggingFace(drafter=str(folder), verifier=str(folder))
    assert "config.json: " in refusal(lambda _: pair.vocabulary, folder)
    assert "model" in refusal(network, folder)


def test_a_released_configuration_is_within_the_bounds(folder: Path) -> None:
    """The largest of each size that is known to be out: Llama 4 Scout's text, Llama 3.1 405B, Gemma 3, Kimi K2; and the
    width of an expert, which is no number of experts."""
    changed(folder / "config.json", max_position_embeddings=10_485_760, num_hidden_layers=126, hidden_size=16_384,
            intermediate_size=53_248, vocab_size=262_208, n_routed_experts=384, rope_theta=500_000_000,
            shared_expert_intermediate_size=5_632)  # fmt: skip
    assert read_config(folder)["rope_theta"] == 500_000_000
