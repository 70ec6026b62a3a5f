"""Schemes that `sqsim recommend` tries: those of SCHEMES, each at its own setting and others of the fields that its
parts declare (`kinds.tunable`). What a user sets or gives an axis of takes their place."""

from __future__ import annotations

import argparse
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from channels.link.presets import PRESETS
from kinds import ConfigError, meant
from scenarios.command.cell_file import read_cell
from scenarios.command.engine_files.measured_cell import measured_cell
from scenarios.command.run.base_line import DRAFTER, assumed_drafter, is_typed
from scenarios.command.run.printed_tables import assumed_features, refused_rivals
from scenarios.command.run.typed_settings import parse_axes, parse_settings
from scenarios.set_ups import WAITS_IF_QUICK
from simulator.cell.cell import Cell
from simulator.cell.dotted_names import Nested, flatten, names
from simulator.cell.imported_files import load_imports
from simulator.cell.settings import changed, expand, fields_of, spread, validated, write
from simulator.results.metrics import ON_REQUEST, fewest
from simulator.tuning.alternatives import SCHEME, Alternatives, open_fields
from simulator.tuning.racing import sampled
from simulator.tuning.trials import Aim, Budget

SETTINGS: Final = 200
QUICK_SETTINGS: Final = 60
"""Sampled of all schemes together, at most; those next to the best come on top."""
LOOKS: Final = (6, 8, 12, 24, 48)
"""Seeds at each look. Fewer at the first would tell next to nothing worse: at 1e-4 of a tail t is 71 with 3 seeds,
10 with 6 and 7 with 8."""
TRIALS: Final = 3000
QUICK_TRIALS: Final = 300
"""The budget of a race: runs of one setting on one seed."""
LIMITS: Final = {"ttft": "workload.slo_ttft_s", "tpot": "workload.slo_tpot_s"}
"""Options that are limits, and their fields."""
MOST_SEEDS: Final = 10_000
COLOCATED: Final = "colocated"
SCHEMES: Final[tuple[Mapping[str, object], ...]] = (
    {"kind": "cloud_only"},
    {"kind": "colocated"},
    {"kind": "coupled"},
    {"kind": "coupled_tree"},
    {"kind": "half_dense"},
    {"kind": "truncated_fp16", "policy": "fixed_length"},
    {"kind": "dense"},
    {"kind": "k_sqs"},
    {"kind": "c_sqs"},
)
LOSSY: Final[tuple[Mapping[str, object], ...]] = ({"kind": "edge_only"}, {"kind": "s_q"})
"""Tried with `--lossy`: their text does not follow the verifier's distribution."""
BASE: Final[Mapping[str, object]] = {"workload.requests": 1, "workload.output_tokens": 32}
"""A seed of one device: one request, so that there are many seeds, which pair better than long ones."""
SHARED_BASE: Final[Mapping[str, object]] = {
    "workload.requests": 4,
    "workload.output_tokens": 32,
    "workload.distinct": 4,
}
"""A seed of several devices, which are to meet: four requests each, of the same four texts."""


@dataclass(frozen=True)
class Wish:
    """Wish of a user, read and checked: the schemes to try, each with the fields that it leaves open; the settings of
    these to begin with; the aim and the budget of the search; the number of seeds on which it is shown."""

    places: tuple[Alternatives, ...]
    settings: tuple[Cell, ...]
    aim: Aim
    budget: Budget
    seeds: int
    without: Mapping[str, str] = field(default_factory=dict)
    """The kinds of schemes that are not tried though they could be, and why."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """The fields of schemes that are not tuned, and why."""
    assumed: Sequence[str] = ()
    """Lines on what the user left open and what decides times."""


def wish(options: argparse.Namespace) -> Wish:
    """Returns what is requested. Raises ConfigError, one line, for what cannot be."""
    seeds = options.seeds if options.seeds is not None else 8 if options.quick else 24
    trials = options.budget if options.budget is not None else QUICK_TRIALS if options.quick else TRIALS
    _check(options, seeds, trials)
    load_imports(options.imports)
    settings, axes = parse_settings(options.set), parse_axes(options.grid)
    for option, path in LIMITS.items():
        if (limit := getattr(options, option)) is not None:
            if path in settings:
                raise ConfigError(f"{path}: both --{option} and --set give it; give one")
            settings[path] = limit
    given = dict(settings)
    drafts, left_out = None, dict.fromkeys(options.without, "--without")
    if options.measured or options.edge_measured:
        measured = measured_cell(options.measured, options.edge_measured)
        settings, drafts = measured.beside(settings), measured.drafts
        chosen = {"scheme", "scheme.kind"} & {*given, *axes} or options.config is not None
        if "cloud.latency" in measured.fields and not is_typed(DRAFTER, {*settings, *axes}) and not chosen:
            left_out.setdefault(COLOCATED, f"the server measured drafts nothing, {DRAFTER} is not given")
    if twice := [path for path in settings if path in axes]:
        raise ConfigError(f"{twice[0]}: both --set and --grid give it; give one")
    if {"seed"} & {*settings, *axes}:
        raise ConfigError("seed: a race has many; give --seeds for those that the answer is shown on")
    base = _base(options, settings)
    plain = options.metric.rpartition(".")[2]
    if plain in ON_REQUEST:
        base["percentiles"] = list(dict.fromkeys([*cast("list[str]", base.get("percentiles") or []), plain]))
    modes = {path: why for path, why in WAITS_IF_QUICK.items() if options.quick and path not in {*settings, *axes}}
    places = candidates(base, settings, axes, lossy=options.lossy, served=drafts, fixed=modes)
    places = without(places, [*left_out])
    for place in places:
        place.cell.check_served()
        _check_requests(place.cell, options.metric)
    most = QUICK_SETTINGS if options.quick else SETTINGS
    tried = sampled(places, most) if places else []
    if len(tried) < 2:
        raise ConfigError(f"scheme: {len(tried)} setting to try is no choice; set fewer fields, or give them a --grid")
    aim = Aim.of(options.metric, tried)
    left_out |= {} if options.lossy else {"edge_only": "lossy; --lossy tries it"}
    fixed = modes | {path: "--set" for path in given if path.startswith("scheme.")}
    if drafts is not None and any(place.cell.scheme.kind == COLOCATED for place in places):
        fixed["scheme.max_drafts"] = "of drafting in the cloud: as that server was measured"
    budget = Budget(most, LOOKS, kept=1, within=options.precision, trials=trials)
    cells = [place.cell for place in places]
    assumed = [*assumed_drafter(cells, {*settings, *axes}), *refused_rivals(cells), *assumed_features(cells)]
    return Wish(tuple(places), tuple(tried), aim, budget, seeds, left_out, fixed, assumed)


def _check_requests(cell: Cell, metric: str) -> None:
    """Raises ConfigError for a metric of a class that the cell has not, and for a percentile of too few requests."""
    name, _, plain = metric.rpartition(".")
    classes = [each for each in cell.classes if name in ("", each.called)]
    if not classes:
        known = ", ".join(each.called for each in cell.classes if each.called) or "none"
        raise ConfigError(f"metric = {metric}: no such class of devices in the fleet: {known}")
    of = sum(each.counted_requests for each in classes)
    if of < fewest(plain):
        field = "conversations" if all(each.workload.talks for each in classes) else "requests"
        where = f"fleet.{name}.workload.{field}" if name else f"workload.{field}"
        text = f"a run has {of} requests, and of fewer than {fewest(plain)} this is about the largest; raise {where}"
        raise ConfigError(f"metric = {metric}: {text}")


def _check(options: argparse.Namespace, seeds: int, trials: int) -> None:
    Aim.of(options.metric, ())
    if not 2 <= seeds <= MOST_SEEDS:
        raise ConfigError(f"seeds = {seeds}: must be in 2..{MOST_SEEDS}; a margin has no interval with one")
    if trials < 1:
        raise ConfigError(f"budget = {trials}: must be at least 1 trial")
    if not 0 <= options.precision < 1:
        raise ConfigError(f"precision = {options.precision:g}: must be at least 0% and below 100%")


def _base(options: argparse.Namespace, settings: dict[str, object]) -> dict[str, object]:
    """The cell around the schemes, as nested mappings; `settings` get what the other options stand for."""
    if options.link is not None:
        for direction in ("uplink", "downlink"):
            if direction in settings:
                raise ConfigError(f"{direction}: both --link and --set give it; give one")
            settings[direction] = {"preset": f"{options.link}.{direction}"}
        if options.link not in PRESETS:
            near = meant(options.link, PRESETS)
            raise ConfigError(f"link = {options.link!r}: must be one of {', '.join(PRESETS)}{near}")
    if options.devices is not None:
        if "workload.devices" in settings:
            raise ConfigError("workload.devices: both --devices and --set give it; give one")
        settings["workload.devices"] = options.devices
    if options.config is not None:
        return read_cell(options.config, options.imports, trust=options.trust).to_fields()
    devices = settings.get("workload.devices", 1)
    base = dict(SHARED_BASE if devices != 1 else BASE)
    if isinstance(devices, int) and devices > 0:  # as many requests as a percentile takes
        needed = math.ceil(fewest(options.metric.rpartition(".")[2]) / devices)
        base["workload.requests"] = max(needed, cast("int", base["workload.requests"]))
    return changed(Cell, {**base, "imports": [str(path) for path in options.imports]})


def candidates(
    base: Nested,
    settings: Mapping[str, object],
    axes: Mapping[str, Sequence[object]],
    *,
    lossy: bool,
    served: int | None = None,
    fixed: Collection[str] = (),
) -> list[Alternatives]:
    """The schemes to try over `base`, in the order of the table, each with the fields that it leaves open. An axis of
    one number or word is such a field; of one of parts, or of several fields, each value is a place of its own.
    `served`: the drafts of a round on a server that was measured, which drafts in the cloud by these and rejection
    alone. `fixed`: fields that are open in no scheme unless an axis has them. Raises ConfigError for a field that no
    cell has, a value that it refuses, a fleet in which each class has a scheme of its own."""
    axes, settings = dict(axes), dict(settings)
    schemes: list[object] = [*SCHEMES, *(LOSSY if lossy else ())]
    if served is not None:
        schemes[SCHEMES.index({"kind": COLOCATED})] = {
            "kind": COLOCATED,
            "max_drafts": served,
            "acceptance": "rejection",
        }
    for name in ("scheme", "scheme.kind"):
        schemes = [settings.pop(name)] if name in settings else [*axes.pop(name, schemes)]
    (plain,) = spread(Cell, base, {}, {path: value for path, value in settings.items() if not _of_scheme(path)})
    if plain.fleet and all(each.scheme is not None for each in plain.fleet):
        raise ConfigError("fleet: each class of devices has a scheme of its own; leave one out, it is looked for")
    whole = spread(Cell, base, {"scheme": schemes, **axes}, settings)  # tells what is wrong with any of them
    leaves = {path for cell in whole for path in flatten(cell) if not path.endswith(".kind")}
    values = {path: axes.pop(path) for path in list(axes) if path in leaves}
    found: dict[str, Alternatives] = {}
    for scheme in schemes:
        tree = dict(base)
        write(Cell, tree, {"scheme": scheme, **settings, **{path: given[0] for path, given in values.items()}})
        start = validated(Cell, tree)
        known = set(names(Cell, start.model_dump()))
        mine = {axis: given for axis, given in axes.items() if not _of_scheme(axis) or known >= {*fields_of(axis)}}
        closed = {
            *fixed,
            *_named("scheme", scheme),
            *(name for path, value in settings.items() for name in _named(path, value)),
        }
        closed |= {field for axis in axes for field in fields_of(axis)}
        for cell in expand(start, mine):
            found.setdefault(cell.id, Alternatives(cell, open_fields(cell, values, closed - values.keys())))
    return list(found.values())


def without(places: Sequence[Alternatives], kinds: Sequence[str]) -> list[Alternatives]:
    """The places without those of some kinds of schemes. Raises ConfigError for a kind that is not among them."""
    there = list(dict.fromkeys(place.cell.scheme.kind for place in places))
    for kind in kinds:
        if kind not in there:
            raise ConfigError(
                f"without = {kind!r}: is not tried, must be one of {', '.join(there)}{meant(kind, there)}"
            )
    return [place for place in places if place.cell.scheme.kind not in kinds]


def at_an_end(places: Sequence[Alternatives], best: Cell) -> list[tuple[str, object]]:
    """(field, value) of those in which the best has the largest or smallest value that it was tried with, and a further
    one could be meant."""
    flat = flatten(best)
    for place in places:
        setting = {path: flat.get(path) for path in place.fields}
        if all(value in place.values[path] for path, value in setting.items()):
            cell = place.at(setting)
            if cell is not None and cell.id == best.id:
                return place.ends(setting)
    return []


def _named(path: str, value: object) -> Iterator[str]:
    """The dotted names of what a value gives at `path`: its own, or those in a mapping."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _named(f"{path}.{name}", each)
    else:
        yield path


def _of_scheme(path: str) -> bool:
    return f"{path}.".startswith(SCHEME)
