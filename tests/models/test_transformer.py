"""Distributions from a cache that is rolled back equal those of a fresh forward pass, on every architecture."""

import json

import numpy as np
import pytest
import torch
import transformers
from refusals import refusal
from safetensors.torch import load_file, save_file

from kinds import ConfigError
from models import zoo
from models.interface import Pair, TokenTree
from models.transformer import TransformerModel, load_model
from models.zoo import HuggingFace
from scenarios.command.run.printed_tables import stands_for
from simulator import Cell, simulate
from tests.models import tiny

ARCHITECTURES = sorted(tiny.CONFIGS)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def model(request):
    return TransformerModel(tiny.network(request.param), "tiny")


def fresh_distributions(model, tokens, temperature=1.0):
    """Distributions [len(tokens), V] of a full forward without a cache, softmax by numpy."""
    with torch.no_grad():
        logits = model.network(torch.tensor([tokens]), use_cache=False).logits[0].double().numpy() / temperature
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("histories", [16, pytest.param(200, marks=pytest.mark.slow)])
def test_distributions_after_random_accept_reject_histories_equal_a_fresh_forward(model, histories):
    rng = np.random.default_rng(0)
    for _ in range(histories):
        text = model.open(1.0)
        committed = tuple(rng.integers(tiny.VOCABULARY, size=rng.integers(1, 12)).tolist())
        for _ in range(4):
            drafts = tuple(rng.integers(tiny.VOCABULARY, size=rng.integers(0, 6)).tolist())
            distributions = text.distributions(committed + drafts, len(drafts) + 1)
            assert text.cached == committed + drafts
            accepted = int(rng.integers(len(drafts) + 1))
            committed += (*drafts[:accepted], int(rng.integers(tiny.VOCABULARY)))
        expected = fresh_distributions(model, text.cached)[-len(distributions) :]
        np.testing.assert_allclose(distributions, expected, atol=1e-4)
        np.testing.assert_allclose(distributions.sum(axis=1), 1, atol=1e-12)


def test_caches_hold_exactly_the_cached_prefix_i10(model):
    """I10: the keys of every layer are as many as `cached`, and equal those of a fresh pass over it."""
    rng = np.random.default_rng(1)
    text = model.open(1.0)
    committed = (1, 2, 3)
    for _ in range(20):
        drafts = tuple(rng.integers(tiny.VOCABULARY, size=3).tolist())
        text.distributions(committed + drafts, 4)
        kept = int(rng.integers(4))
        text.crop(len(committed) + kept)
        assert text.cached == (committed + drafts)[: len(committed) + kept]
        committed = (*text.cached, int(rng.integers(tiny.VOCABULARY)))
    tiny.require_cache_of(text, model.open(1.0))


def test_only_missing_tokens_are_run_and_in_one_pass(model, monkeypatch):
    passes = tiny.counted_passes(model, monkeypatch)
    text = model.open(1.0)
    text.distributions((1, 2, 3, 4, 5), 1)
    text.distributions((1, 2, 3, 4, 5, 6), 1)
    text.distributions((1, 2, 3, 9, 9, 9), 2)
    text.distributions((1, 2, 3, 9, 9, 9), 1)
    text.distributions((1, 2, 3, 9), 0)
    text.distributions((8, 2), 0)
    assert [tokens for tokens, _ in passes] == [5, 1, 3, 1, 2]


def test_trailing_distributions_are_those_that_were_asked_for(model):
    tokens = (5, 4, 3, 2, 1, 0)
    text = model.open(0.5)
    everything = fresh_distributions(model, tokens, 0.5)
    for last in (1, 3, 6):
        distributions = text.distributions(tokens, last)
        assert distributions.shape == (last, tiny.VOCABULARY) and distributions.dtype == np.float64
        np.testing.assert_allclose(distributions, everything[-last:], atol=1e-4)
    assert text.distributions(tokens, 0).shape == (0, tiny.VOCABULARY)


def test_greedy_distributions_are_one_hot_and_follow_the_networks_own_generation(model):
    prompt = (1, 2, 3)
    own = model.network.generate(
        torch.tensor([prompt]), attention_mask=torch.ones(1, 3), do_sample=False, max_new_tokens=20, min_new_tokens=20,
        eos_token_id=None, pad_token_id=0,
    )[0].tolist()  # fmt: skip
    text, tokens = model.open(0.0), prompt
    for _ in range(20):
        distribution = text.distributions(tokens, 1)[0]
        assert sorted(distribution)[-2:] == [0, 1]
        tokens += (int(np.argmax(distribution)),)
    assert list(tokens) == own


def test_greedy_ties_go_to_the_lowest_id():
    network = tiny.network("llama")
    with torch.no_grad():
        network.lm_head.weight.zero_()
    distribution = TransformerModel(network, "flat").open(0.0).distributions((3,), 1)[0]
    assert distribution[0] == 1 and distribution.sum() == 1


def test_too_many_distributions_and_too_long_a_text_are_refused(model):
    with pytest.raises(ValueError, match="last = 3"):
        model.open(1.0).distributions((1, 2), 3)
    with pytest.raises(ValueError, match=f"at most {tiny.CONTEXT}"):
        model.open(1.0).distributions((1,) * (tiny.CONTEXT + 1), 1)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_saved_model_loads_to_the_same_distributions(architecture, tmp_path):
    tiny.save(tmp_path, architecture)
    loaded = load_model(tmp_path, "hash", "cpu")
    assert (loaded.vocabulary, loaded.context_tokens) == (tiny.VOCABULARY, tiny.CONTEXT)
    direct = TransformerModel(tiny.network(architecture), "direct")
    np.testing.assert_array_equal(
        loaded.open(1.0).distributions((1, 2, 3), 2), direct.open(1.0).distributions((1, 2, 3), 2)
    )


def test_sharded_weights_load_whole_and_a_lost_shard_is_named(tmp_path):
    tiny.network("llama").save_pretrained(tmp_path, max_shard_size="20KB")
    shards = sorted(tmp_path.glob("*.safetensors"))
    assert len(shards) > 1
    whole = TransformerModel(tiny.network("llama"), "direct").open(1.0).distributions((4, 2), 1)
    np.testing.assert_array_equal(load_model(tmp_path, "hash", "cpu").open(1.0).distributions((4, 2), 1), whole)
    shards[1].unlink()
    assert shards[1].name in refusal(load_model, tmp_path, "hash", "cpu")


def test_missing_weights_and_a_truncated_file_are_refused_not_made_up(tmp_path):
    tiny.save(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert "1 weights are missing" in refusal(load_model, tmp_path, "hash", "cpu")
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    assert refusal(load_model, tmp_path, "hash", "cpu")


@pytest.mark.parametrize(
    ("config", "cache"),
    [
        (
            transformers.MistralConfig(
                vocab_size=61, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2,
                intermediate_size=32, sliding_window=16,
            ),
            "mistral caches through DynamicSlidingWindowLayer",
        ),
        (transformers.MambaConfig(vocab_size=61, hidden_size=32, num_hidden_layers=1, state_size=4), "mamba"),
    ],
    ids=["sliding-window", "state-space"],
)  # fmt: skip
def test_caches_that_cannot_roll_back_are_refused_by_name(config, cache, tmp_path):
    config.save_pretrained(tmp_path)
    line = refusal(load_model, tmp_path, "hash", "cpu")
    assert cache in line and "roll back" in line


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_an_absent_gpu_is_refused_and_auto_takes_the_cpu(tmp_path):
    tiny.save(tmp_path)
    assert "cuda" in refusal(load_model, tmp_path, "hash", "cuda")
    assert load_model(tmp_path, "hash", "auto").network.device.type == "cpu"


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text(json.dumps({"name": "a", "kind": "news", "text": "HELLO"}) + "\n")
    return path


def pair_of(drafter, verifier=None, **fields):
    return HuggingFace(drafter=str(drafter), verifier=str(verifier or drafter), **fields)


def test_a_pair_of_folders_describes_itself_and_loads(tmp_path, prompts):
    drafter, verifier = tiny.save(tmp_path / "d", "gpt2"), tiny.save(tmp_path / "v", "llama", seed=1)
    pair = Pair.of({"kind": "huggingface", "drafter": str(drafter), "verifier": str(verifier), "prompts": prompts})
    assert isinstance(pair, HuggingFace)
    assert (pair.vocabulary, pair.context_tokens) == (tiny.VOCABULARY, tiny.CONTEXT)
    loaded = pair.load()
    assert loaded.prompts[0].tokens == tuple(ord(c) - ord("A") for c in "HELLO")
    assert (
        loaded.drafter.open(1.0).distributions((1,), 1).shape == loaded.verifier.open(1.0).distributions((1,), 1).shape
    )
    assert loaded.drafter.fingerprint != loaded.verifier.fingerprint


def test_the_fingerprint_follows_weights_and_prompts(tmp_path, prompts):
    folder = tiny.save(tmp_path / "m")
    before = pair_of(folder, prompts=prompts).fingerprint
    assert pair_of(folder, prompts=prompts).fingerprint == before
    prompts.write_text(prompts.read_text().replace("HELLO", "WORLD"))
    moved = pair_of(folder, prompts=prompts).fingerprint
    tiny.save(folder, seed=9)
    assert len({before, moved, pair_of(folder, prompts=prompts).fingerprint}) == 3


SWAPPED = [*tiny.WORDS[:7], tiny.WORDS[8], tiny.WORDS[7], *tiny.WORDS[9:]]
MORE = [*tiny.WORDS, "!", "?"]


@pytest.mark.parametrize(
    ("drafter", "verifier", "words"),
    [
        ({}, {"words": ["a", "b", "c"]}, "drafter has 61 tokens in distributions of 61, verifier 3 in 61"),
        ({}, {"words": SWAPPED}, "differ at token 'H'"),
        (
            {"words": MORE},
            {"words": MORE, "padding": 8},
            "drafter has 63 tokens in distributions of 61, verifier 63 in 69; a pair shares one",
        ),
    ],
)
def test_vocabularies_that_differ_in_size_token_or_more_than_padding_are_refused(drafter, verifier, words, tmp_path):
    pair = pair_of(tiny.save(tmp_path / "d", **drafter), tiny.save(tmp_path / "v", **verifier))
    assert words in refusal(pair.load)


PADDED = "next-token distributions of 64 (drafter) and 69 ids are cut to the tokenizer's 61 and renormalised"


@pytest.fixture
def padded(tmp_path, prompts):
    """One tokenizer of 61 ids, embeddings of 64 and 69."""
    drafter = tiny.save(tmp_path / "d", "gpt2", padding=3)
    verifier = tiny.save(tmp_path / "v", "llama", seed=1, padding=8)
    return pair_of(drafter, verifier, prompts=prompts)


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.0])
def test_distributions_of_padded_embeddings_are_cut_to_the_tokenizer_and_renormalised(padded, temperature):
    assert (padded.vocabulary, padded.remark) == (tiny.VOCABULARY, PADDED)
    loaded, text = padded.load(), (4, 8, 15, 16)
    for model, width in ((loaded.drafter, 64), (loaded.verifier, 69)):
        whole = TransformerModel(model.network, "whole").open(temperature or 1.0).distributions(text, 3)
        assert whole.shape == (3, width) and whole[:, tiny.VOCABULARY :].sum(axis=1).min() > 0.001
        expected = whole[:, : tiny.VOCABULARY] / whole[:, : tiny.VOCABULARY].sum(axis=1, keepdims=True)
        if not temperature:
            expected = (expected == expected.max(axis=1, keepdims=True)).astype(float)
        found = model.open(temperature)
        np.testing.assert_allclose(found.distributions(text, 3), expected, rtol=1e-6)
        tree = TokenTree((23, 42, 5), (-1, -1, 0))
        assert found.tree_distributions(text, tree).shape == (4, tiny.VOCABULARY)
        np.testing.assert_allclose(found.tree_distributions(text, tree)[0], expected[-1], rtol=1e-4, atol=1e-6)
        assert found.distributions((), 0).shape == (0, tiny.VOCABULARY)


def test_a_padded_pair_is_another_than_its_unpadded_distributions_and_says_so_beside_every_run(padded, tmp_path):
    cell = Cell.from_fields(
        {
            "models": {"pair": padded.model_dump()}, "scheme": {"kind": "k_sqs", "k": 4},
            "workload": {"kind": "closed", "requests": 1, "prompt_tokens": 4, "output_tokens": 6},
        }
    )  # fmt: skip
    result = simulate(cell)
    assert result.requests["output_tokens"].tolist() == [6]
    assert f"; {PADDED}." in stands_for([cell])[0]
    folder = tmp_path / "v"
    cut, whole = (load_model(folder, "hash", "cpu", vocabulary) for vocabulary in (tiny.VOCABULARY, None))
    assert cut.fingerprint != whole.fingerprint and (cut.vocabulary, whole.vocabulary) == (61, 69)
    even = pair_of(tiny.save(tmp_path / "e"), tiny.save(tmp_path / "f"))
    assert even.remark == "" and even.vocabulary == tiny.VOCABULARY


@pytest.mark.parametrize(("stated", "ends"), [(None, ()), (7, (7,)), ([9, 7, 9], (9, 7))])
def test_texts_end_at_each_id_that_the_generation_config_states(stated, ends, tmp_path, prompts):
    folder = tiny.save(tmp_path / "m")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": stated}))
    pair = pair_of(folder, prompts=prompts)
    assert pair.load().end_tokens == ends
    before = pair.fingerprint
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 3}))
    assert HuggingFace(**pair.model_dump()).fingerprint != before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"eos_token_id": [1, 61]}', "eos_token_id = [1, 61]: must be an id below 61, or a list of such"),
        ('{"eos_token_id": "</s>"}', "eos_token_id = '</s>': must be an id below 61"),
        ('{"eos_token_id": true}', "eos_token_id = True: must be an id below 61"),
        ("[1]", "must be a JSON object"),
        ("{", "not JSON"),
    ],
)
def test_what_is_no_end_token_is_told_on_one_line(text, said, tmp_path, prompts):
    folder = tiny.save(tmp_path / "m")
    (folder / "generation_config.json").write_text(text)
    assert f"generation_config.json: {said}" in refusal(pair_of(folder, prompts=prompts).load)


def test_the_ids_of_a_tokenizer_are_counted_without_loading_it(tmp_path, monkeypatch):
    folder = tiny.save(tmp_path / "m")
    saved = transformers.AutoTokenizer.from_pretrained(folder)
    saved.add_tokens(["<|more|>"])
    saved.save_pretrained(folder)
    monkeypatch.setattr("models.transformer.load_tokenizer", None)
    assert zoo._ids_of_tokenizer(folder) == len(saved) == 62
    monkeypatch.undo()
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ConfigError, match="no tokenizer could be read"):
        zoo._ids_of_tokenizer(folder)


def test_a_folder_without_safetensors_is_refused(tmp_path):
    tiny.CONFIGS["llama"]().save_pretrained(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ConfigError, match="no safetensors"):
        pair_of(tmp_path).load()


def test_a_name_that_is_neither_folder_nor_hub_id_is_told_on_one_line(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "nobody/nothing" in refusal(lambda: pair_of("nobody/nothing").vocabulary)
