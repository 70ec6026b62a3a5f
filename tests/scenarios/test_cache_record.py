"""`sqsim cache record`: the rounds of many prompts decoded in batches, kept, and simulated without a model."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packing import require_packing

from models import pair_cards
from models.random_weights import RandomWeights
from scenarios.command.inspect import cache
from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.decoding.round_store import RoundStore

PAIR = {"kind": "random_weights", "drafter": "llama_tiny_drafter", "verifier": "llama_tiny_verifier", "size": 96,
        "prompts": 12, "context": 256, "device": "cpu"}  # fmt: skip
WORKLOAD = {"kind": "closed", "devices": 3, "requests": 4, "prompt_tokens": 6, "output_tokens": 7}
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


def test_a_batch_leaves_the_bytes_that_one_text_at_a_time_leaves(done):
    require_packing()
    for sequences in (1, 5, 16):
        out = done("cache", "record", written(sequences))
        assert "12 requests in" in out and "12 entries of" in out
    assert len(kept(1)) == 12
    assert kept(1) == kept(5) == kept(16)


def test_it_says_what_the_pair_takes_computed_and_measured(done):
    out = done("cache", "record", written(4))
    drafter, verifier, total, *measured = out.splitlines()
    assert "llama_tiny_drafter: 129,344 parameters, 0.000517 GB in float32" in drafter
    assert "keys and values 0.512 kB a token" in drafter and "of 4 x 64" in drafter and "(computed)" in drafter
    assert verifier.startswith("verifier llama_tiny_verifier") and total.endswith("(computed)")
    for line, role in zip(measured, ("drafter", "verifier"), strict=False):
        found = re.fullmatch(
            role + r": (\d+) passes of 4 sequences, ([\d.]+) in use; (\d+) tokens in [\d.e-]+ s, [\d.e+]+ tokens/s on cpu "
            r"\(measured\)",
            line,
        )
        assert found and 2 < float(found[2]) <= 4 and int(found[3]) >= 12 * 7


def test_a_recording_goes_on_where_it_was_and_is_then_whole(done, typed, monkeypatch):
    done("cache", "record", written(3))
    whole = kept(3)
    done("cache", "clear")
    taken, really = [], cache.record

    def interrupted(cell, memory, note):
        def stop(number, total):
            note(number, total)
            if number == 7:
                raise KeyboardInterrupt

        return really(cell, memory, stop)

    monkeypatch.setattr(cache, "record", interrupted)
    assert typed("cache", "record", "3.yaml")[0] == 130
    monkeypatch.setattr(cache, "record", really)
    assert 6 <= len(kept(3)) < len(whole) + 1
    pair_cards._loaded.cache_clear()
    again = done("cache", "record", "3.yaml")
    assert kept(3) == whole
    pair_cards._loaded.cache_clear()
    assert "drafter: no pass, all was recorded before" in done("cache", "record", "3.yaml")
    taken = [int(each.replace(",", "")) for each in re.findall(r"; ([\d,]+) tokens in", again)]
    assert taken and taken[0] < 12 * (6 + 7)


def test_requests_are_written_as_they_end(typed, monkeypatch):
    """A recording that is killed has written what ended before its last lot, whole."""
    file, really, seen = written(3), cache.record, []

    def watched(cell, memory, note):
        def look(number, total):
            store = RoundStore.here()
            seen.append(len(list(store.entries())))
            note(number, total)

        return really(cell, memory, look)

    monkeypatch.setattr(cache, "record", watched)
    assert typed("cache", "record", file)[0] == 0
    assert seen[0] == 0 and seen[6] >= 6 and seen[9] >= 9 and len(kept(3)) == 12


def test_what_was_recorded_is_simulated_without_a_model(done, monkeypatch):
    done("cache", "record", written(4))
    live = simulate(asked(4), memory=Memory())

    def nothing(pair):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(RandomWeights, "load", nothing)
    pair_cards._loaded.cache_clear()
    for bps in (1e4, 1e6):
        fields = asked(4).to_fields() | {"uplink": {"rate": {"kind": "constant", "bps": bps}}}
        replayed = simulate(Cell.from_fields(fields), memory=Memory(RoundStore.here()))
        columns = ["accepted", "drafted"]
        columns = [each for each in columns if each in live.rounds]
        assert len(replayed.rounds) == len(live.rounds)
        assert replayed.rounds[columns].sum().equals(live.rounds[columns].sum())


def test_a_dry_run_sizes_a_pair_that_no_test_can_hold_without_a_network_library(tmp_path):
    big = {"kind": "random_weights", "batch": {"sequences": 64, "tokens": 512}, "device": "cuda"}
    workload = {"kind": "closed", "requests": 1000, "prompt_tokens": 64, "output_tokens": 64}
    one = Cell.from_fields({"models": {"pair": big}, "scheme": SCHEME, "workload": workload})
    Path("big.yaml").write_text(one.to_yaml())
    script = (
        "import sys; from scenarios.command.cli import main\n"
        "assert main(['cache', 'record', 'big.yaml', '--dry-run']) == 0\n"
        "print([name for name in ('torch', 'transformers', 'tokenizers') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    drafter, verifier, total, imported = ran.stdout.splitlines()
    assert "1,235,814,400 parameters, 4.94 GB in float32; keys and values 65.54 kB a token, 2.15 GB" in drafter
    assert "8,030,261,248 parameters, 32.1 GB in float32; keys and values 262.1 kB a token, 8.59 GB" in verifier
    assert total.startswith("weights, keys and values: 47.8 GB") and imported == "[]"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("models.pair=synthetic", "models.pair = synthetic: must be a pair of networks"),
        ("workload.deadline_s=1", "scheme = k_sqs: must be one whose rounds no time decides"),
        ("scheme=likely_tree", "must be null for a scheme that verifies trees"),
        ("models.pair.batch.tokens=8", "must be at most the pair's context, 8 tokens"),
        ("models.pair.batch.sequences=0", "greater than or equal to 1"),
    ],
)
def test_mistakes_are_told_on_one_line(typed, change, words):
    status, out, error = typed("cache", "record", written(2), "--set", change, "--quiet")
    assert (status, error.count("\n"), "measured" in out) == (2, 1, False) and words in error
