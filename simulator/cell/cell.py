"""A cell: one whole experiment as a frozen, validated value, hashable to an id.

Alternatives (`kind`) live beside what they configure: rates, losses and delays in channels.link, latencies and model
pairs in models, schemes in simulator.schemes, which a cell knows by their kinds only. Here they are put together,
checked against each other, and named.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

import models.zoo  # noqa: F401  registers the pairs
from channels.link.link_config import LinkConfig
from channels.link.rates import ConstantRate
from kinds import ConfigError, Part, one_line
from kinds.files import by_content, paths_from
from kinds.mistakes import shown
from kinds.yaml_file import read_yaml
from models.interface import Pair
from simulator.cell.as_written import as_written
from simulator.cell.cloud_config import CloudConfig, request_tokens
from simulator.cell.device_classes import DeviceClass, Edge, Equipped
from simulator.cell.dotted_names import differences
from simulator.cell.imported_files import imports_digest, resolved
from simulator.cell.imported_files import load_imports as load_imports
from simulator.cell.scheme import Scheme
from simulator.cell.settings import axes_of, expand
from simulator.cell.workload import Closed, Workload

_DUMPER: Final = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper
"""libyaml's where there is one: the same text in a quarter of the time."""


class Models(Part):
    """Which models decide the tokens."""

    pair: Pair = Field(Pair.of("sotu"), description="drafter and verifier")
    temperature: float = Field(1.0, ge=0, le=100, description="of both distributions; 0 is greedy")

    @model_validator(mode="after")
    def _measured_there(self) -> Self:
        self.pair.check_temperature(self.temperature)
        return self


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []


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
    """One experiment. Every field has a default that makes sense; `id` names it, files by their content.

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
        (), description="classes of devices, in the order of their numbers; their counts sum to workload.devices"
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
        return as_written(cls, fields) if isinstance(fields, dict) else fields

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.models.pair.at_hand:
            self.check_pair()
        prompt, output = self.workload.longest
        self._check_prompts(prompt)
        if self.fleet and (total := sum(each.count for each in self.fleet)) != self.workload.devices:
            raise ValueError(f"workload.devices = {self.workload.devices}: must be the fleet's total, {total}")
        for each in self.classes:
            each.check_links(self.workload.devices)
            each.check_concurrency()
        drafts = max(each.scheme.drafts for each in self.classes)
        self.cloud.check_holds(request_tokens(prompt, output, drafts), self.kv_tokens)
        for each in self.classes:
            side_by_side = each.edge.concurrency if self.workload.open else 1
            each.check_memory(request_tokens(prompt, output, each.scheme.drafts), side_by_side)
            each.check_clock(prompt, output)
            self.cloud.check_clocks(each.scheme, self.most_requests, prompt, output)
        self.cloud.check_gpus()
        return self

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
        places = [each.count * (each.edge.concurrency if self.workload.open else 1) for each in self.classes]
        return sum(places)

    def check_pair(self) -> None:
        """Raises ConfigError where pair, workload and schemes do not fit, or the pair must be prepared first."""
        pair, (prompt, output) = self.models.pair, self.workload.longest
        if prompt + output > pair.context_tokens:
            raise ConfigError(
                f"workload.prompt_tokens + workload.output_tokens = {prompt + output}: "
                f"must be at most the pair's context, {pair.context_tokens} tokens"
            )
        for each in self.classes:
            each.check_scheme(pair.vocabulary)
            if each.scheme.sends_distributions and not pair.has_distributions:
                message = (
                    f"must be one that sends none of the drafter's distributions, as coupled: {pair.kind} has none"
                )
                raise ConfigError(f"{each.name}scheme = {each.scheme.kind}: {message}")

    def check_served(self) -> None:
        """Raises ConfigError where a link carries nothing for ever that a scheme needs: nothing would be answered."""
        for each in self.classes:
            for name, link in (("uplink", each.uplink), ("downlink", each.downlink)):
                if each.scheme.protocol != "local" and isinstance(link.rate, ConstantRate) and not link.rate.bps:
                    message = "must be above 0, or nothing is ever answered"
                    raise ConfigError(f"{each.name}{name}.rate.bps = {link.rate.bps:g}: {message}")

    @cached_property
    def classes(self) -> tuple[Equipped, ...]:
        """The classes of devices with everything filled in; one class where there is no fleet."""
        fleet = self.fleet or (DeviceClass(count=self.workload.devices),)
        return tuple(
            Equipped(
                name=f"fleet.{place}." if self.fleet else "",
                count=each.count,
                scheme=each.scheme or self.scheme,
                edge=each.edge or self.edge,
                uplink=each.uplink or self.uplink,
                downlink=each.downlink or self.downlink,
            )
            for place, each in enumerate(fleet)
        )

    @cached_property
    def kv_tokens(self) -> int | None:
        """Tokens that the memory of a server of the cloud holds, None for no limit."""
        return self.cloud.server_tokens(any(each.scheme.drafts_in_cloud for each in self.classes))

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
        """Hash of the imported files and of the user's own modules that they import, "" where there are none.

        Raises ConfigError where one is gone.
        """
        return imports_digest(self.imports)

    def to_fields(self, mode: Literal["python", "json"] = "python") -> dict[str, Any]:
        """The cell as `from_fields` reads it, with the labels of its schemes, which neither id nor tables hold."""
        tree = self.model_dump(mode=mode)
        schemes = (self.scheme, *(each.scheme for each in self.fleet))
        for scheme, here in zip(schemes, (tree, *tree["fleet"]), strict=True):
            if scheme is not None and scheme.label:
                here["scheme"] = scheme.to_fields(mode)
        return tree

    def to_yaml(self) -> str:
        """The whole cell written out, as `sqsim run --config` reads it, from any folder: paths are absolute."""
        fields = _rooted(self.to_fields(), self.to_fields("json"))
        assert isinstance(fields, dict)
        return "".join(_as_yaml(name, json.dumps(value)) for name, value in fields.items())

    def with_(self, values: Mapping[str, object]) -> Self:
        """This cell with other values of some fields, by dotted names, as `--set` does: a `kind`, a kind's name or a
        mapping replaces a whole part, then single fields apply. Raises ConfigError, one line."""
        if not isinstance(values, Mapping):
            raise ConfigError(f"with_ = {values!r}: must be a mapping of fields, such as {{'uplink.rate.bps': '10k'}}")
        (found,) = expand(self, {}, values)
        return found

    def grid(self, axes: Mapping[str, Iterable[object]]) -> list[Self]:
        """The cells of a grid over this one, first axis outermost, as `--grid` does. Raises ConfigError, one line."""
        return expand(self, axes_of(axes))

    def __repr__(self) -> str:
        """As the call that makes it."""
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
            raise one_line(error) from None
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


def prepare_pairs(cells: Iterable[Cell]) -> None:
    """Has each pair that is not at hand prepared, and checks what could not be known of its cells before.

    Raises ConfigError where a pair cannot be had or does not fit.
    """
    for cell in cells:
        if not cell.models.pair.at_hand:
            cell.models.pair.prepare()
        cell.check_pair()
