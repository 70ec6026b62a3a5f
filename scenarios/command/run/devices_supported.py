"""Number of devices that a run supports (`sqsim capacity`): the question in words of its own fields, the limits that it
states, and the search, around a user's cell, a measured server, or a 70B on four A100s."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from channels.link.rates import ConstantRate
from kinds import ConfigError, Part
from models.interface import Pair
from models.latency.latency import Latency
from scenarios.command.cell_file import read_cell
from scenarios.command.engine_files.measured_cell import measured_cell
from scenarios.command.run.base_line import DRAFTER, clocks, computes, ends, few, is_typed, pair_in_words
from scenarios.command.scenario import Quick, Scenario, Tune
from scenarios.findings.sentences.limits import LimitMetFirst
from scenarios.findings.sentences.one_breath import SupportsMost
from scenarios.findings.wording import counted, joined, limits_in_words, written_limits
from scenarios.set_ups import BASE_70B, DRAFTING, GREEDY, WAITS_IF_QUICK
from simulator.cell.cell import Cell
from simulator.cell.dotted_names import flatten
from simulator.results.display_names import DisplayNames
from simulator.results.units import quantity, title
from simulator.sweeps.search import Objective

if TYPE_CHECKING:
    from scenarios.command.run.run_plan import Changes

SLOS: Final = ("tpot_s", "ttft_s")
"""The metrics of which a cell may state a limit: workload.slo_tpot_s, slo_ttft_s."""
COLOCATED: Final = "colocated"
LIMITS: Final = {"tpot_s": 0.03, "ttft_s": 2.0}
_MADE_FOR: Final = ("workload.prompt_tokens", "workload.output_tokens", "models.temperature")
"""Fields for which a pair of measured acceptance is made."""


def question(cells: Sequence[Cell], objective: Objective) -> str:
    """Returns the question, `How many devices does 70B on four A100s serve within 30 ms TPOT and 2 s TTFT? Pair ...,
    uplink ..., ...`."""
    classes = [each for cell in cells for each in cell.classes]
    timed = [clock for cell in cells for clock in clocks(cell)]
    server, drafter = (
        few([_timed(latency) for verb, latency, _ in timed if verb == role], "latency models")
        for role in ("verifies", "drafts")
    )
    rates = list(dict.fromkeys(each.uplink.rate for each in classes))
    bps = [rate.bps for rate in rates if isinstance(rate, ConstantRate)]
    uplink = ends(bps, "bps") if len(bps) == len(rates) else few([_in_words(rate) for rate in rates], "rates")
    trip = ends([each.uplink.delay.mean_s + each.downlink.delay.mean_s for each in classes], "delay_s")
    prompts, answers = zip(*(each.workload.longest for each in classes), strict=True)
    set_up = [
        f"Pair {few([_pair(cell.models.pair) for cell in cells], 'pairs')}",
        *([f"{drafter} drafts"] if drafter else []),
        f"uplink {uplink}", f"round trip {trip}",
        f"prompts of {ends(prompts, '')} tokens, answers of {ends(answers, '')}",
    ]  # fmt: skip
    served = f"does {server} serve" if server else "are served"
    limits = limits_in_words(written_limits(objective.limits))
    return f"How many {title(objective.field)} {served} within {limits}? {', '.join(set_up)}."


def own_limits(given: Objective, cells: Sequence[Cell], typed: Collection[str]) -> Objective:
    """Returns the objective with the limits that the cells state in place of its own; those `typed` stay. Raises
    ConfigError if cells state different ones."""
    limits = dict(given.limits)
    for metric in SLOS:
        stated: dict[str, float] = {}
        for each in (each for cell in cells for each in cell.classes):
            limit, name = getattr(each.workload, f"slo_{metric}"), f"{each.called}.{metric}".lstrip(".")
            if limit is not None and stated.setdefault(name, limit) != limit:
                raise ConfigError(f"workload.slo_{metric}: a search has one limit for all cells; give one value")
        if stated and f"objective.{metric}" not in typed:
            limits.pop(metric, None)
        limits |= {name: limit for name, limit in stated.items() if f"objective.{name}" not in typed}
    return replace(given, limits=limits)


def assumed_limits(objective: Objective, cells: Sequence[Cell], typed: Collection[str]) -> list[str]:
    """Says which limits are the scenario's, if neither the cells nor the user state them."""
    left = [
        metric
        for metric in SLOS
        if metric in objective.limits
        and f"objective.{metric}" not in typed
        and all(getattr(each.workload, f"slo_{metric}") is None for cell in cells for each in cell.classes)
    ]
    if not left:
        return []
    limits = limits_in_words(written_limits({name: objective.limits[name] for name in left}))
    return [f"Assumed: {limits} ({joined([f'workload.slo_{each}' for each in left])} not given)"]


def around(
    config: Path | None, measured: tuple[Sequence[Path], Sequence[Path]], changes: Changes
) -> tuple[Scenario, Changes, list[str]]:
    """Returns the search around the cell of a file, its scheme included, or around what a server and an
    edge have `measured`, or both; the changes with what was measured; and what was assumed, a line each. Raises
    ConfigError."""
    asked, notes = SUPPORTED, list[str]()
    if config is not None:
        cell = read_cell(config, changes.imports, trust=changes.trust)
        quick = Quick(seeds=asked.quick.seeds, objective=asked.quick.objective)
        asked = replace(asked, base=cell.to_fields(), grid={}, axis=None, tune=None, quick=quick, left_out={})
        changes = replace(changes, imports=[*map(Path, cell.imports)])
    if not any(measured):
        return asked, changes, notes
    found, typed = measured_cell(*measured), {*changes.settings, *changes.grid}
    base = asked.base if config is None else flatten(cell)
    made_for = {name: base[name] for name in _MADE_FOR if name not in typed | found.fields.keys()}
    settings = found.beside({**made_for, **changes.settings})
    settings = {name: value for name, value in settings.items() if name not in {*made_for, *changes.grid}}
    if config is None and not {"scheme", "scheme.kind"} & typed:
        if found.drafts is not None and "scheme.max_drafts" not in typed:
            settings["scheme.max_drafts"] = found.drafts
            drafts = counted(found.drafts, "draft")
            notes.append(f"Assumed: {drafts} a round by every scheme, as by the server that was measured")
        elif "cloud.latency" in found.fields and not is_typed(DRAFTER, typed):
            schemes = [each for each in asked.grid["scheme"] if each != COLOCATED]
            left_out = {**asked.left_out, COLOCATED: f"the server measured drafts nothing, {DRAFTER} is not given"}
            asked = replace(asked, grid={**asked.grid, "scheme": schemes}, left_out=left_out)
    return asked, replace(changes, settings=settings), notes


SUPPORTED: Final = Scenario(
    name="devices_supported",
    summary="How many devices does a 70B on four A100s support behind one uplink, and which limit is met first?",
    minutes=20,
    base={
        **BASE_70B,
        **GREEDY,
        "workload.requests": 1,
        "workload.distinct": 16,
        "downlink.rate.bps": 100e6,
        "cloud.batching": {"kind": "continuous", "cap": 512},
        "cloud.token_budget": 512,
    },
    grid={
        "scheme": ["cloud_only", COLOCATED, *(each for each in DRAFTING if each["kind"] != "c_sqs")],
        "uplink.rate.bps": [100e3, 1e6, float("inf")],
    },
    axis="uplink.rate.bps",
    seeds=10,
    tune=Tune(settings=4, looks=(1,), further={"cloud.token_budget": [256, 512, 1024]}),
    left_out={"edge_only": "it takes nothing of a cloud"},
    quick=Quick(
        base={"workload.output_tokens": 48, "workload.distinct": 4},
        grid={"uplink.rate.bps": [float("inf")]},
        seeds=1,
        objective=Objective(LIMITS, high=128, within=0.2),
        tune=Tune(WAITS_IF_QUICK, settings=2, looks=(2,)),
    ),
    figures=("capacity", "breakdown"),
    worded=question,
    answer=SupportsMost(),
    findings=(LimitMetFirst(),),
    objective=Objective(LIMITS, high=512, within=0.1),
)
"""The search if no cell is given: devices that ask all at once and never pause, limits on means."""


def _pair(pair: Pair) -> str:
    """A pair's name; of one without a name its kind and what it states."""
    return _in_words(pair) if pair_in_words(pair) == DisplayNames().word(pair.kind) else pair_in_words(pair)


def _timed(latency: Latency) -> str:
    """`70B on four A100s`, or what the latency model takes."""
    return _in_words(latency) if isinstance(getattr(latency, "name", None), str) else computes(latency)


def _in_words(part: Part) -> str:
    """The name of a part; without one its kind and the values that differ from the defaults."""
    if isinstance(name := getattr(part, "name", None), str):
        return DisplayNames().word(name)
    values = [
        f"{title(str(name))} {quantity(value, str(name)).removesuffix(' tokens')}"
        for name, value in part.__repr_args__()
    ]
    kind = DisplayNames().word(getattr(part, "kind", ""))
    return f"{kind} ({', '.join(values)})" if values else kind
