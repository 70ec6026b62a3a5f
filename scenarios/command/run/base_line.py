"""The line below a run's table: whose tokens, whose times, which round trip, how long prompts and answers are, how many
seeds, and how settings were chosen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import Final

from channels.link.rates import ConstantRate
from models.interface import Pair
from models.latency.empirical import Empirical
from models.latency.latency import Latency
from models.latency.profile import Profile
from scenarios.findings.wording import counted
from simulator.cell.cell import Cell
from simulator.results.display_names import DisplayNames
from simulator.results.units import quantity, title

MANY: Final = 3
"""More pairs or latency models than these are counted and not named."""
TIMED: Final = ("models.pair", "edge.latency", "cloud.latency")
"""Fields that say whose passes are timed. The drafter in the cloud is timed by DRAFTER."""
DRAFTER: Final = "cloud.drafter_latency"
_NAMES: Final = DisplayNames()


def base_line(cells: Sequence[Cell], settings: str, *, timed: bool) -> str:
    """`Pair sotu. OPT-125M on Jetson Orin Nano drafts, OPT-13B on A100 verifies. Round trip 40 ms. ...`, of cells that
    were timed or only decoded; `settings` says how they were chosen."""
    seeds = counted(len({cell.seed for cell in cells}), "seed")
    return f"{set_up(cells, timed=timed)} {'. '.join(filter(None, [seeds, settings[:1].upper() + settings[1:]]))}."


def set_up(cells: Sequence[Cell], *, timed: bool) -> str:
    """`base_line` without seeds and settings."""
    pairs = few([pair_in_words(cell.models.pair) for cell in cells], "pairs")
    workloads = [each.workload for cell in cells for each in cell.classes]
    prompts, answers = zip(*(work.longest for work in workloads), strict=True)
    prompts += tuple(work.prompt_tokens for work in workloads if work.talks)  # from the first turn's to the last one's
    clocked = timed_as(cells)
    parts = [
        f"Pair {pairs}",
        *([clocked and f"timed as {clocked}", _round_trip(cells), _uplink(cells)] if timed else []),
    ]
    parts += [f"prompts of {ends(prompts, '')} tokens, answers of {ends(answers, '')}"]
    return ". ".join(part[0].upper() + part[1:] for part in parts if part) + "."


def pair_in_words(pair: Pair) -> str:
    """`sotu`, `huggingface (A drafts, B verifies)`: the kind of a pair, its models if it names them, and the task of an
    acceptance that was measured."""
    names = [getattr(pair, role, None) for role in ("drafter", "verifier")]
    named = [
        PurePath(name).name.upper() if len(name) < 5 else PurePath(name).name for name in names if isinstance(name, str)
    ]
    kind, task = _NAMES.word(pair.kind), getattr(pair, "task", "")
    accepts = f"; acceptance of {task}" if task else ""
    return f"{kind} ({named[0]} drafts, {named[1]} verifies{accepts})" if len(named) == 2 else kind


def timed_as(cells: Iterable[Cell]) -> str:
    """`OPT-125M on Jetson Orin Nano drafts; OPT-13B on A100 verifies`; "" of cells without models that are timed."""
    found: dict[str, list[str]] = {"drafts": [], "verifies": [], "drafts in the cloud": []}
    for verb, latency, drafts_per_pass in (clock for cell in cells for clock in clocks(cell)):
        blocks = f", {drafts_per_pass} drafts a pass" if drafts_per_pass > 1 else ""
        found[verb].append(computes(latency) + blocks)
    return "; ".join(f"{few(latencies, 'latency models')} {verb}" for verb, latencies in found.items() if latencies)


def clocks(cell: Cell) -> Iterator[tuple[str, Latency, int]]:
    """Yields the latency models of each class of devices: the verb, the model, and the drafts per pass."""
    for each in cell.classes:
        if each.scheme.protocol != "stream":
            yield "drafts", each.edge.latency, each.drafts_per_pass
        if each.scheme.protocol != "local":
            yield "verifies", cell.cloud.latency, 1
        if each.scheme.drafts_in_cloud:
            yield "drafts in the cloud", cell.cloud.drafter_latency, cell.cloud.drafts_per_pass


def assumed_drafter(cells: Iterable[Cell], typed: Collection[str]) -> list[str]:
    """Says by which latency model co-located speculation drafts, if the user typed the pair or another latency model
    and not that one; [] otherwise. `run` and `recommend` compare it in either case."""
    given = [path for path in TIMED if is_typed(path, typed)]
    inside = [cell for cell in cells if any(each.scheme.drafts_in_cloud for each in cell.classes)]
    if not given or is_typed(DRAFTER, typed) or not inside:
        return []
    drafter = few([computes(cell.cloud.drafter_latency) for cell in inside], "latency models")
    return [f"Assumed: {drafter} drafts in the cloud ({given[0]} is given, {DRAFTER} is not)"]


def is_typed(path: str, typed: Collection[str]) -> bool:
    """True if the part at `path`, or a field of it, is among the dotted names, of which an axis may hold several."""
    return any(f"{name}.".startswith(f"{path}.") for axis in typed for name in axis.split(","))


def computes(latency: Latency) -> str:
    """`OPT-13B on A100`, `43 ms a pass`, or what a profile was measured of."""
    if isinstance(latency, Profile):
        return latency.what if latency.file is None else f"{PurePath(str(latency.file)).stem}{latency.faster}"
    if isinstance(latency, Empirical):
        return PurePath(str(latency.file)).stem
    size, device = getattr(latency, "size", None), getattr(latency, "device", None)
    if size is not None and device is not None:
        gpus = getattr(latency, "gpus", 1)
        return f"{_part(size)} on {'' if gpus == 1 else f'{gpus} '}{_part(device)}"
    fields = [name for name in type(latency).model_fields if name != "kind" and getattr(latency, name)]
    texts = [f"{quantity(getattr(latency, name), name)} {title(name).replace('per ', 'a ')}" for name in fields]
    return " + ".join(texts) or "no time"


def _part(part: object) -> str:
    return _NAMES.word(getattr(part, "name", None) or part)


def _round_trip(cells: Sequence[Cell]) -> str:
    both = [
        each.uplink.delay.mean_s + each.downlink.delay.mean_s
        for cell in cells
        for each in cell.classes
        if each.scheme.protocol != "local"
    ]
    return f"round trip {ends(both, 'delay_s')}" if both else ""


def _uplink(cells: Sequence[Cell]) -> str:
    """`uplink 10 kbit/s`, where all have one constant rate: one that is swept stands in the table."""
    rates = {each.uplink.rate for cell in cells for each in cell.classes if each.scheme.protocol != "local"}
    rate = rates.pop() if len(rates) == 1 else None
    return f"uplink {quantity(rate.bps, 'bps')}" if isinstance(rate, ConstantRate) else ""


def ends(values: Iterable[float], name: str) -> str:
    """`10 kbit/s to 1 Mbit/s`: the least and the most."""
    low, high = min(given := list(values)), max(given)
    return " to ".join(dict.fromkeys((quantity(low, name), quantity(high, name))))


def few(texts: Sequence[str], what: str) -> str:
    """`a or b`; of more than MANY texts their number."""
    found = list(dict.fromkeys(texts))
    return " or ".join(found) if len(found) <= MANY else f"{len(found)} {what}"
