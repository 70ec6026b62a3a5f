"""`sqsim recommend`: which scheme and parameters, for a link, a pair, hardware and a number of devices?

    sqsim recommend --link nb_iot --devices 20
    sqsim recommend --set uplink.rate.bps=64k --set models.pair=smollm2 --without colocated --minutes 20
    sqsim recommend --config cell.yaml --grid scheme.k=4,8,16 --metric tokens_per_s

Some two hundred settings, and those next to the best of them, race on the same seeds, those clearly worse are stopped
early; the best of each kind are then measured on other seeds. It prints them, the best with its margin, and writes its
cell, its figure and all that was tried. The schemes are in `candidates`; what is tried of each, its parts declare.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kinds import ConfigError, meant
from scenarios.command.cell_file import add_import, read_cell
from scenarios.command.run.run_options import RunOptions, add_shared

if TYPE_CHECKING:
    from simulator.cell.cell import Cell
    from simulator.tuning.alternatives import Alternatives
    from simulator.tuning.trials import Aim, Budget

AIMS: Final = (
    "latency_per_token_s", "latency_per_token_p50_s", "latency_per_token_p90_s", "latency_per_token_p99_s", "latency_s",
    "ttft_s", "tpot_s", "tpot_p95_s", "tokens_per_s", "uplink_bits_per_token", "cloud_s_per_token",
)  # fmt: skip
HIGHER: Final = frozenset({"tokens_per_s"})
"""What can be aimed at; of HIGHER more is better."""
SETTINGS: Final = 200
QUICK_SETTINGS: Final = 60
"""Sampled of all schemes together, at most; those next to the best come on top."""
LOOKS: Final = (6, 12, 24, 48)
"""Seeds at each look. Fewer at the first would tell next to nothing worse: t at 1e-4 of a tail is 37 with 3 seeds less
one, 8 with 6."""
QUICK_MINUTES: Final = 1.0
MOST_SEEDS: Final = 10_000
COLOCATED: Final = "colocated"
CLOCKS: Final = ("models.pair", "edge.latency", "cloud.latency")
"""Fields that say whose passes are timed. The drafter beside the cloud's GPU is timed by one of its own."""


@dataclass(frozen=True)
class Wish:
    """What a user asks for, read and checked: the schemes to try, each with the fields that it leaves open; of these
    the settings to begin with; what is best, and what it may cost to find; on how many seeds it is shown."""

    places: tuple[Alternatives, ...]
    settings: tuple[Cell, ...]
    aim: Aim
    budget: Budget
    seeds: int
    without: Mapping[str, str] = field(default_factory=dict)
    """The kinds of schemes that are not tried though they could be, and why."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """The fields of schemes that are not tuned, and why."""


def add_options(recommend: argparse.ArgumentParser) -> None:
    """Adds the arguments of `sqsim recommend`."""
    add = recommend.add_argument
    add("--link", metavar="PRESET", help="a link with a name, both ways: nb_iot, wifi, satellite_leo, ...")
    add("--devices", type=int, metavar="N", help="how many devices share link and cloud (default: 1)")
    add("--config", type=Path, metavar="FILE.yaml", help="a cell to start from: all of it but its scheme")
    add("--metric", default="latency_per_token_s", metavar="NAME", help="what is to be best (default: %(default)s)")
    add("--without", action="append", default=[], metavar="KIND", help="not this scheme; may be given again")
    add(
        "--lossy",
        action="store_true",
        help="also schemes whose text departs from the verifier's distribution, ranked apart",
    )
    add("--minutes", type=float, metavar="M", help="how long it may take, about (default: 5)")
    add_shared(
        recommend,
        set="a field of every setting: pair, rate, hardware, ..",
        grid="values to try of a field, or of `scheme`",
        precision="how near to the best is enough (default: 2%%)",
        seeds="seeds that the best of each kind are shown on (default: 24)",
        quick="fewer settings and seeds, within a minute",
        workers=None,
        cluster=None,
        out="default: results/recommend",
        overwrite="race again, and replace the results in DIR",
        quiet=None,
    )
    add("-v", "--verbose", action="store_true", help="say where a mistake was found")
    add_import(recommend, cell=True)
    recommend.set_defaults(precision=0.02)


def wish(options: argparse.Namespace) -> Wish:
    """What is asked for. Raises ConfigError, one line, for what cannot be."""
    from scenarios.command.recommend.tried_schemes import candidates, without
    from scenarios.command.run.typed_settings import parse_axes, parse_settings
    from simulator.cell.imported_files import load_imports
    from simulator.tuning.racing import sampled
    from simulator.tuning.trials import Aim, Budget

    seeds = options.seeds if options.seeds is not None else 8 if options.quick else 24
    minutes = options.minutes if options.minutes is not None else QUICK_MINUTES if options.quick else 5.0
    _check(options, seeds, minutes)
    load_imports(options.imports)
    settings, axes = parse_settings(options.set), parse_axes(options.grid)
    if twice := [path for path in settings if path in axes]:
        raise ConfigError(f"{twice[0]}: both --set and --grid give it; give one")
    if {"seed"} & {*settings, *axes}:
        raise ConfigError("seed: a race has many; give --seeds for those that the answer is shown on")
    base = _base(options, settings)
    places = candidates(base, settings, axes, lossy=options.lossy)
    unasked = options.config is None and COLOCATED not in options.without
    untold = untimed([place.cell for place in places], {*settings, *axes}) if unasked else ""
    places = without(places, [*options.without, *([COLOCATED] if untold else [])])
    for place in places:
        place.cell.check_served()
    most = QUICK_SETTINGS if options.quick else SETTINGS
    tried = sampled(places, most) if places else []
    if len(tried) < 2:
        raise ConfigError(f"scheme: {len(tried)} setting to try is no choice; set fewer fields, or give them a --grid")
    left_out = dict.fromkeys(options.without, "--without") | ({COLOCATED: untold} if untold else {})
    left_out |= {} if options.lossy else {"edge_only": "lossy; --lossy tries it"}
    fixed = {path: "--set" for path in settings if path.startswith("scheme.")}
    aim = Aim(options.metric, options.metric in HIGHER)
    budget = Budget(most, LOOKS, within=options.precision, minutes=minutes)
    return Wish(tuple(places), tuple(tried), aim, budget, seeds, left_out, fixed)


def run(options: argparse.Namespace) -> str:
    """Races, measures, writes; returns what there is to say. Raises ConfigError, one line."""
    run_options = RunOptions.typed(options, "recommend")
    requested = wish(options)
    from scenarios.command.recommend.recommending import recommended  # here: the mistakes above are answered at once

    return recommended(requested, run_options)


def untimed(tried: Sequence[Cell], typed: Set[str]) -> str:
    """Why drafting in the cloud is not tried: pair or clocks are the user's, the clock of a drafter there is not."""
    given = [path for path in CLOCKS if any(name == path or name.startswith(f"{path}.") for name in typed)]
    clock = {"scheme", "scheme.kind"} & typed or any(name.startswith("cloud.drafter_latency") for name in typed)
    kinds = {cell.scheme.kind for cell in tried}
    if clock or not given or COLOCATED not in kinds or kinds == {COLOCATED}:
        return ""
    return f"{given[0]} is given, cloud.drafter_latency (its drafter's clock) is not"


def _check(options: argparse.Namespace, seeds: int, minutes: float) -> None:
    if options.metric not in AIMS:
        raise ConfigError(f"metric = {options.metric!r}: must be one of {', '.join(AIMS)}")
    if not 2 <= seeds <= MOST_SEEDS:
        raise ConfigError(f"seeds = {seeds}: must be in 2..{MOST_SEEDS}; a margin has no interval with one")
    if not 0 < minutes < math.inf:
        raise ConfigError(f"minutes = {minutes:g}: must be above 0")
    if not 0 <= options.precision < 1:
        raise ConfigError(f"precision = {options.precision:g}: must be at least 0% and below 100%")
    if options.devices is not None and options.config is not None:
        raise ConfigError("devices: the cell of --config says how many; give --set workload.devices=N")


def _base(options: argparse.Namespace, settings: dict[str, object]) -> dict[str, object]:
    """The cell around the schemes, as nested mappings; `settings` get what the other options stand for."""
    from channels.link.presets import PRESETS
    from scenarios.command.recommend.tried_schemes import BASE, SHARED_BASE
    from simulator.cell.cell import Cell
    from simulator.cell.settings import changed

    if options.link is not None:
        for way in ("uplink", "downlink"):
            if way in settings:
                raise ConfigError(f"{way}: both --link and --set give it; give one")
            settings[way] = {"preset": f"{options.link}.{way}"}
        if options.link not in PRESETS:
            near = meant(options.link, PRESETS)
            raise ConfigError(f"link = {options.link!r}: must be one of {', '.join(PRESETS)}{near}")
    if options.config is not None:
        return read_cell(options.config, options.imports, trust=options.trust).model_dump()
    if options.devices is not None:
        if "workload.devices" in settings:
            raise ConfigError("workload.devices: both --devices and --set give it; give one")
        settings["workload.devices"] = options.devices
    several = settings.get("workload.devices", 1) != 1
    base = dict(SHARED_BASE if several else BASE)
    return changed(Cell, {**base, "imports": [str(path) for path in options.imports]})
