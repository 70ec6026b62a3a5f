"""`sqsim cache record`: the rounds of many prompts decoded in batches, kept, and simulated without a model."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd
import pytest

from models import pair_cards
from models.random_weights import RandomWeights
from scenarios.command.inspect import cache
from simulator import Cell, run, simulate
from simulator.decoding.memory import Memory
from simulator.decoding.round_store import RoundStore
from tests.models import tiny

PAIR = {"kind": "random_weights", "drafter": "llama_tiny_drafter", "verifier": "llama_tiny_verifier", "size": 96,
        "prompts": 12, "context": 256, "device": "cpu"}  # fmt: skip
WORKLOAD = {"kind": "closed", "devices": 3, "requests": 4, "prompt_tokens": 6, "output_tokens": 5}
SCHEME = {"kind": "k_sqs", "k": 8, "resolution": 50, "max_drafts": 3}


@pytest.fixture(autouse=True)
def _empty_store(tmp_path, monkeypatch):
    monkeypatch.setenv("SQSIM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SQSIM_ROUNDS_GB", "1")
    for kept in (pair_cards._card_of, pair_cards._loaded):
        kept.cache_clear()


def asked(sequences: int, scheme: Any = SCHEME) -> Cell:
    batch = {"sequences": sequences, "tokens": 64}
    return Cell.from_fields({"models": {"pair": PAIR | {"batch": batch}}, "scheme": scheme, "workload": WORKLOAD})


def written(sequences: int, scheme: Any = SCHEME) -> str:
    """The name of a file with that cell."""
    path = Path(f"{sequences}.yaml")
    path.write_text(asked(sequences, scheme).to_yaml())
    return str(path)


def kept(sequences: int) -> list[bytes]:
    """What the store holds of a cell, without its keys."""
    store = RoundStore.here()
    assert store is not None
    return sorted(blob for _, _, blob in store.entries(asked(sequences).models.pair.fingerprint))


def one_by_one(cell: Cell) -> None:
    """Decodes a cell as a run without predecoding does: each text alone."""
    with patch.object(run, "predecode", lambda *_: None):
        simulate(cell, memory=Memory(RoundStore.here()))


def test_a_batch_leaves_the_bytes_that_one_text_at_a_time_leaves(done):
    if not pair_cards.load(asked(8).models.pair).verifier.shared.packs:
        pytest.skip("this processor rounds a row of a product by the rows beside it")
    for sequences in (8, 13):
        out = done("cache", "record", written(sequences))
        assert "12 requests in" in out and "12 entries of" in out
    one_by_one(asked(9))
    assert len(kept(9)) == 12
    assert kept(8) == kept(9) == kept(13)


def test_it_says_what_the_pair_takes_computed_and_measured(done):
    out = done("cache", "record", written(8))
    drafter, verifier, total, *measured = out.splitlines()
    assert "llama_tiny_drafter: 104,768 parameters, 0.000419 GB in float32" in drafter
    assert "keys and values 0.512 kB a token" in drafter and "of 8 x 64" in drafter and "(computed)" in drafter
    assert verifier.startswith("verifier llama_tiny_verifier") and total.endswith("(computed)")
    for line, role in zip(measured, ("drafter", "verifier"), strict=False):
        found = re.fullmatch(
            role
            + r": (\d+) passes of 8 sequences, ([\d.]+) in use; (\d+) tokens in [\d.e-]+ s, [\d.e+]+ tokens/s on cpu "
            r"\(measured\)",
            line,
        )
        assert found and 3 < float(found[2]) <= 8 and int(found[3]) >= 12 * 5
        network = getattr(pair_cards.load(asked(8).models.pair), role).shared
        assert len(network._caches) == 1, "a row is free for the request that follows"


def test_a_recording_goes_on_where_it_was_and_is_then_whole(done, typed, monkeypatch):
    done("cache", "record", written(8))
    whole = kept(8)
    done("cache", "clear")
    really = cache.record

    def interrupted(cell, memory, note):
        def stop(number, total):
            note(number, total)
            if number == 11:
                raise KeyboardInterrupt

        return really(cell, memory, stop)

    monkeypatch.setattr(cache, "record", interrupted)
    assert typed("cache", "record", "8.yaml")[0] == 130
    monkeypatch.setattr(cache, "record", really)
    assert 8 <= len(kept(8)) <= len(whole)
    pair_cards._loaded.cache_clear()
    again = done("cache", "record", "8.yaml")
    assert kept(8) == whole
    pair_cards._loaded.cache_clear()
    assert "drafter: no pass, all was recorded before" in done("cache", "record", "8.yaml")
    taken = [int(each.replace(",", "")) for each in re.findall(r"; ([\d,]+) tokens in", again)]
    assert taken and taken[0] < 12 * (6 + 5)


def test_requests_are_written_as_they_end(typed, monkeypatch):
    """A recording that is killed has written what ended before its last lot, whole."""
    file, really, seen = written(8), cache.record, []

    def watched(cell, memory, note):
        def look(number, total):
            store = RoundStore.here()
            seen.append(len(list(store.entries())))
            note(number, total)

        return really(cell, memory, look)

    monkeypatch.setattr(cache, "record", watched)
    assert typed("cache", "record", file)[0] == 0
    assert seen[0] == seen[7] == 0 and seen[8] >= 8 and len(kept(8)) == 12


def test_what_was_recorded_is_simulated_without_a_model_over_any_network(done, monkeypatch):
    done("cache", "record", written(8))
    slow, fast = (
        Cell.from_fields(asked(8).to_fields() | {"uplink": {"rate": {"kind": "constant", "bps": bps}}})
        for bps in (1e4, 1e6)
    )
    live = [simulate(each, memory=Memory()) for each in (slow, fast)]
    assert live[0].summary["latency_per_token_s"] > live[1].summary["latency_per_token_s"]

    def nothing(pair):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(RandomWeights, "load", nothing)
    pair_cards._loaded.cache_clear()
    for each, expected in zip((slow, fast), live, strict=True):
        replayed = simulate(each, memory=Memory(RoundStore.here()))
        pd.testing.assert_frame_equal(replayed.rounds, expected.rounds, check_exact=True)


def test_models_of_folders_are_recorded_in_batches(done, tmp_path):
    for name, architecture in (("d", "gpt2"), ("v", "llama")):
        tiny.save(tmp_path / name, architecture)
    (tmp_path / "p.jsonl").write_text(json.dumps({"name": "a", "kind": "news", "text": "HELLO_WORLD"}) + "\n")
    pair = {"kind": "huggingface", "drafter": str(tmp_path / "d"), "verifier": str(tmp_path / "v"), "device": "cpu",
            "prompts": str(tmp_path / "p.jsonl")}  # fmt: skip
    found = {}
    for batch in (None, {"sequences": 8, "tokens": 64}):
        fields = {"models": {"pair": pair | {"batch": batch}}, "scheme": SCHEME, "workload": WORKLOAD}
        cell = Cell.from_fields(fields)
        (tmp_path / "cell.yaml").write_text(cell.to_yaml())
        out = done("cache", "record", str(tmp_path / "cell.yaml"), "--quiet")
        assert ("passes of 8 sequences" in out) == (batch is not None)
        found[str(batch)] = simulate(cell, memory=Memory(RoundStore.here())).summary
    ours, theirs = found.values()
    for name in ("acceptance_rate", "payload_bits_per_token"):
        assert ours[name] == pytest.approx(theirs[name], rel=0.02), "more than rounding differs"


def test_a_dry_run_sizes_a_pair_that_no_test_can_hold(done):
    """That it loads no network library is shown with the other commands that need none."""
    big = {"kind": "random_weights", "batch": {"sequences": 64, "tokens": 512}, "device": "cuda"}
    workload = {"kind": "closed", "requests": 1000, "prompt_tokens": 64, "output_tokens": 64}
    one = Cell.from_fields({"models": {"pair": big}, "scheme": SCHEME, "workload": workload})
    Path("big.yaml").write_text(one.to_yaml())
    drafter, verifier, total = done("cache", "record", "big.yaml", "--dry-run").splitlines()
    assert "1,235,814,400 parameters, 4.94 GB in float32; keys and values 65.54 kB a token, 2.15 GB" in drafter
    assert "8,030,261,248 parameters, 32.1 GB in float32; keys and values 262.1 kB a token, 8.59 GB" in verifier
    assert total.startswith("weights, keys and values: 47.8 GB")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("models.pair=synthetic", "models.pair = synthetic: must be a pair of networks"),
        ("workload.deadline_s=1", "scheme = k_sqs: must be one whose rounds no time decides"),
        ("scheme=tree", "must be null for a scheme that verifies trees"),
        ("models.pair.batch.tokens=8", "must be at most the pair's context, 8 tokens"),
        ("models.pair.batch.sequences=7", "greater than or equal to 8"),
    ],
)
def test_mistakes_are_refused_on_one_line(typed, change, words):
    status, out, error = typed("cache", "record", written(8), "--set", change, "--quiet")
    assert (status, error.count("\n"), "measured" in out) == (2, 1, False) and words in error
