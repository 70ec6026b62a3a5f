"""A figure to disk: without dates, so that equal tables give equal bytes, and exactly as large as it was drawn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from kinds import ConfigError
from kinds.files import atomically
from plots.page import Page
from plots.style import styled

_NO_DATE: dict[str, dict[str, None]] = {
    "svg": {"Date": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def write(figure: Figure, folder: Path, name: str, formats: Sequence[str], page: Page) -> list[Path]:
    """Writes the figure in each format. Raises ConfigError where a link in a file's place leads elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{each}" for each in formats]
    with styled(page):
        for path, each in zip(paths, formats, strict=True):
            if path.is_symlink():
                raise ConfigError(f"{path}: is a link to {path.resolve()}, through which nothing is written; remove it")
            atomically(path, partial(figure.savefig, metadata=_NO_DATE[each]))
    return paths


def write_small(figure: Figure, path: Path) -> None:
    """Writes the figure as svg with text as text."""
    with styled(Page()), matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(path, metadata=_NO_DATE["svg"])
