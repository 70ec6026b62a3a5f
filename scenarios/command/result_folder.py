"""A result directory as it is read back: its manifest, what it remembers of its scenario, its table of cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from kinds import ConfigError
from kinds.files import read_note
from scenarios.command.report.drawing import CAPACITY, Note, read_summary
from simulator.results.columns import SETTING
from simulator.results.result_directory import MANIFEST, checked, not_ours


@dataclass(frozen=True)
class ResultFolder:
    """One result directory. `manifest` is as `simulator.sweeps.store` writes it."""

    path: Path
    manifest: dict[str, object]
    note: Note

    @classmethod
    def read(cls, path: Path) -> ResultFolder:
        """Raises ConfigError, one line, where `path` is no result directory, or one of a run that has not ended."""
        if not path.is_dir():
            raise ConfigError(f"{path}: no such directory; give a result directory, such as results/paper")
        if not (path / MANIFEST).exists():
            raise ConfigError(f"{path}: no {MANIFEST}; give a result directory, such as results/paper")
        manifest = read_note(path / MANIFEST)
        if not manifest:
            raise ConfigError(f"{path / MANIFEST}: {not_ours(path)}")
        if not manifest.get("finished"):
            raise ConfigError(f"{path}: its run has not ended; the same command goes on from where it stopped")
        return cls(path, manifest, Note.read(path))

    @cached_property
    def cells(self) -> pd.DataFrame:
        """A row per cell, or per cell and key of a study. Raises ConfigError where the file is no such table."""
        table = self._table("cells.parquet")
        if "seed" not in table.columns or table.empty:
            raise ConfigError(f"{self.path / 'cells.parquet'}: not a table of cells")
        return table

    @cached_property
    def curved_summary(self) -> tuple[pd.DataFrame, str | None]:
        """The summary that the figures are drawn from, with curves, and the column that they run along."""
        summary, axis, _ = read_summary(self.path)
        return summary, axis

    @property
    def libraries(self) -> dict[str, object]:
        """The versions of libraries in the manifest; {} where it has none."""
        libraries = self.manifest.get("libraries")
        return {str(name): value for name, value in libraries.items()} if isinstance(libraries, dict) else {}

    @property
    def searched(self) -> bool:
        """Whether the number of devices was searched for."""
        return (self.path / CAPACITY).is_file()

    @property
    def chose(self) -> bool:
        """Whether schemes chose for themselves."""
        return SETTING in self.curved_summary[0].columns

    def _table(self, name: str) -> pd.DataFrame:
        path = checked(self.path, name)
        try:
            return pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: cannot be read, {' '.join(str(error).split())}") from None
