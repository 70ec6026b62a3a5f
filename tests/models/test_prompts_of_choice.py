"""A bundled pair on other prompts than its own: known by content, refused by line, ours in seven languages."""

import json
import shutil
from pathlib import Path

import pytest
from refusals import refusal

from models.bundled import smollm2_wheel
from models.bundled.smollm2 import SmolLM2
from models.bundled.sotu import Sotu
from models.prompt_files import ADDRESSES, EDITS, LANGUAGES, PROMPTS, check_prompts
from simulator.cell.cell import Cell

NATURAL = ("english", "german", "french", "spanish", "italian", "russian")
FILES = sorted(LANGUAGES.iterdir())
TOKENS = 48
"""What the scenario `languages` keeps of each prompt."""


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def cell(**pair: object) -> Cell:
    return Cell.from_fields({"models": {"pair": {"kind": "sotu", **pair}}})


def test_a_pair_on_its_own_prompts_has_no_such_field_written_out() -> None:
    for kind in (Sotu, SmolLM2):
        assert kind().prompt_file == kind.texts and "prompts" not in kind().model_dump()
        assert kind(prompts=FILES[0]).prompt_file == FILES[0] == kind(prompts=FILES[0]).model_dump()["prompts"]
    assert "prompts" not in cell().to_yaml()


def test_prompts_count_by_content_not_by_place(tmp_path: Path) -> None:
    ours, same, other = FILES[0], tmp_path / "same.jsonl", tmp_path / "other.jsonl"
    shutil.copy(ours, same)
    other.write_text(ours.read_text(encoding="utf-8").replace("ferry", "barge", 1), encoding="utf-8")
    for name in ("id", "decoding_id"):
        first, again, changed = (getattr(cell(prompts=path), name) for path in (ours, same, other))
        assert first == again != changed and first != getattr(cell(), name)
    prints = [cell(prompts=path).models.pair.fingerprint for path in (ours, same, other, ADDRESSES)]
    assert prints[0] == prints[1] and len(set(prints)) == 3 and prints[3] == Sotu().fingerprint


def test_the_pair_loads_the_prompts_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"name": "a", "kind": "news", "text": "My fellow citizens"}\n')
    (prompt,) = Sotu(prompts=path).load().prompts
    assert (prompt.name, prompt.kind) == ("a", "news") and prompt.tokens
    assert cell(prompts=path).to_yaml().count(str(path)) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no prompts in it"),
        ('{"name": "a", "kind": "b"}\n', "line 1: a JSON object with name, kind and text expected"),
        ('{"name": "a", "kind": "b", "text": "x"}\n7\n', "line 2: a JSON object with name, kind and text expected"),
        ('{"name": "a", "kind": "b", "text": 5}\n', "line 1: a JSON object with name, kind and text expected"),
        ('{"name": "a", "kind": "b", "text": ""}\n', "line 1: text is empty"),
        ('{"name": "a", "kind": "b", "text": ' + "[" * 100_000, "line 1: is nested too deeply"),
        (r'{"name": "a", "kind": "b", "text": "\ud800"}', "line 1: must be Unicode text, holds a lone surrogate"),
        (f'{{"name": "a", "kind": "b", "text": "{"ab " * 90_000}"}}', "text has 270,000 characters, must have at"),
        ("[" + "[]," * 1_000_000 + "[]]", "line 1: has 3,000,004 characters, must have at most 2,097,152"),
    ],
)
def test_a_bad_file_is_told_on_one_line_when_the_cell_is_made(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "mine.jsonl").write_text(text)
    for path, words in ((tmp_path / "mine.jsonl", told), (tmp_path / "absent.jsonl", "cannot be read")):
        line = refusal(cell, prompts=path)
        assert words in line and line.startswith("models.pair.prompts = ")


def test_our_languages_have_eight_prompts_each_and_no_text_twice() -> None:
    assert [path.name for path in FILES] == sorted(f"{name}.jsonl" for name in (*NATURAL, "python"))
    texts = [line["text"] for path in PROMPTS.rglob("*.jsonl") for line in lines(path)]
    assert len(set(texts)) == len(texts)
    for path in FILES:
        check_prompts(path)
        assert len({line["name"] for line in lines(path)}) == len(lines(path)) == 8


def test_natural_languages_hold_the_same_passages_in_the_same_order() -> None:
    first, *others = ([(line["name"], line["kind"]) for line in lines(LANGUAGES / f"{name}.jsonl")] for name in NATURAL)
    assert all(other == first for other in others) and len({kind for _, kind in first}) == 5
    cyrillic = [sum("а" <= c <= "я" for c in line["text"].lower()) for line in lines(LANGUAGES / "russian.jsonl")]
    assert min(cyrillic) > 100


def test_every_prompt_is_long_enough_in_the_tokens_of_smollm2() -> None:
    if reason := smollm2_wheel.unavailable():
        pytest.skip(reason)
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer.from_file(str(smollm2_wheel.verifier_folder() / "tokenizer.json"))
    lengths = [len(tokenizer.encode(line["text"]).ids) for path in FILES for line in lines(path)]
    assert min(lengths) >= TOKENS and max(lengths) <= 256


def test_what_an_edit_asks_is_within_72_tokens_of_smollm2_and_its_answer_goes_on_behind_them() -> None:
    if reason := smollm2_wheel.unavailable():
        pytest.skip(reason)
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer.from_file(str(smollm2_wheel.verifier_folder() / "tokenizer.json"))
    for line in lines(EDITS):
        ids = tokenizer.encode(line["text"]).ids
        asked = next(part for part in line["text"].split("\n") if part.startswith("The same "))
        assert len(ids) > 72 and asked in tokenizer.decode(ids[:72]), line["name"]
