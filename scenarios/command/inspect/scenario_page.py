"""A scenario's page in `sqsim list NAME`: base, grid, seeds, then every field: default, unit, bounds and meaning."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from kinds import ConfigError, meant
from scenarios.command.run.run_plan import Changes, plan_of
from scenarios.command.scenario import Also, Scenario
from simulator.cell.cell import Cell
from simulator.cell.descriptions import FieldLine, describe, shown
from simulator.results.units import quantity

_FIELD, _DEFAULT = 34, 22


def page(scenario: Scenario, field: str | None = None) -> str:
    """The whole page, as wide as the terminal, 100 columns at most; of `field`, it and those below it alone.

    Raises ConfigError where there is no such field.
    """
    width = min(100, shutil.get_terminal_size((100, 24)).columns)
    cells = plan_of(scenario, Changes(seeds=1)).cells  # each has as many seeds: the rest need not be made to be counted
    if field is not None:
        return "\n".join(text for line in _below(field, cells) for text in _row(line, width))
    base = "\n".join(_wrapped(f"  {path} = {_typed(value)}", width) for path, value in scenario.base.items())
    parts = [
        f"{scenario.name}: {scenario.summary}",
        f"About {scenario.minutes:g} minutes on two cores; {scenario.seeds * len(cells)} cells.",
        f"Base, where it differs from the defaults:\n{base}" if base else "Base: the defaults.",
        "Grid:\n" + "\n".join(_wrapped(_axis(path, values), width) for path, values in scenario.grid.items()),
        *(_beside(each, width) for each in scenario.also),
        f"  seed = {scenario.seeds} seeds\n",
        *_objective(scenario),
        "Fields (change with --set FIELD=VALUE, sweep with --grid FIELD=V1,V2):\n",
        *_folded(describe(cells[0]), width),
    ]
    return "\n".join(parts)


def _below(field: str, cells: Sequence[Cell]) -> list[FieldLine]:
    """The fields of any of the cells that are `field` or in it."""
    known = dict.fromkeys(
        line for cell in {each.scheme.kind: each for each in cells}.values() for line in describe(cell)
    )
    found = [line for line in known if f"{line.field}.".startswith(f"{field}.")]
    if not found:
        names = list(dict.fromkeys(line.field for line in known))
        raise ConfigError(f"field = {field!r}: no cell of the scenario has such a field{meant(field, names)}")
    return found


def _axis(path: str, values: Sequence[object]) -> str:
    parts = (Mapping, list, tuple)
    typed = [_typed(value) if isinstance(value, parts) else quantity(value, path) for value in values]
    return f"  {path} = {', '.join(typed)}"


def _beside(also: Also, width: int) -> str:
    """A further grid, with what differs from the base."""
    base = [_wrapped(f"  {path} = {_typed(value)}", width) for path, value in also.base.items()]
    grid = [_wrapped(_axis(path, values), width) for path, values in also.grid.items()]
    return "\n".join(["Beside it:", *base, *grid])


def _objective(scenario: Scenario) -> list[str]:
    if scenario.objective is None:
        return []
    given = scenario.objective
    limits = "\n".join(f"  objective.{name} = {quantity(limit, name)}" for name, limit in given.limits.items())
    return [f"Search: the largest {given.field}, {given.low} to {given.high:,}, at which no more than\n{limits}\n"]


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width, subsequent_indent="      ", break_long_words=False))


def _typed(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_typed(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_typed, value)) + "]"
    return shown(value)


def _folded(lines: Iterable[FieldLine], width: int) -> list[str]:
    """The fields; a group that repeats an earlier one (downlink, uplink) shows only what differs."""
    groups: dict[str, list[FieldLine]] = {}
    for line in lines:
        groups.setdefault(line.field.split(".")[0], []).append(line)
    messages: list[str] = []
    seen: dict[frozenset[str], str] = {}
    for name, group in groups.items():
        shape = frozenset(line.field.removeprefix(name) for line in group)
        twin = seen.setdefault(shape, name) if len(group) > 1 else name
        if twin != name:
            known = set(groups[twin])
            group = [line for line in group if replace(line, field=twin + line.field.removeprefix(name)) not in known]
            messages.append(f"  {name}.*: the fields of {twin}" + (", except:" if group else ""))
        messages += [text for line in group for text in _row(line, width)]
    return messages


def _row(line: FieldLine, width: int) -> list[str]:
    default = line.default if line.default in ("null", "(needed)") else f"{line.default} {line.unit}".rstrip()
    kinds = f"of kind {line.when}" if line.when else ""
    meaning = "; ".join(filter(None, (line.meaning.rstrip("."), line.bounds, kinds)))
    indent = 2 + _FIELD + _DEFAULT
    head = f"  {line.field:<{_FIELD - 1}} {default:<{_DEFAULT - 1}} "
    text = textwrap.wrap(meaning, max(20, width - indent)) or [""]
    text += textwrap.wrap(f"tuned: {line.tuned}", max(20, width - indent)) if line.tuned else []
    if len(head) > indent:
        return [_wrapped(head, width), *(" " * indent + row for row in text)]
    return [head + text[0], *(" " * indent + row for row in text[1:])]
