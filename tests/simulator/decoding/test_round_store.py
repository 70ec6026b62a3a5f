"""The file that rounds are kept in: whole entries or none, whatever befalls it, and one line about it."""

import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kinds import mistakes
from simulator.decoding import round_store
from simulator.decoding.nodes import EdgeNode, Tree
from simulator.decoding.round_store import Grown, RoundStore
from simulator.decoding.tree_bytes import from_bytes, to_bytes

CAP = 10**7
WRITER = """import sys
from pathlib import Path
from simulator.decoding.round_store import RoundStore
sys.path[:0] = ["tests/simulator/decoding", "tests/helpers"]
from test_round_store import asked, key
store = RoundStore(Path(sys.argv[1]), 10**7)
for number in range(40):
    store.put(key(number), "pair", resolved(sys.argv[2].encode()))
    store.put(key(99), "pair", resolved(f"{sys.argv[2]} {number}".encode()))
"""
FULL = """import resource, sys
from pathlib import Path
from simulator.decoding.round_store import RoundStore
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
store = RoundStore(Path(sys.argv[1]), 10**9)
for number in range(20):
    store.put(f"{number:064x}", "pair", bytes(20_000))
print(sum(len(blob) for *_, blob in store.entries()))
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RoundStore:
    """An empty one, of a process that has said nothing yet."""
    monkeypatch.setattr(mistakes, "PRINTED", set())
    monkeypatch.setattr(round_store, "_given_up", set())
    return RoundStore(tmp_path / "rounds" / "rounds.sqlite", CAP)


def key(number: int) -> str:
    return f"{number:064x}"


def resolved(*replies: bytes) -> bytes:
    """A tree whose edge has resolved these replies."""
    tree = Tree((1, 2), ())
    tree.edge.then_resolve = tuple((reply, (EdgeNode(2, (1, 2), ()), ())) for reply in replies)
    return to_bytes(tree)


def replies(blob: bytes | None) -> set[bytes]:
    assert blob is not None
    return {reply for reply, _ in from_bytes(blob).edge.then_resolve}


def spoil(store: RoundStore, statement: str, *values: object) -> None:
    with sqlite3.connect(store.path) as file:
        file.execute(statement, values)
    file.close()


def test_what_is_put_is_there_for_the_next_process_by_key_and_by_pair(store: RoundStore) -> None:
    assert store.get(key(1)) is None and not store.path.exists(), "asking makes no file"
    assert not store.summary() and not list(store.entries()) and store.clear() == 0
    store.put_all([Grown(key(2), "one", b"22"), Grown(key(1), "one", b"1"), Grown(key(3), "two", b"333")])
    again = RoundStore(store.path, CAP)
    assert (again.get(key(1)), again.get(key(3)), again.get(key(4))) == (b"1", b"333", None)
    assert {(each.pair, each.entries, each.bytes) for each in again.summary()} == {("one", 2, 3), ("two", 1, 3)}
    assert list(again.entries("one")) == [(key(1), "one", b"1"), (key(2), "one", b"22")]
    assert again.clear("one") == 2 and again.get(key(1)) is None and len(list(again.entries())) == 1
    assert again.clear() == 1 and not again.summary()


def test_an_entry_written_by_two_holds_what_both_hold(store: RoundStore) -> None:
    store.put(key(1), "pair", resolved(b"a"))
    written = store.put_all([Grown(key(1), "pair", resolved(b"b"))])
    assert replies(store.get(key(1))) == {b"a", b"b"} and not written
    found = store.find(key(1))
    assert found is not None
    store.put_all([Grown(key(1), "pair", resolved(b"c"), holds=found.checksum)])
    assert replies(store.get(key(1))) == {b"c"}, "an entry that holds all of the other takes its place"


@pytest.mark.parametrize("damage", ["blob = zeroblob(9)", "blob = 'text'", "checksum = ''", "blob = blob || x'00'"])
def test_a_damaged_entry_is_told_and_dropped_and_the_others_stay(
    store: RoundStore, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store.put_all([Grown(key(1), "pair", b"one"), Grown(key(2), "pair", b"two")])
    spoil(store, f"UPDATE trees SET {damage} WHERE key = ?", key(1))
    assert store.get(key(1)) is None and store.get(key(1)) is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"sqsim: {store.path}: damaged rounds were dropped, and are decoded again"
    assert [each for each, *_ in store.entries()] == [key(2)]
    store.put(key(1), "pair", b"one")
    assert store.get(key(1)) == b"one"


def test_entries_that_were_swapped_are_damaged(store: RoundStore) -> None:
    store.put_all([Grown(key(1), "pair", b"one"), Grown(key(2), "pair", b"two")])
    spoil(store, "UPDATE trees SET key = ? WHERE key = ?", key(3), key(1))
    assert store.get(key(3)) is None


def test_a_file_of_something_else_is_told_and_begun_anew(store: RoundStore, capsys: pytest.CaptureFixture[str]) -> None:
    store.path.parent.mkdir()
    store.path.write_bytes(b"nonsense" * 1000)
    Path(f"{store.path}-journal").write_bytes(b"of the nonsense")
    store.put(key(1), "pair", b"one")
    assert store.get(key(1)) == b"one"
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        line
        == f"sqsim: {store.path}: damaged; it is set aside as rounds.sqlite.damaged, and its rounds are decoded again"
    )
    assert store.path.with_name("rounds.sqlite.damaged").read_bytes() == b"nonsense" * 1000


def damaged(whole: bytes, seed: int) -> bytes:
    """Some bytes of it changed: anywhere, in its schema, in its texts, in its head; or a page, or its end, lost."""
    rng, found = random.Random(seed), bytearray(whole)
    way = rng.choice(["anywhere", "schema", "text", "head", "page", "end"])
    if way == "page":
        place = 4096 * rng.randrange(len(found) // 4096)
        found[place : place + 4096] = rng.choice([bytes(4096), rng.randbytes(4096)])
    elif way == "end":
        del found[rng.randrange(len(found)) :]
    else:
        first, last = {"schema": (3500, 4096), "head": (0, 100)}.get(way, (4096, len(found)))
        for _ in range(rng.choice([1, 3, 20])):
            place = found.find(b"pair", rng.randrange(first, last)) if way == "text" else rng.randrange(first, last)
            found[place] = rng.choice([0, 0x80, 0xC3, 0xFF, rng.randrange(256)])
    return bytes(found)


@pytest.mark.parametrize("seeds", [range(8, 17), pytest.param(range(400), marks=pytest.mark.slow)])
def test_a_damaged_file_never_raises_and_takes_entries_again(
    store: RoundStore, seeds: range, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(0)
    blobs = [rng.randbytes(600) for _ in range(30)]
    store.put_all([Grown(key(number), "pair" * 16, blob) for number, blob in enumerate(blobs)])
    whole = store.path.read_bytes()
    for seed in seeds:
        store.path.write_bytes(damaged(whole, seed))
        mistakes.PRINTED.clear()
        found = [store.get(key(number)) for number in range(30)]
        stored, entries = store.summary(), list(store.entries())
        store.put_all([Grown(key(number), "pair" * 16, b"new") for number in range(25, 35)])
        assert len(capsys.readouterr().err.splitlines()) <= 2, seed  # dropped entries, or the file
        assert {*found} <= {None, *blobs} and {blob for *_, blob in entries} <= {*blobs}
        assert all(isinstance(each.used, int) for each in stored)
        store.put(key(99), "pair", b"one")
        assert store.get(key(99)) == b"one", seed
        assert not round_store._given_up


def locked(store: RoundStore, patch: pytest.MonkeyPatch) -> object:
    patch.setattr(round_store, "WAIT_S", 0.2)
    store.put(key(1), "pair", b"one")
    holder = sqlite3.connect(store.path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    return holder


def refused(error: OSError, patch: pytest.MonkeyPatch) -> None:
    def is_file(path: Path) -> bool:
        raise error

    patch.setattr(Path, "is_file", is_file)


TROUBLES: dict[str, Callable[[RoundStore, pytest.MonkeyPatch], object]] = {
    "reading failed (database is locked)": locked,
    "reading failed (Permission denied)": lambda _, patch: refused(PermissionError(13, "Permission denied"), patch),
    "reading failed (File name too long)": lambda _, patch: refused(OSError(36, "File name too long"), patch),
    "writing failed (File exists)": lambda store, _: store.path.parent.write_text("in place of a folder"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_file_that_cannot_be_used_is_reported_once_and_waited_for_once(
    store: RoundStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], trouble: str
) -> None:
    assert round_store.WAIT_S <= 5
    _holder = TROUBLES[trouble](store, monkeypatch)
    began_s = time.monotonic()
    for number in range(5):
        assert store.get(key(number)) is None and not store.summary() and store.clear() == 0
        store.put(key(number), "pair", b"more")
    taken_s = time.monotonic() - began_s
    assert taken_s < 2 and (TROUBLES[trouble] is not locked or taken_s > 0.1)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"sqsim: {store.path}: {trouble}; the run goes on without"


def test_a_read_only_file_is_read_and_told_once(
    store: RoundStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store.put(key(1), "pair", b"one")
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda path, **named: connect(f"file:{path}?mode=ro", uri=True, **named)
    )  # as a file that may not be written: root may write any
    for number in (2, 3):
        store.put(key(number), "pair", b"more")
    assert store.get(key(1)) == b"one" and store.get(key(2)) is None
    (line,) = capsys.readouterr().err.splitlines()
    assert "writing failed (attempt to write a readonly database); the run goes on without" in line


@pytest.mark.slow
def test_a_full_disk_is_told_once_and_what_was_written_stays(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL, str(tmp_path / "rounds.sqlite")]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(run.stdout) in range(20_000, 100_000)
    (line,) = run.stderr.splitlines()
    assert "writing failed (" in line and "the run goes on without" in line


def test_beyond_the_cap_what_was_used_longest_ago_goes(store: RoundStore, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1e9]
    monkeypatch.setattr(round_store.time, "time", lambda: now[0])
    small = RoundStore(store.path, 100_000)
    for number in range(8):
        now[0] += 2 * round_store.COARSE_S
        small.put(key(number), "pair", bytes([number]) * 12_000)
    now[0] += 2 * round_store.COARSE_S
    assert small.get(key(0)) is not None  # used again: noted with the next write
    small.put(key(8), "pair", b"8" * 12_000)
    assert [number for number in range(9) if small.get(key(number)) is not None] == [0, 3, 4, 5, 6, 7, 8]
    assert store.path.stat().st_size < 120_000, "what was dropped still takes room"
    small.put(key(9), "pair", bytes(100_001))
    assert small.get(key(9)) is None and small.get(key(8)) is not None


def test_a_run_that_only_reads_writes_nothing(store: RoundStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(key(1), "pair", b"one")
    before = store.path.stat().st_mtime_ns
    for _ in range(3):
        store.get(key(1))
        store.put_all([])
    assert store.path.stat().st_mtime_ns == before


@pytest.mark.slow
def test_processes_that_write_one_file_at_once_lose_nothing(store: RoundStore) -> None:
    names = ["a", "b", "c"]
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(store.path), name], stderr=subprocess.PIPE, text=True)
        for name in names
    ]
    assert [(each.communicate()[1], each.returncode) for each in running] == [("", 0)] * 3
    for number in range(40):
        assert replies(store.get(key(number))) == {name.encode() for name in names}
    assert replies(store.get(key(99))) == {f"{name} {number}".encode() for name in names for number in range(40)}
