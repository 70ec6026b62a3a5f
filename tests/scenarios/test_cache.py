"""`sqsim cache`, and what it is for: rounds recorded where the weights are, simulated where they are not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from kinds.files import cache_folder
from models import pair_cards
from simulator import Cell, simulate, sweep
from simulator.decoding.memory import Memory
from simulator.decoding.round_store import RoundStore
from tests.models import tiny

WORKLOAD = {"kind": "closed", "requests": 2, "prompt_tokens": 4, "output_tokens": 8}
TABLES = ("cells.csv", "summary.csv", "requests.parquet", "rounds.parquet")
REPLAY = """
import sys
from pathlib import Path
from scenarios.command.cli import main
main(["cache", "import", "pair.sqr"])
from simulator import Cell, ConfigError, simulate, sweep
sweep([Cell.from_yaml(path) for path in ("slow.yaml", "fast.yaml")], Path("replayed"), workers=1)
try:
    simulate(Cell.from_yaml("unrecorded.yaml"))
except ConfigError as error:
    print(error)
print([name for name in ("torch", "transformers", "tokenizers") if name in sys.modules])
"""


@pytest.fixture(autouse=True)
def _machine(tmp_path, monkeypatch):
    """One with an empty cache, that keeps rounds."""
    on_machine("a", tmp_path, monkeypatch)
    monkeypatch.setenv("NUMBA_CACHE_DIR", numba.config.CACHE_DIR)


def on_machine(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on this process is one of that machine's."""
    monkeypatch.setenv("SQSIM_CACHE", str(folder / "machines" / name))
    monkeypatch.setenv("SQSIM_ROUNDS_GB", "1")
    pair_cards._card_of.cache_clear()
    pair_cards._loaded.cache_clear()


@pytest.fixture
def pair(tmp_path):
    """Two models and prompts that are saved here, named from this folder."""
    tiny.save(tmp_path / "m" / "d", "gpt2")
    tiny.save(tmp_path / "m" / "v", "llama", seed=1)
    texts = {"a": "HELLO_WORLD", "b": "OTHER_NEWS"}
    lines = (json.dumps({"name": name, "kind": "news", "text": text}) for name, text in texts.items())
    (tmp_path / "p.jsonl").write_text("\n".join(lines) + "\n")
    return {"kind": "huggingface", "drafter": "m/d", "verifier": "m/v", "prompts": "p.jsonl", "device": "cpu"}


def over(pair: dict[str, str], rate_bps: float, seed: int = 0) -> Cell:
    """The same decoding over one link or another."""
    scheme = {"kind": "k_sqs", "k": 8, "resolution": 50}
    fields = {"models": {"pair": pair}, "scheme": scheme, "workload": WORKLOAD, "seed": seed}
    return Cell.from_fields(fields | {"uplink": {"rate": {"kind": "constant", "bps": rate_bps}}})


def recorded(one: Cell) -> None:
    """Decodes a cell on this machine."""
    simulate(one, memory=Memory(RoundStore.here()))


def test_recorded_rounds_are_simulated_over_any_network_without_the_weights(pair, done, tmp_path, monkeypatch):
    recorded(over(pair, 1e4))
    out = done("cache", "export", "pair.sqr", "--pair", "m/d")
    assert f"huggingface {tmp_path}/m/v / {tmp_path}/m/d: 2 entries" in out

    files = {"slow.yaml": over(pair, 2e4), "fast.yaml": over(pair, 1e6), "unrecorded.yaml": over(pair, 1e4, seed=1)}
    for name, one in files.items():
        Path(name).write_text(one.to_yaml())
    monkeypatch.setenv("SQSIM_ROUNDS_GB", "0")
    sweep([Cell.from_yaml(name) for name in ("slow.yaml", "fast.yaml")], tmp_path / "live", workers=1)

    on_machine("b", tmp_path, monkeypatch)
    Path("m").rename("m.elsewhere")
    ran = subprocess.run([sys.executable, "-c", REPLAY], capture_output=True, text=True, env=os.environ, check=True)
    *_, text, imported = ran.stdout.splitlines()
    assert text.startswith(f"models.pair.drafter = {tmp_path}/m/d: its weights are not here, and a step of this cell")
    assert (imported, ran.stderr) == ("[]", "")
    for name in TABLES:
        assert (tmp_path / "replayed" / name).read_bytes() == (tmp_path / "live" / name).read_bytes()


@pytest.mark.slow
def test_the_main_scenario_runs_over_another_grid_without_the_weights(pair, typed, tmp_path, monkeypatch):
    fields = ", ".join(f"{name}: {value}" for name, value in pair.items())
    run = ("run", "latency_vs_bandwidth", "--quick", "--quiet", "--workers=1", "--seeds=2", "--set=workload.requests=2",
           f"--set=models.pair={{{fields}}}", "--set=workload.prompt_tokens=4", "--set=workload.output_tokens=8",
           "--grid=scheme=[{kind: k_sqs, k: 8}, dense]")  # fmt: skip
    another = ("--grid=uplink.rate.bps=2e4,1e6", "--set=downlink.rate.bps=1e6")
    assert typed(*run, "--grid=uplink.rate.bps=1e4,1e5", "--out=recorded")[0] == 0
    assert typed("cache", "export", "pair.sqr")[0] == 0
    monkeypatch.setenv("SQSIM_ROUNDS_GB", "0")
    _, live, _ = typed(*run, *another, "--out=live")

    on_machine("b", tmp_path, monkeypatch)
    Path("m").rename("m.elsewhere")
    there = [sys.executable, "-m", "scenarios.command"]
    subprocess.run([*there, "cache", "import", "pair.sqr"], env=os.environ, check=True)
    ran = subprocess.run([*there, *run, *another, "--out=replayed"], capture_output=True, text=True, env=os.environ)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.replace("replayed/", "live/") == live
    for name in (*TABLES, "chosen_and_fixed.csv"):
        assert (tmp_path / "replayed" / name).read_bytes() == (tmp_path / "live" / name).read_bytes()
    ran = subprocess.run([*there, *run, "--set=seed=9", "--out=c"], capture_output=True, text=True, env=os.environ)
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1) and "its weights are not here" in ran.stderr


def test_what_there_is_is_shown_by_pair_and_cleared_by_pair(pair, typed):
    assert "No rounds recorded yet." in typed("cache")[1]
    recorded(over(pair, 1e4))
    recorded(over({"kind": "synthetic", "size": 64}, 1e4))
    status, out, _ = typed("cache")
    heading, _, columns, *rows = out.splitlines()
    assert status == 0 and heading.endswith("MB of at most 1 GB") and columns.endswith("last use          pair")
    (fingerprint,) = (row.split()[0] for row in rows if "  huggingface " in row)
    assert [row.split()[1] for row in rows] == ["2", "2"] and any(row.endswith("  (no card)") for row in rows)
    assert "2 entries removed" in typed("cache", "clear", "--pair", fingerprint)[1]
    assert "huggingface" not in typed("cache")[1] and not pair_cards.cards()
    (cache_folder() / "compiled" / "0").mkdir(parents=True)
    assert "2 entries removed" in typed("cache", "clear")[1]
    assert not (cache_folder() / "compiled").exists()
    assert "No rounds recorded yet." in typed("cache")[1]


def test_mistakes_are_refused_on_one_line(pair, typed, monkeypatch):
    def refusal(*arguments):
        status, out, error = typed("cache", *arguments)
        lines = [line for line in error.splitlines() if "passes are made one by one" not in line]
        assert (status, out, len(lines)) == (2, "", 1)
        return error

    assert "no rounds to export" in refusal("export", "a.sqr")
    assert "pair = 'opt': nothing is recorded of it; there is nothing" in refusal("export", "a.sqr", "--pair=opt")
    recorded(over(pair, 1e4))
    fingerprint = over(pair, 1e4).models.pair.fingerprint
    assert f"there is huggingface {os.path.abspath('m/v')}" in refusal("clear", "--pair=opt")
    for nothing in ("", fingerprint[:5], "0" * 12):
        assert f"pair = {nothing!r}: nothing is recorded of it" in refusal("clear", "--pair", nothing)
    assert "file = a.zip: must end in .sqr" in refusal("export", "a.zip")
    assert "file = no/a.sqr: no is no folder" in refusal("export", "no/a.sqr")
    assert "a.sqr: cannot be read (No such file" in refusal("import", "a.sqr")
    assert "p.jsonl: no recording" in refusal("import", "p.jsonl")
    monkeypatch.setenv("SQSIM_ROUNDS_GB", "0")
    assert "SQSIM_ROUNDS_GB = 0: no rounds are kept" in refusal()
    assert not list(Path().glob("*.sqr*"))
