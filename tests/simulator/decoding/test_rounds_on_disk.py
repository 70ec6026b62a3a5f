"""What was decoded once is not decoded again, in another process or on another day, and no table tells."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from remembered import WAYS, counted_passes, cut, made, told

from kinds import ConfigError
from simulator import Cell, simulate
from simulator.cell.cell import load_imports
from simulator.decoding import round_keys
from simulator.decoding.memory import Memory
from simulator.decoding.round_keys import origin
from simulator.decoding.round_store import Grown, RoundStore
from simulator.decoding.tree_bytes import from_bytes, to_bytes

CAP = 10**8
MINE = """from typing import Literal
from channels.codec.sparsify import TopK
from simulator.schemes.k_sqs import KSqs

class Mine(KSqs):
    kind: Literal["NAME"] = "NAME"
"""
SCRIPT = """import sys
sys.path[:0] = ["tests/helpers"]
from remembered import counted_passes, made, told
from simulator import simulate
with counted_passes() as passes:
    text = repr(told(simulate(made(sys.argv[1]))))
print(len(passes), text)
"""


@pytest.fixture
def store(tmp_path: Path) -> RoundStore:
    return RoundStore(tmp_path / "rounds.sqlite", CAP)


@pytest.mark.parametrize("way", WAYS)
def test_i6_live_remembered_and_half_remembered_runs_are_one(way: str, store: RoundStore) -> None:
    cell = made(way)
    live, cold = (told(simulate(cell, memory=Memory(each))) for each in (None, store))
    with counted_passes() as passes:
        warm = told(simulate(cell, memory=Memory(store)))
    assert not passes and live == cold == warm
    rng, whole = random.Random(way), list(store.entries())
    assert store.clear() == len(whole) > 0
    half = [(key, pair, from_bytes(blob)) for key, pair, blob in whole]
    for *_, tree in half:
        cut(tree, rng, 0.8)
    store.put_all([Grown(key, pair, to_bytes(tree)) for key, pair, tree in half])
    with counted_passes() as passes:
        assert told(simulate(cell, memory=Memory(store))) == live
    assert passes
    with counted_passes() as passes:
        assert told(simulate(cell, memory=Memory(store))) == live
    assert not passes, "what was missing was not put back"


@pytest.mark.parametrize("way", ["k_sqs", "dssd", "two ahead"])
def test_i6_another_network_starts_from_what_this_one_decoded(way: str, store: RoundStore) -> None:
    simulate(made(way), memory=Memory(store))
    for bps in (2e4, 1e6):
        with counted_passes() as passes:
            remembered = told(simulate(made(way, bps), memory=Memory(store)))
        assert remembered == told(simulate(made(way, bps), memory=Memory()))
        assert way == "two ahead" or not passes


@pytest.mark.parametrize("way", WAYS)
def test_devices_that_ask_for_one_text_at_a_time_leave_a_tree_that_can_be_read(
    way: str, store: RoundStore, capsys: pytest.CaptureFixture[str]
) -> None:
    """Payloads that are the same wait together for a slow server: what is verified of one is the step of all."""
    cell = made(way).with_(
        {
            "workload.devices": 4,
            "workload.distinct": 1,
            "uplink.sharing": "own",
            "downlink.sharing": "own",
            "cloud.latency": {"kind": "constant", "per_pass_s": 0.5},
        }
    )
    live = told(simulate(cell, memory=Memory(store)))
    with counted_passes() as passes:
        assert told(simulate(cell, memory=Memory(store))) == live
    assert not passes and capsys.readouterr().err == ""


@pytest.mark.slow
def test_i6_another_process_makes_no_pass(tmp_path: Path) -> None:
    environment = {**os.environ, "SQSIM_CACHE": str(tmp_path), "SQSIM_ROUNDS_GB": "1"}
    for way in ("c_sqs", "tree"):
        command = [sys.executable, "-c", SCRIPT, way]
        first, again = (
            subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split(" ", 1)
            for _ in range(2)
        )
        assert int(first[0]) > 0 and int(again[0]) == 0
        assert first[1] == again[1] == repr(told(simulate(made(way)))) + "\n"


def test_a_tree_that_has_not_grown_is_not_written_again(store: RoundStore, monkeypatch: pytest.MonkeyPatch) -> None:
    memory, written = Memory(store), list[int]()
    put_all = RoundStore.put_all
    monkeypatch.setattr(
        RoundStore, "put_all", lambda self, grown: (written.append(len(grown)), put_all(self, grown))[1]
    )
    for bps in (1e5, 2e4, 1e6):
        simulate(made("k_sqs", bps), memory=memory)
    assert written == [2, 0, 0]


def test_an_entry_becomes_what_both_writers_have_decoded(store: RoundStore, tmp_path: Path) -> None:
    other = RoundStore(tmp_path / "other.sqlite", CAP)
    cells = [made("parts").with_({"uplink.loss.probability": probability}) for probability in (0.2, 0.6)]
    live = [told(simulate(cell, memory=Memory(each))) for cell, each in zip(cells, (store, other), strict=True)]
    with counted_passes() as passes:
        simulate(cells[1], memory=Memory(RoundStore(_copied(store, tmp_path), CAP)))
    assert passes, "the second cell decodes nothing that the first has not"
    for entry in other.entries():
        store.put(*entry)
    with counted_passes() as passes:
        assert [told(simulate(cell, memory=Memory(store))) for cell in cells] == live
    assert not passes


def _copied(store: RoundStore, folder: Path) -> Path:
    return Path(shutil.copy(store.path, folder / "copy.sqlite"))


def test_an_entry_of_another_request_is_dropped_and_decoded_anew(
    store: RoundStore, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = made("k_sqs")
    live = told(simulate(cell, memory=Memory(store)))
    (one, pair, _), (other, _, blob) = store.entries()
    store.clear()
    store.put_all([Grown(one, pair, blob), Grown(other, pair, b"no tree")])
    assert told(simulate(cell, memory=Memory(store))) == live
    assert len(capsys.readouterr().err.splitlines()) == 1
    with counted_passes() as passes:
        simulate(cell, memory=Memory(store))
    assert not passes


def test_what_an_interrupted_run_has_decoded_is_kept(store: RoundStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.run._step", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        simulate(made("cloud_only"), memory=Memory(store))
    assert list(store.entries())


def _interrupted(plant: object) -> None:
    from simulator.timing.plant import Plant

    assert isinstance(plant, Plant)
    for _ in range(80):
        plant.env.step()
    raise KeyboardInterrupt


def test_a_notebook_s_class_is_remembered_in_the_process_alone(
    store: RoundStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = made("k_sqs")
    assert origin(ours, ours.scheme) is not None
    notebook = ModuleType("notebook_in_tests")
    monkeypatch.setitem(sys.modules, notebook.__name__, notebook)
    exec(MINE.replace("NAME", "of_a_script_in_tests"), vars(notebook))
    mine = ours.with_({"scheme": {"kind": "of_a_script_in_tests"}})
    assert origin(mine, mine.scheme) is None
    simulate(mine, memory=Memory(store))
    assert not list(store.entries())


def test_a_notebook_s_class_that_was_edited_decodes_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = ModuleType("edited_notebook_in_tests")
    monkeypatch.setitem(sys.modules, notebook.__name__, notebook)
    keeping = "from simulator.schemes.sparsifiers.by_count import KeepTopK\n" + MINE.replace("NAME", "edited_in_tests")
    kept = list[float]()
    for k in (2.0, 5.0):
        exec(f"{keeping}    def made_of(self): return self.keeping(KeepTopK(k={int(k)}))\n", vars(notebook))
        kept.append(simulate(made("k_sqs").with_({"scheme": "edited_in_tests"})).summary["support_size"])
    assert kept == [2.0, 5.0]


def test_an_imported_file_s_class_is_kept_unless_it_uses_a_package_of_unknown_version(tmp_path: Path) -> None:
    (tmp_path / "other_file_in_tests.py").write_text("def helps(): pass\nMOST = 3\n")
    alone, helped = tmp_path / "alone.py", tmp_path / "helped.py"
    alone.write_text(MINE.replace("NAME", "alone_in_tests"))
    load_imports([alone])
    own = Cell.from_fields({"scheme": "alone_in_tests", "imports": [str(alone)]})
    assert origin(own, own.scheme) is not None
    unnamed = Cell.from_fields({"scheme": "alone_in_tests"})
    assert origin(unnamed, unnamed.scheme) is None
    for line, kept in (("from other_file_in_tests import MOST", True), ("import pluggy", False)):
        helped.write_text(f"import sys\nimport numpy.random\nsys.path.append({str(tmp_path)!r})\n{line}\n")
        both = Cell.from_fields({"scheme": "alone_in_tests", "imports": [str(alone), str(helped)]})
        assert (origin(both, both.scheme) is not None) is kept


def test_numbers_of_any_type_in_a_users_state_are_kept_as_floats(tmp_path: Path, store: RoundStore) -> None:
    mine = tmp_path / "mine.py"
    entry = "    def entry(self, last): return (1, np.float64(0.5))\n"
    mine.write_text(f"import numpy as np\n{MINE.replace('NAME', 'of_any_numbers_in_tests')}{entry}")
    cell = Cell.from_fields({**made("k_sqs").model_dump(), "scheme": "of_any_numbers_in_tests", "imports": [mine]})
    simulate(cell, memory=Memory(store))
    states = {from_bytes(blob).edge.state for *_, blob in store.entries()}
    assert [repr(each) for each in states] == ["(1.0, 0.5)"]


def test_a_scheme_s_file_counts_by_its_content(tmp_path: Path, store: RoundStore) -> None:
    mine, kept = tmp_path / "mine.py", tmp_path / "kept.txt"
    reading = "from pathlib import Path\nfrom simulator.schemes.sparsifiers.by_count import KeepTopK\n"
    made_of = "    kept: Path\n    def made_of(self): return self.keeping(KeepTopK(k=int(self.kept.read_text())))\n"
    mine.write_text(reading + MINE.replace("NAME", "of_file_in_tests") + made_of)
    fields = {**made("k_sqs").model_dump(), "scheme": {"kind": "of_file_in_tests", "kept": kept}, "imports": [mine]}
    for k in (2, 5):
        kept.write_text(str(k))
        assert simulate(Cell.from_fields(fields), memory=Memory(store)).summary["support_size"] == k


def test_a_change_of_a_source_changes_every_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = {path.relative_to(round_keys.ROOT).as_posix() for path in round_keys._sources()}
    assert {"channels/codec/wire.py", "models/synthetic.py", "simulator/decoding/nodes.py"} <= sources
    assert not any(path.startswith(("channels/link", "models/latency", "simulator/timing")) for path in sources)
    for folder in (*round_keys.SOURCES, "simulator/cell", "simulator/results"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for file in (*round_keys.FILES, "channels/wire.py"):
        (tmp_path / file).write_text("x = 1\n")
    monkeypatch.setattr(round_keys, "ROOT", tmp_path)
    before = round_keys.made_by.__wrapped__()
    (tmp_path / "channels/wire.py").write_text("x = 2\n")
    assert round_keys.made_by.__wrapped__() != before


def test_the_cap_is_a_size_and_nothing_switches_the_store_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SQSIM_CACHE", str(tmp_path))
    for typed, cap in (("0.5", 5 * 10**8), ("", 4 * 10**9)):
        monkeypatch.setenv("SQSIM_ROUNDS_GB", typed)
        assert RoundStore.here() == RoundStore(tmp_path / "rounds" / "rounds.sqlite", cap)
    monkeypatch.setenv("SQSIM_ROUNDS_GB", "0")
    assert RoundStore.here() is None
    for typed in ("much", "-1", "nan", "inf"):
        monkeypatch.setenv("SQSIM_ROUNDS_GB", typed)
        with pytest.raises(ConfigError, match=f"^SQSIM_ROUNDS_GB = '{typed}': must be a size in GB"):
            RoundStore.here()
