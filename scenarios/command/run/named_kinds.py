"""A kind that a user names alone, `--grid scheme=dense,k_sqs`, keeps what the scenario says of its parameters.

A kind that the scenario has stands for its settings of it. Another scheme, and one typed as a mapping, takes those
parameters in which the scenario's schemes agree, as far as it has them. A mapping of another part is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kinds import Choice, Part
from scenarios.command.run.typed_settings import as_typed
from simulator.cell.dotted_names import part_of

SHARING = "scheme"
"""The part whose kinds are alternatives in one experiment: in what all agree is the experiment's, not the kind's."""
Setting = dict[str, object]


@dataclass
class NamedKinds:
    """Parts that a scenario states in its `base` and its `grid`, by dotted names. `notes` tell what was kept."""

    schema: type[Part]
    base: Mapping[str, object]
    grid: Mapping[str, Sequence[object]]
    notes: list[str] = field(default_factory=list)

    def settings(self, typed: Mapping[str, object], axes: Mapping[str, object]) -> dict[str, object]:
        """Returns the settings that `--set` means: of several settings of a kind, the fields in which they agree; none
        that `axes` vary."""
        varied = {field for axis in axes for field in axis.split(",")}
        found: dict[str, object] = {}
        for path, value in typed.items():
            family, part = family_at(self.schema, path), path.removesuffix(".kind")
            if family is not None and isinstance(value, str) and value in family.kinds:
                own = self._one(family, part, value)
                kept = {name: each for name, each in own.items() if f"{part}.{name}" not in varied}
                found[part] = kept if len(kept) > 1 else value
            else:
                found[path] = self._filled(family, part, value)
        return found

    def axes(self, typed: Mapping[str, Sequence[object]]) -> dict[str, Sequence[object]]:
        """Returns the axes that `--grid` means: a kind's name stands for each setting of it."""
        found: dict[str, Sequence[object]] = {}
        for path, values in typed.items():
            family, part = family_at(self.schema, path), path.removesuffix(".kind")
            if family is None or not values or (path != part and not all(value in family.kinds for value in values)):
                found[path] = values
                continue
            each = [
                self._every(family, part, value)
                if isinstance(value, str) and value in family.kinds
                else [self._filled(family, part, value)]
                for value in values
            ]
            found[part] = [_short(setting) for settings in each for setting in settings]
        return found

    def labelled(self, schemes: Sequence[Mapping[str, object]]) -> list[Mapping[str, object]]:
        """Returns the schemes that `--name` means: each with the fields that the scenario's schemes share and it does
        not name."""
        filled = (self._filled(family_at(self.schema, SHARING), SHARING, scheme) for scheme in schemes)
        return [scheme for scheme in filled if isinstance(scheme, Mapping)]

    def _one(self, family: type[Choice], part: str, kind: str) -> Setting:
        own = self._own(part, kind)
        if len(own) < 2:
            return self._every(family, part, kind)[0]
        given = {name for setting in own for name in setting}
        agreed = {name: value for name, value in _agreed(own).items() if all(name in setting for setting in own)}
        self._tell(
            f"{part} = {kind}: the scenario has {len(own)} settings of it, which differ in "
            f"{', '.join(sorted(given - agreed.keys()))}: its default here; --grid {part}={kind} takes them all"
        )
        return agreed

    def _every(self, family: type[Choice], part: str, kind: str) -> Sequence[Setting]:
        own = self._own(part, kind)
        settings = own or [{"kind": kind, **self._common(family.kinds[kind], part)}]
        if len(settings) > 1:
            self._tell(f"{part} = {kind}: the scenario's {len(settings)} settings of it")
        elif len(settings[0]) > 1:
            words = (f"{name} {as_typed(value)}" for name, value in settings[0].items() if name != "kind")
            as_ = "as the scenario has it" if own else "with what the scenario's schemes have in common"
            self._tell(f"{part} = {kind}, {as_}: {', '.join(words)}")
        return settings

    def _filled(self, family: type[Choice] | None, part: str, value: object) -> object:
        """A scheme typed as a mapping, with what the scenario's schemes have in common and it does not name."""
        kind = value.get("kind") if isinstance(value, Mapping) else None
        if part != SHARING or family is None or not isinstance(value, Mapping) or kind not in family.kinds:
            return value
        common = self._common(family.kinds[str(kind)], part)
        taken = {name: each for name, each in common.items() if name not in value}
        if taken:
            words = ", ".join(f"{name} {as_typed(each)}" for name, each in taken.items())
            self._tell(f"{part} = {as_typed(value)}, with what the scenario's schemes have in common: {words}")
        return {**value, **taken}

    def _common(self, alternative: type[Part], part: str) -> Setting:
        """The parameters in which the scenario's kinds agree, as far as `alternative` has them; no label, and none that
        one setting of a kind has and another of that kind leaves out."""
        if part != SHARING:
            return {}
        single = {path.removeprefix(f"{part}."): value for path, value in self.base.items() if path.startswith(part)}
        given = self._given(part)
        apart = {
            name for one in given for other in given if one["kind"] == other["kind"] for name in one.keys() - other
        }
        taken = alternative.model_fields.keys() - {"kind", "label", *apart}
        return {name: value for name, value in _agreed([*given, single]).items() if name in taken}

    def _own(self, part: str, kind: str) -> list[Setting]:
        return [setting for setting in self._given(part) if setting["kind"] == kind]

    def _given(self, part: str) -> list[Setting]:
        given = self.grid[part] if part in self.grid else [self.base[part]] if part in self.base else []
        settings = [{"kind": value} if isinstance(value, str) else value for value in given]
        return [dict(each) for each in settings if isinstance(each, Mapping) and isinstance(each.get("kind"), str)]

    def _tell(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)


def _short(setting: object) -> object:
    """A setting of which nothing but the kind is given, as the kind's name."""
    return setting["kind"] if isinstance(setting, dict) and setting.keys() == {"kind"} else setting


def _agreed(settings: Sequence[Mapping[str, object]]) -> Setting:
    names = dict.fromkeys(name for setting in settings for name in setting)
    values = {name: [setting[name] for setting in settings if name in setting] for name in names}
    return {name: found[0] for name, found in values.items() if all(value == found[0] for value in found)}


def family_at(schema: type[Part], path: str) -> type[Choice] | None:
    """The family of the field at a dotted name, whatever the kinds above it."""
    part: type[Part] | None = schema
    for step in path.removesuffix(".kind").split("."):
        family = part is not None and issubclass(part, Choice) and part.is_family()
        above: list[type[Part]] = [] if part is None else list(part.kinds.values()) if family else [part]  # type: ignore[attr-defined]
        fields = [each.model_fields[step] for each in above if step in each.model_fields]
        part = part_of(fields[0].annotation) if fields else None
    return part if part is not None and issubclass(part, Choice) and part.is_family() else None
