"""Measures what a cell's processes take on this machine: a folder of measured passes, and settings that go with them.

calibrate(cell, folder, progress)        about a minute: FOLDER/edge.csv, cloud.csv, calibrated.yaml
calibrate_beside_passes(cell, folder)    calibrated.yaml alone, where a run times its own processes' passes
calibrated(cell, folder)                 the cell with what was measured
merge(first, second, into)               two calibrations of one cell as one
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
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
from simulator.testbed.supervisor import PassTiming, note

CALIBRATED: Final = "calibrated.yaml"
BUDGET_S: Final = 30.0
"""What the timing of passes may take, models' loading aside."""
Progress = Callable[[float, int, str], object]
"""Called with how far it is: (done, of so many, what)."""


@dataclass(frozen=True)
class Calibration:
    """The content of calibrated.yaml."""

    settings: dict[str, object]
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


def calibrate(cell: Cell, folder: Path, progress: Progress, budget_s: float = BUDGET_S) -> None:
    """Measures for about so long, and writes the folder. Raises ConfigError where the cell cannot be run for real."""
    folder.mkdir(parents=True, exist_ok=True)
    progress(0, 2, "passes")
    note(cell, None, 0.0, PassTiming(folder, budget_s))
    progress(1, 2, "all else")
    calibrate_beside_passes(cell, folder)
    progress(2, 2, "all else")


def calibrate_beside_passes(cell: Cell, folder: Path) -> None:
    """The same where the passes' tables are made by others. Makes the folder where there is none."""
    plan.check(cell)
    folder.mkdir(parents=True, exist_ok=True)
    times = process_times(cell)
    settings: dict[str, object] = {
        each.field: {"kind": "empirical", "file": str((folder / each.file).resolve()), "beyond": "extend"}
        for each in timed_models(cell)
    }
    settings["cloud.judge_s"], settings["cloud.decode_s_per_draft"] = times.judge_s, times.decode_s_per_draft
    if isinstance(cell.scheme, DraftScheme):
        settings["edge.encode_s_per_draft"] = times.encode_s_per_draft
    else:
        settings["cloud.step_s"] = times.step_s
    Calibration(settings, {"uplink": times.up_s, "downlink": times.down_s}).write(folder)


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


# Two calibrations of one cell.


def merge(first: Path, second: Path, into: Path) -> None:
    """Writes a folder as `calibrate` does, from two such folders: passes of both, each slow period its own; of other
    settings and of delays the mean. A machine is faster in one minute than in another, so that one calibration made
    before a run and one after it say more of the run than either. Raises ConfigError, one line, where the two are not
    of one cell."""
    names = f"{first / CALIBRATED}, {second / CALIBRATED}"
    one, other = Calibration.of(first), Calibration.of(second)
    tables: dict[Path, str] = {}
    settings = _both(names, one.settings, other.settings, into.resolve(), tables)
    delays = _both(names, one.delays, other.delays, into.resolve(), tables)
    into.mkdir(parents=True, exist_ok=True)
    for path, text in tables.items():
        _write(path, text)
    Calibration(settings, delays).write(into)


def _both(
    names: str, first: Mapping[str, object], second: Mapping[str, object], into: Path, tables: dict[Path, str]
) -> dict[str, Any]:
    """Latency models as one, means of all else. Raises ConfigError where names differ, or one of the values."""
    if first.keys() != second.keys():
        both = " and ".join(", ".join(each) or "nothing" for each in (first, second))
        raise ConfigError(f"{names}: they hold {both}: must be calibrations of one cell")
    return {
        name: _latency(f"{names}: {name}", value, others, into, tables)
        if isinstance(value, dict) and isinstance(others := second[name], dict)
        else _mean(f"{names}: {name}", value, second[name])
        for name, value in first.items()
    }


def _latency(
    name: str, first: Mapping[str, object], second: Mapping[str, object], into: Path, tables: dict[Path, str]
) -> dict[str, object]:
    """The latency model of the passes of both, whose table it adds. Raises ConfigError."""
    if "file" not in first or {**first, "file": second.get("file")} != second:
        raise ConfigError(f"{name} = {dict(first)}; {dict(second)}: must differ in nothing but file")
    files = [Path(str(each["file"])) for each in (first, second)]
    path = into / files[0].name
    tables[path] = csv_text(_together(*([row for _, row in read_rows(file)] for file in files)))
    return {**first, "file": str(path)}


def _together(first: list[TimedPass], second: list[TimedPass]) -> list[TimedPass]:
    """The passes of both, the second's spells numbered on from the first's; a table without spells is one spell."""
    behind = 1 + max((row.spell or 0 for row in first), default=0)
    numbered = [row._replace(spell=row.spell or 0) for row in first]
    return sorted([*numbered, *(row._replace(spell=behind + (row.spell or 0)) for row in second)])


def _mean(name: str, first: object, second: object) -> float:
    """Raises ConfigError where they are no numbers."""
    if not isinstance(first, int | float) or not isinstance(second, int | float):
        raise ConfigError(f"{name} = {first!r}; {second!r}: must be numbers")
    return (first + second) / 2


def _write(path: Path, text: str) -> None:
    atomically(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))
