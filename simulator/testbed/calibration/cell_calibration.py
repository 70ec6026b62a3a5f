"""Measures what a cell's processes take on this machine: a folder of measured passes, and settings that go with them.

calibrate(cell, folder)            about a minute: FOLDER/edge.csv, cloud.csv, calibrated.yaml
calibrated(cell, folder)           the cell with what was measured
merge(cell, folders, into)         what was measured more than once, as one such folder
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, Final, Self

import yaml

from channels.link.delays import ConstantDelay
from kinds import ConfigError
from kinds.files import atomically
from kinds.yaml_file import read_yaml
from models.latency.pass_table import TimedPass, csv_text, read_rows
from simulator.cell.cell import Cell
from simulator.schemes.draft_scheme import DraftScheme
from simulator.testbed import plan
from simulator.testbed.calibration.process_times import process_times
from simulator.testbed.endpoints.timed_passes import timed_models

CALIBRATED: Final = "calibrated.yaml"
BUDGET_S: Final = 30.0
"""Time that the timing of passes may take, models' loading aside."""


@dataclass(frozen=True)
class Calibration:
    """The content of calibrated.yaml."""

    settings: dict[str, Any]
    """Fields of the cell, as `Cell.with_` takes them."""
    delays: dict[str, float] = field(default_factory=dict)
    """Seconds that the path adds to a message, by its direction: they go to the links' delays."""

    def write(self, folder: Path) -> None:
        """Leaves it in the folder."""
        content = {"settings": self.settings, "delays": self.delays}
        _write(folder / CALIBRATED, yaml.safe_dump(content, sort_keys=False, width=10_000))

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Reads it from there. Raises ConfigError, one line."""
        path = folder / CALIBRATED
        content = read_yaml(path)
        if not isinstance(content, dict) or set(content) != {"settings", "delays"}:
            raise ConfigError(f"{path}: must be settings and delays, as `sqsim calibrate --cell` writes them")
        for name, value in content.items():
            if not isinstance(value, dict):
                raise ConfigError(f"{path}: {name} = {value!r}: must be a mapping")
        return cls(**content)


def calibrate(cell: Cell, folder: Path, budget_s: float = BUDGET_S) -> None:
    """Measures, and writes the folder. `budget_s`: about how long the timing of passes may take. Raises ConfigError
    where the cell cannot be run for real."""
    folder.mkdir(parents=True, exist_ok=True)
    times = process_times(cell, folder, budget_s)
    numbers = {"cloud.judge_s": times.judge_s, "cloud.decode_s_per_draft": times.decode_s_per_draft}
    if isinstance(cell.scheme, DraftScheme):
        numbers["edge.encode_s_per_draft"] = times.encode_s_per_draft
    else:
        numbers["cloud.step_s"] = times.step_s
    Calibration({**_clocks(cell, folder), **numbers}, {"uplink": times.up_s, "downlink": times.down_s}).write(folder)


def merge(cell: Cell, folders: Sequence[Path], into: Path) -> None:
    """Writes a folder as `calibrate` does, from several: all their passes, each slow period its own, and the means of
    all else. A machine is faster in one minute than in another, so that what was measured before a run and after it
    says more of the run than either."""
    into.mkdir(parents=True, exist_ok=True)
    clocks = _clocks(cell, into)
    for each in timed_models(cell):
        _write(into / each.file, csv_text(_together([read_rows(folder / each.file) for folder in folders])))
    found = [Calibration.of(folder) for folder in folders]
    settings = _means([{name: each.settings[name] for name in each.settings.keys() - clocks} for each in found])
    Calibration({**clocks, **settings}, _means([each.delays for each in found])).write(into)


def _means(numbers: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: fmean(each[name] for each in numbers) for name in sorted(numbers[0])}


def _clocks(cell: Cell, folder: Path) -> dict[str, object]:
    """The latency models of passes that lie in this folder, by the cell's fields of them."""
    return {
        each.field: {"kind": "empirical", "file": str((folder / each.file).resolve()), "beyond": "extend"}
        for each in timed_models(cell)
    }


def _together(tables: Iterable[Iterable[tuple[str, TimedPass]]]) -> list[TimedPass]:
    """The passes of all, each table's spells numbered on from those before; a table without spells is one spell."""
    found, behind = list[TimedPass](), 0
    for table in tables:
        found += [row._replace(spell=behind + (row.spell or 0)) for _, row in table]
        behind = 1 + max((row.spell or 0 for row in found), default=-1)
    return sorted(found)


def calibrated(cell: Cell, folder: Path) -> Cell:
    """The cell with what was measured there. Raises ConfigError, one line."""
    found = Calibration.of(folder)
    return cell.with_({**found.settings, **dict(_delays(cell, found.delays))})


def require_constant_delays(cell: Cell) -> None:
    """Raises ConfigError where a link's delay has no constant to which what the path adds can be added."""
    for direction in plan.DIRECTIONS:
        delay = plan.link(cell, direction).delay
        if not isinstance(delay, ConstantDelay):
            raise ConfigError(f"{direction}.delay = {delay.kind}: must be constant, for what the path adds to it")


def _delays(cell: Cell, added_s: Mapping[str, float]) -> Iterator[tuple[str, object]]:
    """The delays of the links with what the path adds. Raises ConfigError as `require_constant_delays`."""
    require_constant_delays(cell)
    for direction in plan.DIRECTIONS:
        delay = plan.link(cell, direction).delay
        assert isinstance(delay, ConstantDelay)
        yield f"{direction}.delay", {"kind": delay.kind, "delay_s": delay.delay_s + added_s.get(direction, 0.0)}


def _write(path: Path, text: str) -> None:
    atomically(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))
