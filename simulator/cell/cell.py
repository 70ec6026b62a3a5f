"""A cell: one whole experiment as a frozen, validated value, hashable to an id.

Alternatives (`kind`) live beside what they configure: rates, losses and delays in channels.link, latencies and model
pairs in models, schemes in simulator.schemes, which a cell knows by their kinds only. Here they are put together,
checked against each other, and named.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

import models.zoo  # noqa: F401  registers the pairs
from channels.link.link_config import LinkConfig
from channels.link.rates import ConstantRate
from kinds import ConfigError, Part, one_line
from kinds.files import by_content, paths_from
from kinds.mistakes import shown
from kinds.yaml_file import read_yaml
from models.interface import Pair
from simulator.cell.as_written import as_written
from simulator.cell.cloud_config import CloudConfig, whole_blocks
from simulator.cell.conversations import Conversations as Conversations
from simulator.cell.device_classes import THE_CELLS, DeviceClass, Edge, Equipped
from simulator.cell.dotted_names import Nested, differences, items_of, over, part_of
from simulator.cell.imported_files import imports_digest, resolved
from simulator.cell.imported_files import load_imports as load_imports
from simulator.cell.scheme import Scheme
from simulator.cell.settings import axes_of, expand
from simulator.cell.workload import Closed, Workload
from simulator.results.column_names import ALL_CLASSES
from simulator.results.metrics import check_percentile

PercentileName = Annotated[str, AfterValidator(check_percentile)]
_DUMPER: Final = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper
"""libyaml's where there is one: the same text in a quarter of the time."""


class Models(Part):
    """Models that decide the tokens."""

    pair: Pair = Field(Pair.of("sotu"), description="drafter and verifier")
    temperature: float = Field(1.0, ge=0, le=100, description="of both distributions; 0 is greedy")

    @model_validator(mode="after")
    def _measured_there(self) -> Self:
        self.pair.check_temperature(self.temperature)
        return self


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _absolute(paths: object) -> object:
    if not isinstance(paths, (list, tuple)):
        return paths
    return tuple(str(resolved(path)) if isinstance(path, str | Path) else path for path in paths)


def _rooted(value: object, plain: object) -> object:
    """`plain`, which is `value` in the words of JSON, with every path in it absolute."""
    if isinstance(value, Path):
        return str(value.resolve())
    if isinstance(value, dict) and isinstance(plain, dict):
        return {name: _rooted(value[name], plain[name]) for name in plain}
    if isinstance(value, list | tuple) and isinstance(plain, list):
        return [_rooted(*each) for each in zip(value, plain, strict=True)]
    return plain


@lru_cache(maxsize=1024)
def _as_yaml(name: str, value: str) -> str:
    """The lines of a field, of its value in JSON: made once for all cells of a grid that have it in common."""
    return str(yaml.dump({name: json.loads(value)}, Dumper=_DUMPER, sort_keys=False))


class Cell(Part):
    """Experiment as a value. Every field has a default that makes sense; `id` names it, files by their content.

    Cell()                                                              the defaults
    Cell().with_({"scheme": "c_sqs", "uplink.rate.bps": "10k"})         other values of some fields
    Cell().grid({"scheme": ["dense", "k_sqs"], "seed": range(3)})       the cells of a grid, a list
    Cell.from_yaml("cell.yaml"), Cell().to_yaml()                       from a file, and as one

    `sqsim list NAME` shows every field with its default, unit, bounds and meaning.
    """

    models: Models = Models()
    workload: Workload = Field(Closed(), description="requests")
    scheme: Scheme = Field(
        default_factory=lambda: Scheme.of("k_sqs"), description="what crosses the uplink, and how it is verified"
    )
    edge: Edge = Edge()
    uplink: LinkConfig = LinkConfig()
    downlink: LinkConfig = LinkConfig(rate=ConstantRate(bps=10e6))
    cloud: CloudConfig = CloudConfig()
    fleet: tuple[DeviceClass, ...] = Field(
        (),
        description="classes of devices, in the order of their numbers: {NAME: {count: N, ...}, ...}, each laid over "
        "the cell with any of count, workload, prompts, scheme, edge, uplink, downlink (fleet.NAME.FIELD); their "
        "counts sum to workload.devices",
    )
    percentiles: Annotated[
        tuple[PercentileName, ...],
        BeforeValidator(_one_or_more, json_schema_input_type=PercentileName | tuple[PercentileName, ...]),
    ] = Field(
        (),
        exclude_if=lambda names: not names,
        description="percentiles to report beside the other metrics, such as [ttft_p95_s]: of ttft, tpot, itl, "
        "latency_per_token or latency the p50, p90, p95 or p99",
    )
    seed: int = Field(0, ge=0, lt=1 << 62, description="of every random number")
    imports: Annotated[tuple[str, ...], BeforeValidator(_absolute)] = Field(
        (), description="Python files that register kinds of the user's own"
    )
    sources: tuple[str, ...] = Field(
        (),
        exclude_if=lambda sources: not sources,
        description="from which files its numbers were read, and what these cannot tell: for the reader alone",
    )

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, fields: object) -> object:
        if not isinstance(fields, dict):
            return fields
        tree = as_written(cls, {name: value for name, value in fields.items() if name != "fleet"})
        return tree | ({"fleet": _laid_over(tree, fields["fleet"])} if "fleet" in fields else {})

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.models.pair.at_hand:
            self.check_pair()
        self._check_prompts(max(each.workload.longest_piece for each in self.classes))
        self._check_fleet()
        for each in self.classes:
            each.check_links(self.workload.devices)
            each.check_concurrency()
            each.check_power()
        for each in self.classes:
            prompt, output = each.workload.longest
            self.cloud.check_holds(each.request_tokens, self.kv_tokens)
            each.check_memory(each.request_tokens, each.sequences)
            each.check_clock(prompt, output)
            self.cloud.check_clocks(each.scheme, self.most_requests, prompt, output, evicts=not memory_holds_all(self))
        self.cloud.check_gpus()
        return self

    def _check_fleet(self) -> None:
        """Raises ValueError where the classes do not fit the cell, or one another."""
        if self.fleet and (total := sum(each.count for each in self.fleet)) != self.workload.devices:
            raise ValueError(f"workload.devices = {self.workload.devices}: must be the fleet's total, {total}")
        names = _fleet_names([each.name for each in self.fleet])
        own = [(name, each) for name, each in zip(names, self.fleet, strict=True) if each.workload is not None]
        for prefix, each in own:
            assert each.workload is not None
            for name in THE_CELLS:
                if (value := getattr(each.workload, name)) != (cells := getattr(self.workload, name)):
                    raise ValueError(f"{prefix}workload.{name} = {value}: must be the cell's, {cells}")
            if [other.name for _, other in own].count(each.name) > 1:
                raise ValueError(
                    f"{prefix}name = {each.name!r}: another class with a workload has it; give each its own"
                )

    def _check_prompts(self, used: int) -> None:
        """Raises ValueError where the pair is asked for longer prompts than any request has: the rest is read by none.
        The pair's default is nobody's wish, and is cut."""
        made = type(self.models.pair).model_fields.get("prompt_tokens")
        given = getattr(self.models.pair, "prompt_tokens", 0)
        if made is not None and given > used and given != made.default:
            raise ValueError(
                f"models.pair.prompt_tokens = {given}: must be at most workload.prompt_tokens = {used}, which decides"
            )

    @property
    def most_requests(self) -> int:
        """The most that are served at one time. In a closed loop a device has one."""
        return sum(each.count * each.places for each in self.classes)

    @property
    def requests(self) -> int:
        """Number of requests, all devices together."""
        return sum(each.requests for each in self.classes)

    def check_pair(self) -> None:
        """Raises ConfigError where pair, workload and schemes do not fit, or the pair must be prepared first."""
        pair = self.models.pair
        for each in self.classes:
            if (tokens := sum(each.workload.longest)) > pair.context_tokens:
                of = f"{each.name if each.own_workload else ''}workload."
                raise ConfigError(
                    f"{of}prompt_tokens + {of}output_tokens = {tokens}: "
                    f"must be at most the pair's context, {pair.context_tokens} tokens"
                )
            each.check_scheme(pair.vocabulary)
            if each.scheme.copies_text and not pair.repeats:
                message = (
                    f"copies drafts from the text, and the texts of pair {pair.kind} do not repeat as real ones do"
                )
                raise ConfigError(f"{each.name}scheme = {each.scheme.kind}: {message}")

    def check_served(self) -> None:
        """Raises ConfigError where a link carries nothing for ever that a scheme needs: nothing would be answered."""
        for each in self.classes:
            for name, link in (("uplink", each.uplink), ("downlink", each.downlink)):
                if each.scheme.protocol != "local" and isinstance(link.rate, ConstantRate) and not link.rate.bps:
                    message = "must be above 0, or nothing is ever answered"
                    raise ConfigError(f"{each.name}{name}.rate.bps = {link.rate.bps:g}: {message}")

    @classmethod
    def _freed(cls, tops: Set[str], fields: Mapping[str, object]) -> dict[str, Any]:
        """The number of devices, which is the fleet's, where that is changed."""
        asked = over(Workload, fields.get("workload"), {}) if "fleet" in tops else None
        return {"workload": {**asked, "devices": 1}} if isinstance(asked, Mapping) and "devices" in asked else {}

    @classmethod
    def _follows(cls, tops: Set[str], fields: Mapping[str, object]) -> Set[str]:
        """The fleet is laid over the parts that its classes have, and the workload has its devices."""
        if "fleet" in tops:
            return frozenset({"fleet", "workload"})
        return frozenset({"fleet"} if fields.get("fleet") and tops & DeviceClass.model_fields.keys() else ())

    @cached_property
    def classes(self) -> tuple[Equipped, ...]:
        """The classes of devices with everything filled in; one class where there is no fleet."""
        fleet = self.fleet or (DeviceClass(count=self.workload.devices),)
        named = any(each.name != DeviceClass().name for each in self.fleet)
        firsts = accumulate((each.count for each in fleet), initial=0)
        names = _fleet_names([each.name for each in self.fleet]) or [""]
        return tuple(
            Equipped(
                name=name,
                called=each.name if named else "",
                first=first,
                count=each.count,
                scheme=each.scheme or self.scheme,
                edge=each.edge or self.edge,
                uplink=each.uplink or self.uplink,
                downlink=each.downlink or self.downlink,
                workload=each.workload or self.workload,
                own_workload=each.workload is not None,
                prompts=each.prompts,
            )
            for name, first, each in zip(names, firsts, fleet, strict=False)
        )

    @property
    def class_names(self) -> list[str]:
        """The name of each device's class; [] where classes have none."""
        return [each.called for each in self.classes for _ in each.devices if each.called]

    @cached_property
    def kv_tokens(self) -> int | None:
        """Tokens that the memory of a server of the cloud holds, None for no limit."""
        return self.cloud.server_tokens(self._drafts_in_cloud)

    @property
    def _drafts_in_cloud(self) -> bool:
        return any(each.scheme.drafts_in_cloud for each in self.classes)

    @cached_property
    def id(self) -> str:
        """Hash of every field; files count by their content, not their place."""
        return self._digest(self.model_dump(exclude={"imports", "sources"}))

    @cached_property
    def decoding_id(self) -> str:
        """Hash of the fields that decide tokens: cells that share it share their forward passes."""
        return self._digest(self.model_dump(include={"models", "workload", "scheme", "fleet", "seed"}))

    def _digest(self, fields: dict[str, Any]) -> str:
        text = json.dumps(fields, default=by_content) + self.imports_digest
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def imports_digest(self) -> str:
        """Hash of the imported files and of the user's own modules that they import, "" of none. Raises ConfigError."""
        return imports_digest(self.imports)

    def to_fields(self, mode: Literal["python", "json"] = "python") -> dict[str, Any]:
        """The cell as `from_fields` reads it, with the labels of its schemes, which the id leaves out."""
        tree = self.model_dump(mode=mode)
        if self.scheme.label:
            tree["scheme"] = self.scheme.to_fields(mode)
        tree["fleet"] = [each.to_fields(mode) for each in self.fleet]
        return tree

    def to_yaml(self) -> str:
        """The whole cell written out, as `sqsim run --config` reads it, from any folder: paths are absolute."""
        fields = _rooted(self.to_fields(), self.to_fields("json"))
        assert isinstance(fields, dict)
        return "".join(_as_yaml(name, json.dumps(value)) for name, value in fields.items())

    def with_(self, values: Mapping[str, object]) -> Self:
        """Returns this cell with other values of some fields, by dotted names, as `--set` does: a `kind`, a kind's name
        or a mapping replaces a whole part, then single fields apply. Raises ConfigError, one line."""
        if not isinstance(values, Mapping):
            raise ConfigError(f"with_ = {values!r}: must be a mapping of fields, such as {{'uplink.rate.bps': '10k'}}")
        (found,) = expand(self, {}, values)
        return found

    def grid(self, axes: Mapping[str, Iterable[object]]) -> list[Self]:
        """The cells of a grid over this one, first axis outermost, as `--grid` does. Raises ConfigError, one line."""
        return expand(self, axes_of(axes))

    def __repr__(self) -> str:
        """Returns the call that makes this cell."""
        changes = differences(self, type(self)())
        return f"Cell().with_({changes})" if changes else "Cell()"

    @classmethod
    def from_fields(cls, fields: object) -> Self:
        """A cell from nested mappings or dotted names; loads its `imports` first. Raises ConfigError, one line."""
        if not isinstance(fields, dict):
            raise ConfigError(f"cell = {shown(fields)}: must be a mapping of fields")
        imports = fields.get("imports", ())
        load_imports(path for path in _listed(imports) if isinstance(path, str | Path))
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise one_line(error, fields) from None
        except RecursionError:
            raise ConfigError("cell: is nested too deeply, or within itself") from None

    @classmethod
    def from_yaml(cls, path: str | Path) -> Self:
        """A cell from a YAML file; relative paths in it begin at its folder. Raises ConfigError, one line."""
        fields = read_yaml(Path(path))
        if not isinstance(fields, dict):
            raise ConfigError(f"config = {path}: must be a mapping of fields")
        with paths_from(Path(path).parent):
            return cls.from_fields(fields)


def _fleet_names(names: Sequence[object]) -> list[str]:
    """The prefix of each class in field names: `fleet.meters.` of one that has a name of its own, else by its place."""
    own = [name not in (None, "", DeviceClass().name) and names.count(name) == 1 for name in names]
    return [f"fleet.{name if mine else place}." for place, (name, mine) in enumerate(zip(names, own, strict=True))]


def _laid_over(tree: Nested, fleet: object) -> object:
    """The classes of a fleet, laid over the parts of a cell, whose devices are theirs where nobody says how many."""
    if not isinstance(fleet, list | tuple | Mapping):
        return fleet
    classes = [each if isinstance(each, Mapping) else None for each in items_of(fleet)]
    counts = [each.get("count", 1) for each in classes if each is not None]
    asked = over(Workload, tree.get("workload", Closed()), {})
    if counts and isinstance(asked, dict) and all(type(each) is int and each > 0 for each in counts):
        tree["workload"] = asked | ({"devices": sum(counts)} if asked.get("devices", 1) == 1 else {})
    given = list(fleet.values()) if isinstance(fleet, Mapping) else fleet
    names = _fleet_names([None if each is None else each.get("name") for each in classes])
    return [
        given[place] if each is None else as_written(DeviceClass, _class_over(tree, each), names[place])
        for place, each in enumerate(classes)
    ]


def _class_over(tree: Nested, given: Mapping[str, object]) -> Nested:
    """Returns one class with each of its parts laid over the cell's; its dotted names are of its parts."""
    found: Nested = {}
    for name, value in given.items():
        top, dot, below = name.partition(".")
        if dot:
            found[top] = {**(found[top] if isinstance(found.get(top), Mapping) else {}), below: value}
        else:
            found[name] = value
    for name, value in list(found.items()):
        known = Cell.model_fields.get(name) if name in DeviceClass.model_fields else None
        part = part_of(known.annotation) if known is not None else None
        if part is None or not isinstance(value, Mapping):
            continue
        assert known is not None
        base = tree[name] if name in tree else known.get_default(call_default_factory=True)
        found[name] = over(part, base, value)
    if found.get("workload") is not None:  # as a mapping, be it written as one or not; its devices are these
        asked = over(Workload, found["workload"], {})
        if isinstance(asked, Mapping):
            base = over(Workload, tree.get("workload", Closed()), {})
            shared = {name: base[name] for name in Workload.model_fields if isinstance(base, Mapping) and name in base}
            found["workload"] = shared | {**asked, "devices": found.get("count", 1)}
    return found


def memory_holds_all(cell: Cell) -> bool:
    """True if a server's memory holds whole all requests that may be there at one time, so that `cloud.admission` makes
    no difference: those that are served, and as many before them of whose end it may not know yet."""
    tokens = (
        2 * each.count * each.places * whole_blocks(each.request_tokens, cell.cloud.kv_block_tokens)
        for each in cell.classes
    )
    return cell.kv_tokens is None or sum(tokens) <= cell.kv_tokens


def claims(cell: Cell) -> dict[str, bool | None]:
    """Returns the claim of each class's scheme about its text (`Scheme.lossless`), by the class's name, and the claim
    that holds for all devices together."""
    found = [(each.called, each.scheme.lossless) for each in cell.classes]
    given = {claim for _, claim in found}
    return dict(found) | {ALL_CLASSES: False if False in given else None if None in given else True}


def prepare_pairs(cells: Iterable[Cell]) -> None:
    """Has each pair that is not at hand prepared, and checks what could not be known of its cells before.

    Raises ConfigError where a pair cannot be had or does not fit.
    """
    for cell in cells:
        if not cell.models.pair.at_hand:
            cell.models.pair.prepare()
        cell.check_pair()
