"""Files of a result directory: those that are ours, and the check that they are unchanged.

`manifest.json` lists them with their checksums, and holds one of itself. What is listed is read only as it was written,
and removed where results are replaced; all else in the directory is somebody's own, and stays.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kinds import ConfigError
from kinds.files import read_json, read_note, sha256, write_note
from simulator.results.cpu_time import cpu_s

MANIFEST: Final = "manifest.json"
SEARCH: Final = "search.json"
"""Name of the findings so far of a search for the most devices, or of a race."""
TUNING: Final = "tuning"
"""The folder of the trials by which schemes choose: a result directory inside the scenario's."""
PARTS: Final = "parts"
"""The folder of what is done of a sweep that has not ended."""
LANDED: Final = "searched"
"""The folder of what was simulated for places of a search that are not found yet."""
FAILED: Final = "failed"
"""The folder with a file for each cell that has failed."""
LOCK: Final = ".lock"
"""The file that says who writes to the directory."""
_CHECKS_ITSELF: Final = ""
"""Text in place of a checksum, for a note that holds its own, or a folder with a manifest of its own."""
_OF_A_CELL: Final = re.compile(r"[0-9a-f]{16}(\.yaml|\.json)?")
_LEFT: Final = re.compile(r"\.\w{8}\.unfinished$")
"""Names under which `atomically`, and a part that has not landed, are written."""


def listed(out: Path) -> dict[str, str]:
    """The files of ours in a directory, by their names in it, and their checksums; {} where it is nobody's."""
    files = read_note(out / MANIFEST).get("files")
    found = files.items() if isinstance(files, dict) else ()
    return {name: str(digest) for name, digest in found if not {"", ".."} & {*name.split("/")}}


def intact(out: Path, name: str, digest: str) -> bool:
    """True if a file is there and as it was written."""
    try:
        return (out / name).exists() and (digest == _CHECKS_ITSELF or digest == sha256(out / name))
    except ConfigError:
        return False


def checked(out: Path, name: str) -> Path:
    """Returns the path of a file of a result directory after checking that it is as it was written; without a manifest
    files are taken as they are. Raises ConfigError if it is damaged, or no file of this directory's run."""
    if not (out / MANIFEST).exists():
        return out / name
    files = listed(out)
    if not read_note(out / MANIFEST):
        raise ConfigError(f"{out / MANIFEST}: {not_ours(out)}")
    if name not in files:
        raise ConfigError(f"{out / name}: is no file of this directory's run, {MANIFEST} does not list it")
    if not intact(out, name, files[name]):
        again = f"`sqsim plot {out}` draws" if name.startswith("figures/") else "the command that made it makes"
        raise ConfigError(f"{out / name}: is not what was written there, its checksum is another; {again} it again")
    return out / name


def record(out: Path, paths: Iterable[Path], started_s: float | None = None, before_cpu_s: float = 0.0) -> None:
    """Lists files that were written to a result directory, as they are now; in one that is not ours, nothing.
    `started_s`: when the command began that made the results, for the manifest's date, wall and CPU time; without, none
    changes. `before_cpu_s`: CPU seconds that this process and its workers had taken by then."""
    manifest = read_note(out / MANIFEST)
    if not manifest:
        return
    home = out.resolve()
    inside = [path for path in paths if path.is_file() and path.resolve().is_relative_to(home)]
    if not inside and started_s is None:
        return  # where only others' folders were written to, this one may be one that may not
    files = listed(out) | {path.resolve().relative_to(home).as_posix(): sha256(path) for path in inside}
    manifest["files"] = dict(sorted(files.items()))
    if (
        started_s is not None
        and "date" in manifest
        and datetime.fromisoformat(manifest["date"]).timestamp() >= int(started_s)
    ):
        took = {"wall_s": round(time.time() - started_s, 3), "cpu_s": round(cpu_s() - before_cpu_s, 3)}
        manifest |= {"date": iso_date(started_s), **took}
    write_note(out / MANIFEST, manifest)


def not_ours(out: Path) -> str:
    """Returns the reason for which `read_note` does not take the manifest of a directory."""
    try:
        found = read_json(out / MANIFEST)
    except ConfigError:
        found = None
    if isinstance(found, dict) and "identity" in found and "files" not in found:
        return "of an earlier version, which lists no files: remove the directory, and make it again"
    return "not written by this program, or damaged"


def iso_date(at_s: float) -> str:
    """A time in seconds since 1970 as a manifest tells it."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds")


def claim(out: Path, name: str) -> None:
    """Has a directory say that it is ours before there are results in it, and lists `name`: a note of ours, or the
    folder of other results."""
    if name not in listed(out):
        out.mkdir(parents=True, exist_ok=True)
        write_note(out / MANIFEST, {"finished": False, **read_note(out / MANIFEST), "files": {**listed(out), name: ""}})


def release(out: Path) -> None:
    """Takes back the claim of a directory in which nothing has come of it."""
    manifest = read_note(out / MANIFEST)
    left = any((out / name).exists() for name in (*listed(out), PARTS, LANDED, FAILED))
    if manifest and "identity" not in manifest and not left:
        (out / MANIFEST).unlink()


def own_folder(out: Path, name: str) -> Path:
    """Returns the path of a folder of ours in a directory, whether it exists or not. Raises ConfigError if a link leads
    elsewhere."""
    folder = out / name
    if folder.resolve() != out.resolve() / name:
        raise ConfigError(f"{folder}: is a link to {folder.resolve()}, through which nothing is written; remove it")
    return folder


def entries(out: Path) -> list[Path]:
    """Returns the contents of a directory, except the lock of its writer and the remains of a write that was cut off;
    [] if there is no directory."""
    return [path for path in out.iterdir() if path.name != LOCK and not _LEFT.search(path.name)] if out.is_dir() else []


def begun_parts(out: Path) -> list[Path]:
    """The cells that are done of a sweep that has not ended, each a folder."""
    return [each for each in (out / PARTS).glob("*") if _OF_A_CELL.fullmatch(each.name)]


def make_way(out: Path, overwrite: bool, keep: Collection[str] = ()) -> None:
    """Leaves `out`, if it is there, without other results than the files to `keep`. Only what is listed is removed.
    Raises ConfigError where other results are in it and may not be overwritten, or something in a directory not of
    ours."""
    there = sorted(path for path in entries(out) if path.name not in keep)
    if not there:
        return
    if not read_note(out / MANIFEST):
        there_is = (out / MANIFEST).exists()
        other = f"its {MANIFEST} is {not_ours(out)}" if there_is else f"{there[0].name} in it is not ours"
        raise ConfigError(f"out = {out}: {other}, and stays as it is; name another directory")
    done = bool(begun_parts(out)) or any((out / name).exists() for name in _own(out, keep))
    if done and not overwrite:
        raise ConfigError(f"out = {out}: holds other results; name another directory or add --overwrite")
    remove(out, keep)


def remove(out: Path, keep: Collection[str] = ()) -> None:
    """Removes what a directory of ours lists, and what a run leaves on its way, but for the files to `keep`; then the
    folders that are empty, and what the manifest says, or all of it where nothing else is left."""
    home, own = out.resolve(), dict.fromkeys(_own(out, keep))
    kept = {name: digest for name, digest in listed(out).items() if name not in own}
    for name in own:
        path = out / name
        if path.parent.resolve().is_relative_to(home):
            if path.is_dir() and read_note(path / MANIFEST):
                remove(path)
            elif not path.is_dir():
                path.unlink(missing_ok=True)
            _remove_empty(path if path.is_dir() else path.parent, home)
    for name in {PARTS, LANDED, FAILED} - {*keep}:
        clear(out / name)
    for path in out.iterdir():
        if _LEFT.search(path.name):
            shutil.rmtree(path, ignore_errors=True)
    (out / MANIFEST).unlink(missing_ok=True)
    if entries(out):  # it stays ours, with what is somebody's in it
        write_note(out / MANIFEST, {"finished": False, "files": kept})


def clear(folder: Path) -> None:
    """Removes what a run has left of cells in a folder of its own, and the folder where it is then empty."""
    for path in folder.iterdir() if folder.is_dir() and not folder.is_symlink() else ():
        if _OF_A_CELL.fullmatch(path.name) or _LEFT.search(path.name):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    with suppress(OSError):
        folder.rmdir()


def _own(out: Path, keep: Collection[str]) -> list[str]:
    return [name for name in listed(out) if name.split("/")[0] not in keep]


def _remove_empty(folder: Path, home: Path) -> None:
    while folder.resolve() != home and folder.resolve().is_relative_to(home):
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
