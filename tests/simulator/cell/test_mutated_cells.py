"""A configuration with mistakes in it is refused in one line that names the field, or runs: never anything else."""

import copy
import math
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import yaml
from cells import cell, link

from kinds import Choice
from kinds.mistakes import is_foreign, printable
from simulator import Cell, ConfigError, simulate
from simulator.decoding.memory import Memory

FieldPath = tuple[Any, ...]
"""Keys and places in lists, from the top to a field."""

VALUES: tuple[object, ...] = (
    0, 1, 2, -1, 3.5, -0.5, 1e-9, 1e-300, 5e-324, 1e9, 1e300, -1e300, 99_999, 100_001, 10**30, -(10**30), 2**31, 2**63,
    2**64, 10**400, 1 + 2**-52, math.inf, -math.inf, math.nan, True, False, None, b"bytes", date(2020, 2, 29),
    datetime(2020, 1, 1, 12), "", " ", "none", "null", "inf", "nan", "-inf", "1e400", "10 kbit/s", "-5%", "50 ms",
    "5 parsecs", "k_sqs", "fifo", "½", "٣", "é\u0301", "🚀", "\u202e", "a\nb", "tab\there", "a" * 3_000, "../../etc",
    "{", "%s", "{0}", "'; --", [], [1], [1, 2, 3], [[0, 1, 2]], [[]], [None], ["a", "a"], {1, 2}, {}, {"": 1}, {1: 2},
    {None: None}, {"kind": "none"}, {"kind": []}, {"kind": None}, {"kind": {"kind": "none"}},
)  # fmt: skip
NAMES: tuple[object, ...] = (
    "bsp", "kind", "Rate", "rate.bps", "", " ", ".", "a..b", "k.", 3, None, True, 1.5, "é", "__class__", "model_config",
    "id", "self", "a\nb",
)  # fmt: skip
FACTORS = (-1, 0, 1e-12, 1e-3, 0.3, 0.5, 0.9, 2, 3, 5, 1e3, 1e6, 1e12, 1e200)
SIGNS = ":{}[]&*!|>%@`'\"#,-?\t\\\x07=<~0\u2028"


@dataclass(frozen=True)
class Mutated:
    """The text of a file, and the names that what was changed in it goes by."""

    text: str
    touched: frozenset[str]


def bases() -> list[dict[str, Any]]:
    """Small cells that have, together, a part of nearly every kind that needs no file."""
    short = {"kind": "closed", "requests": 2, "prompt_tokens": 4, "output_tokens": 6}
    bursts = link(2e4, loss={"kind": "gilbert_elliott"}, sharing="processor")
    selective = {"kind": "selective_repeat", "timer": "jacobson", "window": 4}
    composed = {"kind": "composed", "sparsifier": "top_p", "quantizer": "dual", "policy": "entropy_exit"}
    crowd = {**short, "devices": 3}
    trees = {"kind": "coupled_tree", "nodes": (2, 5), "policy": "goodput", "cloud_first": True}
    cut = link(3e4, header_bits=24, mtu_bits=200)
    parts = link(1e4, sharing="own", part_header_bits=8)
    slots = {"rate": "base_station", "sharing": {"kind": "scheduled", "configured_period_s": 0.02}}
    made = (
        cell("k_sqs", workload=short),
        cell("c_sqs", workload={**short, "devices": 2, "deadline_s": 30}, uplink=bursts),
        cell(
            "dense",
            workload={**short, "kind": "poisson"},
            cloud={"batching": "continuous", "servers": 2, "admission": "whole_request"},
        ),
        cell("tree", workload=short, uplink=link(1e5, loss={"kind": "bit_errors"})),
        cell("coupled", workload=short, uplink={"rate": "rayleigh", "delay": "jitter", "arq": selective}),
        cell("cloud_only", workload={**short, "prompt_at_cloud": True}, downlink=link(1e5, sharing="own")),
        cell("edge_only", workload=short, edge={"latency": "affine"}),
        cell(composed, workload=short | {"absences": {"kind": "scheduled", "away": [[0, 1, 2]]}}),
        cell("dense", workload=short, uplink={"rate": "token_bucket"}, cloud={"batching": "window"}),
        cell({"kind": "k_sqs", "partial": True}, workload={**short, "absences": "random"}, uplink=link(1e4)),
        cell("k_sqs", workload=crowd, fleet=[{"count": 1}, {"count": 2, "scheme": "dense", "uplink": link(1e4)}]),
        cell(trees, workload=short, uplink=link(2e4), downlink=cut),
        cell("dssd", workload=short, edge={"drafts_per_pass": 2}, uplink=cut),
        cell({"kind": "half_dense", "partial": True}, workload={**short, "devices": 2}, uplink=parts),
        cell({**composed, "policy": "ucb_specstop"}, workload=short, cloud={"drafts_per_pass": 2}, downlink=link(2e4)),
        cell("k_sqs", workload=crowd, uplink=slots, downlink=slots),
        cell("multi_candidate", workload=short, edge={}, cloud={}, uplink={"rate": "lora"}),
    )
    plain = [yaml.safe_load(each.to_yaml()) for each in made]
    for fields in plain[:-1]:  # a roofline's figures are half of a file
        fields["cloud"]["drafter_latency"] = {"kind": "constant", "per_pass_s": 0.001}
    return plain


def mutated(base: dict[str, Any], rng: np.random.Generator) -> Mutated:
    """A base with one to three mistakes in it; in one of twelve the text is garbled too."""
    fields = copy.deepcopy(base)
    touched: set[str] = set()
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        paths = list(_paths(fields))
        path = paths[rng.integers(len(paths))]
        touched |= {str(step) for step in path} | _make_mistake(fields, path, rng)
    text = yaml.safe_dump(fields, sort_keys=False, allow_unicode=bool(rng.integers(2)))
    if rng.random() < 1 / 12:
        text = _garbled(text, rng)
        touched.add("config")
    return Mutated(text, frozenset(touched))


def _paths(value: object, above: FieldPath = ()) -> Iterator[FieldPath]:
    """The paths of everything below a value."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in steps:
        yield (*above, step)
        yield from _paths(below, (*above, step))


def _make_mistake(fields: dict[str, Any], path: FieldPath, rng: np.random.Generator) -> set[str]:
    """Changes what is at the path; the names that it goes by now, if it has others."""
    place: Any = fields
    for step in path[:-1]:
        place = place[step]
    value = place[path[-1]]
    mistakes: tuple[Callable[[Any, Any, np.random.Generator], set[str]], ...] = (
        _other_value, _left_out, _unknown_name, _in_a_list, _put_elsewhere,
        *([_other_kind] * 5 if isinstance(value, dict) else [_scaled] * 5 if _is_number(value) else []),
    )  # fmt: skip
    return mistakes[rng.integers(len(mistakes))](place, path[-1], rng)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _other_value(place: Any, name: Any, rng: np.random.Generator) -> set[str]:
    place[name] = copy.deepcopy(VALUES[rng.integers(len(VALUES))])
    return set()


def _scaled(place: Any, name: Any, rng: np.random.Generator) -> set[str]:
    value = place[name]
    scaled = value * FACTORS[rng.integers(len(FACTORS))]
    place[name] = int(scaled) if isinstance(value, int) and math.isfinite(scaled) else scaled
    return set()


def _other_kind(place: Any, name: Any, rng: np.random.Generator) -> set[str]:
    """Puts another kind in the place of one, mostly of the same family, with the fields of the one that was there, or
    none; gives its name."""
    part = place[name]
    families = [
        sorted(kind for kind, each in family.kinds.items() if not is_foreign(each.__module__)) for family in _families()
    ]
    own = [kinds for kinds in families if part.get("kind") in kinds and rng.random() < 0.8]
    kinds = (own or families)[rng.integers(len(own or families))]
    kind = kinds[rng.integers(len(kinds))]
    place[name] = kind if rng.integers(2) else {**part, "kind": kind} if rng.integers(2) else {"kind": kind}
    return {kind}


def _families() -> list[type[Choice]]:
    """Ours, in an order that does not depend on what else has been imported."""
    found = (each for each in Choice.__subclasses__() if each.is_family() and not is_foreign(each.__module__))
    return sorted(found, key=lambda family: family.__name__)


def _left_out(place: Any, name: Any, rng: np.random.Generator) -> set[str]:
    del place[name]
    return set()


def _unknown_name(place: Any, name: Any, rng: np.random.Generator) -> set[str]:
    other = NAMES[rng.integers(len(NAMES))]
    if not isinstance(place, dict):
        return _other_value(place, name, rng)
    place[other] = place.pop(name) if rng.integers(2) else copy.deepcopy(place[name])
    return {str(other)}


def _in_a_list(place: Any, name: Any, rng: np.random.Generator) -> set[str]:
    value = place[name]
    place[name] = value[0] if isinstance(value, list) and value else [value] * int(rng.integers(1, 3))
    return set()


def _put_elsewhere(place: Any, name: Any, rng: np.random.Generator) -> set[str]:
    """Into another field beside it."""
    others = [other for other in (place if isinstance(place, dict) else range(len(place))) if other != name]
    if not others:
        return _other_value(place, name, rng)
    other = others[rng.integers(len(others))]
    place[other] = {str(name): copy.deepcopy(place[name])} if rng.integers(2) else copy.deepcopy(place[name])
    return {str(other)}


def _garbled(text: str, rng: np.random.Generator) -> str:
    """With some characters changed, left out or put in."""
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(len(text)))
        text = text[:at] + SIGNS[rng.integers(len(SIGNS))] * int(rng.integers(2)) + text[at + int(rng.integers(2)) :]
    return text


FAST = range(3, 33)
SLOW = range(60, 560)
LONGEST_S = 20.0
"""The longest time that one cell may take, s; it takes some hundredths, and what is not refused must end."""
TOKENS = 500
"""The most that are decoded here: a cell may say how long it is."""
LONGEST_LINE = 600
PLAIN_PAIRS = ("synthetic", "acceptance", "published")
"""Those that load no weights."""


class Endless(BaseException):
    """Not an Exception, so that nothing on the way takes it for a mistake."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises Endless where what is inside takes longer."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise Endless

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def outcome(given: Mutated, path: Path, memory: Memory) -> str:
    """What becomes of a file. Lets everything through but a ConfigError."""
    path.write_text(given.text, encoding="utf-8")
    with within(LONGEST_S):
        try:
            cell = Cell.from_yaml(path)
            long = cell.workload.total * sum(cell.workload.longest) > TOKENS
            if long or cell.models.pair.kind not in PLAIN_PAIRS:
                return "not run"
            simulate(cell, memory=memory)
            return "ran"
        except ConfigError as error:
            message = str(error)
    ours = re.sub(r"\w+_in_tests(, )?", "", message)  # kinds of other tests are open in this process
    assert len(ours) <= LONGEST_LINE and message.isprintable(), message
    named = re.match(r"[\w.-]+", message.removeprefix("import = ")) or re.match(".*", message)
    assert named is not None
    known = named[0].split(".")[0] in {*Cell.model_fields, "config", "cell"}
    known = known or ("config" in given.touched and f"{named[0]}:" in given.text)  # a letter of a name is another
    names = [printable(name) or "''" for name in given.touched]
    assert known or any(name in message for name in names), (message, names)
    return "refused"


def outcomes(seeds: range, path: Path) -> Counter[str]:
    made, memory, found = bases(), Memory(), Counter[str]()
    for seed in seeds:
        given = mutated(made[seed % len(made)], np.random.default_rng(seed))
        try:
            found[outcome(given, path, memory)] += 1
        except (Exception, Endless) as error:
            raise AssertionError(f"seed {seed}, {sorted(given.touched)}") from error
    return found


def test_a_mutated_cell_is_refused_by_name_or_runs(tmp_path: Path) -> None:
    found = outcomes(FAST, tmp_path / "cell.yaml")
    assert found["refused"] > 10 and found["ran"] > 1


@pytest.mark.slow
def test_five_hundred_mutated_cells_are_refused_by_name_or_run(tmp_path: Path) -> None:
    found = outcomes(SLOW, tmp_path / "cell.yaml")
    assert found["refused"] > 250 and found["ran"] > 50 and found["not run"] < 50


def test_each_base_runs_as_it_is() -> None:
    for fields in bases():
        assert simulate(Cell.from_fields(fields), memory=Memory()).summary["answered"] > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 2020-13-45", "line 1: is no timestamp that can be read"),
        ("scheme: k_sqs\nseed: !!int x", "line 2: is no int that can be read"),
        (f"seed: {'9' * 5_000}", "line 1: is no number of at most 1,000 characters"),
        ("seed: !!timestamp x", "line 1: is no timestamp that can be read"),
        (f"seed: {'[' * 1_000}{']' * 1_000}", "is nested too deeply"),
        ("seed: &a [*a]", "line 1: an alias may not stand within what it repeats"),
        ("uplink.rate.bps: 1e999999999", "uplink.rate.bps = '1e999999999': must be a number that a float can hold"),
        (
            "uplink.rate.bps: 1e-99999999 kbit/s",
            "uplink.rate.bps = '1e-99999999 kbit/s': must be a number that a float can hold",
        ),
        ("workload.requests: 1e15", "workload.requests = 1000000000000000: should be less than or equal to 1000000"),
        ("imports: [3]", "imports.0 = 3: should be a valid string"),
        ('imports: ["a\\0b"]', "import = 'a\\x00b': must be a Python file"),
        ('workload: {kind: closed, "a\\nb": 3}', "workload.a\\nb = 3: no such field"),
        ("uplink: {'': 3}", "uplink.'' = 3: no such field"),
    ],
)
def test_what_only_a_parser_or_python_itself_refuses_is_told_in_a_line_too(text, message, tmp_path):
    (tmp_path / "cell.yaml").write_text(text)
    with within(LONGEST_S), pytest.raises(ConfigError) as caught:
        Cell.from_yaml(tmp_path / "cell.yaml")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_long_value_is_shown_by_its_ends() -> None:
    with pytest.raises(ConfigError) as caught:
        Cell.from_fields({"seed": "x" * 5_000})
    assert len(str(caught.value)) < 400 and "xxx...xxx" in str(caught.value)
