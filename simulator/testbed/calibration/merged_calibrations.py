"""Two calibrations of one cell as one. A machine is faster in one minute than in another: one calibration made before a
run and one after it tell more of the run than either."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kinds import ConfigError
from kinds.files import atomically
from models.clocks.pass_table import TimedPass, csv_text, read_rows
from simulator.testbed.calibration.cell_calibration import CALIBRATED, Calibration

Texts = dict[Path, str]
"""What files are to hold."""


def merge(first: Path, second: Path, into: Path) -> None:
    """Writes a folder as `calibrate` does, from two such folders: passes of both, each spell one of its own; of other
    settings and of delays the mean. Raises ConfigError, one line, where the two are not of one cell."""
    places = f"{first / CALIBRATED}, {second / CALIBRATED}"
    one, other = Calibration.of(first), Calibration.of(second)
    tables: Texts = {}
    settings: dict[str, object] = {
        name: _clock(place, setting, others, into.resolve(), tables)
        if isinstance(setting, dict) and isinstance(others, dict)
        else _mean(place, setting, others)
        for name, place, setting, others in _side_by_side(places, one.settings, other.settings)
    }
    delays = {name: _mean(place, *both) for name, place, *both in _side_by_side(places, one.delays, other.delays)}
    into.mkdir(parents=True, exist_ok=True)
    for path, text in tables.items():
        _write(path, text)
    Calibration(settings, delays).write(into)


def _side_by_side(
    places: str, first: Mapping[str, object], second: Mapping[str, object]
) -> list[tuple[str, str, object, object]]:
    """Of each name: it, what to call it in a complaint, and both values. Raises ConfigError where names differ."""
    if first.keys() != second.keys():
        names = " and ".join(", ".join(each) or "nothing" for each in (first, second))
        raise ConfigError(f"{places}: they hold {names}: must be calibrations of one cell")
    return [(name, f"{places}: {name}", value, second[name]) for name, value in first.items()]


def _clock(
    place: str, first: Mapping[str, object], second: Mapping[str, object], into: Path, tables: Texts
) -> dict[str, object]:
    """The clock of the passes of both, whose table it adds. Raises ConfigError."""
    if "file" not in first or {**first, "file": second.get("file")} != second:
        raise ConfigError(f"{place} = {dict(first)}; {dict(second)}: must differ in nothing but file")
    files = [Path(str(each["file"])) for each in (first, second)]
    path = into / files[0].name
    tables[path] = csv_text(_together(*([row for _, row in read_rows(file)] for file in files)))
    return {**first, "file": str(path)}


def _together(first: list[TimedPass], second: list[TimedPass]) -> list[TimedPass]:
    """The passes of both, the second's spells numbered on from the first's; a table without spells is one spell."""
    behind = 1 + max((row.spell or 0 for row in first), default=0)
    numbered = [row._replace(spell=row.spell or 0) for row in first]
    return sorted([*numbered, *(row._replace(spell=behind + (row.spell or 0)) for row in second)])


def _mean(place: str, first: object, second: object) -> float:
    """Raises ConfigError where they are no numbers."""
    if not isinstance(first, int | float) or not isinstance(second, int | float):
        raise ConfigError(f"{place} = {first!r}; {second!r}: must be numbers")
    return (first + second) / 2


def _write(path: Path, text: str) -> None:
    atomically(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))
