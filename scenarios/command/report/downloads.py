"""Downloads of a report: the tables of a result directory, in the page while there is room, else by their paths."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simulator.results.result_directory import intact, listed

MOST_BYTES: Final = 2_900_000
"""A page stays below this."""
_MOST_EACH, _MOST_OF_ALL = 200_000, 400_000
_KINDS: Final = {".csv": "text/csv", ".json": "application/json"}
_BY_PATH: Final = (*_KINDS, ".parquet")
_FIRST: Final = ("capacity.csv", "chosen_and_fixed.csv", "summary.csv", "findings.json", "cells.csv")


@dataclass(frozen=True)
class Download:
    """One file; `link` is a data URL, "" where the file is not in the page."""

    name: str
    path: str
    size: str
    link: str


def downloads(folder: Path, room: int) -> Iterator[Download]:
    """The tables that the directory lists, as they were written; in at most `room` bytes of links."""
    room = min(room, _MOST_OF_ALL)
    names = [name for name in listed(folder) if "/" not in name and name.endswith(_BY_PATH)]
    names.sort(key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    for name in names:
        path = folder / name
        if not path.is_file() or not intact(folder, name, listed(folder)[name]):
            continue
        size = path.stat().st_size
        link, kind = "", _KINDS.get(path.suffix)
        if kind is not None and size <= min(_MOST_EACH, room * 3 // 4):
            link = f"data:{kind};base64,{b64encode(path.read_bytes()).decode()}"
            room -= len(link)
        yield Download(name, str(path), f"{size / 1000:,.0f} kB", link)
