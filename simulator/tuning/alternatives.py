"""The settings that a scheme can be given, of the fields and values that its parts declare (`kinds.tunable`) and
further ones that a question leaves open: its own, each way to serve a request, a sample of what else can be chosen,
and those a step away from one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from kinds import ConfigError, Part
from kinds.tunable import serving, tunables
from simulator.cell.cell import Cell
from simulator.cell.dotted_names import flatten
from simulator.cell.settings import expand

Values = Mapping[str, object]
SCHEME: Final = "scheme."


def open_fields(
    cell: Cell, further: Mapping[str, Sequence[object]], closed: Collection[str]
) -> dict[str, Sequence[object]]:
    """The fields that a cell leaves open, with the values worth trying of each: what its scheme declares, and those of
    `further` that it has; without the closed ones."""
    declared = {SCHEME + name: values for name, values in tunables(cell.scheme).items()}
    mine = {**declared, **{path: values for path, values in further.items() if _has(cell, path)}}
    return {path: values for path, values in mine.items() if path not in closed}


def _has(cell: Cell, path: str) -> bool:
    here: object = cell
    for step in path.split("."):
        if not isinstance(here, Part) or step not in type(here).model_fields:
            return False
        here = getattr(here, step)
    return True


def _value(cell: Cell, path: str) -> object:
    """A field's value as a flat row shows it, but for a list, which a row shows as text: that as a tuple."""
    here: object = cell
    for step in path.split("."):
        here = getattr(here, step)
    return here if isinstance(here, tuple) else flatten(cell)[path]


@dataclass(frozen=True)
class Alternatives:
    """The settings of a cell over its open fields."""

    cell: Cell
    fields: Mapping[str, Sequence[object]]

    @cached_property
    def own(self) -> Values:
        """Values of the cell itself."""
        return {path: _value(self.cell, path) for path in self.fields}

    @cached_property
    def values(self) -> Mapping[str, Sequence[object]]:
        """The values of each field in order, the cell's own among them; without those that the cell refuses, be it for
        its vocabulary, but those of serving modes, which it may take together. Raises ConfigError where it refuses all
        of a field."""
        found: dict[str, Sequence[object]] = {}
        for path, values in self.fields.items():
            shown = values if path in self._serving else self._accepted(path, values)
            found[path] = shown if self.own[path] in shown else _inserted(shown, self.own[path])
        return found

    def _accepted(self, path: str, values: Sequence[object]) -> list[object]:
        shown: list[object] = []
        for value in values:
            try:
                (cell,) = expand(self.cell, {}, {path: value})
            except ConfigError:
                if value is values[-1] and not shown:
                    raise
            else:
                shown.append(_value(cell, path))
        return shown

    def number(self) -> int:
        """Number of settings within one serving mode."""
        return math.prod(map(len, self._sent.values()))

    @cached_property
    def _sent(self) -> Mapping[str, Sequence[object]]:
        return {path: values for path, values in self.values.items() if path not in self._serving}

    def modes(self) -> list[Values]:
        """The cell's own setting with each way to serve a request that it takes, its own first: in all combinations of
        the fields that say how (`kinds.tunable`)."""
        paths = [path for path in self.fields if path in self._serving]
        modes = [
            {**self.own, **dict(zip(paths, values, strict=True))}
            for values in itertools.product(*(self.values[path] for path in paths))
        ]
        return [self.own, *(mode for mode in modes if mode != self.own and self.at(mode) is not None)]

    @cached_property
    def _serving(self) -> Collection[str]:
        return {SCHEME + name for name in serving(self.cell.scheme)}

    def sample(self, most: int, own: Values | None = None) -> list[Values]:
        """The cell's `own` setting, or one of `modes`, and others that serve a request alike, all of them where they
        are no more than `most`, else spread evenly: a Halton sequence over the places of the values, the same for all
        cells with these fields."""
        own = self.own if own is None else own
        sent = self._sent
        sizes = [len(values) for values in sent.values()]
        if not sizes:
            return [own]
        if self.number() <= most:
            places = list(itertools.product(*map(range, sizes)))
        else:
            points = (halton(index, len(sizes)) for index in range(8 * most))
            places = [tuple(int(x * n) for x, n in zip(point, sizes, strict=True)) for point in points]
        found: dict[tuple[tuple[str, object], ...], Values] = {tuple(own.items()): own}
        for each in places:
            if len(found) >= most:
                break
            setting = {**own, **{path: values[at] for (path, values), at in zip(sent.items(), each, strict=True)}}
            if self.at(setting) is not None:
                found.setdefault(tuple(setting.items()), setting)
        return list(found.values())

    def near(self, setting: Values) -> list[Values]:
        """The settings that differ in one field, by one step."""
        found: list[Values] = []
        for path, values in self.values.items():
            at = values.index(setting[path])
            for place in (at - 1, at + 1):
                if 0 <= place < len(values):
                    other = {**setting, path: values[place]}
                    found += [other] if self.at(other) is not None else []
        return found

    def ends(self, setting: Values) -> list[tuple[str, object]]:
        """(field, value) where a setting has the first or last of several numbers, beyond which others could be."""
        return [
            (path, setting[path])
            for path, values in self._sent.items()
            if len(values) > 1
            and isinstance(setting[path], int | float)
            and setting[path] in (values[0], values[-1])
            and setting[path] != 1
        ]

    def at(self, setting: Values) -> Cell | None:
        """The cell with this setting; None where its parts do not go together, or not with the vocabulary."""
        key = tuple(setting.items())
        if key not in self._made:
            self._made[key] = self._cell(setting)
        return self._made[key]

    @cached_property
    def _made(self) -> dict[tuple[tuple[str, object], ...], Cell | None]:
        return {}

    def _cell(self, setting: Values) -> Cell | None:
        try:
            (cell,) = expand(self.cell, {}, dict(setting)) if setting else [self.cell]
            pair = cell.models.pair
            if pair.at_hand:
                cell.scheme.format(pair.vocabulary)
        except (ConfigError, ValueError):
            return None
        return cell


def _inserted(values: Sequence[object], own: object) -> Sequence[object]:
    numbers = [each for each in (*values, own) if isinstance(each, int | float)]
    if len(numbers) <= len(values):
        return [*values, own]
    falling = numbers[0] > numbers[-2]
    return sorted(numbers, reverse=falling)


def halton(index: int, dimensions: int) -> list[float]:
    """A point of the Halton sequence (1960), whose coordinates are the index's digits in a prime each, mirrored at the
    point. To the bit scipy's, of which all statistics would be loaded for it."""
    primes = (n for n in itertools.count(2) if all(n % divisor for divisor in range(2, n)))
    return [_mirrored(index, prime) for prime in itertools.islice(primes, dimensions)]


def _mirrored(index: int, base: int) -> float:
    found, place = 0.0, 1 / base
    while index:
        index, digit = divmod(index, base)
        found += digit * place
        place /= base
    return found
