"""A cell that fails is reported with its file and takes no other along; a place that takes nothing more ends the
sweep."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cells import cell, link

from simulator import Cell, ConfigError, sweep
from simulator.cell.cell import load_imports
from simulator.studies.study import Simulation
from simulator.sweeps import search, tracing, worker
from simulator.sweeps.failures import CellsFailedError, failure_of
from simulator.sweeps.parts import Parts, PlaceError
from simulator.sweeps.search import Objective, Search
from simulator.sweeps.worker_pools import received, sent

ASKED = {"kind": "closed", "requests": 1, "prompt_tokens": 4, "output_tokens": 6}
MOODY = """from typing import Literal
from channels.link.losses import Loss

class Moody(Loss):
    kind: Literal["moody_in_tests"] = "moody_in_tests"
    divisor: float = 0.0

    def process(self, uniforms):
        return self
    def lost(self, *arguments):
        return bool(0 / self.divisor)
"""


def good() -> list[Cell]:
    return [cell("cloud_only", seed=seed, workload=ASKED) for seed in (0, 1)]


def moody(file: Path, divisor: float = 0.0, kind: str = "moody_in_tests") -> Cell:
    load_imports([file])
    loss = {"kind": kind, "divisor": divisor}
    return cell("cloud_only", workload=ASKED, uplink=link(1e5, loss=loss), imports=[str(file)])


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Cell:
    """A cell with a class of a user's that raises."""
    file = tmp_path_factory.mktemp("users") / "moody.py"
    file.write_text(MOODY)
    return moody(file)


def test_a_defect_is_placed_where_it_was_raised_and_not_where_an_event_loop_raised_it_again() -> None:
    def defect() -> None:
        raise LookupError("in a process")

    try:
        try:
            defect()
        except LookupError as first:
            raise LookupError(*first.args) from first
    except LookupError as error:
        failure = failure_of("c", error)
    place = f"{Path(__file__).name}:{defect.__code__.co_firstlineno + 1}"
    assert failure.reason == f"LookupError: in a process ({place}, a defect of sqsim)" and failure.ours


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_cell_that_fails_takes_no_other_along_and_is_tried_again(workers: int, bad: Cell, tmp_path: Path) -> None:
    cells, out, lines = [bad, *good()], tmp_path / "out", list[str]()
    with pytest.raises(CellsFailedError) as text:
        sweep(cells, out, workers, failed=lines.append)
    file = out / "failed" / f"{bad.id}.yaml"
    why = r"moody.py:11: ZeroDivisionError: float division by zero"
    (line,) = lines
    assert line.startswith(f"{file} failed: ") and line.endswith(why) and "\n" not in line
    assert text.value.status == 2 and str(text.value).startswith("1 of 3 cells failed (") and why in str(text.value)
    assert f"the others are done and kept in {out}, and the same command tries these again" in str(text.value)
    assert Cell.from_yaml(file).id == bad.id and "# Traceback" in file.read_text()
    assert not (out / "cells.csv").exists() and sorted(Parts(out / "parts").landed()) == sorted(c.id for c in good())
    labels = list[str]()
    with pytest.raises(CellsFailedError):
        sweep(cells, out, progress=lambda done, total, label: labels.append(label))
    assert labels.count("resumed") == 2


def test_one_cell_alone_and_a_sweep_without_a_place_are_reported_the_mistake_itself(bad: Cell, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^\S*moody.py:11: ZeroDivisionError: float division by zero$"):
        sweep([bad], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(CellsFailedError, match=r"^1 of 3 cells failed; \S*moody.py:11: Zero"):
        sweep([*good(), bad])


def test_where_all_fail_alike_it_is_reported_once_and_nothing_is_left(bad: Cell, tmp_path: Path) -> None:
    lines, out = list[str](), tmp_path / "out"
    with pytest.raises(ConfigError, match=r"^\S*moody.py:11: ZeroDivisionError: float division by zero$"):
        sweep([bad, bad.with_({"seed": 1})], out, failed=lines.append)
    assert not lines and not out.exists()


def test_a_defect_of_ours_is_reported_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask, bad = Simulation.ask, good()[1]

    def broken(self: Simulation, cell: Cell, *others: object) -> object:
        assert cell.id != bad.id, "I7: bits"
        return ask(self, cell, *others)  # type: ignore[arg-type]

    with monkeypatch.context() as defect:
        defect.setattr(Simulation, "ask", broken)
        with pytest.raises(
            CellsFailedError, match=r"AssertionError: I7: bits.* \(test_failing_cells.py:\d+, a defect"
        ) as text:
            sweep(good(), tmp_path / "out")
    assert text.value.status == 1 and "I7: bits" in str(text.value.__cause__)
    sweep(good(), tmp_path / "whole")
    sweep(good(), tmp_path / "out")
    for name in ("cells.csv", "rounds.parquet"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (tmp_path / "out" / "failed").exists()


@pytest.mark.parametrize("where", ["part", "rounds", "tables"])
def test_a_disk_that_is_full_ends_the_sweep_in_one_line_and_nothing_done_is_lost(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, out = OSError(errno.ENOSPC, "Error writing bytes to file"), tmp_path / "out"
    sweep(good(), tmp_path / "whole")
    with monkeypatch.context() as disk:
        if where == "tables":
            disk.setattr("simulator.sweeps.store._join", lambda *_: (_ for _ in ()).throw(full))
        else:
            method = (worker, "write_part") if where == "part" else (Simulation, "ask")
            write, calls = getattr(*method), list[object]()

            def filling(*arguments: object, **named: object) -> object:
                calls.append(arguments)
                if len(calls) == 2:  # the second cell
                    raise full
                return write(*arguments, **named)

            disk.setattr(*method, filling)
        with pytest.raises(
            PlaceError, match=rf"^out = {out}: No space left on device; what is finished is kept[^\n]*$"
        ):
            sweep(good(), out)
    assert len(Parts(out / "parts").landed()) == (2 if where == "tables" else 1)
    assert not list(out.rglob("*.unfinished")) and not (out / "failed").exists()
    sweep(good(), out)
    assert (out / "cells.csv").read_bytes() == (tmp_path / "whole" / "cells.csv").read_bytes()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a quarter of a megabyte, where this process may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.slow
def test_a_small_disk_that_really_fills_up(small_disk: Path, tmp_path: Path) -> None:
    cells, out = [cell(seed=seed) for seed in range(12)], small_disk / "out"
    with pytest.raises(PlaceError, match=rf"^out = {out}: No space left on device; [^\n]*$"):
        sweep(cells, out, 2)
    kept = Parts(out / "parts").landed()
    assert 0 < len(kept) <= 12
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    labels = list[str]()
    sweep(cells, out, progress=lambda done, total, label: labels.append(label))
    sweep(cells, tmp_path / "whole")
    assert labels.count("resumed") == len(kept)
    assert (out / "rounds.parquet").read_bytes() == (tmp_path / "whole" / "rounds.parquet").read_bytes()


def test_a_place_where_nothing_can_be_made_is_reported_in_one_line() -> None:
    place = Path("/proc/sqsim")  # read-only for everybody
    with pytest.raises(ConfigError, match=r"^out = /proc/sqsim: [^\n]*$"):
        sweep(good(), place)


@pytest.mark.skipif(os.geteuid() == 0, reason="who is root may write everywhere")
def test_a_directory_that_may_not_be_written_is_reported_in_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match=r"^out = [^\n]*: Permission denied$"):
        sweep(good(), tmp_path / "out")


def test_a_users_file_that_has_changed_is_loaded_anew_and_never_taken_for_the_old_one(tmp_path: Path) -> None:
    file, kind = tmp_path / "moody.py", "changing_in_tests"
    file.write_text(MOODY.replace("moody_in_tests", kind))
    before = moody(file, 1.0, kind)
    given = sent(before)
    assert len(sweep([before])) == 1
    file.write_text(file.read_text().replace("bool(0 / self.divisor)", "1 / 0"))
    with pytest.raises(
        ConfigError, match=rf"^cell = {before.id}: [^\n]*moody.py on [^\n]* are not those that the sweep"
    ):
        received(given)
    with pytest.raises(ConfigError, match="are not those that the sweep"):
        search._capacity(0, [[given]], Search([]), Objective({"latency_s": 1.0}), None)
    with pytest.raises(ConfigError, match="are not those that the sweep"):
        tracing._trace_group([given], tmp_path)
    after = moody(file, 1.0, kind)
    assert after.id != before.id
    with pytest.raises(ConfigError, match=r"moody.py:11: ZeroDivisionError"):
        sweep([after])
