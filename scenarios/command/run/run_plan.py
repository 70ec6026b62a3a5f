"""A scenario, or a cell from a file, under a user's changes: the cells to run, and what to draw and say of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import plots
from kinds import ConfigError, kinds_of_file, registered_by
from models.interface import Pair
from scenarios.command.cell_file import read_cell
from scenarios.command.run.base_line import assumed_drafter
from scenarios.command.run.devices_supported import own_limits
from scenarios.command.run.named_kinds import NamedKinds, family_at
from scenarios.command.run.typed_settings import as_typed
from scenarios.command.scenario import Quick, Scenario, Tune
from scenarios.findings.sentences.lowest import Lowest
from scenarios.findings.sentences.one_breath import FastestOfAll
from scenarios.set_ups import WAITS_IF_QUICK
from simulator.cell.cell import Cell
from simulator.cell.dotted_names import flatten
from simulator.cell.imported_files import load_imports
from simulator.cell.power_figures import lacking
from simulator.cell.quantities import number
from simulator.cell.scheme import Scheme
from simulator.cell.settings import changed, fields_of, pin, replaced, spread, widen, write
from simulator.checking.subjects import Subject
from simulator.results.display_names import NAMES, DisplayNames
from simulator.results.intervals import Labels, text_of
from simulator.results.metrics import ON_REQUEST, known
from simulator.results.units import title
from simulator.studies import SIMULATION
from simulator.sweeps.search import Objective
from simulator.tuning.alternatives import open_fields
from simulator.tuning.trials import Aim

SPENT = ("battery_j_per_token", "busy_usd_per_million_tokens", "held_usd_per_million_tokens")
"""Metrics about which a scenario is asked, too, if its cells state the figures."""
_LIMIT: Final = "slo_"
"""Beginning of the fields of limits."""


@dataclass(frozen=True)
class Changes:
    """Changes that a user types on top of a scenario."""

    settings: Mapping[str, object] = field(default_factory=dict)
    grid: Mapping[str, Sequence[object]] = field(default_factory=dict)
    seeds: int | None = None
    precision: float | None = None
    """The largest relative half-width of the headline, for which seeds are added."""
    quick: bool = False
    imports: Sequence[Path] = ()
    trust: bool = False
    """True if a cell's file may run its imports."""
    named: Sequence[Mapping[str, object]] = ()
    """Schemes with a label each, which join the others."""
    metric: str | None = None
    """Metric to minimise, in place of the scenario's headline."""


@dataclass(frozen=True)
class RunPlan:
    """A scenario under a user's changes: the cells to run, and what is left to search and to tune. `notes` tell the
    user what became of the changes, `warnings` what this machine lacks."""

    scenario: Scenario
    cells: Sequence[Cell]
    notes: Sequence[str]
    warnings: Sequence[str]
    distinguishing: Sequence[str]
    """Fields that the names of curves tell (`distinguishing_fields`)."""
    objective: Objective | None = None
    tune: Tune | None = None
    precision: float | None = None
    quick: bool = False
    limited: bool = False
    """True if the user typed limits (workload.slo_ttft_s, slo_tpot_s), which the table and the answer then use."""
    changed: str = ""
    """Changes of the scenario's base by the user, in words (`changed_in_words`)."""

    @property
    def labels(self) -> Labels:
        """Labels that the user gives to schemes, with the schemes."""
        found: dict[str, list[dict[str, str]]] = {}
        for label, schemes in _labelled(self.cells).items():
            rows = ({f"scheme.{name}": text_of(value) for name, value in flatten(each).items()} for each in schemes)
            found[label] = [{name: text for name, text in row.items() if text} for row in rows]
        return found

    @property
    def headline(self) -> str:
        """The metric that a run is reported by first."""
        return (self.scenario.headlines or Scenario.headlines)[0]

    @property
    def fixed(self) -> Mapping[str, str]:
        """The fields that the question fixes, and why."""
        return self.scenario.tune.fixed if self.scenario.tune is not None else {}


def plan_of(scenario: Scenario, changes: Changes) -> RunPlan:
    """The scenario under a user's changes. Raises ConfigError for a figure that is not there, a field no cell has, a
    value a field refuses, and changes that contradict each other."""
    plots.check(scenario.figures)
    _check_precision(changes.precision)
    load_imports(changes.imports)
    quick = scenario.quick if changes.quick else Quick(seeds=scenario.seeds)
    typed = {*changes.settings, *changes.grid}
    objective, changes = _objective(quick.objective or scenario.objective, changes)
    pair, warnings = _pair(scenario.pairs, changes)
    lines = {**scenario.base, **pair, **quick.base}
    base = changed(Cell, {**lines, "imports": [str(path) for path in changes.imports]})
    grid, lacking = _at_hand({**scenario.grid, **quick.grid}, changes)
    named = NamedKinds(Cell, lines, {**scenario.grid, **quick.grid})
    meant = replace(changes, settings=named.settings(changes.settings, changes.grid), grid=named.axes(changes.grid))
    grid, meant = _joined(base, grid, replace(meant, named=named.labelled(changes.named)))
    cells, notes = _spread(base, grid, quick.seeds, meant)
    notes = [*named.notes, *notes, *_to_be_checked(changes.imports)]
    more, left_out = _also(scenario, {**lines, "imports": base["imports"]}, changes.quick, quick.seeds, meant)
    by_id: dict[str, Cell] = {}
    for cell in (*cells, *more):
        by_id.setdefault(cell.id, cell)  # of two that are one the first, which may have a label
    if objective is not None:
        objective = own_limits(objective, [*by_id.values()], typed)
        worded = scenario.worded(list(by_id.values()), objective) if scenario.worded is not None else scenario.summary
        scenario = replace(scenario, summary=worded)
    scenario, cells = _reporting(_asked(scenario, changes.metric, [*by_id.values()]), objective, list(by_id.values()))
    check_labels(cells, meant.grid.get("scheme", grid.get("scheme", ())))
    notes += assumed_drafter(cells, {*changes.settings, *changes.grid})
    warnings += [*lacking, *left_out, *_warnings(cells, changes.imports)]
    tune = _tuned(quick, scenario.tune, grid, changes, cells)
    tune = replace(tune, metric=changes.metric) if tune and changes.metric else tune
    if objective is not None and changes.precision is not None:
        raise ConfigError("precision: this scenario searches for a number of devices; give --seeds")
    if not scenario.headlines and changes.precision is not None:
        raise ConfigError("precision: this scenario has no headline; give --seeds")
    distinguishing, limited = distinguishing_fields(cells, changes), _LIMIT in f"{changes.settings} {changes.grid}"
    return RunPlan(
        scenario, cells, notes, warnings, distinguishing, objective, tune, changes.precision, changes.quick, limited,
        changed_in_words(changes, cells[0]),
    )  # fmt: skip


def changed_in_words(changes: Changes, cell: Cell) -> str:
    """`Changed: temperature 0.5, uplink loss independent (probability 0.1), parts of mine.py.`, as they are in `cell`;
    axes of several values are in tables and figures themselves."""
    typed = {**changes.settings, **{path: axis[0] for path, axis in changes.grid.items() if len(axis) == 1}}
    flat = flatten(cell)
    words = [_changed(path, flat.get(path, value)) for path, value in typed.items() if path != "seed"]
    words += [f"parts of {path.name}" for path in changes.imports]
    return f"Changed: {', '.join(words)}." if words else ""


def _changed(path: str, value: object) -> str:
    names, word = DisplayNames(), path.rsplit(".", 1)[-1]
    if isinstance(value, Mapping):
        fields = [names.setting(name, str(each)) for name, each in value.items() if name != "kind"]
        of = [title(path), *([names.word(value["kind"])] if "kind" in value else [])]
        return " ".join([*of, *([f"({', '.join(fields)})"] if fields else [])])
    return names.setting(word if names.symbol(word) else path.removesuffix(".kind"), str(value))


def _asked(scenario: Scenario, metric: str | None, cells: Sequence[Cell]) -> Scenario:
    """The scenario whose headline, choice of settings, answer and findings are of `metric`; without one, asked about
    the joules and the money that its cells state, too."""
    own = [each for each in (scenario.answer, *scenario.findings) if isinstance(each, Lowest)]
    if metric is None:
        stated = [name for name in SPENT if not any(lacking(cell, name) for cell in cells)]
        more = [replace(each, metric=name) for each in own[:1] for name in stated]
        return replace(scenario, findings=(*scenario.findings, *more))
    if Aim.of(metric, cells).higher or "." in metric or scenario.objective is not None or scenario.study != SIMULATION:
        raise ConfigError(f"metric = {metric}: must be one of which less is better, of a scenario that simulates cells")
    asked = [replace(each, metric=metric) for each in own] or [Lowest(metric=metric)]
    fastest = scenario.answer if isinstance(scenario.answer, FastestOfAll) else FastestOfAll("places")
    first = asked[0] if fastest is not scenario.answer else fastest
    return replace(
        scenario,
        summary=f"Which scheme has the least {title(metric)}? ({scenario.name})",
        headlines=(metric,),
        answer=replace(fastest, metric=metric, by=first.by, over=first.over),
        findings=tuple(asked),
        tables=(),
        tune=scenario.tune and replace(scenario.tune, metric=metric),
    )


def _reporting(scenario: Scenario, objective: Objective | None, cells: Sequence[Cell]) -> tuple[Scenario, list[Cell]]:
    """The scenario with the percentiles that its cells are asked for among its headlines, and the cells, asked for
    those that headlines, objective and tuning go by. Raises ConfigError for an objective of a class that no cell has.
    """
    limits = [name.rpartition(".") for name in objective.limits] if objective is not None else []
    classes = {name for name, _, _ in limits if name}
    for cell in cells:
        if classes - (there := {each.called for each in cell.classes}):
            known = ", ".join(there - {""}) or "none"
            raise ConfigError(f"objective.{min(classes - there)}: no such class of devices in a cell's fleet: {known}")
    tuned = [scenario.tune.metric] if scenario.tune is not None and objective is None else []
    needed = [name for name in (*scenario.headlines, *(name for _, _, name in limits), *tuned) if name in ON_REQUEST]
    asked = dict.fromkeys(name for cell in cells for name in cell.percentiles)
    if scenario.headlines:
        scenario = replace(scenario, headlines=tuple(dict.fromkeys((*scenario.headlines, *asked))))
    if not needed:
        return scenario, list(cells)
    every = [tuple(dict.fromkeys((*cell.percentiles, *needed))) for cell in cells]
    return scenario, [cell.with_({"percentiles": names}) for cell, names in zip(cells, every, strict=True)]


def _joined(
    base: Mapping[str, object], grid: Mapping[str, Sequence[object]], changes: Changes
) -> tuple[dict[str, Sequence[object]], Changes]:
    """The grid and the changes once the schemes that the user names have joined the others: those of the axis that is
    typed, of the setting, of the scenario's axis, or the base's one."""
    typed, settings, grid = dict(changes.grid), dict(changes.settings), dict(grid)
    if not changes.named:
        return grid, changes
    for axis in (*typed, *grid):
        if "," in axis and {"scheme", "scheme.kind"} & {*axis.split(",")}:
            text = "moves schemes with other fields; type --grid scheme=[...] with label: NAME in a scheme"
            raise ConfigError(f"name = {changes.named[0]['label']}: the axis {axis} {text}")
    for given, found in ((typed, typed), (settings, typed), (grid, grid)):
        for path in ("scheme", "scheme.kind"):
            if path in given:
                value = given.pop(path)
                others: Sequence[object] = [value] if given is settings else value  # type: ignore[assignment]
                found["scheme"] = [*others, *changes.named]
                return grid, replace(changes, settings=settings, grid=typed)
    typed["scheme"] = [base.get("scheme", Cell().scheme.to_fields()), *changes.named]
    return grid, replace(changes, grid=typed)


def _labelled(cells: Sequence[Cell]) -> dict[str, list[Scheme]]:
    found: dict[str, list[Scheme]] = {}
    for scheme in {cell.scheme.model_dump_json(): cell.scheme for cell in cells}.values():
        if scheme.label is not None:
            found.setdefault(scheme.label, []).append(scheme)
    return found


def check_labels(cells: Sequence[Cell], typed: Sequence[object]) -> None:
    """Raises ConfigError where a label is the name of a kind, or two of the schemes `typed`, or two kinds, have it."""
    given = [each["label"] for each in typed if isinstance(each, Mapping) and each.get("label") is not None]
    for label, schemes in _labelled(cells).items():
        if label in {*Scheme.kinds, *NAMES, *NAMES.values()}:
            raise ConfigError(f"scheme.label = {label!r}: is the name of a kind; give another")
        if given.count(label) > 1 or len({scheme.kind for scheme in schemes}) > 1:
            raise ConfigError(f"scheme.label = {label!r}: several schemes have it; give each its own")


def _warnings(cells: Sequence[Cell], imports: Sequence[Path]) -> list[str]:
    """Returns a line for each import without use, each field without effect, and each part that is not counted, knows
    too much, or sends no distribution."""
    classes = [each for cell in cells for each in cell.classes]
    lines = [
        f"import = {file}: has no class with a `kind`, such as a scheme; a metric, a figure, a protocol needs none"
        for file in imports
        if not kinds_of_file(file)
    ]
    lines += dict.fromkeys(f"{each.name}scheme.{line}" for each in classes for line in each.scheme.overruled)
    lines += dict.fromkeys(
        f"{each.name}uplink.part_header_bits = {each.uplink.part_header_bits}: is not used, no round goes out in parts "
        "(scheme.partial)"
        for each in classes
        if each.uplink.part_header_bits is not None and not getattr(each.scheme, "partial", False)
    )
    if learning := sorted({cell.workload.learning_requests for cell in cells} - {0}):
        uncounted = "so many first requests of each device are served and not counted"
        lines.append(f"workload.learning_requests = {', '.join(map(str, learning))}: {uncounted}")
    greedy = [each.scheme for cell in cells if cell.models.temperature == 0 for each in cell.classes]
    if sending := dict.fromkeys(scheme.kind for scheme in greedy if getattr(scheme, "sends_qhat", False)):
        verb = "sends" if len(sending) == 1 else "send"
        same = f"{', '.join(sending)} {verb} it and nothing else; ids say the same"
        lines.append(f"at temperature 0 a draft's distribution is one token: {same}")
    return lines


def _to_be_checked(imports: Sequence[Path]) -> list[str]:
    """A line for each imported file that decides tokens: which command shows what it leaves of the verifier's text."""
    return [
        f"`sqsim check {file}` shows whether it keeps the verifier's distribution"
        for file in imports
        if any(Subject(family, part).decides_tokens for family, part in registered_by(file))
    ]


def _tuned(
    quick: Quick, tune: Tune | None, grid: Mapping[str, object], changes: Changes, cells: Sequence[Cell]
) -> Tune | None:
    """Returns the tuning that is left: no field that the grid varies or the user types, alone or in a part; None for
    None. `--quick` has a smaller budget, unless it has one of its own."""
    if tune is None:
        return None
    if changes.quick:
        tune = quick.tune or replace(tune, settings=3, looks=(2,), steps=0, fixed={**WAITS_IF_QUICK, **tune.fixed})
    typed = {field for axis in (*grid, *changes.settings, *changes.grid) for field in axis.split(",")}
    values = [*changes.settings.items(), *((path, value) for path, axis in changes.grid.items() for value in axis)]
    typed |= {f"{path}.{name}" for path, value in values if isinstance(value, Mapping) for name in value}
    named = {
        str(each["label"]): frozenset(f"scheme.{name}" for name in each if name != "label") for each in changes.named
    }
    tune = replace(tune, typed=frozenset(typed), named={**tune.named, **named})
    return tune if any(open_fields(cell, tune.further, tune.closed_in(cell.scheme.label)) for cell in cells) else None


def _check_precision(precision: float | None) -> None:
    if precision is not None and not 0 < precision < 1:
        raise ConfigError(f"precision = {precision:g}: must be above 0% and below 100%")


def _objective(given: Objective | None, changes: Changes) -> tuple[Objective | None, Changes]:
    """The objective under `--set objective.METRIC=LIMIT`, of a class `objective.CLASS.METRIC`, under
    `objective.field=FIELD`, which grows, and `objective.high=N`, where the search ends; and the changes that concern
    the cells."""
    if given is not None and isinstance(grown := changes.settings.get("objective.field"), str):
        given = replace(given, field=grown)
        rest = {path: value for path, value in changes.settings.items() if path != "objective.field"}
        changes = replace(changes, settings=rest)
    if given is not None and isinstance(most := changes.settings.get("objective.high"), int):
        if most < given.low:
            raise ConfigError(
                f"objective.high (--devices-up-to) = {most}: should be greater than or equal to {given.low}"
            )
        given = replace(given, high=most)
        rest = {path: value for path, value in changes.settings.items() if path != "objective.high"}
        changes = replace(changes, settings=rest)
    if given is not None and given.field in (*changes.settings, *changes.grid):
        raise ConfigError(f"{given.field}: this scenario finds it; set the objective (objective.METRIC=LIMIT)")
    mine = {path: value for path, value in changes.settings.items() if path.startswith("objective.")}
    if given is None or not mine:
        return given, changes
    for path, limit in mine.items():
        metric = path.removeprefix("objective.")
        if known(metric.rpartition(".")[2]) is None:
            raise ConfigError(f"{path}: no such metric, must be one of those in docs/metrics.md, such as tpot_p95_s")
        if isinstance(limit, str):
            limit = number(limit, path)
        if not isinstance(limit, int | float) or not 0 < limit < float("inf"):
            raise ConfigError(f"{path} = {limit!r}: must be a number above 0")
        given = replace(given, limits={**given.limits, metric: float(limit)})
    rest = {path: value for path, value in changes.settings.items() if path not in mine}
    return given, replace(changes, settings=rest)


def _pair(kinds: Sequence[str], changes: Changes) -> tuple[dict[str, object], list[str]]:
    """The base's `models.pair`: the first of `kinds` that can run here and has the fields of it that the user changes;
    and why those before it cannot, a line each."""
    typed = (*changes.settings, *changes.grid)
    if {"models", "models.pair", "models.pair.kind"} & {*typed}:
        kinds = kinds[-1:]  # the user's own choice replaces it
    fields = {path.split(".")[2] for path in typed if path.startswith("models.pair.") and path != "models.pair.kind"}
    kinds = [kind for kind in kinds if fields <= Pair.kinds[kind].model_fields.keys()] or kinds[-1:]
    reasons: list[str] = []
    for kind in kinds:
        reason = _lack_of(kind)
        if reason is None:
            return {"models.pair": kind}, [f"{line}; running {kind} instead" for line in reasons]
        reasons.append(f"no {kind}: {reason}")
    return {}, []


def _at_hand(grid: dict[str, Sequence[object]], changes: Changes) -> tuple[dict[str, Sequence[object]], list[str]]:
    """The grid without the pairs that cannot run here, and why they cannot, a line each."""
    axis = next((each for each in grid if each.split(",")[0] == "models.pair"), None)
    typed = any(path.startswith("models.pair") or path == "models" for path in (*changes.settings, *changes.grid))
    if axis is None or typed:
        return grid, []
    pairs = [value[0] if isinstance(value, list | tuple) else value for value in grid[axis]]
    kinds = [pair["kind"] if isinstance(pair, Mapping) else str(pair) for pair in pairs]
    reasons = [_lack_of(kind) for kind in kinds]
    kept = [value for value, reason in zip(grid[axis], reasons, strict=True) if reason is None]
    lines = [f"no {kind}: {reason}; running without it" for kind, reason in zip(kinds, reasons, strict=True) if reason]
    return {**grid, axis: kept}, lines


def _also(
    scenario: Scenario, base: Mapping[str, object], quick: bool, seeds: int, changes: Changes
) -> tuple[list[Cell], list[str]]:
    """The cells of a scenario's further grids, and why one is left out, a line each."""
    cells: list[Cell] = []
    lines: list[str] = []
    for each in scenario.also:
        if quick and each.quick is None:
            continue
        grid, lacking = _at_hand({**each.grid, **((each.quick or {}) if quick else {})}, changes)
        lines += lacking
        try:
            if all(grid.values()):
                cells += _spread(changed(Cell, {**base, **each.base}), grid, seeds, changes)[0]
        except ConfigError as error:
            lines.append(f"the grid over {', '.join(grid)} is left out: {error}")
    return cells, lines


def _lack_of(kind: str) -> str | None:
    available = getattr(Pair.kinds[kind], "available", None)
    reason: str | None = available() if available is not None else None
    return reason


def plan_around(file: Path, changes: Changes) -> RunPlan:
    """The cell in a YAML file, alone or with the axes and seeds that the changes add. Raises ConfigError."""
    load_imports(changes.imports)
    cell = read_cell(file, changes.imports, trust=changes.trust)
    grid, changes = _joined(cell.to_fields(), {}, changes)
    cells, notes = _spread(cell.to_fields(), grid, 1, changes)
    check_labels(cells, changes.grid.get("scheme", ()))
    notes += [*_to_be_checked(changes.imports), *assumed_drafter(cells, {*changes.settings, *changes.grid})]
    if changes.quick:
        notes.append("--quick belongs to scenarios; a cell from a file runs as it is")
    _check_precision(changes.precision)
    scenario = replace(_asked(Scenario(file.stem, "", 0, {}), changes.metric, cells), summary="")
    scenario, cells = _reporting(scenario, None, cells)
    warnings = _warnings(cells, changes.imports)
    distinguishing = distinguishing_fields(cells, changes)
    return RunPlan(
        scenario, cells, notes, warnings, distinguishing, precision=changes.precision, limited=True,
        changed=changed_in_words(changes, cells[0]),
    )  # fmt: skip


def _spread(
    base: dict[str, object], grid: Mapping[str, Sequence[object]], seeds: int, changes: Changes
) -> tuple[list[Cell], list[str]]:
    settings = dict(changes.settings)
    twice = [path for path in settings if path in changes.grid]
    if twice:
        raise ConfigError(f"{twice[0]}: both --set and --grid give it; give one")
    if changes.seeds is not None and "seed" in changes.grid:
        raise ConfigError("seed: both --seeds and --grid give it; give one")
    if changes.seeds is not None and changes.seeds < 1:
        raise ConfigError(f"seeds = {changes.seeds}: should be greater than or equal to 1")
    first = settings.pop("seed", base.get("seed", 0))
    if not isinstance(first, int) or isinstance(first, bool):
        raise ConfigError(f"seed = {first!r}: should be a whole number")
    axes, pinned = pin(widen(grid, changes.grid), settings, changes.grid)
    axes.setdefault("seed", [first + i for i in range(changes.seeds or seeds)])
    notes = [f"--set pins the axis {axis} of the grid" for axis in pinned]
    _require_held(base, [axis for axis in axes if axis not in changes.grid], settings)
    for axis, path in replaced(Cell, base, axes, settings).items():
        if axis not in changes.grid and path in {*settings, *changes.grid}:
            del axes[axis]
            notes.append(f"{'--set' if path in settings else '--grid'} {path} replaces the axis {axis} of the grid")
    cells = spread(Cell, base, axes, settings)
    for cell in cells:
        cell.check_served()
    return cells, notes


def _require_held(base: dict[str, object], axes: Iterable[str], settings: Mapping[str, object]) -> None:
    """Raises ConfigError where a part that `settings` give lacks some, and not all, of the fields of an axis."""
    for axis, path in ((axis, path) for axis in axes for path in settings):
        part, fields = path.removesuffix(".kind"), fields_of(axis)
        below = [field for field in fields if field.startswith(f"{part}.")]
        lost = [field for field in below if field not in write(Cell, dict(base), {**settings, field: None})]
        if lost and len(lost) < len(fields):
            name, family = lost[0].removeprefix(f"{part}."), family_at(Cell, part)
            fit = [kind for kind, each in (family.kinds if family else {}).items() if name in each.model_fields]
            other = ",".join(field for field in fields if field not in lost)
            text = f"has no {name}, which the scenario's axis {axis} moves; must be one of {', '.join(sorted(fit))}"
            raise ConfigError(f"{part} = {as_typed(settings[path])}: {text}, or type --grid {other}=... in its place")


def distinguishing_fields(cells: Sequence[Cell], changes: Changes | None = None) -> list[str]:
    """The scheme's fields with one value in each kind, not the same in all, and not always the kind's default; one that
    the user typed in a scheme of a grid also where only one kind has it. Curves' names must show them: `dense` with 4
    drafts beside `k_sqs` with 8 is no comparison of the two."""
    grid = changes.grid.get("scheme", ()) if changes is not None else ()
    typed = {name for each in grid if isinstance(each, Mapping) and "label" not in each for name in each}
    schemes = list({cell.scheme.model_dump_json(): cell.scheme for cell in cells}.values())
    found: dict[str, dict[str, set[object]]] = {}
    chosen: set[str] = set()
    for scheme in schemes:
        given = flatten(scheme)
        mine = {name for name, _ in scheme.__repr_args__()}
        for name, value in given.items():
            found.setdefault(name, {}).setdefault(scheme.kind, set()).add(value)
            if name.split(".")[0] in mine:
                chosen.add(name)
    return [
        f"scheme.{name}"
        for name, kinds in found.items()
        if name != "kind" and name in chosen and all(len(values) == 1 for values in kinds.values())
        if len({*map(frozenset, kinds.values())}) > 1 or (len(kinds) == 1 and name.split(".")[0] in typed)
    ]
