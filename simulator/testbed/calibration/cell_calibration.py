"""Measures what a cell's processes take on this machine: a folder of measured passes, and settings that go with them.

calibrate(cell, folder, progress)        some ten seconds: FOLDER/edge.csv, cloud.csv, calibrated.yaml
calibrated(cell, folder)                 the cell with what was measured
merge(first, second, into)               two calibrations of one cell as one
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import yaml

from channels.link.delays import ConstantDelay
from channels.uniforms import Uniforms
from kinds import ConfigError
from kinds.files import atomically
from kinds.yaml_file import read_yaml
from models.interface import LanguageModel
from models.latency.pass_table import TimedPass, csv_text, read_rows
from models.pair_cards import load
from models.pass_times import TextPasses, sampled
from models.shared_passes import each_alone
from simulator.cell.cell import Cell, prepare_pairs
from simulator.cell.cloud_config import request_tokens
from simulator.schemes.draft_scheme import DraftScheme
from simulator.testbed import plan
from simulator.testbed.calibration.process_times import path_times, session_times, stream_times

CALIBRATED: Final = "calibrated.yaml"
SAMPLES: Final = 25
"""Samples of each pass."""
PAUSE_S: Final = 0.02
"""A processor waits for so long before a pass that is timed, as it does for a reply or a payload."""
BUDGET_S: Final = 36.0
"""What a calibration may take, models' loading aside."""
SESSIONS_SHARE: Final = 0.2
BATCHES = (1, 2, 4, 8, 16)
ROUNDS = (1, 4, 16)
"""New tokens of a round. Of both, up to the most there are."""
Progress = Callable[[float, int, str], object]
"""Called with how far it is: (done, of so many, what)."""
Point = tuple[int, int, int]
"""Sequences, new and cached tokens of each."""


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


@each_alone()
def calibrate(cell: Cell, folder: Path, progress: Progress, budget_s: float = BUDGET_S) -> None:
    """Measures for about so long, and writes the folder. Raises ConfigError where the cell cannot be run for real."""
    plan.check(cell)
    prepare_pairs([cell])
    folder.mkdir(parents=True, exist_ok=True)
    progress(0, 1, "path")
    path = path_times()
    streams = None if isinstance(cell.scheme, DraftScheme) else stream_times(cell.workload.devices)
    progress(1, 1, "path")
    settings: dict[str, object] = {}
    for each in _timed_models(cell):
        settings[each.field] = _measured(cell, each, folder, progress, (1 - SESSIONS_SHARE) * budget_s * each.share)
    progress(0, 1, "rounds")
    times = session_times(cell, SESSIONS_SHARE * budget_s, PAUSE_S)
    progress(1, 1, "rounds")
    if isinstance(cell.scheme, DraftScheme):
        settings["edge.encode_s_per_draft"] = times.encode_s_per_draft
    settings["cloud.judge_s"] = times.judge_s
    if streams is not None:
        settings["cloud.step_s"], settings["cloud.judge_s"] = streams.pass_s, times.judge_s + streams.job_s
    settings["cloud.decode_s_per_draft"] = times.decode_s_per_draft
    Calibration(settings, {"uplink": path.up_s, "downlink": path.down_s}).write(folder)


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


# The passes.


class PassPoints(NamedTuple):
    """The passes of a model that are worth timing: a full grid that the cell's workload reaches, in two parts."""

    near: list[Point]
    """The points between which the cell's passes lie, where each pass holds rounds alone or prompts alone."""
    rare: list[Point]

    @property
    def longest(self) -> int:
        """Tokens of the longest text of any."""
        return max(new + cached for _, new, cached in (*self.near, *self.rare))


class _TimedModel(NamedTuple):
    """One model whose passes are to be timed."""

    file: str
    field: str
    """The cell's field that its latency model goes to."""
    model: LanguageModel
    points: PassPoints
    share: float
    """Its share of the time that all passes have."""
    in_a_row: int
    """Passes over one new token between two waits; 0: it never waits (`TextPasses`)."""


def _timed_models(cell: Cell) -> list[_TimedModel]:
    pair = load(cell.models.pair)
    cloud = _TimedModel("cloud.csv", "cloud.latency", pair.verifier, cloud_points(cell), 0.7, in_a_row=1)
    if isinstance(cell.scheme, DraftScheme):
        drafts = cell.scheme.drafts
        return [_TimedModel("edge.csv", "edge.latency", pair.drafter, edge_points(cell), 0.3, in_a_row=drafts), cloud]
    alone = cloud._replace(in_a_row=0)
    if not cell.scheme.drafts_in_cloud:
        return [alone._replace(share=1.0)]
    points = drafter_points(cell)
    return [_TimedModel("drafter_in_cloud.csv", "cloud.drafter_latency", pair.drafter, points, 0.3, in_a_row=0), alone]


def _measured(cell: Cell, each: _TimedModel, folder: Path, progress: Progress, budget_s: float) -> dict[str, str]:
    """Leaves the passes in the folder; answers the latency model that draws from them."""
    text = load(cell.models.pair).prompts[-1].tokens
    longest = each.points.longest
    repeated = (text * (longest // len(text) + 1))[:longest]
    timer = TextPasses(each.model, repeated, cell.models.temperature, PAUSE_S, each.in_a_row)
    rows = sampled(
        timer, each.points.near, each.points.rare, SAMPLES, budget_s, lambda done, of: progress(done, of, each.file)
    )
    path = (folder / each.file).resolve()
    _write(path, csv_text(rows))
    return {"kind": "empirical", "file": str(path), "beyond": "extend"}


def edge_points(cell: Cell) -> PassPoints:
    """Passes of the drafter on a device: a draft, which may have to read one token more, a tree's, and a prompt."""
    shortest, longest = _prompts(cell)
    rounds = {1, 2, cell.scheme.drafts_a_pass, cell.scheme.drafts_a_pass + 1}
    return _grid((1,), rounds, (shortest, longest), _texts(cell))


def cloud_points(cell: Cell) -> PassPoints:
    """Passes of the verifier: a round's drafts and the token before them, or a prompt."""
    shortest, longest = _prompts(cell)
    prompts = (shortest - 1, longest - 1) if isinstance(cell.scheme, DraftScheme) else (shortest, longest)
    return _grid(_batches(cell), _up_to(cell.scheme.drafts + 1, ROUNDS), prompts, _texts(cell))


def drafter_points(cell: Cell) -> PassPoints:
    """Passes of a drafter in the cloud."""
    return _grid(_batches(cell), {1, 2}, _prompts(cell), _texts(cell))


def _grid(batches: Iterable[int], rounds: Iterable[int], prompts: Iterable[int], texts: Iterable[int]) -> PassPoints:
    verified = set(rounds)
    read = {each for each in prompts if each > max(verified)}
    points = list(product(batches, sorted(verified | read), (0, *texts)))
    near = [point for point in points if (point[1] in read) == (point[2] == 0)]
    return PassPoints(near, [point for point in points if point not in set(near)])


def _up_to(most: int, counts: Iterable[int]) -> list[int]:
    return sorted({each for each in counts if 1.5 * each <= most} | {most})


def _batches(cell: Cell) -> list[int]:
    return _up_to(min(cell.cloud.batching.cap, cell.most_requests), BATCHES)


def _prompts(cell: Cell) -> tuple[int, int]:
    """The shortest prompt and the longest."""
    users = Uniforms.of(cell.seed, "users")
    lengths = [
        ask.prompt_tokens for device in range(cell.workload.devices) for ask in cell.workload.asks(device, users)
    ]
    return min(lengths), max(lengths)


def _texts(cell: Cell) -> list[int]:
    """Lengths of text behind which rounds run, the least and the most: a pass grows evenly with them."""
    shortest, (prompt, output) = _prompts(cell)[0], cell.workload.longest
    longest = request_tokens(prompt, output, cell.scheme.drafts)
    return sorted({max(shortest - 1, 1), longest})


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
