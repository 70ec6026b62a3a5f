"""Files: what is wrong with one is told by its line, and what is written is whole or not there."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from channels.link.rates import Rate
from kinds import ConfigError
from kinds.csv_tables import read_table
from kinds.files import (
    atomically,
    cache_folder,
    parse_json,
    read_bytes,
    read_json,
    read_lines,
    read_note,
    require_file,
    sha256,
    sha256_once,
)
from models.prompt_files import read_prompts
from scenarios.command.inspect.codec import read_distribution
from simulator.cell.cell import Cell
from simulator.cell.workload import Workload


@pytest.mark.parametrize("text", ["a\nb\n", "a\nb", "a\r\nb\r\n", "a\rb"])
def test_lines_end_as_any_machine_ends_them(tmp_path: Path, text: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(text.encode())
    assert read_lines(path) == [(f"{path}, line 1", "a"), (f"{path}, line 2", "b")]


def test_an_empty_file_has_no_lines_and_an_empty_line_is_one(tmp_path: Path) -> None:
    (tmp_path / "none").write_text("")
    (tmp_path / "one").write_text("\n")
    assert read_lines(tmp_path / "none") == []
    assert [line for _, line in read_lines(tmp_path / "one")] == [""]


def test_a_line_separator_within_a_text_ends_no_line(tmp_path: Path) -> None:
    """JSON lets U+2028, U+0085 and the like stand in a string as they are."""
    path = tmp_path / "p.jsonl"
    path.write_text('{"name": "a", "kind": "news", "text": "one\u2028two\u0085three"}\n', encoding="utf-8")
    assert [len(prompt.tokens) for prompt in read_prompts(path, lambda text: [ord(c) for c in text])] == [13]


def test_a_table_has_its_columns_and_its_rows_their_places(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('x, y\n\n1,"2"\n\n3,4\n')
    assert read_table(path, ("x", "y")) == [(f"{path}, line 3", ["1", "2"]), (f"{path}, line 5", ["3", "4"])]


def test_a_table_may_begin_with_a_byte_order_mark_and_hold_other_columns_in_any_order(tmp_path: Path) -> None:
    """As a spreadsheet or a recorder writes it."""
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbfcell,y,x,note\r\n7,2,1,a\r\n8,4,3,\r\n")
    assert read_table(path, ("x", "y")) == [(f"{path}, line 2", ["1", "2"]), (f"{path}, line 3", ["3", "4"])]
    trace = tmp_path / "rate.csv"
    trace.write_bytes(b"\xef\xbb\xbfstart_s,snr_db,bps\n0,3.5,1000\n2,1.5,500\n")
    assert Rate.kinds["trace"](path=trace).read() == ((0.0, 1000.0), (2.0, 500.0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "line 1: the columns must be x, y; others may stand beside them; x is missing"),
        (b"y;x\n1;2\n", "line 1: the columns must be x, y; others may stand beside them; x is missing"),
        (b"\nx\n", "line 2: the columns must be x, y; others may stand beside them; y is missing"),
        (b"x,y,x\n", "line 1: the columns must be x, y; others may stand beside them; x is there 2 times"),
        (b"x,y\n1,2\n3\n", "line 3: must hold 2 values, got '3'"),
        (b"x,y\n1,2,3\n", "line 2: must hold 2 values, got '1,2,3'"),
        (b'x,y\n1,"2\n', "line 2: unexpected end of data"),
        (b"x,y\n\xff,2\n", "line 2: must be UTF-8 text"),
    ],
)
def test_a_defect_of_a_table_is_told_by_its_line(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text)
    with pytest.raises(ConfigError) as caught:
        read_table(path, ("x", "y"))
    assert str(caught.value) == f"{path}, {message}"


READERS = {
    "trace": lambda path: Rate.kinds["trace"](path=path),
    "mahimahi": lambda path: Rate.kinds["mahimahi"](path=path),
    "arrivals": lambda path: Workload.kinds["arrivals"](path=path),
    "prompts": lambda path: read_prompts(path, lambda text: []),
    "law": read_distribution,
    "cell": Cell.from_yaml,
}


@pytest.mark.parametrize("name", READERS)
def test_every_reader_of_lines_names_file_and_line_and_refuses_what_is_no_text_and_a_pipe(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "binary"
    path.write_bytes(b"\n\xff\n")
    with pytest.raises(ValueError, match="binary, line 2: must be UTF-8 text"):
        READERS[name](path)
    with pytest.raises(ValueError, match=r"absent: cannot be read \(No such file or directory\)"):
        READERS[name](tmp_path / "absent")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match=r"pipe: cannot be read \(must be a regular file"):
        READERS[name](tmp_path / "pipe")


def test_an_array_that_its_header_overstates_is_refused_unallocated(tmp_path: Path) -> None:
    path = tmp_path / "law.npy"
    np.save(path, np.ones(2) / 2)
    path.write_bytes(path.read_bytes().replace(b"(2,)", b"(2000000000000,)"))
    with pytest.raises(ConfigError, match=r"law\.npy: not an array of numbers"):
        read_distribution(path)


def test_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    assert sha256(tmp_path / "f") == hashlib.sha256(b"abc").hexdigest()


def test_a_large_file_is_read_again_when_it_has_changed_and_only_then(tmp_path, monkeypatch):
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    first = sha256_once(path)
    with monkeypatch.context() as patch:
        patch.setattr("kinds.files.sha256", lambda path: pytest.fail("read again"))
        assert sha256_once(path) == first == sha256(path)
    path.write_bytes(b"abcd")
    assert sha256_once(path) == hashlib.sha256(b"abcd").hexdigest()


@pytest.mark.parametrize("name", ["absent", ".", "a\0b"])
def test_what_cannot_be_read_is_told_on_one_line(tmp_path: Path, name: str) -> None:
    for read in (sha256, sha256_once, read_lines):
        with pytest.raises(ConfigError, match="cannot be read") as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [require_file, read_bytes, read_lines, read_json, sha256, sha256_once])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_may_never_end_is_refused_at_once(tmp_path: Path, kind: str, read: Callable[[Path], object]) -> None:
    path = Path("/dev/zero") if kind == "device" else tmp_path / "pipe"
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: cannot be read (must be a regular file; no directory, pipe or device)"
    assert read_note(path) == {}


def test_a_file_larger_than_its_bound_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    assert read_bytes(path, 5) == b"12345"
    with pytest.raises(ConfigError, match=r"must have at most 4 bytes"):
        read_bytes(path, 4)
    os.truncate(path, 1 << 40)  # a hole: no bytes on the disk
    with pytest.raises(ConfigError, match=r"must have at most 67,108,864 bytes"):
        read_lines(path)
    os.truncate(path, 0)
    path.write_bytes(b"\n" * 2_000_001)
    with pytest.raises(ConfigError, match=r"must have at most 2,000,000 lines"):
        read_lines(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON, Expecting"),
        ("[" * 100_000, "is nested too deeply"),
        ("9" * 5000, "not JSON, Exceeds the limit"),
        (r'{"a": ["\ud800"]}', "must be Unicode text, holds a lone surrogate"),
        (r'{"\uDfff": 1}', "must be Unicode text, holds a lone surrogate"),
    ],
)
def test_what_is_wrong_with_json_is_told_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^p: {message}") as caught:
        parse_json(text, "p")
    assert "\n" not in str(caught.value)


def test_json_may_spell_a_whole_surrogate_pair_and_a_backslash() -> None:
    assert parse_json(r'["\ud83d\ude00", "\\ud800"]', "p") == ["\U0001f600", r"\ud800"]


def test_a_write_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")

    def half(unfinished: Path) -> None:
        unfinished.write_text("ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atomically(path, half)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    atomically(path, lambda unfinished: unfinished.write_text("new"))
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "f"

    def slow(unfinished: Path) -> None:
        unfinished.write_text("slow")
        atomically(path, lambda other: other.write_text("quick"))
        assert path.read_text() == "quick"

    atomically(path, slow)
    assert path.read_text() == "slow" and list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_whole_and_takes_no_others_place(tmp_path: Path) -> None:
    def make(unfinished: Path) -> None:
        unfinished.mkdir()
        (unfinished / "a").write_text("a")
        assert not (tmp_path / "folder").exists()

    atomically(tmp_path / "folder", make)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["a"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "b").write_text("b")
    with pytest.raises(OSError, match="not empty"):
        atomically(tmp_path / "other", lambda unfinished: unfinished.mkdir())
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["b"]


def test_the_cache_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQSIM_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("SQSIM_CACHE", "")
    assert cache_folder().name == "sqsim"
