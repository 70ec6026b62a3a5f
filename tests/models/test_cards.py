"""Cards and prompt files: what is wrong with one is told on one line."""

import hashlib

import pytest
from refusals import refusal

from models.cards import Card, fingerprint, read_card
from models.interface import Prompt
from models.prompt_files import ADDRESSES, read_prompts


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
