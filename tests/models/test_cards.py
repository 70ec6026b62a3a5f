"""Cards, prompt files and devices: errors are one line, and all that decides a model is in its fingerprint."""

import ctypes
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from refusals import refusal

from kinds import ConfigError
from models import cards
from models.cards import Card, device_of, fingerprint, read_card
from models.interface import Prompt
from models.prompt_files import ADDRESSES, read_prompts
from models.transformer import TransformerModel
from models.zoo import HuggingFace
from tests.models import tiny


def characters(text):
    return [ord(c) for c in text]


def test_fingerprint_depends_on_every_part_and_on_the_libraries(monkeypatch):
    before = {fingerprint("a", "b"), fingerprint("a", "c"), fingerprint("b", "a")}
    assert len(before) == 3
    monkeypatch.setattr("models.cards.version", lambda name: "0")
    assert fingerprint("a", "b") not in before


def test_a_card_vouches_for_files_as_recorded_and_for_no_others(tmp_path):
    (tmp_path / "w").write_bytes(b"weights")
    card = Card(vocabulary=2, context_tokens=2, sha256={"w": hashlib.sha256(b"weights").hexdigest(), "gone": "0"})
    card.verify(tmp_path, ["w"])
    for name, words in (("gone", "cannot be read"), ("other", "no such bundled weights; there are gone, w")):
        assert words in refusal(card.verify, tmp_path, [name])
    (tmp_path / "w").write_bytes(b"weighty")
    assert "damaged" in refusal(card.verify, tmp_path, ["w"])


@pytest.mark.parametrize("text", ["", "{", '{"vocabulary": 3}', '{"vocabulary": "many", "context_tokens": 1}'])
def test_a_malformed_card_is_told_on_one_line(tmp_path, text):
    (tmp_path / "card.json").write_text(text)
    assert "card.json" in refusal(read_card, tmp_path / "card.json")


def test_prompts_are_read_in_order(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"name": "a", "kind": "news", "text": "hi"}\n{"name": "b", "kind": "story", "text": "é"}\n')
    expected = (Prompt("a", "news", (104, 105)), Prompt("b", "story", (233,)))
    assert read_prompts(path, characters) == expected


def test_bundled_prompts_are_enough_distinct_and_long_enough():
    prompts = read_prompts(ADDRESSES, characters)
    assert len({prompt.tokens for prompt in prompts}) == len({prompt.name for prompt in prompts}) == 50
    assert {prompt.kind for prompt in prompts} == {"address"}
    assert all(500 <= len(prompt.tokens) <= 700 for prompt in prompts)


def _counted(count: object) -> int:
    count._obj.value = 2  # type: ignore[attr-defined]
    return 0


DRIVER = SimpleNamespace(nvmlInit_v2=lambda: 0, nvmlDeviceGetCount_v2=_counted, nvmlShutdown=lambda: 0)
"""NVIDIA's library, of a machine with two GPUs."""


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two GPUs, as far as the driver and torch's build can tell."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _: DRIVER)
    monkeypatch.setattr(cards, "_gpus", cards._gpus.__wrapped__)
    monkeypatch.setattr(cards, "_torch_takes_cuda", lambda: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_auto_is_what_torch_finds_on_this_machine() -> None:
    assert device_of("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert cards._torch_takes_cuda() == (torch.version.cuda is not None)


@pytest.mark.parametrize(
    ("visible", "device"),
    [(None, "cuda"), ("0", "cuda"), (" 1,0", "cuda"), ("GPU-8932f937", "cuda"), ("MIG-a", "cuda"),
     ("", "cpu"), ("-1", "cpu"), ("2", "cpu"), ("-1,0", "cpu"), ("NoDevFiles", "cpu")],
)  # fmt: skip
@pytest.mark.usefixtures("gpus")
def test_auto_is_a_gpu_that_this_process_may_use(
    visible: str | None, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert device_of("auto") == device
    assert (device_of("cpu"), device_of("cuda")) == ("cpu", "cuda")


@pytest.mark.usefixtures("gpus")
def test_a_fingerprint_tells_the_device_that_auto_stands_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("d", "v"):
        tiny.save(tmp_path / name, "gpt2")

    def told(device: str) -> str:
        fields = {"drafter": str(tmp_path / "d"), "verifier": str(tmp_path / "v"), "device": device}
        return HuggingFace.model_validate(fields).fingerprint

    assert told("auto") == told("cuda") != told("cpu")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert told("auto") == told("cpu")


@pytest.mark.usefixtures("gpus")
def test_a_gpu_that_torch_cannot_use_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"^device = 'auto': torch can use no GPU here; set it to cpu$"):
        TransformerModel(tiny.network("gpt2"), "f", "auto")


@pytest.mark.slow
@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="torch without MKL")
def test_a_fingerprint_tells_products_that_were_made_before_mkl_was_told_how() -> None:
    told = "from models.cards import fingerprint; print(fingerprint('weights'))"
    environment = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"}

    def fingerprint(before: str) -> str:
        return subprocess.check_output([sys.executable, "-c", f"{before}; {told}"], env=environment, text=True)

    product = "import torch; torch.ones(9, 9) @ torch.ones(9, 9)"
    assert fingerprint("pass") == fingerprint("import torch") != fingerprint(product)
