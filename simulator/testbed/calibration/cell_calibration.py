"""Measures what a cell's processes do on this machine, and tells the simulator: a folder of measured passes and the
settings that go with them.

    calibrate(cell, folder, progress)        some ten seconds: FOLDER/edge.csv, cloud.csv, calibrated.yaml
    calibrated(cell, folder)                 the cell with what was measured
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Self

import yaml

from channels.link.delays import ConstantDelay
from kinds import ConfigError
from kinds.files import atomically
from kinds.yaml_file import read_yaml
from models.clocks.pass_table import csv_text
from models.interface import LanguageModel
from models.pair_cards import load
from models.pass_times import TextPasses, sampled
from simulator.cell.cell import Cell, prepare_pairs
from simulator.testbed import plan
from simulator.testbed.calibration.pass_points import PassPoints, cloud_points, drafter_points, edge_points
from simulator.testbed.calibration.path_times import path_times
from simulator.testbed.calibration.session_times import session_times

CALIBRATED: Final = "calibrated.yaml"
SAMPLES: Final = 25
"""Of each pass."""
PAUSE_S: Final = 0.02
"""For which a processor waits before a pass that is timed, as for a verdict or a payload."""
BUDGET_S: Final = 36.0
"""What a calibration may take, models' loading aside."""
SESSIONS_SHARE: Final = 0.2
Progress = Callable[[float, int, str], object]
"""Hears how far it is: (done, of so many, what)."""


@dataclass(frozen=True)
class Calibration:
    """What is in calibrated.yaml."""

    settings: dict[str, object]
    """Fields of the cell, as `Cell.with_` takes them."""
    delays: dict[str, float] = field(default_factory=dict)
    """Seconds that the path adds to a letter, by its way: they go to the links' delays."""

    def write(self, folder: Path) -> None:
        """Leaves it in the folder."""
        told = {"settings": self.settings, "delays": self.delays}
        text = yaml.safe_dump(told, sort_keys=False, width=10_000)
        atomically(folder / CALIBRATED, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))

    @classmethod
    def of(cls, folder: Path) -> Self:
        """As it was left there. Raises ConfigError, one line."""
        path = folder / CALIBRATED
        told = read_yaml(path)
        if not isinstance(told, dict) or set(told) != {"settings", "delays"}:
            raise ConfigError(f"{path}: must be settings and delays, as `sqsim calibrate --cell` writes them")
        for name, value in told.items():
            if not isinstance(value, dict):
                raise ConfigError(f"{path}: {name} = {value!r}: must be a mapping")
        return cls(**told)


class _Plan(NamedTuple):
    """Passes of one model that are to be timed. `place`: the cell's field that their clock goes to."""

    file: str
    place: str
    model: LanguageModel
    points: PassPoints
    share: float
    """Of the time that passes have."""
    in_a_row: int
    """Passes over one new token between two waits; 0: it never waits (`TextPasses`)."""


def calibrate(cell: Cell, folder: Path, progress: Progress, budget_s: float = BUDGET_S) -> None:
    """Measures for about so long, and writes the folder. Raises ConfigError where the cell cannot be run for real."""
    plan.check(cell)
    prepare_pairs([cell])
    folder.mkdir(parents=True, exist_ok=True)
    progress(0, 1, "path")
    path = path_times()
    progress(1, 1, "path")
    settings: dict[str, object] = {}
    for each in _plans(cell):
        settings[each.place] = _measured(cell, each, folder, progress, (1 - SESSIONS_SHARE) * budget_s * each.share)
    progress(0, 1, "rounds")
    times = session_times(cell, SESSIONS_SHARE * budget_s, PAUSE_S)
    progress(1, 1, "rounds")
    if cell.scheme.protocol != "stream":
        settings["edge.encode_s_per_draft"] = times.encode_s_per_draft
    settings["cloud.judge_s"] = times.judge_s
    settings["cloud.decode_s_per_draft"] = times.decode_s_per_draft
    Calibration(settings, {"uplink": path.up_s, "downlink": path.down_s}).write(folder)


def calibrated(cell: Cell, folder: Path) -> Cell:
    """The cell with what was measured there. Raises ConfigError, one line."""
    found = Calibration.of(folder)
    return cell.with_({**found.settings, **dict(_delays(cell, found.delays))})


def _delays(cell: Cell, added_s: Mapping[str, float]) -> Iterator[tuple[str, object]]:
    """The delays of the links with what the path adds. Raises ConfigError where one has no constant to add it to."""
    for way in plan.WAYS:
        delay = plan.link(cell, way).delay
        if not isinstance(delay, ConstantDelay):
            raise ConfigError(f"{way}.delay = {delay.kind}: must be constant, for what the path adds to it")
        yield f"{way}.delay", {"kind": delay.kind, "delay_s": delay.delay_s + added_s.get(way, 0.0)}


def _plans(cell: Cell) -> list[_Plan]:
    pair = load(cell.models.pair)
    cloud = _Plan("cloud.csv", "cloud.latency", pair.verifier, cloud_points(cell), 0.7, in_a_row=1)
    if cell.scheme.protocol != "stream":
        drafts = cell.scheme.drafts
        return [_Plan("edge.csv", "edge.latency", pair.drafter, edge_points(cell), 0.3, in_a_row=drafts), cloud]
    alone = cloud._replace(in_a_row=0)
    if not cell.scheme.drafts_in_cloud:
        return [alone._replace(share=1.0)]
    points = drafter_points(cell)
    return [_Plan("drafter_in_cloud.csv", "cloud.drafter_latency", pair.drafter, points, 0.3, in_a_row=0), alone]


def _measured(cell: Cell, each: _Plan, folder: Path, progress: Progress, budget_s: float) -> dict[str, str]:
    """Leaves the passes in the folder; answers the clock that draws from them."""
    text = load(cell.models.pair).prompts[-1].tokens
    longest = each.points.longest
    repeated = (text * (longest // len(text) + 1))[:longest]
    timer = TextPasses(each.model, repeated, cell.models.temperature, PAUSE_S, each.in_a_row)
    rows = sampled(
        timer, each.points.near, each.points.rare, SAMPLES, budget_s, lambda done, of: progress(done, of, each.file)
    )
    path = (folder / each.file).resolve()
    atomically(path, lambda unfinished: unfinished.write_text(csv_text(rows), encoding="utf-8"))
    return {"kind": "empirical", "file": str(path), "beyond": "extend"}
