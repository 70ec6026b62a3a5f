"""The command `sqsim list NAME`: of a scenario its base, grid and seeds, then every field: default, unit, bounds and
meaning; and what goes by a name: devices, links, schemes, power and prices, ..., a line each."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from channels.link.presets import PRESETS
from channels.link.radio_power import RADIO_NEEDED, RADIOS, Radio
from channels.link.rates import Rate
from kinds import Choice, ConfigError, meant
from kinds.tunable import worth_trying
from models.latency.cited_passes import PROFILES, CitedProfile
from models.latency.datasheets import DEVICES, SIZES
from models.latency.roofline import DEVICE_NEEDED, SIZE_NEEDED
from models.power import KWH_PRICES, POWER_NEEDED, POWERS, PRICES
from scenarios.command.run.run_plan import Changes, plan_of
from scenarios.command.run.typed_settings import as_typed
from scenarios.command.scenario import Also, Scenario
from scenarios.findings.text_table import screen_width
from simulator.cell.cell import Cell
from simulator.cell.descriptions import FieldLine, describe, shown
from simulator.cell.scheme import Scheme
from simulator.results.display_names import NAMES
from simulator.results.units import quantity
from simulator.schemes.policy import Policy

_FIELD, _DEFAULT = 34, 22
_NARROW = 40
"""Number of columns below which a row's text goes on the line below it."""


def page(scenario: Scenario, field: str | None = None) -> str:
    """The whole page, as wide as the terminal; of `field`, it and those below it alone, or all that it is a pattern of.
    Raises ConfigError where there is no such field."""
    width = screen_width()
    cells = plan_of(scenario, Changes(seeds=1)).cells  # each has as many seeds: the rest need not be made to be counted
    if field is not None:
        return "\n".join(text for line in _below(field, cells) for text in _row(line, width))
    base = "\n".join(_base(scenario, width))
    parts = [
        _wrapped(f"{scenario.name}: {scenario.summary}", width),
        f"About {scenario.minutes:g} minutes on two cores; {scenario.seeds * len(cells)} cells.",
        f"Base, where it differs from the defaults:\n{base}" if base else "Base: the defaults.",
        "\n".join(["Grid:", *_grid(scenario, width)]),
        *("\n".join(["Beside it:", *_base(each, width), *_grid(each, width)]) for each in scenario.also),
        f"  seed = {scenario.seeds} seeds\n",
        *_objective(scenario),
        "Fields (change with --set FIELD=VALUE, sweep with --grid FIELD=V1,V2):\n",
        *_folded(describe(cells[0]), width),
    ]
    return "\n".join(parts)


def _below(field: str, cells: Sequence[Cell]) -> list[FieldLine]:
    known = dict.fromkeys(
        line for cell in {each.scheme.kind: each for each in cells}.values() for line in describe(cell)
    )
    found = [line for line in known if f"{line.field}.".startswith(f"{field}.") or fnmatchcase(line.field, field)]
    if not found:
        names = list(dict.fromkeys(line.field for line in known))
        raise ConfigError(f"field = {field!r}: no cell of the scenario has such a field{meant(field, names)}")
    return found


def _base(given: Scenario | Also, width: int) -> list[str]:
    return [_wrapped(f"  {path} = {as_typed(value)}", width) for path, value in given.base.items()]


def _grid(given: Scenario | Also, width: int) -> Iterator[str]:
    for path, values in given.grid.items():
        typed = [
            as_typed(each) if each is None or isinstance(each, Mapping | list | tuple) else quantity(each, path)
            for each in values
        ]
        yield _wrapped(f"  {path} = {', '.join(typed)}", width)


def _objective(scenario: Scenario) -> list[str]:
    if scenario.objective is None:
        return []
    given = scenario.objective
    limits = "\n".join(f"  objective.{name} = {quantity(limit, name)}" for name, limit in given.limits.items())
    return [f"Search: the largest {given.field}, {given.low} to {given.high:,}, at which no more than\n{limits}\n"]


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width, subsequent_indent="      ", break_long_words=False))


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
    if width - indent < _NARROW:
        words = "; ".join(filter(None, (meaning, line.tuned and f"tuned: {line.tuned}")))
        below = textwrap.wrap(words, width, initial_indent=" " * 6, subsequent_indent=" " * 6)
        return [_wrapped(f"  {line.field} = {default}", width), *below]
    text = textwrap.wrap(meaning, max(20, width - indent)) or [""]
    text += textwrap.wrap(f"tuned: {line.tuned}", max(20, width - indent)) if line.tuned else []
    if len(head) > indent:
        return [_wrapped(head, width), *(" " * indent + row for row in text)]
    return [head + text[0], *(" " * indent + row for row in text[1:])]


def devices() -> str:
    """A line a device with its peak figures, and where they are from."""
    rows = [
        (
            name,
            f"{each.flops_per_s / 1e12:.4g}",
            f"{each.bytes_per_s / 1e9:,.4g}",
            "" if each.memory_bytes is None else f"{each.memory_bytes / 1e9:.4g}",
            each.source,
        )
        for name, each in DEVICES.items()
    ]
    heading = ("device", "TFLOP/s", "GB/s", "GB", "dense 16-bit arithmetic and memory bandwidth, peak; memory")
    return _table(heading, rows) + _how("edge.latency.device", "cloud.latency.device", DEVICE_NEEDED)


def models() -> str:
    """A line a model with its dimensions, and where they are from."""
    rows = [
        (
            name,
            f"{each.parameters / 1e9:.3g}",
            *(f"{n}" for n in (each.layers, each.width, each.kv_width, each.heads)),
            each.source,
        )
        for name, each in SIZES.items()
    ]
    what = "what a clock stands for; tokens come from models.pair"
    heading = ("model", "1e9 parameters", "layers", "d", "KV", "heads", what)
    return _table(heading, rows) + _how("edge.latency.size", "cloud.latency.size", SIZE_NEEDED)


def clocks() -> str:
    """A line a profile with its cited passes, and where they are from."""
    rows = [
        (name, each.place, _passes(each), f"{each.what}. From {each.source}. Licence: {each.licence}.")
        for name, each in PROFILES.items()
    ]
    heading = ("clock", "for", "cited ms", "of one new token, then at so many; what was measured, and by whom")
    return _table(heading, rows) + (
        "\n\nOnly the cited passes were measured (`cited` in a table); the rest are `derived`: the roofline of that "
        "device\nand model, scaled to go through them. A name, or a table that `sqsim calibrate` wrote:\n"
        "--set 'edge.latency={kind: profile, name: NAME}', --set 'cloud.latency={kind: profile, file: FILE.csv}'"
    )


def _passes(profile: CitedProfile) -> str:
    first, *others = profile.cited
    lines = [
        f"{1e3 * first.seconds:.3g}",
        *(f"{1e3 * one.seconds:.3g}@{one.batch * one.new_tokens}" for one in others[:2]),
    ]
    return " ".join([*lines, *(["..."] if len(others) > 2 else [])])


_RADIO_HEADING = "with a packet on the air; until after it; idle; connecting and tail of one alone; share to all of it"


def powers() -> str:
    """A line a processor, a radio and a price with its figures, and where they are from."""
    processors = [
        (name, f"{each.busy_w:g}", f"{each.idle_w:g}", each.standing, each.source) for name, each in POWERS.items()
    ]
    radios = [
        (name, f"{each.transmit_w:.3g}", f"{each.receive_w:.3g}", *_tail(each), each.source)
        for name, each in RADIOS.items()
    ]
    prices, kwh_prices = (
        [(name, f"{each.usd:.2f}", each.source) for name, each in table.items()] for table in (PRICES, KWH_PRICES)
    )
    tables = (
        _table(("processor", "busy W", "idle W", "standing", "of one; idle 0: no figure"), processors)
        + _how("edge.power", "cloud.power", POWER_NEEDED),
        _table(
            ("radio", "sends W", "hears W", "tail W", "tail s", "idle W", "alone J", "band", _RADIO_HEADING),
            radios,
        )
        + f"\n\nA name, or its states, both ways: --set uplink.radio=NAME --set downlink.radio=NAME, '{RADIO_NEEDED}'",
        _table(("price", "USD", "of one GPU for an hour, on demand"), prices)
        + "\n\nA name or dollars: --set cloud.usd_per_gpu_hour=NAME",
        _table(("price", "USD", "of a kWh that a device draws (scenario `pareto`)"), kwh_prices),
    )
    return "\n\n".join(tables)


def _tail(radio: Radio) -> tuple[str, ...]:
    """Mean watts and seconds of the tail, watts when idle, joules of a packet alone that takes no time on the air, and
    the lower end of the band of them all; nothing where there is no figure."""
    tail = (f"{radio.tail_j() / radio.tail_s:.3g}", f"{radio.tail_s:g}") if radio.tail else ("", "")
    idle = f"{radio.idle_w:.2g}" if radio.idle_w else ""
    alone = f"{radio.packet_j(0.0, 0.0):.3g}" if radio.tail else ""
    return (*tail, idle, alone, f"{radio.least_share:g}.." if radio.least_share < 1 else "")


def links() -> str:
    """A line a link with its rates."""
    rows = [(name, _rate(each.uplink.rate), _rate(each.downlink.rate), "") for name, each in PRESETS.items()]
    text = "A name for each way: --set uplink=NAME.uplink --set downlink=NAME.downlink; further fields change it:"
    return (
        f"{_table(('link', 'up', 'down', ''), rows)}\n\nRates at most or on average; `sqsim list links NAME` has the "
        f"source of one.\n{text}\n--set uplink=nb_iot.uplink --set uplink.rate.bps=30k"
    )


def _rate(rate: Rate) -> str:
    bps = rate.mean_bps if rate.fastest_bps is None else rate.fastest_bps
    return rate.kind if bps is None else quantity(bps, "bps")


def schemes() -> str:
    """A line a scheme: what crosses the uplink."""
    return _kinds("scheme", Scheme.kinds) + (
        "\n\n`sqsim list schemes NAME` has the source of one, and the values with which its fields are tuned."
        "\nA kind, or one with its fields: --set scheme=NAME, --grid 'scheme=[cloud_only, {kind: k_sqs, k: 8}]'"
        "\nOne more under a name of yours: --name 'mine={kind: k_sqs, k: 4}', or label: mine in it"
    )


def policies() -> str:
    """A line a policy: when an edge drafts, sends or waits."""
    return _kinds("policy", Policy.kinds) + (
        "\n\n`sqsim list policies NAME` has the source of one, and the values with which its fields are tuned."
        "\nA kind, or one with its fields, of a scheme that leaves it open: --set scheme.policy=NAME"
    )


def _kinds(family: str, kinds: Mapping[str, type[Choice]]) -> str:
    """Returns a line for each kind: its name in figures, and as many clauses of its class's first sentence as fit."""
    room = screen_width() - max(map(len, kinds)) - 2
    rows = []
    for kind, each in sorted(kinds.items()):
        name, doc = NAMES.get(kind, kind), _paragraph(each).partition(". ")[0].rstrip(".")
        text = doc if name.replace(" ", "_") == kind else f"{name}: {doc}"
        ends = [found.start() for found in re.finditer("[,;:] |$", text)]
        rows.append((kind, text[: max([end for end in ends if end <= room] or ends[:1])]))
    return _table((family, "what it is"), rows)


def source(family: str, name: str) -> str:
    """Returns the source of a link, scheme or policy, and the values with which its fields are tuned. Raises
    ConfigError for another list, or a name that is not in it."""
    if family not in _SOURCED:
        raise ConfigError(f"field = {name!r}: {family} has none, only a scenario has fields")
    known = _SOURCED[family]
    if name not in known:
        raise ConfigError(f"name = {name!r}: must be one of {', '.join(known)}{meant(name, known)}")
    if family == "links":
        rates = f"{_rate(PRESETS[name].uplink.rate)} up, {_rate(PRESETS[name].downlink.rate)} down"
        text = f"{rates}. {PRESETS[name].source} (U): not read at its source, (I): assumed."
    else:
        kind = (Scheme if family == "schemes" else Policy).kinds[name]
        values = {field: worth_trying(each) for field, each in kind.model_fields.items()}
        tuned = "; ".join(f"{field} {', '.join(map(shown, each))}" for field, each in values.items() if each)
        text = f"{_paragraph(sys.modules[kind.__module__])} {_paragraph(kind)}{tuned and f' Tuned: {tuned}.'}"
    return _wrapped(f"{name}: {text}", screen_width())


_SOURCED: Mapping[str, Mapping[str, object]] = {"links": PRESETS, "schemes": Scheme.kinds, "policies": Policy.kinds}


def _paragraph(documented: object) -> str:
    """Returns the first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(documented) or "").split("\n\n")[0].split())


LISTS = {
    "devices": devices, "models": models, "clocks": clocks, "powers": powers, "links": links, "schemes": schemes,
    "policies": policies,
}  # fmt: skip
"""Lists by the name that `sqsim list` takes; `registry.LISTS` has those names."""


def _how(edge: str, cloud: str, needed: str) -> str:
    return f"\n\nA name, or figures of your own: --set {edge}=NAME, --set '{cloud}={needed.split('}')[0]}}}'"


def _table(heading: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Names to the left, numbers to the right, sources wrapped beside them, or below where that leaves too little."""
    widths = [max(len(row[place]) for row in (heading, *rows)) for place in range(len(heading) - 1)]
    width, indent = screen_width(), sum(widths) + 2 * len(widths)
    beside = width - indent >= _NARROW
    lines = []
    for row in (heading, *rows):
        numbers = [f"{text:>{wide}}" for text, wide in zip(row[1:-1], widths[1:], strict=True)]
        head = "  ".join([f"{row[0]:<{widths[0]}}", *numbers]).rstrip()
        text = textwrap.wrap(row[-1], width - indent) if beside else []
        lines.append(f"{head:<{indent - 2}}  {text[0]}" if text else head)
        lines += [" " * indent + each for each in text[1:]]
        lines += [] if beside else textwrap.wrap(row[-1], width, initial_indent=" " * 4, subsequent_indent=" " * 4)
    return "\n".join(lines)
